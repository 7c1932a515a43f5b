"""All runs: what there is, new ones, and what a person may ask of those that wait or work."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.files import StorageError, make_private_folder
from storage.runs import RunStore
from synapse.bus import Bus
from synapse.catalog.catalog import Catalog
from synapse.engine.engine import Engine
from synapse.errors import Conflict, Invalid, NotFound, NotReady, TooMany
from synapse.inbox.inbox import Inbox
from synapse.log.log import Level, Log
from synapse.profiles import Profiles
from synapse.records import now_utc
from synapse.settings import MOST_WORKERS
from synapse.status import Status

from . import transitions
from .creation import NewRuns
from .dispatcher import Dispatcher
from .ending import interrupted
from .estimates import Estimates, expected_starts
from .figures import begin_of, figures
from .folders import RunFolders, not_kept
from .jobs import RunJobs
from .lifecycle_log import SOURCE, LifecycleLog
from .live_run import LiveRun, RunContext
from .messages import EverythingStopped, QueueChanged, RunChanged, RunsRemoved
from .past import PastRuns
from .queue import Queue
from .records import RunRecord, RunRequest, RunState
from .status_writer import StatusWriter, job_of, state_of

MAX_WAITING = 10_000
KNOWN_NUMBERS = 2_000


class Runs:
    """Use it on the event loop only; whatever takes time is awaited.

    :param folder: where run folders lie; the order of the queue is kept beside it
    :param workers: how many runs may go at the same time
    :param min_free_bytes: with less room on the disk nothing new starts
    :param zone: whose midnight begins a day
    :param kept_in_inbox: pipeline and parameters of whatever else still needs files of the inbox, such as events
    """

    def __init__(
        self,
        *,
        store: RunStore,
        engine: Engine,
        catalog: Catalog,
        profiles: Profiles,
        inbox: Inbox,
        log: Log,
        bus: Bus,
        status: Status,
        folder: Path,
        workers: int,
        min_free_bytes: int = 0,
        zone: str = 'UTC',
        kept_in_inbox: Callable[[], Iterable[tuple[str, Mapping[str, Any]]]] = lambda: (),
    ) -> None:
        self._zone = zone
        self._store = store
        self._catalog = catalog
        self._log = log
        self._say = LifecycleLog(log)
        self._bus = bus
        self._folders = RunFolders(folder)
        self._new = NewRuns(catalog, profiles, inbox, self._folders)
        self._jobs = RunJobs(catalog, profiles, inbox, self._folders, log, zone)
        self._queue = Queue(folder.with_name('queue.json'))
        self.estimates = Estimates(store)
        self._around = RunContext(
            store=store,
            engine=engine,
            log=log,
            show=self._show,
            prepare=self._jobs.prepare,
            taken_over=self._leave_inbox,
            make_own=self._jobs.make_own,
            steps=self._step_options,
        )
        self._dispatcher = Dispatcher(
            queue=self._queue,
            workers=workers,
            catalog=catalog,
            log=log,
            folder=folder,
            min_free_bytes=min_free_bytes,
            begin=self._begin,
            changed=self._queue_changed,
            ended=self._learn_from,
        )
        self._kept_in_inbox = kept_in_inbox
        self.past = PastRuns(
            store=store,
            folders=self._folders,
            bus=bus,
            busy=lambda: [*self._queue, *(live.run for live in self._dispatcher)],
            planned=kept_in_inbox,
            leave_inbox=self._leave_inbox,
            zone=zone,
        )
        self._next: Mapping[str, Any] | None = None
        self._is_open = False
        self._unseen_failure: str | None = None
        self._numbers: dict[str, int] = {}
        self._status = StatusWriter(status, bus, self._status_values)
        bus.subscribe(RunsRemoved, self._forgotten)

    async def start(self) -> None:
        """Give what an earlier room left going its honest state, take the queue up again, and begin to work."""
        await asyncio.to_thread(make_private_folder, self._folders.root)
        for run in await self._stored([RunState.RUNNING, RunState.PAUSED]):
            await self._interrupt(run)
        queued = await self._stored([RunState.QUEUED])
        await self._queue.restore(queued)
        for pipeline in {run.pipeline for run in queued}:
            await self.estimates.typical(pipeline)
        self._is_open = True
        self._status.write()
        self._dispatcher.start()

    async def stop(self, grace: float = 10.0) -> None:
        """Start nothing more, let live runs end within `grace` seconds, then stop them; what waits goes on waiting."""
        self._is_open = False
        await self._dispatcher.close(grace)

    # What there is

    async def get(self, id: str) -> RunRecord:
        """The run as it is now.

        :raises NotFound: `run_not_found`
        """
        known = self._known(id)
        if known is not None:
            return known
        document = await asyncio.to_thread(self._store.get, id)
        if document is None:
            raise await self.past.missing(id=id)
        return self._known(id) or _record(document)

    async def page(
        self,
        *,
        state: str | None = None,
        pipeline: str | None = None,
        profile: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[RunRecord]:
        """Runs newest first; `before` is a number, exclusive."""
        documents = await asyncio.to_thread(
            self._store.page, state=state, pipeline=pipeline, profile=profile, before=before, limit=limit
        )
        return [self._known(document['id']) or _record(document) for document in documents]

    async def find(self, text: str) -> RunRecord:
        """The run of an address: its number, or its id, which may look like a number too.

        :raises NotFound: `run_not_found`
        """
        if not text.isdecimal():
            return await self.get(text)
        try:
            return await self.find_by_number(int(text))
        except NotFound as error:
            try:
                return await self.get(text)
            except NotFound:
                raise error from None

    async def find_by_number(self, number: int) -> RunRecord:
        """:raises NotFound: `run_not_found`"""
        document = await asyncio.to_thread(self._store.find_by_number, number)
        if document is None:
            raise await self.past.missing(number=number)
        return self._known(document['id']) or _record(document)

    async def recent(self, pipeline: str | None = None, *, limit: int = 12) -> 'Sequence[RunRecord]':
        """Runs that have ended, the last first."""
        return [_record(document) for document in await asyncio.to_thread(self._store.recent, pipeline, limit=limit)]

    def live(self) -> 'Sequence[RunRecord]':
        """Runs that a process works for, newest first."""
        runs = [live.run for live in self._dispatcher if live.run.state.is_live]
        return sorted(runs, key=lambda run: run.number, reverse=True)

    def waiting(self) -> 'Sequence[RunRecord]':
        """Queued runs in the order in which they will start."""
        starting = [live.run for live in self._dispatcher if live.run.state is RunState.QUEUED]
        return [*starting, *self._queue]

    @property
    def is_queue_paused(self) -> bool:
        return self._queue.is_paused

    def number_of(self, id: str) -> int | None:
        """The number of a run that waits, is live, or moved lately; None if that would mean asking the disk."""
        known = self._known(id)
        return known.number if known is not None else self._numbers.get(id)

    def worker_of(self, id: str) -> str | None:
        """The worker that has this run, such as `worker-1`."""
        return self._dispatcher.workers.of(id)

    def folder_of(self, id: str) -> Path:
        return self._folders.of(id)

    async def artifact_path(self, id: str, name: str) -> Path:
        """The file of an output.

        :raises NotFound: `run_not_found` or `artifact_not_found`
        """
        run = await self.get(id)
        return await asyncio.to_thread(self._folders.artifact, run, name)

    async def process_tree(self, id: str) -> 'Sequence[Mapping[str, Any]]':
        """The processes of a run right now, `{pid, command, cpu_percent, memory_bytes, state}`; none if it is over."""
        live = self._dispatcher.get(id)
        return await live.tree() if live is not None else []

    # Made

    async def create(
        self,
        pipeline: str,
        parameters: Mapping[str, Any],
        *,
        profile: str | None = None,
        because: str = '',
        event_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> RunRecord:
        """A new run at the end of the queue. A key that was used before gives the run of that time instead.

        Defaults of the profile fill in parameters that are not given.

        :raises NotFound: if there is no such pipeline or profile
        :raises Conflict: if the pipeline is broken, or the run of this key has been removed
        :raises Invalid: with a sentence for each parameter that does not fit
        :raises DiskIsFull: if it could not be kept; then there is no run
        """
        # Asked before anything is checked: the run of that time may have taken its file out of the inbox by now.
        if idempotency_key is not None:
            known = await asyncio.to_thread(self._store.find_by_key, idempotency_key)
            if known is not None:
                return await self.get(known['id'])
            await self.past.require_new(idempotency_key)
        wanted = RunRequest(pipeline, parameters, profile=profile, because=because, event_id=event_id)
        run = await self._new.fresh(wanted)
        return await self._enqueue(run, idempotency_key)

    def scheduled(self, wanted: RunRequest) -> RunRecord:
        """The record of a run that fell due, not kept yet: whoever keeps it hands it over with `admit`.

        Its parameters were checked when its event was saved, and its process checks them again, so that a thousand
        that fall due at one second start at once.

        :raises SynapseError: if the pipeline is gone or broken, or the profile is gone
        :raises TooMany: if the queue is full
        :raises NotReady: before the start and after the stop
        """
        self._check_room()
        return self._new.scheduled(wanted)

    async def check(self, wanted: RunRequest) -> None:
        """Whether a run could be created with these values now; raises what `create` would raise."""
        await self._new.check(wanted)

    def admit(self, runs: 'Sequence[RunRecord]') -> None:
        """Put runs that are kept already at the end of the queue."""
        for run in runs:
            self._queue.add(run)
            self._say.queued(run)
            self._show(run)
        self._queue_changed()

    def unfinished_of_events(self) -> Mapping[str, int]:
        """How many runs of each event wait or go."""
        return Counter(run.event_id for run in [*self.live(), *self.waiting()] if run.event_id is not None)

    async def retry_record(self, id: str, wanted: RunRequest) -> RunRecord:
        """The record of a retry, not kept yet, see `scheduled`.

        :param wanted: see `NewRuns.retry`
        :raises SynapseError: as `retry`
        """
        self._check_room()
        with self.past.holding(id):
            return await self._new.retry(await self.get(id), wanted)

    async def retry(
        self, id: str, *, from_step: str | None = None, parameters: Mapping[str, Any] | None = None, because: str = ''
    ) -> RunRecord:
        """A new run with the parameters of one that has ended, changed by `parameters`.

        With `from_step` what the earlier steps made is copied, and only this step and the later ones are run.

        :raises Conflict: `run_not_retryable`, if the run goes on, or its earlier steps have not all succeeded
        """
        with self.past.holding(id):
            old = await self.get(id)
            run = await self._new.retry(old, RunRequest(old.pipeline, parameters or {}, because=because), from_step)
            try:
                return await self._enqueue(run, None)
            except BaseException:
                await asyncio.to_thread(self._folders.remove, run.id)
                raise

    # Asked

    async def cancel(self, id: str, *, because: str = '', now: bool = False) -> RunRecord:
        """Stop a live run, or take a waiting one out of the queue. A live one ends when all its processes are gone.

        :param now: kill at once; also hurries a stop that is under way
        :raises Conflict: `run_not_cancellable`, if it has ended
        """
        taken = self._queue.take(id)
        if taken is not None:
            return await self._cancel_waiting(*taken, because)
        live = self._dispatcher.get(id)
        if live is None or live.run.state.is_final:
            run = await self.get(id)
            raise Conflict('run_not_cancellable', f'Run #{run.number} has ended already: {run.state}.')
        if now or not live.run.is_stopping:
            self._say.say(live.run, f'Stop{" at once" if now else ""} asked for run #{live.run.number}{_why(because)}')
        live.stop(now=now)
        return live.run

    async def pause(self, id: str, *, because: str = '') -> RunRecord:
        """Ask a running run to hold; it is `paused` when it says so, until then `is_pausing`.

        :raises Conflict: `run_not_pausable`
        """
        live = await self._asked(id, 'run_not_pausable', 'paused')
        if live.run.is_pausing or live.run.state is RunState.PAUSED:
            return live.run
        if not live.run.is_pausable:
            raise Conflict('run_not_pausable', f'Run #{live.run.number} cannot be paused now.')
        self._say.say(live.run, f'Pause asked for run #{live.run.number}{_why(because)}')
        live.pause()
        return live.run

    async def resume(self, id: str, *, because: str = '') -> RunRecord:
        """Let a paused run go on, or take a pause back that it has not come to yet.

        :raises Conflict: `run_not_resumable`
        """
        live = await self._asked(id, 'run_not_resumable', 'resumed')
        if not live.run.is_resumable:
            raise Conflict('run_not_resumable', f'Run #{live.run.number} is {live.run.state}, not paused.')
        live.resume()
        return live.run

    async def pause_queue(self, because: str = '') -> None:
        """Start nothing more; what runs goes on. Lasts over a restart."""
        await self._set_queue_paused(because, is_paused=True)

    async def resume_queue(self, because: str = '') -> None:
        """Start again what waits."""
        await self._set_queue_paused(because, is_paused=False)

    async def stop_everything(self, because: str = '') -> None:
        """Emergency stop: every live run is killed with all it started, and nothing starts until the queue goes on."""
        # First the killing: nothing may hold it up, not even a full disk.
        self._queue.is_paused = True
        stopped = [live for live in self._dispatcher if not live.run.state.is_final]
        for live in stopped:
            live.stop(now=True)
        message = f'Everything was stopped: {len(stopped)} live, {len(self._queue)} kept waiting{_why(because)}'
        self._log.append(Level.WARNING, message, source=SOURCE)
        self._queue_changed()
        self._bus.publish(EverythingStopped(len(stopped), len(self._queue)))
        await self._save_queue()

    async def move_in_queue(self, id: str, to_index: int) -> None:
        """Bring a waiting run to a place, 0 being next.

        :raises Conflict: `run_not_waiting`
        """
        if id not in self._queue:
            run = await self.get(id)
            raise Conflict('run_not_waiting', f'Run #{run.number} is not waiting: {run.state}.')
        self._queue.move(id, to_index)
        self._queue_changed()
        await self._save_queue()

    def set_workers(self, count: int) -> None:
        """Let this many runs go at the same time from now on; those that go already are not touched.

        :raises Invalid: outside 1 to 64
        """
        if not 1 <= count <= MOST_WORKERS:
            message = f'Between 1 and {MOST_WORKERS}.'
            raise Invalid(message, {'workers': message})
        self._dispatcher.workers.resize(count)
        self._dispatcher.wake()
        self._queue_changed()

    def set_next(self, following: Mapping[str, Any] | None) -> None:
        """What the status says of the occurrence that falls due next."""
        self._next = following
        self._status.soon()

    def mark_failure_seen(self, id: str | None = None) -> None:
        """Someone has looked at a failed run (or at all of them): the status need not say `error` for it any more."""
        if id is None or id == self._unseen_failure:
            self._unseen_failure = None
            self._status.soon()

    # Estimated

    def expected_starts(self) -> Mapping[str, datetime]:
        """When waiting runs may start, by id; none while the queue is paused, and none of which nothing is known."""
        if self._queue.is_paused:
            return {}
        return expected_starts(
            self.waiting(),
            self.live(),
            workers=len(self._dispatcher.workers),
            typical=self.estimates.known,
            limit=self._dispatcher.limit_of,
            now=now_utc(),
        )

    async def dashboard_stats(self, now: datetime) -> dict[str, Any]:
        """The figures of the dashboard cards, see `figures`; days are those of the zone of `now`."""
        begin = begin_of(now).isoformat()
        return figures(await asyncio.to_thread(self._store.finished_since, begin), now)

    # The queue

    async def _enqueue(self, run: RunRecord, idempotency_key: str | None) -> RunRecord:
        self._check_room()
        try:
            document = await asyncio.to_thread(self._store.create, run.as_json(), idempotency_key=idempotency_key)
        except StorageError as error:
            raise not_kept('The run could not be kept', error) from error
        if document['id'] != run.id:
            return await self.get(document['id'])
        run = _record(document)
        await self.estimates.typical(run.pipeline)
        self.admit([run])
        return run

    def _check_room(self) -> None:
        if not self._is_open:
            raise NotReady('not_ready', 'Synapse is starting or stopping.', 'Try again in a moment.')
        if len(self._queue) >= MAX_WAITING:
            raise TooMany(f'{MAX_WAITING} runs are waiting already.', retry_after=60)

    async def _cancel_waiting(self, run: RunRecord, index: int, because: str) -> RunRecord:
        ended = transitions.ended(run, RunState.CANCELLED, now_utc())
        try:
            await asyncio.to_thread(self._store.save, ended.as_json())
        except BaseException as error:
            self._queue.add(run, index=index)
            if isinstance(error, StorageError):
                raise not_kept(f'Run #{run.number} still waits', error) from error
            raise
        self._say.say(ended, f'Run #{ended.number} was taken out of the queue{_why(because)}', level=Level.WARNING)
        self._show(ended)
        self._queue_changed()
        return ended

    async def _set_queue_paused(self, because: str, *, is_paused: bool) -> None:
        if self._queue.is_paused != is_paused:
            self._queue.is_paused = is_paused
            self._log.append(
                Level.INFO, f'The queue {"is paused" if is_paused else "goes on"}{_why(because)}', source=SOURCE
            )
        self._queue_changed()
        await self._save_queue()

    async def _save_queue(self) -> None:
        try:
            await self._queue.save()
        except StorageError as error:
            raise not_kept('It is so now, but a restart would forget it', error) from error

    def _queue_changed(self) -> None:
        self._bus.publish(QueueChanged())
        self._status.soon()
        self._dispatcher.wake()

    # Live runs

    def _begin(self, run: RunRecord, worker: str) -> LiveRun:
        self._unseen_failure = None
        return LiveRun(run, worker, self._around)

    async def _leave_inbox(self, run: RunRecord, more: Iterable[RunRecord] = ()) -> None:
        # A run that has just begun may not have taken its file over yet; its parameters tell.
        others = [*self._queue, *(live.run for live in self._dispatcher), *more]
        await self._jobs.leave_inbox(run, others, self._kept_in_inbox())

    def _forgotten(self, message: RunsRemoved) -> None:
        for id in message.ids:
            self.mark_failure_seen(id)  # nobody can look at it any more

    async def _learn_from(self, run: RunRecord) -> None:
        self.estimates.forget(run.pipeline)
        await self.estimates.typical(run.pipeline)

    def _step_options(self, run: RunRecord) -> 'Sequence[Mapping[str, Any]]':
        with contextlib.suppress(NotFound):
            return self._catalog.get(run.pipeline).steps
        return ()

    # Shown

    def _known(self, id: str) -> RunRecord | None:
        live = self._dispatcher.get(id)
        return live.run if live is not None else self._queue.get(id)

    def _show(self, run: RunRecord, moved: bool = True) -> None:
        if run.state is RunState.FAILED:
            self._unseen_failure = run.id
        if moved:
            self._remember_number(run)
        self._bus.publish(RunChanged(run, moved))
        self._status.soon()

    def _remember_number(self, run: RunRecord) -> None:
        self._numbers[run.id] = run.number
        while len(self._numbers) > KNOWN_NUMBERS:
            del self._numbers[next(iter(self._numbers))]

    def _status_values(self) -> Mapping[str, Any]:
        live = self.live()
        return {
            'state': state_of(live, is_queue_paused=self._queue.is_paused, is_failed=self._unseen_failure is not None),
            'job': job_of(live[0], self.title_of(live[0].pipeline), self.estimates.left(live[0])) if live else None,
            'waiting': len(self.waiting()),
            'running': len(live),
            'queue_paused': self._queue.is_paused,
            'workers': self._dispatcher.workers.as_json(self._known),
            'busy_workers': self._dispatcher.workers.busy_count,
            'next': self._next,
            'notice': self._dispatcher.notice if len(self._queue) else '',
        }

    def title_of(self, pipeline: str) -> str:
        """What a pipeline is called; its class name if it is gone."""
        with contextlib.suppress(NotFound):
            return self._catalog.get(pipeline).title
        return pipeline

    # Small

    async def _asked(self, id: str, code: str, what: str) -> LiveRun:
        live = self._dispatcher.get(id)
        if live is None or not live.run.state.is_live:
            run = await self.get(id)
            raise Conflict(code, f'Run #{run.number} is {run.state}, so it cannot be {what}.')
        return live

    async def _interrupt(self, run: RunRecord) -> None:
        await self._jobs.take_in_rest(run)
        ended = transitions.ended(run, RunState.INTERRUPTED, now_utc(), error=interrupted(run))
        await asyncio.to_thread(self._store.save, ended.as_json())
        self._say.ended(ended)
        self._show(ended)

    async def _stored(self, states: 'Sequence[RunState]') -> 'Sequence[RunRecord]':
        return [_record(document) for document in await asyncio.to_thread(self._store.with_states, states)]


def _record(document: Mapping[str, Any]) -> RunRecord:
    return RunRecord.model_validate(document)


def _why(because: str) -> str:
    return f': {because}' if because else ''
