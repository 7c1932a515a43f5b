"""The question before jobs are imported: each line with its events, and its next five beside those of its scheduler."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from itertools import zip_longest
from zoneinfo import ZoneInfo

from nicegui import ui
from nicegui.events import GenericEventArguments

from pages.parts.cards import set_props, work_box
from pages.parts.controls import CHECKED
from pages.parts.dialogs import Dialog, answer_to
from pages.parts.html import button, el
from synapse.calendar.events import Event
from synapse.control_room import ControlRoom
from synapse.foreign_jobs.jobs import JobEvent, JobProblem, JobsResult
from synapse.language import _, _n
from synapse.language.formats import moment
from synapse.recurrence.words import in_words
from synapse.schedulers.sources import Kind, Source

from .folds import fold, told
from .import_dialog import COUNTS

WITH_TIMES = 30
"""Lines shown with their next times; further ones are short."""
MORE = 300
"""Lines shown at a time; only those that were shown can be switched on."""
AT_ONCE = 25
OPEN_NOTES = 3
"""Up to this many sentences about what is done differently are shown at once."""
_ASKED = {'cron': 'cronsim', 'systemd': 'systemd-analyze'}
"""The program that says when a scheduler would start a job."""


class Next(Enum):
    """What comes after the preview."""

    IMPORT = auto()
    AGAIN = auto()
    """To see the jobs read in another way."""
    BACK = auto()
    """To the sources, where what was pasted is kept."""
    DONE = auto()


@dataclass(slots=True)
class Ticks:
    """What a person has ticked so far, so that they can come back to it."""

    on: set[str] = field(default_factory=set)
    """UIDs of the events to switch on."""
    seen: set[str] = field(default_factory=set)
    """UIDs of the events that were shown."""
    with_users: set[str] = field(default_factory=set)
    """Names of the crontabs whose lines name a user."""


class JobsPreview:
    """Asks whether to import jobs, and which of their events to switch on.

    :param planned: the result of a dry run
    :param ticks: is kept up to date
    """

    def __init__(self, room: ControlRoom, sources: Sequence[Source], planned: JobsResult, ticks: Ticks) -> None:
        self._zone = ZoneInfo(room.calendar.zone)
        self._schedulers = {source.name: source.kind.scheduler for source in sources}
        self._state = ticks
        self._boxes: dict[tuple[str, ...], ui.element] = {}
        """The tick of each line that is shown, by the UIDs of its events."""
        known = (room.calendar.get(id) for id in planned.unchanged)
        self._lines: list[Sequence[JobEvent] | Event] = [*lines_of(planned.events), *known]
        self._shown = 0
        self._is_drawing = False
        self._yes_words = (
            _('Import, switched off') if planned.disabled else _('Import') if planned.events else _('Continue')
        )
        ticks.on &= {event.uid for event in planned.events if event.is_held}
        ticks.seen.clear()
        with (
            Dialog() as self._dialog,
            el(
                'section', 'sy-dialog im-dialog jb-dialog', role='dialog', aria_modal='true', aria_label=_('Jobs')
            ) as box,
        ):
            set_props(box, tabindex='-1')
            el('h2', text=_('What your jobs become'))
            el('p', 'sy-2', counts_of(planned) + '. ' + _('Times are those of {zone}.', zone=self._zone.key))
            if planned.disabled:
                el(
                    'p',
                    'hint',
                    _('They stay switched off, so that nothing runs twice, unless you switch them on here.'),
                )
            problems = [_problem_words(one) for one in planned.problems]
            told(_n('{count} left out', '{count} left out', len(problems)), problems, is_open=True)
            different = _n('{count} done differently', '{count} done differently', len(planned.notes))
            told(different, planned.notes, is_open=len(planned.notes) <= OPEN_NOTES)
            for source in sources:
                if source.name in ticks.with_users or _seems_to_name_users(source, planned):
                    self._ask_for_users(source.name)
            with el('label', 'sy-x sy-tick', hidden=not planned.disabled or None):
                self._all = el('input', type_='checkbox', aria_label=_('Switch on all that are shown'))
                self._all_words = el('span')
            self._all.on('change', self._turn_all, js_handler=CHECKED)
            self._list = el('ul', 'im-list', aria_label=_('Lines and their events'))
            self._foot = el('div', 'sy-x')
            with el('div', 'sy-dialog-buttons'):
                button(_('Back'), autofocus=True).on('click', lambda: self._dialog.submit(Next.BACK))
                if planned.events or planned.unchanged:
                    with button('', kind='primary').classes(remove='is-icon') as yes:
                        self._words = el('span')
                    yes.on('click', lambda: self._dialog.submit(Next.IMPORT))
                else:
                    self._words = el('span', hidden=True)
        self._count()

    async def answer(self) -> Next:
        """Wait for what to do next. Escape goes back, where nothing is lost."""
        drawing = asyncio.create_task(self._draw_first())
        answer = await answer_to(self._dialog)
        drawing.cancel()
        return answer if isinstance(answer, Next) else Next.BACK

    async def _draw_first(self) -> None:
        with self._dialog:
            await self._draw_more()

    async def _draw_more(self) -> None:
        """Draw some lines at a time: others on the event loop get a turn, and the browser lays out all for each."""
        if self._is_drawing:
            return
        self._is_drawing = True
        self._foot.clear()
        for line in self._lines[self._shown : self._shown + MORE]:
            if self._dialog.is_deleted:
                return
            with self._list, el('li'):
                if isinstance(line, Event):
                    self._draw_known(line)
                else:
                    self._draw(line, is_short=self._shown >= WITH_TIMES)
            self._shown += 1
            if self._shown % AT_ONCE == 0:
                await asyncio.sleep(0)
        self._is_drawing = False
        self._count()
        if rest := len(self._lines) - self._shown:
            with self._foot:
                el(
                    'p',
                    'sy-cap sy-grow',
                    _n(
                        'and {count} more lines, which stay switched off unless you see them.',
                        'and {count} more lines, which stay switched off unless you see them.',
                        rest,
                    ),
                )
                button(_n('Show {count} more', 'Show {count} more', min(MORE, rest)), small=True).on(
                    'click', self._draw_more
                )

    def _draw_known(self, event: Event) -> None:
        self._state.seen.add(event.id)
        with el('div', 'sy-x'):
            el('b', 'sy-ell sy-grow', event.title)
            el('span', 'sy-cap', _('as before, switched on') if event.enabled else _('as before, switched off'))
        el('span', 'sy-cap', in_words(event.plan))

    def _draw(self, events: Sequence[JobEvent], *, is_short: bool) -> None:
        first = events[0]
        self._state.seen |= {event.uid for event in events}
        held = tuple(event.uid for event in events if event.is_held)
        with el('div', 'sy-x'):
            el('b', 'sy-ell sy-grow', first.title)
            el('span', 'sy-cap', _state_of(events))
            if held:
                self._draw_tick(first.title, held)
        place = _place_of(first)
        el('code', 'jb-line', f'{place}: {first.text}' if place else first.text)
        if first.warning:
            el('span', 'sy-error', first.warning)
        for event in events:
            el('span', 'sy-cap', event.sentence)
        if not is_short:
            self._draw_times(first)
        if not is_short or self._schedulers.get(first.source) != 'cron':
            with fold(_('What it runs')):
                work_box(first.pipeline, first.parameters, first.profile)

    def _draw_tick(self, title: str, uids: tuple[str, ...]) -> None:
        is_on = self._state.on.issuperset(uids)
        with el('label', 'sy-x sy-tick'):
            tick = el('input', type_='checkbox', checked=is_on or None, aria_label=_('Switch on {title}', title=title))
            el('span', 'sy-cap', _('Switch on'))
        self._boxes[uids] = tick
        tick.on('change', lambda news: self._turn(uids, is_on=news.args is True), js_handler=CHECKED)

    def _ask_for_users(self, name: str) -> None:
        is_on = name in self._state.with_users
        with el('label', 'sy-x sy-tick'):
            tick = el('input', type_='checkbox', checked=is_on or None)
            el('span', text=_('The lines of {name} name a user, as in /etc/crontab', name=name))
        tick.on('change', lambda: self._turn_users(name))

    def _turn_users(self, name: str) -> None:
        self._state.with_users ^= {name}
        self._dialog.submit(Next.AGAIN)

    def _draw_times(self, event: JobEvent) -> None:
        scheduler = self._schedulers.get(event.source, 'cron')
        if not event.theirs:
            ours = ' · '.join(self._words_of(due) for due in event.upcoming)
            el(
                'span',
                'sy-cap',
                _('Next: {ours}. There is no second program here to ask.', ours=ours) if ours else _('It never comes.'),
            )
            return
        with el('table', 'jb-times', aria_label=_('Next times of {title}', title=event.title)):
            with el('thead'), el('tr'):
                el('th', '', scheduler, scope='col', title=_('As {program} computes it', program=_ASKED.get(scheduler)))
                el('th', '', _('Synapse'), scope='col')
            with el('tbody'):
                for theirs, due in zip_longest(event.theirs, event.upcoming):
                    with el('tr', '' if theirs == due else 'is-different'):
                        el('td', '', self._words_of(theirs))
                        el('td', '', self._words_of(due) + ('' if theirs == due else '  ≠'))

    def _words_of(self, due: datetime | None) -> str:
        if due is None:
            return '–'
        local = due.astimezone(self._zone)
        return f'{moment("yMMMEd", local)}, {moment("Hms" if local.second else "Hm", local)}'

    def _turn(self, *lines: tuple[str, ...], is_on: bool) -> None:
        for uids in lines:
            (self._state.on.update if is_on else self._state.on.difference_update)(uids)
            set_props(self._boxes[uids], checked=is_on or None)
        self._count()

    def _turn_all(self, news: GenericEventArguments) -> None:
        self._turn(*self._boxes, is_on=news.args is True)

    def _count(self) -> None:
        count = sum(self._state.on.issuperset(uids) for uids in self._boxes)
        on = _n('Import, switch {count} on', 'Import, switch {count} on', count)
        self._words.set_text(on if count else self._yes_words)
        self._all_words.set_text(_n('Switch all {count} on', 'Switch all {count} on', len(self._boxes)))
        set_props(self._all, checked=(bool(count) and count == len(self._boxes)) or None)


def lines_of(events: Sequence[JobEvent]) -> list[list[JobEvent]]:
    """Return the events of each line."""
    found: dict[tuple[str, int, str], list[JobEvent]] = {}
    for event in events:
        found.setdefault((event.source, event.line, event.uid.partition('/')[0]), []).append(event)
    return list(found.values())


def _state_of(events: Sequence[JobEvent]) -> str:
    event = events[0]
    parts = [_n('{count} event', '{count} events', len(events))] if len(events) > 1 else []
    parts.append(_('new') if event.is_new else _('changed'))
    if not event.is_held:
        parts.append(_('switched on') if event.enabled else _('switched off'))
    return ', '.join(parts)


def _seems_to_name_users(source: Source, planned: JobsResult) -> bool:
    return source.kind is Kind.CRONTAB and any(
        event.warning and event.source == source.name for event in planned.events
    )


def _place_of(event: JobEvent) -> str:
    """Return where a job is: `backup.timer, line 4`."""
    file = event.name if event.name.endswith('.timer') else event.source
    return _('{file}, line {line}', file=file, line=event.line) if file else ''


def _problem_words(problem: JobProblem) -> str:
    place = ', '.join(filter(None, (problem.source, _('line {line}', line=problem.line) if problem.line else '')))
    text = f'{problem.text[:120]} — ' if problem.text else ''
    return f'{place}: {text}{problem.reason}'


def counts_of(result: JobsResult) -> str:
    """`3 new, 1 changed`."""
    counts = {name: ids for name in ('created', 'updated', 'unchanged') if (ids := getattr(result, name))}
    return ', '.join(COUNTS[name](len(ids)) for name, ids in counts.items()) or _('Nothing to import')
