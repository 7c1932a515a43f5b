"""What has changed since the last good run: a card above the steps of a failed run, folded in the side of others."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from nicegui import background_tasks

from pages.parts.cards import set_props
from pages.parts.html import el, icon
from pages.parts.scope import Scope
from pages.parts.words import day_and_clock_of, length_of, size_of
from synapse.control_room import ControlRoom
from synapse.language import N_, _, translated
from synapse.runs.comparison.changes import Change, ChangeKind, Unknown, shown
from synapse.runs.comparison.comparing import Comparison
from synapse.runs.records import RunRecord, RunState
from synapse.sealed import SHOWN
from synapse.waiting import Latest

TITLES = {
    ChangeKind.PARAMETER: N_('Parameters'),
    ChangeKind.INPUT: N_('Files'),
    ChangeKind.PROFILE: N_('Profile'),
    ChangeKind.CODE: N_('Code'),
    ChangeKind.PACKAGE: N_('Packages'),
    ChangeKind.PYTHON: N_('Packages'),
    ChangeKind.SYNAPSE: N_('Packages'),
    ChangeKind.LIMIT: N_('Limits'),
    ChangeKind.DISK: N_('Disk'),
    ChangeKind.STEP: N_('Steps'),
}
MOST_SHOWN = 8
"""Of more changes of a group, such as updated packages, the others are folded."""
TITLE = N_('Changed since the last good run')


class ChangesCard:
    """Compares the run when it has started and when it has ended.

    Create it where the card of a failed run belongs; `draw_fold` draws the place for all others.
    """

    def __init__(self, room: ControlRoom, scope: Scope, run: RunRecord) -> None:
        self._room = room
        self._scope = scope
        self._compared: tuple[Any, ...] = ()
        self._card = el('section', 'glass-card run-changes', aria_label=translated(TITLE), hidden=True)
        self._run = run
        self._compare_again = Latest(self._compare, background_tasks.create)

    def draw_fold(self) -> None:
        """Draw the place in the side column, and start to compare."""
        self._fold = el('section', 'glass-card run-changes', aria_label=translated(TITLE), hidden=True)
        self.show(self._run)

    def show(self, run: RunRecord) -> None:
        self._run = run
        state = (run.state, run.made_of)
        if state != self._compared:
            self._compared = state
            self._compare_again()

    async def _compare(self) -> None:
        with self._scope:  # its sentences are in the language of this tab
            found = await self._room.runs.compared.since_good(self._run)
        if self._scope.is_deleted:
            return
        is_first = self._run.state in (RunState.FAILED, RunState.INTERRUPTED)
        place, other = (self._card, self._fold) if is_first else (self._fold, self._card)
        for element, is_hidden in ((place, False), (other, True)):
            element.clear()
            set_props(element, hidden=is_hidden)
        with self._scope, place:
            if is_first:
                self._draw_head(found)
                self._draw_body(found)
            else:
                with el('details'):
                    with el('summary', 'sy-head'):
                        icon('right', size=14)
                        el('h2', text=translated(TITLE))
                        el('span', 'sy-count', str(len(found.changes)) if found.changes else '')
                    self._draw_body(found, links=True)

    def _draw_head(self, found: Comparison) -> None:
        with el('div', 'sy-head'):
            el('h2', text=translated(TITLE))
            el('span', 'sy-count', str(len(found.changes) or ''))
            self._draw_link(found)

    def _draw_link(self, found: Comparison) -> None:
        good = found.compared_with
        if good is None:
            return
        when = day_and_clock_of(self._room, good.finished_at)
        words = f'#{good.number}, {when}'
        if not good.is_same_work:
            words = _('{run}, with other values, {time}', run=f'#{good.number}', time=when)
        el('a', 'sy-cap', words, href=f'/runs/{good.number}')

    def _draw_body(self, found: Comparison, *, links: bool = False) -> None:
        with el('div', 'run-changed'):
            if links:
                self._draw_link(found)
            if not found.changes:
                el('p', 'sy-cap', found.summary)
            else:
                draw_changes(found.changes, f'#{found.compared_with.number}' if found.compared_with else _('Before'))
            draw_unknown(found.unknown)


def draw_changes(changes: Sequence[Change], before: str, after: str = '') -> None:
    """Draw a table of changes, by what they are about.

    :param after: what the second column is called, by default "This run"
    """
    with el('table', 'run-diff'):
        with el('thead'), el('tr'):
            el('td')
            for words in (_('What'), before, after or _('This run')):
                el('th', text=words, scope='col')
        for title, of_kind in groupby(changes, lambda change: translated(TITLES[change.kind])):
            group = [*of_kind]
            with el('tbody'):
                for place, change in enumerate(group[:MOST_SHOWN]):
                    with el('tr'):
                        if place == 0:
                            rows = min(len(group), MOST_SHOWN + 1)
                            el('th', text=title, scope='rowgroup', rowspan=str(rows))
                        _draw_row(change)
                if len(group) > MOST_SHOWN:
                    with el('tr'):
                        _draw_rest(group[MOST_SHOWN:])


def draw_unknown(unknown: Iterable[Unknown]) -> None:
    """Draw what could not be compared."""
    for item in unknown:
        el('p', 'sy-cap', _('Not known: {what}', what=item.text))


def _draw_row(change: Change) -> None:
    words = _sides(change)
    if words is None:
        with el('td', colspan='3'):
            el('span', text=change.text, title=change.name if change.kind is ChangeKind.CODE else None)
        return
    name, before, after = words
    el('td', 'sy-mono', name)
    el('td', 'sy-num', before, title=_whole(change.before))
    el('td', 'sy-num', after, title=_whole(change.after))


def _draw_rest(changes: Sequence[Change]) -> None:
    with el('td', colspan='3'), el('details'):
        el('summary', text=_('{count} more', count=len(changes)))
        with el('ul'):
            for change in changes:
                el('li', text=change.text)


def _sides(change: Change) -> tuple[str, str, str] | None:
    """Return what is shown in the columns; None for a change that only its sentence tells."""
    before, after = change.before, change.after
    match change.kind:
        case ChangeKind.PROFILE | ChangeKind.CODE:
            return None if change.name != 'profile' else (_('profile'), shown(before), shown(after))
        case ChangeKind.INPUT:
            if before is None or after is None or before['size'] == after['size']:
                return None
            return change.file, size_of(before['size']), size_of(after['size'])
        case ChangeKind.DISK:
            return _('free'), size_of(before), size_of(after)
        case ChangeKind.STEP if change.name != 'steps':
            return change.name, length_of(before), length_of(after)
    return (
        change.name,
        shown(before),
        _('{secret}, changed', secret=SHOWN) if before == after == SHOWN else shown(after),
    )


def _whole(value: Any) -> str | None:
    return str(value) if isinstance(value, str | list) else None
