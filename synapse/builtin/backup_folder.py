"""Archives a folder, verifies the archive by reading it back, and keeps the last few."""

import fnmatch
import hashlib
import json
import os
import stat
import tarfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydantic import BaseModel, Field

from synapse import __version__
from synapse.destinations import CHUNK, Address, Destination, Writer, destination_of
from synapse.host.run import Run
from synapse.pipelines.pipeline import Pipeline, StepFailed, step

ARCHIVE, MANIFEST = '.tar.gz', '.tar.gz.json'
MADE_BY = 'Synapse BackupFolder'
_SHOWN = 5


class Archive(BaseModel):
    """One archive as its manifest describes it."""

    name: str
    folder: str
    created_at: datetime
    size: int = 0
    sha256: str = ''
    files: dict[str, str] = {}
    """SHA-256 of each file, by its path in the archive."""


class BackupFolder(Pipeline):
    """Archive a folder, verify the archive by reading it back, and keep the last few.

    Next to each archive is a manifest with the checksum of every file; only archives that have one are ever pruned.
    """

    folder: Path = Field(description='What to back up, with everything in it.', json_schema_extra={'x-folder': True})
    keep: int = Field(
        default=7, ge=1, le=10_000, description='How many archives of this folder to keep; older ones are removed.'
    )
    exclude: list[str] = Field(
        default=[], description='Names or paths to leave out, such as *.tmp, node_modules or cache/*.'
    )
    destination: Address = Field(default='', description='A folder or URL to use instead of that of the profile.')

    _archive: Archive | None = None

    @step
    def archive(self, run: Run) -> None:
        if not self.folder.is_dir():
            raise StepFailed(
                f'There is no folder {self.folder}.', 'It was moved or deleted, or its disk is not mounted.'
            )
        destination = destination_of(run, self.destination)
        found = self._found(run, destination)
        started = time.monotonic()
        stem = f'{self._stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}'
        stem = destination.free_stem(stem, (ARCHIVE, MANIFEST), 'rename')
        archive = Archive(name=stem + ARCHIVE, folder=str(self.folder), created_at=datetime.now(UTC))
        with destination.create(archive.name) as writer:
            self._archive = _written(run, archive, found, writer)
        size, seconds = _megabytes(self._archive.size), time.monotonic() - started
        run.log.success(
            f'Archived {_count(len(self._archive.files), "file")}, {size}, in {seconds:.1f} s',
            files=len(self._archive.files),
            bytes=self._archive.size,
        )

    @step
    def verify(self, run: Run) -> None:
        archive, destination = self._known_archive(), destination_of(run, self.destination)
        problem = _problem_in(run, archive, destination)
        if problem:
            destination.remove(archive.name)
            raise StepFailed(f'{archive.name} is damaged: {problem}. It was removed.', 'Check the disk.')
        manifest = run.workdir / archive.name.replace(ARCHIVE, MANIFEST)
        manifest.write_text(json.dumps(_manifest(run, archive), indent=1, ensure_ascii=False), encoding='utf-8')
        destination.put(manifest, manifest.name)
        run.artifact(manifest)
        run.log.success(f'Every file in {archive.name} is intact')

    @step
    def prune(self, run: Run) -> None:
        self._known_archive()
        destination = destination_of(run, self.destination)
        archives = sorted(self._archives(destination), key=lambda archive: (archive.created_at, archive.name))
        for old in archives[: -self.keep]:
            # The manifest is removed last: an archive without one would never be pruned.
            if destination.exists(old.name):
                destination.remove(old.name)
            destination.remove(old.name.replace(ARCHIVE, MANIFEST))
            run.log.info(f'Removed {old.name} of {old.created_at.astimezone():%Y-%m-%d %H:%M}')
        run.log.success(f'{_count(min(self.keep, len(archives)), "archive")} of {self.folder} kept')

    @property
    def _stem(self) -> str:
        return (self.folder.name or 'root').encode()[:150].decode(errors='ignore')

    def _known_archive(self) -> Archive:
        if self._archive is None:
            raise StepFailed('There is no archive yet.', 'Retry from ARCHIVE.')
        return self._archive

    def _found(self, run: Run, destination: Destination) -> list[Path]:
        """Return everything to archive, folders before their contents, without the archives themselves.

        :raises StepFailed: if something cannot be read: a backup must not lack files without notice
        """
        run.progress(0, 'looking for files')
        unreadable: list[str] = []
        found = list(_walk(self.folder, self.exclude, destination.folder, unreadable))
        unreadable += [str(path) for path in found if not path.is_symlink() and not os.access(path, os.R_OK)]
        if unreadable:
            shown = ', '.join(unreadable[:_SHOWN]) + (', ...' if len(unreadable) > _SHOWN else '')
            raise StepFailed(
                f'{_count(len(unreadable), "file")} cannot be read: {shown}.',
                'Make them readable, or list them in exclude.',
            )
        return found

    def _archives(self, destination: Destination) -> Iterator[Archive]:
        for name in destination.names():
            if name.startswith(f'{self._stem}-') and name.endswith(MANIFEST):
                archive = _read_manifest(destination, name)
                if archive is not None and archive.folder == str(self.folder):
                    yield archive


