"""A span of days follows the control room: it reads what changed, once for many messages, and again after a failure."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from pages.scheduler.parts.entry_filter import EntryFilter
from pages.scheduler.parts.window import MOMENT, CalendarWindow, EntryWindow, Span
from synapse.calendar.events import CalendarEntry, Occurrence
from synapse.calendar.messages import OccurrencesChanged, ScheduleChanged
from synapse.records import now_utc
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState
from tests.parts.hosts import eventually
from tests.parts.screen import Screen, fire, opened_screen

pytestmark = pytest.mark.asyncio(loop_scope='module')
HOUR = timedelta(hours=1)
START = now_utc().replace(minute=0, second=0, microsecond=0) + 24 * HOUR
SPAN = START, START + 24 * HOUR


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def screen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Screen]:
    async with opened_screen(tmp_path_factory.mktemp('window') / 'data') as screen:
        yield screen


class Recorded(CalendarWindow):
    """A day that remembers which parts of it were read, and fails as often as a test wants it to."""

    name = 'this day'

    def __init__(self, screen: Screen) -> None:
        self.reads: list[Span] = []
        self.failures: list[bool] = []
        self.errors = 0
        self.may_read = asyncio.Event()
        self.may_read.set()
        super().__init__(screen.room, only=EntryFilter(), failed=self._remember)

    def _remember(self, *, is_failed: bool) -> None:
        self.failures.append(is_failed)

    @property
    def span(self) -> Span:
        return SPAN

    async def read(self, asked: Span) -> None:
        self.reads.append(asked)
        await self.may_read.wait()
        if self.errors:
            self.errors -= 1
            raise OSError('the disk is gone')


def drawn(screen: Screen) -> Recorded:
    with screen.drawing():
        return Recorded(screen)


def due(hours: float, **values: Any) -> Occurrence:
    return Occurrence(event_id='e', due=START + hours * HOUR, **values)


def tell(screen: Screen, *occurrences: Occurrence) -> None:
    screen.room.bus.publish(OccurrencesChanged(occurrences))


async def after_news(window: Recorded, count: int) -> list[Span]:
    """What was read, as soon as there were so many reads and the last one has ended."""
    await eventually(lambda: len(window.reads) >= count and len(window.failures) >= count, 10)
    return window.reads


# What is read


async def test_all_of_it_is_read_at_first(screen: Screen) -> None:
    window = drawn(screen)

    await window.load()

    assert (window.reads, window.failures) == ([SPAN], [False])


async def test_only_what_changed_is_read_again(screen: Screen) -> None:
    window = drawn(screen)

    tell(screen, due(5))

    assert await after_news(window, 1) == [(START + 5 * HOUR, START + 5 * HOUR + MOMENT)]


async def test_many_messages_are_one_read_of_all_they_name(screen: Screen) -> None:
    window = drawn(screen)

    for hours in (5, 3, 8):
        tell(screen, due(hours))

    assert await after_news(window, 1) == [(START + 3 * HOUR, START + 8 * HOUR + MOMENT)]


async def test_a_row_that_stands_for_a_span_is_read_from_its_beginning(screen: Screen) -> None:
    window = drawn(screen)

    tell(screen, due(5, since=START - 10 * HOUR))

    assert await after_news(window, 1) == [(START, START + 5 * HOUR + MOMENT)]


@pytest.mark.parametrize('hours', [-0.001, 24, 100])
async def test_news_of_other_days_reads_nothing(screen: Screen, hours: float) -> None:
    window = drawn(screen)

    tell(screen, due(hours))
    tell(screen, due(1))

    assert await after_news(window, 1) == [(START + HOUR, START + HOUR + MOMENT)]


async def test_news_without_occurrences_reads_nothing(screen: Screen) -> None:
    window = drawn(screen)

    tell(screen)
    tell(screen, due(1))

    assert len(await after_news(window, 1)) == 1


async def test_a_run_is_read_where_it_was_due_and_only_if_it_moved(screen: Screen) -> None:
    window = drawn(screen)
    run = RunRecord(id='r', number=1, pipeline='P', parameters={}, state=RunState.RUNNING, created_at=START + 9 * HOUR)

    screen.room.bus.publish(RunChanged(run, moved=False))
    screen.room.bus.publish(RunChanged(run.changed(due=START + 7 * HOUR), moved=True))

    assert await after_news(window, 1) == [(START + 7 * HOUR, START + 7 * HOUR + MOMENT)]


async def test_a_changed_event_may_change_all_of_it(screen: Screen) -> None:
    event = await screen.plan()
    window = drawn(screen)

    screen.room.bus.publish(ScheduleChanged(event=event, change='updated'))

    assert await after_news(window, 1) == [SPAN]


async def test_an_event_that_does_not_repeat_changes_where_it_was_and_where_it_is(screen: Screen) -> None:
    plain = await screen.plan()
    event = plain.changed(start=(START + 5 * HOUR).replace(tzinfo=None), timezone='UTC', rrule=None)
    window = drawn(screen)

    screen.room.bus.publish(ScheduleChanged('created', event))
    assert await after_news(window, 1) == [(START + 5 * HOUR, START + 5 * HOUR + MOMENT)]
    before = event.changed(start=(START + 3 * HOUR).replace(tzinfo=None))
    screen.room.bus.publish(ScheduleChanged('updated', event, before))

    assert (await after_news(window, 2))[1] == (START + 3 * HOUR, START + 5 * HOUR + MOMENT)


async def test_an_event_that_repeated_before_changes_all_of_it(screen: Screen) -> None:
    event = await screen.plan()
    window = drawn(screen)

    screen.room.bus.publish(ScheduleChanged('updated', event.changed(rrule=None), event.changed(rrule='FREQ=DAILY')))

    assert await after_news(window, 1) == [SPAN]


async def test_a_new_day_reads_all_of_it(screen: Screen) -> None:
    window = drawn(screen)

    fire(window, 'dayturned')

    assert await after_news(window, 1) == [SPAN]


# While it is read, and when that fails


async def test_news_that_arrives_during_a_read_is_read_next(screen: Screen) -> None:
    window = drawn(screen)
    window.may_read.clear()
    loading = asyncio.create_task(window.load())
    await screen.until(lambda: window.reads == [SPAN])

    tell(screen, due(5))
    window.may_read.set()
    await loading

    assert (await after_news(window, 1))[0] == SPAN
    await screen.until(lambda: window.reads[1:] == [(START + 5 * HOUR, START + 5 * HOUR + MOMENT)])


async def test_a_failure_is_told_and_does_not_reach_the_caller(screen: Screen) -> None:
    window = drawn(screen)
    window.errors = 1

    await window.load()

    assert window.failures == [True]


async def test_after_a_failure_the_next_news_reads_all_of_it(screen: Screen) -> None:
    window = drawn(screen)
    window.errors = 1
    await window.load()

    tell(screen, due(5))
    await after_news(window, 2)

    assert (window.reads[1], window.failures) == (SPAN, [True, False])


async def test_a_window_that_is_gone_reads_nothing(screen: Screen) -> None:
    window = drawn(screen)
    tell(screen, due(5))

    window.delete()
    await window.load()

    assert (window.reads, window.failures) == ([], [])


# Entries


class Listed(EntryWindow):
    """A day that shows the titles of its entries."""

    name = 'this day'

    def __init__(self, screen: Screen, only: EntryFilter | None = None) -> None:
        self.day = (screen.now + timedelta(days=1)).date()
        self.shown: list[list[str]] = []
        super().__init__(screen.room, only=only or EntryFilter(), failed=lambda *, is_failed: None)

    @property
    def span(self) -> Span:
        start = datetime.combine(self.day, datetime.min.time(), self._zone)
        return start, start + timedelta(days=1)

    def arrange(self, entries: Sequence[CalendarEntry], now: datetime) -> list[str]:
        return sorted(entry.title for entry in entries)

    def draw(self, picture: list[str], now: datetime) -> None:
        self.shown.append(picture)


@pytest_asyncio.fixture(loop_scope='module')
async def planned(screen: Screen) -> AsyncIterator[None]:
    """Two events tomorrow."""
    while events := screen.room.calendar.events():
        await screen.room.editor.delete(events[0].id)
    for title in ('Letters', 'Photos'):
        await screen.plan(title)
    yield


def listed(screen: Screen, only: EntryFilter | None = None) -> Listed:
    with screen.drawing():
        return Listed(screen, only)


async def test_entries_are_shown_through_the_filter(screen: Screen, planned: None) -> None:
    window = listed(screen, EntryFilter(pipeline='BackupFolder'))
    await window.load()

    await window.restrict(EntryFilter(pipeline='RunCommand'))

    assert window.shown == [[], ['Letters', 'Photos']]


async def test_what_was_read_before_is_kept_when_a_part_is_read_again(screen: Screen, planned: None) -> None:
    window = listed(screen)
    await window.load()
    start, end = window.span
    without_events = (start, start + HOUR) if screen.now.hour > 12 else (end - HOUR, end)

    await window.read(without_events)

    assert window.shown == [['Letters', 'Photos']] * 2


async def test_what_is_gone_is_no_longer_shown(screen: Screen, planned: None) -> None:
    window = listed(screen)
    await window.load()

    await screen.room.editor.delete(screen.room.calendar.events()[0].id)

    await screen.until(lambda: window.shown[-1] == ['Photos'])


async def test_days_that_are_no_longer_wanted_are_not_drawn(
    screen: Screen, planned: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = listed(screen)
    entries = screen.room.calendar.entries

    async def turned_meanwhile(*span: datetime) -> Sequence[CalendarEntry]:
        window.day += timedelta(days=30)
        return await entries(*span)

    monkeypatch.setattr(screen.room.calendar, 'entries', turned_meanwhile)
    await window.read(window.span)

    assert window.shown == []
