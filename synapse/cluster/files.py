"""The files of a run on two machines: what has changed is sent in pieces, and is used once its checksum fits."""

import asyncio
import contextlib
import hashlib
import os
import posixpath
import stat
import time
from collections.abc import AsyncIterator, Callable
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

from storage.files import StorageError, make_private_folder, named_errors
from storage.folders import remove_folder
from synapse.errors import SynapseError
from synapse.language import _, _n
from synapse.language.figures import number
from synapse.protocol.home import FOLDER as HOME
from synapse.protocol.messages import RESULT
from synapse.protocol.spool import ECHO, SPOOL

from .link import Link
from .stuck import shown
from .tree import FILE, FOLDER, FOLDER_END, LINK, NOWHERE, OUTSIDE, SPECIAL, Entry, Tree, folder_end
from .version import PIECE_BYTES, Version
from .words import GIVEN

FILE_END = 'file end'
KINDS = (FILE, FILE_END, FOLDER, FOLDER_END, LINK)
"""The kinds of items of a `Link` that are for `Incoming`."""
CHECKPOINT = 'checkpoint.json'
LAST = (CHECKPOINT, RESULT)
"""Files of a run that say what is done, with paths in its folder: they follow what was made."""
AGAIN_SECONDS = (0.5, 2.0)
"""How long after a file was changed while it was sent it is sent again: as often as this, and no more."""
MOST_NAMED = 3
LONG_BYTES, TELL_SECONDS = 256 * 1024**2, 10.0
"""From which size on a file is logged while it travels, and how often."""
LEFT_OUT = (SPOOL, ECHO, HOME)
"""Folders of a run whose files are sent with the messages about them."""

Told = Callable[[Path, int], object]
Left = Callable[[Entry], object]
Unread = Callable[[StorageError], object]


class DamagedOnTheWay(SynapseError):
    """A file did not arrive as it was sent."""

    status = 502

    def __init__(self, name: str) -> None:
        text = _('{name} did not arrive from the other machine as it was sent.', name=shown(name))
        super().__init__('damaged_on_the_way', text, _('Retry the run; look at the network if it happens again.'))


class ChangedOnTheWay(SynapseError):
    """A file did not stay as it is for long enough to be sent."""

    status = 409

    def __init__(self, path: Path, machine: str, *, is_gone: bool) -> None:
        name = shown(str(path))
        if is_gone:
            text = _('{name} was removed while it was sent to {machine}.', name=name, machine=machine)
        else:
            text = _('{name} was changed while it was sent to {machine}.', name=name, machine=machine)
        super().__init__('changed_on_the_way', text, _('Retry it when what it needs is complete.'))


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
            self._say(_('{done} GB of {name} are on their way', done=gigabytes, name=shown(path.name)))


