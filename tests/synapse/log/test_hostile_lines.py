"""Malicious lines, by every way in and every way out: each comes back as plain text, and nothing breaks."""

import asyncio
import csv
import io
import json
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect

from synapse.api.updates.socket import Updates
from synapse.control_room import ControlRoom
from synapse.log.handler import LogHandler
from synapse.log.search import Search
from synapse.log.text import plain, styled, visible
from synapse.protocol.lines import ByteLines
from tests.parts.api_room import api_room, client_of, gated, run_in
from tests.parts.hostile import FIELDS, HOSTILE
from tests.parts.serving import served

pytestmark = pytest.mark.asyncio(loop_scope='module')

KEPT = 16_384
"""How many characters of a message are kept; `cut` holds its length."""
LONGEST_QUESTION = 500

DRAWN = {
    'screen': ' gone?',
    'controls': 'bell\x07 ba vertical\x0b feed\x0c delete\x7f next\x85line',
}
"""What is left of lines that move the cursor when a program prints them; in all others nothing moves."""

PIPELINE = """
import logging, os, sys
from pathlib import Path
from synapse import Pipeline, Run, step

class Broken:
    def __str__(self):
        raise RuntimeError('no text of mine')
    __repr__ = __str__

class Hostile(Pipeline):
    lines: list[str]
    fields: dict

    @step
    def prints(self, run: Run) -> None:
        for line in self.lines:
            print(line)

    @step
    def logs(self, run: Run) -> None:
        for line in self.lines:
            run.log.info(line, **self.fields)

    @step
    def records(self, run: Run) -> None:
        logger = logging.getLogger('<b onclick=x>:evil')
        for line in self.lines:
            logger.warning(line)

    @step
    def shells(self, run: Run) -> None:
        file = Path('lines.txt')
        file.write_text(''.join(line + chr(10) for line in self.lines), encoding='utf-8', newline='')
        run.shell(['cat', str(file)])

class Bytes(Pipeline):
    @step
    def writes(self, run: Run) -> None:
        bad = b'latin \\xe9 lone \\xff\\xfe overlong \\xc0\\xaf surrogate \\xed\\xa0\\x80 half \\xe2\\x82'
        sys.stdout.buffer.write(bad + b'\\n')
        sys.stdout.flush()
        run.shell([sys.executable, '-c', f'import sys; sys.stdout.buffer.write({bad!r})'])
        print('half a pair \\ud83d')
        run.log.info('half a pair \\ud83d', text='\\udc00')
        run.log.info('from a name ' + os.fsdecode(b'caf\\xe9'))
        os.write(1, b'around the protocol {"t":"end","state":"failed"}\\n\\xff\\x00\\n')
        os.write(2, b'straight to the end \\xff\\n')

class Long(Pipeline):
    @step
    def line(self, run: Run) -> None:
        print('p' * 1_000_000)
        run.log.info('l' * 1_000_000, text='f' * 1_000_000)
        run.shell([sys.executable, '-c', "print('s' * 1_000_000, end='')"])
        logging.getLogger('long').warning('r' * 1_000_000)

    @step
    def fields(self, run: Run) -> None:
        deep = []
        for _ in range(100_000):
            deep = [deep]
        endless = {}
        endless['me'] = endless
        run.log.info('deep', deep=deep)
        run.log.info('endless', endless=endless)
        run.log.info('broken', broken=Broken())
        run.log.info('odd', nan=float('nan'), big=10**400, raw=b'\\xff', made_of={1, 2})
        run.log.info('many', **{f'field {number}': 'x' * 16_000 for number in range(1_000)})
        run.log.info('after all')

class Empty(Pipeline):
    lines: int

    @step
    def ends(self, run: Run) -> None:
        sys.stdout.write(chr(10) * self.lines)
"""


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlRoom]:
    data = tmp_path_factory.mktemp('hostile') / 'data'
    (data / 'pipelines').mkdir(parents=True)
    (data / 'pipelines' / 'hostile.py').write_text(PIPELINE)
    async with api_room(data, is_new=False) as room:
        yield room


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def authority(room: ControlRoom) -> AsyncIterator[str]:
    async with served(lambda port: gated(room, port, Updates(room))) as authority:
        yield authority


