"""The list of runs: its address, what it tells the browser to show, and what is said where there are none."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pages.parts.scope import Scope
from pages.runs.bulk_bar import left_out, result_words, what_stops
from pages.runs.page import runs_page
from pages.runs.run_filters import RunsAsked
from pages.runs.run_list import PAGE, RunRows
from storage.files import StorageError
from synapse.control_room import ControlRoom
from synapse.errors import NotReady
from synapse.records import now_utc
from synapse.runs.bulk import RETRIED, Bulk, BulkAction, BulkPlan, BulkResult
from synapse.runs.records import RunState
from tests.parts.pickers import pick
from tests.parts.run_records import a_run
from tests.parts.screens import Stage, fire, staged, text_of

HOUR = timedelta(hours=1)


class Browser:
    """The rows as the calls of the page leave them in the browser."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.is_at_end = False

    def tell(self, _: RunRows, method: str, *values: Any) -> None:
        if method == 'reset':
            self.rows = {}
        if method in ('reset', 'append'):
            self.is_at_end = values[-1]
        if method in ('reset', 'append', 'prepend'):
            self.rows |= {row['number']: row for row in values[0]}
        if method == 'put':
            for number, row, is_new in values[0]:
                if row is None:
                    self.rows.pop(number, None)
                elif number in self.rows or (is_new and (self.is_at_end or number > min(self.rows, default=0))):
                    self.rows[number] = row
        if method == 'forget':
            self.rows = {number: row for number, row in self.rows.items() if row['id'] not in values[0]}

    @property
    def labels(self) -> list[str]:
        """From top to bottom."""
        rows = [self.rows[number] for number in sorted(self.rows, reverse=True)]
        return [f'#{row["number"]} {row["title"]}, {row["state"]}' for row in rows]


@pytest.fixture(autouse=True)
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    browser = Browser()
    monkeypatch.setattr(RunRows, 'tell', lambda rows, *call: browser.tell(rows, *call))
    return browser


async def opened(stage: Stage, **asked: str) -> Scope:
    with stage.screen.client:
        await runs_page(stage.room, RunsAsked(**asked))
    scope = stage.screen.one(css='sy-page')
    assert isinstance(scope, Scope)
    return scope


def addresses(stage: Stage) -> list[str]:
    """The addresses that the page has put into the history of the browser."""
    calls = [
        str(message[2]['code']) for message in stage.screen.client.outbox.messages if message[1] == 'run_javascript'
    ]
    return [call.split('"')[1] for call in calls if 'showAddress' in call]


async def keep(room: ControlRoom, count: int) -> None:
    """Runs that have ended, numbered from 1."""
    for number in range(1, count + 1):
        run = a_run(RunState.SUCCEEDED, id=f'run-{number}', number=number, pipeline='RunCommand')
        room.history.create(run.model_dump(mode='json'))


# Filters


def test_the_address_holds_what_was_chosen() -> None:
    assert RunsAsked().address == '/runs'
    assert RunsAsked(state='failed,queued', profile='a b').address == '/runs?state=failed,queued&profile=a+b'


async def test_choosing_a_filter_keeps_the_others_and_is_a_step_in_the_history() -> None:
    async with staged() as stage:
        await opened(stage, state='failed')
        await pick(stage.screen.one(tag='select', aria_label='Profile'), 'default')

        await stage.drawn(lambda: addresses(stage) == ['/runs?state=failed&profile=default'])


async def test_several_states_are_ticked_one_after_the_other() -> None:
    async with staged() as stage:
        await opened(stage)
        ticks = [item for item in stage.screen.all(tag='input') if item.props.get('type') == 'checkbox']

        await fire(ticks[4], 'change', True)
        await fire(ticks[0], 'change', True)

        await stage.drawn(lambda: addresses(stage) == ['/runs?state=failed', '/runs?state=queued,failed'])
        assert stage.screen.one(aria_label='State: Waiting, Failed')


async def test_what_does_not_exist_is_no_filter_and_leaves_the_address(browser: Browser) -> None:
    async with staged() as stage:
        await keep(stage.room, 1)
        await opened(stage, state='exploded', t='then')

        assert len(browser.rows) == 1
        assert '1 run' in stage.screen.texts
        assert addresses(stage) == ['/runs']


async def test_a_link_to_a_pipeline_that_is_gone_still_names_it() -> None:
    async with staged() as stage:
        await opened(stage, pipeline='Gone')

        assert 'Gone' in [text_of(option) for option in stage.screen.all(tag='option')]


async def test_what_is_typed_is_searched_for_and_exported_and_replaces_the_address(browser: Browser) -> None:
    async with staged() as stage:
        await keep(stage.room, 3)
        await opened(stage)
        await fire(stage.screen.one(tag='input', type='search'), 'input', ' #2 ')
        await stage.drawn(lambda: [*browser.rows] == [2])

        await stage.drawn(lambda: addresses(stage) == ['/runs?q=%232'])
        assert '1 run fits' in stage.screen.texts
        links = [str(link.props['href']) for link in stage.screen.all(tag='a')]
        assert links == [f'/api/v1/runs/export?format={form}&q=%232' for form in ('csv', 'jsonl')]


# Rows


async def test_a_row_tells_when_a_run_started_or_since_when_it_waits(browser: Browser) -> None:
    async with staged() as stage:
        start = a_run(RunState.SUCCEEDED).created_at
        times = {'started_at': start + 2 * HOUR, 'finished_at': start + 3 * HOUR}
        for run in (a_run(RunState.SUCCEEDED, id='b', **times), a_run(RunState.QUEUED)):
            stage.room.history.create(run.model_dump(mode='json'))
        await opened(stage)

        started, waits = browser.rows[1], browser.rows[2]
        times = {
            zone: f'{(start + late).astimezone(ZoneInfo(stage.room.calendar.zone)):%H:%M}'
            for zone, late in (('b', 2 * HOUR), ('a', 0 * HOUR))
        }
        assert (started['when'][-8:-3], waits['when']) == (times['b'], '')
        assert waits['state'].startswith('Waiting since ')
        assert waits['state'].endswith(times['a'])


