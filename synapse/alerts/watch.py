"""Listens to the core for what a person should hear of, and says it in words: see `alerts`."""

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
from synapse.status import Status, StatusChanged

from .alerts import Alert, AlertAction, AlertKind, Alerts, Incident

log = logging.getLogger(__name__)

LOW_SHARE, FINE_SHARE = 0.10, 0.12
"""Below this share of its disk it is nearly full; only above the other one it is so no more."""
LOW_TIMES, FINE_TIMES = 2.0, 2.5
"""The same, in multiples of the space without which no run starts."""
LONGEST_SUBJECT = 48
LONGEST_TEXT = 400
MISSED, DISK, HELD, STOPPED = 'missed', 'disk', 'held', 'stopped'


class AlertWatch:
    """Follows the bus until `stop`.

    :param event: the event with this id; raises `NotFound` if it is gone
    :param zone: that of the calendar, whose days an alert may lead to
    :param unanswered: the occurrences about which somebody still has to decide
    :param is_queue_paused: whether a person holds the queue
    :param min_free_bytes: with less room on the disk no run starts
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
        self._looking: asyncio.Task[None] | None = None
        self._must_look = False
        # Kept apart from the alerts: one that a person took away must not come back while nothing has changed.
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
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    # Runs

    def _run_changed(self, news: RunChanged) -> None:
        if not news.moved:
            return
        if news.run.state in (RunState.FAILED, RunState.INTERRUPTED):
            self._alerts.report(self._incident_of(news.run))
        elif news.run.state is RunState.SUCCEEDED:
            self._succeeded(news.run)

    def _succeeded(self, run: RunRecord) -> None:
        """What has failed works again, unless it was a later run that failed."""
        failed = self._alerts.active(work_of(run))
        if failed is not None and failed.run_number < run.number:
            self._alerts.resolve(failed.key)

    def _incident_of(self, run: RunRecord) -> Incident:
        has_failed = run.state is RunState.FAILED
        step = run.failed_step.name if run.failed_step else ''
        reason, hint = (run.error.message, run.error.hint) if run.error else ('', '')
        name, at = self._names_of(run.pipeline, step)
        work = work_of(run)
        event = self._title_of_event(work)
        what = 'failed' if has_failed else 'was interrupted'
        return Incident.model_construct(
            # Not by its reason: many works say "exit code 1", and a failed backup must not be counted as a film. When
            # the reason of the same work changes, the newest one is what has to be mended now.
            key=work,
            kind=AlertKind.RUN_FAILED if has_failed else AlertKind.RUN_INTERRUPTED,
            title=f'{_short(event or run.subject or name)} {what}{f" at {at}" if at else ""}',
            text=_sentences(reason, hint)[:LONGEST_TEXT],
            look='failed',
            target=f'/runs/{run.number}',
            verb=f'Open run #{run.number}',
            run_number=run.number,
            crowd='events' if work.startswith(EVENT_WORK) else f'runs of {run.pipeline}',
        )

    def _title_of_event(self, work: str) -> str:
        """What the event of this work is called; empty for other work, and if the event is gone."""
        with contextlib.suppress(NotFound):
            return self._event(work.removeprefix(EVENT_WORK)).title if work.startswith(EVENT_WORK) else ''
        return ''

    def _names_of(self, pipeline: str, step: str) -> tuple[str, str]:
        """What the pipeline and the step are called, from their code if it is still there."""
        with contextlib.suppress(NotFound):
            info = self._catalog.get(pipeline)
            titles = {item['name']: str(item['title']) for item in info.steps}
            return info.title, titles.get(step, label_of(step))
        return pipeline, label_of(step)

    # Occurrences

    def _occurrences_changed(self, news: OccurrencesChanged) -> None:
        missed = [item for item in news.occurrences if item.state is OccurrenceState.MISSED and item.is_open]
        for event in dict.fromkeys(item.event_id for item in missed):
            self._miss([item for item in missed if item.event_id == event])
        if len(missed) < len(news.occurrences) and self._missed():
            self._look_whether_answered()

    def _miss(self, missed: Sequence[Occurrence]) -> None:
        """Tell of occurrences of one event."""
        newest = max(missed, key=lambda item: item.due)
        incident = Incident(
            key=_key_of_missed(newest),
            kind=AlertKind.OCCURRENCES_MISSED,
            title=f'{_short(newest.title)} was missed',
            text=f'{newest.reason[:LONGEST_TEXT]} Say on the calendar what is to be done.'.strip(),
            look='missed',
            target=f'/scheduler?day={newest.due.astimezone(self._zone).date()}',
            verb='Open calendar',
            crowd=MISSED,
        )
        self._alerts.report(incident, times=sum(item.count for item in missed))

    def _missed(self) -> list[Alert]:
        """The alerts about what was missed; one of an earlier version tells of all events at once."""
        return [alert for alert in self._alerts if alert.kind is AlertKind.OCCURRENCES_MISSED]

    def _look_whether_answered(self) -> None:
        self._must_look = True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._drop_answered(), name='answered')

    async def _drop_answered(self) -> None:
        while self._must_look and (before := self._missed()):
            self._must_look = False
            try:
                left = await self._unanswered()
            except StorageError as error:
                log.warning('whether all that was missed is answered could not be read: %s', error)
                return
            unanswered = {_key_of_missed(item) for item in left if item.state is OccurrenceState.MISSED}
            for alert in before:
                is_answered = alert.key not in unanswered and not (alert.key == MISSED and unanswered)
                if is_answered and alert == self._alerts.active(alert.key):
                    self._alerts.remove(alert.key)

    # Disk and queue

    def _measured(self, news: MachineMeasured) -> None:
        low = max(LOW_SHARE * news.disk_total, LOW_TIMES * self._min_free_bytes)
        fine = max(FINE_SHARE * news.disk_total, FINE_TIMES * self._min_free_bytes)
        if news.disk_free >= fine:
            self._is_low = False
            self._alerts.resolve(DISK)
        elif news.disk_free < low and not self._is_low:
            self._is_low = True
            if not self._is_held:
                self._alerts.report(self._low(news))

    def _low(self, news: MachineMeasured) -> Incident:
        left = f'{_size(news.disk_free)} of {_size(news.disk_total)} are left on the disk with {news.folder}.'
        return Incident(
            key=DISK,
            kind=AlertKind.DISK_LOW,
            title='The disk is nearly full',
            text=f'{left} Below {_size(self._min_free_bytes)} no run starts. Outputs of old runs may go.',
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
            # One thing, told once: what holds the queue is the disk that was nearly full before.
            self._alerts.remove(DISK)
            self._alerts.report(_held(notice))

    def _stopped(self, news: EverythingStopped) -> None:
        ended = f'{news.live} live {"run was" if news.live == 1 else "runs were"} ended. ' if news.live else ''
        kept = f'{news.waiting} waiting stay in the queue. ' if news.waiting else ''
        incident = Incident(
            key=STOPPED,
            kind=AlertKind.EVERYTHING_STOPPED,
            title='Everything was stopped',
            text=f'{ended}{kept}Nothing new starts until the queue is resumed.',
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
        text=f'{notice} Free some space, then what waits starts by itself.',
        look='failed',
        target='/settings',
        verb='Free space',
    )


def _sentences(*parts: str) -> str:
    """Parts one after the other, each ended by a full stop where the next one begins."""
    said = [part.strip() for part in parts if part.strip()]
    return ' '.join([part if part[-1] in '.!?:' else f'{part}.' for part in said[:-1]] + said[-1:])


def _short(text: str) -> str:
    """A subject that leaves room for what happened to it: a command may be a whole program."""
    line = ' '.join(text.split())
    return line if len(line) <= LONGEST_SUBJECT else f'{line[: LONGEST_SUBJECT - 1].rstrip()}…'


def _key_of_missed(occurrence: Occurrence) -> str:
    return f'{MISSED} {occurrence.event_id}'


def _size(count: float) -> str:
    return f'{count / 1e9:.1f} GB' if count >= 1e9 else f'{count / 1e6:.0f} MB'
