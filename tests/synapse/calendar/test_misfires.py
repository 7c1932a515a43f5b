"""What happens to late occurrences: pure rules, given the time."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from synapse.calendar.events import Misfire
from synapse.calendar.misfires import GRACE, SINGLE_ROWS, decide

NOW = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)


def hours_ago(*hours: float) -> list[datetime]:
    return sorted(NOW - timedelta(hours=hour) for hour in hours)


def fired(dues: list[datetime], misfire: Misfire, **options: timedelta) -> list[datetime]:
    return [decision.due for decision in decide(dues, misfire, NOW, **options) if decision.fires]


def test_occurrences_in_time_fire_under_every_policy() -> None:
    dues = [NOW - GRACE, NOW]

    for policy in ('latest', 'skip', 'all'):
        decisions = decide(dues, Misfire(policy=policy), NOW)  # type: ignore[arg-type]
        assert [(decision.due, decision.fires, decision.is_late) for decision in decisions] == [
            (due, True, False) for due in dues
        ]


def test_latest_runs_the_newest_and_says_why_the_others_did_not_run() -> None:
    dues = hours_ago(5, 3, 1)

    decisions = decide(dues, Misfire(policy='latest'), NOW, cause='This machine was asleep.')

    assert [decision.fires for decision in decisions] == [False, False, True]
    assert decisions[0].reason == 'This machine was asleep. Only the latest one is run.'
    assert decisions[2].is_late
    assert decisions[2].reason == 'This machine was asleep. Run late, as its event says.'


def test_latest_runs_nothing_later_than_its_limit() -> None:
    misfire = Misfire(policy='latest', within_seconds=3600)

    assert fired(hours_ago(2), misfire) == []
    assert fired(hours_ago(1), misfire) == hours_ago(1)
    assert decide(hours_ago(2), misfire, NOW)[0].reason == 'It was more than 1 hour late.'


def test_latest_runs_no_late_one_if_a_newer_one_is_in_time() -> None:
    assert fired([*hours_ago(1), NOW], Misfire(policy='latest')) == [NOW]


def test_skip_misses_every_late_one() -> None:
    decisions = decide(hours_ago(2, 1), Misfire(policy='skip'), NOW)

    assert not any(decision.fires for decision in decisions)
    assert {decision.reason for decision in decisions} == {'Its event skips what was missed.'}


def test_all_runs_the_newest_up_to_its_limit_in_order() -> None:
    assert fired(hours_ago(4, 3, 2, 1), Misfire(policy='all', limit=2)) == hours_ago(2, 1)


def test_after_a_restart_there_is_no_grace() -> None:
    due = NOW - timedelta(seconds=5)

    assert fired([due], Misfire(policy='skip'), grace=timedelta(0)) == []
    assert fired([due], Misfire(policy='skip')) == [due]


def test_a_long_downtime_of_a_minutely_rule_gives_a_bounded_number_of_rows() -> None:
    dues = [NOW - timedelta(minutes=minute) for minute in range(43_200, 1, -1)]

    decisions = decide(dues, Misfire(policy='skip'), NOW)

    assert len(decisions) == SINGLE_ROWS + 1
    assert sum(decision.count for decision in decisions) == len(dues)
    span = decisions[0]
    assert (span.since, span.due) == (dues[0], dues[-SINGLE_ROWS - 1])
    assert 'This stands for 43,099 occurrences.' in span.reason


@given(
    ages=st.sets(st.integers(0, 500_000), max_size=200),
    policy=st.sampled_from(['latest', 'skip', 'all']),
    within=st.integers(0, 400_000),
    limit=st.integers(1, 10),
    grace=st.integers(0, 100),
)
def test_every_occurrence_is_decided_on_exactly_once(
    ages: set[int], policy: str, within: int, limit: int, grace: int
) -> None:
    dues = sorted(NOW - timedelta(seconds=age) for age in ages)
    misfire = Misfire(policy=policy, within_seconds=within, limit=limit)  # type: ignore[arg-type]

    decisions = decide(dues, misfire, NOW, grace=timedelta(seconds=grace))

    covered = [due for decision in decisions for due in dues if (decision.since or decision.due) <= due <= decision.due]
    assert covered == dues
    assert sum(decision.count for decision in decisions) == len(dues)
    late_fired = [decision for decision in decisions if decision.fires and decision.is_late]
    assert len(late_fired) <= {'latest': 1, 'skip': 0, 'all': limit}[policy]
    assert all(decision.fires or decision.reason for decision in decisions)
