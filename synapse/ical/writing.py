"""Events as an iCalendar file (RFC 5545)."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import icalendar
from icalendar import Calendar
from icalendar.prop import vInline

from synapse import recurrence
from synapse.calendar.events import Event
from synapse.language import _
from synapse.recurrence import Plan
from synapse.recurrence import words as rule_words
from synapse.recurrence.rules import compact_iso

from . import trust
from .lines import escaped
from .shown import LISTED, Shown, plan_text, shown
from .trust import Sign
from .zones import described, read_wall

OPTIONS = (
    'enabled',
    'misfire',
    'overlap',
    'retry',
    'timeout_seconds',
    'stop_signal',
    'grace_seconds',
    'silence_after_seconds',
)
"""The fields in X-SYNAPSE-OPTIONS, which is JSON."""


def write_calendar(events: Sequence[Event], *, now: datetime, sign: Sign | None = None) -> bytes:
    """Return a calendar with these events, whose UIDs never change. Takes about a second for several thousand.

    What is written depends on the events and the day of `now` alone.

    :param now: aware; explicit instants and described zones reach some years further
    :param sign: signs those that are switched on, so that a later import recognizes them
    """
    calendar = Calendar()
    calendar.add('PRODID', '-//Synapse//Synapse control room//EN')
    calendar.add('VERSION', '2.0')
    calendar.add('CALSCALE', 'GREGORIAN')
    calendar.add('X-WR-CALNAME', 'Synapse')
    calendar.add('REFRESH-INTERVAL', vInline('PT15M', params={'VALUE': 'DURATION'}))
    calendar.add('X-PUBLISHED-TTL', vInline('PT15M'))
    by_id = {event.id: event for event in events}
    series_of = {event.id: by_id.get(event.override_of or '', event) for event in events}
    replaced = _replaced(events)
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    plans = {event.id: _shown_plan(event, replaced.get(event.id, set())) for event in events}
    written = {id: shown(plan, today) for id, plan in plans.items()}
    zones = {one.zone for one in written.values()}
    first_year = max(2, min((event.start.year for event in events), default=2)) - 1
    for zone in sorted(zones - {'UTC'}):
        calendar.add_component(described(zone, first_year, now.year))
    for event in events:
        series, one = series_of[event.id], written[event.id]
        item = _vevent(event, series, one)
        if event.override_at is not None:
            item.add('RECURRENCE-ID', _replaced_moment(event.override_at, series.timezone, written[series.id]))
        _add_plan(item, plan_text(plans[event.id], one))
        if sign is not None and event.enabled:
            item.add('X-SYNAPSE-SIGNATURE', vInline(sign(_meaning(event, series))))
        calendar.add_component(item)
        for wall, instant in one.moved:
            if wall not in replaced.get(event.id, set()):
                calendar.add_component(_clock_change(event, one, wall, instant))
    return bytes(calendar.to_ical(sorted=False))


def uid_of(event: Event, series: Event | None = None) -> str:
    """Return the UID of an event; one that replaces an occurrence has that of its series."""
    event = series or event
    return event.uid or f'{event.override_of or event.id}@synapse'


def _replaced(events: Sequence[Event]) -> dict[str, set[datetime]]:
    """Return the replaced occurrences by series; an EXDATE for them would hide the replacement in other calendars."""
    found: dict[str, set[datetime]] = {}
    for event in events:
        if event.override_of is not None and event.override_at is not None:
            found.setdefault(event.override_of, set()).add(event.override_at)
    return found


def _shown_plan(event: Event, replaced: set[datetime]) -> Plan:
    """Return the plan with its rule in canonical form, and with the replaced occurrences."""
    rule = None if event.rrule is None else _rule_text(event.rrule, event.timezone)
    return replace(event.plan, rule=rule, exdates=frozenset(event.exdates) - replaced)


def _add_plan(item: icalendar.Event, text: str) -> None:
    if text:
        item.add('X-SYNAPSE-PLAN', escaped(text))


def _replaced_moment(at: datetime, zone: str, series: Shown) -> vInline:
    """Return the wall time of a replaced occurrence as its series has it."""
    if series.zone == zone:
        return _moments([at], zone)
    return _moments([recurrence.wall_of(recurrence.instant_of(at, zone), series.zone)], series.zone)


def _headed(event: Event, series: Event) -> icalendar.Event:
    item = icalendar.Event()
    item.add('UID', escaped(uid_of(event, series)))
    item.add('SEQUENCE', event.sequence)
    item.add('DTSTAMP', event.updated_at)  # without a METHOD it is the time of the last revision: RFC 5545, 3.8.7.2
    item.add('CREATED', event.created_at)
    item.add('LAST-MODIFIED', event.updated_at)
    item.add('SUMMARY', escaped(event.title))
    item.add('DURATION', timedelta(minutes=15))
    item.add('STATUS', 'CONFIRMED' if event.enabled else 'TENTATIVE')
    item.add('TRANSP', 'TRANSPARENT')
    return item


def _clock_change(event: Event, written: Shown, wall: datetime, instant: datetime) -> icalendar.Event:
    """Return an occurrence at a time that the clocks skip or repeat, as if it had been moved to its instant."""
    item = _headed(event, event)
    item.add('RECURRENCE-ID', _moments([wall], written.zone))
    item.add('DTSTART', _moments([instant.replace(tzinfo=None)], 'UTC'))
    item.add('X-SYNAPSE-CLOCK-CHANGE', vInline(compact_iso(instant)))
    return item


def _vevent(event: Event, series: Event, written: Shown) -> icalendar.Event:
    item = _headed(event, series)
    item.add('DTSTART', _moments([written.start], written.zone))
    if written.rule is not None:
        item.add('RRULE', vInline(written.rule))
    if written.dates:
        item.add('RDATE', _moments(written.dates, 'UTC'))
    if written.exdates:
        item.add('EXDATE', _moments(written.exdates, written.zone))
    item.add('DESCRIPTION', escaped(_description(event, written)))
    item.add('X-SYNAPSE-PIPELINE', escaped(event.pipeline))
    if event.profile is not None:
        item.add('X-SYNAPSE-PROFILE', escaped(event.profile))
    item.add('X-SYNAPSE-PARAMETERS', escaped(json.dumps(event.parameters)))
    item.add('X-SYNAPSE-OPTIONS', escaped(json.dumps(event.model_dump(mode='json', include=set(OPTIONS)))))
    return item


def _meaning(event: Event, series: Event) -> bytes:
    """Return the bytes to sign; `Draft.is_signed` computes the same from a file."""
    values = event.model_dump()
    values['rrule'] = None if event.rrule is None else _rule_text(event.rrule, event.timezone)
    at = event.override_at
    replaced = None if at is None else recurrence.instant_of(at, series.timezone)
    return trust.meaning(uid_of(event, series), event.sequence, replaced, values)


def _description(event: Event, written: Shown) -> str:
    lines = [rule_words.in_words(event.plan)]
    if written.is_listed:
        lines.append(
            _('The calendar file has the next occurrences, at most {listed:,}, up to five years ahead.', listed=LISTED)
        )
    if not event.enabled:
        lines.append(_('Switched off: it does not run.'))
    lines.append(f'pipeline: {event.pipeline}')
    if event.profile is not None:
        lines.append(f'profile: {event.profile}')
    return '\n'.join(lines)


def _moments(walls: Sequence[datetime], zone: str) -> vInline:
    texts = (compact_iso(wall) + ('Z' if zone == 'UTC' else '') for wall in walls)
    return vInline(','.join(texts), params={} if zone == 'UTC' else {'TZID': zone})


def _rule_text(rule: str, zone: str) -> str:
    try:
        return canonical_rule(rule, zone)
    except ValueError:
        return rule  # one broken rule must not break the calendar for its subscribers


def canonical_rule(rule: str, zone: str) -> str:
    """Return the rule with FREQ first, as some calendars need it, and UNTIL in UTC, as RFC 5545, 3.3.10 requires.

    :raises ValueError: if UNTIL isn't a date
    """
    parts = [part for part in re.sub(r'\s', '', rule).upper().removeprefix('RRULE:').split(';') if part]
    parts.sort(key=lambda part: not part.startswith('FREQ='))
    return ';'.join(_until_in_utc(part, zone) if part.startswith('UNTIL=') else part for part in parts)


def _until_in_utc(part: str, zone: str) -> str:
    text = part.removeprefix('UNTIL=')
    wall = read_wall(text)
    if text.endswith('Z'):
        return f'UNTIL={compact_iso(wall)}Z'
    last = wall if 'T' in text else datetime.combine(wall, time(23, 59, 59))
    try:
        return f'UNTIL={compact_iso(recurrence.instant_of(last, zone))}'
    except OverflowError:  # the last day that a datetime can hold
        return f'UNTIL={compact_iso(last)}Z'
