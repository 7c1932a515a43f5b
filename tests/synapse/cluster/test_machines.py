"""A control room and workers in processes of their own, as on several machines: nothing is left of what is lost."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from distributed import rpc
from distributed.comm import connect

from synapse.cluster.identity import new_code, security_of
from tests.parts.disks import small_disk
from tests.parts.harness import ROOT, SynapseUnderTest, processes_with, wait_until
from tests.parts.machines import MachineUnderTest, join_line
from tests.parts.receivers import free_port

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
        wait_until(lambda: states(room).get(name) == 'up', timeout=20)
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

    assert (ended['error']['message'], ended['error']['hint']) == ('ValueError: not yet', 'It ran on annex.')
    assert 'ValueError: not yet. It ran on annex.' in [entry['message'].split('\n')[0] for entry in lines(room, run)]
    assert str(tmp_path / 'room' / 'pipelines' / 'travels.py') in str(ended['error'])
    with room.api as api:
        assert api.get(f'/runs/{run["id"]}/artifacts/made.txt').text == '6000000'
        again = api.post(f'/runs/{run["id"]}/retry', json={}).json()
    room.wait_for_run(again['id'], 'failed')
    printed = [entry['message'] for entry in lines(room, again) if entry['message'].startswith('made')]
    assert printed == [f'made 6000000 at {machine.folder / "machine"}']


def test_a_package_that_is_missing_there_is_told_with_the_machine_and_the_own_file(
    room: SynapseUnderTest, join: Join
) -> None:
    room.write_pipeline('misses.py', MISSES)
    room.wait_for_pipeline('Misses')
    join('annex')
    room.create_run('RunCommand', command=['sleep', '600'])

    run = room.create_run('Misses')
    error = room.wait_for_run(run['id'], 'failed')['error']

    assert error['hint'] == 'Install it on annex: python -m pip install roomonly'
    [entry] = [entry for entry in lines(room, run) if 'Traceback' in entry['message']]
    own = str(room.data / 'pipelines' / 'misses.py')
    assert own in entry['message']
    assert entry['fields']['file'] == own
    assert not [line for line in lines(room, run) if 'machine/pipelines' in str(line)]


MISSES = """
from synapse import Pipeline, step


class Misses(Pipeline):
    @step
    def look(self, run):
        import roomonly
