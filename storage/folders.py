"""Whole folders: their size, and their removal, a little at a time."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .files import named_errors

PAUSE_EVERY = 100
PAUSE_SECONDS = 0.002
"""A pause, so that others get a turn at the disk and the interpreter between many files."""

ShouldContinue = Callable[[], bool]


def folder_size(folder: Path, *, should_continue: ShouldContinue = lambda: True) -> int:
    """The bytes of all files below `folder`; hard links count once, and unreadable files do not count.

    :param should_continue: called every few files; if it returns False, the bytes found so far are returned
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


def remove_folder(folder: Path, *, should_continue: ShouldContinue = lambda: True) -> int:
    """Remove a folder with everything in it, without following links; returns the bytes that this freed.

    Read-only files and folders are removed too.

    :param should_continue: called every few files; if it returns False, another call removes the rest
    :raises StorageError: if something could not be removed; everything else is
    """
    if folder.is_symlink():
        folder.unlink()
        return 0
    freed = 0
    failure: OSError | None = None
    for path, is_folder in _unhurried(_bottom_up(folder, is_opened=True), should_continue):
        try:
            freed += _removed(path, is_folder=is_folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            failure = failure or error
    if failure is not None:
        with named_errors(Path(failure.filename or folder)):
            raise failure
    return freed


def _unhurried(paths: Iterator[tuple[Path, bool]], should_continue: ShouldContinue) -> Iterator[tuple[Path, bool]]:
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
    """Each file, then each folder before its parent, and whether it is a folder.

    :param is_opened: restore the owner's right to empty a folder, which a step may have removed
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
