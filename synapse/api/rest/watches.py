"""`/watches`: folders whose new files become runs."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from synapse.api.responses import ApiResponse
from synapse.control_room import ControlRoom
from synapse.errors import Invalid
from synapse.language import _

from .reading import Id, router


def watches_api(room: ControlRoom) -> APIRouter:
    api = router()

    @api.get('/watches')
    async def list_watches() -> Response:
        """List all watch folders, each with what it waits for, the files it took last, and why it takes none now."""
        return ApiResponse([view.as_json() for view in room.watches.all()])

    @api.post('/watches')
    async def create_watch(values: dict[str, Any]) -> Response:
        """Watch a folder, from `{folder, pipeline, pattern, profile, parameters, settle_seconds, enabled}`.

        Only the first two are required. Each new file becomes a run, once for each of its versions. With
        `take_existing: false` the files that are there already are left alone.
        """
        takes_existing = values.pop('take_existing', True)
        if not isinstance(takes_existing, bool):
            raise Invalid(_('The watch folder was not saved.'), {'take_existing': _('Give true or false.')})
        view = await room.watches.create(values, takes_existing=takes_existing)
        return ApiResponse(view.as_json(), 201, {'location': f'/api/v1/watches/{view.watch.id}'})

    @api.get('/watches/{id}')
    async def get_watch(id: Id) -> Response:
        """Return one watch folder."""
        return ApiResponse(room.watches.get(id).as_json())

    @api.patch('/watches/{id}')
    async def change_watch(id: Id, values: dict[str, Any]) -> Response:
        """Change the given fields."""
        return ApiResponse((await room.watches.update(id, values)).as_json())

    @api.delete('/watches/{id}')
    async def delete_watch(id: Id) -> Response:
        """Stop watching a folder. Its files stay where they are."""
        await room.watches.delete(id)
        return Response(status_code=204)

    return api
