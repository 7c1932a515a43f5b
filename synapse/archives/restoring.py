"""Unpacks an archive below one folder: everything comes back as it was, and nothing is written anywhere else.

Python's own filters for `tarfile` refuse links that point out of the tree, and drop owners, special modes and extended
attributes, all of which a backup is for. So links are restored as they are, and what keeps us inside is that no link is
ever followed: each folder on the way to a file is opened by itself (see `folders`).
"""

import errno
import hashlib
import os
import secrets
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any, cast

from storage.foreign_words import system_sentence, system_words
from synapse.language import N_, _

from .attributes import restore_attributes
from .folders import folders_of
from .packing import DamagedArchive, NotAnArchive, Unpacker

_CHUNK = 1024 * 1024
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, 'O_BINARY', 0) | getattr(os, 'O_CLOEXEC', 0)
_OLD = os.O_RDONLY | getattr(os, 'O_NOFOLLOW', 0) | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0)
_OTHERS = 5
_NO_USE_TO_CONTINUE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_HAS_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS}
_NANOSECONDS = 1_000_000_000


class DiskRefused(Exception):
    """Nothing more can be written, for instance because the disk is full; the text says why."""


def new_part() -> str:
    """Return a name for a file that is not complete."""
    return f'.{secrets.token_hex(4)}.part'


@dataclass(slots=True)
class Restored:
    """What became of the files. Names are those in the archive."""

    files: set[str] = field(default_factory=set)
    """Files that are back, each of their names."""
    links: int = 0
    """How many symbolic links are back."""
    failed: dict[str, str] = field(default_factory=dict)
    """What is not back, and why."""
    special: int = 0
    """How many pipes and devices were left out."""
    plain: list[str] = field(default_factory=list)
    """What is back without all of its extended attributes, which this file system or user cannot have."""
    chosen: int = 0
    """How many names in the archive were wanted, whatever became of them."""
    others: list[str] = field(default_factory=list)
    """A few names of files that were not wanted."""

    @property
    def is_empty(self) -> bool:
        return not self.files and not self.links


FOLDER_IN_THE_WAY = N_('a folder has its name, and is never replaced')


class _Refused(Exception):
    """A name in the archive leads out of the folder, or what it stands for cannot be restored."""


