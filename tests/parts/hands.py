"""Two hands on a keyboard: typing as fast as a person who knows the way, and what the page made of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, expect

KEY_MS = 40
LATE = """
    window.held = Promise.resolve();
    Object.defineProperty(WebSocket.prototype, 'onmessage', {{
        set(handler) {{
            this.addEventListener('message', (event) => setTimeout(() => held.then(() => handler(event)), {ms}));
        }},
    }});
"""
"""Whatever the server sends arrives so many milliseconds later, in order, and not before `Hands.ahead` has ended."""
PRESSES = """
    window.pressed = [];
    addEventListener('click', (event) => {
        const name = event.target.closest?.('[data-key]')?.dataset.key;
        if (name && !event.isTrusted) window.pressed.push(name);
    }, true);
"""
"""Notes the names of what shortcuts press."""
MOST_STOPS = 120


class Hands:
    def __init__(self, page: Page) -> None:
        self._page = page

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """Let nothing arrive of what the server sends meanwhile; the page needs `LATE`."""
        self._page.evaluate('() => { window.held = new Promise((done) => { window.release = done; }); }')
        yield
        self._page.evaluate('release()')

    def type(self, text: str) -> None:
        self._page.keyboard.type(text, delay=KEY_MS)

    def press(self, *keys: str) -> None:
        for key in keys:
            self._page.keyboard.press(key, delay=KEY_MS)

    def to(self, goal: Locator, key: str = 'Tab') -> None:
        """Walk the focus there."""
        expect(goal).to_be_visible()
        for _ in range(MOST_STOPS):
            if goal.evaluate('(element) => element === document.activeElement'):
                return
            self._page.keyboard.press(key)
        expect(goal).to_be_focused(timeout=1)

    def clear(self) -> None:
        self._page.evaluate('window.pressed = []')

    @property
    def shortcuts(self) -> list[str]:
        """What shortcuts have pressed."""
        pressed: list[str] = self._page.evaluate('pressed')
        return pressed
