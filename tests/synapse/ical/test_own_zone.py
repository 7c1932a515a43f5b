"""A zone that only the file knows is kept: what is due are the instants of the file, as dateutil reads it too."""

import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from dateutil.tz import tzical
from hypothesis import given
from hypothesis import strategies as st

from synapse import recurrence
from synapse.errors import Invalid
from synapse.ical.reading import Contents, read_calendar
from synapse.ical.series import Draft
from tests.parts.calendar_files import CUSTOM, calendar_file

NOW = datetime(2026, 11, 30, tzinfo=UTC)
FIXED = """BEGIN:VTIMEZONE
TZID:CUSTOM_tzid
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:{0}
TZOFFSETTO:{0}
END:STANDARD
END:VTIMEZONE"""
WHEN = 'DTSTART;TZID=CUSTOM_tzid'


def read(*events: str, head: str = CUSTOM) -> Contents:
    texts = [f'UID:a@b\nSUMMARY:Landing\n{event}' for event in events]
    return read_calendar(calendar_file(*texts, head=head), zone='Europe/Berlin', now=NOW)


def due(drafts: Iterable[Draft], begin: datetime, end: datetime) -> list[datetime]:
    """Return what would fire."""
    found: list[datetime] = []
    for draft in drafts:
        values = draft.values
        plan = recurrence.Plan(values['start'], values['timezone'], values['rrule'], frozenset(values['exdates']))
        found += recurrence.occurrences(plan, begin, end)
    return sorted(found)


def expected(start: datetime, rule: str, begin: datetime, end: datetime) -> list[datetime]:
    """Return the instants as dateutil has them: naive wall times by the rule, then the zone of the file."""
    zone = tzical(io.StringIO(CUSTOM.replace('16010101', '19700101') + '\n')).get()
    rule, _, until = rule.partition(';UNTIL=')
    walls = rrulestr(rule, dtstart=start).between(
        begin.replace(tzinfo=None) - timedelta(days=1), end.replace(tzinfo=None) + timedelta(days=1), inc=True
    )
    last = datetime.strptime(until, '%Y%m%dT%H%M%SZ').replace(tzinfo=UTC) if until else end
    found = (wall.replace(tzinfo=zone).astimezone(UTC) for wall in walls)
    return [instant for instant in found if begin <= instant < end and instant <= last]


@pytest.mark.parametrize(
    'rule',
    [
        'FREQ=DAILY',
        'FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH',
        'FREQ=MONTHLY;BYDAY=-1FR',
        'FREQ=YEARLY;BYMONTH=5,9;BYMONTHDAY=3',
        'FREQ=DAILY;INTERVAL=3;COUNT=500',
        'FREQ=WEEKLY;BYDAY=SU;UNTIL=20280910T150000Z',
        'FREQ=DAILY;BYHOUR=9,18;BYMINUTE=0',
    ],
)
def test_a_series_is_due_at_the_instants_of_the_file(rule: str) -> None:
    begin, end = NOW, datetime(2031, 11, 1, tzinfo=UTC)

    contents = read(f'{WHEN}:20260105T090000\nRRULE:{rule}')

    assert contents.unread == ()
    assert due(contents.drafts, begin, end) == expected(datetime(2026, 1, 5, 9), rule, begin, end)
    assert len(due(contents.drafts, begin, end)) >= 10
    assert {ZoneInfo(draft.values['timezone']).key for draft in contents.drafts} <= {'Etc/GMT+5', 'Etc/GMT+6'}


