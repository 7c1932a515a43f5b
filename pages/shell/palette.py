"""The command palette finds commands, pages, pipelines, days, events and runs; the last used come first."""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import background_tasks, ui
from nicegui.events import GenericEventArguments

from pages.parts.controls import TYPED
from pages.parts.dialogs import Dialog, attempt
from pages.parts.html import WORDS, Glyph, el, icon, look_of, opens, settled
from pages.parts.shortcuts import hint, hint_of
from pages.parts.words import pipeline_title, run_words, step_title, title_of
from pages.runs.pause_dialog import ask_to_pause_queue, tomorrow_morning
from pages.runs.run_form import open_run_form
from pages.scheduler.event.dialog import open_event_dialog
from pages.scheduler.parts.days import day_in
from synapse.calendar.events import Event
from synapse.control_room import ControlRoom
from synapse.credentials.scope import Scope as Role
from synapse.errors import SynapseError
from synapse.language import ENGLISH, Text, _, _n, said_in, translated
from synapse.language.formats import moment
from synapse.records import now_utc
from synapse.runs import causes
from synapse.runs.history.run_filter import RunFilter
from synapse.runs.records import RunRecord

from .date_words import day_meant
from .help import open_help
from .places import PLACES
from .state_pill import stop_everything

MOST = 8
MOST_RECENT = 3
SHOW_CHOSEN = "document.querySelector('#palette-results .hot')?.scrollIntoView({ block: 'nearest' })"
DEBOUNCE_SECONDS = 0.08
BY = causes.PALETTE
ENTER = '(e) => { window.synapse.opens(e.target); emit(e.target.value); }'


@dataclass(frozen=True, kw_only=True)
class Command:
    """One result: its words, notes on the right, and what it does."""

    group: str
    words: str
    do: Callable[[], Any]
    icon: str = 'arrright'
    state: str = ''
    """The state of a run, whose glyph is shown instead of the icon."""
    note: str = ''
    keys: str = ''

    @property
    def key(self) -> str:
        """Its words in English, by which it is remembered whatever language it was used in."""
        return str(said_in(ENGLISH, self.words))


def open_palette(room: ControlRoom) -> None:
    """Open the palette: arrows select, Enter runs, Esc closes."""
    Palette(room)


def found(commands: Iterable[Command], text: str, recent: Sequence[str] = ()) -> list[Command]:
    """The commands that contain every word of `text`, at most eight.

    Those whose words start with more of them come first, then the last used ones; groups are kept together.
    """
    words = text.lower().split()
    if not words:
        return _before_typing(commands, recent)
    fitting = [c for c in commands if all(word in f'{c.group} {c.words} {c.note}'.lower() for word in words)]

    def rank(command: Command) -> tuple[int, int]:
        used = recent.index(command.key) if command.key in recent else len(recent)
        starts = sum(bool(re.search(rf'(^|\W){re.escape(word)}', command.words.lower())) for word in words)
        return (-starts, used)

    best = sorted(fitting, key=rank)[:MOST]
    groups = list(dict.fromkeys(command.group for command in best))
    return sorted(best, key=lambda command: groups.index(command.group))


def _before_typing(commands: Iterable[Command], recent: Sequence[str]) -> list[Command]:
    """The last used commands, then pages and what has a key: whoever opens it to look learns both."""
    known = list(commands)
    used = [command for key in recent[:MOST_RECENT] for command in known if command.key == key]
    with_keys = [command for command in known if command.keys and command.key not in recent[:MOST_RECENT]]
    return [*(replace(command, group=_('Last used')) for command in used), *with_keys]


