"""What went wrong and may need a person: repeated incidents are one alert with a count, until it is seen.

`watch` decides which messages become alerts; the pages decide how they look.
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
from synapse.language import _
from synapse.records import Retold, RetoldRecord, now_utc
from synapse.waiting import is_set_within

log = logging.getLogger(__name__)

MAX_ALERTS = 100
"""How many are kept; `Alerts._make_room` decides which to drop."""
PUBLISH_SECONDS = 0.1
SAVE_SECONDS = 2.0
"""A crash forgets at most the alerts of this time; a failed run is in the history all the same."""
_DOCUMENT = 'alerts'


@dataclass(frozen=True, slots=True)
class AlertsChanged(Message):
    """Alerts were added, changed or seen; at most ten times a second. `unseen` is how many are unseen."""

    unseen: int


@dataclass(frozen=True, slots=True)
class AlertRaised(Message):
    """Something happened, `times` times; `alert` has all that happened to it so far."""

    alert: 'Alert'
    times: int


class AlertKind(StrEnum):
    RUN_FAILED = 'run_failed'
    RUN_INTERRUPTED = 'run_interrupted'
    QUESTION_ASKED = 'question_asked'
    PROGRAMS_LEFT = 'programs_left'
    RUN_SILENT = 'run_silent'
    RUN_STALLED = 'run_stalled'
    SPACE_NEEDED = 'space_needed'
    OCCURRENCES_MISSED = 'occurrences_missed'
    DISK_LOW = 'disk_low'
    QUEUE_HELD = 'queue_held'
    EVERYTHING_STOPPED = 'everything_stopped'
    EVENTS_MOVED = 'events_moved'
    CALENDAR_UNREADABLE = 'calendar_unreadable'
    WATCH_STUCK = 'watch_stuck'
    EVENT_SILENT = 'event_silent'
    CHANNEL_FAILED = 'channel_failed'
    FILE_DAMAGED = 'file_damaged'


class AlertAction(StrEnum):
    """What its button does: open its `target`, or fix the cause at once."""

    OPEN = 'open'
    RESUME_QUEUE = 'resume_queue'


class Incident(RetoldRecord):
    """What happened, and what a person can do next. Incidents with the same `key` share one alert."""

    key: str
    kind: AlertKind
    title: Retold
    text: Retold = ''
    look: str
    """`failed`, `missed`, `paused` or `warning`: its colour and icon."""
    target: str
    """The address of the page with the details."""
    verb: Retold
    action: AlertAction = AlertAction.OPEN
    run_number: int = 0
    """The number of the run it is about, if any."""
    crowd: str = ''
    """Alerts that may become many share a crowd: when there are too many, they replace each other and no others."""


class Alert(Incident):
    """One row of the bell menu."""

    id: str
    count: int = 1
    first_at: datetime
    last_at: datetime
    news: int
    """Greater than that of all earlier alerts, even after a restart; renewed each time the incident repeats."""
    is_seen: bool = False
    over_at: datetime | None = None
    """When it resolved itself, as a full disk does once there is space again."""

    @property
    def is_active(self) -> bool:
        return self.over_at is None


class Alerts:
    """All alerts; iterates newest first. Use it on the event loop only.

    :param now: the wall clock, aware
    """

    def __init__(self, documents: Documents, bus: Bus, *, now: Callable[[], datetime] = now_utc) -> None:
        self._documents = documents
        self._bus = bus
        self._now = now
        # By key, the newest last.
        self._notices: list[str] = []
        self._alerts = {alert.key: alert for alert in self._read()}
        self.news = max((alert.news for alert in self), default=0)
        """The number of the latest incident, 0 if there never was one."""
        self._publish_timer: asyncio.TimerHandle | None = None
        self._published_at = float('-inf')
        self._saving: asyncio.Task[None] | None = None
        self._is_changed = False
        self._is_closing = asyncio.Event()

    @property
    def notices(self) -> list[str]:
        """What could not be read or was restored when the file was opened, a sentence each."""
        return [*self._documents.notices, *self._notices]

    def __len__(self) -> int:
        return len(self._alerts)

    def __iter__(self) -> Iterator[Alert]:
        return iter([*self._alerts.values()][::-1])

    @property
    def unseen(self) -> int:
        return sum(not alert.is_seen for alert in self._alerts.values())

    def since(self, news: int) -> list[Alert]:
        """The alerts after the one with this number, oldest first."""
        found = []
        for alert in self:
            if alert.news <= news:
                break
            found.append(alert)
        return found[::-1]

    def get(self, id: str) -> Alert | None:
        return next((alert for alert in self if alert.id == id), None)

    def active(self, key: str) -> Alert | None:
        alert = self._alerts.get(key)
        return alert if alert is not None and alert.is_active else None

    # Reported by the core

    def report(self, incident: Incident, *, times: int = 1) -> None:
        """Add an incident, or count it if it repeats; one whose alert was seen becomes a new alert."""
        known = self._alerts.pop(incident.key, None)
        if known is not None and known.is_seen:
            known = None
        now = self._now()
        # Based on the time, so that no number repeats even if the file with the alerts is lost.
        self.news = max(self.news + 1, int(now.timestamp() * 1000))
        self._alerts[incident.key] = Alert.model_construct(
            **incident.__dict__,
            id=known.id if known else secrets.token_hex(6),
            count=times + (known.count if known else 0),
            first_at=known.first_at if known else now,
            last_at=now,
            news=self.news,
        )
        alert = self._alerts[incident.key]
        self._make_room()
        self._changed()
        self._bus.publish(AlertRaised(alert, times))

    def reword(self, incident: Incident) -> None:
        """Say an active alert in other words, since its reason has changed. That is no news."""
        alert = self.active(incident.key)
        if alert is not None and alert.text != incident.text:
            self._alerts[incident.key] = alert.changed(title=incident.title, text=incident.text)
            self._changed()

    def resolve(self, key: str) -> None:
        """Mark as resolved what ended by itself; the alert is kept."""
        alert = self.active(key)
        if alert is not None:
            self._alerts[key] = alert.changed(over_at=self._now())
            self._changed()

    def remove(self, key: str) -> None:
        """Remove an alert that was dealt with, or that a larger one covers."""
        if self._alerts.pop(key, None) is not None:
            self._changed()

    def _make_room(self) -> None:
        """Drop surplus alerts: a seen one, else one of the largest crowd; of those the oldest.

        So a thousand failed videos do not displace one failed backup.
        """
        while len(self._alerts) > MAX_ALERTS:
            crowds = Counter(alert.crowd for alert in self._alerts.values())
            largest = max(crowds, key=crowds.__getitem__)
            seen = (key for key, alert in self._alerts.items() if alert.is_seen)
            many = (key for key, alert in self._alerts.items() if alert.crowd == largest)
            del self._alerts[next(seen, None) or next(many)]

    # Requested by a person

    def mark_seen(self, id: str) -> None:
        self._mark(lambda alert: alert.id == id)

    def mark_all_seen(self) -> None:
        self._mark(lambda _: True)

    def mark_page_seen(self, address: str) -> None:
        """Mark the alerts as seen that lead to this page."""
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
        """Remove this alert; it returns if the incident repeats."""
        alert = self.get(id)
        if alert is not None:
            self.remove(alert.key)

    def clear(self) -> None:
        if self._alerts:
            self._alerts.clear()
            self._changed()

    # Published and saved

    async def stop(self) -> None:
        """Save what is not on disk yet."""
        if self._publish_timer is not None:
            self._publish_timer.cancel()
        self._is_closing.set()
        if self._saving is not None:
            await self._saving
        self._documents.close()

    def _changed(self) -> None:
        loop = asyncio.get_running_loop()
        self._is_changed = True
        if self._saving is None or self._saving.done():
            self._saving = loop.create_task(self._save(), name='alerts')
        if self._publish_timer is None:
            wait = self._published_at + PUBLISH_SECONDS - loop.time()
            self._publish_timer = loop.call_later(max(0.0, wait), self._publish)

    def _publish(self) -> None:
        self._publish_timer = None
        self._published_at = asyncio.get_running_loop().time()
        self._bus.publish(AlertsChanged(self.unseen))

    async def _save(self) -> None:
        is_failing = False
        while self._is_changed:
            await is_set_within(self._is_closing, SAVE_SECONDS)
            self._is_changed = False
            document = {'items': [alert.as_document() for alert in self._alerts.values()]}
            try:
                await asyncio.to_thread(self._documents.put, _DOCUMENT, document)
            except StorageError as error:
                if not is_failing:
                    log.warning(_('alerts could not be saved, a restart would forget the newest: %s'), error)
                is_failing = True

    def _read(self) -> Iterator[Alert]:
        """The saved alerts, oldest first; those of another version that do not validate are left out."""
        saved: Any = (self._documents.get(_DOCUMENT) or {}).get('items')
        for item in saved if isinstance(saved, list) else []:
            try:
                yield Alert.model_validate(
                    {name: item[name] for name in (*Alert.model_fields, 'parts') if name in item}
                )
            except (ValidationError, TypeError) as error:
                self._notices.append(_('An alert could not be read and is left out: {error}', error=error))
