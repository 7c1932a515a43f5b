"""Writes what was found in a folder as a tar archive; what vanishes or changes meanwhile is noted, the rest is kept."""

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISLNK, S_ISREG
from typing import Any

from synapse.language import _

from .attributes import attribute_records
from .folders import Folders, folders_of, identity_of, is_gone
from .headers import BLOCK, FILE, FOLDER, LINK, SYMLINK, file_header, header, name_of, owner_of, padding
from .packing import Packer
from .sparse import Extent, extents_of, may_have_holes, sparse_map, sparse_name, sparse_records
from .walk import Found, FoundFolder

_CHUNK = 1024 * 1024
_SHOWN_OF = 16
"""One of so many files shows progress."""
_SMALL = 256 * 1024
"""A file up to this size is read at once, so its header has the size that it really had."""
_READ = (
    os.O_RDONLY
    | getattr(os, 'O_BINARY', 0)
    | getattr(os, 'O_CLOEXEC', 0)
    | getattr(os, 'O_NOFOLLOW', 0)
    | getattr(os, 'O_NONBLOCK', 0)
)
"""A link or a pipe may have taken the name of the file: the one is not followed, and the other not waited for."""


@dataclass(slots=True)
class Written:
    """What became of the files. Paths are relative to the folder, with slashes."""

    sums: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file, by its name in the archive."""
    vanished: list[str] = field(default_factory=list)
    """What was removed before it could be read, and is missing in the archive."""
    changed: list[str] = field(default_factory=list)
    """What was written to while it was read: what the archive has may be half old, half new."""
    unreadable: list[str] = field(default_factory=list)
    """What the disk or the system refused to give: it is missing, or filled up with zeros."""


def write_tree(
    top: Path, name: str, found: Found, packer: Packer, show: Callable[[int], None] = lambda done: None
) -> Written:
    """Write a whole archive.

    :param top: the folder in which everything was found
    :param name: of the folder in the archive
    :param show: called now and then, for a large file at each megabyte, with the bytes read so far; may raise to stop
    :raises OSError: if the folder itself cannot be opened
    :raises Exception: what the packer raises
    """
    written = add_tree(top, name, found, packer, show)
    finish(packer)
    return written


def add_tree(
    top: Path, name: str, found: Found, packer: Packer, show: Callable[[int], None] = lambda done: None
) -> Written:
    """Write one folder of an archive that may have several; like `write_tree` apart from that."""
    folders = folders_of(top)
    try:
        writer = _TreeWriter(folders, name, packer, show)
        for folder in found.folders:
            writer.add_folder(folder)
    finally:
        folders.close()
    return writer.written


def add_bytes(name: str, data: bytes, packer: Packer, mtime_ns: int) -> None:
    """Write a private file of ours that is on no disk."""
    owner = owner_of(os.getuid(), os.getgid()) if hasattr(os, 'getuid') else owner_of(0, 0)
    start = header(name_of(name), kind=FILE, mode=0o600, mtime_ns=mtime_ns, owner=owner, size=len(data))
    packer.add(start, data, padding(len(data)))


def finish(packer: Packer) -> None:
    """Write the end of an archive."""
    packer.add(bytes(2 * BLOCK))
    packer.finish()


class _TreeWriter:
    def __init__(self, folders: Folders, name: str, packer: Packer, show: Callable[[int], None]) -> None:
        self.written = Written()
        self._folders = folders
        self._name = name
        self._packer = packer
        self._show = show
        self._done = 0
        self._fd: int | None = None
        self._prefix, self._inside = '', ''
        """Of the folder whose files are written: how to reach them, and what they are called in the archive."""
        self._first_names: dict[tuple[int, int], str] = {}
        """The name in the archive of each file that has several, where it came first."""

    def add_folder(self, folder: FoundFolder) -> None:
        prefix = f'{folder.path}/' if folder.path else ''
        self._inside = f'{self._name}/{prefix}'
        try:
            self._folders.enter(folder.path)
            self._fd, self._prefix = self._folders.fd, self._folders.prefix
            self._add_folder_itself()
        except OSError as error:
            inside = [*(name for name, _, _ in folder.files), *folder.links]
            self._missing(error).extend([folder.path, *(prefix + name for name in inside)])
            return
        for number, (name, size, mtime_ns) in enumerate(folder.files):
            try:
                self._add_file(name, size, mtime_ns)
            except OSError as error:
                self._missing(error).append(prefix + name)
            if number % _SHOWN_OF == 0:
                self._show(self._done)
        for name in folder.links:
            try:
                self._add_symlink(name)
            except OSError as error:
                self._missing(error).append(prefix + name)

    def _missing(self, error: OSError) -> list[str]:
        return self.written.vanished if is_gone(error) else self.written.unreadable

    def _add_folder_itself(self) -> None:
        found = Path(self._prefix).stat() if self._fd is None else os.fstat(self._fd)
        records = [] if self._fd is None else attribute_records(self._fd)
        self._packer.add(_header(name_of(self._inside), FOLDER, found, records=records))

    def _add_symlink(self, name: str) -> None:
        here = self._prefix + name
        found = os.lstat(here, dir_fd=self._fd)
        if not S_ISLNK(found.st_mode):
            raise OSError(errno.ESTALE, _('it is no longer a link'))
        target = name_of(os.readlink(here, dir_fd=self._fd))
        self._packer.add(_header(name_of(self._inside + name), SYMLINK, found, target=target))

    def _add_file(self, name: str, size: int, mtime_ns: int) -> None:
        """Add a file of which it is known how it was when it was found."""
        file = os.open(self._prefix + name, _READ, dir_fd=self._fd)
        try:
            # Reading first saves a call of the system: unchanged since it was found, it is unchanged since it was read.
            data = os.read(file, size + 1) if size <= _SMALL else b''
            found = os.fstat(file)
            is_unchanged = found.st_mtime_ns == mtime_ns and found.st_size == len(data) and S_ISREG(found.st_mode)
            if is_unchanged and found.st_nlink == 1 and not may_have_holes(found):
                self._add_data(file, found, self._inside + name, data)
            else:
                self._add_with_care(file, found, self._inside + name)
        finally:
            os.close(file)

    def _add_data(self, file: int, found: os.stat_result, archived: str, data: bytes) -> None:
        size = len(data)
        owner = owner_of(found.st_uid, found.st_gid)
        records = attribute_records(file)
        start = file_header(name_of(archived), found.st_mode, found.st_mtime_ns, owner, size, records)
        self._packer.add(start, data, padding(size))
        self._done += size
        self.written.sums[archived] = hashlib.sha256(data).hexdigest()

    def _add_with_care(self, file: int, before: os.stat_result, archived: str) -> None:
        if not S_ISREG(before.st_mode):
            raise OSError(errno.ESTALE, _('it is no longer a file'))
        os.lseek(file, 0, os.SEEK_SET)
        if before.st_nlink == 1:
            self._add_content(file, before, archived)
        else:
            self._add_one_of_several(file, before, archived)
        after = os.fstat(file)
        if after.st_mtime_ns != before.st_mtime_ns or after.st_size != before.st_size:
            self.written.changed.append(archived.removeprefix(f'{self._name}/'))

    def _add_one_of_several(self, file: int, found: os.stat_result, archived: str) -> None:
        """Add a file that has several names: whole under its first, and as a link to that under the others."""
        first = self._first_names.get(identity_of(found))
        if first is None:
            self._add_content(file, found, archived)
            self._first_names[identity_of(found)] = archived
        else:
            self._packer.add(_header(name_of(archived), LINK, found, target=name_of(first)))
            self.written.sums[archived] = self.written.sums[first]

    def _add_content(self, file: int, found: os.stat_result, archived: str) -> None:
        extents = extents_of(file, found)
        if extents is not None:
            self._add_sparse(file, found, archived, extents)
        elif found.st_size <= _SMALL:
            # One byte more, to notice a file that grew.
            self._add_data(file, found, archived, os.read(file, found.st_size + 1))
        else:
            self._add_large(file, found, archived)

    def _add_large(self, file: int, found: os.stat_result, archived: str) -> None:
        size = found.st_size
        self._packer.add(_header(name_of(archived), FILE, found, size=size, records=attribute_records(file)))
        content = self._content(file)
        content.add(size)
        self._finish(content, size, archived)

    def _add_sparse(self, file: int, found: os.stat_result, archived: str, extents: list[Extent]) -> None:
        name, where = name_of(archived), sparse_map(extents, found.st_size)
        records = [*sparse_records(name, found.st_size), *attribute_records(file)]
        size = len(where) + sum(length for _, length in extents)
        self._packer.add(_header(sparse_name(name), FILE, found, size=size, records=records) + where)
        content, at = self._content(file), 0
        for start, length in extents:
            content.skip(start - at)
            content.add(length)
            at = start + length
        content.skip(found.st_size - at)
        self._finish(content, size, archived)

    def _content(self, file: int) -> '_Content':
        def show(size: int) -> None:
            self._done += size
            self._show(self._done)

        return _Content(file, self._packer, show)

    def _finish(self, content: '_Content', size: int, archived: str) -> None:
        self._packer.add(padding(size))
        self.written.sums[archived] = content.digest.hexdigest()
        if content.error is not None:
            raise content.error


def _header(name: bytes, kind: bytes, found: os.stat_result, **more: Any) -> bytes:
    owner = owner_of(found.st_uid, found.st_gid)
    return header(name, kind=kind, mode=found.st_mode, mtime_ns=found.st_mtime_ns, owner=owner, **more)


class _Content:
    """Reads exactly what the header promised, and hashes what the file holds, holes included.

    A file that becomes shorter is filled up with zeros, as GNU tar does, and so is one that cannot be read to its end;
    then `error` says why.
    """

    def __init__(self, file: int, packer: Packer, show: Callable[[int], None]) -> None:
        self.digest = hashlib.sha256()
        self.error: OSError | None = None
        self._file = file
        self._packer = packer
        self._show = show

    def add(self, size: int) -> None:
        while size > 0:
            data = self._read(min(size, _CHUNK))
            self.digest.update(data)
            self._packer.add(data)
            size -= len(data)
            self._show(len(data))

    def _read(self, size: int) -> bytes:
        try:
            data = b'' if self.error else os.read(self._file, size)
        except OSError as error:
            self.error, data = error, b''
        return data or bytes(size)

    def skip(self, size: int) -> None:
        """Pass over a hole."""
        os.lseek(self._file, size, os.SEEK_CUR)
        while size > 0:
            zeros = _ZEROS[:size]
            self.digest.update(zeros)
            size -= len(zeros)
            self._show(len(zeros))


_ZEROS = memoryview(bytes(_CHUNK))
