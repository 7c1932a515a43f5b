"""Listens to the core for what a person should know, and turns it into incidents for `alerts`."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo

from storage.files import StorageError
from synapse.bus import Bus, Message
from synapse.calendar.events import Event, Occurrence, OccurrenceState
from synapse.calendar.messages import OccurrencesChanged, ZonesChanged
from synapse.catalog.catalog import Catalog
from synapse.damage import DamageChanged
from synapse.errors import NotFound
from synapse.language import _, _n, answering_in, joined, own_language
from synapse.machine import MachineMeasured
from synapse.runs.messages import EverythingStopped, LeftoversFound, QueueChanged, RunChanged
from synapse.runs.records import EVENT_WORK, Question, RunRecord, RunState, work_of
from synapse.runs.transitions import label_of
from synapse.status import Status, StatusChanged
from synapse.subscriptions.records import ALARMING, Subscription, SubscriptionChanged, SubscriptionRead
from synapse.watches.records import WatchStuck

from .alerts import Alert, AlertAction, AlertKind, Alerts, Incident
from .incidents import (
    DISK,
    HELD,
    MISSED,
    MOVED,
    SILENT,
    STALLED,
    STOPPED,
    asking,
    cut,
    damage_incident,
    ended,
    hold_incident,
    key_of_calendar,
    key_of_damage,
    key_of_missed,
    key_of_space,
    move_incident,
    sentences,
    short,
    silence_incident,
    size_words,
    space_incident,
    stall_incident,
    unreadable_incident,
)
from .incidents import incident_of_leftovers as incident_of_leftovers

log = logging.getLogger(__name__)

M = TypeVar('M', bound=Message)

LOW_SHARE, FINE_SHARE = 0.10, 0.12
"""Below the first share of free space a disk is nearly full; above the second one it no longer is."""
LOW_TIMES, FINE_TIMES = 2.0, 2.5
"""The same, in multiples of the space below which no run starts."""
REMINDED = 24
"""A calendar that still cannot be read is told again after as many hours."""


class AlertWatch:
    """Follows the bus until `stop`.

    :param event: returns the event with this id; raises `NotFound` if it was deleted
    :param zone: of the calendar, for links to its days
    :param unanswered: returns the occurrences that still need a decision
    :param is_queue_paused: whether a person paused the queue
    :param min_free_bytes: with less free space no run starts
    """

    def __init__(
        self,
        alerts: Alerts,
        bus: Bus,
        *,
        status: Status,
        catalog: Catalog,
        event: Callable[[str], Event],
        zone: str,
        unanswered: Callable[[], Awaitable[Sequence[Occurrence]]],
        is_queue_paused: Callable[[], bool],
        min_free_bytes: int,
    ) -> None:
        self._alerts = alerts
        self._status = status
        self._catalog = catalog
        self._event = event
        self._zone = ZoneInfo(zone)
        self._unanswered = unanswered
        self._is_queue_paused = is_queue_paused
        self._min_free_bytes = min_free_bytes
        self._asked: dict[str, str] = {}
        self._check: asyncio.Task[None] | None = None
        self._must_check = False
        self._silent: set[str] = set()
        self._told: set[str] = set()
        self._short_of_space: dict[str, set[str]] = {}
        # Tracked apart from the alerts: one that was dismissed must not return while nothing has changed.
        self._is_low = alerts.active(DISK) is not None
        self._is_held = alerts.active(HELD) is not None
        self._undo = [
            _subscribe(bus, RunChanged, self._run_changed),
            _subscribe(bus, OccurrencesChanged, self._occurrences_changed),
            _subscribe(bus, MachineMeasured, self._measured),
            _subscribe(bus, StatusChanged, lambda _: self._status_changed()),
            _subscribe(bus, LeftoversFound, lambda message: alerts.report(incident_of_leftovers(message))),
            _subscribe(bus, EverythingStopped, self._stopped),
            _subscribe(bus, QueueChanged, lambda _: self._queue_changed()),
            _subscribe(bus, ZonesChanged, self._zones_changed),
            _subscribe(bus, SubscriptionRead, lambda message: self._calendar_read(message.subscription)),
            _subscribe(bus, SubscriptionChanged, self._calendar_changed),
            _subscribe(bus, WatchStuck, self._watch_stuck),
            _subscribe(bus, DamageChanged, self._damage_changed),
        ]

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        if self._check is not None:
            self._check.cancel()
            await asyncio.gather(self._check, return_exceptions=True)

    # Runs

    def _run_changed(self, message: RunChanged) -> None:
        if not message.moved:
            return
        self._ask_or_remove(message.run)
        self._follow_silence(message.run)
        self._follow_stall(message.run)
        self._follow_space(message.run)
        if message.run.state in (RunState.FAILED, RunState.INTERRUPTED):
            self._alerts.report(self._incident_of(message.run))
        elif message.run.state is RunState.SUCCEEDED:
            self._succeeded(message.run)

    def _ask_or_remove(self, run: RunRecord) -> None:
        """Report a question once, also if its alert was dismissed; it is gone when the question is no longer open."""
        known = self._asked.get(run.id)
        key = f'question {run.id} {run.question.id}' if run.question is not None else None
        if key == known:
            return
        if known is not None:
            self._alerts.remove(self._asked.pop(run.id))
        if run.question is not None and key is not None:
            self._asked[run.id] = key
            if self._alerts.active(key) is None:
                self._alerts.report(self._question_of(run, key, run.question))

    def _question_of(self, run: RunRecord, key: str, question: Question) -> Incident:
        name, at = self._names_of(run.pipeline, question.step or '')
        event = self._title_of_event(work_of(run))
        return Incident.model_construct(
            key=key,
            kind=AlertKind.QUESTION_ASKED,
            title=asking(short(event or run.subject or name), at if question.step else ''),
            text=cut(question.text),
            look='paused',
            target=f'/runs/{run.number}',
            verb=_('Answer'),
            run_number=run.number,
            crowd='questions',
        )

    def _follow_silence(self, run: RunRecord) -> None:
        key = f'{SILENT} {run.id}'
        if run.silence is None:
            self._alerts.resolve(key)
        elif self._alerts.active(key) is None and run.id not in self._silent:
            name = self._names_of(run.pipeline, '')[0]
            self._alerts.report(silence_incident(run, run.silence, run.subject or name))
        (self._silent.discard if run.silence is None else self._silent.add)(run.id)

    def _follow_stall(self, run: RunRecord) -> None:
        """Report a stall once, also if its alert was dismissed; it is over when the step is heard of again."""
        key = f'{STALLED} {run.id}'
        if run.stall is None:
            self._alerts.resolve(key)
        elif self._alerts.active(key) is None and key not in self._told:
            name = self._names_of(run.pipeline, '')[0]
            self._alerts.report(stall_incident(run, run.stall, key, run.subject or name))
        (self._told.discard if run.stall is None else self._told.add)(key)

    def _follow_space(self, run: RunRecord) -> None:
        """Report that runs of a pipeline wait for space or a machine, once until none of them does."""
        key = key_of_space(run)
        waiting = self._short_of_space.setdefault(run.pipeline, set())
        is_first = bool(run.waits_for) and not waiting
        (waiting.add if run.waits_for else waiting.discard)(run.id)
        alert = self._alerts.active(key)
        if not waiting:
            self._alerts.resolve(key)
        elif is_first and alert is None:
            self._alerts.report(space_incident(run, self._names_of(run.pipeline, '')[0]))
        elif run.waits_for and alert is not None and alert.run_number == run.number:
            self._alerts.reword(space_incident(run, self._names_of(run.pipeline, '')[0]))

    def _succeeded(self, run: RunRecord) -> None:
        """Resolve the alert of work that succeeds again, unless a later run of it failed."""
        failed = self._alerts.active(work_of(run))
        if failed is not None and failed.run_number < run.number:
            self._alerts.resolve(failed.key)

    def _incident_of(self, run: RunRecord) -> Incident:
        has_failed = run.state is RunState.FAILED
        step = run.failed_step.name if run.failed_step else ''
        reason, hint = (run.error.words, run.error.hint) if run.error else ('', '')
        name, at = self._names_of(run.pipeline, step)
        work = work_of(run)
        event = self._title_of_event(work)
        return Incident.model_construct(
            # Not by its reason: much work fails with "exit code 1", and a failed backup must not be counted as a video.
            # When the reason of the same work changes, the newest one is what has to be fixed now.
            key=work,
            kind=AlertKind.RUN_FAILED if has_failed else AlertKind.RUN_INTERRUPTED,
            title=ended(short(event or run.subject or name), at, has_failed=has_failed),
            text=cut(sentences(reason, hint)),
            look='failed',
            target=f'/runs/{run.number}',
            verb=_('Open run #{number}', number=run.number),
            run_number=run.number,
            crowd='events' if work.startswith(EVENT_WORK) else f'runs of {run.pipeline}',
        )

    def _title_of_event(self, work: str) -> str:
        """The title of the event of this work; empty for other work, and if the event was deleted."""
        with contextlib.suppress(NotFound):
            return self._event(work.removeprefix(EVENT_WORK)).title if work.startswith(EVENT_WORK) else ''
        return ''

    def _names_of(self, pipeline: str, step: str) -> tuple[str, str]:
        """The titles of the pipeline and the step, from the pipeline file if it still exists."""
        with contextlib.suppress(NotFound):
            info = self._catalog.get(pipeline)
            titles = {} if info.is_built_in else {item['name']: str(item['title']) for item in info.steps}
            return self._catalog.title_of(pipeline), titles.get(step, label_of(step, pipeline))
        return pipeline, label_of(step)

    # Occurrences

    def _occurrences_changed(self, message: OccurrencesChanged) -> None:
        missed = [item for item in message.occurrences if item.state is OccurrenceState.MISSED and item.is_open]
        for event in dict.fromkeys(item.event_id for item in missed):
            self._miss([item for item in missed if item.event_id == event])
        if len(missed) < len(message.occurrences) and self._missed():
            self._check_answered()

    def _miss(self, missed: Sequence[Occurrence]) -> None:
        newest = max(missed, key=lambda item: item.due)
        incident = Incident(
            key=key_of_missed(newest),
            kind=AlertKind.OCCURRENCES_MISSED,
            title=_('{title} was missed', title=short(newest.title)),
            text=joined(cut(newest.reason), _('Decide on the calendar what to do.')),
            look='missed',
            target=f'/scheduler?day={newest.due.astimezone(self._zone).date()}',
            verb=_('Open calendar'),
            crowd=MISSED,
        )
        self._alerts.report(incident, times=sum(item.count for item in missed))

    def _missed(self) -> list[Alert]:
        """The alerts about missed occurrences; one of an earlier version covers all events at once."""
        return [alert for alert in self._alerts if alert.kind is AlertKind.OCCURRENCES_MISSED]

    def _check_answered(self) -> None:
        self._must_check = True
        if self._check is None or self._check.done():
            self._check = asyncio.get_running_loop().create_task(self._drop_answered(), name='answered')

    async def _drop_answered(self) -> None:
        while self._must_check and (before := self._missed()):
            self._must_check = False
            try:
                left = await self._unanswered()
            except StorageError as error:
                log.warning(_('unanswered occurrences could not be read: %s'), error)
                return
            unanswered = {key_of_missed(item) for item in left if item.state is OccurrenceState.MISSED}
            for alert in before:
                is_answered = alert.key not in unanswered and not (alert.key == MISSED and unanswered)
                if is_answered and alert == self._alerts.active(alert.key):
                    self._alerts.remove(alert.key)

    # Disk and queue

    def _measured(self, message: MachineMeasured) -> None:
        low = max(LOW_SHARE * message.disk_total, LOW_TIMES * self._min_free_bytes)
        fine = max(FINE_SHARE * message.disk_total, FINE_TIMES * self._min_free_bytes)
        if message.disk_free >= fine:
            self._is_low = False
            self._alerts.resolve(DISK)
        elif message.disk_free < low and not self._is_low:
            self._is_low = True
            if not self._is_held:
                self._alerts.report(self._low(message))

    def _low(self, message: MachineMeasured) -> Incident:
        free, total, least = map(size_words, (message.disk_free, message.disk_total, self._min_free_bytes))
        left = _('{free} of {total} are left on the disk with {folder}.', free=free, total=total, folder=message.folder)
        below = _('Below {size} no run starts. You can delete the outputs of old runs.', size=least)
        return Incident(
            key=DISK,
            kind=AlertKind.DISK_LOW,
            title=_('The disk is nearly full'),
            text=joined(left, below),
            look='warning',
            target='/settings',
            verb=_('Open settings'),
        )

    def _status_changed(self) -> None:
        notice = self._status.notice
        if not notice:
            self._is_held = False
            self._alerts.resolve(HELD)
        elif not self._is_held:
            self._is_held = True
            # Reported once: the full disk that holds the queue is the one that was nearly full before.
            self._alerts.remove(DISK)
            self._alerts.report(hold_incident(notice))

    def _stopped(self, message: EverythingStopped) -> None:
        live, waiting = message.live, message.waiting
        parts = [_n('{count} live run ended.', '{count} live runs ended.', live)] if live else []
        if waiting:
            parts.append(
                _n('{count} waiting run kept in the queue.', '{count} waiting runs kept in the queue.', waiting)
            )
        parts.append(_('Nothing new starts until the queue is resumed.'))
        incident = Incident(
            key=STOPPED,
            kind=AlertKind.EVERYTHING_STOPPED,
            title=_('Everything was stopped'),
            text=joined(*parts),
            look='paused',
            target='/runs',
            verb=_('Resume the queue'),
            action=AlertAction.RESUME_QUEUE,
        )
        self._alerts.report(incident)

    def _queue_changed(self) -> None:
        if not self._is_queue_paused():
            self._alerts.remove(STOPPED)

    def _zones_changed(self, message: ZonesChanged) -> None:
        if message.found:
            self._alerts.report(move_incident(*message.found))
        elif not message.is_open:
            self._alerts.remove(MOVED)

    # Subscribed calendars

    def _calendar_read(self, calendar: Subscription) -> None:
        if calendar.failures == 0:
            self._alerts.resolve(key_of_calendar(calendar))
        elif calendar.failures % REMINDED == ALARMING:
            self._alerts.report(unreadable_incident(calendar))

    def _calendar_changed(self, message: SubscriptionChanged) -> None:
        if message.is_removed:
            self._alerts.remove(key_of_calendar(message.subscription))

    # Watch folders

    def _watch_stuck(self, message: WatchStuck) -> None:
        key = f'watch {message.id}'
        if message.error is None:
            self._alerts.resolve(key)
            return
        incident = Incident(
            key=key,
            kind=AlertKind.WATCH_STUCK,
            title=_('Nothing is taken from {title}', title=short(message.folder)),
            text=cut(message.error),
            look='warning',
            target='/pipelines',
            verb=_('Open pipelines'),
        )
        self._alerts.report(incident)

    # Damaged files

    def _damage_changed(self, message: DamageChanged) -> None:
        for report in message.found:
            self._alerts.report(damage_incident(report))
        left = {key_of_damage(report) for report in message.left}
        for alert in self._alerts:
            if alert.kind is AlertKind.FILE_DAMAGED and alert.key not in left:
                self._alerts.remove(alert.key)


def _subscribe(bus: Bus, kind: type[M], handle: Callable[[M], None]) -> Callable[[], None]:
    """Handle messages in our own language, whoever it was that caused them: alerts are kept."""

    def handled(message: M) -> None:
        with answering_in(own_language()):
            handle(message)

    return bus.subscribe(kind, handled)
