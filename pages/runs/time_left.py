"""The largest number of a run: the time left while that can be estimated, else the time so far."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from nicegui import ui

from pages.parts.browser_language import of_tab
from pages.parts.cards import tick
from pages.parts.html import el
from pages.parts.words import length_of
from synapse.control_room import ControlRoom
from synapse.language import _, answering_in
from synapse.records import now_utc
from synapse.runs.records import RunRecord, RunState

LEAST_SECONDS = 1.0
STEADY_SECONDS = 1.5
STEADY_SHARE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number that counts down to `until`, or up from `since`, or else is `text`; with a note below it."""

    note: str
    until: datetime | None = None
    since: datetime | None = None
    text: str = ''


def figure_of(run: RunRecord, left: float | None, now: datetime, local: Callable[[datetime], datetime]) -> Figure:
    """Return what to show for a run.

    :param left: seconds it is expected to take from `now`, if that can be estimated
    :param local: converts a moment to the time on the wall
    """
    if run.state is RunState.RUNNING and not run.is_stopping:
        # The files of a run elsewhere may take longer to get there than all of its steps.
        if left is None or (run.machine and run.is_beginning):
            return Figure(since=run.started_at, note=_('so far, no estimate yet'))
        until = now + timedelta(seconds=left)
        return Figure(until=until, note=_('left, done about {time}', time=f'{local(until):%H:%M}'))
    if run.state.is_final:
        ended = _('ended {time}', time=f'{local(run.finished_at):%H:%M}') if run.finished_at else _('ended')
        took = length_of(run.took_seconds)
        return Figure(text=took, note=_('total, {ended}', ended=ended) if took else ended)
    if run.is_stopping:
        return Figure(text=length_of(left), note=_('stopping'))
    paused = _('paused until you resume it')
    if run.pause is not None and run.pause.until is not None:
        paused = _('paused until {time}', time=f'{local(run.pause.until):%H:%M}')
    if not run.is_held:
        is_asking = run.question is not None
        paused = _('paused until it is answered') if is_asking else _('paused until a worker is free')
    if run.is_held_asking:
        paused = _('held, also once it is answered')
    return Figure(text=length_of(left), note=paused if left is None else _('left, {paused}', paused=paused))


def is_steady(shown: Figure | None, new: Figure, left: float | None) -> bool:
    """Whether an estimate has moved so little that showing it would only make the number jitter."""
    if shown is None or shown.until is None or new.until is None or left is None:
        return shown == new
    return abs((new.until - shown.until).total_seconds()) <= max(STEADY_SECONDS, left * STEADY_SHARE)


class TimeLeft(ui.element):
    """The number and its note, changed in place; between changes the browser counts."""

    def __init__(self, room: ControlRoom, classes: str = '') -> None:
        super().__init__('div')
        self.classes(f'eta {classes}')
        self._room = room
        self._shown: tuple[str, Figure] | None = None
        self._again: asyncio.TimerHandle | None = None
        with self:
            self._number = el('span', 'big sy-num')
            self._note = el('span', 'sy-cap')

    def show(self, run: RunRecord) -> None:
        left = self._room.runs.estimates.seconds_left(run)
        figure = figure_of(run, left, now_utc(), self._room.local)
        shown = self._shown[1] if self._shown is not None and self._shown[0] == run.id else None
        if not is_steady(shown, figure, left):
            self._shown = (run.id, figure)
            tick(self._number, since=figure.since, until=figure.until, text=figure.text)
            self._note.set_text(figure.note)
        if self._again is not None:
            self._again.cancel()
        if figure.until is not None and left is not None:
            # A step that says nothing for longer than it usually takes must not stand at "0:00 left".
            delay = max(left, LEAST_SECONDS)
            self._again = asyncio.get_running_loop().call_later(delay, self._show_again, run)

    def _show_again(self, run: RunRecord) -> None:
        with self, answering_in(of_tab(self.client)):
            self.show(run)

    def _handle_delete(self) -> None:
        if self._again is not None:  # else it would keep this page alive for as long as the run has left
            self._again.cancel()
        super()._handle_delete()
