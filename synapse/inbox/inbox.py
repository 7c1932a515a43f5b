"""Uploaded files that no run has taken over yet. Their names are only data: on disk each is called by its id."""

import asyncio
import contextlib
import json
import mimetypes
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath

from pydantic import ValidationError

from storage.files import (
    DiskFull,
    IncomingFile,
    StorageError,
    free_bytes,
    make_private_folder,
    remove_leftovers,
    write_atomically,
)
from synapse.bus import Bus, Message
from synapse.errors import DiskIsFull, NotFound, NotReady, TooLarge
from synapse.language import _
from synapse.language.figures import number
from synapse.records import Record, now_utc
from synapse.waiting import to_the_end

from .names import without_controls

PREFIX = 'inbox:'

_WRITE_AT_ONCE = 1 << 20
_SPARE_BYTES = 1 << 20
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class InboxChanged(Message):
    """Files were added to or removed from the inbox."""


class InboxItem(Record):
    """One file of the inbox; a run takes it as the parameter value `inbox:ID`."""

    id: str
    name: str
    size: int
    media_type: str = 'application/octet-stream'
    received_at: datetime


class Inbox:
    """The files in one folder: `ID` holds the bytes, `ID.json` their description, `ID.part` is being uploaded.

    Read it from any thread; receive and delete on the event loop.

    :param max_bytes: the largest size of one file
    """

    def __init__(self, folder: Path, max_bytes: int, bus: Bus) -> None:
        self._folder, self._max_bytes, self._bus = folder, max_bytes, bus
        self._promised = 0
        make_private_folder(folder)
        remove_leftovers(folder)
        self._items = {item.id: item for item in _found_in(folder)}

    def all(self) -> list[InboxItem]:
        """Return all files, newest first."""
        return sorted(self._items.values(), key=lambda item: item.received_at, reverse=True)

    def get(self, id: str) -> InboxItem:
        """Return the file with this id.

        :raises NotFound: if there is none
        """
        try:
            return self._items[id]
        except KeyError:
            hint = _('It was deleted, or a run has taken it.')
            raise NotFound(
                'inbox_item_not_found', _('The inbox has no file with the id {id!r}.', id=id), hint
            ) from None

    def path(self, id: str) -> Path:
        """Return the path of the bytes of this file.

        :raises NotFound: if there is no such file
        """
        return self._folder / self.get(id).id

    def resolve(self, value: str) -> Path:
        """Return the path that a parameter means: `inbox:ID`, or any other path unchanged.

        :raises NotFound: if the inbox has no such file
        """
        return self.path(value.removeprefix(PREFIX)) if value.startswith(PREFIX) else Path(value)

    async def receive(self, name: str, chunks: AsyncIterator[bytes], expected_size: int | None = None) -> InboxItem:
        """Save a file, whole or not at all, and return it.

        :param name: as the sender calls it; folders in it are dropped
        :param expected_size: about how many bytes, to refuse at once what cannot fit
        :raises TooLarge: above the limit, as expected or as received
        :raises DiskIsFull: if there is not enough space, now or while receiving
        :raises NotReady: if the disk refuses for another reason
        """
        if expected_size is not None and expected_size > self._max_bytes:
            raise self._too_large(name)
        with self._room_for(expected_size or 0):
            item = await self._stored(_clean_name(name), chunks)
        self._items[item.id] = item
        self._bus.publish(InboxChanged())
        return item

    async def delete(self, id: str) -> None:
        """Remove this file for good.

        :raises NotFound: if there is none
        """
        path = self.path(id)
        del self._items[id]
        await asyncio.to_thread(_unlink, path)
        self._bus.publish(InboxChanged())

    @contextlib.contextmanager
    def _room_for(self, size: int) -> Iterator[None]:
        """Reserve this much free space, so that two uploads at once do not count on the same bytes."""
        free = free_bytes(self._folder) - self._promised
        if free < size + _SPARE_BYTES:
            raise DiskIsFull(
                _(
                    'The disk has {free} bytes left, too few for this file; nothing was saved.',
                    free=number(max(0, free)),
                )
            )
        self._promised += size
        try:
            yield
        finally:
            self._promised -= size

    async def _stored(self, name: str, chunks: AsyncIterator[bytes]) -> InboxItem:
        id = secrets.token_hex(8)
        with _named_errors():
            incoming = IncomingFile(self._folder / id)
            try:
                async for piece in _in_large_pieces(chunks):
                    if incoming.size + len(piece) > self._max_bytes:
                        raise self._too_large(name)
                    await to_the_end(incoming.write, piece)
                media_type = mimetypes.guess_type(name)[0] or 'application/octet-stream'
                item = InboxItem(id=id, name=name, size=incoming.size, media_type=media_type, received_at=now_utc())
                await to_the_end(_commit, incoming, self._folder, item)
            except BaseException:  # also when the sender has gone and this task is cancelled
                incoming.discard()
                _unlink(self._folder / id)
                raise
        return item

    def _too_large(self, name: str) -> TooLarge:
        return TooLarge(
            'file_too_large',
            _(
                '{name} is larger than the {most} bytes that a file may have.',
                name=name,
                most=number(self._max_bytes),
            ),
            _('Give its path on this machine instead, or raise the limit with SYNAPSE_MAX_UPLOAD_BYTES.'),
        )


async def _in_large_pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the same bytes, a megabyte at a time, to write each with one call to a thread."""
    pieces: list[bytes] = []
    size = 0
    async for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size >= _WRITE_AT_ONCE:
            yield b''.join(pieces)
            pieces, size = [], 0
    if pieces:
        yield b''.join(pieces)


def _commit(incoming: IncomingFile, folder: Path, item: InboxItem) -> None:
    # The description comes first: bytes in their place are always complete and named.
    write_atomically(folder / f'{item.id}.json', json.dumps(item.as_json()).encode())
    incoming.commit()


def _unlink(path: Path) -> None:
    for gone in (path, path.with_name(f'{path.name}.json')):
        with contextlib.suppress(OSError):
            gone.unlink(missing_ok=True)


def _found_in(folder: Path) -> Iterator[InboxItem]:
    for about in sorted(folder.glob('*.json')):
        path = about.with_suffix('')
        if not path.is_file():  # a crash came between the two; the sender got no answer
            about.unlink(missing_ok=True)
            continue
        try:
            yield InboxItem.model_validate_json(about.read_bytes())
        except (OSError, ValidationError):  # the bytes are there and usable; only their name is lost
            known = path.stat()
            received_at = datetime.fromtimestamp(known.st_mtime, UTC)
            yield InboxItem(id=path.name, name=path.name, size=known.st_size, received_at=received_at)


def _clean_name(name: str) -> str:
    """Return the last part of the sender's path, printable, cut to 255 characters with its suffix kept."""
    last = name.replace('\\', '/').rstrip('/').rsplit('/', 1)[-1]
    text = without_controls(last).strip() or 'file'
    if len(text) <= _LONGEST_NAME:
        return text
    suffix = PurePath(text).suffix[:20]
    return text[: _LONGEST_NAME - len(suffix)] + suffix


@contextlib.contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except DiskFull as error:
        raise DiskIsFull(_('The disk filled up during the upload; nothing was saved.')) from error
    except StorageError as error:
        raise NotReady('inbox_not_writable', _('The file could not be saved: {error}', error=error)) from error
