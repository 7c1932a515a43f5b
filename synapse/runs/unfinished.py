"""Runs that have not ended, each as it is now: those in the queue, and those a worker has."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from .ending_programs import EndingPrograms
from .pauses import Pause
from .queue import Queue
from .records import Answer, RunRecord, RunState


class WorkingRun(Protocol):
    """A run that a worker has, as far as others than the dispatcher may control it; see `LiveRun`."""

    machine: str
    """Where it is carried out; empty for this machine."""
    ending_programs: EndingPrograms

    @property
    def run(self) -> RunRecord:
        """The run as it is shown."""

    def stop(self, *, now: bool = False) -> None:
        """End it, at once or as its programs are told to end."""

    def pause(self, pause: Pause) -> None:
        """Hold it."""

    def resume(self) -> None:
        """Let it continue."""

    async def answer(self, answer: Answer) -> bool:
        """Answer the question it asks."""

    async def tree(self) -> Sequence[Mapping[str, Any]]:
        """Return its processes."""


class UnfinishedRuns:
    """Shared by the parts of `Runs`; the dispatcher adds and removes what is in `live`."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.parked: dict[str, RunRecord] = {}
        """Paused runs without a process, by id: they wait for an answer, or were asked to pause meanwhile."""
        self.live: dict[str, WorkingRun] = {}
        """Runs that have a worker, by id, from just before their start to just after their end."""

    def __iter__(self) -> Iterator[RunRecord]:
        yield from self.queue
        yield from [*self.parked.values()]
        yield from [live.run for live in self.live.values()]

    def get(self, run_id: str) -> RunRecord | None:
        live = self.live.get(run_id)
        return live.run if live is not None else self.parked.get(run_id) or self.queue.get(run_id)

    @property
    def is_drained(self) -> bool:
        """Whether the queue drains and all that had begun has ended; what waits for an answer has not."""
        pause = self.queue.pause
        return pause is not None and pause.is_drain and not self.live and not any(run.state.is_live for run in self)

    def asking(self) -> Sequence[RunRecord]:
        """Runs with an open question, the one that has waited longest first."""
        asking = [(run.question.asked_at, run) for run in self if run.question is not None]
        return [run for _, run in sorted(asking, key=lambda item: (item[0], item[1].number))]

    def working(self) -> Sequence[RunRecord]:
        """Runs that have started, newest first: a process works (or holds) for them, unless they wait for an answer."""
        runs = [*(live.run for live in self.live.values() if live.run.state.is_live), *self.parked.values()]
        return sorted(runs, key=lambda run: run.number, reverse=True)

    def waiting(self) -> Sequence[RunRecord]:
        """Queued runs in the order in which they will start."""
        starting = [live.run for live in self.live.values() if live.run.state is RunState.QUEUED]
        return [*starting, *self.queue]
