"""Exceptions given as a rule (EXRULE of RFC 2445): exactly what it excludes never runs, or the event is refused."""

from datetime import UTC, datetime

import pytest

from synapse import recurrence
from synapse.ical.reading import Contents, read_calendar
from synapse.ical.series import Draft
from tests.parts.calendar_files import calendar_file

DAILY = 'UID:a@b\nSUMMARY:Backup\nDTSTART;TZID=Europe/Berlin:20310324T023000'


def read(lines: str) -> Contents:
    return read_calendar(calendar_file(f'{DAILY}\n{lines}'), zone='UTC')


def days_of(draft: Draft) -> list[str]:
    values = draft.values
    exdates = frozenset(values['exdates'])
    plan = recurrence.Plan(values['start'], values['timezone'], values['rrule'], exdates)
    found = recurrence.next_after(plan, datetime(2031, 1, 1, tzinfo=UTC), limit=9)
    return [f'{recurrence.wall_of(instant, plan.zone):%d %H:%M}' for instant in found]


@pytest.mark.parametrize(
    ('rules', 'days'),
    [
        # over the night in which the clocks skip 02:30, which then runs at 03:30
        (
            'RRULE:FREQ=DAILY;COUNT=9\nEXRULE:FREQ=WEEKLY;BYDAY=TU,SA',
            ['24 02:30', '26 02:30', '27 02:30', '28 02:30', '30 03:30', '31 02:30'],
        ),
        (
            'RRULE:FREQ=DAILY;COUNT=9\nEXRULE:FREQ=WEEKLY;BYDAY=SU',
            ['24 02:30', '25 02:30', '26 02:30', '27 02:30', '28 02:30', '29 02:30', '31 02:30'],
        ),
        (
            'RRULE:FREQ=DAILY\nEXRULE:FREQ=DAILY;INTERVAL=2;COUNT=3',
            ['25 02:30', '27 02:30', '29 02:30', '30 03:30', '31 02:30', '01 02:30'],
        ),
        (
            'RRULE:FREQ=DAILY;COUNT=4\nEXRULE:FREQ=WEEKLY;BYDAY=TU\nEXRULE:FREQ=WEEKLY;BYDAY=TH',
            ['24 02:30', '26 02:30'],
        ),
        ('RRULE:FREQ=DAILY;COUNT=2\nEXRULE:FREQ=WEEKLY;UNTIL=20310101', ['24 02:30', '25 02:30']),
    ],
)
def test_what_a_rule_excludes_never_runs(rules: str, days: list[str]) -> None:
    (draft,) = read(rules).drafts

    assert days_of(draft)[: len(days)] == days


def test_additional_dates_are_excluded_too_even_by_a_rule_without_an_end() -> None:
    extra = 'RDATE;TZID=Europe/Berlin:20310325T023000,20310326T023000'

    found = read(f'{extra}\nEXRULE:FREQ=WEEKLY;BYDAY=TU')
    series = read(f'RRULE:FREQ=WEEKLY;COUNT=2\n{extra}\nEXRULE:FREQ=WEEKLY;BYDAY=TU').drafts

    assert [draft.values['start'].day for draft in found.drafts] == [24, 26]
    assert [draft.values['start'].day for draft in series] == [24, 26]


@pytest.mark.parametrize(
    ('rules', 'reason'),
    [
        ('RRULE:FREQ=DAILY\nEXRULE:FREQ=WEEKLY;BYDAY=SA', 'without an end. Leave these days out of its own rule'),
        ('RRULE:FREQ=HOURLY;COUNT=9000\nEXRULE:FREQ=HOURLY;INTERVAL=2', 'that excludes more than 1,000 moments.'),
        ('RRULE:FREQ=MINUTELY\nEXRULE:FREQ=DAILY;UNTIL=20990101', 'that ends too late.'),
    ],
)
def test_a_rule_whose_exceptions_cannot_be_kept_is_refused(rules: str, reason: str) -> None:
    found = read(rules)

    assert found.drafts == ()
    assert found.unread[0].reason.startswith(f"'Backup' has a rule for exceptions (EXRULE) {reason}")
