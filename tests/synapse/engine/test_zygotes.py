"""What runs are forked from: when that is safe, that each run is still one of its own, and that it may die."""

import asyncio
import gc
import os
import py_compile
import re
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from synapse.engine.engine import LocalEngine
from synapse.engine.zygotes import KEPT, Zygotes
from tests.parts.hosts import Bench, Heard, eventually, processes_of

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='run hosts are forked on Linux only')

PIPELINE = """
from synapse import Pipeline, step

class Work(Pipeline):
    {options}

    @step
    def go(self, run):
        {body}
"""
IMPORTED_BY = 'import os\nIMPORTED_BY = os.getpid()\n'
SAY_WHO = 'print(IMPORTED_BY, os.getpid())'


class Forge:
    """Runs pipeline files on an engine that forks."""

    def __init__(self, folder: Path) -> None:
        self.tag = f'zygotes-{secrets.token_hex(6)}'
        self.zygotes = Zygotes(self.tag)
        self.unfit: list[str] = []
        self.zygotes.on_unfit = lambda _, reason: self.unfit.append(reason)
        self.engine = LocalEngine(self.tag, self.zygotes)
        (folder / 'runs').mkdir()
        self._bench = Bench(self.engine, folder / 'runs')
        self.folder = folder / 'pipelines'
        self.folder.mkdir()

    def write(self, head: str, body: str = 'pass', *, options: str = 'fork_safe = True', name: str = 'work') -> Path:
        file = self.folder / f'{name}.py'
        file.write_text(head + PIPELINE.format(options=options, body=body))
        return file

    async def run(self, file: Path) -> list[str]:
        """Return what a run of it printed."""
        heard, outcome = await self._bench.run('', **self._of(file))
        assert heard.end == 'succeeded', (heard.messages, heard.lines, outcome)
        return heard.printed

    async def start(self, file: Path, heard: Heard) -> Any:
        return await self._bench.start('', heard, **self._of(file))

    async def warmed(self, file: Path) -> Path:
        """Have it imported, and return it."""
        await self.run(file)
        path = str(file)
        await eventually(lambda: self.zygotes.is_warm(path, path) or bool(self.unfit), 20, 'it was not imported')
        return file

    def _of(self, file: Path) -> dict[str, Any]:
        return {'file': str(file), 'origin': str(file)}


@pytest.fixture
async def forge(tmp_path: Path) -> AsyncIterator[Forge]:
    forge = Forge(tmp_path)
    await forge.engine.start()
    yield forge
    await forge.engine.close()
    assert processes_of(forge.tag, tmp_path) == []


async def test_a_file_is_imported_once_for_all_its_runs(forge: Forge) -> None:
    constants = 'from datetime import datetime, time\nNINE = time(9, 0)\ndef now():\n    return datetime.now()\n'
    file = await forge.warmed(
        forge.write(f'{constants}import os\ntell = os.getpid\n', 'print(now() and tell())', options='')
    )
    assert forge.unfit == []
    file = await forge.warmed(forge.write(IMPORTED_BY, SAY_WHO, name='second'))

    [first], [second] = await forge.run(file), await forge.run(file)

    assert first.split()[0] == second.split()[0]
    assert len({*first.split(), *second.split()}) == 3
    assert forge.unfit == []


UNFIT = {
    'import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()': 'it starts a thread',
    'from datetime import datetime\nNOW = datetime.now()': 'work.py calls now() while it is imported, line 2',
    'import time\ndef stamp():\n    return time.time()\nNAME = f"{stamp()}"': 'work.py calls time()',
    'import time\ndef f(at=time.time()): pass': 'work.py calls time()',
    'import random\nrandom.seed(7)': 'work.py calls seed()',
    'import _helper': '_helper.py calls uuid4() while it is imported, line 2',
    'try:\n    open("some.txt")\nexcept OSError: pass': "it opens 'some.txt' relative to the folder of the run",
    'open(__file__ + ".log", "a").close()': 'it writes to ',
    'import subprocess\nsubprocess.run(["true"])': 'it starts a program while it is imported',
    'import socket\nKEPT = socket.socketpair()': 'it opens a connection while it is imported',
}


