"""A calendar is read whole or not at all, and a redirect leads no further inside than the address that was typed."""

import gzip
import os
import socket
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from synapse.ical.reading import MAX_BYTES
from synapse.subscriptions.fetching import MAX_REDIRECTS, NotRead, Reach, _check_redirect, _reach, fetch
from tests.parts.calendar_server import CalendarServer, answering, calendar_server, send

TEXT = b'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n'
QUICK = httpx.Timeout(0.3)


@pytest.fixture
def server() -> Iterator[CalendarServer]:
    with calendar_server() as server:
        server.text = TEXT
        yield server


async def refusal(url: str) -> str:
    with pytest.raises(NotRead) as caught:
        await fetch(url, timeout=QUICK, deadline=2)
    assert 'calendar.ics' not in f'{caught.value.message} {caught.value.hint}'
    return caught.value.message


async def test_the_second_read_of_the_same_has_no_text(server: CalendarServer) -> None:
    first = await fetch(server.address())
    again = await fetch(server.address(), etag=first.etag, last_modified=first.last_modified)

    assert (first.text, again.text) == (TEXT, None)
    assert server.asked[1]['if-none-match'] == first.etag


async def test_the_date_of_the_last_version_is_sent_back(server: CalendarServer) -> None:
    date = 'Mon, 30 Nov 2026 01:00:00 GMT'
    server.answer = answering(200, TEXT, Last_Modified=date)

    first = await fetch(server.address())
    await fetch(server.address(), last_modified=first.last_modified)

    assert (first.last_modified, server.asked[1]['if-modified-since']) == (date, date)


@pytest.mark.parametrize(('status', 'words'), [(404, '404 Not Found'), (500, '500'), (401, '401'), (204, '204')])
async def test_another_answer_is_named(server: CalendarServer, status: int, words: str) -> None:
    server.answer = answering(status, b'')

    assert f'127.0.0.1 answered {words}' in await refusal(server.address())


async def test_a_server_that_is_not_there_is_named_with_the_reason() -> None:
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]

    assert await refusal(f'http://127.0.0.1:{port}/') == f'127.0.0.1:{port} could not be reached: Connection refused.'


def self_signed(folder: Path) -> Path:
    """A file with a certificate for localhost that nobody else has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'localhost')])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName('localhost')]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / 'server.pem'
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return path


async def test_a_server_is_trusted_by_its_certificate(
    server: CalendarServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = self_signed(tmp_path)
    server.encrypt(pem)
    address = server.address(host='localhost').replace('http:', 'https:')

    refused = await refusal(address)
    monkeypatch.setenv('SSL_CERT_FILE', str(pem))
    trusted = await fetch(address)

    place = f'localhost:{server.port}'
    assert refused == f'{place} could not be reached: its certificate is not trusted (self-signed certificate).'
    assert trusted.text == TEXT


async def test_a_server_that_does_not_answer_is_given_up(server: CalendarServer) -> None:
    server.answer = lambda _: server.closing.wait(20) and None

    assert 'did not answer in time' in await refusal(server.address())


async def test_a_server_that_answers_a_byte_at_a_time_is_given_up(server: CalendarServer) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not server.closing.wait(0.05):
            request.wfile.write(b'x')

    server.answer = drip

    assert 'did not answer in time' in await refusal(server.address())


@pytest.mark.parametrize('is_stated', [True, False])
async def test_a_calendar_that_is_too_large_is_not_read_to_its_end(server: CalendarServer, is_stated: bool) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        if is_stated:
            request.send_header('Content-Length', str(MAX_BYTES + 1))
        request.end_headers()
        request.close_connection = True
        for _ in range(2 * MAX_BYTES // 100_000):
            request.wfile.write(b'x' * 100_000)

    server.answer = endless
    with pytest.raises(NotRead) as caught:
        await fetch(server.address())

    assert caught.value.message == 'The calendar of 127.0.0.1 is larger than 10 MB.'


@pytest.mark.parametrize('is_chunked', [True, False])
async def test_an_answer_that_ends_too_early_is_no_answer(server: CalendarServer, is_chunked: bool) -> None:
    def cut(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        length = {'Transfer-Encoding': 'chunked'} if is_chunked else {'Content-Length': '1000'}
        for name, value in length.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(b'10\r\nBEGIN:VCALENDAR\n\r\n' if is_chunked else b'BEGIN:VCALENDAR')
        request.close_connection = True

    server.answer = cut

    assert 'ended its answer too early' in await refusal(server.address())


# Compressed


async def test_a_compressed_calendar_of_several_members_is_read_whole(server: CalendarServer) -> None:
    body = gzip.compress(TEXT[:10]) + gzip.compress(TEXT[10:]) + b'\0' * 20
    server.answer = answering(200, body, Content_Encoding='gzip')

    assert (await fetch(server.address())).text == TEXT
    assert server.asked[0]['accept-encoding'] == 'gzip'


@pytest.mark.parametrize(
    ('encoding', 'body', 'message'),
    [
        ('gzip', gzip.compress(os.urandom(1000))[:-40], '127.0.0.1 ended its answer too early.'),
        ('gzip', b'BEGIN:VCALENDAR', '127.0.0.1 sent something that is not gzip.'),
        ('br', b'x', '127.0.0.1 answered in an encoding that was not asked for.'),
    ],
    ids=['cut', 'plain', 'unasked'],
)
async def test_what_cannot_be_decoded_to_its_end_is_refused(
    server: CalendarServer, encoding: str, body: bytes, message: str
) -> None:
    server.answer = answering(200, body, Content_Encoding=encoding)

    assert await refusal(server.address()) == message


async def test_a_small_answer_that_grows_beyond_the_limit_is_not_decoded_to_its_end(server: CalendarServer) -> None:
    server.answer = answering(200, gzip.compress(bytes(500_000_000), 9), Content_Encoding='gzip')

    tracemalloc.start()
    with pytest.raises(NotRead, match='larger than 10 MB'):
        await fetch(server.address())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 6 * MAX_BYTES


# Redirects


async def test_a_redirect_is_followed(server: CalendarServer) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.path == '/new':
            server.publish(request)
        else:
            send(request, 302, Location='/new')

    server.answer = answer

    assert (await fetch(server.address())).text == TEXT


async def test_redirects_in_a_circle_end(server: CalendarServer) -> None:
    server.answer = answering(302, Location='/again')

    assert f'redirects more than {MAX_REDIRECTS} times' in await refusal(server.address())


@pytest.mark.parametrize('target', ['file:///etc/passwd', 'ftp://example.org/x', 'gopher://x/'])
async def test_a_redirect_to_another_scheme_is_refused(server: CalendarServer, target: str) -> None:
    server.answer = answering(302, Location=target)

    assert 'redirects to something that is no web address' in await refusal(server.address())


@pytest.mark.parametrize('target', ['http://[::1', 'http://a:b:c/', 'data:text/calendar,x', ''])
async def test_a_redirect_that_cannot_be_read_is_an_error_of_the_calendar(server: CalendarServer, target: str) -> None:
    server.answer = answering(302, Location=target)

    await refusal(server.address())


def own_address() -> str:
    """The address of this machine in its network; empty if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(('192.0.2.1', 9))
        except OSError:
            return ''
        return str(probe.getsockname()[0])


