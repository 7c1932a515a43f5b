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
from synapse.language import N_, _, _n, translated
from synapse.pipelines.pipeline import Pipeline, StepFailed, step

from .pace import Pace
from .target import check_target, make_target, remove_empty

_MOST_NAMED = 100


class RestoreFolder(Pipeline):
    __doc__ = N_(
        'Bring back a folder, or a part of it, from one of its backups.\n\n'
        'Choose an archive file, or leave it empty for the newest archive in the destination. Links, modes, '
        'times, extended\n'
        'attributes and holes come back too, and owners if Synapse runs as root. Nothing outside '
        'the folder to restore into\n'
        'is ever written, and every file is compared with its checksum in the manifest.'
    )

    title: ClassVar[str] = N_('Restore folder')

    needs: ClassVar[dict[str, float]] = {'here': 1}

    accepts: ClassVar[tuple[str, ...]] = ('.gz', '.tgz')

    archive: Path | None = Field(
        default=None,
        title=N_('Archive'),
        description=N_('An archive file; leave it empty to take one from the destination.'),
    )
    into: Path = Field(
        title=N_('Into'),
        description=N_('A new or empty folder. What was backed up appears in it under its own name.'),
        json_schema_extra={'x-folder': True, 'x-new': True},
    )
    folder: str = Field(
        default='',
        title=N_('Folder'),
        description=N_('Which folder was backed up, by its path or name; empty if the destination has only one.'),
    )
    name: str = Field(
        default='',
        title=N_('Archive in the destination'),
        description=N_('Such as photos-20261129T010000Z.tar.gz; empty for the newest.'),
    )
    only: list[str] = Field(
        default=[],
        title=N_('Only'),
        description=N_('Names or paths to bring back, such as *.jpg or letters/2026; empty for everything.'),
    )
    replace: bool = Field(
        default=False,
        title=N_('Replace files'),
        description=N_('Restore over what is there: files of the same name are lost.'),
    )
    destination: Address = Field(
        default='', title=N_('Destination'), description=N_('Where the archives are, instead of that of the profile.')
    )

    _chosen: str = ''
    _filling: str = ''
    """The folder that this run has begun to restore into."""
    _part: str = ''
    """What it calls a file there until it is complete."""

    @step(title=N_('CHOOSE'))
    def choose(self, run: Run) -> None:
        self._check_target()
        destination, name = self._place(run)
        if not name:
            newest = self._newest(destination)
            name = newest.name
            run.log.info(
                _(
                    '{name} has {folder} as of {at:%Y-%m-%d %H:%M}',
                    name=name,
                    folder=newest.folder,
                    at=newest.created_at.astimezone(),
                )
            )
        if not destination.exists(name):
            raise StepFailed(
                _('There is no archive {path}.', path=destination.path(name)), _('Look at the name, and where it is.')
            )
        _check_archive(destination, name)
        self._chosen = name

    @step(title=N_('RESTORE'))
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
                run.log.warning(
                    _n(
                        'Stopped with {count} file in {into}, and the rest missing. {advice}',
                        'Stopped with {count} files in {into}, and the rest missing. {advice}',
                        len(restorer.restored.files),
                        into=self.into,
                        advice=_how_to_continue(),
                    )
                )
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
            raise StepFailed(
                _('{name} is not the name of a file.', name=self.name), _('Give the name alone, without folders.')
            )
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
            text = _('{address} has no backup.', address=destination.address)
            if self.folder:
                text = _('{address} has no backup of {folder}.', address=destination.address, folder=self.folder)
            raise StepFailed(text, _('Choose another destination, or a file.'))
        if len(folders) > 1:
            raise StepFailed(
                _(
                    '{address} has backups of several folders: {names}.',
                    address=destination.address,
                    names=some_of(folders),
                ),
                _('Say which one under {field}.', field=translated('Folder')),
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
                run.log.warning(_('{name} is not the file that its manifest describes', name=name))
            if restorer.needs_copies:
                with destination.open(name) as file:
                    restorer.unpack_copies(Unpacker(file, pace.of(total)))
            restorer.finish()
        except DiskRefused as error:
            return _Problem(
                _('{into} cannot be written to: {error}.', into=self.into, error=error),
                _('Free some space. {advice}', advice=_how_to_continue()),
            )
        except InputFailed as error:
            return _Problem(
                _('{name} cannot be read: {error}.', name=name, error=error),
                _('Check the destination. {advice}', advice=_how_to_continue()),
            )
        except DamagedArchive as error:
            if isinstance(error, NotAnArchive) and manifest is None:
                raise _not_an_archive(name) from error
            with contextlib.suppress(DiskRefused):
                restorer.finish()
            return _Problem(_('{name} is damaged: {error}.', name=name, error=error), _('Try an older archive.'))
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
                missing.setdefault(name, problem.text.rstrip('.') if problem else _('it is not in the archive'))
        for name, reason in list(missing.items())[:_MOST_NAMED]:
            run.log.error(_('{name} is missing: {reason}', name=shown(name), reason=translated(reason)))
        if restored.special:
            run.log.info(_n('Left out {count} pipe or device', 'Left out {count} pipe or devices', restored.special))
        if restored.plain:
            run.log.warning(
                _n(
                    '{count} file cannot have all extended attributes here: {names}',
                    '{count} files cannot have all extended attributes here: {names}',
                    len(restored.plain),
                    names=some_of(restored.plain),
                )
            )
        _warn_of_old_gaps(run, manifest)
        back = _back(len(restored.files), restored.links)
        if missing or problem:
            raise StepFailed(*_failure(problem, back, missing, self.into))
        run.log.success(
            _('Restored {back} to {into}', back=back or _('nothing'), into=self.into),
            files=len(restored.files),
            links=restored.links,
        )


@dataclass(frozen=True, slots=True)
class _Problem:
    """Why an archive was not unpacked to its end, and what to do."""

    text: str
    hint: str


def _how_to_continue() -> str:
    return _('Retry from {step} to continue.', step=translated('RESTORE'))


def _back(file_count: int, link_count: int) -> str:
    """Return what was restored, empty for nothing."""
    files, links = _n('{count} file', '{count} files', file_count), _n('{count} link', '{count} links', link_count)
    if file_count and link_count:
        return _('{files} and {links}', files=files, links=links)
    return files if file_count else links if link_count else ''


def _failure(problem: _Problem | None, back: str, missing: dict[str, str], into: Path) -> tuple[str, str]:
    """Return what to say of a restore that is not complete, and what to do."""
    text = _('{back} restored, more may be missing.', back=back or _('Nothing'))
    if missing:
        text = _n(
            '{back} restored, {count} file missing: {names}.',
            '{back} restored, {count} files missing: {names}.',
            len(missing),
            back=back or _('Nothing'),
            names=some_of(list(missing)),
        )
    text = f'{problem.text} {text}' if problem else text
    hints = [problem.hint] if problem else []
    if FOLDER_IN_THE_WAY in missing.values():
        hints.append(_('Move the folder away that has the name of a file, or choose a new folder.'))
    if back:
        hints.append(_('What is back is in {into}; the log says more.', into=into))
    return text, ' '.join(hints) or _('The log says why.')


def _check_chosen(restored: Restored, name: str, only: list[str]) -> None:
    """:raises StepFailed: if the archive has nothing of what was chosen"""
    if only and not restored.chosen:
        known = some_of([path.partition('/')[2] or path for path in restored.others])
        raise StepFailed(
            _('{name} has nothing that fits {names}.', name=name, names=some_of(only)),
            _('Choose names or paths in it, such as {known}.', known=known) if known else _('There is no file in it.'),
        )


def _check_archive(destination: Destination, name: str) -> None:
    """:raises StepFailed: if a file on this machine, where that costs little, isn't an archive"""
    if destination.folder is None or destination.exists(f'{name}.json'):
        return
    if (destination.folder / name).is_dir():
        raise StepFailed(
            _('{path} is a folder, not a file.', path=destination.path(name)), _('Choose an archive in it.')
        )
    with contextlib.suppress(DamagedArchive, InputFailed), destination.open(name) as file:
        try:
            check_start(Unpacker(file))
        except NotAnArchive as error:
            raise _not_an_archive(name) from error


def _not_an_archive(name: str) -> StepFailed:
    return StepFailed(
        _('{name} is not a .tar.gz archive.', name=name),
        _('Choose one that Backup folder has made, or another .tar.gz file.'),
    )


def _manifest_of(run: Run, destination: Destination, name: str) -> Archive | None:
    found, reason = find_manifest(destination, name, lambda: _sum_of(run, destination, name))
    if found is None:
        run.log.warning(_('{reason}, so its files are restored without comparing their checksums', reason=reason))
    elif found.name != name:
        run.log.info(_('{name} was made as {found_name}, as its checksum says', name=name, found_name=found.name))
    return found


def _sum_of(run: Run, destination: Destination, name: str) -> str:
    """Return the SHA-256 of a file in a destination, empty if it cannot be read."""
    try:
        with destination.open(name) as file:
            digest = hashlib.sha256()
            while data := file.read(CHUNK):
                digest.update(data)
                run.progress(0, _('comparing the checksum'))
    except Exception:  # each file system raises its own kinds, and unpacking says which
        return ''
    return digest.hexdigest()


def _warn_of_old_gaps(run: Run, manifest: Archive | None) -> None:
    """Name what the archive has never had as it was."""
    changed, unreadable = (manifest.changed, manifest.unreadable) if manifest else ([], [])
    if changed:
        run.log.warning(
            _n(
                '{count} file changed while they were archived: {names}',
                '{count} files changed while they were archived: {names}',
                len(changed),
                names=some_of(changed),
            )
        )
    if unreadable:
        run.log.warning(
            _n(
                '{count} file could not be read when they were archived: {names}',
                '{count} files could not be read when they were archived: {names}',
                len(unreadable),
                names=some_of(unreadable),
            )
        )


def _chooser(patterns: list[str]) -> Callable[[str], bool]:
    """Return whether a name in the archive was chosen: it, or a folder it is in, fits a pattern."""
    fits = matcher(patterns)
    if fits is None:
        return lambda name: True

    @cache
    def is_chosen(path: str) -> bool:
        above, __, name = path.rpartition('/')
        return bool(path) and (fits(name, path) or is_chosen(above))

    return lambda name: is_chosen(name.partition('/')[2].rstrip('/'))
