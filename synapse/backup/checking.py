"""Reads backups: what one says of itself, and all of it, to its end, before anything of it is used."""

import hashlib
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from pydantic import ValidationError

from storage.foreign_words import system_words
from synapse import __version__
from synapse.archives.packing import DamagedArchive, InputFailed, Unpacker
from synapse.archives.restoring import content_of, is_inside, members
from synapse.errors import Invalid
from synapse.language import _

from .about import FORMAT, About
from .contents import ABOUT, DATA, SECRETS, SUMS, TOP, Choice
from .progress import Progress

MOST_ABOUT = 1_000_000
MOST_SECRETS = 100_000_000


@dataclass(frozen=True, slots=True)
class Checked:
    """A backup that was read to its end."""

    about: About
    size: int
    """Of the file."""
    sha256: str
    """Of the file."""
    unpacked: int
    """Bytes in its files."""


class NotABackup(Invalid):
    """A file that is no backup, or one that this build cannot use; the text says why."""

    def __init__(self, message: str, hint: str = '') -> None:
        super().__init__(message, {'file': message}, hint or _('Choose another backup.'), code='not_a_backup')


def read_about(path: Path, *, name: str = '') -> About:
    """Return what a backup says of itself, from its first bytes.

    :param name: what people call the file; that of the file unless given
    :raises NotABackup: if it isn't one, or is from a newer build
    """
    name = name or path.name
    try:
        with path.open('rb') as file:
            for tar, info in members(Unpacker(file)):
                return _about_in(name, tar, info)
    except (OSError, InputFailed) as error:
        raise NotABackup(_('{name} cannot be read: {reason}.', name=name, reason=_why(error))) from error
    except DamagedArchive as error:
        raise NotABackup(_('{name} is no backup of Synapse: {reason}.', name=name, reason=error)) from error
    raise NotABackup(_('{name} is no backup of Synapse: it is empty.', name=name))


def check(path: Path, progress: Progress, *, name: str = '') -> Checked:
    """Read a whole backup, and compare every file in it with its checksum.

    Takes no more memory for a large one: its list of checksums is made again on the way, and has to be the same.

    :raises NotABackup: if anything in it is not as it was written, or could be written elsewhere
    """
    name = name or path.name
    about = read_about(path, name=name)
    progress.enter('Checking', path.stat().st_size)
    try:
        with path.open('rb') as file, tempfile.TemporaryFile() as sums:
            archive = Unpacker(file, progress.at)
            unpacked = _compare(name, archive, sums)
            return Checked(about, path.stat().st_size, archive.digest.hexdigest(), unpacked)
    except (OSError, InputFailed) as error:
        raise NotABackup(_('{name} cannot be read: {reason}.', name=name, reason=_why(error))) from error
    except DamagedArchive as error:
        raise NotABackup(_('{name} is damaged: {reason}.', name=name, reason=error)) from error


def read_member(path: Path, name: str, limit: int) -> bytes:
    """Return one small file of a backup.

    :raises NotABackup: if it isn't in there, is larger than `limit` bytes, or cannot be read
    """
    try:
        with path.open('rb') as file:
            for tar, info in members(Unpacker(file)):
                if info.name == name and info.isreg() and info.size <= limit:
                    return b''.join(content_of(tar, info))
    except (OSError, InputFailed, DamagedArchive) as error:
        raise NotABackup(_('{name} is damaged: {reason}.', name=path.name, reason=error)) from error
    raise NotABackup(_('{name} has no {part}.', name=path.name, part=name))


def sum_line(name: str, digest: str) -> bytes:
    """A line as `sha256sum` writes and reads it, for a name in the archive."""
    shown = name.removeprefix(f'{TOP}/').encode('utf-8', 'surrogateescape')
    if b'\\' in shown or b'\n' in shown or b'\r' in shown:
        escaped = shown.replace(b'\\', b'\\\\').replace(b'\n', b'\\n').replace(b'\r', b'\\r')
        return b'\\' + digest.encode() + b'  ' + escaped + b'\n'
    return digest.encode() + b'  ' + shown + b'\n'