async def test_a_server_of_the_network_cannot_lead_to_this_machine(server: CalendarServer) -> None:
    host = own_address()
    if _reach(host) not in (Reach.NETWORK, Reach.PUBLIC):
        pytest.skip('this machine is in no network')
    with calendar_server('0.0.0.0') as outer:  # noqa: S104
        outer.answer = answering(302, Location=server.address())
        message = await refusal(outer.address(host=host))

    assert message.endswith('redirects into the network of this machine, which only an address that you type may do.')
    assert server.paths == []


@pytest.mark.parametrize(
    'target',
    [
        'http://127.0.0.1/',
        'http://localhost:8000/',
        'http://[::1]/',
        'http://169.254.169.254/latest/',
        'http://0.0.0.0/',
        'http://10.0.0.1/',
        'http://192.168.1.1/',
        'http://[::ffff:127.0.0.1]/',
        'http://[fe80::1]/',
        'http://[fd00::1]/',
    ],
)
async def test_a_public_server_cannot_lead_into_the_network(target: str) -> None:
    with pytest.raises(NotRead):
        await _check_redirect(httpx.URL('http://93.184.215.14/'), httpx.URL(target), Reach.PUBLIC)


async def test_a_redirect_away_from_encryption_is_refused() -> None:
    with pytest.raises(NotRead, match='without encryption'):
        await _check_redirect(httpx.URL('https://93.184.215.14/'), httpx.URL('http://93.184.215.14/'), Reach.PUBLIC)


async def test_who_answers_is_checked_again(server: CalendarServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to a public address for the check, and to this machine for the connection."""

    async def public(_: httpx.URL) -> Reach:
        return Reach.PUBLIC

    monkeypatch.setattr('synapse.subscriptions.fetching._reach_of', public)

    assert 'redirects into the network of this machine' in await refusal(server.address())


@pytest.mark.parametrize(
    ('address', 'reach'),
    [
        ('127.0.0.2', Reach.MACHINE),
        ('fe80::1%eth0', Reach.MACHINE),
        ('::', Reach.MACHINE),
        ('10.1.2.3', Reach.NETWORK),
        ('100.64.0.1', Reach.NETWORK),
        ('fd12::1', Reach.NETWORK),
        ('8.8.8.8', Reach.PUBLIC),
        ('2a00:1450::1', Reach.PUBLIC),
    ],
)
def test_how_far_away_an_address_is(address: str, reach: Reach) -> None:
    assert _reach(address) is reach
