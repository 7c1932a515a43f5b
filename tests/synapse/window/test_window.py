"""The real window on a screen of its own: where it is, what it asks, and that Synapse outlives it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.parts.forked import forked
from tests.parts.harness import ROOT, wait_until
from tests.parts.x_screen import XScreen, evaluate, missing_for_windows, x_screen

pytestmark = pytest.mark.timeout(300)
DASHBOARD = "document.querySelector('h1')?.textContent"
QUESTION = "document.querySelector('#leave-question[open]')?.innerText"


class Windows:
    """Synapse with `--native` on a screen."""

    def __init__(self, screen: XScreen, home: Path) -> None:
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            self.port = free.getsockname()[1]
        self.screen = screen
        self.opened = home / 'opened'
        browser = home / 'browser'
        browser.write_text(f'#!/bin/sh\necho "$1" >> {self.opened}\n')
        browser.chmod(0o755)
        (home / 'Downloads').mkdir()
        self.variables = {
            'DISPLAY': screen.name,
            'HOME': str(home),
            'BROWSER': str(browser),
            'XDG_CONFIG_HOME': str(home / 'config'),
            'QTWEBENGINE_DISABLE_SANDBOX': '1',  # Chromium has none for root
            'QTWEBENGINE_REMOTE_DEBUGGING': str(self.port),
            'LANG': 'C.UTF-8',
        }
        self.program = forked(home / 'data', '--native', **self.variables)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, 'main.py', *arguments, '--data', str(self.program.data)]
        environment = os.environ | self.variables
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def wait_for_page(self) -> int:
        """Wait until the window shows the dashboard, and return the window."""
        window = self.screen.wait_for()
        self.wait_for(DASHBOARD, 'Dashboard')
        return window

    def wait_for(self, script: str, text: str) -> str:
        """Wait until this text is in the value of a script."""
        wait_until(lambda: text in (self.page(script) or ''), timeout=60, what=lambda: f'{self.page(script)!r}')
        return str(self.page(script))

    def page(self, script: str) -> object:
        return evaluate(self.port, script)

    def answer(self, window: int, key: str, *, chosen: str) -> None:
        """Press a key in a question, once the keyboard is in the page and on this button."""
        self.screen.focus(window)
        wait_until(lambda: self.page('document.hasFocus()') is True, timeout=30)
        self.wait_for('document.activeElement.textContent', chosen)
        self.screen.press(window, key)

    def wait_until_closed(self) -> None:
        def left() -> str:
            return f'{self.screen.windows()} {self.processes()} {self.page(QUESTION)!r}'

        wait_until(lambda: not self.screen.windows() and not self.processes(), timeout=60, what=left)

    def processes(self) -> list[psutil.Process]:
        """The processes of the window, without those of Chromium."""
        found = []
        for process in psutil.process_iter(['cmdline']):
            words = process.info['cmdline'] or []
            if 'synapse.window' in words and f'--data={self.program.data}' in words:
                found.append(process)
        return found


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[Windows]:
    if missing := missing_for_windows():
        (pytest.fail if os.environ.get('CI') == 'true' else pytest.skip)(f'missing: {missing}')
    with x_screen() as screen:
        started = Windows(screen, tmp_path)
        started.program.start()
        yield started
        started.program.stop()
        for process in started.processes():
            process.kill()


def test_it_comes_back_to_its_place_and_synapse_outlives_it(windows: Windows) -> None:
    screen, program = windows.screen, windows.program
    window = windows.wait_for_page()
    screen.put(window, 210, 70, 1000, 720)
    wait_until(lambda: windows.page('innerWidth') == 1000, timeout=30)

    second = windows.run('--native')

    assert (second.returncode, list(screen.windows())) == (0, [window])
    assert 'Showing its window.' in second.stderr

    run = program.create_run('RunCommand', command=['sleep', '600'])
    program.wait_for_run(run['id'], 'running')
    screen.close(window)
    asked = windows.wait_for(QUESTION, 'Keep Synapse running in the background?')
    windows.answer(window, 'Escape', chosen='Keep running')
    wait_until(lambda: windows.page(QUESTION) is None, timeout=30)
    assert '1 run is running: #1 RunCommand' in asked
    [process] = windows.processes()
    process.kill()
    windows.wait_until_closed()

    assert windows.run('open', '--native').returncode == 0
    window = windows.wait_for_page()
    assert screen.place(window) == (210, 70, 1000, 720)
    screen.close(window)
    windows.answer(window, 'Return', chosen='Keep running')
    windows.wait_until_closed()
    assert program.run(run['id'])['state'] == 'running'


def test_files_come_and_go_other_sites_open_in_the_browser_and_it_stops_synapse(
    windows: Windows, tmp_path: Path
) -> None:
    screen = windows.screen
    window = windows.wait_for_page()
    letter = tmp_path / 'letter.txt'
    letter.write_text('Dear reader')

    windows.page(
        "Object.assign(document.createElement('a'), {href: '/api/v1/scheduler/crontab', download: 'a.cron'}).click()"
    )
    screen.press(screen.wait_for(beside=window), 'Return')
    wait_until(lambda: any((tmp_path / 'Downloads').iterdir()), timeout=30)

    windows.page("location.href = 'https://example.com/elsewhere'")
    wait_until(lambda: windows.opened.exists(), timeout=30)
    assert windows.opened.read_text() == 'https://example.com/elsewhere\n'
    assert windows.page('location.origin + "/"') == windows.program.url

    windows.page("document.body.append(Object.assign(document.createElement('input'), {type: 'file', id: 'probe'}))")
    wait_until(lambda: list(screen.windows()) == [window], timeout=30)
    windows.page("document.querySelector('#probe').click()")
    screen.press(screen.wait_for(beside=window), *str(letter), 'Return')
    wait_until(lambda: windows.page("document.querySelector('#probe').files[0]?.name") == 'letter.txt', timeout=30)

    screen.close(window)
    windows.answer(window, 'Shift+Tab', chosen='Keep running')
    windows.answer(window, 'Return', chosen='Stop Synapse')
    windows.wait_until_closed()
    assert windows.program.process is not None
    assert windows.program.process.wait(60) == 0
