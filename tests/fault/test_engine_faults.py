"""Steps that crash, hog, ignore signals, hide and flood, and a killed control room: nothing is left behind."""

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from synapse.engine.children import REPO
from synapse.engine.engine import LocalEngine
from synapse.engine.process_tree import is_gone
from tests.parts.hosts import WAYS, Bench, Heard, engine_of, eventually, processes_of

pytestmark = pytest.mark.fault

HOG = "import collections, itertools, os\nos.write(2, b'up\\n')\ncollections.deque(itertools.count(), maxlen=0)"
"""An endless call of C code that neither releases the interpreter lock nor handles signals. Printed by hand, since
no thread could."""


@pytest.fixture(params=WAYS)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LocalEngine]:
    engine = engine_of(request.param, f'fault-{secrets.token_hex(6)}')
    await engine.start()
    yield engine
    await engine.close()
    assert processes_of(engine.room_tag, tmp_path) == []


@pytest.fixture
def bench(engine: LocalEngine, tmp_path: Path) -> Bench:
    return Bench(engine, tmp_path)


async def test_a_segfault_ends_only_its_own_run(bench: Bench) -> None:
    other = Heard()
    neighbour = await bench.start("print('up')\nwhile not run.cancelled:\n    run.checkpoint()", other)
    await other.until(lambda: 'up' in other.printed)

    heard, outcome = await bench.run('import ctypes\nctypes.string_at(0)')

    assert outcome.signal == 'SIGSEGV'
    assert outcome.returncode == -signal.SIGSEGV
    assert any('Segmentation fault' in line for line in heard.lines)
    assert psutil.Process(neighbour.pid).is_running()
    assert (await neighbour.stop()).returncode == 0


async def test_an_abort_is_reported_with_its_signal(bench: Bench) -> None:
    _, outcome = await bench.run('import os\nos.abort()')

    assert outcome.signal == 'SIGABRT'


async def test_a_hog_does_not_slow_the_control_room_and_can_be_stopped(bench: Bench) -> None:
    heard = Heard()
    host = await bench.start(HOG, heard)
    await heard.until(lambda: 'up' in heard.lines)

    lags = await _lags(seconds=2)
    begun = time.monotonic()
    outcome = await host.stop()

    assert sorted(lags)[int(len(lags) * 0.95)] < 0.1
    assert outcome.signal == 'SIGKILL'
    assert time.monotonic() - begun < 6
    assert outcome.survivors == 0


async def test_a_hog_ends_at_once_when_it_is_killed(bench: Bench) -> None:
    heard = Heard()
    host = await bench.start(HOG, heard)
    await heard.until(lambda: 'up' in heard.lines)

    async with asyncio.timeout(1.9):  # asked to end, it would have two seconds
        outcome = await host.stop(now=True)

    assert outcome.signal == 'SIGKILL'


async def test_a_program_that_ignores_sigterm_is_killed(bench: Bench) -> None:
    heard = Heard()
    body = """
    import signal, subprocess, time
    subprocess.Popen(['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 71; done'], start_new_session=True)
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
    """
    host = await bench.start(body, heard)
    await heard.until(lambda: 'up' in heard.lines)

    async with asyncio.timeout(20):  # 2 s until it is interrupted, and 10 s to tidy up
        outcome = await host.stop()

    assert outcome.signal == 'SIGKILL'
    assert sum('sleep 71' in command for command in outcome.ended) >= 1
    assert outcome.survivors == 0


ESCAPES = {
    'a new session': ['setsid', 'sleep', '72'],
    'a double fork': ['sh', '-c', '(setsid sleep 72 &) &'],
    'no environment': ['env', '-i', '/bin/sh', '-c', 'sleep 72'],
    'no environment and a new session': ['env', '-i', 'setsid', '/bin/sh', '-c', 'sleep 72 & wait'],
}


