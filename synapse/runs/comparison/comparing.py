"""Compares a run with the last good one before it, and with what it would be made of now."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from synapse.errors import NotFound
from synapse.language import _, _n
from synapse.records import Record
from synapse.runs.context import RunContext
from synapse.runs.estimates import kind_of_run
from synapse.runs.records import EVENT_WORK, RunRecord, RunState, work_of

from .changes import Change, Side, Unknown, changes_between, lost_of
from .making import Makings

AT_ONCE = 50
MOST_SEARCHED = 500
"""How many good runs of a pipeline are searched for one of the same work."""


class GoodRun(Record):
    """The run that another is compared with; `is_same_work` says whether it is an earlier attempt at the same work."""

    id: str
    number: int
    finished_at: datetime
    is_same_work: bool


class Comparison(Record):
    """What has changed since the last good run, None if there is none; `summary` says it in a sentence."""

    run: str
    number: int
    compared_with: GoodRun | None
    summary: str
    changes: tuple[Change, ...] = ()
    unknown: tuple[Unknown, ...] = ()


class Comparisons:
    """Use it on the event loop; what reads the disk is awaited."""

    def __init__(self, context: RunContext, makings: Makings) -> None:
        self._store = context.store
        self._makings = makings

    async def since_good(self, run: RunRecord) -> Comparison:
        """Compare a run with the last good run of the same work before it, else with one of the same kind."""
        if run.is_recovered:
            summary = _('What has changed is not known, as the record of this run was damaged.')
            lost = (lost_of(run),)
            return Comparison(run=run.id, number=run.number, compared_with=None, summary=summary, unknown=lost)
        good, is_same_work = await asyncio.to_thread(self._last_good, run)
        if good is None:
            summary = _('No run of this work has succeeded before it, so there is nothing to compare it with.')
            return Comparison(run=run.id, number=run.number, compared_with=None, summary=summary)
        documents = await self._makings.documents_of(good.made_of, run.made_of)
        changes, unknown = changes_between(Side(good, good.made_of, documents), Side(run, run.made_of, documents))
        ended = good.finished_at or good.created_at
        reference = GoodRun(id=good.id, number=good.number, finished_at=ended, is_same_work=is_same_work)
        return Comparison(
            run=run.id,
            number=run.number,
            compared_with=reference,
            summary=_summary(changes, unknown, good),
            changes=tuple(changes),
            unknown=tuple(unknown),
        )

    async def since_then(
        self, run: RunRecord, parameters: Mapping[str, Any] | None = None
    ) -> tuple[list[Change], list[Unknown]]:
        """Compare a run that has started with the same run now.

        :param parameters: all of them, if some are to be other ones
        """
        again = run if parameters is None else run.changed(parameters=dict(parameters))
        try:
            making = await asyncio.to_thread(self._makings.reader(run), again)
        except NotFound:  # its pipeline is gone
            making = None
        documents = {**await self._makings.documents_of(run.made_of), **(making.documents if making else {})}
        now = Side(again, making.made_of if making else None, documents)
        return changes_between(Side(run, run.made_of, documents), now)

    def _last_good(self, run: RunRecord) -> tuple[RunRecord | None, bool]:
        """Return the run to compare with, and whether it is of the same work. Reads the disk."""
        work, kind = work_of(run), kind_of_run(run)
        of_same_kind = None
        for good in self._good_before(run):
            if work_of(good) == work:
                return good, True
            if of_same_kind is None and kind_of_run(good) == kind:
                of_same_kind = good
        # Of an event it may be many runs ago: only the retries by hand of its runs are not found by the event.
        if work.startswith(EVENT_WORK):
            found = self._store.last_good_of_event(work.removeprefix(EVENT_WORK), before=run.number)
            if found is not None and not found.get('is_recovered'):
                return RunRecord.model_validate(found), True
        return of_same_kind, False

    def _good_before(self, run: RunRecord) -> Iterator[RunRecord]:
        """Yield the runs of the same pipeline that succeeded before this one, newest first, up to a limit."""
        before: int | None = run.number
        for __ in range(MOST_SEARCHED // AT_ONCE):
            documents = self._store.page(state=RunState.SUCCEEDED, pipeline=run.pipeline, before=before, limit=AT_ONCE)
            found = map(RunRecord.model_validate, documents)
            yield from (run for run in found if not run.is_recovered)
            if len(documents) < AT_ONCE:
                return
            before = int(documents[-1]['number'])


def _summary(changes: list[Change], unknown: list[Unknown], good: RunRecord) -> str:
    if changes:
        return _n(
            '{count} thing changed since #{number}.',
            '{count} things changed since #{number}.',
            len(changes),
            number=good.number,
        )
    if unknown:
        return _('Nothing that is known has changed since #{number}.', number=good.number)
    return _('Nothing has changed since #{number}.', number=good.number)
