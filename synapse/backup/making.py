"""Makes a backup while the program runs: a moment of everything that is ours, then the files that runs have left."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from storage.documents import Documents
from storage.files import DiskFull, IncomingFile, free_bytes, make_private_folder, write_atomically
from storage.folders import remove_folder
from storage.online_copy import copy_moment, open_moment
from synapse.archives.packing import Packer
from synapse.archives.walk import Found, FoundFolder, find
from synapse.archives.writing import Written, add_bytes, add_tree, finish
from synapse.language import _, _n, own

from .about import About
from .checking import check, sum_line
from .contents import (
    ABOUT,
    DATA,
    DATABASES,
    DOCUMENTS,
    PIPELINES,
    SECRET,
    SECRETS,
    SECRETS_WORDS,
    SMALL,
    SUMS,
    WORDS,
    Choice,
    Sizes,
    others_in,
    sidecar_of,
)
from .progress import Progress
from .sealing import Lock, seal

_LEFT_OUT = ('__pycache__', '*.pyc', '.*.part')
_LOOK_BYTES = 64 * 1024**2
"""How much is written between two looks at the free space."""
SUBSCRIPTIONS = 'subscriptions'
"""The document of the settings that has addresses, which may be secret; and its name among the secrets."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to back up.

    :param documents: all that are open
    :param passphrase: encrypts the secrets; None leaves them out
    :param least_free: bytes of the disk that are left free
    """

    data: Path
    documents: Sequence[Documents]
    choices: Sequence[Choice]
    passphrase: str | None
    sizes: Sizes
    made_at: datetime
    least_free: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was read back. What changed or vanished while it was read is of runs that were at work."""

    about: About
    size: int
    sha256: str
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Moment:
    """Everything that is ours, as it was at one moment, as files in a folder; and what is secret."""

    folder: Path
    secrets: dict[str, bytes] = field(default_factory=dict)


def make(order: Order, target: Path, progress: Progress) -> Made:
    """Write a backup to `target`, which appears when it was read back and is whole. Call it in a thread.

    :raises DiskFull: if there is no room; like any error, it leaves nothing behind
    :raises Cancelled: if `progress` was
    :raises NotWhole: if a database does not pass SQLite's check
    :raises NotABackup: if what was written cannot be read back
    """
    staging = target.with_name(f'{target.name}.making.part')
    part = target.with_name(f'{target.name}.part')
    try:
        make_private_folder(staging)
        moment = _take(order, staging, progress)
        output = IncomingFile(target)
        try:
            about, written = _write(order, moment, _Guarded(output, target.parent, order.least_free), progress)
            checked = check(part, progress)
            made = Made(about, checked.size, checked.sha256, tuple(_notes(written)))
            note_made(target, made)
            output.commit()
        finally:
            output.discard()
        return made
    except BaseException:
        if not target.exists():
            sidecar_of(target).unlink(missing_ok=True)
        raise
    finally:
        remove_folder(staging)


def note_made(target: Path, made: Made) -> None:
    """Note the checksum of a backup that was read to its end."""
    note = {'size': made.size, 'sha256': made.sha256, 'notes': made.notes}
    write_atomically(sidecar_of(target), json.dumps(note, indent=1).encode())


# The moment


def _take(order: Order, staging: Path, progress: Progress) -> _Moment:
    moment = _Moment(staging / 'data')
    make_private_folder(moment.folder)
    paths = [path for name in DATABASES if (path := order.data / name).exists()]
    progress.enter('Copying the history', sum(path.stat().st_size for path in paths))
    with ExitStack() as opened:
        begins = [opened.enter_context(open_moment(path)) for path in paths]
        with ExitStack() as held:  # nobody saves anything meanwhile, which is for milliseconds
            documents = [file for file in order.documents if file.name in DOCUMENTS]
            texts = {file.name: held.enter_context(file.held()) for file in documents}
            small = {name: path.read_bytes() for name in (*SMALL, *SECRET) if (path := order.data / name).exists()}
            readers = [begin() for begin in begins]
        for path, reader in zip(paths, readers, strict=True):
            copy_moment(reader, moment.folder / path.name, progress.add)
    moment.secrets = {name: content for name, content in small.items() if name in SECRET}
    ours = {name: text() for name, text in texts.items()} | {name: small[name] for name in SMALL if name in small}
    if 'settings.json' in ours:
        ours['settings.json'], addresses = _without_addresses(ours['settings.json'])
        moment.secrets |= addresses
    for name, content in ours.items():
        write_atomically(moment.folder / name, content, sync=False)
    return moment


