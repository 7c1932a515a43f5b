"""Which time-zone data counts: the newest there is, of the system's files and those of the `tzdata` package.

zoneinfo takes the first folder that knows a zone, and the system's come first however old they are: a clock change
that was decided since would be an hour off. Decided once, before any zone is read; the run hosts are told.
"""

import importlib
import os
import re
import zoneinfo
from dataclasses import dataclass
from pathlib import Path

TZPATH = 'SYNAPSE_TZPATH'
"""Tells a run host the folders, and is gone before a step runs: programs of a step see what the person has set."""

Age = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class ZoneData:
    """Where zone files come from, and their version such as `2026f`; None if they do not say."""

    version: str | None
    source: str

    def as_json(self) -> dict[str, str | None]:
        """As `timezone_data` of the status."""
        return {'version': self.version, 'source': self.source}


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str
    version: str | None
    is_package: bool = False

    @property
    def age(self) -> Age:
        return _age(self.version)


def use_newest() -> ZoneData:
    """Have every zone that is read from here on come from the newest data, and say which that is.

    What does not say its version counts as older than all that does. The person who has set PYTHONTZPATH chose: there
    it counts as newer. Of two with the same version the system's is taken.
    """
    package = _package()
    folders = [*(_Folder(path, version_of(Path(path))) for path in _system_paths(package)), *package]
    there = [folder for folder in folders if _has_zones(Path(folder.path))]
    if there and there[0].version is None and os.environ.get('PYTHONTZPATH') and not there[0].is_package:
        newest = there
    else:
        newest = sorted(there, key=lambda folder: folder.age, reverse=True)  # a stable order: the first of equals
    paths = tuple(folder.path for folder in newest)
    if paths != zoneinfo.TZPATH:
        use(paths)
    if not newest:
        return ZoneData(None, 'nothing: only UTC is known')
    first = newest[0]
    return ZoneData(first.version, 'tzdata package' if first.is_package else first.path)


def use(paths: tuple[str, ...]) -> None:
    """Read zones from these folders, the first that knows one; what was read before is forgotten."""
    zoneinfo.reset_tzpath(to=[path for path in paths if Path(path).is_absolute()])
    zoneinfo.ZoneInfo.clear_cache()


def environment_for_host() -> dict[str, str]:
    """What the environment of a run host needs to read the same data."""
    return {TZPATH: os.pathsep.join(zoneinfo.TZPATH)}


def adopt_from_environment() -> None:
    """In a run host: read the data that the control room reads, and leave no trace of having been told."""
    paths = os.environ.pop(TZPATH, None)
    if paths is not None:
        use(tuple(filter(None, paths.split(os.pathsep))))


def version_of(folder: Path) -> str | None:
    """The version that a folder of zone files says it has, as tzdata(5) and the BSDs write it; None if it does not."""
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
    """The zone files of the `tzdata` package; none if it is not there, or not unpacked."""
    try:
        module = importlib.import_module('tzdata')
    except ImportError:
        return []
    folder = Path(str(module.__file__)).parent / 'zoneinfo'
    # Not the version of the package: that of 2026f is 2026.6.
    return [_Folder(str(folder), getattr(module, 'IANA_VERSION', None) or version_of(folder), is_package=True)]


def _system_paths(package: list[_Folder]) -> list[str]:
    own = {folder.path for folder in package}
    return [path for path in zoneinfo.TZPATH if path not in own]


def _has_zones(folder: Path) -> bool:
    """Whether there is any; each of these four is somewhere in every set of zone files."""
    return any((folder / name).exists() for name in ('UTC', 'Etc/UTC', 'Europe', 'America'))


def _age(version: str | None) -> Age:
    """Sorts versions: 2025b, 2026a, ..., 2026z, 2026za."""
    letters = '' if version is None else version[4:]
    return (0, 0, '') if version is None else (int(version[:4]), len(letters), letters)
