"""`python -m benchmarks.many_machines [MINUTES]`: 100 machines and 10,000 runs an hour, beside the same room idle.

The machines are workers of one process with a stand-in for their hosts: real Dask, real messages, no processes. It says
how fast `/status` answers, as a ratio to the idle room, and how much memory the room has gained.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.measuring import tell
from synapse.engine.engine import HostExit, OnLine, OnMessage
from synapse.engine.host_process import pass_on
from synapse.engine.process_tree import Activity, MemoryUse
from synapse.offers import Offer
from synapse.protocol.messages import Do, HostCommand, Job, Kind
from tests.parts.harness import ROOT, SynapseUnderTest, wait_until

MACHINES, RUNS_AN_HOUR, LINES, SECONDS = 100, 10_000, 20, 2.0
NAME = 'Somewhere'
PIPELINE = f"""
from synapse import Pipeline, step

class {NAME}(Pipeline):
    needs = {{'far': 1}}

    @step
    def go(self, run): ...
"""


class StandIn:
    """An engine whose runs print a line now and then and succeed, without a process."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def run(self, job: Job, on_message: OnMessage, on_line: OnLine, *, machine: str = '') -> 'StandInHost':
        return StandInHost(on_message)


class StandInHost:
    host_id, pid, started_at = 'stand-in', 0, 0.0

    def __init__(self, on_message: OnMessage) -> None:
        self._on_message = on_message
        self._life = asyncio.create_task(self._live())

    def send(self, message: HostCommand) -> None:
        if message['do'] == Do.CANCEL:
            self._life.cancel()

    async def stop(self, *, now: bool = False) -> HostExit:
        self._life.cancel()
        return await self.wait()

    async def wait(self) -> HostExit:
        await asyncio.wait({self._life})
        return HostExit(0, None)

    async def tree(self) -> list[dict[str, Any]]:
        return []

    async def memory(self, limit: int) -> MemoryUse:
        return MemoryUse(0)

    async def activity(self) -> Activity:
        return Activity(0.0, 0)

    async def _live(self) -> None:
        await self._say(t=Kind.STEPS, names=['go'])
        await self._step('running')
        for number in range(LINES):
            await asyncio.sleep(SECONDS / LINES)
            await self._say(t=Kind.LOGS, e=[[_now(), 'info', 'go', f'line {number}', 'go', None]])
        await self._step('succeeded')
        await self._say(t=Kind.END, state='succeeded', error=None)

    async def _step(self, state: str) -> None:
        await self._say(t=Kind.STEP, name='go', state=state, attempt=1, error=None, at=_now())

    async def _say(self, **message: Any) -> None:
        await pass_on(self._on_message, message)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec='microseconds')


async def be_machines(address: str, folder: Path) -> None:
    """Join with all machines, until the input ends."""
    from synapse.cluster.dask_set_up import NO_PAGES
    from synapse.cluster.identity import saved_code, security_of
    from synapse.cluster.worker import RunWorker

    security = security_of(saved_code(folder / 'room' / 'cluster'), folder / 'machines')
    offer = Offer(1, {'far': 1.0})
    for number in range(MACHINES):
        place = folder / 'machines' / str(number)
        await RunWorker(
            address, folder=place, offer=offer, name=f'm{number}', engine=StandIn(), security=security, **NO_PAGES
        )
    print('joined', flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


class Answers:
    """How long `/status` takes, asked ten times a second."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def during(self, seconds: float, also: Callable[[float], None]) -> list[float]:
        took, start = [], time.monotonic()
        while (now := time.monotonic() - start) < seconds:
            also(now)
            before = time.perf_counter()
            self._client.get('/status').raise_for_status()
            took.append(time.perf_counter() - before)
            threading.Event().wait(0.1)
        return took


def main(minutes: float) -> None:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        room = SynapseUnderTest(folder / 'room', '--cluster', '--cluster-port', '0')
        (folder / 'room' / 'pipelines').mkdir(parents=True)
        (folder / 'room' / 'pipelines' / 'somewhere.py').write_text(PIPELINE)
        room.start()
        wait_until(lambda: any('worker tls://' in line for line in room.output), timeout=60)
        address = next(line for line in room.output if 'worker tls://' in line).split(' worker ')[1].split()[0]
        command = [sys.executable, '-m', 'benchmarks.many_machines', 'machines', address, text]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as machines:
            try:
                assert machines.stdout is not None
                assert machines.stdout.readline() == 'joined\n'
                _measure(room, minutes)
            finally:
                machines.kill()  # it has nothing to save
                room.stop()


def _measure(room: SynapseUnderTest, minutes: float) -> None:
    assert room.process is not None
    process, sent = psutil.Process(room.process.pid), 0
    with room.api as api:
        answers = Answers(api)

        def send(now: float) -> None:
            nonlocal sent
            while sent < now * RUNS_AN_HOUR / 3600:
                api.post('/runs', json={'pipeline': NAME, 'parameters': {}}).raise_for_status()
                sent += 1

        wait_until(lambda: len(api.get('/status').json()['workers']) > MACHINES, timeout=60)
        idle = answers.during(20, lambda now: None)
        first = minutes * 60 / 3
        busy = answers.during(first, send)
        memory = process.memory_info().rss
        busy += answers.during(2 * first, lambda now: send(first + now))
        grown = process.memory_info().rss - memory
        unfinished = ('queued', 'running')
        wait_until(
            lambda: not any(api.get('/runs', params={'state': one}).json()['runs'] for one in unfinished), timeout=60
        )
        failed = api.get('/runs', params={'state': 'failed'}).json()['runs']
    p95_idle, p95_busy = (statistics.quantiles(took, n=20)[-1] * 1000 for took in (idle, busy))
    tell(f'{sent} runs in {minutes:g} minutes on {MACHINES} machines, {len(failed)} failed')
    tell(f'/status, p95: idle {p95_idle:.1f} ms, busy {p95_busy:.1f} ms, {p95_busy / p95_idle:.2f} times')
    tell(f'memory of the room in the last two thirds: {grown / 1e6:+.1f} MB')


if __name__ == '__main__':
    if sys.argv[1:2] == ['machines']:
        asyncio.run(be_machines(sys.argv[2], Path(sys.argv[3])))
    else:
        main(float(sys.argv[1]) if sys.argv[1:] else 10.0)
