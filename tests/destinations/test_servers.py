"""What holds at every kind of server, tried against a real one."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from synapse.destinations import Destination, DestinationError
from synapse.destinations import connection as module
from tests.destinations.conftest import Servers
from tests.parts.servers import KINDS, PASSWORD, RunningServer, s3_client

SOON = 30.0
"""Seconds; on an idle machine it is one or two, but the first use of a library can take ten on a busy one."""
Opener = Callable[[RunningServer], Destination]
ROOT = Path(__file__).resolve().parents[2]
NAMES = [
    'plain.mp4',
    'Talk [id] #1 100%.mp4',
    'What is it?.mp4',
    'a%20b+c&d=e;f.mp4',
    'say "when": now*.mp4',
    "it's `x` $(y) \\ z.mp4",
    'Привет 漢字 ไทย 👩‍🚀.mp4',
    ' -rf ~ .mp4',
    'CON.mp4',
    'end.',
]
# WsgiDAV cuts the target of a MOVE at ? and ;.
REFUSED = {
    'webdav': ['What is it?.mp4', 'a%20b+c&d=e;f.mp4'],
    'smb': ['What is it?.mp4', 'say "when": now*.mp4', "it's `x` $(y) \\ z.mp4", 'CON.mp4', 'end.'],
}
DELIVERY = """
import json, sys, time
from pathlib import Path
from synapse.destinations import Destination
order = json.loads(sys.argv[1])
delivery = Destination(order['address'], order['secrets'], known_hosts=order['known_hosts'])
delivery.prepare()

def wait(sent):
    if sent > 20_000_000:
        print('sending', flush=True)
        time.sleep(60)

