"""What occurrences lead to when they are due: a row of the ledger for each, and a run if it fires.

Nearly all of that is known seconds before, and prepared then. At the moment itself it is only checked that nothing it
was made from has changed since.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic_core import to_jsonable_python

from synapse.errors import SynapseError
from synapse.inbox.newest import AlreadyTaken, Chosen, is_unresolved, resolved
from synapse.language import N_, _, filled, joined, own
from synapse.runs.records import RunRecord, RunState
from synapse.runs.runs import Runs
from synapse.runs.starting.creation import PreparedRun

from .events import Event, Occurrence, OccurrenceState
from .misfires import FiringDecision

MOST_PREPARED = 5_000
"""Claims that are prepared at the same time, of some five kilobytes each; more are made when they are due."""
AT_ONCE = 20
"""Claims prepared in one turn of the event loop."""
SECOND = timedelta(seconds=1)
"""The least time between two occurrences of an event."""
KEPT = timedelta(seconds=10)
"""How long a prepared claim is kept after its moment, if it was not used."""

RUNNING = N_('Its last run was still running.')
RUNNING_AND_WAITING = N_('Its last run was still running, and another one was waiting.')
WAITING = N_('Its last run was still waiting.')
WAITING_FOR_MACHINE = N_('Its last run was still waiting for a machine.')
OVERLAPPED = (RUNNING, RUNNING_AND_WAITING, WAITING, WAITING_FOR_MACHINE)
"""Why occurrences are skipped."""

Document = dict[str, Any]


class Claim(NamedTuple):
    """An occurrence that is accounted for, with its run if it fires."""

    row: Occurrence
    run: RunRecord | None
    documents: tuple[Document, Document | None]
    """Both as the ledger keeps them."""
    created_at: datetime | None = None
    """When the run was created; a prepared one says something else."""

    @classmethod
    def of(cls, row: Occurrence, run: RunRecord | None = None) -> 'Claim':
        documents = (row.as_document(), None if run is None else run.as_document())
        return cls(row, run, documents, None if run is None else run.created_at)

    @property
    def key(self) -> tuple[str, str]:
        """Event and moment, as the ledger has them."""
        return self.documents[0]['event_id'], self.documents[0]['due']

    def run_of(self, saved: Document | None) -> RunRecord | None:
        """Return the run with the number that it was saved with."""
        if self.run is None or saved is None:
            return None
        return self.run.changed(number=saved['number'], created_at=self.created_at)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The claim of an occurrence that is due soon, and what it was made from."""

    event: Event
    cursor: datetime
    decision: FiringDecision
    run: PreparedRun
    claim: Claim


