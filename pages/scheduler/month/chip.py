"""What a cell of the month shows of one entry, and which entries stay where there is no room for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import Any
from zoneinfo import ZoneInfo

from pages.parts.html import WORDS, look_of
from pages.scheduler.parts.days import RANKS
from pages.scheduler.parts.entry_words import title_of
from synapse.calendar.events import CalendarEntry


@dataclass(frozen=True, slots=True)
class Chip:
    """One line: the bar of its pipeline, the glyph of its state, time, title, and whether it comes again."""

    key: str
    time: str
    title: str
    look: str
    color: str
    label: str
    tip: str
    is_repeating: bool
    is_movable: bool

    def as_props(self) -> dict[str, Any]:
        """As `day_cell.js` takes it."""
        return {
            'key': self.key,
            'time': self.time,
            'title': self.title,
            'look': self.look,
            'color': self.color,
            'label': self.label,
            'tip': self.tip,
            'repeats': self.is_repeating,
            'moves': self.is_movable,
        }


def chip_of(entry: CalendarEntry, color: str, zone: ZoneInfo, now: datetime) -> Chip:
    """:param zone: of the calendar, whose wall clock the time is read from"""
    clock = f'{entry.at.astimezone(zone):%H:%M}'
    title = title_of(entry)
    words = [f'{clock} {title}', WORDS[entry.state].lower(), *(['repeats'] if entry.is_repeating else [])]
    return Chip(
        key=entry.key,
        time=clock,
        title=title,
        look=look_of(entry.state),
        color=color,
        label=', '.join(words),
        tip=', '.join([*words, *([entry.reason] if entry.reason else [])]),
        is_repeating=entry.is_repeating,
        is_movable=is_movable(entry, now),
    )


def is_movable(entry: CalendarEntry, now: datetime) -> bool:
    """Whether it may be put on another day: what is still to come."""
    return entry.state == 'planned' and entry.event_id is not None and entry.at > now


@dataclass(frozen=True, slots=True)
class Room:
    """How many chips a cell holds: all of them up to `rows`, else fewer and a line that counts the others.

    :param beside: how many there is room for beside that line; the cell of today uses it up, others leave some air
    """

    rows: int = 4
    beside: int = 4

    def most(self, count: int, *, is_today: bool) -> int:
        """How many of `count` are shown."""
        if count <= self.rows:
            return count
        if is_today or self.beside <= 3:
            return self.beside
        return max(3, min(self.beside, self.rows - 1))


def survivors(entries: Sequence[CalendarEntry], most: int) -> list[CalendarEntry]:
    """The entries that matter most, in the order of time: exceptions first, successes last."""
    if len(entries) <= most:
        return list(entries)
    chosen = nsmallest(most, range(len(entries)), key=lambda place: (RANKS[entries[place].state], place))
    return [entries[place] for place in sorted(chosen)]
