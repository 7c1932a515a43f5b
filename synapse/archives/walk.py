"""Looks through a folder for what to archive, before anything is read."""

import fnmatch
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from stat import S_IFIFO, S_IFMT, S_IFSOCK, S_IRUSR

from .folders import Folders, folders_of, identity_of, is_gone


@dataclass(slots=True)
class FoundFolder:
    """One folder: its path from the top, empty for the top itself, and what is in it."""

    path: str
    files: list[tuple[str, int, int]] = field(default_factory=list)
    """Name, size and modification time in nanoseconds."""
    links: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Found:
    """What is in a tree. Paths are relative to its top, with slashes."""

    folders: list[FoundFolder] = field(default_factory=list)
    """Each folder before those in it."""
    size: int = 0
    """Bytes in all files."""
    unreadable: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    special: Counter[str] = field(default_factory=Counter)
    """How many sockets, pipes and devices there are; they have no content to keep."""


def find(
    top: Path,
    exclude: Iterable[str] = (),
    *,
    destination: Path | None = None,
    made_here: Callable[[list[str]], set[str]] = lambda names: set(),
    keep_going: Callable[[], None] = lambda: None,
) -> Found:
    """Return what is in a folder; links are not followed.

    :param exclude: patterns of names, or of paths from the top, to leave out
    :param destination: where archives are delivered, which may be the folder itself, or one inside
    :param made_here: returns which names in the destination are archives, or belong to one, and are left out
    :param keep_going: called for each folder; may raise to stop
    :raises OSError: if the folder itself cannot be opened
    """
    folders = folders_of(top)
    try:
        return _Search(folders, exclude, destination, made_here, keep_going).run()
    finally:
        folders.close()


class _Search:
    def __init__(
        self,
        folders: Folders,
        exclude: Iterable[str],
        destination: Path | None,
        made_here: Callable[[list[str]], set[str]],
        keep_going: Callable[[], None],
    ) -> None:
        self._folders = folders
        self._is_excluded = matcher(exclude)
        self._made_here = made_here
        self._keep_going = keep_going
        self._destination = identity_of(destination.stat()) if destination and destination.exists() else None
        self._user = os.geteuid() if hasattr(os, 'geteuid') else -1
        self._found = Found()

    def run(self) -> Found:
        waiting = ['']
        while waiting:
            path = waiting.pop()
            self._keep_going()
            try:
                self._folders.enter(path)
                inner = self._look(path)
            except OSError as error:
                self._missing(error).append(path)
            else:
                waiting += reversed(inner)
        return self._found

    def _look(self, path: str) -> list[str]:
        """Note what is in the open folder, and return the paths of the folders in it."""
        prefix = f'{path}/' if path else ''
        with os.scandir(self._folders.prefix if self._folders.fd is None else self._folders.fd) as entries:
            found = sorted(entries, key=attrgetter('name'))
        names = [entry.name for entry in found]
        is_destination = self._is_destination()
        left_out = self._excluded(prefix, names) | (self._made_here(names) if is_destination else set())
        here = FoundFolder(path)
        inner: list[str] = []
        size, user = 0, self._user
        for entry in found:
            name = entry.name
            if name in left_out:
                continue
            try:
                if entry.is_file(follow_symlinks=False):
                    stat = entry.stat(follow_symlinks=False)
                    here.files.append((name, stat.st_size, stat.st_mtime_ns))
                    size += stat.st_size
                    # Asking the system for each file would cost as much as looking at it; the owner's bit says it too.
                    if not (stat.st_uid == user and stat.st_mode & S_IRUSR) and not self._can_read(name):
                        self._found.unreadable.append(prefix + name)
                elif entry.is_dir(follow_symlinks=False):
                    inner.append(prefix + name)
                elif entry.is_symlink():
                    here.links.append(name)
                else:
                    self._found.special[_kind_of(entry)] += 1
            except OSError as error:
                self._missing(error).append(prefix + name)
        self._found.size += size
        has_own_only = is_destination and path and not (here.files or here.links or inner)
        if not has_own_only:
            self._found.folders.append(here)
        return inner

    def _missing(self, error: OSError) -> list[str]:
        return self._found.vanished if is_gone(error) else self._found.unreadable

    def _excluded(self, prefix: str, names: list[str]) -> set[str]:
        is_excluded = self._is_excluded
        return {name for name in names if is_excluded(name, prefix + name)} if is_excluded else set()

    def _is_destination(self) -> bool:
        """Whether the open folder is where archives are delivered, whatever path leads there."""
        if self._destination is None:
            return False
        fd = self._folders.fd
        return identity_of(Path(self._folders.prefix).stat() if fd is None else os.fstat(fd)) == self._destination

    def _can_read(self, name: str) -> bool:
        return os.access(self._folders.prefix + name, os.R_OK, dir_fd=self._folders.fd)


def _kind_of(entry: 'os.DirEntry[str]') -> str:
    kinds = {S_IFSOCK: 'socket', S_IFIFO: 'pipe'}
    return kinds.get(S_IFMT(entry.stat(follow_symlinks=False).st_mode), 'device')


def matcher(patterns: Iterable[str]) -> Callable[[str, str], bool] | None:
    """Return a function of name and path that says whether a pattern matches one of them, None without patterns."""
    given = list(patterns)
    if not given:
        return None
    names = _regex(given)
    paths = _regex(pattern.rstrip('/') for pattern in given)
    return lambda name, path: bool(names.match(os.path.normcase(name)) or paths.match(os.path.normcase(path)))


def _regex(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile('|'.join(fnmatch.translate(os.path.normcase(pattern)) for pattern in patterns))
