"""One line of the log, opened: all of its text, its fields, and what can be done with it."""

import json
from collections.abc import Callable

from nicegui import ui

from synapse.control_room import ControlRoom
from synapse.log import Entry

from .html import button, el


class LogLine:
    """A drawer below the lines; shows one at a time."""

    def __init__(self, room: ControlRoom, only_source: Callable[[str], None]) -> None:
        self.room = room
        self._only_source = only_source
        self._box = el('section', 'log-line', role='region', aria_label='Opened line', hidden=True)

    def show(self, entry: Entry) -> None:
        """Open this line instead of the one before."""
        self._box.clear()
        self._box.props['hidden'] = False
        self._box.update()
        with self._box:
            with el('div', 'acts'):
                self._facts(entry)
                el('span', 'sy-grow')
                self._actions(entry)
            el('pre', 'text', entry.message)
            self._fields(entry)

    def close(self) -> None:
        self._box.props['hidden'] = True
        self._box.clear()
        self._box.update()

    def _facts(self, entry: Entry) -> None:
        at = entry.timestamp.astimezone()
        for name, value in (
            ('line', f'{entry.seq}'),
            ('at', f'{at:%d %b %Y, %H:%M:%S}.{at.microsecond // 1000:03}'),
            ('level', entry.level.value),
            ('source', entry.source),
            ('step', entry.step or ''),
        ):
            if value:
                with el('span', 'fact'):
                    el('span', 'sy-3', f'{name} ')
                    el('span', text=value)

    def _actions(self, entry: Entry) -> None:
        if entry.run:
            button('Open run', icon_name='open', small=True).on('click', lambda: ui.navigate.to(f'/runs/{entry.run}'))
        only = button('Only this source', icon_name='filter', kind='ghost', small=True)
        only.on('click', lambda: self._only_source(entry.source))
        copy_button('Copy as JSON', json.dumps(entry.as_json(), ensure_ascii=False))
        copy_button('Copy link', f'/logs?line={entry.seq}', is_address=True)
        button('', icon_name='x', kind='ghost', small=True, aria_label='Close the line').on('click', self.close)

    def _fields(self, entry: Entry) -> None:
        if not entry.fields:
            return
        with el('dl', 'fields'):
            for name, value in entry.fields.items():
                el('dt', text=str(name))
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                el('dd', text=text)


def copy_button(words: str, text: str, *, is_address: bool = False) -> ui.element:
    """Puts text on the clipboard, in the browser; an address gets the part of this host in front."""
    press = button(words, icon_name='copy', kind='ghost', small=True)
    value = f'location.origin + {json.dumps(text)}' if is_address else json.dumps(text)
    # The label says that it worked: a notice would hide what is being copied from.
    press.on(
        'click',
        js_handler=f'(e) => {{ navigator.clipboard?.writeText({value}); const s = e.currentTarget.lastElementChild; '
        "const w = s.textContent; s.textContent = 'Copied'; setTimeout(() => { s.textContent = w }, 1200) }",
    )
    return press
