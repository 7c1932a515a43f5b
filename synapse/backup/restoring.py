"""Makes a data folder of a backup, beside the one that is used: checked, settled, and complete before it is swapped in.

What had not ended in the backup may have ended since then, or be done elsewhere: so runs that were waiting or at work
come back as interrupted, and nothing starts by itself that is from before.
"""

import json
import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from storage.documents import Documents, NewerSchema
from storage.files import DiskFull, StorageError, make_private_folder, named_errors, sync_folder, write_atomically
from storage.folders import remove_folder
from storage.foreign_words import text_of
from storage.ledger import Ledger
from storage.logs.store import LogStore
from storage.online_copy import NotWhole, check_database
from storage.runs import RunStore
from synapse.archives.packing import DamagedArchive, InputFailed, Unpacker
from synapse.archives.restoring import DiskRefused, Restorer
from synapse.errors import Invalid
from synapse.language import N_, _, own, own_language, translated
from synapse.records import Problem
from synapse.restored import Restored
from synapse.runs.records import RunRecord, RunState
from synapse.runs.transitions import ended
from synapse.sizes import size_of

from .about import About
from .checking import MOST_SECRETS, Checked, NotABackup, check, read_about, read_member
from .contents import DATA, DATABASES, DOCUMENTS, PIPELINES, READY, SECRET, SECRETS, UNPACKING, Choice
from .making import SUBSCRIPTIONS
from .progress import Progress
from .sealing import WrongPassphrase, unseal
from .swapping import forget

_OUTBOX = 'outbox'
"""The document of notifications that were still to be sent."""
_SPARE_BYTES = 64 * 1024**2
WAS_WAITING = N_('It was waiting when the backup was made that Synapse was restored from. It may have run since then.')
WAS_AT_WORK = N_(
    'It had not ended when the backup was made that Synapse was restored from. It may have ended since then.'
)


def prepare(file: Path, data: Path, progress: Progress, now: datetime, *, passphrase: str | None = None) -> Restored:
    """Unpack a backup beside what is in a data folder, ready to be swapped in. Call it in a thread.

    :param passphrase: opens the secrets; None leaves them out
    :raises NotABackup: if the file is damaged, no backup or from a newer build; nothing was written then
    :raises Invalid: for `passphrase`, if it is wrong; nothing was written then
    :raises DiskFull: if there is no room; nothing is left then
    :raises Cancelled: if `progress` was; nothing is left then
    """
    secrets = _secrets_in(file, read_about(file), passphrase)
    checked = check(file, progress)
    unpacking = data / UNPACKING
    try:
        make_private_folder(unpacking)
        _unpack(file, checked, unpacking, progress)
        tree = unpacking / DATA
        restored = Restored(
            backup=file.name,
            made_at=checked.about.made_at,
            restored_at=now,
            secrets='left out' if secrets is None else 'restored',
            left_out=checked.about.left_out,
            interrupted=_settled(file, tree, checked.about.made_at),
        )
        if secrets is not None:
            _put_secrets(tree, secrets)
        restored.write(tree)
        _sync()
        with named_errors(data):
            forget(data)
            unpacking.replace(data / READY)
            sync_folder(data)
    finally:
        if unpacking.exists():
            remove_folder(unpacking)
    return restored


def _secrets_in(file: Path, about: About, passphrase: str | None) -> Mapping[str, bytes] | None:
    if about.lock is None or passphrase is None:
        return None
    try:
        found = unseal(about.lock, read_member(file, SECRETS, MOST_SECRETS), passphrase)
    except WrongPassphrase as error:
        raise Invalid(text_of(error), {'passphrase': text_of(error)}, code='wrong_passphrase') from error
    return {name: content for name, content in found.items() if name in (*SECRET, SUBSCRIPTIONS)}


