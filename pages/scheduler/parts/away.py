"""What was missed while nothing could fire: one group for each event, and what to say about it. Knows no screen."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from synapse.calendar.alarm_clock import Absence
from synapse.calendar.events import Occurrence
from synapse.language import N_, _, _n, filled, spoken
from synapse.language.formats import listed
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
    counts = listed([*([_missed(missed)] if missed else []), *([_run_late(late)] if late else [])])
    if absence is None:
        span = _span([item for group in groups for item in group.all], zone)
        # Translators: 3 missed and 1 run late, Wed 14 Oct, 02:30 to 04:30.
        return _('{counts}, {span}.', counts=counts, span=span)
    return filled(
        _CAUSES[absence.why],
        length=length_words((absence.end - absence.start).total_seconds()),
        moment=moment_words(absence.end.astimezone(zone)),
        counts=counts,
    )


_CAUSES = {
    'off': N_('Synapse was off for {length}, until {moment}: {counts}.'),
    'asleep': N_('This machine was asleep for {length}, until {moment}: {counts}.'),
    'clock': N_('The clock of this machine was set forward by {length}, until {moment}: {counts}.'),
    'restored': N_('Restored from a backup; what happened in the {length} until {moment} is not known here: {counts}.'),
}


def _missed(count: int) -> str:
    return _n('{count} missed', '{count} missed', count)


def _run_late(count: int) -> str:
    return _n('{count} run late', '{count} run late', count)


def times_of(group: Group, zone: ZoneInfo) -> str:
    """`3 missed: Wed 14 Oct, 02:30, 03:30, 04:30`, or the first and the last of many."""
    occurrences = group.missed or group.late
    count = sum(item.count for item in occurrences)
    word: str = _missed(count) if group.missed else _('run late')
    if count > LISTED or any(item.since for item in occurrences):
        # Translators: 7 missed, Wed 14 Oct, 02:30 to 08:30
        return _('{what}, {span}', what=word, span=_span(occurrences, zone))
    times, day = [], None
    for item in reversed(occurrences):
        local = item.due.astimezone(zone)
        times.append(f'{local:%H:%M}' if local.date() == day else moment_words(local))
        day = local.date()
    if group.missed and count == 1:
        word = _('missed')
    # Translators: 2 missed: Wed 14 Oct, 02:30, 03:30
    return _('{what}: {times}', what=word, times=', '.join(times))


def _span(occurrences: Sequence[Occurrence], zone: ZoneInfo) -> str:
    first = min(item.since or item.due for item in occurrences).astimezone(zone)
    last = max(item.due for item in occurrences).astimezone(zone)
    if first == last:
        return moment_words(first)
    until = f'{last:%H:%M}' if first.date() == last.date() else moment_words(last)
    return _('{first} to {last}', first=moment_words(first), last=until)


def what_was_done(group: Group, *, is_deleted: bool = False) -> str:
    """Why they did not fire, and what the policy of the event did about it.

    :param is_deleted: whether the event is gone
    """
    reason = spoken((group.missed or group.late)[0].reason)
    if group.late and group.missed:
        ran = _n('The latest one was run late.', '{count} were run late.', len(group.late))
        reason = _('{done} The others: {reason}', done=ran, reason=reason)
    if not is_deleted:
        return reason
    gone = _('The event has been deleted.')
    return f'{reason} {gone}'.strip()


def started_words(runs: Sequence[RunRecord]) -> str:
    """`#7, #8, #9 and 2 more are in the queue.`"""
    numbers = ', '.join(f'#{run.number}' for run in runs[:NAMED])
    if len(runs) <= NAMED:
        return _n('{runs} is in the queue.', '{runs} are in the queue.', len(runs), runs=numbers)
    return _n(
        '{runs} and {count} more are in the queue.',
        '{runs} and {count} more are in the queue.',
        len(runs) - NAMED,
        runs=numbers,
    )
