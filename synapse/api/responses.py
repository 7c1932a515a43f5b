"""The shape of every JSON answer and of every error under `/api`."""

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from synapse.errors import SynapseError


class ApiResponse(Response):
    """JSON that every parser reads: numbers that JSON does not know become null, never `NaN`."""

    media_type = 'application/json'

    def render(self, content: Any) -> bytes:
        return encode(content)


def encode(value: Any) -> bytes:
    """Compact JSON, ASCII only: half a surrogate in a file name must not break a whole answer."""
    try:
        return json.dumps(value, allow_nan=False, separators=(',', ':')).encode()
    except ValueError:
        return json.dumps(_without_nan(value), allow_nan=False, separators=(',', ':')).encode()


def error_body(code: str, message: str, hint: str = '', fields: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`{"error": {"code", "message", "hint"}}`, with `fields` where values did not fit."""
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
    """No, with the status that says why."""

    def __init__(
        self, status: int, code: str, message: str, hint: str = '', headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(code, message, hint)
        self.status = status
        self.headers = headers or {}
