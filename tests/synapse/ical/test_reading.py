import contextlib
import hashlib
import json
import time
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from dateutil.rrule import rrulestr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from synapse import recurrence
from synapse.calendar.events import Event, Misfire, Retry
from synapse.errors import Invalid, Malformed, TooLarge
from synapse.ical.reading import MAX_BYTES, Contents, read_calendar
from synapse.ical.series import Draft
from synapse.ical.writing import OPTIONS, canonical_rule, write_calendar
from tests.parts.calendar_files import APPLE, GOOGLE, OUTLOOK, calendar_file

NOW = datetime(2030, 9, 1, 10, tzinfo=UTC)
HELLO = 'UID:a@b\nDTSTART:20311006T160000Z\nSUMMARY:Hello'


def an_event(id: str = 'e1', **changes: Any) -> Event:
    values: dict[str, Any] = {
        'id': id,
        'title': 'Weekly upload',
        'pipeline': 'PublishVideo',
        'start': datetime(2031, 10, 6, 16),
        'timezone': 'Europe/Berlin',
        'created_at': NOW,
        'updated_at': NOW,
        'armed_from': NOW,
    }
    return Event(**{**values, **changes})


def read(*events: str, head: str = '', zone: str = 'Europe/Berlin') -> list[Draft]:
    return list(contents(*events, head=head, zone=zone).drafts)


def contents(*events: str, head: str = '', zone: str = 'Europe/Berlin') -> Contents:
    return read_calendar(calendar_file(*events, head=head), zone=zone)


def refusal(*events: str, head: str = '') -> str:
    """Return why the one event of such a file that cannot be read is left out."""
    (unread,) = contents(*events, head=head).unread
    assert unread.reason.startswith(f"'{unread.name}'")
    return unread.reason


def lines_of(text: bytes) -> list[str]:
    """Return the unfolded lines of a calendar."""
    return text.decode().replace('\r\n ', '').splitlines()


# There and back