def _without_addresses(settings: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Part the subscribed calendars from the settings."""
    content = json.loads(settings)
    found = content.get('documents', {}).pop(SUBSCRIPTIONS, None)
    if found is None:
        return settings, {}
    return json.dumps(content, indent=2, ensure_ascii=False).encode(), {SUBSCRIPTIONS: json.dumps(found).encode()}


# The file


class _Guarded:
    """Writes as long as the disk has more room than what has to stay free."""

    def __init__(self, output: IncomingFile, folder: Path, least_free: int) -> None:
        self._output, self._folder, self._least_free = output, folder, least_free
        self._left = 0

    def write(self, data: bytes, /) -> int:
        if self._left <= 0:
            self._left = _LOOK_BYTES
            if free_bytes(self._folder) < self._least_free + _LOOK_BYTES:
                text = _('The disk is nearly full: there is no room for the backup, and nothing of it was kept.')
                raise DiskFull(text)
        self._left -= len(data)
        self._output.write(data)
        return len(data)


def _write(order: Order, moment: _Moment, output: _Guarded, progress: Progress) -> tuple[About, Written]:
    progress.enter('Packing', order.sizes.of(order.choices))
    lock: Lock | None = None
    sealed = b''
    if order.passphrase is not None:
        lock, sealed = seal(moment.secrets, order.passphrase)
    about = _about(order, lock)
    archive = _Archive(Packer(output), progress, order.made_at)
    sums = moment.folder.with_name('SHA256SUMS')
    with sums.open('wb') as archive.sums:
        archive.add(ABOUT, about.model_dump_json(indent=1).encode())
        if lock is not None:  # in front, so that a wrong passphrase is told before everything is read
            archive.add(SECRETS, sealed)
        archive.add_tree(moment.folder, DATA)
        for path, name in _trees(order.data, order.choices):
            archive.add_tree(path, f'{DATA}/{name}')
    archive.add(SUMS, sums.read_bytes(), is_listed=False)
    finish(archive.packer)
    return about, archive.written


def _about(order: Order, lock: Lock | None) -> About:
    left_out = [WORDS[choice] for choice in Choice if choice not in order.choices and order.sizes.of_one(choice)]
    return About(
        made_at=order.made_at,
        includes=tuple(order.choices),
        secrets='encrypted' if lock is not None else 'left out',
        lock=lock,
        left_out=(*left_out, *(() if lock is not None else SECRETS_WORDS)),
        size=order.sizes.of(order.choices),
    )


def _trees(data: Path, choices: Sequence[Choice]) -> Iterator[tuple[Path, str]]:
    """Yield each folder that is written by itself, so that no list has to hold the files of all runs."""
    names = [PIPELINES]
    if Choice.INBOX in choices:
        names.append(Choice.INBOX)
    if Choice.OTHERS in choices:
        names += [name for name in others_in(data) if not (data / name).is_symlink()]
    yield from ((data / name, name) for name in names if (data / name).exists())
    if Choice.RUNS in choices and (data / Choice.RUNS).is_dir():
        for path in (data / Choice.RUNS).iterdir():
            if path.is_dir():
                yield path, f'{Choice.RUNS}/{path.name}'


class _Archive:
    """An archive with its list of checksums."""

    def __init__(self, packer: Packer, progress: Progress, at: datetime) -> None:
        self.packer = packer
        self.written = Written()
        """What was missing or changed; without the checksums, which may be many."""
        self.sums: BinaryIO
        self._progress = progress
        self._done = 0
        self._mtime_ns = int(at.timestamp() * 1_000_000_000)

    def add(self, name: str, data: bytes, *, is_listed: bool = True) -> None:
        add_bytes(name, data, self.packer, self._mtime_ns)
        if is_listed:
            self.sums.write(sum_line(name, hashlib.sha256(data).hexdigest()))

    def add_tree(self, top: Path, name: str) -> None:
        """Add a folder, or a single file; one that has vanished is noted."""
        here = self._done
        try:
            if top.is_dir():
                found = find(top, _LEFT_OUT, keep_going=lambda: self._progress.add(0))
            else:
                found, top, name = _only(top), top.parent, name.rpartition('/')[0]
            written = add_tree(top, name, found, self.packer, lambda done: self._progress.at(here + done))
        except OSError:
            self.written.unreadable.append(name)
            return
        self._done += found.size
        for path, digest in written.sums.items():
            self.sums.write(sum_line(path, digest))
        place = name.removeprefix(f'{DATA}')
        for of_all, here_only in (
            (self.written.vanished, [*found.vanished, *written.vanished]),
            (self.written.changed, written.changed),
            (self.written.unreadable, [*found.unreadable, *written.unreadable]),
        ):
            of_all.extend(f'{place}/{path}'.strip('/') for path in here_only)


def _only(file: Path) -> Found:
    known = file.stat()
    return Found([FoundFolder('', [(file.name, known.st_size, known.st_mtime_ns)])], known.st_size)


def _notes(written: Written) -> Iterator[str]:
    """Yield in words what is not in a backup, or not as one would like."""
    if written.changed:
        yield own(_('Written to while it was read: {paths}', paths=_some(written.changed)))
    if written.vanished:
        yield own(_('Removed before it could be read: {paths}', paths=_some(written.vanished)))
    if written.unreadable:
        yield own(_('Could not be read: {paths}', paths=_some(written.unreadable)))


def _some(paths: Sequence[str]) -> str:
    more = len(paths) - 1
    return _n('{path} and {count} more', '{path} and {count} more', more, path=paths[0]) if more else paths[0]
