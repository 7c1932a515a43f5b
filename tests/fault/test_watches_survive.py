"""kill -9 while files arrive in a watch folder: none is lost, none becomes two runs."""

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until

pytestmark = pytest.mark.fault

READS = """
from pathlib import Path
from synapse import Pipeline, Run, step

class Reads(Pipeline):
    file: Path

    @step
    def read(self, run: Run):
        print(self.file.read_text())
"""
KILLS = 6
FILES_EACH = 25


def runs_of(program: SynapseUnderTest) -> list[dict[str, Any]]:
    with program.api as api:
        return list(api.get('/runs', params={'limit': 500}).json()['runs'])


@pytest.mark.timeout(240)
def test_each_file_becomes_one_run_over_many_kills(tmp_path: Path) -> None:
    seed = time.time_ns()
    print('seed', seed)
    chance = random.Random(seed)  # noqa: S311 - when to kill is no secret
    folder = tmp_path / 'drop'
    folder.mkdir()
    program = forked(tmp_path / 'data', '--workers', '2')
    program.write_pipeline('reads.py', READS)
    program.start()
    program.wait_for_pipeline('Reads')
    with program.api as api:
        values = {'folder': str(folder), 'pipeline': 'Reads', 'settle_seconds': 0}
        assert api.post('/watches', json=values).status_code == 201
        api.post('/queue/pause')

    names = []
    try:
        for life in range(KILLS):
            for number in range(FILES_EACH):
                names.append(f'{life}-{number}.txt')
                (folder / names[-1]).write_text(names[-1])
            before = len(runs_of(program))
            wait_until(lambda before=before: len(runs_of(program)) > before, timeout=30)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.1))  # into the middle of taking them
            program.kill9()
            program.start()
        wait_until(lambda: len({run['subject'] for run in runs_of(program)}) == len(names), timeout=60)
        (folder / 'last.txt').write_text('last')
        wait_until(lambda: 'last.txt' in {run['subject'] for run in runs_of(program)}, timeout=30)
        found = Counter(run['subject'] for run in runs_of(program))
    finally:
        program.stop()

    assert found == Counter([*names, 'last.txt'])