@pytest.mark.parametrize('way', ESCAPES)
@pytest.mark.parametrize('now', [True, False], ids=['now', 'gently'])
async def test_no_grandchild_escapes(bench: Bench, way: str, now: bool) -> None:
    heard = Heard()
    body = f"""
    import subprocess, time
    subprocess.Popen({ESCAPES[way]!r})
    while True:
        run.progress(1)
        time.sleep(0.02)
    """
    host = await bench.start(body, heard)
    found: list[psutil.Process] = []
    async with asyncio.timeout(40):
        while not found:
            found = [psutil.Process(item['pid']) for item in await host.tree() if item['command'].endswith('sleep 72')]

    outcome = await host.stop(now=now)

    assert all(is_gone(process) for process in found)
    assert 'sleep 72' in ' '.join(outcome.ended)
    assert outcome.survivors == 0


async def test_a_hundred_thousand_lines_come_whole_and_in_order(bench: Bench) -> None:
    heard, outcome = await bench.run('for number in range(100_000):\n    print(number)')

    assert [int(line) for line in heard.printed] == list(range(100_000))
    assert (heard.end, outcome.returncode) == ('succeeded', 0)


async def test_a_raw_flood_comes_whole_and_in_order(bench: Bench) -> None:
    heard, _ = await bench.run("run.shell(['true'])\nimport os\nos.system('seq 50000 >&2')")

    numbers = [int(line) for line in heard.lines if line.isdigit()]
    assert numbers == list(range(1, 50_001))


async def test_a_host_that_closes_its_pipe_and_keeps_running_is_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('synapse.engine.host_process.LINGER_SECONDS', 0.3)

    _, outcome = await bench.run('import os, time\nos.closerange(3, 100)\ntime.sleep(60)')

    assert outcome.signal == 'SIGKILL'
    assert outcome.fault == 'It closed its output to the control room but kept running.'


async def test_a_thread_left_behind_does_not_keep_the_host(bench: Bench) -> None:
    body = 'import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()'

    async with asyncio.timeout(10):
        heard, _ = await bench.run(body)

    assert heard.end == 'succeeded'


PARENT = """
import asyncio, json, sys
from pathlib import Path
from tests.parts.hosts import engine_of

async def main():
    engine = engine_of(sys.argv[3], sys.argv[1])
    await engine.start()
    up = asyncio.Queue()
    for job in json.loads(sys.argv[2]):
        await engine.run(job, lambda message: None, up.put)
        while await up.get() != 'up':
            pass
    while not (engine.zygotes.memory() if engine.zygotes else engine.spare_pids):
        await asyncio.sleep(0.01)
    print('ready', engine.warden_pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
GRANDCHILD = """
import os, subprocess, time
subprocess.Popen(['setsid', 'sleep', '73'])
subprocess.Popen(['sh', '-c', 'trap "" TERM HUP; (setsid sleep 73 &) & sleep 73'])
os.write(2, b'up\\n')
time.sleep(73)
"""


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('bodies', [[], [GRANDCHILD, HOG]], ids=['idle', 'busy'])
async def test_nothing_outlives_a_killed_control_room(tmp_path: Path, bodies: list[str], way: str) -> None:
    """Within 2 s no run host, spare, zygote or grandchild is left, and the warden exits too."""
    tag = f'killed-{secrets.token_hex(6)}'
    bench = Bench(LocalEngine(tag), tmp_path)
    jobs = json.dumps([bench.job(body) for body in bodies])
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        '-c',
        PARENT,
        tag,
        jobs,
        way,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': str(REPO)},
    )
    assert parent.stdout is not None
    async with asyncio.timeout(30):
        warden = psutil.Process(int((await parent.stdout.readline()).split()[1]))
    await eventually(lambda: len(processes_of(tag, tmp_path)) >= (6 if bodies else 1), 10, 'all are up')

    parent.kill()
    begun = time.monotonic()
    await parent.wait()

    await eventually(lambda: not processes_of(tag, tmp_path), 2 - (time.monotonic() - begun), 'a process is left')
    await eventually(lambda: is_gone(warden), 5, 'the warden stays')


async def _lags(*, seconds: float) -> list[float]:
    """How late the loop runs, every 10 ms."""
    loop = asyncio.get_running_loop()
    lags = []
    end = loop.time() + seconds
    while (now := loop.time()) < end:
        await asyncio.sleep(0.01)
        lags.append(loop.time() - now - 0.01)
    return lags
