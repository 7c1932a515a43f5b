"""What went wrong and may want a person: the same trouble is one alert with a count, until somebody has seen it.

Which news become alerts is decided in `watch`; how they look, on the pages.
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from storage.documents import Documents
from storage.files import StorageError
from synapse.bus import Bus, Message
from synapse.records import Record, now_utc

log = logging.getLogger(__name__)

MOST = 100
"""So many are kept; which go is said at `Alerts._make_room`."""
TELL_SECONDS = 0.1
KEEP_SECONDS = 2.0
"""A crash forgets at most what came in this time; a run that failed is in the history all the same."""
_DOCUMENT = 'alerts'


@dataclass(frozen=True, slots=True)
class AlertsChanged(Message):
    """There are others, or somebody has seen some; at most ten times a second. `unseen` is how many are left to see."""

    unseen: int


class AlertKind(StrEnum):
    """What an alert is about."""

    RUN_FAILED = 'run_failed'
    RUN_INTERRUPTED = 'run_interrupted'
    OCCURRENCES_MISSED = 'occurrences_missed'
    DISK_LOW = 'disk_low'
    QUEUE_HELD = 'queue_held'
    EVERYTHING_STOPPED = 'everything_stopped'


class AlertAction(StrEnum):
    """What its button does: lead to its `target`, or something that helps at once."""

    OPEN = 'open'
    RESUME_QUEUE = 'resume_queue'


class Incident(Record):
    """What happened, and what a person can do next. Those with the same `key` are the same trouble."""

    key: str
    kind: AlertKind
    title: str
    text: str = ''
    look: str
    """`failed`, `missed`, `paused` or `warning`: its colour and its glyph."""
    target: str
    """The address of the page that tells more."""
    verb: str
    action: AlertAction = AlertAction.OPEN
    run_number: int = 0
    """Of the run that it tells of and leads to."""
    crowd: str = ''
    """Those of one crowd may become many; then they take the place of each other, and of no others."""


class Alert(Incident):
    """One row of the bell."""

    id: str
    count: int = 1
    first_at: datetime
    last_at: datetime
    news: int
    """Higher than that of all alerts before it, also over a restart; another one each time it happens again."""
    is_seen: bool = False
    over_at: datetime | None = None
    """When it ended by itself, as a full disk does that is full no more."""

    @property
    def is_active(self) -> bool:
        """Whether it is as it says right now."""
        return self.over_at is None


class Alerts:
    """Use it on the event loop only. Iterates newest first.

    :param now: the wall clock, aware
    """

    def __init__(self, documents: Documents, bus: Bus, *, now: Callable[[], datetime] = now_utc) -> None:
        self._documents = documents
        self._bus = bus
        self._now = now
        # By key, the newest last.
        self._alerts = {alert.key: alert for alert in _read(documents)}
        self.news = max((alert.news for alert in self), default=0)
        """The number of what happened last, 0 if nothing ever did."""
        self._telling: asyncio.TimerHandle | None = None
        self._told_at = float('-inf')
        self._keeping: asyncio.Task[None] | None = None
        self._is_changed = False
        self._is_closing = asyncio.Event()

    @property
    def notices(self) -> list[str]:
        """Sentences for a person: what was set aside or restored when the file was opened."""
        return self._documents.notices

    def __len__(self) -> int:
        return len(self._alerts)

    def __iter__(self) -> Iterator[Alert]:
        return iter([*self._alerts.values()][::-1])

    @property
    def unseen(self) -> int:
        """How many nobody has seen."""
        return sum(not alert.is_seen for alert in self._alerts.values())

    def since(self, news: int) -> list[Alert]:
        """What has happened after the one with this number, the earliest first."""
        found = []
        for alert in self:
            if alert.news <= news:
                break
            found.append(alert)
        return found[::-1]

    def get(self, id: str) -> Alert | None:
        return next((alert for alert in self if alert.id == id), None)

    def active(self, key: str) -> Alert | None:
        """The alert about this trouble, if there is one and it is not over."""
        alert = self._alerts.get(key)
        return alert if alert is not None and alert.is_active else None

    # Told by the core

    def report(self, incident: Incident, *, times: int = 1) -> None:
        """It happened, or happened again. What somebody has seen before begins anew, as another alert."""
        known = self._alerts.pop(incident.key, None)
        if known is not None and known.is_seen:
            known = None
        now = self._now()
        # The time makes sure that no number comes twice, should the file with the alerts be lost.
        self.news = max(self.news + 1, int(now.timestamp() * 1000))
        self._alerts[incident.key] = Alert.model_construct(
            **incident.__dict__,
            id=known.id if known else secrets.token_hex(6),
            count=times + (known.count if known else 0),
            first_at=known.first_at if known else now,
            last_at=now,
            news=self.news,
        )
        self._make_room()
        self._changed()

    def resolve(self, key: str) -> None:
        """It has ended by itself; the alert says so, and stays."""
        alert = self.active(key)
        if alert is not None:
            self._alerts[key] = alert.changed(over_at=self._now())
            self._changed()

    def remove(self, key: str) -> None:
        """It is dealt with, or something larger tells of it: there is nothing to be said any more."""
        if self._alerts.pop(key, None) is not None:
            self._changed()

    def _make_room(self) -> None:
        """Of too many, let one go that somebody has seen, else of the largest crowd; there the oldest.

        So a thousand films that fail push no failed backup out.
        """
        while len(self._alerts) > MOST:
            crowds = Counter(alert.crowd for alert in self._alerts.values())
            largest = max(crowds, key=crowds.__getitem__)
            seen = (key for key, alert in self._alerts.items() if alert.is_seen)
            many = (key for key, alert in self._alerts.items() if alert.crowd == largest)
            del self._alerts[next(seen, None) or next(many)]

    # Asked by a person

    def mark_seen(self, id: str) -> None:
        """Somebody has seen this one."""
        self._mark(lambda alert: alert.id == id)

    def mark_all_seen(self) -> None:
        """Somebody has seen them all."""
        self._mark(lambda _: True)

    def mark_page_seen(self, address: str) -> None:
        """Somebody is on the page that these lead to."""
        self._mark(lambda alert: alert.target == address)

    def _mark(self, which: Callable[[Alert], bool]) -> None:
        seen = {
            key: alert.changed(is_seen=True)
            for key, alert in self._alerts.items()
            if not alert.is_seen and which(alert)
        }
        if seen:
            self._alerts.update(seen)
            self._changed()

    def dismiss(self, id: str) -> None:
        """Take this one away; it comes back if it happens again."""
        alert = self.get(id)
        if alert is not None:
            self.remove(alert.key)

    def clear(self) -> None:
        """Take all of them away."""
        if self._alerts:
            self._alerts.clear()
            self._changed()

    # Told on, and kept

    async def stop(self) -> None:
        """Write what is not on the disk yet."""
        if self._telling is not None:
            self._telling.cancel()
        self._is_closing.set()
        if self._keeping is not None:
            await self._keeping
        self._documents.close()

    def _changed(self) -> None:
        loop = asyncio.get_running_loop()
        self._is_changed = True
        if self._keeping is None or self._keeping.done():
            self._keeping = loop.create_task(self._keep(), name='alerts')
        if self._telling is None:
            wait = self._told_at + TELL_SECONDS - loop.time()
            self._telling = loop.call_later(max(0.0, wait), self._publish)

    def _publish(self) -> None:
        self._telling = None
        self._told_at = asyncio.get_running_loop().time()
        self._bus.publish(AlertsChanged(self.unseen))

    async def _keep(self) -> None:
        is_failing = False
        while self._is_changed:
            await _passed(self._is_closing, KEEP_SECONDS)
            self._is_changed = False
            document = {'items': [alert.as_json() for alert in self._alerts.values()]}
            try:
                await asyncio.to_thread(self._documents.put, _DOCUMENT, document)
            except StorageError as error:
                if not is_failing:
                    log.warning('the alerts could not be kept, a restart would forget the newest: %s', error)
                is_failing = True


async def _passed(event: asyncio.Event, seconds: float) -> None:
    """Return after these seconds, or as soon as the event is set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _read(documents: Documents) -> Iterator[Alert]:
    """The alerts as they were kept, the oldest first; one of another version that says nothing to us is left out."""
    kept: Any = (documents.get(_DOCUMENT) or {}).get('items')
    for item in kept if isinstance(kept, list) else []:
        try:
            yield Alert.model_validate({name: item[name] for name in Alert.model_fields if name in item})
        except (ValidationError, TypeError) as error:
            log.warning('an alert could not be read: %s', error)
