"""Brings back a folder, or a part of it, from an archive of Backup folder or any other .tar.gz file."""

from collections.abc import Callable
from functools import cache
from pathlib import Path, PurePath
from typing import ClassVar

from pydantic import Field

from synapse.archives.manifest import Archive, archives_in, read_manifest
from synapse.archives.packing import DamagedArchive, InputFailed, Unpacker
from synapse.archives.restoring import DiskRefused, Restored, Restorer
from synapse.archives.walk import matcher
from synapse.archives.words import count_of, shown, some_of
from synapse.destinations import Address, Destination, destination_of
from synapse.host.run import Run
from synapse.pipelines.pipeline import Pipeline, StepFailed, step

from .pace import Pace

_MOST_NAMED = 100


class RestoreFolder(Pipeline):
    """Bring back a folder, or a part of it, from one of its backups.

    Choose an archive file, or leave it empty for the newest archive in the destination. Links, modes, times, extended
    attributes and holes come back too, and owners if Synapse runs as root. Nothing outside the folder to restore into
    is ever written, and every file is compared with its checksum in the manifest.
    """

    accepts: ClassVar[tuple[str, ...]] = ('.gz', '.tgz')

    archive: Path | None = Field(
        default=None, description='An archive file; leave it empty to take one from the destination.'
    )
    into: Path = Field(
        description='A new or empty folder. What was backed up appears in it under its own name.',
        json_schema_extra={'x-folder': True, 'x-new': True},
    )
    folder: str = Field(
        default='',
        description='Which folder was backed up, by its path or name; empty if the destination has only one.',
    )
    name: str = Field(
        default='',
        title='Archive in the destination',
        description='Such as photos-20261129T010000Z.tar.gz; empty for the newest.',
    )
    only: list[str] = Field(
        default=[], description='Names or paths to bring back, such as *.jpg or letters/2026; empty for everything.'
    )
    replace: bool = Field(
        default=False, title='Replace files', description='Restore over what is there: files of the same name are lost.'
    )
    destination: Address = Field(default='', description='Where the archives are, instead of that of the profile.')

    _chosen: str = ''

    @step
    def choose(self, run: Run) -> None:
        self._check_target()
        destination, name = self._place(run)
        if not name:
            newest = self._newest(destination)
            name = newest.name
            run.log.info(f'{name} has {newest.folder} as of {newest.created_at.astimezone():%Y-%m-%d %H:%M}')
        if not destination.exists(name):
            raise StepFailed(f'There is no archive {destination.path(name)}.', 'Look at the name, and where it is.')
        self._chosen = name

    @step
    def restore(self, run: Run) -> None:
        self._check_target()
        try:
            self.into.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StepFailed(f'{self.into} cannot be created: {error.strerror}.', 'Choose another folder.') from error
        destination, name = self._place(run)
        name = name or self._chosen
        manifest = _manifest_of(run, destination, name)
        restorer = Restorer(
            self.into,
            is_wanted=_chooser(self.only),
            sums=manifest.files if manifest else {},
            replace=self.replace,
        )
        problem = ''
        try:
            problem = self._unpack(run, restorer, destination, name, manifest)
            restorer.finish()
        except DiskRefused as error:
            problem = str(error)
        except BaseException:
            run.log.warning(f'Stopped: {len(restorer.restored.files)} files are in {self.into}, the rest is missing')
            raise
        finally:
            restorer.close()
        self._report(run, restorer.restored, manifest, problem)

    def _check_target(self) -> None:
        if not self.into.is_absolute():
            raise StepFailed(f'{self.into} is not a full path.', 'Start with /.')
        try:
            is_empty = not self.into.exists() or not any(self.into.iterdir())
        except OSError as error:
            raise StepFailed(
                f'{self.into} cannot be used: {error.strerror}.', 'Choose a new or empty folder.'
            ) from error
        if not is_empty and not self.replace:
            raise StepFailed(f'{self.into} is not empty.', 'Choose a new or empty folder, or let files be replaced.')

    def _place(self, run: Run) -> tuple[Destination, str]:
        """Return where the archive is, and its name if a person has chosen one."""
        if self.archive is not None:
            return Destination(str(self.archive.parent)), self.archive.name
        if self.name != PurePath(self.name).name:
            raise StepFailed(f'{self.name} is not the name of a file.', 'Give the name alone, without folders.')
        return destination_of(run, self.destination), self.name

    def _newest(self, destination: Destination) -> Archive:
        archives = list(archives_in(destination))
        if self.folder:
            wish = PurePath(self.folder)
            archives = [
                item for item in archives if wish in (PurePath(item.folder), PurePath(PurePath(item.folder).name))
            ]
        folders = sorted({archive.folder for archive in archives})
        if not folders:
            of = f' of {self.folder}' if self.folder else ''
            raise StepFailed(f'{destination.address} has no backup{of}.', 'Choose another destination, or a file.')
        if len(folders) > 1:
            raise StepFailed(
                f'{destination.address} has backups of several folders: {some_of(folders)}.',
                'Say which one under Folder.',
            )
        return max(archives, key=lambda archive: (archive.created_at, archive.name))

    def _unpack(
        self, run: Run, restorer: Restorer, destination: Destination, name: str, manifest: Archive | None
    ) -> str:
        """Unpack the archive, and return why it cannot be unpacked to its end; empty if it can.

        :raises DiskRefused: if nothing more can be written
        """
        pace = Pace(run)
        try:
            with destination.open(name) as file:
                total = int(getattr(file, 'size', 0) or 0)
                reader = Unpacker(file, pace.of(total))
                restorer.unpack(reader)
            if manifest and reader.digest.hexdigest() != manifest.sha256:
                run.log.warning(f'{name} is not the file that its manifest describes')
            if restorer.needs_copies:
                with destination.open(name) as file:
                    restorer.unpack_copies(Unpacker(file, pace.of(total)))
        except (DamagedArchive, InputFailed) as error:
            return (
                f'{name} is damaged: {error}'
                if isinstance(error, DamagedArchive)
                else f'{name} cannot be read: {error}'
            )
        pace.finish(total)
        return ''

    def _report(self, run: Run, restored: Restored, manifest: Archive | None, problem: str) -> None:
        """Log what is back and what isn't.

        :raises StepFailed: if something is missing
        """
        is_wanted = _chooser(self.only)
        missing = dict(restored.failed)
        for name in manifest.files if manifest else ():
            if name not in restored.files and is_wanted(name):
                missing.setdefault(name, problem or 'it is not in the archive')
        for name, reason in list(missing.items())[:_MOST_NAMED]:
            run.log.error(f'{shown(name)} is missing: {reason}')
        if restored.special:
            run.log.info(f'Left out {count_of(restored.special, "pipe or device")}')
        if restored.plain:
            count = count_of(len(restored.plain), 'file')
            run.log.warning(f'{count} cannot have all extended attributes here: {some_of(restored.plain)}')
        _warn_of_old_gaps(run, manifest)
        back = f'{count_of(len(restored.files), "file")} and {count_of(restored.links, "link")}'
        if missing or problem:
            said = f'{problem[:1].upper()}{problem[1:]}. ' if problem else ''
            named = (
                f'{count_of(len(missing), "file")} missing: {some_of(list(missing))}'
                if missing
                else 'more may be missing'
            )
            raise StepFailed(f'{said}{back} restored, {named}.', f'What is back is in {self.into}; the log says more.')
        if not (restored.files or restored.links):
            run.log.warning('Nothing in the archive fits what was chosen')
        run.log.success(f'Restored {back} to {self.into}', files=len(restored.files), links=restored.links)


def _manifest_of(run: Run, destination: Destination, name: str) -> Archive | None:
    manifest = f'{name}.json'
    found = read_manifest(destination, manifest) if destination.exists(manifest) else None
    if found is None:
        run.log.warning(f'{name} has no manifest, so its files are restored without comparing their checksums')
    return found


def _warn_of_old_gaps(run: Run, manifest: Archive | None) -> None:
    """Name what the archive has never had as it was."""
    for what, paths in (
        ('changed while they were archived', manifest.changed if manifest else []),
        ('could not be read when they were archived', manifest.unreadable if manifest else []),
    ):
        if paths:
            run.log.warning(f'{count_of(len(paths), "file")} {what}: {some_of(paths)}')


def _chooser(patterns: list[str]) -> Callable[[str], bool]:
    """Return whether a name in the archive was chosen: it, or a folder it is in, fits a pattern."""
    fits = matcher(patterns)
    if fits is None:
        return lambda name: True

    @cache
    def is_chosen(path: str) -> bool:
        above, _, name = path.rpartition('/')
        return bool(path) and (fits(name, path) or is_chosen(above))

    return lambda name: is_chosen(name.partition('/')[2].rstrip('/'))
