"""The REST API of the contract, on a real server with a real control room behind the real gate."""

import asyncio
import csv
import io
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from synapse.api.limits import MAX_CALLERS, Buckets, Rate
from synapse.api.responses import encode
from synapse.api.rest.multipart import PartReader
from synapse.control_room import ControlRoom
from synapse.errors import Malformed
from synapse.inbox.inbox import InboxChanged
from synapse.runs.messages import RunChanged
from tests.parts.api_room import MAX_UPLOAD_BYTES, api_room, client_of, error_of, gated, run_in
from tests.parts.serving import served

pytestmark = pytest.mark.asyncio(loop_scope='module')

JSON = {'Content-Type': 'application/json'}


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlRoom]:
    async with api_room(tmp_path_factory.mktemp('rest') / 'data') as room:
        yield room


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def authority(room: ControlRoom) -> AsyncIterator[str]:
    async with served(lambda port: gated(room, port)) as authority:
        yield authority


@pytest_asyncio.fixture(loop_scope='module')
async def api(room: ControlRoom, authority: str) -> AsyncIterator[httpx.AsyncClient]:
    # Every test is a caller of its own, so that the limits of one do not affect another.
    async with client_of(room, authority) as client:
        yield client


async def created(api: httpx.AsyncClient, pipeline: str, **parameters: Any) -> dict[str, Any]:
    response = await api.post('/runs', json={'pipeline': pipeline, 'parameters': parameters})
    assert response.status_code == 201, response.text
    return dict(response.json())


# Every response has the shape of the contract


async def test_health_is_open_and_says_only_ok(authority: str) -> None:
    async with httpx.AsyncClient() as stranger:
        response = await stranger.get(f'http://{authority}/api/v1/health')

    assert response.json() == {'status': 'ok'}


@pytest.mark.parametrize(
    'path', ['/nothing', '/', '/runs/', '/status/x', '/scheduler/list/x', '/docs/assets/nothing', '/docs/assets/../x']
)
async def test_unknown_paths_are_404_in_json(api: httpx.AsyncClient, path: str) -> None:
    error_of(await api.get(path), 404, 'not_found')


async def test_the_url_of_the_data_folder_may_be_joined_with_or_without_a_slash(
    api: httpx.AsyncClient, authority: str
) -> None:
    for path in ('/api/v1/status', '//api/v1/status', '/api//v1/status'):
        response = await api.get(f'http://{authority}{path}')

        assert response.json()['state'] == 'idle'
    error_of(await api.get(f'http://{authority}//api/nothing'), 404, 'not_found')


@pytest.mark.parametrize(
    'path', ['/status', '/health', '/logs/export?format=csv', '/pipelines', '/nothing', '/profiles/x']
)
async def test_head_answers_as_get_without_the_body(api: httpx.AsyncClient, path: str) -> None:
    whole, head = await api.get(path), await api.head(path)

    assert (head.status_code, head.content) == (whole.status_code, b'')
    same = ('content-type', 'content-disposition', 'cache-control')
    assert [head.headers.get(name) for name in same] == [whole.headers.get(name) for name in same]


async def test_head_of_a_call_that_only_changes_things_is_405(api: httpx.AsyncClient) -> None:
    response = await api.head('/queue/pause')

    assert (response.status_code, response.headers['allow'], response.content) == (405, 'POST', b'')


async def test_unknown_methods_are_405_in_json(api: httpx.AsyncClient) -> None:
    response = await api.put('/status', json={})

    assert 'GET' in error_of(response, 405, 'method_not_allowed')['hint']
    assert 'GET' in response.headers['allow']
    for method, path in (('PUT', '/runs'), ('TRACE', '/runs'), ('OPTIONS', '/runs')):
        assert (await api.request(method, path)).headers['allow'] == 'GET, HEAD, POST'


@pytest.mark.parametrize(
    'body',
    [
        b'{',
        b'[]',
        b'"text"',
        b'null',
        b'7',
        b'\xff\xfe',
        b'{"pipeline": "Hello", "parameters": {"name": NaN}}',
        b'{"pipeline": "Hello", "parameters": {"name": "\\ud800"}}',
        b'{"pipeline": "Hello", "parameters": {"times": -Infinity}}',
        b'{"pipeline": "Hello", "parameters": {"times": ' + b'9' * 5000 + b'}}',
        b'[' * 100_000,
        b'{"a":' * 100_000,
        b'',
    ],
)
async def test_what_is_not_a_json_object_is_malformed(api: httpx.AsyncClient, body: bytes) -> None:
    error_of(await api.post('/runs', content=body, headers=JSON), 400, 'malformed')


async def test_values_that_do_not_fit_are_named(api: httpx.AsyncClient) -> None:
    body = {'pipelin': 'Hello', 'parameters': [], 'because': 'x' * 501}

    error = error_of(await api.post('/runs', json=body), 422, 'invalid_values')

    assert set(error['fields']) == {'pipeline', 'pipelin', 'parameters', 'because'}
    assert error['fields']['pipeline'] == 'Give a value.'
    assert all(sentence.endswith('.') for sentence in error['fields'].values())


