"""A control room without other machines knows nothing of Dask, whether that is installed or not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.harness import ROOT

ROOM = """
import asyncio, json, sys
from pathlib import Path

for name in sys.argv[2:]:
    sys.modules[name] = None  # as if it were not installed
import pages.server
from synapse.control_room import ControlRoom
from synapse.settings import Settings

async def main():
    room = ControlRoom.build(Settings(data=Path(sys.argv[1]), min_free_bytes=0))
    await room.start()
    pages.server._announce_cluster(room)
    run = await room.runs.create('RunCommand', {'command': ['true']})
    while not run.state.is_final:
        run = await room.runs.get(run.id)
        await asyncio.sleep(0.01)
    await room.stop(grace=0)
    found = [name for name, module in sys.modules.items() if name.split('.')[0] in ('dask', 'distributed') and module]
    print(json.dumps({'state': run.state.value, 'imported': found}))

asyncio.run(main())
"""


@pytest.mark.parametrize('missing', [[], ['dask', 'distributed', 'tornado']], ids=['installed', 'not installed'])
def test_nothing_of_dask_is_imported_without_the_flag(tmp_path: Path, missing: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, '-c', ROOM, str(tmp_path), *missing],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.stdout, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {'state': 'succeeded', 'imported': []}
