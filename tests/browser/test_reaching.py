"""A person comes from elsewhere, through real proxies and ssh: signs in, looks around, drops a file, leaves."""

import base64
import hashlib
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import BrowserContext, Playwright, Request, expect

from tests.browser.test_drop_anywhere import DROP, NOTES
from tests.parts import proxies
from tests.parts.chromium import ARGUMENTS
from tests.parts.forked import forked
from tests.parts.harness import ROOT, SynapseUnderTest, wait_until
from tests.parts.proxies import NAME

pytestmark = pytest.mark.browser

BEHIND = ('--allow-host', f'https://{NAME}', '--trusted-proxy', '127.0.0.1')
PAGES = (
    '',
    'runs',
    'runs/1',
    'logs',
    'scheduler',
    'scheduler?view=week',
    'scheduler?view=agenda',
    'pipelines',
    'profiles',
    'settings',
)
Start = Callable[[Path, int], AbstractContextManager[int]]
WAYS: dict[str, tuple[str, Start]] = {
    'nginx, name': ('', lambda home, port: proxies.nginx(home, port, 'nginx, under a name')),
    'nginx, path': ('/synapse', lambda home, port: proxies.nginx(home, port, 'nginx, below a path')),
    'nginx, path removed': (
        '/synapse',
        lambda home, port: proxies.nginx(home, port, 'nginx, below a path', strips=True),
    ),
    'caddy, name': ('', lambda home, port: proxies.caddy(home, port, 'Caddy, under a name')),
    'caddy, path removed': ('/synapse', lambda home, port: proxies.caddy(home, port, 'Caddy, below a path')),
    'haproxy, name': (
        '',
        lambda home, port: proxies.haproxy(home, port, 'HAProxy, under a name, with the standard header Forwarded'),
    ),
}
ADDRESSES = """() => [...document.querySelectorAll('*')].flatMap((element) =>
    ['href', 'src', 'action', 'poster', 'data'].map((name) => element.getAttribute(name)).filter((value) =>
        value && (value.startsWith('/') || value.startsWith(location.origin))))"""
FETCH = """async (url) => {
    const answer = await fetch(url, { credentials: 'omit' });
    return [answer.status, await answer.text()];
}"""
FIRST_MESSAGE = """() => new Promise((done, fail) => {
    const socket = new WebSocket(location.origin.replace('http', 'ws') + synapse.at('/ws/updates'));
    socket.onmessage = (event) => { socket.close(); done(event.data); };
    socket.onerror = () => fail(new Error('no socket'));
})"""


class Visit:
    """A tab of a person from elsewhere, and all that went wrong in it.

    :param address: where they find the room, with a slash at its end
    """

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.address = address
        self.problems: list[str] = []
        self.sockets: list[str] = []
        context.set_default_timeout(30_000)
        context.on('console', lambda said: self.problems.append(said.text) if said.type == 'error' else None)
        context.on('weberror', lambda error: self.problems.append(str(error.error)))
        context.on('request', self._look_at)
        self.page = context.new_page()
        self.page.on('websocket', lambda socket: self.sockets.append(socket.url))

    def _look_at(self, request: Request) -> None:
        if not request.url.startswith((self.address, 'data:', 'blob:')):
            self.problems.append(f'asked for {request.url}')

    def sign_in(self, link: str) -> None:
        assert link.startswith(self.address)
        self.page.goto(link)
        self.page.wait_for_url(self.address)
        self.is_live()

    def is_live(self) -> None:
        expect(self.page.locator('html')).to_have_attribute('data-connection', 'live')

    def look_around(self) -> None:
        """Open the docs of the API and each page, and find no address on it that leads elsewhere."""
        base = re.sub(r'^https?://[^/]+', '', self.address)
        self.page.goto(f'{self.address}api/v1/docs')
        expect(self.page.get_by_text('/runs/{id}/retry')).to_be_visible()
        expect(self.page.locator('.servers select')).to_have_value(f'{base}api/v1')
        for path in PAGES:
            self.page.goto(f'{self.address}{path}')
            self.is_live()
            assert self.page.url == f'{self.address}{path}'
            found = self.page.evaluate(ADDRESSES)
            assert f'{base}settings' in found
            outside = [value for value in found if not value.startswith((base, self.address))]
            assert not outside, f'{path}: {outside}'

    def drop_a_file(self, program: SynapseUnderTest) -> None:
        self.page.get_by_role('link', name='Logs').first.click()
        self.page.wait_for_url(f'{self.address}logs')
        self.page.evaluate(DROP, [[['one.note', 'first']], '.sy-main'])
        self.page.get_by_text('one.note became run #1 of Notes.').wait_for()
        self.page.get_by_role('button', name='Show').click()
        self.page.wait_for_url(f'{self.address}runs/1')
        with program.api as api:
            wait_until(
                lambda: api.get('/runs').json()['runs'][0]['state'] == 'succeeded', timeout=60, what=lambda: 'run'
            )
        expect(self.page.get_by_text('Succeeded').first).to_be_visible()

    def subscribe(self) -> None:
        """The address of the calendar, as shown here, works from here, without being signed in."""
        self.page.goto(f'{self.address}settings')
        self.page.get_by_role('button', name='Create an address').click()
        self.page.get_by_role('button', name='Show the address').click()
        shown = self.page.locator('.feed-address')
        expect(shown).to_contain_text('.ics')
        feed = shown.inner_text()
        assert feed.startswith(f'{self.address}api/v1/scheduler/feed/')
        status, text = self.page.evaluate(FETCH, feed)
        assert (status, text.splitlines()[0]) == (200, 'BEGIN:VCALENDAR')

    def leave(self) -> None:
        self.page.get_by_role('button', name='Sign out').click()
        self.page.wait_for_url(f'{self.address}login')
        self.page.goto(f'{self.address}runs')
        self.page.wait_for_url(f'{self.address}login')

    def has_cookies(self) -> None:
        """Sent only where they belong."""
        cookies = self.page.context.cookies(self.address)
        session = next(cookie for cookie in cookies if not cookie['name'].endswith('_tabs'))
        assert session['httpOnly']
        assert session['secure'] is self.address.startswith('https')
        assert session['path'] == (re.sub(r'^https?://[^/]+|/$', '', self.address) or '/')


