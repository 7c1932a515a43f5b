"""A line between two machines: what is sent arrives once and in order, over connections that may break.

Each side numbers what it sends and keeps it until the other side has dealt with it. With a new connection each says up
to which number it has received, and the other goes on from there.
"""

import asyncio
import contextlib
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from synapse.language import N_

log = logging.getLogger(__name__)

WINDOW_BYTES = 4 * 1024**2
"""How much may be under way; who sends more has to wait. Neither end ever holds more than this and one item."""
BATCH_BYTES = 256 * 1024
BEAT_SECONDS = 2.0
SILENT_SECONDS = 8.0
"""A connection that brings nothing for this long, not even a beat, counts as broken."""
TELL_EVERY = 64
"""After how many items the other side is told that they are dealt with, while more of them wait."""
ITEM_BYTES = 100
"""What an item takes besides its values."""
MOST_FAILURES = 3
"""After how many messages in a row that could not be sent or understood they are given up."""
NOTHING = ''
"""The kind of an item in the place of one that cannot be sent."""

Item = tuple[int, str, tuple[Any, ...]]
OnItem = Callable[[str, tuple[Any, ...]], Awaitable[None] | None]
OnFault = Callable[[Exception], object]


class NotSent(Exception):
    """An item cannot be sent; the text says why."""


def _logged(error: Exception) -> None:
    log.error(N_('what another machine sent could not be handled'), exc_info=error)


class Connection(Protocol):
    """What is used of a connection of Dask, `distributed.comm.Comm`: whole messages, in order."""

    async def read(self) -> Any:
        """Return the next message; raises `OSError` once the connection is broken."""

    async def write(self, message: Any) -> Any:
        """Send a message; raises `OSError` if the connection is broken."""

    def abort(self) -> None:
        """Close it at once."""


