"""The page of one pipeline: its record, its form, and its colour."""

from datetime import timedelta

from pages.parts.words import run_words
from pages.pipelines.page import pipelines_page
from pages.pipelines.pipeline_page import pipeline_page
from synapse.records import now_utc
from tests.parts.pickers import pick
from tests.parts.screens import fire, staged, text_of


async def test_a_card_says_how_the_last_run_went_and_when_the_next_is_due() -> None:
    async with staged() as stage:
        run = await stage.end(await stage.run(), 'failed')
        at = (now_utc() + timedelta(days=3)).strftime('%Y-%m-%dT%H:%M')
        values = {'title': 'Nightly', 'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'start': at}
        await stage.room.editor.create(values)

        stage.screen.draw(lambda: pipelines_page(stage.room))
        card = stage.screen.one(css='pipe', aria_label='Run command')

        await stage.drawn(lambda: f'#{run.number} Failed' in text_of(card))
        assert 'Nightly' in text_of(card)
        assert stage.screen.one(aria_label='Plan a run of Run command').tag == 'button'


async def test_a_run_starts_from_the_form_of_the_page_and_shows_among_the_last() -> None:
    async with staged() as stage:
        await stage.end(await stage.run())
        stage.screen.draw(lambda: pipeline_page(stage.room, 'RunCommand'))
        await stage.drawn(lambda: len(stage.screen.one(css='run-bars').default_slot.children) == 1)

        await fire(stage.screen.button('Run with these values'))

        assert [item for item in stage.screen.all(css='sy-error') if text_of(item)] != []


async def test_the_colour_chosen_on_the_page_is_that_of_the_pipeline() -> None:
    async with staged() as stage:
        stage.screen.draw(lambda: pipeline_page(stage.room, 'RunCommand'))
        await pick(stage.screen.one(tag='select', aria_label='Colour'), 'brown')

        await stage.drawn(lambda: stage.screen.all(css='p9') != [])
        assert stage.room.preferences.get('colors') == {'RunCommand': 'brown'}


async def test_a_pipeline_that_is_gone_says_so() -> None:
    async with staged() as stage:
        stage.screen.draw(lambda: pipeline_page(stage.room, 'Gone'))

        assert any("No pipeline is called 'Gone'." in text for text in stage.screen.texts)


def test_a_title_that_begins_with_run_is_not_told_to_run_twice() -> None:
    assert [run_words('Run command'), run_words('Runner')] == ['Run command', 'Run Runner']
