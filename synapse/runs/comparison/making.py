"""Reads what runs are made of: code, packages, profile, input files, free disk.

It happens at the start of each run, so it has to be cheap: of packages the names of their folders are read, and only
when one was installed or removed; of input files the ends.
"""

import asyncio
import hashlib
import logging
import os
import platform
import shlex
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from storage.files import StorageError, free_bytes
from storage.shared_documents import SharedDocuments, key_of
from synapse import __version__
from synapse.catalog.catalog import PipelineInfo
from synapse.inbox import inputs
from synapse.language import N_
from synapse.pipelines.load import built_in_file
from synapse.profiles import Profile
from synapse.records import now_utc
from synapse.runs.context import RunContext
from synapse.runs.estimates import COMMANDS
from synapse.runs.made_of import MOST_INPUTS, InputFile, MadeOf
from synapse.runs.records import RunRecord

log = logging.getLogger(__name__)

END_BYTES = 64 * 1024
"""How much of the beginning and of the end of an input file is read."""
MOST_WORDS = 50
"""How many words of a command are looked at, for a script among them."""

_NO_FILES = ('/proc/', '/sys/')
"""What looks like a file here may wait for ever when it is read."""

Documents = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Making:
    """What a run is made of now, and the documents that it names by their keys."""

    made_of: MadeOf
    documents: Documents


class Makings:
    """Reads them for runs, and keeps what they share."""

    def __init__(self, context: RunContext) -> None:
        self._catalog, self._profiles, self._folders = context.catalog, context.profiles, context.folders
        self._group = context.store.group
        self._shared = SharedDocuments(context.store)
        self._versions = _Known(lambda _: _keyed(_versions()))
        self._digests = _Known(lambda path: _digest_of(Path(path)))
        self._used_on: dict[str, date] = {}

    def reader(self, run: RunRecord) -> Callable[[RunRecord], Making | None]:
        """Return a function for a thread that reads what this run, with its present parameters, is made of now.

        It returns None where that is impossible: a run does not fail for it.

        :raises NotFound: if its pipeline is gone
        """
        info = self._catalog.get(run.pipeline)
        profile = self._profiles.find(run.profile) if run.profile is not None else None
        secrets = self._profiles.secrets_of(profile.id) if profile is not None else {}

        def read(run: RunRecord) -> Making | None:
            try:
                return self._read(run, info, profile, secrets)
            except (OSError, StorageError, ValueError) as error:
                log.warning(N_('what run %s is made of could not be read: %s'), run.id, error)
                return None

        return read

    async def keep(self, making: Making) -> None:
        """Save the documents that are new, or were not used today."""
        today = now_utc().date()
        new = {key: text for key, text in making.documents.items() if self._used_on.get(key) != today}
        if not new:
            return
        try:
            await self._group.commit(self._shared.keep, new, now_utc())
        except StorageError as error:
            log.warning(N_('what runs have in common could not be saved: %s'), error)
        else:
            self._used_on = {key: day for key, day in self._used_on.items() if day == today} | dict.fromkeys(new, today)

    async def documents_of(self, *made_of: MadeOf | None) -> Documents:
        """Return the documents that these name; some may be gone."""
        keys = {key for item in made_of if item for key in (item.code, item.versions, item.profile) if key}
        return await asyncio.to_thread(self._shared.get, keys) if keys else {}

    def _read(self, run: RunRecord, info: PipelineInfo, profile: Profile | None, secrets: Mapping[str, str]) -> Making:
        code = self._code(info)
        key, versions = self._versions.of('', _stamp_of_packages())
        documents = {key_of(code): code, key: versions}
        made_of = MadeOf(
            code=key_of(code),
            versions=key,
            inputs=tuple(_inputs_of(run, info)),
            free_bytes=free_bytes(self._folders.root),
        )
        if profile is not None:
            digests = self._digests_of_profile(profile, secrets)
            documents[key_of(digests)] = digests
            made_of = made_of.changed(profile=key_of(digests))
        return Making(made_of, documents)

    def _code(self, info: PipelineInfo) -> dict[str, str]:
        if info.file is None or info.origin is None:
            path = built_in_file(info.name)
            return {f'{info.name} of Synapse': self._digest(str(path))}
        # The name of a snapshot is its digest.
        return {info.origin: Path(info.file).stem[:16]} | {path: self._digest(path) for path in info.helpers}

    def _digest(self, path: str) -> str:
        return str(self._digests.of(path, _stamp(path)))

    def _digests_of_profile(self, profile: Profile, secrets: Mapping[str, str]) -> dict[str, Any]:
        digest = self._catalog.seal.digest
        return {
            'id': profile.id,
            'key': digest(''),
            'destination': digest(profile.destination),
            'defaults': {name: digest(value) for name, value in profile.defaults.items()},
            'secrets': {name: digest(value) for name, value in secrets.items()},
        }


