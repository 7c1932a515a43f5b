"""The stream of updates: numbered, resumable, filtered, and with every gap reported to slow readers."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect

from synapse.api.updates.buffer import UpdateBuffer
from synapse.api.updates.listener import MAX_REPLIES, Listener, Subscription
from synapse.api.updates.socket import Updates
from synapse.bus import Bus
from synapse.log.log import Entry, Level
from synapse.log.messages import LinesLogged
from synapse.profiles import Profile, ProfileChanged
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord
from synapse.status import Status, StatusChanged
from tests.parts.api_room import api_room, client_of, gated, run_in
from tests.parts.serving import served


@dataclass
class House:
    """The parts of a control room that the stream listens to."""

    bus: Bus = field(default_factory=Bus)
    status: Status = field(default_factory=Status)
    boot: str = 'boot-1'
    lines: int = 0

    def log(self, count: int = 1, *, level: Level = Level.INFO, run: str | None = None, **fields: Any) -> None:
        """Log this many lines in one batch."""
        entries = []
        for _ in range(count):
            self.lines += 1
            entries.append(
                Entry(
                    id=str(self.lines),
                    seq=self.lines,
                    timestamp=datetime.now(UTC),
                    level=level,
                    message=f'line {self.lines}',
                    source='tests',
                    run=run,
                    fields=fields,
                )
            )
        self.bus.publish(LinesLogged(tuple(entries)))

    def change_run(self, id: str) -> None:
        run = RunRecord(id=id, number=1, pipeline='Hello', parameters={}, created_at=datetime.now(UTC))
        self.bus.publish(RunChanged(run))


@pytest.fixture
def house() -> House:
    return House()


@contextlib.asynccontextmanager
async def stream_of(house: House, **options: Any) -> AsyncIterator[tuple[str, Updates]]:
    updates = Updates(house, **options)  # type: ignore[arg-type]
    app = FastAPI()
    app.add_api_websocket_route('/ws/updates', updates.endpoint)
    async with served(lambda port: app) as authority:
        yield f'ws://{authority}/ws/updates', updates


@pytest.fixture
async def url(house: House) -> AsyncIterator[str]:
    async with stream_of(house) as (url, _):
        yield url


async def heard(socket: ClientConnection) -> dict[str, Any]:
    message = json.loads(await asyncio.wait_for(socket.recv(), 10))
    assert set(message) == {'type', 'seq', 'time', 'data'}
    return dict(message)


async def heard_until_pong(socket: ClientConnection) -> list[dict[str, Any]]:
    """Everything received before the reply to a ping, which follows everything that happened before it."""
    await socket.send('ping')
    messages: list[dict[str, Any]] = []
    while (message := await heard(socket))['type'] != 'pong':
        messages.append(message)
    return messages


async def test_the_first_word_is_connected_with_boot_and_status(url: str, house: House) -> None:
    house.log(3)

    async with connect(url) as socket:
        first = await heard(socket)

    assert first['type'] == 'connected'
    assert first['seq'] == 3
    assert datetime.fromisoformat(first['time']).tzinfo is not None
    assert set(first['data']) == {'version', 'boot', 'status'}
    assert first['data']['boot'] == 'boot-1'
    assert first['data']['status']['state'] == 'idle'


async def test_everything_that_happens_is_sent_in_order_and_numbered_without_a_gap(url: str, house: House) -> None:
    async with connect(url) as socket:
        await heard(socket)
        house.log(2, run='r1')
        house.change_run('r1')
        house.status.waiting = 7
        house.bus.publish(StatusChanged())
        profile = Profile(id='p', label='P', destination='/tmp')
        house.bus.publish(ProfileChanged('created', profile))

        messages = await heard_until_pong(socket)

    assert [message['type'] for message in messages] == [
        'log_entry', 'log_entry', 'run_update', 'pipeline_update', 'profile_change',
    ]  # fmt: skip
    assert [message['seq'] for message in messages] == [1, 2, 3, 4, 5]
    assert messages[0]['data']['message'] == 'line 1'
    assert messages[2]['data']['id'] == 'r1'
    assert messages[3]['data']['queue']['waiting'] == 7
    assert messages[4]['data'] == {'change': 'created', 'profile': profile.as_json()}


async def test_all_clients_receive_the_same_numbers(url: str, house: House) -> None:
    async with connect(url) as early:
        await heard(early)
        house.log(2)
        async with connect(url) as late:
            await heard(late)
            house.log(2)

            assert [message['seq'] for message in await heard_until_pong(early)] == [1, 2, 3, 4]
            assert [message['seq'] for message in await heard_until_pong(late)] == [3, 4]


async def test_pings_go_both_ways(house: House) -> None:
    async with stream_of(house, ping_seconds=0.2) as (url, _), connect(url) as socket:
        await heard(socket)
        await socket.send('ping')
        await socket.send(json.dumps({'type': 'ping'}))
        await socket.send('pong')
        await socket.send(json.dumps({'type': 'pong'}))

        assert [(await heard(socket))['type'] for _ in range(4)] == ['pong', 'pong', 'ping', 'ping']


async def test_values_that_json_does_not_know_do_not_break_the_stream(url: str, house: House) -> None:
    async with connect(url) as socket:
        await heard(socket)
        house.log(speed=float('nan'), name='\ud800')

        assert (await heard(socket))['data']['fields'] == {'speed': None, 'name': '\ud800'}


# Subscribing


@pytest.mark.parametrize(
    ('wish', 'expected'),
    [
        ({}, ['line 1', 'line 2', 'line 3', 'r1', 'r2']),
        ({'types': ['log_entry']}, ['line 1', 'line 2', 'line 3']),
        ({'types': ['run_update', 'lagged']}, ['r1', 'r2']),
        ({'types': []}, []),
        ({'types': None, 'level': None, 'run': None}, ['line 1', 'line 2', 'line 3', 'r1', 'r2']),
        ({'level': 'warning'}, ['line 2', 'r1', 'r2']),
        ({'run': 'r1'}, ['line 3', 'r1']),
        ({'run': 'r1', 'level': 'error'}, ['r1']),
    ],
)
async def test_a_client_hears_what_it_subscribed_to(
    url: str, house: House, wish: dict[str, Any], expected: list[str]
) -> None:
    async with connect(url) as socket:
        await heard(socket)
        await socket.send(json.dumps({'type': 'subscribe', **wish}))
        await heard_until_pong(socket)
        house.log()
        house.log(level=Level.CRITICAL)
        house.log(level=Level.DEBUG, run='r1')
        house.change_run('r1')
        house.change_run('r2')

        messages = await heard_until_pong(socket)

    assert [message['data'].get('message') or message['data']['id'] for message in messages] == expected


UNREADABLE = [
    '',
    'hello',
    '{',
    '[]',
    'null',
    '{}',
    '{"type": 1}',
    '{"type": ["ping"]}',
    '{"type": "connected"}',
    '{"type": "subscribe", "types": "log_entry"}',
    '{"type": "subscribe", "types": ["nothing"]}',
    '{"type": "subscribe", "level": "loud"}',
    '{"type": "subscribe", "run": 7}',
    '{"type": "subscribe", "colour": "red"}',
    '{"type": "resume"}',
    '{"type": "resume", "boot": "x", "seq": -1}',
    '{"type": "resume", "boot": "x", "seq": "many"}',
    '[' * 100_000,
    b'\x00\xff',
]


async def test_a_message_that_cannot_be_read_is_answered_and_nothing_else_changes(url: str, house: House) -> None:
    async with connect(url) as socket:
        await heard(socket)
        for text in UNREADABLE:
            await socket.send(text)

            error = await heard(socket)
            assert error['type'] == 'error', text
            assert set(error['data']) == {'code', 'message', 'hint'}
        house.log()

        assert (await heard(socket))['data']['message'] == 'line 1'


# Resuming


async def test_who_comes_back_hears_what_was_missed_in_order_and_once(url: str, house: House) -> None:
    async with connect(url) as socket:
        boot = (await heard(socket))['data']['boot']
        house.log(3)
        last_seen = [await heard(socket) for _ in range(3)][-1]['seq']

    house.log(5)
    async with connect(url) as socket:
        await heard(socket)
        house.log(2)
        await socket.send(json.dumps({'type': 'resume', 'boot': boot, 'seq': last_seen}))
        messages = [await heard(socket) for _ in range(7)]
        await socket.send(json.dumps({'type': 'resume', 'boot': boot, 'seq': last_seen}))
        again = await heard_until_pong(socket)

    assert [message['seq'] for message in messages] == [4, 5, 6, 7, 8, 9, 10]
    assert [message['data']['message'] for message in messages] == [f'line {number}' for number in range(4, 11)]
    assert again == []


async def test_what_is_sent_again_fits_the_subscription(url: str, house: House) -> None:
    house.log(2)
    house.change_run('r1')
    async with connect(url) as socket:
        await heard(socket)
        await socket.send(json.dumps({'type': 'subscribe', 'types': ['run_update']}))
        await socket.send(json.dumps({'type': 'resume', 'boot': house.boot, 'seq': 0}))

        assert [message['seq'] for message in await heard_until_pong(socket)] == [3]


async def test_after_a_restart_of_the_server_resume_says_lagged(url: str, house: House) -> None:
    house.log(4)
    async with connect(url) as socket:
        await heard(socket)
        await socket.send(json.dumps({'type': 'resume', 'boot': 'an earlier one', 'seq': 2}))
        house.log()

        lagged, line = await heard(socket), await heard(socket)

    assert lagged['type'] == 'lagged'
    assert lagged['data'] == {'missed': 4, 'from': 1, 'to': 4}
    assert line['seq'] == 5


async def test_updates_that_are_no_longer_buffered_are_reported_as_missed(
    url: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('synapse.api.updates.buffer.BUFFER_MESSAGES', 10)
    async with stream_of(house) as (short, _), connect(short) as socket:
        await heard(socket)
        house.log(25)
        await heard_until_pong(socket)
        async with connect(short) as back:
            await heard(back)
            await back.send(json.dumps({'type': 'resume', 'boot': house.boot, 'seq': 5}))

            lagged, *rest = await heard_until_pong(back)

    assert lagged['type'] == 'lagged'
    assert lagged['data'] == {'missed': 10, 'from': 6, 'to': 15}
    assert [message['seq'] for message in rest] == list(range(16, 26))


@pytest.mark.parametrize('seq', [3, 4, 10**15])
async def test_who_missed_nothing_hears_nothing_again(url: str, house: House, seq: int) -> None:
    house.log(3)
    async with connect(url) as socket:
        await heard(socket)
        await socket.send(json.dumps({'type': 'resume', 'boot': house.boot, 'seq': seq}))

        assert await heard_until_pong(socket) == []


# Slow readers and limits


async def test_a_slow_reader_learns_what_it_missed_and_delays_no_one(url: str, house: House) -> None:
    padding = 'x' * 800
    async with connect(url, max_queue=1, compression=None) as slow, connect(url, compression=None) as quick:
        await heard(slow)
        await heard(quick)
        quick_seqs: list[int] = []
        for _ in range(100):
            house.log(200, padding=padding)
            quick_seqs += [message['seq'] for message in await heard_until_pong(quick)]
        assert quick_seqs == list(range(1, 20_001))

        seqs, missed = [], []
        while not seqs or max(seqs[-1], missed[-1]['to'] if missed else 0) < 20_000:
            message = await heard(slow)
            if message['type'] == 'lagged':
                missed.append(message['data'])
            elif message['type'] == 'log_entry':
                seqs.append(message['seq'])

        assert seqs == sorted(set(seqs))
        assert missed
        spared = [seq for gap in missed for seq in range(gap['from'], gap['to'] + 1)]
        assert [gap['missed'] for gap in missed] == [gap['to'] - gap['from'] + 1 for gap in missed]
        assert sorted(seqs + spared) == list(range(1, 20_001))

        await slow.send(json.dumps({'type': 'resume', 'boot': house.boot, 'seq': 0}))
        resumed = await heard_until_pong(slow)
        # On a busy machine a ping is due meanwhile.
        lagged, *again = [message for message in resumed if message['type'] != 'ping']
        lost = range(lagged['data']['from'], lagged['data']['to'] + 1)
        assert lagged['data']['missed'] == len(lost)
        assert [*lost, *(message['seq'] for message in again)] == spared


def texts_of(listener: Listener) -> list[dict[str, Any]]:
    """Everything there is to send now."""
    texts = []
    while (text := listener.next_text()) is not None:
        texts.append(json.loads(text))
    return texts


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('synapse.api.updates.buffer.BUFFER_MESSAGES', 10)


@pytest.mark.usefixtures('short_memory')
def test_a_client_that_falls_behind_continues_in_the_middle_of_the_buffer(house: House) -> None:
    feed = UpdateBuffer(house)  # type: ignore[arg-type]
    listener = Listener(feed)
    house.log(10)
    assert json.loads(listener.next_text() or '')['seq'] == 1
    house.log(2)  # so that 2 is dropped
    house.log(4)

    lagged, *rest = texts_of(listener)

    assert lagged['data'] == {'missed': 6, 'from': 2, 'to': 7}
    assert [text['seq'] for text in rest] == list(range(8, 17))
    listener.close()
    assert feed.listener_count == 0


@pytest.mark.usefixtures('short_memory')
def test_who_reads_nothing_for_long_hears_of_one_gap(house: House) -> None:
    listener = Listener(UpdateBuffer(house))  # type: ignore[arg-type]
    listener.subscription = Subscription(level=Level.ERROR)
    for _ in range(20):
        house.log(3)
        house.log(level=Level.ERROR)
    house.log(5)

    lagged, *rest = texts_of(listener)

    missed = lagged['data']
    assert (missed['from'], missed['to']) == (4, 4 * missed['missed'])
    assert [text['seq'] for text in rest] == list(range(missed['to'] + 4, 81, 4))


@pytest.mark.usefixtures('short_memory')
def test_a_ping_never_claims_what_was_left_out(house: House) -> None:
    listener = Listener(UpdateBuffer(house))  # type: ignore[arg-type]
    house.log(12)
    listener.send('ping', {})
    house.log()

    told = [(text['type'], text['seq']) for text in texts_of(listener)]

    assert told[0] == ('lagged', 7)
    assert told[-2:] == [('ping', 12), ('log_entry', 13)]


def test_who_asks_and_never_reads_fills_no_memory(house: House) -> None:
    listener = Listener(UpdateBuffer(house))  # type: ignore[arg-type]
    for _ in range(10 * MAX_REPLIES):
        listener.send('pong', {})
        listener.report_all_missed()

    told = [text['type'] for text in texts_of(listener)]
    assert (told.count('pong'), told.count('lagged')) == (MAX_REPLIES, 1)


@pytest.mark.usefixtures('short_memory')
def test_updates_without_a_subscription_are_not_counted_as_missed(house: House) -> None:
    listener = Listener(UpdateBuffer(house))  # type: ignore[arg-type]
    listener.subscription = Subscription(level=Level.ERROR)
    house.log(30)
    house.log(level=Level.ERROR)

    assert [text['type'] for text in texts_of(listener)] == ['log_entry']


def test_what_is_remembered_is_bounded_by_its_size_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('synapse.api.updates.buffer.BUFFER_CHARACTERS', 1_000_000)
    monkeypatch.setattr('synapse.api.updates.buffer.TEXT_CHARACTERS', 500_000)
    feed = UpdateBuffer(house)  # type: ignore[arg-type]
    stalled, quick = Listener(feed), Listener(feed)
    for _ in range(30):
        house.log(padding='x' * 100_000)
        texts_of(quick)

    kept = range(feed.first_seq, feed.seq + 1)
    assert 8 <= len(kept) <= 10
    assert sum(feed[seq].text is not None for seq in kept) == 4
    lagged, *rest = texts_of(stalled)
    assert lagged['data']['missed'] + len(rest) == 30
    assert len(lagged) + len(rest) < 20


async def test_status_comes_at_most_20_times_a_second_and_the_last_value_wins(url: str, house: House) -> None:
    async with connect(url) as socket:
        await heard(socket)
        began = time.monotonic()
        for number in range(1, 501):
            house.status.waiting = number
            house.bus.publish(StatusChanged())
            await asyncio.sleep(0.001)
        seen = [await heard(socket)]
        while seen[-1]['data']['queue']['waiting'] < 500:
            seen.append(await heard(socket))
        took = time.monotonic() - began

        assert await heard_until_pong(socket) == []

    assert len(seen) <= 20 * took + 1
    assert len(seen) >= 3
    assert [message['seq'] for message in seen] == list(range(1, len(seen) + 1))


async def test_one_connection_too_many_is_closed_with_1013_until_one_leaves(house: House) -> None:
    async with stream_of(house, max_connections=2) as (url, updates):
        async with connect(url) as first, connect(url) as second:
            await heard(first)
            await heard(second)
            async with connect(url) as third:
                with pytest.raises(websockets.ConnectionClosed):
                    await heard(third)
                assert third.close_code == 1013
            house.log()
            assert (await heard(first))['type'] == 'log_entry'
        while updates._buffer.listener_count:  # noqa: ASYNC110 - the server hears of it a moment later
            await asyncio.sleep(0.01)

        async with connect(url) as again:
            assert (await heard(again))['type'] == 'connected'


async def test_a_client_that_just_vanishes_leaves_nothing_behind(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async with stream_of(house) as (url, updates):
        sockets = [await connect(url) for _ in range(20)]
        for socket in sockets:
            await heard(socket)
            socket.transport.abort()
        house.log(100)
        while updates._buffer.listener_count:  # noqa: ASYNC110 - the server hears of it a moment later
            await asyncio.sleep(0.01)
        house.log(100)

    # asyncio itself notes the writes of a busy moment in which the server has not heard of it yet.
    assert [record for record in caplog.records if 'socket.send() raised' not in record.message] == []


# With the real room behind the real gate


async def test_a_run_is_followed_from_its_start_to_its_end(tmp_path: Path) -> None:
    async with (
        api_room(tmp_path / 'data') as room,
        served(lambda port: gated(room, port, Updates(room))) as authority,
        client_of(room, authority) as api,
    ):
        url = f'ws://{authority}/ws/updates'
        headers = {'Authorization': f'Bearer {room.auth.token}'}
        async with connect(url, additional_headers=headers) as socket:
            await heard(socket)
            made = await api.post('/runs', json={'pipeline': 'Hello', 'parameters': {'name': 'Ada', 'times': 50}})
            id = made.json()['id']
            await run_in(room, id)
            messages = await heard_until_pong(socket)

    seqs = [message['seq'] for message in messages]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    states = [message['data']['state'] for message in messages if message['type'] == 'run_update']
    assert states[0] == 'queued'
    assert states[-1] == 'succeeded'
    lines = [m['data'] for m in messages if m['type'] == 'log_entry' and m['data']['run'] == id]
    assert [line['message'] for line in lines].count('hello Ada') == 50
    assert [line['seq'] for line in lines] == sorted({line['seq'] for line in lines})
    assert any(message['type'] == 'pipeline_update' for message in messages)


async def test_signing_out_closes_the_stream_with_4401(tmp_path: Path) -> None:
    async with (
        api_room(tmp_path / 'data') as room,
        served(lambda port: gated(room, port, Updates(room))) as authority,
    ):
        cookie = {'Cookie': f'synapse={room.auth.redeem(room.auth.mint_code())}'}
        async with connect(f'ws://{authority}/ws/updates', additional_headers=cookie) as socket:
            await heard(socket)
            async with httpx.AsyncClient() as browser:
                await browser.post(f'http://{authority}/logout', headers=cookie)

            await asyncio.wait_for(socket.wait_closed(), 10)
            assert socket.close_code == 4401
