"""The month on a real room: its cells stay and are changed one by one, and what is not concerned is not sent again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from nicegui import binding, ui
from nicegui.testing import user_simulation

from pages.scheduler.month.chip import Chip
from pages.scheduler.month.grid import DRAWN_AT_ONCE, DayCell, GridActions, MonthGrid
from pages.scheduler.parts.days import day_in, turned
from pages.scheduler.parts.entry_filter import EntryFilter
from synapse.calendar.events import Occurrence
from synapse.calendar.messages import OccurrencesChanged
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.settings import Settings


class Opened:
    """A room, and a month of it that somebody looks at."""

    def __init__(self, room: ControlRoom, container: ui.element) -> None:
        self.room = room
        self.container = container
        self.changes = asyncio.Event()
        self.failures: list[bool] = []
        self.totals: Mapping[str, int] = {}
        self.grid: MonthGrid

    def show(self) -> None:
        nothing = {name: lambda *_: None for name in ('open_entry', 'open_day', 'plan', 'drop', 'turn')}
        actions = GridActions(changed=self._changed, **nothing)
        with self.container:
            self.grid = MonthGrid(self.room, self.today, only=EntryFilter(), failed=self._failed, actions=actions)

    def _changed(self, totals: Mapping[str, int], pipelines: set[str]) -> None:
        self.totals = totals
        self.changes.set()

    def _failed(self, *, is_failed: bool) -> None:
        self.failures.append(is_failed)
        self.changes.set()

    @property
    def today(self) -> date:
        return day_in(now_utc(), ZoneInfo(self.room.calendar.zone))

    @property
    def cells(self) -> list[DayCell]:
        return [element for element in self.grid.descendants() if isinstance(element, DayCell)]

    def cell(self, day: date) -> DayCell:
        return next(cell for cell in self.cells if cell.picture and cell.picture.day == day)

    def chips(self) -> Iterator[Chip]:
        return (chip for cell in self.cells if cell.picture for chip in cell.picture.chips)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return as soon as the month shows it."""
        async with asyncio.timeout(10):
            while not condition():
                await self.changes.wait()
                self.changes.clear()


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    found: list[ui.element] = []

    # Inside, since the simulation forgets all bindable values that were made before it.
    async with user_simulation(root=lambda: found.append(ui.element())) as user:
        room = ControlRoom.build(Settings(data=tmp_path / 'data', port=8123))
        await room.start()
        try:
            await user.open('/')
            it = Opened(room, found[0])
            it.show()
            await it.grid.load()
            yield it
        finally:
            await room.stop(grace=0)


async def plan(it: Opened, title: str, *, day: date | None = None, seconds: float = 3600, **values: Any) -> str:
    """An event so many seconds from now, or at the same time of another day."""
    start = datetime.now(ZoneInfo(it.room.calendar.zone)).replace(tzinfo=None) + timedelta(seconds=seconds)
    given = {
        'title': title,
        'pipeline': 'RunCommand',
        'parameters': {'command': ['true']},
        'start': datetime.combine(day, start.time()) if day else start,
    }
    return (await it.room.editor.create(given | values)).id


async def test_an_event_fires_and_its_cell_alone_is_sent_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        await plan(it, 'Soon', seconds=2)
        await it.until(lambda: [chip.look for chip in it.chips() if chip.title == 'Soon'] == ['scheduled'])
        due = next(day for day in it.grid.days if any(c.title == 'Soon' for c in _picture(it, day).chips))
        cells = it.cells
        before = {cell.id: cell.picture for cell in cells}

        await it.until(lambda: [chip.look for chip in it.chips() if chip.title == 'Soon'] == ['succeeded'])

        changed = [cell for cell in it.cells if cell.picture is not before[cell.id]]
        assert it.cells == cells
        assert changed == [it.cell(due)]