@given(
    start=st.datetimes(min_value=datetime(2015, 1, 1), max_value=datetime(2030, 1, 1)).map(
        lambda moment: moment.replace(hour=moment.hour // 4 * 4 + 3, second=0, microsecond=0)
    ),
    freq=st.sampled_from(['DAILY', 'WEEKLY', 'MONTHLY']),
    interval=st.integers(1, 5),
)
def test_whatever_the_start_and_the_interval(start: datetime, freq: str, interval: int) -> None:
    rule, begin = f'FREQ={freq};INTERVAL={interval}', max(NOW, start.replace(tzinfo=UTC))
    end = datetime(2031, 11, 1, tzinfo=UTC)

    contents = read(f'{WHEN}:{start:%Y%m%dT%H%M%S}\nRRULE:{rule}')

    assert due(contents.drafts, begin, end) == expected(start, rule, begin, end)


def test_exceptions_and_replacements_belong_to_their_part_of_the_series() -> None:
    series = f'{WHEN}:20270105T090000\nRRULE:FREQ=WEEKLY;COUNT=40\nEXDATE;TZID=CUSTOM_tzid:20270622T090000'
    moved = 'RECURRENCE-ID;TZID=CUSTOM_tzid:20270629T090000\nDTSTART;TZID=CUSTOM_tzid:20270629T120000'

    contents = read(series, moved)

    june = due(contents.drafts, datetime(2027, 6, 15, tzinfo=UTC), datetime(2027, 7, 3, tzinfo=UTC))
    assert [f'{instant:%d %H:%M}' for instant in june] == ['15 14:00', '29 17:00']
    override = next(draft for draft in contents.drafts if draft.recurrence_at is not None)
    assert any(draft.uid == override.uid and draft.values['rrule'] for draft in contents.drafts)


def test_a_single_event_keeps_its_instant_and_that_is_told() -> None:
    summer, winter = f'{WHEN}:20270705T090000', f'{WHEN}:20271205T090000'

    for event, zone in ((summer, 'Etc/GMT+5'), (winter, 'Etc/GMT+6')):
        contents = read(event)
        (draft,) = contents.drafts
        assert (draft.values['start'].hour, draft.values['timezone']) == (9, zone)
        assert contents.notes == (
            "'Landing' is in the time zone 'CUSTOM_tzid', which no known zone matches; it is kept with a fixed offset.",
        )


def test_a_series_without_an_end_says_until_when_it_is_kept() -> None:
    contents = read(f'{WHEN}:20260105T090000\nRRULE:FREQ=WEEKLY')

    (note,) = contents.notes
    assert note.endswith('as 11 series, each with a fixed offset, until 2 May 2032: import the file again before then.')
    assert len(contents.drafts) == 11
    again = read_calendar(
        calendar_file(f'UID:a@b\nSUMMARY:Landing\n{WHEN}:20260105T090000\nRRULE:FREQ=WEEKLY', head=CUSTOM),
        zone='Europe/Berlin',
        now=NOW + timedelta(days=366),
    )
    assert len({draft.uid for draft in [*contents.drafts, *again.drafts]}) == 13  # two new parts, and no other names


def test_an_offset_with_minutes_that_no_zone_has_is_kept_in_utc() -> None:
    (draft,) = read(f'{WHEN}:20270705T090000', head=FIXED.format('+0137')).drafts

    assert (draft.values['start'], draft.values['timezone']) == (datetime(2027, 7, 5, 7, 23), 'UTC')


@pytest.mark.parametrize(
    ('rule', 'head', 'sentence'),
    [
        ('FREQ=HOURLY', CUSTOM, 'repeats within a day in the time zone'),
        ('FREQ=DAILY', FIXED.format('+0137'), 'whose offset from UTC no known zone has. Give it a zone like'),
        ('FREQ=DAILY;COUNT=20000', CUSTOM, 'COUNT'),
        ('FREQ=WEEKLY;UNTIL=20750101T000000Z', CUSTOM, 'for too many years. Give it a zone like Europe/Berlin.'),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(rule: str, head: str, sentence: str) -> None:
    contents = read(f'{WHEN}:20260105T090000\nRRULE:{rule}', head=head)

    assert contents.drafts == ()
    (problem,) = contents.unread
    assert problem.reason.startswith("'Landing' ")
    assert sentence in problem.reason


def test_a_description_counts_more_than_a_similar_name() -> None:
    named = CUSTOM.replace('CUSTOM_tzid', '(UTC-03:00) Brasília')

    contents = read_calendar(
        calendar_file('UID:a@b\nDTSTART;TZID="(UTC-03:00) Brasília":20270705T090000', head=named), zone='UTC', now=NOW
    )

    assert contents.drafts[0].values['timezone'] == 'Etc/GMT+5'


def test_the_clocks_of_a_windows_name_that_changed_are_told() -> None:
    berlin = CUSTOM.replace('CUSTOM_tzid', 'W. Europe Standard Time')
    event = 'UID:a@b\nDTSTART;TZID=W. Europe Standard Time:20270705T090000'

    contents = read_calendar(calendar_file(event, head=berlin), zone='UTC', now=NOW)

    assert contents.drafts[0].values['timezone'] == 'Europe/Berlin'
    assert contents.notes == (
        'The file describes the time zone W. Europe Standard Time differently from Europe/Berlin, which was taken.',
    )


def test_a_file_never_becomes_more_events_than_are_allowed() -> None:
    events = (f'UID:{number}\n{WHEN}:20270105T090000\nRRULE:FREQ=WEEKLY' for number in range(3_000))

    with pytest.raises(Invalid, match='more than 20,000 events'):
        read_calendar(calendar_file(*events, head=CUSTOM), zone='Europe/Berlin', now=NOW)
