"""Time zones by their IANA names."""

import contextlib
import difflib
import hashlib
import io
import re
import zoneinfo
from collections.abc import Iterator
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from synapse import zone_data
from synapse.language import _
from synapse.zone_data import ZoneData

from .rules import RuleError

_NOT_PLACES = ('localtime', 'Factory', 'posixrules')
_former: dict[str, ZoneInfo] = {}


def use_newest_data() -> ZoneData:
    """Read all zones from the newest data there is; call this before anything asks for a zone."""
    before = zoneinfo.TZPATH
    data = zone_data.use_newest()
    if before != zoneinfo.TZPATH:
        known_zone.cache_clear()
        zone_names.cache_clear()
    return data


@cache
def zone_names() -> list[str]:
    """Return all names to choose from, sorted; without those that mean "this machine" or nothing."""
    return sorted(name for name in available_timezones() if name not in _NOT_PLACES)


def zone(name: str) -> ZoneInfo:
    """Return the zone with this name.

    :raises RuleError: field `timezone`, with the most similar name as a hint
    """
    known = known_zone(name)
    if known is None:
        unknown = _('There is no time zone {name!r}.', name=name[:60])
        raise RuleError('timezone', f'{unknown} {_hint(name)}')
    return known


@lru_cache(maxsize=1024)
def known_zone(name: str) -> ZoneInfo | None:
    """Return the zone with this name; None if there is none."""
    if name in _former:
        return _former[name]
    try:
        return None if name in _NOT_PLACES else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        return None


@contextlib.contextmanager
def former_zone(name: str, content: bytes) -> Iterator[str]:
    """Make a zone file of earlier data a zone for a while; yields the name that plans use for it.

    :raises ValueError: if it isn't a zone file
    """
    known = f'former/{hashlib.sha256(content).hexdigest()[:16]}/{name}'  # others cache by name
    _former[known] = ZoneInfo.from_file(io.BytesIO(content), key=name)
    try:
        yield known
    finally:
        del _former[known]
        known_zone.cache_clear()


def city_of(name: str) -> str:
    """Return what people call it: `Berlin` for `Europe/Berlin`, `New York` for `America/New_York`."""
    return name.rpartition('/')[2].replace('_', ' ')


def _hint(name: str) -> str:
    offset = re.fullmatch(r'(?:GMT|UTC|UT)?\s*([+-])\s*(\d{1,2})(?::?00)?', name.strip(), re.IGNORECASE)
    if offset is not None:
        known = f'Etc/GMT{"-" if offset[1] == "+" else "+"}{int(offset[2])}'
        if known_zone(known) is not None:
            hours = int(offset[2])
            if offset[1] == '+':
                return _(
                    'For {hours} h ahead of UTC all year, use {name}; where clocks change, a place like Europe/Berlin.',
                    hours=hours,
                    name=known,
                )
            return _(
                'For {hours} h behind UTC all year, use {name}; where clocks change, a place like Europe/Berlin.',
                hours=hours,
                name=known,
            )
    names = [known for known in zone_names() if '/' in known]  # EST is similar to CEST and not what is meant
    by_city = {city_of(known).lower(): known for known in reversed(names)}
    by_name = {known.lower(): known for known in names}
    wanted = name[:60].strip().lower().replace(' ', '_')
    similar = difflib.get_close_matches(wanted, by_name, n=1, cutoff=0.75)
    if similar:
        return _('Did you mean {name}?', name=by_name[similar[0]])
    city = difflib.get_close_matches(city_of(wanted), by_city, n=1, cutoff=0.75 if len(wanted) > 4 else 1)
    return _('Did you mean {name}?', name=by_city[city[0]]) if city else _('Use a name like Europe/Berlin.')
