"""All runs: finding them, creating them, and controlling those that wait or run."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.daily_sums import DailySums
from storage.files import StorageError, make_private_folder
from storage.runs import RunStore
from synapse.auth import Auth
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
from .context import Environment, Planned, RunContext, nothing_more
from .creation import NewRuns, PreparedRun
from .dispatcher import Dispatcher
from .ending import interrupted
from .estimates import Estimates, expected_starts
from .figures import Figures
from .folders import RunFolders, not_saved
from .jobs import RunJobs
from .lifecycle_log import SOURCE, LifecycleLog
from .live_run import LiveRun
from .log_limit import RUN_BYTES
from .messages import EverythingStopped, QueueChanged, RunChanged
from .past import PastRuns
from .queue import Queue
from .records import RunRecord, RunRequest, RunState
from .status_writer import StatusWriter
from .unfinished import UnfinishedRuns

MAX_WAITING = 10_000
KNOWN_NUMBERS = 2_000


class Runs:
    """Use it on the event loop only; whatever takes time is awaited.

    :param folder: holds the run folders; the order of the queue is saved next to it
    :param workers: how many runs may run at the same time
    :param min_free_bytes: nothing starts while the disk has less free space
    :param zone: of the wall times in messages and log lines
    :param planned: see `Planned`; files and runs that these name are kept
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
        planned: Planned = lambda: (),
        environment: Environment = nothing_more,
        auth: Auth | None = None,
        run_log_bytes: Callable[[], int] = lambda: RUN_BYTES,
    ) -> None:
        self._store = store
        self._figures = Figures(store, DailySums(store))
        self._log = log
        self._bus = bus
        self._lifecycle = LifecycleLog(log)
        self._folders = RunFolders(folder)
        self._queue = Queue(folder.with_name('queue.json'))
        self._unfinished = UnfinishedRuns(self._queue)
        context = RunContext(
            store=store,
            engine=engine,
            catalog=catalog,
            profiles=profiles,
            inbox=inbox,
            log=log,
            bus=bus,
            folders=self._folders,
            unfinished=self._unfinished,
            planned=planned,
            zone=zone,
            environment=environment,
            auth=auth,
            run_log_bytes=run_log_bytes,
        )
        self._jobs = RunJobs(context)
        self.new = NewRuns(catalog, profiles, inbox, self._folders)
        self.estimates = Estimates(store)
        self.past = PastRuns(context, self._jobs)
        self._dispatcher = Dispatcher(
            context, self._jobs, self.estimates, workers=workers, min_free_bytes=min_free_bytes
        )
        self._numbers: dict[str, int] = {}
        bus.subscribe(RunChanged, self._remember_number)
        self.status = StatusWriter(context, status, self._dispatcher, self.estimates)
        self._is_open = False

    async def start(self) -> None:
        """Mark runs that a previous start left unfinished as interrupted, restore the queue, and start working."""
        await asyncio.to_thread(make_private_folder, self._folders.root)
        for run in await self._stored([RunState.RUNNING, RunState.PAUSED]):
            await self._interrupt(run)
        queued = await self._stored([RunState.QUEUED])
        await self._queue.restore(queued)
        for pipeline in {run.pipeline for run in queued}:
            await self.estimates.typical(pipeline)
        self._is_open = True
        self.status.write()
        self._dispatcher.start()

    async def stop(self, grace: float = 10.0) -> None:
        """Start nothing more, let live runs end within `grace` seconds, then stop them; waiting runs stay queued."""
        self._is_open = False
        await self._dispatcher.close(grace)

    # Questions

    async def get(self, id: str) -> RunRecord:
        """Return the run as it is now.

        :raises NotFound: `run_not_found`
        """
        known = self._unfinished.get(id)
        if known is not None:
            return known
        document = await asyncio.to_thread(self._store.get, id)
        if document is None:
            raise await self.past.missing(id=id)
        return self._unfinished.get(id) or _record(document)

    async def page(
        self,
        *,
        state: str | None = None,
        pipeline: str | None = None,
        profile: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[RunRecord]:
        """Return runs, newest first; `before` is the number of a run, exclusive."""
        documents = await asyncio.to_thread(
            self._store.page, state=state, pipeline=pipeline, profile=profile, before=before, limit=limit
        )
        return [self._unfinished.get(document['id']) or _record(document) for document in documents]

    async def find(self, text: str) -> RunRecord:
        """Return a run by its number, or by its id, which may look like a number too.

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
        """Return the run with this number.

        :raises NotFound: `run_not_found`
        """
        document = await asyncio.to_thread(self._store.find_by_number, number)
        if document is None:
            raise await self.past.missing(number=number)
        return self._unfinished.get(document['id']) or _record(document)

    async def recent(self, pipeline: str | None = None, *, limit: int = 12) -> Sequence[RunRecord]:
        """Return runs that have ended, the last to end first."""
        return [_record(document) for document in await asyncio.to_thread(self._store.recent, pipeline, limit=limit)]

    def live(self) -> Sequence[RunRecord]:
        """Return the runs that a process works (or holds) for, newest first."""
        return self._unfinished.working()

    def waiting(self) -> Sequence[RunRecord]:
        """Return the queued runs in the order in which they will start."""
        return self._unfinished.waiting()

    @property
    def is_queue_paused(self) -> bool:
        return self._queue.is_paused

    def number_of(self, id: str) -> int | None:
        """Return the number of a run that waits, is live, or moved recently; None if only the disk knows it."""
        known = self._unfinished.get(id)
        return known.number if known is not None else self._numbers.get(id)

    def worker_of(self, id: str) -> str | None:
        """Return the worker that has this run, such as `worker-1`, None if none has."""
        return self._dispatcher.workers.of(id)

    def folder_of(self, id: str) -> Path:
        return self._folders.of(id)

    async def artifact_path(self, id: str, name: str) -> Path:
        """Return the path of an artifact of a run.

        :raises NotFound: `run_not_found` or `artifact_not_found`
        """
        run = await self.get(id)
        return await asyncio.to_thread(self._folders.artifact, run, name)

    async def process_tree(self, id: str) -> Sequence[Mapping[str, Any]]:
        """Return the processes of a run, `{pid, command, cpu_percent, memory_bytes, state}`; empty if it has ended."""
        live = self._unfinished.live.get(id)
        return await live.tree() if live is not None else []

    # New runs

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
        """Create a run at the end of the queue, or return the one that was created with the same `idempotency_key`.

        Defaults of the profile fill in parameters that are missing.

        :raises NotFound: if there is no such pipeline or profile
        :raises Conflict: if the pipeline is broken, or the run of this key has been removed
        :raises Invalid: with a sentence for each parameter that does not fit
        :raises DiskIsFull: if it could not be saved; then there is no run
        """
        # Looked up before anything is checked: the earlier run may have taken its file out of the inbox by now.
        if idempotency_key is not None:
            known = await asyncio.to_thread(self._store.find_by_key, idempotency_key)
            if known is not None:
                return await self.get(known['id'])
            await self.past.require_new(idempotency_key)
        wanted = RunRequest(pipeline, parameters, profile=profile, because=because, event_id=event_id)
        return await self._enqueue(await self.new.create(wanted), idempotency_key)

    def scheduled(self, wanted: RunRequest) -> RunRecord:
        """Return a new run that fell due, not saved yet: save it, then pass it to `admit`.

        The parameters are not checked: that was done when the event was saved, and the host does it again. So a
        thousand runs that fall due in the same second start at once.

        :raises SynapseError: if the pipeline is gone or broken, or the profile is gone
        :raises TooMany: if the queue is full
        :raises NotReady: before `start` and after `stop`
        """
        self._check_room()
        return self.new.scheduled(wanted)

    def prepared(self, wanted: RunRequest) -> PreparedRun:
        """Return a run that falls due soon; see `created_now`.

        :raises SynapseError: if the pipeline is gone or broken, or the profile is gone
        """
        return self.new.prepared(wanted)

    def created_now(self, prepared: PreparedRun) -> datetime | None:
        """Return the moment of creation for this run, None if `scheduled` would return another one by now.

        :raises TooMany: if the queue is full
        :raises NotReady: before `start` and after `stop`
        """
        self._check_room()
        return now_utc() if self.new.is_current(prepared) else None

    def admit(self, runs: Sequence[RunRecord]) -> None:
        """Add runs that are saved already to the end of the queue."""
        self.queue_up(runs)
        self.announce(runs)

    def queue_up(self, runs: Sequence[RunRecord]) -> None:
        """The first half of `admit`: afterwards they are in the queue, from which none starts before the next turn."""
        for run in runs:
            self._queue.add(run)

    def announce(self, runs: Sequence[RunRecord]) -> None:
        """The second half of `admit`, in the same turn of the event loop: log and publish them."""
        for run in runs:
            self._lifecycle.queued(run)
            self._bus.publish(RunChanged(run))
        self._bus.publish(QueueChanged())

    def unfinished_of_events(self) -> Mapping[str, int]:
        """Return how many runs of each event wait or are live."""
        return Counter(run.event_id for run in [*self.live(), *self.waiting()] if run.event_id is not None)

    async def retry_record(self, id: str, wanted: RunRequest) -> RunRecord:
        """Return a new run that retries an ended one, not saved yet; see `scheduled`.

        :param wanted: see `NewRuns.retry`
        :raises SynapseError: as `retry`
        """
        self._check_room()
        with self.past.holding(id):
            return await self.new.retry(await self.get(id), wanted)

    async def retry(
        self, id: str, *, from_step: str | None = None, parameters: Mapping[str, Any] | None = None, because: str = ''
    ) -> RunRecord:
        """Create a run with the parameters of one that has ended, changed by `parameters`.

        With `from_step` the results of the earlier steps are copied, and only this step and the later ones run.

        :raises Conflict: `run_not_retryable`, if the run has not ended, or an earlier step has not succeeded
        """
        with self.past.holding(id):
            old = await self.get(id)
            run = await self.new.retry(old, RunRequest(old.pipeline, parameters or {}, because=because), from_step)
            try:
                return await self._enqueue(run, None)
            except BaseException:
                await asyncio.to_thread(self._folders.remove, run.id)
                raise

    # Control of live and waiting runs

    async def cancel(self, id: str, *, because: str = '', now: bool = False) -> RunRecord:
        """Stop a live run, or remove a waiting one from the queue. A live one ends when all its processes are gone.

        :param now: kill it at once, even if it is being stopped already
        :raises Conflict: `run_not_cancellable`, if it has ended
        """
        taken = self._queue.take(id)
        if taken is not None:
            return await self._cancel_waiting(*taken, because)
        live = self._unfinished.live.get(id)
        if live is None or live.run.state.is_final:
            run = await self.get(id)
            raise Conflict('run_not_cancellable', f'Run #{run.number} has ended already: {run.state}.')
        if now or not live.run.is_stopping:
            at_once = ' at once' if now else ''
            self._lifecycle.write(live.run, f'Stopping run #{live.run.number}{at_once}{_why(because)}')
        live.stop(now=now)
        return live.run

    async def pause(self, id: str, *, because: str = '') -> RunRecord:
        """Ask a run to pause at its next progress, checkpoint or step boundary; until then it `is_pausing`.

        :raises Conflict: `run_not_pausable`
        """
        live = await self._live(id, 'run_not_pausable', 'paused')
        if live.run.is_pausing or live.run.state is RunState.PAUSED:
            return live.run
        if not live.run.is_pausable:
            raise Conflict('run_not_pausable', f'Run #{live.run.number} cannot be paused now.')
        self._lifecycle.write(live.run, f'Pausing run #{live.run.number}{_why(because)}')
        live.pause()
        return live.run

    async def resume(self, id: str, *, because: str = '') -> RunRecord:
        """Resume a paused run, or withdraw a pause that it has not reached yet.

        :raises Conflict: `run_not_resumable`
        """
        live = await self._live(id, 'run_not_resumable', 'resumed')
        if not live.run.is_resumable:
            raise Conflict('run_not_resumable', f'Run #{live.run.number} is {live.run.state}, not paused.')
        live.resume()
        return live.run

    async def pause_queue(self, because: str = '') -> None:
        """Start nothing more; live runs continue. The pause survives a restart."""
        await self._set_queue_paused(because, is_paused=True)

    async def resume_queue(self, because: str = '') -> None:
        """Start waiting runs again."""
        await self._set_queue_paused(because, is_paused=False)

    async def stop_everything(self, because: str = '') -> None:
        """Emergency stop: kill every live run with all it started, and start nothing until the queue is resumed."""
        # Kill first: nothing may delay it, not even a full disk.
        self._queue.is_paused = True
        stopped = [live for live in self._unfinished.live.values() if not live.run.state.is_final]
        for live in stopped:
            live.stop(now=True)
        message = f'Everything was stopped: {len(stopped)} live, {len(self._queue)} kept waiting{_why(because)}'
        self._log.append(Level.WARNING, message, source=SOURCE)
        self._bus.publish(QueueChanged())
        self._bus.publish(EverythingStopped(len(stopped), len(self._queue)))
        await self._save_queue()

    async def move_in_queue(self, id: str, to_index: int) -> None:
        """Move a waiting run to a position in the queue, 0 being next.

        :raises Conflict: `run_not_waiting`
        """
        if id not in self._queue:
            run = await self.get(id)
            raise Conflict('run_not_waiting', f'Run #{run.number} is not waiting: {run.state}.')
        self._queue.move(id, to_index)
        self._bus.publish(QueueChanged())
        await self._save_queue()

    def set_workers(self, count: int) -> None:
        """Allow this many runs at the same time from now on; live ones are not touched.

        :raises Invalid: outside 1 to 64
        """
        if not 1 <= count <= MOST_WORKERS:
            message = f'Between 1 and {MOST_WORKERS}.'
            raise Invalid(message, {'workers': message})
        self._dispatcher.workers.resize(count)
        self._bus.publish(QueueChanged())

    # Estimates and figures

    def expected_starts(self) -> Mapping[str, datetime]:
        """Return when waiting runs may start, by id, where that can be estimated; empty while the queue is paused."""
        if self._queue.is_paused:
            return {}
        return expected_starts(
            self.waiting(),
            self.live(),
            workers=len(self._dispatcher.workers),
            typical=self.estimates.known_of,
            limit=self._dispatcher.limit_of,
            now=now_utc(),
        )

    async def dashboard_stats(self, now: datetime) -> dict[str, Any]:
        """Return the figures of the dashboard cards, see `figures`; days are those of the zone of `now`."""
        return await asyncio.to_thread(self._figures.read, now)

    # The queue

    async def _enqueue(self, run: RunRecord, idempotency_key: str | None) -> RunRecord:
        self._check_room()
        try:
            document = await self._store.group.commit(
                self._store.create, run.as_json(), idempotency_key=idempotency_key
            )
        except StorageError as error:
            raise not_saved('The run could not be saved', error) from error
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
            await self._store.group.commit(self._store.save, ended.as_json())
        except BaseException as error:
            self._queue.add(run, index=index)
            if isinstance(error, StorageError):
                raise not_saved(f'Run #{run.number} still waits', error) from error
            raise
        text = f'Run #{ended.number} was removed from the queue{_why(because)}'
        self._lifecycle.write(ended, text, level=Level.WARNING)
        self._bus.publish(RunChanged(ended))
        self._bus.publish(QueueChanged())
        return ended

    async def _set_queue_paused(self, because: str, *, is_paused: bool) -> None:
        if self._queue.is_paused != is_paused:
            self._queue.is_paused = is_paused
            text = f'The queue is {"paused" if is_paused else "resumed"}{_why(because)}'
            self._log.append(Level.INFO, text, source=SOURCE)
        self._bus.publish(QueueChanged())
        await self._save_queue()

    async def _save_queue(self) -> None:
        try:
            await self._queue.save()
        except StorageError as error:
            raise not_saved('The change applies now, but a restart would lose it', error) from error

    async def _live(self, id: str, code: str, what: str) -> LiveRun:
        live = self._unfinished.live.get(id)
        if live is None or not live.run.state.is_live:
            run = await self.get(id)
            raise Conflict(code, f'Run #{run.number} is {run.state}, so it cannot be {what}.')
        return live

    def _remember_number(self, message: RunChanged) -> None:
        if message.moved:
            self._numbers[message.run.id] = message.run.number
            while len(self._numbers) > KNOWN_NUMBERS:
                del self._numbers[next(iter(self._numbers))]

    async def _interrupt(self, run: RunRecord) -> None:
        await self._jobs.recover_log(run)
        ended = transitions.ended(run, RunState.INTERRUPTED, now_utc(), error=interrupted(run))
        await self._store.group.commit(self._store.save, ended.as_json())
        self._lifecycle.ended(ended)
        self._bus.publish(RunChanged(ended))

    async def _stored(self, states: 'Sequence[RunState]') -> Sequence[RunRecord]:
        return [_record(document) for document in await asyncio.to_thread(self._store.with_states, states)]


def _record(document: Mapping[str, Any]) -> RunRecord:
    return RunRecord.model_validate(document)


def _why(because: str) -> str:
    return f': {because}' if because else ''
