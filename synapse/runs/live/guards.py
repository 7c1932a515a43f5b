"""What protects the machine from a live run, and its owner from waiting for nothing."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from storage.files import StorageError, free_bytes
from synapse.engine.engine import HostHandle
from synapse.engine.process_tree import MemoryUse, kill
from synapse.language import N_, _
from synapse.log.log import Level
from synapse.protocol.messages import Do, HostCommand
from synapse.records import Problem
from synapse.runs.context import RunContext
from synapse.runs.lines.lifecycle_log import LifecycleLog
from synapse.runs.records import RunRecord, RunState, Stall
from synapse.runs.transitions import label_of
from synapse.sizes import limit_size, size_beside

from .stalls import StallWatch, past_of

log = logging.getLogger(__name__)

GROWTH = 2e9
"""Bytes a second by which memory may grow: about as fast as one processor can write."""
SOONEST_SECONDS, LATEST_SECONDS = 0.1, 1.0
MEASURED_SHARE = 0.2
"""At most this share of the time goes into measuring, which is milliseconds of it on an idle machine."""
CANCEL_SECONDS = 0.1
"""How long the host has to hear that its run ends, before a process of it is killed: else it would report that."""
SPACE_SECONDS = 10.0
FINE_TIMES = 1.25
"""A disk that was too full is fine again with this multiple of the least free space."""
MOST_OF_COMMAND = 80


class Guards:
    """Watches the process of a run, from `start` to `close`: its memory, its silence, and the disk it writes to.

    :param run: returns the run as it is now
    :param stop: ends its process, at once if `now`
    :param publish: called when `stall` has changed
    """

    def __init__(
        self,
        context: RunContext,
        *,
        run: Callable[[], RunRecord],
        stop: Callable[..., object],
        publish: Callable[[], object],
    ) -> None:
        self.excess: Problem | None = None
        """Why the run is ended, if that is for the memory that it took."""
        self.stall: Stall | None = None
        self._context, self._run, self._stop, self._publish = context, run, stop, publish
        self._lifecycle = LifecycleLog(context.log)
        self._silence: StallWatch | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, handle: HostHandle, limits: Mapping[str, Any]) -> None:
        """:param limits: that the pipeline declares"""
        store = self._context.store
        self._silence = StallWatch(
            limits.get('stall_after'),
            run=self._run,
            past=lambda run, step: past_of(store, run, step),
            report=self._show_stall,
        )
        self._add(self._silence.watch(handle))
        if 'memory_limit' in limits:
            self._add(self._watch_memory(handle, limits['memory_limit']))
        if self._context.min_free_bytes:
            self._add(self._watch_disk(self._context.min_free_bytes))

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def heard(self) -> None:
        """The run has given a sign of life."""
        if self._silence is not None:
            self._silence.heard()

    def begin_step(self) -> None:
        if self._silence is not None:
            self._silence.begin()

    @property
    def longest_silence(self) -> float:
        """Seconds, since the step started."""
        return self._silence.longest if self._silence is not None else 0.0

    def _add(self, watch: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(_logged(watch), name='guard of a run'))

    async def _watch_memory(self, handle: HostHandle, limit: int) -> None:
        while True:
            since = time.monotonic()
            use = await handle.memory(limit)
            took = time.monotonic() - since
            if use.total > limit and use.name is not None:
                self._end_for_memory(handle, use, limit)
                await asyncio.sleep(CANCEL_SECONDS)
                if use.biggest is not None:  # else the stop ends it on its machine
                    await asyncio.to_thread(kill, use.biggest)
            until_full = min(LATEST_SECONDS, max(SOONEST_SECONDS, (limit - use.total) / GROWTH))
            await asyncio.sleep(max(until_full, took / MEASURED_SHARE))

    def _end_for_memory(self, handle: HostHandle, use: MemoryUse, limit: int) -> None:
        run = self._run()
        if self.excess is not None or run.is_stopping:
            self._stop(now=True)  # it was asked already, and goes on taking more
            return
        step = run.latest_step
        self.excess = self._problem(
            label_of(step.name, run.pipeline) if step else _('Run #{number}', number=run.number), handle, use, limit
        )
        handle.send(HostCommand(do=Do.CANCEL))
        self._stop(now=False)
        text = f'{self.excess.message} {self.excess.hint}'
        self._lifecycle.write(run, text, level=Level.ERROR, step=step.name if step else None)

    def _problem(self, label: str, handle: HostHandle, use: MemoryUse, limit: int) -> Problem:
        used, most = size_beside(use.total, limit), limit_size(limit)
        biggest = _('the process of the step itself')
        if use.name is not None and use.name[0] != handle.pid:
            pid, command = use.name
            biggest = f'{_short(" ".join(str(self._context.log.scrub(command)).split()))} (pid {pid})'
        return Problem(
            message=_('{step} used {used} of memory, the limit is {most}.', step=label, used=used, most=most)
            if used != most
            else _('{step} used just over {most} of memory, the limit is {most}.', step=label, most=most),
            hint=_(
                '{size} of it belonged to {biggest}, which was ended. Give it less to do at once, or raise '
                'memory_limit in its pipeline.',
                size=size_beside(use.biggest_bytes, limit),
                biggest=biggest,
            ),
            type='memory',
        )

    async def _watch_disk(self, most: int) -> None:
        folder, least = self._context.folders.of(self._run().id), most
        while True:
            await asyncio.sleep(SPACE_SECONDS)
            try:
                free = await asyncio.to_thread(free_bytes, folder)
            except StorageError:  # the run itself says more about that
                continue
            if free < least == most:
                text = _('Only {size} are free on the disk with {folder}.', size=size_beside(free, most), folder=folder)
                hint = _('Free some space, or this run may fail.')
                self._lifecycle.write(self._run(), f'{text} {hint}', level=Level.WARNING)
            least = round(FINE_TIMES * most) if free < least else most

    def _show_stall(self, stall: Stall | None) -> None:
        before, self.stall = self.stall, stall
        run = self._run()
        if stall is not None:
            text = f'{stall.message} {stall.hint}'
            self._lifecycle.write(run, text, level=Level.WARNING, step=stall.step)
        elif before is not None and run.state is RunState.RUNNING and not run.is_stopping:
            self._lifecycle.write(
                run, _('{step} is heard of again', step=label_of(before.step, run.pipeline)), step=before.step
            )
        self._publish()


def _short(command: str) -> str:
    return command if len(command) <= MOST_OF_COMMAND else f'{command[: MOST_OF_COMMAND - 1]}…'


async def _logged(watch: Coroutine[Any, Any, None]) -> None:
    try:
        await watch
    except Exception:  # the edge of a background task: a run goes on without its guard
        log.exception(N_('a run is no longer watched'))
