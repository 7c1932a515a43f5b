"""`python -m synapse.window --data DIR`: the process of the window."""

import importlib.util
import sys
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from storage.files import StorageError, make_private_folder
from synapse import program
from synapse.cli.arguments import parse
from synapse.cli.client import api_of, signed_in_link, url_of
from synapse.cli.following import say
from synapse.language import answering_in, read_language, spoken

from . import closing, instance, qt
from .place import LEAST_HEIGHT, LEAST_WIDTH, Place, read_place, write_place

if TYPE_CHECKING:
    from synapse.settings import Settings

ICON = program.ROOT / 'pages' / 'static' / 'icon-192.png'
BACKGROUND = '#0a0e14'
"""That of the pages, until they are drawn."""
ANSWER_SECONDS = 5.0
SIGN_IN = ('/auth', '/login')


def main(arguments: list[str]) -> int:
    """Show the window until it is closed; returns 1 if no control room runs on the data folder."""
    settings = parse(['open', *arguments]).settings
    base = url_of(settings)
    if base is None:
        say(f'Synapse is not running on {settings.data}.')
        return 1
    window = _Window(settings, base)
    with instance.only_window(settings.data, window.obey) as is_first:
        if is_first:
            window.show()
    return 0


class _Window:
    def __init__(self, settings: 'Settings', base: str) -> None:
        self._settings = settings
        self._base = base
        self._path = instance.folder_of(settings.data) / 'place.json'
        self._place = Place()
        self._window: Any = None
        self._answering: threading.Thread | None = None
        self._is_asking = self._may_close = self._is_maximized = False

    def show(self) -> None:
        """Show the window until it is closed."""
        import webview

        is_qt = sys.platform == 'linux' and importlib.util.find_spec('qtpy') is not None
        # With Qt, pywebview 6 calls `setPath` for them, which Qt 6 has not; there `qt` saves them.
        webview.settings['ALLOW_DOWNLOADS'] = not is_qt
        profile = self._settings.data / 'cache' / 'window'
        make_private_folder(profile)
        place = self._place = read_place(self._path).fitting(webview.screens)
        window: Any = webview.create_window(
            'Synapse',
            signed_in_link(self._settings, self._base),
            js_api=_Answers(self),
            x=place.x,
            y=place.y,
            width=place.width,
            height=place.height,
            maximized=place.is_maximized,
            min_size=(LEAST_WIDTH, LEAST_HEIGHT),
            background_color=BACKGROUND,
        )
        self._window, self._is_maximized = window, place.is_maximized
        window.events.maximized += lambda: setattr(self, '_is_maximized', True)
        window.events.restored += lambda: setattr(self, '_is_maximized', False)
        window.events.closing += self._closing
        if is_qt:
            window.events.before_show += lambda: qt.complete(window, lambda: self._base)
        # What pages keep in the browser, such as the theme, is for this data folder alone.
        icon = str(ICON) if ICON.exists() else None
        webview.start(gui='qt' if is_qt else None, private_mode=False, storage_path=str(profile), icon=icon)

    def obey(self, order: bytes) -> None:
        """Come to the front, or close without a question. Called in a thread of its own."""
        if self._window is None or not self._window.events.shown.wait(60):
            return
        if order == instance.CLOSE:
            self.close()
            return
        base = url_of(self._settings)
        if base is not None and base != self._base:  # it was started again at another port
            self._base = base
            self._window.load_url(signed_in_link(self._settings, base))
        self._window.restore()
        if self._is_maximized:
            self._window.maximize()

    def close(self) -> None:
        """Close without a question.

        What the page called is told to it first: its thread would wait for a closed window, and the process for it.
        """
        self._may_close = True
        if self._answering is not None:
            self._answering.join(ANSWER_SECONDS)
        self._window.destroy()

    def answer(self, choice: str) -> str:
        """Do what was answered to the question; returns what is wrong with that, or nothing.

        Called in a thread of its own, which then brings the page what this returns.
        """
        self._answering = threading.current_thread()
        if choice == 'stay':
            self._is_asking = False
            return ''
        problem = closing.stop(api_of(self._settings, self._base)) if choice == 'stop' else ''
        if not problem:
            threading.Thread(target=self.close, daemon=True).start()
        return problem

    def _closing(self) -> bool:
        """Whether the window may close. Pressed again while the question is open, it does: its page may hang."""
        self._remember()
        if self._may_close or self._is_asking:
            return True
        self._is_asking = True
        threading.Thread(target=self._ask, daemon=True).start()
        return False

    def _ask(self) -> None:
        """Ask in the page, or close at once: signed out, or without a control room, there is nothing to decide."""
        address = urlsplit(self._window.get_current_url() or '')
        if address.path.endswith(SIGN_IN) or not address.scheme.startswith('http'):
            self.close()
            return
        with answering_in(read_language(self._window.evaluate_js('document.documentElement.lang') or '') or 'en'):
            script = closing.question(api_of(self._settings, self._base))
        if script is None:
            self.close()
        else:
            self._window.run_js(script)

    def _remember(self) -> None:
        window = self._window
        place = self._place
        if not self._is_maximized:
            place = Place(window.x, window.y, window.width, window.height)
        elif not place.is_maximized:
            place = Place(place.x, place.y, place.width, place.height, is_maximized=True)
        try:
            write_place(self._path, place)
        except StorageError as error:
            say(spoken(error))


class _Answers:
    """What the page may call."""

    def __init__(self, window: _Window) -> None:
        self._window = window

    def answer(self, choice: str) -> str:
        return self._window.answer(choice)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
