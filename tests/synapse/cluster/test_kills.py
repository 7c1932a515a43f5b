"""Kills at any moment of a run elsewhere: it ends as promised, no process is left, no line is lost or doubled.

Where networks can be made each machine is on a cable of its own, which is pulled too, and slow in every second round.

`SYNAPSE_TEST_ROUNDS` and `SYNAPSE_TEST_SEED` make it longer, or repeat what a round has found.
"""

import contextlib
import os
import random
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.harness import SynapseUnderTest, processes_with, wait_until
from tests.parts.machines import MachineUnderTest, join_line
from tests.parts.networks import Network, problem_of_networks
from tests.parts.receivers import free_port

ROUNDS = int(os.environ.get('SYNAPSE_TEST_ROUNDS', '6'))
HAS_NETWORKS = not problem_of_networks()
ENDS = {
    'nothing': 'succeeded',
    'stop': 'cancelled',
    'worker': 'interrupted',
    'scheduler': 'interrupted',
    'room': 'interrupted',
    **({'cable': 'interrupted'} if HAS_NETWORKS else {}),
}
LINES = 400
SLOW, FAST = '2mbit', '1gbit'
TALKS = f"""
import subprocess, time
from synapse import Pipeline, step


class Talks(Pipeline):
    needs = {{'far': 1}}

    @step
    def talk(self, run):
        subprocess.Popen(['setsid', '-f', 'sleep', '613'])
        for number in range({LINES}):
            print('line', number, flush=True)
            time.sleep(0.01)
"""

pytestmark = [
    pytest.mark.timeout(120 + 60 * ROUNDS),
    pytest.mark.skipif(sys.platform == 'win32', reason='signals of POSIX'),
]


class Scene:
    """A control room, and one machine that may carry out the run.

    :param network: of these two; the room and this thread are on it
    """

    def __init__(self, folder: Path, network: Network | None) -> None:
        self.folder, self.network = folder, network
        self.room = SynapseUnderTest(folder / 'room', '--cluster', '--cluster-port', str(free_port()))
        (folder / 'room' / 'pipelines').mkdir(parents=True)
        (folder / 'room' / 'pipelines' / 'talks.py').write_text(TALKS)
        self.room.start()
        self.machine = self.join()

    def join(self) -> MachineUnderTest:
        line = join_line(self.room)
        with self.network.on('far') if self.network else contextlib.nullcontext():
            machine = MachineUnderTest(
                self.folder / 'far', *line, '--name', 'far', '--offer', 'far=9', '--workers', '3'
            )
        machine.wait_for('has joined')
        return machine

    def do(self, what: str, run_id: str) -> None:
        if what == 'stop':
            with self.room.api as api:
                api.post(f'/runs/{run_id}/cancel')
        elif what == 'worker':
            self.machine.stop(signal.SIGKILL)
        elif what == 'scheduler':
            found = processes_with('synapse.cluster.scheduler')
            [scheduler] = [process for process in found if str(self.room.data / 'cluster') in process.cmdline()]
            scheduler.kill()
        elif what == 'room':
            self.room.kill9()
        elif what == 'cable':
            assert self.network is not None
            self.network.pull('far')

    def mend(self, what: str) -> None:
        """Have the room and the machine again, together."""
        joined = sum('has joined' in line for line in self.machine.lines)
        if what == 'room':
            self.room.start(port=int(re.findall(r':(\d+)/', self.room.url)[0]))
        if what == 'worker':
            self.machine = self.join()
        elif what in ('room', 'scheduler'):
            wait_until(lambda: sum('has joined' in line for line in self.machine.lines) > joined, timeout=60)
        elif what == 'cable':
            assert self.network is not None
            self.network.plug_in('far')
            wait_until(self.is_up, timeout=60)

    def is_up(self) -> bool:
        with self.room.api as api:
            return bool(api.get('/machines').json()[-1]['state'] == 'up')

    def numbers(self, run_id: str) -> list[int]:
        """Of the lines that the run has printed, in order."""
        with self.room.api as api:
            entries = api.get('/logs', params={'run': run_id, 'limit': 500}).json()['entries']
        found = [re.fullmatch(r'line (\d+)', entry['message']) for entry in entries[::-1]]
        return [int(one[1]) for one in found if one]

    def wait_for_lines(self, run_id: str, count: int, round: str) -> None:
        def facts() -> str:
            with self.room.api as api:
                workers = api.get('/status').json()['workers']
            return '\n'.join([round, str(self.room.run(run_id)), str(workers), *self.machine.lines, *self.room.output])

        wait_until(lambda: len(self.numbers(run_id)) > count, timeout=40, what=facts)

    def close(self) -> None:
        self.machine.stop(signal.SIGKILL)
        self.machine.wait_until_empty()
        self.room.stop()


@pytest.fixture
def network() -> Iterator[Network | None]:
    if HAS_NETWORKS:
        with Network('room', 'far') as network, network.on('room'):
            yield network
    else:
        yield None


def test_whatever_is_killed_the_run_ends_as_promised(tmp_path: Path, network: Network | None) -> None:
    first = int(os.environ.get('SYNAPSE_TEST_SEED', time.time()))
    print(f'SYNAPSE_TEST_SEED={first}')
    scene = Scene(tmp_path, network)
    try:
        for seed in range(first, first + ROUNDS):
            chance = random.Random(seed)  # noqa: S311 - it is for chance, not for secrets
            # Each once in the first rounds, then any.
            what = [*ENDS][seed - first] if seed - first < len(ENDS) else chance.choice([*ENDS])
            until = chance.randrange(LINES // 2)
            if network is not None:
                network.slow_down('far', SLOW if seed % 2 else FAST)
            run = scene.room.create_run('Talks')
            scene.wait_for_lines(run['id'], until, f'{seed} {what}')

            scene.do(what, run['id'])
            if what == 'room':
                scene.machine.wait_until_empty()
                scene.mend(what)
            ended = scene.room.wait_for_run(run['id'], timeout=15)

            assert ended['state'] == ENDS[what], (seed, what, ended['error'])
            numbers = scene.numbers(run['id'])
            assert numbers == list(range(len(numbers))), (seed, what)
            assert len(numbers) > until, (seed, what)
            assert len(numbers) == LINES or what != 'nothing', (seed, what)
            scene.machine.wait_until_empty()
            if what != 'room':
                scene.mend(what)
    finally:
        scene.close()