@pytest.mark.parametrize(
    ('path', 'field'),
    [
        ('/runs?limit=501', 'limit'),
        ('/runs?limit=0', 'limit'),
        ('/runs?limit=x', 'limit'),
        ('/runs?state=done', 'state'),
        ('/runs?before=-1', 'before'),
        ('/runs?before=' + '9' * 30, 'before'),
        ('/logs?limit=1001', 'limit'),
        ('/logs?level=loud', 'level'),
        ('/logs?start=yesterday', 'start'),
        ('/logs?start=2026-10-14T14:08:31', 'start'),
        ('/logs?before=x', 'before'),
        ('/logs/export?format=exe', 'format'),
        ('/logs/stats?end=x', 'end'),
    ],
)
async def test_queries_that_do_not_fit_are_named(api: httpx.AsyncClient, path: str, field: str) -> None:
    assert field in error_of(await api.get(path), 422, 'invalid_values')['fields']


@pytest.mark.parametrize('id', ['x7', '..', '%2e%2e', '..%2f..%2ftoken', '%00', 'a' * 65, 'ü', "' or 1=1", '%0a', '*'])
async def test_strange_ids_find_nothing(api: httpx.AsyncClient, id: str) -> None:
    for path in (f'/runs/{id}', f'/profiles/{id}', f'/runs/{id}/logs', f'/runs/{id}/artifacts/a', f'/pipelines/{id}'):
        response = await api.get(path)
        if response.status_code != 200:  # the client normalizes `..`, which leads elsewhere
            assert response.status_code in (400, 404), response.text
            assert response.json()['error']['code'] == 'malformed' or 'not_found' in response.text
    assert (await api.delete(f'/inbox/{id}')).status_code in (400, 404, 405)


