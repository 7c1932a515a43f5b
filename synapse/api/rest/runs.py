"""`/runs` and `/queue`: start, watch and stop."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import Field
from starlette.responses import FileResponse, Response

from synapse.api.responses import ApiResponse
from synapse.control_room import ControlRoom
from synapse.runs.records import RunState

from .logs import LogFilters, page_of
from .reading import Body, Id, router

Because = Annotated[str, Field(max_length=500)]


class NewRun(Body):
    pipeline: str = Field(min_length=1, max_length=200)
    parameters: dict[str, Any] = Field(default_factory=dict)
    profile: str | None = None
    because: Because = ''


class Order(Body):
    """Why, and whether to stop at once instead of waiting for the step to end."""

    because: Because = ''
    now: bool = False


class Again(Body):
    from_step: str | None = None
    parameters: dict[str, Any] | None = None


class Move(Body):
    run: str
    to: int = Field(ge=0)
    """Its new position; 0 is the next to start."""


def runs_api(room: ControlRoom) -> APIRouter:
    api = router()

    @api.post('/runs')
    async def create_run(
        new: NewRun, idempotency_key: Annotated[str | None, Header(max_length=200)] = None
    ) -> Response:
        """Start a run. Repeating an `Idempotency-Key` returns the first run and starts nothing."""
        run = await room.runs.create(
            new.pipeline,
            new.parameters,
            profile=new.profile,
            because=new.because,
            idempotency_key=idempotency_key or None,
        )
        return ApiResponse(run.as_json(), 201, {'location': f'/api/v1/runs/{run.id}'})

    @api.get('/runs')
    async def list_runs(
        state: RunState | None = None,
        pipeline: str | None = None,
        profile: str | None = None,
        before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Response:
        """List runs, newest first; `next` is the value of `before` for the next page, null on the last."""
        runs = await room.runs.page(state=state, pipeline=pipeline, profile=profile, before=before, limit=limit + 1)
        shown = runs[:limit]
        following = shown[-1].number if len(runs) > limit else None
        return ApiResponse({'runs': [run.as_json() for run in shown], 'next': following})

    @api.get('/runs/{id}')
    async def get_run(id: Id) -> Response:
        """Return one run with its steps and artifacts."""
        return ApiResponse((await room.runs.get(id)).as_json())

    @api.post('/runs/{id}/cancel')
    async def cancel_run(id: Id, order: Order | None = None) -> Response:
        """Cancel a run: after its current step, or at once with `now`."""
        order = order or Order()
        run = await room.runs.cancel(id, because=order.because, now=order.now)
        return ApiResponse(run.as_json(), 202)

    @api.post('/runs/{id}/pause')
    async def pause_run(id: Id, order: Order | None = None) -> Response:
        """Pause a run at its next progress report, checkpoint or step."""
        run = await room.runs.pause(id, because=(order or Order()).because)
        return ApiResponse(run.as_json(), 202)

    @api.post('/runs/{id}/resume')
    async def resume_run(id: Id, order: Order | None = None) -> Response:
        """Resume a paused run."""
        run = await room.runs.resume(id, because=(order or Order()).because)
        return ApiResponse(run.as_json(), 202)

    @api.post('/runs/{id}/retry')
    async def retry_run(id: Id, again: Again | None = None) -> Response:
        """Start a new run like this one, linked by `retry_of`; `from_step` reuses the work of the steps before it."""
        again = again or Again()
        run = await room.runs.retry(id, from_step=again.from_step, parameters=again.parameters)
        return ApiResponse(run.as_json(), 201, {'location': f'/api/v1/runs/{run.id}'})

    @api.get('/runs/{id}/processes')
    async def processes(id: Id) -> Response:
        """List the processes that currently belong to this run."""
        await room.runs.get(id)
        return ApiResponse([dict(process) for process in await room.runs.process_tree(id)])

    @api.get('/runs/{id}/logs')
    async def run_logs(id: Id, filters: Annotated[LogFilters, Query()]) -> Response:
        """Return one page of the log of a run, with the parameters of `/logs`."""
        await room.runs.get(id)
        return await page_of(room.log, filters.model_copy(update={'run': id}))

    @api.get('/runs/{id}/artifacts/{name:path}')
    async def artifact(id: Id, name: str) -> Response:
        """Download an artifact. It is never shown inline: files that a run made are not pages of ours."""
        await room.runs.get(id)
        path = await room.runs.artifact_path(id, name)
        return FileResponse(path, filename=path.name, media_type='application/octet-stream')

    _add_queue(api, room)
    return api


def _add_queue(api: APIRouter, room: ControlRoom) -> None:
    @api.post('/queue/pause')
    async def pause_queue(order: Order | None = None) -> Response:
        """Start no new runs; running ones continue."""
        await room.runs.pause_queue(because=(order or Order()).because)
        return ApiResponse(room.status.snapshot(), 202)

    @api.post('/queue/resume')
    async def resume_queue(order: Order | None = None) -> Response:
        """Start waiting runs again."""
        await room.runs.resume_queue(because=(order or Order()).because)
        return ApiResponse(room.status.snapshot(), 202)

    @api.post('/queue/stop')
    async def stop_everything(order: Order | None = None) -> Response:
        """Pause the queue and kill every running step and its child processes at once."""
        await room.runs.stop_everything(because=(order or Order()).because)
        return ApiResponse(room.status.snapshot(), 202)

    @api.post('/queue/move')
    async def move_in_queue(move: Move) -> Response:
        """Move a waiting run within the queue; returns the queue in its new order."""
        await room.runs.move_in_queue(move.run, move.to)
        return ApiResponse({'runs': [run.as_json() for run in room.runs.waiting()]}, 202)
