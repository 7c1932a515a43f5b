"""The command palette finds commands, pages, pipelines, days, events and runs; the last used come first."""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import background_tasks, ui
from nicegui.events import GenericEventArguments

from pages.parts.dialogs import attempt
from pages.parts.html import Glyph, el, icon, look_of, opens, settled
from pages.parts.words import pipeline_title, step_title, title_of
from pages.runs.run_form import open_run_form
from pages.scheduler.event.dialog import open_event_dialog
from pages.scheduler.parts.days import day_in, weekday_of
from synapse.calendar.events import Event
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.runs.records import RunRecord
from synapse.sentences import count_of

from .date_words import day_meant
from .places import PLACES
from .state_pill import stop_everything

MOST = 8
DEBOUNCE_SECONDS = 0.08
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


def open_palette(room: ControlRoom) -> None:
    """Open the palette: arrows select, Enter runs, Esc closes."""
    Palette(room)


def found(commands: Iterable[Command], text: str, recent: Sequence[str] = ()) -> list[Command]:
    """The commands that contain every word of `text`, at most eight.

    Those whose words start with more of them come first, then the last used ones; groups are kept together.
    """
    words = text.lower().split()
    fitting = [c for c in commands if all(word in f'{c.group} {c.words} {c.note}'.lower() for word in words)]

    def rank(command: Command) -> tuple[int, int]:
        used = recent.index(command.words) if command.words in recent else len(recent)
        starts = sum(bool(re.search(rf'(^|\W){re.escape(word)}', command.words.lower())) for word in words)
        return (-starts, used)

    best = sorted(fitting, key=rank)[:MOST]
    groups = list(dict.fromkeys(command.group for command in best))
    return sorted(best, key=lambda command: groups.index(command.group))


class Palette:
    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._past_runs: Sequence[RunRecord] = ()
        self._found: list[Command] = []
        self._selected = 0
        self._text = ''
        with ui.dialog().props('position=top no-shake') as self._dialog:
            box = el('section', 'sy-dialog sy-palette', role='dialog', aria_modal='true', aria_label='Commands')
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
                    placeholder='Search or run a command',
                    aria_label='Search or run a command',
                    role='combobox',
                    aria_expanded='true',
                    aria_controls='palette-results',
                )
                el('span', 'sy-kbd', 'Esc')
            self._list = el('div', 'sy-menu', role='listbox', aria_label='Results', id='palette-results')
            with el('div', 'pft'):
                with el('span'):
                    el('span', 'sy-kbd', '↑')
                    el('span', text=' ')
                    el('span', 'sy-kbd', '↓')
                    el('span', text=' choose')
                with el('span'):
                    el('span', 'sy-kbd', 'Enter')
                    el('span', text=' run it')
                el('span', 'sy-grow')
                self._count = el('span', role='status')
        entry.on(
            'input',
            self._typed,
            js_handler='(e) => emit(e.target.value)',
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

    async def _entered(self, event: GenericEventArguments) -> None:
        try:
            if str(event.args) != self._text:
                self._search(str(event.args))
            await self._do(self._selected)
        finally:
            settled(self._entry)

    def _search(self, text: str) -> None:
        self._text = text
        self._found = [*self._days(text), *found(self._commands(text), text, self._room.recent_commands)][:MOST]
        count = len(self._found)
        self._count.set_text(count_of(count, 'result'))
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
                el('span', 'cap', 'No results. Try a page, a pipeline, a day, a file name or a run number.')

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
                el('span', 'sy-kbd', command.keys)
        opens(row, lambda: self._do(number), what='')

    async def _do(self, index: int) -> None:
        if not self._found:
            return
        command = self._found[index]
        background_tasks.create(self._room.remember_command(command.words), name='last used command')
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
            yield Command(group='Calendar', words=f'Go to {weekday_of(day)} {day.year}', icon='calendar', do=go)

    def _commands(self, text: str) -> Iterator[Command]:
        room, runs = self._room, self._room.runs
        for info in room.catalog.all():
            if info.is_runnable:
                yield _command(f'Run {info.title}', 'play', open_run_form, room, pipeline=info.name)
                yield _command(f'Plan a run of {info.title}', 'calendar', open_event_dialog, room, pipeline=info.name)
        yield _command('New run', 'play', open_run_form, room, keys='R')
        yield _command('New event', 'calendar', open_event_dialog, room, keys='N')
        if runs.is_queue_paused:
            yield _command('Resume queue', 'play', runs.resume_queue)
        else:
            yield _command('Pause queue', 'pause', runs.pause_queue, 'the palette')
        yield _command('Stop everything', 'stop', stop_everything, room)
        yield _command('Light or dark theme', 'sun', ui.run_javascript, 'window.synapse.toggleTheme()')
        for number, (target, name, icon_name) in enumerate(PLACES, start=1):
            go = partial(ui.navigate.to, target)
            yield Command(group='Pages', words=name, icon=icon_name, keys=f'G {number}', do=go)
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
            when = 'switched off' if not event.enabled else 'over'
        else:
            local = due.astimezone(ZoneInfo(self._room.calendar.zone))
            when = f'next {local:%a} {local.day} {local:%b}, {local:%H:%M}'
        return Command(
            group='Events',
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
        at = f' at {step_title(self._room, run.pipeline, step.name)}' if step else ''
        return Command(
            group='Runs',
            words=f'#{run.number} {title_of(self._room, run)}',
            state=str(run.state),
            note=f'{pipeline_title(self._room, run.pipeline)}, {run.state}{at}',
            do=partial(ui.navigate.to, f'/runs/{run.number}'),
        )


def _command(
    words: str, icon_name: str, do: Callable[..., Any], *arguments: Any, keys: str = '', **named: Any
) -> Command:
    return Command(group='Commands', words=words, icon=icon_name, keys=keys, do=partial(do, *arguments, **named))


def marked(words: str, text: str) -> None:
    """Draw the words, with the parts that were searched for marked."""
    searched = [re.escape(word) for word in text.split()]
    if not searched:
        el('span', text=words)
        return
    for index, part in enumerate(re.split(f'({"|".join(searched)})', words, flags=re.IGNORECASE)):
        if part:
            el('mark' if index % 2 else 'span', text=part)
