"""Brings back a folder, or a part of it, from an archive of Backup folder or any other .tar.gz file."""

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import ClassVar

from pydantic import Field

from synapse.archives.manifest import Archive, archives_in, find_manifest
from synapse.archives.packing import DamagedArchive, InputFailed, NotAnArchive, Unpacker
from synapse.archives.restoring import FOLDER_IN_THE_WAY, DiskRefused, Restored, Restorer, check_start, new_part
from synapse.archives.walk import matcher
from synapse.archives.words import shown, some_of
from synapse.destinations import CHUNK, Address, Destination, destination_of
from synapse.host.run import Run
from synapse.pipelines.pipeline import Pipeline, StepFailed, step
from synapse.sentences import count_of

from .pace import Pace
from .target import check_target, make_target, remove_empty

_MOST_NAMED = 100
_CONTINUE = 'Retry from RESTORE to continue.'


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
    _filling: str = ''
    """The folder that this run has begun to restore into."""
    _part: str = ''
    """What it calls a file there until it is complete."""

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
        _check_archive(destination, name)
        self._chosen = name

    @step
    def restore(self, run: Run) -> None:
        self._check_target()
        destination, name = self._place(run)
        name = name or self._chosen
        manifest = _manifest_of(run, destination, name)
        # Saved first, so that a retry knows which files may be its own.
        continues = self._part if self._filling == str(self.into) else ''
        self._filling, self._part = str(self.into), continues or new_part()
        run.checkpoint()
        was_empty = not self.into.exists() or not any(self.into.iterdir())
        made = make_target(self.into)
        restorer = Restorer(
            self.into,
            is_wanted=_chooser(self.only),
            sums=manifest.files if manifest else {},
            replace=self.replace,
            part=self._part,
            is_continued=bool(continues),
        )
        try:
            self._report(run, restorer.restored, manifest, self._unpack(run, restorer, destination, name, manifest))
            _check_chosen(restorer.restored, name, self.only)
        except BaseException as error:
            if not isinstance(error, StepFailed):
                count = count_of(len(restorer.restored.files), 'file')
                run.log.warning(f'Stopped with {count} in {self.into}, and the rest missing. {_CONTINUE}')
            if was_empty and restorer.restored.is_empty:
                remove_empty(self.into, made)
            raise
        finally:
            restorer.close()

    def _check_target(self) -> None:
        check_target(self.into, may_have_files=self.replace or self._filling == str(self.into))

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
    ) -> '_Problem | None':
        """Unpack the archive, and return why it cannot be unpacked to its end, if it cannot.

        :raises StepFailed: if it isn't an archive
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
            restorer.finish()
        except DiskRefused as error:
            return _Problem(f'{self.into} cannot be written to: {error}.', f'Free some space. {_CONTINUE}')
        except InputFailed as error:
            return _Problem(f'{name} cannot be read: {error}.', f'Check the destination. {_CONTINUE}')
        except DamagedArchive as error:
            if isinstance(error, NotAnArchive) and manifest is None:
                raise _not_an_archive(name) from error
            with contextlib.suppress(DiskRefused):
                restorer.finish()
            return _Problem(f'{name} is damaged: {error}.', 'Try an older archive.')
        pace.finish(total)
        return None

    def _report(self, run: Run, restored: Restored, manifest: Archive | None, problem: '_Problem | None') -> None:
        """Log what is back and what isn't.

        :raises StepFailed: if something is missing
        """
        is_wanted = _chooser(self.only)
        missing = dict(restored.failed)
        for name in manifest.files if manifest else ():
            if name not in restored.files and is_wanted(name):
                missing.setdefault(name, problem.text.rstrip('.') if problem else 'it is not in the archive')
        for name, reason in list(missing.items())[:_MOST_NAMED]:
            run.log.error(f'{shown(name)} is missing: {reason}')
        if restored.special:
            run.log.info(f'Left out {count_of(restored.special, "pipe or device")}')
        if restored.plain:
            count = count_of(len(restored.plain), 'file')
            run.log.warning(f'{count} cannot have all extended attributes here: {some_of(restored.plain)}')
        _warn_of_old_gaps(run, manifest)
        counts = ((len(restored.files), 'file'), (restored.links, 'link'))
        back = ' and '.join(count_of(number, noun) for number, noun in counts if number) or 'nothing'
        if missing or problem:
            raise StepFailed(*_failure(problem, back, missing, self.into))
        run.log.success(f'Restored {back} to {self.into}', files=len(restored.files), links=restored.links)


@dataclass(frozen=True, slots=True)
class _Problem:
    """Why an archive was not unpacked to its end, and what to do."""

    text: str
    hint: str


def _failure(problem: _Problem | None, back: str, missing: dict[str, str], into: Path) -> tuple[str, str]:
    """Return what to say of a restore that is not complete, and what to do."""
    named = f'{count_of(len(missing), "file")} missing: {some_of(list(missing))}' if missing else 'more may be missing'
    text = f'{back} restored, {named}.'
    text = f'{problem.text} {text[:1].upper()}{text[1:]}' if problem else text[:1].upper() + text[1:]
    hints = [problem.hint] if problem else []
    if FOLDER_IN_THE_WAY in missing.values():
        hints.append('Move the folder away that has the name of a file, or choose a new folder.')
    if back != 'nothing':
        hints.append(f'What is back is in {into}; the log says more.')
    return text, ' '.join(hints) or 'The log says why.'


def _check_chosen(restored: Restored, name: str, only: list[str]) -> None:
    """:raises StepFailed: if the archive has nothing of what was chosen"""
    if only and not restored.chosen:
        known = some_of([path.partition('/')[2] or path for path in restored.others])
        raise StepFailed(
            f'{name} has nothing that fits {some_of(only)}.',
            f'Choose names or paths in it, such as {known}.' if known else 'There is no file in it.',
        )


def _check_archive(destination: Destination, name: str) -> None:
    """:raises StepFailed: if a file on this machine, where that costs little, isn't an archive"""
    if destination.folder is None or destination.exists(f'{name}.json'):
        return
    if (destination.folder / name).is_dir():
        raise StepFailed(f'{destination.path(name)} is a folder, not a file.', 'Choose an archive in it.')
    with contextlib.suppress(DamagedArchive, InputFailed), destination.open(name) as file:
        try:
            check_start(Unpacker(file))
        except NotAnArchive as error:
            raise _not_an_archive(name) from error


def _not_an_archive(name: str) -> StepFailed:
    return StepFailed(
        f'{name} is not a .tar.gz archive.', 'Choose one that Backup folder has made, or another .tar.gz file.'
    )


def _manifest_of(run: Run, destination: Destination, name: str) -> Archive | None:
    found, reason = find_manifest(destination, name, lambda: _sum_of(run, destination, name))
    if found is None:
        run.log.warning(f'{reason}, so its files are restored without comparing their checksums')
    elif found.name != name:
        run.log.info(f'{name} was made as {found.name}, as its checksum says')
    return found


def _sum_of(run: Run, destination: Destination, name: str) -> str:
    """Return the SHA-256 of a file in a destination, empty if it cannot be read."""
    try:
        with destination.open(name) as file:
            digest = hashlib.sha256()
            while data := file.read(CHUNK):
                digest.update(data)
                run.progress(0, 'comparing the checksum')
    except Exception:  # each file system raises its own kinds, and unpacking says which
        return ''
    return digest.hexdigest()


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
