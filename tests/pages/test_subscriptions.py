"""The subscriptions of a page end when it is left: otherwise each visit would cost a little more than the last."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from nicegui import binding, ui
from nicegui.testing import user_simulation

from pages.dashboard.page import dashboard_page
from pages.logs.page import Asked, logs_page
from pages.pipelines.page import pipelines_page
from pages.profiles.page import profiles_page
from pages.runs.page import runs_page
from pages.runs.run_filters import RunsAsked
from pages.runs.run_page import run_page
from pages.scheduler.page import scheduler_page
from pages.settings.page import settings_page
from synapse.control_room import ControlRoom
from synapse.runs.messages import RunChanged
from synapse.settings import Settings

PAGES: dict[str, Callable[[ControlRoom], Any]] = {
    'dashboard': dashboard_page,
    'runs': lambda room: runs_page(room, RunsAsked()),
    'run': lambda room: run_page(room, '1'),
    'logs': lambda room: logs_page(room, Asked()),
    'scheduler': scheduler_page,
    'pipelines': pipelines_page,
    'profiles': profiles_page,
    'settings': settings_page,
}


@pytest.mark.parametrize('name', PAGES)
async def test_a_page_that_is_left_listens_to_nothing(tmp_path: Path, name: str) -> None:
    found: list[ui.element] = []

    async def root() -> None:
        with ui.element() as container:
            found.append(container)
            page = PAGES[name](room)
            if isinstance(page, Awaitable):
                await page

    # Inside, since the simulation forgets all bindable values that were made before it.
    async with user_simulation(root=root) as user:
        room = ControlRoom.build(Settings(data=tmp_path / 'data', port=8123))
        await room.start()
        try:
            await one_run(room)
            before = room.bus.subscriber_count()
            await user.open('/')
            inside = room.bus.subscriber_count()
            polled = list(binding.active_links)
            found[0].clear()
            after = room.bus.subscriber_count()
        finally:
            await room.stop(grace=0)

    assert polled == []
    assert after == before
    assert inside > before or name == 'settings'


@pytest.mark.parametrize('name', ['logs', 'run'])
async def test_a_page_with_lines_that_is_left_hears_of_no_reconnection(tmp_path: Path, name: str) -> None:
    found: list[ui.element] = []

    async def root() -> None:
        with ui.element() as container:
            found.append(container)
            await PAGES[name](room)

    async with user_simulation(root=root) as user:
        room = ControlRoom.build(Settings(data=tmp_path / 'data', port=8123))
        await room.start()
        try:
            await one_run(room)
            await user.open('/')
            client = found[0].client
            async with asyncio.timeout(10):
                while not client.connect_handlers:  # noqa: ASYNC110 - no message tells of a handler
                    await asyncio.sleep(0.01)
            found[0].clear()
            left = list(client.connect_handlers)
        finally:
            await room.stop(grace=0)

    assert left == []


async def one_run(room: ControlRoom) -> None:
    """A run that has ended."""
    ended = asyncio.ensure_future(room.bus.next(RunChanged, timeout=20, where=lambda news: news.run.state.is_final))
    await room.runs.create('RunCommand', {'command': ['true']})
    await ended
