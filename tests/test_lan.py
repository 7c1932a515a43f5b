"""Reached from other machines: never without a password, slow to guess, encrypted with a certificate of one's own."""

import contextlib
import datetime
import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from synapse.api.gate.own_hosts import REFRESH_SECONDS, OwnHosts
from synapse.api.gate.password_attempts import PasswordAttempts
from synapse.credentials.password import Password
from synapse.errors import Invalid, TooMany
from tests.parts.forked import forked
from tests.parts.harness import PLAIN, ROOT, SynapseUnderTest

EVERYWHERE = '0.0.0.0'  # noqa: S104
PASSWORD = 'correct horse battery'


def command(*arguments: str, stdin: str = '') -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, 'main.py', *arguments],
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / 'password').write_text(f'{PASSWORD}\nnot this line\n')
    return tmp_path / 'password'


@pytest.fixture
def lan(tmp_path: Path, file: Path) -> Iterator[SynapseUnderTest]:
    """A program that every machine could reach."""
    program = forked(tmp_path / 'data', '--host', EVERYWHERE, '--password-file', str(file)).start()
    yield program
    program.stop()


def sign_in(url: str, password: str) -> httpx.Response:
    return httpx.post(f'{url}login', json={'token': password}, verify=PLAIN, timeout=60)


@pytest.mark.parametrize('host', [EVERYWHERE, '::', '192.0.2.1'])
def test_without_a_password_it_does_not_start_for_others(tmp_path: Path, host: str) -> None:
    done = command('--data', str(tmp_path), '--host', host, '--port', '0')

    assert done.returncode == 2
    assert 'set a password first, with python main.py password' in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_password_is_set_from_the_command_line_and_then_counts(tmp_path: Path) -> None:
    data = tmp_path / 'data'
    short = command('password', '--data', str(data), stdin='short\n')
    assert (short.returncode, 'Use 10 to 200 characters' in short.stderr) == (1, True)
    assert command('password', '--data', str(data), stdin=f'{PASSWORD}\n').returncode == 0
    assert PASSWORD not in (data / 'password').read_text()
    program = forked(data, '--host', EVERYWHERE).start()

    assert sign_in(program.url, PASSWORD).status_code == 303
    program.stop()


def test_who_came_in_by_password_goes_out_when_it_changes(tmp_path: Path) -> None:
    data = tmp_path / 'data'
    command('password', '--data', str(data), stdin=f'{PASSWORD}\n')
    program = forked(data, '--host', EVERYWHERE).start()
    cookie = {'Cookie': sign_in(program.url, PASSWORD).headers['set-cookie'].partition(';')[0]}
    with connect(f'{program.url.replace("http", "ws")}ws/updates', additional_headers=cookie) as updates:
        updates.recv()

        done = command('password', '--data', str(data), stdin='another horse battery\n')

        assert done.returncode == 0, done.stderr
        with contextlib.suppress(ConnectionClosed):
            for _ in updates:  # what was on its way
                pass
        assert updates.close_code == 4401
    assert sign_in(program.url, PASSWORD).status_code == 401
    assert sign_in(program.url, 'another horse battery').status_code == 303
    program.stop()


@pytest.mark.parametrize('text', ['', ' ' * 12, 'short', 'x' * 201])
def test_what_is_no_password_is_not_set(tmp_path: Path, text: str) -> None:
    password = Password(tmp_path / 'password')

    with pytest.raises(Invalid):
        password.set(text)

    assert not password.is_set


def test_guessing_is_slow_and_a_link_works_meanwhile(lan: SynapseUnderTest) -> None:
    answers = [sign_in(lan.url, f'guess {number} of many').status_code for number in range(7)]

    assert answers == [401] * 5 + [429] * 2
    late = sign_in(lan.url, PASSWORD)
    assert late.status_code == 429
    assert int(late.headers['retry-after']) <= 12
    assert 'A link works at once' in late.json()['error']['hint']
    code = lan.link.partition('#')[2]
    assert httpx.post(f'{lan.url}auth', json={'code': code}, verify=PLAIN).status_code == 303
    assert sign_in(lan.url, lan.token).status_code == 303


def test_the_form_asks_for_the_password(lan: SynapseUnderTest) -> None:
    page = httpx.get(f'{lan.url}login', verify=PLAIN).text

    assert 'Password or token' in page
    assert 'hidden>This connection is not encrypted' in page  # loopback has no way to listen in


def test_the_password_of_a_file_is_changed_in_the_file(lan: SynapseUnderTest) -> None:
    with lan.api as api:
        answer = api.put('/password', json={'password': 'another horse battery'})

    assert answer.status_code == 422
    assert '--password-file' in answer.json()['error']['fields']['password']


