"""Calendars of others that are read every hour: their events come, change and go with them.

Importing isn't trusting, least of all unattended: see `ical.importing` for what stays switched off.
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from storage.documents import Documents
from storage.files import StorageError
from synapse.auth import Auth
from synapse.bus import Bus
from synapse.calendar.calendar import Calendar
from synapse.calendar.editor import EventEditor
from synapse.catalog.catalog import Catalog
from synapse.errors import Conflict, DiskIsFull, Invalid, NotFound, SynapseError
from synapse.ical.import_rules import ImportRules
from synapse.language import _, _n, answering_in, own_language
from synapse.log.log import Level, Log
from synapse.records import now_utc
from synapse.sentences import sentence_of
from synapse.waiting import is_set_within

from .address import checked_address, place_of, secrets_of
from .records import ALARMING, Subscription, SubscriptionChanged, SubscriptionRead

if TYPE_CHECKING:
    from .reading import Reader

log = logging.getLogger(__name__)

SOURCE = 'calendars'
MAX_SUBSCRIPTIONS = 50
FIRST_AFTER = 5.0
"""Seconds after the start until the first read, to leave the start to the pages."""
LOOK_SECONDS = 60.0
"""How often at least the wall clock is looked at: it may be set, and stands still for nobody while a laptop sleeps."""
_DOCUMENT = 'subscriptions'
_FIELDS = ('label', 'url', 'turns_on')


class Subscriptions:
    """The subscribed calendars, in the order they were added. Use it on the event loop only.

    :param now: the wall clock
    """

    def __init__(
        self,
        *,
        documents: Documents,
        calendar: Calendar,
        editor: EventEditor,
        catalog: Catalog,
        auth: Auth,
        rules: ImportRules,
        log: Log,
        bus: Bus,
        now: Callable[[], datetime] = now_utc,
    ) -> None:
        self.notices: list[str] = []
        self._documents, self._calendar, self._editor, self._catalog = documents, calendar, editor, catalog
        self._auth, self._rules, self._log, self._bus, self._now = auth, rules, log, bus, now
        self._items = self._load()
        self._reads: dict[str, asyncio.Task[Subscription]] = {}
        self._importing: set[str] = set()
        """Of these reads the events are being saved, which must not be interrupted."""
        self._one_at_a_time = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read each an hour after it was read last, also if that was before the start."""
        for item in self._items.values():
            self._log.hide(_owner(item), secrets_of(item.url))
        self._task = asyncio.create_task(self._run(), name='subscribed calendars')

    async def stop(self) -> None:
        """Stop reading; what is being saved is saved."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(self._end_read(id) for id in [*self._reads]))

    # -- what there is ------------------------------------------------------------------------------------------------

    def all(self) -> list[Subscription]:
        return [*self._items.values()]

    def get(self, id: str) -> Subscription:
        """:raises NotFound: `subscription_not_found`"""
        if id not in self._items:
            raise NotFound(
                'subscription_not_found', _('No calendar has the id {id!r}.', id=id), _('It may have been removed.')
            )
        return self._items[id]

    def label_of(self, source: str) -> str:
        """Return the label of the calendar that an event is from; empty if it is from none that is still read."""
        return self._items[source].label if source in self._items else ''

    def is_reading(self, id: str) -> bool:
        return id in self._reads

    def event_ids(self, id: str) -> list[str]:
        """Return the events that come from a calendar."""
        return [event.id for event in self._calendar.events() if event.source == id]

    def event_counts(self) -> Counter[tuple[str, bool]]:
        """Return how many events there are, by the id of their calendar and whether they are switched on."""
        return Counter((event.source, event.enabled) for event in self._calendar.events() if event.source)

    # -- changes ------------------------------------------------------------------------------------------------------

    async def add(self, values: Mapping[str, Any]) -> Subscription:
        """Subscribe to a calendar; it is read at once, in the background.

        :param values: `url`, and optionally `label` and `turns_on`
        :raises Invalid: with a sentence for each invalid field
        :raises Conflict: `already_subscribed`, or `too_many_subscriptions`
        """
        if len(self._items) >= MAX_SUBSCRIPTIONS:
            text = _('At most {count} calendars can be subscribed to.', count=MAX_SUBSCRIPTIONS)
            raise Conflict('too_many_subscriptions', text, _('Remove one first.'))
        item = self._checked({'label': '', 'turns_on': False, **values}, id=secrets.token_hex(6), at=self._now())
        await self._save(item)
        self._log.append(
            Level.INFO,
            _('Subscribed to the calendar {label} of {place}', label=item.label, place=item.place),
            source=SOURCE,
        )
        self._begin(item.id)
        return item

    async def update(self, id: str, values: Mapping[str, Any]) -> Subscription:
        """Change some of the fields of `add`. Another address is read at once.

        :raises NotFound: `subscription_not_found`
        :raises Invalid: with a sentence for each invalid field
        """
        before = self.get(id)
        given = {name: getattr(before, name) for name in _FIELDS} | dict(values)
        item = self._checked(given, id=id, at=before.created_at)
        if item.url == before.url:
            item = before.changed(**{name: getattr(item, name) for name in _FIELDS})
        await self._save(item)
        if item.url != before.url:
            self._begin(id)
        return item

    async def remove(self, id: str, *, events: Literal['keep', 'delete']) -> None:
        """End a subscription; its events stay as they are, or go.

        :raises NotFound: `subscription_not_found`
        """
        item = self.get(id)
        await self._write(removed=id)  # first, so that no read of it begins any more
        await self._end_read(id)
        if events == 'delete' and (ids := self.event_ids(id)):
            await self._editor.change_many({}, ids, because=_('the calendar {label} was removed', label=item.label))
        await self._editor.forget_left(id)
        self._log.unhide(_owner(item))
        self._log.append(Level.INFO, _('The calendar {label} is no longer read', label=item.label), source=SOURCE)
        self._bus.publish(SubscriptionChanged(item, is_removed=True))

    async def read(self, id: str) -> Subscription:
        """Read a calendar now, or join the read that goes on; `error` of the answer says why it could not be read.

        :raises NotFound: `subscription_not_found`
        """
        return await asyncio.shield(self._begin(id))

    # -- reading ------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        await asyncio.sleep(FIRST_AFTER)
        while True:
            now = self._now()
            for item in self.all():
                if item.due_at(now) <= now:
                    self._begin(item.id, anew=False)
            await is_set_within(self._wake, self._seconds_to_next())
            self._wake.clear()

    def _seconds_to_next(self) -> float:
        now = self._now()
        waits = [(item.due_at(now) - now).total_seconds() for item in self.all() if item.id not in self._reads]
        return min([LOOK_SECONDS, *(max(0.1, wait) for wait in waits)])

    async def _end_read(self, id: str) -> None:
        task = self._reads.get(id)
        if task is not None and id not in self._importing:
            task.cancel()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    def _begin(self, id: str, *, anew: bool = True) -> asyncio.Task[Subscription]:
        item = self.get(id)
        if id not in self._reads:
            self._reads[id] = asyncio.create_task(self._read(id, anew=anew), name=f'calendar {id}')
            self._bus.publish(SubscriptionChanged(item))
        return self._reads[id]

    async def _read(self, id: str, *, anew: bool) -> Subscription:
        try:
            async with self._one_at_a_time:  # two at once would only share the processor
                with answering_in(own_language()):  # what came of it is kept
                    item = await self._outcome(self.get(id), anew=anew)
            current = self._items.get(id)
            if current is None:
                return item
            if current.url == item.url:  # else it was changed meanwhile, and is read anew
                await self._keep_outcome(item.changed(label=current.label, turns_on=current.turns_on))
        finally:
            self._reads.pop(id, None)
            self._importing.discard(id)
            self._wake.set()
        self._bus.publish(SubscriptionChanged(self._items[id]))
        self._bus.publish(SubscriptionRead(self._items[id]))
        return self._items[id]

    async def _keep_outcome(self, item: Subscription) -> None:
        try:
            await self._write(item)
        except DiskIsFull as error:
            # Its events are saved; without this it is only read sooner after a restart.
            self._items = {**self._items, item.id: item}
            self._log.append(Level.WARNING, f'{error.message} {error.hint}', source=SOURCE)

    async def _outcome(self, item: Subscription, *, anew: bool) -> Subscription:
        """Return the calendar with what came of a read; what was read before stays if it failed."""
        tried_at = self._now()
        try:
            reader = await self._reader()
            others = self._items.keys() - {item.id}
            fetched = partial(self._importing.add, item.id)
            read = await reader.read(item, self._rules.rules, others=others, fetched=fetched, now=tried_at, anew=anew)
        except SynapseError as error:
            return self._failed(item, f'{error.message} {error.hint}'.strip(), tried_at)
        except Exception:  # the edge of a background task
            log.exception(_('reading the calendar %s failed'), item.id)
            return self._failed(item, _('It could not be read. The log has the details.'), tried_at)
        if item.failures >= ALARMING:
            self._log.append(Level.INFO, _('The calendar {label} can be read again', label=item.label), source=SOURCE)
        if read.empty_since is not None and item.empty_since is None:
            text = _(
                'The calendar {label} suddenly has no events; those here stay until it has none an hour later',
                label=item.label,
            )
            self._log.append(Level.WARNING, text, source=SOURCE)
        return read.changed(tried_at=tried_at, read_at=tried_at, failures=0, error='')

    def _failed(self, item: Subscription, error: str, tried_at: datetime) -> Subscription:
        failures = item.failures + 1
        self._log.append(Level.WARNING, _not_read(item.label, error, failures), source=SOURCE)
        return item.changed(tried_at=tried_at, failures=failures, error=error)

    async def _reader(self) -> 'Reader':
        # In a thread: HTTP and calendar files take 200 ms to import, which a start without calendars does not need.
        module = await asyncio.to_thread(_import_reading)
        return module(calendar=self._calendar, editor=self._editor, catalog=self._catalog, auth=self._auth)

    # -- kept ---------------------------------------------------------------------------------------------------------

    def _checked(self, values: Mapping[str, Any], *, id: str, at: datetime) -> Subscription:
        unknown: dict[str, str] = {name: _('A calendar has no such field.') for name in values if name not in _FIELDS}
        if unknown or not isinstance(values.get('url'), str):
            raise _invalid(unknown or {'url': _('Give an address.')})
        url = checked_address(values['url'])
        label = str(values['label']).strip() or place_of(url)[:80]
        twin = next((item for item in self._items.values() if item.url == url and item.id != id), None)
        if twin is not None:
            raise Conflict(
                'already_subscribed',
                _('{label} has this address already.', label=twin.label),
                _('It is read every hour.'),
            )
        try:
            return Subscription.model_validate(
                {'id': id, 'label': label, 'url': url, 'turns_on': values['turns_on'], 'created_at': at}
            )
        except ValidationError as error:
            fields = {str(item['loc'][0]): sentence_of(item) for item in error.errors()}
            raise _invalid(fields) from None

    async def _save(self, item: Subscription) -> None:
        self._log.hide(_owner(item), secrets_of(item.url))
        await self._write(item)
        self._bus.publish(SubscriptionChanged(item))

    async def _write(self, *saved: Subscription, removed: str = '') -> None:
        """:raises DiskIsFull: if they could not be saved; nothing has changed then"""
        async with self._writing:
            items = {**self._items, **{item.id: item for item in saved}}
            items.pop(removed, None)
            document = {'items': [item.as_json() for item in items.values()]}
            try:
                await asyncio.to_thread(self._documents.put, _DOCUMENT, document)
            except StorageError as error:
                raise DiskIsFull(_('The subscribed calendars could not be saved: {error}', error=error)) from error
            self._items = items

    def _load(self) -> dict[str, Subscription]:
        saved: Any = (self._documents.get(_DOCUMENT) or {}).get('items')
        found = {}
        for item in saved if isinstance(saved, list) else []:
            try:
                subscription = Subscription.model_validate(item)
                found[subscription.id] = subscription
            except ValidationError:  # its message would have the address
                self.notices.append(_('A subscribed calendar could not be read and is left out. Add it again.'))
        return found


def _import_reading() -> type['Reader']:
    from .reading import Reader

    return Reader


def _not_read(label: str, error: str, failures: int) -> str:
    if failures == 1:
        return _('The calendar {label} was not read: {error}', label=label, error=error)
    return _n(
        'The calendar {label} was not read ({count} time in a row): {error}',
        'The calendar {label} was not read ({count} times in a row): {error}',
        failures,
        label=label,
        error=error,
    )


def _owner(item: Subscription) -> str:
    return f'calendar {item.id}'


def _invalid(fields: dict[str, str]) -> Invalid:
    return Invalid(_('The calendar was not saved.'), fields, _('Fix the named fields.'))
