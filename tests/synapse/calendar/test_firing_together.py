"""Many events due at one moment: few transactions, and nothing is published before it is saved."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from storage.documents import Documents
from storage.files import DiskFull
from synapse.calendar import firing
from synapse.calendar.events import Event, OccurrenceState
from synapse.calendar.messages import OccurrencesChanged
from synapse.control_room import ControlRoom
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunRequest
from tests.fault.calendar_lives import closed, opened

EVENTS = 30


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ControlRoom]:
    """A room without workers, in which thirty events are due in some seconds; ten share a transaction."""
    monkeypatch.setattr(firing, 'BATCH', 10)
    now = datetime.now(UTC)
    due = (now + timedelta(seconds=4)).replace(microsecond=0, tzinfo=None)
    documents = Documents(tmp_path / 'events.json')
    times = {'created_at': now, 'updated_at': now, 'armed_from': now}
    plain = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'timezone': 'UTC', 'start': due}
    events = [Event(id=f'e{number}', title=f'event {number}', **plain, **times) for number in range(EVENTS)]
    documents.change({event.id: event.as_json() for event in events})
    documents.close()
    room = await opened(tmp_path)
    yield room
    await closed(room)


def recorded(room: ControlRoom, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of writes in each transaction from now on."""
    sizes: list[int] = []
    together = room.history.together

    def counted(calls: Sequence[Callable[[], Any]]) -> list[Any]:
        sizes.append(len(calls))
        return together(calls)

    monkeypatch.setattr(room.history.group, '_together', counted)
    return sizes


async def all_fired(room: ControlRoom) -> None:
    """Wait until all are published, each when the ledger has it as fired, and its run is in the queue."""
    left = {f'e{number}' for number in range(EVENTS)}

    def see(news: OccurrencesChanged) -> bool:
        for row in news.occurrences:
            known = room.calendar._ledger.get(row.event_id, row.due)
            assert row.state is OccurrenceState.FIRED
            assert known is not None
            assert known['state'] == 'fired'
            left.discard(row.event_id)
        return not left

    await room.bus.next(OccurrencesChanged, timeout=20, where=see)


async def test_events_of_one_moment_are_claimed_in_few_transactions(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = recorded(room, monkeypatch)

    await all_fired(room)

    # Three for the claims with their runs, three more that all have fired.
    assert sizes == [1] * 6
    assert [run.number for run in room.runs.waiting()] == list(range(1, EVENTS + 1))
    assert {run.event_id for run in room.runs.waiting()} == {f'e{number}' for number in range(EVENTS)}


async def test_their_runs_are_prepared_before_the_moment(room: ControlRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[datetime] = []
    scheduled = room.runs.new.scheduled

    def noted(wanted: RunRequest) -> RunRecord:
        made.append(datetime.now(UTC))
        return scheduled(wanted)

    monkeypatch.setattr(room.runs.new, 'scheduled', noted)
    await all_fired(room)

    [due] = {run.due for run in room.runs.waiting() if run.due}
    assert len(made) == EVENTS
    assert max(made) < due
    assert min(run.created_at for run in room.runs.waiting()) >= due


async def test_a_transaction_begins_before_the_runs_of_the_one_before_are_queued(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    start, queue_up = room.history.group._start, room.runs.queue_up

    def started() -> None:
        done.append('begun')
        start()

    def queued(runs: Sequence[RunRecord]) -> None:
        done.append('queued')
        queue_up(runs)

    monkeypatch.setattr(room.history.group, '_start', started)
    monkeypatch.setattr(room.runs, 'queue_up', queued)
    await all_fired(room)

    assert done[:6] == ['begun', 'begun', 'queued', 'begun', 'queued', 'queued']


async def test_a_failure_between_two_transactions_loses_no_run_of_the_first(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('synapse.calendar.alarm_clock.RETRY_SECONDS', 0.1)
    claims, calls = room.calendar._firing._claims, count(1)
    made = claims.made

    async def odd(decided: Any) -> Any:
        if next(calls) == 2:
            raise LookupError('odd')
        return await made(decided)

    monkeypatch.setattr(claims, 'made', odd)
    await all_fired(room)

    assert {run.event_id for run in room.runs.waiting()} == {f'e{number}' for number in range(EVENTS)}
    assert len(room.runs.waiting()) == EVENTS


async def test_a_run_is_shown_when_its_claim_is_on_disk(room: ControlRoom) -> None:
    shown: list[str] = []

    def see(news: RunChanged) -> None:
        assert room.history.get(news.run.id) == news.run.as_json()
        assert room.calendar._ledger.of_run(news.run.id) is not None
        shown.append(news.run.id)

    room.bus.subscribe(RunChanged, see)
    await all_fired(room)

    assert len(set(shown)) == EVENTS


async def test_claims_that_cannot_be_saved_are_tried_again_and_the_others_fire(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('synapse.calendar.alarm_clock.RETRY_SECONDS', 0.1)
    account, failures = room.calendar._ledger.account, [DiskFull('No room is left on the disk.')]

    def full_once(pairs: Any) -> Any:
        if failures:
            raise failures.pop()
        return account(pairs)

    monkeypatch.setattr(room.calendar._ledger, 'account', full_once)
    await all_fired(room)

    assert len(room.runs.waiting()) == EVENTS
