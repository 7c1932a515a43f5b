"""A control room and workers in processes of their own, as on several machines: nothing is left of what is lost."""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.parts.harness import SynapseUnderTest, processes_with, wait_until
from tests.parts.machines import MachineUnderTest, join_line

pytestmark = [pytest.mark.timeout(240), pytest.mark.skipif(sys.platform == 'win32', reason='signals of POSIX')]

GRANDCHILD = "setsid -f sh -c 'sleep 611' & echo up; sleep 612"
PIPELINES = """
import os
from pathlib import Path
from helper import double
from synapse import Pipeline, step


class Travels(Pipeline):
    file: Path
    fails: bool = False

    @step
    def read(self, run):
        (run.workdir / 'made.txt').write_text(str(double(self.file.stat().st_size)))
        run.artifact('made.txt')

    @step
    def again(self, run):
        print('made', (run.workdir / 'made.txt').read_text(), 'at', os.environ['SYNAPSE_DATA'])
        if self.fails and not Path(self.file).parent.joinpath('mended').exists():
            raise ValueError('not yet')
"""


Join = Callable[..., MachineUnderTest]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    program = SynapseUnderTest(tmp_path / 'room', '--cluster', '--cluster-port', '0', '--workers', '1')
    (tmp_path / 'room' / 'pipelines').mkdir(parents=True)
    (tmp_path / 'room' / 'pipelines' / 'travels.py').write_text(PIPELINES)
    (tmp_path / 'room' / 'pipelines' / 'helper.py').write_text('def double(number):\n    return 2 * number\n')
    program.start()
    yield program
    program.stop()


@pytest.fixture
def join(room: SynapseUnderTest, tmp_path: Path) -> Iterator[Join]:
    """Let a machine of this name join."""
    machines = []

    def joined(name: str) -> MachineUnderTest:
        machine = MachineUnderTest(tmp_path / name, *join_line(room), '--name', name, '--workers', '2')
        machines.append(machine)
        machine.wait_for('has joined')
        return machine

    yield joined
    for machine in machines:
        machine.stop(signal.SIGKILL)
        machine.wait_until_empty()


def elsewhere(room: SynapseUnderTest, shell: str) -> dict:
    """Start a run while the only worker here is taken, and return it once its program is up."""
    room.create_run('RunCommand', command=['sleep', '600'])
    run = room.create_run('RunCommand', command=['sh', '-c', shell])
    wait_until(lambda: any(entry['message'] == 'up' for entry in lines(room, run)), timeout=40)
    return run


def lines(room: SynapseUnderTest, run: dict) -> list[dict]:
    with room.api as api:
        return api.get('/logs', params={'run': run['id'], 'limit': 500}).json()['entries']


def test_files_code_and_results_travel_and_a_retry_goes_on(room: SynapseUnderTest, join: Join, tmp_path: Path) -> None:
    film = tmp_path / 'film.bin'
    film.write_bytes(os.urandom(3_000_000))
    machine = join('annex')
    room.create_run('RunCommand', command=['sleep', '600'])

    run = room.create_run('Travels', file=str(film), fails=True)
    ended = room.wait_for_run(run['id'], 'failed')

    assert ended['error']['message'] == 'ValueError: not yet'
    assert str(tmp_path / 'room' / 'pipelines' / 'travels.py') in str(ended['error'])
    with room.api as api:
        assert api.get(f'/runs/{run["id"]}/artifacts/made.txt').text == '6000000'
        again = api.post(f'/runs/{run["id"]}/retry', json={}).json()
    room.wait_for_run(again['id'], 'failed')
    printed = [entry['message'] for entry in lines(room, again) if entry['message'].startswith('made')]
    assert printed == [f'made 6000000 at {machine.folder / "machine"}']


