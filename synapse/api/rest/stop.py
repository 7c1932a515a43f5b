"""`/stop`: ends Synapse itself, in order."""

import logging

from fastapi import APIRouter, Request
from starlette.responses import Response

from synapse.api.responses import ApiResponse
from synapse.control_room import ControlRoom, StopAsked
from synapse.language import N_

from .reading import caller_of, router

log = logging.getLogger(__name__)


def stop_api(room: ControlRoom) -> APIRouter:
    api = router()

    @api.post('/stop')
    async def stop(request: Request) -> Response:
        """Stop Synapse as Ctrl-C does: running steps have 10 s to end. A service is not started again by that.

        Asking again changes nothing. It needs the scope `admin`.
        """
        log.info(N_('%s asked Synapse to stop'), caller_of(request))
        room.bus.publish(StopAsked())
        return ApiResponse(room.status.snapshot(), 202)

    return api
