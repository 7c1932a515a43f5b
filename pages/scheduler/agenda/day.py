"""One day of the agenda: the browser draws its lines, which are sent again only when one of them changes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import ui

from pages.parts.cards import set_props
from pages.parts.html import look_of
from pages.parts.words import millis, percent_of, pipeline_color, step_title
from pages.scheduler.parts.days import clock_in, weekday_of
from pages.scheduler.parts.entry_words import entry_caption, entry_label, started_words, title_of
from pages.scheduler.parts.window import OpenEntry
from synapse.calendar.events import CalendarEntry
from synapse.control_room import ControlRoom
from synapse.language import _, _n, spoken
from synapse.language.formats import moment
from synapse.records import now_utc
from synapse.runs.records import RunRecord

from .lines import Line, lines_of

LISTED = 40
"""How many entries of a day are listed at first, and how many each press on its last line adds."""


@dataclass(frozen=True, slots=True)
class Picture:
    entries: Sequence[CalendarEntry]
    lines: Sequence[Line]
    summary: str


class AgendaDay(ui.element, component='agenda_day.js'):
    """Made once for its day; `show` updates it."""

    def __init__(
        self,
        room: ControlRoom,
        zone: ZoneInfo,
        day: date,
        open_entry: OpenEntry,
        plan: Callable[[], None],
        *,
        about: OpenEntry = lambda _entry: None,
    ) -> None:
        super().__init__()
        self.is_unfolded = False
        self.most = LISTED
        self._room = room
        self._zone = zone
        self._day = day
        self._entries: Sequence[CalendarEntry] = ()
        self._shown: Sequence[Line] = ()
        self._progress: dict[str, tuple[str, str | None]] = {}
        self._is_today = False
        self._props['zone'] = zone.key
        self._props['lines'] = []
        self.on('opened', lambda event: self._opened(str(event.args), open_entry))
        self.on('about', lambda event: self._opened(str(event.args), about))
        self.on('fold', self._fold)
        self.on('more', self._list_more)
        self.on('plan', plan)

    def show(self, picture: Picture, now: datetime, today: date) -> None:
        self._entries = picture.entries
        self._is_today = self._day == today
        name = moment('MMMEd' if self._day.year == today.year else 'yMMMEd', self._day)
        states = ' is-today' if self._is_today else ' is-past' if self._day < today else ''
        self.classes(replace=f'ag-day{states}')
        set_props(
            self,
            name=_('Today, {day}', day=name) if self._is_today else name,
            summary=picture.summary,
            aria_label=weekday_of(self._day),
            aria_current='date' if self._is_today else None,
        )
        if picture.lines != self._shown or self._is_today:
            self._draw(picture.lines, now)

    def show_progress(self, live: Mapping[str, RunRecord]) -> None:
        """Show the active step of each running entry, and the time left or the progress."""
        running = [line.entry for line in self._shown if line.entry is not None and line.entry.state == 'running']
        for entry in running:
            run = live.get(entry.run or '')
            progress = self._progress_of(run) if run is not None else None
            if progress is not None:
                self._progress[entry.key] = progress
        if running:
            self._draw(self._shown, now_utc())

    def _progress_of(self, run: RunRecord) -> tuple[str, str | None] | None:
        step = run.active_step
        if step is None:
            return None
        title = step_title(self._room, run.pipeline, step.name)
        left = self._room.runs.estimates.seconds_left(run)
        if left is None:
            return _('{step}, {percent}', step=title, percent=percent_of(step.progress)), None
        # To the second: the browser counts down by itself, so a smaller change is not worth sending.
        return title, millis((now_utc() + timedelta(seconds=left)).replace(microsecond=0))

    def _draw(self, lines: Sequence[Line], now: datetime) -> None:
        self._shown = lines
        set_props(self, lines=[{'key': line.key, 'kind': line.kind} | self._line(line, now) for line in lines])

    def _line(self, line: Line, now: datetime) -> dict[str, Any]:
        if line.entry is not None:
            return self._entry(line.entry)
        if line.kind == 'now':
            return {'time': clock_in(now, self._zone)}
        if line.kind == 'fold':
            return {'text': _folded(line.count, is_today=self._is_today), 'open': self.is_unfolded}
        if line.kind == 'more':
            return {'text': _n('{count} more entry', '{count} more entries', line.count), 'open': False}
        return {}

    def _entry(self, entry: CalendarEntry) -> dict[str, Any]:
        progress = self._progress.get(entry.key) if entry.state == 'running' else None
        caption, until = progress or (entry_caption(self._room, entry), None)
        return {
            'time': clock_in(entry.at, self._zone),
            'title': title_of(entry),
            'caption': caption,
            'until': until,
            'repeats': entry.is_repeating,
            'look': look_of(entry.state),
            'color': pipeline_color(self._room, entry.pipeline),
            'label': entry_label(entry, self._zone, caption=caption),
            'tip': ', '.join(filter(None, [started_words(entry), spoken(entry.reason)])),
            # Others lead there themselves.
            'about': entry.run is not None and entry.due is not None and entry.event_id is not None,
        }

    def _opened(self, key: str, open_entry: OpenEntry) -> None:
        entry = next((line.entry for line in self._shown if line.key == key), None)
        if entry is not None:
            open_entry(entry)

    def _fold(self) -> None:
        self.is_unfolded = not self.is_unfolded
        self._draw_again()

    def _list_more(self) -> None:
        self.most += LISTED
        self._draw_again()

    def _draw_again(self) -> None:
        now = now_utc()
        today = now if self._is_today else None
        self._draw(lines_of(self._entries, now=today, is_unfolded=self.is_unfolded, most=self.most), now)


def _folded(count: int, *, is_today: bool) -> str:
    if is_today:
        return _n('{count} earlier run succeeded', '{count} earlier runs succeeded', count)
    return _n('{count} run succeeded', '{count} runs succeeded', count)
