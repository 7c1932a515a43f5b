"""Numbers, moments and names as people read them."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pages.parts.words import (
    clock_of,
    day_of,
    length_of,
    limits_of,
    millis,
    pipeline_color,
    pipeline_title,
    profile_label,
    size_of,
    step_seconds,
    step_title,
    title_of,
)
from pages.runs.run_words import cut_words
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.runs.records import Cut, RunState
from tests.parts.run_records import NOW, a_run, a_step
from tests.parts.screens import staged


@pytest.mark.parametrize(
    ('seconds', 'words'),
    [
        (None, ''),
        (0, '0:00'),
        (0.4, '0:00'),
        (41.6, '0:42'),
        (59.7, '1:00'),
        (138, '2:18'),
        (3849, '1:04:09'),
        (-3, '0:00'),
        (90_000, '25:00:00'),
    ],
)
def test_a_length_is_minutes_and_seconds_or_hours_too(seconds: float | None, words: str) -> None:
    assert length_of(seconds) == words


@pytest.mark.parametrize(
    ('count', 'words'),
    [
        (0, '0 B'),
        (812, '812 B'),
        (1_000, '1.0 kB'),
        (9_100, '9.1 kB'),
        (99_940, '99.9 kB'),
        (99_960, '100 kB'),
        (812_000, '812 kB'),
        (999_999, '1.0 MB'),
        (1_200_000_000, '1.2 GB'),
        (5_400_000_000_000, '5.4 TB'),
        (5_400_000_000_000_000_000, '5400 PB'),
    ],
)
def test_a_size_has_three_digits_at_most_until_there_is_no_larger_unit(count: int, words: str) -> None:
    assert size_of(count) == words


def test_a_moment_is_said_in_the_zone_of_the_calendar_whatever_that_of_the_moment() -> None:
    def local(moment: datetime) -> datetime:
        return moment.astimezone(UTC) + timedelta(hours=2)

    room = cast(ControlRoom, SimpleNamespace(local=local))

    assert clock_of(room, NOW) == '14:08:31'
    assert clock_of(room, None) == ''
    assert day_of(room, NOW) == '14 Oct'
    assert day_of(room, now_utc()) == 'Today'


def test_browsers_count_from_milliseconds_since_1970() -> None:
    assert millis(datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)) == '1500'


def test_a_step_has_a_length_once_it_has_ended() -> None:
    assert step_seconds(a_step('render', seconds=81)) == 81
    assert step_seconds(a_step('render', 'running', finished_at=None)) is None
    assert step_seconds(a_step('render', 'pending')) is None


async def test_what_is_gone_goes_by_its_own_name() -> None:
    async with staged() as stage:
        room: Any = stage.room

        assert (pipeline_title(room, 'RunCommand'), pipeline_title(room, 'Gone')) == ('Run command', 'Gone')
        assert (step_title(room, 'PublishVideo', 'render'), step_title(room, 'Gone', 'render')) == ('RENDER', 'RENDER')
        assert (profile_label(room, 'default'), profile_label(room, 'gone'), profile_label(room, None)) == (
            'Default',
            'gone',
            '',
        )
        assert {pipeline_color(room, name) for name in ('RunCommand', 'PublishVideo', 'Gone')} <= {
            f'p{number}' for number in range(1, 7)
        }


async def test_a_run_is_called_by_its_file_or_else_by_its_pipeline() -> None:
    async with staged() as stage:
        run = a_run(RunState.QUEUED, pipeline='RunCommand', subject='office-tour.mov')

        assert title_of(stage.room, run) == 'office-tour.mov'
        assert title_of(stage.room, run.model_copy(update={'subject': ''})) == 'Run command'


def test_the_limits_of_a_pipeline_in_words() -> None:
    limits = {'nice': 10, 'memory_limit': 2_000_000_000, 'needs_free': 5 * 10**9, 'stall_after': 1800.0}

    assert limits_of(limits) == ['memory up to 2 GB', 'needs 5 GB free', 'alarm after 30 min of silence', 'nice 10']
    assert limits_of({'stall_after': 0.0}) == ['no alarm when silent']
    assert limits_of({'needs': {'here': 1.0}}) == ['only on this machine']
    assert limits_of({'needs': {'gpu': 2.0, 'here': 1.0}}) == ['needs gpu 2, only on this machine']
    assert limits_of({}) == []


def test_what_was_cut_is_counted_in_words() -> None:
    assert cut_words(Cut(lines=1_234_567, bytes=24_000_000)) == '1,234,567 lines (24.0 MB) were not kept'
    assert cut_words(Cut(lines=1, bytes=80)) == '1 line (80 B) was not kept'
    assert cut_words(None) == ''