class _Known:
    """Results by what they are about, each for as long as its stamp stays the same."""

    def __init__(self, read: Callable[[str], Any]) -> None:
        self._read = read
        self._known: dict[str, tuple[Any, Any]] = {}

    def of(self, what: str, stamp: Any) -> Any:
        known = self._known.get(what)
        if known is None or known[0] != stamp:
            known = self._known[what] = (stamp, self._read(what))
        return known[1]


def _keyed(document: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return key_of(document), document


def _stamp(path: str) -> tuple[int, ...]:
    try:
        known = Path(path).stat()
    except OSError:
        return ()
    return known.st_mtime_ns, known.st_size, known.st_ino


def _digest_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:
        return ''


# Packages


def _stamp_of_packages() -> list[tuple[str, tuple[int, ...]]]:
    """Return what differs when a package was installed, updated or removed: that renames a folder."""
    return [(path, _stamp(path)) for path in sys.path if path]


def _versions() -> dict[str, Any]:
    packages = dict(sorted(found for path in reversed(sys.path) if path for found in _packages_in(path)))
    return {'python': platform.python_version(), 'synapse': __version__, 'packages': packages}


def _packages_in(folder: str) -> Iterator[tuple[str, str]]:
    """Yield name and version of each installed package, from the names of `*.dist-info` and `*.egg-info` (PEP 376)."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            stem, _, kind = entry.name.rpartition('.')
            name, _, version = stem.partition('-')
            if kind in ('dist-info', 'egg-info') and version:
                yield name.replace('_', '-').lower(), version.partition('-py')[0]


# Input files


def _inputs_of(run: RunRecord, info: PipelineInfo) -> Iterator[InputFile]:
    """Yield the first files among the parameters, and the scripts among the words of a command."""
    found = [*inputs.files_among(info.schema, run.parameters)]
    if run.pipeline in COMMANDS:
        found += [('command', path) for path in _scripts_in(run.parameters)]
    seen = 0
    for name, path in dict.fromkeys(found):
        file = read_input(name, path)
        if file is not None:
            yield file
            seen += 1
        if seen == MOST_INPUTS:
            return


def read_input(name: str, path: Path) -> InputFile | None:
    """Return a file as it is now, None if there is none; of folders and devices nothing is known."""
    try:
        known = path.stat()
        if not stat.S_ISREG(known.st_mode) or str(path).startswith(_NO_FILES):
            return None
        digest = _digest_of_ends(path, known.st_size)
    except (OSError, ValueError):
        return None
    changed_at = datetime.fromtimestamp(known.st_mtime_ns // 1000 / 1_000_000, UTC)
    return InputFile(name=name, path=str(path), size=known.st_size, changed_at=changed_at, digest=digest)


def _digest_of_ends(path: Path, size: int) -> str:
    digest = hashlib.sha256(str(size).encode())
    with path.open('rb') as file:
        digest.update(file.read(END_BYTES))
        if size > END_BYTES:
            file.seek(max(END_BYTES, size - END_BYTES))
            digest.update(file.read(END_BYTES))
    return digest.hexdigest()[:16]


def _scripts_in(parameters: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the paths that the words of a command may be."""
    command = parameters.get('command') or []
    words = command if isinstance(command, list) else [command]
    if len(words) == 1:  # a line for a shell
        with suppress(ValueError):
            words = shlex.split(str(words[0]))
    folder = Path(str(parameters.get('cwd') or '/'))
    for word in words[:MOST_WORDS]:
        path = folder / str(word)
        if Path(str(word)).is_absolute() or parameters.get('cwd'):
            yield path
