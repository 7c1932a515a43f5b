"""The messages of `/ws/updates`, numbered once for all clients and kept for a while for those that reconnect."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from synapse.api.events import event_json
from synapse.api.responses import encode
from synapse.calendar.events import Occurrence
from synapse.calendar.messages import OccurrencesChanged, ScheduleChanged
from synapse.control_room import ControlRoom
from synapse.log.entry import size_of
from synapse.log.log import Entry, Level
from synapse.log.messages import LinesLogged
from synapse.profiles import ProfileChanged
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord
from synapse.status import StatusChanged
from synapse.waiting import Throttle

BUFFER_MESSAGES = 10_000
BUFFER_CHARACTERS = 32_000_000
"""How much text the buffered messages may hold; ten thousand lines of usual length hold far less."""
TEXT_CHARACTERS = 16_000_000
"""How much of it is kept encoded as JSON, for all clients together."""
STATUS_SECONDS = 0.055
"""Minimum interval of status messages: below 20 a second even when timers fire early."""

_USUAL_CHARACTERS = 2_000
_SLACK = 1.05
_BATCH = 100


@dataclass(slots=True, eq=False)
class Update:
    """One numbered message; the buffer encodes its text when the first client needs it, and all clients share it."""

    type: str
    seq: int
    source: Callable[[], Any]
    time: float
    level: Level | None = None
    run: str | None = None
    text: str | None = None


class _Batch:
    """Messages that arrived together. Each becomes an update when a client first reads it: in a flood most never do.

    :param size: roughly how many characters each of them keeps in memory
    """

    __slots__ = ('_make', '_updates', 'size')

    def __init__(self, size: float, make: Callable[[int], Update]) -> None:
        self.size = size
        self._make = make
        self._updates: dict[int, Update] = {}

    def __getitem__(self, seq: int) -> Update:
        update = self._updates.get(seq)
        if update is None:
            update = self._updates[seq] = self._make(seq)
        return update


class _ScheduleUpdate:
    """A batch of one changed event, of few objects: an import has thousands, and collecting garbage visits each."""

    __slots__ = ('_change', '_event', '_room', '_time', '_update', 'size')

    def __init__(self, room: ControlRoom, message: ScheduleChanged) -> None:
        self.size = _USUAL_CHARACTERS
        self._room, self._time = room, time.time()
        self._change, self._event = message.change, message.event  # and not the event as it was before
        self._update: Update | None = None

    def __getitem__(self, seq: int) -> Update:
        if self._update is None:
            self._update = Update('schedule_change', seq, self._data, self._time)
        return self._update

    def _data(self) -> dict[str, Any]:
        return {'change': self._change, 'event': event_json(self._room.calendar, self._event)}


def framed(type: str, seq: int, data: Any, *, at: float | None = None) -> str:
    """The JSON text of `{"type", "seq", "time", "data"}`."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC).isoformat(timespec='milliseconds')
    return encode({'type': type, 'seq': seq, 'time': moment, 'data': data}).decode()


class Reader(Protocol):
    """A client of the buffer. Its methods must neither block nor fail."""

    def wake(self) -> None:
        """Called when there are new updates."""

    def drop_before(self, before: int) -> None:
        """Called before updates with a smaller number are dropped; they can still be read during this call."""


