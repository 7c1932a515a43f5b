"""The steps of a run on a time axis, each with the time it usually takes; a click selects a step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pages.parts.cards import set_props
from pages.parts.html import Glyph, el, look_of
from pages.parts.words import length_of, millis, step_title
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.records import now_utc
from synapse.runs.records import RunRecord, StepRun, StepState

TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
MOST_TICKS = 6
SPARE = 0.25


@dataclass(frozen=True, slots=True)
class Axis:
    """A period of time with a line every `tick` seconds."""

    start: datetime
    tick: int
    count: int

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.tick * self.count)

    def percent(self, moment: datetime) -> float:
        """Return the position of a moment, 0 to 100; moments outside are at the nearer end."""
        share = (moment - self.start).total_seconds() / (self.tick * self.count)
        return 100 * min(1.0, max(0.0, share))

    def labels(self, local: Callable[[datetime], datetime]) -> list[str]:
        """Return a label for each line and for the end: the time, or with lines under a minute apart, the time so far.

        :param local: converts a moment to the time on the wall
        """
        moments = [self.start + timedelta(seconds=self.tick * place) for place in range(self.count + 1)]
        if self.tick < 60:
            return [length_of(self.tick * place) for place in range(self.count + 1)]
        return [f'{local(moment):%H:%M}' for moment in moments]


def axis_of(start: datetime, end: datetime) -> Axis:
    """Return the axis from `start` to at least `end` with the closest lines that leave at most six intervals."""
    for tick in TICKS:
        # Lines a minute or more apart are on whole minutes, closer ones count from the start itself.
        first = start if tick < 60 else start - timedelta(seconds=start.timestamp() % tick)
        count = -int(-(end - first).total_seconds() // tick)
        if count <= MOST_TICKS:
            return Axis(first, tick, max(1, count))
    days = -int(-(end - start).total_seconds() // 86400)
    return Axis(start, 86400 * -(-days // MOST_TICKS), MOST_TICKS)


def axis_for(run: RunRecord, typical: Mapping[str, float], left: float | None, now: datetime) -> Axis | None:
    """Return an axis with room for a run and the usual time of its steps; None before it has started.

    :param left: seconds that a live run is expected to take from `now`; if unknown, a quarter more than so far
    """
    start = run.started_at
    if start is None:
        return None
    ends = [run.finished_at or now, start + timedelta(seconds=1)]
    for step in run.steps:
        if step.started_at is not None and step.started_at >= start:
            ends.append(step.started_at + timedelta(seconds=typical.get(step.name, 0.0)))
    if not run.state.is_final:
        ends.append(now + timedelta(seconds=left or (now - start).total_seconds() * SPARE))
    return axis_of(start, max(ends))


class TimeAxis:
    """Built once for a run, then changed in place.

    :param chosen: called with the name of a step when it is clicked
    """

    def __init__(
        self, room: ControlRoom, run: RunRecord, typical: Mapping[str, float], chosen: Callable[[str], None]
    ) -> None:
        self._room = room
        self._typical = typical
        self._axis: Axis | None = None
        with el('div', 'run-axis', data_arrows='1') as self._box:
            self._labels = el('div', 'run-ticks sy-num', aria_hidden='true')
            self._rows = {step.name: _Row(room, run, step, typical.get(step.name), chosen) for step in run.steps}
        self.show(run)

    def show(self, run: RunRecord) -> None:
        """Bring all rows to the state of the run; the axis grows once the run has outgrown it."""
        now = now_utc()
        if self._axis is None or not run.state.is_live or now >= self._axis.end:
            self._place(run, now)
        for step in run.steps:
            if step.name in self._rows:
                self._rows[step.name].show(step, self._axis)

    def press(self, name: str | None) -> None:
        for step, row in self._rows.items():
            row.press(step == name)

    def _place(self, run: RunRecord, now: datetime) -> None:
        axis = axis_for(run, self._typical, self._room.runs.estimates.seconds_left(run), now)
        if axis is not None and axis != self._axis:
            self._axis = axis
            self._box.style(f'--ticks:{axis.count}')
            self._labels.clear()
            with self._labels:
                for label in axis.labels(self._room.local):
                    el('span', text=label)


class _Row:
    def __init__(
        self, room: ControlRoom, run: RunRecord, step: StepRun, usual: float | None, chosen: Callable[[str], None]
    ) -> None:
        self._usual = usual
        self._shown: tuple[StepRun, Axis | None] | None = None
        with el('button', 'run-step', type_='button', aria_pressed='false') as self._row:
            self._glyph = Glyph(step.state)
            el('span', 'name', step_title(room, run.pipeline, step.name))
            with el('span', 'lane'):
                self._ghost = el('u', hidden=True)
                self._bar = el('i', hidden=True)
                self._note = el('em')
            self._time = el('span', 'took sy-num')
        self._row.on('click', lambda: chosen(step.name))

    def press(self, is_pressed: bool) -> None:
        set_props(self._row, aria_pressed=str(is_pressed).lower())

    def show(self, step: StepRun, axis: Axis | None) -> None:
        if self._shown == (step, axis):
            return
        before = self._shown
        self._shown = (step, axis)
        is_same = before is not None and before[1] == axis and _clock(before[0]) == _clock(step)
        if is_same and step.state is StepState.RUNNING:
            return  # the browser lets its bar and its time grow
        pressed = self._row.props.get('aria-pressed')
        state = 'paused' if step.held_at else str(step.state)
        self._row.classes(replace=f'run-step st-{look_of(state)}')
        self._glyph.show(state)
        was_run = step.started_at is not None and axis is not None and step.started_at >= axis.start
        self._show_bars(step, axis if was_run and not step.is_kept else None)
        self._show_words(step)
        set_props(self._row, aria_pressed=pressed)

    def _show_bars(self, step: StepRun, axis: Axis | None) -> None:
        set_props(self._bar, hidden=axis is None)
        set_props(self._ghost, hidden=axis is None or not self._usual)
        if axis is None or step.started_at is None:
            return
        left = axis.percent(step.started_at)
        is_growing = step.state is StepState.RUNNING and step.held_at is None
        width = axis.percent(step.finished_at or step.held_at or now_utc()) - left
        self._bar.style(f'left:{left:.2f}%;width:{max(0.4, width):.2f}%')
        set_props(
            self._bar,
            data_grows_from=millis(step.started_at) if is_growing else None,
            data_axis_start=millis(axis.start) if is_growing else None,
            data_axis_end=millis(axis.end) if is_growing else None,
        )
        if self._usual:
            end = axis.percent(step.started_at + timedelta(seconds=self._usual))
            self._ghost.style(f'left:{left:.2f}%;width:{max(0.4, end - left):.2f}%')
            set_props(self._ghost, title=_('usually {time}', time=length_of(self._usual)))

    def _show_words(self, step: StepRun) -> None:
        since = step.counts_from if step.state is StepState.RUNNING else None
        set_props(self._time, data_since=millis(since) if since else None)
        self._note.set_text(
            step.shown_note if step.is_kept else _('never started') if step.state is StepState.SKIPPED else ''
        )
        if step.state is StepState.PENDING:
            self._time.set_text(f'~{length_of(self._usual)}' if self._usual else '')
        elif step.is_kept:
            self._time.set_text(_('kept'))
        elif step.state is StepState.SKIPPED:
            self._time.set_text(_('skipped'))
        else:
            self._time.set_text('' if since else length_of(step.worked_seconds(now_utc())))


def _clock(step: StepRun) -> tuple[object, ...]:
    """Return what the browser's clock and bar of a step depend on."""
    return step.state, step.started_at, step.held_at, step.held_seconds
