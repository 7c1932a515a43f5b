"""While you were away on a real room that was off: what was missed is listed, run or skipped, and then it is gone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from pages.scheduler.month.day_popover import DayPopover
from pages.scheduler.month.grid import MonthGrid
from pages.scheduler.page import scheduler_page
from pages.scheduler.parts.away_card import ROWS, AwayCard
from synapse.calendar.events import Event, Misfire
from synapse.records import now_utc
from tests.parts.downtime import hourly, was_off
from tests.parts.screen import Screen, fire, name_of, opened_screen

WORK = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}


@asynccontextmanager
async def away(tmp_path: Path, *events: Event) -> AsyncIterator[Screen]:
    """The card of a room that was off for five hours while these events fell due."""
    was_off(tmp_path / 'data', timedelta(hours=5), events)
    async with opened_screen(tmp_path / 'data') as screen:
        with screen.drawing():
            AwayCard(screen.room)
        await screen.until(lambda: screen.has('While you were away'))
        yield screen


def rows(screen: Screen) -> list[str]:
    return [name_of(item) for item in screen.shown if item.tag == 'li']


def last_day() -> tuple[datetime, datetime]:
    return now_utc() - timedelta(days=1), now_utc()


def is_gone(screen: Screen) -> bool:
    return not screen.has('While you were away')


async def test_only_what_was_missed_is_shown_and_each_event_has_a_row(tmp_path: Path) -> None:
    async with away(tmp_path, hourly('photos', 3, **WORK), hourly('letters', 1, **WORK)) as screen:
        titles = [row.split()[0] for row in rows(screen)]
        assert sorted(titles) == ['Letters', 'Photos']
        assert any('3 missed' in row for row in rows(screen))


async def test_running_the_latest_one_settles_the_others_of_its_event_too(tmp_path: Path) -> None:
    async with away(tmp_path, hourly('photos', 3, **WORK)) as screen:
        screen.press('Run latest only: Photos')
        await screen.until(lambda: is_gone(screen))

        assert await screen.room.calendar.open_missed() == []
        assert screen.notices == ['#1 is in the queue.']


async def test_running_all_starts_a_run_for_each_missed_occurrence(tmp_path: Path) -> None:
    async with away(tmp_path, hourly('photos', 2, **WORK), hourly('letters', 1, **WORK)) as screen:
        screen.press('Run all')
        await screen.until(lambda: is_gone(screen))

        assert screen.notices == ['#1, #2, #3 are in the queue.']


async def test_skipping_runs_nothing(tmp_path: Path) -> None:
    async with away(tmp_path, hourly('photos', 2, **WORK), hourly('letters', 1, **WORK)) as screen:
        screen.press('Skip: Photos')
        await screen.until(lambda: len(rows(screen)) == 1)
        screen.press('Skip: Letters')
        await screen.until(lambda: is_gone(screen))

        states = [item.state for item in (await screen.room.calendar.between(*last_day()))[1]]
        assert states == ['skipped'] * 3
        assert screen.notices == []


async def test_buttons_for_all_events_are_offered_only_if_there_are_several(tmp_path: Path) -> None:
    async with away(tmp_path, hourly('photos', 2, **WORK)) as screen:
        assert not screen.has('Skip all')
        assert screen.has('Run all 2: Photos')


async def test_a_missed_event_that_was_deleted_can_only_be_skipped(tmp_path: Path) -> None:
    async with away(tmp_path, hourly('photos', 2, **WORK)) as screen:
        await screen.room.editor.delete('photos')
        await screen.until(lambda: any('The event has been deleted.' in row for row in rows(screen)))

        assert screen.has('Skip: Photos')
        assert not screen.has('Run all 2: Photos')


async def test_what_ran_late_needs_no_decision(tmp_path: Path) -> None:
    async with away(tmp_path, hourly('photos', 1, misfire=Misfire(policy='latest'), **WORK)) as screen:
        assert 'run late' in rows(screen)[0]
        screen.press('Got it: Photos')

        await screen.until(lambda: is_gone(screen))


async def test_more_events_than_rows_are_counted(tmp_path: Path) -> None:
    many = [hourly(f'event{number}', 1, **WORK) for number in range(ROWS + 2)]

    async with away(tmp_path, *many) as screen:
        assert len(rows(screen)) == ROWS
        assert screen.has('And 2 more events.')
        screen.press('Skip all')
        await screen.until(lambda: is_gone(screen))


async def test_a_missed_event_with_a_file_to_choose_asks_for_it_first(tmp_path: Path) -> None:
    video = tmp_path / 'talk.mp4'
    video.write_text('not a video')
    film = hourly('film', 1, pipeline='PublishVideo', parameters={'video': 'ask:'})

    async with away(tmp_path, film) as screen:
        screen.press('Run: Film')
        await screen.until(lambda: screen.has('Which file for Film?'))
        [run] = [item for item in screen.shown if item.tag == 'button' and name_of(item) == 'Run']
        fire(run, 'click')
        assert screen.has('Choose a file.')
        screen.type('parameter-video', str(video))
        fire(run, 'click')
        await screen.until(lambda: is_gone(screen))

        assert screen.notices == ['#1 is in the queue.']


async def test_a_missed_event_without_its_file_stays_open(tmp_path: Path) -> None:
    film = hourly('film', 1, pipeline='PublishVideo', parameters={'video': 'ask:'})

    async with away(tmp_path, film) as screen:
        screen.press('Run: Film')
        await screen.until(lambda: screen.has('Which file for Film?'))
        buttons = [item for item in screen.shown if item.tag == 'button' and name_of(item) == 'Cancel']
        fire(buttons[-1], 'click')
        await screen.until(lambda: not screen.has('Which file for Film?'))

        assert rows(screen) != []
        assert len(await screen.room.calendar.open_missed()) == 1


# On the calendar page


async def test_a_missed_occurrence_is_run_from_its_day(tmp_path: Path) -> None:
    was_off(tmp_path / 'data', timedelta(hours=3), [hourly('photos', 1, **WORK)])

    async with opened_screen(tmp_path / 'data') as screen:
        popover, key = await popover_of_missed(screen)
        fire(popover, 'runnow', key)
        await screen.until(lambda: screen.notices != [])

        assert screen.notices == ['Photos is starting.']
        assert await screen.room.calendar.open_missed() == []


async def test_a_missed_occurrence_that_is_settled_already_runs_its_event_once_more(tmp_path: Path) -> None:
    was_off(tmp_path / 'data', timedelta(hours=3), [hourly('photos', 1, **WORK)])

    async with opened_screen(tmp_path / 'data') as screen:
        popover, key = await popover_of_missed(screen)
        await screen.room.calendar.answer_missed(await screen.room.calendar.open_missed(), 'run')
        fire(popover, 'runnow', key)
        await screen.until(lambda: screen.notices != [])

        assert screen.notices == ['Started Photos as run #2.']


async def popover_of_missed(screen: Screen) -> tuple[DayPopover, str]:
    """The day of the one missed occurrence, opened on the page, and the key of its row."""
    with screen.drawing():
        await scheduler_page(screen.room)
    [missed] = await screen.room.calendar.open_missed()
    [grid] = [item for item in screen.elements if isinstance(item, MonthGrid)]
    [popover] = [item for item in screen.elements if isinstance(item, DayPopover)]
    fire(grid, 'day', missed.due.astimezone(screen.zone).date().isoformat())
    await screen.until(lambda: bool(popover.props['picture']))
    [row] = [row for row in popover.props['picture']['rows'] if row['runs']]
    return popover, row['key']
