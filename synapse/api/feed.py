"""Everything `/ws/updates` says, numbered once for all clients and remembered for a while for those who come back."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

from synapse.bus import LinesLogged, OccurrencesChanged, ProfileChanged, RunChanged, ScheduleChanged, StatusChanged
from synapse.control_room import ControlRoom
from synapse.events import Occurrence
from synapse.log import Entry, Level
from synapse.records import RunRecord

from .answers import encode
from .events import event_json

BUFFER_MESSAGES = 10_000
STATUS_SECONDS = 0.055
"""Between two status messages: below 20 a second even where timers are early."""


class Update:
    """One numbered message. Its text is made when the first client needs it, and shared by all."""

    __slots__ = ('_source', '_text', 'level', 'run', 'seq', 'time', 'type')

    def __init__(
        self, type: str, seq: int, source: Callable[[], Any], *, level: Level | None = None, run: str | None = None
    ) -> None:
        self.type = type
        self.seq = seq
        self.time = time.time()
        self.level = level
        self.run = run
        self._source = source
        self._text: str | None = None

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = framed(self.type, self.seq, self._source(), at=self.time)
        return self._text


def framed(type: str, seq: int, data: Any, *, at: float | None = None) -> str:
    """`{"type", "seq", "time", "data"}` as text."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC).isoformat(timespec='milliseconds')
    return encode({'type': type, 'seq': seq, 'time': moment, 'data': data}).decode()


class Feed:
    """Turns the news of the core into updates and hands them to listeners, on the event loop.

    A listener is called with a batch at a time and must neither wait nor fail.
    """

    def __init__(self, room: ControlRoom) -> None:
        self.seq = 0
        """The number of the newest update of this server start."""
        self._room = room
        self._status = room.status
        self._buffer: deque[Update] = deque(maxlen=BUFFER_MESSAGES)
        self._listeners: dict[object, Callable[[Sequence[Update]], None]] = {}
        self._last_status_at = 0.0
        self._is_status_due = False
        room.bus.subscribe(LinesLogged, lambda news: self._logged(news.entries))
        room.bus.subscribe(RunChanged, lambda news: self._ran(news.run))
        room.bus.subscribe(ProfileChanged, self._profile_changed)
        room.bus.subscribe(ScheduleChanged, self._schedule_changed)
        room.bus.subscribe(OccurrencesChanged, self._occurrences_changed)
        room.bus.subscribe(StatusChanged, lambda _: self._status_changed())

    def listen(self, callback: Callable[[Sequence[Update]], None]) -> Callable[[], None]:
        """Have `callback` called with all updates to come, until the returned function is called."""
        key = object()
        self._listeners[key] = callback
        return lambda: self._listeners.pop(key, None) and None

    @property
    def listener_count(self) -> int:
        return len(self._listeners)

    @property
    def first_seq(self) -> int:
        """The oldest number that is still remembered."""
        return self._buffer[0].seq if self._buffer else self.seq + 1

    def between(self, first: int, last: int) -> Iterator[Update]:
        """Remembered updates with these numbers, both included."""
        start = max(0, first - self.first_seq)
        return islice(self._buffer, start, max(start, last - self.first_seq + 1))

    def _logged(self, entries: Sequence[Entry]) -> None:
        self._publish([self._new('log_entry', entry.as_json, level=entry.level, run=entry.run) for entry in entries])

    def _ran(self, run: RunRecord) -> None:
        self._publish([self._new('run_update', run.as_json, run=run.id)])

    def _profile_changed(self, news: ProfileChanged) -> None:
        data = {'change': news.change, 'profile': news.profile.as_json()}
        self._publish([self._new('profile_change', lambda: data)])

    def _schedule_changed(self, news: ScheduleChanged) -> None:
        def data() -> dict[str, Any]:
            return {'change': news.change, 'event': event_json(self._room.calendar, news.event)}

        self._publish([self._new('schedule_change', data)])

    def _occurrences_changed(self, news: OccurrencesChanged) -> None:
        self._publish([self._new('schedule_change', partial(_occurrence_data, item)) for item in news.occurrences])

    def _status_changed(self) -> None:
        """At most one status in 55 ms; the last one always comes through."""
        if self._is_status_due:
            return
        wait = self._last_status_at + STATUS_SECONDS - time.monotonic()
        if wait <= 0:
            self._publish_status()
        else:
            self._is_status_due = True
            asyncio.get_running_loop().call_later(wait, self._publish_status)

    def _publish_status(self) -> None:
        self._is_status_due = False
        self._last_status_at = time.monotonic()
        snapshot = self._status.snapshot()
        self._publish([self._new('pipeline_update', lambda: snapshot)])

    def _new(
        self, type: str, source: Callable[[], Any], *, level: Level | None = None, run: str | None = None
    ) -> Update:
        self.seq += 1
        update = Update(type, self.seq, source, level=level, run=run)
        self._buffer.append(update)
        return update

    def _publish(self, updates: Sequence[Update]) -> None:
        for callback in tuple(self._listeners.values()):
            callback(updates)


def _occurrence_data(occurrence: Occurrence) -> dict[str, Any]:
    return {'change': 'occurrence', 'occurrence': occurrence.as_json()}
