"""What the agenda lists of each day: successes as one line that unfolds, everything else by itself. Knows no screen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from heapq import nsmallest
from typing import Literal
from zoneinfo import ZoneInfo

from pages.scheduler.parts.days import RANKS, day_in
from synapse.calendar.events import CalendarEntry

FOLDED_FROM = 2
"""One success alone takes no more room than the line that would fold it."""
MOST_DOTS = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a day; `count` is how many entries it stands for."""

    kind: Literal['fold', 'entry', 'now', 'more', 'none']
    entry: CalendarEntry | None = None
    count: int = 0

    @property
    def key(self) -> str:
        return self.entry.key if self.entry is not None else self.kind


def days_of(
    entries: Iterable[CalendarEntry], first: date, count: int, zone: ZoneInfo
) -> dict[date, Sequence[CalendarEntry]]:
    """The days with their entries by time; days without any are there too.

    :param count: how many days
    """
    days: dict[date, list[CalendarEntry]] = {first + timedelta(days=number): [] for number in range(count)}
    for entry in entries:
        day = day_in(entry.at, zone)
        if day in days:
            days[day].append(entry)
    return {day: sorted(found, key=_by_time) for day, found in days.items()}


def _by_time(entry: CalendarEntry) -> tuple[datetime, str, str]:
    return entry.at, entry.title, entry.key


def lines_of(entries: Sequence[CalendarEntry], *, now: datetime | None, is_unfolded: bool, most: int) -> Sequence[Line]:
    """The lines of one day.

    :param entries: by time
    :param now: given only for today: where its line is drawn
    :param is_unfolded: whether successes are listed too, each in its place
    :param most: how many entries are listed; what matters least is left out and counted
    """
    succeeded = [entry for entry in entries if entry.state == 'succeeded']
    is_folding = len(succeeded) >= FOLDED_FROM
    listed = entries if is_unfolded or not is_folding else [entry for entry in entries if entry.state != 'succeeded']
    shown = _survivors(listed, most)
    lines = [Line('entry', entry) for entry in shown]
    if now is not None:
        past = sum(entry.at <= now for entry in shown)
        lines.insert(past, Line('now'))
    if is_folding:
        lines.insert(0, Line('fold', count=sum(entry.count for entry in succeeded)))
    if len(listed) > len(shown):
        lines.append(Line('more', count=len(listed) - len(shown)))
    if not entries:
        lines.append(Line('none'))
    return lines


def _survivors(entries: Sequence[CalendarEntry], most: int) -> Sequence[CalendarEntry]:
    if len(entries) <= most:
        return entries
    chosen = nsmallest(most, range(len(entries)), key=lambda place: (RANKS[entries[place].state], place))
    return [entries[place] for place in sorted(chosen)]


def dots_of(entries: Iterable[CalendarEntry]) -> Sequence[str]:
    """At most three states that tell a day at a glance: each kind once, what matters most first, then as many more."""
    states = sorted((entry.state for entry in entries), key=RANKS.__getitem__)
    kinds = list(dict.fromkeys(states))[:MOST_DOTS]
    more = [state for state in states if state in ('planned', 'succeeded')]
    return sorted([*kinds, *more[: max(0, min(MOST_DOTS, len(states)) - len(kinds))]], key=RANKS.__getitem__)
