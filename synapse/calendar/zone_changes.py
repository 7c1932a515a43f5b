"""Which events moved because the time-zone data changed since the program last ran.

The zone files of all events are kept in the data folder. When one says something else at a later start, each event of
that zone keeps its wall time, and what that changes is shown to a person until they dismiss it.
"""

import asyncio
import base64
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError, computed_field

from storage.documents import Documents
from storage.files import StorageError
from synapse.bus import Bus
from synapse.damage import DamageFound
from synapse.errors import NotFound
from synapse.language import N_, _, _n, own
from synapse.language.formats import listed
from synapse.log.log import Level, Log
from synapse.records import Record
from synapse.recurrence import RuleError
from synapse.recurrence.zone_moves import differences, first_move
from synapse.recurrence.zones import former_zone
from synapse.waiting import is_set_within
from synapse.zone_data import content_of

from .event_store import SOURCE
from .events import Event
from .messages import EventsWritten, ZonesChanged

log = logging.getLogger(__name__)

AFTER_SECONDS = 0.5
"""The check runs this long after the start, which must not wait for it."""
MAX_MOVED = 200
"""How many events of a change are listed."""
MAX_CHANGES = 10
_RULES, _CHANGES = 'rules', 'changes'
_NAMED = 3


class MovedEvent(Record):
    """An event that kept its wall time, and its first coming occurrence that this moved."""

    event_id: str
    title: str
    timezone: str
    was: datetime
    due: datetime

    @property
    def by(self) -> timedelta:
        return self.due - self.was


