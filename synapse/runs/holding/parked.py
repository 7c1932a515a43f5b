"""Paused runs without a process: they wait for an answer, and are stopped, paused and resumed in the meantime."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from storage.files import StorageError
from synapse.errors import Conflict, SynapseError
from synapse.language import N_, _, filled
from synapse.records import now_utc
from synapse.runs import transitions
from synapse.runs.context import RunContext
from synapse.runs.folders import not_saved
from synapse.runs.lines.lifecycle_log import LifecycleLog
from synapse.runs.messages import QueueChanged, RunChanged
from synapse.runs.pauses import Pause, PauseTimer
from synapse.runs.records import Answer, RunRecord, RunState

logger = logging.getLogger(__name__)

Rule = Callable[[RunRecord], RunRecord]


class ParkedRuns:
    """Changes them one at a time; each change is saved before it is logged and published.

    :param add: called with a run after its change: it waits on here, or goes into the queue
    """

    def __init__(self, context: RunContext, add: Callable[[RunRecord], None]) -> None:
        self._context = context
        self._unfinished = context.unfinished
        self._lifecycle = LifecycleLog(context.log)
        self._add = add
        self._turn = asyncio.Lock()
        self._timers: dict[str, tuple[Pause, PauseTimer]] = {}
        """Of the pauses that end by themselves, by the id of their run."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop_following: Callable[[], None] = lambda: None

    def start(self) -> None:
        """From now on, end each pause when its time is over; those that are over by now end at once."""
        self._stop_following = self._context.bus.subscribe(QueueChanged, lambda _: self._time_pauses())
        self._time_pauses()

    def close(self) -> None:
        """Let no more pauses end."""
        self._stop_following()
        self._forget(self._timers)

    def ids(self) -> Sequence[str]:
        """Return the runs that are here, also those that are about to continue."""
        return [run.id for run in self._unfinished if self._has(run.id)]

    async def answer(self, id: str, answer: Answer) -> bool:
        """Answer the question of this run; whether it was still open.

        :raises SynapseError: if it could not be saved
        """
        after = await self._change(
            id, lambda run: transitions.answered(run, answer), lambda run: self._lifecycle.answered(run, answer)
        )
        return after is not None and answer in after.answers

    async def pause(self, id: str, pause: Pause, why: str) -> RunRecord | None:
        """Hold the run once it has its answer, and return it; None if it is not here, as in the other methods.

        :param why: added to what the log says
        """

        def held(run: RunRecord) -> RunRecord:
            if not run.is_pausing or run.pause is None:
                return run.changed(is_pausing=True, pause=pause)
            return run.changed(pause=pause.changed(since=run.pause.since)) if pause.because or pause.until else run

        return await self._change(id, held, self._writes(N_('Run #{number} is to stay paused{why}'), why))

    async def resume(self, id: str, why: str) -> RunRecord | None:
        """Let the run continue once it has its answer.

        :raises Conflict: `run_not_resumable`, if no one has paused it
        """

        def resumed(run: RunRecord) -> RunRecord:
            if not run.is_resumable:
                raise not_resumable(run)
            return run.changed(is_pausing=False, pause=None)

        return await self._change(id, resumed, self._writes(N_('Run #{number} is resumed{why}'), why))

    async def cancel(self, id: str, why: str) -> RunRecord | None:
        """End the run; its question is void."""

        def say(run: RunRecord) -> None:
            self._writes(N_('Run #{number} is stopped{why}'), why)(run)
            self._lifecycle.ended(run)

        return await self._change(id, lambda run: transitions.ended(run, RunState.CANCELLED, now_utc()), say)

    # Pauses that end by themselves

    def _time_pauses(self) -> None:
        pauses = {id: run.pause for id, run in self._unfinished.parked.items() if run.is_pausing}
        self._forget([id for id, (pause, _) in self._timers.items() if pauses.get(id) != pause])
        for id, pause in pauses.items():
            if pause is not None and pause.until is not None and id not in self._timers:
                timer = PauseTimer(partial(self._over, id, pause), partial(self._moved, id))
                self._timers[id] = pause, timer
                timer.start(pause)

    def _forget(self, ids: Iterable[str]) -> None:
        for id in [*ids]:
            self._timers.pop(id)[1].cancel()

    def _over(self, id: str, pause: Pause) -> None:
        def resumed(run: RunRecord) -> RunRecord:
            return run.changed(is_pausing=False, pause=None) if run.pause == pause else run

        self._later(
            id,
            resumed,
            lambda run: self._lifecycle.write(run, _('The pause of run #{number} is over', number=run.number)),
        )

    def _moved(self, id: str, until: datetime) -> None:
        """The wall clock was set: a pause for fifteen minutes still takes that long."""
        self._later(id, lambda run: run.changed(pause=run.pause and run.pause.changed(until=until)), lambda _: None)

    def _later(self, id: str, rule: Rule, say: Callable[[RunRecord], None]) -> None:
        task = asyncio.create_task(self._safely(id, self._change(id, rule, say)), name=f'pause of run {id}')
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _safely(self, id: str, change: Coroutine[Any, Any, object]) -> None:
        try:
            await change
        except SynapseError as error:
            logger.warning(N_('the pause of run %s: %s'), id, error)
            self._timers.pop(id, None)  # so that the next news of the queue tries it again

    def _writes(self, marked: str, why: str) -> Callable[[RunRecord], None]:
        return lambda run: self._lifecycle.write(run, filled(marked, number=run.number, why=why))

    async def _change(self, id: str, rule: Rule, say: Callable[[RunRecord], None]) -> RunRecord | None:
        """Apply a rule, and return the run after it; None if it is not here, or no longer."""
        if not self._has(id):
            return None
        async with self._turn:
            if not self._has(id):
                return None
            taken = self._unfinished.queue.take(id)
            before = taken[0] if taken is not None else self._unfinished.parked[id]
            self._unfinished.parked[id] = before  # until it is saved, so that it does not start meanwhile
            try:
                after = rule(before)
                if after is not before:
                    store = self._context.store
                    await store.group.commit(store.save, after.as_document())
            except BaseException as error:
                self._put(before)
                if isinstance(error, StorageError):
                    raise not_saved(_('Run #{number} stays as it is', number=before.number), error) from error
                raise
            if after is not before:
                say(after)
            self._put(after)
            if after is not before:
                self._context.bus.publish(RunChanged(after))
                self._context.bus.publish(QueueChanged())
            return after

    def _has(self, id: str) -> bool:
        waiting = self._unfinished.queue.get(id)
        return id in self._unfinished.parked or (waiting is not None and waiting.is_waiting)

    def _put(self, run: RunRecord) -> None:
        del self._unfinished.parked[run.id]
        if not run.state.is_final:
            self._add(run)


def not_resumable(run: RunRecord) -> Conflict:
    """Return why a run cannot be resumed."""
    if run.question is not None:
        return Conflict(
            'run_not_resumable', _('Run #{number} waits for an answer.', number=run.number), _('Answer its question.')
        )
    return Conflict(
        'run_not_resumable',
        _('Run #{number} is {state}, not paused.', number=run.number, state=transitions.state_words(run.state)),
    )
