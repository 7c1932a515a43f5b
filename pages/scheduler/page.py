"""The calendar page: which view it shows, and what a person does there."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import background_tasks, ui

from pages.parts.address import replace_address
from pages.parts.cards import set_props
from pages.parts.dialogs import attempt, say
from pages.parts.html import button, el, icon
from pages.parts.scope import Scope
from synapse.calendar.events import CalendarEntry
from synapse.calendar.series import EditScope
from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.errors import Conflict
from synapse.inbox.inputs import ASK
from synapse.language import _, _n, own
from synapse.preferences import PreferencesChanged
from synapse.profiles import ProfileChanged
from synapse.records import now_utc

from .agenda.view import Agenda
from .drop import DropZone
from .event.actions import ask_scope, run_event_now
from .event.dialog import open_event_dialog
from .event.occurrence_card import OccurrenceCard
from .month.day_popover import DayPopover, PopoverActions
from .month.grid import PATIENCE_SECONDS, GridActions, MonthGrid
from .parts.away_card import AwayCard
from .parts.days import day_in, moment_words, next_hour_on, wall_now
from .parts.entries import occurrence_of, target_of
from .parts.entry_filter import GROUPS, EntryFilter
from .parts.views import VIEWS, address_of, day_asked, name_of, view_shown
from .parts.window import CalendarWindow
from .parts.zone_card import ZoneCard
from .toolbar import Legend, Toolbar
from .week.view import WeekView


async def scheduler_page(
    room: ControlRoom,
    view: str = '',
    month: str = '',
    day: str = '',
    pipeline: str = '',
    profile: str = '',
    state: str = '',
) -> None:
    """Draw the page. Its view, its day and its filters are kept in the address.

    :param month: such as `2026-10`
    :param day: such as `2026-10-14`; the month, the week or the agenda shows this day
    """
    scope = Scope().classes('sy-page')
    await asyncio.sleep(0)  # the shell around it has held the event loop long enough
    if scope.is_deleted:
        return
    with scope:
        only = EntryFilter(pipeline, profile, state if state in GROUPS else '')
        page = SchedulerPage(room, scope, view if view in VIEWS else 'month', day_asked(day, month), only)
        await page.load()


class SchedulerPage:
    """One visit to the page."""

    def __init__(self, room: ControlRoom, scope: Scope, view: str, day: date | None, only: EntryFilter) -> None:
        self._room = room
        self._scope = scope
        self._wanted = view
        self._is_narrow = False
        self._given = day
        self._view: CalendarWindow | None = None
        with el('div', 'mo-page') as page:
            self._tools = Toolbar(
                room,
                only,
                go_to=self._go_to,
                filtered=self._filter,
                switch=lambda view: self._switch(view, self._day),
            )
            self._day = day or self._tools.today
            self._draw_notices()
            AwayCard(room)
            ZoneCard(room)
            self._slot = el('div', 'mo-view')
            self._legend = Legend(room)
            self._popover = DayPopover(
                room,
                PopoverActions(
                    open_entry=self._open_entry,
                    run_now=self._run_now,
                    retry=self._retry,
                    open_day=lambda day: self._switch('agenda', day),
                    plan=self._plan_on,
                    about=self._open_card,
                ),
            )
            self._drop = DropZone(room, wanted=lambda: self._tools.only.pipeline, plan=self._plan_on)
            self._announced = el('div', 'sy-vh', role='status', aria_live='polite')
            el('div', 'sy-vh', role='status', aria_live='assertive', data_month_says='1')
        page.on('narrow', lambda event: self._became_narrow(bool(event.args)), js_handler='(e) => emit(e.detail)')
        scope.follow(room.bus, PipelinesChanged, lambda _message: self._pipelines_changed())
        scope.follow(room.bus, ProfileChanged, lambda _message: self._tools.offer())
        scope.follow(room.bus, PreferencesChanged, self._preferences_changed)

    async def load(self) -> None:
        """Show what the address asks for; entries that take long to read appear later."""
        await asyncio.sleep(0)
        await asyncio.wait([self._soon(self._build())], timeout=PATIENCE_SECONDS)

    # Around the view

    def _draw_notices(self) -> None:
        for notice in self._room.calendar.notices:
            with el('p', 'hint mo-notice', role='status') as line:
                icon('alert', size=14)
                el('span', 'sy-grow', notice)
                dismiss = button('', icon_name='x', kind='ghost', small=True, aria_label=_('Dismiss'))
            dismiss.on('click', line.delete)
        with el('p', 'mo-problem', role='alert', hidden=True) as self._problem:
            icon('alert', size=14)
            self._problem_words = el('span', 'sy-grow')
            again = button(_('Try again'), small=True)
        again.on('click', lambda: self._soon(self._load_view()))

    def _preferences_changed(self, message: PreferencesChanged) -> None:
        if message.now.week_start != message.before.week_start:
            self._soon(self._build())

    def _pipelines_changed(self) -> None:
        self._drop.accept()
        self._tools.offer()
        self._legend.draw()

    # Which view, which day

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self._room.calendar.zone)

    @property
    def _kind(self) -> str:
        return view_shown(self._wanted, is_narrow=self._is_narrow)

    async def _build(self) -> None:
        room, kind, day = self._room, self._kind, self._day
        self._slot.clear()
        self._view = None
        self._show_failed(is_failed=False)
        options: dict[str, Any] = {'only': self._tools.only, 'failed': self._show_failed}
        plans: dict[str, Any] = {'open_entry': self._open_entry, 'plan_at': self._plan_at}
        with self._slot:
            if kind == 'month':
                self._view = MonthGrid(room, day, **options, actions=self._grid_actions())
                if self._given is not None:
                    set_props(self._view, data_day=self._given.isoformat())
            elif kind == 'week':
                self._view = WeekView(room, day, **options, **plans)
            else:
                self._view = Agenda(room, day, **options, **plans, chosen=self._go_to, about=self._open_card)
        self._frame()
        await asyncio.sleep(0)
        await self._load_view()

    def _grid_actions(self) -> GridActions:
        return GridActions(
            open_entry=self._open_entry,
            open_day=self._open_popover,
            plan=self._plan_on,
            drop=lambda key, day: self._soon(attempt(self._move(key, day))),
            turn=self._go_to,
            changed=self._grid_changed,
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
        self._wanted, self._day = view, day
        if self._kind != before:
            self._soon(self._build())
            self._announce()
        else:
            self._go_to(day)

    def _go_to(self, day: date) -> None:
        self._day = day
        self._given = None
        if self._view is not None:
            self._view.show(day)
        self._frame()
        self._announce()

    def _frame(self) -> None:
        """Make title, buttons and address match the view and its day."""
        self._tools.show(self._kind, self._day)
        set_props(self._slot, data_view=self._kind)
        today, only = self._tools.today, self._tools.only
        replace_address(self._scope, address_of(self._wanted, self._kind, self._day, today, only))

    def _announce(self) -> None:
        self._announced.set_text(' '.join(name_of(self._kind, self._day, self._room.choices.now.first_weekday)))

    # Filters and totals

    def _filter(self) -> None:
        self._frame()
        if self._view is not None:
            self._soon(self._view.restrict(self._tools.only))

    def _grid_changed(self, totals: Mapping[str, int], pipelines: set[str]) -> None:
        self._tools.count(totals)
        self._legend.show(pipelines)
        self._popover.refresh()

    def _show_failed(self, *, is_failed: bool) -> None:
        set_props(self._problem, hidden=not is_failed)
        if is_failed and self._view is not None:
            self._problem_words.set_text(self._view.failed_words)

    # What a person does

    def _soon(self, work: Awaitable[Any]) -> asyncio.Task[None]:
        """Run this inside the page, without waiting for it."""

        async def inside() -> None:
            with self._scope:
                await work

        return background_tasks.create(inside(), name='action on the calendar')

    def _open_entry(self, entry: CalendarEntry) -> None:
        match target_of(entry):
            case 'run':
                ui.navigate.to(f'/runs/{entry.run}')
            case 'event':
                self._soon(attempt(self._edit(str(entry.event_id), entry.due)))
            case 'day' if entry.event_id is not None and entry.due is not None:
                self._open_card(entry)
            case 'day':
                self._open_popover(day_in(entry.at, self._zone))

    def _open_card(self, entry: CalendarEntry) -> None:
        self._soon(attempt(self._show_card(str(entry.event_id), entry.due or entry.at)))

    async def _show_card(self, event_id: str, due: datetime) -> None:
        event = self._room.calendar.get(event_id)
        OccurrenceCard(
            self._room,
            event,
            due,
            run_now=lambda missed: self._soon(attempt(self._run_after_all(event_id, missed))),
            edit=lambda: self._soon(attempt(self._edit(event_id, due))),
        )

    def _open_popover(self, day: date) -> None:
        self._soon(self._popover.show(day, self._tools.only))

    async def _edit(self, event_id: str, due: datetime | None) -> None:
        open_event_dialog(self._room, event=self._room.calendar.get(event_id), due=due)

    def _plan_on(self, day: date, pipeline: str = '', parameters: Mapping[str, Any] | None = None) -> None:
        self._plan_at(next_hour_on(day, now_utc(), self._zone), pipeline, parameters)

    def _plan_at(self, at: datetime, pipeline: str = '', parameters: Mapping[str, Any] | None = None) -> None:
        with self._scope:
            wanted = pipeline or self._tools.only.pipeline
            open_event_dialog(self._room, at=at, pipeline=wanted, parameters=parameters)

    async def _move(self, key: str, day: date) -> None:
        """Move an occurrence to another day, at the same wall time."""
        editor, found = self._room.editor, occurrence_of(key)
        if found is None:
            return
        event_id, due = found
        event = self._room.calendar.get(event_id)
        wall = wall_now(due, self._zone)
        to = datetime.combine(day, wall.time())
        scope: EditScope = 'all'
        if event.is_repeating:
            text = _(
                'From {moment} to {later}. This event repeats: which occurrences should move?',
                moment=moment_words(wall),
                later=moment_words(to),
            )
            answer = await ask_scope(_('Move {title}?', title=event.title), text, verb='Move')
            if answer is None:
                return
            scope = answer
        change = await editor.move(event_id, due, to, scope=scope)
        say(f'{change.sentence}.', kind='success', undo=lambda: editor.undo(change.id))

    def _run_now(self, entry: CalendarEntry) -> None:
        if entry.event_id is not None and entry.due is not None:
            self._soon(attempt(self._run_after_all(entry.event_id, entry.due)))

    async def _run_after_all(self, event_id: str, due: datetime | None) -> None:
        """Run a missed occurrence, which settles it; run the event once more if it is settled or there was none."""
        calendar = self._room.calendar
        event = calendar.get(event_id)
        if due is None or ASK in event.parameters.values():
            await run_event_now(self._room, event)
            return
        try:
            await calendar.answer_missed([(event.id, due)], 'run')
            say(_('{title} is starting.', title=event.title), kind='success')
        except Conflict as conflict:
            if conflict.code != 'already_answered':
                raise
            await run_event_now(self._room, event)

    def _retry(self, entries: Sequence[CalendarEntry]) -> None:
        self._soon(attempt(self._retry_all([entry.run for entry in entries if entry.run is not None])))

    async def _retry_all(self, runs: Sequence[str]) -> None:
        for run in runs:
            await self._room.runs.retry(run, because=own(_('the calendar')))
        say(_n('Retrying the run.', 'Retrying {count} runs.', len(runs)), kind='success')
