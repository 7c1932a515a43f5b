"""The month as it is to be shown: pure functions from the entries of the calendar to what each cell holds."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pages.scheduler.parts.days import hours_of, midnight, weekday_of
from pages.scheduler.parts.entry_filter import GROUPS, EntryFilter
from synapse.calendar.events import CalendarEntry
from synapse.recurrence.words import clock_change_on

from .chip import Chip, Room, chip_of, survivors
from .load import Crowd, Mark, crowd_of, marks_of

STEEL = 'p5'
"""The colour of pipelines that are gone."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the layout depends on besides the entries."""

    zone: ZoneInfo
    now: datetime
    month: date
    """Its first day."""
    only: EntryFilter = field(default_factory=EntryFilter)
    room: Room = field(default_factory=Room)
    workers: int = 2
    limits: Mapping[str, int] = field(default_factory=dict)
    colors: Mapping[str, str] = field(default_factory=dict)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPicture:
    """All that one cell shows."""

    day: date
    number: str
    label: str
    tense: str
    """`past`, `today` or `future`."""
    is_out: bool
    chips: tuple[Chip, ...] = ()
    more: int = 0
    counts: tuple[int, int, int] = (0, 0, 0)
    """Succeeded, failed, missed."""
    load: str = ''
    clock: str = ''
    marks: tuple[Mark, ...] = ()
    crowd: tuple[tuple[float, float], ...] = ()
    begins: int = 0
    lasts: int = 0
    """Milliseconds: when today began, since the epoch, and how long it is; 0 for other days."""
    invites: bool = False
    """Whether it holds the line that asks for a first event."""
    is_waiting: bool = False
    """Whether its entries are still on their way."""

    def as_props(self) -> dict[str, Any]:
        """As `day_cell.js` takes it; marks are `left, width, look, is dim`."""
        return {
            'day': self.day.isoformat(),
            'number': self.number,
            'label': self.label,
            'tense': self.tense,
            'out': self.is_out,
            'weekend': self.day.weekday() > 4,
            'chips': [chip.as_props() for chip in self.chips],
            'more': self.more,
            'counts': list(self.counts),
            'load': self.load,
            'clock': self.clock,
            'marks': [[mark.left, mark.width, mark.look, mark.is_dim] for mark in self.marks],
            'crowd': [list(span) for span in self.crowd],
            'begins': self.begins,
            'lasts': self.lasts,
            'invites': self.invites,
            'waiting': self.is_waiting,
        }


@dataclass(frozen=True, slots=True)
class Day:
    """A cell, and what the month adds up from it."""

    picture: DayPicture
    totals: Mapping[str, int]
    pipelines: frozenset[str]
    entries: Mapping[str, CalendarEntry]
    """Those of its chips, by key."""
    count: int
    """Of all entries, shown or not."""


def days_of(month: date) -> list[date]:
    """The days of the grid, whole weeks from Monday: 35 of them, or 42 where the month needs a sixth week.

    :param month: its first day
    """
    first = month - timedelta(days=month.weekday())
    last = turned(month, 1) - DAY
    return [first + DAY * number for number in range(42 if (last - first).days >= 35 else 35)]


def turned(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a shorter month."""
    place = day.year * 12 + day.month - 1 + months
    first = date(place // 12, place % 12 + 1, 1)
    after = date((place + 1) // 12, (place + 1) % 12 + 1, 1)
    return first + DAY * (min(day.day, (after - first).days) - 1)


def laid_out(entries: Sequence[CalendarEntry], days: Sequence[date], setting: Setting) -> dict[date, Day]:
    """What the cells of consecutive days hold. It may take its time: a busy month has a hundred thousand entries.

    :param entries: of these days, by time
    """
    edges = [midnight(day, setting.zone) for day in [*days, days[-1] + DAY]]
    places = [bisect_left(entries, edge, key=lambda entry: entry.at) for edge in edges]
    return {
        day: _laid_out(day, entries[places[n] : places[n + 1]], edges[n], edges[n + 1], setting)
        for n, day in enumerate(days)
    }


def _laid_out(day: date, entries: Sequence[CalendarEntry], start: datetime, end: datetime, setting: Setting) -> Day:
    only = setting.only
    counted = entries if only.is_open else [entry for entry in entries if only.passes_any_state(entry)]
    shown = [entry for entry in counted if only.passes(entry)] if only.group else counted
    states = counts_of(shown)
    today = setting.today
    chosen = survivors(shown, setting.room.most(len(shown), is_today=day == today))
    loads = [entry for entry in entries if entry.state != 'off']
    crowd = Crowd()
    if day >= today:
        crowd = crowd_of(loads, start, end, workers=setting.workers, limits=setting.limits)
    done, failed = states['succeeded'], states['failed'] + states['interrupted']
    missed, planned = states['missed'], states['planned'] + states['queued']
    words = [weekday_of(day), f'{done} succeeded', f'{failed} failed', f'{planned} planned']
    picture = DayPicture(
        **_frame(day, setting, start, end),
        label=', '.join([*words, *([f'{missed} missed'] if missed else [])]),
        chips=tuple(
            chip_of(entry, setting.colors.get(entry.pipeline, STEEL), setting.zone, setting.now) for entry in chosen
        ),
        more=len(shown) - len(chosen),
        counts=(done, failed, missed),
        load=f'{crowd.most} at once' if crowd.most else '',
        marks=marks_of(loads, start, end, everything if only.is_open else only.passes),
        crowd=crowd.spans,
    )
    pipelines = frozenset({entry.pipeline for entry in entries})
    totals = counts_of(counted)
    by_group = {group: sum(totals[state] for state in states) for group, states in GROUPS.items()}
    return Day(picture, by_group, pipelines, {entry.key: entry for entry in chosen}, len(entries))


def counts_of(entries: Iterable[CalendarEntry]) -> Counter[str]:
    """How many there are in each state."""
    counts = Counter[str]()
    for entry in entries:
        counts[entry.state] += entry.count
    return counts


def everything(_: CalendarEntry) -> bool:
    """What an open filter lets through."""
    return True


def waiting(day: date, setting: Setting) -> DayPicture:
    """The cell of a day whose entries are still on their way."""
    start, end = midnight(day, setting.zone), midnight(day + DAY, setting.zone)
    return DayPicture(**_frame(day, setting, start, end), label=weekday_of(day), is_waiting=True)


def _frame(day: date, setting: Setting, start: datetime, end: datetime) -> dict[str, Any]:
    today = setting.today
    change = clock_change_on(day, setting.zone.key) if day >= today else timedelta()
    is_today = day == today
    return {
        'day': day,
        'number': f'{day.day} {day:%b}' if day.day == 1 else str(day.day),
        'tense': 'today' if is_today else 'past' if day < today else 'future',
        'is_out': (day.year, day.month) != (setting.month.year, setting.month.month),
        'clock': hours_of(change),
        'begins': int(start.timestamp() * 1000) if is_today else 0,
        'lasts': int((end - start).total_seconds() * 1000) if is_today else 0,
    }


def totals_of(days: Iterable[Day]) -> Counter[str]:
    """What the days of the month add up to, by group; days of its neighbours do not count."""
    total = Counter[str]()
    for day in days:
        if not day.picture.is_out:
            total.update(day.totals)
    return total
