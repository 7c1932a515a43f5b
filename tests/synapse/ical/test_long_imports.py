"""Long files: read with visible progress, cancelled at any event, and without holding up the event loop."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from icalendar.parser import Contentline

from benchmarks import planned
from synapse.control_room import ControlRoom
from synapse.ical.import_result import ImportResult
from synapse.ical.importing import import_drafts
from synapse.ical.lines import Component, read_components
from synapse.ical.progress import ImportCancelled, Progress
from synapse.ical.reading import read_calendar
from tests.parts.calendar_files import calendar_file

pytestmark = pytest.mark.asyncio(loop_scope='module')

EVENTS = 600
HELD_SECONDS = 0.05
"""Of processor time: what an import of any number of events may take of the event loop at a time."""


def written(count: int) -> bytes:
    return planned.as_file(planned.recurring(count))


class Held:
    """The longest time for which the event loop was held, in processor time of its thread."""

    longest = 0.0


@asynccontextmanager
async def meter() -> AsyncIterator[Held]:
    held = Held()

    async def watch() -> None:
        while True:
            since = time.thread_time()
            await asyncio.sleep(0)
            held.longest = max(held.longest, time.thread_time() - since)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    try:
        yield held
    finally:
        watching.cancel()


async def take(
    room: ControlRoom, text: bytes, progress: Progress | None = None, *, is_dry: bool = False
) -> ImportResult:
    contents = await asyncio.to_thread(read_calendar, text, zone='UTC', progress=progress)
    return await import_drafts(
        room.calendar,
        room.editor,
        room.catalog,
        contents,
        is_trusted=lambda _: True,
        because='imported',
        is_dry=is_dry,
        progress=progress,
    )


async def test_no_part_of_an_import_holds_the_event_loop(room: ControlRoom) -> None:
    text = written(EVENTS)

    async with meter() as held:
        new = await take(room, text)
        again = await take(room, text)
        changed = await take(room, text.replace(b'SUMMARY:', b'SEQUENCE:2\r\nSUMMARY:New '))
        await room.editor.undo(changed.change)

    assert (len(new.created), len(again.unchanged), len(changed.updated)) == (EVENTS, EVENTS, EVENTS)
    assert held.longest < HELD_SECONDS


async def test_each_stage_tells_how_many_of_how_many(room: ControlRoom) -> None:
    told: list[tuple[str, int, int]] = []

    await take(room, written(20), Progress(lambda *where: told.append(where)))

    last = {stage: (done, total) for stage, done, total in told}
    assert last == dict.fromkeys(('read', 'compared', 'checked', 'saved'), (20, 20))


@pytest.mark.parametrize('stage', ['read', 'compared', 'checked', 'saved'])
async def test_a_cancelled_import_changes_nothing(room: ControlRoom, stage: str) -> None:
    def tell(*where: object) -> None:
        if where[0] == stage:
            progress.cancel()

    progress = Progress(tell)

    with pytest.raises(ImportCancelled):
        await take(room, written(20), progress)

    assert room.calendar.events() == []


async def test_a_dry_run_can_be_cancelled_to_its_end(room: ControlRoom) -> None:
    def tell(*where: object) -> None:
        if where[0] == 'described':
            progress.cancel()

    progress = Progress(tell)

    with pytest.raises(ImportCancelled):
        await take(room, written(20), progress, is_dry=True)


async def test_a_write_that_has_begun_is_finished_although_its_task_is_cancelled(room: ControlRoom) -> None:
    saving = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell(*where: object) -> None:
        if where == ('saved', 20, 20):
            loop.call_soon(saving.set)

    task = asyncio.create_task(take(room, written(20), Progress(tell)))
    await saving.wait()
    task.cancel()
    await asyncio.wait([task])

    async with asyncio.timeout(10):
        while len(room.calendar.upcoming(20)) < 20:  # noqa: ASYNC110 - the last message of many has no mark
            await asyncio.sleep(0.01)
    assert len(room.calendar.events()) == 20


def names(component: Component) -> list[tuple[str, str, dict[str, str]]]:
    return [(item.name, item.raw, dict(item.parameters)) for item in component.properties]


@pytest.mark.parametrize(
    'line',
    [
        'SUMMARY:a: b; c, d \\n "e"',
        'DTSTART;TZID=Europe/Berlin:20311006T160000',
        'DTSTART;TZID="Europe/Berlin":20311006T160000',
        'dtstart;value=DATE;tzid=x:20311006',
        'X-ODD;A="b:c;d";E=f:g',
        'X-EMPTY:',
        'X-TWICE;A=1;A=2:x',
        'X_UNDERLINE:x',
    ],
)
async def test_the_quick_way_reads_a_line_as_the_library_does(line: str) -> None:
    name, parameters, raw = Contentline(line).raw_parts()
    (calendar,) = read_components(calendar_file(f'UID:a\n{line}'))

    given = {key.upper(): value for key, value in parameters.items() if isinstance(value, str)}
    assert names(calendar.parts[0])[-1] == (name.upper(), raw, given)


async def test_a_fold_inside_of_a_character_is_undone() -> None:
    text = calendar_file('UID:a\nSUMMARY:Grüße\nDTSTART:20311006T160000Z')
    split = text.index('ü'.encode()) + 1

    (draft,) = read_calendar(text[:split] + b'\r\n ' + text[split:], zone='UTC').drafts

    assert draft.name == 'Grüße'