class LeftBehind:
    """Says what does not travel: each link, and all pipes and such in one sentence, once `tell` is called.

    :param say: called with a sentence
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._special: list[str] = []

    def __call__(self, entry: Entry) -> None:
        if entry.kind == SPECIAL:
            self._special.append(shown(entry.name))
        else:
            self._say(left_behind(entry))

    def tell(self) -> None:
        names, self._special = self._special, []
        if names:
            text = _n(
                '{count} pipe, socket or device cannot travel and is left out: {names}',
                '{count} pipes, sockets or devices cannot travel and are left out: {names}',
                len(names),
                names=', '.join(names[:MOST_NAMED]) + (' …' if len(names) > MOST_NAMED else ''),
            )
            self._say(text)


class Outgoing:
    """Sends what is new or changed in the folder of a run since it was sent last.

    :param told: called with the path of a file, and how many of its bytes are on their way
    :param left: called once with each thing that is not sent
    :param unread: called with why a file cannot be read, which is left out then; without it that is an error
    """

    def __init__(
        self,
        folder: Path,
        link: Link,
        told: Told = lambda path, done: None,
        left: Left = lambda entry: None,
        unread: Unread | None = None,
    ) -> None:
        self._tree = Tree(folder, follows=False, left_out=LEFT_OUT, apart=(GIVEN,))
        self._link, self._told, self._left, self._unread = link, told, left, unread
        self._known: dict[tuple[str, bool], Entry] = {}
        self._sending = asyncio.Lock()
        """Of a file one version at a time is on its way."""

    def remember(self) -> None:
        """Take what is there now as sent; reads the disk."""
        self._known = {_key(entry): entry for entry in self._tree.entries()}

    async def send(self, *parts: str) -> None:
        """Send what has changed, or only that below these parts of the folder.

        A file that is being written to is sent as it is, and again by the next call.

        :raises StorageError: if a file cannot be read
        """
        async with self._sending:
            entries = await asyncio.to_thread(lambda: list(self._tree.entries(*parts)))
            changed: set[str] = set()
            for entry in sorted(entries, key=lambda entry: entry.name in LAST):
                # Where something arrives, the mode and the time of the folder are others then.
                if self._known.get(_key(entry)) == entry and not (entry.kind == FOLDER_END and entry.name in changed):
                    continue
                try:
                    await _send(self._link, entry, entry.name, self._told, self._left)
                except StorageError as error:
                    if self._unread is None:
                        raise
                    self._unread(error)
                self._known[_key(entry)] = entry
                if entry.kind != FOLDER_END:
                    changed |= {str(around) for around in PurePosixPath(entry.name).parents}

    async def send_as(self, name: str, data: bytes) -> None:
        """Send these bytes as a private file that has been written just now."""
        async with self._sending:
            for place in range(0, len(data), PIECE_BYTES):
                await self._link.send(FILE, name, place, data[place : place + PIECE_BYTES])
            digest = hashlib.sha256(data).hexdigest()
            await self._link.send(FILE_END, name, len(data), digest, 0o600, time.time_ns())


def _key(entry: Entry) -> tuple[str, bool]:
    return entry.name, entry.kind == FOLDER_END


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

    def drop(self) -> None:
        """Remove what has arrived of files that are not complete; reads and writes the disk."""
        while self._digests:
            name, _digest = self._digests.popitem()
            with contextlib.suppress(OSError):
                _beside(inside(self._folder, name)).unlink(missing_ok=True)

    def _take(self, kind: str, values: tuple[Any, ...]) -> Path | None:
        name = str(values[0])
        path = inside(self._folder, name)
        with named_errors(path):
            if kind in (FILE, FILE_END):
                return self._take_file(kind, name, path, values)
            if kind == FOLDER_END:
                _dress(path, int(values[1]), int(values[2]))
                return None
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
        place, beside = int(values[1]), _beside(path)
        if kind == FILE:
            self._append(name, beside, place, values[2])
            return None
        if not place:
            self._append(name, beside, 0, b'')
        digest = self._digests.pop(name, None)
        if digest is None or beside.stat().st_size != place or digest.hexdigest() != values[2]:
            beside.unlink(missing_ok=True)
            raise DamagedOnTheWay(name)
        if len(values) > 4:  # a machine with an older Synapse does not say it
            os.utime(beside, ns=(int(values[4]), int(values[4])))
        # What is read-only on Windows cannot be replaced when it comes again.
        beside.chmod(int(values[3]) & 0o777 | (0o600 if os.name == 'nt' else 0))
        if path.is_dir() and not path.is_symlink():
            remove_folder(path)
        beside.replace(path)
        return path

    def _link(self, name: str, path: Path, target: str) -> None:
        """Make a link, unless a folder has its place: what is in that may be all there is of it.

        With no `..` but at the start, and in folders that are no links, it leads where its text says: inside.
        """
        way = PurePosixPath(target).parts
        names = way[len(list(takewhile(lambda part: part == '..', way))) :]
        whole = posixpath.normpath(f'{PurePosixPath(name).parent}/{target}')
        if target.startswith('/') or _is_odd(target) or '..' in names or PurePosixPath(whole).parts[:1] == ('..',):
            raise DamagedOnTheWay(name)
        if path.is_dir() and not path.is_symlink():
            return
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def _make_room(self, path: Path) -> None:
        """Make the folders around a path, and let us write there.

        What is a link or a file here, and a folder there, is none any more.
        """
        for around in [*path.relative_to(self._folder).parents][-2::-1]:
            place = self._folder / around
            with contextlib.suppress(FileNotFoundError):
                mode = place.lstat().st_mode
                if not stat.S_ISDIR(mode):
                    place.unlink()
                elif mode & 0o700 != 0o700:
                    place.chmod(mode & 0o777 | 0o700)
        make_private_folder(path.parent)

    def _append(self, name: str, path: Path, place: int, data: bytes) -> None:
        if not place:
            self._make_room(path)
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, 'O_BINARY', 0) | (0 if place else os.O_TRUNC)
        if not place:
            self._digests[name] = hashlib.sha256()
        with os.fdopen(os.open(path, flags, 0o600), 'wb') as file:
            file.seek(place)
            file.write(data)
        self._digests[name].update(data)


def _beside(path: Path) -> Path:
    """Return where a file is until it is complete: a name of the kind that copies of a run folder leave out."""
    # Not the name with something around it, which may already have the maximum length.
    return path.with_name(f'.{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]}.part')


def _dress(path: Path, mode: int, mtime_ns: int) -> None:
    """Give a folder its mode and its time."""
    if path.is_dir() and not path.is_symlink():
        os.utime(path, ns=(mtime_ns, mtime_ns))
        path.chmod(mode & 0o777)


async def send_file(
    link: Link,
    path: Path,
    name: str,
    told: Told = lambda path, done: None,
    left: Left = lambda entry: None,
    *,
    machine: str = '',
) -> None:
    """Send a file, or all that is in a folder, under this name; one that is not there is left out.

    :param told: called with the path, and how many of its bytes are on their way
    :param left: called with what in the folder cannot travel
    :param machine: to which it is sent; its name is for errors
    :raises StorageError: if it cannot be read
    :raises LinkGoesRound: if a link in it has no end
    :raises ChangedOnTheWay: if one of the files goes on being changed
    """
    if not await asyncio.to_thread(path.is_dir):
        if await asyncio.to_thread(path.is_file):
            await _send_unchanged(link, path, name, told, machine)
        elif await asyncio.to_thread(path.exists):
            left(Entry(path.name, path, SPECIAL))
        return
    await link.send(FOLDER, name)
    for entry in await asyncio.to_thread(lambda: [*Tree(path, follows=True).entries(), *folder_end('', path)]):
        inner = f'{name}/{entry.name}' if entry.name else name
        if entry.kind == FILE:
            await _send_unchanged(link, entry.path, inner, told, machine)
        else:
            await _send(link, entry, inner, told, left)


async def _send(link: Link, entry: Entry, name: str, told: Told, left: Left) -> None:
    if entry.kind in (OUTSIDE, NOWHERE, SPECIAL):
        left(entry)
    elif entry.kind == FILE:
        await _send_version(link, entry.path, name, told)
    elif entry.kind == LINK:
        await link.send(LINK, name, entry.target)
    elif entry.kind == FOLDER_END:
        await link.send(FOLDER_END, name, *entry.stamp)
    else:
        await link.send(FOLDER, name)


async def _send_unchanged(link: Link, path: Path, name: str, told: Told, machine: str) -> None:
    """Send a file as it was in one moment, if need be once more."""
    for seconds in (*AGAIN_SECONDS, None):
        version = await _send_version(link, path, name, told, is_whole=True)
        if version is not None and not version.is_changed:
            return
        if seconds is not None:
            await asyncio.sleep(seconds)
    raise ChangedOnTheWay(path, machine, is_gone=version is None)


async def _send_version(link: Link, path: Path, name: str, told: Told, *, is_whole: bool = False) -> Version | None:
    """Send a file, and return what was sent; None if it is gone.

    :param is_whole: whether to stop as soon as it is changed
    """
    version = await asyncio.to_thread(Version.opened, path)
    if version is None:
        return None
    digest, place = hashlib.sha256(), 0
    try:
        while not (is_whole and version.is_changed):
            if version.piece:
                digest.update(version.piece)
                await link.send(FILE, name, place, version.piece)
                place = version.place
                told(path, place)
            if version.is_over:
                await link.send(FILE_END, name, place, digest.hexdigest(), version.mode, version.mtime_ns)
                break
            await asyncio.to_thread(version.advance)
    finally:
        if not version.is_over:
            # Not here: after a cancellation a thread may still be reading.
            asyncio.get_running_loop().run_in_executor(None, version.close)
    return version


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
        return _('{name} is a link to something that is not there, so it is left out.', name=shown(entry.name))
    return _(
        '{name} leads to a folder outside of that of the run, which stays on its machine. Copy what is needed.',
        name=shown(entry.name),
    )


def inside(folder: Path, name: str) -> Path:
    """Return the path of this name in a folder.

    :raises DamagedOnTheWay: if it would be anywhere else
    """
    parts = PurePosixPath(name).parts
    if not parts or name.startswith('/') or '..' in parts or _is_odd(name) or '\0' in name:
        raise DamagedOnTheWay(name)
    return folder.joinpath(*parts)


def _is_odd(name: str) -> bool:
    return os.name == 'nt' and '\\' in name  # elsewhere it is a letter like any other
