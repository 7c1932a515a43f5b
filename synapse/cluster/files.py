"""The files of a run on two machines: what has changed is sent in pieces, and is used once its checksum fits."""

import asyncio
import contextlib
import hashlib
import os
import posixpath
import time
from collections.abc import AsyncIterator, Callable
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

from storage.files import make_private_folder, named_errors
from synapse.errors import SynapseError
from synapse.language import _
from synapse.language.figures import number
from synapse.protocol.home import FOLDER as HOME
from synapse.protocol.spool import ECHO, SPOOL

from .link import Link
from .tree import FILE, FOLDER, LINK, NOWHERE, OUTSIDE, Entry, Tree
from .words import GIVEN

PIECE_BYTES = 256 * 1024
FILE_END = 'file end'
KINDS = (FILE, FILE_END, FOLDER, LINK)
"""The kinds of items of a `Link` that are for `Incoming`."""
PART = '.part'
LONG_BYTES, TELL_SECONDS = 256 * 1024**2, 10.0
"""From which size on a file is logged while it travels, and how often."""
LEFT_OUT = (SPOOL, ECHO, HOME)
"""Folders of a run whose files are sent with the messages about them."""

Told = Callable[[Path, int], object]
Left = Callable[[Entry], object]


class DamagedOnTheWay(SynapseError):
    """A file did not arrive as it was sent."""

    status = 502

    def __init__(self, name: str) -> None:
        text = _('{name} did not arrive from the other machine as it was sent.', name=name)
        super().__init__('damaged_on_the_way', text, _('Retry the run; look at the network if it happens again.'))


class Progress:
    """Says how far a large file is on its way, now and then.

    :param say: called with a sentence
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._told_at = 0.0

    def __call__(self, path: Path, done: int) -> None:
        now = time.monotonic()
        if done >= LONG_BYTES and now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            gigabytes = number(done / 1e9, digits=1)
            self._say(_('{done} GB of {name} are on their way', done=gigabytes, name=path.name))


class Outgoing:
    """Sends what is new or changed in the folder of a run since it was sent last.

    :param told: called with the path of a file, and how many of its bytes are on their way
    :param left: called once with each link that is not sent
    """

    def __init__(
        self,
        folder: Path,
        link: Link,
        told: Told = lambda path, done: None,
        left: Left = lambda entry: None,
    ) -> None:
        self._tree = Tree(folder, follows=False, left_out=LEFT_OUT, apart=(GIVEN,))
        self._link, self._told, self._left = link, told, left
        self._known: dict[str, Entry] = {}

    def remember(self) -> None:
        """Take what is there now as sent; reads the disk."""
        self._known = {entry.name: entry for entry in self._tree.entries()}

    async def send(self, *parts: str) -> None:
        """Send what has changed, or only that below these parts of the folder.

        :raises StorageError: if a file cannot be read
        """
        for entry in await asyncio.to_thread(lambda: list(self._tree.entries(*parts))):
            if self._known.get(entry.name) == entry:
                continue
            await _send(self._link, entry, entry.name, self._told, self._left)
            self._known[entry.name] = entry


class Incoming:
    """Puts the files that arrive into a folder, each as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests: dict[str, hashlib._Hash] = {}

    async def take(self, kind: str, values: tuple[Any, ...]) -> Path | None:
        """Take an item of one of `KINDS`; returns the path of a file that is complete.

        :raises DamagedOnTheWay: if a file is not as it was sent, or a link leads out of the folder
        :raises StorageError: if the disk refuses
        """
        return await asyncio.to_thread(self._take, kind, values)

    def _take(self, kind: str, values: tuple[Any, ...]) -> Path | None:
        name = str(values[0])
        path = inside(self._folder, name)
        with named_errors(path):
            if kind in (FILE, FILE_END):
                return self._take_file(kind, name, path, values)
            self._make_room(path)
            if kind == LINK:
                self._link(name, path, str(values[1]))
            elif path.is_dir() and not path.is_symlink():
                return None
            else:
                path.unlink(missing_ok=True)
                make_private_folder(path)
        return None

    def _take_file(self, kind: str, name: str, path: Path, values: tuple[Any, ...]) -> Path | None:
        place, beside = int(values[1]), path.with_name(f'.{path.name}{PART}')
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

    def _link(self, name: str, path: Path, target: str) -> None:
        """Make a link, unless a folder has its place: what is in that may be all there is of it.

        With no `..` but at the start, and in folders that are no links, it leads where its text says: inside.
        """
        way = PurePosixPath(target).parts
        names = way[len(list(takewhile(lambda part: part == '..', way))) :]
        whole = posixpath.normpath(f'{PurePosixPath(name).parent}/{target}')
        if target.startswith('/') or '\\' in target or '..' in names or PurePosixPath(whole).parts[:1] == ('..',):
            raise DamagedOnTheWay(name)
        if path.is_dir() and not path.is_symlink():
            return
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def _make_room(self, path: Path) -> None:
        """Make the folders around a path. What is a link here, and a folder there, is no link any more."""
        for around in [*path.relative_to(self._folder).parents][-2::-1]:
            if (self._folder / around).is_symlink():
                (self._folder / around).unlink()
        make_private_folder(path.parent)

    def _append(self, name: str, path: Path, place: int, data: bytes) -> None:
        if not place:
            self._make_room(path)
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, 'O_BINARY', 0) | (0 if place else os.O_TRUNC)
        with os.fdopen(os.open(path, flags, 0o600), 'wb') as file:
            file.seek(place)
            file.write(data)
        if not place:
            self._digests[name] = hashlib.sha256()
        self._digests[name].update(data)


async def send_file(
    link: Link, path: Path, name: str, told: Told = lambda path, done: None, left: Left = lambda entry: None
) -> None:
    """Send a file, or all that is in a folder, under this name; one that is gone is left out.

    :param told: called with the path, and how many of its bytes are on their way
    :param left: called with each link in the folder that leads nowhere
    :raises StorageError: if it cannot be read
    :raises LinkGoesRound: if a link in it has no end
    """
    if not await asyncio.to_thread(path.is_dir):
        await _send(link, Entry(name, path, FILE), name, told, left)
        return
    await link.send(FOLDER, name)
    for entry in await asyncio.to_thread(lambda: list(Tree(path, follows=True).entries())):
        await _send(link, entry, f'{name}/{entry.name}', told, left)


async def _send(link: Link, entry: Entry, name: str, told: Told, left: Left) -> None:
    if entry.kind in (OUTSIDE, NOWHERE):
        left(entry)
    elif entry.kind == FILE:
        await _send_content(link, entry.path, name, told)
    elif entry.kind == LINK:
        await link.send(LINK, name, entry.target)
    else:
        await link.send(FOLDER, name)


async def _send_content(link: Link, path: Path, name: str, told: Told) -> None:
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


def left_behind(entry: Entry) -> str:
    """Say that a link does not travel."""
    if entry.kind == NOWHERE:
        return _('{name} is a link to something that is not there, so it is left out.', name=entry.name)
    return _(
        '{name} leads to a folder outside of that of the run, which stays on its machine. Copy what is needed.',
        name=entry.name,
    )


def inside(folder: Path, name: str) -> Path:
    """Return the path of this name in a folder.

    :raises DamagedOnTheWay: if it would be anywhere else
    """
    parts = PurePosixPath(name).parts
    if not parts or name.startswith('/') or '..' in parts or '\\' in name or '\0' in name:
        raise DamagedOnTheWay(name)
    return folder.joinpath(*parts)
