"""The first start: what its steps say about the selected pipeline, and what its buttons do."""

from typing import Any

import pytest

from pages.dashboard.first_start import FirstStart, file_words, selected_words
from synapse.catalog.info import PipelineInfo
from tests.parts.pickers import pick
from tests.parts.screens import Stage, fire, is_shown, staged, text_of


def pipeline(name: str, *, steps: int = 1, takes_a_file: bool = False) -> PipelineInfo:
    schema = {'properties': {'file': {'format': 'path', 'x-accepts': ['.txt']}}} if takes_a_file else {}
    return PipelineInfo(name=name, title=name, steps=({'name': 'go', 'title': 'GO'},) * steps, schema=schema)


@pytest.mark.parametrize(('steps', 'words'), [(1, 'its step'), (4, 'its four steps'), (9, 'its 9 steps')])
def test_the_steps_of_the_selected_pipeline_are_counted_in_words(steps: int, words: str) -> None:
    assert f'You can look at {words} or' in selected_words(pipeline('Clips', steps=steps))


def test_each_pipeline_says_how_to_give_it_what_it_needs() -> None:
    assert 'use the one we make for you' in file_words(pipeline('PublishVideo', takes_a_file=True))
    assert file_words(pipeline('Clips', takes_a_file=True)) == 'Choose a file, or fill in its form.'
    assert file_words(pipeline('Clips')) == 'Fill in its form.'


def opened(stage: Stage) -> Any:
    return stage.screen.draw(lambda: FirstStart(stage.room))


async def test_the_sample_is_offered_at_first_with_a_preview_of_its_steps() -> None:
    async with staged() as stage:
        opened(stage)

        assert is_shown(stage.screen.button('Run with the sample video'))
        assert 'Builds the final video' in stage.screen.texts


async def test_another_pipeline_is_filled_in_instead() -> None:
    async with staged() as stage:
        opened(stage)
        await pick(stage.screen.one(tag='select', aria_label='Pipeline'), 'RunCommand')
        assert not is_shown(stage.screen.button('Run with the sample video'))
        assert 'EXECUTE' in stage.screen.texts

        await fire(stage.screen.button('Fill in and run'))

        assert stage.screen.one(role='dialog', aria_label='New run')


async def test_a_live_run_takes_the_place_of_the_preview() -> None:
    async with staged() as stage:
        opened(stage)
        await stage.run()

        assert stage.screen.one(aria_label='Current run')
        assert stage.screen.all(aria_label='What will happen') == []


async def test_a_test_line_is_written_to_the_log() -> None:
    async with staged() as stage:
        opened(stage)
        await fire(stage.screen.button('Write a test line'))
        lines = await stage.room.log.query(source='test')

        assert [line.message for line in lines] == ['A test line']
        assert stage.screen.notices == [f'Written as line {lines[0].seq}. You can see it on the Logs page.']


async def test_nothing_is_planned_yet_and_that_can_be_changed_here() -> None:
    async with staged() as stage:
        opened(stage)

        assert 'Nothing planned yet' in stage.screen.texts
        assert text_of(stage.screen.button('New event')) == 'New event'
