"""Files of a folder that never change, served from memory: in front of layers that cost more than the files do."""

import asyncio
import mimetypes
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

MAX_FILES = 64
"""Kept in memory; a page needs a dozen."""


class FilesInMemory:
    """Answers a GET of a file in `folder`, and passes everything else on.

    :param prefix: of the paths of these files
    :param headers: of each answer
    """

    def __init__(self, app: ASGIApp, prefix: str, folder: Path, headers: Mapping[str, str]) -> None:
        self._app = app
        self._prefix = prefix
        self._folder = folder
        self._headers = headers
        self._known: dict[str, Response] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = None
        if scope['type'] == 'http' and scope['method'] == 'GET' and scope['path'].startswith(self._prefix):
            name = scope['path'].removeprefix(self._prefix)
            answer = self._known.get(name) or await asyncio.to_thread(self._read, name)
        await (answer or self._app)(scope, receive, send)

    def _read(self, name: str) -> Response | None:
        if name not in _files_in(self._folder) or len(self._known) >= MAX_FILES:
            return None
        kind = mimetypes.guess_type(name)[0]
        self._known[name] = Response((self._folder / name).read_bytes(), media_type=kind, headers=dict(self._headers))
        return self._known[name]


@cache
def _files_in(folder: Path) -> frozenset[str]:
    """Return the names below a folder, such as `fonts/a.woff2`: whatever else is asked for is none of its files."""
    return frozenset(path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file())
