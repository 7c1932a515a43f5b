"""The cards of the dashboard on a real room: what waits, who works, how the machine is, what the figures say."""

from datetime import UTC, datetime
from typing import Any

import pytest
from nicegui import ui

from pages.dashboard.machine_card import MachineCard, _ceiling, _floor, _thin
from pages.dashboard.page import Figures, compared, dashboard_page
from pages.dashboard.queue_card import SHOWN, QueueCard
from pages.dashboard.workers_card import WorkersCard
from synapse.catalog.catalog import PipelinesChanged
from synapse.offers import Offer
from synapse.runs.records import RunState
from tests.parts.screens import Stage, fire, is_shown, staged, text_of

WEDNESDAY = datetime(2026, 10, 14, 12, tzinfo=UTC)
FIGURES: dict[str, Any] = {
    'runs_today': 12,
    'runs_delta': 2,
    'success_percent': 92.3,
    'success_ok': 48,
    'success_total': 52,
    'median_seconds': 252,
    'failed_today': 1,
    'series': {'runs': [1, 2], 'success_percent': [100, None], 'median_seconds': [None, 252], 'failed': [0, 1]},
}


# Queue


def waiting(stage: Stage) -> list[str]:
    """The ids in the rows of the queue, from top to bottom."""
    return [str(row.props['data-run']) for row in stage.screen.one(data_reorder='1')]


async def fill(stage: Stage, count: int) -> list[str]:
    """One live run, and the ids of those that wait behind it."""
    await stage.run()
    return [(await stage.run()).id for _ in range(count)]


async def test_waiting_runs_are_listed_in_the_order_they_will_start() -> None:
    async with staged(workers=1) as stage:
        ids = await fill(stage, 3)
        card = stage.screen.draw(lambda: QueueCard(stage.room))
        assert waiting(stage) == ids
        assert text_of(card.count) == '3'

        await fire(stage.screen.one(data_reorder='1'), 'moved', {'id': ids[2], 'index': 0})

        assert waiting(stage) == [ids[2], ids[0], ids[1]]


async def test_a_row_is_the_same_element_after_it_has_moved() -> None:
    async with staged(workers=1) as stage:
        ids = await fill(stage, 2)
        stage.screen.draw(lambda: QueueCard(stage.room))
        row = stage.screen.one(data_run=ids[1])

        await stage.room.runs.move_in_queue(ids[1], 0)

        assert stage.screen.one(data_run=ids[1]) is row


async def test_a_run_is_put_first_or_removed_from_its_menu() -> None:
    async with staged(workers=1) as stage:
        ids = await fill(stage, 2)
        stage.screen.draw(lambda: QueueCard(stage.room))
        first, _, remove = (stage.screen.all(role='menuitem')[place] for place in (3, 4, 5))
        await fire(first)
        assert waiting(stage) == [ids[1], ids[0]]

        await fire(remove)

        assert waiting(stage) == [ids[0]]
        assert stage.last[ids[1]].state is RunState.CANCELLED


async def test_a_long_queue_is_cut_and_the_rest_counted() -> None:
    async with staged(workers=1) as stage:
        await fill(stage, SHOWN + 2)
        stage.screen.draw(lambda: QueueCard(stage.room))

        assert len(waiting(stage)) == SHOWN
        assert '2 more waiting.' in stage.screen.texts


async def test_a_row_says_what_its_run_waits_for() -> None:
    async with staged(workers=1) as stage:
        for name, limits in {'Paints': "needs = {'gpu': 1}", 'Fills': "needs_free = '900 TB'"}.items():
            path = stage.room.settings.data / 'pipelines' / f'{name.lower()}.py'
            path.write_text(ONE_STEP.format(name=name, limits=limits))
            await stage.room.bus.next(PipelinesChanged, timeout=20, where=lambda news, name=name: name in news.names)
        stage.room.roster.update({'annex': Offer(2, {'gpu': 1})}, ())
        stage.room.roster.drain('annex', is_drained=True)
        stage.screen.draw(lambda: QueueCard(stage.room))
        for name in ('Paints', 'Fills'):
            await stage.room.runs.create(name, {})

        words = 'waits for a machine with gpu 1; annex has it and gets no new runs'
        await stage.drawn(lambda: words in stage.screen.texts)
        await stage.drawn(lambda: any(text.startswith('waits for 900 TB of free space') for text in stage.screen.texts))

        rows = [text_of(row) for row in stage.screen.all(tag='li')]
        assert [row.split(' ')[0] for row in rows if words in row] == ['Paints']
        assert stage.screen.one(text=words).props['title'] == words


ONE_STEP = """
from synapse import Pipeline, step

class {name}(Pipeline):
    {limits}

    @step
    def work(self, run): ...
"""


