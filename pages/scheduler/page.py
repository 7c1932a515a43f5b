"""The calendar: months, weeks and days on which runs are planned, and what became of those that were due."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import PurePath
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from nicegui import background_tasks, ui

from pages.parts.cards import put
from pages.parts.controls import Picker
from pages.parts.dialogs import attempt, say
from pages.parts.html import WORDS, Glyph, button, el, icon, look_of
from pages.parts.scope import Scope
from pages.parts.upload import sending_row
from pages.parts.words import pipeline_color, pipeline_title
from pages.runs.start_run import file_parameter
from synapse.calendar.events import CalendarEntry
from synapse.calendar.series import Scope as EditScope
from synapse.catalog.catalog import PipelineInfo, PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.errors import Conflict
from synapse.inbox.inbox import PREFIX
from synapse.inbox.inputs import ASK
from synapse.profiles import ProfileChanged
from synapse.records import now_utc

from .agenda.view import Agenda
from .event.actions import ask_scope, run_event_now
from .event.dialog import open_event_dialog
from .month.day_popover import DayPopover, PopoverActions
from .month.grid import PATIENCE_SECONDS, GridActions, MonthGrid
from .month.layout import turned
from .month.picker import MonthPicker
from .parts.away_card import AwayCard
from .parts.days import day_in, monday_of, next_hour
from .parts.entry_filter import GROUPS, EntryFilter
from .parts.entry_words import occurrence_of
from .week.view import WeekView

VIEWS = {'month': 'Month', 'week': 'Week', 'agenda': 'Agenda'}
AGENDA_DAYS = 30
LEGEND = ('succeeded', 'failed', 'running', 'planned', 'off', 'missed', 'cancelled')


async def scheduler_page(
    room: ControlRoom,
    view: str = '',
    month: str = '',
    day: str = '',
    pipeline: str = '',
    profile: str = '',
    state: str = '',
) -> None:
    """The page. Its view, its day and its filters live in the address.

    :param month: such as `2026-10`
    :param day: such as `2026-10-14`; the month, the week or the agenda of this day
    """
    with Scope().classes('sy-page') as scope:
        only = EntryFilter(pipeline, profile, state if state in GROUPS else '')
        page = SchedulerPage(room, scope, view if view in VIEWS else 'month', _day_of(day, month), only)
        await page.load()


def _day_of(day: str, month: str) -> date | None:
    for text in (day, f'{month}-01'):
        try:
            return date.fromisoformat(text)
        except ValueError:
            continue
    return None


class SchedulerPage:
    """One visit of the page."""

    def __init__(self, room: ControlRoom, scope: Scope, view: str, day: date | None, only: EntryFilter) -> None:
        self._room = room
        self._scope = scope
        self._wish = view
        self._is_narrow = False
        self._only = only
        self._given = day
        self._day = day or self._today
        self._view: MonthGrid | WeekView | Agenda | None = None
        self._legend_names: set[str] = set()
        with el('div', 'mo-page') as page:
            self._draw_tools()
            self._draw_notices()
            AwayCard(room)
            self._slot = el('div', 'mo-view')
            self._draw_legend()
            self._popover = DayPopover(
                room,
                PopoverActions(
                    open_entry=self._open_entry,
                    run_now=self._run_now,
                    retry=self._retry,
                    open_day=lambda day: self._switch('agenda', day),
                    plan=self._plan_on,
                ),
            )
            self._draw_zone()
            self._announced = el('div', 'sy-vh', role='status', aria_live='polite')
            el('div', 'sy-vh', role='status', aria_live='assertive', data_month_says='1')
        page.on('narrow', lambda event: self._became_narrow(bool(event.args)), js_handler='(e) => emit(e.detail)')
        scope.follow(room.bus, PipelinesChanged, lambda _: self._pipelines_changed())
        scope.follow(room.bus, ProfileChanged, lambda _: self._offer_filters())

    async def load(self) -> None:
        """Show what the address asked for; what takes long comes later."""
        await asyncio.wait([self._soon(self._build())], timeout=PATIENCE_SECONDS)

    # What stands around the view

    def _draw_tools(self) -> None:
        with el('div', 'mo-tools'):
            self._title = MonthPicker(self._go_to)
            with el('div', 'sy-x mo-turns'):
                self._earlier = button('', icon_name='left', kind='ghost', small=True, aria_label='Earlier')
                today = button('Today', small=True, title='Today (T)')
                self._later = button('', icon_name='right', kind='ghost', small=True, aria_label='Later')
            put(self._earlier, data_key='earlier', data_turn='1')
            put(self._later, data_key='later', data_turn='1')
            put(today, data_key='today')
            self._earlier.on('click', lambda: self._turn(-1))
            self._later.on('click', lambda: self._turn(1))
            today.on('click', lambda: self._go_to(self._today))
            with el('div', 'mo-totals', role='group', aria_label='Totals of the month') as self._totals_box:
                self._totals = {group: _Total(group, self._toggle_group) for group in GROUPS}
            el('span', 'sy-grow')
            self._pipelines = Picker({}, '', label='Pipeline', changed=lambda name: self._restrict(pipeline=name))
            self._profiles = Picker({}, '', label='Profile', changed=lambda name: self._restrict(profile=name))
            self._offer_filters()
            with el('div', 'sy-seg', role='radiogroup', aria_label='View'):
                self._views = {
                    view: el('button', text=words, type_='button', role='radio', data_key=f'view-{view}')
                    for view, words in VIEWS.items()
                }
            for number, (view, option) in enumerate(self._views.items(), start=1):
                option.props['title'] = f'{VIEWS[view]} ({number})'
                option.on('click', lambda view=view: self._switch(view, self._day))

    def _draw_notices(self) -> None:
        for notice in self._room.calendar.notices:
            with el('p', 'hint mo-notice', role='status') as line:
                icon('alert', size=14)
                el('span', 'sy-grow', notice)
                gone = button('', icon_name='x', kind='ghost', small=True, aria_label='Hide this')
            gone.on('click', line.delete)
        with el('p', 'mo-problem', role='alert', hidden=True) as self._problem:
            icon('alert', size=14)
            self._problem_words = el('span', 'sy-grow')
            again = button('Try again', small=True)
        again.on('click', lambda: self._soon(self._load_view()))

    def _draw_legend(self) -> None:
        with el('div', 'mo-legend', aria_label='Legend', role='group'):
            self._legends = [_legend()]
            with (
                el(
                    'button', 'sy-btn is-ghost is-sm is-icon mo-help', '?', type_='button', aria_label='Legend'
                ) as legend,
                ui.menu().props('anchor="top right" self="bottom right"'),
                el('div', 'mo-legend is-list'),
            ):
                self._legends.append(_legend())
            legend.props['aria-haspopup'] = 'dialog'

    def _draw_zone(self) -> None:
        """Where a file dropped on a day is seen on its way; which day, the browser adds."""
        with el('div', 'upload-zone mo-zone', role='status') as self._zone:
            el('input', type_='file', tabindex='-1', aria_hidden='true')
            sending_row()
        put(self._zone, data_max=str(self._room.settings.max_upload_bytes), data_pipeline='This calendar')
        self._zone.on(
            'uploaded',
            lambda event: self._filed(event.args),
            js_handler='(e) => emit({ id: e.detail.id, name: e.detail.name, day: e.target.dataset.day })',
        )
        self._accept()

    def _accept(self) -> None:
        takes = [info.accepts for info in self._room.catalog.list() if info.is_runnable and file_parameter(info)]
        suffixes = sorted({suffix for accepts in takes for suffix in accepts})
        put(self._zone, data_accepts=','.join(suffixes) if all(takes) else None)

    def _pipelines_changed(self) -> None:
        self._accept()
        self._offer_filters()
        self._show_legend(is_new=True)

    def _offer_filters(self) -> None:
        room, only = self._room, self._only
        pipelines = {'': 'All pipelines'} | {info.name: info.title for info in room.catalog.list() if info.is_runnable}
        profiles = {'': 'All profiles'} | {item.id: item.label for item in room.profiles.list()}
        # What an old link names may be gone by now; its runs are not.
        pipelines.setdefault(only.pipeline, only.pipeline)
        profiles.setdefault(only.profile, only.profile)
        self._pipelines.offer(pipelines, only.pipeline)
        self._profiles.offer(profiles, only.profile)

    # Which view, which day

    @property
    def _zone_info(self) -> ZoneInfo:
        return ZoneInfo(self._room.calendar.zone)

    @property
    def _today(self) -> date:
        return day_in(now_utc(), ZoneInfo(self._room.calendar.zone))

    @property
    def _kind(self) -> str:
        """The view that is shown: a month has no room on a phone."""
        return 'agenda' if self._is_narrow and self._wish == 'month' else self._wish

    async def _build(self) -> None:
        """Make the view anew: another one is wanted than there was."""
        room, kind, day = self._room, self._kind, self._day
        self._slot.clear()
        self._view = None
        self._show_failed(is_failed=False)
        with self._slot:
            if kind == 'month':
                self._view = MonthGrid(room, day, only=self._only, actions=self._grid_actions())
                if self._given is not None:
                    put(self._view, data_day=self._given.isoformat())
            else:
                options: dict[str, Any] = {
                    'passes': lambda entry: self._only.passes_any_state(entry),
                    'open_entry': self._open_entry,
                    'plan_at': self._plan_at,
                }
                self._view = (
                    WeekView(room, monday_of(day), **options)
                    if kind == 'week'
                    else Agenda(room, day, **options, chosen=self._go_to)
                )
        self._frame()
        await self._load_view()

    def _grid_actions(self) -> GridActions:
        return GridActions(
            open_entry=self._open_entry,
            open_day=self._open_popover,
            plan=self._plan_on,
            drop=lambda key, day: self._soon(attempt(self._move(key, day))),
            turn=self._go_to,
            changed=self._grid_changed,
            failed=self._show_failed,
        )

    async def _load_view(self) -> None:
        if self._view is not None:
            await self._view.load()

    def _became_narrow(self, is_narrow: bool) -> None:
        before = self._kind
        self._is_narrow = is_narrow
        if self._kind != before:
            self._soon(self._build())

    def _switch(self, view: str, day: date) -> None:
        before = self._kind
        self._wish, self._day = view, day
        if self._kind != before:
            self._soon(self._build())
            self._announce()
        else:
            self._go_to(day)

    def _turn(self, by: int) -> None:
        if self._kind == 'month':
            self._go_to(turned(self._day.replace(day=1), by))
        else:
            self._go_to(self._day + by * timedelta(days=7 if self._kind == 'week' else AGENDA_DAYS))

    def _go_to(self, day: date) -> None:
        self._day = day
        self._given = None
        if isinstance(self._view, MonthGrid):
            self._soon(self._view.show(day))
        elif self._view is not None:
            self._view.show(day)
        self._frame()
        self._announce()

    def _frame(self) -> None:
        """Bring title, buttons and address to the view and its day."""
        kind, day = self._kind, self._day
        name, faint = _name_of(kind, day)
        self._title.show(name, faint, day, self._today)
        span = {'month': 'month', 'week': 'week', 'agenda': f'{AGENDA_DAYS} days'}[kind]
        put(self._earlier, aria_label=f'Previous {span} (K)', title=f'Previous {span} (K)')
        put(self._later, aria_label=f'Next {span} (J)', title=f'Next {span} (J)')
        put(self._totals_box, hidden=kind != 'month')
        put(self._slot, data_view=kind)
        for view, option in self._views.items():
            put(option, aria_checked=str(view == kind).lower(), tabindex='0' if view == kind else '-1')
        ui.navigate.history.replace(self._address())

    def _announce(self) -> None:
        self._announced.set_text(' '.join(_name_of(self._kind, self._day)))

    def _address(self) -> str:
        only, is_now = self._only, self._day == self._today
        month = f'{self._day:%Y-%m}' if self._kind == 'month' and f'{self._day:%Y-%m}' != f'{self._today:%Y-%m}' else ''
        parts = {
            'view': '' if self._wish == 'month' else self._wish,
            'month': month,
            'day': '' if is_now or self._kind == 'month' else self._day.isoformat(),
            'pipeline': only.pipeline,
            'profile': only.profile,
            'state': only.group,
        }
        query = urlencode({name: value for name, value in parts.items() if value})
        return f'/scheduler?{query}' if query else '/scheduler'

    # Filters and what is counted

    def _restrict(self, **values: str) -> None:
        self._filter(replace(self._only, **values))

    def _toggle_group(self, group: str) -> None:
        self._filter(self._only.toggled(group))

    def _filter(self, only: EntryFilter) -> None:
        self._only = only
        self._frame()
        if isinstance(self._view, MonthGrid):
            self._soon(self._view.restrict(only))
        else:
            self._soon(self._load_view())

    def _grid_changed(self) -> None:
        if isinstance(self._view, MonthGrid):
            totals = self._view.totals
            for group, total in self._totals.items():
                total.show(totals[group], is_only=self._only.group == group)
            self._show_legend()
        self._popover.refresh()

    def _show_legend(self, *, is_new: bool = False) -> None:
        names = self._view.pipelines if isinstance(self._view, MonthGrid) else set()
        if names == self._legend_names and not is_new:
            return
        self._legend_names = names
        titles = sorted((pipeline_title(self._room, name), name) for name in names)
        for legend in self._legends:
            legend.clear()
            with legend:
                for title, name in titles[:8]:
                    with el('span', f'sy-x {pipeline_color(self._room, name)}'):
                        el('i', 'sy-pdot')
                        el('span', text=title)

    def _show_failed(self, *, is_failed: bool) -> None:
        put(self._problem, hidden=not is_failed)
        if is_failed:
            self._problem_words.set_text(f'Could not load {_name_of(self._kind, self._day)[0]}.')

    # What a person does

    def _soon(self, work: Awaitable[Any]) -> asyncio.Task[None]:
        """Do this inside the page, though nobody waits for it."""

        async def inside() -> None:
            with self._scope:
                await work

        return background_tasks.create(inside(), name='action on the calendar')

    def _open_entry(self, entry: CalendarEntry) -> None:
        if entry.run is not None:
            ui.navigate.to(f'/runs/{entry.run}')
        elif entry.state in ('planned', 'off') and entry.event_id is not None:
            self._soon(attempt(self._edit(entry.event_id, entry.due)))
        else:
            self._open_popover(day_in(entry.at, self._zone_info))

    def _open_popover(self, day: date) -> None:
        self._soon(self._popover.show(day, self._only))

    async def _edit(self, event_id: str, due: datetime | None) -> None:
        open_event_dialog(self._room, event=self._room.calendar.get(event_id), due=due)

    def _plan_on(self, day: date) -> None:
        """At the next full hour of the clock: of a day that is over there is none, so today then."""
        hour = next_hour(now_utc(), self._zone_info)
        self._plan_at(datetime.combine(day, hour.time()) if day > self._today else hour)

    def _plan_at(self, at: datetime) -> None:
        with self._scope:
            open_event_dialog(self._room, at=at, pipeline=self._only.pipeline)

    async def _move(self, key: str, day: date) -> None:
        """Put an occurrence on another day, at the same time of the wall clock."""
        calendar, found = self._room.calendar, occurrence_of(key)
        if found is None:
            return
        event_id, due = found
        event = calendar.get(event_id)
        wall = due.astimezone(self._zone_info).replace(tzinfo=None)
        to = datetime.combine(day, wall.time())
        scope: EditScope = 'all'
        if event.is_repeating:
            asked = f'It moves from {_short(wall)} to {_short(to)}. The event repeats.'
            answer = await ask_scope(f'Move {event.title}?', asked, verb='Move')
            if answer is None:
                return
            scope = answer
        change = await calendar.move(event_id, due, to, scope=scope)
        say(f'{change.sentence}.', kind='success', undo=lambda: calendar.undo(change.id))

    def _run_now(self, entry: CalendarEntry) -> None:
        self._soon(attempt(self._run_after_all(entry)))

    async def _run_after_all(self, entry: CalendarEntry) -> None:
        """Of what was missed the occurrence itself, so that it is answered for; else another run of its event."""
        calendar = self._room.calendar
        if entry.event_id is None or entry.due is None:
            return
        event = calendar.get(entry.event_id)
        try:
            if ASK in event.parameters.values():
                await run_event_now(self._room, event)
                return
            await calendar.answer_missed([(event.id, entry.due)], 'run')
            say(f'{event.title} starts.', kind='success')
        except Conflict as conflict:
            if conflict.code != 'already_answered':
                raise
            await run_event_now(self._room, event)

    def _retry(self, entries: Sequence[CalendarEntry]) -> None:
        self._soon(attempt(self._retry_all([entry.run for entry in entries if entry.run is not None])))

    async def _retry_all(self, runs: Sequence[str]) -> None:
        for run in runs:
            await self._room.runs.retry(run, because='the calendar')
        say('It runs again.' if len(runs) == 1 else f'{len(runs)} run again.', kind='success')

    def _filed(self, item: Mapping[str, Any]) -> None:
        """A file was dropped on a day: plan a run of it there."""
        info = taker_of(PurePath(str(item['name'])).suffix.lower(), self._room.catalog.list(), self._only.pipeline)
        parameter = file_parameter(info) if info is not None else None
        if info is None or parameter is None:
            say(f'No pipeline takes {item["name"]}. It is kept in the inbox.', kind='warning')
            return
        hour = next_hour(now_utc(), self._zone_info)
        day = date.fromisoformat(str(item['day']))
        at = datetime.combine(day, hour.time()) if day > self._today else hour
        with self._scope:
            values = {parameter: f'{PREFIX}{item["id"]}'}
            open_event_dialog(self._room, at=at, pipeline=info.name, parameters=values)


class _Total:
    """How many of a month ended so; pressed, only these are shown."""

    def __init__(self, group: str, pressed: Callable[[str], None]) -> None:
        self._group = group
        with el('button', f'mo-total sy-num st-{look_of(group)}', type_='button') as self._box:
            Glyph(group, size=13)
            self._count = el('span', text='0')
        self._box.on('click', lambda: pressed(group))

    def show(self, count: int, *, is_only: bool) -> None:
        words = f'{count} planned' if self._group == 'planned' else str(count)
        self._count.set_text(words)
        label = f'{count} {WORDS[self._group].lower()}'
        hint = 'Show everything again' if is_only else f'Show only these: {label}'
        put(self._box, aria_pressed=str(is_only).lower(), aria_label=label, title=hint)
        put(self._box, hidden=not count and not is_only)


def _legend() -> ui.element:
    """What the colours, glyphs and the strip mean; gives the place for the pipelines."""
    pipelines = el('span', 'pipes')
    el('span', 'sy-grow')
    with el('span', 'states'):
        for state in LEGEND:
            with el('span', f'sy-x st-{look_of(state)}'):
                put(Glyph(state, size=12), aria_hidden='true')
                el('span', text=WORDS[state])
        with el('span', 'sy-x'):
            icon('repeat', size=12)
            el('span', text='Repeats')
        with el('span', 'sy-x'):
            with el('span', 'strip', aria_hidden='true'):
                for look in ('succeeded', 'succeeded', 'scheduled'):
                    el('i', f'st-{look}')
            el('span', text='Day load, 0 to 24 h')
    return pipelines


def taker_of(suffix: str, infos: Sequence[PipelineInfo], wanted: str = '') -> PipelineInfo | None:
    """The pipeline for a file: one that names its ending, or else one that takes any file; `wanted` before others."""
    able = sorted(
        (info for info in infos if info.is_runnable and file_parameter(info) is not None),
        key=lambda info: info.name != wanted,
    )
    named = [info for info in able if suffix in info.accepts]
    return next(iter([*named, *(info for info in able if not info.accepts)]), None)


def _name_of(kind: str, day: date) -> tuple[str, str]:
    """What is shown, and the year: `October` and `2026`, `12 to 18 October`, `From 14 Oct`."""
    if kind == 'month':
        return f'{day:%B}', str(day.year)
    if kind == 'agenda':
        return f'From {day.day} {day:%b}', str(day.year)
    first = monday_of(day)
    last = first + timedelta(days=6)
    begins = str(first.day) if first.month == last.month else f'{first.day} {first:%b}'
    ends = f'{last.day} {last:%B}' if first.month == last.month else f'{last.day} {last:%b}'
    return f'{begins} to {ends}', str(last.year)


def _short(wall: datetime) -> str:
    return f'{wall:%a} {wall.day} {wall:%b}, {wall:%H:%M}'
