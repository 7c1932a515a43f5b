"""What is exported: each reader of the file sees the instants that fire, and an import has the plan itself again."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from synapse import recurrence
from synapse.calendar.events import Event
from synapse.ical.reading import read_calendar
from synapse.ical.series import Draft
from synapse.ical.writing import write_calendar
from synapse.recurrence import Plan
from tests.parts.calendar_readers import READERS, Found, by_all, need_readers

NOW = datetime(2026, 11, 30, 1, tzinfo=UTC)
SPAN = datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 11, 20, tzinfo=UTC)
BERLIN, NEW_YORK = 'Europe/Berlin', 'America/New_York'


def case(start: str, zone: str, rule: str | None, *excluded: str) -> Plan:
    return Plan(datetime.fromisoformat(start), zone, rule, frozenset(map(datetime.fromisoformat, excluded)))


PLANS = {
    'skipped each spring': case('2026-03-01T02:30', BERLIN, 'FREQ=DAILY'),
    'skipped and counted': case('2027-03-20T02:30', BERLIN, 'FREQ=DAILY;COUNT=20'),
    'repeated each autumn': case('2026-03-01T01:30', NEW_YORK, 'FREQ=DAILY'),
    'skipped and excluded': case('2026-03-01T02:00', NEW_YORK, 'FREQ=DAILY', '2027-03-14T02:00'),
    'starts in a skipped hour': case('2026-03-29T02:30', BERLIN, 'FREQ=WEEKLY'),
    'once in a skipped hour': case('2027-03-28T02:30', BERLIN, None),
    'once in a repeated hour': case('2027-10-31T02:30', BERLIN, None),
    'every six hours': case('2026-11-01T09:00', BERLIN, 'FREQ=HOURLY;INTERVAL=6', '2026-12-01T09:00'),
    'forty times every six hours': case('2027-03-25T09:00', BERLIN, 'FREQ=HOURLY;INTERVAL=6;COUNT=40'),
    'every 90 minutes for a week': case('2027-03-25T09:00', NEW_YORK, 'FREQ=MINUTELY;INTERVAL=90;UNTIL=20270401'),
    'office hours': case('2026-11-01T09:00', BERLIN, 'FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11;BYDAY=MO,TU'),
    'hours of the night': case('2027-10-20T00:00', BERLIN, 'FREQ=HOURLY;BYHOUR=0,2,4'),
    'hours of two days': case('2026-11-01T09:00', BERLIN, 'FREQ=HOURLY;BYDAY=MO,TU'),
    'quarters of an hour at half an hour': case('2027-10-01T09:00', 'Asia/Kolkata', 'FREQ=HOURLY;BYMINUTE=0,15,30,45'),
    'clocks that move by half an hour': case('2027-10-01T09:00', 'Australia/Lord_Howe', 'FREQ=HOURLY;BYMINUTE=0,30'),
    'starts before its first day': case('2026-03-04T09:00', BERLIN, 'FREQ=WEEKLY;BYDAY=MO;UNTIL=20270331'),
    'ends at its last occurrence': case('2026-03-02T09:00', BERLIN, 'FREQ=WEEKLY;UNTIL=20270329T070000Z'),
    'sixty times': case('2026-03-04T09:00', NEW_YORK, 'FREQ=WEEKLY;BYDAY=MO;COUNT=60', '2027-01-04T09:00'),
    'nth and plain weekdays': case('2026-11-01T09:00', BERLIN, 'FREQ=MONTHLY;BYDAY=2MO,WE', '2027-02-08T09:00'),
    'a week without a day': case('2026-03-04T09:00', NEW_YORK, 'FREQ=YEARLY;BYWEEKNO=20'),
    'days of each month, said as yearly': case('2026-03-04T09:00', NEW_YORK, 'FREQ=YEARLY;BYMONTHDAY=1,-1'),
    'last workday': case('2026-03-04T09:00', BERLIN, 'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1'),
    'several times a month': case('2026-11-01T09:00', BERLIN, 'FREQ=MONTHLY;BYMONTHDAY=29;BYHOUR=9,17'),
}

SEVERAL_A_DAY = [PLANS[name] for name in ('office hours', 'hours of two days', 'quarters of an hour at half an hour')]
"""Those that are written in wall time."""


def event_of(plan: Plan, **values: object) -> Event:
    stamps = dict.fromkeys(('created_at', 'armed_from', 'updated_at'), NOW)
    when = {'start': plan.start, 'timezone': plan.zone, 'rrule': plan.rule, 'exdates': tuple(sorted(plan.exdates))}
    return Event.model_validate({'id': 'own', 'title': 'Own', 'pipeline': 'Hello', **when, **stamps, **values})


def exported(*events: Event) -> bytes:
    return write_calendar(events, now=NOW, sign=sign)


def sign(data: bytes) -> str:
    return f'signed {len(data)}'


def read(text: bytes) -> Sequence[Draft]:
    contents = read_calendar(text, zone='Asia/Tokyo')
    assert contents.unread == ()
    return contents.drafts


@pytest.fixture(scope='module')
def seen() -> dict[str, dict[str, Found]]:
    """What the readers see of each plan."""
    need_readers()
    texts = [exported(event_of(plan)).decode() for plan in PLANS.values()]
    return dict(zip(PLANS, by_all(texts, *SPAN), strict=True))


@pytest.mark.parametrize('reader', READERS)
@pytest.mark.parametrize('name', PLANS)
def test_readers_see_the_instants_that_fire(seen: dict[str, dict[str, Found]], name: str, reader: str) -> None:
    found, fires = seen[name][reader], recurrence.occurrences(PLANS[name], *SPAN)

    assert fires
    assert found == fires


@pytest.mark.parametrize('reader', READERS)
def test_readers_see_where_an_occurrence_was_moved_to(reader: str) -> None:
    need_readers()
    series = [event_of(PLANS[name], id=f'id{number}') for number, name in enumerate(PLANS) if PLANS[name].rule]
    moves = []
    for event in series:
        due = recurrence.next_after(event.plan, datetime(2027, 9, 1, tzinfo=UTC))
        if due:
            at = recurrence.wall_of(due[0], event.timezone)
            values = {'override_of': event.id, 'override_at': at}
            moves.append((event, due[0], event_of(case('2027-09-15T23:59', 'UTC', None), id=f'{event.id}x', **values)))
    texts = []
    for event, _, override in moves:
        kept = event.changed(exdates=(*event.exdates, override.override_at))
        texts.append(exported(kept, override).decode())

    for (event, due, override), found in zip(moves, by_all(texts, *SPAN, readers=[reader]), strict=True):
        if reader == 'recurring-ical-events' and event.plan in SEVERAL_A_DAY:
            continue  # it also leaves out what occurs in UTC at the wall time of the replaced occurrence
        fires = {*recurrence.occurrences(event.plan, *SPAN)} - {due} | {override.start.replace(tzinfo=UTC)}
        assert found[reader] == sorted(fires), event.rrule


@pytest.mark.parametrize('name', PLANS)
def test_an_import_has_the_plan_again_and_its_signature_is_valid(name: str) -> None:
    plan = PLANS[name]

    (draft,) = read(exported(event_of(plan)))

    values = draft.values
    assert (values['start'], values['timezone']) == (plan.start, plan.zone)
    assert set(values['exdates']) == plan.exdates
    assert draft.is_signed(sign)


@pytest.mark.parametrize('name', ['every six hours', 'nth and plain weekdays', 'starts before its first day'])
def test_a_start_that_another_program_has_changed_counts(name: str) -> None:
    lines = exported(event_of(PLANS[name])).decode().split('\r\n')
    event = lines.index('BEGIN:VEVENT')
    number = next(number for number, line in enumerate(lines) if line.startswith('DTSTART') and number > event)
    text = '\r\n'.join([*lines[:number], 'DTSTART:20270601T120000Z', *lines[number + 1 :]])

    first, *_ = read(text.encode())

    assert (first.values['start'], first.values['timezone']) == (datetime(2027, 6, 1, 12), 'UTC')


def test_an_occurrence_that_another_program_has_excluded_is_excluded() -> None:
    text = exported(event_of(PLANS['nth and plain weekdays'])).replace(
        b'\r\nRDATE', b'\r\nEXDATE:20270113T080000Z\r\nRDATE', 1
    )

    (draft,) = read(text)

    assert draft.values['rrule'] == 'FREQ=MONTHLY;BYDAY=2MO,WE'
    assert set(draft.values['exdates']) == {datetime(2027, 1, 13, 9), datetime(2027, 2, 8, 9)}


@pytest.mark.parametrize('plan', ['{', '[]', '{"rrule": null}', '{"start": 3}', '"x"', 'null'])
def test_a_plan_that_makes_no_sense_is_ignored(plan: str) -> None:
    lines = f'BEGIN:VEVENT\nUID:a\nSUMMARY:A\nDTSTART:20310101T090000Z\nX-SYNAPSE-PLAN:{plan}\nEND:VEVENT'
    text = f'BEGIN:VCALENDAR\nVERSION:2.0\n{lines}\nEND:VCALENDAR\n'.replace('\n', '\r\n')

    (draft,) = read(text.encode())

    assert draft.values['start'] == datetime(2031, 1, 1, 9)


def test_the_file_depends_on_the_events_and_the_day_only() -> None:
    events = [event_of(plan, id=f'id{number}') for number, plan in enumerate(PLANS.values())]

    assert write_calendar(events, now=NOW) == write_calendar(events, now=NOW.replace(hour=23))