"""


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

    assert ended['error']['message'] == 'The machine annex was lost at EXECUTE.'
    wait_until(lambda: len(warnings(room)) == 2, timeout=20)  # of the machine and of its run, in any order
    assert sorted(warnings(room)) == [
        f'Run #{run["number"]} was interrupted after LENGTH: The machine annex was lost at EXECUTE.',
        'annex was lost. It is back by itself as soon as its worker reaches this machine.',
    ]
    assert states(room) == {'local': 'up', 'annex': 'lost'}
    machine.wait_until_empty()
    other = join('shed')
    again = room.create_run('RunCommand', command=['sh', '-c', 'echo up'])
    room.wait_for_run(again['id'], 'succeeded')
    assert other.stop() == 0


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_end_interrupts_its_runs(room: SynapseUnderTest, join: Join, number: int) -> None:
    machine = join('annex')
    run = elsewhere(room, GRANDCHILD)

    assert machine.stop(number) == 0

    ended = room.wait_for_run(run['id'], 'interrupted', timeout=15)
    assert ended['error'].items() >= {
        'message': 'The worker on annex was ended at EXECUTE.', 'hint': 'Retry it.', 'type': 'machine_lost',
    }.items()  # fmt: skip
    machine.wait_until_empty()
    wait_until(lambda: states(room) == {'local': 'up'}, timeout=20)


def test_a_frozen_machine_costs_the_run_it_has_and_no_other(room: SynapseUnderTest, join: Join) -> None:
    machine = join('annex')
    run = elsewhere(room, 'echo up; sleep 612')

    machine.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: states(room) == {'local': 'up', 'annex': 'lost'}, timeout=15)
    waiting = room.create_run('RunCommand', command=['true'])
    room.wait_for_run(run['id'], 'interrupted', timeout=15)
    assert room.run(waiting['id'])['state'] == 'queued'

    machine.process.send_signal(signal.SIGCONT)
    room.wait_for_run(waiting['id'], 'succeeded', timeout=60)
    machine.wait_until_empty()
    machine.wait_for(f'Run #{run["number"]} was ended here: its control room is gone.')
    assert not [line for line in machine.lines if 'TLS handshake' in line or run['id'] in line]


@pytest.mark.parametrize('how', ['by hand', 'by an event'])
def test_a_run_that_declares_it_goes_on_elsewhere_once_nothing_works_there(
    room: SynapseUnderTest, join: Join, how: str
) -> None:
    room.write_pipeline('patient.py', PATIENT)
    room.wait_for_pipeline('Patient')
    machine = join('annex')
    room.create_run('RunCommand', command=['sleep', '600'])
    run = room.create_run('Patient') if how == 'by hand' else fired(room, 'Patient')
    wait_until(lambda: any(entry['message'] == 'up' for entry in lines(room, run)), timeout=40)

    machine.stop(signal.SIGKILL)
    room.wait_for_run(run['id'], 'interrupted', timeout=15)
    join('shed')
    with room.api as api:
        again = wait_for_retry(api, run['id'])

    assert [step['state'] for step in room.wait_for_run(again, 'succeeded')['steps']] == ['succeeded', 'succeeded']
    assert 'first' not in [entry['message'] for entry in lines(room, {'id': again})]


def test_a_run_that_went_on_elsewhere_is_not_done_again_by_the_next_start(room: SynapseUnderTest, join: Join) -> None:
    run, machine = patient_run(room, join)
    assert run['machine'] == 'annex'
    machine.stop(signal.SIGKILL)
    room.wait_for_run(run['id'], 'interrupted', timeout=15)
    join('shed')
    with room.api as api:
        again = wait_for_retry(api, run['id'])
    assert room.wait_for_run(again, 'succeeded')['machine'] == 'shed'

    with room.api as api:
        found = api.get('/runs', params={'q': 'shed'}).json()['runs']
    assert [one['id'] for one in found] == [again]

    room.stop()
    room.start()

    assert retries(room, run) == [again]


def test_a_control_room_killed_before_a_run_went_on_lets_it_go_on_later(room: SynapseUnderTest, join: Join) -> None:
    run, machine = patient_run(room, join)
    machine.stop(signal.SIGKILL)
    room.wait_for_run(run['id'], 'interrupted', timeout=15)
    wait_until(lambda: any('goes on in 15 s' in entry['message'] for entry in lines(room, run)), timeout=10)

    room.kill9()
    room.start()

    with room.api as api:
        again = wait_for_retry(api, run['id'])
    assert 'first' not in [entry['message'] for entry in lines(room, {'id': again})]
    room.kill9()
    room.start()
    assert retries(room, run) == [again]


def test_a_run_elsewhere_of_a_killed_control_room_goes_on_once_nothing_works_there(
    room: SynapseUnderTest, join: Join
) -> None:
    run, _ = patient_run(room, join)

    room.kill9()
    room.start(port=int(re.findall(r':(\d+)/', room.url)[0]))

    ended = room.run(run['id'])
    assert ended['state'] == 'interrupted'
    assert 'What ran on annex ends by itself within 15 s.' in ended['error']['hint']
    assert retries(room, run) == []
    with room.api as api:
        again = wait_for_retry(api, run['id'])
    began = datetime.fromisoformat(room.run(again)['created_at'])
    assert began - datetime.fromisoformat(ended['finished_at']) > timedelta(seconds=14)


def test_a_lost_run_that_a_person_has_retried_is_not_retried_again(room: SynapseUnderTest, join: Join) -> None:
    run, machine = patient_run(room, join)
    machine.stop(signal.SIGKILL)
    room.wait_for_run(run['id'], 'interrupted', timeout=15)

    with room.api as api:
        again = api.post(f'/runs/{run["id"]}/retry', json={}).json()
    note = room.data / 'interrupted.json'
    wait_until(lambda: note.exists() and note.read_text() == '[]', timeout=30)

    assert retries(room, run) == [again['id']]


def patient_run(room: SynapseUnderTest, join: Join) -> tuple[dict, MachineUnderTest]:
    """A run of `Patient` that works on a machine."""
    room.write_pipeline('patient.py', PATIENT)
    room.wait_for_pipeline('Patient')
    machine = join('annex')
    room.create_run('RunCommand', command=['sleep', '600'])
    run = room.create_run('Patient')
    wait_until(lambda: any(entry['message'] == 'up' for entry in lines(room, run)), timeout=40)
    return room.run(run['id']), machine


def retries(room: SynapseUnderTest, run: dict) -> list[str]:
    with room.api as api:
        return [other['id'] for other in api.get('/runs').json()['runs'] if other.get('retry_of') == run['id']]


def fired(room: SynapseUnderTest, pipeline: str) -> dict:
    """The run of an event that has just fired."""
    start = (datetime.now(UTC) + timedelta(seconds=2)).strftime('%Y-%m-%dT%H:%M:%S')
    with room.api as api:
        event = api.post('/scheduler/create', json={'pipeline': pipeline, 'start': start, 'timezone': 'UTC'}).json()
        found: list[dict] = []

        def has_fired() -> bool:
            found[:] = [run for run in api.get('/runs').json()['runs'] if run['event_id'] == event['id']]
            return bool(found)

        wait_until(has_fired, timeout=20)
    assert found[0]['due'] is not None
    return found[0]


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


def test_a_cluster_that_others_have_made_keeps_its_own_certificates(tmp_path: Path) -> None:
    security_of(new_code(), tmp_path / 'theirs')
    authority, certificate = tmp_path / 'theirs' / 'authority.pem', tmp_path / 'theirs' / 'machine.pem'
    variables = {'CA_FILE': authority}
    for role in ('SCHEDULER', 'WORKER', 'CLIENT'):
        variables |= {f'{role}__CERT': certificate, f'{role}__KEY': certificate}
    theirs = {f'DASK_DISTRIBUTED__COMM__TLS__{name}': str(path) for name, path in variables.items()}
    address = f'tls://127.0.0.1:{free_port()}'
    line = [sys.executable, '-m', 'distributed.cli.dask_scheduler', '--host', address, '--no-dashboard']
    scheduler = subprocess.Popen(line, env=os.environ | theirs, stderr=subprocess.DEVNULL)
    room = SynapseUnderTest(tmp_path / 'room', '--cluster', address, '--workers', '1', **theirs)
    try:
        room.start()
        machine = MachineUnderTest(tmp_path / 'far', address, '--name', 'far', variables=theirs)
        machine.wait_for('has joined')
        run = elsewhere(room, 'echo up')
        room.wait_for_run(run['id'], 'succeeded')
        assert machine.stop() == 0
    finally:
        room.stop()
        scheduler.kill()
        scheduler.wait()


def test_a_run_goes_where_what_it_needs_is_and_else_waits_visibly(room: SynapseUnderTest, tmp_path: Path) -> None:
    room.write_pipeline('paints.py', GPU)
    room.wait_for_pipeline('Paints')
    run = room.create_run('Paints')
    wait_until(lambda: room.run(run['id'])['waits_for'] == 'a machine with gpu 1', timeout=20)
    assert command(room, 'queue').stdout == (
        f'Open. 0 running, 1 waiting.\nRun #{run["number"]} waits for a machine with gpu 1.\n'
    )

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

    assert ended['error']['message'] == 'The machine annex was lost at EXECUTE.'
    machine.wait_until_empty()
    wait_until(lambda: sum('has joined' in line for line in machine.lines) == 2, timeout=60)
    again = room.create_run('RunCommand', command=['true'])
    room.wait_for_run(again['id'], 'succeeded')
    assert sorted(warnings(room)) == [
        f'Run #{run["number"]} was interrupted after LENGTH: The machine annex was lost at EXECUTE.',
        'annex was lost. It is back by itself as soon as its worker reaches this machine.',
        'the scheduler of the cluster is gone',
    ]
    assert said_of_machines(room) == 1


def test_a_removed_machine_ends_and_is_refused_while_the_runs_of_others_go_on(
    room: SynapseUnderTest, join: Join, tmp_path: Path
) -> None:
    annex, old = join('annex'), join_line(room)
    run = elsewhere(room, GRANDCHILD)
    shed = join('shed')
    others = [room.create_run('RunCommand', command=['sh', '-c', COUNTS]) for _ in range(2)]
    wait_until(lambda: any(entry['message'] == '3' for entry in lines(room, others[1])), timeout=40)
    on_shed = next(one for one in others if machine_of(room, one) == 'shed')

    with room.api as api:
        assert api.delete('/machines/annex').status_code == 204
        assert api.delete('/machines/annex').json()['error']['code'] == 'machine_not_found'
        assert [machine['id'] for machine in api.get('/machines').json()] == ['local', 'shed']
        entries = api.get('/logs', params={'q': 'was removed by'}).json()['entries']
    assert room.wait_for_run(run['id'], 'interrupted', timeout=15)['error']['message'].startswith(
        'The machine annex was removed at '
    )
    assert 'annex was removed by' in entries[0]['message']
    assert annex.process.wait(30) == 0
    annex.wait_for('annex was removed from the cluster')
    annex.wait_until_empty()

    assert is_refused(tmp_path / 'annex', *old)
    assert is_refused(tmp_path / 'thief', *old)
    room.wait_for_run(on_shed['id'], 'succeeded', timeout=60)
    assert [entry['message'] for entry in lines(room, on_shed)[::-1] if entry['message'].isdigit()] == [
        str(number) for number in range(1, 41)
    ]

    # Also after a restart; those that stay come back by themselves, even with the line by which they joined.
    port = int(re.findall(r':(\d+)/', room.url)[0])
    room.stop()
    assert shed.stop() == 0
    room.start(port=port)
    new = join_line(room, start=3)  # the second one came with the new code
    again = MachineUnderTest(shed.folder, new[0], *old[1:], '--name', 'shed')
    try:
        again.wait_for('has joined')
        assert is_refused(tmp_path / 'annex', new[0], *old[1:])
    finally:
        assert again.stop() == 0


def test_a_lost_machine_is_listed_until_it_is_back_and_can_be_removed(
    room: SynapseUnderTest, join: Join, tmp_path: Path
) -> None:
    annex, shed, old = join('annex'), join('shed'), join_line(room)
    assert shed.stop() == 0
    wait_until(lambda: states(room) == {'local': 'up', 'annex': 'up'}, timeout=20)
    annex.stop(signal.SIGKILL)
    wait_until(lambda: states(room) == {'local': 'up', 'annex': 'lost'}, timeout=20)

    port = int(re.findall(r':(\d+)/', room.url)[0])
    room.stop()
    room.start(port=port)
    join_line(room, start=2)
    assert states(room) == {'local': 'up', 'annex': 'lost'}
    shown = command(room, 'machines')
    removed = command(room, 'machines', 'remove', 'annex')

    assert 'annex: no contact since ' in shown.stdout
    assert (removed.returncode, removed.stdout.count('annex')) == (0, 0)
    assert states(room) == {'local': 'up'}
    new = join_line(room, start=3)
    assert new[1:] != old[1:]
    assert is_refused(tmp_path / 'annex', new[0], *old[1:])


def test_a_machine_that_cannot_be_reached_gets_no_runs_and_it_is_said_what_to_do(
    room: SynapseUnderTest, tmp_path: Path
) -> None:
    # An address of nobody, which is taken for one that leads here, as that of the host of a container does.
    machine = MachineUnderTest(tmp_path / 'annex', *join_line(room), '--name', 'annex', '--listen', '192.0.2.77:8790')
    try:
        machine.wait_for('has joined')
        wait_until(lambda: states(room) == {'local': 'up', 'annex': 'lost'}, timeout=40)
        room.create_run('RunCommand', command=['sleep', '600'])
        waiting = room.create_run('RunCommand', command=['true'])

        with room.api as api:
            annex = api.get('/machines').json()[1]
            entries = api.get('/logs', params={'q': 'cannot be reached'}).json()['entries']
            assert api.get(f'/runs/{waiting["id"]}').json()['state'] == 'queued'
        shown = command(room, 'machines')
    finally:
        assert machine.stop() == 0

    advice = 'Nothing answers at 192.0.2.77:8790. Let connections to this port through its firewall'
    assert annex['problem'].startswith(advice)
    assert f'annex: {advice}' in shown.stdout
    assert [entry['message'] for entry in entries] == [f'annex has joined, but cannot be reached. {annex["problem"]}']
    wait_until(lambda: states(room) == {'local': 'up'}, timeout=20)


def warnings(room: SynapseUnderTest) -> list[str]:
    """What the log has beside news."""
    with room.api as api:
        entries = api.get('/logs', params={'limit': 500}).json()['entries']
    found = [entry['message'] for entry in entries if entry['level'] in ('warning', 'error', 'critical')]
    return [re.sub(r'after [^:]*:', 'after LENGTH:', message) for message in found]


def said_of_machines(room: SynapseUnderTest) -> int:
    """How many lines its terminal has beside the two that say where it is; none of them is of Dask."""
    lines = [line for line in room.output if not line.startswith(('Synapse is ready at ', 'http'))]
    assert all(line.startswith('Other machines ') for line in lines), lines
    return len(lines)


def states(room: SynapseUnderTest) -> dict[str, str]:
    with room.api as api:
        return {machine['id']: machine['state'] for machine in api.get('/machines').json()}


COUNTS = 'for n in $(seq 40); do echo $n; sleep 0.2; done'


def machine_of(room: SynapseUnderTest, run: dict) -> str:
    with room.api as api:
        workers = api.get('/status').json()['workers']
    return next((worker.get('machine', '') for worker in workers if worker['run'] == run['id']), '')


def is_refused(folder: Path, *line: str) -> bool:
    machine = MachineUnderTest(folder, *line, '--name', folder.name)
    try:
        machine.wait_for('its code is another one')
        return not any('has joined' in text for text in machine.lines)
    finally:
        machine.stop(signal.SIGKILL)


def test_the_api_and_the_command_line_tell_how_machines_are_and_drain_one(room: SynapseUnderTest, join: Join) -> None:
    join('annex')
    with room.api as api:
        wait_until(lambda: api.get('/machines').json()[1]['load'] is not None, timeout=20)
        run = elsewhere(room, 'echo up; sleep 600')

        here, annex = api.get('/machines').json()
        drained = command(room, 'machines', 'drain', 'annex', '--language', 'pt-BR')
        states = [machine['state'] for machine in api.get('/machines').json()]
        shown = command(room, 'machines', 'resume', 'annex')
        unknown = command(room, 'machines', 'remove', 'barn')

    assert (here['local'], here['places'], here['version']) == (True, 1, annex['version'])
    assert annex.items() >= {'id': 'annex', 'local': False, 'state': 'up', 'places': 2, 'runs': [run['id']]}.items()
    assert annex['load'].keys() == {'cpu_percent', 'memory_used_bytes', 'memory_bytes', 'disk_free_bytes'}
    assert annex['cores'] == os.cpu_count()
    assert said_of_machines(room) == 1
    assert states == ['up', 'draining']
    assert 'annex: 2 vagas, 1 execução, ' in drained.stdout
    assert 'annex: 2 places, 1 run, CPU ' in shown.stdout
    assert (unknown.returncode, unknown.stderr) == (1, "No machine is called 'barn'.\n")


def test_machines_are_let_in_and_shut_out_from_a_terminal(tmp_path: Path) -> None:
    room = SynapseUnderTest(tmp_path / 'room', '--cluster-port', '0', '--workers', '1').start()
    try:
        line = command(room, 'machines', 'open').stdout.split()
        again = command(room, 'machines', 'open').stdout.split()
        with room.api as api:
            opened = api.get('/cluster').json()
            machine = MachineUnderTest(tmp_path / 'annex', *line[3:], '--name', 'annex')
            machine.wait_for('has joined')
            wait_until(lambda: states(room) == {'local': 'up', 'annex': 'up'}, timeout=20)
            shut = command(room, 'machines', 'shut')
            closed = api.get('/cluster').json()
            assert machine.stop() == 0
    finally:
        room.stop()

    assert (line[:3], again) == (['python', 'main.py', 'worker'], line)
    assert opened == {'is_open': True, 'addresses': opened['addresses'], 'problem': ''}
    assert line[3] == opened['addresses'][0]
    assert (shut.returncode, 'annex' in shut.stdout) == (0, False)
    assert closed == {'is_open': False, 'addresses': [], 'problem': ''}


def test_what_the_command_line_lets_in_is_not_shut_out(room: SynapseUnderTest) -> None:
    line = command(room, 'machines', 'open')
    refused = command(room, 'machines', 'shut')

    assert line.stdout.split()[3:] == join_line(room)
    said = 'Other machines may join because Synapse was started with --cluster. Start it without that.\n'
    assert (refused.returncode, refused.stderr) == (1, said)


def command(room: SynapseUnderTest, *arguments: str) -> 'subprocess.CompletedProcess[str]':
    line = [sys.executable, 'main.py', *arguments, '--data', str(room.data)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


async def test_what_a_removed_machine_has_opens_no_connection_and_its_open_ones_end(
    room: SynapseUnderTest, join: Join, tmp_path: Path
) -> None:
    join('annex')
    join('shed')
    address, _, code = join_line(room)
    stolen = security_of(code, tmp_path / 'stolen').get_connection_args('worker')
    async with rpc(address, connection_args=stolen) as scheduler:
        workers = (await scheduler.identity(n_workers=-1))['workers']
        [shed] = [place for place, worker in workers.items() if worker['name'] == 'shed']
    open_ones = [await connect(place, **stolen) for place in (address, shed)]

    async with httpx.AsyncClient(base_url=f'{room.url}api/v1', headers=bearer(room), timeout=30) as api:
        assert (await api.delete('/machines/annex')).status_code == 204

    for comm in open_ones:
        with pytest.raises(OSError, match='losed'):
            await asyncio.wait_for(comm.read(), 10)
    for place in (address, shed):
        with pytest.raises(OSError, match=r'TLS|SSL|certificate'):
            await connect(place, timeout=3, **stolen)


def test_one_removal_after_another_leaves_those_that_stay_alone(room: SynapseUnderTest, join: Join) -> None:
    join('annex')
    join('barn')
    shed = join('shed')
    with room.api as api:
        for name in ('annex', 'barn'):
            assert api.delete(f'/machines/{name}').status_code == 204
        assert api.post('/machines/shed/drain').status_code == 202
        assert api.post('/machines/shed/resume').status_code == 202
        run = elsewhere(room, 'echo up; sleep 14; echo down')  # longer than a lost machine takes to be noticed
        room.wait_for_run(run['id'], 'succeeded')
        assert [machine['id'] for machine in api.get('/machines').json()] == ['local', 'shed']
    assert not any('is gone' in line for line in shed.lines)


def bearer(room: SynapseUnderTest) -> dict[str, str]:
    return {'Authorization': f'Bearer {room.token}'}


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
import subprocess
import sys
from synapse import Pipeline, step


class Hungry(Pipeline):
    memory_limit = '200 MB'

    @step
    def eat(self, run):
        run.shell([sys.executable, '-c', 'import time; all = bytearray(b"x" * 400_000_000); time.sleep(600)'])
"""