class Claims:
    """Makes the claims of due occurrences. Used on the event loop only.

    :param events: the current events by id
    :param cursor_of: the moment up to which an event is accounted for
    """

    def __init__(
        self,
        *,
        events: Mapping[str, Event],
        runs: Runs,
        cursor_of: Callable[[Event], datetime],
        now: Callable[[], datetime],
    ) -> None:
        self._events = events
        self._runs = runs
        self._cursor_of = cursor_of
        self._now = now
        self._prepared: dict[str, _Prepared] = {}

    async def prepare(self, soon: Sequence[tuple[datetime, str]]) -> None:
        """Prepare claims of the next occurrences of these events, without holding up the event loop."""
        oldest = self._now() - KEPT
        self._prepared = {
            id: known
            for id, known in self._prepared.items()
            if known.event is self._events.get(id) and known.decision.due > oldest
        }
        for place, (due, event_id) in enumerate(soon[:MOST_PREPARED]):
            if place % AT_ONCE == 0:
                await asyncio.sleep(0)
            event, known = self._events.get(event_id), self._prepared.get(event_id)
            if event is not None and (known is None or known.event is not event or known.decision.due != due):
                self._prepare(event, due)

    def decision_of(self, event: Event, now: datetime) -> FiringDecision | None:
        """Return the decision on the one occurrence that is due now, if it was prepared; None says nothing."""
        known = self._prepared.get(event.id)
        if known is None or known.event is not event or known.cursor != self._cursor_of(event):
            return None
        due = known.decision.due
        return known.decision if due <= now < due + SECOND else None

    async def made(self, decided: Sequence[tuple[Event, FiringDecision]]) -> list[Claim]:
        """Return a claim for each decision, in their order."""
        unfinished = self._runs.unfinished_of_events()
        chosen = await self._chosen_files({event.id: event for event, decision in decided if decision.fires})
        claims = []
        for event, decision in decided:
            claim = self._claim(event, decision, unfinished.get(event.id, ()), chosen.get(event.id))
            if claim.run is not None:
                if claim.run.found:
                    chosen[event.id] = AlreadyTaken(
                        _('An occurrence that was due with this one has taken the newest file.')
                    )
                unfinished[event.id] = [*unfinished.get(event.id, ()), claim.run]
            claims.append(claim)
        return claims

    def _prepare(self, event: Event, due: datetime) -> None:
        if not event.enabled or is_unresolved(event.parameters):
            return
        decision = FiringDecision(due, fires=True)
        with contextlib.suppress(Exception):  # when it is due, it is said why it cannot run
            run = self._runs.new.prepared(event.request(due, Chosen(event.parameters)))
            claim = Claim.of(_row(event, decision, OccurrenceState.CLAIMED, run=run.run), run.run)
            self._prepared[event.id] = _Prepared(event, self._cursor_of(event), decision, run, claim)

    def _take(self, event: Event, decision: FiringDecision) -> Claim | None:
        """Return the prepared claim of an occurrence, if nothing that it was made from has changed."""
        known = self._prepared.pop(event.id, None)
        if known is None or known.event is not event or known.decision is not decision:
            return None
        created_at = self._runs.created_now(known.run)
        row, run = known.claim.documents
        if created_at is None or run is None:
            return None
        documents = (row, run | {'created_at': to_jsonable_python(created_at)})
        return Claim(known.claim.row, known.claim.run, documents, created_at)

    async def _chosen_files(self, events: Mapping[str, Event]) -> dict[str, Chosen | SynapseError]:
        """Return the parameters of events whose files are chosen when they are due, or why they cannot be."""
        later = {id: event for id, event in events.items() if is_unresolved(event.parameters)}

        def choose(event: Event) -> Chosen | SynapseError:
            try:
                return resolved(event.parameters, event.owner, self._runs.is_taken)
            except SynapseError as error:
                return error

        return await asyncio.to_thread(lambda: {id: choose(event) for id, event in later.items()}) if later else {}

    def _claim(
        self,
        event: Event,
        decision: FiringDecision,
        unfinished: Sequence[RunRecord],
        chosen: Chosen | SynapseError | None,
    ) -> Claim:
        is_late = decision.is_late
        if not decision.fires:
            return Claim.of(_row(event, decision, OccurrenceState.MISSED, is_open=is_late))
        skip_reason = '' if is_late else self._skip_reason(event, unfinished)
        if skip_reason:
            return Claim.of(_row(event, decision, OccurrenceState.SKIPPED, skip_reason, is_open=is_late))
        if isinstance(chosen, AlreadyTaken):
            return Claim.of(_row(event, decision, OccurrenceState.SKIPPED, chosen.message, is_open=is_late))
        try:
            if isinstance(chosen, SynapseError):
                raise chosen
            prepared = self._take(event, decision)
            if prepared is not None:
                return prepared
            run = self._runs.scheduled(event.request(decision.due, chosen or Chosen(event.parameters)))
        except SynapseError as error:
            reason = joined(own(error.message), own(error.hint))
            return Claim.of(_row(event, decision, OccurrenceState.MISSED, reason, is_open=True))
        return Claim.of(_row(event, decision, OccurrenceState.CLAIMED, run=run, is_open=is_late), run)

    def _skip_reason(self, event: Event, unfinished: Sequence[RunRecord]) -> str:
        most = {'skip': 0, 'queue': 1}.get(event.overlap)
        if most is None or len(unfinished) <= most:
            return ''
        if all(run.state is RunState.QUEUED for run in unfinished):
            waits = any(self._runs.waits_for_machine(run.id) for run in unfinished)
            return filled(WAITING_FOR_MACHINE if waits else WAITING)
        return filled(RUNNING_AND_WAITING if most else RUNNING)


def _row(
    event: Event,
    decision: FiringDecision,
    state: OccurrenceState,
    reason: str | None = None,
    *,
    run: RunRecord | None = None,
    is_open: bool = False,
) -> Occurrence:
    return Occurrence(
        event_id=event.id,
        due=decision.due,
        state=state,
        run=None if run is None else run.id,
        reason=decision.reason if reason is None else own(reason),
        title=event.title,
        pipeline=event.pipeline,
        profile=event.profile,
        since=decision.since,
        count=decision.count,
        is_open=is_open,
    )
