"""Copies that share nothing with what they were made of, as fast as the file system makes them."""

import contextlib
import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from .files import DiskFull, StorageError, free_bytes, named_errors
from .folders import remove_folder

PIECE_BYTES = 16 * 1024**2
"""As much is copied between two looks at whether to go on; larger pieces are no faster."""
SPARE_BYTES = 16 * 1024**2
FICLONE = 0x40049409
"""ioctl_ficlone(2): two files share their blocks until one of them is written to (Btrfs, XFS, bcachefs)."""

Watch = Callable[[Path, int, int], bool]
"""Called with the file, the bytes copied so far and those there are, before each piece; says whether to go on."""

_UNFINISHED = re.compile(r'\.[0-9a-f]{12}\.part')
"""What a copy that a crash cut short is called."""
_NOT_HERE = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})


class CopyStopped(Exception):
    """A copy was not to go on; no part of it is left."""


def always(_: Path, done: int, size: int) -> bool:
    """Copy to the end, and tell nobody."""
    return True


def copy(
    source: Path,
    target: Path,
    *,
    watch: Watch = always,
    as_new: bool = False,
    sync: bool = False,
    links: tuple[Path, Path] | None = None,
) -> None:
    """Copy a file, or a folder with all that is in it; what is at `target` is all of it, or what was there before.

    It takes no time and no room where the file system can share blocks. Holes of a sparse file stay holes. Links in a
    folder stay links, and those that name a place of the folder itself lead to that place of the copy. Sockets and
    pipes are left out.

    :param as_new: with the mode that a new file gets here, though executable where the source is; else with its mode
    :param sync: for a file: when this returns it is on the disk, not merely in a cache
    :param links: folder and its copy, if `source` is only a part of what is being copied
    :raises DiskFull: if there is no room, now or on the way
    :raises StorageError: if the disk refuses otherwise
    :raises CopyStopped: when `watch` says so
    """
    beside = _beside(target)
    try:
        if source.is_dir():
            _copy_folder(source, beside, watch, as_new, links or (source, target))
        else:
            _copy_file(source, beside, watch, as_new, sync=sync)
        with named_errors(target):
            beside.replace(target)
    except BaseException:
        if beside.is_dir():
            remove_folder(beside)
        beside.unlink(missing_ok=True)
        raise


def break_hard_links(path: Path, *, watch: Watch = always) -> None:
    """Have this name be the only one of its file, and the file as readable as a new one.

    :raises StorageError: as `copy`
    """
    known = path.stat()
    if known.st_nlink > 1:
        copy(path, path, watch=watch, as_new=True, sync=True)
        return
    # Asked of the system, since no thread can read its umask without changing it, and a folder may have rules as well.
    trial = _beside(path)
    with named_errors(path):
        try:
            os.close(_created(trial, known.st_mode))
            path.chmod(trial.stat().st_mode & 0o777)
        finally:
            trial.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    # Not made of the name, which may have all the bytes that a name can have.
    return path.with_name(f'.{secrets.token_hex(6)}.part')


def _created(path: Path, mode: int) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, 'O_BINARY', 0)
    return os.open(path, flags, 0o777 if mode & 0o100 else 0o666)


def _copy_folder(source: Path, target: Path, watch: Watch, as_new: bool, links: tuple[Path, Path]) -> None:
    with named_errors(source):
        target.mkdir()
        with os.scandir(source) as entries:
            inside = [(entry, target / entry.name) for entry in entries]
        for entry, place in inside:
            if _UNFINISHED.fullmatch(entry.name):
                continue
            if entry.is_symlink():
                place.symlink_to(_led(Path(entry).readlink(), *links))
            elif entry.is_dir():
                _copy_folder(Path(entry), place, watch, as_new, links)
            elif entry.is_file():
                _copy_file(Path(entry), place, watch, as_new)
        _take_after(source, target, as_new)


def _led(to: Path, old: Path, new: Path) -> Path:
    return new / to.relative_to(old) if to.is_relative_to(old) else to


def _take_after(source: Path, target: Path, as_new: bool) -> None:
    if as_new:
        known = source.stat()
        os.utime(target, ns=(known.st_atime_ns, known.st_mtime_ns))
    else:
        shutil.copystat(source, target)


def _copy_file(source: Path, target: Path, watch: Watch, as_new: bool, *, sync: bool = False) -> None:
    if not source.is_file():  # to open a pipe would wait for its other end
        raise StorageError(f'No file and no folder is at {source}.')
    with named_errors(source), contextlib.ExitStack() as opened:
        reader = os.open(source, os.O_RDONLY | getattr(os, 'O_BINARY', 0))
        opened.callback(os.close, reader)
        known = os.fstat(reader)
        writer = _created(target, known.st_mode)
        opened.callback(os.close, writer)
        if not _is_cloned(reader, writer):
            _check_room(source, known, target)
            _copy_bytes(reader, writer, source, known.st_size, watch)
        if sync:
            os.fsync(writer)
        _take_after(source, target, as_new)


def _is_cloned(reader: int, writer: int) -> bool:
    if sys.platform != 'linux':
        return False
    import fcntl

    try:
        fcntl.ioctl(writer, FICLONE, reader)
    except OSError:
        return False
    return True


def _check_room(source: Path, known: os.stat_result, target: Path) -> None:
    takes = getattr(known, 'st_blocks', known.st_size // 512) * 512
    free = free_bytes(target.parent)
    if takes > max(0, free - SPARE_BYTES):
        raise DiskFull(
            f'{source.name} takes {takes:,} bytes, and {free:,} are left on the disk for its copy; nothing was copied.'
        )


def _copy_bytes(reader: int, writer: int, source: Path, size: int, watch: Watch) -> None:
    for begin, end in _filled(reader, size):
        at = begin
        while at < end:
            if not watch(source, at, size):
                raise CopyStopped(str(source))
            copied = _piece(reader, writer, at, min(end - at, PIECE_BYTES))
            if not copied:
                raise StorageError(f'{source} became shorter while it was copied.')
            at += copied
    os.ftruncate(writer, size)


def _filled(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Where a file holds data; the rest are holes. All of it where the system cannot tell."""
    at = 0
    while at < size:
        try:
            begin = os.lseek(file, at, os.SEEK_DATA)
            end = min(os.lseek(file, begin, os.SEEK_HOLE), size)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole from here on
                return
            begin, end = at, size
        except AttributeError:  # Windows
            begin, end = at, size
        yield begin, end
        at = end


def _piece(reader: int, writer: int, at: int, length: int) -> int:
    """Copy a piece inside the system, which some servers do at their end; else through this process."""
    if sys.platform == 'linux':
        try:
            copied = os.copy_file_range(reader, writer, length, at, at)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            copied = 0
        if copied:  # some file systems say 0 where there is more
            return copied
    os.lseek(reader, at, os.SEEK_SET)
    os.lseek(writer, at, os.SEEK_SET)
    return os.write(writer, os.read(reader, min(length, 1024**2)))
