"""Earlier plans of events and stretches in which nothing could start: what is kept, and what no longer is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.past_plans import KEPT_OF_EVENT, KEPT_STOPS, PastPlans
from storage.runs import RunStore

KINDS = ('off', 'asleep', 'paused')
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def plans(tmp_path: Path) -> Iterator[PastPlans]:
    runs = RunStore(tmp_path / 'runs.db')
    yield PastPlans(runs)
    runs.close()


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def plan(since: float, until: float, rule: str = 'FREQ=DAILY', event: str = 'e') -> dict[str, Any]:
    return {'event_id': event, 'since': at(since).isoformat(), 'until': at(until).isoformat(), 'rrule': rule}


def test_the_plans_of_an_event_come_back_oldest_first(plans: PastPlans) -> None:
    later, first = plan(5, 9, 'FREQ=WEEKLY'), plan(1, 5)

    plans.add_plans([later, first, plan(1, 2, event='other')])

    assert plans.plans_of('e') == [first, later]


def test_a_change_that_leaves_the_plan_as_it_is_takes_no_room(plans: PastPlans) -> None:
    plans.add_plans([plan(0, 1)])
    for hour in range(1, 5):
        plans.add_plans([plan(hour, hour + 1)])

    assert plans.plans_of('e') == [plan(0, 5)]


def test_a_gap_is_not_closed(plans: PastPlans) -> None:
    plans.add_plans([plan(0, 1), plan(2, 3)])

    assert plans.plans_of('e') == [plan(0, 1), plan(2, 3)]


def test_the_oldest_plans_of_an_event_go_first(plans: PastPlans) -> None:
    plans.add_plans([plan(hour, hour + 1, f'FREQ=DAILY;INTERVAL={hour + 1}') for hour in range(KEPT_OF_EVENT + 3)])

    kept = plans.plans_of('e')

    assert len(kept) == KEPT_OF_EVENT
    assert kept[0]['since'] == at(3).isoformat()


def test_all_plans_together_have_a_limit(plans: PastPlans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('storage.past_plans.KEPT_PLANS', 2)

    plans.add_plans([plan(hour, hour + 1, event=f'e{hour}') for hour in range(4)])

    assert [len(plans.plans_of(f'e{hour}')) for hour in range(4)] == [0, 0, 1, 1]


def test_stops_that_overlap_a_time_are_found_those_that_last_too(plans: PastPlans) -> None:
    plans.add_stop('off', at(1), at(2))
    plans.add_stop('asleep', at(3), at(4))
    plans.add_stop('paused', at(3.5), None)

    assert plans.stops_between(at(2), at(3), KINDS) == []
    assert plans.stops_between(at(3.2), at(3.3), KINDS) == [('asleep', at(3), at(4))]
    assert plans.stops_between(at(9), at(10), KINDS) == [('paused', at(3.5), None)]


def test_a_long_stop_is_found_however_many_came_after_it(plans: PastPlans) -> None:
    plans.add_stop('paused', at(0), None)
    for hour in range(200):
        plans.add_stop('asleep', at(hour), at(hour + 0.5))

    assert plans.stops_between(at(199.1), at(199.2), KINDS) == [
        ('paused', at(0), None),
        ('asleep', at(199), at(199.5)),
    ]


def test_a_stop_that_lasts_is_ended_once(plans: PastPlans) -> None:
    plans.add_stop('paused', at(1), None)
    assert plans.has_open_stop('paused')

    plans.end_stop('paused', at(2))
    plans.end_stop('paused', at(3))

    assert not plans.has_open_stop('paused')
    assert plans.stops_between(at(0), at(9), KINDS) == [('paused', at(1), at(2))]


def test_the_oldest_stops_go_first(plans: PastPlans, monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEPT_STOPS > 1000
    monkeypatch.setattr('storage.past_plans.KEPT_STOPS', 2)

    for hour in range(4):
        plans.add_stop('off', at(hour), at(hour + 0.5))

    assert plans.stops_between(at(0), at(9), KINDS) == [('off', at(2), at(2.5)), ('off', at(3), at(3.5))]
