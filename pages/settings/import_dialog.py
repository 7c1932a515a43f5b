"""The question before a calendar file is imported: when each event would run, and exactly what."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import background_tasks, ui
from nicegui.events import GenericEventArguments

from pages.parts.cards import set_props, work_box
from pages.parts.controls import TYPED, tick_box
from pages.parts.dialogs import Dialog, answer_to, attempt, leave_button
from pages.parts.html import button, el
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.ical.import_result import ImportedEvent, ImportResult, Workless
from synapse.ical.import_rules import ImportRulesChanged
from synapse.ical.reading import TRUNCATED
from synapse.language import _, _n
from synapse.language.formats import moment, number

from .file_import import FileImport, Key
from .folds import fold, told
from .import_rules import RuleList

SHOWN = 20
"""Events shown at first. Those that were shown can be switched on, and those of which a rule says all but when."""
MORE = 50
TYPED_SECONDS = 0.2
COUNTS: Mapping[str, Callable[[int], str]] = {
    'created': lambda count: _n('{count} new', '{count} new', count),
    'updated': lambda count: _n('{count} changed', '{count} changed', count),
    'deleted': lambda count: _n('{count} deleted', '{count} deleted', count),
    'unchanged': lambda count: _n('{count} as before', '{count} as before', count),
}


class ImportDialog:
    """Asks whether to import a file, and which of its events to switch on.

    :param planned: the result of a dry run
    """

    def __init__(self, room: ControlRoom, name: str, file: FileImport, planned: ImportResult) -> None:
        self._room, self._file, self._planned = room, file, planned
        self._on: set[Key] = set()
        self._drawn: dict[Key, ImportedEvent] = {}
        self._lists: dict[str, _Pages] = {}
        self._plans = 0
        """How many previews are on their way."""
        self._zone = ZoneInfo(room.calendar.zone)
        self._search = ''
        with (
            Dialog() as self._dialog,
            el('section', 'sy-dialog im-dialog', role='dialog', aria_modal='true', aria_label=_('Import')) as box,
            Scope().classes('im-scope') as self._scope,
        ):
            set_props(box, tabindex='-1')
            el('h2', text=_('Import {name}?', name=name))
            self._counts = el('p', 'sy-2', role='status')
            self._hint = el('p', 'hint')
            self._head = el('div', 'im-head')
            with fold(_('Rules: what the events run'), is_open=bool(planned.without_pipeline)):
                el('p', 'sy-cap', _('Rules are kept at once, also if you cancel this import.'))
                RuleList(room)
            self._bulk = el('div', 'im-bulk', role='group', aria_label=_('Switch on several'))
            self._body = el('div', 'im-body')
            with el('div', 'sy-dialog-buttons'):
                leave_button(self._dialog, autofocus=True)
                with button('', kind='primary').classes(remove='is-icon') as self._yes:
                    self._words = el('span')
                self._yes.on('click', self._agree)
        self._show_soon = self._scope.at_most_every(TYPED_SECONDS, self._show)
        self._scope.follow(room.bus, ImportRulesChanged, lambda _: self._plan_anew())
        self._draw_head()
        self._show()

    async def answer(self) -> frozenset[Key] | None:
        """Wait for the keys of the events to switch on; None means no import."""
        answer = await answer_to(self._dialog)
        return answer if isinstance(answer, frozenset) else None

    def _agree(self) -> None:
        if not self._plans:  # what is shown is about to change
            self._dialog.submit(frozenset(self._on))

    # What is planned

    def _plan_anew(self) -> None:
        self._plans += 1
        set_props(self._yes, disabled=True)
        background_tasks.create(self._plan(), name='preview of an import')

    async def _plan(self) -> None:
        planned = await attempt(self._file.plan())
        self._plans -= 1
        if planned is not None and not self._scope.is_deleted:
            before = {_key(event): _approved(event) for event in self._planned.events}
            after = {_key(event): _approved(event) for event in planned.events}
            self._on = {key for key in self._on if before.get(key) == after.get(key)}
            self._planned = planned
            with self._scope:
                self._show()

    def _draw_head(self) -> None:
        with self._head:
            if self._file.has_whole_days:
                with el('label', 'sy-x'):
                    el('span', 'sy-cap', _('Events without a time of day run at'))
                    at = self._file.all_day_at
                    field = el('input', 'sy-control im-time', type_='time')
                    field.props['^value'] = f'{at:%H:%M}'
                field.on('change', self._choose_time, js_handler=TYPED)
            if len(self._planned.events) > SHOWN:
                search = el(
                    'input', 'sy-control', type_='search', placeholder=_('Search'), aria_label=_('Search the events')
                )
                search.on('input', self._typed, js_handler=TYPED)

    def _choose_time(self, news: GenericEventArguments) -> None:
        try:
            self._file.all_day_at = time.fromisoformat(str(news.args))
        except ValueError:  # an emptied field
            return
        self._plan_anew()

    def _typed(self, news: GenericEventArguments) -> None:
        self._search = str(news.args).strip().casefold()
        self._show_soon()

    # What is shown

    def _show(self) -> None:
        planned = self._planned
        self._on &= {_key(event) for event in planned.events if not event.enabled}
        self._lists = {}
        held = [event for event in planned.events if event.is_held]
        self._counts.set_text(f'{counts_in_words(planned)}.')
        self._hint.set_text(_('Someone else wrote this. It stays switched off until you have reviewed what it runs.'))
        set_props(self._hint, hidden=not held or None)
        self._draw_bulk()
        self._draw_lists()

    def _draw_lists(self) -> None:
        planned = self._planned
        events = sorted(planned.events, key=lambda event: not event.is_held)
        self._drawn = {}
        self._body.clear()
        with self._body:
            if TRUNCATED in planned.notes:
                el('p', 'sy-error', TRUNCATED, role='alert')
            self._section(_('New'), [event for event in events if event.is_new], self._draw, unseen=self._unseen)
            self._section(
                _('Changed'), [event for event in events if not event.is_new], self._draw, unseen=self._unseen
            )
            titles = [self._room.calendar.get(id).title for id in planned.deleted]
            self._section(_('Cancelled, will be deleted'), titles, _draw_title)
            self._section(_('No pipeline, not imported'), planned.without_pipeline, self._draw_workless)
            told(_n('{count} left out', '{count} left out', len(planned.skipped)), planned.skipped)
            told(_('Read differently'), [note for note in planned.notes if note != TRUNCATED])
        self._count()

    def _section(
        self, title: str, items: Sequence[Any], draw: Callable[[Any], None], *, unseen: Callable[..., str] | None = None
    ) -> None:
        if not items:
            return
        found = [item for item in items if self._fits(item)]
        with el('section', 'im-section', aria_label=title):
            with el('h3'):
                el('span', text=title)
                of_all = number(len(items))
                count = (
                    of_all
                    if len(found) == len(items)
                    else _('{count} of {total}', count=number(len(found)), total=of_all)
                )
                el('span', 'sy-count', count)
            rows = el('ul', 'im-list', aria_label=title)
            foot = el('div', 'sy-x')
        at_first = self._lists[title].shown if title in self._lists else SHOWN
        words = unseen or (lambda rest: _n('and {count} more', 'and {count} more', len(rest)))
        self._lists[title] = _Pages(found, draw, rows, foot, words, at_first=at_first)

    def _draw(self, event: ImportedEvent) -> None:
        key = _key(event)
        self._drawn[key] = event
        with el('li'):
            with el('div', 'sy-x'):
                el('b', 'sy-ell sy-grow', event.title)
                if event.enabled:
                    el('span', 'sy-cap', _('switched on'))
                else:
                    name = _('Switch on {title}', title=event.title)
                    tick_box(
                        _('Switch on'), lambda is_on: self._turn(key, is_on=is_on), is_on=key in self._on, name=name
                    )
            by_rule = f'{event.rule}. ' if event.rule else ''
            self._draw_times(event, before=by_rule)
            if event.doubt:
                el('p', 'hint', event.doubt)
            if event.changes:
                with el(
                    'div', 'im-changes', role='group', aria_label=_('What changes about {title}', title=event.title)
                ):
                    for change in event.changes:
                        el('span', text=change)
            work_box(event.pipeline, event.parameters, event.profile)

    def _draw_workless(self, event: Workless) -> None:
        with el('li'):
            el('b', 'sy-ell', event.title)
            words: str = _('Fits no rule and names no pipeline. Add a rule for it.')
            if event.categories:
                words = ' '.join((words, _('Category: {names}.', names=', '.join(event.categories))))
            el('span', 'sy-cap', words)
            self._draw_times(event)

    def _draw_times(self, event: ImportedEvent | Workless, *, before: str = '') -> None:
        el('span', 'sy-cap', f'{before}{event.sentence} {self._next(event.next)}'.strip())
        if event.replaces is not None:
            replaced = _('Instead of the occurrence on {moment}.', moment=self._moment(event.replaces))
            el('span', 'sy-cap', _('One occurrence of a series.') if event.replaces == event.next else replaced)

    def _next(self, due: datetime | None) -> str:
        return '' if due is None else _('Next on {moment}.', moment=self._moment(due))

    def _moment(self, instant: datetime) -> str:
        local = instant.astimezone(self._zone)
        return f'{moment("yMMMEd", local)}, {moment("Hm", local)}'

    # Several at once

    def _draw_bulk(self) -> None:
        by_rule: dict[str, list[Key]] = {}
        for event in self._found():
            if event.is_all_of_rule:
                by_rule.setdefault(event.rule, []).append(_key(event))
        self._bulk.clear()
        with self._bulk:
            if len(self._found()) > 1:
                button(_('Switch on all shown'), small=True).on('click', self._turn_shown_on)
            for rule, keys in by_rule.items():
                words = _n(
                    'Switch on {count} of the rule: {rule}',
                    'Switch on {count} of the rule: {rule}',
                    len(keys),
                    rule=rule,
                )
                button(words, small=True).on('click', lambda keys=keys: self._turn_on(keys))
            if len(self._found()) > 1:
                button(_('Switch on none'), kind='ghost', small=True).on('click', self._turn_all_off)
        set_props(self._bulk, hidden=len(self._found()) < 2 or None)

    def _found(self) -> list[ImportedEvent]:
        """Return the events that could be switched on and fit the search."""
        return [event for event in self._planned.events if not event.enabled and self._fits(event)]

    def _fits(self, item: Any) -> bool:
        return self._search in _title_of(item).casefold()

    def _turn_shown_on(self) -> None:
        self._turn_on([key for key, event in self._drawn.items() if not event.enabled])

    def _turn_on(self, keys: Sequence[Key]) -> None:
        self._on.update(keys)
        self._draw_lists()

    def _turn_all_off(self) -> None:
        self._on.clear()
        self._draw_lists()

    def _turn(self, key: Key, *, is_on: bool) -> None:
        (self._on.add if is_on else self._on.discard)(key)
        self._count()

    def _unseen(self, events: Sequence[ImportedEvent]) -> str:
        off = sum(not event.enabled and _key(event) not in self._on for event in events)
        more = _n('and {count} more', 'and {count} more', len(events))
        if not off:
            return f'{more}.'
        return _n(
            '{more}, {count} of them stay switched off.', '{more}, {count} of them stay switched off.', off, more=more
        )

    def _count(self) -> None:
        off = _('Import, switched off') if self._planned.disabled else _('Import')
        is_empty = not (self._planned.events or self._planned.deleted)
        set_props(self._yes, disabled=is_empty or None)
        words: str = _('Nothing to import yet') if is_empty else off
        if self._on:
            words = _n('Import, switch {count} on', 'Import, switch {count} on', len(self._on))
        self._words.set_text(words)


class _Pages:
    """A list that shows its first items, and more of them on request."""

    def __init__(
        self,
        items: Sequence[Any],
        draw: Callable[[Any], None],
        rows: ui.element,
        foot: ui.element,
        unseen: Callable[[Sequence[Any]], str],
        *,
        at_first: int,
    ) -> None:
        self._items, self._draw, self._rows, self._foot, self._unseen = items, draw, rows, foot, unseen
        self.shown = 0
        self._show(at_first)

    def _show(self, count: int) -> None:
        with self._rows:
            for item in self._items[self.shown : self.shown + count]:
                self._draw(item)
        self.shown += count
        rest = self._items[self.shown :]
        self._foot.clear()
        if rest:
            with self._foot:
                el('p', 'sy-cap sy-grow', self._unseen(rest))
                more = button(_n('Show {count} more', 'Show {count} more', min(MORE, len(rest))), small=True)
                more.on('click', lambda: self._show(MORE))


def _title_of(item: ImportedEvent | Workless | str) -> str:
    return item if isinstance(item, str) else item.title


def _key(event: ImportedEvent) -> Key:
    return event.uid, event.replaces


def _approved(event: ImportedEvent) -> tuple[Any, ...]:
    """Return what a person approves by switching it on."""
    return event.pipeline, event.parameters, event.profile, event.sentence, event.next, event.changes


def _draw_title(title: str) -> None:
    with el('li'):
        el('b', 'sy-ell', title)


def counts_in_words(result: ImportResult) -> str:
    """`3 new, 1 changed`."""
    counts = [words(len(ids)) for key, words in COUNTS.items() if (ids := getattr(result, key))]
    if workless := len(result.without_pipeline):
        counts.append(_n('{count} without a pipeline', '{count} without a pipeline', workless))
    return ', '.join(counts) or _('Nothing to import')


def result_in_words(name: str, result: ImportResult) -> str:
    """`work.ics: 3 new, 1 changed.`, then how many are switched off, and what was left out and why."""
    parts = [f'{name}: {counts_in_words(result)}.']
    if off := len(result.disabled):
        parts.append(
            _n('{count} switched off until you switch them on.', '{count} switched off until you switch them on.', off)
        )
    parts += result.skipped[:2]
    if (rest := len(result.skipped) - 2) > 0:
        parts.append(_n('{count} more was left out.', '{count} more were left out.', rest))
    return ' '.join(parts)