def test_the_last_sign_of_a_run_elsewhere_is_when_its_machine_was_heard(room: SynapseUnderTest, join: Join) -> None:
    machine = join('annex')
    run = elsewhere(room, 'echo up; sleep 600')
    began = datetime.fromisoformat(room.run(run['id'])['started_at'])
    wait_until(lambda: datetime.now(UTC) - began > timedelta(seconds=8), timeout=20)

    killed = datetime.now(UTC)
    room.kill9()
    machine.wait_until_empty()
    room.start(port=int(re.findall(r':(\d+)/', room.url)[0]))

    ended = datetime.fromisoformat(room.wait_for_run(run['id'], 'interrupted')['finished_at'])
    assert killed - timedelta(seconds=5) < ended < killed + timedelta(seconds=1)


def test_a_work_folder_that_finds_no_room_here_fails_its_run(tmp_path: Path) -> None:
    with small_disk(tmp_path / 'room', '60m'):
        options = ['--cluster', '--cluster-port', '0', '--workers', '1']
        room = SynapseUnderTest(tmp_path / 'room', *options, SYNAPSE_MIN_FREE_BYTES='0')
        room.start()
        machine = MachineUnderTest(tmp_path / 'annex', *join_line(room), '--name', 'annex', '--workers', '2')
        try:
            machine.wait_for('has joined')
            wait_until(lambda: states(room).get('annex') == 'up', timeout=20)
            room.create_run('RunCommand', command=['sleep', '600'])

            run = room.create_run('RunCommand', command=['sh', '-c', 'head -c 100000000 /dev/zero > large.bin'])
            ended = room.wait_for_run(run['id'], 'failed')

            assert ended['error']['message'] == 'No room is left on the disk for what the run has made on annex.'
            assert ended['error']['hint'] == 'Free some space, then retry it.'
            assert [step['state'] for step in ended['steps']] == ['failed']
            machine.wait_until_empty()
        finally:
            machine.stop(signal.SIGKILL)
            room.stop()


