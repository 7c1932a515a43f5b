"""Machines on a real network: no loopback between them, cables that are pulled and slow ones."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.parts.harness import SynapseUnderTest, wait_until
from tests.parts.machines import MachineUnderTest, join_line
from tests.parts.networks import Network, problem_of_networks

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(bool(problem_of_networks()), reason=problem_of_networks()),
]
COUNTS = 'for n in $(seq 100); do echo $n; sleep 0.1; done'


@pytest.fixture
def network() -> Iterator[Network]:
    with Network('room', 'annex', 'barn', 'cave') as found, found.on('room'):
        yield found


@pytest.fixture
def room(network: Network, tmp_path: Path) -> Iterator[SynapseUnderTest]:
    program = SynapseUnderTest(tmp_path / 'room', '--cluster', '--workers', '1').start()
    yield program
    program.stop()


@pytest.fixture
def annex(network: Network, room: SynapseUnderTest, tmp_path: Path) -> Iterator[MachineUnderTest]:
    line = join_line(room)
    with network.on('annex'):
        machine = MachineUnderTest(tmp_path / 'annex', *line, '--name', 'annex')
    machine.wait_for('has joined')
    wait_until(lambda: states(room) == ['up', 'up'], timeout=20)
    yield machine
    network.plug_in('annex')
    machine.stop(signal.SIGKILL)
    machine.wait_until_empty()


def elsewhere(room: SynapseUnderTest, shell: str) -> dict:
    """A run on the other machine, since the only worker here is taken."""
    room.create_run('RunCommand', command=['sleep', '600'])
    run = room.create_run('RunCommand', command=['sh', '-c', shell])
    wait_until(lambda: bool(printed(room, run)), timeout=40)
    return run


def printed(room: SynapseUnderTest, run: dict, **query: Any) -> list[str]:
    with room.api as api:
        entries = api.get('/logs', params={'run': run['id'], 'limit': 500, **query}).json()['entries']
    return [entry['message'] for entry in entries if entry['source'] == 'sh'][::-1]


def states(room: SynapseUnderTest) -> list[str]:
    with room.api as api:
        return [machine['state'] for machine in api.get('/machines').json()]


def test_the_line_to_join_has_the_address_of_the_network_though_it_leads_nowhere_else(
    network: Network, room: SynapseUnderTest, annex: MachineUnderTest
) -> None:
    assert join_line(room)[0] == f'tls://{network.hosts["room"]}:8786'
    assert not [line for line in room.output if 'Warning' in line]
    assert annex.lines == [f'annex has joined tls://{network.hosts["room"]}:8786 with 2 places.']


def test_three_machines_work_at_once_and_the_loss_of_one_is_that_of_its_runs(
    network: Network, room: SynapseUnderTest, annex: MachineUnderTest, tmp_path: Path
) -> None:
    line, others = join_line(room), {}
    for name in ('barn', 'cave'):
        with network.on(name):
            others[name] = MachineUnderTest(tmp_path / name, *line, '--name', name)
    try:
        wait_until(lambda: states(room) == ['up'] * 4, timeout=40)
        room.create_run('RunCommand', command=['sleep', '600'])
        runs = [room.create_run('RunCommand', command=['sh', '-c', COUNTS]) for _ in range(6)]
        wait_until(lambda: [len(found) for found in runs_there(room)] == [2, 2, 2], timeout=40)
        lost = runs_there(room)[1]

        others['barn'].stop(signal.SIGKILL)

        for run in runs:
            state = 'interrupted' if run['id'] in lost else 'succeeded'
            room.wait_for_run(run['id'], state)
            lines = printed(room, run)
            assert lines == [str(number) for number in range(1, len(lines) + 1)]
            assert len(lines) == 100 or state == 'interrupted'
    finally:
        for machine in others.values():
            machine.stop(signal.SIGKILL)
            machine.wait_until_empty()


def runs_there(room: SynapseUnderTest) -> list[list[str]]:
    with room.api as api:
        return [machine['runs'] for machine in api.get('/machines').json()[1:]]


def test_a_cable_pulled_for_some_seconds_costs_no_line(
    network: Network, room: SynapseUnderTest, annex: MachineUnderTest
) -> None:
    run = elsewhere(room, COUNTS)

    network.pull('annex')
    time.sleep(5)  # how long it is pulled
    network.plug_in('annex')

    room.wait_for_run(run['id'], 'succeeded')
    assert printed(room, run) == [str(number) for number in range(1, 101)]


def test_a_machine_whose_cable_stays_pulled_is_lost_and_ends_its_run_by_itself(
    network: Network, room: SynapseUnderTest, annex: MachineUnderTest
) -> None:
    run = elsewhere(room, "setsid -f sh -c 'sleep 611' & echo up; sleep 612")

    network.pull('annex')
    pulled = time.monotonic()
    ended = room.wait_for_run(run['id'], 'interrupted', timeout=15)
    annex.wait_until_empty()
    assert time.monotonic() - pulled < 15 + 5  # the time to look is ours

    assert ended['error']['message'] == 'The machine annex was lost at EXECUTE.'
    wait_until(lambda: states(room) == ['up', 'lost'], timeout=20)
    waiting = room.create_run('RunCommand', command=['true'])
    network.plug_in('annex')
    room.wait_for_run(waiting['id'], 'succeeded')
    assert states(room) == ['up', 'up']


def test_an_idle_machine_whose_cable_is_pulled_is_lost_too(
    network: Network, room: SynapseUnderTest, annex: MachineUnderTest
) -> None:
    network.pull('annex')
    wait_until(lambda: states(room) == ['up', 'lost'], timeout=20)

    network.plug_in('annex')
    wait_until(lambda: states(room) == ['up', 'up'], timeout=60)


def test_a_lost_machine_that_is_told_to_end_as_it_comes_back_has_left(
    network: Network, room: SynapseUnderTest, annex: MachineUnderTest
) -> None:
    network.pull('annex')
    wait_until(lambda: states(room) == ['up', 'lost'], timeout=20)
    annex.process.send_signal(signal.SIGTERM)

    network.plug_in('annex')

    assert annex.process.wait(60) == 0
    wait_until(lambda: states(room) == ['up'], timeout=60)


def test_a_slow_cable_loses_no_line(network: Network, room: SynapseUnderTest, annex: MachineUnderTest) -> None:
    network.slow_down('room', '8mbit')  # a megabyte a second
    text = 'x' * 90
    begun = time.monotonic()

    run = elsewhere(room, f"echo up; seq -f '%06.0f {text}' 60000")

    room.wait_for_run(run['id'], 'succeeded', timeout=120)
    assert time.monotonic() - begun > 5
    for number in (1, 30_000, 59_999, 60_000):
        assert printed(room, run, q=f'{number:06} ') == [f'{number:06} {text}']
