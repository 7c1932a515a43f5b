"""All of one day on a page: it follows its day while it is open, and what is pressed in it is about that day."""

from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
import pytest_asyncio

from pages.scheduler.month.day_popover import DayPopover, PopoverActions
from pages.scheduler.parts.entry_filter import EntryFilter
from tests.parts.screen import Screen, fire, opened_screen

pytestmark = pytest.mark.asyncio(loop_scope='module')


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def screen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Screen]:
    async with opened_screen(tmp_path_factory.mktemp('popover') / 'data') as screen:
        yield screen


class Opened:
    """The popover on the screen, and what was done in it."""

    def __init__(self, screen: Screen) -> None:
        self.done: list[tuple[str, Any]] = []
        names = ('open_entry', 'run_now', 'retry', 'open_day', 'plan', 'about')
        actions = {name: lambda what, name=name: self.done.append((name, what)) for name in names}
        with screen.drawing():
            self.popover = DayPopover(screen.room, PopoverActions(**actions))  # type: ignore[arg-type]

    @property
    def titles(self) -> list[str]:
        picture = self.popover.props['picture']
        return [row['title'] for row in picture['rows']] if picture else []


@pytest_asyncio.fixture(autouse=True, loop_scope='module')
async def empty_screen(screen: Screen) -> AsyncIterator[None]:
    yield
    screen.clear()
    while events := screen.room.calendar.events():
        await screen.room.editor.delete(events[0].id)


def tomorrow(screen: Screen) -> date:
    return (screen.now + timedelta(days=1)).date()


async def test_it_shows_its_day_through_the_filter(screen: Screen) -> None:
    opened = Opened(screen)
    await screen.plan('Letters')
    await screen.plan('Later', hours=72)

    await opened.popover.show(tomorrow(screen), EntryFilter())
    assert opened.titles == ['Letters']
    await opened.popover.show(tomorrow(screen), EntryFilter(pipeline='BackupFolder'))

    assert opened.titles == []


async def test_a_frequent_event_is_one_row_that_unfolds_in_place(screen: Screen) -> None:
    opened = Opened(screen)
    start = datetime.combine(tomorrow(screen), time())
    await screen.plan('Pulse', start=start, rrule='FREQ=MINUTELY;INTERVAL=15')
    await screen.plan('Letters', start=start + timedelta(hours=9))

    await opened.popover.show(tomorrow(screen), EntryFilter())
    picture = opened.popover.props['picture']
    assert opened.titles == ['Pulse ×96', 'Letters']
    assert picture['caption'] == '97 planned'
    assert [(row['folds'], row['about']) for row in picture['rows']] == [(True, False), (False, True)]
    fire(opened.popover, 'fold', picture['rows'][0]['key'])
    assert opened.titles == ['Pulse ×96', *['Pulse'] * 96, 'Letters']
    assert len({row['key'] for row in opened.popover.props['picture']['rows']}) == 98
    fire(opened.popover, 'fold', picture['rows'][0]['key'])

    assert opened.titles == ['Pulse ×96', 'Letters']


async def test_it_follows_its_day_while_it_is_open(screen: Screen) -> None:
    opened = Opened(screen)
    await opened.popover.show(tomorrow(screen), EntryFilter())

    await screen.plan('Letters')
    opened.popover.refresh()

    await screen.until(lambda: opened.titles == ['Letters'])


async def test_it_reads_nothing_once_it_is_closed(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened(screen)
    await opened.popover.show(tomorrow(screen), EntryFilter())
    fire(opened.popover, 'closed')
    reads: list[Any] = []
    monkeypatch.setattr(screen.room.calendar, 'entries', lambda *span: reads.append(span))

    opened.popover.refresh()

    assert (opened.popover.day, opened.titles, reads) == (None, [], [])


async def test_only_what_is_in_it_can_be_opened(screen: Screen) -> None:
    opened = Opened(screen)
    event = await screen.plan('Letters')
    await opened.popover.show(tomorrow(screen), EntryFilter())
    [row] = opened.popover.props['picture']['rows']

    fire(opened.popover, 'entry', row['key'])
    fire(opened.popover, 'entry', 'another')

    [(name, found)] = opened.done
    assert (name, found.event_id) == ('open_entry', event.id)


async def test_its_buttons_are_about_its_day(screen: Screen) -> None:
    opened = Opened(screen)
    await opened.popover.show(tomorrow(screen), EntryFilter())

    for name in ('open', 'plan', 'retry'):
        fire(opened.popover, 'pressed', name)

    assert opened.done == [('open_day', tomorrow(screen)), ('plan', tomorrow(screen)), ('retry', [])]


async def test_nothing_is_planned_on_a_day_that_is_over(screen: Screen) -> None:
    opened = Opened(screen)

    await opened.popover.show(tomorrow(screen) - timedelta(days=2), EntryFilter())
    over = opened.popover.props['picture']['plans']
    await opened.popover.show(tomorrow(screen), EntryFilter())

    assert (over, opened.popover.props['picture']['plans']) == (False, True)


async def test_a_day_that_cannot_be_read_says_so(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened(screen)

    async def broken(*_: Any) -> Any:
        raise OSError('the disk is gone')

    monkeypatch.setattr(screen.room.calendar, 'entries', broken)
    with screen.container:
        await opened.popover.show(tomorrow(screen), EntryFilter())

    assert screen.notices == ['That did not work. The log has the details.']
    assert opened.titles == []


async def test_what_happened_to_an_occurrence_is_asked_from_its_row(screen: Screen) -> None:
    opened = Opened(screen)
    event = await screen.plan('Letters')
    await opened.popover.show(tomorrow(screen), EntryFilter())
    [row] = opened.popover.props['picture']['rows']

    fire(opened.popover, 'about', row['key'])

    [(name, found)] = opened.done
    assert (name, found.event_id, row['about']) == ('about', event.id, True)
