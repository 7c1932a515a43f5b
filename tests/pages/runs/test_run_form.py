"""The form of a run: what its fields hold at first, what a profile and an earlier run fill in, and what it refuses."""

from typing import Any

import pytest
from nicegui import ui

from pages.runs.run_form import RunForm, open_run_form, problem_of
from synapse.catalog.info import PipelineInfo
from synapse.errors import Invalid
from tests.parts.pickers import chosen, pick
from tests.parts.screens import Stage, fire, is_shown, staged, text_of, type_into

SCHEMA: dict[str, Any] = {
    'properties': {
        'who': {'type': 'string', 'title': 'Who'},
        'times': {'type': 'integer', 'default': 2},
        'tone': {'enum': ['warm', 'cool'], 'default': 'warm'},
        'words': {'type': 'array', 'items': {'type': 'string'}, 'default': ['hello']},
    },
    'required': ['who'],
}
GREETING = PipelineInfo(name='Greeting', title='Greeting', schema=SCHEMA, source='/home/me/greeting.py')


def form(stage: Stage, values: dict[str, Any] | None = None, profile: str = 'default', **options: Any) -> RunForm:
    return stage.screen.draw(lambda: RunForm(stage.room, GREETING, values or {}, profile, **options))


def box(stage: Stage, name: str) -> ui.element:
    return stage.screen.one(id=f'parameter-{name}')


# The fields


async def test_fields_hold_what_was_given_before_the_profile_before_the_pipeline() -> None:
    async with staged() as stage:
        await stage.room.profiles.update('default', {'defaults': {'times': 4, 'who': 'Grace', 'unknown': 1}})

        values = form(stage, {'who': 'Ada'}).values()

    assert values == {'who': 'Ada', 'times': 4, 'tone': 'warm', 'words': ['hello']}


async def test_what_is_left_empty_is_not_among_the_values() -> None:
    async with staged() as stage:
        made = form(stage)
        await type_into(box(stage, 'times'), '')

        values = made.values()

    assert sorted(values) == ['tone', 'words']


async def test_every_value_that_cannot_be_read_is_named_at_once() -> None:
    async with staged() as stage:
        made = form(stage)
        await type_into(box(stage, 'times'), 'many')

        with pytest.raises(Invalid) as raised:
            made.values()

    assert raised.value.fields == {'times': 'Enter a whole number.'}


async def test_another_profile_fills_in_what_was_not_touched_and_leaves_the_rest() -> None:
    async with staged() as stage:
        await stage.room.profiles.create({'label': 'Studio', 'defaults': {'times': 4, 'who': 'Grace'}})
        made = form(stage)
        await type_into(box(stage, 'times'), '1')
        made.switch_profile('studio')
        assert (made.values()['who'], made.values()['times']) == ('Grace', 1)

        made.switch_profile('default')

        assert 'who' not in made.values()
        assert made.values()['times'] == 1, 'touched before the first switch'


async def test_an_error_is_shown_under_its_field_and_the_rest_is_returned() -> None:
    async with staged() as stage:
        made = form(stage)

        rest = made.show_errors({'who': 'Give a value.', 'words.0': 'Too long.', '*': 'These do not go together.'})

        assert text_of(stage.screen.one(id='parameter-who-error')) == 'Give a value.'
        assert text_of(stage.screen.one(id='parameter-words-error')) == 'Too long.'
        assert rest == ['These do not go together.']


async def test_parameters_that_can_stay_at_their_defaults_are_folded_away() -> None:
    async with staged() as stage:
        made = form(stage, folds=True)
        fold = stage.screen.one(tag='details')
        assert [name for name in made.fields if box(stage, name) in [*fold.descendants()]] == ['times', 'tone', 'words']


async def test_a_given_value_is_not_folded_away_and_two_are_not_worth_a_fold() -> None:
    async with staged() as stage:
        form(stage, {'tone': 'cool'}, folds=True)

        assert stage.screen.all(tag='details') == []