@pytest.mark.parametrize('head', UNFIT)
async def test_a_file_whose_import_each_run_needs_for_itself_is_found_out(forge: Forge, head: str) -> None:
    (forge.folder / '_helper.py').write_text('import uuid\nID = uuid.uuid4()\n')
    file = await forge.warmed(forge.write(f'{head}\nimport os\ntell = os.getpid\n', 'print(tell())', options=''))

    await forge.run(file)

    [reason] = forge.unfit
    assert reason.startswith(UNFIT[head])
    await eventually(lambda: len(forge.zygotes.memory()) == 1, 10, 'what is of no use is kept')


async def test_a_file_may_say_that_it_is_unfit_or_fit(forge: Forge) -> None:
    unfit = await forge.warmed(forge.write(IMPORTED_BY, SAY_WHO, options='fork_safe = False'))

    [line] = await forge.run(unfit)

    assert len(set(line.split())) == 1
    assert forge.unfit == ['it says fork_safe = False']


async def test_a_module_that_python_had_compiled_is_read_again_when_it_has_changed(forge: Forge) -> None:
    module = forge.folder / '_helper.py'
    module.write_text('VALUE = 1')
    py_compile.compile(str(module), doraise=True)  # so an import opens only what is in __pycache__
    file = await forge.warmed(forge.write('import _helper\n', 'print(_helper.VALUE)', options=''))
    assert forge.unfit == []

    module.write_text('VALUE = 22')

    assert await forge.run(file) == ['22']


@pytest.mark.parametrize('change', ['module', 'data', 'new module'])
async def test_what_the_import_has_read_is_read_again_when_it_has_changed(forge: Forge, change: str) -> None:
    module, data = forge.folder / '_helper.py', forge.folder / 'settings.json'
    module.write_text('VALUE = 1')
    data.write_text('1')
    head = f'from pathlib import Path\nimport _helper\nDATA = Path({str(data)!r}).read_text()\n'
    head += 'try:\n    import _later\nexcept ImportError:\n    _later = None\n'
    file = await forge.warmed(forge.write(head, 'print(_helper.VALUE, DATA, _later is not None)', options=''))
    assert await forge.run(file) == ['1 1 False']

    if change == 'module':
        module.write_text('VALUE = 22')
    elif change == 'data':
        data.write_text('22')
    else:
        (forge.folder / '_later.py').write_text('')

    expected = {'module': '22 1 False', 'data': '1 22 False', 'new module': '1 1 True'}[change]
    assert await forge.run(file) == [expected]
    assert await forge.run(await forge.warmed(file)) == [expected]


async def test_what_the_import_prints_and_logs_is_in_each_run(forge: Forge) -> None:
    head = 'import logging\nprint("hello")\nlogging.warning("careful")\n'
    file = await forge.warmed(forge.write(head, 'print("step")', options=''))

    for _ in range(2):
        assert sorted(await forge.run(file)) == ['careful', 'hello', 'step']


async def test_each_run_is_a_process_of_its_own(forge: Forge) -> None:
    head = 'import os, random\n'
    body = """
        with open('/proc/self/environ') as file:
            own = [item for item in file.read().split(chr(0)) if item.startswith('SYNAPSE_HOST=')]
        print(own[0], os.environ['SYNAPSE_RUN_ID'], os.getsid(0) == os.getpid(), random.random(), os.getcwd())
        run.shell(['sh', '-c', 'echo $SYNAPSE_RUN_ID $SYNAPSE_HOST'])
    """
    file = await forge.warmed(forge.write(head, body.strip()))

    first, second = await forge.run(file), await forge.run(file)

    for seen, *_, tag in first, second:
        own, here, leads, *_ = seen.split()
        assert re.fullmatch('SYNAPSE_HOST=[0-9a-f]{16}', own)
        assert tag == here
        assert leads == 'True'
    assert not {*first[0].split()[:2], *first[0].split()[3:]} & {*second[0].split()[:2], *second[0].split()[3:]}


