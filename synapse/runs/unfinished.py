"""Runs that have not ended, each as it is now: those in the queue, and those a worker has."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .queue import Queue
from .records import RunRecord, RunState

if TYPE_CHECKING:
    from .live_run import LiveRun


class UnfinishedRuns:
    """Shared by the parts of `Runs`; the dispatcher adds and removes what is in `live`."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.live: dict[str, LiveRun] = {}
        """Runs that have a worker, by id, from just before their start to just after their end."""

    def __iter__(self) -> Iterator[RunRecord]:
        yield from self.queue
        yield from [live.run for live in self.live.values()]

    def get(self, run_id: str) -> RunRecord | None:
        live = self.live.get(run_id)
        return live.run if live is not None else self.queue.get(run_id)

    def working(self) -> Sequence[RunRecord]:
        """Runs that a process works (or holds) for, newest first."""
        runs = [live.run for live in self.live.values() if live.run.state.is_live]
        return sorted(runs, key=lambda run: run.number, reverse=True)

    def waiting(self) -> Sequence[RunRecord]:
        """Queued runs in the order in which they will start."""
        starting = [live.run for live in self.live.values() if live.run.state is RunState.QUEUED]
        return [*starting, *self.queue]
