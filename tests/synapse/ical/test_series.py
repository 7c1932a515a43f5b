"""Components that share a UID, and what files leave out or say twice."""

from datetime import UTC, datetime, time, timedelta

import pytest

from synapse import recurrence
from synapse.errors import Malformed
from synapse.ical.reading import TRUNCATED, Contents, read_calendar
from synapse.ical.series import Draft, Unreadable, rules_as_one
from tests.parts.calendar_files import GOOGLE, calendar_file

BERLIN = 'DTSTART;TZID=Europe/Berlin:20311006T160000'
WEEKLY = f'UID:a@b\nSUMMARY:Upload\n{BERLIN}\nRRULE:FREQ=WEEKLY;BYDAY=MO,TH'


def read(*events: str, head: str = '', zone: str = 'Asia/Tokyo') -> Contents:
    return read_calendar(calendar_file(*events, head=head), zone=zone)


def dues(*drafts: Draft, days: int = 30) -> list[str]:
    """Return when the drafts are due in the days from 6 October 2031 on, on Berlin's clocks."""
    begin = datetime(2031, 10, 5, tzinfo=UTC)
    found: list[datetime] = []
    for draft in drafts:
        values = draft.values
        plan = recurrence.Plan(values['start'], values['timezone'], values['rrule'], frozenset(values['exdates']))
        found += recurrence.occurrences(plan, begin, begin + timedelta(days=days))
    return [f'{recurrence.wall_of(due, "Europe/Berlin"):%d %H:%M}' for due in sorted(found)]


# Zones


@pytest.mark.parametrize('line', ['EXDATE:20311009T160000', 'EXDATE;VALUE=DATE:20311009'])
def test_an_exception_without_a_zone_is_in_that_of_its_series(line: str) -> None:
    (draft,) = read(f'{WEEKLY}\n{line}').drafts

    assert draft.values['exdates'] == (datetime(2031, 10, 9, 16),)


def test_a_replaced_occurrence_without_a_zone_is_in_that_of_its_series() -> None:
    series, moved = read(WEEKLY, 'UID:a@b\nRECURRENCE-ID:20311009T160000\nDTSTART:20311010T160000Z').drafts

    assert dues(series, moved, days=6) == ['06 16:00', '10 18:00']


def test_additional_dates_are_midnight_in_the_zone_of_the_series_or_in_their_own() -> None:
    series, midnight, own, bare = read(
        f'UID:a@b\n{BERLIN}\nRDATE;VALUE=DATE:20311008\nRDATE;TZID=America/New_York:20311010T080000\n'
        'RDATE:20311011T070000'
    ).drafts

    assert dues(series) == ['06 16:00']
    assert dues(midnight, own, bare) == ['08 00:00', '10 14:00', '11 07:00']


def test_an_unknown_default_zone_is_told() -> None:
    contents = read('UID:a@b\nDTSTART:20311006T160000', head='X-WR-TIMEZONE:Mars')

    assert contents.drafts[0].values['timezone'] == 'Asia/Tokyo'
    assert contents.notes == ("The time zone of the file, 'Mars', is unknown; Asia/Tokyo was taken.",)


def test_a_description_that_contradicts_the_rules_of_its_zone_is_told() -> None:
    described = (
        'BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:STANDARD\nDTSTART:19700101T000000\n'
        'TZOFFSETFROM:+0100\nTZOFFSETTO:+0100\nEND:STANDARD\nEND:VTIMEZONE'
    )

    contents = read(WEEKLY, head=described)

    assert contents.notes == (
        'The file describes the time zone Europe/Berlin differently from its rules; the rules were taken.',
    )
    assert read_calendar(GOOGLE.encode(), zone='UTC').notes == ('Events without a time of day run at 09:00.',)


# Whole days


def test_whole_days_run_at_the_chosen_time_and_so_do_their_exceptions() -> None:
    series = 'UID:a@b\nDTSTART;VALUE=DATE:20311006\nRRULE:FREQ=DAILY;COUNT=4\nEXDATE;VALUE=DATE:20311007'
    moved = 'UID:a@b\nRECURRENCE-ID;VALUE=DATE:20311008\nDTSTART;VALUE=DATE:20311020'

    contents = read_calendar(calendar_file(series, moved), zone='Europe/Berlin', all_day_at=time(7, 30))

    assert dues(*contents.drafts) == ['06 07:30', '09 07:30', '20 07:30']
    assert contents.notes == ('Events without a time of day run at 07:30.',)


# Versions


