"""Moves user and password out of the addresses that earlier builds saved with them: into the secrets of the profile."""

import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from storage.documents import Documents
from storage.files import StorageError, write_atomically
from storage.journal import Document
from storage.logs.rewriting import mapped
from storage.logs.store import LogStore
from storage.recovery import GENERATIONS
from storage.runs import RunStore
from synapse.language import N_, _, _n

from .destinations.address import passwords_in, without_login
from .scrubber import HIDDEN, Scrubber, forms_of, masked

log = logging.getLogger(__name__)


def move_old_logins(
    data: Path, *, profiles: Documents, events: Documents, runs: RunStore, alerts: Documents, logs: LogStore
) -> str:
    """Rewrite what has a login in an address; afterwards there is nothing to move. Reads and writes the disk.

    A profile that has a password already keeps it. Those of runs that have ended are removed. Then all these passwords
    are erased from the log, the runs and the alerts; if the process dies before that is done, the next start does it.

    :return: a sentence about what was erased, empty if there was nothing to do
    :raises storage.files.StorageError: if the disk refuses
    """
    secrets = _read(data / 'secrets.json')
    if secrets is None:
        return ''  # it is set aside and reported by whoever needs it
    passwords = _Passwords(data / 'old_passwords.json')
    moved = {
        'profiles.json': _moved(profiles, 'defaults', secrets, passwords, owner='id'),
        'events.json': _moved(events, 'parameters', secrets, passwords, owner='profile'),
    }
    if any(moved.values()):
        document = {'version': 1, 'secrets': secrets}
        write_atomically(data / 'secrets.json', json.dumps(document, indent=1, ensure_ascii=False).encode(), mode=0o600)
        for documents, name in ((profiles, 'profiles.json'), (events, 'events.json')):
            if moved[name]:
                documents.change(moved[name])
                documents.forget_changes()
                _mask_generations(data / name)
    for id in runs.rewrite('://', lambda run: _without_logins(run, passwords), once=True):
        _clean_checkpoint(data / 'runs' / id / 'checkpoint.json', passwords)
    if not passwords.known:
        return ''
    try:
        done = _erase(passwords.known, runs, alerts, logs)
    except StorageError as error:
        return _(
            'Passwords from addresses could not be erased everywhere; the next start tries again: {error}', error=error
        )
    passwords.forget()
    return done


class _Passwords:
    """Those to erase, in a private file until that is done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.known: set[str] = set()
        with contextlib.suppress(OSError, ValueError, TypeError):
            self.known = {str(password) for password in json.loads(path.read_bytes())}

    def add(self, address: str) -> None:
        """Add the password in an address; it is on disk when this returns."""
        found = passwords_in(address)
        if not found <= self.known:
            self.known |= found
            write_atomically(self._path, json.dumps(sorted(self.known)).encode(), mode=0o600)

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)


def _erase(passwords: set[str], runs: RunStore, alerts: Documents, logs: LogStore) -> str:
    """Erase the passwords wherever earlier builds have written them, and say where that was."""
    scrubber = Scrubber()
    scrubber.hide('old', passwords)
    forms = sorted({form for password in passwords for form in forms_of(password)})
    lines = logs.rewrite(forms, scrubber.text)
    in_runs = {id for form in forms for id in runs.rewrite(form, lambda run: _scrubbed(run, scrubber.text, forms))}
    in_alerts = _erase_from_alerts(alerts, scrubber.text)
    return _(
        'Passwords that earlier versions kept in addresses were erased from {lines}, {runs} and {alerts}.',
        lines=_n('{count} log line', '{count} log lines', lines),
        runs=_n('{count} run', '{count} runs', len(in_runs)),
        alerts=_n('{count} alert', '{count} alerts', in_alerts),
    )


def _scrubbed(run: Document, scrub: Callable[[str], str], forms: list[str]) -> Document:
    """Return a run without passwords; the parameters of one that has not ended are still needed as they are."""
    after: Document = _changed(run, ('error', 'because', 'subject'), scrub)
    if run.get('steps'):
        after['steps'] = [_changed(step, ('error', 'note'), scrub) for step in run['steps']]
    if run.get('finished_at'):
        after = _changed(after, ('parameters',), lambda text: _without_password(text, forms))
    return after


def _changed(document: Any, names: tuple[str, ...], change: Callable[[str], str]) -> Any:
    if not isinstance(document, dict):
        return document
    return document | {name: mapped(document[name], change) for name in names if name in document}


def _without_password(text: str, forms: list[str]) -> str:
    """Return a value without a password as a whole or in a login: elsewhere in a path it may be any word."""
    if text in forms:
        return HIDDEN
    for form in forms:
        text = text.replace(f':{form}@', f':{HIDDEN}@')
    return text


def _erase_from_alerts(alerts: Documents, scrub: Callable[[str], str]) -> int:
    before = (alerts.get('alerts') or {}).get('items') or []
    after = [_changed(alert, ('title', 'text'), scrub) for alert in before]
    for _each in range(GENERATIONS if before else 0):  # so that no older copy of the file has them either
        alerts.put('alerts', {'items': after})
    return sum(new != old for new, old in zip(after, before, strict=True))


def _read(path: Path) -> dict[str, dict[str, str]] | None:
    try:
        secrets = json.loads(path.read_bytes())['secrets']
        return {str(id): dict(values) for id, values in secrets.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _moved(
    documents: Documents, field: str, secrets: dict[str, dict[str, str]], passwords: _Passwords, *, owner: str
) -> dict[str, Document]:
    """Return the documents that had a login, without it, and add it to the secrets of their profile."""
    changed = {}
    for document in documents.all() if documents.has_text('://') else ():
        after, found = _cleaned(document, field, passwords)
        if after == document:
            continue
        changed[str(document['id'])] = after
        own = secrets.setdefault(str(document.get(owner) or 'default'), {})
        if 'destination_password' not in own:
            own.update(found)
        log.warning(N_('the password in an address of %s was moved to the secrets of its profile'), document['id'])
    return changed


def _cleaned(document: Document, field: str, passwords: _Passwords) -> tuple[Document, dict[str, str]]:
    """Return a document without the logins in its own destination and in that among the values of `field`."""
    found: dict[str, str] = {}
    after = dict(document)
    values = document.get(field)
    if isinstance(values, Mapping) and isinstance(values.get('destination'), str):
        passwords.add(values['destination'])
        address, found = without_login(values['destination'])
        after[field] = {**values, 'destination': address}
    if isinstance(document.get('destination'), str):
        passwords.add(document['destination'])
        address, own = without_login(document['destination'])
        after['destination'], found = address, found | own
    return after, found


def _without_logins(run: Document, passwords: _Passwords) -> Document:
    after, _ = _cleaned(run, 'parameters', passwords)
    return after | {name: _masked(run[name]) for name in ('error', 'steps', 'because', 'subject') if run.get(name)}


def _clean_checkpoint(path: Path, passwords: _Passwords) -> None:
    with contextlib.suppress(OSError, ValueError):
        document = json.loads(path.read_bytes())
        after, _ = _cleaned(document, 'state', passwords)
        if after != document:
            write_atomically(path, json.dumps(after).encode())


def _masked(value: Any) -> Any:
    return json.loads(masked(json.dumps(value, ensure_ascii=False)))


def _mask_generations(path: Path) -> None:
    for number in range(1, GENERATIONS):
        older = path.with_name(f'{path.name}.{number}')
        with contextlib.suppress(FileNotFoundError):
            write_atomically(older, masked(older.read_text(encoding='utf-8')).encode())