def _about_in(name: str, tar: tarfile.TarFile, info: tarfile.TarInfo) -> About:
    if info.name != ABOUT or not info.isreg() or info.size > MOST_ABOUT:
        raise NotABackup(_('{name} is no backup of Synapse, but another archive.', name=name))
    text = b''.join(content_of(tar, info))
    try:
        about = About.model_validate_json(text)
    except ValidationError as error:
        raise NotABackup(_('{name} is a backup whose description cannot be read.', name=name)) from error
    if about.format > FORMAT or _numbers(about.version) > _numbers(__version__):
        newer = _(
            '{name} was made by Synapse {version}, which is newer than this one ({ours}).',
            name=name,
            version=about.version,
            ours=__version__,
        )
        raise NotABackup(newer, _('Update Synapse, then restore it.'))
    return about


def _why(error: Exception) -> object:
    return system_words(error) if isinstance(error, OSError) else error


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split('.') if part.isdecimal())


def _compare(name: str, archive: Unpacker, sums: BinaryIO) -> int:
    """Return the bytes of all files in an archive that holds what its own checksums say."""
    unpacked, group, first_names = 0, '', dict[str, str]()
    for tar, info in members(archive):
        _check_place(name, info)
        if info.name == SUMS:
            _check_sums(name, cast(BinaryIO, tar.extractfile(info)), sums)
            archive.drain()
            return unpacked
        if not (info.isreg() or info.islnk()):
            continue
        if (here := _tree_of(info.name)) != group:
            group, first_names = here, {}
        digest = first_names.get(info.linkname, '') if info.islnk() else _digest(tar, info)
        first_names[info.name] = digest
        unpacked += 0 if info.islnk() else info.size
        sums.write(sum_line(info.name, digest))
    raise NotABackup(_('{name} is not complete: its list of checksums is missing.', name=name))


def _check_place(name: str, info: tarfile.TarInfo) -> None:
    """:raises NotABackup: if a member belongs nowhere in a data folder"""
    parts = info.name.rstrip('/').split('/')
    is_ours = info.name in (ABOUT, SECRETS, SUMS) or parts[:2] == DATA.split('/') or parts == [TOP]
    is_file = info.isreg() or info.isdir() or info.islnk()
    # Links of a person, or in what a run has left; in the place of what is ours they would be followed.
    is_link = info.issym() and len(parts) > (4 if parts[2:3] in ([Choice.RUNS], [Choice.INBOX]) else 3)
    is_linked_inside = not info.islnk() or (is_inside(info.linkname) and info.linkname.startswith(f'{DATA}/'))
    if not (is_ours and is_inside(info.name) and (is_file or is_link) and is_linked_inside):
        raise NotABackup(
            _('{name} has a file that leads out of the data folder: {path}.', name=name, path=repr(info.name[:100]))
        )


def _tree_of(name: str) -> str:
    """Return which of the folders, each written by itself, has this file: hard links lead nowhere else."""
    parts = name.split('/')
    return '/'.join(parts[: 4 if parts[2:3] == [Choice.RUNS] else 3])


def _check_sums(name: str, listed: BinaryIO, found: BinaryIO) -> None:
    found.seek(0)
    for line in found:
        if listed.readline() != line:
            shown = line.decode('utf-8', 'replace').partition('  ')[2].strip()
            raise NotABackup(_('{name} is damaged: {path} is not as it was saved.', name=name, path=shown))
    if listed.read(1):
        raise NotABackup(_('{name} is damaged: files are missing in it.', name=name))


def _digest(tar: tarfile.TarFile, info: tarfile.TarInfo) -> str:
    digest = hashlib.sha256()
    for piece in content_of(tar, info):
        digest.update(piece)
    return digest.hexdigest()
