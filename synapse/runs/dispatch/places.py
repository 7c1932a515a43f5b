"""Where a waiting run may be carried out: on which machine, and what it waits for if there is none."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from synapse.language import Nn_, _, counted, joined
from synapse.offers import HERE, ONLY_HERE, Amounts, fits, needs_words
from synapse.runs.context import RunContext
from synapse.runs.records import RunRecord

from .workers import Workers

MOST_NAMED = 3
"""So many machines are named that a run could use if they got runs."""

_GETS_NONE = Nn_('{machines} has it and gets no new runs', '{machines} have it and get no new runs')
_IS_FULL = Nn_('{machines} has it and too little free space', '{machines} have it and too little free space')
_IS_AWAY = Nn_('{machines} has it and is not connected', '{machines} have it and are not connected')


class Kind(NamedTuple):
    """Runs that may go to the same machines."""

    pipeline: str
    stays: bool
    """Whether a parameter names what only this machine has, such as the folder that a command works in."""


class Places:
    """Use it on the event loop only.

    :param away: see `Runs`
    :param disk_free: see `Runs`
    """

    def __init__(
        self,
        context: RunContext,
        workers: Workers,
        away: Callable[[], Mapping[str, Amounts]],
        disk_free: Callable[[str], int | None],
    ) -> None:
        self._context, self._workers = context, workers
        self._away, self._disk_free = away, disk_free
        self.is_any_full = False
        """Whether a machine has been passed over for lack of space since `nowhere` was called last."""

    def kind_of(self, run: RunRecord) -> Kind:
        """Return the kind of a run; where there are no other machines it does not matter whether it stays."""
        stays = bool(self._workers.offers) and any(map(run.parameters.get, self._context.here_with(run.pipeline)))
        return Kind(run.pipeline, stays)

    def worker_for(self, kind: Kind, live: Iterable[tuple[str, RunRecord]]) -> str | None:
        """Return the first free worker that may take a run of this kind.

        :param live: the runs that are carried out, each with its machine
        """
        runs = tuple(live)
        taken = {
            machine: [self._needs_of(self.kind_of(run)) for there, run in runs if there == machine]
            for machine in dict.fromkeys(there for there, _ in runs)
        }
        return self._workers.free_for(
            self._needs_of(kind), lambda machine: taken.get(machine, ()), lambda machine: self._has_space(machine, kind)
        )

    def nowhere(self, queue: Iterable[RunRecord]) -> dict[str, str]:
        """Return what each run that no machine can take waits for, by its id."""
        self.is_any_full = False
        runs = tuple(queue)
        # Runs are looked at one by one only if some of them have to wait: thousands may be in the queue.
        pipelines = {run.pipeline for run in runs}
        kinds = (Kind(pipeline, stays=stays) for pipeline in pipelines for stays in (False, True))
        words = {kind: self._words(kind) for kind in kinds if self._has_nowhere(kind)}
        waiting = ((run.id, self.kind_of(run)) for run in runs) if words else ()
        return {id: words[kind] for id, kind in waiting if kind in words}

    def _needs_of(self, kind: Kind) -> Amounts:
        needs: Amounts = self._context.limits_of(kind.pipeline).get('needs') or {}
        return {**needs, ONLY_HERE: 1.0} if kind.stays else needs

    def _has_space(self, machine: str, kind: Kind) -> bool:
        """Whether the disk of another machine has room for a run; that of this one is looked at elsewhere."""
        free = None if machine == HERE else self._disk_free(machine)
        needed = max(self._context.min_free_bytes, self._context.limits_of(kind.pipeline).get('needs_free', 0))
        has_space = free is None or free >= needed
        self.is_any_full = self.is_any_full or not has_space
        return has_space

    def _has_nowhere(self, kind: Kind) -> bool:
        """Whether no machine that gets new runs could take it, even if it were idle."""
        needs = self._needs_of(kind)
        return bool(needs) and not any(self._has_space(machine, kind) for machine in self._workers.used_with(needs))

    def _words(self, kind: Kind) -> str:
        """Return `a machine with gpu 1; annex has it and gets no new runs`."""
        needs = self._needs_of(kind)
        said = [_('a machine with {needs}', needs=needs_words(needs))]
        away = [name for name, has in self._away().items() if fits(needs, has)]
        drained, full = self._workers.drained_with(needs), self._workers.used_with(needs)
        for say, machines in ((_GETS_NONE, drained), (_IS_FULL, full), (_IS_AWAY, away)):
            if machines:
                said.append(counted(say, len(machines), machines=_named(machines)))
        return joined(*said, by='; ')


def _named(machines: Sequence[str]) -> str:
    named = ', '.join(machines[:MOST_NAMED])
    return f'{named}, …' if len(machines) > MOST_NAMED else named
