"""Listens to the core for what a person should know, and turns it into incidents for `alerts`."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from zoneinfo import ZoneInfo

from storage.files import StorageError
from synapse.bus import Bus
from synapse.calendar.events import Event, Occurrence, OccurrenceState
from synapse.calendar.messages import OccurrencesChanged
from synapse.catalog.catalog import Catalog
from synapse.errors import NotFound
from synapse.machine import MachineMeasured
from synapse.runs.messages import EverythingStopped, QueueChanged, RunChanged
from synapse.runs.records import EVENT_WORK, RunRecord, RunState, work_of
from synapse.runs.transitions import label_of
from synapse.sentences import count_of
from synapse.status import Status, StatusChanged

from .alerts import Alert, AlertAction, AlertKind, Alerts, Incident

log = logging.getLogger(__name__)

LOW_SHARE, FINE_SHARE = 0.10, 0.12
"""Below the first share of free space a disk is nearly full; above the second one it no longer is."""
LOW_TIMES, FINE_TIMES = 2.0, 2.5
"""The same, in multiples of the space below which no run starts."""
MAX_SUBJECT = 48
MAX_TEXT = 400
MISSED, DISK, HELD, STOPPED = 'missed', 'disk', 'held', 'stopped'


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
        self._check: asyncio.Task[None] | None = None
        self._must_check = False
        # Tracked apart from the alerts: one that was dismissed must not return while nothing has changed.
        self._is_low = alerts.active(DISK) is not None
        self._is_held = alerts.active(HELD) is not None
        self._undo = [
            bus.subscribe(RunChanged, self._run_changed),
            bus.subscribe(OccurrencesChanged, self._occurrences_changed),
            bus.subscribe(MachineMeasured, self._measured),
            bus.subscribe(StatusChanged, lambda _: self._status_changed()),
            bus.subscribe(EverythingStopped, self._stopped),
            bus.subscribe(QueueChanged, lambda _: self._queue_changed()),
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
        if message.run.state in (RunState.FAILED, RunState.INTERRUPTED):
            self._alerts.report(self._incident_of(message.run))
        elif message.run.state is RunState.SUCCEEDED:
            self._succeeded(message.run)

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
        what = 'failed' if has_failed else 'was interrupted'
        return Incident.model_construct(
            # Not by its reason: much work fails with "exit code 1", and a failed backup must not be counted as a video.
            # When the reason of the same work changes, the newest one is what has to be fixed now.
            key=work,
            kind=AlertKind.RUN_FAILED if has_failed else AlertKind.RUN_INTERRUPTED,
            title=f'{_short(event or run.subject or name)} {what}{f" at {at}" if at else ""}',
            text=_sentences(reason, hint)[:MAX_TEXT],
            look='failed',
            target=f'/runs/{run.number}',
            verb=f'Open run #{run.number}',
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
            titles = {item['name']: str(item['title']) for item in info.steps}
            return info.title, titles.get(step, label_of(step))
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
            key=_key_of_missed(newest),
            kind=AlertKind.OCCURRENCES_MISSED,
            title=f'{_short(newest.title)} was missed',
            text=f'{newest.reason[:MAX_TEXT]} Decide on the calendar what to do.'.strip(),
            look='missed',
            target=f'/scheduler?day={newest.due.astimezone(self._zone).date()}',
            verb='Open calendar',
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
                log.warning('unanswered occurrences could not be read: %s', error)
                return
            unanswered = {_key_of_missed(item) for item in left if item.state is OccurrenceState.MISSED}
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
        left = f'{_size(message.disk_free)} of {_size(message.disk_total)} are left on the disk with {message.folder}.'
        return Incident(
            key=DISK,
            kind=AlertKind.DISK_LOW,
            title='The disk is nearly full',
            text=f'{left} Below {_size(self._min_free_bytes)} no run starts. You can delete the outputs of old runs.',
            look='warning',
            target='/settings',
            verb='Open settings',
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
            self._alerts.report(_held(notice))

    def _stopped(self, message: EverythingStopped) -> None:
        ended = f'{count_of(message.live, "live run")} ended. ' if message.live else ''
        waiting = f'{count_of(message.waiting, "waiting run")} kept in the queue. ' if message.waiting else ''
        incident = Incident(
            key=STOPPED,
            kind=AlertKind.EVERYTHING_STOPPED,
            title='Everything was stopped',
            text=f'{ended}{waiting}Nothing new starts until the queue is resumed.',
            look='paused',
            target='/runs',
            verb='Resume the queue',
            action=AlertAction.RESUME_QUEUE,
        )
        self._alerts.report(incident)

    def _queue_changed(self) -> None:
        if not self._is_queue_paused():
            self._alerts.remove(STOPPED)


def _held(notice: str) -> Incident:
    return Incident(
        key=HELD,
        kind=AlertKind.QUEUE_HELD,
        title='The queue is held: the disk is full',
        text=f'{notice} Free some space, then waiting runs start by themselves.',
        look='failed',
        target='/settings',
        verb='Free space',
    )


def _sentences(*parts: str) -> str:
    """Join the parts, each ending in a full stop if another one follows."""
    said = [part.strip() for part in parts if part.strip()]
    return ' '.join([part if part[-1] in '.!?:' else f'{part}.' for part in said[:-1]] + said[-1:])


def _short(text: str) -> str:
    """A subject cut to leave room for what happened: a command may be a whole program."""
    line = ' '.join(text.split())
    return line if len(line) <= MAX_SUBJECT else f'{line[: MAX_SUBJECT - 1].rstrip()}…'


def _key_of_missed(occurrence: Occurrence) -> str:
    return f'{MISSED} {occurrence.event_id}'


def _size(count: float) -> str:
    return f'{count / 1e9:.1f} GB' if count >= 1e9 else f'{count / 1e6:.0f} MB'
