"""Which time-zone data is used: the newest among the system's files and the `tzdata` package.

zoneinfo uses the first folder that has a zone, and the system's come first however old they are: after a newer clock
change, times would be an hour off. The choice is made once, before any zone is read, and passed on to run hosts.
"""

import importlib
import os
import re
import zoneinfo
from dataclasses import dataclass
from pathlib import Path

from synapse.language import N_

TZPATH = 'SYNAPSE_TZPATH'
"""Passes the folders to a run host, which removes it before a step runs: programs of steps see the person's own."""


@dataclass(frozen=True, slots=True)
class ZoneData:
    """Where zone files come from, and their version, such as `2026f`; None if unknown."""

    version: str | None
    source: str

    def as_json(self) -> dict[str, str | None]:
        """Return the `timezone_data` of the status."""
        return {'version': self.version, 'source': self.source}


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str
    version: str | None
    is_package: bool = False

    @property
    def release(self) -> tuple[int, int, str]:
        """A sort key for versions: unknown, 2025b, 2026a, ..., 2026z, 2026za."""
        if self.version is None:
            return 0, 0, ''
        letters = self.version[4:]
        return int(self.version[:4]), len(letters), letters


def use_newest() -> ZoneData:
    """Read all zones from the newest data from now on, and return where that is.

    Data of unknown version counts as the oldest, unless a person chose it with PYTHONTZPATH: then as the newest. Of the
    same version, the system's data is used.
    """
    package = _package()
    system = (path for path in zoneinfo.TZPATH if path not in {folder.path for folder in package})
    folders = [*(_Folder(path, version_of(Path(path))) for path in system), *package]
    newest = [folder for folder in folders if _has_zones(Path(folder.path))]
    is_chosen = newest and newest[0].version is None and os.environ.get('PYTHONTZPATH') and not newest[0].is_package
    if not is_chosen:
        newest.sort(key=lambda folder: folder.release, reverse=True)  # stable: the first of equals
    paths = tuple(folder.path for folder in newest)
    if paths != zoneinfo.TZPATH:
        use(paths)
    if not newest:
        return ZoneData(None, N_('nothing: only UTC is known'))
    first = newest[0]
    return ZoneData(first.version, N_('tzdata package') if first.is_package else first.path)


def use(paths: tuple[str, ...]) -> None:
    """Read each zone from the first of these folders that has it; zones read before are forgotten."""
    zoneinfo.reset_tzpath(to=[path for path in paths if Path(path).is_absolute()])
    zoneinfo.ZoneInfo.clear_cache()


def environment_for_host() -> dict[str, str]:
    """Return the variables with which a run host reads the same data."""
    return {TZPATH: os.pathsep.join(zoneinfo.TZPATH)}


def adopt_from_environment() -> None:
    """In a run host, read the same data as the control room, and remove the variable that said so."""
    paths = os.environ.pop(TZPATH, None)
    if paths is not None:
        use(tuple(filter(None, paths.split(os.pathsep))))


def content_of(name: str) -> bytes | None:
    """Return the zone file (RFC 8536) that is read for a zone; None if there is none."""
    for folder in zoneinfo.TZPATH:
        try:
            return Path(folder, name).read_bytes()
        except OSError:
            continue
    return None


def version_of(folder: Path) -> str | None:
    """Return the version of a folder of zone files, from `tzdata.zi` or, on BSD, `+VERSION`; None if unknown."""
    for name, pattern in (('tzdata.zi', r'#\s*version\s+(\d{4}[a-z]+)'), ('+VERSION', r'\s*(\d{4}[a-z]+)')):
        try:
            with (folder / name).open(encoding='utf-8', errors='replace') as file:
                found = re.match(pattern, file.readline(200))
        except OSError:
            continue
        if found:
            return found[1]
    return None


def _package() -> list[_Folder]:
    """Return the folder of the `tzdata` package; empty if it isn't installed."""
    try:
        module = importlib.import_module('tzdata')
    except ImportError:
        return []
    folder = Path(str(module.__file__)).parent / 'zoneinfo'
    # Not the version of the package, which is 2026.6 for 2026f.
    return [_Folder(str(folder), getattr(module, 'IANA_VERSION', None) or version_of(folder), is_package=True)]


def _has_zones(folder: Path) -> bool:
    """Whether it has any zones; every set of zone files has some of these four."""
    return any((folder / name).exists() for name in ('UTC', 'Etc/UTC', 'Europe', 'America'))
