"""The next events: in the order they fall due, counted for today, and shown as runs from the moment they fire."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pages.dashboard import next_up
from pages.dashboard.next_up import MOST, NextUp
from synapse.records import now_utc
from synapse.runs.records import RunRequest
from tests.parts.screens import Stage, fire, is_shown, staged, text_of

BERLIN = ZoneInfo('Europe/Berlin')


async def plan(stage: Stage, title: str, due: datetime, **values: Any) -> Any:
    """An event that falls due at this moment."""
    event = {'title': title, 'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}
    zone = stage.room.calendar.zone
    start = due.astimezone(ZoneInfo(zone)).replace(tzinfo=None, microsecond=0)
    return await stage.room.editor.create({**event, 'start': start.isoformat(), 'timezone': zone, **values})


def titles(stage: Stage) -> list[str]:
    rows = stage.screen.one(css='nx-rows')
    return [text_of(item) for row in rows for item in row.descendants() if 'nx-title' in item.classes]


def in_days(days: float) -> datetime:
    return now_utc() + timedelta(days=days)


async def test_the_next_three_are_listed_in_the_order_they_fall_due() -> None:
    async with staged() as stage:
        for title, days in (('later', 3), ('soon', 1), ('latest', 4), ('middle', 2)):
            await plan(stage, title, in_days(days))
        stage.screen.draw(lambda: NextUp(stage.room))

        assert titles(stage) == ['soon', 'middle', 'later']
        assert MOST == 3
        assert len(stage.screen.all(css='is-next')) == 1


async def test_a_new_event_takes_its_place_and_a_deleted_one_leaves() -> None:
    async with staged() as stage:
        late = await plan(stage, 'late', in_days(2))
        stage.screen.draw(lambda: NextUp(stage.room))
        await plan(stage, 'early', in_days(1))
        await stage.drawn(lambda: titles(stage) == ['early', 'late'])

        await stage.room.editor.delete(late.id)

        await stage.drawn(lambda: titles(stage) == ['early'])


async def test_only_an_event_that_repeats_says_so() -> None:
    async with staged() as stage:
        await plan(stage, 'once', in_days(1))
        await plan(stage, 'weekly', in_days(2), rrule='FREQ=WEEKLY')
        stage.screen.draw(lambda: NextUp(stage.room))

        repeats = stage.screen.all(href='/static/synapse/icons.svg#i-repeat')
        assert titles(stage) == ['once', 'weekly', 'weekly']
        assert [is_shown(element) for element in repeats] == [False, True, True]


async def test_what_has_fired_is_a_run_in_its_place_and_leads_to_it() -> None:
    async with staged() as stage:
        event = await plan(stage, 'backup', in_days(1))
        stage.screen.draw(lambda: NextUp(stage.room))
        due = in_days(0)
        wanted = stage.room.runs.scheduled(request(event, due))
        stage.room.history.create(wanted.model_dump(mode='json'))
        stage.room.runs.admit([wanted])
        await stage.drawn(lambda: 'Running' in stage.screen.texts)

        row = stage.screen.one(css='is-live')
        await fire(next(item for item in row.descendants() if 'nx-title' in item.classes))

        assert stage.screen.went_to == [f'/runs/{wanted.number}']


def request(event: Any, due: datetime) -> RunRequest:
    return RunRequest(event.pipeline, event.parameters, because=event.title, event_id=event.id, due=due)


async def test_today_is_counted_up_to_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage:
        zone = ZoneInfo(stage.room.calendar.zone)
        noon = datetime(2026, 10, 14, 12, tzinfo=zone).astimezone(UTC)
        monkeypatch.setattr(next_up, 'now_utc', lambda: noon)
        card = stage.screen.draw(lambda: NextUp(stage.room))

        shown = []
        for count in (0, 1, 10):
            card._show_count([noon + timedelta(minutes=minute) for minute in range(count)])
            shown.append(text_of(card.count))
        card._show_count([noon + timedelta(days=1)])

    assert shown == ['', '1 left today', '10+ left today']
    assert text_of(card.count) == ''


async def test_an_event_that_was_deleted_meanwhile_is_not_opened() -> None:
    async with staged() as stage:
        event = await plan(stage, 'backup', in_days(1))
        stage.screen.draw(lambda: NextUp(stage.room))
        title = stage.screen.one(css='nx-title')
        await stage.room.editor.delete(event.id)
        await fire(title)

        assert stage.screen.notices == ['This event has been deleted.']


@pytest.mark.parametrize(('days', 'words'), [(2, '%a'), (5.9, '%a'), (7, '%-d %b')])
def test_more_than_a_day_away_the_day_is_named_and_more_than_a_week_the_date(days: float, words: str) -> None:
    due = in_days(days)

    assert next_up._far(due, BERLIN) == due.astimezone(BERLIN).strftime(words)
