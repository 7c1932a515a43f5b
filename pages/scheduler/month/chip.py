"""What a cell of the month shows of one entry, and how many entries it has room for."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pages.parts.html import WORDS, look_of
from pages.scheduler.parts.days import clock_in
from pages.scheduler.parts.entry_words import started_words, title_of
from synapse.calendar.events import CalendarEntry
from synapse.language import _, spoken


@dataclass(frozen=True, slots=True)
class Chip:
    """One line: the color bar of its pipeline, the glyph of its state, time, title, and whether it repeats."""

    key: str
    time: str
    title: str
    look: str
    color: str
    label: str
    tip: str
    is_repeating: bool
    is_movable: bool


def chip_of(entry: CalendarEntry, color: str, zone: ZoneInfo, now: datetime) -> Chip:
    """Return the chip of an entry, with its time on the wall clock of this zone."""
    clock, title = clock_in(entry.at, zone), title_of(entry)
    words = [f'{clock} {title}', WORDS[entry.state].lower(), *([_('repeats')] if entry.is_repeating else [])]
    return Chip(
        key=entry.key,
        time=clock,
        title=title,
        look=look_of(entry.state),
        color=color,
        label=', '.join(words),
        tip=', '.join(filter(None, [*words, started_words(entry), spoken(entry.reason)])),
        is_repeating=entry.is_repeating,
        is_movable=is_movable(entry, now),
    )


def is_movable(entry: CalendarEntry, now: datetime) -> bool:
    """Whether it may be moved to another day: only one occurrence that is planned and still to come."""
    return entry.state in ('planned', 'broken') and entry.event_id is not None and entry.at > now and entry.count == 1


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many chips a cell holds: all of them up to `rows`, otherwise fewer and a line that counts the others.

    :param beside: how many fit above that line; the cell of today uses them all, others leave some air
    """

    rows: int = 4
    beside: int = 4

    def most(self, count: int, *, is_today: bool) -> int:
        if count <= self.rows:
            return count
        if is_today or self.beside <= 3:
            return self.beside
        return max(3, min(self.beside, self.rows - 1))
