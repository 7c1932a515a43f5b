"""The calendar of a real control room: events fire once, and changes are made as a whole."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import get_ident
from time import process_time
from typing import Any

import pytest

from storage.documents import Documents
from synapse.api.events import event_json
from synapse.calendar.alarm_clock import AlarmClock
from synapse.calendar.entries import MAX_WORK_LENGTH
from synapse.calendar.events import Event, Occurrence, OccurrenceState
from synapse.calendar.firing import cursor_of
from synapse.calendar.messages import OccurrencesChanged, ScheduleChanged
from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.errors import Conflict, Invalid, NotFound
from synapse.inbox.inputs import InputGone
from synapse.inbox.newest import AlreadyTaken
from synapse.language import PSEUDO, answering_in
from synapse.log.log import Level
from synapse.recurrence import instant_of
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunState
from tests.fault.calendar_lives import closed, opened
from tests.parts.api_room import PIPELINES, api_room, run_in
from tests.parts.movable_clock import MovableClock


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    async with api_room(tmp_path / 'data') as room:
        yield room


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    """A room with everything that planning needs, but without workers, so that it starts fast."""
    room = await opened(tmp_path / 'data')
    yield room
    await closed(room)


def ahead(seconds: float = 3600) -> str:
    """Return a naive moment in UTC on a full second, at least this far ahead and at most one second more."""
    return (datetime.now(UTC) + timedelta(seconds=seconds + 1)).replace(tzinfo=None, microsecond=0).isoformat()


async def planned(room: ControlRoom, **values: Any) -> Event:
    plain = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'start': ahead(), 'timezone': 'UTC'}
    wanted = plain | ({'parameters': {}} if 'pipeline' in values else {}) | values
    return await room.editor.create(wanted)


async def rows_of(room: ControlRoom, event: Event, *, timeout: float = 10) -> list[Occurrence]:
    """Return the accounted occurrences of an event, as soon as there are any."""

    def is_of_it(news: OccurrencesChanged) -> bool:
        return any(occurrence.event_id == event.id for occurrence in news.occurrences)

    news = asyncio.ensure_future(room.bus.next(OccurrencesChanged, timeout=timeout, where=is_of_it))
    await asyncio.sleep(0)  # so that it is subscribed before we look
    rows = await accounted(room, event)
    if not rows:
        await news
        rows = await accounted(room, event)
    news.cancel()
    return rows


async def accounted(room: ControlRoom, event: Event) -> list[Occurrence]:
    _, occurrences = await room.calendar.between(*around(event))
    mine = [item for item in occurrences if item.event_id == event.id]
    return [item for item in mine if item.state not in (OccurrenceState.PENDING, OccurrenceState.CLAIMED)]


# Broken


async def test_an_event_whose_pipeline_is_gone_says_so_until_it_is_back(room: ControlRoom) -> None:
    event = await planned(room, pipeline='Hello', title='Greeting')
    [file] = [path for path in (room.settings.data / 'pipelines').glob('*.py') if 'class Hello' in path.read_text()]
    source = file.read_text()

    file.unlink()
    await room.bus.next(PipelinesChanged, timeout=10)

    assert room.calendar.problem_of(event).startswith('Its pipeline Hello is gone. Put the file of the pipeline back')
    [entry] = [item for item in await room.calendar.entries(*around(event)) if item.event_id == event.id]
    assert (entry.state, entry.reason) == ('broken', room.calendar.problem_of(event))
    assert event_json(room.calendar, event)['problem'] == room.calendar.problem_of(event)

    file.write_text(source)
    await room.bus.next(PipelinesChanged, timeout=10)

    assert event_json(room.calendar, event)['problem'] is None
    [entry] = [item for item in await room.calendar.entries(*around(event)) if item.event_id == event.id]
    assert (entry.state, entry.reason) == ('planned', '')


async def test_an_event_whose_pipeline_has_a_good_version_has_no_problem(room: ControlRoom) -> None:
    file = room.settings.data / 'pipelines' / 'unfinished.py'
    file.write_text(
        'from synapse import Pipeline, step\nclass Unfinished(Pipeline):\n    @step\n    def work(self): pass\n'
    )
    await room.bus.next(PipelinesChanged, timeout=10, where=lambda news: 'Unfinished' in news.names)
    event = await planned(room, pipeline='Unfinished')

    file.write_text('class Unfinished(Pipeline: pass')
    await room.bus.next(PipelinesChanged, timeout=10)

    # Its last good version is used as long as the file is broken.
    assert room.calendar.problem_of(event) == ''


# Fired


async def test_an_event_fires_in_time_and_its_run_succeeds(room: ControlRoom) -> None:
    event = await planned(room, start=ahead(2), title='Greeting', pipeline='Hello', parameters={'name': 'calendar'})

    [occurrence] = await rows_of(room, event)
    run = await run_in(room, occurrence.run or '')

    assert occurrence.state is OccurrenceState.FIRED
    assert occurrence.due == event.start.replace(tzinfo=UTC)
    assert occurrence.late_seconds is not None
    assert 0 <= occurrence.late_seconds < 5
    assert (run.state, run.event_id, run.due, run.because) == (
        RunState.SUCCEEDED,
        event.id,
        occurrence.due,
        'Greeting',
    )
    assert run.parameters['name'] == 'calendar'
    [entry] = [item for item in await room.calendar.entries(*around(event)) if item.event_id == event.id]
    assert (entry.state, entry.run, entry.title) == ('succeeded', run.id, 'Greeting')


async def test_a_series_continues_after_each_occurrence(room: ControlRoom) -> None:
    event = await planned(room, start=ahead(1), rrule='FREQ=HOURLY')
    before = room.calendar.next_due(event.id, 2)

    await rows_of(room, event)

    assert room.calendar.next_due(event.id, 1) == before[1:]
    assert room.calendar.upcoming(1) == [(before[1], event)]


async def test_a_disabled_event_does_not_fire_and_does_not_catch_up_when_it_is_enabled(room: ControlRoom) -> None:
    event = await planned(room, start=ahead(1), rrule='FREQ=HOURLY', enabled=False)
    other = await planned(room, start=ahead(2))

    await rows_of(room, other)
    change = await room.editor.update(event.id, {'enabled': True})

    assert change.event is not None
    assert room.calendar.next_due(event.id, 1) == [instant_of(event.start, 'UTC') + timedelta(hours=1)]
    assert await accounted(room, event) == []


async def test_a_disabled_event_shows_when_it_would_be_due_and_what_it_would_run(
    desk: ControlRoom,
) -> None:
    event = await planned(desk, rrule='FREQ=DAILY', enabled=False, parameters={'command': ['echo', 'x' * 500]})
    now = datetime.now(UTC)

    entries = await desk.calendar.entries(now - timedelta(days=2), now + timedelta(days=3))

    assert {(entry.state, entry.event_id) for entry in entries} == {('off', event.id)}
    assert [entry.at > now for entry in entries] == [True, True, True]
    assert all(entry.reason.startswith('RunCommand, command: ["echo", "xxx') for entry in entries)
    assert all(len(entry.reason) == MAX_WORK_LENGTH for entry in entries)
    await desk.editor.update(event.id, {'enabled': True})
    assert {entry.state for entry in await desk.calendar.entries(now, now + timedelta(days=3))} == {'planned'}


async def test_a_busy_stretch_comes_in_parts_that_add_up_to_the_whole(
    desk: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    for title in ('One', 'Two'):
        await planned(desk, title=title, rrule='FREQ=HOURLY;INTERVAL=5')
    start = datetime.now(UTC)
    edges = [start + timedelta(days=number) for number in range(8)]
    [(begin, end, whole)] = [part async for part in desk.calendar.parts(edges)]

    monkeypatch.setattr('synapse.calendar.calendar.AT_ONCE', 10)
    parts = [part async for part in desk.calendar.parts(edges)]

    assert (begin, end) == (edges[0], edges[-1])
    assert [part[:2] for part in parts] == [*pairwise(edges)]
    assert [entry for *_, entries in parts for entry in entries] == whole
    assert await desk.calendar.entries(edges[0], edges[-1]) == whole
    assert len(whole) > 60


async def test_what_is_planned_is_found_without_holding_up_the_event_loop(
    desk: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [await planned(desk), await planned(desk, enabled=False)]
    threads: set[int] = set()

    def noted(event: Event, cursors: Mapping[str, datetime]) -> datetime:
        threads.add(get_ident())
        return cursor_of(event, cursors)

    monkeypatch.setattr('synapse.calendar.calendar.cursor_of', noted)
    entries = await desk.calendar.entries(*around(events[0]))

    assert {entry.event_id for entry in entries} == {event.id for event in events}
    assert threads
    assert get_ident() not in threads


async def test_an_unfinished_run_makes_the_next_one_skip_queue_or_run(room: ControlRoom) -> None:
    await room.runs.pause_queue()
    rule = 'FREQ=MINUTELY'
    start = ahead(1)
    events = [
        await planned(room, start=start, rrule=rule, overlap=overlap, title=overlap)
        for overlap in ('skip', 'queue', 'allow')
    ]
    await rows_of(room, events[0])

    due = instant_of(events[0].start, 'UTC')
    firing = room.calendar._firing
    for minute in (1, 2):
        later = due + timedelta(minutes=minute)
        async with firing.changing:
            await firing._account([event.id for event in events], now=later)

    states: Mapping[str, list[str]] = {event.title: [] for event in events}
    _, occurrences = await room.calendar.between(due, later + timedelta(seconds=1))
    for occurrence in occurrences:
        states[occurrence.title].append(occurrence.state.value)
    assert states['skip'][:3] == ['fired', 'skipped', 'skipped']
    assert states['queue'][:3] == ['fired', 'fired', 'skipped']
    assert states['allow'][:3] == ['fired', 'fired', 'fired']
    skipped = next(item for item in occurrences if item.title == 'skip' and item.state == 'skipped')
    assert skipped.reason == 'Its last run was still waiting.'  # as the queue is paused
    with answering_in(PSEUDO):
        assert skipped.as_json()['reason'] == '⟦Its last run was still waiting.⟧'


NEEDS_MORE = """
from synapse import Pipeline, step


