"""Claims prepared before their moment: the same as those made at it, and dropped if anything changes in between."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from synapse.calendar import claims
from synapse.calendar.events import Event, Occurrence
from synapse.control_room import ControlRoom
from synapse.recurrence import instant_of
from synapse.runs.records import RunRecord, RunRequest
from tests.fault.calendar_lives import closed, opened

DUE = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    room = await opened(tmp_path / 'data')
    yield room
    await closed(room)


async def planned(room: ControlRoom, **values: Any) -> Event:
    plain = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'timezone': 'UTC'}
    start = DUE.replace(tzinfo=None).isoformat()
    return await room.editor.create(plain | {'start': start} | values)


async def prepare(room: ControlRoom) -> None:
    """Prepare as if all events were due soon."""
    firing = room.calendar._firing
    await firing._claims.prepare(firing._alarm.soon(DUE + timedelta(days=2)))


async def fire(room: ControlRoom, *events: Event, now: datetime = DUE) -> None:
    firing = room.calendar._firing
    async with firing.changing:
        await firing._account([event.id for event in events], now=now)


async def outcome(room: ControlRoom, event: Event) -> tuple[list[Occurrence], list[RunRecord]]:
    """The accounted rows of an event, and its waiting runs."""
    _, rows = await room.calendar.between(DUE, DUE + timedelta(minutes=5))
    mine = [row for row in rows if row.event_id == event.id and row.state != 'pending']
    return mine, [run for run in room.runs.waiting() if run.event_id == event.id]


@pytest.fixture
def made(room: ControlRoom, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pipelines of the runs whose records were made from their events from now on."""
    made: list[str] = []
    scheduled = room.runs.new.scheduled

    def counted(wanted: RunRequest) -> RunRecord:
        made.append(wanted.pipeline)
        return scheduled(wanted)

    monkeypatch.setattr(room.runs.new, 'scheduled', counted)
    return made


async def test_nothing_is_made_at_the_moment_itself(room: ControlRoom, made: list[str]) -> None:
    events = [await planned(room, title=f'event {number}') for number in range(50)]
    await prepare(room)
    assert len(made) == 50

    await prepare(room)
    await fire(room, *events)

    assert len(made) == 50
    assert len(room.runs.waiting()) == 50
    assert room.calendar._firing._claims._prepared == {}


async def test_a_prepared_run_is_saved_and_queued_as_any_other(room: ControlRoom) -> None:
    [ahead, later] = [await planned(room, title='same', timeout_seconds=60) for _ in range(2)]
    firing = room.calendar._firing
    await firing._claims.prepare([(DUE, ahead.id)])
    since = datetime.now(UTC)

    await fire(room, ahead, later)

    ([row], [run]), ([other_row], [other_run]) = [await outcome(room, event) for event in (ahead, later)]
    own = {'event_id': ahead.id, 'run': run.id}
    assert row == other_row.changed(**own)
    assert run == other_run.changed(id=run.id, number=run.number, event_id=ahead.id, created_at=run.created_at)
    assert since <= run.created_at <= datetime.now(UTC)
    assert room.history.get(run.id) == run.as_json()


async def test_the_clock_prepares_what_is_due_soon_and_nothing_else(room: ControlRoom) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    firing = room.calendar._firing
    for number, due in enumerate([soon, soon + timedelta(hours=1), soon - timedelta(seconds=1)] * 20):
        firing._alarm.arm(f'e{number}', due)
    firing._alarm.disarm('e0')
    firing._alarm.arm('e3', soon + timedelta(hours=2))

    found = firing._alarm.soon(soon)

    expected = [f'e{number}' for number in range(60) if number % 3 != 1 and number not in (0, 3)]
    assert sorted(id for _, id in found) == sorted(expected)
    for number in range(60):
        firing._alarm.disarm(f'e{number}')


async def test_an_event_that_was_changed_fires_as_it_is_now(room: ControlRoom) -> None:
    event = await planned(room)
    await prepare(room)
    await room.editor.update(event.id, {'parameters': {'command': ['false']}, 'title': 'changed'})

    await fire(room, event)

    [row], [run] = await outcome(room, event)
    assert (row.title, run.because, run.parameters['command']) == ('changed', 'changed', ['false'])


