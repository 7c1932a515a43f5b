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
        """Open to everybody, and says nothing more than this."""
        return ApiResponse({'status': 'ok'})

    @api.get('/status')
    async def status() -> Response:
        return ApiResponse(room.status.snapshot())

    @api.get('/pipelines')
    async def pipelines() -> Response:
        return ApiResponse([info.as_json() for info in room.catalog.all()])

    @api.get('/pipelines/{name}')
    async def pipeline(name: str) -> Response:
        """One pipeline, with the JSON Schema of its parameters."""
        return ApiResponse(room.catalog.get(name).as_json())

    return api