async def test_older_runs_come_a_page_at_a_time_until_there_are_no_more(browser: Browser) -> None:
    async with staged() as stage:
        await keep(stage.room, PAGE + 2)
        await opened(stage)
        assert len(browser.rows) == PAGE
        assert not browser.is_at_end

        (rows,) = [item for item in stage.screen.client.elements.values() if isinstance(item, RunRows)]
        await fire(rows, 'older', min(browser.rows))

        assert [*browser.rows] == [*range(PAGE + 2, 0, -1)]
        assert browser.is_at_end


async def test_newer_runs_come_back_when_a_person_scrolls_up(browser: Browser) -> None:
    async with staged() as stage:
        await keep(stage.room, 3 * PAGE)
        await opened(stage)
        (rows,) = [item for item in stage.screen.client.elements.values() if isinstance(item, RunRows)]
        await fire(rows, 'older', 2 * PAGE + 1)
        await fire(rows, 'older', PAGE + 1)

        browser.rows = {number: row for number, row in browser.rows.items() if number <= PAGE}
        await fire(rows, 'newer', PAGE)
        assert max(browser.rows) == 2 * PAGE
        await fire(rows, 'newer', 2 * PAGE)
        assert [*sorted(browser.rows)] == [*range(1, 3 * PAGE + 1)]


async def test_a_new_run_is_on_top_and_changes_in_place(browser: Browser) -> None:
    async with staged() as stage:
        await keep(stage.room, 1)
        await opened(stage)
        run = await stage.run()
        await stage.drawn(lambda: browser.labels == ['#2 true, Running', '#1 Run command, Succeeded'])
        await stage.end(run)

        await stage.drawn(lambda: browser.labels == ['#2 true, Succeeded', '#1 Run command, Succeeded'])
        await stage.drawn(lambda: '2 runs' in stage.screen.texts)


async def test_a_run_leaves_a_filter_that_no_longer_fits_it(browser: Browser) -> None:
    async with staged() as stage:
        await opened(stage, state='running')
        run = await stage.run()
        await stage.drawn(lambda: len(browser.rows) == 1)

        await stage.end(run)

        await stage.drawn(lambda: browser.rows == {} and 'No run fits these filters' in stage.screen.texts)


async def test_a_run_that_is_deleted_is_gone_from_the_list(browser: Browser) -> None:
    async with staged() as stage:
        await stage.end(await stage.run())
        await stage.until(lambda: stage.room.status.state == 'idle')
        await opened(stage)

        gone = [item async for item in stage.room.runs.past.remove_before(now_utc() + HOUR, at=now_utc())]

        assert len(gone) == 1
        assert browser.rows == {}
        await stage.drawn(lambda: 'No runs yet' in stage.screen.texts)


# Many at once


async def test_a_plan_leaves_out_what_cannot_be_retried_and_says_why() -> None:
    async with staged() as stage:
        pipeline = {'pipeline': 'RunCommand'}
        failed = a_run(RunState.FAILED, id='a', number=1, **pipeline)
        again = a_run(RunState.INTERRUPTED, id='b', number=2, retry_of='a', **pipeline)
        fine = [a_run(RunState.SUCCEEDED, id=f'c{n}', number=3 + n, **pipeline) for n in range(2)]
        gone = a_run(RunState.FAILED, id='d', number=9)

        plan = Bulk(stage.room.runs).plan(BulkAction.RETRY, [gone, *fine, again, failed])

        assert plan.able == (again,)
        assert left_out(plan) == [
            f'1 {RETRIED}',
            '2 have succeeded',
            '1 is of the pipeline Gone, which is gone',
        ]


def test_the_question_and_the_result_say_how_many_and_what_failed() -> None:
    waiting, live = a_run(RunState.QUEUED, number=1), a_run(RunState.RUNNING, number=2)
    error = NotReady('disk', 'The disk is full.', '')
    results = [BulkResult(waiting, done=waiting), BulkResult(live, error=error)]

    assert what_stops(BulkPlan((waiting, live, live), {}, 0)) == (
        '1 waits and is removed from the queue; 2 end now, with every process they started.'
    )
    assert result_words(BulkAction.CANCEL, results, 3) == (
        'Stopping 1 run. 1 run could not be stopped. #2: The disk is full. 1 was left as it is.',
        False,
    )
    assert result_words(BulkAction.RETRY, results[:1], 1) == ('Retrying 1 run.', True)


# Nothing to show


async def test_the_first_run_can_be_started_from_an_empty_list() -> None:
    async with staged() as stage:
        await opened(stage)
        assert 'No runs yet' in stage.screen.texts

        await fire(stage.screen.button('New run'))

        assert stage.screen.one(role='dialog', aria_label='New run')


async def test_runs_that_cannot_be_read_are_not_taken_for_none(browser: Browser) -> None:
    async with staged() as stage:
        await keep(stage.room, 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stage.room.history, 'numbered', unreadable)
            await opened(stage)
        assert 'No runs yet' not in stage.screen.texts
        assert len(stage.screen.notices) == 1

        await fire(stage.screen.button('Try again'))

        assert len(browser.rows) == 1


def unreadable(*_: Any) -> list[dict[str, Any]]:
    raise StorageError('the disk does not answer')