def test_additional_dates_of_an_older_version_are_gone() -> None:
    contents = read(f'{WEEKLY}\nRDATE:20311008T100000Z', f'{WEEKLY}\nSEQUENCE:1')

    assert dues(*contents.drafts, days=6) == ['06 16:00', '09 16:00']


@pytest.mark.parametrize('is_turned', [False, True])
def test_of_two_events_with_one_uid_and_sequence_the_later_stamp_wins_and_it_is_told(is_turned: bool) -> None:
    early = f'UID:a@b\nSUMMARY:Early\nDTSTAMP:20310101T000000Z\n{BERLIN}'
    late = f'UID:a@b\nSUMMARY:Late\nDTSTAMP:20310102T000000Z\n{BERLIN}'

    contents = read(*((late, early) if is_turned else (early, late)))

    assert [draft.name for draft in contents.drafts] == ['Late']
    assert 'is in the file twice; the newer version was taken.' in contents.notes[0]


# Several rules


def test_two_rules_that_differ_in_their_days_are_one_series() -> None:
    (draft,) = read(f'UID:a@b\n{BERLIN}\nRRULE:FREQ=WEEKLY;BYDAY=MO\nRRULE:FREQ=WEEKLY;BYDAY=TH').drafts

    assert draft.values['rrule'] == 'FREQ=WEEKLY;BYDAY=MO,TH'


def test_two_rules_that_no_single_one_describes_are_two_series() -> None:
    drafts = read(f'UID:a@b\n{BERLIN}\nRRULE:FREQ=WEEKLY;COUNT=2\nRRULE:FREQ=MONTHLY;BYMONTHDAY=15;COUNT=3').drafts

    assert [draft.uid for draft in drafts] == ['a@b', 'a@b/rule/2']
    assert dues(*drafts) == ['06 16:00', '13 16:00', '15 16:00']


def test_rules_are_joined_only_where_that_adds_nothing() -> None:
    start = datetime(2031, 10, 6, 16)

    for one, two in [
        ('FREQ=WEEKLY;BYDAY=MO;COUNT=3', 'FREQ=WEEKLY;BYDAY=WE;COUNT=3'),
        ('FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1', 'FREQ=MONTHLY;BYDAY=WE;BYSETPOS=1'),
        ('FREQ=WEEKLY;BYDAY=MO;BYHOUR=8', 'FREQ=WEEKLY;BYDAY=WE;BYHOUR=9'),
    ]:
        assert len(rules_as_one([one, two], start, 'Europe/Berlin')) == 2
    with pytest.raises(Unreadable, match='common occurrences'):
        rules_as_one(['FREQ=WEEKLY', 'FREQ=MONTHLY;BYMONTHDAY=6'], start, 'Europe/Berlin')


@pytest.mark.parametrize('rules', [['FREQ=WEEKLY', 'FREQ=DAILY'], ['FREQ=DAILY', 'FREQ=WEEKLY;COUNT=3']])
def test_a_rule_with_all_occurrences_of_another_stands_for_both(rules: list[str]) -> None:
    assert rules_as_one(rules, datetime(2031, 10, 6, 16), 'Europe/Berlin') == ['FREQ=DAILY']


def test_a_rule_that_ends_stands_for_no_other() -> None:
    with pytest.raises(Unreadable, match='common occurrences'):
        rules_as_one(['FREQ=DAILY;COUNT=4000', 'FREQ=WEEKLY'], datetime(2031, 10, 6, 16), 'Europe/Berlin')


# All later occurrences


def test_a_series_is_split_where_all_later_occurrences_change() -> None:
    change = (
        'UID:a@b\nSUMMARY:Later upload\nRECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20311016T160000\n'
        'DTSTART;TZID=Europe/Berlin:20311016T180000'
    )
    moved = 'UID:a@b\nRECURRENCE-ID;TZID=Europe/Berlin:20311020T160000\nDTSTART;TZID=Europe/Berlin:20311021T090000'
    excluded = 'EXDATE;TZID=Europe/Berlin:20311009T160000,20311023T160000'

    before, after, override = read(f'{WEEKLY}\n{excluded}', change, moved).drafts

    assert dues(before, after, override, days=23) == ['06 16:00', '13 16:00', '16 18:00', '21 09:00', '27 18:00']
    assert (before.uid, after.uid, override.uid) == ('a@b', after.uid, after.uid)
    assert (after.name, after.values['title'], after.recurrence_at) == ('Later upload', 'Later upload', None)
    assert override.recurrence_at == datetime(2031, 10, 20, 18)