async def test_a_repeating_event_comes_and_goes_in_place(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        cells = it.cells
        event = await plan(it, 'Daily', rrule='FREQ=DAILY')
        await it.until(lambda: any(chip.title == 'Daily' and chip.is_repeating for chip in it.chips()))

        await it.room.editor.delete(event)
        await it.until(lambda: not any(chip.title == 'Daily' for chip in it.chips()))

        assert it.cells == cells


async def test_another_month_comes_into_the_same_cells(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        cells, later = it.cells, turned(it.today.replace(day=15), 2)
        await plan(it, 'Later', day=later)

        it.grid.show(later)
        await it.until(lambda: [chip.title for chip in it.chips()] == ['Later'])

        assert it.cells == cells
        assert [chip.title for chip in it.cell(later).picture.chips] == ['Later']  # type: ignore[union-attr]
        assert it.grid.props['aria-label'] == f'{later:%B %Y}'
        assert it.totals['planned'] == 1


async def test_the_rows_the_browser_measured_decide_how_many_chips_stay(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        day = turned(it.today.replace(day=15), 1)
        for number in range(6):
            await plan(it, f'Event {number}', day=day)
        it.grid.show(day)
        await it.until(lambda: len(list(it.chips())) == 3)
        at_first = _picture(it, day).more

        it.grid._measured({'rows': 2, 'beside': 2})
        await it.until(lambda: _picture(it, day).more != at_first)

        assert (at_first, _picture(it, day).more) == (3, 4)


async def test_a_storm_of_news_is_read_a_few_times(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        reads = 0
        parts = it.room.calendar.parts

        def counted(edges: Any) -> Any:
            nonlocal reads
            reads += 1
            return parts(edges)

        it.room.calendar.parts = counted  # type: ignore[method-assign]
        event = await plan(it, 'Soon', seconds=2)
        for _ in range(1000):
            it.room.bus.publish(OccurrencesChanged((Occurrence(event_id=event, due=now_utc()),)))
        await it.until(lambda: any(chip.look == 'succeeded' for chip in it.chips()))

    assert 0 < reads < 12


async def test_a_month_that_cannot_be_read_says_so_and_can_be_read_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        parts = it.room.calendar.parts

        def broken(*_: Any) -> Any:
            raise OSError('the disk is gone')

        it.room.calendar.parts = broken  # type: ignore[method-assign]
        await it.grid.load()
        assert it.failures[-1]
        it.room.calendar.parts = parts  # type: ignore[method-assign]
        await it.grid.load()

        assert not it.failures[-1]


async def test_a_month_that_is_left_listens_to_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        inside = it.room.bus.subscriber_count()

        it.container.clear()

        assert it.room.bus.subscriber_count() < inside
        assert binding.active_links == []


async def test_an_empty_calendar_asks_for_a_first_event_in_the_cell_of_today(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        assert _picture(it, it.today).invites

        first = await plan(it, 'First', day=it.today + timedelta(days=70))  # on no day that is shown
        await it.until(lambda: not _picture(it, it.today).invites)
        await it.room.editor.delete(first)
        await it.until(lambda: _picture(it, it.today).invites)
        await plan(it, 'First', day=it.today + timedelta(days=70))
        await it.until(lambda: not _picture(it, it.today).invites)

        assert sum(cell.picture.invites for cell in it.cells if cell.picture) == 0


def _picture(it: Opened, day: date) -> Any:
    return it.cell(day).picture


async def test_a_busy_month_is_made_and_drawn_some_days_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('synapse.calendar.calendar.AT_ONCE', 10)
    made: list[int] = []
    drawn: list[int] = []
    async with opened(tmp_path) as it:
        parts, show = it.room.calendar.parts, it.grid._show

        async def noted(edges: Any) -> AsyncIterator[Any]:
            async for start, end, entries in parts(edges):
                made.append((end - start) // timedelta(hours=23))
                yield start, end, entries

        def shown(days: Any) -> None:
            drawn.append(len(days))
            show(days)

        it.room.calendar.parts = noted  # type: ignore[method-assign, assignment]
        it.grid._show = shown  # type: ignore[method-assign]
        await plan(it, 'Often', seconds=3600, rrule='FREQ=DAILY')
        it.grid.show(turned(it.grid.month, 1))
        await it.until(lambda: sum(drawn) >= len(it.grid.days) and len([*it.chips()]) > 28)

    assert len(made) >= 35
    assert set(made[-35:]) == {1}
    assert max(drawn) <= DRAWN_AT_ONCE
