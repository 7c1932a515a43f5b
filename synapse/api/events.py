"""Events as the API returns them, and moments as it reads them from a query string."""

from datetime import date, datetime, time
from typing import Any

from synapse import recurrence
from synapse.calendar.calendar import Calendar
from synapse.calendar.events import Event
from synapse.errors import Invalid, NotFound


def event_json(calendar: Calendar, event: Event) -> dict[str, Any]:
    """An event with `next`, its next five moments; none if it is disabled, over or deleted."""
    try:
        following = calendar.next_due(event.id)
    except NotFound:
        following = []
    return event.as_json() | {'next': [due.isoformat().replace('+00:00', 'Z') for due in following]}


def moment_of(text: str, name: str, *, zone: str | None = None) -> datetime:
    """An aware moment from a query string.

    :param name: of the parameter, for the error
    :param zone: of days such as `2026-10-14`, which stand for their midnight; without it a day is refused
    :raises Invalid: if it is neither
    """
    # In a query string that was not quoted, the plus of an offset has become a space.
    text = text.strip().replace(' ', '+')
    try:
        if zone is not None and 'T' not in text.upper():
            return recurrence.instant_of(datetime.combine(date.fromisoformat(text), time()), zone)
        moment = datetime.fromisoformat(text)
        if moment.utcoffset() is None:
            raise ValueError('no offset')
        moment.timestamp()
    except (ValueError, OverflowError):
        day = 'a day such as 2026-10-14 or ' if zone is not None else ''
        hint = f'Use {day}a moment with an offset, such as 2026-10-14T16:00:00+02:00.'
        raise Invalid(f'This is not a {"day or " if day else ""}moment.', {name: hint}) from None
    return moment
