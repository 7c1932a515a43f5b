"""Writing to the log by other programs, and reading and exporting it: hostile bodies, limits, full disks."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from storage.files import DiskFull, StorageError
from synapse.api.limits import LOG_BYTES, MAX_CALLERS, LogBudget, Rate
from synapse.api.rest.new_entries import MAX_ENTRIES, MAX_FIELD_CHARACTERS, MAX_FIELD_DEPTH
from synapse.control_room import ControlRoom
from synapse.errors import TooMany
from tests.parts.api_room import api_room, client_of, error_of, gated, run_in
from tests.parts.serving import served

pytestmark = pytest.mark.asyncio(loop_scope='module')

JSON = {'Content-Type': 'application/json'}
LINE = {'level': 'info', 'message': 'x'}


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlRoom]:
    async with api_room(tmp_path_factory.mktemp('logs') / 'data') as room:
        yield room


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def run_id(room: ControlRoom) -> str:
    run = await room.runs.create('Hello', {})
    await run_in(room, run.id)
    return run.id


@pytest_asyncio.fixture(loop_scope='module')
async def api(room: ControlRoom) -> AsyncIterator[httpx.AsyncClient]:
    # A server for each test, so that the limits of one do not affect another.
    async with served(lambda port: gated(room, port)) as authority, client_of(room, authority) as client:
        yield client


# Adding


async def test_an_entry_shows_everything_it_holds(api: httpx.AsyncClient, run_id: str) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)
    fields = {'user': 'Ada', 'tries': [1, 2.5, None, {'deep': True}]}

    answer = await api.post(
        '/logs',
        json=LINE | {'source': 's', 'fields': fields, 'timestamp': at.isoformat(), 'run': run_id, 'step': 'greet'},
    )

    entry = answer.json()
    assert answer.status_code == 201, answer.text
    assert (entry['fields'], entry['run'], entry['step']) == (fields, run_id, 'greet')
    assert datetime.fromisoformat(entry['timestamp']) == at
    assert entry in (await api.get(f'/runs/{run_id}/logs')).json()['entries']


async def test_many_entries_are_answered_in_their_order_and_numbered_in_a_row(api: httpx.AsyncClient) -> None:
    sent = [LINE | {'message': f'line {number}', 'source': 'many'} for number in range(MAX_ENTRIES)]

    answer = await api.post('/logs', json=sent)

    entries = answer.json()
    assert answer.status_code == 201
    assert [entry['message'] for entry in entries] == [entry['message'] for entry in sent]
    assert [entry['seq'] for entry in entries] == list(range(entries[0]['seq'], entries[0]['seq'] + MAX_ENTRIES))
    assert (await api.post('/logs', json=[])).json() == []
    error_of(await api.post('/logs', json=[*sent, LINE]), 413, 'too_large')


async def test_one_wrong_entry_refuses_all_and_is_named_by_index_and_field(
    api: httpx.AsyncClient, room: ControlRoom, run_id: str
) -> None:
    before = room.log.last_seq
    wrong: list[Any] = [
        LINE, LINE | {'level': 'loud', 'colour': 'red'}, 7, LINE | {'run': 'x7'}, LINE | {'step': 'greet'},
        LINE | {'run': run_id, 'step': 'none'}, {str(number): 1 for number in range(30)},
    ]  # fmt: skip

    error = error_of(await api.post('/logs', json=wrong), 422, 'invalid_values')

    assert set(error['fields']) == {'1.level', '1.colour', '2', '3.run', '4.run', '5.step', '6'}
    assert error['fields']['3.run'].startswith("No run has the id 'x7'.")
    assert room.log.last_seq == before
    single = error_of(await api.post('/logs', json=LINE | {'run': 'x7'}), 422, 'invalid_values')
    assert set(single['fields']) == {'run'}
    assert len(error_of(await api.post('/logs', json=[7] * 1000), 422, 'invalid_values')['fields']) == 50


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels - 1):
        value = {'in': value}
    return value


@pytest.mark.parametrize(
    ('body', 'status', 'code'),
    [
        (b'', 400, 'malformed'),
        (b'null', 400, 'malformed'),
        (b'"text"', 400, 'malformed'),
        (b'\xff\xfe', 400, 'malformed'),
        (b'[' * 100_000, 400, 'malformed'),
        (b'{"level": "info", "message": "\\ud800"}', 400, 'malformed'),
        (b'{"level": "info", "message": "x", "fields": {"a": NaN}}', 400, 'malformed'),
        (b'{"level": "info", "message": "x", "fields": {"a": ' + b'9' * 5000 + b'}}', 400, 'malformed'),
        (json.dumps(LINE | {'message': 'x' * 1_000_000}).encode(), 413, 'too_large'),
        (json.dumps(LINE | {'fields': nested(MAX_FIELD_DEPTH + 1)}).encode(), 422, 'invalid_values'),
        (json.dumps(LINE | {'fields': {'a': 'x' * MAX_FIELD_CHARACTERS}}).encode(), 422, 'invalid_values'),
        (json.dumps(LINE | {'fields': [1]}).encode(), 422, 'invalid_values'),
        (json.dumps(LINE | {'timestamp': 1_700_000_000}).encode(), 422, 'invalid_values'),
        (json.dumps(LINE | {'timestamp': '2026-10-14T14:08:31'}).encode(), 422, 'invalid_values'),
        (json.dumps(LINE | {'timestamp': '9999-12-31T23:59:59-14:00'}).encode(), 422, 'invalid_values'),
        (json.dumps(LINE | {'timestamp': '0001-01-01T00:00:00+14:00'}).encode(), 422, 'invalid_values'),
        (json.dumps(LINE | {'message': ''}).encode(), 422, 'invalid_values'),
        (json.dumps(LINE | {'source': ''}).encode(), 422, 'invalid_values'),
    ],
)
async def test_a_hostile_body_gets_a_clear_answer(
    api: httpx.AsyncClient, room: ControlRoom, body: bytes, status: int, code: str
) -> None:
    before = room.log.last_seq

    error_of(await api.post('/logs', content=body, headers=JSON), status, code)

    assert room.log.last_seq == before


async def test_hostile_text_comes_back_as_it_was_sent(api: httpx.AsyncClient) -> None:
    texts = [
        'NUL \0 within',
        '\x1b[2J\x07 \x9b31m',
        '\u202egnp.exe',
        '<script>alert(1)</script>',
        "' or 1=1 --",
        '\n\n',
    ]
    sent = [LINE | {'message': text, 'source': 'odd', 'fields': {text: text}} for text in texts]
    numbers = LINE | {'source': 'odd', 'fields': {'huge': 10**30, 'small': -(2**53), 'flag': False}}

    answer = await api.post('/logs', json=[*sent, numbers, LINE | {'message': 'y' * 900_000, 'source': 'odd'}])

    assert answer.status_code == 201, answer.text
    *entries, counted, long = (await api.get('/logs', params={'source': 'odd'})).json()['entries'][::-1]
    assert [entry['message'] for entry in entries] == texts
    assert [entry['fields'] for entry in entries] == [{text: text} for text in texts]
    assert counted['fields'] == {'huge': str(10**30), 'small': -(2**53), 'flag': False}
    assert (len(long['message']), long['fields']) == (16_384, {'cut': 900_000})


# On disk, or not


async def test_what_is_answered_is_on_disk_and_many_at_once_share_a_commit(
    api: httpx.AsyncClient, room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[int] = []
    append = room.log._store.append

    def counted(rows: Any) -> None:
        append(rows)
        commits.append(len(rows))

    monkeypatch.setattr(room.log._store, 'append', counted)

    async def post(number: int) -> int:
        entry = (await api.post('/logs', json=LINE | {'source': 'disk', 'message': str(number)})).json()
        assert room.log._store.query(after=entry['seq'] - 1, before=entry['seq'] + 1)
        return int(entry['seq'])

    seqs = await asyncio.gather(*map(post, range(80)))

    assert len(set(seqs)) == 80
    assert sum(commits) >= 80
    assert len(commits) < 40


@pytest.mark.parametrize(
    ('trouble', 'status', 'code'),
    [(DiskFull('logs.db: no room'), 507, 'disk_full'), (StorageError('logs.db: broken'), 503, 'log_not_saved')],
)
async def test_where_the_disk_refuses_nothing_is_answered_with_201(
    api: httpx.AsyncClient,
    room: ControlRoom,
    monkeypatch: pytest.MonkeyPatch,
    trouble: StorageError,
    status: int,
    code: str,
) -> None:
    def refuse(rows: Any) -> None:
        raise trouble

    with monkeypatch.context() as broken:
        broken.setattr(room.log._store, 'append', refuse)
        first = error_of(await api.post('/logs', json=LINE | {'message': code}), status, code)
        taken = room.log.last_seq
        second = error_of(await api.post('/logs', json=LINE | {'message': 'refused'}), status, code)
        assert room.log.last_seq == taken

    assert 'kept in memory' in first['message']
    assert second['message'].startswith('Nothing was logged')
    async with asyncio.timeout(10):
        while not await room.log.saved(taken):  # noqa: ASYNC110 - the writer retries by itself
            await asyncio.sleep(0.05)
    assert [entry.message for entry in await room.log.query(q=code, source='api')] == [code]
    assert (await api.post('/logs', json=LINE)).status_code == 201


async def test_the_last_room_on_the_disk_is_not_for_other_programs(
    api: httpx.AsyncClient, room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, 'settings', room.settings.model_copy(update={'min_free_bytes': 2**62}))

    error = error_of(await api.post('/logs', json=LINE), 507, 'disk_full')

    assert error['message'].startswith('Nothing was logged')


# Limits


async def test_entries_of_a_batch_count_one_by_one(room: ControlRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('synapse.api.limits.LOG_ENTRIES', Rate(0.1, 250))
    async with served(lambda port: gated(room, port)) as authority, client_of(room, authority) as api:
        answers = [await api.post('/logs', json=[LINE] * 100) for _ in range(3)]
        before = room.log.last_seq
        small = await api.post('/logs', json=[LINE] * 40)

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    error = error_of(answers[2], 429, 'too_many_requests')
    assert 400 < int(answers[2].headers['retry-after']) <= 500
    assert 'Nothing was changed' in error['message']
    assert 'Retry-After' in error['hint']
    assert small.status_code == 201
    assert room.log.last_seq - before == 40


async def test_a_caller_may_not_fill_the_disk_and_is_counted_alone_in_a_bounded_table() -> None:
    budget = LogBudget()
    for _ in range(int(LOG_BYTES.burst) // 1_000_000):
        budget.take_bytes('a', 1_000_000)

    with pytest.raises(TooMany) as refusal:
        budget.take_bytes('a', 1_000_000)
    assert 1 < refusal.value.retry_after <= 2
    for number in range(2 * MAX_CALLERS):
        budget.take_bytes(str(number), 1_000_000)
    assert len(budget._bytes._buckets) == MAX_CALLERS


# Reading


async def test_the_log_is_read_from_both_ends_and_by_exact_levels(api: httpx.AsyncClient) -> None:
    levels = ['debug', 'info', 'success', 'warning', 'error', 'critical', 'info']
    sent = [LINE | {'level': level, 'message': str(n), 'source': 'ends'} for n, level in enumerate(levels)]
    seqs = [entry['seq'] for entry in (await api.post('/logs', json=sent)).json()]

    async def read(**query: Any) -> list[int]:
        entries = (await api.get('/logs', params={'source': 'ends', **query})).json()['entries']
        return [seqs.index(entry['seq']) for entry in entries]

    assert await read(levels='error,info') == [6, 4, 1]
    assert await read(levels=['error', 'info'], order='asc') == [1, 4, 6]
    assert await read(after=seqs[1], before=seqs[5], order='asc') == [2, 3, 4]
    assert await read(after=seqs[4]) == [6, 5]
    assert await read(levels='error', level='critical') == []
    error_of(await api.get('/logs', params={'levels': 'error,loud'}), 422, 'invalid_values')
    error_of(await api.get('/logs', params={'order': 'up'}), 422, 'invalid_values')

    pages: list[int] = []
    query: dict[str, Any] = {'source': 'ends', 'order': 'asc', 'limit': 3}
    while query.get('after', 0) is not None:
        page = (await api.get('/logs', params=query)).json()
        pages += [seqs.index(entry['seq']) for entry in page['entries']]
        query['after'] = page['next']
    assert pages == [*range(7)]


async def test_an_export_goes_either_way_and_is_read_by_pages(api: httpx.AsyncClient, room: ControlRoom) -> None:
    room.log.extend({'level': 'debug', 'message': str(number), 'source': 'either'} for number in range(2_500))

    async def exported(**query: Any) -> list[int]:
        lines = (await api.get('/logs/export', params={'source': 'either', **query})).text.splitlines()
        return [int(json.loads(line)['message']) for line in lines]

    assert await exported(order='desc') == [*range(2_499, -1, -1)]
    assert await exported() == [*range(2_500)]
    assert await exported(levels='info') == []


async def test_a_text_is_found_as_it_is_shown(api: httpx.AsyncClient) -> None:
    texts = ['Disk 7 is full', 'disk 12 \x1b[31mis\x1b[0m full', 'a floppy']
    await api.post('/logs', json=[LINE | {'message': text, 'source': 'find'} for text in texts])

    async def found(q: str, **query: Any) -> list[int]:
        answer = await api.get('/logs', params={'source': 'find', 'order': 'asc', 'q': q, **query})
        return [texts.index(entry['message']) for entry in answer.json()['entries']]

    assert await found('ISK') == [0, 1]
    assert await found('12 is full') == [1]
    assert await found('Disk', case=True) == [0]
    assert await found(r'disk \d+ is', regex=True) == [0, 1]
    assert await found(r'd\w+ \d\d', regex=True, case=True) == [1]
    broken = await api.get('/logs', params={'q': '(', 'regex': True})
    assert set(error_of(broken, 422, 'bad_pattern')['fields']) == {'q'}
    exported = await api.get('/logs/export', params={'source': 'find', 'q': '(disk|flop)', 'regex': True})
    assert [json.loads(line)['message'] for line in exported.text.splitlines()] == texts
    error_of(await api.get('/logs/export', params={'q': '(', 'regex': True}), 422, 'bad_pattern')


async def test_a_text_file_does_nothing_to_the_terminal_that_shows_it(api: httpx.AsyncClient) -> None:
    message = '\x1b]0;title\x07red: \x1b[31mred\x1b[0m \x9b2J \x07 \u202e\nsecond\r\nthird'
    await api.post('/logs', json=LINE | {'message': message, 'source': 'terminal\n2026 a line of its own'})
    await api.post('/logs', json=LINE | {'message': 'x', 'source': '=cmd', 'fields': {'a': '\x1b[2J'}})

    text = (await api.get('/logs/export', params={'q': 'third', 'format': 'txt'})).text
    table = (await api.get('/logs/export', params={'source': '=cmd', 'format': 'csv'})).text

    first, second, third = text.splitlines()
    assert first.endswith('INFO     terminal 2026 a line of its own red: red \ufffd2J \u2407 \ufffd')
    assert (second, third) == ('    second\u240d', '    third')
    assert ",'=cmd," in table
    assert '\x1b' not in text + table


async def test_the_docs_list_the_fields_of_an_entry(api: httpx.AsyncClient) -> None:
    described = (await api.get('/openapi.json')).json()['paths']

    one, many = described['/logs']['post']['requestBody']['content']['application/json']['schema']['oneOf']
    assert {'level', 'message', 'source', 'run', 'step', 'fields', 'timestamp'} == set(one['properties'])
    assert (many['items'], many['maxItems']) == (one, MAX_ENTRIES)
    assert {'levels', 'after', 'order'} <= {item['name'] for item in described['/logs']['get']['parameters']}