def test_stop_leaves_no_process_there(room: SynapseUnderTest, join: Join) -> None:
    machine = join('annex')
    run = elsewhere(room, GRANDCHILD)
    assert len(machine.programs()) >= 2

    with room.api as api:
        api.post(f'/runs/{run["id"]}/cancel')
    room.wait_for_run(run['id'], 'cancelled')

    assert machine.programs() == []


def test_a_killed_machine_interrupts_its_runs_and_another_takes_the_next(room: SynapseUnderTest, join: Join) -> None:
    machine = join('annex')
    run = elsewhere(room, GRANDCHILD)

    machine.process.kill()
    ended = room.wait_for_run(run['id'], 'interrupted', timeout=15)

    assert ended['error']['message'] == 'The machine annex was lost at execute.'
    machine.wait_until_empty()
    other = join('shed')
    again = room.create_run('RunCommand', command=['sh', '-c', 'echo up'])
    room.wait_for_run(again['id'], 'succeeded')
    assert other.stop() == 0


def test_a_run_that_declares_it_goes_on_elsewhere_once_nothing_works_there(room: SynapseUnderTest, join: Join) -> None:
    room.write_pipeline('patient.py', PATIENT)
    room.wait_for_pipeline('Patient')
    machine = join('annex')
    room.create_run('RunCommand', command=['sleep', '600'])
    run = room.create_run('Patient')
    wait_until(lambda: any(entry['message'] == 'up' for entry in lines(room, run)), timeout=40)

    machine.stop(signal.SIGKILL)
    room.wait_for_run(run['id'], 'interrupted', timeout=15)
    join('shed')
    with room.api as api:
        again = wait_for_retry(api, run['id'])

    assert [step['state'] for step in room.wait_for_run(again, 'succeeded')['steps']] == ['succeeded', 'succeeded']
    assert 'first' not in [entry['message'] for entry in lines(room, {'id': again})]


def wait_for_retry(api: httpx.Client, run_id: str) -> str:
    found: list[str] = []

    def is_there() -> bool:
        found[:] = [run['id'] for run in api.get('/runs').json()['runs'] if run.get('retry_of') == run_id]
        return bool(found)

    wait_until(is_there, timeout=40)
    return found[0]


PATIENT = """
import os, time
from synapse import Pipeline, step


class Patient(Pipeline):
    on_interrupt = 'retry'

    @step
    def start(self, run):
        print('first')

    @step
    def work(self, run):
        print('up')
        if 'annex' in os.environ['SYNAPSE_DATA']:
            time.sleep(600)
"""


def test_a_killed_control_room_leaves_nothing_there_and_the_machine_comes_back(
    room: SynapseUnderTest, join: Join
) -> None:
    machine = join('annex')
    run = elsewhere(room, GRANDCHILD)

    room.kill9()
    machine.wait_until_empty()
    machine.wait_for('all runs here were ended')
    room.start(port=int(re.findall(r':(\d+)/', room.url)[0]))

    assert room.wait_for_run(run['id'], 'interrupted')['error']['type'] == 'interrupted'


def test_without_the_right_code_a_machine_is_refused_with_a_sentence(room: SynapseUnderTest, tmp_path: Path) -> None:
    address, _, code = join_line(room)
    wrong = ('A' if code[0] != 'A' else 'B') + code[1:]

    machine = MachineUnderTest(tmp_path / 'stranger', address, '--code', wrong)

    machine.wait_for('its code is another one')
    assert machine.stop() == 0
    assert 'Traceback' not in '\n'.join(machine.lines)


def test_a_run_goes_where_what_it_needs_is_and_else_waits_visibly(room: SynapseUnderTest, tmp_path: Path) -> None:
    room.write_pipeline('paints.py', GPU)
    room.wait_for_pipeline('Paints')
    run = room.create_run('Paints')
    wait_until(lambda: room.run(run['id'])['waits_for'] == 'a machine with gpu 1', timeout=20)

    machine = MachineUnderTest(tmp_path / 'gpu', *join_line(room), '--name', 'gpu', '--offer', 'gpu=1')
    try:
        room.wait_for_run(run['id'], 'succeeded')
        assert [entry['message'] for entry in lines(room, run)].count(f'at {machine.folder / "machine"}') == 1
    finally:
        assert machine.stop() == 0


