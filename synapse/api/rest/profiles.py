"""`/profiles`: the identities of runs. Values of secrets are write-only."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from synapse.api.responses import ApiResponse
from synapse.control_room import ControlRoom

from .reading import Id, router


def profiles_api(room: ControlRoom) -> APIRouter:
    api = router()

    @api.get('/profiles')
    async def list_profiles() -> Response:
        """List all profiles; the values of their secrets are shown as `"***"`."""
        return ApiResponse([profile.as_json() for profile in room.profiles.all()])

    @api.post('/profiles')
    async def create_profile(values: dict[str, Any]) -> Response:
        """Create a profile from `{label, color, icon, destination, defaults, secrets}`; only `label` is required."""
        profile = await room.profiles.create(values)
        return ApiResponse(profile.as_json(), 201, {'location': f'/api/v1/profiles/{profile.id}'})

    @api.get('/profiles/{id}')
    async def get_profile(id: Id) -> Response:
        """Return one profile."""
        return ApiResponse(room.profiles.get(id).as_json())

    @api.patch('/profiles/{id}')
    async def change_profile(id: Id, values: dict[str, Any]) -> Response:
        """Change the given fields. In `secrets`, `"***"` keeps a value and null removes it."""
        return ApiResponse((await room.profiles.update(id, values)).as_json())

    @api.delete('/profiles/{id}')
    async def delete_profile(id: Id) -> Response:
        """Delete a profile and its secrets. Fails with 409 while an event uses it."""
        await room.profiles.delete(id)
        return Response(status_code=204)

    return api
