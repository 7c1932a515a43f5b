"""What was found damaged when a file was opened: it is kept under another name, and what can be read is recovered."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .files import named_errors, sync_folder
from .texts import _, joined

KEPT_ASIDE = 5
"""How many damaged files of each name are kept; the oldest go first."""
MARK = '.corrupt-'
_PARTS = ('-wal', '-shm', '')


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged file, in sentences for people."""

    file: str
    """Its name."""
    kept_as: str = ''
    """The name under which the damaged file is kept; empty if there was nothing to keep."""
    recovered: str = ''
    missing: str = ''
    """What may be missing; empty if nothing is."""
    hint: str = ''
    """What to do now; empty if there is nothing to do."""

    @property
    def sentence(self) -> str:
        found = kept_aside(self.file, self.kept_as) if self.kept_as else _('{name} is gone or empty.', name=self.file)
        return joined(found, self.recovered, self.missing, self.hint)


def kept_aside(name: str, aside: str) -> str:
    """Return what to say of a damaged file that is kept under another name."""
    return _('{name} could not be read; it is kept as {aside}.', name=name, aside=aside)


def path_aside(path: Path) -> Path:
    """Return a new name beside `path`, under which an unreadable file is kept."""
    return path.with_name(f'{path.name}{MARK}{datetime.now(UTC):%Y%m%dT%H%M%S.%f}')


def set_aside(path: Path) -> Path:
    """Rename a damaged file, with the journals of a database, and return its new name.

    :raises StorageError: if the disk refuses
    """
    aside = path_aside(path)
    with named_errors(path):
        for part in _PARTS:
            if (found := path.with_name(path.name + part)).exists():
                found.replace(aside.with_name(aside.name + part))
        forget_oldest(path)
        sync_folder(path.parent)
    return aside


def forget_oldest(path: Path) -> None:
    """Delete all but the newest five damaged files of this name."""
    for old in asides_of(path)[:-KEPT_ASIDE]:
        for part in _PARTS:
            old.with_name(old.name + part).unlink(missing_ok=True)


def asides_of(path: Path) -> list[Path]:
    """Return what is kept of damaged files of this name, oldest first."""
    return sorted(found for found in path.parent.glob(f'{path.name}{MARK}*') if not found.name.endswith(_PARTS[:2]))
