"""The workers, `worker-1` to `worker-N`, and which run each of them has."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from synapse.offers import HERE, ONLY_HERE, Amounts, Offer, fits, offer_here
from synapse.records import now_utc
from synapse.runs.records import RunRecord, RunState


class Workers:
    """Slots in which runs are carried out; a paused run keeps its slot.

    :param labels: what this machine offers beside its cores and memory
    """

    def __init__(self, count: int, labels: Amounts | None = None) -> None:
        self._runs: dict[str, str | None] = {}
        self._since: dict[str, datetime] = {}
        self._wanted: tuple[str, ...] = ()
        self.has: dict[str, Amounts] = {HERE: {**offer_here(labels or {}), ONLY_HERE: math.inf}}
        """What each machine has."""
        self._here: tuple[str, ...] = ()
        self._there: tuple[str, ...] = ()
        self._elsewhere: dict[str, str] = {}
        """The machine of each worker that is not here, also of one whose machine is gone, until its run ends."""
        self.offers: Mapping[str, Offer] = {}
        """Of the other machines."""
        self.drained: set[str] = set()
        """Other machines that get no new runs."""
        self.resize(count)

    def resize(self, count: int) -> None:
        """Change how many there are; a surplus worker that has a run is removed when that run ends."""
        self._here = tuple(f'worker-{number}' for number in range(1, count + 1))
        self._settle()

    def offer(self, offers: Mapping[str, Offer]) -> None:
        """Change which there are on other machines, by name; those with a run stay until it ends."""
        self.offers = offers
        self.has = {HERE: self.has[HERE]} | {machine: offer.has for machine, offer in offers.items()}
        there = {
            f'{machine}-{number}': machine for machine, offer in offers.items() for number in range(1, offer.places + 1)
        }
        self._there = tuple(there)
        self._elsewhere |= there
        self._settle()

    def machine_of(self, name: str) -> str:
        """Return the machine of a worker, empty for this one."""
        return self._elsewhere.get(name, HERE)

    def _settle(self) -> None:
        self._wanted = (*self._here, *self._there)
        for name in self._wanted:
            self._runs.setdefault(name, None)
            self._since.setdefault(name, now_utc())
        for name in [name for name, run_id in self._runs.items() if run_id is None]:
            self._remove_surplus(name)

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def free(self) -> str | None:
        """The first worker without a run, None if all are busy."""
        return next(self._free(), None)

    def _free(self) -> Iterator[str]:
        return (name for name in self._wanted if self._runs[name] is None and self.machine_of(name) not in self.drained)

    def free_for(
        self, needs: Amounts, taken: Callable[[str], Iterable[Amounts]], has_space: Callable[[str], bool]
    ) -> str | None:
        """Return the first worker without a run whose machine has what a run needs.

        :param taken: returns what each live run on a machine takes
        :param has_space: returns whether there is room on the disk of a machine
        """
        for name in self._free():
            machine = self.machine_of(name)
            if fits(needs, self.has[machine], taken(machine)) and has_space(machine):
                return name
        return None

    def used_with(self, needs: Amounts) -> list[str]:
        """Return the machines that have what a run needs, and get new runs."""
        return [name for name, has in self.has.items() if name not in self.drained and fits(needs, has)]

    def drained_with(self, needs: Amounts) -> list[str]:
        """Return the machines that have what a run needs, and get no new runs."""
        return [name for name, has in self.has.items() if name in self.drained and fits(needs, has)]

    @property
    def usable(self) -> int:
        """How many have a run or may get one."""
        return sum(run is not None or self.machine_of(name) not in self.drained for name, run in self._runs.items())

    def free_on(self, machine: str) -> str | None:
        """Return the first worker of a machine without a run, None if all are busy."""
        names = (name for name in self._wanted if self.machine_of(name) == machine)
        return next((name for name in names if self._runs[name] is None), None)

    def give(self, name: str, run_id: str) -> None:
        self._runs[name], self._since[name] = run_id, now_utc()

    def release(self, name: str) -> None:
        self._runs[name], self._since[name] = None, now_utc()
        self._remove_surplus(name)

    def _remove_surplus(self, name: str) -> None:
        if name not in self._wanted:
            del self._runs[name], self._since[name]
            self._elsewhere.pop(name, None)

    def of(self, run_id: str) -> str | None:
        """Return the worker that has this run, None if none has."""
        return next((name for name, known in self._runs.items() if known == run_id), None)

    def as_json(self, find: Callable[[str], RunRecord | None]) -> tuple[Mapping[str, Any], ...]:
        """Return `{id, name, state, run, step, since}` of each; `state` is idle, running, paused or stopping.

        Those on other machines have a `machine` too, and `drained` if that gets no new runs.
        """
        return tuple(self._one(name, find(run_id) if run_id else None) for name, run_id in self._runs.items())

    def _one(self, name: str, run: RunRecord | None) -> Mapping[str, Any]:
        step = run.active_step if run else None
        machine = self.machine_of(name)
        return {
            'id': name,
            'name': name,
            'state': _state(run),
            'run': run.id if run else None,
            'step': step.name if step else None,
            'since': self._since[name].isoformat(),
            **({'machine': machine} if machine != HERE else {}),
            **({'drained': True} if machine in self.drained else {}),
        }


def _state(run: RunRecord | None) -> str:
    if run is None:
        return 'idle'
    if run.is_stopping:
        return 'stopping'
    return 'paused' if run.state is RunState.PAUSED else 'running'
