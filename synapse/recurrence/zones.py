"""Time zones by their IANA names."""

import difflib
import zoneinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from synapse import zone_data
from synapse.zone_data import ZoneData

from .rules import RuleError

_NOT_PLACES = ('localtime', 'Factory', 'posixrules')


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
        raise RuleError('timezone', f'There is no time zone {name[:60]!r}. {_hint(name)}')
    return known


@lru_cache(maxsize=1024)
def known_zone(name: str) -> ZoneInfo | None:
    """Return the zone with this name; None if there is none."""
    try:
        return None if name in _NOT_PLACES else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        return None


def city_of(name: str) -> str:
    """Return what people call it: `Berlin` for `Europe/Berlin`, `New York` for `America/New_York`."""
    return name.rpartition('/')[2].replace('_', ' ')


def _hint(name: str) -> str:
    names = [known for known in zone_names() if '/' in known]  # EST is similar to CEST and not what is meant
    by_city = {city_of(known).lower(): known for known in reversed(names)}
    by_name = {known.lower(): known for known in names}
    wanted = name[:60].strip().lower().replace(' ', '_')
    similar = difflib.get_close_matches(wanted, by_name, n=1, cutoff=0.75)
    if similar:
        return f'Did you mean {by_name[similar[0]]}?'
    city = difflib.get_close_matches(city_of(wanted), by_city, n=1, cutoff=0.75 if len(wanted) > 4 else 1)
    return f'Did you mean {by_city[city[0]]}?' if city else 'Use a name like Europe/Berlin.'