class Restorer:
    """Unpacks what is wanted, and notes in `restored` what became of it, also if a method raises.

    :param target: an existing folder; the path itself may be a link
    :param is_wanted: whether a name in the archive was chosen
    :param sums: SHA-256 of files by name; one that differs does not appear
    :param replace: whether files that exist may be replaced
    :param part: the name of a file until it is complete
    :param is_continued: whether one with this `part` has stopped in this folder: what is there with the content that it
        has in the archive is kept and counts as restored
    """

    def __init__(
        self,
        target: Path,
        *,
        is_wanted: Callable[[str], bool],
        sums: Mapping[str, str],
        replace: bool = False,
        part: str = '',
        is_continued: bool = False,
    ) -> None:
        self.restored = Restored()
        self._is_wanted = is_wanted
        self._sums = sums
        self._replace = replace
        self._folders, self._sources = folders_of(target), folders_of(target)
        self._part = part or new_part()
        self._is_continued = is_continued
        self._copies: dict[str, list[str]] = {}
        """Links whose file was not chosen, or that the file system cannot have: the content is needed once more."""
        self._not_chosen: dict[str, tarfile.TarInfo] = {}
        """Folders that are made only if something in them was chosen."""
        self._unfinished: list[tuple[str, tarfile.TarInfo]] = []
        """Folders, which get modes and times last: writing in them changes the one, and may need more of the other."""

    @property
    def needs_copies(self) -> bool:
        """Whether `unpack_copies` has to read the archive a second time."""
        return bool(self._copies)

    def unpack(self, archive: Unpacker) -> None:
        """Unpack everything that is wanted.

        :raises DamagedArchive: if the archive cannot be read to its end
        :raises InputFailed: if the file of the archive cannot be read
        :raises DiskRefused: if nothing more can be written
        """
        for tar, info in members(archive):
            if self._is_wanted(info.name):
                self.restored.chosen += 1
                self._try(info.name, self._restore, tar, info)
            elif info.isdir():
                self._not_chosen[info.name.rstrip('/')] = info
            elif len(self.restored.others) < _OTHERS:
                self.restored.others.append(info.name)

    def unpack_copies(self, archive: Unpacker) -> None:
        """Unpack what links need that `unpack` could not make; raises what that raises."""
        for tar, info in members(archive):
            first, *others = self._copies.get(info.name, [''])
            if first:
                self._try(first, self._restore_file, tar, info, first)
            for other in others:
                self._try(other, self._link, first, other)

    def finish(self) -> None:
        """Give folders their modes, owners and times.

        :raises DiskRefused: if nothing more can be written
        """
        for path, info in reversed(self._unfinished):
            self._try(info.name, self._finish_folder, path, info)

    def close(self) -> None:
        self._folders.close()
        self._sources.close()

    def _try(self, name: str, action: Callable[..., None], *arguments: Any) -> None:
        try:
            action(*arguments)
        except _Refused as error:
            self.restored.failed[name] = str(error)
        except tarfile.TarError as error:
            raise DamagedArchive(_reason(error)) from error
        except IsADirectoryError:
            self.restored.failed[name] = FOLDER_IN_THE_WAY
        except OSError as error:
            if error.errno in _NO_USE_TO_CONTINUE:
                raise DiskRefused(system_sentence(error.errno)) from error
            self.restored.failed[name] = system_words(error)

    def _restore(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        if info.isdir():
            path = '/'.join(_parts(info.name))
            self._enter(path, 0o700)
            self._make_writable()
            self._unfinished.append((path, info))
        elif info.issym():
            self._restore_symlink(info)
        elif info.islnk():
            self._restore_link(info)
        elif info.isreg():
            self._restore_file(tar, info, info.name)
        else:
            self.restored.special += 1

    def _enter(self, path: str, mode: int = 0o777) -> None:
        """Open a folder, and make it and those above it if they are missing."""
        try:
            try:
                self._folders.enter(path)
            except FileNotFoundError:
                above, __, name = path.rpartition('/')
                self._enter(above)
                info = self._not_chosen.get(path)
                os.mkdir(self._folders.prefix + name, 0o700 if info else mode, dir_fd=self._folders.fd)
                self._folders.enter(path)
                if info is not None:
                    self._unfinished.append((path, info))
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise _Refused(_('a link or a file is where its folder belongs')) from error
            raise

    def _make_writable(self) -> None:
        """Let files be replaced in a folder that was there and is read-only; it gets its mode at the end."""
        folder = self._folders.prefix if self._folders.fd is None else self._folders.fd
        mode = stat.S_IMODE(os.stat(folder).st_mode)  # noqa: PTH116 - an open folder
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            with suppress(PermissionError):
                os.chmod(folder, mode | stat.S_IRWXU)  # noqa: PTH101

    def _enter_folder_of(self, name: str) -> str:
        """Open the folder that a file belongs into, and return the file's own name."""
        *folder, last = _parts(name) or ['']
        if not last:
            raise _Refused(_('it has no name'))
        self._enter('/'.join(folder))
        return last

    def _restore_symlink(self, info: tarfile.TarInfo) -> None:
        last = self._enter_folder_of(info.name)
        folder = self._folders
        try:
            self._place(last, lambda name: os.symlink(info.linkname, folder.prefix + name, dir_fd=folder.fd))
        except FileExistsError:
            if not self._is_continued or _target_of(folder.prefix + last, folder.fd) != info.linkname:
                raise
        self.restored.links += 1
        if _is_root():
            uid, gid = _owner_of(info.uname, info.uid), _group_of(info.gname, info.gid)
            os.chown(folder.prefix + last, uid, gid, dir_fd=folder.fd, follow_symlinks=False)
        if os.utime in os.supports_follow_symlinks:
            os.utime(folder.prefix + last, ns=_times(info), dir_fd=folder.fd, follow_symlinks=False)

    def _restore_link(self, info: tarfile.TarInfo) -> None:
        if info.linkname in self.restored.files:
            try:
                self._link(info.linkname, info.name)
            except OSError as error:
                is_kept = self._is_continued and isinstance(error, FileExistsError)  # if it has the same content
                if error.errno not in _HAS_NO_LINKS and not is_kept:
                    raise
                self._copies.setdefault(info.linkname, []).append(info.name)
        elif self._is_wanted(info.linkname):
            raise _Refused(_('the file it is a link to is missing'))
        else:
            _parts(info.linkname)
            self._copies.setdefault(info.linkname, []).append(info.name)

    def _link(self, source: str, name: str) -> None:
        *folder, source_last = _parts(source)
        last = self._enter_folder_of(name)
        self._sources.enter('/'.join(folder))
        here, there = self._folders, self._sources
        self._place(
            last,
            lambda name: os.link(
                there.prefix + source_last,
                here.prefix + name,
                src_dir_fd=there.fd,
                dst_dir_fd=here.fd,
                follow_symlinks=False,
            ),
        )
        self.restored.files.add(name)

    def _restore_file(self, tar: tarfile.TarFile, info: tarfile.TarInfo, name: str) -> None:
        last = self._enter_folder_of(name)
        here, fd = self._folders.prefix + self._part, self._folders.fd
        if self._is_continued:
            with suppress(FileNotFoundError):
                os.unlink(here, dir_fd=fd)
        file = os.open(here, _NEW, 0o600, dir_fd=fd)
        try:
            try:
                digest = _fill(file, tar, info)
                if self._sums.get(name, digest) != digest:
                    raise _Refused(_('its content is damaged'))
                self._restore_state(file if fd is not None else here, info)
            finally:
                os.close(file)
            self._settle(last, digest)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(here, dir_fd=fd)
        self.restored.files.add(name)

    def _settle(self, last: str, digest: str) -> None:
        """Give the complete file its name."""
        prefix, fd = self._folders.prefix, self._folders.fd
        if not self._replace:
            try:
                os.link(prefix + self._part, prefix + last, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
            except OSError as error:
                if self._is_continued and _digest_of(prefix + last, fd) == digest:
                    return
                if error.errno not in _HAS_NO_LINKS or _exists(prefix + last, fd):
                    raise
            else:
                return
        os.replace(prefix + self._part, prefix + last, src_dir_fd=fd, dst_dir_fd=fd)

    def _place(self, last: str, make: Callable[[str], None]) -> None:
        """Make a link, in one step even where something is to be replaced."""
        if not self._replace:
            make(last)
            return
        prefix, fd = self._folders.prefix, self._folders.fd
        make(self._part)
        try:
            os.replace(prefix + self._part, prefix + last, src_dir_fd=fd, dst_dir_fd=fd)
        finally:
            # Renaming one name of a file to another of the same file does nothing (POSIX.1-2008, rename).
            with suppress(FileNotFoundError):
                os.unlink(prefix + self._part, dir_fd=fd)

    def _finish_folder(self, path: str, info: tarfile.TarInfo) -> None:
        self._folders.enter(path)
        fd = self._folders.fd
        self._restore_state(self._folders.prefix if fd is None else fd, info)

    def _restore_state(self, file: int | str, info: tarfile.TarInfo) -> None:
        """Give an open file, or a path where the system opens none, its owner, mode, attributes and times."""
        mode = info.mode & 0o7777
        if _is_root():
            os.chown(file, _owner_of(info.uname, info.uid), _group_of(info.gname, info.gid))
        elif not hasattr(os, 'geteuid') or info.uid != os.geteuid():
            # Its owner is another now, in whose name no one may run it.
            mode &= ~(stat.S_ISUID | stat.S_ISGID)
        os.chmod(file, mode)  # noqa: PTH101 - an open file
        if restore_attributes(file, info.pax_headers):
            self.restored.plain.append(info.name)
        os.utime(file, ns=_times(info))


def members(archive: Unpacker) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield each member while its content can be read.

    :raises DamagedArchive: if it cannot be read to its end
    """
    try:
        with tarfile.open(fileobj=cast(Any, archive), mode='r|') as tar:
            while (info := tar.next()) is not None:
                yield tar, info
                # It would collect them all.
                tar.members.clear()  # type: ignore[attr-defined]
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise DamagedArchive(_reason(error)) from error
    archive.drain()


def check_start(archive: Unpacker) -> None:
    """Look at the first block of a file.

    :raises NotAnArchive: if it isn't that of a .tar.gz archive
    :raises DamagedArchive: if it cannot be read
    """
    block = archive.read(tarfile.BLOCKSIZE)
    try:
        if block.strip(b'\0'):  # else it is the end of an archive with nothing in it
            tarfile.TarInfo.frombuf(block, 'utf-8', 'surrogateescape')
    except tarfile.HeaderError as error:
        raise NotAnArchive from error
    if not block:
        raise NotAnArchive


def _reason(error: Exception) -> str:
    is_cut = any(word in str(error) for word in ('unexpected end', 'truncated'))
    return _('it is cut short') if is_cut or isinstance(error, EOFError) else _('what it lists cannot be read')


def is_inside(name: str) -> bool:
    """Whether a name in an archive stays below the folder in which it is unpacked."""
    try:
        return bool(_parts(name))
    except _Refused:
        return False


def content_of(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    """Yield the content of a member in pieces, with the zeros of its holes.

    :raises DamagedArchive: if it is cut short
    """
    return _pieces(cast(IO[bytes], tar.extractfile(info)), info.size)


def _parts(name: str) -> list[str]:
    """Return the folders and the name of a path in the archive.

    :raises _Refused: if it could lead out of the folder it is unpacked in
    """
    parts = [part for part in name.split('/') if part not in ('', '.')]
    if name.startswith('/') or '..' in parts or '\0' in name:
        raise _Refused(_('its name leads out of the folder'))
    if os.name == 'nt' and any(sign in name for sign in '\\:'):
        raise _Refused(_('its name cannot be one on Windows'))
    return parts


def _fill(file: int, tar: tarfile.TarFile, info: tarfile.TarInfo) -> str:
    """Write the content of a member, leave out its holes, and return the SHA-256 of all."""
    digest = hashlib.sha256()
    content = cast(IO[bytes], tar.extractfile(info))
    extents: list[tuple[int, int]] = cast(Any, info).sparse or [(0, info.size)]
    at = 0
    for start, length in extents:
        for data in _pieces(content, start - at):
            digest.update(data)
        os.lseek(file, start, os.SEEK_SET)
        for data in _pieces(content, length):
            digest.update(data)
            _write(file, data)
        at = start + length
    for data in _pieces(content, info.size - at):
        digest.update(data)
    os.ftruncate(file, info.size)
    return digest.hexdigest()


def _pieces(content: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        data = content.read(min(size, _CHUNK))
        if not data:
            raise DamagedArchive(_('it is cut short'))
        size -= len(data)
        yield data


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _times(info: tarfile.TarInfo) -> tuple[int, int]:
    """Return access and modification time in nanoseconds; `tarfile` itself rounds them to a float."""
    seconds, __, rest = info.pax_headers.get('mtime', str(int(info.mtime))).partition('.')
    fraction = int(rest[:9].ljust(9, '0'))
    time = int(seconds) * _NANOSECONDS + (-fraction if seconds.startswith('-') else fraction)
    return time, time


def _digest_of(path: str, fd: int | None) -> str:
    """Return the SHA-256 of a file that is there, empty if there is none."""
    try:
        with open(os.open(path, _OLD, dir_fd=fd), 'rb') as file:  # noqa: PTH123 - an open file
            is_file = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            return hashlib.file_digest(file, 'sha256').hexdigest() if is_file else ''
    except OSError:
        return ''


def _target_of(path: str, fd: int | None) -> str:
    try:
        return os.readlink(path, dir_fd=fd)
    except OSError:
        return ''


def _exists(path: str, fd: int | None) -> bool:
    try:
        os.lstat(path, dir_fd=fd)
    except FileNotFoundError:
        return False
    return True


def _is_root() -> bool:
    return hasattr(os, 'geteuid') and os.geteuid() == 0


@cache
def _owner_of(name: str, number: int) -> int:
    """Return who has this name here, as `tar` does; the number counts where no one has it."""
    import pwd

    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return number


@cache
def _group_of(name: str, number: int) -> int:
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return number
