"""The channels through which alerts leave the browser, what each of them has still to tell, and how that went.

What happened is on disk before it is sent, and stays there until it was: after a crash it is sent at least once.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import ValidationError

from storage.documents import Documents
from storage.files import StorageError
from synapse.alerts.alerts import AlertAction, AlertKind, AlertRaised, Alerts, Incident
from synapse.bus import Bus
from synapse.errors import DiskIsFull, Invalid, NotFound
from synapse.language import N_, _, answering_in, joined, own, own_language
from synapse.log.log import Level, Log
from synapse.records import now_utc
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState, work_of
from synapse.sealed import CannotOpen, Seal
from synapse.waiting import finished, is_set_within

from .checking import ChannelCheck, invalid
from .courier import Courier, Pace
from .kinds import RUN_SUCCEEDED, kinds
from .message import Text, text_of, trial_text
from .records import MAX_LABEL, Channel, ChannelsChanged, Note
from .sending import LIMIT_SECONDS, run_command, send_to_address

log = logging.getLogger(__name__)

SOURCE = 'notifications'
MAX_CHANNELS = 20
AT_ONCE = 4
"""How many messages are sent at the same time, each by a process."""
SAVE_SECONDS = 0.2
_CHANNELS, _OUTBOX, _LINKS = 'channels', 'outbox', 'links'


class Notifications:
    """All channels, in the order of their creation. Use it on the event loop only.

    :param seal: hides the addresses in the file
    :param title_of: returns the title of a pipeline
    :param room: returns the address of this control room, for links
    :param limit: how long sending one message may take, in seconds
    """

    def __init__(
        self,
        *,
        documents: Documents,
        seal: Seal,
        alerts: Alerts,
        bus: Bus,
        log: Log,
        title_of: Callable[[str], str],
        room: str,
        now: Callable[[], datetime] = now_utc,
        pace: Pace | None = None,
        limit: float = LIMIT_SECONDS,
    ) -> None:
        self._documents, self._seal, self._alerts, self._bus, self._log = documents, seal, alerts, bus, log
        self._title_of, self._room, self._now = title_of, room, now
        self._pace, self._limit = pace or Pace(), limit
        self.notices: list[str] = []
        self._check = ChannelCheck(seal)
        self._checked = self._check.checked
        self._channels = self._read()
        self._couriers: dict[str, Courier] = {}
        self._room_to_send = asyncio.Semaphore(AT_ONCE)
        self._writing = asyncio.Lock()
        self._saving: asyncio.Task[None] | None = None
        self._is_unsaved = False
        self._is_closing = asyncio.Event()
        self._tests: set[asyncio.Task[Any]] = set()
        self._undo: list[Callable[[], None]] = []

    def start(self) -> None:
        """Send what an earlier start could not, then what happens."""
        self._undo = [
            self._bus.subscribe(AlertRaised, self._raised),
            self._bus.subscribe(RunChanged, self._run_changed),
        ]
        saved: Any = self._documents.get(_OUTBOX) or {}
        for id, box in saved.items():
            if id in self._channels and isinstance(box, dict):
                notes = [note for item in box.get('notes') or () if (note := _note_of(item))]
                self._courier(id).add(*notes, lost=int(box.get('lost') or 0))

    async def stop(self) -> None:
        """Stop sending, and save what is still to be sent."""
        for undo in self._undo:
            undo()
        await self._check.standby.stop()
        for task in self._tests:
            task.cancel()
        await asyncio.gather(
            *self._tests, *(courier.stop() for courier in self._couriers.values()), return_exceptions=True
        )
        self._is_closing.set()
        if self._saving is not None:
            await self._saving
        self._documents.close()

    def expect_address(self) -> None:
        """Prepare to check an address that somebody is about to enter; call `expect_none` once they are done."""
        self._check.standby.begin()

    def expect_none(self) -> None:
        self._check.standby.end()

    # -- what there is ------------------------------------------------------------------------------------------------

    def all(self) -> list[Channel]:
        return [*self._channels.values()]

    def get(self, id: str) -> Channel:
        """:raises NotFound: `channel_not_found`"""
        channel = self._channels.get(id)
        if channel is None:
            hint = _('Pick one of GET /api/v1/notifications.')
            raise NotFound('channel_not_found', _('No channel has the id {id!r}.', id=id), hint)
        return channel

    def waiting(self, id: str) -> int:
        """Return how much has happened that is still to be sent through a channel."""
        courier = self._couriers.get(id)
        return courier.waiting if courier else 0

    @property
    def address(self) -> str:
        """The address at which people reach the control room, to which links in messages lead."""
        return str((self._documents.get(_LINKS) or {}).get('address') or self._room)

    def as_shown(self) -> dict[str, Any]:
        """Return everything as JSON for programs, without secrets."""
        channels = [channel.as_shown(waiting=self.waiting(channel.id)) for channel in self.all()]
        return {'channels': channels, 'address': self.address, 'kinds': kinds()}

    # -- changes ------------------------------------------------------------------------------------------------------

    async def replace(self, items: Sequence[Any]) -> None:
        """Have exactly these channels; what one of them does not name stays as it was.

        :param items: `id, label, url, command, kinds, enabled` of each; a shortened `url` keeps the address
        :raises Invalid: with a sentence for each invalid field, such as `channels.0.url`
        """
        if len(items) > MAX_CHANNELS:
            raise invalid({'channels': _('At most {count} channels are possible.', count=MAX_CHANNELS)})
        async with self._writing:
            results = await asyncio.gather(
                *(self._checked(item, self._channels) for item in items), return_exceptions=True
            )
            problems: dict[str, str] = {}
            for place, result in enumerate(results):
                if isinstance(result, Invalid):
                    problems |= {f'channels.{place}.{name}': text for name, text in result.fields.items()}
                elif isinstance(result, BaseException):
                    raise result
            channels = {channel.id: channel for channel in results if isinstance(channel, Channel)}
            if not problems and len(channels) < len(items):
                problems['channels'] = _('Two of them have the same id.')
            if problems:
                raise invalid(problems)
            await self._write(channels)

    async def save(self, id: str | None, values: Mapping[str, Any]) -> Channel:
        """Add a channel, or change some fields of one; see `replace`. While it is checked, it may be cancelled.

        :raises NotFound: `channel_not_found`
        :raises Invalid: with a sentence for each invalid field
        """
        if id is None and len(self._channels) >= MAX_CHANNELS:
            raise invalid({'url': _('At most {count} channels are possible. Remove one first.', count=MAX_CHANNELS)})
        known = {} if id is None else {'id': self.get(id).id}
        async with self._writing:
            channel = await self._checked({**values, **known}, self._channels)
            await finished(self._write({**self._channels, channel.id: channel}))
        return channel

    async def remove(self, id: str) -> None:
        """Remove a channel, and what was still to be sent through it.

        :raises NotFound: `channel_not_found`
        """
        async with self._writing:
            self.get(id)
            await self._write({key: channel for key, channel in self._channels.items() if key != id})

    async def set_address(self, text: str) -> None:
        """Have links lead to another address than that of this control room; empty for that one.

        :raises Invalid: if it is none
        """
        address = text.strip()
        if address and not (
            address.startswith(('http://', 'https://')) and address.isprintable() and ' ' not in address
        ):
            raise Invalid(_('The address was not saved.'), {'address': _('Begin with https:// or http://.')})
        await self._put(_LINKS, {'address': '' if address == self._room else address})
        self._bus.publish(ChannelsChanged())

    async def test(self, id: str) -> str:
        """Send a test message now, also if the channel is switched off; returns why that failed, or nothing.

        :raises NotFound: `channel_not_found`
        """
        error = await self._send(self.get(id), trial_text(self.address))
        await self._told(id, error, is_given_up=False)
        return error

    def test_soon(self, id: str) -> None:
        """As `test`, in the background; the outcome is in `last_error` and `last_sent_at`.

        :raises NotFound: `channel_not_found`
        """
        self.get(id)
        task = asyncio.get_running_loop().create_task(self.test(id), name=f'test {id}')
        self._tests.add(task)
        task.add_done_callback(self._tests.discard)

    async def _write(self, channels: dict[str, Channel]) -> None:
        await self._put(_CHANNELS, {'items': [channel.as_json() for channel in channels.values()]})
        gone, self._channels = self._channels.keys() - channels.keys(), channels
        for id in gone:
            self._alerts.remove(_key_of(id))
            courier = self._couriers.pop(id, None)
            if courier is not None:
                await courier.stop()
                self._save_soon()
        self._bus.publish(ChannelsChanged())

    async def _put(self, name: str, document: dict[str, Any]) -> None:
        try:
            await asyncio.to_thread(self._documents.put, name, document)
        except StorageError as error:
            raise DiskIsFull(_('The channel could not be saved: {error}', error=error)) from error

    # -- what happens -------------------------------------------------------------------------------------------------

    def _raised(self, message: AlertRaised) -> None:
        alert = message.alert
        self._tell(
            alert.kind.value,
            key=alert.key,
            title=own(alert.title),
            text=own(alert.text),
            look=alert.look,
            target=alert.target,
            count=message.times,
        )

    def _run_changed(self, message: RunChanged) -> None:
        run = message.run
        if message.moved and run.state is RunState.SUCCEEDED:
            title = own(_('{name} succeeded', name=self._name_of(run)))
            key, target = f'{RUN_SUCCEEDED} {work_of(run)}', f'/runs/{run.number}'
            self._tell(RUN_SUCCEEDED, key=key, title=title, look='succeeded', target=target)

    def _name_of(self, run: RunRecord) -> str:
        return ' '.join((run.subject or self._title_of(run.pipeline)).split())[:MAX_LABEL]

    def _tell(self, kind: str, **values: Any) -> None:
        channels = [channel for channel in self._channels.values() if channel.enabled and kind in channel.kinds]
        if channels:
            now = self._now()
            note = Note(kind=kind, first_at=now, last_at=now, **values)
            for channel in channels:
                self._courier(channel.id).add(note)

    def _courier(self, id: str) -> Courier:
        if id not in self._couriers:
            self._couriers[id] = Courier(
                pace=self._pace,
                send=partial(self._send_notes, id),
                told=lambda error, is_given_up: self._told(id, error, is_given_up=is_given_up),
                changed=self._save_soon,
            )
        return self._couriers[id]

    # -- sending ------------------------------------------------------------------------------------------------------

    async def _send_notes(self, id: str, notes: Sequence[Note], lost: int) -> str:
        channel = self._channels[id]
        if not channel.enabled:  # switched off meanwhile: nothing is wrong, and nothing is to be sent
            return ''
        return await self._send(channel, text_of(notes, self.address, lost=lost))

    async def _send(self, channel: Channel, text: Text) -> str:
        """Send it, and return why that failed, in our own language: it is kept."""
        with answering_in(own_language()):
            return await self._sent(channel, text)

    async def _sent(self, channel: Channel, text: Text) -> str:
        async with self._room_to_send:
            if channel.command:
                return await run_command(channel.command, text, limit=self._limit)
            try:
                address = await asyncio.to_thread(self._seal.open, channel.url)
            except CannotOpen:
                return _('The file with its key is damaged or from another data folder. Enter the address again.')
            return await send_to_address(address, text, limit=self._limit)

    async def _told(self, id: str, error: str, *, is_given_up: bool) -> None:
        channel = self._channels.get(id)
        if channel is None:  # removed meanwhile
            return
        now = self._now()
        if error:
            self._log.append(
                Level.WARNING,
                _('Nothing was sent through {label}: {error}', label=channel.label, error=error),
                source=SOURCE,
            )
            channel = channel.changed(last_error=error, last_error_at=now)
        else:
            channel = channel.changed(last_error=None, last_error_at=None, last_sent_at=now)
            self._alerts.resolve(_key_of(id))
        if is_given_up:
            self._alerts.report(_failed(channel))
        self._channels[id] = channel
        self._bus.publish(ChannelsChanged())
        try:
            async with self._writing:
                await self._put(_CHANNELS, {'items': [item.as_json() for item in self._channels.values()]})
        except DiskIsFull as problem:  # a restart would only forget how the last message went
            log.warning(N_('%s'), problem.message)

    # -- kept ---------------------------------------------------------------------------------------------------------

    def _save_soon(self) -> None:
        self._is_unsaved = True
        if self._saving is None or self._saving.done():
            self._saving = asyncio.get_running_loop().create_task(self._save(), name='outbox')

    async def _save(self) -> None:
        while self._is_unsaved:
            self._is_unsaved = False
            boxes = {
                id: {'notes': [note.as_json() for note in courier.notes], 'lost': courier.lost}
                for id, courier in self._couriers.items()
                if courier.notes or courier.lost
            }
            try:
                await asyncio.to_thread(self._documents.put, _OUTBOX, boxes)
            except StorageError as error:
                log.warning(_('what is still to be sent could not be saved, a restart would forget it: %s'), error)
            await is_set_within(self._is_closing, SAVE_SECONDS)
        self._bus.publish(ChannelsChanged())

    def _read(self) -> dict[str, Channel]:
        saved: Any = (self._documents.get(_CHANNELS) or {}).get('items')
        found = {}
        for item in saved if isinstance(saved, list) else []:
            try:
                channel = Channel.model_validate(item)
                found[channel.id] = channel
            except ValidationError:  # its message may have the address
                self.notices.append(_('A channel for notifications could not be read and is left out. Add it again.'))
        self.notices += self._documents.notices
        return found


def _note_of(item: Any) -> Note | None:
    try:
        return Note.model_validate(item)
    except ValidationError:  # of another version
        return None


def _failed(channel: Channel) -> Incident:
    return Incident(
        key=_key_of(channel.id),
        kind=AlertKind.CHANNEL_FAILED,
        title=_('Nothing gets through to {label}', label=channel.label[: MAX_LABEL - 30]),
        text=joined(channel.last_error or '', _('Alerts are here meanwhile.')),
        look='warning',
        target='/settings',
        verb=_('Open settings'),
        action=AlertAction.OPEN,
    )


def _key_of(id: str) -> str:
    return f'channel {id}'