class UpdateBuffer:
    """Turns messages of the core into numbered updates, on the event loop, and keeps the newest of them.

    Readers have no queues of their own; each only knows how far it has read. So memory is bounded once for all of them,
    in messages and in characters, and a slow reader costs neither memory nor the time of others.
    """

    def __init__(self, room: ControlRoom) -> None:
        self.seq = 0
        """The number of the newest update since the server started."""
        self.first_seq = 1
        """The oldest number that is still buffered."""
        self._room = room
        self._status = room.status
        self._batches: dict[int, _Batch | _ScheduleUpdate] = {}
        self._size = 0.0
        self._written: deque[Update] = deque()
        self._written_size = 0
        self._readers: dict[int, Reader] = {}
        # The last status always goes out.
        status_changed = Throttle(STATUS_SECONDS, self._publish_status)
        room.bus.subscribe(LinesLogged, lambda message: self._lines_logged(message.entries))
        room.bus.subscribe(RunChanged, lambda message: self._run_changed(message.run))
        room.bus.subscribe(ProfileChanged, self._profile_changed)
        room.bus.subscribe(ScheduleChanged, self._schedule_changed)
        room.bus.subscribe(OccurrencesChanged, self._occurrences_changed)
        room.bus.subscribe(StatusChanged, lambda _: status_changed())

    def listen(self, reader: Reader) -> Callable[[], None]:
        """Wake `reader` on every update until the returned function is called."""
        self._readers[id(reader)] = reader

        def stop() -> None:
            self._readers.pop(id(reader), None)

        return stop

    @property
    def listener_count(self) -> int:
        return len(self._readers)

    def __getitem__(self, seq: int) -> Update:
        """The update with this number, from `first_seq` to `seq`."""
        return self._batches[seq][seq]

    def text_of(self, update: Update) -> str:
        """The JSON text of an update; the 16 million characters encoded last are kept."""
        if update.text is None:
            update.text = framed(update.type, update.seq, update.source(), at=update.time)
            self._written.append(update)
            self._written_size += len(update.text)
        text = update.text
        while self._written_size > TEXT_CHARACTERS:
            oldest = self._written.popleft()
            self._written_size -= len(oldest.text or '')
            oldest.text = None
        return text

    def _lines_logged(self, entries: Sequence[Entry]) -> None:
        now = time.time()
        for start in range(0, len(entries), _BATCH):
            self._remember_entries(entries[start : start + _BATCH], now)
        self._wake_all()

    def _remember_entries(self, entries: Sequence[Entry], now: float) -> None:
        first = self.seq + 1

        def update(seq: int) -> Update:
            entry = entries[seq - first]
            return Update('log_entry', seq, entry.as_json, now, level=entry.level, run=entry.run)

        self._remember(len(entries), size_of(entries) / len(entries), update)

    def _run_changed(self, run: RunRecord) -> None:
        self._publish('run_update', run.as_json, run=run.id)

    def _profile_changed(self, message: ProfileChanged) -> None:
        data = {'change': message.change, 'profile': message.profile.as_json()}
        self._publish('profile_change', lambda: data)

    def _schedule_changed(self, message: ScheduleChanged) -> None:
        self._keep(1, _ScheduleUpdate(self._room, message))
        self._wake_all()

    def _occurrences_changed(self, message: OccurrencesChanged) -> None:
        self._publish('schedule_change', *(partial(_occurrence_data, item) for item in message.occurrences))

    def _publish_status(self) -> None:
        snapshot = self._status.snapshot()
        self._publish('pipeline_update', lambda: snapshot)

    def _publish(self, type: str, *sources: Callable[[], Any], run: str | None = None) -> None:
        first, now = self.seq + 1, time.time()
        self._remember(
            len(sources), _USUAL_CHARACTERS, lambda seq: Update(type, seq, sources[seq - first], now, run=run)
        )
        self._wake_all()

    def _remember(self, count: int, size: float, make: Callable[[int], Update]) -> None:
        self._keep(count, _Batch(size, make))

    def _keep(self, count: int, batch: _Batch | _ScheduleUpdate) -> None:
        first, self.seq = self.seq + 1, self.seq + count
        self._batches.update(dict.fromkeys(range(first, self.seq + 1), batch))
        self._size += count * batch.size
        # Drop several at a time: asking every reader at each line would be expensive.
        if len(self._batches) > BUFFER_MESSAGES * _SLACK or self._size > BUFFER_CHARACTERS * _SLACK:
            self._forget_oldest()

    def _wake_all(self) -> None:
        for reader in tuple(self._readers.values()):
            reader.wake()

    def _forget_oldest(self) -> None:
        """Drop the surplus; readers that have not read it continue in the middle of what is left."""
        first, size = self.first_seq, self._size
        while first < self.seq and (self.seq + 1 - first > BUFFER_MESSAGES or size > BUFFER_CHARACTERS):
            size -= self._batches[first].size
            first += 1
        for reader in tuple(self._readers.values()):
            reader.drop_before(first)
        for seq in range(self.first_seq, first):
            del self._batches[seq]
        self.first_seq, self._size = first, size


def _occurrence_data(occurrence: Occurrence) -> dict[str, Any]:
    return {'change': 'occurrence', 'occurrence': occurrence.as_json()}
