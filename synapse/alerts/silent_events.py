"""Looks now and then for events that have not succeeded for longer than usual, and says why that may be."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from storage.files import StorageError
from storage.ledger import Ledger
from synapse.bus import Bus
from synapse.calendar.events import Event
from synapse.inbox.newest import is_unresolved
from synapse.language import N_, _, _n, joined, translated
from synapse.language.formats import moment
from synapse.runs.messages import RunChanged
from synapse.runs.records import EVENT_WORK, RunState, work_of
from synapse.status import Status

from .alerts import AlertAction, AlertKind, Alerts, Incident
from .incidents import short
from .silence import LOOKED_AT, TIMES, Quiet, quiet_of

log = logging.getLogger(__name__)

FIRST_AFTER_SECONDS, EVERY_SECONDS = 60.0, 300.0
BATCH = 250
"""How many events share a query, so that none holds up those of others."""
CROWD = 'silent events'


class SilenceWatch:
    """Looks at all events now and then; `check` looks at once. Use it on the event loop only.

    :param events: returns all events
    :param is_queue_paused: whether a person paused the queue
    :param zone: of the calendar, for moments in texts
    """

    def __init__(
        self,
        alerts: Alerts,
        bus: Bus,
        *,
        events: Callable[[], Sequence[Event]],
        ledger: Ledger,
        status: Status,
        is_queue_paused: Callable[[], bool],
        zone: str,
        now: Callable[[], datetime],
    ) -> None:
        self._alerts, self._events, self._ledger, self._status = alerts, events, ledger, status
        self._is_queue_paused, self._zone, self._now = is_queue_paused, ZoneInfo(zone), now
        known = {alert.key: alert.over_at for alert in alerts if alert.kind is AlertKind.EVENT_SILENT}
        # Tracked apart from the alerts: one that was dismissed must not return while nothing has changed.
        self._silent = {key for key, over_at in known.items() if over_at is None}
        self._over = {key: over_at for key, over_at in known.items() if over_at is not None}
        """When events succeeded by hand, by their key, as far as that is known."""
        self._task: asyncio.Task[None] | None = None
        self._undo = bus.subscribe(RunChanged, self._run_changed)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name='silent events')

    async def stop(self) -> None:
        self._undo()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        await asyncio.sleep(FIRST_AFTER_SECONDS)  # so that what was missed meanwhile has begun
        while True:
            try:
                await self.check()
            except StorageError as error:
                log.warning(_('whether events are silent could not be read: %s'), error)
            except Exception:  # the edge of a background task
                log.exception(_('whether events are silent could not be found out'))
            await asyncio.sleep(EVERY_SECONDS)

    async def check(self) -> None:
        """Report the events that have become silent, and resolve the alerts of those that are not any more.

        :raises StorageError: if the history cannot be read
        """
        events = {event.id: event for event in self._events() if event.enabled and event.is_repeating}
        found = await asyncio.to_thread(self._found, [*events.values()])
        silent = {key_of(id) for id in found}
        for key in self._silent - silent:
            self._alerts.resolve(key)
        for id, quiet in found.items():
            if key_of(id) not in self._silent:
                self._alerts.report(self._incident_of(events[id], quiet))
        self._silent = silent

    def _found(self, events: Sequence[Event]) -> dict[str, Quiet]:
        ids = {event.id for event in events if event.silence_after_seconds is not None}
        for begin in range(0, len(events), BATCH):
            batch = [event.id for event in events[begin : begin + BATCH]]
            ids |= {*self._ledger.not_succeeding(batch, times=TIMES)}
        found = {event.id: self._quiet_of(event) for event in events if event.id in ids}
        return {id: quiet for id, quiet in found.items() if quiet is not None}

    def _quiet_of(self, event: Event) -> Quiet | None:
        since = max(event.armed_from, self._over.get(key_of(event.id), event.armed_from))
        limit = event.silence_after_seconds
        return quiet_of(
            self._ledger.newest(event.id, since=since, limit=LOOKED_AT),
            now=self._now(),
            since=since,
            after=None if limit is None else timedelta(seconds=limit),
            is_choosy=is_unresolved(event.parameters),
        )

    def _run_changed(self, message: RunChanged) -> None:
        """What runs again is over at once, also if it was started by hand, which no occurrence tells of."""
        work = work_of(message.run) if message.moved and message.run.state is RunState.SUCCEEDED else ''
        if work.startswith(EVENT_WORK):
            key = key_of(work.removeprefix(EVENT_WORK))
            if key in self._silent:
                self._silent.remove(key)
                self._over[key] = self._now()
                self._alerts.resolve(key)

    def _incident_of(self, event: Event, quiet: Quiet) -> Incident:
        newest = next(iter(quiet.outcomes), None)
        number = newest.run['number'] if newest is not None and newest.run is not None else 0
        waits = any(item.run is not None and item.run['state'] == RunState.QUEUED for item in quiet.outcomes)
        is_paused = waits and self._is_queue_paused()
        cause = _('The queue is paused, so its runs wait.') if is_paused else self._status.notice if waits else ''
        if not cause and newest is not None and newest.run is None:
            cause = newest.row['reason']
        return Incident(
            key=key_of(event.id),
            kind=AlertKind.EVENT_SILENT,
            title=_silent_for(short(event.title), is_own_limit=bool(event.silence_after_seconds)),
            text=joined(self._since(quiet), cause),
            look='paused' if is_paused else 'warning',
            target=f'/runs/{number}' if number and not is_paused else '/runs' if is_paused else '/scheduler',
            verb=_('Resume the queue')
            if is_paused
            else _('Open run #{number}', number=number)
            if number
            else _('Open calendar'),
            action=AlertAction.RESUME_QUEUE if is_paused else AlertAction.OPEN,
            crowd=CROWD,
        )

    def _since(self, quiet: Quiet) -> str:
        at = quiet.succeeded_at
        parts = [_('No run of it has succeeded.')]
        if at:
            parts = [_('Its last success was on {moment}.', moment=_words(at.astimezone(self._zone)))]
        states = Counter(item.run['state'] if item.run else item.row['state'] for item in quiet.outcomes)
        ended = ', '.join(_times(state, count) for state, count in states.most_common())
        parts.append(_('Since then it {ended}.', ended=ended) if ended else _('It was not due since.'))
        return joined(*parts)


_STATES = {
    'queued': N_('waits'),
    'interrupted': N_('was interrupted'),
    'skipped': N_('was skipped'),
    'paused': N_('is paused'),
    'failed': N_('failed'),
    'cancelled': N_('was stopped'),
    'running': N_('running'),
    'missed': N_('missed'),
}


def _silent_for(title: str, *, is_own_limit: bool) -> str:
    if is_own_limit:
        return _('{title} has not succeeded for longer than you allow', title=title)
    return _('{title} has not succeeded for longer than usual', title=title)


def key_of(event_id: str) -> str:
    return f'silent event {event_id}'


def _words(at: datetime) -> str:
    return _('{day} at {time}', day=moment('yMMMMd', at), time=moment('Hm', at))


def _times(state: str, count: int) -> str:
    """`failed once`, `was interrupted 3 times`."""
    return _n('{state} once', '{state} {count} times', count, state=translated(_STATES.get(state, state)))
