"""`/runs` as a whole: find runs, export them, and retry or cancel many at once."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field
from starlette.responses import Response, StreamingResponse

from synapse.api.responses import ApiResponse, encode
from synapse.control_room import ControlRoom
from synapse.language import _, for_count, spoken
from synapse.runs.bulk import RETRIED, Bulk, BulkAction
from synapse.runs.history.run_filter import LONGEST_TEXT, RunFilter
from synapse.runs.records import RunRecord, RunState
from synapse.scrubber import masked as without_logins
from synapse.sealed import masked

from .exports import TYPES, attachment, csv_rows
from .reading import Body, split

MOST_AT_ONCE = 200
_COLUMNS = (
    *('number', 'id', 'pipeline', 'profile', 'state', 'subject', 'because', 'event_id', 'due', 'created_at'),
    *('started_at', 'finished_at', 'took_seconds', 'error', 'retry_of', 'parameters', 'artifacts'),
)

Format = Literal['jsonl', 'csv']


def _states(value: Any) -> Any:
    """Split what is separated by commas, and refuse unknown states under the name of the parameter."""
    words = split(value)
    if isinstance(words, list) and not {*words} <= {*RunState}:
        raise ValueError(_('One or more of {runstate}.', runstate=', '.join(RunState)))
    return words


class RunFilters(BaseModel):
    """Which runs to return. `state` may be repeated, or several separated by commas.

    `start` is inclusive, `end` exclusive, both of the creation. `q` is words that a run must contain somewhere: in its
    title, command, parameters, files, error or cause; or a number such as `12` or `#12`, a range such as `10-20`.
    """

    state: Annotated[list[RunState] | None, BeforeValidator(_states)] = None
    pipeline: str | None = None
    profile: str | None = None
    event: Annotated[str, Field(max_length=64)] | None = None
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    q: Annotated[str, Field(max_length=LONGEST_TEXT)] | None = None

    def as_filter(self) -> RunFilter:
        return RunFilter(
            states=frozenset(self.state or ()),
            pipeline=self.pipeline or '',
            profile=self.profile or '',
            event=self.event or '',
            start=self.start,
            end=self.end,
            text=self.q or '',
        )


class RunPage(RunFilters):
    """`before` is the number of a run, exclusive."""

    before: Annotated[int | None, Field(ge=1, lt=2**63)] = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class ManyRuns(Body):
    """What to do with which runs. A retry begins at the first step that has not succeeded, or at the `start`."""

    action: BulkAction
    runs: list[Annotated[str, Field(pattern=r'^[A-Za-z0-9_-]{1,64}$')]] = Field(min_length=1, max_length=MOST_AT_ONCE)
    from_: Literal['failed', 'start'] = Field('failed', alias='from')
    because: Annotated[str, Field(max_length=500)] = ''


def add_run_lists(api: APIRouter, room: ControlRoom) -> None:
    """Add these calls; before those of one run, whose id would match their names."""
    bulk = Bulk(room.runs)

    @api.get('/runs')
    async def list_runs(asked: Annotated[RunPage, Query()]) -> Response:
        """List runs, newest first; `next` is the value of `before` for the next page, null on the last.

        A search that takes long returns what it has found so far, which may be nothing; `next` then goes on with it.
        """
        found = await room.runs.finder.search(asked.as_filter(), before=asked.before, limit=asked.limit + 1)
        shown = found.runs[: asked.limit]
        following = shown[-1].number if len(found.runs) > asked.limit else found.rest
        return ApiResponse({'runs': [run.as_json() for run in shown], 'next': following})

    @api.get('/runs/export')
    async def export_runs(
        asked: Annotated[RunFilters, Query()], format: Annotated[Format, Query()] = 'jsonl'
    ) -> Response:
        """Return every run that fits as a streamed file, newest first, without the secrets among its parameters."""
        pages = room.runs.finder.all(asked.as_filter())
        return StreamingResponse(_written(pages, format), headers=attachment('runs', format), media_type=TYPES[format])

    @api.post('/runs/bulk')
    async def many_runs(many: ManyRuns) -> Response:
        """Retry or cancel up to 200 runs, one after the other; each that can't be is returned with the reason."""
        found = {run.id: run for run in await bulk.chosen(many.runs)}
        plan = bulk.plan(many.action, [*found.values()])
        able = {run.id for run in plan.able}
        done: list[dict[str, Any]] = []
        failed = [_failed(id, *_why_not(bulk, many.action, found.get(id))) for id in many.runs if id not in able]
        keeps_steps = many.from_ == 'failed'
        async for result in bulk.carry_out(many.action, plan.able, keeps_steps=keeps_steps, because=many.because):
            if result.error is not None:
                failed.append(_failed(result.run.id, result.error.code, result.error.message))
            elif result.done is not None:
                done.append({'id': result.run.id, 'run': result.done.as_json()})
        return ApiResponse({'done': done, 'failed': failed})


def _why_not(bulk: Bulk, action: BulkAction, run: RunRecord | None) -> tuple[str, str]:
    if run is None:
        return 'run_not_found', _('There is no such run; it may have been pruned.')
    code = 'run_not_retryable' if action is BulkAction.RETRY else 'run_not_cancellable'
    reason = for_count(bulk.obstacle(action, run) or RETRIED, 1)
    return code, _('Run #{number} {reason}.', number=run.number, reason=reason)


def _failed(id: str, code: str, message: str) -> dict[str, str]:
    return {'id': id, 'code': code, 'message': message}


async def _written(pages: AsyncIterator[list[RunRecord]], format: Format) -> AsyncIterator[bytes]:
    write = _as_csv if format == 'csv' else _as_jsonl
    if format == 'csv':
        yield csv_rows([_COLUMNS]).encode()
    async for runs in pages:
        yield (await asyncio.to_thread(write, runs)).encode(errors='replace')


def _as_jsonl(runs: Iterable[RunRecord]) -> str:
    return ''.join(f'{encode(_shown(run)).decode()}\n' for run in runs)


def _as_csv(runs: Iterable[RunRecord]) -> str:
    return csv_rows([_cells(run)[column] for column in _COLUMNS] for run in runs)


def _cells(run: RunRecord) -> dict[str, Any]:
    shown = _shown(run)
    return shown | {
        'took_seconds': run.took_seconds,
        'error': run.error.reason or spoken(run.error.message) if run.error else '',
        'parameters': json.dumps(shown['parameters'], ensure_ascii=False),
        'artifacts': '\n'.join(artifact.name for artifact in run.artifacts),
    }


def _shown(run: RunRecord) -> dict[str, Any]:
    """A run as JSON, with its secrets masked: the file may go anywhere."""
    values = run.as_json()
    return dict(_masked(values | {'parameters': masked(values['parameters'])}))


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return without_logins(value)
    if isinstance(value, dict):
        return {name: _masked(item) for name, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else value
