"""What a real room remembers of earlier plans and of the time in which nothing could start, also after a restart."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from synapse.calendar.events import Event
from synapse.calendar.messages import OccurrencesChanged
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, NotFound
from tests.fault.calendar_lives import closed, opened
from tests.parts.api_room import api_room, run_in
from tests.parts.downtime import hourly, was_off
from tests.parts.movable_clock import MovableClock

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""A Monday."""
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOON)


@pytest.fixture
async def desk(tmp_path: Path, clock: MovableClock) -> AsyncIterator[ControlRoom]:
    with clock.rules_apscheduler():
        room = await opened(tmp_path / 'data', now=clock.now, clocks=clock.clocks)
        yield room
        await closed(room)


async def daily(room: ControlRoom, **values: Any) -> Event:
    """Every day at 09:00 UTC, from tomorrow on."""
    plain = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'start': '2026-03-03T09:00:00'}
    return await room.editor.create(plain | {'timezone': 'UTC', 'rrule': 'FREQ=DAILY'} | values)


async def reason(room: ControlRoom, event: Event, day: int, hour: float = 9) -> str:
    at = datetime(2026, 3, day) + timedelta(hours=hour)
    return (await room.answers.why(event.id, at)).reason


async def test_a_time_in_which_an_event_was_switched_off_is_remembered(desk: ControlRoom, clock: MovableClock) -> None:
    event = await daily(desk)
    await desk.editor.update(event.id, {'enabled': False})
    clock.pass_to(NOON + 24 * HOUR)
    await desk.editor.update(event.id, {'enabled': True})

    answer = await desk.answers.why(event.id, datetime(2026, 3, 3, 9))

    assert answer.reason == 'disabled'
    assert answer.sentence == (
        'It did not run Tue 3 March 09:00: the event was switched off from Mon 2 March 12:00 to Tue 3 March 12:00.'
    ) or answer.sentence.startswith('It did not run Tue 3 March 09:00: the event was switched off from ')
    assert await reason(desk, event, 4) == 'planned'


async def test_a_plan_that_was_changed_answers_for_its_own_time(desk: ControlRoom, clock: MovableClock) -> None:
    event = await daily(desk, rrule='FREQ=DAILY;BYHOUR=9')
    clock.set_to(NOON + 48 * HOUR)
    clock_change = {'start': '2026-03-04T17:00:00', 'rrule': 'FREQ=DAILY'}
    await desk.editor.update(event.id, clock_change)
    await desk.editor.update(event.id, {'title': 'Another name'})

    answer = await desk.answers.why(event.id, datetime(2026, 3, 3, 17))

    assert answer.reason == 'not_in_rule'
    assert [f'{moment:%d %H}' for moment in (answer.nearest.before, answer.nearest.after) if moment] == [
        '03 09',
        '04 09',
    ]


async def test_an_event_that_came_back_says_when_it_was_gone(desk: ControlRoom, clock: MovableClock) -> None:
    event = await daily(desk)
    change = await desk.editor.delete(event.id)
    clock.pass_to(NOON + 24 * HOUR)
    with pytest.raises(NotFound):
        await reason(desk, event, 3)
    await desk.editor.undo(change.id)

    assert await reason(desk, event, 3) == 'deleted'


async def test_an_occurrence_that_was_moved_says_where_it_is(desk: ControlRoom) -> None:
    event = await daily(desk)
    due = datetime(2026, 3, 5, 9, tzinfo=UTC)
    change = await desk.editor.move(event.id, due, datetime(2026, 3, 5, 14))
    assert change.event is not None

    moved = await desk.answers.why(event.id, due)
    there = await desk.answers.why(change.event.id, moved.moved_to or due)

    assert (moved.reason, moved.override, there.reason) == ('moved', change.event.id, 'planned')
    await desk.editor.delete(event.id, scope='one', due=due + 24 * HOUR)
    assert await reason(desk, event, 6) == 'excluded'


async def test_a_sleep_is_named_with_its_times(desk: ControlRoom, clock: MovableClock) -> None:
    event = await daily(desk, misfire={'policy': 'skip'})
    clock.pass_to(datetime(2026, 3, 2, 23, tzinfo=UTC))
    desk.calendar._firing._alarm.check_clocks()

    clock.sleep(12 * HOUR)
    desk.calendar._firing._alarm.check_clocks()
    await desk.bus.next(OccurrencesChanged, timeout=10)
    answer = await desk.answers.why(event.id, datetime(2026, 3, 3, 9))

    assert answer.reason == 'missed'
    assert answer.sentence.startswith('It was missed Tue 3 March 09:00: this machine was asleep from Mon 2 March 23:00')
    assert ' to Tue 3 March 11:00' in answer.sentence
    assert answer.policy.startswith('If nothing could fire: it is skipped.')
    assert answer.can_run


async def test_a_pause_of_the_queue_is_remembered_over_a_restart(tmp_path: Path) -> None:
    data = tmp_path / 'data'
    async with api_room(data) as room:
        await room.runs.pause_queue()
        start = (datetime.now(UTC) + timedelta(seconds=3)).replace(tzinfo=None, microsecond=0)
        event = await room.editor.create({'pipeline': 'Hello', 'start': start, 'timezone': 'UTC'})
        await room.bus.next(OccurrencesChanged, timeout=10)
        waiting = await room.answers.why(event.id, start)
    async with api_room(data, is_new=False) as room:
        still = await room.answers.why(event.id, start)
        await room.runs.resume_queue()
        await run_in(room, still.run or '')
        ran = await room.answers.why(event.id, start)

    assert [waiting.reason, still.reason, ran.reason] == ['paused', 'paused', 'paused']
    assert 'as the queue is paused since' in still.sentence
    assert 'the queue was paused from' in ran.sentence
    assert ran.started_at is not None


async def test_a_time_off_is_named_with_its_times(tmp_path: Path) -> None:
    was_off(tmp_path / 'data', timedelta(hours=4), [hourly('letters', 1)])
    async with api_room(tmp_path / 'data') as room:
        [missed] = await room.calendar.open_missed()
        answer = await room.answers.why('letters', missed.due)

    assert answer.reason == 'missed'
    assert ': Synapse was not running from ' in answer.sentence
    assert answer.sentence.endswith('Its event skips what was missed.')


async def test_what_an_event_needs_and_has_no_more_is_said_before_it_is_due(desk: ControlRoom) -> None:
    event = await daily(desk, parameters={'command': ['true']})
    gone = event.changed(pipeline='Gone')
    desk.calendar._event_store.events[event.id] = gone
    missing = await desk.answers.why(event.id, datetime(2026, 3, 5, 9))
    desk.calendar._event_store.events[event.id] = event.changed(profile='studio')
    unknown = await desk.answers.why(event.id, datetime(2026, 3, 5, 9))

    assert (missing.reason, unknown.reason) == ('pipeline_missing', 'profile_gone')
    assert missing.sentence.startswith('It is due Thu 5 March 09:00, but its pipeline Gone is missing.')


async def test_a_moment_out_of_range_is_refused(desk: ControlRoom) -> None:
    event = await daily(desk)

    with pytest.raises(Invalid) as caught:
        await desk.answers.why(event.id, datetime(9999, 12, 31))

    assert set(caught.value.fields) == {'at'}
