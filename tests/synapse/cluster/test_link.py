"""A link over connections that break: each item arrives once, in order, and no more is held than is allowed."""

import asyncio
import random
from typing import Any

import pytest

from synapse.cluster import link as module
from synapse.cluster.link import WINDOW_BYTES, Link
from tests.parts.hosts import eventually


class Pipe:
    """One end of a connection in memory; once it is cut, what is under way is gone."""

    def __init__(self) -> None:
        self.other: Pipe
        self._messages: asyncio.Queue[Any] = asyncio.Queue(maxsize=3)
        self._is_cut = asyncio.Event()

    async def read(self) -> Any:
        return await self._or_cut(self._messages.get())

    async def write(self, message: Any) -> None:
        await self._or_cut(self.other._messages.put(message))

    async def _or_cut(self, work: Any) -> Any:
        task, cut = asyncio.ensure_future(work), asyncio.ensure_future(self._is_cut.wait())
        await asyncio.wait({task, cut}, return_when=asyncio.FIRST_COMPLETED)
        cut.cancel()
        if self._is_cut.is_set():
            task.cancel()
            raise OSError('cut')
        return task.result()

    def abort(self) -> None:
        self._is_cut.set()
        self.other._is_cut.set()


def pipes() -> tuple[Pipe, Pipe]:
    one, other = Pipe(), Pipe()
    one.other, other.other = other, one
    return one, other


async def carry(one: Link, other: Link) -> tuple[Pipe, 'asyncio.Future[Any]']:
    here, there = pipes()
    return here, asyncio.gather(one.carry(here, other.received), other.carry(there, one.received))


@pytest.mark.parametrize('seed', range(20))
async def test_each_item_arrives_once_and_in_order_however_often_it_is_cut(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - it is for chance, not for secrets
    got: list[int] = []
    back: list[int] = []

    async def slow(kind: str, values: tuple[Any, ...]) -> None:
        if not chance.randrange(20):
            await asyncio.sleep(0.001)
        got.append(values[0])

    one = Link(lambda kind, values: back.append(values[0]))
    other = Link(slow)

    async def send() -> None:
        for number in range(3_000):
            await one.send('item', number, b'x' * chance.randrange(20_000))
            if not number % 10:
                other.post('answer', number)
        await one.flushed()
        await other.flushed()

    sending = asyncio.create_task(send())
    cuts = 0
    async with asyncio.timeout(60):
        while not sending.done():
            pipe, carrying = await carry(one, other)
            await asyncio.wait({sending}, timeout=chance.random() / 20)
            pipe.abort()
            await carrying
            cuts += 1

    assert got == list(range(3_000))
    assert back == list(range(0, 3_000, 10))
    assert cuts > 1
    one.close()
    other.close()


async def test_a_receiver_that_stands_still_stops_the_sender_at_the_window() -> None:
    goes_on = asyncio.Event()
    got: list[int] = []

    async def stands(kind: str, values: tuple[Any, ...]) -> None:
        await goes_on.wait()
        got.append(values[0])

    one, other = Link(lambda kind, values: None), Link(stands)
    sent = 0

    async def send() -> None:
        nonlocal sent
        for number in range(200):
            await one.send('item', number, b'x' * 100_000)
            sent += 1

    _, carrying = await carry(one, other)
    sending = asyncio.create_task(send())
    await eventually(lambda: other.received >= WINDOW_BYTES // 100_000, 10)

    assert sent <= WINDOW_BYTES // 100_000 + 1
    goes_on.set()
    await sending
    await one.flushed()
    assert got == list(range(200))
    one.close()
    other.close()
    await carrying


async def test_a_connection_that_brings_nothing_counts_as_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'SILENT_SECONDS', 0.2)
    one = Link(lambda kind, values: None)
    here, _ = pipes()

    async with asyncio.timeout(20):
        await one.carry(here, 0)

    assert not one.is_connected
    one.close()


async def test_an_item_that_cannot_be_handled_does_not_hold_up_the_next() -> None:
    got: list[str] = []

    def odd(kind: str, values: tuple[Any, ...]) -> None:
        got.append(kind)
        if kind == 'bad':
            raise LookupError('not mine')

    one, other = Link(lambda kind, values: None), Link(odd)
    _, carrying = await carry(one, other)
    await one.send('bad')
    await one.send('good')
    await one.flushed()

    assert got == ['bad', 'good']
    one.close()
    other.close()
    await carrying
