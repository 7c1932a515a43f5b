"""Old garbage is freed while the program is calm, and otherwise after a while."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from synapse import garbage
from synapse.garbage import GarbageCollector


class Circle:
    """A cycle, which only the garbage collector frees."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(garbage, 'CALM_SECONDS', 0.01)
    before = gc.get_threshold()
    yield
    assert gc.get_threshold() == before


async def test_what_dies_old_is_freed_once_it_is_calm() -> None:
    is_calm, asked = False, asyncio.Event()

    def calm() -> bool:
        asked.set()
        return is_calm

    collector = GarbageCollector(calm)
    collector.start()
    try:
        old = died_old()
        survivors = grow_up()
        await asyncio.wait_for(asked.wait(), 10)
        is_left_in_the_flood = old() is not None
        is_calm = True
        await freed(old)
    finally:
        collector.stop()

    assert is_left_in_the_flood
    assert len(survivors) > garbage.YOUNG


async def test_it_is_not_put_off_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, 'MAX_WAIT_SECONDS', 0.05)
    collector = GarbageCollector(lambda: False)
    collector.start()
    try:
        old = died_old()
        survivors = grow_up()
        await freed(old)
    finally:
        collector.stop()

    assert len(survivors) > garbage.YOUNG


def died_old() -> 'weakref.ref[Circle]':
    """A dead cycle that is too old for young collections."""
    circle = Circle()
    gc.collect()  # it is alive, so it becomes old
    return weakref.ref(circle)


def grow_up() -> list[list[int]]:
    """Allocate enough objects to collect the middle generation."""
    return [[number] for number in range(garbage.YOUNG * (garbage.MIDDLE + 2))]


async def freed(old: 'weakref.ref[Circle]') -> None:
    async with asyncio.timeout(10):
        while old() is not None:  # noqa: ASYNC110 - no message announces what is freed
            await asyncio.sleep(0.01)