class NeedsMore(Pipeline):
    needs = {'gpu': 1}

    @step
    def work(self, run): ...
"""


@pytest.mark.parametrize(
    ('pipeline', 'state', 'reason'),
    [
        ('Endless', RunState.RUNNING, 'Its last run was still running.'),
        ('NeedsMore', RunState.QUEUED, 'Its last run was still waiting for a machine.'),
    ],
)
async def test_it_is_told_whether_the_last_run_worked_or_had_no_machine(
    tmp_path: Path, pipeline: str, state: RunState, reason: str
) -> None:
    (tmp_path / 'pipelines').mkdir()
    (tmp_path / 'pipelines' / 'needs_more.py').write_text(NEEDS_MORE)
    (tmp_path / 'pipelines' / 'samples.py').write_text(PIPELINES)
    async with api_room(tmp_path, is_new=False) as room:
        event = await planned(room, pipeline=pipeline, start=ahead(1), rrule='FREQ=MINUTELY')
        due = instant_of(event.start, 'UTC')

        def is_there(news: RunChanged) -> bool:
            return news.run.state is state and bool(news.run.waits_for) is (state is RunState.QUEUED)

        await room.bus.next(RunChanged, timeout=20, where=is_there)

        firing = room.calendar._firing
        async with firing.changing:
            await firing._account([event.id], now=due + timedelta(minutes=1))

        _, rows = await room.calendar.between(due, due + timedelta(seconds=61))
        assert [row.reason for row in rows if row.state == 'skipped'] == [reason]


async def test_a_failed_run_is_retried_as_often_as_its_event_says(room: ControlRoom) -> None:
    retry = {'attempts': 1, 'delay_seconds': 0}
    event = await planned(room, pipeline='Breaks', start=ahead(1), retry=retry)
    [first] = await rows_of(room, event)

    await run_in(room, first.run or '')
    message = await room.bus.next(
        OccurrencesChanged, timeout=10, where=lambda news: news.occurrences[0].run != first.run
    )
    [second] = message.occurrences
    again = await run_in(room, second.run or '')

    assert (again.retry_of, again.because) == (first.run, 'Hello, try 2 of 2'.replace('Hello', event.title))
    assert second.retries == 1
    _, occurrences = await room.calendar.between(*around(event))
    assert [(item.run, item.retry_at) for item in occurrences] == [(again.id, None)]


async def test_a_run_that_takes_longer_than_its_event_allows_is_stopped_and_fails(room: ControlRoom) -> None:
    event = await planned(room, pipeline='Endless', start=ahead(1), timeout_seconds=1)

    [occurrence] = await rows_of(room, event)
    run = await run_in(room, occurrence.run or '')

    assert run.state is RunState.FAILED
    assert run.error is not None
    assert run.error.message == 'It took longer than the 1 s that its event allows.'


async def test_a_run_by_hand_has_the_limits_of_its_event_but_waits_for_no_other(room: ControlRoom) -> None:
    limits = {'timeout_seconds': 1, 'stop_signal': 'SIGINT', 'grace_seconds': 3, 'overlap': 'skip'}
    event = await planned(room, pipeline='Endless', start=ahead(3600), **limits)

    created = await room.calendar.run_now(event.id)
    run = await run_in(room, created.id)

    assert run.error is not None
    assert run.error.message == 'It took longer than the 1 s that its event allows.'
    assert (run.stop_signal, run.grace_seconds, run.is_alone) == ('SIGINT', 3, False)
    assert (run.event_id, run.due, run.because) == (event.id, None, f'{event.title}, run by hand')


async def test_the_newest_file_is_chosen_when_the_event_is_due(room: ControlRoom, tmp_path: Path) -> None:
    (tmp_path / 'old.txt').write_text('old')
    event = await planned(room, pipeline='Reads', start=ahead(2), parameters={'file': f'newest:{tmp_path}/*.txt'})
    (tmp_path / 'new.txt').write_text('new')
    (tmp_path / 'newer.txt.part').write_text('not yet')

    [occurrence] = await rows_of(room, event)
    run = await run_in(room, occurrence.run or '')

    assert (run.state, run.parameters['file']) == (RunState.SUCCEEDED, f'{tmp_path}/new.txt')


@contextlib.asynccontextmanager
async def minutes_of_the_newest(
    data: Path, folder: Path
) -> AsyncIterator[tuple[ControlRoom, Callable[[], Awaitable[Occurrence]]]]:
    """An event that takes the newest file of a folder each minute, and what lets a minute pass, with its occurrence."""
    clock = MovableClock(datetime.now(UTC))
    due = clock.now().replace(second=0, microsecond=0) + timedelta(hours=1)
    with clock.rules_apscheduler():
        async with api_room(data, now=clock.now, clocks=clock.clocks) as room:
            event = await planned(
                room,
                pipeline='Reads',
                parameters={'file': f'newest:{folder}/*.txt'},
                start=due.replace(tzinfo=None).isoformat(),
                rrule='FREQ=MINUTELY',
                overlap='allow',
            )

            async def minute() -> Occurrence:
                nonlocal due
                clock.pass_to(due - timedelta(seconds=1))
                wanted = due
                news = await room.bus.next(
                    OccurrencesChanged,
                    timeout=20,
                    where=lambda news: any(row.due == wanted for row in news.occurrences),
                )
                due += timedelta(minutes=1)
                return next(row for row in news.occurrences if (row.event_id, row.due) == (event.id, wanted))

            yield room, minute


async def test_an_event_takes_each_version_of_the_newest_file_once(tmp_path: Path) -> None:
    file = tmp_path / 'A.TXT'
    file.write_text('one')
    async with minutes_of_the_newest(tmp_path / 'data', tmp_path) as (room, minute):
        first = await minute()
        again = await minute()
        file.write_text('two')
        second = await minute()

        assert (first.state, second.state) == (OccurrenceState.FIRED, OccurrenceState.FIRED)
        assert (again.state, again.run) == (OccurrenceState.SKIPPED, None)
        assert again.reason == 'It has taken the newest file, A.TXT, before.'
        run = await run_in(room, second.run or '')
        assert (run.state, run.parameters['file']) == (RunState.SUCCEEDED, str(file))
        by_hand = await room.calendar.run_now(first.event_id)  # a person may have it once more
        assert (await run_in(room, by_hand.id)).state is RunState.SUCCEEDED


async def test_several_missed_runs_do_not_take_the_same_newest_file(tmp_path: Path) -> None:
    async with minutes_of_the_newest(tmp_path / 'data', tmp_path) as (room, minute):
        rows = [await minute(), await minute()]
        assert [row.state for row in rows] == [OccurrenceState.MISSED] * 2
        with pytest.raises(Conflict) as caught:
            await room.calendar.run_now(rows[0].event_id)
        assert caught.value.message == f'No file matches {tmp_path}/*.txt.'
        (tmp_path / 'a.txt').write_text('here at last')

        with pytest.raises(AlreadyTaken):
            await room.calendar.answer_missed(rows, 'run')
        [run] = await room.calendar.answer_missed(rows[:1], 'run')
        assert (await run_in(room, run.id)).state is RunState.SUCCEEDED
        with pytest.raises(AlreadyTaken):
            await room.calendar.answer_missed(rows[1:], 'run')


async def test_an_occurrence_waits_for_a_file_that_a_person_has_to_choose(room: ControlRoom, tmp_path: Path) -> None:
    event = await planned(room, pipeline='Reads', start=ahead(1), parameters={'file': 'ask:'})
    [occurrence] = await rows_of(room, event)
    file = tmp_path / 'chosen.txt'
    file.write_text('chosen')

    assert (occurrence.state, occurrence.reason) == (
        OccurrenceState.MISSED,
        'It needs a file that you choose. Choose one and run it.',
    )
    with pytest.raises(InputGone):
        await room.calendar.answer_missed([occurrence], 'run')
    [run] = await room.calendar.answer_missed([occurrence], 'run', parameters={'file': str(file)})
    assert (await run_in(room, run.id)).state is RunState.SUCCEEDED
    assert await room.calendar.open_missed() == []
    with pytest.raises(Conflict):
        await room.calendar.answer_missed([occurrence], 'run', parameters={'file': str(file)})


async def test_a_thousand_events_of_one_second_all_fire_once(tmp_path: Path) -> None:
    data, clock = tmp_path / 'data', MovableClock(datetime.now(UTC))
    now = clock.now()
    due = now.replace(microsecond=0) + timedelta(hours=1)
    documents = Documents(data_folder(data) / 'events.json')
    events = [_kept(f'e{number}', due, now) for number in range(1000)]
    documents.change({event.id: event.as_json() for event in events})
    documents.close()

    with clock.rules_apscheduler():
        async with api_room(data, is_new=False, now=clock.now, clocks=clock.clocks) as room:
            await room.runs.pause_queue()
            fired: list[Occurrence] = []
            room.bus.subscribe(OccurrencesChanged, lambda news: fired.extend(news.occurrences))
            spent = process_time()
            clock.pass_to(due - timedelta(seconds=1.5))  # the next heartbeat sees it, and the second comes by itself
            await room.bus.next(OccurrencesChanged, timeout=90, where=lambda _: len(fired) >= 1000)
            spent = process_time() - spent
            _, occurrences = await room.calendar.between(due, due + timedelta(seconds=1))

            assert sorted(item.event_id for item in fired) == sorted(event.id for event in events)
            assert {(item.state, item.due) for item in fired} == {(OccurrenceState.FIRED, due)}
            assert len({item.run for item in occurrences}) == 1000
            assert room.status.waiting == 1000
            assert spent < 10, 'seconds of a processor, so that a busy machine is no excuse'


def data_folder(data: Path) -> Path:
    data.mkdir(parents=True, exist_ok=True)
    return data


def _kept(id: str, due: datetime, now: datetime) -> Event:
    return Event(
        id=id,
        title=id,
        pipeline='RunCommand',
        parameters={'command': ['true']},
        start=due.replace(tzinfo=None),
        timezone='UTC',
        created_at=now,
        armed_from=now,
        updated_at=now,
    )


# Changed


async def test_a_start_in_the_past_is_refused_with_the_time_there_written_as_everywhere_else(desk: ControlRoom) -> None:
    with pytest.raises(Invalid) as refused:
        await planned(desk, start='2020-01-01T09:00')

    now = datetime.now(UTC)
    assert f'it is {now:%a} {now.day} {now:%b} {now.year}, ' in refused.value.fields['start']


async def test_one_occurrence_is_moved_and_the_others_are_unchanged(desk: ControlRoom) -> None:
    event = await planned(desk, rrule='FREQ=DAILY')
    dues = desk.calendar.next_due(event.id, 3)
    to = dues[1].astimezone(room_zone(desk)).replace(tzinfo=None, hour=5, minute=0, second=0)

    change = await desk.editor.move(event.id, dues[1], to, scope='one')

    assert change.event is not None
    assert (change.event.override_of, change.event.rrule) == (event.id, None)
    assert desk.calendar.next_due(event.id, 2) == [dues[0], dues[2]]
    assert desk.calendar.next_due(change.event.id) == [instant_of(to, desk.calendar.zone)]


async def test_editing_this_and_later_splits_the_series_without_a_gap(desk: ControlRoom) -> None:
    event = await planned(desk, rrule='FREQ=DAILY;COUNT=6')
    dues = desk.calendar.next_due(event.id, 10)

    change = await desk.editor.update(event.id, {'title': 'Later'}, scope='following', due=dues[2])

    assert change.event is not None
    assert change.event.title == 'Later'
    assert desk.calendar.next_due(event.id, 10) == dues[:2]
    assert desk.calendar.next_due(change.event.id, 10) == dues[2:]


async def test_all_of_a_series_moves_with_one_of_its_occurrences(desk: ControlRoom) -> None:
    event = await planned(desk, rrule='FREQ=WEEKLY')
    due = desk.calendar.next_due(event.id, 2)[1]
    to = due.astimezone(room_zone(desk)).replace(tzinfo=None) + timedelta(days=1, hours=1)

    await desk.editor.move(event.id, due, to, scope='all')

    assert instant_of(to, desk.calendar.zone) in desk.calendar.next_due(event.id, 3)


async def test_excluded_days_are_still_excluded_at_another_time(desk: ControlRoom) -> None:
    event = await planned(desk, start='2030-05-01T16:00', rrule='FREQ=DAILY', exdates=['2030-05-02T16:00'])

    change = await desk.editor.update(event.id, {'start': '2030-05-01T17:30'})

    assert change.event is not None
    assert change.event.exdates == (datetime(2030, 5, 2, 17, 30),)
    dues = desk.calendar.next_due(event.id, 2)
    assert [due.day for due in dues] == [1, 3]


async def test_excluded_days_are_still_excluded_where_a_series_continues_at_another_time(desk: ControlRoom) -> None:
    event = await planned(desk, start='2030-05-01T16:00', rrule='FREQ=DAILY', exdates=['2030-05-04T16:00'])
    due = desk.calendar.next_due(event.id, 2)[1]

    change = await desk.editor.update(event.id, {'start': '2030-05-02T17:30'}, scope='following', due=due)

    assert change.event is not None
    assert [due.day for due in desk.calendar.next_due(event.id)] == [1]
    assert [due.day for due in desk.calendar.next_due(change.event.id, 3)] == [2, 3, 5]


@pytest.mark.parametrize(('scope', 'left'), [('one', [0, 2, 3]), ('following', [0]), ('all', None)])
async def test_delete_removes_the_given_scope_and_undo_restores_it(
    desk: ControlRoom, scope: str, left: list[int] | None
) -> None:
    event = await planned(desk, rrule='FREQ=DAILY;COUNT=4')
    dues = desk.calendar.next_due(event.id)

    change = await desk.editor.delete(event.id, scope=scope, due=dues[1])  # type: ignore[arg-type]

    if left is None:
        with pytest.raises(NotFound):
            desk.calendar.get(event.id)
    else:
        assert desk.calendar.next_due(event.id) == [dues[index] for index in left]
    await desk.editor.undo(change.id)
    assert desk.calendar.next_due(event.id) == dues
    with pytest.raises(Conflict):
        await desk.editor.undo(change.id)


async def test_a_change_and_those_after_it_are_undone_together(desk: ControlRoom) -> None:
    event = await planned(desk, rrule='FREQ=DAILY', title='None')
    first = await desk.editor.update(event.id, {'title': 'One'})
    second = await desk.editor.update(event.id, {'title': 'Two'})
    third = await desk.editor.update(event.id, {'title': 'Three'})

    with pytest.raises(Conflict):  # one between them is not named
        await desk.editor.undo(first.id, third.id)
    await desk.editor.undo(first.id, second.id, third.id)

    assert desk.calendar.get(event.id).title == 'None'


async def test_a_change_that_was_changed_again_cannot_be_undone(desk: ControlRoom) -> None:
    event = await planned(desk, rrule='FREQ=DAILY')
    change = await desk.editor.update(event.id, {'title': 'One'})
    await desk.editor.update(event.id, {'title': 'Two'})

    with pytest.raises(Conflict):
        await desk.editor.undo(change.id)

    assert desk.calendar.get(event.id).title == 'Two'


async def test_every_change_is_published_and_increments_the_sequence(desk: ControlRoom) -> None:
    news: list[tuple[str, int]] = []
    desk.bus.subscribe(ScheduleChanged, lambda message: news.append((message.change, message.event.sequence)))

    event = await planned(desk)
    await desk.editor.update(event.id, {'misfire': {'policy': 'skip'}})
    await desk.editor.delete(event.id)

    assert news == [('created', 0), ('updated', 1), ('deleted', 1)]


async def test_a_nested_change_keeps_the_values_that_it_does_not_name(desk: ControlRoom) -> None:
    event = await planned(desk, misfire={'policy': 'all', 'limit': 7})

    change = await desk.editor.update(event.id, {'misfire': {'policy': 'skip'}})

    assert change.event is not None
    assert change.event.misfire.model_dump() == {'policy': 'skip', 'within_seconds': 21_600, 'limit': 7}


async def test_missed_occurrences_are_run_all_or_none(desk: ControlRoom) -> None:
    kept, gone = [await planned(desk, misfire={'policy': 'skip'}, title=title) for title in ('kept', 'gone')]
    firing, due = desk.calendar._firing, instant_of(kept.start, 'UTC')
    async with firing.changing:
        await firing._account([kept.id, gone.id], now=due + timedelta(hours=2))
    await desk.editor.delete(gone.id)
    missed = await desk.calendar.open_missed()

    with pytest.raises(Conflict) as caught:
        await desk.calendar.answer_missed(missed, 'run')

    assert caught.value.code == 'event_gone'
    assert await desk.calendar.open_missed() == missed
    assert desk.runs.waiting() == []


# Refused


WRONG: list[tuple[dict[str, Any], str]] = [
    ({'start': '2020-01-01T10:00:00'}, 'start'),
    ({'start': 'tomorrow'}, 'start'),
    ({'start': '2027-02-31T10:00:00'}, 'start'),
    ({'start': 12}, 'start'),
    ({'timezone': 'Mars/Olympus'}, 'timezone'),
    ({'rrule': 'FREQ=SECONDLY'}, 'rrule'),
    ({'rrule': 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31'}, 'rrule'),
    ({'rrule': 'FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30'}, 'rrule'),
    ({'rrule': 'nonsense'}, 'rrule'),
    ({'rrule': 'FREQ=DAILY;UNTIL=20200101'}, 'rrule'),
    ({'exdates': ['never']}, 'exdates'),
    ({'pipeline': 'Nothing'}, 'pipeline'),
    ({'profile': 'nobody'}, 'profile'),
    ({'parameters': {'command': 5}}, 'parameters.command'),
    ({'parameters': {'command': ['true'], 'unknown': 1}}, 'parameters.unknown'),
    ({'misfire': {'policy': 'perhaps'}}, 'misfire.policy'),
    ({'misfire': {'limit': 0}}, 'misfire.limit'),
    ({'overlap': 'maybe'}, 'overlap'),
    ({'retry': {'attempts': 99}}, 'retry.attempts'),
    ({'timeout_seconds': -1}, 'timeout_seconds'),
    ({'title': '  '}, 'title'),
    ({'nonsense': 1}, 'nonsense'),
]


async def test_invalid_fields_are_named_and_nothing_is_saved(desk: ControlRoom) -> None:
    for values, field in WRONG:
        with pytest.raises(Invalid) as caught:
            await planned(desk, **values)

        assert list(caught.value.fields) == [field], values
        assert caught.value.fields[field].endswith('.')
    assert desk.calendar.events() == []


async def test_a_refused_change_leaves_the_event_as_it_was(desk: ControlRoom) -> None:
    event = await planned(desk, rrule='FREQ=DAILY')
    due = desk.calendar.next_due(event.id)[1]

    for scope in ('one', 'following', 'all'):
        with pytest.raises(Invalid):
            await desk.editor.update(event.id, {'timezone': 'Nowhere'}, scope=scope, due=due)  # type: ignore[arg-type]
    with pytest.raises(Invalid) as caught:
        await desk.editor.update(event.id, {'title': 'x'}, scope='one', due=due + timedelta(seconds=1))

    assert list(caught.value.fields) == ['due']
    assert desk.calendar.events() == [event]


async def test_a_moment_with_an_offset_is_converted_to_the_zone_of_the_event(desk: ControlRoom) -> None:
    event = await planned(desk, start='2030-07-01T12:00:00.75+00:00', timezone='Europe/Berlin')

    assert event.start == datetime(2030, 7, 1, 14, 0)


async def test_a_profile_that_an_event_uses_cannot_be_deleted(desk: ControlRoom) -> None:
    profile = await desk.profiles.create({'label': 'Studio'})
    await planned(desk, profile=profile.id, title='Weekly')

    with pytest.raises(Conflict) as caught:
        await desk.profiles.delete(profile.id)

    assert caught.value.code == 'profile_in_use'
    assert 'Weekly' in caught.value.message


# Read again


async def test_a_damaged_file_comes_back_with_its_last_change_and_a_notice(tmp_path: Path) -> None:
    data = tmp_path / 'data'
    async with api_room(data) as room:
        events = [await planned(room), await planned(room, title='The last one')]
    (data / 'events.json').write_text('{"documents": {"1": {"ti')

    async with api_room(data, is_new=False) as room:
        assert room.calendar.events() == events
        assert room.calendar.notices[0].startswith('events.json could not be read; it is kept as events.json.corrupt-')
        assert room.calendar.notices[1].endswith(' and the changes in its journal.')


async def test_an_event_that_makes_no_sense_is_skipped_by_name_and_kept_in_the_file(tmp_path: Path) -> None:
    data = tmp_path / 'data'
    async with api_room(data) as room:
        good, odd = await planned(room), await planned(room, title='Odd', rrule='FREQ=DAILY')
    path = data / 'events.json'
    path.write_text(path.read_text().replace('FREQ=DAILY', 'FREQ=OFTEN'))

    async with api_room(data, is_new=False) as room:
        await planned(room, title='Another')

        assert [event.id for event in room.calendar.events()][:1] == [good.id]
        assert odd.id not in {event.id for event in room.calendar.events()}
        assert any("'Odd' is skipped" in notice for notice in room.calendar.notices)
        assert odd.id in path.read_text()


# Restarted


async def test_events_due_while_the_program_is_down_are_missed_or_run_by_their_policy(tmp_path: Path) -> None:
    start = ahead(4)
    async with api_room(tmp_path / 'data') as room:
        late = await planned(room, start=start, title='latest')
        skipped = await planned(room, start=start, title='skip', misfire={'policy': 'skip'})
    await asyncio.sleep(max(0.0, (datetime.fromisoformat(start + 'Z') - datetime.now(UTC)).total_seconds() + 0.1))

    async with api_room(tmp_path / 'data', is_new=False) as room:
        answers = {item.event_id: item for item in await room.calendar.open_missed()}
        absence = room.calendar.last_absence

        assert answers[late.id].state is OccurrenceState.FIRED
        assert answers[late.id].reason == 'Synapse was not running. Run late, as its event says.'
        assert answers[skipped.id].state is OccurrenceState.MISSED
        assert answers[skipped.id].reason == 'Synapse was not running. Its event skips what was missed.'
        assert absence is not None
        assert absence.why == 'off'
        assert (await run_in(room, answers[late.id].run or '')).state is RunState.SUCCEEDED
        [run] = await room.calendar.answer_missed([answers[skipped.id]], 'run')
        assert run.due == answers[skipped.id].due
        await room.calendar.answer_missed([answers[late.id]], 'skip')
        assert await room.calendar.open_missed() == []


async def test_without_its_pipeline_an_occurrence_is_missed_with_the_reason(tmp_path: Path) -> None:
    async with api_room(tmp_path / 'data') as room:
        event = await planned(room, pipeline='Hello', start=ahead(3))
        (tmp_path / 'data' / 'pipelines' / 'samples.py').unlink()

        [occurrence] = await rows_of(room, event)

    assert occurrence.state is OccurrenceState.MISSED
    assert 'Hello' in occurrence.reason


def around(event: Event) -> tuple[datetime, datetime]:
    due = instant_of(event.start, event.timezone)
    return due - timedelta(minutes=5), due + timedelta(minutes=5)


def room_zone(room: ControlRoom) -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(room.calendar.zone)


# Broken


async def test_an_event_that_cannot_be_armed_is_reported_and_the_others_fire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with api_room(tmp_path / 'data') as room:
        with monkeypatch.context() as fault:
            fault.setattr(AlarmClock, 'arm', _refuse)
            broken = await planned(room, title='Broken', start=ahead(60))
        sound = await planned(room, start=ahead(1))

        assert [item.state for item in await rows_of(room, sound)] == [OccurrenceState.FIRED]
        assert room.calendar.notices == ['Broken does not fire: no such clock. Change or delete it.']
        [entry] = await room.log.query(level_min=Level.ERROR, source='scheduler')
        assert entry.fields['event'] == broken.id

        await room.editor.update(broken.id, {'start': ahead(90)})
        assert room.calendar.notices == []
        assert broken.id in room.calendar._firing.armed()


async def test_the_program_starts_although_an_event_cannot_be_armed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await opened(tmp_path / 'data')
    broken, sound = await planned(before, title='Broken'), await planned(before, title='Sound')
    await closed(before)
    usual = AlarmClock.arm

    def arm(alarm: AlarmClock, event_id: str, due: datetime | None) -> None:
        _refuse() if event_id == broken.id else usual(alarm, event_id, due)

    monkeypatch.setattr(AlarmClock, 'arm', arm)
    room = await opened(tmp_path / 'data')
    try:
        assert room.calendar.notices == ['Broken does not fire: no such clock. Change or delete it.']
        assert [*room.calendar._firing.armed()] == [sound.id]
    finally:
        await closed(room)


async def test_all_that_was_due_is_accounted_for_where_events_are_more_than_one_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MovableClock(datetime(2026, 10, 14, 12, tzinfo=UTC))
    monkeypatch.setattr('synapse.calendar.firing.BATCH', 2)
    with clock.rules_apscheduler():
        before = await opened(tmp_path / 'data', now=clock.now, clocks=clock.clocks)
        events = [await planned(before, start='2026-10-14T13:00:00', misfire={'policy': 'skip'}) for _ in range(7)]
        await closed(before)
        clock.set_to(datetime(2026, 10, 14, 15, tzinfo=UTC))

        room = await opened(tmp_path / 'data', now=clock.now, clocks=clock.clocks)
        try:
            rows = {event.id: await rows_of(room, event) for event in events}
        finally:
            await closed(room)

    assert [[row.state for row in found] for found in rows.values()] == [[OccurrenceState.MISSED]] * 7


def _refuse(*_: object) -> None:
    raise LookupError('no such clock')
