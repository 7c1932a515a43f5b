"""The month as it is shown: pure functions from the entries of the calendar to what each cell holds."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pages.scheduler.parts.days import DAY, clock_change_words, day_in, first_of_week, midnight, turned, weekday_of
from pages.scheduler.parts.entries import counts_of, gathered, survivors
from pages.scheduler.parts.entry_filter import GROUPS, EntryFilter
from pages.scheduler.parts.entry_words import counted_state
from synapse.calendar.events import CalendarEntry
from synapse.language import _n
from synapse.language.formats import moment
from synapse.recurrence.words import clock_change_on

from .chip import Capacity, Chip, chip_of
from .load import Crowd, Mark, crowd_of, marks_of

STEEL = 'p5'
"""The color of pipelines that no longer exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the layout depends on, apart from the entries."""

    zone: ZoneInfo
    now: datetime
    month: date
    """Its first day."""
    only: EntryFilter = field(default_factory=EntryFilter)
    capacity: Capacity = field(default_factory=Capacity)
    workers: int = 2
    limits: Mapping[str, int] = field(default_factory=dict)
    colors: Mapping[str, str] = field(default_factory=dict)

    @property
    def today(self) -> date:
        return day_in(self.now, self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPicture:
    """Everything that one cell shows."""

    day: date
    name: str = ''
    """Its weekday and date."""
    number: str
    label: str
    tense: str
    """`past`, `today` or `future`."""
    is_out: bool
    chips: tuple[Chip, ...] = ()
    more: int = 0
    counts: tuple[int, int, int] = (0, 0, 0)
    """Succeeded, failed, missed."""
    missed: str = ''
    """The last of them in words."""
    load: str = ''
    clock: str = ''
    marks: tuple[Mark, ...] = ()
    crowd: tuple[tuple[float, float], ...] = ()
    begins: int = 0
    lasts: int = 0
    """Milliseconds: when today began, since the epoch, and how long it lasts; 0 for other days."""
    invites: bool = False
    """Whether it invites the person to plan a first event."""
    is_waiting: bool = False
    """Whether its entries are still loading."""

    def as_props(self) -> dict[str, Any]:
        """Return it as `day_cell.js` takes it; marks are `left, width, look, is_dim`."""
        # By hand: `asdict` copies every value, which took a third of drawing a month.
        return {name: getattr(self, name) for name in _PICTURE} | {
            'day': self.day.isoformat(),
            'is_weekend': self.day.weekday() > 4,
            'chips': [{name: getattr(chip, name) for name in _CHIP} for chip in self.chips],
            'marks': [(mark.left, mark.width, mark.look, mark.is_dim) for mark in self.marks],
        }


_PICTURE = [field.name for field in fields(DayPicture)]
_CHIP = [field.name for field in fields(Chip)]


@dataclass(frozen=True, slots=True)
class Day:
    """A cell, and what it adds to the month."""

    picture: DayPicture
    totals: Mapping[str, int]
    pipelines: frozenset[str]
    entries: Mapping[str, CalendarEntry]
    """Those of its chips, by key."""
    count: int
    """How many entries there are, shown or not."""


def days_of(month: date, week_start: int = 0) -> list[date]:
    """Return the days of the grid, whole weeks: 35, or 42 if the month needs a sixth week.

    :param month: its first day
    :param week_start: the day a week begins with, 0 for Monday
    """
    first = first_of_week(month, week_start)
    last = turned(month, 1) - DAY
    return [first + DAY * number for number in range(42 if (last - first).days >= 35 else 35)]


def laid_out(entries: Sequence[CalendarEntry], days: Sequence[date], setting: Setting) -> dict[date, Day]:
    """Return what the cells of consecutive days hold. This is slow: a busy month has a hundred thousand entries.

    :param entries: those of these days, by time
    """
    edges = [midnight(day, setting.zone) for day in [*days, days[-1] + DAY]]
    places = [bisect_left(entries, edge, key=lambda entry: entry.at) for edge in edges]
    return {
        day: _laid_out(day, entries[places[n] : places[n + 1]], edges[n], edges[n + 1], setting)
        for n, day in enumerate(days)
    }


def _laid_out(day: date, entries: Sequence[CalendarEntry], start: datetime, end: datetime, setting: Setting) -> Day:
    only = setting.only
    matching = entries if only.is_open else [entry for entry in entries if only.passes_any_state(entry)]
    shown = [entry for entry in matching if only.passes(entry)] if only.group else matching
    states = counts_of(shown)
    today = setting.today
    lines = shown if len(shown) <= setting.capacity.rows else gathered(shown)
    chosen = survivors(lines, setting.capacity.most(len(lines), is_today=day == today))
    loads = [entry for entry in entries if entry.state != 'off']
    crowd = Crowd()
    if day >= today:
        crowd = crowd_of(loads, start, end, workers=setting.workers, limits=setting.limits)
    done, failed = states['succeeded'], states['failed'] + states['interrupted']
    missed, planned = states['missed'], states['planned'] + states['broken'] + states['queued']
    words = [counted_state('succeeded', done), counted_state('failed', failed), counted_state('planned', planned)]
    picture = DayPicture(
        **_frame(day, setting, start, end),
        label=', '.join([weekday_of(day), *words, *([counted_state('missed', missed)] if missed else [])]),
        chips=tuple(
            chip_of(entry, setting.colors.get(entry.pipeline, STEEL), setting.zone, setting.now) for entry in chosen
        ),
        more=len(lines) - len(chosen),
        counts=(done, failed, missed),
        missed=counted_state('missed', missed) if missed else '',
        load=_n('{count} at once', '{count} at once', crowd.most) if crowd.most else '',
        marks=marks_of(loads, start, end, everything if only.is_open else only.passes),
        crowd=crowd.spans,
    )
    pipelines = frozenset({entry.pipeline for entry in entries})
    totals = counts_of(matching)
    by_group = {group: sum(totals[state] for state in states) for group, states in GROUPS.items()}
    return Day(picture, by_group, pipelines, {entry.key: entry for entry in chosen}, len(entries))


def everything(_entry: CalendarEntry) -> bool:
    """The filter that lets everything through."""
    return True


def waiting(day: date, setting: Setting) -> DayPicture:
    """Return the cell of a day whose entries are still loading."""
    start, end = midnight(day, setting.zone), midnight(day + DAY, setting.zone)
    return DayPicture(**_frame(day, setting, start, end), label=weekday_of(day), is_waiting=True)


def _frame(day: date, setting: Setting, start: datetime, end: datetime) -> dict[str, Any]:
    today = setting.today
    change = clock_change_on(day, setting.zone.key) if day >= today else timedelta()
    is_today = day == today
    return {
        'day': day,
        'name': weekday_of(day),
        'number': moment('MMMd', day) if day.day == 1 else str(day.day),
        'tense': 'today' if is_today else 'past' if day < today else 'future',
        'is_out': (day.year, day.month) != (setting.month.year, setting.month.month),
        'clock': clock_change_words(change),
        'begins': int(start.timestamp() * 1000) if is_today else 0,
        'lasts': int((end - start).total_seconds() * 1000) if is_today else 0,
    }


def totals_of(days: Iterable[Day]) -> Counter[str]:
    """Return what the days of the month add up to, by group; days of its neighbors do not count."""
    total = Counter[str]()
    for day in days:
        if not day.picture.is_out:
            total.update(day.totals)
    return total
