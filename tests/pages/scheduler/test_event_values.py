"""What a change made at one occurrence asks of the calendar, and which preview is shown until then."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pages.scheduler.event.values import changed, changes_in, fresh, named, previewed, scopes_of, shown, usual
from synapse.calendar.events import Event
from synapse.catalog.info import PipelineInfo

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


def test_an_event_that_does_not_repeat_is_previewed_as_it_is_typed() -> None:
    typed = shown(event(rrule=None), None) | {'start': datetime(2026, 11, 1, 9)}

    assert previewed(event(rrule=None), None, typed, {'start': typed['start']}) == typed
    assert previewed(None, None, typed, {}) == typed


def test_another_rule_is_previewed_as_it_is_typed() -> None:
    counted = event(rrule='FREQ=WEEKLY;BYDAY=WE;COUNT=3')
    typed = shown(counted, DUE) | {'rrule': 'FREQ=DAILY;COUNT=9'}

    assert previewed(counted, DUE, typed, {'rrule': typed['rrule']})['rrule'] == 'FREQ=DAILY;COUNT=9'


def test_another_name_changes_nothing_about_when_it_runs() -> None:
    typed = shown(event(), DUE) | {'title': 'Teasers'}

    asked = previewed(event(), DUE, typed, {'title': 'Teasers'})

    assert (asked['title'], asked['start'], asked['rrule']) == ('Teasers', event().start, event().rrule)
    assert 'exdates' not in asked


# What a form begins with


def test_a_form_holds_what_a_person_can_change_and_nothing_else() -> None:
    values = shown(event(exdates=[datetime(2026, 10, 28, 16)]), None)

    assert set(values) == set(fresh(datetime(2026, 10, 14, 16), 'UTC', 'Clips', None))
    assert values['start'] == datetime(2026, 10, 14, 16)


def test_a_new_event_is_switched_on_and_does_not_repeat() -> None:
    values = fresh(datetime(2026, 10, 14, 16), 'Europe/Berlin', 'Clips', 'studio')

    assert (values['enabled'], values['rrule'], values['parameters']) == (True, None, {})
    assert (values['pipeline'], values['profile'], values['timezone']) == ('Clips', 'studio', 'Europe/Berlin')


def test_a_new_event_without_a_name_leaves_it_to_its_pipeline() -> None:
    assert named({'title': '  ', 'pipeline': 'Clips'}, is_new=True) == {'pipeline': 'Clips'}
    assert named({'title': 'A', 'pipeline': 'Clips'}, is_new=True) == {'title': 'A', 'pipeline': 'Clips'}


def test_an_event_that_exists_cannot_lose_its_name_without_a_word() -> None:
    assert named({'title': ''}, is_new=False) == {'title': ''}


def test_only_what_differs_is_a_change() -> None:
    before = {'title': 'A', 'retry': {'attempts': 0}}

    assert changed(before, {'title': 'A', 'retry': {'attempts': 1}}) == {'retry': {'attempts': 1}}
    assert changed(before, dict(before)) == {}


# Which pipeline and profile


def info(name: str, *accepts: str) -> PipelineInfo:
    return PipelineInfo(name=name, title=name, source='/home/me/m.py', accepts=accepts)


INFOS = [info('Backup'), info('Clips', '.mp4'), info('Letters')]


@pytest.mark.parametrize(
    ('last', 'wanted', 'name'),
    [
        (None, '', 'Clips'),
        ('Letters', '', 'Letters'),
        ('Letters', 'Backup', 'Backup'),
        ('Gone', '', 'Clips'),
        (None, 'Gone', 'Clips'),
    ],
)
def test_a_new_event_takes_the_pipeline_that_is_wanted_or_was_used_last(
    last: str | None, wanted: str, name: str
) -> None:
    newest = event(pipeline=last) if last else None

    assert usual(INFOS, [], newest, wanted)[0] == name


def test_without_a_pipeline_that_can_run_there_is_none() -> None:
    assert usual([], ['studio'], event(), 'Clips')[0] == ''


@pytest.mark.parametrize(('last', 'profile'), [('home', 'home'), ('gone', 'studio'), (None, 'studio')])
def test_a_new_event_takes_the_profile_used_last_or_else_the_first(last: str | None, profile: str) -> None:
    assert usual(INFOS, ['studio', 'home'], event(profile=last))[1] == profile


def test_without_profiles_a_new_event_has_none() -> None:
    assert usual(INFOS, [], event(profile='gone'))[1] is None
