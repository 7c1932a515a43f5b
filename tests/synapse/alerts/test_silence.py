"""An event that has not succeeded for longer than usual is told once, with its cause, until it runs again."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.ledger import Outcome
from synapse.alerts.alerts import AlertAction, AlertKind
from synapse.alerts.silence import quiet_of
from synapse.alerts.silent_events import key_of
from synapse.calendar.messages import OccurrencesChanged
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunState
from tests.parts.api_room import api_room
from tests.parts.movable_clock import MovableClock

NOW = datetime(2026, 10, 14, 12, tzinfo=UTC)
HOUR, DAY, MONTH = timedelta(hours=1), timedelta(days=1), timedelta(days=30)
LONG_AGO = NOW - 1000 * DAY


def outcomes(words: str, every: timedelta, *, last: datetime | None = None) -> list[Outcome]:
    """Occurrences, the newest first, by the letters of their states."""
    found = []
    last = last or NOW - every / 2
    for place, letter in enumerate(words):
        due = (last - place * every).isoformat()
        states = {'s': 'succeeded', 'f': 'failed', 'q': 'queued', 'r': 'running', 'c': 'cancelled'}
        started_at = None if letter == 'q' else due
        run = {'number': 9, 'state': states.get(letter), 'started_at': started_at, 'finished_at': due}
        state = {'k': 'skipped', 'm': 'missed'}.get(letter, 'fired')
        found.append(Outcome({'due': due, 'fired_at': due, 'state': state}, run if letter in states else None))
    return found


def is_quiet(found: Sequence[Outcome], **values: Any) -> bool:
    return quiet_of(found, **{'now': NOW, 'since': LONG_AGO} | values) is not None


@pytest.mark.parametrize(
    ('words', 'every', 'is_silent'),
    [
        ('fffssss', DAY, True),
        ('ffssss', DAY, False),  # each of these has an alert of its own
        ('fff', DAY, True),  # never well
        ('fffss', MONTH, True),
        ('fsss', MONTH, False),
        ('kkqss', DAY, True),  # the queue is paused, and its event waits for its last run
        ('mmmmss', DAY, False),  # the machine slept, which has an alert of its own
        ('qmmmsss', DAY, False),  # it has just woken up
        ('cccss', DAY, False),  # a person cancelled them
        ('kkkkkkrs', timedelta(minutes=1), False),  # every minute, but half an hour has not passed
        ('rkkkkkkkkkss', HOUR, False),  # it works
        ('kkkr', HOUR, False),  # its first run: nobody knows what is usual
        ('ffffffsfffffsfffffsfffffs', DAY, False),  # it succeeds about once a week
        ('f' * 15 + 'sfffffsfffffsfffffs', DAY, True),
        ('', DAY, False),
    ],
)
def test_longer_than_usual_is_decided_by_its_own_rule_and_history(
    words: str, every: timedelta, is_silent: bool
) -> None:
    assert is_quiet(outcomes(words, every)) is is_silent


def test_an_event_that_chooses_its_files_is_not_silent_for_want_of_one() -> None:
    assert is_quiet(outcomes('kkkksss', DAY))
    assert not is_quiet(outcomes('kkkksss', DAY), is_choosy=True)


def test_late_ones_count_from_when_they_fired() -> None:
    woken = [item._replace(row=item.row | {'fired_at': NOW.isoformat()}) for item in outcomes('qqqq', DAY)]

    assert not is_quiet(woken)


def test_a_limit_of_the_person_decides_alone() -> None:
    yesterday = outcomes('fs', DAY)
    assert is_quiet(yesterday, after=35 * HOUR)
    assert not is_quiet(yesterday, after=37 * HOUR)
    assert not is_quiet(outcomes('rs', DAY), after=35 * HOUR)
    assert is_quiet([], after=HOUR, since=NOW - 2 * HOUR)
    assert not is_quiet([], after=HOUR, since=NOW)


async def test_a_paused_queue_is_the_cause_and_running_again_is_the_end(tmp_path: Path) -> None:
    clock = MovableClock(datetime(2026, 10, 14, 11, 30, tzinfo=UTC))
    with clock.rules_apscheduler():
        async with api_room(tmp_path / 'data', now=clock.now, clocks=clock.clocks, zone='UTC') as room:
            values = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'title': 'Backup'}
            event = await room.editor.create(
                values | {'start': '2026-10-14T12:00:00', 'timezone': 'UTC', 'rrule': 'FREQ=HOURLY'}
            )
            await room.runs.pause_queue()
            for hour in (12, 13, 14):
                clock.pass_to(datetime(2026, 10, 14, hour, tzinfo=UTC) - timedelta(seconds=0.5))
                await room.bus.next(OccurrencesChanged, timeout=20)
            await room.silence.check()
            assert room.alerts.active(key_of(event.id)) is None

            clock.pass_to(datetime(2026, 10, 14, 14, 59, tzinfo=UTC))
            await room.silence.check()
            await room.silence.check()
            alert = room.alerts.active(key_of(event.id))
            assert alert is not None
            assert (alert.kind, alert.count, alert.action) == (AlertKind.EVENT_SILENT, 1, AlertAction.RESUME_QUEUE)
            assert alert.title == 'Backup has not succeeded for longer than usual'
            assert alert.text == (
                'No run of it has succeeded. Since then it was skipped 2 times, waits once. '
                'The queue is paused, so its runs wait.'
            )

            await room.runs.resume_queue()
            await room.bus.next(RunChanged, timeout=30, where=lambda news: news.run.state is RunState.SUCCEEDED)
            assert room.alerts.active(key_of(event.id)) is None
            await room.silence.check()
            assert room.alerts.active(key_of(event.id)) is None
