"""What a change made at one occurrence asks of the calendar, and which proof is shown meanwhile."""

from datetime import UTC, datetime
from typing import Any

from pages.scheduler.event.values import changed, changes_in, previewed, scopes_of, shown
from synapse.calendar.events import Event

MADE = datetime(2026, 10, 1, tzinfo=UTC)
DUE = datetime(2026, 10, 21, 14, tzinfo=UTC)
"""Wednesday, 16:00 in Berlin."""


def event(**values: Any) -> Event:
    fixed = {'id': 'e1', 'title': 'Clips', 'pipeline': 'Clips', 'timezone': 'Europe/Berlin'}
    stamps = {'created_at': MADE, 'armed_from': MADE, 'updated_at': MADE}
    start = {'start': datetime(2026, 10, 14, 16), 'rrule': 'FREQ=WEEKLY;BYDAY=WE'}
    return Event.model_validate(fixed | stamps | start | values)


def test_a_form_opened_at_an_occurrence_begins_with_its_moment() -> None:
    values = shown(event(), DUE)

    assert values['start'] == datetime(2026, 10, 21, 16)
    assert changed(values, shown(event(), DUE)) == {}


def test_one_occurrence_takes_its_new_time_as_it_stands() -> None:
    later = {'start': datetime(2026, 10, 21, 18)}

    assert changes_in(event(), DUE, later, 'one') == later


def test_the_whole_series_is_shifted_as_far_as_the_occurrence() -> None:
    values = changes_in(event(), DUE, {'start': datetime(2026, 10, 21, 18, 30)}, 'all')

    assert values == {'start': datetime(2026, 10, 14, 18, 30)}


def test_an_event_opened_as_a_whole_takes_what_was_typed() -> None:
    typed = {'start': datetime(2026, 10, 15, 9), 'title': 'Teasers'}

    assert changes_in(event(), None, typed, 'all') == typed


def test_one_occurrence_alone_cannot_repeat_otherwise() -> None:
    assert scopes_of({'title': 'Teasers'}) == ('one', 'following', 'all')
    assert scopes_of({'rrule': 'FREQ=DAILY'}) == ('following', 'all')


def test_the_proof_of_an_untouched_series_is_the_series() -> None:
    counted = event(rrule='FREQ=WEEKLY;BYDAY=WE;COUNT=3')
    values = shown(counted, DUE)

    asked = previewed(counted, DUE, values, {})

    assert (asked['start'], asked['rrule']) == (counted.start, counted.rrule)


def test_the_proof_of_a_moved_series_counts_what_is_left_of_it() -> None:
    counted = event(rrule='FREQ=WEEKLY;BYDAY=WE;COUNT=3')
    values = shown(counted, DUE) | {'start': datetime(2026, 10, 21, 18)}

    asked = previewed(counted, DUE, values, {'start': values['start']})

    assert asked['start'] == datetime(2026, 10, 21, 18)
    assert 'COUNT=2' in asked['rrule']
