"""Entries of the calendar: which ones stay in sight, how many there are, what they open, and how they read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pages.scheduler.parts.entries import (
    MOST_BY_THE_HOUR,
    RANKS,
    counts_of,
    gathered,
    is_gathered,
    occurrence_of,
    survivors,
    target_of,
)
from pages.scheduler.parts.entry_filter import GROUPS, EntryFilter
from pages.scheduler.parts.entry_words import entry_caption, entry_label, outcomes_of, summary_of, title_of
from synapse.calendar.events import CalendarEntry, EntryState
from synapse.catalog.catalog import Catalog
from synapse.catalog.info import PipelineInfo
from synapse.control_room import ControlRoom

BERLIN = ZoneInfo('Europe/Berlin')
NOON = datetime(2026, 10, 14, 10, tzinfo=UTC)
STATES = [state for kind in get_args(EntryState) for state in get_args(kind)]
FEW = settings(max_examples=30, deadline=None)


def entry(state: str = 'succeeded', **values: Any) -> CalendarEntry:
    known = {'key': 'k', 'at': NOON, 'title': 'Video publish', 'pipeline': 'PublishVideo', 'state': state}
    return CalendarEntry(**(known | values))


def entries() -> st.SearchStrategy[list[CalendarEntry]]:
    """Entries of every state, one a minute."""
    states = st.lists(st.tuples(st.sampled_from(STATES), st.integers(1, 3)), max_size=30)
    return states.map(
        lambda found: [
            entry(state, key=str(number), at=NOON + timedelta(minutes=number), count=count)
            for number, (state, count) in enumerate(found)
        ]
    )


class Titles(Catalog):
    """A catalog that knows one pipeline."""

    def __init__(self) -> None:
        self._infos = {'PublishVideo': PipelineInfo(name='PublishVideo', title='Publish video', source='built-in')}


def room() -> ControlRoom:
    profiles = SimpleNamespace(all=lambda: [SimpleNamespace(id='p1', label='studio')])
    return cast(ControlRoom, SimpleNamespace(catalog=Titles(), profiles=profiles))


# Which ones stay


def test_every_state_has_a_rank() -> None:
    assert set(RANKS) == set(STATES)


@FEW
@given(entries(), st.integers(0, 40))
def test_survivors_keep_their_order_and_are_as_many_as_there_is_room_for(found: list[CalendarEntry], most: int) -> None:
    kept = survivors(found, most)

    assert len(kept) == min(most, len(found))
    assert [item for item in found if item in kept] == list(kept)


@FEW
@given(entries(), st.integers(1, 10))
def test_nothing_that_is_left_out_matters_more_than_what_is_kept(found: list[CalendarEntry], most: int) -> None:
    kept = survivors(found, most)
    left_out = [RANKS[item.state] for item in found if item not in kept]

    assert not left_out or max(RANKS[item.state] for item in kept) <= min(left_out)


# What is frequent


def every_minute(*states: tuple[str, int]) -> list[CalendarEntry]:
    """Entries of one event, one a minute: this many of each state, one state after another."""
    found = [state for state, count in states for _ in range(count)]
    moments = [NOON + timedelta(minutes=number) for number in range(len(found))]
    return [
        entry(state, key=f'e@{number}', at=at, due=at, event_id='e', run=None if state == 'planned' else f'r{number}')
        for number, (state, at) in enumerate(zip(found, moments, strict=True))
    ]


def test_a_frequent_event_is_one_entry_for_each_outcome_and_what_is_live_or_rare_stays_apart() -> None:
    found = every_minute(('succeeded', 600), ('missed', 3), ('skipped', 7), ('running', 1), ('planned', 800))

    lines = gathered(found)

    assert [(line.state, line.count) for line in lines if line.count > 1] == [
        ('succeeded', 600),
        ('skipped', 7),
        ('planned', 800),
    ]
    assert [line.state for line in lines if line.count == 1] == ['missed'] * 3 + ['running']
    assert counts_of(lines) == counts_of(found)


def test_what_stands_for_runs_opens_the_day_and_what_is_ahead_the_event_at_its_next_moment() -> None:
    found = every_minute(('failed', 30), ('planned', 30))

    failed, planned = gathered(found)

    assert (target_of(failed), failed.due, is_gathered(failed)) == ('day', None, True)
    assert (target_of(planned), planned.due, is_gathered(planned)) == ('event', found[30].at, True)
    assert not is_gathered(entry('missed', count=12, event_id='e', due=NOON)), 'one row of the ledger'


def test_a_reason_is_given_only_if_it_is_that_of_all() -> None:
    found = every_minute(('failed', 5))

    [same] = gathered([replace(item, reason='Disk full') for item in found])
    [mixed] = gathered([replace(item, reason=item.key) for item in found])

    assert (same.reason, mixed.reason) == ('Disk full', '')


def test_an_event_is_frequent_by_all_of_its_day_not_by_what_is_left_of_it() -> None:
    day = every_minute(('succeeded', 1420), ('planned', 20))

    assert [line.count for line in gathered(day, most=MOST_BY_THE_HOUR)] == [1420, 20]
    assert gathered(day[-20:], most=MOST_BY_THE_HOUR) == day[-20:]


# How many there are


@FEW
@given(entries())
def test_no_occurrence_is_lost_in_the_counts(found: list[CalendarEntry]) -> None:
    assert sum(counts_of(found).values()) == sum(item.count for item in found)


def test_an_entry_that_stands_for_several_occurrences_counts_as_many() -> None:
    assert counts_of([entry('missed', count=12), entry('missed'), entry()]) == {'missed': 13, 'succeeded': 1}


def test_outcomes_leave_out_what_is_still_to_come() -> None:
    assert outcomes_of([entry('planned'), entry('off'), entry('interrupted'), entry('paused'), entry('queued')]) == {
        'failed': 1,
        'running': 1,
        'waiting': 1,
    }


@FEW
@given(entries())
def test_a_day_with_entries_always_has_a_summary(found: list[CalendarEntry]) -> None:
    assert bool(summary_of(found)) == bool(found)


# What they open


@pytest.mark.parametrize(
    ('values', 'target'),
    [
        ({'state': 'succeeded', 'run': 'r1'}, 'run'),
        ({'state': 'running', 'run': 'r1', 'event_id': 'e1'}, 'run'),
        ({'state': 'planned', 'event_id': 'e1'}, 'event'),
        ({'state': 'off', 'event_id': 'e1'}, 'event'),
        ({'state': 'missed', 'event_id': 'e1'}, 'day'),
        ({'state': 'skipped', 'event_id': 'e1'}, 'day'),
        ({'state': 'planned'}, 'day'),
    ],
)
def test_an_entry_opens_its_run_or_its_event_or_else_its_day(values: dict[str, Any], target: str) -> None:
    assert target_of(entry(**values)) == target


@pytest.mark.parametrize('key', ['', 'run:abc', 'event@', 'event@soon', '@', 'event@1.5'])
def test_a_key_that_names_no_occurrence_is_not_one(key: str) -> None:
    assert occurrence_of(key) is None


def test_an_id_may_hold_the_sign_that_parts_a_key() -> None:
    assert occurrence_of('a@b@0') == ('a@b', datetime(1970, 1, 1, tzinfo=UTC))


# The filter


@FEW
@given(entries(), st.sampled_from([*GROUPS]))
def test_a_group_shows_its_states_and_no_others(found: list[CalendarEntry], group: str) -> None:
    only = EntryFilter(group=group)

    assert {item.state for item in found if only.passes(item)} <= GROUPS[group]
    assert all(only.passes_any_state(item) for item in found)


def test_pressing_a_group_twice_shows_everything_again() -> None:
    pressed = EntryFilter(pipeline='PublishVideo').toggled('failed')

    assert pressed.group == 'failed'
    assert pressed.toggled('missed').group == 'missed'
    assert pressed.toggled('failed') == EntryFilter(pipeline='PublishVideo')


def test_an_entry_without_a_profile_passes_only_if_no_profile_is_chosen() -> None:
    assert EntryFilter().passes(entry(profile=None))
    assert not EntryFilter(profile='p1').passes(entry(profile=None))
    assert EntryFilter(profile='p1').passes(entry(profile='p1'))


# In words


def test_the_label_of_a_live_run_leaves_out_a_length_that_is_wrong_a_second_later() -> None:
    assert entry_label(entry('running', seconds=90.0), BERLIN) == '12:00 Video publish, running'
    assert entry_label(entry('succeeded', seconds=90.0), BERLIN) == '12:00 Video publish, succeeded, 1:30'


def test_the_label_says_how_often_and_why() -> None:
    missed = entry('missed', count=3, reason='Synapse was not running.', is_repeating=True)

    assert entry_label(missed, BERLIN) == '12:00 Video publish, 3 times, missed, repeats, Synapse was not running.'
    assert title_of(missed) == 'Video publish ×3'


def test_the_caption_of_what_went_wrong_is_its_reason() -> None:
    assert entry_caption(room(), entry('failed', reason='no disk space')) == 'Failed: no disk space'
    assert entry_caption(room(), entry('cancelled')) == 'Stopped'
    assert entry_caption(room(), entry('missed', count=2, reason='Off.')) == '2 times, Missed: Off.'


def test_the_caption_of_a_run_names_profile_pipeline_and_length() -> None:
    took = entry('succeeded', title='teaser.mp4', profile='p1', seconds=65.0)

    assert entry_caption(room(), took) == 'studio, Publish video, took 1:05'
    assert entry_caption(room(), entry('planned', seconds=65.0)) == 'Publish video, usually 1:05'


def test_the_caption_does_not_repeat_the_title() -> None:
    assert entry_caption(room(), entry('running', title='Publish video', profile='gone')) == 'gone'
