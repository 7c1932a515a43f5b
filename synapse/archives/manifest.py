"""The document beside each archive: what it holds, with the checksum of every file."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from synapse import __version__
from synapse.destinations import Destination
from synapse.language import _

ARCHIVE, MANIFEST = '.tar.gz', '.tar.gz.json'
MADE_BY = 'Synapse BackupFolder'
_UNFINISHED = re.compile(
    r'\.(synapse-[0-9a-f]{8}-\d+-\d+-[0-9a-f]{8}|.+-\d{8}T\d{6}Z(-\d+)?\.tar\.gz(\.json)?\.[0-9a-f]{8})\..*', re.DOTALL
)
"""What destinations call a file until it is complete, and what they called an archive before."""


class Archive(BaseModel):
    """One archive as its manifest describes it. What may be long is not part of a saved state."""

    name: str
    folder: str
    created_at: datetime
    size: int = 0
    sha256: str = ''
    files: dict[str, str] = Field(default={}, exclude=True)
    """SHA-256 of each file, by its path in the archive."""
    vanished: list[str] = Field(default=[], exclude=True)
    """Paths in the folder of what was removed before it could be read, and is missing."""
    changed: list[str] = Field(default=[], exclude=True)
    """Paths of what was written to while it was read."""
    unreadable: list[str] = Field(default=[], exclude=True)
    """Paths of what the disk refused to give: missing, or filled up with zeros."""


_START = b'{'
_LISTS = ('vanished', 'changed', 'unreadable')


def manifest_of(archive: Archive, **more: Any) -> bytes:
    """Return the manifest as a JSON document with a line for each file, before the archive is verified.

    Names that aren't UTF-8 are written as Python has them, with an escaped surrogate for each odd byte.
    """
    document = {'made_by': MADE_BY, 'version': __version__, **more, **archive.model_dump(mode='json')}
    document |= {name: getattr(archive, name) for name in _LISTS} | {'files': archive.files}
    # With `indent` it would take a slower encoder, several seconds for a million files.
    text = json.dumps(document, ensure_ascii=False, separators=(',\n', ': '))
    return text.encode('utf-8', 'backslashreplace')


def verified(manifest: bytes, at: datetime) -> bytes:
    """Return the manifest of an archive that was read back; it may have a million lines, so it isn't made again."""
    return manifest.replace(_START, _START + f'"verified_at": "{at.isoformat(timespec="milliseconds")}",\n'.encode(), 1)


def archive_in(document: bytes, *, with_files: bool = True) -> Archive:
    """Return the archive that a manifest describes, without `files` in a fraction of the time.

    :raises ValueError: if it isn't one of our manifests
    """
    try:
        values = json.loads(document if with_files else _without_files(document))
        if values.get('made_by') != MADE_BY:
            raise ValueError(_('it was not made by a backup'))
        known = {name: values[name] for name in ('name', 'folder', 'created_at', 'size', 'sha256')}
        archive = Archive.model_validate(known)
        # Pydantic takes no names that aren't UTF-8.
        archive.files = {str(name): str(digest) for name, digest in values['files'].items()}
        for name in _LISTS:
            setattr(archive, name, [str(path) for path in values.get(name, [])])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(_('it has no {error}', error=error)) from error
    return archive


def _without_files(document: bytes) -> bytes:
    """Cut off the last value; in the text of another its name would have its quotes escaped."""
    head, files, __ = document.partition(b'"files": {')
    return head + files + b'}}' if files else document


def read_manifest(destination: Destination, name: str, *, with_files: bool = True) -> Archive | None:
    """Return the archive that a file in the destination describes, None if it isn't its manifest."""
    archive = _read(destination, name, with_files=with_files)
    return archive if archive is not None and f'{archive.name}.json' == name else None


def find_manifest(destination: Destination, name: str, checksum: Callable[[], str]) -> tuple[Archive | None, str]:
    """Return the manifest of an archive, or None and why it has none.

    Where the archive was renamed, a manifest of another name is its own if it has its checksum.

    :param checksum: returns the SHA-256 of the archive; called only if it is needed
    """
    names = set(destination.names())
    own = f'{name}.json'
    found = _read(destination, own) if own in names else None
    if found is not None and found.name == name:
        return found, ''
    orphans = sorted(item for item in names if item.endswith(MANIFEST) and item.removesuffix('.json') not in names)
    for other in [own] if found is not None else orphans:
        known = _read(destination, other)
        if known is not None and known.sha256 == checksum():
            return known, ''
    return None, _('The manifest {own} is for another archive, {name}', own=own, name=found.name) if found else _(
        '{name} has no manifest', name=name
    )


def _read(destination: Destination, name: str, *, with_files: bool = True) -> Archive | None:
    with destination.open(name) as file:
        data = file.read()
    try:
        return archive_in(data, with_files=with_files)
    except ValueError:
        return None


def archives_in(destination: Destination, prefix: str = '') -> Iterator[Archive]:
    """Yield every archive in a destination that has a manifest, in the order of their names, without its files."""
    for name in destination.names():
        if name.startswith(prefix) and name.endswith(MANIFEST):
            archive = read_manifest(destination, name, with_files=False)
            if archive is not None:
                yield archive


def made_here(destination: Destination, names: list[str]) -> set[str]:
    """Return which files of a destination are archives, their manifests, or unfinished ones of either.

    An archive counts if it has its manifest: what a person has put there is left alone.
    """
    manifests = {
        name for name in names if name.endswith(MANIFEST) and read_manifest(destination, name, with_files=False)
    }
    archives = {name.removesuffix('.json') for name in manifests}
    return manifests | archives | {name for name in names if _UNFINISHED.fullmatch(name)}
