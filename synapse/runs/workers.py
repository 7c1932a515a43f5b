"""The workers, `worker-1` to `worker-N`: which run each of them has, as pages show it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from synapse.records import now_utc

from .records import RunRecord, RunState


class Workers:
    """Places in which runs are carried out; a paused run keeps its place."""

    def __init__(self, count: int) -> None:
        self._runs: dict[str, str | None] = {}
        self._since: dict[str, datetime] = {}
        self._wanted: tuple[str, ...] = ()
        self.resize(count)

    def resize(self, count: int) -> None:
        """Have this many; one that is to go and has a run goes when that run has ended."""
        self._wanted = tuple(f'worker-{number}' for number in range(1, count + 1))
        for name in self._wanted:
            self._runs.setdefault(name, None)
            self._since.setdefault(name, now_utc())
        for name in [name for name, run_id in self._runs.items() if run_id is None]:
            self._let_go(name)

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def free(self) -> str | None:
        """The first one that has nothing to do."""
        return next((name for name in self._wanted if self._runs[name] is None), None)

    @property
    def busy_count(self) -> int:
        return sum(run_id is not None for run_id in self._runs.values())

    def give(self, name: str, run_id: str) -> None:
        self._runs[name], self._since[name] = run_id, now_utc()

    def release(self, name: str) -> None:
        self._runs[name], self._since[name] = None, now_utc()
        self._let_go(name)

    def _let_go(self, name: str) -> None:
        if name not in self._wanted:
            del self._runs[name], self._since[name]

    def of(self, run_id: str) -> str | None:
        """The worker that has this run."""
        return next((name for name, known in self._runs.items() if known == run_id), None)

    def as_json(self, find: Callable[[str], RunRecord | None]) -> tuple[Mapping[str, Any], ...]:
        """`{id, name, state, run, step, since}` of each, `state` being idle, running, paused or stopping."""
        return tuple(self._one(name, find(run_id) if run_id else None) for name, run_id in self._runs.items())

    def _one(self, name: str, run: RunRecord | None) -> Mapping[str, Any]:
        step = run.active_step if run else None
        return {
            'id': name,
            'name': name,
            'state': _state(run),
            'run': run.id if run else None,
            'step': step.name if step else None,
            'since': self._since[name].isoformat(),
        }


def _state(run: RunRecord | None) -> str:
    if run is None:
        return 'idle'
    if run.is_stopping:
        return 'stopping'
    return 'paused' if run.state is RunState.PAUSED else 'running'
