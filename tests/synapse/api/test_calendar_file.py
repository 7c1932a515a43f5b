"""The calendar as a file over HTTP: it follows every change, and is sent only to those who don't have it."""

import asyncio
import gzip
import re
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from synapse.control_room import ControlRoom
from tests.parts.api_room import api_room, client_of, gated
from tests.parts.serving import served

pytestmark = pytest.mark.asyncio(loop_scope='module')

ICS = {'Content-Type': 'text/calendar'}
FILE = '/scheduler/calendar.ics'
MANY = 1500
LONGEST_HOLD = 0.1
"""Seconds of the processor between two turns of the event loop: others use this machine, too."""


@pytest_asyncio.fixture(loop_scope='module')
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    async with api_room(tmp_path / 'data') as room:
        yield room


@pytest_asyncio.fixture(loop_scope='module')
async def api(room: ControlRoom) -> AsyncIterator[httpx.AsyncClient]:
    async with served(lambda port: gated(room, port)) as authority, client_of(room, authority) as client:
        yield client


async def planned(api: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    draft = {'pipeline': 'Hello', 'title': 'Greet', 'start': '2031-10-06T16:00:00', 'timezone': 'Europe/Berlin'}
    response = await api.post('/scheduler/create', json=draft | values)
    assert response.status_code == 201, response.text
    return dict(response.json())


async def imported(api: httpx.AsyncClient, text: bytes, **query: Any) -> dict[str, Any]:
    response = await api.post('/scheduler/import', content=text, headers=ICS, params=query)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def test_an_import_with_the_same_version_changes_the_file(api: httpx.AsyncClient) -> None:
    await planned(api)
    before = (await api.get(FILE)).content

    changed = await imported(api, before.replace(b'SUMMARY:Greet', b'SUMMARY:Wave'), trust=True)

    after = (await api.get(FILE)).content
    assert len(changed['updated']) == 1
    assert b'SUMMARY:Wave' in after
    assert re.findall(rb'SEQUENCE:.*|LAST-MODIFIED:.*', after) == re.findall(rb'SEQUENCE:.*|LAST-MODIFIED:.*', before)


async def test_an_older_export_of_the_same_version_puts_nothing_back(api: httpx.AsyncClient) -> None:
    event = await planned(api)
    older = (await api.get(FILE)).content
    await imported(api, older.replace(b'T160000', b'T170000'), trust=True)

    again = await imported(api, older, trust=True)

    assert again['skipped'] == ["'Greet' is older in the file than in the calendar; it was not changed."]
    assert (await api.get(f'/scheduler/{event["id"]}')).json()['start'] == '2031-10-06T17:00:00'


async def test_a_file_edited_by_hand_twice_counts_twice(api: httpx.AsyncClient) -> None:
    event = await planned(api)
    text = (await api.get(FILE)).content

    for hour in (17, 18):
        await imported(api, text.replace(b'T160000', f'T{hour}0000'.encode()), trust=True)

    assert (await api.get(f'/scheduler/{event["id"]}')).json()['start'] == '2031-10-06T18:00:00'


async def test_the_present_file_changes_nothing(api: httpx.AsyncClient) -> None:
    await planned(api, rrule='FREQ=HOURLY;INTERVAL=6', exdates=['2031-10-07T16:00:00'])
    await planned(api, rrule='FREQ=MONTHLY;BYDAY=2MO,WE')
    await planned(api, start='2031-03-01T02:30:00', rrule='FREQ=DAILY')

    result = await imported(api, (await api.get(FILE)).content)

    assert len(result['unchanged']) == 3
    assert result['created'] == result['updated'] == result['deleted'] == result['skipped'] == []


async def test_who_has_the_file_is_told_so_until_it_changes(api: httpx.AsyncClient) -> None:
    event = await planned(api)
    first = await api.get(FILE)
    by_tag = {'If-None-Match': first.headers['etag']}
    by_time = {'If-Modified-Since': first.headers['last-modified']}

    for headers in (by_tag, by_time, {'If-None-Match': f'"x", {first.headers["etag"]}'}, {'If-None-Match': '*'}):
        known = await api.get(FILE, headers=headers)
        assert (known.status_code, known.content) == (304, b'')
        assert known.headers['etag'] == first.headers['etag']
    # A tag counts before a time: RFC 9110, 13.1.3.
    assert (await api.get(FILE, headers={'If-None-Match': '"x"', **by_time})).status_code == 200

    await api.delete(f'/scheduler/{event["id"]}')

    # Both happened within a second, which the times of HTTP cannot tell apart.
    for headers in (by_tag, by_time, {'If-Modified-Since': 'yesterday'}):
        new = await api.get(FILE, headers=headers)
        assert new.status_code == 200
        assert b'BEGIN:VEVENT' not in new.content
    assert new.headers['etag'] != first.headers['etag']


async def test_the_file_is_the_same_after_a_restart(api: httpx.AsyncClient, room: ControlRoom) -> None:
    await planned(api, rrule='FREQ=DAILY')
    before = (await api.get(FILE)).headers['etag']

    async with served(lambda port: gated(room, port)) as authority, client_of(room, authority) as other:
        assert (await other.get(FILE, headers={'If-None-Match': before})).status_code == 304


async def test_the_file_is_packed_for_those_who_ask(api: httpx.AsyncClient) -> None:
    await planned(api)

    plain = await api.get(FILE, headers={'Accept-Encoding': 'identity'})
    refused = await api.get(FILE, headers={'Accept-Encoding': 'gzip;q=0, identity'})
    async with api.stream('GET', FILE, headers={'Accept-Encoding': 'br, gzip'}) as packed:
        body = b''.join([part async for part in packed.aiter_raw()])

    assert packed.headers['content-encoding'] == 'gzip'
    assert gzip.decompress(body) == plain.content == refused.content
    assert len(body) < len(plain.content)
    assert packed.headers['vary'] == plain.headers['vary'] == 'accept-encoding'
    assert packed.headers['etag'] == plain.headers['etag']


async def test_head_tells_what_get_would(api: httpx.AsyncClient, room: ControlRoom) -> None:
    await planned(api)
    feed = f'/scheduler/feed/{room.auth.new_feed()}.ics'

    for path in (FILE, feed):
        full, head = await api.get(path), await api.head(path)
        assert head.status_code == 200
        assert head.content == b''
        assert {**head.headers, 'date': ''} == {**full.headers, 'date': ''}


async def test_a_file_of_many_events_holds_nobody_and_is_written_once(
    api: httpx.AsyncClient, room: ControlRoom
) -> None:
    rules = ['FREQ=DAILY', 'FREQ=HOURLY;INTERVAL=6', 'FREQ=WEEKLY;BYDAY=MO,TH', 'FREQ=MONTHLY;BYDAY=2MO,WE', None]
    start = datetime(2031, 10, 6, 2, 30)
    drafts = {
        f'many{number}': {
            'pipeline': 'Hello',
            'title': f'Number {number}',
            'start': start + timedelta(minutes=number),
            'timezone': 'Europe/Berlin',
            'rrule': rules[number % len(rules)],
        }
        for number in range(MANY)
    }
    await room.editor.change_many(drafts, [], because='by a test')
    done, longest = asyncio.Event(), 0.0

    async def watch() -> None:
        nonlocal longest
        while not done.is_set():
            before = time.thread_time()
            await asyncio.sleep(0.005)
            longest = max(longest, time.thread_time() - before)

    watching = asyncio.create_task(watch())
    first, second = await asyncio.gather(api.get(FILE), api.get(FILE))
    before = time.process_time()
    third = await api.get(FILE, headers={'If-None-Match': first.headers['etag']})
    spent = time.process_time() - before
    done.set()
    await watching

    assert first.content == second.content
    assert first.content.count(b'SUMMARY:Number') >= MANY
    assert third.status_code == 304
    assert spent < 0.05
    assert longest < LONGEST_HOLD, f'{longest:.3f} s'
