"""What of a data folder a backup has: what always, what by choice, what only with a passphrase, and what never."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from storage.folders import folder_size
from synapse.language import N_

TOP = 'synapse-backup'
"""The folder in the archive."""
DATA = f'{TOP}/data'
ABOUT, SECRETS, SUMS = f'{TOP}/about.json', f'{TOP}/secrets.sealed', f'{TOP}/SHA256SUMS'

FOLDER = 'backups'
"""Where backups are kept, in the data folder."""

DATABASES = ('runs.db', 'logs.db')
DOCUMENTS = (
    'events.json',
    'profiles.json',
    'settings.json',
    'watches.json',
    'notifications.json',
    'alerts.json',
    'tokens.json',
)
SMALL = ('queue.json', 'zones.json', 'known_hosts')
SECRET = ('secrets.json', 'secrets.key', 'token', 'feed', 'password')
"""Files that hold secrets, or open them; with a passphrase only."""
PIPELINES = 'pipelines'
_NEVER = (
    'secret.key',  # it would sign in whoever has it; another one is made
    'sessions.json',  # browsers that were signed out since would be signed in again
    'damage.json',
    'interrupted.json',
    'restored.json',
    'restore.json',
    'lock',
    'lock.json',
    'url',
    'tls.pem',
    'room',
    'alive',
    'sample',
    'old_passwords.json',
    'ui',
    'cache',
    FOLDER,
)
_KNOWN = (*DATABASES, *DOCUMENTS, *SMALL, *SECRET, *_NEVER)
ASIDE = 'before-restore-'
"""How folders begin in which a restore has set aside what was there."""
READY, UNPACKING = 'restore-ready', 'restore.part'


class Choice(StrEnum):
    """What may be large, and is in a backup by choice."""

    RUNS = 'runs'
    """The folders of runs: outputs, inputs, and what a retry needs."""
    INBOX = 'inbox'
    OTHERS = 'others'
    """What a person has put into the data folder."""


EVERYTHING = tuple(Choice)

WORDS = {
    Choice.RUNS: N_('the files of runs'),
    Choice.INBOX: N_('the files in the inbox'),
    Choice.OTHERS: N_('other files in the data folder'),
}
SECRETS_WORDS = (
    N_('the secrets of profiles'),
    N_('secrets among the parameters of runs and events'),
    N_('addresses of notifications and of subscribed calendars'),
    N_('the token of scripts, the password and the secret address of the calendar'),
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many bytes there are now, before they are packed."""

    always: int
    runs: int
    inbox: int
    others: int

    def of_one(self, choice: Choice) -> int:
        return {Choice.RUNS: self.runs, Choice.INBOX: self.inbox, Choice.OTHERS: self.others}[choice]

    def of(self, choices: Iterable[Choice]) -> int:
        """Return the bytes of a backup with these, before it is packed."""
        return self.always + sum(self.of_one(choice) for choice in choices)


def measure(data: Path, keep_going: Callable[[], bool] = lambda: True) -> Sizes:
    """Return what a backup would have. Reads every folder; call it in a thread."""

    def total(paths: Iterable[Path]) -> int:
        return sum(_size(path, keep_going) for path in paths)

    always = (*DATABASES, *DOCUMENTS, *SMALL, PIPELINES)
    return Sizes(
        always=total(data / name for name in always),
        runs=total([data / Choice.RUNS]),
        inbox=total([data / Choice.INBOX]),
        others=total(data / name for name in others_in(data)),
    )


def sidecar_of(backup: Path) -> Path:
    """The file beside a backup with its checksum: it was read back."""
    return backup.with_name(f'{backup.name}.json')


def others_in(data: Path) -> Iterator[str]:
    """Yield the names of what is not ours in a data folder.

    Whatever begins like a file of ours belongs to it, such as a copy of a key or a database that was set aside.
    """
    for entry in sorted(path.name for path in data.iterdir()):
        is_ours = any(entry == name or entry.startswith((f'{name}.', f'{name}-')) for name in _KNOWN)
        is_ours = is_ours or entry in (PIPELINES, Choice.RUNS, Choice.INBOX, READY) or entry.startswith(ASIDE)
        if not is_ours and not entry.endswith(('.part', '.tmp')) and entry != '.writable':
            yield entry


def _size(path: Path, keep_going: Callable[[], bool]) -> int:
    with contextlib.suppress(OSError):
        return folder_size(path, should_continue=keep_going) if path.is_dir() else path.stat().st_size
    return 0
