"""What the core says when something changed; whoever listens is called at once, on the event loop."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .calendar.events import Event, Occurrence
    from .log.log import Entry
    from .profiles import Profile
    from .records import RunRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """News of the core, in the past tense."""


@dataclass(frozen=True, slots=True)
class RunChanged(Message):
    """A run was created, moved, or made progress. `moved` is false for mere progress of its running step."""

    run: 'RunRecord'
    moved: bool = True


@dataclass(frozen=True, slots=True)
class RunsForgotten(Message):
    """Ended runs were let go, with their folders, as the Settings page says."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RetentionChanged(Message):
    """What is to be kept was set anew, or old things are being removed, or were; ask `Retention`."""


@dataclass(frozen=True, slots=True)
class LinesLogged(Message):
    """Entries joined the log, in order of `seq`."""

    entries: 'tuple[Entry, ...]'


@dataclass(frozen=True, slots=True)
class LogCleared(Message):
    """Entries up to and including `seq` are gone."""

    seq: int


@dataclass(frozen=True, slots=True)
class StatusChanged(Message):
    """`Status` has new values; ask it for a snapshot."""


@dataclass(frozen=True, slots=True)
class QueueChanged(Message):
    """Runs joined, left or changed places in the queue, or it was paused or resumed."""


@dataclass(frozen=True, slots=True)
class EverythingStopped(Message):
    """The emergency stop: `live` runs end, and nothing starts, `waiting` stay in the queue until it is resumed."""

    live: int
    waiting: int


@dataclass(frozen=True, slots=True)
class MachineMeasured(Message):
    """The disk with the data folder; sizes in bytes."""

    folder: str
    disk_free: int
    disk_total: int


@dataclass(frozen=True, slots=True)
class AlertsChanged(Message):
    """There are others, or somebody has seen some; at most ten times a second. `unseen` is how many are left to see."""

    unseen: int


@dataclass(frozen=True, slots=True)
class PipelinesChanged(Message):
    """Pipelines appeared, changed, broke, were mended or went; `names` are their class names or file names."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProfileChanged(Message):
    """A profile was `created`, `updated` or `deleted`."""

    change: str
    profile: 'Profile'


@dataclass(frozen=True, slots=True)
class ScheduleChanged(Message):
    """An event was `created`, `updated` or `deleted`: what is planned is different now."""

    change: str
    event: 'Event'


@dataclass(frozen=True, slots=True)
class OccurrencesChanged(Message):
    """Occurrences have a new state, a new run, or were answered for in *While you were away*."""

    occurrences: 'tuple[Occurrence, ...]'


@dataclass(frozen=True, slots=True)
class InboxChanged(Message):
    """Files came into or left the inbox."""


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