async def test_an_event_that_was_moved_fires_at_its_new_time(room: ControlRoom) -> None:
    event = await planned(room)
    await prepare(room)
    later = DUE + timedelta(minutes=1)
    await room.editor.update(event.id, {'start': later.replace(tzinfo=None).isoformat()})

    await fire(room, event)
    assert room.runs.waiting() == []

    await fire(room, event, now=later)
    [row], [run] = await outcome(room, event)
    assert (row.due, run.due) == (later, later)


async def test_an_event_that_was_deleted_or_switched_off_does_not_fire(room: ControlRoom) -> None:
    deleted, off = [await planned(room) for _ in range(2)]
    await prepare(room)
    await room.editor.delete(deleted.id)
    await room.editor.update(off.id, {'enabled': False})

    await fire(room, deleted, off)

    assert room.runs.waiting() == []
    await prepare(room)
    assert room.calendar._firing._claims._prepared == {}


async def test_the_defaults_of_a_profile_are_those_at_the_moment(room: ControlRoom) -> None:
    await room.profiles.create({'id': 'p', 'label': 'P', 'defaults': {'command': ['before']}})
    event = await planned(room, profile='p', parameters={})
    await prepare(room)
    await room.profiles.update('p', {'defaults': {'command': ['after']}})

    await fire(room, event)

    _, [run] = await outcome(room, event)
    assert run.parameters['command'] == ['after']


async def test_a_pipeline_that_broke_meanwhile_is_missed(room: ControlRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    event = await planned(room)
    await prepare(room)
    monkeypatch.delitem(room.catalog._infos, 'RunCommand')

    await fire(room, event)

    [row], runs = await outcome(room, event)
    assert (row.state, runs) == ('missed', [])
    assert 'RunCommand' in row.reason


async def test_a_full_queue_takes_no_prepared_run(room: ControlRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    event = await planned(room)
    await prepare(room)
    monkeypatch.setattr('synapse.runs.runs.MAX_WAITING', 0)

    await fire(room, event)

    [row], runs = await outcome(room, event)
    assert (row.state, runs) == ('missed', [])


async def test_an_event_whose_run_still_waits_skips_what_was_prepared(room: ControlRoom) -> None:
    event = await planned(room)
    await room.calendar.run_now(event.id)
    await prepare(room)

    await fire(room, event)

    [row], runs = await outcome(room, event)
    assert (row.state, row.run) == ('skipped', None)
    assert len(runs) == 1


LATE: Sequence[Mapping[str, Any]] = (
    {'minutes': 2, 'states': ['missed', 'missed', 'fired']},
    {'minutes': 1, 'states': ['missed', 'fired']},
    {'minutes': 0, 'states': ['fired']},
)


@pytest.mark.parametrize('late', LATE, ids=lambda late: f'{late["minutes"]} minutes')
async def test_what_is_late_is_decided_by_policy_though_it_was_prepared(
    room: ControlRoom, late: Mapping[str, Any]
) -> None:
    event = await planned(room, rrule='FREQ=MINUTELY', overlap='allow', misfire={'policy': 'skip'})
    await prepare(room)

    await fire(room, event, now=DUE + timedelta(minutes=late['minutes'], seconds=1))

    rows, _ = await outcome(room, event)
    assert [row.state for row in sorted(rows, key=lambda row: row.due)] == late['states']


async def test_an_occurrence_fires_once_though_it_was_prepared_twice(room: ControlRoom) -> None:
    event = await planned(room, rrule='FREQ=MINUTELY')
    await prepare(room)
    await fire(room, event)
    assert instant_of(event.start, 'UTC') == DUE

    await room.calendar._firing._claims.prepare([(DUE, event.id)])
    await fire(room, event)

    rows, runs = await outcome(room, event)
    assert len(rows) == len(runs) == 1


async def test_no_more_are_prepared_than_fit_in_memory(room: ControlRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, 'MOST_PREPARED', 3)
    events = [await planned(room) for _ in range(5)]

    await prepare(room)

    assert len(room.calendar._firing._claims._prepared) == 3
    await fire(room, *events)
    assert len(room.runs.waiting()) == 5
