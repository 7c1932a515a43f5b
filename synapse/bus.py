"""What the core says when something changed; whoever listens is called at once, on the event loop."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """News of the core, in the past tense."""


M = TypeVar('M', bound=Message)


class Bus:
    """Hands each message to its subscribers, in the order they came. Used on the event loop only."""

    def __init__(self) -> None:
        self._subscribers: dict[type[Message], list[Callable[[Any], None]]] = {}

    def subscribe(self, kind: type[M], callback: Callable[[M], None]) -> Callable[[], None]:
        """Call `callback` with each message of exactly this kind, until the returned function is called."""
        callbacks = self._subscribers.setdefault(kind, [])
        callbacks.append(callback)

        def unsubscribe() -> None:
            # By identity of the list entry: two tabs may subscribe equal bound methods.
            for index, known in enumerate(callbacks):
                if known is callback:
                    del callbacks[index]
                    return

        return unsubscribe

    def publish(self, message: Message) -> None:
        """Tell everyone; one broken listener is logged and never stops the others or the core."""
        for callback in tuple(self._subscribers.get(type(message), ())):
            try:
                callback(message)
            except Exception:
                log.exception('a listener of %s failed', type(message).__name__)

    def subscriber_count(self) -> int:
        """How many subscriptions exist: what a test for leaks counts."""
        return sum(map(len, self._subscribers.values()))

    async def next(self, kind: type[M], *, timeout: float, where: Callable[[M], bool] = lambda _: True) -> M:
        """The next message of this kind for which `where` holds.

        :param timeout: seconds
        :raises TimeoutError: if none came in time
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