def _unpack(file: Path, checked: Checked, folder: Path, progress: Progress) -> None:
    if shutil.disk_usage(folder).free < checked.unpacked + _SPARE_BYTES:
        raise DiskFull(_('The backup needs {size}, and the disk has less room.', size=size_of(checked.unpacked)))
    progress.enter('Unpacking', checked.size)
    restorer = Restorer(folder, is_wanted=lambda name: name.startswith(f'{DATA}/') or name == DATA, sums={})
    try:
        with file.open('rb') as packed:
            archive = Unpacker(packed, progress.at)
            restorer.unpack(archive)
        if restorer.needs_copies:
            with file.open('rb') as packed:
                restorer.unpack_copies(Unpacker(packed))
        restorer.finish()
    except DiskRefused as error:
        text = _('The backup could not be unpacked: {reason}. Nothing of it was kept.', reason=error)
        raise DiskFull(text) from error
    except (DamagedArchive, InputFailed, OSError) as error:
        raise NotABackup(_('{name} could not be unpacked: {reason}.', name=file.name, reason=error)) from error
    finally:
        restorer.close()
    if archive.digest.hexdigest() != checked.sha256:
        raise NotABackup(_('{name} was changed while it was read.', name=file.name))
    if restorer.restored.failed:
        name, why = next(iter(restorer.restored.failed.items()))
        raise StorageError(_('{name} of the backup could not be unpacked: {reason}.', name=name, reason=why))


def _settled(file: Path, tree: Path, made_at: datetime) -> int:
    """Open everything as a start would, so that what cannot be used is not swapped in; end what had not ended.

    :return: how many runs that were
    """
    with named_errors(tree):
        tree.chmod(0o700)
    for name in (Choice.RUNS, Choice.INBOX, PIPELINES):
        make_private_folder(tree / name)
    try:
        for name in DATABASES:
            if (tree / name).exists():
                check_database(tree / name)
        for name in DOCUMENTS:
            Documents(tree / name).close()
        LogStore(tree / 'logs.db').close()
        runs = RunStore(tree / 'runs.db')
        try:
            count = _end_all(runs, made_at)
            _retry_nothing(Ledger(runs))
        finally:
            runs.close()
    except NewerSchema as error:
        raise NotABackup(
            _('{name} is from a newer Synapse: {reason}', name=file.name, reason=error),
            _('Update Synapse, then restore it.'),
        ) from error
    except NotWhole as error:
        raise NotABackup(
            _('{name} has a database that is not whole: {reason}.', name=file.name, reason=error)
        ) from error
    outgoing = Documents(tree / 'notifications.json')
    outgoing.remove(_OUTBOX)  # told already, most likely
    outgoing.close()
    return count


def _end_all(runs: RunStore, made_at: datetime) -> int:
    unfinished = runs.with_states([RunState.QUEUED, RunState.RUNNING, RunState.PAUSED])
    for document in unfinished:
        run = RunRecord.model_validate(document)
        words = WAS_WAITING if run.state is RunState.QUEUED else WAS_AT_WORK
        hint = own(_('Look what became of it, then retry it if needed.'))
        error = Problem(message=translated(words, own_language()), hint=hint, type='interrupted')
        at = max(made_at, run.started_at or run.created_at)
        runs.save(ended(run, RunState.INTERRUPTED, at, error=error).as_json())
    return len(unfinished)


def _retry_nothing(ledger: Ledger) -> None:
    """Take back the retries that events had planned: they have been made, most likely."""
    ledger.save([row | {'retry_at': None} for row in ledger.to_retry()])


def _put_secrets(tree: Path, secrets: Mapping[str, bytes]) -> None:
    for name, content in secrets.items():
        if name in SECRET:
            write_atomically(tree / name, content)
    if SUBSCRIPTIONS in secrets:
        settings = Documents(tree / 'settings.json')
        settings.put(SUBSCRIPTIONS, json.loads(secrets[SUBSCRIPTIONS]))
        settings.close()


def _sync() -> None:
    """Have everything on disk before it counts as ready: thousands of files at once, not one by one."""
    if hasattr(os, 'sync'):
        os.sync()
