"""`/machines`: where runs are carried out, here and elsewhere."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from synapse.control_room import ControlRoom

from .reading import caller_of, router

Name = Annotated[str, Path(pattern=r'^[A-Za-z0-9._-]{1,255}$')]
"""A machine is called by its name, which may have dots."""


def machines_api(room: ControlRoom) -> APIRouter:
    api = router()

    @api.delete('/machines/{id}')
    async def remove_machine(id: Name, request: Request) -> Response:
        """Take another machine out for good. Its runs are interrupted, and its worker ends.

        It needs the new code of the cluster to join again; the machines that stay have it already.
        """
        await room.remove_machine(id, by=caller_of(request))
        return Response(status_code=204)

    return api
