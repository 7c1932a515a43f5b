"""Why a server cannot be used is said in one sentence, with advice that fits: against real servers of all kinds."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

from synapse.destinations import Destination, DestinationError
from tests.destinations.conftest import Servers

LOGIN = {'destination_username': 'anna', 'destination_password': 'wrong-1'}


class _Website(BaseRequestHandler):
    def handle(self) -> None:
        """Answer as a web server does to what it does not understand."""
        self.request.recv(65536)
        self.request.sendall(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')


@pytest.fixture(scope='module')
def website() -> Iterator[str]:
    """The host and port of a web server that knows no WebDAV and no TLS."""
    with ThreadingTCPServer(('127.0.0.1', 0), _Website) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'127.0.0.1:{server.server_address[1]}'
        server.shutdown()
        thread.join()


@pytest.fixture
def closed_port() -> str:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        return f'127.0.0.1:{taken.getsockname()[1]}'


def failure(address: str, secrets: dict[str, str], known_hosts: str = '') -> tuple[str, str]:
    """Return the reason why a destination cannot be used, and what to do."""
    with pytest.raises(DestinationError) as failed, Destination(address, secrets, known_hosts=known_hosts) as place:
        place.prepare()
    assert not any(word in failed.value.message for word in ('Errno', '_ssl.c', '^[', 'wrong-1'))
    assert failed.value.message.startswith(f'The destination {address} cannot be ')
    return failed.value.message.partition(': ')[2], failed.value.hint


def s3_at(endpoint: str) -> dict[str, str]:
    return LOGIN | {'destination_endpoint_url': endpoint}


@pytest.mark.parametrize('kind', ['sftp', 'ftp', 'webdav', 'webdavs', 'smb'])
def test_what_is_wrong_with_the_way_to_a_server(servers: Servers, kind: str, closed_port: str) -> None:
    servers.get(kind.removesuffix('s') if kind == 'webdavs' else kind)

    no_host = failure(f'{kind}://no-such-host.invalid/share/x', LOGIN)
    nothing = failure(f'{kind}://{closed_port}/share/x', LOGIN)

    assert no_host == ('there is no host called no-such-host.invalid.', 'Check its spelling, and the network.')
    assert nothing == (f'nothing listens at {closed_port}.', 'Check the port, and that the server is running.')


@pytest.mark.parametrize(('kind', 'name'), [('sftp', 'an SSH'), ('webdav', 'a WebDAV'), ('smb', 'an SMB')])
def test_a_website_is_not_taken_for_another_server(
    servers: Servers, website: str, kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.get(kind)
    monkeypatch.setattr('synapse.destinations.smb.CONNECT_SECONDS', 60)  # on a busy machine an answer may take long

    reason, hint = failure(f'{kind}://{website}/share/x', LOGIN)

    assert reason == f'what answers at {website} is not {name} server.'
    assert hint.startswith('Check host and port: ')


def test_a_server_that_speaks_no_https_is_said_to_speak_none(servers: Servers, website: str) -> None:
    servers.get('webdav')
    servers.get('s3')

    webdav = failure(f'webdavs://{website}/x', LOGIN)
    s3 = failure('s3://bucket/x', s3_at(f'https://{website}'))

    assert webdav[0] == s3[0] == f'{website} does not speak https.'
    assert webdav[1].endswith('or write webdav://, which is unencrypted.')
    assert s3[1].endswith('or write http:// in the endpoint, which is unencrypted.')


def test_a_server_that_says_nothing_did_not_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('synapse.destinations.ftp.CONNECT_SECONDS', 0.3)
    with socket.create_server(('127.0.0.1', 0)) as mute:
        place = f'127.0.0.1:{mute.getsockname()[1]}'

        reason, hint = failure(f'ftp://{place}/x', LOGIN)

    assert reason == f'{place} did not answer in time.'
    assert hint == 'Check host and port, and that an FTP server answers there.'


@pytest.mark.parametrize('kind', ['sftp', 'ftp', 'webdav', 'smb'])
def test_a_login_that_is_refused_or_missing(servers: Servers, kind: str) -> None:
    server = servers.get(kind)

    refused = failure(server.address, LOGIN, server.known_hosts)

    assert refused == (
        '127.0.0.1 refused the user or the password.',
        'Enter them again in the fields of the profile.',
    )
    if kind in ('ftp', 'webdav'):
        missing = failure(server.address, {})
        assert missing == ('127.0.0.1 asks for a user and a password.', 'Enter them in the fields of the profile.')


def test_what_is_wrong_with_s3(servers: Servers, closed_port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server = servers.get('s3')
    monkeypatch.setenv('AWS_EC2_METADATA_DISABLED', 'true')
    endpoint = server.secrets['destination_endpoint_url']

    without_keys = failure('s3://bucket/x', {'destination_endpoint_url': endpoint})
    no_name = failure('s3://bucket with space/x', server.secrets)
    no_bucket = failure('s3://no-such-bucket/x', server.secrets)
    no_host = failure('s3://bucket/x', s3_at('http://no-such-host.invalid'))
    nothing = failure('s3://bucket/x', s3_at(f'http://{closed_port}'))

    assert without_keys == (
        'the access key and the secret key are missing.',
        'Enter them in the fields of the profile.',
    )
    assert no_name[0] == 'a bucket cannot be called bucket with space.'
    assert no_bucket == ('there is no bucket no-such-bucket.', 'Check its name, or create it first.')
    assert no_host[0] == 'there is no host called no-such-host.invalid.'
    assert nothing[0] == f'nothing listens at {closed_port}.'


def test_an_unknown_kind_of_address_says_which_there_are() -> None:
    with pytest.raises(DestinationError) as unknown:
        Destination('floppy://a/x')
    reason, hint = failure('gs://bucket/x', {})

    assert unknown.value.message == 'floppy:// is not a known kind of address.'
    for kind in ('a folder', 'sftp://', 'ftp://', 'webdav://', 'webdavs://', 's3://', 'smb://'):
        assert kind in unknown.value.hint
        assert kind in hint
    assert reason == 'the package gcsfs is not installed.'


@pytest.mark.parametrize('kind', ['sftp', 'webdav'])
def test_a_file_on_a_server_is_not_taken_for_a_folder(servers: Servers, kind: str, tmp_path: Path) -> None:
    server = servers.get(kind).with_folder(f'not-a-folder-{kind}')
    assert server.folder is not None
    server.folder.parent.mkdir(parents=True, exist_ok=True)
    server.folder.write_text('x')

    reason, hint = failure(server.address, server.secrets, server.known_hosts)

    assert reason.endswith(f'/not-a-folder-{kind} is a file, not a folder.')
    assert hint == 'Choose a folder.'
