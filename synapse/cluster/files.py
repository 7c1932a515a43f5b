"""The files of a run on two machines: what has changed is sent in pieces, and is used once its checksum fits."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from storage.files import make_private_folder, named_errors
from synapse.errors import SynapseError
from synapse.language import _
from synapse.protocol.home import FOLDER as HOME
from synapse.protocol.spool import ECHO, SPOOL

from .link import Link

PIECE_BYTES = 256 * 1024
FILE, FILE_END, FOLDER = 'file', 'file end', 'folder'
PART = '.part'
LEFT_OUT = (SPOOL, ECHO, HOME)
"""Folders of a run whose files are sent with the messages about them."""

Stamp = tuple[int, int]
Told = Callable[[Path, int], object]


class DamagedOnTheWay(SynapseError):
    """A file did not arrive as it was sent."""

    status = 502

    def __init__(self, name: str) -> None:
        text = _('{name} did not arrive from the other machine as it was sent.', name=name)
        super().__init__('damaged_on_the_way', text, _('Retry the run; look at the network if it happens again.'))


class Outgoing:
    """Sends the files of a folder that are new or changed since they were sent last."""

    def __init__(self, folder: Path, link: Link, told: Told = lambda path, done: None) -> None:
        self._folder, self._link, self._told = folder, link, told
        self._known: dict[str, Stamp] = {}

    def remember(self) -> None:
        """Take what is there now as sent; reads the disk."""
        self._known = dict(self._present())

    async def send(self, *parts: str) -> None:
        """Send what has changed, or only that below these parts of the folder.

        :raises StorageError: if a file cannot be read
        """
        for name, stamp in await asyncio.to_thread(lambda: list(self._present(*parts))):
            if self._known.get(name) != stamp:
                await send_file(self._link, self._folder / name, name, self._told)
                self._known[name] = stamp

    def _present(self, *parts: str) -> Iterator[tuple[str, Stamp]]:
        for part in parts or ('',):
            start = self._folder / part
            if start.is_file():
                yield from self._stamped([start])
            for place, folders, names in os.walk(start):
                if Path(place) == self._folder:
                    folders[:] = [folder for folder in folders if folder not in LEFT_OUT]
                yield from self._stamped([Path(place) / name for name in names])

    def _stamped(self, paths: Sequence[Path]) -> Iterator[tuple[str, Stamp]]:
        for path in paths:
            with contextlib.suppress(OSError):  # a step removes files while this looks
                found = path.stat()
                if path.is_file():
                    yield path.relative_to(self._folder).as_posix(), (found.st_size, found.st_mtime_ns)


class Incoming:
    """Puts the files that arrive into a folder, each as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests: dict[str, hashlib._Hash] = {}

    async def take(self, kind: str, values: tuple[Any, ...]) -> Path | None:
        """Take an item of kind `FILE` or `FILE_END`; returns the path of a file that is complete.

        :raises DamagedOnTheWay: if a file is not as it was sent
        :raises StorageError: if the disk refuses
        """
        return await asyncio.to_thread(self._take, kind, values)

    def _take(self, kind: str, values: tuple[Any, ...]) -> Path | None:
        name, place = str(values[0]), int(values[1])
        path = inside(self._folder, name)
        beside = path.with_name(f'.{path.name}{PART}')
        with named_errors(path):
            make_private_folder(path.parent)
            if kind == FILE:
                self._append(name, beside, place, values[2])
                return None
            if not place:
                self._append(name, beside, 0, b'')
            digest = self._digests.pop(name, None)
            if digest is None or beside.stat().st_size != place or digest.hexdigest() != values[2]:
                beside.unlink(missing_ok=True)
                raise DamagedOnTheWay(name)
            beside.chmod(int(values[3]) | 0o600)
            beside.replace(path)
        return path

    def _append(self, name: str, path: Path, place: int, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, 'O_BINARY', 0) | (0 if place else os.O_TRUNC)
        with os.fdopen(os.open(path, flags, 0o600), 'wb') as file:
            file.seek(place)
            file.write(data)
        if not place:
            self._digests[name] = hashlib.sha256()
        self._digests[name].update(data)


async def send_file(link: Link, path: Path, name: str, told: Told = lambda path, done: None) -> None:
    """Send a file, or all that is in a folder, under this name; one that is gone is left out.

    :param told: called with the path, and how many of its bytes are on their way
    :raises StorageError: if it cannot be read
    """
    if await asyncio.to_thread(path.is_dir):
        inner = await asyncio.to_thread(lambda: [found for found in path.rglob('*') if found.is_file()])
        for found in inner:
            await send_file(link, found, f'{name}/{found.relative_to(path).as_posix()}', told)
        return
    digest, place = hashlib.sha256(), 0
    async for piece in pieces_of(path):
        digest.update(piece)
        await link.send(FILE, name, place, piece)
        place += len(piece)
        told(path, place)
    with contextlib.suppress(OSError):
        mode = await asyncio.to_thread(lambda: path.stat().st_mode & 0o777)
        await link.send(FILE_END, name, place, digest.hexdigest(), mode)


async def pieces_of(path: Path, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
    """Yield the bytes of a file between two places; one that is gone has none.

    :raises StorageError: if it cannot be read
    """

    def read(place: int) -> bytes:
        most = PIECE_BYTES if end is None else min(PIECE_BYTES, end - place)
        with named_errors(path):
            try:
                with path.open('rb', buffering=0) as file:
                    file.seek(place)
                    return file.read(max(0, most)) or b''
            except FileNotFoundError:
                return b''

    place = start
    while piece := await asyncio.to_thread(read, place):
        yield piece
        place += len(piece)


def inside(folder: Path, name: str) -> Path:
    """Return the path of this name in a folder.

    :raises DamagedOnTheWay: if it would be anywhere else
    """
    parts = PurePosixPath(name).parts
    if not parts or name.startswith('/') or '..' in parts or '\\' in name or '\0' in name:
        raise DamagedOnTheWay(name)
    return folder.joinpath(*parts)
