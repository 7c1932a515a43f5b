"""The calendar with a movable clock: nights with a clock change, suspends, and clocks that are set."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from synapse.calendar.events import Event, Occurrence, OccurrenceState
from synapse.control_room import ControlRoom
from tests.parts.api_room import api_room
from tests.parts.movable_clock import MovableClock

HOUR = timedelta(hours=1)


@asynccontextmanager
async def room_at(data: Path, moment: datetime, zone: str = 'UTC') -> AsyncIterator[tuple[ControlRoom, MovableClock]]:
    clock = MovableClock(moment)
    with clock.rules_apscheduler():
        async with api_room(data, now=clock.now, clocks=clock.clocks, zone=zone) as room:
            await room.runs.pause_queue()
            yield room, clock


async def planned(room: ControlRoom, start: str, zone: str, rrule: str | None, **values: object) -> Event:
    return await room.editor.create(
        {'pipeline': 'Hello', 'start': start, 'timezone': zone, 'rrule': rrule, 'overlap': 'allow', **values}
    )


async def beat(room: ControlRoom) -> None:
    """Do what the heartbeat does, and wait until everything due is accounted for."""
    alarm = room.calendar._firing._alarm
    alarm.check_clocks()
    alarm._scheduler.wakeup()
    for _ in range(5):
        await asyncio.sleep(0)
    while alarm._due_ids or alarm._calls or room.calendar._firing._tasks:  # noqa: ASYNC110 - all tasks of two parts
        await asyncio.sleep(0.005)


async def rows(room: ControlRoom, event: Event) -> list[Occurrence]:
    found = await asyncio.to_thread(room.calendar._ledger.between, datetime.min.replace(tzinfo=UTC, year=1990), far())
    return [Occurrence.model_validate(row) for row in found if row['event_id'] == event.id]


def far() -> datetime:
    return datetime(2100, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# (zone, what the clocks do, begin in UTC, daily at, its moments, hours of the hourly event)
NIGHTS = [
    (
        'Europe/Berlin',
        'skip 02:00 to 03:00',
        '2026-03-28T20:00',
        '2026-03-28T02:30',
        ['2026-03-29T01:30', '2026-03-30T00:30'],
    ),
    (
        'Europe/Berlin',
        'repeat 02:00 to 03:00',
        '2026-10-24T20:00',
        '2026-10-24T02:30',
        ['2026-10-25T00:30', '2026-10-26T01:30'],
    ),
    (
        'America/New_York',
        'skip 02:00 to 03:00',
        '2026-03-08T02:00',
        '2026-03-07T02:30',
        ['2026-03-08T07:30', '2026-03-09T06:30'],
    ),
    (
        'America/New_York',
        'repeat 01:00 to 02:00',
        '2026-11-01T02:00',
        '2026-10-31T01:30',
        ['2026-11-01T05:30', '2026-11-02T06:30'],
    ),
    (
        'Australia/Lord_Howe',
        'skip 02:00 to 02:30',
        '2026-10-03T12:00',
        '2026-10-03T02:15',
        ['2026-10-03T15:45', '2026-10-04T15:15'],
    ),
    (
        'Australia/Lord_Howe',
        'repeat 01:30 to 02:00',
        '2026-04-04T12:00',
        '2026-04-04T01:45',
        ['2026-04-04T14:45', '2026-04-05T15:15'],
    ),
]


@pytest.mark.parametrize(('zone', 'clocks', 'begin', 'start', 'daily'), NIGHTS, ids=lambda value: str(value)[:20])
async def test_every_rule_fires_through_a_night_with_a_clock_change(
    tmp_path: Path, zone: str, clocks: str, begin: str, start: str, daily: Sequence[str]
) -> None:
    first, second = utc(daily[0]), utc(daily[1])
    async with room_at(tmp_path / 'data', utc(begin), zone) as (room, clock):
        events = {
            'daily': await planned(room, start, zone, 'FREQ=DAILY'),
            'weekly': await planned(room, start, zone, 'FREQ=WEEKLY;BYDAY=SU'),
            'monthly': await planned(room, start, zone, f'FREQ=MONTHLY;BYMONTHDAY={_local(first, zone).day}'),
            'hourly': await planned(room, start, zone, 'FREQ=HOURLY'),
        }
        hours = [moment for moment in _hours(room, events['hourly'], utc(begin)) if moment <= second]
        for moment in sorted({first, second, *hours, *(hour + timedelta(minutes=7) for hour in hours)}):
            clock.pass_to(moment + timedelta(milliseconds=5))
            await beat(room)

        fired = {name: [row.due for row in await rows(room, event)] for name, event in events.items()}
        late = [row.late_seconds for event in events.values() for row in await rows(room, event)]

    assert fired['daily'] == [first, second]
    assert fired['weekly'] == [first]
    assert fired['monthly'] == [first]
    assert fired['hourly'] == hours
    assert len(hours) > 24, 'in real time, whatever the clocks on the wall do'
    assert all(after - before == HOUR for before, after in itertools.pairwise(hours))
    assert max(seconds or 0.0 for seconds in late) < 60


def _local(moment: datetime, zone: str) -> datetime:
    from zoneinfo import ZoneInfo

    return moment.astimezone(ZoneInfo(zone))


def _hours(room: ControlRoom, event: Event, begin: datetime) -> list[datetime]:
    return [*room.calendar.next_due(event.id, 60)]


async def test_rare_days_fire_when_they_exist(tmp_path: Path) -> None:
    async with room_at(tmp_path / 'data', utc('2027-12-30T00:00')) as (room, clock):
        leap = await planned(room, '2024-02-29T10:00', 'UTC', 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29')
        last = await planned(room, '2027-12-31T10:00', 'UTC', 'FREQ=MONTHLY;BYMONTHDAY=31')
        for moment in [utc('2027-12-31T10:00') + timedelta(days=day) for day in range(160)]:
            clock.pass_to(moment)
            await beat(room)

        assert [row.due.date().isoformat() for row in await rows(room, leap)] == ['2028-02-29']
        assert [row.due.date().isoformat() for row in await rows(room, last)] == [
            '2027-12-31',
            '2028-01-31',
            '2028-03-31',
            '2028-05-31',
        ]


async def test_each_policy_handles_eight_hours_of_sleep(tmp_path: Path) -> None:
    async with room_at(tmp_path / 'data', utc('2026-05-01T00:30')) as (room, clock):
        rule, start = 'FREQ=HOURLY', '2026-05-01T01:00'
        latest = await planned(room, start, 'UTC', rule)
        skip = await planned(room, start, 'UTC', rule, misfire={'policy': 'skip'})
        every = await planned(room, start, 'UTC', rule, misfire={'policy': 'all', 'limit': 3})

        clock.sleep(timedelta(hours=8))
        await beat(room)

        assert [row.state.value for row in await rows(room, latest)] == ['missed'] * 7 + ['fired']
        assert [row.state.value for row in await rows(room, skip)] == ['missed'] * 8
        assert [row.state.value for row in await rows(room, every)] == ['missed'] * 5 + ['fired'] * 3
        assert (await rows(room, skip))[0].reason == 'This machine was asleep. Its event skips what was missed.'
        absence = room.calendar.last_absence
        assert absence is not None
        assert absence.why == 'asleep'
        assert len(await room.calendar.open_missed()) == 24
        assert room.calendar.next_due(latest.id, 1) == [utc('2026-05-01T09:00')]


async def test_a_clock_set_forward_misses_occurrences_and_says_why(tmp_path: Path) -> None:
    async with room_at(tmp_path / 'data', utc('2026-05-01T00:30')) as (room, clock):
        event = await planned(room, '2026-05-01T01:00', 'UTC', 'FREQ=HOURLY', misfire={'within_seconds': 60})

        clock.advance(timedelta(hours=3, minutes=5))
        await beat(room)

        found = await rows(room, event)
        assert [row.state for row in found] == [OccurrenceState.MISSED] * 3
        assert found[0].reason.startswith('The clock of this machine was set forward.')


async def test_a_clock_set_back_fires_nothing_twice(tmp_path: Path) -> None:
    async with room_at(tmp_path / 'data', utc('2026-05-01T11:59')) as (room, clock):
        event = await planned(room, '2026-05-01T12:00', 'UTC', 'FREQ=HOURLY')
        for moment in ('12:00', '13:00'):
            clock.pass_to(utc(f'2026-05-01T{moment}'))
            await beat(room)

        clock.set_to(utc('2026-05-01T10:30'))
        for moment in ('11:00', '12:00', '13:00', '14:00'):
            clock.pass_to(utc(f'2026-05-01T{moment}'))
            await beat(room)

        assert [row.due.hour for row in await rows(room, event)] == [12, 13, 14]
        assert {row.state for row in await rows(room, event)} == {OccurrenceState.FIRED}


async def test_a_change_of_the_machines_zone_changes_no_occurrence(tmp_path: Path) -> None:
    async with room_at(tmp_path / 'data', utc('2026-05-01T00:30'), 'Europe/Berlin') as (room, _):
        event = await planned(room, '2026-05-01T16:00', 'Europe/Berlin', 'FREQ=DAILY')
        before = room.calendar.next_due(event.id)

    clock = MovableClock(utc('2026-05-01T00:40'))
    with clock.rules_apscheduler():
        async with api_room(
            tmp_path / 'data', is_new=False, now=clock.now, clocks=clock.clocks, zone='America/New_York'
        ) as room:
            assert room.calendar.zone == 'America/New_York'
            assert room.calendar.next_due(event.id) == before
            assert room.calendar.get(event.id) == event
