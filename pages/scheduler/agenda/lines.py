"""What the agenda lists of each day: successes and frequent events folded, everything else by itself. No screen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from pages.scheduler.parts.days import DAY, day_in
from pages.scheduler.parts.entries import RANKS, gathered, survivors
from synapse.calendar.events import CalendarEntry

FOLDED_FROM = 2
"""A single success takes no more room than the line that would fold it."""
MAX_DOTS = 3


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
    """Return `count` days with their entries by time; days without any are included."""
    days: dict[date, list[CalendarEntry]] = {first + DAY * number: [] for number in range(count)}
    for entry in entries:
        day = day_in(entry.at, zone)
        if day in days:
            days[day].append(entry)
    return {day: sorted(found, key=_by_time) for day, found in days.items()}


def listed_days(days: Mapping[date, Sequence[CalendarEntry]], first: date, today: date) -> list[date]:
    """Return the days that are listed from `first` on: those with entries and today, or none if no day has any."""
    ahead = [day for day in days if day >= first]
    return [day for day in ahead if days[day] or day == today] if any(days[day] for day in ahead) else []


def _by_time(entry: CalendarEntry) -> tuple[datetime, str, str]:
    return entry.at, entry.title, entry.key


def lines_of(entries: Sequence[CalendarEntry], *, now: datetime | None, is_unfolded: bool, most: int) -> Sequence[Line]:
    """Return the lines of one day.

    :param entries: by time
    :param now: only for today, where it has a line
    :param is_unfolded: whether each success is listed too, at its time
    :param most: how many entries are listed; those that matter least are left out and counted
    """
    succeeded = [entry for entry in entries if entry.state == 'succeeded']
    is_folding = len(succeeded) >= FOLDED_FROM
    listed = entries if is_unfolded or not is_folding else [entry for entry in entries if entry.state != 'succeeded']
    listed = gathered(listed, apart=lambda entry: entry.state == 'succeeded')
    shown = survivors(listed, most)
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


def dots_of(entries: Iterable[CalendarEntry]) -> Sequence[str]:
    """Return at most three states that sum up a day: each one once, by importance, then more of the common ones."""
    states = sorted((entry.state for entry in entries), key=RANKS.__getitem__)
    kinds = list(dict.fromkeys(states))[:MAX_DOTS]
    more = [state for state in states if state in ('planned', 'succeeded')]
    return sorted([*kinds, *more[: max(0, min(MAX_DOTS, len(states)) - len(kinds))]], key=RANKS.__getitem__)
