"""What of a folder travels to another machine: files, empty folders, and links, which stay links where they can.

A link to something in the folder stays one. Of one to a file elsewhere the file travels; so does a folder elsewhere, of
what a person gave to a run. What a run itself has linked may be as large as a disk: such a folder stays where it is.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.files import StorageError, named_errors
from synapse.errors import SynapseError
from synapse.language import _

FILE: Final = 'file'
FOLDER: Final = 'folder'
FOLDER_END: Final = 'folder end'
"""A folder, after all that is in it: its mode and its time are set then."""
LINK: Final = 'link'
OUTSIDE: Final = 'outside'
"""A link to a folder elsewhere that is not followed."""
NOWHERE: Final = 'nowhere'
"""A link to something elsewhere that is not there."""
SPECIAL: Final = 'special'
"""A pipe, a socket or a device, or a link to one."""


class LinkGoesRound(SynapseError):
    """A link leads to a folder that it is in itself, so what it has never ends."""

    status = 422

    def __init__(self, path: Path) -> None:
        text = _('{path} leads to a folder that it is in itself, so it cannot be sent. Remove that link.', path=path)
        super().__init__('link_goes_round', text)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that travels.

    :param name: below the folder, with `/`
    :param path: where its content is
    :param stamp: another one once it has changed; of a folder its mode and the time of its last change
    :param target: of a link, from the folder that the link is in
    """

    name: str
    path: Path
    kind: str
    stamp: tuple[int | str, ...] = ()
    target: str = ''


class Tree:
    """A folder that travels; each call reads the disk anew.

    :param follows: whether folders elsewhere travel too, and what cannot be read is an error
    :param left_out: names in the folder that do not travel
    :param apart: names in the folder that the other side does not have, so that no link may lead there
    """

    def __init__(
        self, folder: Path, *, follows: bool, left_out: tuple[str, ...] = (), apart: tuple[str, ...] = ()
    ) -> None:
        self._folder = Path(os.path.realpath(folder))
        self._follows, self._left_out = follows, left_out
        self._apart = [self._folder / name for name in (*left_out, *apart)]

    def entries(self, *parts: str) -> Iterator[Entry]:
        """Yield what there is, or only what is below these parts of the folder.

        :raises LinkGoesRound: if a link that is followed leads around itself
        :raises StorageError: if something cannot be read that has to travel
        """
        for part in parts or ('',):
            start = self._folder / part
            yield from self._walk(start, part, (self._folder,)) if start.is_dir() else _file(part, start)

    def _walk(self, place: Path, name: str, tops: tuple[Path, ...]) -> Iterator[Entry]:
        items = self._listed(place)
        if not items and name:
            yield Entry(name, place, FOLDER)
        for item in items:
            inner = f'{name}/{item.name}' if name else item.name
            if inner in self._left_out:
                continue
            if item.is_symlink():
                yield from self._link(Path(item.path), inner, tops)
            elif item.is_dir(follow_symlinks=False):
                yield from self._walk(Path(item.path), inner, tops)
            else:
                yield from _file(inner, Path(item.path))
        if name:
            yield from folder_end(name, place)

    def _listed(self, place: Path) -> list[os.DirEntry[str]]:
        try:
            with named_errors(place), os.scandir(place) as found:
                return sorted(found, key=lambda item: item.name)
        except StorageError:
            if self._follows and place.exists():
                raise
            return []  # a step removes folders while this looks

    def _link(self, path: Path, name: str, tops: tuple[Path, ...]) -> Iterator[Entry]:
        target = Path(os.path.realpath(path))
        if target.is_relative_to(tops[-1]) and not any(target.is_relative_to(apart) for apart in self._apart):
            way = Path(os.path.relpath(target, path.parent)).as_posix()
            yield Entry(name, path, LINK, (way,), way)
        elif not target.is_dir():
            found = list(_file(name, target))
            yield from found or [Entry(name, path, NOWHERE)]
        elif not self._follows:
            yield Entry(name, path, OUTSIDE)
        elif any(top.is_relative_to(target) for top in tops):
            raise LinkGoesRound(path)
        else:
            yield from self._walk(target, name, (*tops, target))


def folder_end(name: str, path: Path) -> Iterator[Entry]:
    """Yield the end of a folder; nothing if it is gone."""
    with contextlib.suppress(OSError):
        found = path.stat()
        yield Entry(name, path, FOLDER_END, (found.st_mode & 0o777, found.st_mtime_ns))


def _file(name: str, path: Path) -> Iterator[Entry]:
    try:
        found = path.stat()
    except OSError:  # a step removes files while this looks
        return
    if stat.S_ISREG(found.st_mode):
        yield Entry(name, path, FILE, (found.st_mode & 0o777, found.st_size, found.st_mtime_ns))
    else:
        yield Entry(name, path, SPECIAL)