def test_all_later_occurrences_may_be_cancelled_or_follow_a_rule_of_their_own() -> None:
    at = 'UID:a@b\nRECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20311013T160000'

    (ended,) = read(WEEKLY, f'{at}\nSTATUS:CANCELLED').drafts
    before, after = read(WEEKLY, f'{at}\nDTSTART:20311014T060000Z\nRRULE:FREQ=DAILY;COUNT=2').drafts

    assert dues(ended) == ['06 16:00', '09 16:00']
    assert dues(before, after) == ['06 16:00', '09 16:00', '14 08:00', '15 08:00']


def test_a_series_that_changes_from_its_first_occurrence_on_is_changed_as_a_whole() -> None:
    at = 'UID:a@b\nRECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20311006T160000'

    (moved,) = read(WEEKLY, f'{at}\nDTSTART;TZID=Europe/Berlin:20311006T180000').drafts
    (cancelled,) = read(WEEKLY, f'{at}\nSTATUS:CANCELLED').drafts

    assert (moved.uid, dues(moved, days=6)) == ('a@b', ['06 18:00', '09 18:00'])
    assert (cancelled.uid, cancelled.recurrence_at, cancelled.is_cancelled) == ('a@b', None, True)


def test_a_replacement_with_a_rule_of_its_own_is_a_single_event_and_it_is_told() -> None:
    moved = 'UID:a@b\nSUMMARY:Moved\nRECURRENCE-ID:20311009T140000Z\nDTSTART:20311010T140000Z\nRRULE:FREQ=DAILY'

    contents = read(WEEKLY, moved)

    assert dues(*contents.drafts, days=8) == ['06 16:00', '10 16:00']
    assert contents.notes == ("'Moved' replaces one occurrence and has a rule of its own, which was left out.",)


# Files that are not whole


def test_events_without_a_calendar_around_them_are_read() -> None:
    (draft,) = read_calendar(f'BEGIN:VEVENT\n{WEEKLY}\nEND:VEVENT\n'.encode(), zone='UTC').drafts

    assert dues(draft, days=2) == ['06 16:00']


def test_of_a_truncated_file_the_whole_events_are_read() -> None:
    text = calendar_file(WEEKLY, WEEKLY.replace('a@b', 'c@d'))

    contents = read_calendar(text[: text.rindex(b'RRULE')], zone='UTC')

    assert ([draft.uid for draft in contents.drafts], contents.is_whole) == (['a@b'], False)
    assert [unread.uid for unread in contents.unread] == ['c@d']
    assert contents.notes[0] == TRUNCATED
    with pytest.raises(Malformed):
        read_calendar(text[:40], zone='UTC')


@pytest.mark.parametrize('end', ['END:VEVENT', 'BEGIN:VEV', 'END:VCALENDA', 'BEGIN:VEVENT\nUID:c@d'])
@pytest.mark.parametrize('begin', ['BEGIN:VCALENDAR\nVERSION:2.0\n', ''])
def test_a_file_that_ends_in_the_middle_is_not_whole(begin: str, end: str) -> None:
    text = f'{begin}BEGIN:VEVENT\n{WEEKLY}\nEND:VEVENT\n'
    is_whole = not begin and not end.startswith('BEGIN')

    contents = read_calendar(f'{text}{"" if end == "END:VEVENT" else end}'.encode(), zone='UTC')

    assert [draft.uid for draft in contents.drafts] == ['a@b']
    assert (contents.is_whole, contents.is_truncated) == (is_whole, not is_whole)
    assert (TRUNCATED in contents.notes[:1]) is not is_whole


def test_a_file_of_an_older_program_is_read_in_its_encoding() -> None:
    (draft,) = read_calendar(
        calendar_file(WEEKLY.replace('Upload', 'Relatório')).decode().encode('cp1252'), zone='UTC'
    ).drafts

    assert draft.name == 'Relatório'


@pytest.mark.parametrize(
    'lines',
    [
        f'{BERLIN}\nSUMMARY=x',
        'DTSTART;;VALUE=DATE:20311006',
        'DTSTART:203110061',
        f'{BERLIN}\nRRULE:FREQ=DAILY\nEXRULE:FREQ=WEEKLY',
    ],
)
def test_an_event_that_cannot_be_read_leaves_the_others_alone(lines: str) -> None:
    contents = read(WEEKLY, f'UID:c@d\nSUMMARY:Odd\n{lines}')

    assert [draft.uid for draft in contents.drafts] == ['a@b']
    assert [unread.name for unread in contents.unread] == ['Odd']