delivery.put(Path(order['file']), 'film.mp4', sent=wait)
"""


@pytest.fixture(scope='module')
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('film') / 'film.mp4'
    path.write_bytes(os.urandom(1024**2) * 24)
    return path


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Opens the folder of a server, and closes it after the test."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(server.opened())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / 'small.bin'
    path.write_bytes(os.urandom(70_001))
    return path


def everything(server: RunningServer) -> list[str]:
    """All that the server has in the folder, with what is hidden or invisible."""
    if server.folder is not None:
        return sorted(path.name for path in server.folder.iterdir())
    client, prefix = s3_client(server.secrets), server.address.removeprefix('s3://bucket/')
    kept = client.list_objects_v2(Bucket='bucket', Prefix=prefix).get('Contents', [])
    parts = client.list_multipart_uploads(Bucket='bucket', Prefix=prefix).get('Uploads', [])
    return sorted([item['Key'].rpartition('/')[2] for item in kept] + [f'upload of {item["Key"]}' for item in parts])


def test_a_file_arrives_whole_under_its_whole_address(server: RunningServer, film: Path, opened: Opener) -> None:
    delivery = opened(server)

    address = delivery.put(film, 'film.mp4')

    assert address == f'{server.address}/film.mp4'
    with delivery.open('film.mp4') as file:
        assert file.read() == film.read_bytes()
    assert everything(server) == ['film.mp4']


def test_a_taken_name_is_left_alone_unless_it_is_to_be_replaced(
    server: RunningServer, small: Path, opened: Opener
) -> None:
    delivery = opened(server)
    delivery.put(small, 'a.bin')
    before = small.read_bytes()
    small.write_bytes(b'newer')

    with pytest.raises(DestinationError, match=r'/a\.bin already exists'):
        delivery.put(small, 'a.bin')
    with delivery.open('a.bin') as file:
        assert file.read() == before
    delivery.put(small, 'a.bin', replace=True)

    with delivery.open('a.bin') as file:
        assert file.read() == b'newer'
    assert everything(server) == ['a.bin']
    assert delivery.free_stem('a', ('.bin', '.txt'), 'rename') == 'a-2'


def test_a_stopped_delivery_leaves_nothing(server: RunningServer, film: Path, opened: Opener) -> None:
    delivery = opened(server)

    def stop(sent: int) -> None:
        if sent > 20_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        delivery.put(film, 'film.mp4', sent=stop)

    assert everything(server) == []
    delivery.put(film, 'film.mp4')
    assert everything(server) == ['film.mp4']


@pytest.mark.parametrize('name', NAMES)
def test_a_name_arrives_as_it_is_or_is_refused_before(
    server: RunningServer, small: Path, name: str, opened: Opener
) -> None:
    delivery = opened(server)

    if name in REFUSED.get(server.kind, ()):
        with pytest.raises(DestinationError, match=re.escape(f'takes no file called {name}')):
            delivery.check_name(name)
        assert everything(server) == []
        return
    delivery.check_name(name)
    assert everything(server) == []
    delivery.put(small, name)

    assert everything(server) == [name]
    assert delivery.names() == [name]
    assert delivery.exists(name)


@contextmanager
def sending(server: RunningServer, film: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of a delivery."""
    order = {'address': server.address, 'secrets': server.secrets, 'known_hosts': server.known_hosts}
    process = subprocess.Popen(
        [sys.executable, '-c', DELIVERY, json.dumps(order | {'file': str(film)})],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == 'sending\n'
        yield process
    finally:
        process.kill()
        process.communicate()


def test_what_a_killed_process_leaves_is_gone_with_the_next_delivery(
    server: RunningServer, film: Path, small: Path, opened: Opener
) -> None:
    with sending(server, film) as process:
        begun = everything(server)
        assert begun
        assert 'film.mp4' not in begun

        opened(server).put(small, 'other.bin')
        assert [name for name in everything(server) if name != 'other.bin'] == begun, 'it was still being written'

        process.send_signal(signal.SIGKILL)
        process.wait()
    opened(server)

    assert everything(server) == ['other.bin']


def test_a_connection_that_was_closed_meanwhile_is_made_again(
    server: RunningServer, small: Path, monkeypatch: pytest.MonkeyPatch, opened: Opener
) -> None:
    delivery = opened(server)
    server.restart()
    monkeypatch.setattr(module, 'IDLE_SECONDS', 0.0)

    delivery.put(small, 'a.bin')

    assert everything(server) == ['a.bin']


def test_a_server_that_dies_is_a_sentence_without_the_password(
    server: RunningServer, film: Path, opened: Opener
) -> None:
    delivery = opened(server)
    started = time.monotonic()

    def cut(sent: int) -> None:
        if sent == 4 * 1024**2:
            server.program.cut()

    try:
        with pytest.raises(DestinationError) as failed:
            delivery.put(film, 'film.mp4', sent=cut)
    finally:
        server.restart()

    assert time.monotonic() - started < SOON
    assert failed.value.message.startswith(f'The destination {server.address} cannot be written: ')
    assert PASSWORD not in failed.value.message + failed.value.hint
    opened(server)
    assert everything(server) == []


def test_a_server_that_is_gone_when_it_is_needed_again_is_a_sentence(
    server: RunningServer, small: Path, monkeypatch: pytest.MonkeyPatch, opened: Opener
) -> None:
    delivery = opened(server)
    monkeypatch.setattr(module, 'IDLE_SECONDS', 0.0)
    server.program.cut()

    try:
        for work in (lambda: delivery.put(small, 'a.bin'), lambda: delivery.check_name('a.bin'), delivery.names):
            with pytest.raises(DestinationError, match=re.escape(f'The destination {server.address} cannot be ')):
                work()
    finally:
        server.restart()

    delivery.put(small, 'a.bin')
    assert everything(server) == ['a.bin']


@pytest.mark.parametrize('kind', KINDS)  # moto keeps what is larger than 5 MB in files, which the system refuses
def test_a_full_disk_is_a_sentence_and_leaves_nothing(
    servers: Servers, kind: str, film: Path, small: Path, opened: Opener
) -> None:
    server = servers.get(kind, is_full=True)
    delivery = opened(server)

    with pytest.raises(DestinationError, match=r'cannot be written|bytes arrived'):
        delivery.put(film, 'film.mp4')

    assert everything(server) == []
    delivery.put(small, 'small.bin')
    delivery.remove('small.bin')


def test_a_wrong_password_is_said_soon_and_not_repeated(server: RunningServer) -> None:
    started = time.monotonic()
    wrong = server.secrets | {'destination_password': 'not-this-1', 'destination_key_file': ''}
    if server.kind == 's3':
        pytest.skip('moto takes any key')

    with (
        pytest.raises(DestinationError) as refused,
        Destination(server.address, wrong, known_hosts=server.known_hosts) as destination,
    ):
        destination.prepare()

    assert time.monotonic() - started < SOON
    assert 'not-this-1' not in refused.value.message


@pytest.mark.parametrize(('kind', 'address'), [('s3', 's3://buckt/x'), ('smb', 'smb://{host}/sahre/x')])
def test_a_mistyped_bucket_or_share_is_said_soon_and_not_made(servers: Servers, kind: str, address: str) -> None:
    server = servers.get(kind)
    started = time.monotonic()

    mistyped = Destination(address.format(host=server.address.split('/')[2]), server.secrets)
    with mistyped, pytest.raises(DestinationError, match=r'There is no bucket buckt|There is no share sahre'):
        mistyped.prepare()

    assert time.monotonic() - started < SOON
    if kind == 's3':
        assert [item['Name'] for item in s3_client(server.secrets).list_buckets()['Buckets']] == ['bucket']


def test_a_server_that_does_not_answer_is_said_soon() -> None:
    started = time.monotonic()

    with pytest.raises(DestinationError, match=r'ftp://127\.0\.0\.1:9/x cannot be opened: Connection refused'):
        Destination('ftp://127.0.0.1:9/x')

    assert time.monotonic() - started < SOON


def test_an_unknown_host_key_is_not_trusted_and_a_changed_one_refused(servers: Servers, tmp_path: Path) -> None:
    from synapse.destinations import known_hosts
    from synapse.destinations.errors import HostKeyChanged, HostKeyUnknown

    server, file = servers.get('sftp'), tmp_path / 'known_hosts'
    with pytest.raises(HostKeyUnknown, match='SHA256:') as unknown:
        Destination(server.address, server.secrets, known_hosts=str(file))

    known_hosts.accept(file, unknown.value.key)
    with Destination(server.address, server.secrets, known_hosts=str(file)) as destination:
        destination.prepare()

    other = 'AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    file.write_text(f'{unknown.value.key.host} ssh-ed25519 {other}\n')
    with pytest.raises(HostKeyChanged, match='shows another key') as changed:
        Destination(server.address, server.secrets, known_hosts=str(file))
    assert str(file) in changed.value.hint