@pytest_asyncio.fixture(loop_scope='module')
async def api(room: ControlRoom, authority: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(room, authority) as client:
        yield client


@pytest_asyncio.fixture(loop_scope='module')
async def socket(room: ControlRoom, authority: str) -> AsyncIterator[ClientConnection]:
    headers = {'Authorization': f'Bearer {room.auth.token}'}
    async with connect(f'ws://{authority}/ws/updates', additional_headers=headers, max_size=None) as socket:
        yield socket


Row = dict[str, Any]


async def ended(room: ControlRoom, api: httpx.AsyncClient, pipeline: str, **parameters: Any) -> str:
    """The id of a run that has succeeded."""
    answer = await api.post('/runs', json={'pipeline': pipeline, 'parameters': parameters})
    assert answer.status_code == 201, answer.text
    run = await run_in(room, answer.json()['id'], timeout=60)
    assert run.state.value == 'succeeded', run.error
    return run.id


async def rows_of(api: httpx.AsyncClient, **filters: Any) -> list[Row]:
    """Oldest first."""
    answer = await api.get('/logs', params={'order': 'asc', 'limit': 1000} | filters)
    assert answer.status_code == 200, answer.text
    return list(answer.json()['entries'])


async def told(socket: ClientConnection) -> list[Row]:
    """The entries received on the socket before the reply to a ping."""
    await socket.send('ping')
    found = []
    while True:
        message = json.loads(await asyncio.wait_for(socket.recv(), 20))
        if message['type'] == 'pong':
            return found
        if message['type'] == 'log_entry':
            found.append(message['data'])


async def check_exports(api: httpx.AsyncClient, rows: list[Row], **filters: Any) -> None:
    """All three formats hold what the rows hold, each entry in its place."""
    files = {}
    for format in ('jsonl', 'csv', 'txt'):
        answer = await api.get('/logs/export', params={'format': format} | filters)
        assert answer.status_code == 200
        assert answer.headers['content-disposition'].startswith('attachment;')
        assert answer.headers['x-content-type-options'] == 'nosniff'
        files[format] = answer.content.decode()

    assert [json.loads(line) for line in files['jsonl'].split('\n')[:-1]] == rows
    table = list(csv.DictReader(io.StringIO(files['csv'], newline='')))
    assert [row['message'].removeprefix("'") for row in table] == [row['message'].removeprefix("'") for row in rows]
    cells = [cell for row in table for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(('=', '+', '-', '@', '\t', '\r', '＝'))]
    # Each line of the text file starts with a timestamp or is indented, so no message can pretend to be an entry.
    lines = files['txt'].split('\n')[:-1]
    begun = [line for line in lines if not line.startswith('    ')]
    assert len(begun) == len(rows)
    for line, row in zip(begun, rows, strict=True):
        assert line.startswith(row['timestamp'][:19])
        assert row['source'] in line


# Every way in


async def test_the_output_of_a_step_is_logged_unchanged(
    room: ControlRoom, api: httpx.AsyncClient, socket: ClientConnection
) -> None:
    lines = list(HOSTILE.values())
    drawn = [DRAWN.get(name, line) for name, line in HOSTILE.items()]
    run = await ended(room, api, 'Hostile', lines=lines, fields=FIELDS)
    heard = [entry for entry in await told(socket) if entry['run'] == run]
    rows = await rows_of(api, run=run)

    assert heard == rows
    for step, source in (('prints', 'stdout'), ('logs', 'logs'), ('records', '<b onclick=x>:evil'), ('shells', 'cat')):
        said = [row for row in rows if row['step'] == step and row['source'] == source]
        assert [row['message'] for row in said] == (drawn if step in ('prints', 'shells') else lines), step
    assert [row['fields'] for row in rows if row['source'] == 'logs' and row['message'] in lines] == [FIELDS] * len(
        lines
    )
    await check_exports(api, rows, run=run)


async def test_what_another_program_sends_comes_back_as_it_was_sent(
    api: httpx.AsyncClient, socket: ClientConnection
) -> None:
    entries = [
        {'level': 'info', 'message': line, 'source': f'<i>{name}', 'fields': {'line': line} | FIELDS}
        for name, line in HOSTILE.items()
    ]
    sent = await api.post('/logs', json=entries)
    assert sent.status_code == 201, sent.text
    rows = await rows_of(api, after=sent.json()[0]['seq'] - 1, before=sent.json()[-1]['seq'] + 1)
    heard = [entry for entry in await told(socket) if entry['source'].startswith('<i>')]

    assert rows == sent.json() == heard
    assert [{name: row[name] for name in ('level', 'message', 'source', 'fields')} for row in rows] == entries
    await check_exports(api, rows, after=rows[0]['seq'] - 1, before=rows[-1]['seq'] + 1)


async def test_what_the_program_logs_comes_back_as_it_was_logged(room: ControlRoom, api: httpx.AsyncClient) -> None:
    logger = logging.Logger('tests.<u>.hostile')
    logger.addHandler(LogHandler(room.log))
    lines = [*HOSTILE.values(), 'half \ud83d a pair']

    def say() -> None:
        for line in lines:
            logger.warning(line)
        try:
            raise ValueError('<script>\x00\ud800')
        except ValueError:
            logger.exception('%s', HOSTILE['title'])

    await asyncio.to_thread(say)
    rows = await rows_of(api, source='tests.<u>.hostile')

    assert [row['message'] for row in rows] == [*lines[:-1], 'half \\ud83d a pair', HOSTILE['title']]
    assert rows[-1]['fields']['traceback'].endswith('ValueError: <script>\x00\\ud800')
    await check_exports(api, rows, source='tests.<u>.hostile')


async def test_bytes_that_are_not_text_become_visible_replacements(room: ControlRoom, api: httpx.AsyncClient) -> None:
    run = await ended(room, api, 'Bytes')
    messages = [row['message'] for row in await rows_of(api, run=run, step='writes')]

    bad = 'latin � lone �� overlong �� surrogate ��� half �'
    assert messages.count(bad) == 2
    assert sum(message.startswith('half a pair ') for message in messages) == 2
    assert sum(message.startswith('from a name caf') for message in messages) == 1
    assert any('around the protocol' in message for message in messages)
    assert any('straight to the end �' in message for message in messages)
    for message in messages:
        message.encode()


async def test_an_entry_that_is_not_json_or_unicode_is_refused_or_made_harmless(api: httpx.AsyncClient) -> None:
    kind = {'Content-Type': 'application/json'}
    pair = await api.post(
        '/logs', content=b'{"level": "info", "message": "half \\ud800", "source": "pair"}', headers=kind
    )
    if pair.status_code == 201:
        assert (await rows_of(api, source='pair'))[0]['message'] == pair.json()['message'] == 'half \\ud800'
    else:
        assert pair.status_code in (400, 422)

    for body in (
        b'\xff\xfe',
        b'{"level": "info", "message": "\xff"}',
        b'[' * 100_000,
        b'{"level": "info", "message": 1e999}',
    ):
        answer = await api.post('/logs', content=body, headers=kind)
        assert answer.status_code in (400, 413, 422), answer.text
        assert 'Traceback' not in answer.text


# Much of it


async def test_an_endless_line_and_fields_without_end_are_cut_and_say_so(
    room: ControlRoom, api: httpx.AsyncClient
) -> None:
    run = await ended(room, api, 'Long')
    rows = [row for row in await rows_of(api, run=run) if row['step']]
    long = {row['message'][0]: row for row in rows if len(row['message']) > 1000}

    assert set(long) == {'p', 'l', 's', 'r'}
    for row in long.values():
        assert len(row['message']) == KEPT
        assert row['fields']['cut'] == 1_000_000
    assert len(long['l']['fields']['text']) <= KEPT
    fields = {row['message']: row['fields'] for row in rows if row['step'] == 'fields'}
    assert {'deep', 'endless', 'broken', 'odd', 'many', 'after all'} <= set(fields)
    assert fields['many'] == {f'field {number}': 'x' * 16_000 for number in range(4)} | {'left_out': 996}
    endless: Any = "{'me': {...}}"
    deep: Any = '<list>'
    for _ in range(8):
        endless, deep = {'me': endless}, [deep]
    assert fields['endless'] == {'endless': endless}
    assert (fields['deep'], fields['broken']) == ({'deep': deep}, {'broken': '<Broken>'})
    assert fields['odd']['raw'] == "b'\\xff'"


async def test_a_long_message_of_another_program_is_cut_and_says_so(api: httpx.AsyncClient) -> None:
    sent = await api.post('/logs', json={'level': 'info', 'message': '\n' * 400_000, 'source': 'newlines'})

    assert sent.status_code == 201
    (row,) = await rows_of(api, source='newlines')
    assert (len(row['message']), row['fields']) == (KEPT, {'cut': 400_000})
    await check_exports(api, [row], source='newlines')


async def test_lines_without_text_are_lines(room: ControlRoom, api: httpx.AsyncClient) -> None:
    run = await ended(room, api, 'Empty', lines=5_000)

    exported = (await api.get('/logs/export', params={'run': run, 'step': 'ends', 'format': 'jsonl'})).text
    messages = [row['message'] for row in map(json.loads, exported.splitlines()) if row['source'] == 'stdout']
    assert messages == [''] * 5_000


async def test_a_million_line_ends_and_bytes_without_any_are_cut_into_lines_in_no_time() -> None:
    lines = ByteLines()
    assert lines.feed(b'\n' * 1_000_000, now=0) == [''] * 1_000_000

    found = [line for _ in range(100) for line in lines.feed(b'\xf0\x9f\x92' * 10_000, now=0)]
    assert len([*found, *lines.finish()]) == 1


# Searched and shown


async def test_each_line_is_found_by_its_own_text(room: ControlRoom, api: httpx.AsyncClient) -> None:
    lines = {name: f'{name} :: {line}' for name, line in HOSTILE.items()}
    sent = await api.post('/logs', json=[{'level': 'info', 'message': m, 'source': 'found'} for m in lines.values()])
    seqs = dict(zip(lines, [row['seq'] for row in sent.json()], strict=True))

    for name, line in lines.items():
        text = plain(line)[:LONGEST_QUESTION]
        answer = await api.get('/logs', params={'q': text, 'source': 'found'})
        assert [row['seq'] for row in answer.json()['entries']] == [seqs[name]], name
        assert (await room.log.matching(Search(text=text), source='found')).seqs == [seqs[name]], name
        pattern = Search(text=re.escape(text[: LONGEST_QUESTION // 2]), is_regex=True)
        assert (await room.log.matching(pattern, source='found')).seqs == [seqs[name]], name


@pytest.mark.parametrize('name', HOSTILE)
async def test_nothing_that_is_shown_is_invisible_or_acts(name: str) -> None:
    line = HOSTILE[name]
    text, spans = styled(line)
    shown = visible(text)

    assert text == plain(line)
    assert len(shown) == len(text)
    assert not re.search('[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]', shown)
    for start, end, classes in spans:
        assert 0 <= start < end <= len(text)
        assert re.fullmatch(r'a-[a-z]+(-\d+)?( a-[a-z]+(-\d+)?)*', classes)
    # No readable text is removed along with the escapes.
    if '\x1b' not in line and '\x9b' not in line and '\x90' not in line:
        assert text == line


@pytest.mark.parametrize('garbage', ['\x1b' * 300_000, '\x1b[' * 150_000, '\x1b]8;;' * 60_000, '\x1b[1;' * 75_000])
async def test_a_long_row_of_broken_escapes_is_read_in_no_time(garbage: str) -> None:
    async with asyncio.timeout(20):
        text, _ = await asyncio.to_thread(styled, garbage)
    assert len(visible(text)) == len(text) <= len(garbage)
