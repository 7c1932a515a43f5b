"""Independent copies of files and folders, as fast as the file system can make them."""

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
from .texts import Count, _

PIECE_BYTES = 16 * 1024**2
"""How much is copied between two calls of `watch`; larger pieces are no faster."""
RESERVED_BYTES = 16 * 1024**2
FICLONE = 0x40049409
"""ioctl_ficlone(2): two files share their blocks until one of them is written to (Btrfs, XFS, bcachefs)."""

Watch = Callable[[Path, int, int], bool]
"""Called with the file, the bytes copied so far and its size before each piece; returns whether to continue."""

_UNFINISHED = re.compile(r'\.[0-9a-f]{12}\.part')
"""The name of an unfinished copy."""
_UNSUPPORTED = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})


class CopyStopped(Exception):
    """`watch` stopped a copy; no part of it is left."""


def always(_: Path, done: int, size: int) -> bool:
    """A `watch` that never stops a copy."""
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
    """Copy a file, or a folder with everything in it, to `target`, which is replaced as a whole or not at all.

    Takes no time or space if the file system can share blocks. Holes of sparse files are kept. Links in a folder stay
    links, and those to a place within the folder lead to that place in the copy. Sockets and pipes are skipped.

    :param as_new: give it the mode of a new file, executable if the source is; otherwise keep the mode of the source
    :param sync: for a file: return when it is on disk, not merely in a cache
    :param links: a folder and its copy, if `source` is part of a folder that is being copied
    :raises DiskFull: if there is no room, now or while copying
    :raises StorageError: if the disk refuses otherwise
    :raises CopyStopped: if `watch` returns False
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
    """Make this the only name of its file, and give the file the mode of a new one.

    :raises StorageError: as `copy`
    """
    known = path.stat()
    if known.st_nlink > 1:
        copy(path, path, watch=watch, as_new=True, sync=True)
        return
    # A trial file, since a thread cannot read its umask without changing it, and a folder may have rules of its own.
    trial = _beside(path)
    with named_errors(path):
        try:
            os.close(_created(trial, known.st_mode))
            path.chmod(trial.stat().st_mode & 0o777)
        finally:
            trial.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    # Not derived from the name, which may already have the maximum length.
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
    if not source.is_file():  # opening a pipe would wait for its other end
        raise StorageError(_('There is neither a file nor a folder at {source}.', source=source))
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
    if takes > max(0, free - RESERVED_BYTES):
        raise DiskFull(
            _(
                '{name} takes {takes} bytes, but only {free} are free for its copy; nothing was copied.',
                name=source.name,
                takes=Count(takes),
                free=Count(free),
            )
        )


def _copy_bytes(reader: int, writer: int, source: Path, size: int, watch: Watch) -> None:
    for begin, end in _filled(reader, size):
        at = begin
        while at < end:
            if not watch(source, at, size):
                raise CopyStopped(str(source))
            copied = _piece(reader, writer, at, min(end - at, PIECE_BYTES))
            if not copied:
                raise StorageError(_('{source} became shorter while it was copied.', source=source))
            at += copied
    os.ftruncate(writer, size)


def _filled(file: int, size: int) -> Iterator[tuple[int, int]]:
    """The ranges of a file that hold data; the rest are holes. All of it if the system cannot tell."""
    at = 0
    while at < size:
        try:
            begin = os.lseek(file, at, os.SEEK_DATA)
            end = min(os.lseek(file, begin, os.SEEK_HOLE), size)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole from here on
                return
            begin, end = at, size
        except AttributeError:  # Windows
            begin, end = at, size
        yield begin, end
        at = end


def _piece(reader: int, writer: int, at: int, length: int) -> int:
    """Copy a piece in the kernel, which lets some file servers do it themselves; else through this process."""
    if sys.platform == 'linux':
        try:
            copied = os.copy_file_range(reader, writer, length, at, at)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            copied = 0
        if copied:  # some file systems return 0 where there is more
            return copied
    os.lseek(reader, at, os.SEEK_SET)
    os.lseek(writer, at, os.SEEK_SET)
    return os.write(writer, os.read(reader, min(length, 1024**2)))
