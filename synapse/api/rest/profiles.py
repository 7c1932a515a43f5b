"""`/profiles`: the identities of runs. Values of secrets are write-only."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from synapse.api.responses import ApiResponse
from synapse.control_room import ControlRoom
from synapse.destinations.errors import HostKey
from synapse.destinations.packages import install

from .reading import Body, Id, router


class Destination(Body):
    """A destination to try, with the secrets that open it."""

    destination: str = ''
    secrets: dict[str, str | None] = Field(default_factory=dict)


class HostKeyBody(Body):
    """The key of an SSH server."""

    host: str
    type: str
    key: str
    fingerprint: str = ''


def profiles_api(room: ControlRoom) -> APIRouter:
    api = router()

    @api.get('/profiles')
    async def list_profiles() -> Response:
        """List all profiles; the values of their secrets are shown as `"***"`."""
        return ApiResponse([profile.as_json() for profile in room.profiles.all()])

    @api.post('/profiles')
    async def create_profile(values: dict[str, Any]) -> Response:
        """Create a profile from `{label, color, icon, destination, defaults, secrets}`; only `label` is required.

        User and password in the destination become secrets.
        """
        profile = await room.profiles.create(values)
        return ApiResponse(profile.as_json(), 201, {'location': f'/api/v1/profiles/{profile.id}'})

    @api.post('/profiles/try')
    async def try_destination(values: Destination) -> Response:
        """Try a destination before it is saved: a small file is written there, read back and removed.

        The answer is `{works, message, hint, missing, host_key, notes}`. `missing` names packages to install with
        `POST /profiles/packages/{name}`, and `host_key` is a key of an SSH server to accept with
        `POST /profiles/host-keys`; `notes` says what that kind of destination cannot do.
        """
        return ApiResponse((await room.profiles.try_destination(None, values.model_dump())).as_json())

    @api.post('/profiles/host-keys')
    async def accept_host_key(key: HostKeyBody) -> Response:
        """Accept the key of an SSH server, as a trial has returned it in `host_key`."""
        await room.profiles.accept_host_key(HostKey(**key.model_dump()))
        return Response(status_code=204)

    @api.post('/profiles/packages/{name}')
    async def install_packages(name: Id) -> Response:
        """Install what a kind of destination needs: `sftp`, `s3`, `webdav` or `smb`. Answers when that is done."""
        await install(name)
        return ApiResponse({'installed': name})

    @api.get('/profiles/{id}')
    async def get_profile(id: Id) -> Response:
        """Return one profile."""
        return ApiResponse(room.profiles.get(id).as_json())

    @api.patch('/profiles/{id}')
    async def change_profile(id: Id, values: dict[str, Any]) -> Response:
        """Change the given fields. In `secrets`, `"***"` keeps a value and null removes it."""
        return ApiResponse((await room.profiles.update(id, values)).as_json())

    @api.post('/profiles/{id}/try')
    async def try_profile(id: Id, values: Destination | None = None) -> Response:
        """Try the destination of a profile, with the given changes to it. See `POST /profiles/try`."""
        changes = values.model_dump(exclude_unset=True) if values else {}
        return ApiResponse((await room.profiles.try_destination(id, changes)).as_json())

    @api.delete('/profiles/{id}')
    async def delete_profile(id: Id) -> Response:
        """Delete a profile and its secrets. Fails with 409 while an event uses it."""
        await room.profiles.delete(id)
        return Response(status_code=204)

    return api