def _walk(folder: Path, exclude: list[str], destination: Path | None, unreadable: list[str]) -> Iterator[Path]:
    """Yield all files, links and folders; sockets, pipes and devices have no content to keep."""

    def is_left_out(path: Path) -> bool:
        inside = path.relative_to(folder).as_posix()
        return path == destination or any(
            fnmatch.fnmatch(path.name, pattern) or fnmatch.fnmatch(inside, pattern.rstrip('/')) for pattern in exclude
        )

    for root, folders, files in os.walk(folder, onerror=lambda error: unreadable.append(str(error.filename))):
        here = Path(root)
        folders[:] = sorted(name for name in folders if not is_left_out(here / name))
        yield from (here / name for name in folders)
        for name in sorted(files):
            path = here / name
            if not is_left_out(path) and (path.is_symlink() or path.is_file()):
                yield path


def _written(run: Run, archive: Archive, found: list[Path], writer: Writer) -> Archive:
    """Write all files, and return the archive with its checksums."""
    folder = Path(archive.folder)
    total, done = sum(path.lstat().st_size for path in found if path.is_file() and not path.is_symlink()), 0
    hashed, files = _Hashing(writer), {}
    with tarfile.open(fileobj=cast(Any, hashed), mode='w|gz', format=tarfile.PAX_FORMAT) as tar:
        for path in found:
            try:
                info = tar.gettarinfo(path, f'{folder.name}/{path.relative_to(folder).as_posix()}')
                file = path.open('rb') if stat.S_ISREG(path.lstat().st_mode) else None
            except FileNotFoundError:
                run.log.warning(f'{path} was removed before it could be read')
                continue
            if file is None:
                tar.addfile(info)
                continue
            with file:
                # A hard link is stored as a file of its own, which is simpler to restore in part.
                info.type, info.linkname, info.size = tarfile.REGTYPE, '', os.fstat(file.fileno()).st_size
                content = _Content(run, file, info.size, done, total)
                tar.addfile(info, cast(Any, content))
            done += info.size
            if content.is_short:
                run.log.warning(f'{path} shrank while it was read; the missing end is filled with zeros')
            files[info.name] = content.digest.hexdigest()
    return archive.model_copy(update={'files': files, 'size': writer.size, 'sha256': hashed.digest.hexdigest()})


class _Hashing:
    """Passes writes on and hashes them."""

    def __init__(self, writer: Writer) -> None:
        self.digest = hashlib.sha256()
        self._writer = writer

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._writer.write(data)


class _Content:
    """Reads exactly `size` bytes of a file, even if it shrinks; hashes them and shows progress."""

    def __init__(self, run: Run, file: BinaryIO, size: int, before: int, total: int) -> None:
        self.digest = hashlib.sha256()
        self.is_short = False
        self._run, self._file, self._left = run, file, size
        self._done, self._total = before, total

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        if not data and self._left:
            # As GNU tar does: the length was written before the content and cannot be changed.
            self.is_short = True
            data = bytes(min(size, self._left))
        self._left -= len(data)
        self._done += len(data)
        self.digest.update(data)
        _show(self._run, self._done, self._total)
        return data


def _problem_in(run: Run, archive: Archive, destination: Destination) -> str:
    """Read the whole delivered archive, and return what is wrong with it, empty if nothing is."""
    seen: dict[str, str] = {}
    with destination.open(archive.name) as raw:
        reader = _Reading(run, raw, archive.size)
        try:
            with tarfile.open(fileobj=cast(Any, reader), mode='r|gz') as tar:
                for info in tar:
                    content = tar.extractfile(info) if info.isreg() else None
                    if content is not None:
                        seen[info.name] = hashlib.file_digest(cast(Any, content), 'sha256').hexdigest()
            while reader.read(CHUNK):
                pass
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            return f'it cannot be read ({error})'
    for name, digest in archive.files.items():
        if seen.get(name) != digest:
            return f'{name} differs' if name in seen else f'{name} is missing'
    return '' if reader.digest.hexdigest() == archive.sha256 else 'its checksum differs'


class _Reading:
    """Passes reads on, hashes them and shows progress."""

    def __init__(self, run: Run, file: Any, total: int) -> None:
        self.digest = hashlib.sha256()
        self._run, self._file, self._done, self._total = run, file, 0, total

    def read(self, size: int) -> bytes:
        data: bytes = self._file.read(size)
        self.digest.update(data)
        self._done += len(data)
        _show(self._run, self._done, self._total)
        return data


def _manifest(run: Run, archive: Archive) -> dict[str, Any]:
    return {
        'made_by': MADE_BY,
        'version': __version__,
        'run': {'id': run.id, 'number': run.number},
        'verified_at': datetime.now(UTC).isoformat(timespec='milliseconds'),
        **archive.model_dump(mode='json'),
    }


def _read_manifest(destination: Destination, name: str) -> Archive | None:
    """Return the archive that a manifest describes, None if the file isn't one of our manifests."""
    try:
        with destination.open(name) as file:
            document = json.loads(file.read())
        if document.get('made_by') != MADE_BY or f'{document["name"]}.json' != name:
            return None
        return Archive.model_validate({field: document[field] for field in Archive.model_fields})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _show(run: Run, done: int, total: int) -> None:
    run.progress(100 * done / total if total else 100, f'{_megabytes(done)} of {_megabytes(total)}')


def _megabytes(size: int) -> str:
    return f'{size / 1e6:,.1f} MB'


def _count(number: int, noun: str) -> str:
    return f'{number} {noun}' if number == 1 else f'{number} {noun}s'