async def test_the_queue_is_paused_and_resumed_by_one_button() -> None:
    async with staged() as stage:
        stage.screen.draw(lambda: QueueCard(stage.room))
        assert 'Nothing is waiting.' in stage.screen.texts

        await fire(stage.screen.button('Pause queue'))
        await stage.until(lambda: 'The queue is paused. Nothing is waiting.' in stage.screen.texts)
        await fire(stage.screen.button('Resume queue'))

        assert not stage.room.runs.is_queue_paused


# Workers


def workers(stage: Stage) -> list[str]:
    rows = [text_of(row) for row in stage.screen.all(tag='li')]
    return sorted(row for row in rows if row.startswith('worker-'))


async def test_an_idle_worker_is_listed_and_a_busy_one_says_what_it_does() -> None:
    async with staged(workers=2) as stage:
        card = stage.screen.draw(lambda: WorkersCard(stage.room))
        assert text_of(card.count) == '0 of 2 busy'
        run = await stage.run()
        await stage.step(run, 'running')

        await stage.drawn(lambda: 'EXECUTE' in workers(stage)[0].split())

        assert workers(stage)[0].split()[:3] == ['worker-1', 'EXECUTE', 'true']
        assert workers(stage)[1] == 'worker-2 idle'
        assert text_of(card.count) == '1 of 2 busy'


async def test_another_number_of_workers_is_another_number_of_rows() -> None:
    async with staged(workers=1) as stage:
        stage.screen.draw(lambda: WorkersCard(stage.room))
        await stage.room.set_workers(2)
        await stage.until(lambda: len(stage.room.status.workers) == 2)

        assert workers(stage) == ['worker-1 idle', 'worker-2 idle']


async def test_workers_of_this_machine_alone_are_listed_one_by_one() -> None:
    async with staged(workers=4) as stage:
        stage.screen.draw(lambda: WorkersCard(stage.room))
        await stage.room.set_workers(5)
        await stage.until(lambda: len(stage.room.status.workers) == 5)
        await stage.run()

        await stage.drawn(lambda: len(workers(stage)) == 5 and workers(stage)[0].startswith('worker-1 starting'))

        assert workers(stage)[1:] == [f'worker-{number} idle' for number in range(2, 6)]


async def test_of_many_workers_those_with_a_run_come_first_and_the_idle_ones_are_counted_by_machine() -> None:
    async with staged(workers=2) as stage:
        stage.screen.draw(lambda: WorkersCard(stage.room))
        place = stage.screen.all(tag='ul')[0]
        stage.room.roster.update({'annex': Offer(2), 'barn': Offer(3)}, ())
        await stage.drawn(lambda: [*map(text_of, place)] == ['This machine 2 free', 'annex 2 free', 'barn 3 free'])
        here, also_here, there = await stage.run(), await stage.run(), await stage.run()

        await stage.drawn(lambda: [*map(_name_of, place)] == ['worker-1', 'worker-2', 'annex-1', 'annex', 'barn'])

        assert stage.room.runs.worker_of(there.id) == 'annex-1'
        assert text_of(place).count('starting') == 3
        assert 'annex 1 free barn 3 free' in text_of(place)
        assert place.props['tabindex'] == '0'
        for run in (here, also_here):
            await stage.end(run)
        await stage.drawn(lambda: [*map(_name_of, place)] == ['annex-1', 'This', 'annex', 'barn'])


async def test_workers_that_are_not_in_sight_are_named_by_a_link_to_the_machines() -> None:
    async with staged(workers=1) as stage:
        card = stage.screen.draw(lambda: WorkersCard(stage.room))
        beside, below = stage.screen.all(href='/settings#machines')
        assert not is_shown(beside)
        stage.room.roster.update({'annex': Offer(2), 'barn': Offer(3), 'cellar': Offer(1)}, ())

        await stage.drawn(lambda: is_shown(beside))

        assert text_of(beside) == '+2 more barn, cellar'
        assert not is_shown(below), 'all fit where the cards stand one below the other'
        assert text_of(card.count) == '0 of 7 busy'


async def test_the_places_of_a_drained_machine_are_no_workers_to_count_on() -> None:
    async with staged(workers=2) as stage:
        card = stage.screen.draw(lambda: WorkersCard(stage.room))
        place = stage.screen.all(tag='ul')[0]
        stage.room.roster.update({'annex': Offer(2), 'barn': Offer(3)}, ())
        await stage.drawn(lambda: text_of(card.count) == '0 of 7 busy')

        stage.room.roster.drain('annex', is_drained=True)

        await stage.drawn(lambda: text_of(card.count) == '0 of 5 busy')
        await stage.drawn(lambda: [*map(_name_of, place)] == ['This', 'barn', 'annex'])
        assert 'annex gets no new runs' in text_of(place)


