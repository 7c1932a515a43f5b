"""Files that other programs bring: whether one has arrived whole, and which version of it this is."""

import contextlib
import errno
import hashlib
import os
import re
import signal
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from synapse.records import Record

from .mounts import is_on_own_disk

SECOND_NS = 1_000_000_000

_NOT_A_FILE_OF_A_PERSON = frozenset({'desktop.ini', 'thumbs.db'})
_PARTIAL = re.compile(
    r"""\.(part|partial|filepart|tmp|temp|crdownload|download|opdownload|aria2|ytdl|!ut|!qb|bc!|unfinished)$
    | \.part-frag\d+$     # yt-dlp""",
    re.IGNORECASE | re.VERBOSE,
)
_TEMPORARY_STARTS = ('.', '~$', '~syncthing~', '#')
"""Hidden files, among them those of rsync and Syncthing; locks of Office; Syncthing on Windows; what Emacs saves."""
_COMPANIONS = ('.aria2', '.part', '.crdownload', '.filepart')
"""A file beside it, called as it with one of these at the end, says that a download is under way."""
_F_SETSIG = 10
"""fcntl(2), Linux only; Python has no name for it."""


class FoundFile(Record):
    """One version of a file that a watch folder or an event has found for a run."""

    owner: str
    """Who takes each version once, such as `watch ID`."""
    path: str
    file: str
    """Which file it is on this machine, by device and inode: it stays the same when the file is renamed."""
    size: int
    mtime_ns: int
    digest: str = ''
    """SHA-256 of its content, where the time of the last change is too coarse to tell versions apart."""

    @property
    def version(self) -> tuple[str, str, int, int]:
        return self.path, self.file, self.size, self.mtime_ns

    def is_there(self) -> bool:
        """Whether the file is still in its place, unchanged; reads the disk."""
        now = version_of(Path(self.path), self.owner)
        return now is not None and now.version == self.version


def version_of(path: Path, owner: str) -> FoundFile | None:
    """Return the version of a file as it is now, None if there is no regular file; links are not followed.

    :raises OSError: if it cannot be looked at for another reason
    """
    try:
        known = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(known.st_mode):
        return None
    file = f'{known.st_dev:x}:{known.st_ino:x}'
    return FoundFile(owner=owner, path=str(path), file=file, size=known.st_size, mtime_ns=known.st_mtime_ns)


def is_temporary_name(name: str) -> bool:
    """Whether programs give such a name to a file that is not, or not yet, meant for others."""
    lower = name.lower()
    is_ours = lower.startswith(_TEMPORARY_STARTS) or lower in _NOT_A_FILE_OF_A_PERSON
    return is_ours or lower.endswith('~') or _PARTIAL.search(lower) is not None


def is_download(path: Path) -> bool:
    """Whether a program that downloads this file under its own name has left its notes beside it; reads the disk."""
    return any(path.with_name(f'{path.name}{end}').exists() for end in _COMPANIONS)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file.

    :raises OSError: if it cannot be read
    """
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def has_coarse_time(found: FoundFile) -> bool:
    """Whether another version could have the same time: some disks and archives keep no fractions of a second."""
    return found.mtime_ns % SECOND_NS == 0


def being_written(paths: Iterable[Path]) -> set[Path]:
    """Return those that a program has open for writing, where the system tells; blocks for a moment.

    Linux tells: a read lease on a file is refused while anybody has it open for writing (fcntl(2)). It takes the owner
    of the file to ask, and a local disk; for other files the open ones of all visible processes are looked through.
    Elsewhere this returns nothing.
    """
    if sys.platform != 'linux':
        return set()
    answers = {path: _is_leased_out(path) for path in paths}
    unsure = [path for path, answer in answers.items() if answer is None]
    return {path for path, answer in answers.items() if answer} | (_written_by_processes(unsure) if unsure else set())


if sys.platform == 'linux':
    import fcntl

    def _is_leased_out(path: Path) -> bool | None:
        """Whether somebody has it open for writing; None if the system does not say."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            # A program that opens it in this instant breaks the lease, which is told by a signal: one that is ignored.
            fcntl.fcntl(file, _F_SETSIG, signal.SIGURG)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError as error:
            # Network drives refuse for reasons of their own, too.
            return True if error.errno == errno.EAGAIN and is_on_own_disk(path.parent) else None
        finally:
            os.close(file)
        return False

    def _written_by_processes(paths: Iterable[Path]) -> set[Path]:
        wanted = {}
        for path in paths:
            try:
                known = path.stat()
            except OSError:
                continue
            wanted[known.st_dev, known.st_ino] = path
        return {wanted[key] for key in _open_for_writing() if key in wanted}

    def _open_for_writing() -> Iterator[tuple[int, int]]:
        """Yield device and inode of all that processes have open for writing, those of other users left out."""
        for process in Path('/proc').iterdir():
            if not process.name.isdecimal():
                continue
            with contextlib.suppress(OSError), os.scandir(process / 'fd') as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):  # it was closed meanwhile
                        if entry.stat(follow_symlinks=False).st_mode & stat.S_IWUSR:  # proc_pid_fd(5)
                            known = os.stat(entry.path)  # noqa: PTH116 - thousands of paths
                            yield known.st_dev, known.st_ino