async def test_an_unexpected_error_is_a_500_without_a_traceback_and_is_logged(
    api: httpx.AsyncClient, room: ControlRoom, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError('a secret of the house')

    monkeypatch.setattr(room.catalog, 'all', fail)
    with caplog.at_level(logging.ERROR):
        response = await api.get('/pipelines')

    error_of(response, 500, 'internal_error')
    assert 'secret' not in response.text
    assert 'ZeroDivisionError' in caplog.text


async def test_numbers_that_json_does_not_know_become_null() -> None:
    assert json.loads(encode({'a': [float('nan'), {'b': float('inf')}], 'c': 1.5})) == {
        'a': [None, {'b': None}],
        'c': 1.5,
    }
    assert encode('\ud800') == b'"\\ud800"'


# Status and pipelines


async def test_status_has_the_shape_of_the_contract(api: httpx.AsyncClient) -> None:
    status = (await api.get('/status')).json()

    assert set(status) >= {
        'state',
        'job',
        'queue',
        'workers',
        'bots',
        'system',
        'counts',
        'next',
        'version',
        'started_at',
    }
    assert set(status['queue']) == {'waiting', 'running', 'paused'}
    assert set(status['system']) >= {'cpu_percent', 'ram_percent', 'disk_usage'}
    assert set(status['counts']['today']) == {'succeeded', 'failed', 'cancelled', 'missed'}
    assert status['bots'] == status['workers']
    assert len(status['workers']) == 2
    assert set(status['workers'][0]) >= {'id', 'name', 'state', 'run', 'step', 'since'}
    assert datetime.fromisoformat(status['started_at']).tzinfo is not None


async def test_pipelines_have_the_shape_of_the_contract(api: httpx.AsyncClient) -> None:
    listed = (await api.get('/pipelines')).json()
    hello = (await api.get('/pipelines/Hello')).json()

    assert hello in listed
    assert set(hello) >= {
        'name',
        'title',
        'description',
        'steps',
        'schema',
        'accepts',
        'max_parallel',
        'source',
        'error',
    }
    assert set(hello['steps'][0]) >= {'name', 'title', 'retries', 'timeout'}
    assert hello['schema']['properties']['times']['type'] == 'integer'
    error_of(await api.get('/pipelines/Nothing'), 404, 'pipeline_not_found')


# Runs


async def test_a_run_is_made_watched_and_read(api: httpx.AsyncClient, room: ControlRoom) -> None:
    made = await api.post('/runs', json={'pipeline': 'Hello', 'parameters': {'name': 'Ada'}, 'because': 'a test'})
    run = made.json()
    ended = await run_in(room, run['id'])

    assert made.status_code == 201
    assert made.headers['location'] == f'/api/v1/runs/{run["id"]}'
    assert run['because'] == 'a test'
    assert ended.state.value == 'succeeded'
    shown = (await api.get(f'/runs/{run["id"]}')).json()
    assert shown == ended.as_json()
    assert set(shown) >= {
        'id', 'number', 'pipeline', 'profile', 'parameters', 'state', 'because', 'event_id', 'due', 'retry_of', 'steps',
        'artifacts', 'error', 'created_at', 'started_at', 'finished_at',
    }  # fmt: skip
    assert set(shown['steps'][0]) == {
        'name', 'state', 'progress', 'note', 'attempt', 'started_at', 'finished_at', 'error',
    }  # fmt: skip
    assert shown['artifacts'][0]['name'] == 'hello.html'
    assert shown['artifacts'][0]['step'] == 'greet'
    entries = (await api.get(f'/runs/{run["id"]}/logs')).json()['entries']
    assert 'hello Ada' in [entry['message'] for entry in entries]
    assert {entry['run'] for entry in entries} == {run['id']}
    assert (await api.get(f'/runs/{run["id"]}/processes')).json() == []


async def test_an_output_is_a_file_to_save_and_never_a_page(api: httpx.AsyncClient, room: ControlRoom) -> None:
    run = await created(api, 'Hello', name='<script>')
    await run_in(room, run['id'])

    response = await api.get(f'/runs/{run["id"]}/artifacts/hello.html')

    assert response.text == '<h1>hello <script></h1>'
    assert response.headers['content-disposition'] == 'attachment; filename="hello.html"'
    assert response.headers['content-type'] == 'application/octet-stream'
    assert response.headers['x-content-type-options'] == 'nosniff'
    assert "default-src 'none'" in response.headers['content-security-policy']
    for name in ('nothing', '..%2fcheckpoint.json', '..%2f..%2f..%2ftoken', '%2fetc%2fpasswd', '.', '%00', 'x' * 300):
        assert (await api.get(f'/runs/{run["id"]}/artifacts/{name}')).status_code in (400, 404), name


async def test_the_same_idempotency_key_is_the_same_run(api: httpx.AsyncClient, room: ControlRoom) -> None:
    body = {'pipeline': 'Hello', 'parameters': {}}
    headers = {'Idempotency-Key': 'k' * 200}

    answers = await asyncio.gather(*(api.post('/runs', json=body, headers=headers) for _ in range(5)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()['id'] for answer in answers}) == 1
    await run_in(room, answers[0].json()['id'])
    too_long = await api.post('/runs', json=body, headers={'Idempotency-Key': 'k' * 201})
    assert list(error_of(too_long, 422, 'invalid_values')['fields']) == ['idempotency-key']


async def test_a_key_is_honoured_also_when_the_run_has_taken_its_file(
    api: httpx.AsyncClient, room: ControlRoom
) -> None:
    item = (await api.post('/uploads', files={'file': ('note.txt', b'once')})).json()[0]
    body = {'pipeline': 'Reads', 'parameters': {'file': f'inbox:{item["id"]}'}}
    headers = {'Idempotency-Key': 'a lost answer'}

    first = await api.post('/runs', json=body, headers=headers)
    await run_in(room, first.json()['id'])
    again = await api.post('/runs', json=body, headers=headers)

    assert again.status_code == 201, again.text
    assert again.json()['id'] == first.json()['id']
    assert again.json()['state'] == 'succeeded'


async def test_what_a_run_cannot_be_made_from_is_named(api: httpx.AsyncClient) -> None:
    wrong = await api.post('/runs', json={'pipeline': 'Hello', 'parameters': {'times': 'many', 'nme': 'x'}})
    gone = await api.post('/runs', json={'pipeline': 'Reads', 'parameters': {'file': '/nothing/is/here'}})
    nobody = await api.post('/runs', json={'pipeline': 'Hello', 'parameters': {}, 'profile': 'nobody'})

    assert set(error_of(wrong, 422, 'invalid_values')['fields']) == {'times', 'nme'}
    assert '/nothing/is/here' in error_of(gone, 422, 'invalid_values')['fields']['file']
    error_of(nobody, 404, 'profile_not_found')
    error_of(await api.post('/runs', json={'pipeline': 'Nothing', 'parameters': {}}), 404, 'pipeline_not_found')


async def test_runs_are_listed_newest_first_and_by_pages(api: httpx.AsyncClient, room: ControlRoom) -> None:
    made = [await created(api, 'Hello', name='pages') for _ in range(5)]
    for run in made:
        await run_in(room, run['id'])

    first = (await api.get('/runs', params={'pipeline': 'Hello', 'limit': 2})).json()
    second = (await api.get('/runs', params={'pipeline': 'Hello', 'limit': 3, 'before': first['next']})).json()

    numbers = [run['number'] for run in first['runs'] + second['runs']]
    assert numbers == sorted((run['number'] for run in made), reverse=True)
    everything = (await api.get('/runs', params={'limit': 500})).json()
    assert everything['next'] is None
    assert (await api.get('/runs', params={'profile': 'nobody'})).json() == {'runs': [], 'next': None}
    succeeded = (await api.get('/runs', params={'state': 'succeeded'})).json()['runs']
    assert {run['state'] for run in succeeded} == {'succeeded'}


async def test_a_run_is_paused_resumed_and_stopped(api: httpx.AsyncClient, room: ControlRoom) -> None:
    turning = asyncio.ensure_future(
        room.bus.next(RunChanged, timeout=20, where=lambda news: news.run.steps[-1].note == 'turning')
    )
    run = await created(api, 'Endless')
    await turning

    processes = (await api.get(f'/runs/{run["id"]}/processes')).json()
    paused = await api.post(f'/runs/{run["id"]}/pause', json={'because': 'lunch'})
    await run_in(room, run['id'], 'paused')
    resumed = await api.post(f'/runs/{run["id"]}/resume')
    await run_in(room, run['id'], 'running')
    stopped = await api.post(f'/runs/{run["id"]}/cancel', json={'because': 'enough', 'now': True})
    ended = await run_in(room, run['id'])

    assert len(processes) >= 1
    assert {answer.status_code for answer in (paused, resumed, stopped)} == {202}
    assert paused.json()['id'] == run['id']
    assert ended.state.value == 'cancelled'
    error_of(await api.post(f'/runs/{run["id"]}/cancel'), 409, 'run_not_cancellable')
    error_of(await api.post(f'/runs/{run["id"]}/pause', json={}), 409, 'run_not_pausable')
    error_of(await api.post(f'/runs/{run["id"]}/resume', json={'why': 1}), 422, 'invalid_values')


async def test_a_failed_run_is_tried_again_from_its_step(api: httpx.AsyncClient, room: ControlRoom) -> None:
    run = await created(api, 'Breaks')
    failed = await run_in(room, run['id'])

    again = await api.post(f'/runs/{run["id"]}/retry', json={'from_step': 'second'})

    assert failed.as_json()['error']['message'] == 'it broke'
    assert again.status_code == 201
    assert again.json()['retry_of'] == run['id']
    assert again.json()['id'] != run['id']
    await run_in(room, again.json()['id'])
    assert (await api.post(f'/runs/{run["id"]}/retry', json={'from_step': 'third'})).status_code in (409, 422)


async def test_a_retry_is_explained_before_it_starts_and_says_what_has_changed(
    api: httpx.AsyncClient, room: ControlRoom, tmp_path: Path
) -> None:
    text = tmp_path / 'text.txt'
    text.write_text('one')
    await run_in(room, (await created(api, 'Reads', file=str(text)))['id'])
    text.write_bytes(b'\xff\xfe broken')
    run = await created(api, 'Reads', file=str(text))
    await run_in(room, run['id'])
    text.write_text('mended')

    since_good = (await api.get(f'/runs/{run["id"]}/changes')).json()
    plan = await api.post(f'/runs/{run["id"]}/retry?dry_run=true', json={})
    again = await api.post(f'/runs/{run["id"]}/retry', json={})
    await run_in(room, again.json()['id'])
    attempts = (await api.get(f'/runs/{run["id"]}/attempts')).json()['runs']

    assert set(since_good) == {'run', 'number', 'compared_with', 'summary', 'changes', 'unknown'}
    assert set(since_good['compared_with']) == {'id', 'number', 'finished_at', 'is_same_work'}
    assert set(since_good['changes'][0]) == {'kind', 'name', 'before', 'after', 'text'}
    assert [change['text'] for change in since_good['changes']] == ['text.txt has another size: 3 B → 9 B']
    assert plan.status_code == 200
    assert plan.json()['is_possible'] is True
    assert [change['text'] for change in plan.json()['changes']] == ['text.txt has another size: 9 B → 6 B']
    assert again.status_code == 201
    assert again.json()['changed'] == plan.json()['changes']
    assert [(item['id'], item['state']) for item in attempts] == [
        (run['id'], 'failed'),
        (again.json()['id'], 'succeeded'),
    ]
    error_of(await api.get('/runs/nothing/changes'), 404, 'run_not_found')
    error_of(await api.get('/runs/nothing/attempts'), 404, 'run_not_found')


async def test_the_queue_is_paused_moved_resumed_and_stopped(api: httpx.AsyncClient, room: ControlRoom) -> None:
    paused = await api.post('/queue/pause', json={'because': 'a test'})
    first, second = await created(api, 'Hello'), await created(api, 'Endless')

    moved = await api.post('/queue/move', json={'run': second['id'], 'to': 0})
    assert paused.status_code == moved.status_code == 202
    assert paused.json()['queue']['paused'] is True
    assert [run['id'] for run in moved.json()['runs']] == [second['id'], first['id']]
    assert (await api.post('/queue/resume')).json()['queue']['paused'] is False
    await run_in(room, first['id'])
    await run_in(room, second['id'], 'running')

    stopped = await api.post('/queue/stop', json={})
    ended = await run_in(room, second['id'])

    assert stopped.status_code == 202
    assert stopped.json()['queue']['paused'] is True
    assert ended.state.value == 'cancelled'
    await api.post('/queue/resume')
    error_of(await api.post('/queue/move', json={'run': first['id'], 'to': 0}), 409, 'run_not_waiting')
    error_of(await api.post('/queue/move', json={'run': first['id'], 'to': -1}), 422, 'invalid_values')


async def test_a_pause_says_its_cause_and_its_end_and_drains(api: httpx.AsyncClient, room: ControlRoom) -> None:
    timed = (await api.post('/queue/pause', json={'because': 'a new disk', 'seconds': 600})).json()['queue']
    end = datetime.fromisoformat(timed['until']) - datetime.fromisoformat(timed['since'])
    assert (timed['because'], timed['by'], end) == ('a new disk', 'a program', timedelta(minutes=10))

    drain = (await api.post('/queue/pause', json={'drain': True, 'until': '2126-10-14T08:00:00+02:00'})).json()
    assert drain['error']['fields'] == {'until': 'A time in the future, within a year.'}
    drained = (await api.post('/queue/pause', json={'drain': True})).json()['queue']
    assert (drained['drain'], drained['drained'], drained['until']) == (True, True, None)
    for wrong in ({'seconds': 0}, {'until': '2026-10-14T08:00:00'}, {'until': 'soon'}, {'drain': 'perhaps'}):
        error_of(await api.post('/queue/pause', json=wrong), 422, 'invalid_values')
    assert (await api.get('/status')).json()['queue'] == drained
    assert 'until' not in (await api.post('/queue/resume')).json()['queue']


# Logs


async def test_an_entry_is_added_and_found(api: httpx.AsyncClient) -> None:
    added = await api.post('/logs', json={'level': 'warning', 'message': 'a needle in the hay', 'source': 'tests'})

    entry = added.json()
    assert added.status_code == 201
    assert set(entry) == {'id', 'seq', 'timestamp', 'level', 'message', 'source', 'run', 'step', 'fields'}
    assert (await api.get('/logs', params={'q': 'needle'})).json() == {'entries': [entry], 'next': None}
    assert entry in (await api.get('/logs', params={'level': 'warning', 'source': 'tests'})).json()['entries']
    assert entry not in (await api.get('/logs', params={'level': 'error'})).json()['entries']
    error_of(await api.post('/logs', json={'level': 'loud', 'message': 'x'}), 422, 'invalid_values')
    error_of(await api.post('/logs', json={'level': 'info', 'message': ''}), 422, 'invalid_values')


async def test_the_log_is_read_by_pages_without_gap_or_double(api: httpx.AsyncClient) -> None:
    for number in range(7):
        await api.post('/logs', json={'level': 'info', 'message': f'page {number}', 'source': 'paging'})

    seen: list[str] = []
    query: dict[str, Any] = {'source': 'paging', 'limit': 3}
    while True:
        page = (await api.get('/logs', params=query)).json()
        seen += [entry['message'] for entry in page['entries']]
        if page['next'] is None:
            break
        query['before'] = page['next']

    assert seen == [f'page {number}' for number in reversed(range(7))]


async def test_times_bound_what_is_read_and_counted(api: httpx.AsyncClient) -> None:
    entry = (await api.post('/logs', json={'level': 'critical', 'message': 'now', 'source': 'times'})).json()
    at = datetime.fromisoformat(entry['timestamp'])
    from_then = {'start': at.isoformat(), 'end': (at + timedelta(milliseconds=1)).isoformat()}
    until_then = {'start': (at - timedelta(milliseconds=1)).isoformat(), 'end': at.isoformat()}

    assert entry in (await api.get('/logs', params=from_then)).json()['entries']
    assert entry not in (await api.get('/logs', params=until_then)).json()['entries']
    stats = (await api.get('/logs/stats', params=from_then)).json()
    assert list(stats) == ['debug', 'info', 'success', 'warning', 'error', 'critical', 'total']
    assert stats['critical'] == 1
    zulu = at.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S.%fZ')
    assert (await api.get('/logs/stats', params={'start': zulu})).json()['critical'] == 1


async def test_the_log_is_taken_along_as_a_file(api: httpx.AsyncClient, room: ControlRoom) -> None:
    messages = ['=1+1', 'two\nlines, "quoted"', 'ünï', 'last']
    for message in messages:
        await api.post('/logs', json={'level': 'info', 'message': message, 'source': 'export'})
    query = {'source': 'export'}

    lines = await api.get('/logs/export', params=query)
    table = await api.get('/logs/export', params=query | {'format': 'csv'})
    text = await api.get('/logs/export', params=query | {'format': 'txt'})

    assert [json.loads(line)['message'] for line in lines.text.splitlines()] == messages
    rows = list(csv.DictReader(io.StringIO(table.text, newline='')))
    assert [row['message'] for row in rows] == ["'=1+1", *messages[1:]]
    assert text.text.splitlines()[2] == '    lines, "quoted"'
    for answer, ending in ((lines, 'jsonl'), (table, 'csv'), (text, 'txt')):
        assert answer.headers['content-disposition'].startswith('attachment; filename="synapse-log-')
        assert answer.headers['content-disposition'].endswith(f'.{ending}"')


async def test_an_export_of_many_entries_is_whole_and_in_order(api: httpx.AsyncClient, room: ControlRoom) -> None:
    room.log.extend({'level': 'debug', 'message': str(number), 'source': 'many'} for number in range(2500))

    async with api.stream('GET', '/logs/export', params={'source': 'many', 'level': 'debug'}) as response:
        seen = [json.loads(line)['message'] async for line in response.aiter_lines()]

    assert seen == [str(number) for number in range(2500)]


async def test_clearing_the_log_leaves_one_entry_that_says_who(api: httpx.AsyncClient) -> None:
    old = (await api.post('/logs', json={'level': 'info', 'message': 'old'})).json()
    kept = (await api.post('/logs', json={'level': 'info', 'message': 'kept'})).json()

    response = await api.delete('/logs', params={'before': kept['seq']})

    assert response.status_code == 204
    assert response.content == b''
    entries = (await api.get('/logs')).json()['entries']
    assert [entry['message'] for entry in entries][1:] == ['kept']
    assert entries[0]['message'].startswith('The token cleared the log')
    assert old['seq'] < kept['seq'] < entries[0]['seq']
    await api.delete('/logs')
    assert (await api.get('/logs/stats')).json()['total'] == 1


# Uploads and inbox


async def test_files_are_streamed_into_the_inbox(api: httpx.AsyncClient, room: ControlRoom) -> None:
    content = bytes(range(256)) * 8000

    response = await api.post('/uploads', files=[('file', ('a.mp4', content)), ('file', ('b.txt', b'', 'x/y'))])

    first, second = response.json()
    assert response.status_code == 201
    assert set(first) == {'id', 'name', 'size', 'media_type', 'received_at'}
    assert (first['name'], first['size'], first['media_type']) == ('a.mp4', len(content), 'video/mp4')
    assert (second['name'], second['size']) == ('b.txt', 0)
    assert room.inbox.path(first['id']).read_bytes() == content
    listed = (await api.get('/inbox')).json()
    assert first in listed
    assert second in listed
    for item in (first, second):
        assert (await api.delete(f'/inbox/{item["id"]}')).status_code == 204
    error_of(await api.delete(f'/inbox/{first["id"]}'), 404, 'inbox_item_not_found')


async def test_a_run_takes_a_file_from_the_inbox(api: httpx.AsyncClient, room: ControlRoom) -> None:
    item = (await api.post('/uploads', files={'file': ('note.txt', b'from the inbox')})).json()[0]

    run = await created(api, 'Reads', file=f'inbox:{item["id"]}')
    ended = await run_in(room, run['id'])

    assert ended.state.value == 'succeeded'
    entries = (await api.get(f'/runs/{run["id"]}/logs')).json()['entries']
    assert 'from the inbox' in [entry['message'] for entry in entries]


@pytest.mark.parametrize(
    'name',
    ['../../evil.sh', '..\\..\\evil.sh', '/etc/passwd', '..', 'a\x00b', '-rf', '$(id)', 'x' * 300, 'ü😀.mp4', '‮gpj'],
)
async def test_a_name_never_becomes_a_path(api: httpx.AsyncClient, room: ControlRoom, name: str) -> None:
    response = await api.post('/uploads', files={'file': (name, b'x')})

    item = response.json()[0]
    assert response.status_code == 201
    path = room.inbox.path(item['id'])
    assert path.parent == room.settings.data / 'inbox'
    assert path.name == item['id']
    assert '/' not in item['name']
    await api.delete(f'/inbox/{item["id"]}')


async def test_too_large_a_file_is_refused_announced_or_not_and_leaves_nothing(
    api: httpx.AsyncClient, room: ControlRoom
) -> None:
    async def body(size: int) -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="big"\r\n\r\n'
        for _ in range(size // 100_000):
            yield b'x' * 100_000
        yield b'\r\n--b--\r\n'

    headers = {'Content-Type': 'multipart/form-data; boundary=b'}
    announced = await api.post('/uploads', files={'file': ('big', b'x' * (MAX_UPLOAD_BYTES + 2_000_000))})
    streamed = await api.post('/uploads', content=body(MAX_UPLOAD_BYTES + 200_000), headers=headers)
    endless = await api.post('/uploads', content=body(MAX_UPLOAD_BYTES * 3), headers=headers)
    just_right = await api.post('/uploads', files={'file': ('right', b'x' * MAX_UPLOAD_BYTES)})

    for answer in (announced, streamed, endless):
        assert answer.status_code == 413, answer.text
        assert answer.json()['error']['code'] in ('too_large', 'file_too_large')
    assert just_right.status_code == 201
    assert [item.name for item in room.inbox.all()] == ['right']
    await api.delete(f'/inbox/{just_right.json()[0]["id"]}')
    assert list((room.settings.data / 'inbox').iterdir()) == []


async def test_an_upload_that_breaks_off_leaves_nothing(room: ControlRoom, authority: str) -> None:
    host, port = authority.split(':')
    arrived = asyncio.ensure_future(room.bus.next(InboxChanged, timeout=20))
    await asyncio.sleep(0)
    _, writer = await asyncio.open_connection(host, int(port))
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n'
    writer.write(
        f'POST /api/v1/uploads HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {room.auth.token}\r\n'
        'Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 2000000\r\n\r\n'.encode()
    )
    writer.write(part % b'whole' + b'whole\r\n' + part % b'half' + b'x' * 1_000_000)
    await writer.drain()
    await arrived  # the first file is complete by now, the second never will be
    gone = asyncio.ensure_future(room.bus.next(InboxChanged, timeout=20))
    await asyncio.sleep(0)
    writer.transport.abort()
    await gone

    assert room.inbox.all() == []
    assert list((room.settings.data / 'inbox').iterdir()) == []


@pytest.mark.parametrize(
    ('body', 'content_type', 'status', 'code'),
    [
        (b'x', 'multipart/form-data; boundary=b', 400, 'malformed_multipart'),
        (b'', 'multipart/form-data; boundary=b', 400, 'malformed_multipart'),
        (b'x', 'multipart/form-data', 400, 'malformed_multipart'),
        (b'x', 'multipart/form-data; boundary=' + 'b' * 500, 400, 'malformed_multipart'),
        (
            b'--b\r\nX: ' + b'x' * 9000 + b'\r\n\r\n\r\n--b--',
            'multipart/form-data; boundary=b',
            400,
            'malformed_multipart',
        ),
        (b'--b--\r\n', 'multipart/form-data; boundary=b', 422, 'invalid_values'),
        (b'--b\r\n\r\nx\r\n--b--\r\n', 'multipart/form-data; boundary=b', 422, 'invalid_values'),
        (b'{}', 'application/json', 415, 'unsupported_media_type'),
    ],
)
async def test_what_is_not_an_upload_is_refused(
    api: httpx.AsyncClient, room: ControlRoom, body: bytes, content_type: str, status: int, code: str
) -> None:
    error_of(await api.post('/uploads', content=body, headers={'Content-Type': content_type}), status, code)
    assert room.inbox.all() == []


async def test_a_field_that_is_not_a_file_removes_the_files_before_it(
    api: httpx.AsyncClient, room: ControlRoom
) -> None:
    wrong = await api.post('/uploads', files=[('file', ('a', b'a')), ('other', ('b', b'b'))])
    text = await api.post('/uploads', files={'file': ('a', b'a')}, data={'file': 'only text'})

    assert list(error_of(wrong, 422, 'invalid_values')['fields']) == ['other']
    assert list(error_of(text, 422, 'invalid_values')['fields']) == ['file']
    assert room.inbox.all() == []


@pytest.mark.parametrize('size', [1, 2, 3, 7, 64, 10_000])
async def test_parts_are_read_the_same_however_the_body_is_cut(size: int) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\nContent-Type: x/y\r\n\r\n'
        b'one\r\n--c\r\n-\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="\xc3\xbc"\r\n\r\n\r\n--b--\r\n'
    )

    async def cut() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    assert await parts_of(cut()) == [('file', 'a.bin', b'one\r\n--c\r\n-'), ('file', 'ü', b'')]


@pytest.mark.parametrize('end', range(1, 99, 7))
async def test_a_body_that_ends_too_early_is_malformed(end: int) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\nsome bytes and more\r\n--b--'

    async def cut() -> AsyncIterator[bytes]:
        yield body[:end]

    with pytest.raises(Malformed):
        await parts_of(cut())


async def parts_of(body: AsyncIterator[bytes]) -> list[tuple[str, str | None, bytes]]:
    return [
        (part.field, part.filename, b''.join([chunk async for chunk in part.chunks]))
        async for part in PartReader('multipart/form-data; boundary=b', body)
    ]


# Profiles


async def test_a_profile_is_made_changed_and_deleted_and_keeps_its_secrets(
    api: httpx.AsyncClient, room: ControlRoom, tmp_path: Path
) -> None:
    values = {'label': 'Work', 'destination': str(tmp_path), 'defaults': {'name': 'Work'}, 'secrets': {'KEY': 'hush'}}

    made = await api.post('/profiles', json=values)
    id = made.json()['id']
    changed = await api.patch(f'/profiles/{id}', json={'label': 'Work 2', 'secrets': {'KEY': '***', 'TWO': 'psst'}})

    assert made.status_code == 201
    assert made.json()['secrets'] == {'KEY': '***'}
    assert set(made.json()) == {'id', 'label', 'color', 'icon', 'destination', 'defaults', 'secrets'}
    assert changed.json()['label'] == 'Work 2'
    assert changed.json() == (await api.get(f'/profiles/{id}')).json()
    assert changed.json() in (await api.get('/profiles')).json()
    assert room.profiles.secrets_of(id) == {'KEY': 'hush', 'TWO': 'psst'}
    for answer in (made, changed, await api.get('/profiles')):
        assert 'hush' not in answer.text
    assert (await api.delete(f'/profiles/{id}')).status_code == 204
    error_of(await api.get(f'/profiles/{id}'), 404, 'profile_not_found')


async def test_a_profile_that_does_not_fit_is_named(api: httpx.AsyncClient) -> None:
    wrong = await api.post('/profiles', json={'label': '', 'color': 'red', 'colour': 1})

    assert {'label', 'color', 'colour'} <= set(error_of(wrong, 422, 'invalid_values')['fields'])
    error_of(await api.post('/profiles', json=[]), 400, 'malformed')
    error_of(await api.patch('/profiles/nobody', json={}), 404, 'profile_not_found')


# Limits and docs


async def test_a_bucket_gives_its_burst_then_its_rate_and_the_table_is_bounded() -> None:
    now = 0.0
    buckets = Buckets(Rate(per_second=10, burst=3), clock=lambda: now)

    assert [buckets.take('a') for _ in range(4)] == [0, 0, 0, 0.1]
    assert buckets.take('b') == 0
    now = 0.1
    assert buckets.take('a') == 0
    assert buckets.take('a') > 0
    for caller in range(2 * MAX_CALLERS):
        buckets.take(str(caller))
    assert len(buckets._buckets) == MAX_CALLERS


async def test_who_changes_too_much_at_once_has_to_wait_and_not_for_what_strangers_try(room: ControlRoom) -> None:
    # Without a server in between, so that it is fast enough to exceed the limit.
    transport = httpx.ASGITransport(gated(room, 8000))
    headers = {'Authorization': f'Bearer {room.auth.token}'}
    async with httpx.AsyncClient(transport=transport, base_url='http://127.0.0.1:8000/api/v1', headers=headers) as api:
        for wrong in ({}, {'Authorization': 'Bearer wrong'}, {'Cookie': 'synapse=wrong'}):
            strange = [await api.delete('/inbox/nothing', headers={'Authorization': '', **wrong}) for _ in range(60)]
            assert {answer.status_code for answer in strange} == {401}

        answers = [await api.delete('/inbox/nothing') for _ in range(300)]

        assert [answer.status_code for answer in answers[:100]] == [404] * 100
        refused = next(answer for answer in answers if answer.status_code == 429)
        error_of(refused, 429, 'too_many_requests')
        assert int(refused.headers['retry-after']) >= 1
        assert (await api.get('/status')).status_code == 200
        assert (await api.post('/logs', json={'level': 'debug', 'message': 'x'})).status_code == 201


async def test_runs_may_be_started_faster_than_other_things_are_changed(room: ControlRoom) -> None:
    transport = httpx.ASGITransport(gated(room, 8000))
    headers = {'Authorization': f'Bearer {room.auth.token}'}
    async with httpx.AsyncClient(transport=transport, base_url='http://127.0.0.1:8000/api/v1', headers=headers) as api:
        starts = [await api.post('/runs', json={'pipeline': 'Nothing'}) for _ in range(300)]
        changes = [await api.post('/runs/nothing/cancel') for _ in range(100)]

    assert {answer.status_code for answer in starts} == {404}
    assert {answer.status_code for answer in changes} == {404}


async def test_the_docs_come_from_our_own_files(api: httpx.AsyncClient) -> None:
    page = await api.get('/docs')
    described = (await api.get('/openapi.json')).json()

    assert page.status_code == 200
    assert 'https://' not in page.text
    for asset in ('swagger-ui-bundle.js', 'swagger-ui.css'):
        assert f'/api/v1/docs/assets/{asset}' in page.text
        assert (await api.get(f'/docs/assets/{asset}')).status_code == 200
    assert {'/runs', '/runs/{id}', '/logs', '/uploads', '/profiles/{id}', '/queue/stop'} <= set(described['paths'])
    assert described['servers'] == [{'url': '/api/v1'}]


@pytest.mark.parametrize(
    ('call', 'name', 'known'),
    [
        ('POST /scheduler/import-crontab?preview=true', 'preview', 'dry_run, trust, users'),
        ('POST /scheduler/import-crontab?dryrun=true', 'dryrun', 'dry_run, trust, users'),
    ],
)
async def test_a_call_that_changes_something_refuses_an_unknown_query_parameter(
    api: httpx.AsyncClient, room: ControlRoom, call: str, name: str, known: str
) -> None:
    method, _, path = call.partition(' ')
    before = len(room.calendar.events())

    answer = await api.request(method, path, content='0 3 * * * /bin/true', headers={'Content-Type': 'text/plain'})

    error = error_of(answer, 422, 'invalid_values')
    assert known in error['fields'][name]
    assert known in error['hint']
    assert len(room.calendar.events()) == before


async def test_what_others_may_append_to_get_past_a_cache_is_ignored(api: httpx.AsyncClient) -> None:
    feed = (await api.post('/scheduler/feed')).json()['url']

    name = feed.rpartition('/')[2]
    assert (await api.get(f'/scheduler/feed/{name}?nocache=1')).status_code == 200
    assert (await api.get('/health?cachebuster=1')).status_code == 200
    assert (await api.get('/runs?_=1')).status_code == 200
    await api.delete('/scheduler/feed')
