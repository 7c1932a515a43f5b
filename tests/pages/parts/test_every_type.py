"""Each type of parameter that a form offers: what a person enters arrives in a run, an event, a retry and from a shell.

Its secrets are on no screen and in clear text in no file.
"""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from pages.parts.fields import Field
from pages.parts.schema_fields import field_for
from pages.runs.run_side import inputs_card
from synapse.cli.values import typed
from synapse.control_room import ControlRoom
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord
from tests.parts.api_room import api_room, client_of, gated, run_in
from tests.parts.screens import Screen, drawn, fire, type_into
from tests.parts.serving import served

pytestmark = pytest.mark.asyncio(loop_scope='module')

SECRET = 'Tr0ub4dor&3 "quoted"'
DIGEST = 'b4cf9ed9'

TYPES: dict[str, tuple[str, str, str]] = {  # type, what is entered (a list: what is ticked), what arrives
    'text': ('str', ' a b ', "' a b '"),
    'limited': ('Annotated[str, Field(min_length=2, max_length=9, pattern="^[a-z]+$")]', 'abc', "'abc'"),
    'whole': ('int', '12', '12'),
    'bounded': ('conint(ge=1, le=9, multiple_of=3)', '6', '6'),
    'real': ('float', '0,5', '0.5'),
    'exact': ('Decimal', '0.10', "Decimal('0.10')"),
    'price': ('condecimal(ge=0, max_digits=30)', '12345678901234567890.10', "Decimal('12345678901234567890.10')"),
    'maybe_exact': ('Decimal | None', '1.50', "Decimal('1.50')"),
    'flag': ('bool', 'true', 'True'),
    'literal': ("Literal['a', 'b']", 'b', "'b'"),
    'digits': ("Literal['1', '2']", '2', "'2'"),
    'tone': ('Tone', 'cool', "<Tone.COOL: 'cool'>"),
    'other_tone': ('Tone', '1', "<Tone.ONE: '1'>"),
    'level': ('Level', '2', '<Level.HIGH: 2>'),
    'maybe_tone': ('Tone | None', 'warm', "<Tone.WARM: 'warm'>"),
    'few': ("list[Literal['a', 'b', 'c']]", '["a", "c"]', "['a', 'c']"),
    'one_set': ("set[Literal['a', 'b', 'c']]", '["b"]', "{'b'}"),
    'tones': ('list[Tone]', '["warm", "1"]', "[<Tone.WARM: 'warm'>, <Tone.ONE: '1'>]"),
    'many': ("list[Literal[1, 2, 3, 4, 5, 6, 7]] | None", '[2, 7]', '[2, 7]'),
    'day': ('date', '2026-10-14', 'datetime.date(2026, 10, 14)'),
    'clock': ('time', '14:30', 'datetime.time(14, 30)'),
    'moment': ('datetime', '2026-10-14T14:30', 'datetime.datetime(2026, 10, 14, 14, 30)'),
    'aware': ('AwareDatetime', '2026-10-14T14:30:00+00:00', None),
    'seconds': ('timedelta', '90', 'datetime.timedelta(seconds=90)'),
    'words': ('timedelta', '1h 30m', 'datetime.timedelta(seconds=5400)'),
    'colon': ('timedelta', '00:05', 'datetime.timedelta(seconds=300)'),
    'iso': ('timedelta | None', 'P1DT2H', 'datetime.timedelta(days=1, seconds=7200)'),
    'pauses': ('list[timedelta]', '["2 hours"]', '[datetime.timedelta(seconds=7200)]'),
    'id': ('UUID', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', "UUID('6ba7b810-9dad-11d1-80b4-00c04fd430c8')"),
    'url': ('HttpUrl', 'https://example.org/a?b=c', "HttpUrl('https://example.org/a?b=c')"),
    'address': ('IPvAnyAddress', '::1', "IPv6Address('::1')"),
    'raw': ('bytes', 'grüße', "b'gr\\xc3\\xbc\\xc3\\x9fe'"),
    'names': ('list[str]', '["a b", "1"]', "['a b', '1']"),
    'counts': ('list[int]', '[1, 2]', '[1, 2]'),
    'prices': ('list[Decimal]', '["0.10", "2"]', "[Decimal('0.10'), Decimal('2')]"),
    'days': ('set[date]', '["2026-10-14"]', '{datetime.date(2026, 10, 14)}'),
    'pair': ('tuple[int, str]', '[1, "x"]', "(1, 'x')"),
    'row': ('tuple[int, ...]', '[1, 2]', '(1, 2)'),
    'table': ('dict[str, str]', '{"a": "1", "b": "x=y"}', "{'a': '1', 'b': 'x=y'}"),
    'numbers': ('dict[str, int]', '{"a": 1}', "{'a': 1}"),
    'point': ('Point', '{"x": 1, "label": "here"}', "Point(x=1, label='here')"),
    'points': ('list[Point]', '[{"x": 1, "label": "a"}]', "[Point(x=1, label='a')]"),
    'either': ('int | str', 'abc', "'abc'"),
    'maybe': ('int | None', '5', '5'),
    'anything': ('Any', '{"a": [1, null]}', "{'a': [1, None]}"),
    'secret': ('SecretStr', SECRET, DIGEST),
    'secret_bytes': ('SecretBytes', SECRET, DIGEST),
    'maybe_secret': ('SecretStr | None', SECRET, DIGEST),
    'secrets': ('dict[str, SecretStr]', json.dumps({'a': SECRET}), DIGEST),
}  # fmt: skip
SECRETS = [name for name in TYPES if 'secret' in name]

FILE = '''
import hashlib
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID
from pydantic import (
    AwareDatetime, BaseModel, Field, HttpUrl, IPvAnyAddress, SecretBytes, SecretStr, conint, condecimal,
)
from synapse import Pipeline, StepFailed, step

class Tone(Enum):
    """A tone."""
    WARM = 'warm'
    COOL = 'cool'
    ONE = '1'

class Level(IntEnum):
    LOW = 1
    HIGH = 2

class Point(BaseModel):
    x: int
    label: str

class Types(Pipeline):
FIELDS

    @step
    def tell(self, run):
        for name in type(self).model_fields:
            run.log.info(f'{name}={said(getattr(self, name))}')

    @step
    def leave(self, run):
        print(clear(self.secret), flush=True)
        (run.workdir / 'copy.txt').write_text(f'{self}')
        run.artifact(run.workdir / 'copy.txt')

def clear(value):
    if isinstance(value, dict):
        return clear(value['a'])
    value = value.get_secret_value()
    return value.decode() if isinstance(value, bytes) else value

def said(value):
    first = value.get('a') if isinstance(value, dict) else value
    if isinstance(first, SecretStr | SecretBytes):
        return hashlib.sha256(clear(value).encode()).hexdigest()[:8]
    return repr(value)
'''


class Lives:
    """What arrived in the runs, by the way in which it was entered."""

    def __init__(self) -> None:
        self.arrived: dict[str, dict[str, str]] = {}
        self.fields: dict[str, Field] = {}
        self.kinds: dict[str, str] = {}
        self.card = ''
        self.masked: list[str] = []
        self.folder = Path()


async def enter(screen: Screen, made: Field, text: str) -> None:
    """Do what a person does to enter this."""
    id = f'types-{made.name}'
    if made.kind == 'switch':
        await fire(screen.one(id=id), 'change', text == 'true')
    elif made.kind == 'choice':
        options = [str(option) for option in made.schema['enum']]
        radios = [item for item in made.box.descendants() if item.props.get('type') == 'radio']
        place = options.index(text)
        await (fire(radios[place], 'change') if radios else fire(screen.one(id=id), 'change', str(place)))
    elif made.kind == 'choices':
        for place, option in enumerate(made.schema['items']['enum']):
            if option in json.loads(text):
                await fire(screen.one(id=f'{id}-{place}' if place else id), 'change', True)
    elif made.kind == 'list':
        await type_into(screen.one(id=id), '\n'.join(map(str, json.loads(text))))
    elif made.kind == 'pairs':
        await type_into(screen.one(id=id), '\n'.join(f'{name}={item}' for name, item in json.loads(text).items()))
    elif made.name == 'aware':
        await type_into(screen.one(id=id), text[:16])
    else:
        await type_into(screen.one(id=id), text)


async def said_by(room: ControlRoom, run: RunRecord) -> dict[str, str]:
    assert run.state == 'succeeded', run.error
    entries = [entry async for page in room.log.pages(run=run.id) for entry in page if entry.step == 'tell']
    return dict(entry.message.split('=', 1) for entry in entries if '=' in entry.message)


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def lives(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lives]:
    data = tmp_path_factory.mktemp('types') / 'data'
    (data / 'pipelines').mkdir(parents=True)
    fields = '\n'.join(f'    {name}: {kind}' for name, (kind, _, _) in TYPES.items())
    (data / 'pipelines' / 'types.py').write_text(FILE.replace('FIELDS', fields))
    lives = Lives()
    lives.folder = data
    async with api_room(data, is_new=False) as room, served(lambda port: gated(room, port)) as authority:
        schema = room.catalog.get('Types').schema
        values: dict[str, Any] = {}
        with drawn() as screen:
            for name, (_, text, _) in TYPES.items():
                part = schema['properties'][name]
                made = screen.draw(
                    lambda name=name, part=part: field_for(
                        room, name, part, schema, None, is_required=True, prefix='types'
                    )
                )
                if any('is-secret' in item.classes for item in made.box.descendants()):
                    lives.masked.append(name)
                await enter(screen, made, text)
                lives.fields[name], lives.kinds[name], values[name] = made, made.kind, made.value()

        async with client_of(room, authority) as api:
            answer = await api.post('/runs', json={'pipeline': 'Types', 'parameters': values})
            assert answer.status_code == 201, answer.text
            run = await run_in(room, answer.json()['id'])
            lives.arrived['run'] = await said_by(room, run)
            with drawn() as screen:
                screen.draw(lambda: inputs_card(room, run))
                lives.card = f'{screen.texts} {[str(item.props) for item in screen.client.elements.values()]}'

            shown = (await api.get(f'/runs/{run.id}')).json()['parameters']
            with drawn() as screen:  # the form of the next run, filled with the values of this one
                again = {
                    name: screen.draw(
                        lambda name=name: field_for(
                            room, name, schema['properties'][name], schema, shown[name], is_required=True
                        )
                    ).value()
                    for name in TYPES
                }
            answer = await api.post('/runs', json={'pipeline': 'Types', 'parameters': again})
            assert answer.status_code == 201, answer.text
            lives.arrived['form of a run'] = await said_by(room, await run_in(room, answer.json()['id']))

            for name, step in (('retry', None), ('retry of a step', 'leave')):
                answer = await api.post(f'/runs/{run.id}/retry', json={'from_step': step} if step else {})
                assert answer.status_code in (201, 202), answer.text
                retried = await run_in(room, answer.json()['id'])
                assert retried.state == 'succeeded', retried.error
                if step is None:
                    lives.arrived[name] = await said_by(room, retried)

            start = datetime.now().astimezone() + timedelta(seconds=3)
            event = {'title': 'Types', 'pipeline': 'Types', 'parameters': values, 'start': start.isoformat()}
            answer = await api.post('/scheduler/create', json=event)
            assert answer.status_code == 201, answer.text
            lives.arrived['event'] = await said_by(room, await fired(room, retried.number))

            given = {name: text for name, (_, text, _) in TYPES.items()} | {'real': '0.5'}
            answer = await api.post(
                '/runs',
                json={'pipeline': 'Types', 'parameters': typed({name: [text] for name, text in given.items()}, schema)},
            )
            assert answer.status_code == 201, answer.text
            lives.arrived['command line'] = await said_by(room, await run_in(room, answer.json()['id']))
    yield lives


async def fired(room: ControlRoom, after: int) -> RunRecord:
    """Return the run of an event, once it has ended."""
    message = await room.bus.next(RunChanged, timeout=30, where=lambda message: message.run.number > after)
    return await run_in(room, message.run.id)


@pytest.mark.parametrize('way', ['run', 'form of a run', 'retry', 'event', 'command line'])
@pytest.mark.parametrize('name', TYPES)
async def test_what_is_entered_arrives(lives: Lives, name: str, way: str) -> None:
    arrived = lives.arrived[way][name]

    expected = TYPES[name][2]
    if expected is None:
        assert 'datetime.datetime(2026, 10, 14, ' in arrived
        assert 'tzinfo' in arrived
    else:
        assert arrived == expected


async def test_each_type_has_the_field_that_people_expect(lives: Lives) -> None:
    kinds = lives.kinds

    assert {kinds[name] for name in ('few', 'one_set', 'tones', 'many')} == {'choices'}
    assert {kinds[name] for name in ('day', 'clock', 'moment', 'aware')} == {'moment'}
    assert {kinds[name] for name in ('seconds', 'words', 'colon', 'iso')} == {'duration'}
    assert {kinds[name] for name in ('exact', 'price', 'maybe_exact')} == {'number'}
    assert {kinds[name] for name in ('secret', 'secret_bytes', 'maybe_secret')} == {'secret'}


async def test_secrets_in_lines_are_shown_as_dots(lives: Lives) -> None:
    assert lives.masked == ['secrets']


async def test_parameters_of_one_enum_have_their_own_names(lives: Lives) -> None:
    assert [lives.fields[name].title for name in ('tone', 'other_tone', 'maybe_tone')] == [
        'Tone', 'Other tone', 'Maybe tone',
    ]  # fmt: skip


async def test_secrets_are_on_no_screen_and_in_no_file(lives: Lives) -> None:
    forms = {SECRET, json.dumps(SECRET)[1:-1], 'Tr0ub4dor'}
    files = [path for path in lives.folder.rglob('*') if path.is_file()]
    assert any(path.name == 'copy.txt' for path in files)

    leaks = [path for path in files for form in forms if form.encode() in path.read_bytes()]

    assert leaks == []
    assert not any(form in lives.card for form in forms)
    assert 'sealed:' not in lives.card
    assert '••••' in lives.card
