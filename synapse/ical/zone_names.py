"""Which IANA zone a name in a calendar file means: names of the database, of Windows, and as Outlook shows them.

Outlook writes `(UTC-03:00) Brasília` in the language of its user; others write `America-Chicago` or `GMT-0300`.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON
from tzlocal.windows_tz import win_tz

from synapse.recurrence.zones import city_of, zone_names

OF_WINDOWS = {**win_tz, **WINDOWS_TO_OLSON}
"""The second has more places; the first knows the names of 2026 for western Canada."""
REGIONS = ('Africa/', 'America/', 'Asia/', 'Atlantic/', 'Australia/', 'Europe/', 'Indian/', 'Pacific/')

_PREFIX = 'tzone://microsoft/'
_OFFSET = r'(?:UTC|GMT)?\s*([-+−])(\d{1,2})(?::?(\d\d))?'
_SHOWN = re.compile(rf'\(\s*(?:(?:UTC|GMT)|{_OFFSET})\s*\)\s*', re.IGNORECASE)
_SEPARATORS = re.compile(r'[,;/&+]| - | (?:and|und|e|y|et|i|en) ')
_COMPARED_WEEKS = 104


@dataclass(frozen=True, slots=True)
class Named:
    """A zone that a name means."""

    zone: str
    is_similar: bool = False
    """Whether the name is only similar to names of that zone."""


def iana_name(tzid: str) -> str | None:
    """Return the zone with an IANA name, with a vendor prefix or not, or with a Windows name; None if unknown."""
    name = tzid.strip().strip('/')
    if name in known_names():
        return name
    if name in OF_WINDOWS:
        return OF_WINDOWS[name]
    parts = name.split('/')
    endings = ('/'.join(parts[first:]) for first in range(1, len(parts))) if tzid.startswith('/') else ()
    return next((ending for ending in endings if ending in known_names()), None)


@cache
def known_names() -> frozenset[str]:
    """Return the names of all zones."""
    return frozenset(zone_names())


def says_nothing(tzid: str) -> bool:
    """Whether this is what Outlook and Exchange write for any zone without a name."""
    return re.fullmatch(r'customized time zone( \d+)?|custom', _folded(_plain(tzid))) is not None


@lru_cache(maxsize=1024)
def zone_named(tzid: str) -> Named | None:
    """Return the zone that a name means; None if it is unknown, or could be several with different clocks."""
    text = _plain(tzid)[:200]
    unnumbered = re.sub(r'(?<=[A-Za-z)]) \d$', '', text)  # Outlook's for a second one in the same file
    name = iana_name(text) or _by_spelling().get(_folded(text)) or iana_name(unnumbered)
    if name is not None:
        return Named(name)
    shown, place = _split(text)
    if not place:
        return None if shown is None else _fixed(shown)
    found = _one_of(_by_name().get(_folded(place), ()), shown)
    if found is not None:
        return Named(found, is_similar=shown is not None and shown not in _offsets_of(found))
    found = _one_of(_most_named(place, shown), shown)
    return None if found is None else Named(found, is_similar=True)


def _plain(tzid: str) -> str:
    text = tzid.strip().strip('"').strip()
    return text[len(_PREFIX) :] if text.lower().startswith(_PREFIX) else text


def _folded(text: str) -> str:
    """Return the words of a name without case, accents and punctuation."""
    letters = (letter for letter in unicodedata.normalize('NFKD', text) if not unicodedata.combining(letter))
    return ' '.join(re.sub(r'[\W_]+', ' ', ''.join(letters)).casefold().split())


def _split(text: str) -> tuple[timedelta | None, str]:
    """Return the offset from UTC at the start of a name, and the rest.

    >>> _split('(UTC-03:00) Brasília')
    (datetime.timedelta(days=-1, seconds=75600), 'Brasília')
    >>> _split('GMT+0530')
    (datetime.timedelta(seconds=19800), '')
    """
    match = _SHOWN.match(text) or re.fullmatch(_OFFSET, text, re.IGNORECASE)
    if match is None:
        return None, text
    sign, hours, minutes = match.groups()
    length = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return (length if sign in (None, '+') else -length), text[match.end() :].strip()


def _one_of(zones: Iterable[str], offset: timedelta | None) -> str | None:
    """Return the first of these zones if all have the same clocks; those with this offset, if there are any."""
    names = [name for name in zones if name in known_names()]
    if len(names) > 1 and offset is not None:
        names = [name for name in names if offset in _offsets_of(name)] or names
    return names[0] if names and len({_clocks_of(name) for name in names}) == 1 else None


def _most_named(place: str, offset: timedelta | None) -> list[str]:
    """Return the zones with most, and at least half, of the places in a list such as `Berlin, Rom, Wien`."""
    votes: Counter[str] = Counter()
    pieces = _pieces(place)
    for piece in pieces:
        votes.update(_by_piece().get(piece, ()))
    if offset is not None:
        votes = Counter({name: count for name, count in votes.items() if offset in _offsets_of(name)})
    most = max(votes.values(), default=0)
    return [name for name, count in votes.items() if count == most] if 2 * most >= len(pieces) else []


def _pieces(place: str) -> set[str]:
    pieces = {_folded(piece) for piece in _SEPARATORS.split(f' {re.sub(r"[(].*?[)]", " ", place)} ')}
    return {piece.removesuffix(' standard time') for piece in pieces if piece}


# Tables


@cache
def _by_spelling() -> dict[str, str]:
    """Return IANA names by their words; without those that differ in a sign only."""
    return {_folded(name): name for name in zone_names() if not re.search(r'\d', name)}


@cache
def _shown_by_windows() -> list[tuple[str, list[str]]]:
    """Return the zone and the names of each line of the table."""
    text = (files('synapse.ical') / 'windows_zone_names.tsv').read_text(encoding='utf-8')
    lines = (line.split('\t') for line in text.splitlines() if not line.startswith('#'))
    return [(OF_WINDOWS[name], shown) for name, _, *shown in lines if name in OF_WINDOWS]


@cache
def _by_name() -> dict[str, tuple[str, ...]]:
    return _indexed((_folded(name), zone) for zone, names in _shown_by_windows() for name in names)


@cache
def _by_piece() -> dict[str, tuple[str, ...]]:
    """Return the zones by each place in their names, by their own names of Windows, and by their city."""
    return _indexed(
        [
            *((piece, zone) for zone, names in _shown_by_windows() for name in names for piece in _pieces(name)),
            *((piece, zone) for name, zone in OF_WINDOWS.items() for piece in _pieces(name)),
            *((_folded(city_of(name)), name) for name in zone_names() if name.startswith(REGIONS)),
        ]
    )


def _indexed(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for key, zone in pairs:
        found.setdefault(key, {})[zone] = None
    return {key: tuple(zones) for key, zones in found.items()}


# Clocks


@lru_cache(maxsize=1024)
def _clocks_of(name: str) -> tuple[timedelta | None, ...]:
    """Return the offset in each of the coming weeks."""
    zone, now = ZoneInfo(name), datetime.now(UTC)
    return tuple((now + timedelta(weeks=week)).astimezone(zone).utcoffset() for week in range(_COMPARED_WEEKS))


def _offsets_of(name: str) -> set[timedelta | None]:
    return {*_clocks_of(name)} if name in known_names() else set()


def _fixed(offset: timedelta) -> Named | None:
    """Return a zone that always has this offset."""
    hours, rest = divmod(offset, timedelta(hours=1))
    name = 'UTC' if not offset else f'Etc/GMT{-hours:+d}'
    if not rest:
        return Named(name) if name in known_names() else None
    same = (name for name in _usual() if _offsets_of(name) == {offset})
    found = next(same, None)
    return None if found is None else Named(found, is_similar=True)


def _usual() -> Iterator[str]:
    yield from dict.fromkeys(OF_WINDOWS.values())
