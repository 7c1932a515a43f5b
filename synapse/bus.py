"""Messages from the core about what changed; subscribers are called at once, on the event loop."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from synapse.language import N_

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """The base of all messages. Their names are in the past tense."""


M = TypeVar('M', bound=Message)


class Bus:
    """Passes each message to its subscribers, in the order they subscribed. Use it on the event loop only."""

    def __init__(self) -> None:
        self._subscribers: dict[type[Message], list[Callable[[Any], None]]] = {}

    def subscribe(self, kind: type[M], callback: Callable[[M], None]) -> Callable[[], None]:
        """Call `callback` with each message of exactly this kind, until the returned function is called."""
        callbacks = self._subscribers.setdefault(kind, [])
        callbacks.append(callback)

        def unsubscribe() -> None:
            # By identity: two tabs may subscribe bound methods that are equal.
            for index, known in enumerate(callbacks):
                if known is callback:
                    del callbacks[index]
                    return

        return unsubscribe

    def publish(self, message: Message) -> None:
        """Call all subscribers of this message; one that fails is logged and does not affect the others."""
        for callback in tuple(self._subscribers.get(type(message), ())):
            try:
                callback(message)
            except Exception:
                log.exception(N_('a subscriber of %s failed'), type(message).__name__)

    def subscriber_count(self) -> int:
        """Return how many subscriptions exist; tests for leaks count them."""
        return sum(map(len, self._subscribers.values()))

    async def next(self, kind: type[M], *, timeout: float, where: Callable[[M], bool] = lambda _: True) -> M:
        """Return the next message of this kind for which `where` returns True.

        :param timeout: seconds
        :raises TimeoutError: if there is none in time
        """
        future: asyncio.Future[M] = asyncio.get_running_loop().create_future()

        def look(message: M) -> None:
            if not future.done() and where(message):
                future.set_result(message)

        unsubscribe = self.subscribe(kind, look)
        try:
            return await asyncio.wait_for(future, timeout)
        finally:
            unsubscribe()
