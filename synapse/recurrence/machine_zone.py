"""Which time zone this machine is in, by its IANA name, and how that is known.

The calendar needs a name, and not every machine has one: TZ may be a POSIX rule (`JST-9`), and a container often has
a zone file at /etc/localtime without its name. Such a rule or file is compared with all zones, and the one whose
clocks show the same in the coming years is used.
"""

import importlib.resources
import io
import os
import re
import struct
import warnings
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tzlocal

from synapse.language import _

from .wall_time import SECOND, changes_between
from .zones import known_zone, zone_names

COMING = timedelta(days=3653)
"""How far ahead clocks are compared."""
RECENT = timedelta(days=3653)
"""A zone that showed what a rule says for this long is likelier to be meant than one that has just got there."""
SETTLED = timedelta(days=1826)
"""Clock changes this long ago are the same in older and newer data."""
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class MachineZone:
    """The zone, and a sentence that says why it is this one."""

    name: str
    why: str
    is_known: bool = True
    """False if it could not be determined; then it is UTC."""
    is_chosen: bool = False
    """Whether a person chose it, so that it may be another than that of the machine."""

    def as_json(self) -> dict[str, str]:
        """Return the `timezone` of the status."""
        return {'name': self.name, 'why': self.why}


def machine_zone(environ: Mapping[str, str] = os.environ, root: Path = Path('/')) -> MachineZone:
    """Return the zone that is set on this machine now.

    :param root: of the file system with `etc/localtime`, which is used if TZ isn't set
    """
    setting = environ.get('TZ')
    if setting is not None and not setting.strip():
        return MachineZone('UTC', _('TZ is set but empty, which means UTC.'))
    if setting is not None:
        setting = setting.strip()
        return _from_setting(setting.removeprefix(':'), f'TZ={setting[:200]}', root)
    localtime = root / 'etc/localtime'
    if localtime.exists():
        return _from_file(localtime, '/etc/localtime', root)
    return _from_system()


def _from_setting(value: str, shown: str, root: Path) -> MachineZone:
    name = _known(value)
    if name is not None:
        return MachineZone(name, _('{setting} says so.', setting=shown))
    if Path(value).is_absolute():
        return _from_file(Path(value), shown, root)
    rule = posix_zone(value)
    if rule is None:
        return _unknown(_('{setting} is not a time zone', setting=shown))
    name = same_zone(rule)
    if name is None:
        return _unknown(_('No time zone has the rule {setting}', setting=shown))
    why = _('{setting} is a rule without a name; the clocks of {name} show the same.', setting=shown, name=name)
    return MachineZone(name, why)


def _from_file(path: Path, shown: str, root: Path) -> MachineZone:
    try:
        name = _named_by_place(path)
        if name is not None:
            return MachineZone(name, _('{setting} says so.', setting=shown))
        content = path.read_bytes() if path.is_file() else b''
        there = ZoneInfo.from_file(io.BytesIO(content), key='file')
    except Exception:  # there is none, or it is broken in some way
        return _unknown(_('{setting} is not a time zone', setting=shown))
    written = _written_in(root / 'etc/timezone')
    name = _same_file(content, written)
    if name is not None:
        why = _('{setting} has no name, but it is the file of {name}.', setting=shown, name=name)
        return MachineZone(name, why)
    name = same_zone(there, written, has_past=True)
    if name is None:
        return _unknown(_('No time zone matches {setting}', setting=shown))
    return MachineZone(name, _('{setting} has no name; its clocks are those of {name}.', setting=shown, name=name))


def _from_system() -> MachineZone:
    """Return the zone that Windows or another system reports."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # about an offset other than the C library's; the name is right
            name = _known(str(tzlocal.reload_localzone().key))
    except (ZoneInfoNotFoundError, ValueError, AttributeError, OSError):
        name = None
    if name is None:
        return _unknown(_('This machine does not report a time zone'))
    return MachineZone(name, _('This machine says so.'))


def _unknown(problem: str) -> MachineZone:
    reason = _('{problem}, so times are in UTC. Set TZ to a name such as Europe/Berlin.', problem=problem)
    return MachineZone('UTC', reason, is_known=False)


def _known(name: str) -> str | None:
    """Return the name if there is such a zone; all pages say `UTC` for `Etc/UTC`."""
    found = known_zone(name.removeprefix('posix/').removeprefix('right/'))
    if found is None:
        return None
    return 'UTC' if found.key == 'Etc/UTC' else found.key


def _named_by_place(path: Path) -> str | None:
    """Return the zone of a file or link in a folder of zones: the end of its path."""
    if not path.is_symlink() and 'zoneinfo' not in path.parts:
        return None
    parts = path.resolve().parts
    endings = ('/'.join(parts[place:]) for place in range(1, len(parts)))
    return next((name for ending in endings if (name := _known(ending)) is not None), None)


def _written_in(path: Path) -> list[str]:
    """Return the name in /etc/timezone; often another machine's, so it only decides between equal zones."""
    try:
        name = _known(path.read_text(encoding='ascii').strip())
    except (OSError, ValueError):
        name = None
    return [] if name is None else [name]


