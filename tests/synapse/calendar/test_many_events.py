"""Saving one event among many: what it costs, and that memory does not grow by it."""

import asyncio
import gc
import json
import shutil
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from time import thread_time

import pytest

from benchmarks.planned import recurring
from storage.documents import Documents
from synapse.calendar import event_store
from synapse.control_room import ControlRoom
from synapse.errors import Conflict
from tests.fault.calendar_lives import closed, opened

MANY, FEW = 3_000, 10


def write_events(data: Path, count: int) -> Path:
    data.mkdir(mode=0o700)
    documents = Documents(data / 'events.json')
    documents.change({event['id']: event for event in recurring(count)})
    documents.close()
    return data


@pytest.fixture
async def many(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    room = await opened(write_events(tmp_path / 'many', MANY))
    yield room
    await closed(room)


@pytest.fixture
async def few(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    room = await opened(write_events(tmp_path / 'few', FEW))
    yield room
    await closed(room)


async def save(room: ControlRoom, count: int) -> None:
    for number in range(count):
        await room.editor.update(f'e{number % FEW}', {'title': f'changed {number}'})


async def test_a_save_takes_the_event_loop_no_longer_among_many_than_among_few(
    many: ControlRoom, few: ControlRoom
) -> None:
    times: dict[str, list[float]] = {'many': [], 'few': []}
    for _ in range(20):
        for name, room in (('many', many), ('few', few)):
            since = thread_time()
            await save(room, 5)
            times[name].append(thread_time() - since)

    assert min(times['many']) < 3 * min(times['few'])


async def test_saved_among_many_is_found_after_a_crash_and_in_the_file_after_a_stop(tmp_path: Path) -> None:
    data = write_events(tmp_path / 'data', MANY)
    room = await opened(data)
    await save(room, 3)
    assert (data / 'events.json.journal').exists()
    left = tmp_path / 'left'  # two must not have the same file at once
    left.mkdir()
    for file in data.glob('events.json*'):
        shutil.copy(file, left)
    crashed = Documents(left / 'events.json')
    assert (crashed.get('e2') or {})['title'] == 'changed 2'

    await closed(room)

    assert json.loads((data / 'events.json').read_text())['documents']['e2']['title'] == 'changed 2'
    assert not (data / 'events.json.journal').exists()


async def test_memory_stays_flat_while_events_are_saved(many: ControlRoom) -> None:
    tracemalloc.start()
    try:

        async def used(saves: int) -> int:
            await save(many, saves)
            await asyncio.to_thread(gc.collect)
            return tracemalloc.get_traced_memory()[0]

        before = await used(200)
        assert await used(1_000) - before < 3_000_000
    finally:
        tracemalloc.stop()


async def test_what_can_be_undone_is_bounded_by_its_size(few: ControlRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_store, 'KEPT_CHARACTERS', 25_000)
    long = {'parameters': {'command': ['echo', 'x' * 4_000]}}
    changes = [await few.editor.update(f'e{number}', long) for number in range(10)]

    with pytest.raises(Conflict):
        await few.editor.undo(changes[4].id)
    for change in reversed(changes[7:]):
        await few.editor.undo(change.id)

    assert few.calendar.get('e4').parameters == long['parameters']
    assert few.calendar.get('e7').parameters == {'command': ['true']}


async def test_the_newest_change_can_be_undone_whatever_its_size(
    few: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_store, 'KEPT_CHARACTERS', 10)
    changes = [await few.editor.update(f'e{number}', {'title': 'changed'}) for number in range(2)]

    with pytest.raises(Conflict):
        await few.editor.undo(changes[0].id)
    await few.editor.undo(changes[1].id)

    assert few.calendar.get('e1').title == 'event 1'
