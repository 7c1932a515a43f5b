"""Events as the API returns them, and moments as it reads them from a query string."""

from datetime import date, datetime, time
from typing import Any

from synapse import recurrence
from synapse.calendar.calendar import Calendar
from synapse.calendar.events import Event
from synapse.errors import Invalid, NotFound
from synapse.language import _


def event_json(calendar: Calendar, event: Event) -> dict[str, Any]:
    """An event with `next`, its next five moments; none if it is disabled, over or deleted.

    `problem` says why it cannot run, and what to do; null if nothing is known to be wrong.
    """
    try:
        following = calendar.next_due(event.id)
    except NotFound:
        following = []
    moments = [due.isoformat().replace('+00:00', 'Z') for due in following]
    return event.as_json() | {'next': moments, 'problem': calendar.problem_of(event) or None}


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
        if zone is None:
            hint = _('Use a moment with an offset, such as 2026-10-14T16:00:00+02:00.')
            raise Invalid(_('This is not a moment.'), {name: hint}) from None
        hint = _('Use a day such as 2026-10-14 or a moment with an offset, such as 2026-10-14T16:00:00+02:00.')
        raise Invalid(_('This is not a day or moment.'), {name: hint}) from None
    return moment


def wall_or_moment(text: str, name: str) -> datetime:
    """An aware moment, or a naive wall time, from a query string; either may have a blank between day and time.

    :param name: of the parameter, for the error
    :raises Invalid: if it is neither
    """
    text = text.strip()
    day, blank, rest = text.partition(' ')
    # A blank between day and time, else the plus of an offset in a query string that was not quoted.
    text = f'{day}T{rest}'.replace(' ', '+') if blank and 'T' not in day.upper() else text.replace(' ', '+')
    try:
        moment = datetime.fromisoformat(text)
        if 'T' not in text.upper():
            raise ValueError('no time of day')
    except ValueError:
        hint = _('Use a time of the event such as 2026-10-14T16:00, or a moment such as 2026-10-14T16:00:00+02:00.')
        raise Invalid(_('This is not a moment.'), {name: hint}) from None
    return moment
