"""`/damage`: files of the data folder that were found damaged."""

from fastapi import APIRouter
from starlette.responses import Response

from synapse.api.responses import ApiResponse
from synapse.control_room import ControlRoom

from .reading import Id, router


def damage_api(room: ControlRoom) -> APIRouter:
    api = router()

    @api.get('/damage')
    async def damage() -> Response:
        """List the files that were found damaged and whose reports are not dismissed, newest first.

        `{id, title, file, kept_as, recovered, missing, hint, found_at}` each; `missing` is empty if nothing is lost.
        """
        return ApiResponse({'damage': [report.as_json() for report in room.damage.all]})

    @api.delete('/damage/{id}')
    async def dismiss_damage(id: Id) -> Response:
        """Dismiss a report. The damaged file is kept."""
        await room.damage.dismiss(id)
        return Response(status_code=204)

    return api
