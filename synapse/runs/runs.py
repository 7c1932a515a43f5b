"""All runs: creating them, and controlling those that wait or run; what can be asked about them is in `KnownRuns`."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.files import StorageError, make_private_folder
from storage.runs import RunStore
from storage.taken_files import TakenFiles
from synapse.auth import Auth
from synapse.bus import Bus
from synapse.catalog.catalog import Catalog
from synapse.damage import DamageFound
from synapse.engine.engine import Engine
from synapse.engine.leftovers import Leftover
from synapse.errors import Conflict, Invalid, NotReady, SynapseError, TooMany
from synapse.inbox.arriving import FoundFile
from synapse.inbox.inbox import Inbox
from synapse.language import N_, _, filled, joined, translated
from synapse.log.log import Level, Log
from synapse.offers import HERE, Amounts, Offer
from synapse.profiles import Profiles
from synapse.records import now_utc
from synapse.settings import MOST_WORKERS
from synapse.status import Status

from . import transitions
from .causes import cause_words
from .comparison.comparing import Comparisons
from .context import Environment, Planned, RunContext, nothing_more
from .data_folder import WAY_OUT, DataFolder
from .dispatch.dispatcher import Dispatcher
from .estimates import Estimates, expected_starts
from .folders import RunFolders, not_saved
from .history.finder import Finder
from .history.known_runs import KnownRuns
from .history.past import PastRuns
from .holding.answers import Answers
from .holding.parked import ParkedRuns, not_resumable
from .holding.queue_pause import QueuePause
from .lines.lifecycle_log import SOURCE, UNQUEUED, LifecycleLog
from .lines.log_limit import RUN_BYTES
from .messages import EverythingStopped, QueueChanged, RunChanged, RunLost
from .pauses import Pause, pause_of
from .queue import Queue
from .records import RunRecord, RunRequest, RunState
from .recovery.recovery import RunRecovery, Settled
from .recovery.resuming import Resuming, interrupted_because, unfinished_step
from .starting.creation import NewRuns, PreparedRun
from .starting.jobs import RunJobs
from .starting.retrying import Retries
from .status_writer import StatusWriter
from .transitions import state_words
from .unfinished import UnfinishedRuns, WorkingRun

MAX_WAITING = 10_000


class Runs(KnownRuns):
    """Use it on the event loop only; whatever takes time is awaited.

    :param folder: holds the run folders; the order of the queue is saved next to it
    :param workers: how many runs may run at the same time
    :param labels: what this machine offers, by which pipelines may choose it
    :param away: returns what other machines have, by name, that belong to the cluster and are not connected
    :param disk_free: returns the free bytes of the disk of another machine, as far as they are known
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
        labels: Amounts | None = None,
        away: Callable[[], Mapping[str, Amounts]] = dict,
        disk_free: Callable[[str], int | None] = lambda machine: None,
        min_free_bytes: int = 0,
        zone: str = 'UTC',
        planned: Planned = lambda: (),
        environment: Environment = nothing_more,
        auth: Auth | None = None,
        run_log_bytes: Callable[[], int] = lambda: RUN_BYTES,
    ) -> None:
        self._log = log
        self._bus = bus
        self._lifecycle = LifecycleLog(log)
        self._queue = Queue(folder.with_name('queue.json'))
        context = RunContext(
            store=store,
            engine=engine,
            catalog=catalog,
            profiles=profiles,
            inbox=inbox,
            log=log,
            bus=bus,
            folders=RunFolders(folder),
            unfinished=UnfinishedRuns(self._queue),
            planned=planned,
            zone=zone,
            environment=environment,
            auth=auth,
            run_log_bytes=run_log_bytes,
            min_free_bytes=min_free_bytes,
        )
        self._jobs = RunJobs(context)
        super().__init__(context, PastRuns(context, self._jobs))
        self._data = DataFolder(folder.parent, 'runs.db')
        self._watching: asyncio.Task[None] | None = None
        self.resuming = Resuming(context)
        self._recovery = RunRecovery(context, self._jobs, self.resuming)
        self.new = NewRuns(catalog, profiles, inbox, self._folders)
        self.estimates = Estimates(store)
        self.compared = Comparisons(context, self._jobs.makings)
        self.retries = Retries(context, self.new, self.compared)
        self.finder = Finder(context)
        self.taken = TakenFiles(store)
        """Which versions of files were taken for runs, by watch folders and by events."""
        self._dispatcher = Dispatcher(
            context, self._jobs, self.estimates, workers=workers, labels=labels, away=away, disk_free=disk_free
        )
        self._pause = QueuePause(context)
        self._parked = ParkedRuns(context, self._dispatcher.add_waiting)
        self._answers = Answers(context, self._parked)
        self.status = StatusWriter(context, status, self._dispatcher, self.estimates)
        self.settled = Settled()
        """What `start` found of the last start."""
        self._is_open = False
        bus.subscribe(RunLost, self._lost)

    async def start(self, leftovers: Sequence[Leftover] = ()) -> None:
        """Take runs that a previous start left unfinished to their end, restore the queue, and start working.

        Those that wait for an answer still do.

        :param leftovers: what still lived of earlier runs
        """
        await asyncio.to_thread(make_private_folder, self._folders.root)
        await asyncio.to_thread(self._remove_unsaved_folders)
        await asyncio.to_thread(self._data.remember)
        self._watching = asyncio.create_task(self._data.watch(self._data_changed), name='data folder')
        unfinished = await self._stored([RunState.RUNNING, RunState.PAUSED])
        for run in unfinished:
            if run.is_waiting:
                with self._jobs.hiding(run) as hidden:
                    await self._jobs.recover_log(run, hidden)
        self.settled = await self._recovery.settle([run for run in unfinished if not run.is_waiting], leftovers)
        queued = await self._stored([RunState.QUEUED])
        await self._queue.restore(queued)
        if self._queue.damage is not None:
            self._log.append(Level.WARNING, self._queue.damage.sentence, source=SOURCE)
            self._bus.publish(DamageFound(self._queue.damage))
        for run in sorted(unfinished, key=lambda run: run.number, reverse=True):
            if run.is_waiting:
                self._dispatcher.add_waiting(run)
                self._bus.publish(RunChanged(run))
        for pipeline in {run.pipeline for run in queued}:
            await self.estimates.typical(pipeline)
        self._is_open = True
        self._pause.start()
        self._parked.start()
        self.status.write()
        self._dispatcher.start()
        self.finder.start()
        for run in self.settled.resumed:
            if run.due is None:  # the calendar retries those that fell due, since each belongs to an occurrence
                await self.resuming.go_on(run, self._resume)

    def _lost(self, message: RunLost) -> None:
        """Retry a run whose machine is gone, if its pipeline says so."""
        if message.run.due is None:  # the calendar retries the others
            self.resuming.lost(message.run, self._resume)

    async def _resume(self, run: RunRecord) -> None:
        try:
            await self.retry(run.id, from_step=unfinished_step(run), because=interrupted_because(run))
        except SynapseError as error:
            self._lifecycle.write(
                run,
                _('Run #{number} could not be retried: {message}', number=run.number, message=error.message),
                level=Level.WARNING,
            )

    def _remove_unsaved_folders(self) -> None:
        """Remove what was copied for retries that a crash has kept from being saved."""
        for id in self._folders.unsaved():
            if self._store.get(id) is None:
                self._folders.remove(id)

    async def _stored(self, states: Sequence[RunState]) -> Sequence[RunRecord]:
        documents = await asyncio.to_thread(self._store.with_states, states)
        return [RunRecord.model_validate(document) for document in documents]

    async def stop(self, grace: float = 10.0) -> None:
        """Start nothing more, let live runs end within `grace` seconds, then stop them; waiting runs stay queued."""
        self._is_open = False
        self._answers.close()
        self._parked.close()
        self._pause.close()
        if self._watching is not None:
            self._watching.cancel()
        await self._dispatcher.close(grace)
        await self.resuming.close(self._dispatcher.interrupted)
        await self.finder.stop()

    # Questions

    @property
    def is_queue_paused(self) -> bool:
        return self._queue.is_paused

    @property
    def queue_pause(self) -> Pause | None:
        """Why nothing new starts, since when and until when; None while runs start."""
        return self._queue.pause

    @property
    def is_queue_drained(self) -> bool:
        """Whether the queue drains and all that had begun has ended."""
        return self._unfinished.is_drained

    def worker_of(self, id: str) -> str | None:
        """Return the worker that has this run, such as `worker-1`, None if none has."""
        return self._dispatcher.workers.of(id)

    def on_machine(self, machine: str = HERE) -> Sequence[RunRecord]:
        """Return the live runs of a machine; one whose process waits there for an answer has no worker meanwhile."""
        there = [live.run for live in self._unfinished.live.values() if live.machine == machine]
        return [run for run in there if not run.state.is_final]

    def is_taken(self, found: FoundFile) -> bool:
        """Whether the owner of this version of a file has taken it before; reads the disk, in any thread."""
        known = self.taken.known(found.owner, [found.version])[0]
        return known.is_taken or known.digest == found.digest

    def waits_for_machine(self, id: str) -> bool:
        """Whether what a waiting run `waits_for` is a machine, and not space."""
        return id in self._dispatcher.nowhere

    def expected_starts(self) -> Mapping[str, datetime]:
        """Return when waiting runs may start, by id, where that can be estimated; empty while the queue is paused."""
        if self._queue.is_paused:
            return {}
        return expected_starts(
            [run for run in self.waiting() if not run.waits_for],
            [run for run in self.live() if not run.is_waiting],
            workers=self._dispatcher.workers.usable,
            typical=self.estimates.known_of,
            limit=self._dispatcher.limit_of,
            now=now_utc(),
        )

    # New runs

    async def create(
        self,
        pipeline: str,
        parameters: Mapping[str, Any],
        *,
        profile: str | None = None,
        because: str = '',
        idempotency_key: str | None = None,
    ) -> RunRecord:
        """Create a run from what a person or a program has chosen; see `request`."""
        wanted = RunRequest(pipeline, parameters, profile=profile, because=because)
        return await self.request(wanted, idempotency_key=idempotency_key)

    async def request(self, wanted: RunRequest, *, idempotency_key: str | None = None) -> RunRecord:
        """Create a run at the end of the queue, or return the one that was created with the same `idempotency_key`.

        Defaults of the profile fill in parameters that are missing. The files that it was `found` with count as taken
        from now on, see `taken`.

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

    async def retry_record(self, id: str, wanted: RunRequest, from_step: str | None = None) -> RunRecord:
        """Return a new run that retries an ended one, not saved yet; see `scheduled`. With `from_step` it has a folder.

        :param wanted: see `NewRuns.retry`
        :raises SynapseError: as `retry`
        """
        self._check_room()
        with self.past.holding(id):
            return await self.new.retry(await self.get(id), wanted, from_step)

    async def retry(
        self, id: str, *, from_step: str | None = None, parameters: Mapping[str, Any] | None = None, because: str = ''
    ) -> RunRecord:
        """Create a run with the parameters of one that has ended, changed by `parameters`.

        With `from_step` the results of the earlier steps are copied, and only this step and the later ones run.

        :raises Conflict: `run_not_retryable`, if the run has not ended, or an earlier step has not succeeded
        :raises Invalid: `parameters_lost`, if they were lost in a damaged file and none are given
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
        if (parked := await self._parked.cancel(id, _why(because))) is not None:
            return parked
        taken = self._queue.take(id)
        if taken is not None:
            return await self._cancel_waiting(*taken, because)
        live = self._unfinished.live.get(id)
        if live is None or live.run.state.is_final:
            run = await self.get(id)
            raise Conflict(
                'run_not_cancellable',
                _('Run #{number} has ended already: {state}.', number=run.number, state=state_words(run.state)),
            )
        if now or not live.run.is_stopping:
            how = {'number': live.run.number, 'why': _why(because)}
            text = _('Stopping run #{number} at once{why}', **how) if now else _('Stopping run #{number}{why}', **how)
            self._lifecycle.write(live.run, text)
        live.stop(now=now)
        return live.run

    async def pause(
        self, id: str, *, because: str = '', by: str = '', until: datetime | None = None, seconds: float | None = None
    ) -> RunRecord:
        """Ask a run to pause at its next progress, checkpoint or step boundary; until then it `is_pausing`.

        One that waits for an answer is held once it has it, until the pause ends. For one that is paused already, cause
        and end are changed.

        :param by: who asks for it
        :param until: resume it at this moment; see `pause_of`
        :raises Conflict: `run_not_pausable`
        :raises Invalid: see `pause_of`
        """
        pause = pause_of(now_utc(), by=by, because=because, until=until, seconds=seconds)
        why = joined(_by(by), _why(because), by='')
        if (parked := await self._parked.pause(id, pause, why)) is not None:
            return parked
        live = await self._live(id, 'run_not_pausable', N_('Run #{number} is {state}, so it cannot be paused.'))
        if before := live.run.pause:
            if because or pause.until:
                live.pause(pause.changed(since=before.since))
            return live.run
        if not live.run.is_pausable:
            raise Conflict('run_not_pausable', _('Run #{number} cannot be paused now.', number=live.run.number))
        self._lifecycle.write(live.run, _('Pausing run #{number}{why}', number=live.run.number, why=why))
        live.pause(pause)
        return live.run

    async def resume(self, id: str, *, because: str = '') -> RunRecord:
        """Resume a paused run, or withdraw a pause that it has not reached yet.

        :raises Conflict: `run_not_resumable`
        """
        if (parked := await self._parked.resume(id, _why(because))) is not None:
            return parked
        live = await self._live(id, 'run_not_resumable', N_('Run #{number} is {state}, so it cannot be resumed.'))
        if not live.run.is_resumable:
            raise not_resumable(live.run)
        live.resume()
        return live.run

    async def answer(self, id: str, question: str, answer: Any, *, by: str, because: str = '') -> RunRecord:
        """Answer the open question of a run, which then continues.

        :param question: the id of the question
        :param answer: one of its choices, the fields of its form, or a text
        :param by: who answers, for the log
        :raises NotFound: `run_not_found`
        :raises Conflict: `question_answered`, or `question_not_open`
        :raises Invalid: with a sentence for what does not fit
        """
        if not self._is_open:
            raise _not_ready()
        await self._answers.answer(await self.get(id), question, answer, by=by, because=because)
        return await self.get(id)

    async def pause_queue(
        self,
        because: str = '',
        *,
        by: str = '',
        until: datetime | None = None,
        seconds: float | None = None,
        drain: bool = False,
    ) -> None:
        """Start nothing more; live runs continue. The pause survives a restart, and takes the place of any before it.

        :param by: who asked for it
        :param until: resume by itself at this moment
        :param seconds: the same after this time
        :param drain: tell when all that has begun has ended; what is retried as a run of its own waits
        :raises Invalid: see `pause_of`
        """
        await self._pause.pause(
            pause_of(now_utc(), by=by, because=because, until=until, seconds=seconds, is_drain=drain)
        )

    async def resume_queue(self, because: str = '', *, by: str = '') -> None:
        """Start waiting runs again."""
        await self._pause.resume(joined(_by(by), _why(because), by=''))

    async def stop_everything(self, because: str = '') -> None:
        """Emergency stop: kill every live run with all it started, and start nothing until the queue is resumed."""
        # Kill first: nothing may delay it, not even a full disk.
        self._pause.set(Pause(since=now_utc(), because=because or _('everything was stopped')))
        stopped = [live for live in self._unfinished.live.values() if not live.run.state.is_final]
        for live in stopped:
            live.stop(now=True)
        asking = self._parked.ids()
        count = len(stopped) + len(asking)
        message = _(
            'Everything was stopped: {live} live, {waiting} kept waiting{why}',
            live=count,
            waiting=len(self._queue),
            why=_why(because),
        )
        self._log.append(Level.WARNING, message, source=SOURCE)
        self._bus.publish(QueueChanged())
        self._bus.publish(EverythingStopped(count, len(self._queue)))
        try:
            await self._pause.save()
        finally:
            for id in asking:
                await self._parked.cancel(id, _(' with everything else'))

    async def move_in_queue(self, id: str, to_index: int) -> None:
        """Move a waiting run to a position in the queue, 0 being next.

        :raises Conflict: `run_not_waiting`
        """
        if id not in self._queue:
            run = await self.get(id)
            raise Conflict(
                'run_not_waiting',
                _('Run #{number} is not waiting: {state}.', number=run.number, state=state_words(run.state)),
            )
        self._queue.move(id, to_index)
        self._bus.publish(QueueChanged())
        await self._pause.save()

    def set_workers(self, count: int) -> None:
        """Allow this many runs at the same time from now on; live ones are not touched.

        :raises Invalid: outside 1 to 64
        """
        if not 1 <= count <= MOST_WORKERS:
            message = _('Between 1 and {most}.', most=MOST_WORKERS)
            raise Invalid(message, {'workers': message})
        self._dispatcher.workers.resize(count)
        self._bus.publish(QueueChanged())

    def offer_machines(self, offers: Mapping[str, Offer]) -> None:
        """Use these other machines from now on, by name."""
        self._dispatcher.workers.offer(offers)
        self._bus.publish(QueueChanged())

    @property
    def machines(self) -> Mapping[str, Offer]:
        """The other machines that are there, by name."""
        return self._dispatcher.workers.offers

    @property
    def drained(self) -> Collection[str]:
        """The other machines that get no new runs, also those that are not there."""
        return self._dispatcher.workers.drained

    def is_drained(self, machine: str) -> bool:
        """Whether another machine gets no new runs."""
        return machine in self.drained

    def drain(self, machine: str, *, is_drained: bool) -> None:
        """Give another machine no new runs, or give it some again; what runs there goes on."""
        drained = self._dispatcher.workers.drained
        (drained.add if is_drained else drained.discard)(machine)
        text = _('{machine} gets new runs again', machine=machine)
        if is_drained:
            text = _('{machine} gets no new runs', machine=machine)
        self._log.append(Level.INFO, text, source=SOURCE)
        self._bus.publish(QueueChanged())

    def hold_back(self, machine: str, *, is_held: bool) -> None:
        """Give another machine no new runs while it is removed, or no longer."""
        drained = self._dispatcher.workers.drained
        (drained.add if is_held else drained.discard)(machine)
        self._bus.publish(QueueChanged())

    # The queue

    async def _enqueue(self, run: RunRecord, idempotency_key: str | None) -> RunRecord:
        self._check_room()
        await self._data.check()
        try:
            document = await self._store.group.commit(
                self._store.create, run.as_document(), idempotency_key=idempotency_key
            )
        except StorageError as error:
            raise not_saved(_('The run could not be saved'), error) from error
        if document['id'] != run.id:
            return await self.get(document['id'])
        run = RunRecord.model_validate(document)
        await self.estimates.typical(run.pipeline)
        self.admit([run])
        return run

    def _check_room(self) -> None:
        if not self._is_open:
            raise _not_ready()
        self._data.require()
        if len(self._queue) >= MAX_WAITING:
            raise TooMany(_('{most} runs are waiting already.', most=MAX_WAITING), retry_after=60)

    def _data_changed(self, problem: str) -> None:
        text = f'{problem} {translated(WAY_OUT)}' if problem else _('The data folder is back: runs start again')
        self._log.append(Level.CRITICAL if problem else Level.INFO, text, source=SOURCE)
        self._dispatcher.is_held = bool(problem)
        self.status.set_fault(f'{problem} {translated(WAY_OUT)}' if problem else '')
        self._bus.publish(QueueChanged())

    async def _cancel_waiting(self, run: RunRecord, index: int, because: str) -> RunRecord:
        ended = transitions.ended(run, RunState.CANCELLED, now_utc())
        try:
            await self._store.group.commit(self._store.save, ended.as_document())
        except BaseException as error:
            self._queue.add(run, index=index)
            if isinstance(error, StorageError):
                raise not_saved(_('Run #{number} still waits', number=run.number), error) from error
            raise
        text = filled(UNQUEUED, number=ended.number, why=_why(because))
        self._lifecycle.write(ended, text, level=Level.WARNING)
        self._bus.publish(RunChanged(ended))
        self._bus.publish(QueueChanged())
        return ended

    async def _live(self, id: str, code: str, marked: str) -> WorkingRun:
        live = self._unfinished.live.get(id)
        if live is None or not live.run.state.is_live:
            run = await self.get(id)
            raise Conflict(
                code,
                filled(marked, number=run.number, state=state_words(run.state)),
            )
        return live


def _not_ready() -> NotReady:
    return NotReady('not_ready', _('Synapse is starting or stopping.'), _('Try again in a moment.'))


def _by(by: str) -> str:
    return joined(' ', _('by {someone}', someone=cause_words(by)), by='') if by else ''


def _why(because: str) -> str:
    return joined(': ', cause_words(because), by='') if because else ''
