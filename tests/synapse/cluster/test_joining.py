"""What a worker says where it cannot join: one sentence that tells what to do, and no traceback."""

import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from distributed.core import Server

from synapse.cli.arguments import parse
from synapse.cluster import knocking
from synapse.cluster.identity import new_code, security_of
from synapse.cluster.knocking import NotJoined, knock
from synapse.cluster.names import name_of
from tests.parts.harness import ROOT, SynapseUnderTest, wait_until
from tests.parts.machines import MachineUnderTest, join_line
from tests.parts.receivers import free_port, http_receiver

CODE = new_code()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a cluster with another code."""
    found = Server({})
    await found.listen('tls://127.0.0.1:0', **security_of(new_code(), tmp_path / 'other').get_listen_args('scheduler'))
    yield found.address
    await found.close()


async def reason(tmp_path: Path, address: str) -> str:
    with pytest.raises(NotJoined) as caught:
        await knock(address, security_of(CODE, tmp_path / 'own'))
    return caught.value.message


async def test_another_code_is_told_from_all_else(tmp_path: Path, server: str) -> None:
    assert (await reason(tmp_path, server)).startswith('its code is another one. Copy the whole line')


async def test_a_port_at_which_nothing_listens(tmp_path: Path) -> None:
    told = await reason(tmp_path, f'tls://127.0.0.1:{free_port()}')

    assert told == 'nothing listens there. Does Synapse run on that machine, with --cluster?'


async def test_a_port_of_something_else(tmp_path: Path) -> None:
    with http_receiver() as web:
        told = await reason(tmp_path, f'tls://127.0.0.1:{web.port}')

    assert told.startswith('something else than a cluster answers there.')


async def test_a_port_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knocking, 'REACHED_SECONDS', 0.5)
    with socket.create_server(('127.0.0.1', 0)) as silent:
        told = await reason(tmp_path, f'tls://127.0.0.1:{silent.getsockname()[1]}')

    assert told.startswith('nothing answers there. Check the address, and whether a firewall')


async def test_a_name_that_no_machine_has(tmp_path: Path) -> None:
    assert await reason(tmp_path, 'tls://nobody.invalid:8786') == 'there is no machine called nobody.invalid.'


def worker(tmp_path: Path, *arguments: str) -> 'subprocess.CompletedProcess[str]':
    line = ['worker', 'tls://127.0.0.1:1', '--code', CODE, '--data', str(tmp_path), *arguments]
    return subprocess.run(
        [sys.executable, 'main.py', *line], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (
            ['--listen', '192.0.2.77'],
            "192.0.2.77 isn't an address of this machine; if it leads to this one, add the port",
        ),
        (['--listen', 'a/b'], "'a/b' isn't an address of this machine, such as 10.0.0.6 or 10.0.0.6:8790. Try: "),
        (['--name', 'worker'], 'Synapse itself uses the name worker: choose another one with --name.'),
        (['--name', 'local'], 'Synapse itself uses the name local: choose another one with --name.'),
        (['--name', '日本'], "'日本' has neither letters from A to Z nor digits: choose another name with --name."),
        (['--cluster'], '--cluster belongs to the first machine: a worker has no use for it. Try: '),
        (['--port', '9999'], '--port belongs to the first machine: a worker has no use for it. Try: '),
        (['--listen', ''], "'' isn't an address of this machine, such as 10.0.0.6 or 10.0.0.6:8790. Try: "),
        (['--name', ''], '--name takes a text, not nothing. Try: '),
        (['--code', ' '], '--code takes a text, not nothing. Try: '),
        (['--offer', 'gpu=1', '--offer', 'gpu=2'], '--offer: gpu is given twice. Try: '),
        (['--offer', 'here'], '--offer: here is reserved for runs that only the first machine may carry out.'),
        (['--offer', 'gpu=-1'], "--offer: 'gpu=-1' offers nothing: the amount is more than 0."),
        (['--offer', 'gpu=many'], "--offer: 'gpu=many' isn't an offer such as gpu=1: its amount is a number."),
        (['--offer', 'gpu=nan'], "--offer: 'gpu=nan' offers nothing: the amount is more than 0."),
    ],
)
def test_wrong_arguments_are_told_at_once(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = worker(tmp_path, *arguments)

    assert (done.returncode, 'Traceback' in done.stderr) == (2, False)
    assert words in done.stdout + done.stderr
    assert '--help' not in done.stderr or 'python main.py worker --help' in done.stderr


def test_a_port_that_is_none_is_no_address(tmp_path: Path) -> None:
    line = [sys.executable, 'main.py', 'worker', 'tls://127.0.0.1:99999', '--data', str(tmp_path)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr.startswith("'tls://127.0.0.1:99999' isn't an address")) == (2, True)


@pytest.mark.parametrize(
    'words',
    [
        [' tls://127.0.0.1:1/ ', '--code', CODE],
        [f'python main.py worker tls://127.0.0.1:1 --code {CODE}'],
        [f'tls://127.0.0.1:1 --code {CODE}', '--name', 'annex'],
    ],
)
def test_an_address_or_a_whole_line_is_taken_as_it_was_pasted(words: list[str]) -> None:
    command = parse(['worker', *words])

    assert (command.at, command.code) == ('tls://127.0.0.1:1', CODE)
    assert command.machine == ('annex' if 'annex' in words else '')


@pytest.mark.parametrize('line', ['python main.py worker', 'x://y'])
def test_a_pasted_line_without_an_address_is_told_without_its_code(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(['worker', f'{line} --code {CODE}'])

    told = capsys.readouterr().err
    assert "isn't an address such as tls://10.0.0.5:8786" in told
    assert CODE not in told


def test_a_missing_code_is_told_with_an_example(tmp_path: Path) -> None:
    line = [sys.executable, 'main.py', 'worker', 'tls://127.0.0.1:1', '--data', str(tmp_path)]
    done = subprocess.run(
        line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )

    assert done.returncode == 2
    assert done.stderr.endswith('paste. Like this: python main.py worker tls://127.0.0.1:1 --code CODE\n')


@pytest.fixture
def room(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    program = SynapseUnderTest(tmp_path / 'room', '--cluster', '--cluster-port', '0', '--workers', '1').start()
    yield program
    program.stop()


@pytest.mark.timeout(240)
def test_a_second_machine_of_a_name_waits_until_that_is_free(room: SynapseUnderTest, tmp_path: Path) -> None:
    line = join_line(room)
    first = MachineUnderTest(tmp_path / 'one', *line, '--name', 'máquina do João', '--workers', '1')
    first.wait_for('maquina-do-Joao has joined')
    assert first.lines[-1].endswith(' with 1 place.')
    second = MachineUnderTest(tmp_path / 'two', *line, '--name', 'maquina-do-Joao')
    try:
        second.wait_for('a machine called maquina-do-Joao is there already. Give this one another name with --name.')
        assert len(second.lines) == 1

        assert first.stop() == 0
        assert first.lines[1:] == [f'maquina-do-Joao has left the cluster at {line[0]}.']
        second.wait_for('has joined')
    finally:
        second.stop(signal.SIGTERM)


@pytest.mark.timeout(240)
def test_no_other_machine_may_be_called_as_the_first_one(room: SynapseUnderTest, tmp_path: Path) -> None:
    name = name_of()
    machine = MachineUnderTest(tmp_path / 'other', *join_line(room), '--name', name)
    try:
        machine.wait_for(f'a machine called {name} is there already. Give this one another name with --name.')
        with room.api as api:
            assert [one['id'] for one in api.get('/machines').json()] == ['local']
    finally:
        assert machine.stop() == 0
    assert len(machine.lines) == 2
    assert machine.lines[-1] == 'Stopped.'


@pytest.mark.timeout(240)
def test_a_machine_that_its_system_calls_as_the_first_one_gets_a_number(room: SynapseUnderTest, tmp_path: Path) -> None:
    machine = MachineUnderTest(tmp_path / 'other', *join_line(room))
    try:
        machine.wait_for(f'{name_of()}-2 has joined')
        wait_until(lambda: ids(room) == ['local', f'{name_of()}-2'], timeout=20, what=lambda: str(ids(room)))
    finally:
        assert machine.stop() == 0
    assert len(machine.lines) == 2


def ids(room: SynapseUnderTest) -> list[str]:
    with room.api as api:
        return [machine['id'] for machine in api.get('/machines').json()]


@pytest.mark.timeout(240)
def test_a_port_that_is_taken_is_told_and_used_once_it_is_free(tmp_path: Path) -> None:
    with socket.create_server(('', 0)) as taken:
        port = str(taken.getsockname()[1])
        room = SynapseUnderTest(tmp_path / 'room', '--cluster', '--cluster-port', port).start()
        words = f'Other machines cannot join. Port {port} is used by another program. Choose another port'
        wait_until(lambda: any(words in line for line in room.output), timeout=40, what=lambda: '\n'.join(room.output))
        with room.api as api:
            entries = api.get('/logs', params={'q': 'cannot join'}).json()['entries']
        assert [entry['message'] for entry in entries] == [
            f'other machines cannot join: Port {port} is used by another program. '
            'Choose another port with --cluster-port.'
        ]
    try:
        assert join_line(room)[0].endswith(f':{port}')
        assert not [line for line in room.output if 'Traceback' in line]
    finally:
        room.stop()
