"""All shortcuts in one table: the help lists it, hints read it, and the browser presses by it, see `shortcuts.js`."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from synapse.language import N_, translated


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """What keys do.

    :ivar name: the `data-key` of what they press, unless a script of its own takes them
    :ivar keys: as browsers name them, such as `Alt+p`; `g 1` is one key after the other
    :ivar shown: what stands for many keys; empty for those themselves
    :ivar is_focused: works only on what has the focus, so it stays when single keys are switched off (WCAG 2.1.4)
    """

    name: str
    words: str
    keys: Sequence[str]
    shown: str = ''
    is_focused: bool = False

    @property
    def single(self) -> list[str]:
        """Its keys without Ctrl or Alt that type a character, which can be switched off."""
        return [] if self.is_focused else [key for key in self.keys if _SINGLE.fullmatch(key)]

    def hints(self) -> list[tuple[str, bool]]:
        """Return how its keys are shown to people, each with whether it can be switched off."""
        if self.shown:
            return [(translated(self.shown), bool(self.single))]
        return [(hint(key), key in self.single) for key in self.keys]


def _key(name: str, words: str, *keys: str, shown: str = '', is_focused: bool = False) -> Shortcut:
    return Shortcut(name=name, words=words, keys=keys, shown=shown, is_focused=is_focused)


SHORTCUTS = {
    N_('Everywhere'): (
        _key('palette', N_('Search or run a command'), 'Control+k'),
        _key('g', N_('Go to a page'), *(f'g {number}' for number in range(1, 8)), shown=N_('G then 1 to 7')),
        _key('new-run', N_('New run'), 'r'),
        _key('new-event', N_('New event'), 'n'),
        _key('bell', N_('Alerts'), 'b'),
        _key('collapse', N_('Collapse the menu'), '['),
        _key('help', N_('Show this list'), '?'),
        _key('leave', N_('Close the topmost layer'), 'Escape'),
        _key('save', N_('Save or start what a form asks for'), 'Control+Enter'),
    ),
    N_('Runs'): (
        _key('pause', N_('Pause or resume the shown run'), 'Alt+p'),
        _key('stop', N_('Stop the shown run (asks first)'), 'Shift+Escape'),
        _key('select-runs', N_('Select all runs of the list'), 'Control+a', is_focused=True),
        _key('move-run', N_('Move a waiting run in the queue'), 'Alt+ArrowUp', 'Alt+ArrowDown', is_focused=True),
    ),
    N_('Calendar'): (
        _key('today', N_('Today'), 't'),
        _key('later', N_('Next'), 'j'),
        _key('earlier', N_('Previous'), 'k'),
        _key('view-month', N_('Month'), '1'),
        _key('view-week', N_('Week'), '2'),
        _key('view-agenda', N_('Agenda'), '3'),
        _key('pick-month', N_('Choose month and year'), 'y'),
        _key('move-event', N_('Move the focused event with the arrow keys'), 'm', is_focused=True),
    ),
    N_('Logs'): (
        _key('search-log', N_('Search'), '/', 'Control+f'),
        _key('follow', N_('Follow or pause'), 'f'),
        _key('newest', N_('Newest line'), 'End'),
        _key('begin', N_('First line'), 'Home'),
        _key('first-error', N_('Next error'), 'e'),
        _key('last-error', N_('Previous error'), 'Shift+e'),
        _key('wrap', N_('Wrap long lines'), 'w'),
        _key('fold', N_('Fold repeated lines'), '.'),
        _key('clear-view', N_('Clear the view'), 'c'),
        _key('level', N_('Show or hide a level'), *(f'Alt+{n}' for n in range(1, 5)), shown=N_('Alt 1 to 4')),
        _key('all-levels', N_('Show all levels'), 'Alt+0'),
    ),
}
_BY_NAME = {shortcut.name: shortcut for group in SHORTCUTS.values() for shortcut in group}
_SINGLE = re.compile(r'(Shift\+|g )?.')
_SIGNS = {'Control': 'Ctrl', 'Escape': 'Esc', 'ArrowUp': '↑', 'ArrowDown': '↓'}


def hint(key: str) -> str:
    """Return `Alt P` for `Alt+p`."""
    parts = key.replace(' ', '+').split('+')
    return ' '.join(_SIGNS.get(part, part.upper() if len(part) == 1 else part) for part in parts)


def hint_of(name: str) -> str:
    """Return the first key of a shortcut as it is shown to people."""
    return hint(_BY_NAME[name].keys[0])


def for_browser() -> str:
    """Return what each key is called, as JSON; keys that can be switched off are in `single`."""
    names = {key: shortcut.name for shortcut in _BY_NAME.values() for key in shortcut.keys}
    single = [key for shortcut in _BY_NAME.values() for key in shortcut.single]
    return json.dumps({'names': names, 'single': single}, separators=(',', ':'))
