"""`/scheduler` on a real server with a real control room behind the real gate."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect

from benchmarks import planned
from synapse.api.updates.socket import Updates
from synapse.calendar.events import OccurrenceState
from synapse.calendar.messages import OccurrencesChanged
from synapse.control_room import ControlRoom
from tests.parts.api_room import api_room, client_of, error_of, gated, run_in
from tests.parts.downtime import hourly, was_off
from tests.parts.serving import served

pytestmark = pytest.mark.asyncio(loop_scope='module')

DAY = timedelta(days=1)
ICS = {'Content-Type': 'text/calendar; charset=utf-8'}


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlRoom]:
    async with api_room(tmp_path_factory.mktemp('scheduler') / 'data') as room:
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
async def stranger(authority: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f'http://{authority}/api/v1') as client:
        yield client


def ahead(length: timedelta = DAY) -> str:
    """A naive moment in UTC, on the full second."""
    return (datetime.now(UTC) + length).replace(tzinfo=None, microsecond=0).isoformat()


def draft(**values: Any) -> dict[str, Any]:
    return {'pipeline': 'Hello', 'start': ahead(), 'timezone': 'UTC', **values}


async def created(api: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    response = await api.post('/scheduler/create', json=draft(**values))
    assert response.status_code == 201, response.text
    return dict(response.json())


async def ids(api: httpx.AsyncClient) -> set[str]:
    """All events that fall due within the longest span that can be requested."""
    today = datetime.now(UTC).date()
    query = {'start': f'{today - 30 * DAY}', 'end': f'{today + 369 * DAY}'}
    return {event['id'] for event in (await api.get('/scheduler/list', params=query)).json()['events']}


# One event, from its creation to its end


async def test_an_event_is_created_with_its_next_five_moments_and_read_again(api: httpx.AsyncClient) -> None:
    start = (datetime.now(UTC) + DAY).astimezone(ZoneInfo('Europe/Berlin')).date()

    response = await api.post(
        '/scheduler/create',
        json=draft(
            title='Greeting',
            parameters={'name': 'calendar'},
            start=f'{start}T16:00:00',
            timezone='Europe/Berlin',
            rrule='FREQ=DAILY',
        ),
    )

    assert response.status_code == 201
    event = response.json()
    assert response.headers['location'] == f'/api/v1/scheduler/{event["id"]}'
    assert (event['title'], event['start'], event['enabled']) == ('Greeting', f'{start}T16:00:00', True)
    assert event['misfire'] == {'policy': 'latest', 'within_seconds': 21_600, 'limit': 3}
    assert (event['overlap'], event['retry'], event['timeout_seconds']) == (
        'skip',
        {'attempts': 0, 'delay_seconds': 300},
        None,
    )
    moments = [datetime.fromisoformat(moment) for moment in event['next']]
    assert [moment.astimezone(ZoneInfo('Europe/Berlin')).replace(tzinfo=None) for moment in moments] == [
        datetime.combine(start + days * DAY, datetime.min.time()).replace(hour=16) for days in range(5)
    ]
    assert (await api.get(f'/scheduler/{event["id"]}')).json() == event


async def test_a_run_of_an_event_is_stopped_as_the_event_says(api: httpx.AsyncClient, room: ControlRoom) -> None:
    stop = {'stop_signal': 'SIGINT', 'grace_seconds': 45}
    event = await created(api, **stop)

    run = (await api.post(f'/scheduler/{event["id"]}/run')).json()

    assert {name: event[name] for name in stop} == stop
    assert {name: run[name] for name in stop} == stop
    await run_in(room, run['id'])
    again = (await api.post(f'/runs/{run["id"]}/retry')).json()
    assert {name: again[name] for name in stop} == stop


async def test_an_event_fires_and_the_list_shows_its_run(api: httpx.AsyncClient, room: ControlRoom) -> None:
    event = await created(api, start=ahead(timedelta(seconds=1)), title='Soon')

    news = await room.bus.next(
        OccurrencesChanged, timeout=10, where=lambda news: news.occurrences[0].event_id == event['id']
    )
    run = await run_in(room, news.occurrences[0].run or '')

    assert run.event_id == event['id']
    found = (await api.get('/scheduler/list')).json()
    [occurrence] = [item for item in found['occurrences'] if item['event_id'] == event['id']]
    assert (occurrence['state'], occurrence['run'], occurrence['reason']) == ('fired', run.id, '')
    assert datetime.fromisoformat(occurrence['due']) == news.occurrences[0].due
    assert event['id'] in {item['id'] for item in found['events']}


async def test_what_an_answer_carries_can_be_sent_back(api: httpx.AsyncClient) -> None:
    event = await created(api, rrule='FREQ=DAILY')

    response = await api.patch(f'/scheduler/{event["id"]}', json={**event, 'title': 'Renamed'})

    assert response.status_code == 200
    assert response.json()['title'] == 'Renamed'
    assert response.json()['next'] == event['next']


async def test_one_occurrence_is_changed_and_the_others_stay(api: httpx.AsyncClient) -> None:
    event = await created(api, rrule='FREQ=DAILY;COUNT=3')
    second = event['next'][1]

    response = await api.patch(
        f'/scheduler/{event["id"]}', params={'scope': 'one', 'due': second}, json={'title': 'Only this'}
    )

    part = response.json()
    assert part['id'] != event['id']
    assert (part['title'], part['next'], part['rrule']) == ('Only this', [second], None)
    series = (await api.get(f'/scheduler/{event["id"]}')).json()
    assert series['next'] == [event['next'][0], event['next'][2]]


async def test_the_rest_of_a_series_is_deleted_and_then_all_of_it(api: httpx.AsyncClient) -> None:
    event = await created(api, rrule='FREQ=DAILY')
    path = f'/scheduler/{event["id"]}'

    # No one quotes the plus of an offset by hand.
    due = event['next'][2].replace('Z', '+00:00')
    response = await api.delete(f'{path}?scope=following&due={due}')

    assert response.status_code == 204
    assert (await api.get(path)).json()['next'] == event['next'][:2]
    assert (await api.delete(path)).status_code == 204
    error_of(await api.get(path), 404, 'event_not_found')


async def test_an_event_is_run_now_in_addition_to_its_schedule(api: httpx.AsyncClient, room: ControlRoom) -> None:
    event = await created(api, parameters={'name': 'plan'})

    response = await api.post(f'/scheduler/{event["id"]}/run')
    other = await api.post(f'/scheduler/{event["id"]}/run', json={'parameters': {'name': 'hand'}})

    assert response.status_code == other.status_code == 201
    run = response.json()
    assert response.headers['location'] == f'/api/v1/runs/{run["id"]}'
    assert (run['event_id'], run['due'], run['parameters']['name']) == (event['id'], None, 'plan')
    assert other.json()['parameters']['name'] == 'hand'
    await run_in(room, run['id'])
    await run_in(room, other.json()['id'])
    assert (await api.get(f'/scheduler/{event["id"]}')).json()['next'] == event['next']


async def test_a_switched_off_event_has_no_next_moment(api: httpx.AsyncClient) -> None:
    event = await created(api)

    response = await api.patch(f'/scheduler/{event["id"]}', json={'enabled': False})

    assert response.json()['next'] == []


async def test_a_preview_has_the_rule_in_words_and_saves_nothing(api: httpx.AsyncClient) -> None:
    before = await ids(api)

    good = await api.post('/scheduler/preview', json=draft(rrule='FREQ=DAILY'))
    bad = await api.post('/scheduler/preview', json=draft(timezone='Mars/Olympus', parameters={'times': 'many'}))

    assert good.status_code == bad.status_code == 200
    assert len(good.json()['moments']) == 5
    assert good.json()['problems'] == {}
    assert set(bad.json()['problems']) == {'timezone', 'parameters.times'}
    assert await ids(api) == before


@pytest.mark.parametrize('year', ['0001', '0020', '9999'])
async def test_a_preview_refuses_a_year_that_is_still_being_typed(api: httpx.AsyncClient, year: str) -> None:
    response = await api.post('/scheduler/preview', json=draft(start=f'{year}-12-31T12:00:00'))

    assert response.status_code == 200, response.text
    assert (set(response.json()['problems']), response.json()['moments']) == ({'start'}, [])
    assert response.json()['sentence'].startswith('Pick a year between')


async def test_a_preview_of_a_change_is_about_that_event(api: httpx.AsyncClient) -> None:
    event = await created(api, rrule='FREQ=DAILY')

    response = await api.post('/scheduler/preview', json={**event, 'rrule': None})

    assert [moment['due'] for moment in response.json()['moments']] == event['next'][:1]
    error_of(await api.post('/scheduler/preview', json={'id': 'nothing'}), 404, 'event_not_found')


async def test_a_rule_that_cannot_be_read_is_quoted_as_it_was_typed(api: httpx.AsyncClient) -> None:
    wrong = (await api.post('/scheduler/preview', json=draft(rrule='03***'))).json()
    cron = (await api.post('/scheduler/preview', json=draft(rrule='0 3 * * *'))).json()

    assert "'03***'" in wrong['problems']['rrule']
    assert wrong['sentence'] == wrong['problems']['rrule']
    assert (cron['problems'], 'every day at 03:00' in cron['sentence']) == ({}, True)


@pytest.mark.parametrize(
    ('file', 'sentence'),
    [
        ('newest:{folder}/*.mp4', 'No file matches {folder}/*.mp4.'),
        ('ask:', 'It needs a file that you choose.'),
    ],
)
async def test_an_event_without_a_file_to_take_cannot_be_run_now(
    api: httpx.AsyncClient, tmp_path: Path, file: str, sentence: str
) -> None:
    event = await created(api, pipeline='Reads', parameters={'file': file.format(folder=tmp_path)})

    refused = error_of(await api.post(f'/scheduler/{event["id"]}/run'), 409, 'input_gone')

    assert refused['message'] == sentence.format(folder=tmp_path)
    assert refused['hint']


# Why it did not run


async def test_a_moment_is_answered_as_wall_time_or_with_an_offset(api: httpx.AsyncClient) -> None:
    event = await created(
        api, start='2030-03-04T09:00:00', timezone='Europe/Berlin', rrule='FREQ=WEEKLY;BYDAY=MO,WE', title='Letters'
    )
    path = f'/scheduler/{event["id"]}/why'

    wall = await api.get(path, params={'at': '2030-03-06T09:00'})
    spoken = await api.get(path, params={'at': '2030-03-06 09:00'})
    moment = await api.get(path, params={'at': '2030-03-06T08:00:00Z'})
    unquoted = await api.get(f'{path}?at=2030-03-06T09:00+01:00')
    none = (await api.get(path, params={'at': '2030-03-12T09:00'})).json()

    assert wall.status_code == 200
    assert wall.json() == spoken.json() == moment.json() == unquoted.json()
    assert wall.json()['reason'] == 'planned'
    assert datetime.fromisoformat(wall.json()['due']) == datetime(2030, 3, 6, 8, tzinfo=UTC)
    assert (none['reason'], none['run'], none['timezone']) == ('not_in_rule', None, 'Europe/Berlin')
    assert none['sentence'] == (
        'The rule has no moment on Tuesday 12 March 2030; '
        'the nearest are Mon 11 March 2030 09:00 and Wed 13 March 2030 09:00. Times are Berlin time.'
    )
    assert none['nearest'] == {'before': '2030-03-11T09:00:00+01:00', 'after': '2030-03-13T09:00:00+01:00'}


@pytest.mark.parametrize('at', ['', 'soon', '2030-03-06', '2030-13-06T09:00', '9999-12-31T23:59', '0001-01-01T00:00Z'])
async def test_what_is_no_moment_is_refused(api: httpx.AsyncClient, at: str) -> None:
    event = await created(api)

    refused = error_of(await api.get(f'/scheduler/{event["id"]}/why', params={'at': at}), 422, 'invalid_values')

    assert set(refused['fields']) == {'at'}


async def test_an_occurrence_that_ran_names_its_run(api: httpx.AsyncClient, room: ControlRoom) -> None:
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    event = await created(api, start=start.replace(tzinfo=None).isoformat())
    await room.bus.next(OccurrencesChanged, timeout=10, where=lambda it: it.occurrences[0].event_id == event['id'])
    [run] = [run for run in (await api.get('/runs')).json()['runs'] if run['event_id'] == event['id']]
    await run_in(room, run['id'])

    answer = (await api.get(f'/scheduler/{event["id"]}/why', params={'at': start.isoformat()})).json()

    assert (answer['reason'], answer['run'], answer['run_number']) == ('ran', run['id'], run['number'])
    assert (answer['state'], answer['run_state'], answer['can_run']) == ('fired', 'succeeded', False)
    assert answer['late_seconds'] < 5
    error_of(await api.get('/scheduler/nothing/why', params={'at': start.isoformat()}), 404, 'event_not_found')


# Which time is listed


async def test_days_of_this_machine_and_moments_bound_the_list(api: httpx.AsyncClient, room: ControlRoom) -> None:
    zone = ZoneInfo(room.calendar.zone)
    day = datetime.now(zone).date() + 100 * DAY
    midnight = datetime.combine(day, datetime.min.time(), tzinfo=zone)
    wall = midnight.astimezone(UTC).replace(tzinfo=None)
    event = await created(api, start=wall.isoformat())

    async def listed(start: str, end: str) -> bool:
        found = (await api.get('/scheduler/list', params={'start': start, 'end': end})).json()
        return event['id'] in {occurrence['event_id'] for occurrence in found['occurrences']}

    assert await listed(f'{day}', f'{day + DAY}')
    assert await listed(midnight.isoformat(), (midnight + timedelta(seconds=1)).isoformat())
    assert not await listed(f'{day - DAY}', f'{day}')
    assert not await listed((midnight + timedelta(seconds=1)).isoformat(), f'{day + DAY}')


async def test_without_bounds_all_events_and_a_month_to_both_sides_are_listed(api: httpx.AsyncClient) -> None:
    near, far = await created(api, start=ahead(30 * DAY)), await created(api, start=ahead(33 * DAY))
    off = await created(api, start=ahead(33 * DAY), enabled=False)

    found = (await api.get('/scheduler/list')).json()

    assert {near['id'], far['id'], off['id']} <= {event['id'] for event in found['events']}
    due = {occurrence['event_id'] for occurrence in found['occurrences']}
    assert (near['id'] in due, far['id'] in due) == (True, False)
    start = date.fromisoformat(far['start'][:10]) - 40 * DAY
    later = (await api.get('/scheduler/list', params={'start': f'{start}'})).json()
    assert far['id'] in {event['id'] for event in later['events']}


@pytest.mark.parametrize(
    ('query', 'field'),
    [
        ('start=yesterday', 'start'),
        ('start=2026-02-31', 'start'),
        ('end=2026-10-14T16:00:00', 'end'),
        ('start=9999-12-31', 'start'),
        ('start=2026-10-14&end=2026-10-14', 'end'),
        ('start=2026-10-14&end=2026-10-13', 'end'),
        ('start=2026-01-01&end=2027-02-06', 'end'),
        (f'start={"9" * 100}', 'start'),
    ],
)
async def test_a_span_that_is_none_is_refused_with_the_way_out(api: httpx.AsyncClient, query: str, field: str) -> None:
    error = error_of(await api.get(f'/scheduler/list?{query}'), 422, 'invalid_values')

    assert set(error['fields']) == {field}
    assert error['fields'][field].endswith('.')


async def test_four_hundred_days_are_listed_at_once(api: httpx.AsyncClient) -> None:
    response = await api.get('/scheduler/list?start=2026-01-01&end=2027-02-05')

    assert response.status_code == 200


# Invalid values are refused, and nothing is half saved


@pytest.mark.parametrize(
    ('values', 'field'),
    [
        ({'start': '2020-01-01T12:00:00'}, 'start'),
        ({'start': '2027-02-31T12:00:00'}, 'start'),
        ({'start': None}, 'start'),
        ({'start': 7}, 'start'),
        ({'rrule': 'FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=31'}, 'rrule'),
        ({'rrule': 'FREQ=SECONDLY'}, 'rrule'),
        ({'rrule': 'FREQ=SOMETIMES'}, 'rrule'),
        ({'rrule': 'FREQ=DAILY;UNTIL=20200101T000000Z'}, 'rrule'),
        ({'rrule': ['FREQ=DAILY']}, 'rrule'),
        ({'timezone': 'Mars/Olympus'}, 'timezone'),
        ({'timezone': '../../etc/passwd'}, 'timezone'),
        ({'pipeline': 'Gone'}, 'pipeline'),
        ({'profile': 'gone'}, 'profile'),
        ({'parameters': {'times': 'many'}}, 'parameters.times'),
        ({'parameters': []}, 'parameters'),
        ({'exdates': ['someday']}, 'exdates'),
        ({'title': 'x' * 201}, 'title'),
        ({'overlap': 'maybe'}, 'overlap'),
        ({'misfire': {'policy': 'latest', 'within_seconds': -1}}, 'misfire.within_seconds'),
        ({'retry': {'attempts': 99}}, 'retry.attempts'),
        ({'timeout_seconds': 0}, 'timeout_seconds'),
        ({'stop_signal': 'SIGKILL'}, 'stop_signal'),
        ({'grace_seconds': 3601}, 'grace_seconds'),
        ({'silence_after_seconds': 59}, 'silence_after_seconds'),
        ({'colour': 'red'}, 'colour'),
    ],
)
async def test_values_that_do_not_fit_are_named_and_nothing_is_saved(
    api: httpx.AsyncClient, room: ControlRoom, values: dict[str, Any], field: str
) -> None:
    event = await created(api)
    before = room.calendar.events()

    new = error_of(await api.post('/scheduler/create', json=draft(**values)), 422, 'invalid_values')
    changed = error_of(await api.patch(f'/scheduler/{event["id"]}', json=values), 422, 'invalid_values')

    assert set(new['fields']) == {field}
    assert set(changed['fields']) == {field}
    assert new['fields'][field].endswith('.')
    assert room.calendar.events() == before


async def test_a_pipeline_and_a_profile_that_went_meanwhile_are_named(
    api: httpx.AsyncClient, room: ControlRoom
) -> None:
    body = {'label': 'Leaving'}
    profile = (await api.post('/profiles', json=body)).json()
    event = await created(api, profile=profile['id'], title='Needs it')

    error = error_of(await api.delete(f'/profiles/{profile["id"]}'), 409, 'profile_in_use')

    assert 'Needs it' in error['message']
    assert (await api.patch(f'/scheduler/{event["id"]}', json={'profile': None})).status_code == 200
    assert (await api.delete(f'/profiles/{profile["id"]}')).status_code == 204
    refused = await api.patch(f'/scheduler/{event["id"]}', json={'profile': profile['id']})
    assert set(error_of(refused, 422, 'invalid_values')['fields']) == {'profile'}


@pytest.mark.parametrize(
    ('query', 'field'),
    [
        ('scope=some', 'scope'),
        ('scope=one', 'due'),
        ('scope=one&due=tomorrow', 'due'),
        ('scope=one&due=2026-10-14', 'due'),
        ('scope=one&due=2999-01-01T00:00:00Z', 'due'),
    ],
)
async def test_a_scope_needs_an_occurrence_that_is_one(api: httpx.AsyncClient, query: str, field: str) -> None:
    event = await created(api, rrule='FREQ=DAILY')

    for response in (
        await api.patch(f'/scheduler/{event["id"]}?{query}', json={'title': 'x'}),
        await api.delete(f'/scheduler/{event["id"]}?{query}'),
    ):
        assert set(error_of(response, 422, 'invalid_values')['fields']) == {field}
    assert (await api.get(f'/scheduler/{event["id"]}')).json() == event


@pytest.mark.parametrize('path', ['/scheduler/nothing', '/scheduler/nothing/run', '/scheduler/%2e%2e', '/scheduler/'])
async def test_unknown_events_are_404_in_json(api: httpx.AsyncClient, path: str) -> None:
    response = await (api.post(path) if path.endswith('/run') else api.get(path))

    assert error_of(response, 404, response.json()['error']['code'])['message']


# iCalendar


async def test_the_calendar_is_taken_along_and_brought_back_without_doubles(
    api: httpx.AsyncClient, room: ControlRoom
) -> None:
    event = await created(api, title='Back and forth', rrule='FREQ=WEEKLY;BYDAY=MO,FR', timezone='Europe/Berlin')
    count = len(room.calendar.events())

    response = await api.get('/scheduler/calendar.ics')
    again = await api.post('/scheduler/import', content=response.content, headers=ICS)

    assert response.headers['content-type'] == 'text/calendar; charset=utf-8'
    assert response.headers['content-disposition'] == 'attachment; filename="synapse.ics"'
    assert b'SUMMARY:Back and forth' in response.content
    assert again.status_code == 200, again.text
    assert again.json()['created'] == again.json()['deleted'] == []
    assert event['id'] in again.json()['unchanged']
    assert len(room.calendar.events()) == count


def ics(*lines: str) -> bytes:
    text = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:test', 'BEGIN:VEVENT', *lines, 'END:VEVENT', 'END:VCALENDAR']
    return ('\r\n'.join(text) + '\r\n').encode()


def stamp(length: timedelta = DAY) -> str:
    return ahead(length).replace('-', '').replace(':', '')


async def test_an_imported_event_is_changed_and_cancelled_by_its_uid(api: httpx.AsyncClient, room: ControlRoom) -> None:
    async def sent(*lines: str) -> dict[str, Any]:
        content = ics('UID:u-1@test', 'DESCRIPTION:pipeline: Hello', *lines)
        response = await api.post('/scheduler/import', content=content, headers=ICS)
        assert response.status_code == 200, response.text
        return dict(response.json())

    [id] = (await sent(f'DTSTART:{stamp()}Z', 'SUMMARY:From elsewhere'))['created']
    assert room.calendar.get(id).title == 'From elsewhere'

    assert (await sent(f'DTSTART:{stamp(2 * DAY)}Z', 'SUMMARY:Later', 'SEQUENCE:1'))['updated'] == [id]
    assert room.calendar.get(id).title == 'Later'

    assert (await sent(f'DTSTART:{stamp(2 * DAY)}Z', 'SUMMARY:Later', 'SEQUENCE:2', 'STATUS:CANCELLED'))['deleted'] == [
        id
    ]
    error_of(await api.get(f'/scheduler/{id}'), 404, 'event_not_found')


@pytest.mark.parametrize(
    ('content', 'status'),
    [
        (b'', 400),
        (b'hello', 400),
        (b'\xff\xfe\x00', 400),
        (ics('UID:1', f'DTSTART:{stamp()}Z', 'SUMMARY:Gone', 'DESCRIPTION:pipeline: Gone'), 422),
        (ics('UID:1', f'DTSTART:{stamp()}Z', 'SUMMARY:Hello', 'RRULE:FREQ=SECONDLY'), 422),
        (ics('UID:1', f'DTSTART;TZID=Mars/Olympus:{stamp()}', 'SUMMARY:Hello'), 422),
    ],
)
async def test_what_cannot_be_imported_changes_nothing(
    api: httpx.AsyncClient, room: ControlRoom, content: bytes, status: int
) -> None:
    before = room.calendar.events()

    response = await api.post('/scheduler/import', content=content, headers=ICS)

    error_of(response, status, response.json()['error']['code'])
    assert room.calendar.events() == before


async def test_what_can_be_imported_is_and_the_rest_is_refused_by_name(api: httpx.AsyncClient) -> None:
    good = ics('UID:good', f'DTSTART;VALUE=DATE:{stamp()[:8]}', 'SUMMARY:Hello')
    bad = ics('UID:bad', f'DTSTART:{stamp()}Z', 'SUMMARY:Hello', 'RRULE:FREQ=SECONDLY')

    options = {'all_day': '23:59', 'dry_run': True}
    answer = (await api.post('/scheduler/import', params=options, content=good + bad, headers=ICS)).json()

    assert [event['uid'] for event in answer['events']] == ['good']
    assert answer['events'][0]['next'][11:16] == '23:59'
    assert answer['notes'] == ['Events without a time of day run at 23:59.']
    sentence = "'Hello' repeats every second. Let it repeat once a minute at most."
    assert answer['refused'] == [{'uid': 'bad', 'reason': sentence}]


@pytest.mark.parametrize('media_type', ['application/json', 'text/plain', 'multipart/form-data; boundary=x', ''])
async def test_only_a_calendar_is_imported(api: httpx.AsyncClient, media_type: str) -> None:
    response = await api.post('/scheduler/import', content=ics(), headers={'Content-Type': media_type})

    assert 'text/calendar' in error_of(response, 415, 'unsupported_media_type')['hint']


async def test_a_client_that_leaves_cancels_its_import(
    api: httpx.AsyncClient, room: ControlRoom, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level('INFO', 'synapse.api.rest.scheduler')
    before, long = room.calendar.events(), planned.as_file(planned.recurring(10_000))

    with pytest.raises(httpx.ReadTimeout):
        await api.post('/scheduler/import', content=long, headers=ICS, timeout=httpx.Timeout(30, read=0.1))
    async with asyncio.timeout(30):
        while 'was cancelled: the connection was closed' not in caplog.text:  # noqa: ASYNC110 - no message tells
            await asyncio.sleep(0.01)

    assert room.calendar.events() == before


async def test_ten_megabytes_of_calendar_are_the_limit(api: httpx.AsyncClient, room: ControlRoom) -> None:
    before = room.calendar.events()
    largest = b'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-FILL:'
    largest += b'x' * (10_000_000 - len(largest) - len(b'\r\nEND:VCALENDAR')) + b'\r\nEND:VCALENDAR'

    assert len(largest) == 10_000_000
    taken = await api.post('/scheduler/import', content=largest, headers=ICS)
    reader, writer = await asyncio.open_connection(api.base_url.host, api.base_url.port)
    headers = {**api.headers, **ICS, 'Host': api.base_url.netloc.decode(), 'Content-Length': '10000001'}
    lines = [
        f'POST {api.base_url.path}scheduler/import HTTP/1.1',
        *(f'{name}: {value}' for name, value in headers.items()),
    ]
    writer.write('\r\n'.join([*lines, '', '']).encode())  # a client that sends it all may see a reset instead
    refused = await reader.readline()
    writer.close()

    assert taken.status_code in (200, 400, 422)
    assert refused.startswith(b'HTTP/1.1 413 ')
    assert room.calendar.events() == before


# The secret address


async def test_the_feed_answers_without_credentials_until_it_is_revoked(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, room: ControlRoom
) -> None:
    def path_of(url: str) -> str:
        return url.partition('/api/v1')[2]

    await created(api, title='In the feed')
    assert (await api.get('/scheduler/feed')).json() == {'url': None}

    first = await api.post('/scheduler/feed')
    assert first.status_code == 201
    path = path_of(first.json()['url'])
    assert (await api.get('/scheduler/feed')).json() == first.json()
    read = await stranger.get(path)
    assert read.status_code == 200
    assert read.headers['content-type'] == 'text/calendar; charset=utf-8'
    assert b'SUMMARY:In the feed' in read.content

    second = (await api.post('/scheduler/feed')).json()['url']
    error_of(await stranger.get(path), 401, 'unauthorized')
    error_of(await api.get(path), 404, 'feed_not_found')
    assert (await stranger.get(path_of(second))).status_code == 200

    assert (await api.delete('/scheduler/feed')).status_code == 204
    error_of(await stranger.get(path_of(second)), 401, 'unauthorized')
    assert (await api.get('/scheduler/feed')).json() == {'url': None}


async def test_the_secret_of_the_feed_opens_nothing_else(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, room: ControlRoom
) -> None:
    secret = (await api.post('/scheduler/feed')).json()['url'].rpartition('/')[2].removesuffix('.ics')

    for path in ('/scheduler/list', '/scheduler/feed', '/scheduler/calendar.ics', f'/scheduler/feed/{secret}', '/runs'):
        error_of(await stranger.get(path), 401, 'unauthorized')
    for method in ('POST', 'DELETE', 'PUT', 'PATCH'):
        error_of(await stranger.request(method, f'/scheduler/feed/{secret}.ics'), 401, 'unauthorized')
    headers = {'Authorization': f'Bearer {secret}'}
    error_of(await stranger.get('/scheduler/list', headers=headers), 401, 'unauthorized')
    assert stat.S_IMODE((room.settings.data / 'feed').stat().st_mode) == 0o600


# While you were away


@pytest_asyncio.fixture(loop_scope='module')
async def awake(tmp_path: Path) -> AsyncIterator[tuple[ControlRoom, httpx.AsyncClient]]:
    """A room that was off while three occurrences of one event and one of another fell due."""
    data = tmp_path / 'data'
    was_off(data, timedelta(hours=4), [hourly('photos', 3), hourly('letters', 1)])
    async with (
        api_room(data) as room,
        served(lambda port: gated(room, port)) as authority,
        client_of(room, authority) as client,
    ):
        yield room, client


async def test_missed_occurrences_are_listed_with_their_cause_and_answered_once(
    awake: tuple[ControlRoom, httpx.AsyncClient],
) -> None:
    room, api = awake

    told = (await api.get('/scheduler/missed')).json()

    assert [item['event_id'] for item in told['occurrences']].count('photos') == 3
    assert {item['state'] for item in told['occurrences']} == {'missed'}
    assert (told['absence']['why'], told['absence']['sentence']) == ('off', 'Synapse was not running.')
    assert told['absence']['from'] < told['absence']['until']

    newest, *others = [
        {'event_id': item['event_id'], 'due': item['due']}
        for item in told['occurrences']
        if item['event_id'] == 'photos'
    ]
    ran = await api.post('/scheduler/missed', json={'occurrences': [newest], 'do': 'run'})
    skipped = await api.post('/scheduler/missed', json={'occurrences': others, 'do': 'skip'})

    [run] = ran.json()['runs']
    assert (run['event_id'], run['due']) == ('photos', newest['due'])
    assert skipped.json() == {'runs': []}
    await run_in(room, run['id'])
    left = (await api.get('/scheduler/missed')).json()['occurrences']
    assert [item['event_id'] for item in left] == ['letters']
    again = await api.post('/scheduler/missed', json={'occurrences': [newest], 'do': 'run'})
    error_of(again, 409, 'already_answered')
    states = [item['state'] for item in (await api.get('/scheduler/list')).json()['occurrences'] if not item['is_open']]
    assert states.count('fired') == 1
    assert states.count('skipped') == 2


@pytest.mark.parametrize(
    ('body', 'field'),
    [
        ({'occurrences': [], 'do': 'skip'}, 'occurrences'),
        ({'occurrences': [{'event_id': 'a', 'due': '2026-10-14T16:00:00'}], 'do': 'skip'}, 'occurrences.0.due'),
        ({'occurrences': [{'event_id': 'a', 'due': '2026-10-14T16:00:00Z'}], 'do': 'forget'}, 'do'),
    ],
)
async def test_an_answer_that_is_none_is_refused(api: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    error = error_of(await api.post('/scheduler/missed', json=body), 422, 'invalid_values')

    assert set(error['fields']) == {field}


# Sent as it happens


async def test_the_socket_sends_changes_and_occurrences(
    api: httpx.AsyncClient, room: ControlRoom, authority: str
) -> None:
    headers = {'Authorization': f'Bearer {room.auth.token}'}
    async with connect(f'ws://{authority}/ws/updates', additional_headers=headers) as socket:
        await socket.send(json.dumps({'type': 'subscribe', 'types': ['schedule_change']}))

        async def heard() -> dict[str, Any]:
            while (message := json.loads(await asyncio.wait_for(socket.recv(), 10)))['type'] != 'schedule_change':
                assert message['type'] in ('connected', 'ping')
            return dict(message['data'])

        event = await created(api, start=ahead(timedelta(seconds=3)), rrule='FREQ=HOURLY')
        news = [await heard(), await heard()]
        await api.delete(f'/scheduler/{event["id"]}')
        while news[-1]['change'] == 'occurrence':
            news.append(await heard())

    assert news[0] == {'change': 'created', 'event': event}
    assert (news[1]['change'], news[1]['occurrence']['event_id']) == ('occurrence', event['id'])
    assert news[1]['occurrence']['state'] == OccurrenceState.FIRED
    assert (news[-1]['change'], news[-1]['event']['id'], news[-1]['event']['next']) == ('deleted', event['id'], [])


@pytest.mark.parametrize(
    ('rule', 'sentence'),
    [
        ('0 3 1 * mon', "'0 3 1 * mon' runs on either of two sorts of days."),
        ('0 3 31 2 *', "'0 3 31 2 *' never comes: no month has such a day."),
        ('03***', "'03***' cannot be read. Write a rule like FREQ=DAILY, or the five fields of a schedule of cron"),
        ('0 3 * *', "'0 3 * *' cannot be read."),
    ],
)
async def test_a_schedule_of_cron_is_taken_as_a_rule_and_other_text_is_quoted(
    api: httpx.AsyncClient, rule: str, sentence: str
) -> None:
    event = await created(api, rrule='15 3 * * mon-fri')
    wrong = await api.post('/scheduler/create', json={'pipeline': 'Hello', 'start': ahead(DAY), 'rrule': rule})

    assert event['rrule'] == 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=3;BYMINUTE=15'
    assert error_of(wrong, 422, 'invalid_values')['fields']['rrule'].startswith(sentence)
