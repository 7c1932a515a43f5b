"""Around the view: where its buttons lead, what its filters let through, which files can be dropped on a day."""

from collections.abc import AsyncIterator, Mapping
from datetime import date, timedelta
from typing import Any

import pytest
import pytest_asyncio
from nicegui import ui

from pages.scheduler.drop import DropZone
from pages.scheduler.month.picker import MonthPicker
from pages.scheduler.parts.entry_filter import EntryFilter
from pages.scheduler.parts.views import AGENDA_DAYS
from pages.scheduler.toolbar import Legend, Toolbar
from tests.parts.pickers import choice
from tests.parts.screen import Screen, clickable, fire, name_of, opened_screen

pytestmark = pytest.mark.asyncio(loop_scope='module')
DAY = date(2026, 10, 14)
TOTALS = {'succeeded': 4, 'failed': 2, 'missed': 0, 'planned': 7}


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def screen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Screen]:
    async with opened_screen(tmp_path_factory.mktemp('toolbar') / 'data') as screen:
        await screen.room.profiles.create({'label': 'Studio'})
        yield screen


class Tools:
    """A toolbar on the screen, and where it led."""

    def __init__(self, screen: Screen, only: EntryFilter | None = None) -> None:
        self.days: list[date] = []
        self.views: list[str] = []
        self.filters: list[EntryFilter] = []
        with screen.drawing():
            self.bar = Toolbar(
                screen.room,
                only or EntryFilter(),
                go_to=self.days.append,
                filtered=lambda: self.filters.append(self.bar.only),
                switch=self.views.append,
            )


def pickers(screen: Screen) -> dict[str, ui.element]:
    return {name_of(item): item for item in screen.shown if item.tag == 'select'}


# The way to other days


@pytest.mark.parametrize(
    ('view', 'name', 'there'),
    [
        ('month', 'Next month (J)', date(2026, 11, 1)),
        ('month', 'Previous month (K)', date(2026, 9, 1)),
        ('week', 'Next week (J)', date(2026, 10, 21)),
        ('agenda', f'Previous {AGENDA_DAYS} days (K)', DAY - timedelta(days=AGENDA_DAYS)),
    ],
)
async def test_the_arrows_turn_by_what_is_shown(screen: Screen, view: str, name: str, there: date) -> None:
    tools = Tools(screen)
    tools.bar.show(view, DAY)

    screen.press(name)

    assert tools.days == [there]


async def test_today_is_the_day_of_the_calendars_zone(screen: Screen) -> None:
    tools = Tools(screen)

    screen.press('Today')

    assert tools.days == [screen.now.date()]


async def test_a_view_is_chosen_by_its_name_and_the_one_that_is_shown_is_marked(screen: Screen) -> None:
    tools = Tools(screen)
    tools.bar.show('week', DAY)

    screen.press('Agenda')

    assert tools.views == ['agenda']
    assert screen.get('Week', 'button').props['aria-checked'] == 'true'
    assert screen.get('Agenda', 'button').props['aria-checked'] == 'false'


# Totals and filters


async def test_totals_belong_to_the_month_alone(screen: Screen) -> None:
    tools = Tools(screen)
    tools.bar.count(TOTALS)
    assert screen.has('4 succeeded')

    tools.bar.show('week', DAY)

    assert not screen.has('4 succeeded')


async def test_a_total_of_nothing_is_not_shown_unless_it_is_the_filter(screen: Screen) -> None:
    tools = Tools(screen, EntryFilter(group='failed'))

    tools.bar.count(TOTALS | {'failed': 0})

    assert screen.has('0 failed')
    assert not screen.has('0 missed')


async def test_pressing_a_total_shows_only_these_and_pressing_it_again_shows_all(screen: Screen) -> None:
    tools = Tools(screen)
    tools.bar.count(TOTALS)

    fire(clickable(screen.get('2 failed')), 'click')
    fire(clickable(screen.get('2 failed')), 'click')

    assert tools.filters == [EntryFilter(group='failed'), EntryFilter()]


async def test_a_chosen_pipeline_keeps_the_profile_that_was_chosen(screen: Screen) -> None:
    tools = Tools(screen)

    for label, value in (('Profile', 'studio'), ('Pipeline', 'RunCommand')):
        select = pickers(screen)[label]
        fire(select, 'change', choice(select, value))

    assert tools.filters[-1] == EntryFilter(pipeline='RunCommand', profile='studio')


