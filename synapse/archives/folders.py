"""Opens the folders of a tree, one inside another, without ever following a link below its top."""

import errno
import os
import stat
from pathlib import Path
from typing import Protocol

from synapse.language import _

HAS_DESCRIPTORS = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
"""Whether the system opens files relative to an open folder; Windows does not."""
_OPEN_FOLDERS = 64
_FOLDER = os.O_RDONLY | getattr(os, 'O_DIRECTORY', 0) | getattr(os, 'O_CLOEXEC', 0)
_NO_LINK = getattr(os, 'O_NOFOLLOW', 0)


class Folders(Protocol):
    """The folder that is open now. To reach a file in it, pass `prefix + name` and `dir_fd=fd`."""

    @property
    def fd(self) -> int | None: ...

    @property
    def prefix(self) -> str: ...

    def enter(self, path: str) -> None:
        """Open a folder by its path from the top, with slashes; empty for the top itself.

        :raises OSError: if a part of it is missing, or isn't a folder: a link to one does not count
        """

    def close(self) -> None: ...


def folders_of(top: Path) -> Folders:
    """Open the top of a tree; this path itself may be a link.

    :raises OSError: if it cannot be opened
    """
    return _ByDescriptor(top) if HAS_DESCRIPTORS else ByPath(top)


class _ByDescriptor:
    """Opens each folder relative to the one above it, so no path is too long, and a swapped folder leads nowhere."""

    prefix = ''

    def __init__(self, top: Path) -> None:
        self._names: list[str] = []
        self._levels: list[_Level] = [_Level(os.open(top, _FOLDER))]

    @property
    def fd(self) -> int:
        return self._levels[-1].fd

    def enter(self, path: str) -> None:
        names = path.split('/') if path else []
        common = _common_length(names, self._names)
        while len(self._names) > common:
            self._leave()
        for name in names[common:]:
            self._levels.append(_Level(os.open(name, _FOLDER | _NO_LINK, dir_fd=self.fd)))
            self._names.append(name)
            if len(self._levels) > _OPEN_FOLDERS:
                self._levels[-_OPEN_FOLDERS - 1].release()

    def _leave(self) -> None:
        child = self._levels[-1]
        self._levels[-2].reopen_from(child)
        child.close()
        del self._levels[-1], self._names[-1]

    def close(self) -> None:
        for level in self._levels:
            level.close()


class _Level:
    """An open folder, closed meanwhile when many are open below it: a tree may be deeper than a process may open."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._identity: tuple[int, int] | None = None

    def release(self) -> None:
        if self.fd >= 0:
            self._identity = identity_of(os.fstat(self.fd))
            self.close()

    def reopen_from(self, child: '_Level') -> None:
        if self.fd >= 0:
            return
        self.fd = os.open('..', _FOLDER, dir_fd=child.fd)
        if identity_of(os.fstat(self.fd)) != self._identity:
            raise OSError(errno.ESTALE, _('the folder was moved meanwhile'))

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


class ByPath:
    """Opens nothing: hands out full paths, and checks each folder of a path when it is entered."""

    fd = None

    def __init__(self, top: Path) -> None:
        self._top = str(top)
        self._names: list[str] = []
        top.stat()

    @property
    def prefix(self) -> str:
        return os.path.join(self._top, *self._names, '')  # noqa: PTH118 - with a separator at its end

    def enter(self, path: str) -> None:
        names = path.split('/') if path else []
        del self._names[_common_length(names, self._names) :]
        for name in names[len(self._names) :]:
            found = os.lstat(self.prefix + name)
            if not stat.S_ISDIR(found.st_mode) or _is_junction(found):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self.prefix + name)
            self._names.append(name)

    def close(self) -> None:
        """Nothing is open."""


def identity_of(found: os.stat_result) -> tuple[int, int]:
    """Return what tells a file from all others of the machine, whatever the path it was reached by."""
    return found.st_dev, found.st_ino


def is_gone(error: OSError) -> bool:
    """Whether an error says that a file was removed, or something else took its name, since it was listed."""
    return error.errno in _GONE


_GONE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ESTALE, errno.ENXIO}


def _common_length(first: list[str], second: list[str]) -> int:
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return length


def _is_junction(found: os.stat_result) -> bool:
    return bool(getattr(found, 'st_reparse_tag', 0))