@pytest.mark.parametrize(
    ('fields', 'rest', 'words'),
    [
        ({'a': 'Wrong.'}, [], 'Fix the field marked above.'),
        ({'a': 'Wrong.', 'b': 'Wrong.'}, [], 'Fix the 2 fields marked above.'),
        ({'a': 'Wrong.', '*': 'No.'}, ['No.'], 'No. Fix the field marked above.'),
        ({'*': 'No.'}, ['No.'], 'No.'),
        ({}, [], 'That does not fit.'),
    ],
)
def test_the_foot_of_the_form_says_what_no_field_says(fields: dict[str, str], rest: list[str], words: str) -> None:
    assert problem_of(Invalid('That does not fit.', fields), rest) == words


# The dialog


def opened(stage: Stage, **options: Any) -> None:
    stage.screen.draw(lambda: open_run_form(stage.room, **options))


def problem(stage: Stage) -> str:
    return text_of(stage.screen.one(css='sy-grow', role='alert'))


async def press_run(stage: Stage, *, is_sending: bool = False) -> None:
    await fire(stage.screen.button('Run Ctrl Enter'), 'click', is_sending)


async def test_a_press_starts_the_run_and_shows_it() -> None:
    async with staged() as stage:
        opened(stage, pipeline='RunCommand')
        await type_into(box(stage, 'command'), 'echo\nhello')
        await press_run(stage)
        (run,) = await stage.room.runs.page()

        assert (run.parameters['command'], run.because, run.profile) == (['echo', 'hello'], 'the run form', 'default')
        assert stage.screen.went_to == ['/runs/1']


async def test_a_second_press_of_the_same_form_is_the_same_run() -> None:
    async with staged() as stage:
        opened(stage, pipeline='RunCommand')
        await type_into(box(stage, 'command'), 'true')
        await press_run(stage)
        await press_run(stage)

        assert len(await stage.room.runs.page()) == 1


async def test_a_wrong_value_stays_in_the_form_and_starts_nothing() -> None:
    async with staged() as stage:
        opened(stage, pipeline='RunCommand')
        await type_into(box(stage, 'timeout'), 'soon')
        await press_run(stage)

        assert text_of(stage.screen.one(id='parameter-timeout-error'))
        assert problem(stage).startswith('Fix the ')
        assert await stage.room.runs.page() == []
        assert stage.screen.button('Run Ctrl Enter').props.get('disabled') is None


async def test_a_file_on_its_way_is_waited_for() -> None:
    async with staged() as stage:
        opened(stage, pipeline='RunCommand')
        await press_run(stage, is_sending=True)

        assert problem(stage) == 'A file is still uploading. Wait until it has arrived.'


async def test_the_values_of_the_last_run_that_succeeded_are_taken_on_a_press() -> None:
    async with staged() as stage:
        opened(stage, pipeline='RunCommand')
        await fire(stage.screen.button('Use the last values'))
        assert problem(stage) == 'No run of this pipeline has succeeded yet.'

        await stage.end(await stage.run(parameters={'command': ['echo', 'again'], 'ok_codes': [0, 3]}))
        await fire(stage.screen.button('Use the last values'))
        await press_run(stage)
        newest = (await stage.room.runs.page())[0]

        assert newest.parameters['command'] == ['echo', 'again']
        assert newest.parameters['ok_codes'] == [0, 3]


async def test_another_pipeline_has_its_own_fields() -> None:
    async with staged() as stage:
        opened(stage, pipeline='RunCommand')
        await pick(stage.screen.one(tag='select', aria_label='Pipeline'), 'BackupFolder')

        assert stage.screen.all(id='parameter-command') == []
        assert is_shown(box(stage, 'folder'))


async def test_a_pipeline_that_is_gone_gives_way_to_one_that_can_run() -> None:
    async with staged() as stage:
        opened(stage, pipeline='Gone', profile='gone')

        assert chosen(stage.screen.one(tag='select', aria_label='Pipeline')) == 'BackupFolder'
        assert chosen(stage.screen.one(tag='select', aria_label='Profile')) == 'default'