async def test_what_python_does_at_its_end_happens_at_the_end_of_a_run(forge: Forge, tmp_path: Path) -> None:
    head = 'import atexit, zipfile\nfrom pathlib import Path\nKEPT = []\n'
    body = f"""
        KEPT.append(open({str(tmp_path / 'open.txt')!r}, 'w'))
        KEPT[0].write('never closed')
        archive = zipfile.ZipFile({str(tmp_path / 'open.zip')!r}, 'w')
        archive.writestr('a', 'b')
        KEPT.append(archive)
        atexit.register(Path({str(tmp_path / 'exit.txt')!r}).write_text, 'at exit')
    """
    await forge.run(await forge.warmed(forge.write(head, body.strip())))

    import zipfile

    assert (tmp_path / 'open.txt').read_text() == 'never closed'
    assert (tmp_path / 'exit.txt').read_text() == 'at exit'
    with zipfile.ZipFile(tmp_path / 'open.zip') as archive:
        assert archive.namelist() == ['a']


@pytest.mark.parametrize('which', ['its own', 'the first'])
async def test_runs_die_with_what_they_were_forked_from_and_the_next_one_works(
    forge: Forge, tmp_path: Path, which: str
) -> None:
    flag = tmp_path / 'wait'
    body = f"print('up')\n        if os.path.exists({str(flag)!r}):\n            run.shell(['sleep', '65'])"
    file, heard = await forge.warmed(forge.write('import os\n', body)), Heard()
    flag.touch()
    host = await forge.start(file, heard)
    await heard.until(lambda: 'up' in heard.printed)
    parent = psutil.Process(host.pid).parent()
    assert parent is not None
    assert parent.ppid() != os.getpid()
    os.kill(parent.pid if which == 'its own' else parent.ppid(), signal.SIGKILL)

    outcome = await host.wait()
    flag.unlink()

    assert outcome.signal == 'SIGKILL'
    assert outcome.survivors == 0
    assert await forge.run(file) == ['up']


async def test_only_those_used_last_stay(forge: Forge) -> None:
    files = [forge.write('', name=f'work{number}') for number in range(KEPT + 2)]
    for file in files[:KEPT]:
        await forge.warmed(file)
    for file in files[KEPT:]:
        await forge.run(file)

    await eventually(lambda: len(forge.zygotes.memory()) == KEPT + 1, 20, 'more are kept, or fewer')


async def test_what_a_step_starts_stays_below_it_however_it_tries_to_leave(forge: Forge) -> None:
    body = """
        run.shell(['env', '-i', 'setsid', '-f', 'sleep', '66'])
        print('up')
        run.shell(['sleep', '67'])
    """
    file, heard = forge.write('', body.strip()), Heard()
    host = await forge.start(file, heard)
    await heard.until(lambda: 'up' in heard.printed)

    assert any(process['command'] == 'sleep 66' for process in await host.tree())
    outcome = await host.stop()

    assert 'sleep 66' in outcome.ended
    assert outcome.survivors == 0


async def test_their_memory_is_told_when_there_are_more_or_fewer(forge: Forge) -> None:
    told: list[tuple[int, int]] = []
    forge.zygotes.on_change = lambda count, size: told.append((count, size))

    await forge.warmed(forge.write(''))

    await eventually(lambda: bool(told) and told[-1][0] == 2, 10, 'a second process')
    assert told[-1][1] > 10_000_000


async def test_where_nothing_can_be_forked_runs_get_an_interpreter_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / 'python'
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *zygote*) echo not here >&2; exit 3;; esac\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o700)
    monkeypatch.setattr(sys, 'executable', str(python))
    forge = Forge(tmp_path)
    await forge.engine.start()
    try:
        assert await forge.run(forge.write('', "print('all the same')")) == ['all the same']
        assert not forge.zygotes.is_usable
        await eventually(lambda: len(forge.engine.spare_pids) == 1, 20, 'a spare')
    finally:
        await forge.engine.close()


async def test_closing_it_at_any_moment_of_its_start_leaves_nothing_open() -> None:
    def count() -> int:
        return sum(1 for _ in Path('/proc/self/fd').iterdir())

    before = count()
    for turns in range(12):
        zygotes = Zygotes(f'zygotes-{secrets.token_hex(6)}')
        start = asyncio.create_task(zygotes.start())
        for _ in range(turns):
            await asyncio.sleep(0)
        await zygotes.close()
        await asyncio.gather(start, return_exceptions=True)
    gc.collect()  # a socket that nobody closed complains now, which fails the test
    await eventually(lambda: count() <= before, 20, 'something is left open')
