"""Events as the API gives them, and moments as it takes them in an address."""

from datetime import date, datetime, time
from typing import Any

from synapse import recurrence
from synapse.calendar.calendar import Calendar
from synapse.calendar.events import Event
from synapse.errors import Invalid, NotFound


def event_json(calendar: Calendar, event: Event) -> dict[str, Any]:
    """An event with `next`, its five next instants; none if it is switched off, over or deleted."""
    try:
        following = calendar.next_due(event.id)
    except NotFound:
        following = []
    return event.as_json() | {'next': [due.isoformat().replace('+00:00', 'Z') for due in following]}


def moment_of(text: str, name: str, *, zone: str | None = None) -> datetime:
    """An aware moment from an address.

    :param name: of the parameter, for the sentence
    :param zone: of days like `2026-10-14`, which begin at its midnight; without it a day is no moment
    :raises Invalid: if it is none
    """
    # In an address that nobody has quoted, the plus of an offset has become a space.
    text = text.strip().replace(' ', '+')
    try:
        if zone is not None and 'T' not in text.upper():
            return recurrence.instant_of(datetime.combine(date.fromisoformat(text), time()), zone)
        moment = datetime.fromisoformat(text)
        if moment.utcoffset() is None:
            raise ValueError('no offset')
        moment.timestamp()
    except (ValueError, OverflowError):
        day = 'a day like 2026-10-14 or ' if zone is not None else ''
        sentence = f'Write {day}a moment with its offset, like 2026-10-14T16:00:00+02:00.'
        raise Invalid(f'That is no {"day or " if day else ""}moment.', {name: sentence}) from None
    return moment
