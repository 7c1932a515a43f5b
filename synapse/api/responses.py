"""The shape of every JSON response and of every error under `/api`."""

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from synapse.errors import SynapseError


class ApiResponse(Response):
    """JSON that every parser reads: NaN and infinite numbers become null."""

    media_type = 'application/json'

    def render(self, content: Any) -> bytes:
        return encode(content)


def encode(value: Any) -> bytes:
    """Compact JSON, ASCII only: half a surrogate pair in a file name must not break the response."""
    try:
        return json.dumps(value, allow_nan=False, separators=(',', ':')).encode()
    except ValueError:
        return json.dumps(_without_nan(value), allow_nan=False, separators=(',', ':')).encode()


def error_body(code: str, message: str, hint: str = '', fields: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`{"error": {"code", "message", "hint"}}`, with `fields` if values are invalid."""
    error: dict[str, Any] = {'code': code, 'message': message, 'hint': hint}
    if fields is not None:
        error['fields'] = dict(fields)
    return {'error': error}


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value


class HttpError(SynapseError):
    """A request refused by the API itself, with the HTTP status of the response."""

    def __init__(
        self, status: int, code: str, message: str, hint: str = '', headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(code, message, hint)
        self.status = status
        self.headers = headers or {}
