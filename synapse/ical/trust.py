"""Signatures that tell which events of a file were exported by this data folder.

They cover what an event means, not its text: another program may fold, order and encode the lines as it likes. Only
events that are switched on are signed: a signature says that a person here approved exactly this.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from .lines import plain

Sign = Callable[[bytes], str]
"""Returns a signature that only this data folder can make: `Auth.sign`."""

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
        'stop_signal',
        'grace_seconds',
        'silence_after_seconds',
    }
)
"""The signed fields: what runs, when, and its title. Only those that an event has are signed, so that a later version
may add fields without invalidating older signatures."""


def meaning(uid: str, sequence: int, replaced: datetime | None, values: Mapping[str, Any]) -> bytes:
    """Return what an event means in a canonical form, as bytes to be signed.

    :param replaced: the instant of the occurrence that it replaces
    :param values: of the event; its rule as `writing.canonical_rule` returns it
    """
    signed = {name: value for name, value in values.items() if name in FIELDS}
    signed['title'] = plain(str(signed.get('title') or '')).strip()
    signed['rrule'] = _parts_of(signed.get('rrule'))
    signed['exdates'] = sorted({wall.isoformat() for wall in signed.get('exdates') or ()})
    signed |= {'uid': uid, 'sequence': sequence, 'replaces': None if replaced is None else replaced.astimezone(UTC)}
    return b'calendar event\n' + json.dumps(signed, sort_keys=True, default=datetime.isoformat).encode()


def is_signed(signature: str, content: bytes, sign: Sign) -> bool:
    """Whether this is the signature of these bytes, compared in constant time."""
    return hmac.compare_digest(sign(content).encode(), signature.strip().encode(errors='replace'))


def _parts_of(rule: str | None) -> list[tuple[str, list[str]]]:
    """Return the parts of a rule, independent of their order."""
    pairs = [part.partition('=') for part in (rule or '').split(';') if part]
    return sorted((name, sorted(value.split(','))) for name, _, value in pairs)