def key_at(port: int) -> str:
    """The public key of the certificate that is shown for the name at this port: its SHA-256, as base64."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(('127.0.0.1', port), timeout=20) as connection,
        context.wrap_socket(connection, server_hostname=NAME) as server,
    ):
        shown = server.getpeercert(binary_form=True)
    assert shown is not None
    key = x509.load_der_x509_certificate(shown).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


@contextmanager
def visit(playwright: Playwright, chromium_path: str | None, address: str, port: int) -> Iterator[Visit]:
    """A visit from a machine on which the name leads to this port, and that trusts the certificate found there."""
    arguments = [*ARGUMENTS, f'--host-resolver-rules=MAP {NAME}:443 127.0.0.1:{port}']
    if address.startswith('https:'):
        # With `ignore_https_errors` each request that finds the certificate wrong starts anew, and now and then
        # Chromium gives one up: ERR_TOO_MANY_RETRIES.
        arguments.append(f'--ignore-certificate-errors-spki-list={key_at(port)}')
    browser = playwright.chromium.launch(executable_path=chromium_path, args=arguments)
    context = browser.new_context(reduced_motion='reduce')
    try:
        yield Visit(context, address)
    finally:
        browser.close()


@contextmanager
def started(data: Path, *flags: str) -> Iterator[SynapseUnderTest]:
    program = forked(data, '--workers', '1', *flags)
    program.write_pipeline('notes.py', NOTES)
    program.start()
    program.wait_for_pipeline('Notes')
    try:
        yield program
    finally:
        program.stop()


def require(program: str) -> None:
    reason = proxies.missing(program)
    if reason and os.environ.get('CI') == 'true':
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.mark.parametrize('way', WAYS)
def test_a_person_comes_through_a_proxy(
    way: str, tmp_path: Path, playwright: Playwright, chromium_path: str | None
) -> None:
    require(way.partition(',')[0])
    base, proxy = WAYS[way]
    address = f'https://{NAME}{base}/'
    with (
        started(tmp_path / 'data', *BEHIND, '--base-path', base) as program,
        proxy(tmp_path, program.port) as port,
        visit(playwright, chromium_path, address, port) as person,
    ):
        wait_until(lambda: any('From elsewhere: ' in line for line in program.output), timeout=20)
        line = next(line for line in program.output if line.startswith('From elsewhere: '))
        person.sign_in(line.removeprefix('From elsewhere: ').strip())
        person.has_cookies()
        person.drop_a_file(program)
        if way == 'nginx, path':
            person.look_around()
        assert '"type":"connected"' in person.page.evaluate(FIRST_MESSAGE)
        person.subscribe()
        person.leave()

        assert person.problems == []
        assert any(socket.startswith(f'wss://{NAME}{base}/_nicegui_ws/') for socket in person.sockets)
        with program.api as api:
            assert api.get('/scheduler/feed').json()['url'].startswith(address)


def test_a_person_comes_through_ssh_at_another_port(
    tmp_path: Path, playwright: Playwright, chromium_path: str | None
) -> None:
    require('sshd')
    with started(tmp_path / 'data') as program, proxies.ssh(tmp_path, program.port) as port:
        address = f'http://127.0.0.1:{port}/'
        command = [sys.executable, 'main.py', 'open', '--data', str(program.data), '--at', address]
        link = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        with visit(playwright, chromium_path, address, port) as person:
            person.sign_in(link)
            person.has_cookies()
            person.drop_a_file(program)
            person.subscribe()
            assert '"type":"connected"' in person.page.evaluate(FIRST_MESSAGE)
            person.leave()
            assert person.problems == []
