"""Every error under `/api` as JSON with a code, a message and a hint; never a traceback, never HTML."""

import logging
import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from storage.files import DiskFull, StorageError
from synapse.errors import Invalid, SynapseError, TooMany
from synapse.language import N_, _, spoken
from synapse.sentences import sentence_of

from .responses import ApiResponse, error_body

log = logging.getLogger(__name__)

_CODES = {
    400: 'malformed',
    404: 'not_found',
    405: 'method_not_allowed',
    413: 'too_large',
    415: 'unsupported_media_type',
}


def add_problem_handlers(app: FastAPI) -> None:
    handlers: list[tuple[type[Exception], Any]] = [
        (SynapseError, _known),
        (StorageError, _storage),
        (RequestValidationError, _validation),
        (HTTPException, _http),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)
    app.add_middleware(LastResort)


class LastResort:
    """ASGI middleware: logs unexpected errors with their traceback and responds without it."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_started = False

        async def watched(message: Any) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return  # there is no client left to respond to
        except Exception:
            log.exception(N_('%s %s failed'), scope.get('method'), scope['path'])
            if is_started:
                raise  # the server cuts the connection: half a response must not look like a whole one
            body = error_body('internal_error', _('Synapse made a mistake.'), _("See the program's log for details."))
            await ApiResponse(body, 500)(scope, receive, send)


def response_of(error: SynapseError) -> ApiResponse:
    fields = error.fields if isinstance(error, Invalid) else None
    answer = ApiResponse(error_body(error.code, error.message, error.hint, fields), error.status)
    if isinstance(error, TooMany):
        answer.headers['retry-after'] = str(max(1, math.ceil(error.retry_after)))
    return answer


async def _known(request: Request, error: SynapseError) -> Response:
    return response_of(error)


async def _storage(request: Request, error: StorageError) -> Response:
    if isinstance(error, DiskFull):
        return ApiResponse(error_body('disk_full', spoken(error), _('Free some space, then try again.')), 507)
    log.error(N_('%s %s: %s'), request.method, request.url.path, error)
    return ApiResponse(error_body('storage_failed', spoken(error), _('Nothing was changed. Check the disk.')), 500)


async def _http(request: Request, error: HTTPException) -> Response:
    code, headers = _CODES.get(error.status_code, 'refused'), dict(error.headers or {})
    if code == 'not_found':
        body = error_body(
            code, _('Nothing is at {path}.', path=request.url.path[:200]), _('GET /api/v1/docs lists every call.')
        )
    elif code == 'method_not_allowed':
        headers['Allow'] = _allowed(request) or headers.get('Allow', '')
        body = error_body(
            code,
            _('{method} is not allowed here.', method=request.method),
            _('Allowed: {allow}.', allow=headers['Allow']),
        )
    else:
        body = error_body(code, str(error.detail))
    return ApiResponse(body, error.status_code, headers)


def _allowed(request: Request) -> str:
    """Return the methods of this path. The router knows only those of the first route that it tried."""
    methods = getattr(request.app.state, 'methods', {})
    allowed: set[str] = set(methods.get(getattr(request.scope.get('route'), 'path', ''), ()))
    return ', '.join(sorted(allowed | {'HEAD'} if 'GET' in allowed else allowed))


async def _validation(request: Request, error: RequestValidationError) -> Response:
    items = error.errors()
    if any(item['loc'][:1] == ('path',) for item in items):
        body = error_body(
            'not_found', _('Nothing is at {path}.', path=request.url.path[:200]), _('Ids are letters, digits, - and _.')
        )
        return ApiResponse(body, 404)
    if any(item['type'] == 'json_invalid' or item['loc'] == ('body',) for item in items):
        return ApiResponse(
            error_body('malformed', _('The body is not a JSON object.'), _('Send {"name": "value", ...}.')), 400
        )
    fields = {'.'.join(map(str, item['loc'][1:])): sentence_of(item) for item in items}
    return response_of(Invalid(_('Some values are invalid.'), fields, _('Correct the named fields.')))
