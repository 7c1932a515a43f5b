"""What a person decides about missed occurrences: run them after all, or dismiss them."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.ledger import Ledger
from synapse.bus import Bus
from synapse.errors import Conflict
from synapse.inbox.arriving import FoundFile
from synapse.inbox.newest import resolved
from synapse.language import _, joined, own
from synapse.runs.records import RunRecord
from synapse.runs.runs import Runs

from .events import Event, Occurrence, OccurrenceState
from .messages import OccurrencesChanged


@dataclass(kw_only=True, eq=False)
class Missed:
    """Used on the event loop only.

    :param changing: see `Firing`
    """

    events: Mapping[str, Event]
    ledger: Ledger
    runs: Runs
    bus: Bus
    now: Callable[[], datetime]
    changing: asyncio.Lock

    async def unanswered(self) -> list[Occurrence]:
        """Return occurrences that were missed or run late and not answered yet, newest first."""
        return [Occurrence.model_validate(row) for row in await asyncio.to_thread(self.ledger.unanswered)]

    async def answer(
        self, keys: Sequence[tuple[str, datetime]], *, is_run: bool, parameters: Mapping[str, Any] | None
    ) -> list[RunRecord]:
        """Run missed occurrences after all, oldest first, or dismiss them.

        :raises Conflict: `already_answered`, `event_gone` or `event_off`; then none is run
        :raises SynapseError: as `Runs.scheduled` and `resolved`
        """
        async with self.changing:
            found = [await asyncio.to_thread(self.ledger.get, *key) for key in sorted(keys, key=lambda key: key[1])]
            rows = [Occurrence.model_validate(row) for row in found if row is not None]
            if is_run:
                return await self._run_missed(rows, parameters)
            answered = [_dismissed(row) for row in rows]
            await self.ledger.group.commit(self.ledger.save, [row.as_document() for row in answered])
        self.bus.publish(OccurrencesChanged(tuple(answered)))
        return []

    async def _run_missed(self, rows: Sequence[Occurrence], parameters: Mapping[str, Any] | None) -> list[RunRecord]:
        if any(row.run is not None for row in rows):
            raise Conflict('already_answered', _('One of these has already been run.'), _('Look at its run.'))
        # All runs are prepared before the first is saved: if one cannot run, none does.
        records: list[RunRecord] = []
        for row in rows:
            taken = {file for record in records for file in record.found}
            records.append(await self._run_for(row, parameters, taken))
        now = self.now()
        runs = []
        for row, record in zip(rows, records, strict=True):
            fired = row.fired(now).changed(
                run=record.id, reason=own(_('Run by hand after it was missed.')), is_open=False
            )
            run = await self.ledger.group.commit(
                self.ledger.replace_run, fired.as_document(), record.as_document(), before=None
            )
            if run is not None:
                runs.append(RunRecord.model_validate(run))
                self.runs.admit(runs[-1:])
                self.bus.publish(OccurrencesChanged((fired,)))
        return runs

    async def _run_for(
        self, row: Occurrence, parameters: Mapping[str, Any] | None, taken: Collection[FoundFile]
    ) -> RunRecord:
        """:param taken: files that are not chosen again, in addition to those of earlier runs of the event"""
        event = self.events.get(row.event_id)
        if event is None:
            message = _('The event {title} was deleted.', title=row.title)
            raise Conflict('event_gone', message, _('Skip it, or run its pipeline.'))
        if not event.enabled:  # an untrusted import may have changed it since
            message = _('{title} is switched off.', title=event.title)
            raise Conflict('event_off', message, _('Check what it runs, then switch it on.'))
        wanted = event.parameters | dict(parameters or {})

        def is_taken(file: FoundFile) -> bool:
            return file in taken or self.runs.is_taken(file)

        return self.runs.scheduled(
            event.request(row.due, await asyncio.to_thread(resolved, wanted, event.owner, is_taken))
        )


def _dismissed(row: Occurrence) -> Occurrence:
    if row.state is OccurrenceState.MISSED:
        by_hand = own(_('Skipped by hand.'))
        reason = joined(row.reason, by_hand)
        return row.changed(state=OccurrenceState.SKIPPED, reason=reason, is_open=False)
    return row.changed(is_open=False)
