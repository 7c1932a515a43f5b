"""A parameter that is a file or folder: typed, chosen from the inbox, or uploaded."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pages.parts.path_field import PathField
from pages.parts.schema_fields import field_for
from synapse.bus import Bus
from synapse.control_room import ControlRoom
from synapse.inbox.inbox import Inbox
from tests.parts.screens import Screen, drawn, fire, is_shown, type_into

VIDEO = {'type': 'string', 'format': 'path', 'x-accepts': ['.mp4', '.MOV']}
ANY = {'type': 'string', 'format': 'path'}
FOLDER = {'type': 'string', 'format': 'directory-path'}


@pytest.fixture
def room(tmp_path: Path) -> ControlRoom:
    """What a path field asks of a control room: its inbox, its bus and the limit of an upload."""
    bus = Bus()
    parts = SimpleNamespace(
        bus=bus, inbox=Inbox(tmp_path / 'inbox', 10**6, bus), settings=SimpleNamespace(max_upload_bytes=10**6)
    )
    return cast(ControlRoom, parts)


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    with drawn() as screen:
        yield screen


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def received(room: ControlRoom, name: str) -> str:
    return (await room.inbox.receive(name, chunks(b'12345'))).id


def field(
    room: ControlRoom, screen: Screen, schema: dict[str, Any], value: Any = None, *, is_required: bool = False
) -> PathField:
    made = screen.draw(lambda: field_for(room, 'video', schema, {}, value, is_required=is_required))
    assert isinstance(made, PathField)
    return made


async def test_a_typed_path_is_the_value_without_blanks_around_it(room: ControlRoom, screen: Screen) -> None:
    made = field(room, screen, ANY)
    await type_into(screen.one(id='parameter-video'), ' /srv/a b.mp4 ')

    assert made.value() == '/srv/a b.mp4'


def test_an_empty_path_leaves_the_default_to_the_pipeline(room: ControlRoom, screen: Screen) -> None:
    with pytest.raises(KeyError):
        field(room, screen, ANY).value()
    assert field(room, screen, {'anyOf': [ANY, {'type': 'null'}]}).value() is None


async def test_an_uploaded_file_is_shown_by_its_name_and_given_by_its_id(room: ControlRoom, screen: Screen) -> None:
    made = field(room, screen, VIDEO)
    id = await received(room, 'clip.mp4')
    await fire(screen.one(css='form-zone'), 'uploaded', {'id': id, 'name': 'clip.mp4'})

    assert made.value() == f'inbox:{id}'
    assert {'clip.mp4', '5 B, from the inbox'} <= set(screen.texts)
    assert not is_shown(screen.one(id='parameter-video'))


async def test_a_file_of_the_inbox_is_chosen_from_a_list_of_those_that_fit(room: ControlRoom, screen: Screen) -> None:
    made = field(room, screen, VIDEO)
    ids = [await received(room, name) for name in ('clip.mp4', 'notes.txt', 'CUT.MOV')]
    select = screen.one(aria_label='From the inbox for Video')
    offered = [option.props['value'] for option in screen.all(tag='option')]

    await fire(select, 'change', ids[2])

    assert sorted(offered) == sorted(['', ids[0], ids[2]])
    assert made.value() == f'inbox:{ids[2]}'


async def test_the_list_follows_the_inbox(room: ControlRoom, screen: Screen) -> None:
    field(room, screen, ANY)
    assert screen.all(tag='option') == []

    id = await received(room, 'late.txt')
    assert 'late.txt, 5 B' in screen.texts
    await room.inbox.delete(id)

    assert screen.all(tag='option') == []


async def test_change_goes_back_to_an_empty_box(room: ControlRoom, screen: Screen) -> None:
    id = await received(room, 'clip.mp4')
    made = field(room, screen, VIDEO, f'inbox:{id}', is_required=True)
    await fire(screen.button('Change'))

    assert is_shown(screen.one(id='parameter-video'))
    with pytest.raises(KeyError):
        made.value()


def test_a_file_that_has_left_the_inbox_is_named_as_such(room: ControlRoom, screen: Screen) -> None:
    made = field(room, screen, VIDEO, 'inbox:gone')

    assert 'no longer in the inbox' in screen.texts
    assert made.value() == 'inbox:gone'


def test_a_folder_cannot_be_uploaded_or_taken_from_the_inbox(room: ControlRoom, screen: Screen) -> None:
    field(room, screen, FOLDER)

    assert 'folder' in screen.texts
    assert screen.all(css='upload-zone') == []


def test_a_file_that_the_run_will_make_is_typed_only(room: ControlRoom, screen: Screen) -> None:
    field(room, screen, ANY | {'x-new': True})

    assert screen.all(css='upload-zone') == []


def test_the_drop_zone_of_a_field_takes_what_the_parameter_accepts(room: ControlRoom, screen: Screen) -> None:
    field(room, screen, VIDEO)
    zone = screen.one(css='form-zone')

    assert (zone.props['data-accepts'], zone.props['data-max']) == ('.mp4,.mov', '1000000')
    assert screen.one(type='file').props['accept'] == '.mp4,.mov'
    assert 'mp4, mov' in screen.texts