def posix_zone(rule: str) -> ZoneInfo | None:
    """Return the zone of a rule such as `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX.1, 8.3); None if it cannot be read."""
    if re.fullmatch(r'(<[^>]+>|[A-Za-z]{3,})[-+\d:]+(<[^>]+>|[A-Za-z]{3,})[-+\d:]*', rule):
        rule += ',M3.2.0,M11.1.0'  # the dates that the C library assumes for summer time without any
    # A zone file without clock changes, whose footer has the rule for all coming years: RFC 8536, 3.3.
    head = b'TZif2' + bytes(15) + struct.pack('>6l', 0, 0, 0, 0, 1, 4) + struct.pack('>lbb', 0, 0, 0) + b'UTC\0'
    try:
        return ZoneInfo.from_file(io.BytesIO(head + head + b'\n' + rule.encode() + b'\n'), key='rule') if rule else None
    except (ValueError, struct.error):
        return None


def same_zone(wanted: ZoneInfo, preferred: Sequence[str] = (), *, has_past: bool = False) -> str | None:
    """Return the zone whose clocks show the same in the coming years, preferably with the same letters (`JST`).

    :param has_past: whether to compare the past too, which a rule doesn't have: it distinguishes zones with an equal
        future, and identifies a file whose rules for the coming years are older or newer than ours
    """
    now = datetime.now(UTC).replace(microsecond=0)
    coming = _moments(wanted, now, now + COMING)
    tests = [(coming, _letters), (coming, datetime.utcoffset)]
    if has_past:
        past = _moments(wanted, datetime(1970, 1, 1, tzinfo=UTC), now - SETTLED)
        tests[:0] = [([*coming, *past], _letters), (past, _letters)]
    else:
        tests.insert(0, ([*coming, *_moments(wanted, now - RECENT, now)], _letters))
    names = [*dict.fromkeys([*preferred, *_candidates(is_rule=not has_past)])]
    found = (_first_like(wanted, names, moments, shows) for moments, shows in tests)
    return next((name for name in found if name is not None), None)


def _first_like(
    wanted: ZoneInfo, names: Iterable[str], moments: Sequence[datetime], shows: Callable[[datetime], object]
) -> str | None:
    shown = [(moment, shows(moment.astimezone(wanted))) for moment in moments]
    return next((name for name in names if _shows_all(name, shown, shows)), None)


def _shows_all(name: str, shown: Iterable[tuple[datetime, object]], shows: Callable[[datetime], object]) -> bool:
    there = known_zone(name)  # None if its file is broken
    return there is not None and all(shows(moment.astimezone(there)) == show for moment, show in shown)


def _letters(moment: datetime) -> tuple[timedelta | None, str | None]:
    return moment.utcoffset(), moment.tzname()


def _candidates(*, is_rule: bool) -> Iterator[str]:
    """Yield every zone, the best known first; those without a place come first for a rule, else last."""
    fixed = ['UTC', *(name for name in zone_names() if re.fullmatch(r'Etc/GMT[-+][1-9]\d?', name))]
    places = [name for name in zone_names() if '/' in name and not name.startswith(('Etc/', 'posix/', 'right/', 'US/'))]
    known = set(places)
    if is_rule:
        yield from fixed
    # One zone for each set of clock changes from now on, then one for each since 1970.
    yield from (name for table in ('zonenow.tab', 'zone1970.tab') for name in _listed(table) if name in known)
    yield from places
    yield from fixed


def _listed(table: str) -> list[str]:
    """Return the zones in a table of the tzdata package, in its order."""
    try:
        text = (importlib.resources.files('tzdata') / 'zoneinfo' / table).read_text(encoding='utf-8')
    except (ImportError, OSError):
        return []
    return [line.split('\t')[2] for line in text.splitlines() if line.count('\t') >= 2 and not line.startswith('#')]


def _moments(there: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Return one moment each week, and both sides of each clock change."""
    weeks = [start + number * WEEK for number in range((end - start) // WEEK)]
    changes = [*changes_between(start, end, there)]
    return [*weeks, *changes, *(moment - SECOND for moment in changes)]


def _same_file(content: bytes, preferred: Sequence[str]) -> str | None:
    """Return the zone whose file on this machine has the same content, however old its rules are."""
    names = dict.fromkeys([*preferred, *_candidates(is_rule=False)])
    files = ((name, Path(folder, name)) for name in names for folder in zoneinfo.TZPATH)
    return next((name for name, path in files if _holds(path, content)), None)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False
