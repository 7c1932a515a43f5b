"""Moves user and password out of the addresses that earlier builds saved with them: into the secrets of the profile."""

import contextlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storage.documents import GENERATIONS, Document, Documents
from storage.files import write_atomically
from storage.runs import RunStore

from .destinations.address import without_login
from .scrubber import masked

log = logging.getLogger(__name__)


def move_old_logins(data: Path, *, profiles: Documents, events: Documents, runs: RunStore) -> None:
    """Rewrite what has a login in an address; reads and writes the disk, once: afterwards there is nothing to move.

    A profile that has a password already keeps it. Those of runs that have ended are removed.

    :raises storage.files.StorageError: if the disk refuses
    """
    secrets = _read(data / 'secrets.json')
    if secrets is None:
        return  # it is set aside and reported by whoever needs it
    moved = {
        'profiles.json': _moved(profiles, 'defaults', secrets, owner='id'),
        'events.json': _moved(events, 'parameters', secrets, owner='profile'),
    }
    if any(moved.values()):
        document = {'version': 1, 'secrets': secrets}
        write_atomically(data / 'secrets.json', json.dumps(document, indent=1, ensure_ascii=False).encode(), mode=0o600)
        for documents, name in ((profiles, 'profiles.json'), (events, 'events.json')):
            if moved[name]:
                documents.change(moved[name])
                _mask_generations(data / name)
    for id in runs.rewrite('://', _without_logins):
        _clean_checkpoint(data / 'runs' / id / 'checkpoint.json')


def _read(path: Path) -> dict[str, dict[str, str]] | None:
    try:
        secrets = json.loads(path.read_bytes())['secrets']
        return {str(id): dict(values) for id, values in secrets.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _moved(documents: Documents, field: str, secrets: dict[str, dict[str, str]], *, owner: str) -> dict[str, Document]:
    """Return the documents that had a login, without it, and add it to the secrets of their profile."""
    changed = {}
    for document in documents.all() if documents.has_text('://') else ():
        after, found = _cleaned(document, field)
        if after == document:
            continue
        changed[str(document['id'])] = after
        own = secrets.setdefault(str(document.get(owner) or 'default'), {})
        if 'destination_password' not in own:
            own.update(found)
        log.warning('the password in an address of %s was moved to the secrets of its profile', document['id'])
    return changed


def _cleaned(document: Document, field: str) -> tuple[Document, dict[str, str]]:
    """Return a document without the logins in its own destination and in that among the values of `field`."""
    found: dict[str, str] = {}
    after = dict(document)
    values = document.get(field)
    if isinstance(values, Mapping) and isinstance(values.get('destination'), str):
        address, found = without_login(values['destination'])
        after[field] = {**values, 'destination': address}
    if isinstance(document.get('destination'), str):
        address, own = without_login(document['destination'])
        after['destination'], found = address, found | own
    return after, found


def _without_logins(run: Document) -> Document:
    after, _ = _cleaned(run, 'parameters')
    return after | {name: _masked(run[name]) for name in ('error', 'steps', 'because', 'subject') if run.get(name)}


def _clean_checkpoint(path: Path) -> None:
    with contextlib.suppress(OSError, ValueError):
        document = json.loads(path.read_bytes())
        after, _ = _cleaned(document, 'state')
        if after != document:
            write_atomically(path, json.dumps(after).encode())


def _masked(value: Any) -> Any:
    return json.loads(masked(json.dumps(value, ensure_ascii=False)))


def _mask_generations(path: Path) -> None:
    for number in range(1, GENERATIONS):
        older = path.with_name(f'{path.name}.{number}')
        with contextlib.suppress(FileNotFoundError):
            write_atomically(older, masked(older.read_text(encoding='utf-8')).encode())
