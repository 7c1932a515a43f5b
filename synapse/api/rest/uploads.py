"""`/uploads` and `/inbox`: incoming files, streamed straight to their final place."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from synapse.api.responses import ApiResponse, HttpError
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, NotFound
from synapse.inbox.inbox import InboxItem
from synapse.language import _

from .multipart import Part, PartReader
from .reading import Id, router

MAX_FILES = 1000

_BODY = {
    'requestBody': {
        'required': True,
        'content': {
            'multipart/form-data': {
                'schema': {
                    'type': 'object',
                    'properties': {'file': {'type': 'array', 'items': {'type': 'string', 'format': 'binary'}}},
                    'required': ['file'],
                }
            }
        },
    }
}


def uploads_api(room: ControlRoom) -> APIRouter:
    api = router()

    @api.post('/uploads', openapi_extra=_BODY)
    async def upload(request: Request) -> Response:
        """Upload one or more files, in parts named `file`. All or none: an interrupted upload leaves nothing behind."""
        content_type = request.headers.get('content-type', '')
        if content_type.partition(';')[0].strip().lower() != 'multipart/form-data':
            raise HttpError(
                415, 'unsupported_media_type', _('Uploads must be multipart/form-data.'), _('Name the field "file".')
            )
        received: list[InboxItem] = []
        try:
            async for part in PartReader(content_type, request.stream(), request.headers):
                received.append(await _receive(room, part, len(received), _announced(room, request)))
        except BaseException:
            await _forget(room, received)
            raise
        if not received:
            raise Invalid(_('No file was sent.'), {'file': _('Send at least one file.')})
        return ApiResponse([item.as_json() for item in received], 201)

    @api.get('/inbox')
    async def list_inbox() -> Response:
        """List the files in the inbox."""
        return ApiResponse([item.as_json() for item in room.inbox.all()])

    @api.delete('/inbox/{id}')
    async def delete_from_inbox(id: Id) -> Response:
        """Delete a file from the inbox."""
        await room.inbox.delete(id)
        return Response(status_code=204)

    return api


async def _receive(room: ControlRoom, part: Part, count: int, announced: int | None) -> InboxItem:
    if part.field != 'file':
        raise Invalid(
            _('There is no field {field!r}.', field=part.field[:100]), {part.field[:100]: _('Name the field "file".')}
        )
    if part.filename is None:
        raise Invalid(_('This part is not a file.'), {'file': _('Send it with a file name.')})
    if count >= MAX_FILES:
        raise Invalid(_('Too many files at once.'), {'file': _('Send at most {max_files}.', max_files=MAX_FILES)})
    return await room.inbox.receive(part.filename, part.chunks, announced if count == 0 else None)


async def _forget(room: ControlRoom, items: list[InboxItem]) -> None:
    for item in items:
        try:
            await room.inbox.delete(item.id)
        except NotFound:
            continue


def _announced(room: ControlRoom, request: Request) -> int | None:
    """Roughly how many bytes will arrive, including the multipart framing, so that a full disk is noticed up front."""
    length = request.headers.get('content-length')
    return min(int(length), room.settings.max_upload_bytes) if length else None
