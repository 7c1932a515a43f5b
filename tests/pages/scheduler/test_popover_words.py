"""All of one day in words: how it went, what can be done about it, and what each of its rows says."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pages.scheduler.month.day_popover import MAX_ROWS, is_failed, is_runnable, picture_of, row_of
from synapse.calendar.events import CalendarEntry

BERLIN = ZoneInfo('Europe/Berlin')
DAY = date(2026, 10, 9)
NOON = datetime(2026, 10, 9, 10, tzinfo=UTC)


def entry(state: str = 'succeeded', **values: Any) -> CalendarEntry:
    known = {'key': 'k', 'at': NOON, 'title': 'Video publish', 'pipeline': 'PublishVideo', 'state': state}
    return CalendarEntry(**(known | values))


def caption(*entries: CalendarEntry) -> str:
    return str(picture_of(DAY, entries, BERLIN)['caption'])


def test_a_day_without_anything_says_so() -> None:
    assert caption() == 'Nothing here yet.'


def test_a_day_is_summed_up_with_the_work_that_was_done() -> None:
    done = entry('succeeded', run='a', seconds=3600.0)

    assert caption(done, entry('planned', seconds=3600.0), entry('missed', count=12)) == (
        '1 succeeded, 12 missed, 1 planned, 1 h of work'
    )


@pytest.mark.parametrize(('failed', 'words'), [(0, ''), (1, 'Retry failed'), (3, 'Retry 3 failed')])
def test_failed_runs_can_be_retried_together(failed: int, words: str) -> None:
    entries = [entry('failed', run=str(number)) for number in range(failed)]

    assert picture_of(DAY, [*entries, entry('failed')], BERLIN)['retry'] == words


def test_only_a_run_can_be_retried_and_only_what_has_none_can_be_run() -> None:
    assert [is_failed(item) for item in (entry('interrupted', run='a'), entry('failed'), entry(run='a'))] == [
        True,
        False,
        False,
    ]
    assert [is_runnable(entry('skipped', event_id='e')), is_runnable(entry('missed'))] == [True, False]


def test_what_the_list_has_no_room_for_is_counted() -> None:
    assert picture_of(DAY, [entry()] * (MAX_ROWS + 3), BERLIN)['more'] == 3


@pytest.mark.parametrize(
    ('values', 'note'),
    [
        ({'state': 'succeeded', 'seconds': 90.0, 'run': 'a'}, '2 min'),
        ({'state': 'planned', 'seconds': 90.0}, '~ 2 min'),
        ({'state': 'planned'}, ''),
        ({'state': 'failed', 'reason': 'no disk space', 'seconds': 9.0, 'run': 'a'}, 'no disk space'),
        ({'state': 'queued'}, 'waiting'),
        ({'state': 'off', 'reason': 'It runs: true'}, 'It runs: true'),
    ],
)
def test_a_row_says_how_long_it_took_or_what_went_wrong(values: dict[str, Any], note: str) -> None:
    assert row_of(entry(**values), BERLIN)['note'] == note


@pytest.mark.parametrize(
    ('values', 'links', 'runs'),
    [
        ({'state': 'succeeded', 'run': 'a'}, True, False),
        ({'state': 'planned', 'event_id': 'e'}, True, False),
        ({'state': 'missed', 'event_id': 'e'}, False, True),
        ({'state': 'missed'}, False, False),
    ],
)
def test_a_row_leads_somewhere_or_can_be_run_if_there_is_anything_to_do(
    values: dict[str, Any], links: bool, runs: bool
) -> None:
    row = row_of(entry(**values), BERLIN)

    assert (row['links'], row['runs']) == (links, runs)
