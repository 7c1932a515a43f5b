"""What single properties of an event in a calendar file say, but for its times and rules."""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

from synapse.language import _

from .lines import Component, Property
from .series import Unreadable
from .writing import OPTIONS
from .zones import read_wall

_IN_A_LIST = re.compile(r'(?:[^\\,]|\\.)+')
_NAMED = re.compile(r'(?:^|\n|<br */?>)[ \t]*(pipeline|profile):[ \t]*([^\n<]+)', re.IGNORECASE)


def work(component: Component) -> dict[str, Any]:
    """Return what to run, and how, as far as the file says."""
    named = {key.lower(): value.strip() for key, value in _NAMED.findall(component.text('DESCRIPTION'))}
    values: dict[str, Any] = {key: value for key, value in named.items() if value}
    if component.first('X-SYNAPSE-PIPELINE') is not None:
        values['pipeline'] = component.text('X-SYNAPSE-PIPELINE')
        values['profile'] = component.text('X-SYNAPSE-PROFILE') or None
    if component.first('X-SYNAPSE-PARAMETERS') is not None:
        values['parameters'] = _json_object(component, 'X-SYNAPSE-PARAMETERS')
    if component.first('X-SYNAPSE-OPTIONS') is not None:
        options = _json_object(component, 'X-SYNAPSE-OPTIONS')
        values |= {key: options[key] for key in OPTIONS if key in options}
    return values


def categories(component: Component) -> tuple[str, ...]:
    """Return the categories of an event: RFC 5545, 3.8.1.2, lists of texts in which a comma of a text is escaped."""
    raws = [raw for item in component.all('CATEGORIES') for raw in _IN_A_LIST.findall(item.raw)]
    texts = (Property('CATEGORIES', raw).text.strip() for raw in raws)
    return tuple(dict.fromkeys(filter(None, texts)))


def _json_object(component: Component, name: str) -> dict[str, Any]:
    try:
        found = json.loads(component.text(name), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable(_('has a line that is not JSON: {name}.', name=name)) from error
    if not isinstance(found, dict):
        raise Unreadable(_('has a line that is not a JSON object: {name}.', name=name))
    return found


def _no_constant(text: str) -> float:
    raise ValueError(_('{text} is not JSON', text=text))


def sequence(component: Component) -> int:
    """Return the version of an event; 0 if the file has none that can be read."""
    text = component.text('SEQUENCE')
    return min(int(text), 2**31 - 1) if text.isdecimal() and len(text) <= 18 else 0


def utc(component: Component, name: str) -> datetime | None:
    """Return the moment that a property has in UTC, if it can be read."""
    try:
        return read_wall(component.text(name)).replace(tzinfo=UTC)
    except ValueError:
        return None


def uid_for(component: Component) -> str:
    """Return the same UID each time for an event that has none."""
    text = '\n'.join(component.text(name) for name in ('DTSTART', 'SUMMARY', 'RRULE'))
    return f'{hashlib.sha256(text.encode()).hexdigest()[:32]}@import'
