"""All that can be asked about runs, wherever they are now: in the queue, with a worker, or in the history."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.daily_sums import DailySums
from synapse.catalog.catalog import PipelineInfo
from synapse.errors import NotFound
from synapse.language import in_this_language
from synapse.runs.context import RunContext
from synapse.runs.ending_programs import AskedToEnd
from synapse.runs.estimates import COMMANDS, same_work
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord

from .beginnings import Beginning, beginning_of
from .figures import Figures
from .past import PastRuns

KNOWN_NUMBERS = 2_000
SEARCHED = 200
"""How many of the last runs of a pipeline are searched for those of the same work."""


class KnownRuns:
    """Use it on the event loop only; what reads the disk is awaited."""

    def __init__(self, context: RunContext, past: PastRuns) -> None:
        self.past = past
        self._store, self._catalog = context.store, context.catalog
        self._folders, self._unfinished = context.folders, context.unfinished
        self._figures = Figures(context.store, DailySums(context.store))
        self._numbers: dict[str, int] = {}
        context.bus.subscribe(RunChanged, self._remember_number)

    async def get(self, id: str) -> RunRecord:
        """Return the run as it is now.

        :raises NotFound: `run_not_found`
        """
        known = self._unfinished.get(id)
        if known is not None:
            return known
        document = await asyncio.to_thread(self._store.get, id)
        if document is None:
            raise await self.past.missing(id=id)
        return self._unfinished.get(id) or _record(document)

    async def page(
        self,
        *,
        state: str | None = None,
        pipeline: str | None = None,
        profile: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[RunRecord]:
        """Return runs, newest first; `before` is the number of a run, exclusive."""
        documents = await asyncio.to_thread(
            self._store.page, state=state, pipeline=pipeline, profile=profile, before=before, limit=limit
        )
        return [self._unfinished.get(document['id']) or _record(document) for document in documents]

    async def find(self, text: str) -> RunRecord:
        """Return a run by its number, or by its id, which may look like a number too.

        :raises NotFound: `run_not_found`
        """
        if not text.isdecimal():
            return await self.get(text)
        try:
            return await self.find_by_number(int(text))
        except NotFound as error:
            try:
                return await self.get(text)
            except NotFound:
                raise error from None

    async def find_by_number(self, number: int) -> RunRecord:
        """Return the run with this number.

        :raises NotFound: `run_not_found`
        """
        document = await asyncio.to_thread(self._store.find_by_number, number)
        if document is None:
            raise await self.past.missing(number=number)
        return self._unfinished.get(document['id']) or _record(document)

    async def recent(self, pipeline: str | None = None, *, limit: int = 12) -> Sequence[RunRecord]:
        """Return runs that have ended, the last to end first."""
        return [_record(document) for document in await asyncio.to_thread(self._store.recent, pipeline, limit=limit)]

    async def recent_like(self, run: RunRecord, *, limit: int = 12) -> tuple[Sequence[RunRecord], bool]:
        """Return runs of the same work that have ended, the last to end first, and True.

        Where there is no other than this one, return those of its pipeline, and False; commands have little in common.
        """
        work = same_work(run.pipeline, run.parameters, run.id)

        def read() -> tuple[Sequence[RunRecord], bool]:
            ended = self._store.recent(run.pipeline, limit=SEARCHED)
            alike = [item for item in ended if same_work(item['pipeline'], item['parameters'], item['id']) == work]
            is_same = run.pipeline in COMMANDS or any(item['id'] != run.id for item in alike)
            return [_record(item) for item in (alike if is_same else ended)[:limit]], is_same

        return await asyncio.to_thread(read)

    def live(self) -> Sequence[RunRecord]:
        """Return the runs that have started and not ended, newest first."""
        return self._unfinished.working()

    def asking(self) -> Sequence[RunRecord]:
        """Return the runs with an open question, the one that has waited longest first."""
        return self._unfinished.asking()

    def waiting(self) -> Sequence[RunRecord]:
        """Return the queued runs in the order in which they will start."""
        return self._unfinished.waiting()

    def number_of(self, id: str) -> int | None:
        """Return the number of a run that waits, is live, or moved recently; None if only the disk knows it."""
        known = self._unfinished.get(id)
        return known.number if known is not None else self._numbers.get(id)

    def pipeline_of(self, run: RunRecord) -> PipelineInfo | None:
        """Return the pipeline of a run, None if it is gone."""
        return self._catalog.find(run.pipeline)

    def folder_of(self, id: str) -> Path:
        return self._folders.of(id)

    async def artifact_path(self, id: str, name: str) -> Path:
        """Return the path of an artifact of a run.

        :raises NotFound: `run_not_found` or `artifact_not_found`
        """
        run = await self.get(id)
        return await asyncio.to_thread(in_this_language(self._folders.artifact), run, name)

    async def beginning_of(self, id: str, name: str) -> Beginning | None:
        """Return the beginning of an artifact as text, None if it is none.

        :raises NotFound: as `artifact_path`
        """
        return await asyncio.to_thread(in_this_language(beginning_of), await self.artifact_path(id, name))

    async def process_tree(self, id: str) -> Sequence[Mapping[str, Any]]:
        """Return the processes of a run, `{pid, command, cpu_percent, memory_bytes, state}`; empty if it has ended."""
        live = self._unfinished.live.get(id)
        return await live.tree() if live is not None else []

    def asked_to_end(self, id: str) -> AskedToEnd | None:
        """Return which program of a run is being stopped, None if none was asked to end and still has time for it."""
        live = self._unfinished.live.get(id)
        return live.ending_programs.asked if live is not None else None

    def unfinished_of_events(self) -> dict[str, list[RunRecord]]:
        """Return the runs of each event that wait or are live."""
        found: dict[str, list[RunRecord]] = {}
        for run in [*self.live(), *self.waiting()]:
            if run.event_id is not None:
                found.setdefault(run.event_id, []).append(run)
        return found

    async def dashboard_stats(self, now: datetime) -> dict[str, Any]:
        """Return the figures of the dashboard cards, see `figures`; days are those of the zone of `now`."""
        return await asyncio.to_thread(self._figures.read, now)

    def _remember_number(self, message: RunChanged) -> None:
        if message.moved:
            self._numbers[message.run.id] = message.run.number
            while len(self._numbers) > KNOWN_NUMBERS:
                del self._numbers[next(iter(self._numbers))]


def _record(document: Mapping[str, Any]) -> RunRecord:
    return RunRecord.model_validate(document)
