"""Retries interrupted runs from where they were, where their pipelines say that this is safe."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from storage.files import StorageError, write_atomically
from synapse.language import _
from synapse.log.log import Level
from synapse.runs.context import RunContext
from synapse.runs.lines.lifecycle_log import LifecycleLog
from synapse.runs.records import RunRecord, RunState, StepState

MOST_RESUMED = 3
"""How often in a row a run is retried that is interrupted in the same step: it may be what brings the machine down."""

MACHINE_ENDS_SECONDS = 15.0
"""After this long nothing works any more on another machine that has lost this one."""

Retry = Callable[[RunRecord], Awaitable[None]]


class Resuming:
    """Knows which runs go on, and has them retried. A note on disk keeps those that have not been retried yet."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._lifecycle = LifecycleLog(context.log)
        self._noted: set[str] = set()
        self._waiting: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._saving = asyncio.Lock()

    async def applies_to(self, run: RunRecord) -> bool:
        """Whether a run is retried: where that is declared safe, unless it ended several times in the same step."""
        info = self._context.catalog.find(run.pipeline)
        if info is None or info.on_interrupt != 'retry' or run.state is not RunState.INTERRUPTED or run.is_all_done:
            return False
        step, before = unfinished_step(run), run
        for __ in range(MOST_RESUMED):
            earlier = await self._find(before.retry_of) if before.retry_of else None
            if earlier is None or earlier.state is not RunState.INTERRUPTED or unfinished_step(earlier) != step:
                return True
            before = earlier
        text = _(
            'Run #{number} is not retried again: it was interrupted {times} times in the same step',
            number=run.number,
            times=MOST_RESUMED + 1,
        )
        self._lifecycle.write(run, text, level=Level.WARNING)
        return False

    async def noted(self) -> list[RunRecord]:
        """Return the runs that the last start has not retried any more."""
        try:
            ids = json.loads(await asyncio.to_thread(self._note.read_bytes))
        except (OSError, ValueError):
            return []
        self._noted = {str(id) for id in ids}
        runs = [await self._find(id) for id in self._noted]
        return [run for run in runs if run is not None and run.state is RunState.INTERRUPTED]

    def lost(self, run: RunRecord, retry: Retry) -> None:
        """Have a run go on whose machine is gone, if that is declared safe."""

        async def go_on() -> None:
            if await self.applies_to(run):
                await self.go_on(run, retry)

        self._start(go_on())

    async def go_on(self, run: RunRecord, retry: Retry) -> None:
        """Have `retry` called once nothing of this run works any more; for one of this machine that is now."""
        if run.id in self._waiting:
            return
        if not run.machine:
            await self._retry(run, retry)
            return
        self._waiting.add(run.id)
        await self._keep(self._noted | {run.id})
        text = _(
            'Run #{number} goes on in {seconds} s, when nothing works on {machine} any more',
            number=run.number,
            seconds=round(MACHINE_ENDS_SECONDS),
            machine=run.machine,
        )
        self._lifecycle.write(run, text)
        self._start(self._retry_later(run, retry))

    async def _retry_later(self, run: RunRecord, retry: Retry) -> None:
        await asyncio.sleep(MACHINE_ENDS_SECONDS)
        await self._retry(run, retry)

    async def _retry(self, run: RunRecord, retry: Retry) -> None:
        if not await asyncio.to_thread(self._context.store.retries_of, run.id):  # by a person meanwhile
            await retry(run)
        self._waiting.discard(run.id)
        await self._keep(self._noted - {run.id})

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, interrupted: Iterable[str]) -> None:
        """Leave to the next start what waits, and those of these runs that go on; this closing has interrupted them."""
        for task in self._tasks:
            task.cancel()
        runs = [await self._find(id) for id in interrupted]
        await self._keep(self._noted | {run.id for run in runs if run is not None and await self.applies_to(run)})

    async def _keep(self, ids: set[str]) -> None:
        if ids == self._noted:
            return
        self._noted = ids
        async with self._saving:  # several may be lost at once, and what is written last must be the newest
            with contextlib.suppress(StorageError):  # each is seen to be interrupted all the same
                await asyncio.to_thread(write_atomically, self._note, json.dumps(sorted(self._noted)).encode())

    async def _find(self, id: str) -> RunRecord | None:
        document = await asyncio.to_thread(self._context.store.get, id)
        return None if document is None else RunRecord.model_validate(document)

    @property
    def _note(self) -> Path:
        return self._context.folders.root.with_name('interrupted.json')


def unfinished_step(run: RunRecord) -> str | None:
    """Return the step from which a retry saves work: the first that has not succeeded, None if that is the first."""
    left = [step.name for step in run.steps if step.state is not StepState.SUCCEEDED]
    return left[0] if left and len(left) < len(run.steps) else None


def interrupted_because(run: RunRecord) -> str:
    """Return the cause of the run that goes on where this one was interrupted."""
    return _('goes on with #{number}, which was interrupted', number=run.number)
