"""Whole folders with all that is in them: how much room they take, and how they go, a little at a time."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .files import named_errors

PAUSE_EVERY = 100
PAUSE_SECONDS = 0.002
"""So that whoever else wants the disk, or this interpreter, gets a turn between so many files."""

GoOn = Callable[[], bool]


def folder_size(folder: Path, *, should_continue: GoOn = lambda: True) -> int:
    """Bytes of all files below `folder`; one with several names counts once, and what cannot be read not at all.

    :param should_continue: asked every few files; where it says no, the bytes found so far
    """
    counted: set[tuple[int, int]] = set()
    total = 0
    for path, is_folder in _unhurried(_bottom_up(folder), should_continue):
        with contextlib.suppress(OSError):
            known = path.lstat()
            key = (known.st_dev, known.st_ino)
            if not is_folder and key not in counted:
                total += known.st_size
                if known.st_nlink > 1:
                    counted.add(key)
    return total


def remove_folder(folder: Path, *, should_continue: GoOn = lambda: True) -> int:
    """Remove a folder with all that is in it, and never what a link in it leads to; gives the bytes it had to itself.

    What a program made read-only goes as well.

    :param should_continue: asked every few files; where it says no, the rest stays, and another call removes it
    :raises StorageError: if something could not be removed; the rest is gone
    """
    if folder.is_symlink():
        folder.unlink()
        return 0
    freed = 0
    trouble: OSError | None = None
    for path, is_folder in _unhurried(_bottom_up(folder, is_opened=True), should_continue):
        try:
            freed += _removed(path, is_folder=is_folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            trouble = trouble or error
    if trouble is not None:
        with named_errors(Path(trouble.filename or folder)):
            raise trouble
    return freed


def _unhurried(paths: Iterator[tuple[Path, bool]], should_continue: GoOn) -> Iterator[tuple[Path, bool]]:
    for count, item in enumerate(paths, 1):
        yield item
        if count % PAUSE_EVERY == 0:
            time.sleep(PAUSE_SECONDS)
            if not should_continue():
                return


def _removed(path: Path, *, is_folder: bool) -> int:
    if is_folder:
        path.rmdir()
        return 0
    known = path.lstat()
    path.unlink()
    return known.st_size if known.st_nlink == 1 else 0


def _bottom_up(folder: Path, *, is_opened: bool = False) -> Iterator[tuple[Path, bool]]:
    """Each file, then each folder before the one it is in, and whether it is a folder.

    :param is_opened: give the owner back the right to empty a folder, which a step may have taken away
    """
    folders, waiting = [], [folder]
    while waiting:
        place = waiting.pop()
        folders.append(place)
        with contextlib.suppress(OSError):
            if is_opened:
                place.chmod(0o700)
            with os.scandir(place) as entries:
                inside = [(Path(entry), entry.is_dir(follow_symlinks=False)) for entry in entries]
            waiting.extend(path for path, is_folder in inside if is_folder)
            yield from ((path, False) for path, is_folder in inside if not is_folder)
    yield from ((place, True) for place in reversed(folders))
