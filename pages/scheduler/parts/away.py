"""What was missed while nothing could fire: one group for each event, and what to say about it. Knows no screen."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from synapse.calendar.alarm_clock import Absence
from synapse.calendar.events import Occurrence
from synapse.runs.records import RunRecord

from .days import length_words, moment_words

LISTED = 3
"""How many moments are listed one by one; more are given as a span."""
NAMED = 3
"""How many runs are named that were started together."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The open occurrences of one event, newest first."""

    event_id: str
    title: str
    pipeline: str
    missed: tuple[Occurrence, ...]
    late: tuple[Occurrence, ...]
    """Those that ran late, as the event allows: there is nothing to decide about them."""

    @property
    def all(self) -> tuple[Occurrence, ...]:
        return self.missed + self.late

    @property
    def runnable(self) -> tuple[Occurrence, ...]:
        """Those that can be run one by one, unlike a row that stands for a whole span."""
        return tuple(item for item in self.missed if item.since is None)


def grouped(occurrences: Sequence[Occurrence]) -> list[Group]:
    """Return one group for each event, the one with the newest occurrence first.

    :param occurrences: newest first
    """
    found: dict[str, list[Occurrence]] = {}
    for occurrence in occurrences:
        found.setdefault(occurrence.event_id, []).append(occurrence)
    return [
        Group(
            event_id=event_id,
            title=items[0].title,
            pipeline=items[0].pipeline,
            missed=tuple(item for item in items if item.run is None),
            late=tuple(item for item in items if item.run is not None),
        )
        for event_id, items in found.items()
    ]


def why_away(absence: Absence | None, groups: Sequence[Group], zone: ZoneInfo) -> str:
    """How many were missed, why nothing could fire, and for how long."""
    if not groups:
        return ''
    missed = sum(item.count for group in groups for item in group.missed)
    late = sum(len(group.late) for group in groups)
    counts = ' and '.join(filter(None, [f'{missed:,} missed' if missed else '', f'{late} run late' if late else '']))
    if absence is None:
        return f'{counts}, {_span([item for group in groups for item in group.all], zone)}.'
    length = length_words((absence.end - absence.start).total_seconds())
    cause = {
        'off': f'Synapse was off for {length}',
        'asleep': f'This machine was asleep for {length}',
        'clock': f'The clock of this machine was set forward by {length}',
    }[absence.why]
    return f'{cause}, until {moment_words(absence.end.astimezone(zone))}: {counts}.'


def times_of(group: Group, zone: ZoneInfo) -> str:
    """`3 missed: Wed 14 Oct, 02:30, 03:30, 04:30`, or the first and the last of many."""
    occurrences = group.missed or group.late
    count = sum(item.count for item in occurrences)
    word = f'{count:,} missed' if group.missed else 'run late'
    if count > LISTED or any(item.since for item in occurrences):
        return f'{word}, {_span(occurrences, zone)}'
    times, day = [], None
    for item in reversed(occurrences):
        local = item.due.astimezone(zone)
        times.append(f'{local:%H:%M}' if local.date() == day else moment_words(local))
        day = local.date()
    return f'{"missed" if group.missed and count == 1 else word}: {", ".join(times)}'


def _span(occurrences: Sequence[Occurrence], zone: ZoneInfo) -> str:
    first = min(item.since or item.due for item in occurrences).astimezone(zone)
    last = max(item.due for item in occurrences).astimezone(zone)
    if first == last:
        return moment_words(first)
    return f'{moment_words(first)} to {f"{last:%H:%M}" if first.date() == last.date() else moment_words(last)}'


def what_was_done(group: Group, *, is_deleted: bool = False) -> str:
    """Why they did not fire, and what the policy of the event did about it.

    :param is_deleted: whether the event is gone
    """
    reason = (group.missed or group.late)[0].reason
    if group.late and group.missed:
        ran = 'The latest one was run late.' if len(group.late) == 1 else f'{len(group.late)} were run late.'
        reason = f'{ran} The others: {reason}'
    return f'{reason} The event has been deleted.'.strip() if is_deleted else reason


def started_words(runs: Sequence[RunRecord]) -> str:
    """`#7, #8, #9 and 2 more are in the queue.`"""
    numbers = ', '.join(f'#{run.number}' for run in runs[:NAMED])
    more = f' and {len(runs) - NAMED} more' if len(runs) > NAMED else ''
    return f'{numbers}{more} {"is" if len(runs) == 1 else "are"} in the queue.'
