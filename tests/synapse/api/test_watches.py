"""The calls under `/watches`: the shape that programs rely on, and what they are told when something does not fit."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from synapse.control_room import ControlRoom
from synapse.watches.records import WatchChanged
from tests.parts.api_room import api_room, client_of, error_of, gated, run_in
from tests.parts.serving import served

FIELDS = {'id', 'folder', 'pattern', 'pipeline', 'profile', 'parameters', 'settle_seconds', 'enabled', 'error'}


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    async with api_room(tmp_path / 'data') as room:
        yield room


@pytest.fixture
async def api(room: ControlRoom) -> AsyncIterator[httpx.AsyncClient]:
    async with served(lambda port: gated(room, port)) as authority, client_of(room, authority) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / 'drop').mkdir()
    return tmp_path / 'drop'


async def test_a_watch_folder_is_created_read_changed_and_deleted(
    api: httpx.AsyncClient, room: ControlRoom, folder: Path
) -> None:
    created = await api.post('/watches', json={'folder': f'{folder}/', 'pipeline': 'Reads', 'settle_seconds': 0.2})
    watch = created.json()
    assert (created.status_code, created.headers['location']) == (201, f'/api/v1/watches/{watch["id"]}')
    assert watch.keys() >= FIELDS
    defaults = {'pattern': '*', 'profile': None, 'parameters': {}, 'enabled': True, 'error': None}
    assert watch.items() >= {'folder': str(folder), 'pipeline': 'Reads', 'settle_seconds': 0.2, **defaults}.items()

    (folder / 'a.txt').write_text('hello')
    await room.bus.next(WatchChanged, timeout=20, where=lambda news: bool(room.watches.get(news.id).taken))
    shown = (await api.get(f'/watches/{watch["id"]}')).json()
    [taken] = shown['taken']
    run = await run_in(room, taken['run'])
    assert taken.items() >= {'name': 'a.txt', 'size': 5, 'number': run.number, 'reason': ''}.items()
    told = (await api.get(f'/runs/{run.id}')).json()
    assert (told['state'], told['because']) == ('succeeded', f'found in {folder}')

    changed = await api.patch(f'/watches/{watch["id"]}', json={**shown, 'pattern': '*.md', 'enabled': False})
    assert changed.status_code == 200
    assert (changed.json()['pattern'], changed.json()['enabled']) == ('*.md', False)
    assert changed.json()['taken'] == shown['taken']
    assert (await api.get('/watches')).json() == [changed.json()]

    assert (await api.delete(f'/watches/{watch["id"]}')).status_code == 204
    assert (await api.get('/watches')).json() == []
    assert (folder / 'a.txt').read_text() == 'hello'


async def test_what_does_not_fit_is_named(api: httpx.AsyncClient, folder: Path) -> None:
    values = {'folder': str(folder), 'pipeline': 'Reads'}
    for wrong, fields in (
        ({'pipeline': 'Nothing'}, {'pipeline'}),
        ({'folder': str(folder / 'no')}, {'folder'}),
        ({'settle_seconds': 'long', 'pattern': ''}, {'settle_seconds', 'pattern'}),
        ({'parameters': {'flie': 1}}, {'parameters.flie'}),
        ({'take_existing': 'yes'}, {'take_existing'}),
    ):
        error = error_of(await api.post('/watches', json={**values, **wrong}), 422, 'invalid_values')
        assert set(error['fields']) == fields
    error_of(await api.get('/watches/nothing'), 404, 'watch_not_found')
    error_of(await api.patch('/watches/nothing', json={}), 404, 'watch_not_found')
    error_of(await api.delete('/watches/nothing'), 404, 'watch_not_found')
    assert (await api.get('/watches')).json() == []


async def test_a_profile_that_a_watch_folder_needs_stays(api: httpx.AsyncClient, folder: Path) -> None:
    profile = (await api.post('/profiles', json={'label': 'Films'})).json()
    values = {'folder': str(folder), 'pipeline': 'Reads', 'profile': profile['id']}
    watch = (await api.post('/watches', json=values)).json()

    error = error_of(await api.delete(f'/profiles/{profile["id"]}'), 409, 'profile_in_use')
    assert error['message'] == f'Films is used by 1 watch folder: {folder}.'
    await api.delete(f'/watches/{watch["id"]}')
    assert (await api.delete(f'/profiles/{profile["id"]}')).status_code == 204
