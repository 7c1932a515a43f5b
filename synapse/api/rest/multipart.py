"""Reads a multipart body part by part as it arrives (RFC 7578), without buffering or spooling it.

It reads more of the body only when the consumer of a part has taken what there was, so a slow disk slows the sender
down instead of filling the memory.
"""

from collections import deque
from collections.abc import AsyncIterator
from typing import NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from synapse.errors import Malformed
from synapse.language import _

from .file_names import Headers, disposition_of, writes_literally

MAX_HEADER_BYTES = 8 * 1024

_BEGIN, _NAME, _VALUE, _HEADER, _BODY, _DATA, _PART_END, _END = range(8)


class Part(NamedTuple):
    """One part: the name of its field, its file name (None if it is not a file), and its bytes, to be read once."""

    field: str
    filename: str | None
    chunks: AsyncIterator[bytes]


class PartReader:
    """Iterates over the parts of a body; whatever is left unread of a part is skipped.

    :param headers: of the request, with names in lower case; they tell how the client writes the names of files
    :raises Malformed: without a boundary on creation; while reading if the body is malformed or ends too early
    """

    def __init__(self, content_type: str, body: AsyncIterator[bytes], headers: Headers | None = None) -> None:
        __, options = parse_options_header(content_type)
        boundary = options.get(b'boundary')
        if not boundary:
            raise _malformed(_('its Content-Type names no boundary'))
        self._body = body
        self._is_literal = writes_literally(boundary.decode('latin-1'), headers or {})
        self._events: deque[tuple[int, bytes]] = deque()
        self._is_over = False
        try:
            self._parser = MultipartParser(boundary, self._callbacks())  # type: ignore[arg-type]
        except FormParserError as error:
            raise _malformed(_('its boundary cannot be used')) from error

    async def __aiter__(self) -> AsyncIterator[Part]:
        while not self._is_over:
            kind, __ = await self._next()
            if kind == _BEGIN:
                value = (await self._headers()).get(b'content-disposition', b'')
                field, filename = disposition_of(value, is_literal=self._is_literal)
                yield Part(field, filename, self._chunks())

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            kind, data = await self._next()
            if kind == _DATA:
                yield data
            elif kind == _PART_END:
                return

    async def _headers(self) -> dict[bytes, bytes]:
        headers: dict[bytes, bytes] = {}
        name, value, size = b'', b'', 0
        while True:
            kind, data = await self._next()
            size += len(data)
            if size > MAX_HEADER_BYTES:
                raise _malformed(_('the headers of a part are too large'))
            if kind == _NAME:
                name += data
            elif kind == _VALUE:
                value += data
            elif kind == _HEADER:
                headers[name.lower()] = value
                name, value = b'', b''
            elif kind == _BODY:
                return headers

    async def _next(self) -> tuple[int, bytes]:
        while not self._events:
            await self._read_more()
        event = self._events.popleft()
        self._is_over = self._is_over or event[0] == _END
        if self._is_over and event[0] != _END:
            raise _malformed(_('data follows its end'))
        return event

    async def _read_more(self) -> None:
        chunk = await anext(self._body, None)
        try:
            if chunk is None:
                self._parser.finalize()
                raise _malformed(_('it ends too early'))
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed(_('its parts cannot be separated')) from error

    def _callbacks(self) -> dict[str, object]:
        def data(kind: int) -> object:
            return lambda chunk, start, end: self._events.append((kind, chunk[start:end]))

        def mark(kind: int) -> object:
            return lambda: self._events.append((kind, b''))

        return {
            'on_part_begin': mark(_BEGIN),
            'on_header_field': data(_NAME),
            'on_header_value': data(_VALUE),
            'on_header_end': mark(_HEADER),
            'on_headers_finished': mark(_BODY),
            'on_part_data': data(_DATA),
            'on_part_end': mark(_PART_END),
            'on_end': mark(_END),
        }


def _malformed(why: str) -> Malformed:
    return Malformed(
        'malformed_multipart', _('The multipart body cannot be read: {why}.', why=why), _('Send the files again.')
    )
