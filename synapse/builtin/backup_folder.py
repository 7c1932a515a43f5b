"""Archives a folder, verifies the archive by reading it back, and keeps the last few."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from storage.foreign_words import system_words
from synapse.archives.manifest import (
    ARCHIVE,
    MANIFEST,
    Archive,
    archive_in,
    archives_in,
    made_here,
    manifest_of,
    verified,
)
from synapse.archives.packing import DamagedArchive, InputFailed, OutputFailed, Packer, Unpacker
from synapse.archives.reading import problem_in
from synapse.archives.walk import Found, find
from synapse.archives.words import shown, some_of
from synapse.archives.writing import write_tree
from synapse.destinations import Address, Destination, destination_of
from synapse.host.run import Run
from synapse.language import N_, _, _n, filled, translated
from synapse.language.figures import number
from synapse.pipelines.pipeline import Pipeline, StepFailed, step
from synapse.sizes import size_of

from .pace import Pace

_MOST_NAMED = 100


class BackupFolder(Pipeline):
    __doc__ = N_(
        'Archive a folder, verify the archive by reading it back, and keep the last few.\n\n'
        'Restore folder brings it back, and so does any program that reads .tar.gz files. Next to each '
        'archive is a manifest\n'
        'with the checksum of every file; only archives that have one are ever pruned.'
    )

    title: ClassVar[str] = N_('Backup folder')

    needs: ClassVar[dict[str, float]] = {'here': 1}

    folder: Path = Field(
        title=N_('Folder'),
        description=N_('What to back up, with everything in it.'),
        json_schema_extra={'x-folder': True},
    )
    keep: int = Field(
        default=7,
        title=N_('Keep'),
        ge=1,
        le=10_000,
        description=N_('How many archives of this folder to keep; older ones are removed.'),
    )
    exclude: list[str] = Field(
        default=[],
        title=N_('Exclude'),
        description=N_('Names or paths to leave out, such as *.tmp, node_modules or cache/*.'),
    )
    destination: Address = Field(
        default='', title=N_('Destination'), description=N_('A folder or URL to use instead of that of the profile.')
    )

    _archive: Archive | None = None

    @step(title=N_('ARCHIVE'))
    def archive(self, run: Run) -> None:
        if self.folder.is_file():
            raise StepFailed(
                _('{folder} is a file, not a folder.', folder=self.folder),
                _('Choose the folder it is in, or another one.'),
            )
        if not self.folder.is_dir():
            raise StepFailed(
                _('There is no folder {folder}.', folder=self.folder),
                _('It was moved or deleted, or its disk is not mounted.'),
            )
        destination = destination_of(run, self.destination)
        found = self._found(run, destination)
        started = time.monotonic()
        now = datetime.now(UTC)
        stem = destination.free_stem(f'{self._stem}-{now:%Y%m%dT%H%M%SZ}', (ARCHIVE, MANIFEST), 'rename')
        archive = Archive(name=stem + ARCHIVE, folder=str(self.folder), created_at=now)
        self._archive = self._written(run, destination, archive, found)
        ids = {'id': run.id, 'number': run.number}
        _draft(run, self._archive).write_bytes(manifest_of(self._archive, run=ids))
        _report(run, self._archive, found, time.monotonic() - started)

    @step(title=N_('VERIFY'))
    def verify(self, run: Run) -> None:
        archive, destination = self._known_archive(run), destination_of(run, self.destination)
        problem = _problem_in(run, archive, destination)
        if problem:
            destination.remove(archive.name)
            raise StepFailed(
                _('{name} is damaged: {problem}. It was removed.', name=archive.name, problem=problem),
                _('Check the disk.'),
            )
        manifest = _draft(run, archive)
        document = manifest.read_bytes() if manifest.exists() else manifest_of(archive)
        manifest.write_bytes(verified(document, datetime.now(UTC)))
        destination.put(manifest, manifest.name)
        run.artifact(manifest)
        if archive.unreadable:
            # Without PRUNE, so that an incomplete archive takes the place of no older one.
            raise StepFailed(
                _n(
                    '{count} file could not be read: {names}. {name} has everything else.',
                    '{count} files could not be read: {names}. {name} has everything else.',
                    len(archive.unreadable),
                    names=some_of(archive.unreadable),
                    name=archive.name,
                ),
                _('Check the disk and the permissions, then run the backup again.'),
            )
        run.log.success(
            _('Every file in {name} is intact', name=archive.name)
            if archive.files
            else _('{name} is intact, with no file in it', name=archive.name)
        )

    @step(title=N_('PRUNE'))
    def prune(self, run: Run) -> None:
        destination = destination_of(run, self.destination)
        mine = (item for item in archives_in(destination, f'{self._stem}-') if item.folder == str(self.folder))
        archives = sorted(mine, key=lambda archive: (archive.created_at, archive.name))
        for old in archives[: -self.keep]:
            # The manifest is removed last: an archive without one would never be pruned.
            if destination.exists(old.name):
                destination.remove(old.name)
            destination.remove(old.name.replace(ARCHIVE, MANIFEST))
            run.log.info(_('Removed {name} of {at:%Y-%m-%d %H:%M}', name=old.name, at=old.created_at.astimezone()))
        kept = min(self.keep, len(archives))
        run.log.success(
            _n('{count} archive of {folder} kept', '{count} archives of {folder} kept', kept, folder=self.folder)
        )

    @property
    def _name(self) -> str:
        """The name of the folder in the archive, also where its path has none, such as `/` or `..`."""
        name = self.folder.name
        return name if name not in ('', '..') else self.folder.resolve().name or 'root'

    @property
    def _stem(self) -> str:
        return self._name.encode(errors='replace')[:150].decode(errors='ignore')

    def _known_archive(self, run: Run) -> Archive:
        if self._archive is None:
            raise StepFailed(_('There is no archive yet.'), _('Retry from {step}.', step=translated('ARCHIVE')))
        draft = _draft(run, self._archive)
        if not self._archive.files and draft.exists():
            # After a retry the lists of files, which may be long, are only in the draft.
            self._archive = archive_in(draft.read_bytes())
        return self._archive

    def _found(self, run: Run, destination: Destination) -> Found:
        """Return everything to archive, without the archives themselves.

        A file without permission to read it fails the backup before anything is written: it would be missing in every
        archive from now on, which is found out on the day when it is needed. The way out is said once, `exclude`.

        :raises StepFailed: if something cannot be read
        """
        pace = Pace(run)
        pace.show(0, _('looking for files'))
        try:
            found = find(
                self.folder,
                self.exclude,
                destination=destination.folder,
                made_here=lambda names: made_here(destination, names),
                keep_going=lambda: pace.show(0, _('looking for files')),
            )
        except OSError as error:
            raise self._not_opened(error) from error
        if found.unreadable:
            unreadable = [str(self.folder / path) for path in found.unreadable]
            raise StepFailed(
                _n(
                    '{count} file cannot be read: {names}.',
                    '{count} files cannot be read: {names}.',
                    len(unreadable),
                    names=some_of(unreadable),
                ),
                _('Make them readable, or list them in exclude.'),
            )
        return found

    def _not_opened(self, error: OSError) -> StepFailed:
        return StepFailed(
            _('{folder} cannot be opened: {reason}.', folder=self.folder, reason=system_words(error)),
            _('Check its permissions.'),
        )

    def _written(self, run: Run, destination: Destination, archive: Archive, found: Found) -> Archive:
        """Write the archive, and return it with its checksums."""
        pace = Pace(run)
        try:
            with destination.create(archive.name) as writer:
                packer = Packer(writer)
                written = write_tree(self.folder, self._name, found, packer, pace.of(found.size))
        except OutputFailed as error:
            raise StepFailed(
                _('{name} cannot be written: {error}.', name=archive.name, error=error), _('Check the destination.')
            ) from error
        except OSError as error:
            raise self._not_opened(error) from error
        pace.finish(found.size)
        archive.files, archive.size, archive.sha256 = written.sums, writer.size, packer.digest.hexdigest()
        archive.vanished = found.vanished + written.vanished
        archive.changed, archive.unreadable = written.changed, written.unreadable
        return archive


def _draft(run: Run, archive: Archive) -> Path:
    """Return where the manifest waits until the archive is verified."""
    return run.workdir / archive.name.replace(ARCHIVE, MANIFEST)


def _report(run: Run, archive: Archive, found: Found, seconds: float) -> None:
    """Log what was archived, and name what is missing in the archive or not as it is in the folder."""
    not_whole = (
        (archive.vanished, _vanished, N_('{name} was removed before it could be read')),
        (archive.changed, _changed, N_('{name} changed while it was read')),
        (archive.unreadable, _unreadable, N_('{name} could not be read')),
    )
    for paths, _several, one in not_whole:
        for path in paths[:_MOST_NAMED]:
            run.log.warning(filled(one, name=shown(path)))
        if len(paths) > _MOST_NAMED:
            run.log.warning(_('{count} more like it; the manifest names them', count=len(paths) - _MOST_NAMED))
    if found.special:
        kinds = ', '.join(_special(kind, count) for kind, count in sorted(found.special.items()))
        run.log.info(_('Left out, as they have no content to keep: {kinds}', kinds=kinds))
    but = ''.join(f'; {several(len(paths))}' for paths, several, _one in not_whole if paths)
    if not archive.files:
        run.log.warning(
            _('There is no file in {folder} to archive. Look at its path, and at exclude.', folder=archive.folder)
        )
    run.log.success(
        _n(
            'Archived {count} file, {size}, in {seconds} s{but}',
            'Archived {count} files, {size}, in {seconds} s{but}',
            len(archive.files),
            size=size_of(archive.size),
            seconds=number(seconds, digits=1),
            but=but,
        ),
        files=len(archive.files),
        bytes=archive.size,
    )


def _vanished(count: int) -> str:
    return _n('{count} was removed before it could be read', '{count} was removed before it could be read', count)


def _changed(count: int) -> str:
    return _n('{count} changed while it was read', '{count} changed while it was read', count)


def _unreadable(count: int) -> str:
    return _n('{count} could not be read', '{count} could not be read', count)


def _special(kind: str, count: int) -> str:
    if kind == 'socket':
        return _n('{count} socket', '{count} sockets', count)
    if kind == 'pipe':
        return _n('{count} pipe', '{count} pipes', count)
    return _n('{count} device', '{count} devices', count)


def _problem_in(run: Run, archive: Archive, destination: Destination) -> str:
    """Read the whole delivered archive, and return what is wrong with it, empty if nothing is.

    :raises StepFailed: if the destination does not let it be read, which says nothing about the archive
    """
    pace = Pace(run)
    try:
        with destination.open(archive.name) as file:
            reader = Unpacker(file, pace.of(archive.size))
            problem = problem_in(reader, archive.files)
    except DamagedArchive as error:
        return str(error)
    except InputFailed as error:
        raise StepFailed(
            _('{name} cannot be read back: {error}.', name=archive.name, error=error),
            _('Check the destination, then retry from {step}.', step=translated('VERIFY')),
        ) from error
    pace.finish(archive.size)
    return problem or ('' if reader.digest.hexdigest() == archive.sha256 else _('its checksum differs'))
