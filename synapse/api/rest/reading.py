"""How requests are read: strict JSON, well-formed ids, and bodies without unknown fields."""

import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import Response

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
                raise HTTPException(400, 'The body is not valid JSON.') from error
        return self._strict


class StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return strict


def router() -> APIRouter:
    return APIRouter(route_class=StrictRoute, redirect_slashes=False)


def caller_of(request: Request) -> str:
    """The caller for the log: `the token`, or `the browser session ab12cd34`."""
    caller = str(request.scope.get('synapse.caller', 'anyone'))
    if caller.startswith('session'):
        return f'the browser {caller}'
    return f'the {caller}' if 'token' in caller else caller


def has_token(request: Request) -> bool:
    """Whether the caller sent the token, rather than a cookie that browsers send by themselves."""
    return request.scope.get('synapse.caller') == 'token'


def _refuse(constant: str) -> Any:
    raise ValueError(f'{constant} is not JSON')
