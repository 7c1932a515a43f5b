"""The page of pipelines: what each card says, why a file cannot run, and that it follows the folder."""

from typing import Any

import pytest

from pages.pipelines.page import EXAMPLE, _about, _facts, pipelines_page, unwrapped, way_out
from synapse.catalog.catalog import PipelinesChanged
from synapse.catalog.info import PipelineInfo
from tests.parts.pickers import chosen
from tests.parts.screens import Stage, fire, staged, text_of

NEW_LINE = '\n'


def pipeline(**values: Any) -> PipelineInfo:
    return PipelineInfo(
        **{'name': 'Clips', 'title': 'Clips', 'source': 'clips.py', 'origin': '/home/me/clips.py'} | values
    )


# Facts


def test_a_card_says_what_the_pipeline_takes_asks_for_and_where_its_file_is() -> None:
    schema = {'properties': {'video': {'title': 'Video'}, 'line_height': {}}, 'required': ['video']}
    info = pipeline(schema=schema, accepts=('.mp4', '.mov'), max_parallel=2)

    assert _facts(info) == [
        ('Takes', 'mp4, mov'),
        ('Asks for', 'Video (required), Line height'),
        ('At once', '2 at most'),
        ('File', '/home/me/clips.py'),
    ]


def test_facts_that_do_not_apply_are_left_out() -> None:
    assert _facts(pipeline(source='built-in')) == [('File', 'built in')]


@pytest.mark.parametrize(
    ('more', 'words'),
    [({}, 'render'), ({'retries': 2, 'timeout': 90.0}, 'render, 2 retries, at most 90 s'), ({'retries': 0}, 'render')],
)
def test_a_step_says_how_often_and_how_long_it_may_try(more: dict[str, Any], words: str) -> None:
    assert _about({'name': 'render', **more}) == words


def test_a_broken_file_says_whether_its_last_version_still_runs() -> None:
    step = ({'name': 'go', 'title': 'GO'},)

    assert 'last good version still runs' in way_out(pipeline(steps=step, error={'message': 'No.'}))
    assert 'appears here' in way_out(pipeline(error={'message': 'No.'}))


# The page


def card(stage: Stage, title: str) -> Any:
    return stage.screen.one(css='pipe', aria_label=title)


async def test_a_pipeline_is_run_from_its_card() -> None:
    async with staged() as stage:
        stage.screen.draw(lambda: pipelines_page(stage.room))
        await fire(stage.screen.button('Run command'))

        assert chosen(stage.screen.one(tag='select', aria_label='Pipeline')) == 'RunCommand'


async def test_the_example_runs_and_once_broken_says_where_while_its_last_version_still_runs() -> None:
    async with staged() as stage:
        stage.screen.draw(lambda: pipelines_page(stage.room))
        file = stage.room.settings.data / 'pipelines' / 'hello.py'
        file.write_text(EXAMPLE)
        await stage.drawn(lambda: bool(stage.screen.all(aria_label='Run Hello')))

        file.write_text(f'{EXAMPLE}def oops(:\n')
        await stage.drawn(lambda: bool(stage.screen.all(css='run-why')))

        assert f'hello.py, line {EXAMPLE.count(NEW_LINE) + 1}' in text_of(card(stage, 'Hello'))
        assert 'last good version still runs' in text_of(card(stage, 'Hello'))
        assert stage.screen.one(aria_label='Run Hello')


async def test_only_the_card_of_a_changed_pipeline_is_drawn_again() -> None:
    async with staged() as stage:
        stage.screen.draw(lambda: pipelines_page(stage.room))
        before = card(stage, 'Run command')
        stage.room.catalog._infos['Clips'] = pipeline(description='Cuts clips.')
        stage.room.bus.publish(PipelinesChanged(('Clips',)))
        assert 'Cuts clips.' in text_of(card(stage, 'Clips'))

        del stage.room.catalog._infos['Clips']
        stage.room.bus.publish(PipelinesChanged(('Clips',)))

        assert stage.screen.all(aria_label='Clips') == []
        assert card(stage, 'Run command') is before


async def test_the_page_shows_where_a_file_goes_and_what_is_in_it() -> None:
    async with staged() as stage:
        stage.screen.draw(lambda: pipelines_page(stage.room))

        assert str(stage.room.settings.data / 'pipelines' / 'hello.py') in stage.screen.texts
        assert EXAMPLE in stage.screen.texts


def test_the_lines_of_a_docstring_are_joined_and_those_of_a_list_are_not() -> None:
    assert unwrapped('One sentence\nover two lines.\n\nUse:\n- this\n- that\n  or more') == (
        'One sentence over two lines.\n\nUse:\n- this\n- that\n  or more'
    )
