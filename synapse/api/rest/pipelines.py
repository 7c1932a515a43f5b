"""`/health`, `/status` and `/pipelines`: what Synapse is doing and what it can do."""

from fastapi import APIRouter
from starlette.responses import Response

from synapse.api.responses import ApiResponse
from synapse.control_room import ControlRoom

from .reading import router


def pipelines_api(room: ControlRoom) -> APIRouter:
    api = router()

    @api.get('/health')
    async def health() -> Response:
        """Tell whether Synapse is up. Needs no credentials."""
        return ApiResponse({'status': 'ok'})

    @api.get('/status')
    async def status() -> Response:
        """Return what Synapse is doing now: its state, queue, workers, counts of today and the next event."""
        return ApiResponse(room.status.snapshot())

    @api.get('/pipelines')
    async def pipelines() -> Response:
        """List all pipelines, including those whose file cannot be loaded, with their `error`."""
        return ApiResponse([info.as_json() for info in room.catalog.all()])

    @api.get('/pipelines/{name}')
    async def pipeline(name: str) -> Response:
        """Return one pipeline with the JSON Schema of its parameters."""
        return ApiResponse(room.catalog.get(name).as_json())

    return api
