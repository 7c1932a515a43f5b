"""One connection a tab, everything by push, and the truth again after the server was away."""

import re
import signal
import time
from collections.abc import Callable

import httpx
from playwright.sync_api import BrowserContext, Page, Route, WebSocket, expect

from pages.shell.dead_pages import MOST_OF_BROWSERS
from tests.parts.harness import SynapseUnderTest

SignIn = Callable[[SynapseUnderTest], Page]
PLACES = ('Runs', 'Logs', 'Scheduler', 'Pipelines', 'Profiles', 'Settings', 'Dashboard')


def go_to(page: Page, place: str) -> None:
    page.get_by_role('navigation', name='Main').get_by_role('link', name=place).first.click()
    expect(page.get_by_role('banner').get_by_role('heading', name=place)).to_be_visible()


def test_twenty_navigations_use_one_socket(program: SynapseUnderTest, open_tab: SignIn, problems: list[str]) -> None:
    page = open_tab(program)
    sockets: list[str] = []

    def on_socket(socket: WebSocket) -> None:
        sockets.append(socket.url)

    page.on('websocket', on_socket)
    page.goto(program.url)
    for count in range(20):
        go_to(page, PLACES[count % len(PLACES)])

    assert len([url for url in sockets if '_nicegui_ws' in url]) == 1, sockets
    assert problems == []


def test_what_is_sent_while_the_socket_closes_is_no_error(
    program: SynapseUnderTest, sign_in: SignIn, problems: list[str]
) -> None:
    page = sign_in(program)
    expect(page.locator('html')).to_have_attribute('data-connection', 'live')

    sent_while_closing = page.evaluate(
        """() => new Promise((connected) => {
            const { ws } = socket.io.engine.transport;
            ws.close();
            const isClosing = ws.readyState === WebSocket.CLOSING && socket.connected;
            socket.emit('synapse_ping');
            socket.once('connect', () => connected(isClosing));
        })"""
    )

    assert sent_while_closing
    assert problems == []


def test_a_restart_of_the_server_heals_by_itself_and_shows_the_truth(
    program: SynapseUnderTest, sign_in: SignIn
) -> None:
    page = sign_in(program)
    go_to(page, 'Runs')
    port = program.port

    program.kill9()
    expect(page.get_by_text(re.compile('Reconnecting|Offline')).first).to_be_visible(timeout=15_000)
    program.start(port=port)
    run = program.create_run('RunCommand', command=['echo', 'after the restart'])
    program.wait_for_run(run['id'])

    expect(page.get_by_text('Live').first).to_be_visible(timeout=30_000)
    expect(page.get_by_text(f'#{run["number"]}').first).to_be_visible(timeout=30_000)


def test_a_file_that_was_on_its_way_when_the_server_died_is_named_on_the_page_that_comes_back(
    program: SynapseUnderTest, sign_in: SignIn
) -> None:
    page = sign_in(program)
    page.evaluate('window.isBefore = true')
    assert program.process is not None
    program.process.send_signal(signal.SIGSTOP)  # the file is sent, and nobody takes it
    page.locator('.upload-zone input').first.set_input_files(
        {'name': 'talk.mp4', 'mimeType': 'video/mp4', 'buffer': b'12345'}
    )
    expect(page.locator('.upload-zone.is-sending')).to_have_count(1)
    port = program.port

    program.kill9()
    program.start(port=port)

    page.wait_for_function('!window.isBefore', timeout=30_000)
    expect(page.get_by_text('talk.mp4 did not arrive: the connection broke. Drop it again.')).to_be_visible()
    page.reload()
    expect(
        page.get_by_role('region', name='Start a run').or_(page.get_by_role('region', name='First run'))
    ).to_be_visible()
    expect(page.get_by_text('talk.mp4 did not arrive')).to_be_hidden()  # said once


def test_a_browser_that_is_slower_than_its_page_lives_shows_it_all_the_same(
    program: SynapseUnderTest, sign_in: SignIn
) -> None:
    page = sign_in(program)
    loads: list[str] = []

    def overtaken(route: Route) -> None:
        """While this script is on its way others ask for so many pages that this one is given up."""
        loads.append(route.request.url)
        if len(loads) == 1:
            headers = {'Authorization': f'Bearer {program.token}', 'Sec-Fetch-Mode': 'navigate'}
            with httpx.Client(base_url=program.url, headers=headers, timeout=30) as others:
                for _ in range(MOST_OF_BROWSERS + 1):
                    others.get('/').raise_for_status()
        route.continue_()

    page.route('**/nicegui.js', overtaken)
    page.goto(f'{program.url}runs')

    expect(page.get_by_text('Live').first).to_be_visible()
    go_to(page, 'Logs')
    assert len(loads) == 2


def test_a_line_reaches_an_open_page_within_a_moment_and_without_a_reload(
    program: SynapseUnderTest, sign_in: SignIn
) -> None:
    page = sign_in(program)
    go_to(page, 'Logs')
    page.locator('.log-one').first.wait_for()
    started = time.monotonic()

    with program.api as api:
        api.post('/logs', json={'level': 'warning', 'message': 'a line from outside', 'source': 'test'})
    expect(page.get_by_text('a line from outside').first).to_be_visible()
    reached_in = time.monotonic() - started

    started = time.monotonic()
    page.reload()
    expect(page.get_by_text('a line from outside').first).to_be_visible()
    assert reached_in < max(5, time.monotonic() - started), 'a busy machine has as long as a reload takes it'


def test_buttons_say_that_they_wait_for_the_connection(
    program: SynapseUnderTest, context: BrowserContext, sign_in: SignIn
) -> None:
    page = sign_in(program)
    start = page.get_by_role('button', name='New run').first
    expect(page.locator('html')).to_have_attribute('data-connection', 'live')

    context.set_offline(True)
    page.evaluate('() => socket.io.engine.close()')
    expect(start).to_be_disabled()
    expect(start).to_have_attribute('title', 'Offline: this works again as soon as the connection does.')
    expect(page.get_by_role('button', name='Light or dark theme')).to_be_enabled()

    context.set_offline(False)
    expect(start).to_be_enabled(timeout=30_000)
    expect(start).to_have_attribute('title', 'R')
    start.click()
    expect(page.get_by_role('dialog', name='New run')).to_be_visible()