class Link:
    """One end of a line. Use it on the event loop only.

    Values are texts, bytes, numbers and None; a text may have halves of surrogate pairs, as names that are not UTF-8.

    :param on_item: called with kind and values of each item, in order; the next one waits until it returns
    :param on_fault: called with why an item could not be sent or handled. It is lost then, and the next ones follow
    """

    def __init__(self, on_item: OnItem, on_fault: OnFault = _logged) -> None:
        self.received = 0
        """The number of the last item that has arrived."""
        self.heard_at = asyncio.get_running_loop().time()
        """When anything came last, by the clock of the loop."""
        self._on_item, self._on_fault = on_item, on_fault
        self._unsendable = self._unreadable = 0
        """How many messages in a row could not be."""
        self._done = 0
        self._is_closed = False
        self._unsent: deque[Item] = deque()
        self._sent: deque[Item] = deque()
        self._held = self._number = 0
        self._arrived: deque[Item] = deque()
        self._handled = 0
        self._news, self._room, self._has_arrived = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self._current: Connection | None = None
        self._handling = asyncio.create_task(self._handle())

    @property
    def is_connected(self) -> bool:
        return self._current is not None

    @property
    def progress(self) -> tuple[int, int]:
        """What grows while either side gets anywhere."""
        return self.received, self._done

    async def send(self, kind: str, *values: Any) -> None:
        """Send an item, and return when it is on its way; waits while as much as allowed is under way.

        Nothing is sent after `close`, and whoever waits then waits no longer.
        """
        while self._held >= WINDOW_BYTES and not self._is_closed:
            self._room.clear()
            await self._room.wait()
        self.post(kind, *values)

    def post(self, kind: str, *values: Any) -> None:
        """Send an item without waiting: for the few that a person causes."""
        if self._is_closed:
            return
        self._number += 1
        values = _sendable(values)
        self._unsent.append((self._number, kind, values))
        self._held += _size(values)
        self._is_empty.clear()
        self._news.set()

    async def flushed(self) -> None:
        """Return when the other side has dealt with all that was sent, or nothing more can be sent."""
        await self._is_empty.wait()

    async def carry(self, connection: Connection, has: int) -> None:
        """Use this connection until it breaks or another one takes its place.

        :param has: the number of the last item that the other side says it has received
        """
        if self._current is not None:
            self._current.abort()
        self._current = connection
        while self._sent and self._sent[-1][0] > has:
            self._unsent.appendleft(self._sent.pop())
        self.heard_at = asyncio.get_running_loop().time()
        self._news.set()
        tasks = [asyncio.create_task(self._write(connection)), asyncio.create_task(self._read(connection))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            connection.abort()
            if self._current is connection:
                self._current = None

    def close(self) -> None:
        """Deal with nothing more."""
        self._is_closed = True
        self._room.set()
        self._is_empty.set()
        self._handling.cancel()
        if self._current is not None:
            self._current.abort()

    async def _write(self, connection: Connection) -> None:
        with contextlib.suppress(OSError):
            while True:
                if not self._unsent and not self._news.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), BEAT_SECONDS)
                self._news.clear()
                items = self._batch()
                try:
                    await connection.write({'done': self._handled, 'items': items})
                except OSError:
                    raise
                except Exception as error:  # what cannot be serialized would fail again and again
                    self._unsendable += 1
                    if self._unsendable < MOST_FAILURES:
                        return
                    self._give_up(items)
                    self._on_fault(NotSent(str(error)))
                    continue
                self._unsendable = 0 if items else self._unsendable

    def _give_up(self, items: list[Item]) -> None:
        """Send nothing in the place of these, which keep their numbers."""
        numbers = {item[0] for item in items}
        for waiting in (self._sent, self._unsent):
            for place, (number, _kind, values) in enumerate(waiting):
                if number in numbers:
                    self._held -= _size(values) - _size(())
                    waiting[place] = (number, NOTHING, ())
        while self._sent and self._sent[-1][0] in numbers:
            self._unsent.appendleft(self._sent.pop())

    def _batch(self) -> list[Item]:
        items: list[Item] = []
        size = 0
        while self._unsent and size < BATCH_BYTES:
            item = self._unsent.popleft()
            items.append(item)
            self._sent.append(item)
            size += _size(item[2])
        return items

    async def _read(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError, TimeoutError):
            while True:
                try:
                    message = await asyncio.wait_for(connection.read(), SILENT_SECONDS)
                    self._take(message)
                except (OSError, TimeoutError):
                    raise
                except Exception as error:  # the other side would send it again and again
                    self._unreadable += 1
                    if self._unreadable >= MOST_FAILURES:
                        self._on_fault(error)
                    return
                self._unreadable = 0
                self.heard_at = loop.time()

    def _take(self, message: Any) -> None:
        self._let_go(message['done'])
        for number, kind, values in message['items']:
            if number == self.received + 1:  # a smaller one has come before
                self._arrived.append((number, kind, _original(values)))
                self.received = number
        self._has_arrived.set()

    async def _handle(self) -> None:
        while True:
            if not self._arrived:
                self._has_arrived.clear()
                self._news.set()  # says what is dealt with
                await self._has_arrived.wait()
                continue
            number, kind, values = self._arrived.popleft()
            try:
                result = self._on_item(kind, values)
                if inspect.isawaitable(result):
                    await result
            except Exception as error:
                self._on_fault(error)
            self._handled = number
            if not number % TELL_EVERY:
                self._news.set()

    def _let_go(self, done: int) -> None:
        """Forget what the other side has dealt with."""
        self._done = done
        while self._sent and self._sent[0][0] <= done:
            self._held -= _size(self._sent.popleft()[2])
        if not self._sent and not self._unsent:
            self._is_empty.set()
        if self._held < WINDOW_BYTES:
            self._room.set()


def _size(values: tuple[Any, ...]) -> int:
    return ITEM_BYTES + sum(len(value) for value in values if isinstance(value, str | bytes))


def _sendable(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values with each text that is not UTF-8 as a list of its bytes, which no other value is."""
    if all(not isinstance(value, str) or value.isascii() for value in values):  # which costs nothing
        return values
    return tuple(_sendable_text(value) if isinstance(value, str) else value for value in values)


def _sendable_text(text: str) -> str | list[bytes]:
    try:
        text.encode()
    except UnicodeEncodeError:
        return [text.encode('utf-8', 'surrogatepass')]
    return text


def _original(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(
        value[0].decode('utf-8', 'surrogatepass') if isinstance(value, list | tuple) else value for value in values
    )