def test_from_another_machine_nobody_sets_the_password(tmp_path: Path) -> None:
    program = forked(tmp_path / 'data', '--trusted-proxy', '127.0.0.1').start()
    with program.api as api:
        answer = api.put(
            '/password', json={'password': 'another horse battery'}, headers={'X-Forwarded-For': '192.0.2.7'}
        )

        assert (answer.status_code, answer.json()['error']['code']) == (403, 'only_here')
        assert api.put('/password', json={'password': 'another horse battery'}).json() == {'is_set': True}
        assert api.put('/password', json={'password': None}).json() == {'is_set': False}
    program.stop()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of this machine, signed by itself; its key is beside it as `.key`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'synapse.example')])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName('synapse.example')]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / 'own.pem'
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    path.with_suffix('.key').write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def test_a_certificate_encrypts_pages_sockets_and_the_command_line(
    tmp_path: Path, file: Path, certificate: Path
) -> None:
    tls = ('--tls-cert', str(certificate), '--tls-key', str(certificate.with_suffix('.key')))
    program = forked(tmp_path / 'data', '--host', EVERYWHERE, '--password-file', str(file), *tls).start()
    trust = ssl.create_default_context(cafile=certificate)
    trust.check_hostname = False

    assert program.url.startswith('https://127.0.0.1:')
    signed_in = httpx.post(f'{program.url}login', json={'token': PASSWORD}, verify=trust)
    assert signed_in.status_code == 303
    assert 'Secure' in signed_in.headers['set-cookie'].split('; ')
    cookie = {'Cookie': signed_in.headers['set-cookie'].partition(';')[0], 'Origin': program.url.rstrip('/')}
    with connect(f'{program.url.replace("https", "wss")}ws/updates', additional_headers=cookie, ssl=trust) as updates:
        assert json.loads(updates.recv())['type'] == 'connected'
    ran = command('run', 'RunCommand', '--set', 'command=echo over TLS', '--data', str(program.data))
    assert ran.returncode == 0, ran.stderr
    assert 'over TLS' in ran.stdout
    assert command('open', '--print', '--data', str(program.data)).stdout.startswith('https://')
    with pytest.raises(httpx.HTTPError):
        httpx.get(program.url.replace('https', 'http'), verify=PLAIN)
    program.stop()
    assert not (program.data / 'tls.pem').exists()


@pytest.mark.parametrize(
    ('flags', 'words'),
    [
        (['--tls-cert', '{cert}'], 'give --tls-cert and --tls-key'),
        (['--tls-cert', '/nowhere.pem', '--tls-key', '/nowhere.key'], '/nowhere.pem cannot be read'),
        (['--tls-cert', '{cert}', '--tls-key', '{cert}'], 'is no certificate with its key'),
        (['--tls-cert', '/nowhere.pem', '--tls-key', '{cert}'], '/nowhere.pem cannot be read'),
        (['--password-file', '/nowhere'], '/nowhere cannot be read'),
        (['--password-file', '/dev/null'], 'is no password: Use 10 to 200 characters'),
        (['--host', EVERYWHERE, '--password-file', '{short}'], 'is no password: Use 10 to 200 characters'),
        (['--base-path', '/runs/below'], 'begins like a page of Synapse itself'),
        (['open', '--at', ''], '--at takes an address'),
        (['open', '--at', 'http://u:p@h:99999/'], '--at takes an address'),
        (['--host', EVERYWHERE, '--no-login'], '--no-login is for this machine only'),
    ],
)
def test_files_that_do_not_fit_are_a_sentence(tmp_path: Path, certificate: Path, flags: list[str], words: str) -> None:
    (tmp_path / 'short').write_text('abc\n')
    files = {'{cert}': str(certificate), '{short}': str(tmp_path / 'short')}
    given = [files.get(flag, flag) for flag in flags]

    done = command('--data', str(tmp_path / 'data'), '--port', '0', *given)

    assert done.returncode == 2
    assert words in done.stderr
    assert 'Traceback' not in done.stderr


def test_on_all_addresses_it_answers_to_the_names_of_this_machine_as_they_change() -> None:
    names, now = {'192.0.2.5'}, 0.0
    hosts = OwnHosts(8000, '127.0.0.1:8000', is_of_all_addresses=True, names=lambda: names, clock=lambda: now)
    assert '192.0.2.5:8000' in hosts
    names = {'192.0.2.6'}
    assert '192.0.2.6:8000' not in hosts

    now += REFRESH_SECONDS + 1

    assert '192.0.2.6:8000' in hosts
    assert '192.0.2.5:8000' not in hosts
    assert '127.0.0.1:8000' in hosts
    assert '192.0.2.6:9000' not in hosts
    assert '0.0.0.0:8000' not in hosts


def test_on_one_address_only_this_one_counts() -> None:
    hosts = OwnHosts(8000, '192.0.2.5:8000', names=lambda: {'192.0.2.6'})

    assert '192.0.2.5:8000' in hosts
    assert '192.0.2.6:8000' not in hosts
    assert f'{socket.gethostname()}:8000' not in hosts


async def test_many_strangers_cannot_use_up_the_turn_of_who_is_known() -> None:
    attempts = PasswordAttempts(lambda address: address == '192.0.2.1')
    for number in range(30):
        await attempts.try_one(f'198.51.100.{number}', lambda: None)

    with pytest.raises(TooMany):
        await attempts.try_one('198.51.100.99', lambda: None)
    assert await attempts.try_one('192.0.2.1', lambda: 'in') == 'in'


async def test_the_addresses_of_one_household_are_one_sender() -> None:
    attempts = PasswordAttempts(lambda _: True)
    for number in range(5):
        await attempts.try_one(f'2001:db8::{number}', lambda: None)

    with pytest.raises(TooMany):
        await attempts.try_one('2001:db8::ffff', lambda: None)
    assert await attempts.try_one('2001:db8:0:1::1', lambda: 'in') == 'in'
