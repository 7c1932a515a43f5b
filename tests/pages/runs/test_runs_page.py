"""The list of runs: what a filter lets pass, which runs are loaded, and what is said where there are none."""

from datetime import timedelta
from typing import Any

import pytest

from pages.parts.scope import Scope
from pages.runs.page import PAGE, RunFilter, runs_page
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.runs.records import RunState
from tests.parts.run_records import a_run
from tests.parts.screens import Stage, fire, is_shown, staged, text_of

HOUR = timedelta(hours=1)


async def opened(stage: Stage, **filters: str) -> Scope:
    with stage.screen.client:
        await runs_page(stage.room, **filters)
    scope = stage.screen.one(css='sy-page')
    assert isinstance(scope, Scope)
    return scope


def rows(stage: Stage) -> list[str]:
    """The labels of the rows, from top to bottom."""
    (items,) = [element for element in stage.screen.all(tag='ul') if isinstance(element.parent_slot.parent.tag, str)]
    return [str(row.props['run']['label']) for row in items]


async def keep(room: ControlRoom, count: int) -> None:
    """Runs that have ended, numbered from 1."""
    for number in range(1, count + 1):
        run = a_run(RunState.SUCCEEDED, id=f'run-{number}', number=number, pipeline='RunCommand')
        room.history.create(run.model_dump(mode='json'))


# Filters


@pytest.mark.parametrize(
    ('only', 'is_in'),
    [
        (RunFilter(), True),
        (RunFilter(state='failed'), True),
        (RunFilter(state='succeeded'), False),
        (RunFilter(state='failed', pipeline='Gone', profile='studio'), True),
        (RunFilter(pipeline='Other'), False),
        (RunFilter(profile='default'), False),
    ],
)
def test_a_run_passes_if_every_chosen_field_is_its_own(only: RunFilter, is_in: bool) -> None:
    assert only.fits(a_run(RunState.FAILED, profile='studio')) is is_in


def test_a_run_without_a_profile_has_no_profile_to_choose() -> None:
    assert not RunFilter(profile='default').fits(a_run(RunState.FAILED))


def test_the_address_holds_what_was_chosen() -> None:
    assert RunFilter().address == '/runs'
    assert RunFilter(state='failed', profile='a b').address == '/runs?state=failed&profile=a+b'


async def test_choosing_a_filter_keeps_the_others_and_goes_to_its_address() -> None:
    async with staged() as stage:
        await opened(stage, state='failed')
        await fire(stage.screen.one(tag='select', aria_label='Profile'), 'change', 'default')

        assert stage.screen.went_to == ['/runs?state=failed&profile=default']


async def test_a_state_that_does_not_exist_is_no_filter() -> None:
    async with staged() as stage:
        await keep(stage.room, 1)
        await opened(stage, state='exploded')

        assert len(rows(stage)) == 1


async def test_a_link_to_a_pipeline_that_is_gone_still_names_it() -> None:
    async with staged() as stage:
        await opened(stage, pipeline='Gone')

        assert 'Gone' in [text_of(option) for option in stage.screen.all(tag='option')]


# Rows


async def test_older_runs_come_a_page_at_a_time_until_there_are_no_more() -> None:
    async with staged() as stage:
        await keep(stage.room, PAGE + 2)
        await opened(stage)
        more = stage.screen.button('Show older')
        assert len(rows(stage)) == PAGE
        assert is_shown(more)

        await fire(more)

        assert [label.split()[0] for label in rows(stage)] == [f'#{number}' for number in range(PAGE + 2, 0, -1)]
        assert not is_shown(more)


async def test_a_new_run_is_on_top_and_changes_in_place() -> None:
    async with staged() as stage:
        await keep(stage.room, 1)
        await opened(stage)
        run = await stage.run()
        before = rows(stage)
        await stage.end(run)

        assert before == ['#2 true, Running', '#1 Run command, Succeeded']
        assert rows(stage) == ['#2 true, Succeeded', '#1 Run command, Succeeded']


async def test_a_run_leaves_a_filter_that_no_longer_fits_it() -> None:
    async with staged() as stage:
        await opened(stage, state='running')
        run = await stage.run()
        assert len(rows(stage)) == 1

        await stage.end(run)

        assert rows(stage) == []
        assert 'No run fits these filters' in stage.screen.texts


async def test_a_run_older_than_those_loaded_stays_away_when_it_changes() -> None:
    async with staged() as stage:
        run = await stage.run()
        for number in range(2, PAGE + 2):
            made = a_run(RunState.SUCCEEDED, id=f'run-{number}', number=number)
            stage.room.history.create(made.model_dump(mode='json'))
        await opened(stage)
        await stage.end(run)

        assert len(rows(stage)) == PAGE
        assert not any(label.startswith('#1 ') for label in rows(stage))


async def test_a_run_that_is_deleted_is_gone_from_the_list() -> None:
    async with staged() as stage:
        await stage.end(await stage.run())
        await stage.until(lambda: stage.room.status.state == 'idle')
        await opened(stage)

        gone = [item async for item in stage.room.runs.past.remove_before(now_utc() + HOUR, at=now_utc())]

        assert len(gone) == 1

        assert rows(stage) == []
        assert 'No runs yet' in stage.screen.texts


# Nothing to show


async def test_the_first_run_can_be_started_from_an_empty_list() -> None:
    async with staged() as stage:
        await opened(stage)
        assert 'No runs yet' in stage.screen.texts

        await fire(stage.screen.button('New run'))

        assert stage.screen.one(role='dialog', aria_label='New run')


async def test_runs_that_cannot_be_read_are_not_taken_for_none() -> None:
    async with staged() as stage:
        await keep(stage.room, 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stage.room.history, 'page', unreadable)
            await opened(stage)
        assert 'No runs yet' not in stage.screen.texts
        assert len(stage.screen.notices) == 1

        await fire(stage.screen.button('Show older'))

        assert len(rows(stage)) == 1


def unreadable(**_: Any) -> list[dict[str, Any]]:
    raise OSError('the disk does not answer')
