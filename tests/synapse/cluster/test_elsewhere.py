"""A control room in the cluster of another one: it says why it cannot be, and how others join once it is."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse.cluster.identity import new_code, saved_code
from tests.parts.harness import SynapseUnderTest, wait_until
from tests.parts.machines import join_line
from tests.parts.receivers import free_port

pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(sys.platform == 'win32', reason='signals of POSIX')]


@pytest.fixture
def first(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    program = SynapseUnderTest(tmp_path / 'first', '--cluster', '--cluster-port', '0', '--workers', '1').start()
    yield program
    program.stop()


def guest(tmp_path: Path, address: str, code: str = '') -> SynapseUnderTest:
    variables = {'SYNAPSE_CLUSTER_CODE': code} if code else {}
    return SynapseUnderTest(tmp_path / 'guest', '--cluster', address, '--workers', '1', **variables).start()


def cannot_join(room: SynapseUnderTest) -> str:
    """Why it says in its terminal that others cannot join; the log has the same, once."""
    start = 'Other machines cannot join. '

    def said() -> list[str]:
        return [line.strip().removeprefix(start) for line in room.output if line.startswith(start)]

    wait_until(lambda: said() != [], timeout=30, what=lambda: ''.join(room.output))
    assert not any(' worker tls://' in line for line in room.output)
    with room.api as api:
        entries = api.get('/logs', params={'q': 'cannot join'}).json()['entries']
    assert [entry['message'] for entry in entries] == [f'other machines cannot join: {said()[0]}']
    return said()[0]


def test_a_dead_address_is_told(tmp_path: Path) -> None:
    address = f'tls://127.0.0.1:{free_port()}'
    room = guest(tmp_path, address, new_code())
    try:
        assert cannot_join(room) == (
            f'The cluster at {address} cannot be reached: nothing listens there. Does Synapse run on that machine, '
            'with --cluster?'
        )
    finally:
        room.stop()


def test_without_a_code_it_is_told_how_to_give_it(tmp_path: Path) -> None:
    address = f'tls://127.0.0.1:{free_port()}'
    room = guest(tmp_path, address)
    try:
        assert cannot_join(room) == (
            f'The code of the cluster at {address} is missing. Start Synapse with it in the variable '
            'SYNAPSE_CLUSTER_CODE; it is kept then.'
        )
    finally:
        room.stop()


def test_a_text_that_is_no_code_is_told(tmp_path: Path) -> None:
    room = guest(tmp_path, f'tls://127.0.0.1:{free_port()}', 'secret')
    try:
        assert cannot_join(room).startswith('SYNAPSE_CLUSTER_CODE: This is no code of a cluster.')
    finally:
        room.stop()


def test_a_code_is_refused_or_kept_and_others_join_with_it(first: SynapseUnderTest, tmp_path: Path) -> None:
    address, _, code = join_line(first)
    room = guest(tmp_path, address, new_code())
    try:
        assert cannot_join(room) == (
            f'The cluster at {address} refuses this machine, whose code is another one. Start Synapse with its code in '
            'the variable SYNAPSE_CLUSTER_CODE.'
        )
    finally:
        room.stop()

    for given in (code, ''):  # it is kept
        room = guest(tmp_path, address, given)
        try:
            assert join_line(room) == [address, '--code', code]
        finally:
            room.stop()
    assert saved_code(room.data / 'cluster') == code


def test_once_its_scheduler_is_gone_it_is_told_why(first: SynapseUnderTest, tmp_path: Path) -> None:
    address, _, code = join_line(first)
    room = guest(tmp_path, address, code)
    try:
        join_line(room)
        first.stop()
        told = f'Other machines cannot join. The cluster at {address} cannot be reached: nothing listens there.'
        wait_until(lambda: any(line.startswith(told) for line in room.output), timeout=40)
        with room.api as api:
            entries = api.get('/logs', params={'limit': 100}).json()['entries']
    finally:
        room.stop()

    assert [entry['source'] for entry in entries if entry['level'] in ('warning', 'error')] == ['synapse.cluster'] * 2
    assert all(line.startswith(('http', 'Synapse ', 'Other machines ', 'Stop')) for line in room.output), room.output
