"""What the card of missed occurrences says: how many, when, why, and what was done."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pages.scheduler.parts.away import Group, grouped, times_of, what_was_done, why_away
from synapse.calendar.alarm_clock import Absence
from synapse.calendar.events import Occurrence, OccurrenceState

ZONE = ZoneInfo('Europe/Berlin')
NOON = datetime(2026, 10, 14, 10, tzinfo=UTC)  # noon in Berlin
HOUR = timedelta(hours=1)


def missed(due: datetime, event: str = 'photos', **values: Any) -> Occurrence:
    wanted = {'state': OccurrenceState.MISSED, 'title': event.title(), 'pipeline': 'Hello', 'is_open': True}
    return Occurrence(event_id=event, due=due, **(wanted | values))


def test_occurrences_are_grouped_by_event_the_newest_first() -> None:
    late = missed(NOON, state=OccurrenceState.FIRED, run='r1')
    occurrences = [late, missed(NOON - HOUR), missed(NOON - 2 * HOUR, 'letters'), missed(NOON - 3 * HOUR)]

    photos, letters = grouped(occurrences)

    assert (photos.title, letters.title) == ('Photos', 'Letters')
    assert photos.late == (late,)
    assert [item.due for item in photos.missed] == [NOON - HOUR, NOON - 3 * HOUR]


def test_a_row_that_stands_for_a_whole_span_is_not_run_with_the_others() -> None:
    span = missed(NOON - 5 * HOUR, since=NOON - 100 * HOUR, count=95)
    [group] = grouped([missed(NOON), span])

    assert [item.due for item in group.runnable] == [NOON]
    assert group.all == (missed(NOON), span)


def times(*occurrences: Occurrence) -> str:
    [group] = grouped(occurrences)
    return times_of(group, ZONE)


def test_few_moments_are_told_one_by_one_and_many_as_a_span() -> None:
    few = [missed(NOON), missed(NOON - HOUR), missed(NOON - 13 * HOUR)]
    many = [missed(NOON - hours * HOUR) for hours in range(5)]

    assert times(*few[:1]) == 'missed: Wed 14 Oct, 12:00'
    assert times(*few) == '3 missed: Tue 13 Oct, 23:00, Wed 14 Oct, 11:00, 12:00'
    assert times(*many) == '5 missed, Wed 14 Oct, 08:00 to 12:00'
    span = missed(NOON - 2 * HOUR, since=NOON - 24 * HOUR, count=2000)
    assert times(missed(NOON), span) == '2,001 missed, Tue 13 Oct, 12:00 to Wed 14 Oct, 12:00'
    assert times(missed(NOON, run='r1')) == 'run late: Wed 14 Oct, 12:00'


def test_the_absence_is_told_with_its_cause_and_its_length() -> None:
    groups = grouped([missed(NOON), missed(NOON - HOUR, state=OccurrenceState.FIRED, run='r1')])

    def told(length: timedelta, why: Any) -> str:
        return why_away(Absence(NOON - length, NOON, why), groups, ZONE)

    assert told(6.35 * HOUR, 'off') == (
        'Synapse was off for 6 h 21 min, until Wed 14 Oct, 12:00: 1 missed and 1 run late.'
    )
    assert told(timedelta(minutes=40), 'asleep').startswith('This machine was asleep for 40 min,')
    assert told(timedelta(days=3), 'clock').startswith('The clock of this machine was set forward by 3 days,')
    assert why_away(None, groups, ZONE) == '1 missed and 1 run late, Wed 14 Oct, 11:00 to 12:00.'


def test_what_was_done_says_the_policy_and_the_rest() -> None:
    skipped = missed(NOON - HOUR, reason='Synapse was not running. Only the latest one is run.')
    late = missed(NOON, state=OccurrenceState.FIRED, run='r1', reason='Run late, as its event says.')

    def done(*occurrences: Occurrence) -> str:
        [group] = grouped(occurrences)
        assert isinstance(group, Group)
        return what_was_done(group)

    assert done(skipped) == skipped.reason
    assert done(late) == late.reason
    assert done(late, skipped) == f'The latest one was run late. The others: {skipped.reason}'