def test_a_retry_goes_on_from_what_a_step_had_saved_before_its_machine_was_lost(
    room: SynapseUnderTest, join: Join
) -> None:
    room.write_pipeline('counts.py', COUNTING)
    room.wait_for_pipeline('Counts')
    machine = join('annex')
    room.create_run('RunCommand', command=['sleep', '600'])
    run = room.create_run('Counts')
    wait_until(lambda: any(entry['message'] == 'up' for entry in lines(room, run)), timeout=40)
    kept = room.data / 'runs' / run['id'] / 'checkpoint.json'
    wait_until(lambda: kept.exists() and '"_count": 3' in kept.read_text(), timeout=10)

    machine.stop(signal.SIGKILL)
    room.wait_for_run(run['id'], 'interrupted', timeout=15)
    join('shed')
    with room.api as api:
        again = api.post(f'/runs/{run["id"]}/retry', json={'from_step': 'count'}).json()
    room.wait_for_run(again['id'], 'succeeded')

    assert [entry['message'] for entry in lines(room, again) if entry['source'] == 'stdout'] == ['from 3']


COUNTING = """
import os, time
from synapse import Pipeline, step


class Counts(Pipeline):
    _count: int = 0

    @step
    def start(self, run):
        pass

    @step
    def count(self, run):
        if self._count:
            print('from', self._count)
            return
        for self._count in range(1, 4):
            run.checkpoint()
        print('up', flush=True)
        time.sleep(600)
"""