class ZoneChange(Record):
    """What a change of the time-zone data moved."""

    id: str
    found_at: datetime
    version: str | None
    before: str | None
    """The version of the earlier data, as far as it is known."""
    zones: tuple[str, ...]
    count: int
    """Of moved events; the first 200 are in `moved`."""
    moved: tuple[MovedEvent, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sentence(self) -> str:
        """`3 events moved by an hour: the rules of America/Vancouver changed.`"""
        many = len(self.zones)
        zones = listed(self.zones) if many <= _NAMED else _n('{count} time zone', '{count} time zones', many)
        lengths = {abs(event.by) for event in self.moved}
        if len(lengths) != 1:
            return _n(
                '{count} event moved: the rules of {zones} changed.',
                '{count} events moved: the rules of {zones} changed.',
                self.count,
                zones=zones,
            )
        return _n(
            '{count} event moved by {length}: the rules of {zones} changed.',
            '{count} events moved by {length}: the rules of {zones} changed.',
            self.count,
            length=_length_words(lengths.pop()),
            zones=zones,
        )


class ZoneChanges:
    """Compares the rules of all zones in use once after the start. Use it on the event loop only.

    :param path: of the file that keeps the rules and what is not dismissed yet
    :param events: all events by id
    :param data: version and source of the data in use
    """

    def __init__(
        self,
        path: Path,
        *,
        events: Mapping[str, Event],
        data: Mapping[str, Any],
        bus: Bus,
        log: Log,
        now: Callable[[], datetime],
    ) -> None:
        self._path = path
        self._events = events
        self._data = data
        self._bus = bus
        self._log = log
        self._now = now
        self._documents: Documents | None = None
        self._changes: tuple[ZoneChange, ...] = ()
        self._files: dict[str, str] = {}
        """The files in use, by zone, in base 64."""
        self.checked = asyncio.Event()
        """Set once the rules have been compared."""
        self._has_new = asyncio.Event()
        self._is_closing = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._undo = bus.subscribe(EventsWritten, lambda _message: self._has_new.set())

    def start(self) -> None:
        """Check soon; a disk that refuses is logged."""
        self._work = asyncio.get_running_loop().create_task(self._check_and_remember(), name='time-zone data')

    async def stop(self) -> None:
        self._undo()
        self._is_closing.set()
        self._has_new.set()
        if self._work is not None:
            await self._work
        if self._documents is not None:
            self._documents.close()

    @property
    def all(self) -> Sequence[ZoneChange]:
        """What is not dismissed yet, newest first."""
        return self._changes[::-1]

    async def dismiss(self, id: str) -> None:
        """:raises NotFound: `change_not_found`"""
        left = tuple(change for change in self._changes if change.id != id)
        if self._documents is None or len(left) == len(self._changes):
            message = _('No change of time zones has the id {id!r}.', id=id)
            raise NotFound('change_not_found', message, _('It may be dismissed.'))
        await asyncio.to_thread(self._documents.put, _CHANGES, _as_document(left))
        self._changes = left
        self._bus.publish(ZonesChanged((), is_open=bool(left)))

    async def _check_and_remember(self) -> None:
        if await is_set_within(self._is_closing, AFTER_SECONDS):
            return
        try:
            self._documents = await asyncio.to_thread(Documents, self._path)
            await self._check(self._documents)
        except StorageError as error:
            log.warning(N_('the rules of time zones could not be compared with those of the last start: %s'), error)
            return
        while not self._is_closing.is_set():
            await self._has_new.wait()
            self._has_new.clear()
            await self._remember_new(self._documents)

    async def _check(self, documents: Documents) -> None:
        events = [*self._events.values()]
        found = await asyncio.to_thread(self._compare, documents, events, self._now())
        for notice in documents.notices:
            self._log.append(Level.WARNING, notice, source='storage')
        if documents.damage is not None:
            self._bus.publish(DamageFound(documents.damage))
        if found is not None:
            text = _(
                '{sentence} Each keeps its wall time. The time-zone data is version {version}.',
                sentence=found.sentence,
                version=found.version,
            )
            self._log.append(Level.WARNING, text, source=SOURCE)
        if self._changes:
            titles = () if found is None else (own(found.sentence), *(event.title for event in found.moved))
            self._bus.publish(ZonesChanged(titles, is_open=True))
        self.checked.set()

    def _compare(self, documents: Documents, events: Sequence[Event], now: datetime) -> ZoneChange | None:
        """Compare and save in one write, so that a crash repeats all of it or nothing."""
        saved = documents.get(_RULES) or {}
        before: Mapping[str, str] = saved.get('zones') or {}
        changes = tuple(_changes_in(documents.get(_CHANGES) or {}))
        files = _files_of(event.timezone for event in events)
        moved: list[MovedEvent] = []
        for name in sorted(files):
            if before.get(name, files[name]) != files[name]:
                moved += _moved_in(
                    name, before[name], [event for event in events if event.enabled and event.timezone == name], now
                )
        found = None
        if moved:
            found = ZoneChange(
                id=secrets.token_hex(6),
                found_at=now,
                version=self._data.get('version'),
                before=saved.get('version'),
                zones=tuple(sorted({event.timezone for event in moved})),
                count=len(moved),
                moved=tuple(sorted(moved, key=lambda event: event.due)[:MAX_MOVED]),
            )
            changes = (*changes, found)[-MAX_CHANGES:]
        if files != before or found is not None:
            documents.change({_RULES: self._rules(files), _CHANGES: _as_document(changes)})
        self._changes, self._files = changes, files
        return found

    async def _remember_new(self, documents: Documents) -> None:
        """Keep the files of zones that no event had before."""
        new = {event.timezone for event in self._events.values()} - self._files.keys()
        if not new:
            return
        self._files |= await asyncio.to_thread(_files_of, new)
        try:
            await asyncio.to_thread(documents.put, _RULES, self._rules(self._files))
        except StorageError as error:
            log.warning(N_('the rules of new time zones could not be saved: %s'), error)

    def _rules(self, files: Mapping[str, str]) -> dict[str, Any]:
        return {'version': self._data.get('version'), 'zones': dict(files)}


def _files_of(names: Iterable[str]) -> dict[str, str]:
    files = {name: content_of(name) for name in set(names)}
    return {name: base64.b64encode(content).decode() for name, content in sorted(files.items()) if content}


def _moved_in(name: str, file: str, events: Sequence[Event], now: datetime) -> Iterator[MovedEvent]:
    """Yield the events of a zone that move, by its file before."""
    try:
        content = base64.b64decode(file)
        with former_zone(name, content) as former:
            spans = differences(name, former, now)
            for event in events if spans else ():
                move = first_move(event.plan, former, spans, now)
                if move is not None:
                    yield MovedEvent(event_id=event.id, title=event.title, timezone=name, was=move.was, due=move.due)
    except (ValueError, RuleError) as error:
        log.warning(N_('the earlier rules of %s could not be compared: %s'), name, error)


def _as_document(changes: Iterable[ZoneChange]) -> dict[str, Any]:
    return {'items': [change.model_dump(mode='json', exclude={'sentence'}) for change in changes]}


def _changes_in(document: Mapping[str, Any]) -> Iterator[ZoneChange]:
    for item in document.get('items') or ():
        try:
            yield ZoneChange.model_validate(item)
        except ValidationError as error:
            log.warning(N_('a change of time zones could not be read and is left out: %s'), error)


def _length_words(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    if minutes == 60:
        return _('an hour')
    if minutes % 60 == 0:
        return _n('{count} hour', '{count} hours', minutes // 60)
    return _n('{count} minute', '{count} minutes', minutes)
