"""How requests are read: strict JSON, well-formed ids, and bodies without unknown fields."""

import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import Response

from synapse.credentials.scope import Scope
from synapse.errors import Invalid
from synapse.language import _

Id = Annotated[str, Path(pattern=r'^[A-Za-z0-9_-]{1,64}$')]
"""An id in the path; anything else is a 404 before it gets near a file or a query."""


class Body(BaseModel):
    """A JSON object; unknown fields are refused, since they are most likely misspelt."""

    model_config = ConfigDict(extra='forbid')


class StrictRequest(Request):
    """Refuses what Python reads as JSON and others do not: NaN, Infinity and halves of surrogate pairs."""

    async def json(self) -> Any:
        if not hasattr(self, '_strict'):
            body = await self.body()
            try:
                self._strict = json.loads(body, parse_constant=_refuse)
                json.dumps(self._strict, ensure_ascii=False).encode()
            except json.JSONDecodeError:
                raise
            except (ValueError, RecursionError) as error:
                raise HTTPException(400, _('The body is not valid JSON.')) from error
        return self._strict


class StrictRoute(APIRoute):
    """Refuses query parameters that a call which changes something does not have: a misspelt `dry_run` would be lost.

    Calls that only read ignore them: programs append some to get past a cache.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler, known = super().get_route_handler(), sorted(self._known_names())

        async def strict(request: Request) -> Response:
            if request.method not in ('GET', 'HEAD'):
                _check_query(request, known)
            return await handler(StrictRequest(request.scope, request.receive))

        return strict

    def _known_names(self) -> Iterator[str]:
        for field in self.dependant.query_params:
            kind = field.field_info.annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from (item.alias or name for name, item in kind.model_fields.items())
            else:
                yield field.alias


def _check_query(request: Request, known: list[str]) -> None:
    """:raises Invalid: if the query has a parameter that is not known"""
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in known]
    if unknown:
        shown = [name[:40] for name in unknown]
        words = _('Known here: {known}.', known=', '.join(known)) if known else _('This call takes none.')
        message = _('{shown!r} is not a query parameter of this call.', shown=shown[0])
        raise Invalid(message, dict.fromkeys(shown, words), words)


def split(value: Any) -> Any:
    """Accept `levels=error,critical` as well as `levels=error&levels=critical`, before a list is validated."""
    parts = [value] if isinstance(value, str) else value
    return [word for part in parts for word in part.split(',')] if isinstance(parts, list) else parts


def router() -> APIRouter:
    return APIRouter(route_class=StrictRoute, redirect_slashes=False)


def caller_of(request: Request) -> str:
    """The caller for the log: `the token`, or `the browser session ab12cd34ef56`."""
    caller = str(request.scope.get('synapse.caller', 'anyone'))
    kind, _unused, name = caller.rpartition(' ') if caller.startswith(('session ', 'run token ')) else (caller, '', '')
    if kind == 'session':
        return _('the browser session {id}', id=name)
    if kind == 'run token':
        return _('the run token {id}', id=name)
    if caller == 'token':
        return _('the token')
    if caller.startswith('token “'):
        return _('the token {name}', name=caller.removeprefix('token '))
    return _('anyone') if caller == 'anyone' else caller


def has_token(request: Request) -> bool:
    """Whether the caller sent a token that may do everything, rather than a cookie that browsers send by themselves."""
    is_token = str(request.scope.get('synapse.caller')).startswith('token')
    return is_token and request.scope.get('synapse.scope') == Scope.ADMIN


def _refuse(constant: str) -> Any:
    raise ValueError(_('{constant} is not JSON', constant=constant))
