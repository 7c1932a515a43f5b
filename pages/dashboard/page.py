"""The dashboard: is it healthy, what runs, what comes next, what does the log say."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nicegui import background_tasks

from pages.logs.tail import LogTail
from pages.parts.cards import Card, StatCard
from pages.parts.dialogs import attempt
from pages.parts.html import el
from pages.parts.scope import Scope
from pages.parts.words import length_of
from pages.runs.questions import Questions
from pages.runs.start_run import StartCard
from pages.scheduler.parts.away_card import AwayCard
from pages.scheduler.parts.zone_card import ZoneCard
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.language.formats import moment, pointed
from synapse.records import now_utc
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord

from .current_run import CurrentRun
from .damage_card import DamageCard
from .first_start import FirstStart
from .machine_card import MachineCard
from .next_steps import NextSteps
from .next_up import NextUp
from .queue_card import QueueCard
from .workers_card import WorkersCard

FIGURES_SECONDS = 0.5
"""Runs that end in quick succession share one reading of the figures."""


async def dashboard_page(room: ControlRoom) -> None:
    """Draw what every part of the system is doing or, until a first run has ended, how to start one."""
    page = Scope().classes('sy-page')
    recent = await room.runs.recent(limit=1)
    if recent:
        await _dashboard(page, room, recent[0])
    elif not page.is_deleted:
        with page:
            _first_start(page, room)


def _first_start(page: Scope, room: ControlRoom) -> None:
    DamageCard(room)
    Questions(room)
    AwayCard(room)
    ZoneCard(room)
    FirstStart(room)

    has_ended = False

    def on_run(message: RunChanged) -> None:
        nonlocal has_ended
        if message.run.state.is_final and not has_ended:
            has_ended = True
            page.clear()
            background_tasks.create(_dashboard(page, room, message.run), name='first run has ended')

    page.follow(room.bus, RunChanged, on_run)


async def _dashboard(page: Scope, room: ControlRoom, last: RunRecord) -> None:
    figures = await attempt(room.runs.dashboard_stats(room.local(now_utc())))
    if page.is_deleted:
        return
    with page:
        DamageCard(room)
        Questions(room)
        AwayCard(room)
        ZoneCard(room)
        NextSteps(room, last.pipeline)
    with page, el('div', 'dash'):
        Figures(room, figures)
        CurrentRun(room, last)
        StartCard(room)
        QueueCard(room)
        WorkersCard(room)
        NextUp(room)
        _log(room)
        MachineCard(room)


class Figures(Scope):
    """The four cards, read again when a run has ended."""

    def __init__(self, room: ControlRoom, figures: Mapping[str, Any] | None) -> None:
        super().__init__()
        self.classes('stats')
        self._room = room
        with self:
            self._runs = StatCard(_('Runs today'), '/runs', narrow=_('Today'))
            self._success = StatCard(_('Succeeded, 7 days'), '/runs?state=succeeded')
            self._duration = StatCard(_('Typical duration, 7 days'), '/runs?state=succeeded')
            self._look = StatCard(_('Need a look'), '/runs?state=failed')
        if figures is not None:
            self._show(figures)
        self._soon = self.at_most_every(FIGURES_SECONDS, self._read_in_background, at_once=True)
        self.follow(room.bus, RunChanged, self._on_run)

    def _on_run(self, message: RunChanged) -> None:
        if message.moved and message.run.state.is_final:
            self._soon()

    def _read_in_background(self) -> None:
        background_tasks.create(self._read_again(), name='dashboard figures')

    async def _read_again(self) -> None:
        figures = await self._room.runs.dashboard_stats(self._room.local(now_utc()))
        self._call(lambda: self._show(figures))

    def _show(self, figures: Mapping[str, Any]) -> None:
        series = figures['series']
        self._runs.show(str(figures['runs_today']), compared(figures['runs_delta'], self._room.local(now_utc())))
        self._runs.bars(series['runs'])
        percent = figures['success_percent']
        if percent is None:
            self._success.show('–', _('none ended'))
        else:
            share = _('{number} of {count}', number=figures['success_ok'], count=figures['success_total'])
            self._success.show(_('{percent} %', percent=pointed(f'{percent:g}')), share)
        self._success.curve(series['success_percent'], 'green')
        self._duration.show(length_of(figures['median_seconds']) or '–', _('median'))
        self._duration.curve(series['median_seconds'], 'blue')
        self._look.show(str(figures['failed_today']), _('failed today'))
        self._look.bars(series['failed'], color='var(--cmd-red)', is_alarm=True)


def compared(delta: int, now: datetime) -> str:
    """Return a comparison with the same weekday of last week, short enough to fit next to the bars in any font."""
    day = moment('EEE', now)
    return _('{change} vs last {day}', change=f'{delta:+d}', day=day) if delta else _('same as last {day}', day=day)


def _log(room: ControlRoom) -> None:
    with Card(_('Log'), 'tail') as card:
        with card.head:
            with el('span', 'sy-live st-running'):
                el('i', 'sy-dot is-live').style('color:var(--cmd-green)')
                el('span', 'sy-3', _('following'))
            el('a', 'sy-btn is-ghost is-sm', _('Open logs'), href='/logs')
        LogTail(room)
