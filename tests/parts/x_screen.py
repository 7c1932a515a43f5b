"""A screen of a test's own, Xvfb, with the windows on it, a keyboard, and what Qt's Chromium shows in a window."""

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.parts.harness import wait_until

NAMES = {' ': 'space', '/': 'slash', '.': 'period', '-': 'minus', '_': 'underscore'}


class XScreen:
    """Asks the X server itself: without a window manager, a window is where it was put."""

    def __init__(self, name: str) -> None:
        from Xlib import XK, X, display
        from Xlib.ext import xtest
        from Xlib.protocol import event

        self.name = name
        self._x, self._xk, self._xtest, self._event = X, XK, xtest, event
        self._display = display.Display(name)

    def windows(self) -> dict[int, str]:
        """Return the visible windows that a person would count, with their titles."""
        found = {}
        for window in self._display.screen().root.query_tree().children:
            with contextlib.suppress(self._gone):
                shown = window.get_attributes().map_state == self._x.IsViewable
                if shown and (title := window.get_wm_name()):
                    found[window.id] = str(title)
        return found

    def wait_for(self, *, beside: int = 0, timeout: float = 60) -> int:
        """Wait for a window, other than `beside`, and return it."""
        wait_until(lambda: bool(self.windows().keys() - {beside}), timeout=timeout, what=lambda: f'{self.windows()}')
        return next(iter(self.windows().keys() - {beside}))

    def place(self, window: int) -> tuple[int, int, int, int]:
        found = self._window(window).get_geometry()
        return found.x, found.y, found.width, found.height

    def put(self, window: int, x: int, y: int, width: int, height: int) -> None:
        self._window(window).configure(x=x, y=y, width=width, height=height)
        self._display.sync()

    def close(self, window: int) -> None:
        """Press the button that closes it."""
        protocols, delete = map(self._display.intern_atom, ('WM_PROTOCOLS', 'WM_DELETE_WINDOW'))
        data = (32, [delete, self._x.CurrentTime, 0, 0, 0])
        self._window(window).send_event(self._event.ClientMessage(window=window, client_type=protocols, data=data))
        self._display.sync()

    def focus(self, window: int) -> None:
        """Let the keyboard type into a window."""
        self._window(window).set_input_focus(self._x.RevertToParent, self._x.CurrentTime)
        self._display.sync()

    def press(self, window: int, *keys: str) -> None:
        """Press keys in a window: names such as `Return` or `Shift+Tab`, or single letters."""
        self.focus(window)
        shift = self._display.keysym_to_keycode(self._xk.XK_Shift_L)
        for key in keys:
            name = key.removeprefix('Shift+')
            code = self._display.keysym_to_keycode(self._xk.string_to_keysym(NAMES.get(name, name)))
            is_shifted = name != key or key == '_' or (len(key) == 1 and key.isupper())
            pressed = [shift, code] if is_shifted else [code]
            for one in pressed:
                self._xtest.fake_input(self._display, self._x.KeyPress, one)
            for one in reversed(pressed):
                self._xtest.fake_input(self._display, self._x.KeyRelease, one)
        self._display.sync()

    def disconnect(self) -> None:
        self._display.close()

    @property
    def _gone(self) -> type[Exception]:
        from Xlib.error import XError

        return XError

    def _window(self, window: int) -> Any:
        return self._display.create_resource_object('window', window)


@contextlib.contextmanager
def x_screen(size: str = '1600x1000') -> Iterator[XScreen]:
    """Start a screen of this size."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as number:
        process = subprocess.Popen(
            ['Xvfb', '-displayfd', str(writing), '-screen', '0', f'{size}x24', '-nolisten', 'tcp'],
            pass_fds=[writing],
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        screen = XScreen(f':{number.readline().strip()}')
        try:
            yield screen
        finally:
            screen.disconnect()
            process.terminate()
            process.wait(30)


def missing_for_windows() -> str:
    """Say what a window needs that is not here; empty if nothing."""
    modules = [name for name in ('webview', 'PyQt6.QtWebEngineCore', 'Xlib') if _is_missing(name)]
    return ', '.join([*modules, *([] if shutil.which('Xvfb') else ['Xvfb'])])


def _is_missing(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is None
    except ModuleNotFoundError:
        return True


def evaluate(port: int, script: str) -> Any:
    """Return the value of a script in the page of a window, as if a person had caused it; None while it has none.

    :param port: at which its Chromium may be inspected
    """
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/json', timeout=10) as listed:
            pages = [page for page in json.load(listed) if page['type'] == 'page']
    except OSError:
        return None
    if not pages:
        return None
    parameters = {'expression': script, 'userGesture': True, 'returnByValue': True}
    try:
        with connect(pages[0]['webSocketDebuggerUrl'], max_size=None) as socket:
            socket.send(json.dumps({'id': 1, 'method': 'Runtime.evaluate', 'params': parameters}))
            answer = json.loads(socket.recv(timeout=30))
    except (OSError, WebSocketException):  # the window was just closed
        return None
    return answer.get('result', {}).get('result', {}).get('value')