async def test_few_workers_stay_where_they_are() -> None:
    async with staged(workers=2) as stage:
        stage.screen.draw(lambda: WorkersCard(stage.room))
        place = stage.screen.all(tag='ul')[0]
        first, _ = await stage.run(), await stage.run()

        await stage.end(first)

        await stage.drawn(lambda: workers(stage)[0] == 'worker-1 idle')
        assert [*map(_name_of, place)] == ['worker-1', 'worker-2']
        assert 'tabindex' not in place.props


def _name_of(row: ui.element) -> str:
    return text_of(row).replace(' -', '-').split()[0]


# Machine


async def test_the_machine_is_measured_often_only_while_its_card_is_shown() -> None:
    async with staged() as stage:
        card = stage.screen.draw(lambda: MachineCard(stage.room))
        assert stage.room.machine.is_watched

        card.delete()

        assert not stage.room.machine.is_watched


@pytest.mark.parametrize(('usage', 'is_short'), [(89.0, False), (93.4, True)])
async def test_a_disk_that_is_nearly_full_adds_a_line_with_a_way_out(usage: float, is_short: bool) -> None:
    async with staged() as stage:
        stage.room.status.disk_usage, stage.room.status.disk_total = usage, 10**12
        stage.screen.draw(lambda: MachineCard(stage.room))

        hint = stage.screen.one(css='hint')
        assert is_shown(hint) is is_short
        assert text_of(hint).startswith(f'{100 - usage:.0f} % of the disk left.')


def test_a_curve_is_thinned_and_keeps_its_last_value() -> None:
    values = [float(number) for number in range(151)]

    thin = _thin(values)

    assert 50 <= len(thin) <= 52
    assert thin[-1] == 150
    assert _thin([1.0, 2.0]) == [1.0, 2.0]


def test_the_range_of_a_curve_is_never_so_narrow_that_noise_fills_it() -> None:
    assert (_floor([]), _ceiling([])) == (0, 20)
    assert _ceiling([50.0, 50.1]) - _floor([50.0, 50.1]) == 20
    assert _floor([2.0]) == 0


# Figures


@pytest.mark.parametrize(('delta', 'words'), [(2, '+2 vs last Wed'), (-1, '-1 vs last Wed'), (0, 'same as last Wed')])
def test_today_is_compared_with_the_same_day_of_last_week(delta: int, words: str) -> None:
    assert compared(delta, WEDNESDAY) == words


async def test_the_figures_are_said_with_what_they_mean() -> None:
    async with staged() as stage:
        stage.screen.draw(lambda: Figures(stage.room, FIGURES))

        labels = [str(card.props['aria-label']) for card in stage.screen.all(css='stat-card')]
    assert labels[0].startswith('Runs today: 12, +2 vs last ')
    assert labels[1:] == [
        'Succeeded, 7 days: 92.3 %, 48 of 52',
        'Typical duration, 7 days: 4:12, median',
        'Need a look: 1, failed today',
    ]


async def test_figures_of_days_without_a_run_are_dashes_and_not_zero() -> None:
    none = {'success_percent': None, 'median_seconds': None}
    async with staged() as stage:
        stage.screen.draw(lambda: Figures(stage.room, FIGURES | none))

        labels = [str(card.props['aria-label']) for card in stage.screen.all(css='stat-card')]
    assert labels[1:3] == ['Succeeded, 7 days: –, none ended', 'Typical duration, 7 days: –, median']


async def test_a_figure_leads_to_the_runs_behind_it() -> None:
    async with staged() as stage:
        stage.screen.draw(lambda: Figures(stage.room, FIGURES))
        for card in stage.screen.all(css='stat-card'):
            await fire(card)

        assert stage.screen.went_to == ['/runs', '/runs?state=succeeded', '/runs?state=succeeded', '/runs?state=failed']


async def test_the_figures_are_read_again_when_a_run_has_ended() -> None:
    async with staged() as stage:
        stage.screen.draw(lambda: Figures(stage.room, FIGURES))
        shown = stage.screen.all(css='stat-card')[0]
        await stage.end(await stage.run())

        await stage.drawn(lambda: str(shown.props['aria-label']).startswith('Runs today: 1,'))


# The page


async def test_the_first_start_gives_way_to_the_dashboard_once_a_run_has_ended() -> None:
    async with staged() as stage:
        with stage.screen.client:
            await dashboard_page(stage.room)
        assert stage.screen.one(aria_label='First run')

        await stage.end(await stage.run())
        await stage.drawn(lambda: bool(stage.screen.all(aria_label='Queue')))

        assert stage.screen.all(aria_label='First run') == []


async def test_with_a_run_in_the_past_the_dashboard_is_there_at_once() -> None:
    async with staged() as stage:
        await stage.end(await stage.run())
        with stage.screen.client:
            await dashboard_page(stage.room)

        titles = [text_of(title) for title in stage.screen.all(tag='h2')]
        assert {'Start a run', 'Queue', 'Workers', 'Next up', 'Log', 'This machine'} <= set(titles)