async def test_what_an_old_link_names_is_offered_though_it_is_gone(screen: Screen) -> None:
    Tools(screen, EntryFilter(pipeline='Gone', profile='lost'))

    texts = [name_of(option) for picker in pickers(screen).values() for option in picker.descendants()]
    assert {'Gone', 'lost', 'All pipelines', 'All profiles', 'Studio'} <= set(texts)


# The legend


async def test_the_legend_names_the_pipelines_of_the_month_by_title(screen: Screen) -> None:
    with screen.drawing():
        legend = Legend(screen.room)

    legend.show({'RunCommand', 'Gone'})

    texts = [name_of(item) for item in screen.elements]
    assert {'Run command', 'Gone'} <= set(texts)
    legend.show(set())
    assert 'Run command' not in [name_of(item) for item in screen.elements]


# The choice of a month


class Picking:
    """A choice of months on the screen, and what was chosen."""

    def __init__(self, screen: Screen, day: date) -> None:
        self.chosen: list[date] = []
        with screen.drawing():
            self.picker = MonthPicker(self.chosen.append)
        self.picker.show(f'{day:%B}', str(day.year), day, date(2026, 10, 14))


def months(screen: Screen) -> list[ui.element]:
    return [item for item in screen.elements if 'month' in item.classes]


async def test_a_month_of_another_year_is_chosen(screen: Screen) -> None:
    picking = Picking(screen, DAY)

    fire(clickable(next(item for item in screen.elements if name_of(item) == 'Later year')), 'click')
    fire(months(screen)[1], 'click')

    assert picking.chosen == [date(2027, 2, 1)]


async def test_the_month_that_is_shown_and_the_one_of_today_are_marked(screen: Screen) -> None:
    Picking(screen, date(2026, 12, 3))

    assert [name_of(item) for item in months(screen) if item.props['aria-pressed'] == 'true'] == ['Dec 2026']
    assert [name_of(item) for item in months(screen) if item.props.get('aria-current')] == ['Oct 2026']


@pytest.mark.parametrize(('year', 'button'), [(1971, 'Earlier year'), (2199, 'Later year')])
async def test_no_year_is_offered_that_the_calendar_cannot_show(screen: Screen, year: int, button: str) -> None:
    picking = Picking(screen, date(year, 5, 1))

    fire(clickable(next(item for item in screen.elements if name_of(item) == button)), 'click')
    fire(months(screen)[0], 'click')

    assert picking.chosen == [date(year, 1, 1)]


# Files


class Dropped:
    """A drop zone on the screen, and what was planned for its files."""

    def __init__(self, screen: Screen, wanted: str = '') -> None:
        self.screen = screen
        self.planned: list[tuple[date, str, Mapping[str, Any]]] = []
        with screen.drawing():
            DropZone(screen.room, wanted=lambda: wanted, plan=lambda *what: self.planned.append(what))
        self.zone = next(item for item in screen.elements if 'mo-zone' in item.classes)

    def drop(self, name: str) -> None:
        fire(self.zone, 'uploaded', {'id': 'f1', 'name': name, 'day': '2026-10-20'})


async def test_a_video_dropped_on_a_day_is_planned_there_for_the_pipeline_that_takes_it(screen: Screen) -> None:
    dropped = Dropped(screen)

    dropped.drop('talk.mp4')

    assert dropped.planned == [(date(2026, 10, 20), 'PublishVideo', {'video': 'inbox:f1'})]


async def test_a_file_that_no_pipeline_accepts_is_kept_and_said(screen: Screen) -> None:
    dropped = Dropped(screen)

    dropped.drop('notes.txt')

    assert dropped.planned == []
    assert screen.notices == ['No pipeline accepts notes.txt. The file is kept in the inbox.']


async def test_a_pipeline_that_takes_no_such_file_is_not_preferred(screen: Screen) -> None:
    dropped = Dropped(screen, wanted='RunCommand')

    dropped.drop('talk.mp4')

    assert [pipeline for _, pipeline, _ in dropped.planned] == ['PublishVideo']


async def test_the_browser_refuses_what_no_pipeline_accepts(screen: Screen) -> None:
    accepts = Dropped(screen).zone.props['data-accepts'].split(',')

    assert '.mp4' in accepts
    assert accepts == sorted(accepts)
