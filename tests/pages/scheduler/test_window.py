"""The week and the agenda on a real room: they follow it, end with their page, and say when they cannot read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from nicegui import ui
from nicegui.testing import user_simulation

from pages.scheduler.agenda.view import Agenda
from pages.scheduler.page import scheduler_page
from pages.scheduler.parts.days import day_in
from pages.scheduler.parts.entry_filter import EntryFilter
from pages.scheduler.week.view import WeekView
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.settings import Settings
from tests.parts.hosts import eventually

VIEWS = {'week': WeekView, 'agenda': Agenda}


class Opened:
    """A room, and a view of it that somebody looks at."""

    def __init__(self, room: ControlRoom, view: WeekView | Agenda, failures: list[bool]) -> None:
        self.room = room
        self.view = view
        self.failures = failures
        self._drawn = asyncio.Event()
        draw = view.draw

        def draw_and_tell(*picture: Any) -> None:
            draw(*picture)
            self._drawn.set()

        view.draw = draw_and_tell  # type: ignore[method-assign]

    @property
    def labels(self) -> list[str]:
        """Of its entries, as a screen reader says them."""
        drawn = [element.props for element in self.view.descendants()]
        found = [item for props in drawn for item in [*props.get('blocks', []), *props.get('lines', [])]]
        return [str(item['label']) for item in found if 'label' in item]

    async def until(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """The labels as soon as they are so."""
        async with asyncio.timeout(10):
            while not condition(self.labels):
                await self._drawn.wait()
                self._drawn.clear()
        return self.labels


@asynccontextmanager
async def opened(tmp_path: Path, kind: str) -> AsyncIterator[Opened]:
    views: list[WeekView | Agenda] = []
    failures: list[bool] = []
    options: dict[str, Any] = {
        'only': EntryFilter(),
        'failed': lambda *, is_failed: failures.append(is_failed),
        'open_entry': lambda _: None,
        'plan_at': lambda _: None,
    }

    async def root() -> None:
        view = VIEWS[kind](room, today(room), **options)
        views.append(view)
        await view.load()

    # Inside, since the simulation forgets all bindable values that were made before it.
    async with user_simulation(root=root) as user:
        room = ControlRoom.build(Settings(data=tmp_path / 'data', port=8123))
        await room.start()
        try:
            await user.open('/')
            yield Opened(room, views[0], failures)
        finally:
            await room.stop(grace=0)


def today(room: ControlRoom) -> date:
    return day_in(now_utc(), ZoneInfo(room.calendar.zone))


def later_this_week(now: datetime) -> timedelta:
    """Return an hour, or less where the shown week ends before."""
    midnight = datetime.combine(now.date(), time()) + timedelta(days=7 - now.weekday())
    return min(timedelta(hours=1), (midnight - now) / 2)


async def plan(room: ControlRoom, title: str, *, seconds: float | None = None, rule: str | None = None) -> str:
    now = datetime.now(ZoneInfo(room.calendar.zone)).replace(tzinfo=None)
    start = now + (later_this_week(now) if seconds is None else timedelta(seconds=seconds))
    event = await room.editor.create(
        {
            'title': title,
            'pipeline': 'RunCommand',
            'parameters': {'command': ['true']},
            'start': start,
            'timezone': room.calendar.zone,
            'rrule': rule,
        }
    )
    return event.id


@pytest.mark.parametrize('kind', VIEWS)
async def test_what_is_planned_fires_and_is_taken_back_changes_in_place(tmp_path: Path, kind: str) -> None:
    async with opened(tmp_path, kind) as it:
        await plan(it.room, 'Soon', seconds=2)
        daily = await plan(it.room, 'Daily', rule='FREQ=DAILY')

        planned = await it.until(lambda labels: any('Daily' in label and 'planned' in label for label in labels))
        ended = await it.until(lambda labels: any('Soon' in label and 'succeeded' in label for label in labels))
        await it.room.editor.delete(daily)
        left = await it.until(lambda labels: not any('Daily' in label for label in labels))

    assert any('Soon' in label and 'planned' in label for label in planned)
    assert len([label for label in ended if 'Soon' in label]) == 1
    assert len(left) == 1


@pytest.mark.parametrize('kind', VIEWS)
async def test_another_stretch_of_days_takes_the_place_of_this_one(tmp_path: Path, kind: str) -> None:
    async with opened(tmp_path, kind) as it:
        await plan(it.room, 'Once', seconds=50 * 86_400)
        assert it.labels == []

        it.view.show(today(it.room) + timedelta(days=50))
        await it.until(lambda labels: len(labels) == 1)
        it.view.show(today(it.room))
        left = await it.until(lambda labels: labels == [])

    assert left == []


@pytest.mark.parametrize('kind', VIEWS)
async def test_a_filter_hides_entries_and_gives_them_back(tmp_path: Path, kind: str) -> None:
    async with opened(tmp_path, kind) as it:
        await plan(it.room, 'Soon')
        await it.until(lambda labels: len(labels) == 1)

        await it.view.restrict(EntryFilter(pipeline='PublishVideo'))
        without = it.labels
        await it.view.restrict(EntryFilter(pipeline='RunCommand'))
        again = it.labels

    assert without == []
    assert len(again) == 1


@pytest.mark.parametrize('kind', VIEWS)
async def test_a_view_that_is_left_listens_to_nothing(tmp_path: Path, kind: str) -> None:
    async with opened(tmp_path, kind) as it:
        inside = it.room.bus.subscriber_count()
        it.view.delete()
        after = it.room.bus.subscriber_count()

    assert inside - after >= 3


@pytest.mark.parametrize('kind', VIEWS)
async def test_what_cannot_be_read_is_told_to_the_page(tmp_path: Path, kind: str) -> None:
    async with opened(tmp_path, kind) as it:
        before = it.failures[-1]
        it.room.history.close()

        await it.view.load()

    assert (before, it.failures[-1]) == (False, True)


@pytest.mark.parametrize('kind', ['month', *VIEWS])
async def test_the_page_says_which_days_could_not_be_loaded_until_they_are(tmp_path: Path, kind: str) -> None:
    found: list[ui.element] = []

    async def root() -> None:
        with ui.element() as container:
            found.append(container)
            await scheduler_page(room, view=kind, day=f'{day}')

    def told() -> list[str]:
        lines = [line for line in found[0].descendants() if 'mo-problem' in line.classes and not line.props['hidden']]
        return [child.text for line in lines for child in line.descendants() if getattr(child, 'text', '')]

    async with user_simulation(root=root) as user:
        room = ControlRoom.build(Settings(data=tmp_path / 'data', port=8123))
        day = today(room)
        await room.start()
        try:
            await user.open('/')
            at_first, parts = told(), room.calendar.parts
            room.calendar.parts = broken  # type: ignore[method-assign]
            await plan(room, 'Soon')
            await eventually(lambda: told() != [], 10)
            then = told()
            room.calendar.parts = parts  # type: ignore[method-assign]
            await plan(room, 'Later')
            await eventually(lambda: told() == [], 10)
        finally:
            await room.stop(grace=0)

    name = {'month': f'{day:%B}', 'week': 'this week', 'agenda': 'the agenda'}[kind]
    assert at_first == []
    assert then[0] == f'Could not load {name}.'


def broken(*_: Any) -> Any:
    raise OSError('the disk is gone')
