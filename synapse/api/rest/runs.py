"""`/runs` and `/queue`: start, watch and stop."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import AwareDatetime, Field
from starlette.responses import FileResponse, Response

from synapse.api.responses import ApiResponse
from synapse.control_room import ControlRoom
from synapse.language import _

from .logs import LogFilters, page_of
from .reading import Body, Id, caller_of, router
from .run_lists import add_run_lists

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


class Hold(Body):
    """Why to pause, and until when: for good, until a moment, or for a time."""

    because: Because = ''
    now: bool = False
    until: AwareDatetime | None = None
    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    def length(self) -> dict[str, Any]:
        return {'until': self.until, 'seconds': self.seconds}


class HoldQueue(Hold):
    drain: bool = False
    """Whether to tell when all that had begun has ended."""


class Answer(Body):
    question: str = Field(min_length=1, max_length=64)
    """The id of the question."""
    answer: Any
    because: Because = ''


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

    add_run_lists(api, room)

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
    async def pause_run(request: Request, id: Id, hold: Hold | None = None) -> Response:
        """Pause a run at its next progress report, checkpoint or step; it ends as for the queue."""
        hold = hold or Hold()
        run = await room.runs.pause(id, because=hold.because, by=_who(request), **hold.length())
        return ApiResponse(run.as_json(), 202)

    @api.post('/runs/{id}/resume')
    async def resume_run(id: Id, order: Order | None = None) -> Response:
        """Resume a paused run."""
        run = await room.runs.resume(id, because=(order or Order()).because)
        return ApiResponse(run.as_json(), 202)

    @api.post('/runs/{id}/answer')
    async def answer_run(id: Id, answer: Answer, request: Request) -> Response:
        """Answer the open question of a run, by one of its choices, the fields of its form, or a text."""
        run = await room.runs.answer(id, answer.question, answer.answer, by=caller_of(request), because=answer.because)
        return ApiResponse(run.as_json(), 202)

    @api.post('/runs/{id}/retry')
    async def retry_run(id: Id, again: Again | None = None, *, dry_run: bool = False) -> Response:
        """Start a new run like this one, linked by `retry_of`; `from_step` reuses the work of the steps before it.

        The answer is the new run, with what has `changed` since in files, code, profile or packages. With `dry_run`
        nothing starts: the answer says what a retry would keep and save, what has changed, and from which steps it is
        possible.
        """
        again = again or Again()
        old = await room.runs.get(id)
        if dry_run:
            return ApiResponse((await room.runs.retries.plan(old, again.from_step, again.parameters)).as_json())
        given = again.parameters or {}
        changes, _ = await room.runs.compared.since_then(old)
        run = await room.runs.retry(id, from_step=again.from_step, parameters=given)
        told = [change.as_json() for change in changes if change.name not in given]
        answer = run.as_json() | {'changed': told}
        return ApiResponse(answer, 201, {'location': f'/api/v1/runs/{run.id}'})

    @api.get('/runs/{id}/attempts')
    async def attempts(id: Id) -> Response:
        """List this run with those it retries and those that retry it, oldest first, also removed ones."""
        chain = await room.runs.retries.chain(await room.runs.get(id))
        return ApiResponse({'runs': [attempt.as_json() for attempt in chain]})

    @api.get('/runs/{id}/changes')
    async def changes(id: Id) -> Response:
        """Return what has changed since the last good run of the same work.

        Without such a run it is compared with the last good one of the same pipeline or command, and if there is none,
        `compared_with` is null. `unknown` says what can't be compared. Secrets are shown as dots.
        """
        run = await room.runs.get(id)
        return ApiResponse((await room.runs.compared.since_good(run)).as_json())

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


def _who(request: Request) -> str:
    is_nameless = request.scope.get('synapse.caller', 'anyone') in ('anyone', 'token')
    return _('a program') if is_nameless else caller_of(request)


def _add_queue(api: APIRouter, room: ControlRoom) -> None:
    @api.post('/queue/pause')
    async def pause_queue(request: Request, hold: HoldQueue | None = None) -> Response:
        """Start no new runs; running ones continue. It ends by itself at `until`, or after `seconds`."""
        hold = hold or HoldQueue()
        await room.runs.pause_queue(hold.because, by=_who(request), drain=hold.drain, **hold.length())
        return ApiResponse(room.status.snapshot(), 202)

    @api.post('/queue/resume')
    async def resume_queue(request: Request, order: Order | None = None) -> Response:
        """Start waiting runs again."""
        await room.runs.resume_queue((order or Order()).because, by=_who(request))
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
