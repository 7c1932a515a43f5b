"""The rows of one day of the agenda: an entry, the line of now, a line that unfolds others, and nothing at all."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from synapse.control_room import ControlRoom
from synapse.events import CalendarEntry
from synapse.records import RunRecord, now_utc

from .calendar_window import OpenEntry
from .cards import put, tick
from .chip import title_of
from .entry_words import clock_in, entry_caption, entry_label
from .html import Glyph, button, el, icon, look_of
from .words import pipeline_color, step_title


class EntryRow:
    """One entry."""

    def __init__(self, room: ControlRoom, zone: ZoneInfo, open_entry: OpenEntry) -> None:
        self._room = room
        self._zone = zone
        self._entry: CalendarEntry | None = None
        with el('li') as self.item, el('button', 'ag-row', type_='button') as self._button:
            self._at = el('span', 'at sy-num')
            el('span', 'bar')
            with el('span', 'words'):
                self._title = el('b', 'sy-ell')
                with el('span', 'sy-cap sy-ell'):
                    self._caption = el('span')
                    self._left = el('span', 'sy-num')
                    self._unit = el('span')
            self._repeats = icon('repeat', size=13, classes='rp')
            self._glyph = Glyph('planned', size=18)
        self._button.on('click', lambda: open_entry(self._entry) if self._entry is not None else None)

    def show(self, entry: CalendarEntry) -> None:
        if entry == self._entry:
            return
        self._entry = entry
        color = pipeline_color(self._room, entry.pipeline)
        self._button.classes(replace=f'ag-row {color} st-{look_of(entry.state)}')
        self._at.set_text(clock_in(entry.at, self._zone))
        self._title.set_text(title_of(entry))
        self._say(entry_caption(self._room, entry))
        self._repeats.set_visibility(entry.is_repeating)
        self._glyph.show(entry.state)
        put(self._button, aria_label=entry_label(entry, self._zone), title=entry.reason or None)

    def show_progress(self, live: dict[str, RunRecord]) -> None:
        """Which step goes, and how long it takes yet or how far it is."""
        run = live.get(self._entry.run or '') if self._entry is not None and self._entry.state == 'running' else None
        step = run.active_step if run is not None else None
        if run is None or step is None:
            return
        title = step_title(self._room, run.pipeline, step.name)
        left = self._room.runs.expected_left(run)
        if left is None:
            self._say(f'{title}, {step.progress:.0f} %')
        else:
            self._say(f'{title}, ', until=now_utc() + timedelta(seconds=left))

    def _say(self, text: str, *, until: datetime | None = None) -> None:
        self._caption.set_text(text)
        tick(self._left, until=until)
        self._unit.set_text(' left' if until is not None else '')


class NowRow:
    """The line between what was and what is to come; the browser moves its clock."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        with el('li', 'ag-now', aria_hidden='true') as self.item:
            self._clock = el('span', 'sy-num', data_clock_in=zone.key)
            el('i')

    def show(self, now: datetime) -> None:
        self._clock.set_text(clock_in(now, self._zone))


class FoldRow:
    """A line that unfolds others."""

    def __init__(self, pressed: Callable[[], None], *, classes: str = '') -> None:
        with el('li') as self.item, el('button', f'ag-fold {classes}', type_='button') as self._button:
            if not classes:
                Glyph('succeeded', size=14)
            self._text = el('span', 'sy-grow')
            icon('down', size=16)
        self._button.on('click', pressed)

    def show(self, text: str, *, is_open: bool) -> None:
        self._text.set_text(text)
        put(self._button, aria_expanded=str(is_open).lower())


class EmptyRow:
    """Today, while it is empty."""

    def __init__(self, plan: Callable[[], None]) -> None:
        with el('li', 'ag-nothing') as self.item:
            el('span', 'sy-grow sy-3', 'Nothing planned yet')
            button('Plan a run', small=True, kind='ghost').on('click', plan)


Row = EntryRow | NowRow | FoldRow | EmptyRow