GPU = """
import os
from synapse import Pipeline, step


class Paints(Pipeline):
    needs = {'gpu': 1}

    @step
    def paint(self, run):
        print('at', os.environ['SYNAPSE_DATA'])
"""


def test_what_is_delivered_there_arrives_here(room: SynapseUnderTest, join: Join, tmp_path: Path) -> None:
    room.write_pipeline('delivers.py', DELIVERS)
    room.wait_for_pipeline('Delivers')
    join('annex')
    room.create_run('RunCommand', command=['sleep', '600'])
    published = tmp_path / 'deep' / 'published'

    run = room.create_run('Delivers', destination=str(published))
    run = room.wait_for_run(run['id'], 'succeeded')

    printed = [entry['message'] for entry in lines(room, run)[::-1] if entry['source'] == 'stdout']
    assert printed == ['elsewhere', f'{published}/a.bin', 'refused', "['a.bin', 'b.bin']", 'same']
    assert sorted(path.name for path in published.iterdir()) == ['a.bin']
    assert (published / 'a.bin').stat().st_size == 3_000_000
    assert not list((room.data / 'runs' / run['id'] / 'home').iterdir())


DELIVERS = """
import os
from synapse import Pipeline, step
from synapse.destinations import Address, DestinationError, destination_of


class Delivers(Pipeline):
    destination: Address = ''

    @step
    def deliver(self, run):
        film = run.workdir / 'film.bin'
        film.write_bytes(os.urandom(3_000_000))
        with destination_of(run, self.destination) as place:
            print('here' if place.folder else 'elsewhere')
            print(place.put(film, 'a.bin'))
            try:
                place.put(film, 'a.bin')
            except DestinationError:
                print('refused')
            place.put(film, 'b.bin')
            print(sorted(place.names()))
            with place.open('b.bin') as file:
                print('same' if file.read() == film.read_bytes() else 'other')
            place.remove('b.bin')
"""


def test_a_killed_scheduler_is_started_again_and_the_machine_joins_it(room: SynapseUnderTest, join: Join) -> None:
    machine = join('annex')
    run = elsewhere(room, GRANDCHILD)

    schedulers = processes_with('synapse.cluster.scheduler')
    [scheduler] = [process for process in schedulers if str(room.data / 'cluster') in process.cmdline()]
    scheduler.kill()
    ended = room.wait_for_run(run['id'], 'interrupted', timeout=15)

    assert ended['error']['message'] == 'The machine annex was lost at execute.'
    machine.wait_until_empty()
    wait_until(lambda: sum('has joined' in line for line in machine.lines) == 2, timeout=60)
    again = room.create_run('RunCommand', command=['true'])
    room.wait_for_run(again['id'], 'succeeded')


def test_a_run_there_that_takes_too_much_memory_fails_with_the_name_of_its_program(
    room: SynapseUnderTest, join: Join
) -> None:
    machine = join('annex')
    room.write_pipeline('hungry.py', HUNGRY)
    room.wait_for_pipeline('Hungry')
    room.create_run('RunCommand', command=['sleep', '600'])

    run = room.create_run('Hungry')
    ended = room.wait_for_run(run['id'], 'failed')

    assert ended['error']['type'] == 'memory'
    assert 'python' in ended['error']['hint']
    machine.wait_until_empty()


HUNGRY = """
import sys
from synapse import Pipeline, step


class Hungry(Pipeline):
    memory_limit = '200 MB'

    @step
    def eat(self, run):
        run.shell([sys.executable, '-c', 'import time; all = bytearray(b"x" * 400_000_000); time.sleep(600)'])
"""