class Palette:
    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._past_runs: Sequence[RunRecord] = ()
        self._found: list[Command] = []
        self._selected = 0
        self._text = ''
        with Dialog().props('position=top no-shake') as self._dialog:
            box = el('section', 'sy-dialog sy-palette', role='dialog', aria_modal='true', aria_label=_('Commands'))
        with box.style('margin-top:15vh'):
            with el('div', 'pin'):
                icon('search', size=18, classes='sy-3')
                entry = el(
                    'input',
                    type_='text',
                    autocomplete='off',
                    spellcheck='false',
                    autofocus=True,
                    data_opens='told',
                    placeholder=_('Search or run a command'),
                    aria_label=_('Search or run a command'),
                    role='combobox',
                    aria_expanded='true',
                    aria_controls='palette-results',
                )
                el('span', 'sy-kbd', 'Esc')
            self._list = el('div', 'sy-menu', role='listbox', aria_label=_('Results'), id='palette-results')
            with el('div', 'pft'):
                with el('span'):
                    el('span', 'sy-kbd', '↑')
                    el('span', text=' ')
                    el('span', 'sy-kbd', '↓')
                    el('span', text=' ' + _('choose'))
                with el('span'):
                    el('span', 'sy-kbd', 'Enter')
                    el('span', text=' ' + _('run it'))
                el('span', 'sy-grow')
                self._count = el('span', role='status')
        entry.on(
            'input',
            self._typed,
            js_handler=TYPED,
            throttle=DEBOUNCE_SECONDS,
            leading_events=False,
        )
        entry.on('keydown.down.prevent', lambda: self._select(self._selected + 1))
        entry.on('keydown.up.prevent', lambda: self._select(self._selected - 1))
        # Enter sends the text along, so that even a fast typist runs what they typed.
        entry.on('keydown.enter.prevent', self._entered, js_handler=ENTER)
        self._entry = entry
        self._dialog.on('hide', self._dialog.delete)
        self._search('')
        self._dialog.open()
        background_tasks.create(self._read_past_runs(), name='runs for the palette')

    async def _read_past_runs(self) -> None:
        self._past_runs = await self._room.runs.page(limit=100)
        if not self._dialog.is_deleted:
            self._search(self._text)

    def _typed(self, event: GenericEventArguments) -> None:
        self._search(str(event.args))
        if self._text.strip():
            background_tasks.create(self._find_older_runs(self._text), name='older runs for the palette')

    async def _find_older_runs(self, text: str) -> None:
        try:
            found = await self._room.runs.finder.search(RunFilter(text=text), limit=MOST)
        except SynapseError:
            return  # what is read already is shown
        known = {run.id for run in self._past_runs}
        older = [run for run in found.runs if run.id not in known]
        if older and not self._dialog.is_deleted:
            selected = self._selected
            self._past_runs = [*self._past_runs, *older]
            self._search(self._text)
            self._select(selected)

    async def _entered(self, event: GenericEventArguments) -> None:
        try:
            if str(event.args) != self._text:
                self._search(str(event.args))
            await self._do(self._selected)
        finally:
            settled(self._entry)

    def _search(self, text: str) -> None:
        self._text = text
        with self._list:  # whoever calls this, its words are in the language of this tab
            self._found = [*self._days(text), *found(self._commands(text), text, self._room.recent_commands)]
            self._found = self._found[:MOST] if text.strip() else self._found
            count = len(self._found)
            self._count.set_text(_n('{count} result', '{count} results', count))
        self._select(0)

    def _select(self, index: int) -> None:
        self._selected = index % len(self._found) if self._found else 0
        self._list.clear()
        with self._list:
            group = ''
            for number, command in enumerate(self._found):
                if command.group != group:
                    group = command.group
                    el('span', 'cap', group)
                self._row(number, command)
            if not self._found:
                el('span', 'cap', _('No results. Try a page, a pipeline, a day, a file name or a run number.'))
        if len(self._found) > MOST:  # on a small screen they are scrolled
            self._list.client.run_javascript(SHOW_CHOSEN)

    def _row(self, number: int, command: Command) -> None:
        is_selected = number == self._selected
        row = el('div', 'hot' if is_selected else '', role='option', aria_selected=str(is_selected).lower())
        row.props['id'] = f'palette-{number}'
        if is_selected:
            self._entry.props['aria-activedescendant'] = f'palette-{number}'
        with row:
            if command.state:
                Glyph(command.state, size=15).classes(f'st-{look_of(command.state)}')
            else:
                icon(command.icon, size=15)
            with el('span', 'sy-ell'):
                marked(command.words, self._text)
            if command.note:
                with el('span', 'sy-cap'):
                    marked(command.note, self._text)
            if command.keys:
                el('span', 'sy-kbd', command.keys, data_single='1')
        opens(row, lambda: self._do(number), what='')

    async def _do(self, index: int) -> None:
        if not self._found:
            return
        command = self._found[index]
        background_tasks.create(self._room.remember_command(command.key), name='last used command')
        self._dialog.close()
        with self._dialog.client.content:
            result = command.do()
            if isinstance(result, Awaitable):
                await attempt(result)

    # Commands

    def _days(self, text: str) -> Iterator[Command]:
        """The day that was typed; it comes first, whatever else the words match."""
        today = day_in(now_utc(), ZoneInfo(self._room.calendar.zone))
        day = day_meant(text, today)
        if day is not None:
            go = partial(ui.navigate.to, f'/scheduler?day={day.isoformat()}')
            words = _('Go to {day}', day=moment('yMMMMEEEEd', day))
            yield Command(group=_('Calendar'), words=words, icon='calendar', do=go)

    def _commands(self, text: str) -> Iterator[Command]:
        room, runs = self._room, self._room.runs
        for info in room.catalog.all():
            if info.is_runnable:
                run = run_words(info.title)
                plan = _('Plan a run of {pipeline}', pipeline=info.title)
                yield _command(run, 'play', open_run_form, room, pipeline=info.name)
                yield _command(plan, 'calendar', open_event_dialog, room, pipeline=info.name)
        yield _command(_('New run'), 'play', open_run_form, room, keys=hint_of('new-run'))
        yield _command(_('New event'), 'calendar', open_event_dialog, room, keys=hint_of('new-event'))
        if runs.is_queue_paused:
            yield _command(_('Resume queue'), 'play', runs.resume_queue, by=BY)
        else:
            yield _command(_('Pause queue'), 'pause', runs.pause_queue, by=BY)
            yield _command(_('Pause queue for 15 minutes'), 'clockback', runs.pause_queue, by=BY, seconds=900)
            yield _command(_('Pause queue for 1 hour'), 'clockback', runs.pause_queue, by=BY, seconds=3600)
            morning = tomorrow_morning(room)
            yield _command(_('Pause queue until tomorrow 08:00'), 'clockback', runs.pause_queue, by=BY, until=morning)
            yield _command(_('Drain queue: finish what runs'), 'pause', runs.pause_queue, by=BY, drain=True)
        yield _command(_('Pause queue until a time, with a reason'), 'clockback', ask_to_pause_queue, room, BY)
        yield _command(_('Stop everything'), 'stop', stop_everything, room)
        yield _command(_('Open on the phone'), 'globe', _open_on_the_phone, room)
        yield _command(_('Keyboard shortcuts'), 'info', open_help, keys=hint_of('help'))
        yield _command(_('Light or dark theme'), 'sun', ui.run_javascript, 'window.synapse.toggleTheme()')
        for number, (target, name, icon_name) in enumerate(PLACES, start=1):
            go = partial(ui.navigate.to, target)
            yield Command(group=_('Pages'), words=_page(name), icon=icon_name, keys=hint(f'g {number}'), do=go)
        yield Command(group=_('Pages'), words=_('Guide'), icon='info', do=partial(ui.navigate.to, '/help'))
        for info in room.catalog.all():
            go = partial(ui.navigate.to, f'/pipelines/{info.name}')
            yield Command(group=_('Pipelines'), words=info.title, icon='pipelines', do=go)
        yield from (self._event_command(event) for event in islice(self._events(text), MOST))
        yield from (self._run_command(run) for run in self._runs())

    def _events(self, text: str) -> Iterator[Event]:
        """Events whose title contains every word; only those, since there may be thousands."""
        words = text.lower().split()
        if words:
            events = self._room.calendar.events()
            yield from (event for event in events if all(word in event.title.lower() for word in words))

    def _event_command(self, event: Event) -> Command:
        due = next(iter(self._room.calendar.next_due(event.id, 1)), None)
        if due is None:
            when = _('switched off') if not event.enabled else _('over')
        else:
            local = due.astimezone(ZoneInfo(self._room.calendar.zone))
            when = _('next {day}, {time}', day=moment('MMMEd', local), time=moment('Hm', local))
        return Command(
            group=_('Events'),
            words=event.title,
            icon='calendar',
            note=f'{pipeline_title(self._room, event.pipeline)}, {when}',
            do=partial(open_event_dialog, self._room, event=event, due=due),
        )

    def _runs(self) -> Iterator[RunRecord]:
        runs = self._room.runs
        known = {run.id: run for run in (*runs.live(), *runs.waiting(), *self._past_runs)}
        yield from sorted(known.values(), key=lambda run: run.number, reverse=True)

    def _run_command(self, run: RunRecord) -> Command:
        step = run.failed_step or run.active_step
        state = WORDS[run.state].lower()
        if step:
            state = _('{state} at {step}', state=state, step=step_title(self._room, run.pipeline, step.name))
        return Command(
            group=_('Runs'),
            words=f'#{run.number} {title_of(self._room, run)}',
            state=str(run.state),
            note=f'{pipeline_title(self._room, run.pipeline)}, {state}',
            do=partial(ui.navigate.to, f'/runs/{run.number}'),
        )


def _open_on_the_phone(room: ControlRoom) -> None:
    from pages.settings.access import LinkDialog  # with half of all pages, which the dashboard does without

    LinkDialog(room, Role.ADMIN)


def _page(name: str) -> Text:
    return Text(translated(name), name)


def _command(
    words: str, icon_name: str, do: Callable[..., Any], *arguments: Any, keys: str = '', **named: Any
) -> Command:
    return Command(group=_('Commands'), words=words, icon=icon_name, keys=keys, do=partial(do, *arguments, **named))


def marked(words: str, text: str) -> None:
    """Draw the words, with the parts that were searched for marked."""
    searched = [re.escape(word) for word in text.split()]
    if not searched:
        el('span', text=words)
        return
    for index, part in enumerate(re.split(f'({"|".join(searched)})', words, flags=re.IGNORECASE)):
        if part:
            el('mark' if index % 2 else 'span', text=part)
