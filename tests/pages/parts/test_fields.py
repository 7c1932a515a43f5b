"""Fields of a form: which one a schema gets, what it shows, and the value or the sentence that typed text becomes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from nicegui import ui
from pydantic import BaseModel
from pydantic import Field as ModelField

from pages.parts.fields import Field, TextField, Unreadable, pairs_from, sorted_errors
from pages.parts.html import prose, without_backticks
from pages.parts.schema_fields import field_for, plain
from synapse.control_room import ControlRoom
from tests.parts.looking import looking_at_a_page
from tests.parts.screens import Screen, drawn, fire, own_text, text_of, type_into


class Example(BaseModel):
    maybe: int | None = None
    choice: Literal['a', 'b'] = 'a'
    either: Literal['a'] | None = None
    path: Path | None = None
    ranged: int = ModelField(3, ge=1, le=9)


SCHEMA: dict[str, Any] = Example.model_json_schema()


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    with drawn() as screen:
        yield screen


def field(
    screen: Screen, schema: dict[str, Any], value: Any = None, *, name: str = 'value', is_required: bool = False
) -> Field:
    no_room = cast(ControlRoom, None)
    return screen.draw(lambda: field_for(no_room, name, schema, {}, value, is_required=is_required))


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {'anyOf': [schema, {'type': 'null'}]}


def control(screen: Screen) -> ui.element:
    return screen.one(id='parameter-value')


# Schemas


@pytest.mark.parametrize(
    ('name', 'kind', 'is_nullable'),
    [('maybe', 'integer', True), ('choice', 'string', False), ('path', 'string', True), ('ranged', 'integer', False)],
)
def test_the_null_is_taken_out_of_a_schema(name: str, kind: str, is_nullable: bool) -> None:
    merged, nullable = plain(SCHEMA['properties'][name], SCHEMA)

    assert (merged['type'], nullable) == (kind, is_nullable)


def test_a_single_constant_is_a_choice() -> None:
    merged, nullable = plain(SCHEMA['properties']['either'], SCHEMA)

    assert merged['enum'] == ['a']
    assert nullable


def test_a_reference_is_replaced_by_what_it_refers_to_and_its_own_words_win() -> None:
    root = {'$defs': {'Tone': {'enum': ['warm', 'cool'], 'type': 'string', 'title': 'Tone', 'description': 'old'}}}

    merged, _ = plain({'allOf': [{'description': 'new'}], '$ref': '#/$defs/Tone'}, root)

    assert merged['enum'] == ['warm', 'cool']
    assert merged['description'] == 'new'


def test_several_kinds_in_one_parameter_stay_a_question_of_json(screen: Screen) -> None:
    made = field(screen, {'anyOf': [{'type': 'integer'}, {'type': 'string'}]})

    assert made.kind == 'code'


@pytest.mark.parametrize(
    ('schema', 'kind'),
    [
        ({'type': 'string'}, 'text'),
        ({'type': 'integer'}, 'number'),
        ({'type': 'number'}, 'number'),
        ({'type': 'boolean'}, 'switch'),
        ({'enum': ['a', 'b'], 'type': 'string'}, 'choice'),
        ({'type': 'array', 'items': {'type': 'string'}}, 'list'),
        ({'type': 'array', 'items': {'type': 'object'}}, 'code'),
        ({'type': 'object', 'additionalProperties': {'type': 'string'}}, 'pairs'),
        ({'type': 'object', 'properties': {'a': {}}}, 'code'),
        ({}, 'code'),
    ],
)
def test_each_type_of_parameter_has_its_field(screen: Screen, schema: dict[str, Any], kind: str) -> None:
    assert field(screen, schema).kind == kind


# Labels


@pytest.mark.parametrize(
    ('name', 'title', 'words'),
    [
        ('max_height', None, 'Max height'),
        ('max_height', 'Max Height', 'Max height'),
        ('max_height', 'Largest side in px', 'Largest side in px'),
        ('url', 'URL', 'URL'),
    ],
)
def test_a_field_is_called_in_sentence_case_unless_the_pipeline_names_it(
    screen: Screen, name: str, title: str | None, words: str
) -> None:
    made = field(screen, {'type': 'string'} | ({'title': title} if title else {}), name=name)

    assert made.title == words


def test_a_label_says_what_to_enter_and_that_it_is_required(screen: Screen) -> None:
    field(screen, {'type': 'integer', 'minimum': 1, 'maximum': 9}, is_required=True)

    label = screen.one(tag='label')
    assert text_of(label) == 'Value 1 to 9, required'
    assert label.props['for'] == control(screen).props['id']


@pytest.mark.parametrize(
    ('limits', 'words'),
    [
        ({'minimum': 2}, 'from 2'),
        ({'maximum': 0.5}, 'to 0.5'),
        ({'exclusiveMinimum': 0, 'maximum': 10}, 'above 0, to 10'),
        ({'exclusiveMaximum': 4}, 'below 4'),
        ({}, 'number'),
    ],
)
def test_the_range_of_a_number_is_said(screen: Screen, limits: dict[str, Any], words: str) -> None:
    field(screen, {'type': 'number', **limits})

    assert words in screen.texts


def test_what_stands_between_backticks_is_code(screen: Screen) -> None:
    help_text = 'Keeps `*.mp4` and ``a b``, all of it.'
    screen.draw(lambda: prose('p', 'help', help_text))

    assert [text_of(code) for code in screen.all(tag='code')] == ['*.mp4', 'a b']
    assert ''.join(map(own_text, screen.one(tag='p').descendants())) == without_backticks(help_text)
    assert without_backticks(help_text) == 'Keeps *.mp4 and a b, all of it.'


def test_help_and_error_describe_the_control_to_a_screen_reader(screen: Screen) -> None:
    made = field(screen, {'type': 'string', 'description': 'Whose day it makes.'})
    made.show_error('Give a value.')

    described = [screen.one(id=id) for id in control(screen).props['aria-describedby'].split()]
    assert [text_of(item) for item in described] == ['Whose day it makes.', 'Give a value.']


# Text


@pytest.mark.parametrize(
    ('schema', 'value', 'tag'),
    [
        ({'type': 'string'}, 'short', 'input'),
        ({'type': 'string'}, 'two\nlines', 'textarea'),
        ({'type': 'string'}, 'x' * 200, 'textarea'),
        ({'type': 'string', 'maxLength': 500}, '', 'textarea'),
        ({'type': 'string', 'x-multiline': True}, '', 'textarea'),
        ({'type': 'integer'}, 7, 'input'),
        ({'type': 'array'}, [], 'textarea'),
    ],
)
def test_long_text_has_an_area_and_short_text_a_line(
    screen: Screen, schema: dict[str, Any], value: Any, tag: str
) -> None:
    field(screen, schema, value)

    assert control(screen).tag == tag


async def test_typed_text_is_the_value_as_it_was_typed(screen: Screen) -> None:
    made = field(screen, {'type': 'string'}, 'before')
    await type_into(control(screen), '  after ')

    assert made.value() == '  after '
    assert made.is_touched


def test_an_empty_text_is_a_value_only_if_the_parameter_is_optional(screen: Screen) -> None:
    assert field(screen, {'type': 'string'}).value() == ''
    assert field(screen, nullable({'type': 'string'})).value() is None
    with pytest.raises(KeyError):
        field(screen, {'type': 'string'}, is_required=True).value()


async def test_an_error_is_gone_once_the_person_types_unless_the_form_checks_by_itself(screen: Screen) -> None:
    made = field(screen, {'type': 'string'})
    made.show_error('Give a value.')
    made.is_checked_live = True
    await type_into(control(screen), 'a')
    assert 'Give a value.' in screen.texts

    made.is_checked_live = False
    await type_into(control(screen), 'ab')

    assert 'Give a value.' not in screen.texts
    assert 'is-wrong' not in made.box.classes


async def test_the_form_is_told_of_each_change(screen: Screen) -> None:
    changes: list[str] = []
    made = field(screen, {'type': 'string'})
    made.changed = lambda: changes.append(made.value())
    for text in ('a', 'ab'):
        await type_into(control(screen), text)

    assert changes == ['a', 'ab']


# Numbers


@pytest.mark.parametrize(
    ('kind', 'text', 'value'),
    [('integer', ' 12 ', 12), ('integer', '-3', -3), ('number', '0,5', 0.5), ('number', '1e3', 1000.0)],
)
async def test_a_number_is_read_with_either_decimal_sign(screen: Screen, kind: str, text: str, value: float) -> None:
    made = field(screen, {'type': kind})
    await type_into(control(screen), text)

    assert made.value() == value
    assert type(made.value()) is type(value)


@pytest.mark.parametrize(
    ('schema', 'value', 'text'),
    [
        ({'type': 'number'}, 0.0, '0,0'),
        ({'type': 'integer'}, 1080, '1080'),
        ({'type': 'string', 'format': 'decimal'}, '1.50', '1,50'),
        ({'type': 'array', 'items': {'type': 'number'}}, [0.5, 2.0], '0,5\n2,0'),
        ({'enum': [0.5, 1.5]}, 0.5, '0,5'),
    ],
)
async def test_numbers_are_shown_and_read_as_the_language_writes_them(
    screen: Screen, schema: dict[str, Any], value: Any, text: str
) -> None:
    with looking_at_a_page('pt_BR'):
        made = field(screen, schema, value)
        shown = [made.text] if isinstance(made, TextField) else screen.texts

        assert text in shown
        assert made.value() == value


@pytest.mark.parametrize(('kind', 'text'), [('integer', '1.5'), ('integer', 'many'), ('number', '1.2.3')])
async def test_what_is_not_a_number_says_what_to_enter(screen: Screen, kind: str, text: str) -> None:
    made = field(screen, {'type': kind})
    await type_into(control(screen), text)

    with pytest.raises(Unreadable, match='whole number' if kind == 'integer' else 'Enter a number'):
        made.value()


def test_an_empty_number_leaves_the_default_to_the_pipeline(screen: Screen) -> None:
    with pytest.raises(KeyError):
        field(screen, {'type': 'integer'}).value()
    assert field(screen, nullable({'type': 'integer'})).value() is None


# Switches and choices


async def test_a_switch_holds_what_it_was_turned_to(screen: Screen) -> None:
    made = field(screen, {'type': 'boolean'}, value=True)
    assert made.value() is True

    await fire(control(screen), 'change', False)

    assert made.value() is False
    assert made.is_touched


def test_few_short_options_are_side_by_side_and_more_are_a_list(screen: Screen) -> None:
    few = field(screen, {'enum': ['low', 'high']}, name='few')
    many = field(screen, {'enum': list(range(5))}, name='many')
    long = field(screen, {'enum': ['x' * 30, 'y' * 30]}, name='long')

    assert [bool(list(made.box.descendants())) for made in (few, many, long)] == [True] * 3
    assert len(screen.all(type='radio')) == 2
    assert [item.props['id'] for item in screen.all(tag='select')] == ['parameter-many', 'parameter-long']


async def test_a_choice_is_the_value_itself_and_not_its_words(screen: Screen) -> None:
    made = field(screen, {'enum': [480, 720, 1080]}, 1080)
    radios = screen.all(type='radio')
    assert [bool(radio.props.get('^checked')) for radio in radios] == [False, False, True]

    await fire(radios[1], 'change')

    assert made.value() == 720


async def test_a_choice_shows_labels_where_it_has_them_and_keeps_its_values(screen: Screen) -> None:
    made = field(screen, {'enum': ['mux', 'burn', 'none'], 'x-labels': {'mux': 'as a track', 'burn': 'in it'}}, 'burn')

    assert {'as a track', 'in it', 'none'} <= set(screen.texts)
    assert not {'mux', 'burn'} & set(screen.texts)
    assert made.value() == 'burn'


async def test_an_optional_choice_can_be_none(screen: Screen) -> None:
    made = field(screen, nullable({'enum': ['a', 'b', 'c', 'd']}), 'b')
    select = screen.one(tag='select')

    await fire(select, 'change', '4')

    assert made.value() is None
    assert 'none' in screen.texts


def test_a_value_that_is_not_offered_any_more_becomes_the_first_option(screen: Screen) -> None:
    assert field(screen, {'enum': ['a', 'b']}, 'gone').value() == 'a'


# Lists, pairs and JSON


async def test_a_list_has_one_value_per_line(screen: Screen) -> None:
    made = field(screen, {'type': 'array', 'items': {'type': 'string'}}, ['ls', '-l'])
    assert made.value() == ['ls', '-l']

    await type_into(control(screen), ' ls \n\n-l')

    assert made.value() == ['ls', '-l']


async def test_a_list_of_numbers_names_what_a_line_must_be(screen: Screen) -> None:
    made = field(screen, {'type': 'array', 'items': {'type': 'integer'}}, [0, 2])
    assert made.value() == [0, 2]

    await type_into(control(screen), 'zero')

    with pytest.raises(Unreadable, match='one value per line'):
        made.value()


def test_an_empty_list_is_an_empty_list_unless_one_is_required_or_none_is_allowed(screen: Screen) -> None:
    schema = {'type': 'array', 'items': {'type': 'string'}}

    assert field(screen, schema).value() == []
    assert field(screen, nullable(schema)).value() is None
    with pytest.raises(KeyError):
        field(screen, schema, is_required=True).value()


def test_pairs_are_read_line_by_line() -> None:
    assert pairs_from('A=1\n\n B = x=y \n', is_text=True) == {'A': '1', 'B': 'x=y'}
    assert pairs_from('keep=3\non=true\nname=plain', is_text=False) == {'keep': 3, 'on': True, 'name': 'plain'}


@pytest.mark.parametrize('line', ['novalue', '=x', '  = y'])
def test_a_line_that_is_no_pair_is_named(line: str) -> None:
    with pytest.raises(Unreadable, match='NAME=value'):
        pairs_from(f'A=1\n{line}', is_text=True)


def test_pairs_of_text_keep_numbers_as_text(screen: Screen) -> None:
    pairs = {'PORT': '8000', 'NAME': 'a=b'}

    assert field(screen, {'type': 'object', 'additionalProperties': {'type': 'string'}}, pairs).value() == pairs


def test_pairs_of_any_kind_come_back_as_they_went_in(screen: Screen) -> None:
    pairs = {'keep': 7, 'tags': ['a'], 'name': 'x', 'on': None}

    assert field(screen, {'type': 'object'}, pairs).value() == pairs


async def test_other_values_are_json(screen: Screen) -> None:
    made = field(screen, {}, {'deep': [1, {'a': None}]})
    assert made.value() == {'deep': [1, {'a': None}]}

    await type_into(control(screen), '{"deep":')

    with pytest.raises(Unreadable, match='not valid JSON'):
        made.value()


# Errors


def test_errors_of_a_part_belong_to_its_field_and_the_rest_is_left_over() -> None:
    errors = {'words': 'Too many.', 'words.2': 'Item 3: too long.', 'wordsmith': 'Unknown.', '': 'Whole.'}

    by_field, rest = sorted_errors(errors, ['words', 'who'])

    assert by_field == {'words': 'Too many. Item 3: too long.', 'who': ''}
    assert rest == ['Unknown.', 'Whole.']