ZONES = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'UTC', 'Asia/Kolkata', 'Africa/Casablanca']
RULES = [
    None,
    'FREQ=DAILY',
    'FREQ=WEEKLY;BYDAY=MO,WE,FR',
    'FREQ=MONTHLY;BYDAY=-1FR;COUNT=12',
    'FREQ=MONTHLY;BYMONTHDAY=31',
    'FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29',
    'FREQ=HOURLY;INTERVAL=6',
    'FREQ=WEEKLY;UNTIL=20351231T225959Z;INTERVAL=2;BYDAY=TU',
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
walls = st.datetimes(datetime(2027, 1, 1), datetime(2040, 1, 1)).map(lambda wall: wall.replace(microsecond=0, fold=0))
titles = st.text(
    st.characters(exclude_categories=['Cc', 'Cs']) | st.sampled_from(',;:\\"\n\tnNüß€🎬'), min_size=1, max_size=200
).filter(lambda title: title == title.strip())


@st.composite
def events(draw: st.DrawFn, id: str = 'e1') -> Event:
    rule = draw(st.sampled_from(RULES))
    return an_event(
        id,
        title=draw(titles),
        pipeline=draw(st.sampled_from(['PublishVideo', 'Übung'])),
        parameters=draw(st.dictionaries(st.text(), json_values, max_size=4)),
        profile=draw(st.none() | st.sampled_from(['default', 'studio-k-ln'])),
        start=draw(walls),
        timezone=draw(st.sampled_from(ZONES)),
        rrule=rule,
        exdates=tuple(sorted(draw(st.sets(walls, max_size=4)))) if rule else (),
        enabled=draw(st.booleans()),
        misfire=Misfire(policy=draw(st.sampled_from(['latest', 'skip', 'all'])), limit=draw(st.integers(1, 100))),
        overlap=draw(st.sampled_from(['skip', 'queue', 'allow'])),
        retry=Retry(attempts=draw(st.integers(0, 10))),
        timeout_seconds=draw(st.none() | st.floats(1, 86_400)),
        stop_signal=draw(st.sampled_from([None, 'SIGINT'])),
        grace_seconds=draw(st.none() | st.integers(0, 3600)),
        silence_after_seconds=draw(st.none() | st.integers(60, 366 * 86_400)),
        sequence=draw(st.integers(0, 1000)),
        uid=draw(st.sampled_from(['', '040000008200E00074C5B7101A82E008', 'a;b,c@example.org'])),
    )


@st.composite
def calendars(draw: st.DrawFn) -> list[Event]:
    """Generate single events and series, some of which have overridden occurrences."""
    found = []
    for number in range(draw(st.integers(1, 3))):
        series = draw(events(f'e{number}'))
        series = series.changed(uid=f'{series.uid}{number}' if series.uid else '')
        moments = draw(st.sets(walls, max_size=2)) if series.rrule else set()
        series = series.changed(exdates=tuple(sorted({*series.exdates, *moments})))
        found.append(series)
        for part, moment in enumerate(sorted(moments)):
            instead = draw(events(f'e{number}x{part}')).changed(rrule=None, exdates=())
            found.append(instead.changed(uid=series.uid, override_of=series.id, override_at=moment))
    return found


def signed(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def values_of(event: Event) -> dict[str, Any]:
    plain = ('title', 'pipeline', 'parameters', 'profile', 'start', 'timezone', 'rrule', 'exdates')
    return event.model_dump(include={*plain, *OPTIONS})


def _place(item: tuple[Any, ...]) -> tuple[str, str]:
    return item[0], str(item[1])


@settings(deadline=None, max_examples=50)
@given(calendars())
@example([an_event(title='C:\\New\\\\n, "x"; y:\nz', parameters={'path': 'C:\\New\nÄ\u2028,;:'})])
@example([an_event(rrule='FREQ=DAILY', exdates=(datetime(2032, 3, 28, 2, 30), datetime(2032, 10, 31, 2, 30)))])
def test_events_that_are_written_and_read_have_the_same_values(written: list[Event]) -> None:
    drafts = read_calendar(write_calendar(written, now=NOW), zone='Pacific/Auckland').drafts

    series = {event.id: event for event in written if event.override_of is None}
    expected = [
        (
            event.uid or f'{event.override_of or event.id}@synapse',
            event.override_at,
            series[event.override_of or event.id].timezone if event.override_at else '',
            event.sequence,
            values_of(event),
        )
        for event in written
    ]
    found = [(item.uid, item.recurrence_at, item.recurrence_zone, item.sequence, item.values) for item in drafts]
    assert sorted(found, key=_place) == sorted(expected, key=_place)


@settings(deadline=None)
@given(calendars())
@example([an_event(title='\x01 C:\\New, "x" \x02', rrule='byday=MO,WE;interval=2;FREQ=WEEKLY;until=20351231')])
def test_events_that_are_switched_on_have_valid_signatures_and_others_none(written: list[Event]) -> None:
    drafts = read_calendar(write_calendar(written, now=NOW, sign=signed), zone='Pacific/Auckland').drafts

    assert [draft.is_signed(signed) for draft in drafts] == [draft.values['enabled'] for draft in drafts]
    assert all(draft.signature or not draft.values['enabled'] for draft in drafts)
    assert not any(draft.is_signed(lambda told: signed(told + b' ')) for draft in drafts)


@settings(deadline=None, max_examples=30)
@given(calendars())
def test_an_exported_file_conforms_to_the_standard(written: list[Event]) -> None:
    text = write_calendar(written, now=NOW)

    assert all(len(line) <= 75 for line in text.split(b'\r\n'))
    assert b'\n' not in text.replace(b'\r\n', b'')
    (calendar,) = icalendar.Calendar.from_ical(text, multiple=True)
    assert not any(part.errors for part in calendar.walk())
    moved_by_clocks = [event for event in calendar.events if 'X-SYNAPSE-CLOCK-CHANGE' in event]
    assert len(calendar.events) == len(written) + len(moved_by_clocks)


def test_an_exported_event_has_everything_that_other_programs_need() -> None:
    event = an_event(
        rrule='BYDAY=MO;FREQ=WEEKLY;UNTIL=20311231T120000',
        exdates=(datetime(2031, 10, 13, 16),),
        profile='studio',
        sequence=7,
    )

    lines = lines_of(write_calendar([event], now=NOW))

    for line in [
        'UID:e1@synapse',
        'SEQUENCE:7',
        'DTSTAMP:20300901T100000Z',
        'LAST-MODIFIED:20300901T100000Z',
        'SUMMARY:Weekly upload',
        'DTSTART;TZID=Europe/Berlin:20311006T160000',
        'DURATION:PT15M',
        'RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20311231T110000Z',
        'EXDATE;TZID=Europe/Berlin:20311013T160000',
        'STATUS:CONFIRMED',
        'X-SYNAPSE-PIPELINE:PublishVideo',
        'X-SYNAPSE-PROFILE:studio',
        'X-SYNAPSE-PARAMETERS:{}',
    ]:
        assert line in lines
    (description,) = [line for line in lines if line.startswith('DESCRIPTION:Runs every ')]
    assert description.endswith('\\npipeline: PublishVideo\\nprofile: studio')


def test_an_overridden_occurrence_is_not_an_exception_in_the_export() -> None:
    at, gone = datetime(2031, 10, 20, 16), datetime(2031, 10, 27, 16)
    series = an_event(rrule='FREQ=WEEKLY', exdates=(at, gone), timezone='Europe/Berlin')
    instead = an_event('e2', uid='e1@synapse', override_of='e1', override_at=at, timezone='Asia/Tokyo')

    lines = lines_of(write_calendar([instead, series], now=NOW))

    assert 'EXDATE;TZID=Europe/Berlin:20311027T160000' in lines
    assert 'RECURRENCE-ID;TZID=Europe/Berlin:20311020T160000' in lines
    assert lines.count('UID:e1@synapse') == 2
    assert [line for line in lines if line.startswith('TZID:')] == ['TZID:Asia/Tokyo', 'TZID:Europe/Berlin']


@pytest.mark.parametrize('zone', [*ZONES, 'Europe/Dublin', 'Pacific/Apia'])
def test_an_exported_zone_changes_its_clocks_when_the_real_one_does(zone: str) -> None:
    text = write_calendar([an_event(timezone=zone, start=datetime(2027, 1, 1))], now=NOW)

    components = icalendar.Calendar.from_ical(text).walk('VTIMEZONE')
    if zone == 'UTC':
        assert components == []
        return
    changes = sorted(
        (wall - part['TZOFFSETFROM'].td, part['TZOFFSETTO'].td)
        for part in components[0].subcomponents
        for wall in walls_of(part)
    )
    here = ZoneInfo(zone)
    moments = [change[0] for change in changes]
    for number in range(24 * 800):
        hour = datetime(2027, 1, 1) + timedelta(hours=number)
        described = changes[bisect_right(moments, hour) - 1][1]
        assert hour.replace(tzinfo=UTC).astimezone(here).utcoffset() == described


def walls_of(part: icalendar.cal.Component) -> list[datetime]:
    """Return the starts of an observance; each is on its own line, the first included, as some readers need."""
    if 'RRULE' in part:
        assert 'RDATE' not in part
        start = part['DTSTART'].dt
        return list(rrulestr(part['RRULE'].to_ical().decode(), dtstart=start).xafter(start, 10, inc=True))
    lines = part['RDATE'] if isinstance(part['RDATE'], list) else [part['RDATE']]
    values = [line.dts for line in lines]
    assert {len(moments) for moments in values} == {1}
    walls = [moment.dt for moments in values for moment in moments]
    assert walls[0] == part['DTSTART'].dt
    return walls


def test_rules_are_exported_unchanged() -> None:
    assert canonical_rule('FREQ=WEEKLY;BYDAY=MO', 'Europe/Berlin') == 'FREQ=WEEKLY;BYDAY=MO'
    assert canonical_rule('RRULE:byday=mo;freq=weekly;', 'Europe/Berlin') == 'FREQ=WEEKLY;BYDAY=MO'
    assert canonical_rule('FREQ=DAILY;UNTIL=20311231T225959Z', 'Europe/Berlin') == 'FREQ=DAILY;UNTIL=20311231T225959Z'
    assert canonical_rule('FREQ=DAILY;UNTIL=20311231', 'Europe/Berlin') == 'FREQ=DAILY;UNTIL=20311231T225959Z'
    assert canonical_rule('FREQ=DAILY;UNTIL=99991231T235959', 'America/Lima') == 'FREQ=DAILY;UNTIL=99991231T235959Z'


# Files of others


def test_a_file_of_google_calendar_is_read() -> None:
    drafts = {
        (draft.uid[0], draft.recurrence_at): draft for draft in read_calendar(GOOGLE.encode(), zone='Asia/Tokyo').drafts
    }

    moved = datetime(2031, 10, 22, 16)
    weekly = drafts['0', None]
    assert (weekly.sequence, weekly.last_modified) == (3, datetime(2030, 8, 30, 8, tzinfo=UTC))
    assert weekly.values == {
        'title': 'Grüße an alle; auch an die, die fehlen 🎬',
        'pipeline': 'Hello',
        'start': datetime(2031, 10, 6, 16),
        'timezone': 'Europe/Berlin',
        'rrule': 'FREQ=WEEKLY;WKST=MO;UNTIL=20311231T225959Z;BYDAY=MO,WE',
        'exdates': (datetime(2031, 10, 13, 16), moved, datetime(2031, 10, 27, 16)),
    }
    later = drafts['0', moved]
    assert (later.values['title'], later.values['start']) == ('Grüße, später', datetime(2031, 10, 22, 18, 30))
    assert (later.recurrence_zone, later.sequence, later.values['rrule']) == ('Europe/Berlin', 4, None)
    assert (drafts['1', None].values['timezone'], drafts['1', None].values['start'].hour) == ('UTC', 9)
    whole_day = drafts['2', None].values
    assert (whole_day['start'], whole_day['timezone']) == (datetime(2031, 12, 24, 9), 'Europe/Berlin')
    assert len(drafts) == 4


def test_a_file_of_apple_calendar_is_read() -> None:
    nightly, morning, floating = read_calendar(APPLE.encode(), zone='Europe/Berlin').drafts

    assert nightly.values['timezone'] == 'America/New_York'
    assert nightly.values['rrule'] == 'FREQ=DAILY;INTERVAL=1;COUNT=5'
    assert nightly.values['exdates'] == (datetime(2031, 11, 3, 1, 30), datetime(2031, 11, 4, 1, 30))
    assert (morning.recurrence_at, morning.values['title']) == (datetime(2031, 11, 4, 1, 30), 'Nightly, in the morning')
    assert (floating.values['start'], floating.values['timezone']) == (datetime(2031, 11, 10, 10), 'Europe/Berlin')


def test_a_file_of_outlook_is_read_with_its_own_zone_names() -> None:
    weekly, moved, eastern = read_calendar(OUTLOOK.encode(), zone='Asia/Tokyo').drafts

    assert (weekly.values['title'], weekly.values['pipeline']) == ('Wöchentlicher Gruß', 'Hello')
    assert weekly.values['timezone'] == 'Europe/Berlin'
    assert weekly.uid.endswith('00000000000000001000000091A2B3C4D5E6F70819203A4B5C6D7E8F'[-40:])
    assert [wall.day for wall in weekly.values['exdates']] == [13, 20, 27]
    assert (moved.recurrence_at, moved.values['start']) == (datetime(2031, 10, 27, 9), datetime(2031, 10, 28, 12))
    assert eastern.values['timezone'] == 'America/New_York'


def test_lines_may_be_folded_anywhere_and_end_in_any_way() -> None:
    text = calendar_file('UID:a@b\nDTSTART:2031100\n 6T160000Z\nSUMMARY:Gr\n üße\\, \n Jo\nDESCRIPTION:x\n\t\n  y')

    expected = read_calendar(text, zone='UTC')
    again = (text.decode().encode('utf-16'), b'\xef\xbb\xbf' + text, text.replace(b'\r\n', b'\r\n\r\n'), text + text)
    for same in (text.replace(b'\r\n', b'\n'), *again):
        assert read_calendar(same, zone='UTC') == expected
    assert expected.drafts[0].values['title'] == 'Grüße, Jo'


# Zones


@pytest.mark.parametrize(
    ('tzid', 'zone'),
    [
        ('Europe/Berlin', 'Europe/Berlin'),
        ('/Europe/Berlin', 'Europe/Berlin'),
        ('/freeassociation.sourceforge.net/America/Argentina/Buenos_Aires', 'America/Argentina/Buenos_Aires'),
        ('"Pacific Standard Time"', 'America/Los_Angeles'),
        ('British Columbia Standard Time', 'America/Vancouver'),
        ('UTC', 'UTC'),
        ('US/Eastern', 'US/Eastern'),
    ],
)
def test_a_zone_is_recognized_by_many_names(tzid: str, zone: str) -> None:
    (draft,) = read(f'UID:a@b\nDTSTART;TZID={tzid}:20311006T160000\nSUMMARY:Hello')

    assert (draft.values['start'], draft.values['timezone']) == (datetime(2031, 10, 6, 16), zone)


def test_a_described_zone_is_identified_by_its_offsets_and_the_local_zone_is_preferred() -> None:
    text = OUTLOOK.replace('W. Europe Standard Time', 'Customized Time Zone').encode()

    assert read_calendar(text, zone='Europe/Vienna').drafts[0].values['timezone'] == 'Europe/Vienna'
    assert read_calendar(text, zone='Asia/Tokyo').drafts[0].values['timezone'] == 'Europe/Budapest'
    text = text.replace(b'Customized Time Zone', b'(UTC+01:00) Amsterdam - Berlin - Bern')
    assert read_calendar(text, zone='Asia/Tokyo').drafts[0].values['timezone'] == 'Europe/Berlin'


def test_a_described_zone_may_name_its_city() -> None:
    text = OUTLOOK.replace('TZID:W. Europe Standard Time', 'TZID:Mine\nX-LIC-LOCATION:Europe/Oslo')
    text = text.replace('TZID="W. Europe Standard Time"', 'TZID=Mine')

    assert read_calendar(text.encode(), zone='Asia/Tokyo').drafts[0].values['timezone'] == 'Europe/Oslo'


def test_floating_times_and_whole_days_are_in_the_default_zone_of_the_file() -> None:
    floating, whole = 'UID:a@b\nDTSTART:20311006T160000', 'UID:c@d\nDTSTART;VALUE=DATE:20311006'

    for head, zone in [('X-WR-TIMEZONE:Asia/Tokyo', 'Asia/Tokyo'), ('', 'Europe/Berlin')]:
        one, two = read(floating, whole, head=head)
        assert (one.values['start'], one.values['timezone']) == (datetime(2031, 10, 6, 16), zone)
        assert (two.values['start'], two.values['timezone']) == (datetime(2031, 10, 6, 9), zone)


@pytest.mark.parametrize('tzid', ['Customized Time Zone', 'tzone://Microsoft/Custom'])
def test_an_event_whose_zone_the_file_leaves_open_says_so(tzid: str) -> None:
    open_zone, clear = read(f'UID:a@b\nDTSTART;TZID={tzid}:20311006T160000', 'UID:c@d\nDTSTART:20311006T160000Z')

    assert open_zone.doubt == f"The time zone '{tzid}' is not described in the file; Europe/Berlin was taken."
    assert clear.doubt == ''


def test_a_long_title_is_shortened_and_that_is_told() -> None:
    contents = read_calendar(calendar_file(f'{HELLO}\nSUMMARY:{"x" * 2000}'.replace('SUMMARY:Hello\n', '')), zone='UTC')

    assert contents.drafts[0].values['title'] == 'x' * 199 + '…'
    assert any('has 2,000 characters; it was shortened to 200.' in note for note in contents.notes)


BAD_ZONE = 'BEGIN:VTIMEZONE\nTZID:Mars\nBEGIN:STANDARD\n{}\nEND:STANDARD\nEND:VTIMEZONE'


@pytest.mark.parametrize(
    'description',
    [
        '',
        BAD_ZONE.format('DTSTART:19700101T000000\nTZOFFSETFROM:+0100'),
        BAD_ZONE.format('DTSTART:16010101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=SECONDLY'),
        BAD_ZONE.format('DTSTART:16010101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:nonsense;FREQ=YEARLY'),
    ],
)
def test_an_unknown_zone_is_rejected_with_the_name_of_the_event(description: str) -> None:
    sentence = refusal('UID:a@b\nDTSTART;TZID=Mars:20311006T160000\nSUMMARY:Landing', head=description)

    assert sentence == "'Landing' is in the unknown time zone 'Mars'. Use one like Europe/Berlin."


# Series


def test_excluded_whole_days_exclude_every_occurrence_on_them() -> None:
    daily = 'UID:a@b\nDTSTART;TZID=Europe/Berlin:20311006T160000\nRRULE:FREQ=DAILY\nEXDATE;VALUE=DATE:20311008,20311009'
    twice = (
        'UID:c@d\nDTSTART;TZID=Europe/Berlin:20311006T080000\nRRULE:FREQ=DAILY;BYHOUR=8,20\nEXDATE;VALUE=DATE:20311008'
    )

    one, two = read(daily, twice)

    assert one.values['exdates'] == (datetime(2031, 10, 8, 16), datetime(2031, 10, 9, 16))
    assert two.values['exdates'] == (datetime(2031, 10, 8, 8), datetime(2031, 10, 8, 20))


def test_exceptions_may_be_in_another_zone_than_the_series() -> None:
    series = 'UID:a@b\nDTSTART;TZID=Europe/Berlin:20311006T160000\nRRULE:FREQ=DAILY\nEXDATE:20311008T140000Z'
    instead = 'UID:a@b\nDTSTART:20311010T170000Z\nRECURRENCE-ID:20311010T140000Z'

    one, two = read(instead, series)

    assert one.values['exdates'] == (datetime(2031, 10, 8, 16), datetime(2031, 10, 10, 16))
    assert (two.recurrence_at, two.recurrence_zone) == (datetime(2031, 10, 10, 16), 'Europe/Berlin')


def test_the_end_of_a_rule_is_read_as_utc_however_the_file_writes_it() -> None:
    rules = ['UNTIL=20311231', 'UNTIL=20311231T160000', 'UNTIL=20311231T150000Z']
    start = 'DTSTART;TZID=Europe/Berlin:20311006T160000'

    drafts = read(*(f'UID:{rule}\n{start}\nRRULE:FREQ=DAILY;{rule}' for rule in rules))

    assert [draft.values['rrule'][-16:] for draft in drafts] == [
        '20311231T225959Z',
        '20311231T150000Z',
        '20311231T150000Z',
    ]


def test_a_whole_day_may_override_a_whole_day_of_a_series() -> None:
    series = 'UID:a@b\nDTSTART;VALUE=DATE:20311006\nRRULE:FREQ=DAILY;UNTIL=20311010\nEXDATE;VALUE=DATE:20311007'
    instead = 'UID:a@b\nDTSTART;VALUE=DATE:20311020\nRECURRENCE-ID;VALUE=DATE:20311008'

    one, two = read(series, instead)

    assert one.values['exdates'] == (datetime(2031, 10, 7, 9), datetime(2031, 10, 8, 9))
    assert (two.recurrence_at, two.values['start']) == (datetime(2031, 10, 8, 9), datetime(2031, 10, 20, 9))


def test_a_day_may_identify_the_occurrence_of_a_timed_series() -> None:
    series = 'UID:a@b\nDTSTART;TZID=Europe/Berlin:20311006T160000\nRRULE:FREQ=DAILY'

    _, two = read(series, 'UID:a@b\nDTSTART:20311008T200000Z\nRECURRENCE-ID;VALUE=DATE:20311008')

    assert two.recurrence_at == datetime(2031, 10, 8, 16)


def test_additional_dates_become_single_events_of_the_series() -> None:
    series, first, second = read(
        'UID:a@b\nSEQUENCE:2\nDTSTART;TZID=Europe/Berlin:20311006T160000\nRRULE:FREQ=WEEKLY\nSUMMARY:Hello\n'
        'RDATE;TZID=Europe/Berlin:20311006T160000,20311008T120000\n'
        'RDATE;VALUE=PERIOD:20311009T120000Z/PT1H'
    )

    assert [draft.recurrence_at for draft in (first, second)] == [datetime(2031, 10, 8, 12), datetime(2031, 10, 9, 14)]
    assert (first.values['start'], first.values['rrule'], first.sequence) == (datetime(2031, 10, 8, 12), None, 2)
    assert {draft.uid for draft in (series, first, second)} == {'a@b'}


def test_cancelled_events_are_marked() -> None:
    (whole,) = read(HELLO + '\nSTATUS:CANCELLED')
    (by_method,) = read(HELLO, head='METHOD:CANCEL')
    series, once = read(HELLO + '\nRRULE:FREQ=DAILY', 'UID:a@b\nRECURRENCE-ID:20311008T160000Z\nSTATUS:CANCELLED')

    assert (whole.is_cancelled, by_method.is_cancelled, series.is_cancelled, once.is_cancelled) == (1, 1, 0, 1)
    assert series.values['exdates'] == (datetime(2031, 10, 8, 16),)


def test_of_an_event_given_twice_the_newer_version_wins() -> None:
    old = HELLO + ' old\nSEQUENCE:1\nLAST-MODIFIED:20310101T000000Z'
    same = HELLO + ' new\nSEQUENCE:1\nLAST-MODIFIED:20310102T000000Z'

    for texts in [(old, same), (same, old), (same, old, same)]:
        (draft,) = read(*texts)
        assert draft.values['title'] == 'Hello new'


def test_an_event_without_a_uid_gets_the_same_one_each_time() -> None:
    first, second = read('DTSTART:20311006T160000Z\nSUMMARY:A'), read('DTSTART:20311006T160000Z\nSUMMARY:A\nLOCATION:x')

    assert first[0].uid == second[0].uid != read('DTSTART:20311006T160000Z\nSUMMARY:B')[0].uid


@pytest.mark.parametrize(
    ('description', 'work'),
    [
        ('pipeline: BackupFolder', {'pipeline': 'BackupFolder'}),
        ('Nightly.\\nPipeline:  BackupFolder \\nprofile: studio\\n', {'pipeline': 'BackupFolder', 'profile': 'studio'}),
        ('<b>Nightly</b><br>pipeline: Back up a folder<br>x', {'pipeline': 'Back up a folder'}),
        ('the pipeline: of my life', {}),
    ],
)
def test_a_description_may_name_the_pipeline(description: str, work: dict[str, str]) -> None:
    (draft,) = read(f'{HELLO}\nDESCRIPTION:{description}')

    assert {key: draft.values[key] for key in ('pipeline', 'profile') if key in draft.values} == work


# What cannot be read


@pytest.mark.parametrize(
    ('lines', 'sentence'),
    [
        ('DTSTART:20310231T160000Z', 'has a date that cannot be read: DTSTART:20310231T160000Z.'),
        ('DTSTART:tomorrow', 'has a date that cannot be read: DTSTART:tomorrow.'),
        ('DTSTART:00010101T000000', 'has a date that cannot be read'),
        ('DTSTART:99990101T000000', 'is in the year 9999; the last possible one is 9998.'),
        ('DTSTART:20311006T160000Z\nEXDATE:2031', 'has a date that cannot be read: EXDATE:2031.'),
        ('DTSTART:20311006T160000Z\nRDATE:x', 'has a date that cannot be read: RDATE:x.'),
        ('DTSTART:20311006T160000Z\nRECURRENCE-ID:x', 'has a date that cannot be read: RECURRENCE-ID:x.'),
        ('LOCATION:here', 'has no start'),
        ('DTSTART:20311006T160000Z\nRRULE:FREQ=SECONDLY', 'repeats every second.'),
        ('DTSTART:20311006T160000Z\nRRULE:FREQ=WEEKLY\nRRULE:FREQ=MONTHLY', 'has two rules with common occurrences.'),
        ('DTSTART:20311006T160000Z\nRRULE:FREQ=DAILY;UNTIL=soon', 'has a rule that cannot be read: FREQ=DAILY;UNTIL'),
        ('DTSTART:20311006T160000Z\nRRULE:FREQ=DAILY\nEXRULE:FREQ=WEEKLY', 'has a rule for exceptions'),
        ('DTSTART:20311006T160000Z\nno line at all', 'has a line that cannot be read: no line at all'),
        ('DTSTART:20311006T160000Z\nX-SYNAPSE-PARAMETERS:{', 'has a line that is not JSON: X-SYNAPSE-PARAMETERS.'),
        ('DTSTART:20311006T160000Z\nX-SYNAPSE-PARAMETERS:{"x": NaN}', 'has a line that is not JSON'),
        ('DTSTART:20311006T160000Z\nX-SYNAPSE-PARAMETERS:' + '[' * 100_000, 'has a line that is not JSON'),
        ('DTSTART:20311006T160000Z\nX-SYNAPSE-OPTIONS:[]', 'has a line that is not a JSON object: X-SYNAPSE-OPTIONS.'),
    ],
)
def test_an_unreadable_event_is_rejected_by_name(lines: str, sentence: str) -> None:
    assert refusal(HELLO, f'UID:c@d\nSUMMARY:Dentist\\, again\n{lines}').startswith(f"'Dentist, again' {sentence}")


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'hello',
        b'{"events": []}',
        b'\x00\xff\xfe' * 100,
        b'BEGIN:VCARD\r\nEND:VCARD\r\n',
        GOOGLE.encode()[:200],
        GOOGLE.replace('END:VEVENT', 'END:VTODO').encode(),
        calendar_file(HELLO).replace(b'VERSION:2.0', b'VERSION:1.0'),
        b'BEGIN:VEVENT\n' * 50_000,
    ],
)
def test_a_file_that_is_not_a_calendar_is_rejected(data: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        read_calendar(data, zone='UTC')

    assert (caught.value.code, caught.value.status) == ('not_a_calendar', 400)
    assert caught.value.message.endswith('.')
    assert caught.value.hint


def test_an_empty_calendar_has_no_events() -> None:
    assert read() == []
    assert read_calendar(write_calendar([], now=NOW), zone='UTC') == Contents()


def test_a_file_of_one_megabyte_is_read_and_a_larger_one_is_rejected() -> None:
    text = calendar_file(*(HELLO.replace('a@b', f'{number}') for number in range(4000)))
    text = text.replace(b'END:VCALENDAR', b'X-NOTHING:' + b'x' * (MAX_BYTES - len(text) - 12) + b'\r\nEND:VCALENDAR')
    assert len(text) == MAX_BYTES

    assert len(read_calendar(text, zone='UTC').drafts) == 4000
    with pytest.raises(TooLarge):
        read_calendar(text + b'\n', zone='UTC')


def test_a_file_with_too_many_dates_is_rejected() -> None:
    dates = ','.join(
        f'2031{month:02}{day:02}T{hour:02}0000Z' for month in range(1, 13) for day in range(1, 29) for hour in range(24)
    )

    with pytest.raises(Invalid, match='more than 20,000 events'):
        read(*(HELLO.replace('a@b', uid) + f'\nRDATE:{dates}' for uid in 'xyz'))


@pytest.mark.parametrize(
    'data',
    [
        b'BEGIN:VCALENDAR\r\n' + b'\r\n' * 490_000,
        b'BEGIN:VCALENDAR\r\n' + b'X;' * 490_000,
        b'BEGIN:VCALENDAR\r\nX' + b';A=' * 300_000 + b':x\r\nEND:VCALENDAR',
        b'BEGIN:VCALENDAR\r\nDESCRIPTION:' + b'\\' * 900_000 + b'\r\nEND:VCALENDAR',
        calendar_file(HELLO + '\nDESCRIPTION:' + '\\n' * 450_000),
        calendar_file(HELLO + '\nDESCRIPTION:' + '<br ' * 240_000),
        calendar_file(HELLO + '\nRRULE:' + 'FREQ=DAILY;' * 80_000),
        calendar_file(HELLO + '\nEXDATE:' + ','.join(['20311006T160000Z'] * 55_000)),
        calendar_file(HELLO + '\nEXDATE;VALUE=DATE:' + ','.join(['20311006'] * 100_000)),
        calendar_file(*(f'{HELLO}\nRECURRENCE-ID;VALUE=DATE:2031{n % 12 + 1:02}{n % 28 + 1:02}' for n in range(9000))),
        calendar_file(
            *(f'DTSTART;TZID=Z{number}:20311006T160000' for number in range(700)),
            head='\n'.join(
                BAD_ZONE.replace('Mars', f'Z{number}').format(
                    'DTSTART:16010101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+1200\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3'
                )
                for number in range(700)
            ),
        ),
    ],
)
def test_no_megabyte_takes_long_to_read(data: bytes) -> None:
    assert len(data) <= MAX_BYTES
    began = time.perf_counter()
    with contextlib.suppress(Malformed, Invalid):
        read_calendar(data, zone='Europe/Berlin')

    assert time.perf_counter() - began < 20


def test_parameters_are_only_in_their_own_line() -> None:
    event = an_event(parameters={'path': '/srv/a.mp4'})

    lines = lines_of(write_calendar([event], now=NOW))

    assert [line for line in lines if '/srv/a.mp4' in line] == [
        'X-SYNAPSE-PARAMETERS:' + json.dumps(event.parameters).replace(',', '\\,')
    ]


def test_events_that_are_read_occur_when_the_other_program_says() -> None:
    weekly = read_calendar(OUTLOOK.encode(), zone='Asia/Tokyo').drafts[0].values
    plan = recurrence.Plan(
        start=weekly['start'], zone=weekly['timezone'], rule=weekly['rrule'], exdates=frozenset(weekly['exdates'])
    )

    dues = recurrence.occurrences(plan, NOW, NOW + timedelta(days=800))

    assert [due.isoformat() for due in dues[:2]] == ['2031-10-06T07:00:00+00:00', '2031-11-03T08:00:00+00:00']
    assert len(dues) == 7
