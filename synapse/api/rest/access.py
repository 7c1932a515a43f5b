"""`/tokens` and `/sessions`: which programs and browsers may come in."""

import asyncio
import logging
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from synapse import program
from synapse.addresses import is_loopback
from synapse.api.limits import client_address
from synapse.api.responses import ApiResponse, HttpError
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.language import N_, _

from .reading import Body, Id, caller_of, router

log = logging.getLogger(__name__)


class NewPassword(Body):
    password: str | None


def access_api(room: ControlRoom) -> APIRouter:
    api = router()

    @api.get('/tokens')
    async def list_tokens() -> Response:
        """List the tokens of programs, without their secrets. The one in the data folder is not among them."""
        return ApiResponse([token.as_json() for token in room.tokens.all()])

    @api.post('/tokens')
    async def create_token(values: dict[str, Any], request: Request) -> Response:
        """Create a token, from `{name, scope}`; the scope is `read`, `run` or `admin`.

        `token` in the answer is its secret, which nothing shows again. `read` sees everything but secrets and may write
        log lines; `run` may also upload files, and start, stop and answer runs; `admin` may do everything.
        """
        token, secret = await room.tokens.create(values)
        log.info(N_('the token “%s” (%s) was created by %s'), token.name, token.scope, caller_of(request))
        headers = {'location': f'/api/v1/tokens/{token.id}'}
        return ApiResponse(token.as_json() | {'token': secret}, 201, headers)

    @api.delete('/tokens/{id}')
    async def delete_token(id: Id, request: Request) -> Response:
        """Delete a token. Whatever uses it is refused from now on, and its sockets are closed."""
        token = await room.tokens.delete(id)
        log.info(N_('the token “%s” was deleted by %s'), token.name, caller_of(request))
        return Response(status_code=204)

    @api.put('/password')
    async def set_password(values: NewPassword, request: Request) -> Response:
        """Set the password for sign-in from other machines; null removes it. Only from the machine of Synapse itself.

        Browsers that came in with an earlier one are signed out.
        """
        address = request.scope.get('synapse.address')
        # A proxy that is not trusted is a client of this machine too, but is called by another name.
        if not is_loopback(client_address(request.scope)) or (address is not None and not address.is_loopback):
            hint = _('There, run: {program} password', program=program.NAME)
            raise HttpError(403, 'only_here', _('The password is set only on the machine of Synapse itself.'), hint)
        mine = str(request.scope.get('synapse.caller')).removeprefix('session ')
        await asyncio.to_thread(room.auth.set_password, values.password, but=mine)
        text = N_('the password was removed by %s') if values.password is None else N_('the password was set by %s')
        log.info(text, caller_of(request))
        return ApiResponse({'is_set': room.auth.password.is_set})

    @api.get('/sessions')
    async def list_sessions(request: Request) -> Response:
        """List the browsers that are signed in, the one seen last first; `is_current` is the one that asks."""
        caller = request.scope.get('synapse.caller')
        return ApiResponse(
            [session.as_json() | {'is_current': caller == f'session {session.id}'} for session in room.auth.sessions()]
        )

    @api.delete('/sessions/{id}')
    async def end_session(id: Id, request: Request) -> Response:
        """Sign a browser out. Its open pages close at once."""
        if not await asyncio.to_thread(room.auth.end_session_of, id):
            raise NotFound('session_not_found', _('No session has the id {id!r}.', id=id), _('It may have ended.'))
        log.info(N_('the session %s was ended by %s'), id, caller_of(request))
        return Response(status_code=204)

    return api
