"""Runs as a whole through the API: found, exported without secrets, and many retried or stopped at once."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from synapse.api.rest.run_lists import MOST_AT_ONCE
from synapse.control_room import ControlRoom
from tests.parts.api_room import PIPELINES, api_room, client_of, error_of, gated, run_in
from tests.parts.serving import served

pytestmark = pytest.mark.asyncio(loop_scope='module')

KEEPER = """
from pydantic import SecretStr
from synapse import Pipeline, Run, step

class Keeper(Pipeline):
    key: SecretStr
    note: str = ''

    @step
    def keep(self, run: Run):
        pass
"""


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlRoom]:
    data = tmp_path_factory.mktemp('lists') / 'data'
    (data / 'pipelines').mkdir(parents=True)
    (data / 'pipelines' / 'samples.py').write_text(PIPELINES + KEEPER)
    async with api_room(data, is_new=False) as room:
        yield room


@pytest_asyncio.fixture(loop_scope='module')
async def api(room: ControlRoom) -> AsyncIterator[httpx.AsyncClient]:
    async with served(lambda port: gated(room, port)) as authority, client_of(room, authority) as client:
        yield client


async def ended(api: httpx.AsyncClient, room: ControlRoom, pipeline: str, **parameters: Any) -> dict[str, Any]:
    response = await api.post('/runs', json={'pipeline': pipeline, 'parameters': parameters})
    assert response.status_code == 201, response.text
    return (await run_in(room, response.json()['id'])).as_json()


async def found(api: httpx.AsyncClient, **query: Any) -> list[int]:
    response = await api.get('/runs', params=query)
    assert response.status_code == 200, response.text
    assert {*response.json()} == {'runs', 'next'}
    return [run['number'] for run in response.json()['runs']]


async def test_runs_are_found_by_text_number_state_and_time(api: httpx.AsyncClient, room: ControlRoom) -> None:
    first = await ended(api, room, 'Hello', name='Aunt Marta')
    second = await ended(api, room, 'Breaks')
    third = await ended(api, room, 'Hello', name='Uncle Bert')
    numbers = [run['number'] for run in (first, second, third)]

    assert await found(api, q='marta') == numbers[:1]
    assert await found(api, q='hello.html BERT') == numbers[2:]
    assert await found(api, q='it broke') == numbers[1:2]
    assert await found(api, q='Failed at SECOND') == numbers[1:2]
    assert await found(api, q=f'#{numbers[1]}') == numbers[1:2]
    assert await found(api, q=f'{numbers[0]}-{numbers[1]}') == [numbers[1], numbers[0]]
    assert await found(api, q=first['id']) == numbers[:1]
    assert await found(api, state='failed,cancelled') == numbers[1:2]
    assert await found(api, state=['failed', 'succeeded'], pipeline='Hello') == [numbers[2], numbers[0]]
    assert await found(api, start=second['created_at'], end=third['created_at']) == numbers[1:2]
    assert await found(api, event='none') == []


async def test_pages_of_a_search_are_followed_by_next(api: httpx.AsyncClient, room: ControlRoom) -> None:
    for _ in range(3):
        await ended(api, room, 'Hello', name='Paged')
    seen: list[int] = []
    query: dict[str, Any] = {'q': 'paged', 'limit': 2}
    while query.get('before', 1) is not None:
        page = (await api.get('/runs', params=query)).json()
        seen += [run['number'] for run in page['runs']]
        query['before'] = page['next']

    assert seen == await found(api, q='paged')
    assert len(seen) == 3


@pytest.mark.parametrize(
    ('query', 'field'), [('state=failed,done', 'state'), ('start=yesterday', 'start'), (f'q={"x" * 201}', 'q')]
)
async def test_a_filter_that_cannot_be_read_is_refused(api: httpx.AsyncClient, query: str, field: str) -> None:
    error = error_of(await api.get(f'/runs?{query}'), 422, 'invalid_values')

    assert [*error['fields']] == [field]


async def test_a_secret_parameter_is_neither_found_nor_exported(api: httpx.AsyncClient, room: ControlRoom) -> None:
    run = await ended(api, room, 'Keeper', key='open sesame', note='sftp://me:hunter22@host/in')
    stored = (await api.get(f'/runs/{run["id"]}')).json()['parameters']['key']

    assert await found(api, q='sesame') == await found(api, q='hunter22') == await found(api, q=stored) == []
    assert run['number'] in await found(api, q='sftp host')
    for form in ('csv', 'jsonl'):
        text = (await api.get('/runs/export', params={'format': form, 'q': f'#{run["number"]}'})).text
        assert run['id'] in text
        assert not [secret for secret in ('sesame', 'hunter22', stored) if secret in text]


async def test_an_export_has_every_run_that_fits_and_no_formula(api: httpx.AsyncClient, room: ControlRoom) -> None:
    runs = [await ended(api, room, 'RunCommand', command=['=cmd|calc', 'ödipus "quoted",\n']) for _ in range(2)]
    query = {'q': 'ödipus'}

    table = await api.get('/runs/export', params=query | {'format': 'csv'})
    lines = (await api.get('/runs/export', params=query)).text.splitlines()

    rows = [*csv.DictReader(io.StringIO(table.text))]
    assert [int(row['number']) for row in rows] == [run['number'] for run in reversed(runs)]
    assert [json.loads(line)['number'] for line in lines] == [int(row['number']) for row in rows]
    assert rows[0]['subject'].startswith("'=cmd|calc")
    assert table.headers['content-type'].startswith('text/csv')
    assert table.headers['content-disposition'].endswith('.csv"')
    error_of(await api.get('/runs/export', params={'format': 'xlsx'}), 422, 'invalid_values')


async def test_many_runs_are_retried_and_each_that_cannot_be_says_why(
    api: httpx.AsyncClient, room: ControlRoom
) -> None:
    broken, fine = await ended(api, room, 'Breaks'), await ended(api, room, 'Hello')
    body = {'action': 'retry', 'runs': [broken['id'], fine['id'], 'gone'], 'because': 'it is mended'}

    answer = (await api.post('/runs/bulk', json=body)).json()

    (done,) = answer['done']
    assert done['id'] == done['run']['retry_of'] == broken['id']
    assert done['run']['because'] == 'it is mended'
    assert [step['note'] for step in done['run']['steps']] == [f'kept from #{broken["number"]}', '']
    assert [(item['id'], item['code']) for item in answer['failed']] == [
        (fine['id'], 'run_not_retryable'),
        ('gone', 'run_not_found'),
    ]
    assert answer['failed'][0]['message'] == f'Run #{fine["number"]} has succeeded.'

    again = await run_in(room, done['run']['id'])
    both = {'action': 'retry', 'runs': [broken['id'], again.id], 'from': 'start'}
    answer = (await api.post('/runs/bulk', json=both)).json()
    assert [item['id'] for item in answer['done']] == [again.id]
    assert answer['done'][0]['run']['steps'][0]['state'] == 'pending'
    assert 'retried already' in answer['failed'][0]['message']
    await run_in(room, answer['done'][0]['run']['id'])


async def test_a_run_whose_parameters_were_lost_is_only_retried_with_values(
    api: httpx.AsyncClient, room: ControlRoom
) -> None:
    run = await ended(api, room, 'Keeper', key='k', note='mine')
    left = {'parameters': {}, 'steps': [], 'made_of': None, 'state': 'interrupted', 'is_recovered': True}
    room.history.save(run | left)
    path = f'/runs/{run["id"]}'

    bulk = (await api.post('/runs/bulk', json={'action': 'retry', 'runs': [run['id']]})).json()
    plan = (await api.post(f'{path}/retry?dry_run=true', json={'parameters': {'key': 'other'}})).json()
    refused = error_of(await api.post(f'{path}/retry'), 422, 'parameters_lost')
    since = (await api.get(f'{path}/changes')).json()
    again = await api.post(f'{path}/retry', json={'parameters': {'key': 'other'}})

    assert bulk['done'] == []
    assert 'has lost its parameters' in bulk['failed'][0]['message']
    assert refused['fields'] == {'parameters': 'Give those that it needs.'}
    assert (plan['is_possible'], plan['changes']) == (True, [])
    for answer in (plan, since):
        assert [item['kind'] for item in answer['unknown']] == ['parameter']
        assert 'parameters' in answer['unknown'][0]['text']
    assert since['compared_with'] is None
    assert again.status_code == 201
    assert again.json()['changed'] == []
    assert (await run_in(room, again.json()['id'])).state == 'succeeded'


async def test_many_runs_are_cancelled_whether_they_wait_or_run(api: httpx.AsyncClient, room: ControlRoom) -> None:
    await api.post('/queue/pause')
    waiting = [(await api.post('/runs', json={'pipeline': 'Hello'})).json()['id'] for _ in range(2)]
    over = (await ended_runs(api))[0]

    answer = (await api.post('/runs/bulk', json={'action': 'cancel', 'runs': [*waiting, over]})).json()

    assert [item['run']['state'] for item in answer['done']] == ['cancelled', 'cancelled']
    assert [item['code'] for item in answer['failed']] == ['run_not_cancellable']
    await api.post('/queue/resume')

    live = (await api.post('/runs', json={'pipeline': 'Endless'})).json()['id']
    await run_in(room, live, 'running')
    await api.post('/runs/bulk', json={'action': 'cancel', 'runs': [live]})
    assert (await run_in(room, live)).state == 'cancelled'


async def ended_runs(api: httpx.AsyncClient) -> list[str]:
    return [run['id'] for run in (await api.get('/runs?state=succeeded')).json()['runs']]


async def test_a_call_takes_a_bounded_number_of_runs(api: httpx.AsyncClient) -> None:
    many = {'action': 'cancel', 'runs': ['x'] * (MOST_AT_ONCE + 1)}
    wrong = {'action': 'delete', 'runs': ['x']}

    for body, field in ((many, 'runs'), (wrong, 'action')):
        assert field in error_of(await api.post('/runs/bulk', json=body), 422, 'invalid_values')['fields']
