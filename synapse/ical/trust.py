"""Which events of a file were written by this data folder itself.

Its own carry a signature over what they mean, not over their text: another program may fold, order and encode the
lines as it likes. Only events that are switched on are signed: a signature says that a person here agreed to exactly
this.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from .lines import plain

Sign = Callable[[bytes], str]
"""Makes a signature that only this data folder can make: `Entry.sign`."""

FIELDS = frozenset(
    {
        'title',
        'pipeline',
        'parameters',
        'profile',
        'start',
        'timezone',
        'rrule',
        'exdates',
        'enabled',
        'misfire',
        'overlap',
        'retry',
        'timeout_seconds',
    }
)
"""What decides what runs and when, and by what name; as far as the event has it, so that a later version may add to
it without making strangers of its older files."""


def meaning(uid: str, sequence: int, replaced: datetime | None, values: Mapping[str, Any]) -> bytes:
    """All that an event means, in one form, as bytes to be signed.

    :param replaced: the instant of the occurrence that it replaces
    :param values: of the event; its rule with UNTIL in UTC, as `writing.canonical_rule` gives it
    """
    told = {name: value for name, value in values.items() if name in FIELDS}
    told['title'] = plain(str(told.get('title') or '')).strip()
    told['rrule'] = _parts_of(told.get('rrule'))
    told['exdates'] = sorted({wall.isoformat() for wall in told.get('exdates') or ()})
    told |= {'uid': uid, 'sequence': sequence, 'replaces': None if replaced is None else replaced.astimezone(UTC)}
    return b'calendar event\n' + json.dumps(told, sort_keys=True, default=datetime.isoformat).encode()


def is_signed(signature: str, told: bytes, sign: Sign) -> bool:
    """Whether a signature is that of this meaning, compared in constant time."""
    return hmac.compare_digest(sign(told).encode(), signature.strip().encode(errors='replace'))


def _parts_of(rule: str | None) -> list[tuple[str, list[str]]]:
    """A rule without the order in which it was written."""
    pairs = [part.partition('=') for part in (rule or '').split(';') if part]
    return sorted((name, sorted(value.split(','))) for name, _, value in pairs)
