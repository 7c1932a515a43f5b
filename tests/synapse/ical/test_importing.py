from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from synapse.calendar.events import Event
from synapse.calendar.messages import ScheduleChanged
from synapse.control_room import ControlRoom
from synapse.errors import Conflict, Invalid
from synapse.ical.import_result import ImportResult, Refused
from synapse.ical.importing import import_drafts
from synapse.ical.reading import read_calendar
from synapse.ical.writing import write_calendar
from tests.parts.api_room import api_room
from tests.parts.calendar_files import APPLE, CUSTOM, GOOGLE, OUTLOOK, calendar_file
from tests.parts.looking import looking_at_a_page

pytestmark = pytest.mark.asyncio(loop_scope='module')

ONCE = 'UID:a@b\nDTSTART;TZID=Europe/Berlin:20311006T160000\nSUMMARY:Greet\nDESCRIPTION:pipeline: Hello'
WEEKLY = ONCE + '\nRRULE:FREQ=WEEKLY'
MOVED = (
    'UID:a@b\nRECURRENCE-ID;TZID=Europe/Berlin:20311013T160000\nDTSTART;TZID=Europe/Berlin:20311014T090000\n'
    'SUMMARY:Greet later'
)


async def take(room: ControlRoom, *events: str, head: str = '') -> ImportResult:
    return await take_file(room, calendar_file(*events, head=head))


async def take_file(room: ControlRoom, text: bytes) -> ImportResult:
    contents = read_calendar(text, zone='Europe/Berlin')
    return await import_drafts(
        room.calendar, room.editor, room.catalog, contents, is_trusted=lambda _: True, because='imported'
    )


def planned(room: ControlRoom) -> dict[str, Event]:
    return {event.title: event for event in room.calendar.events()}


def counts(result: ImportResult) -> tuple[int, int, int, int, int]:
    return tuple(len(getattr(result, name)) for name in ('created', 'updated', 'deleted', 'unchanged', 'skipped'))  # type: ignore[return-value]


def by_wall(event: Event) -> tuple[datetime, str]:
    return event.start, event.timezone


async def test_what_is_said_of_an_event_is_in_the_language_of_the_page_that_asks(room: ControlRoom) -> None:
    with looking_at_a_page():
        result = await take(room, WEEKLY, ONCE.replace('a@b', 'c@d').replace('pipeline: Hello', 'Nothing'))

    assert [event.sentence[0] for event in result.events] == ['⟦']
    assert [(workless.sentence[0], '⟦' in workless.reason) for workless in result.without_pipeline] == [('⟦', True)]


# Files of other programs


async def test_a_file_of_google_calendar_becomes_events(room: ControlRoom) -> None:
    result = await take_file(room, GOOGLE.encode())

    events = planned(room)
    assert counts(result) == (4, 0, 0, 0, 0)
    series, part = events['Grüße an alle; auch an die, die fehlen 🎬'], events['Grüße, später']
    assert (series.pipeline, series.uid, series.sequence) == ('Hello', '0abcdefghijklmnopqrstuvwxy@google.com', 3)
    assert (part.override_of, part.override_at) == (series.id, datetime(2031, 10, 22, 16))
    assert events['Hello'].pipeline == events['hello'].pipeline == 'Hello'
    dues = [due.astimezone(UTC).day for due in room.calendar.next_due(series.id)]
    assert dues == [6, 8, 15, 20, 29]


async def test_a_file_of_apple_calendar_becomes_events_and_an_override_inherits_from_its_series(
    room: ControlRoom,
) -> None:
    result = await take_file(room, APPLE.encode())

    events = planned(room)
    assert counts(result) == (3, 0, 0, 0, 0)
    assert events['Nightly, in the morning'].pipeline == events['Nightly'].pipeline == 'Hello'
    assert by_wall(events['Hello']) == (datetime(2031, 11, 10, 10), 'Europe/Berlin')


async def test_a_file_of_outlook_becomes_events(room: ControlRoom) -> None:
    result = await take_file(room, OUTLOOK.encode())

    assert counts(result) == (3, 0, 0, 0, 0)
    assert sorted(by_wall(event) for event in room.calendar.events()) == [
        (datetime(2031, 10, 6, 9), 'Europe/Berlin'),
        (datetime(2031, 10, 28, 12), 'Europe/Berlin'),
        (datetime(2031, 11, 7, 17), 'America/New_York'),
    ]


@pytest.mark.parametrize('file', [GOOGLE, APPLE, OUTLOOK])
async def test_a_file_imported_again_changes_nothing(room: ControlRoom, file: str) -> None:
    first = await take_file(room, file.encode())
    before = room.calendar.events()
    news: list[ScheduleChanged] = []
    room.bus.subscribe(ScheduleChanged, news.append)

    again = await take_file(room, file.encode())

    assert again == ImportResult(unchanged=first.created, notes=first.notes)
    assert room.calendar.events() == before
    assert news == []


# Its own


async def test_an_exported_file_changes_nothing_here_and_makes_the_same_calendar_elsewhere(
    room: ControlRoom, tmp_path: Path
) -> None:
    values = {'pipeline': 'Hello', 'parameters': {'name': 'C:\\New, "you"'}, 'timezone': 'Europe/Berlin'}
    series = await room.editor.create(
        {**values, 'title': 'Müll; raus', 'start': '2031-10-06T16:00:00', 'rrule': 'FREQ=WEEKLY', 'overlap': 'queue'}
    )
    third = room.calendar.next_due(series.id)[2]
    await room.editor.update(series.id, {'title': 'Müll, später'}, scope='one', due=third)
    await room.editor.create({**values, 'title': 'Off', 'start': '2031-10-06T16:00:00', 'enabled': False})
    await take_file(room, OUTLOOK.encode())
    events = room.calendar.events()
    text = write_calendar(events, now=datetime.now(UTC))

    here = await take_file(room, text)
    async with api_room(tmp_path / 'other') as other:
        there = await take_file(other, text)
        copies = other.calendar.events()

    assert here == ImportResult(unchanged=here.unchanged)
    assert len(here.unchanged) == len(events) == len(there.created) == 6
    assert sorted(map(meaning, copies)) == sorted(map(meaning, events))


def meaning(event: Event) -> str:
    ours = {'id', 'uid', 'created_at', 'armed_from', 'updated_at', 'override_of'}
    return repr(event.model_dump(exclude=ours))


async def test_an_exported_series_that_was_changed_elsewhere_is_updated(room: ControlRoom) -> None:
    event = await room.editor.create(
        {'pipeline': 'Hello', 'title': 'Greet', 'start': '2031-10-06T16:00:00', 'timezone': 'Europe/Berlin'}
    )
    text = write_calendar([event], now=datetime.now(UTC))
    text = text.replace(b'SEQUENCE:0', b'SEQUENCE:1').replace(b'20311006T160000', b'20311007T170000')

    result = await take_file(room, text)

    assert result.updated == (event.id,)
    assert room.calendar.get(event.id).start == datetime(2031, 10, 7, 17)
    assert room.calendar.get(event.id).created_at == event.created_at


# Updated


async def test_a_newer_file_updates_what_changed_and_keeps_what_it_does_not_name(room: ControlRoom) -> None:
    await take(room, WEEKLY)
    (event,) = room.calendar.events()
    await room.editor.update(event.id, {'parameters': {'times': 3}, 'overlap': 'allow'})

    result = await take(room, WEEKLY.replace('160000', '170000') + '\nSEQUENCE:2')

    changed = room.calendar.get(event.id)
    assert counts(result) == (0, 1, 0, 0, 0)
    assert (changed.start.hour, changed.parameters, changed.overlap, changed.sequence) == (17, {'times': 3}, 'allow', 2)


async def test_an_older_version_is_skipped_with_a_sentence(room: ControlRoom) -> None:
    await take(room, WEEKLY + '\nSEQUENCE:5')
    (before,) = room.calendar.events()

    result = await take(room, WEEKLY.replace('160000', '170000') + '\nSEQUENCE:4', MOVED)

    sentence = "'Greet' is older in the file than in the calendar; it was not changed."
    assert result == ImportResult(skipped=(sentence,), refused=(Refused(uid='a@b', reason=sentence),))
    assert room.calendar.events() == [before]


async def test_with_equal_sequences_the_later_modification_wins(room: ControlRoom) -> None:
    text = ONCE + '\nLAST-MODIFIED:20260{}01T000000Z'
    await take(room, text.format(3).replace('Greet', 'March'))

    older = await take(room, text.format(2).replace('Greet', 'February'))
    newer = await take(room, text.format(4).replace('Greet', 'April'))
    undated = await take(room, ONCE)

    assert (counts(older), counts(newer), counts(undated)) == ((0, 0, 0, 0, 1), (0, 1, 0, 0, 0), (0, 1, 0, 0, 0))
    assert list(planned(room)) == ['Greet']


async def test_a_local_change_is_not_undone_by_the_original_file(room: ControlRoom) -> None:
    await take(room, WEEKLY, MOVED)
    series = planned(room)['Greet']
    due = room.calendar.next_due(series.id)[3]
    await room.editor.move(series.id, due, datetime(2031, 11, 5, 12))
    before = room.calendar.events()

    result = await take(room, WEEKLY, MOVED)

    assert (counts(result), room.calendar.events()) == ((0, 0, 0, 0, 1), before)


async def test_an_override_imported_later_replaces_the_occurrence(room: ControlRoom) -> None:
    await take(room, WEEKLY)
    (series,) = room.calendar.events()

    result = await take(room, MOVED)
    again = await take(room, MOVED)

    part = planned(room)['Greet later']
    assert (result.created, result.updated) == ((part.id,), (series.id,))
    assert counts(again) == (0, 0, 0, 2, 0)
    assert (part.override_of, part.override_at, part.pipeline) == (series.id, datetime(2031, 10, 13, 16), 'Hello')
    assert room.calendar.get(series.id).exdates == (datetime(2031, 10, 13, 16),)


async def test_an_occurrence_whose_override_was_removed_runs_once(room: ControlRoom) -> None:
    await take(room, WEEKLY, MOVED)

    result = await take(room, WEEKLY + '\nSEQUENCE:1')

    assert counts(result) == (0, 1, 1, 0, 0)
    assert [event.exdates for event in room.calendar.events()] == [()]


async def test_an_override_of_an_unknown_series_is_a_single_event(room: ControlRoom) -> None:
    part = MOVED + '\nDESCRIPTION:pipeline: Hello'

    first, again = await take(room, part), await take(room, part + '\nSEQUENCE:1')

    assert (counts(first), counts(again)) == ((1, 0, 0, 0, 0), (0, 0, 0, 1, 0))
    assert planned(room)['Greet later'].override_of is None


async def test_an_override_inherits_the_values_that_the_file_does_not_give(room: ControlRoom) -> None:
    await take(room, WEEKLY.replace('SUMMARY:Greet', 'SUMMARY:Endless'), MOVED.replace('Greet later', 'Breaks'))
    assert {title: event.pipeline for title, event in planned(room).items()} == {'Endless': 'Hello', 'Breaks': 'Hello'}

    await take(room, MOVED.replace('\nSUMMARY:Greet later', '').replace('20311013', '20311020'))

    assert sorted(event.title for event in room.calendar.events()) == ['Breaks', 'Endless', 'Endless']


async def test_a_series_that_ended_in_a_newer_file_is_removed(room: ControlRoom) -> None:
    text = WEEKLY.replace('2031', '2021')
    (id,) = (await take(room, text)).created

    result = await take(room, text + ';UNTIL=20211231T000000Z\nSEQUENCE:1')

    sentence = "'Greet' was last due on 29 Dec 2021 at 16:00; it was removed from the calendar."
    assert (result.deleted, result.skipped) == ((id,), (sentence,))
    assert room.calendar.events() == []


async def test_a_series_with_every_occurrence_overridden_becomes_its_overrides(room: ControlRoom) -> None:
    series = WEEKLY + ';COUNT=1'
    part = MOVED.replace('20311013', '20311006') + '\nDESCRIPTION:pipeline: Hello'

    first, again = await take(room, series, part), await take(room, series, part)

    sentence = "'Greet' has no occurrences left; it was not imported."
    assert (counts(first), counts(again)) == ((1, 0, 0, 0, 1), (0, 0, 0, 1, 1))
    assert first.skipped == again.skipped == (sentence,)
    assert list(planned(room)) == ['Greet later']


async def test_additional_dates_become_single_events_without_doubles(room: ControlRoom) -> None:
    text = WEEKLY + '\nRDATE;TZID=Europe/Berlin:20311008T120000,20311009T120000'

    first, again = await take(room, text), await take(room, text)
    fewer = await take(room, text.replace(',20311009T120000', '') + '\nSEQUENCE:1')

    assert (counts(first), counts(again), counts(fewer)) == ((3, 0, 0, 0, 0), (0, 0, 0, 3, 0), (0, 1, 1, 1, 0))
    assert sorted(event.start.day for event in room.calendar.events()) == [6, 8]


# Cancelled


@pytest.mark.parametrize('how', ['METHOD:CANCEL', ''])
async def test_a_cancelled_series_is_removed_with_its_overrides(room: ControlRoom, how: str) -> None:
    created = (await take(room, WEEKLY, MOVED)).created

    result = await take(room, WEEKLY + ('' if how else '\nSTATUS:CANCELLED'), head=how)

    assert set(result.deleted) == set(created)
    assert room.calendar.events() == []


async def test_a_cancelled_occurrence_is_excluded_from_its_series(room: ControlRoom) -> None:
    await take(room, WEEKLY, MOVED)
    part = planned(room)['Greet later']
    gone = MOVED + '\nSTATUS:CANCELLED'
    other = gone.replace('20311013', '20311020')

    result, again = await take(room, gone, other), await take(room, gone, other)

    (series,) = room.calendar.events()
    assert (result.deleted, result.updated) == ((part.id,), (series.id,))
    assert [wall.day for wall in series.exdates] == [13, 20]
    assert counts(again) == (0, 0, 0, 1, 0)


async def test_a_cancelled_event_that_was_never_here_is_reported(room: ControlRoom) -> None:
    result = await take(room, WEEKLY + '\nSTATUS:CANCELLED', MOVED.replace('a@b', 'c@d') + '\nSTATUS:CANCELLED')

    assert result.skipped == (
        "'Greet' is cancelled, and was not in the calendar.",
        "'Greet later' is cancelled, and was not in the calendar.",
    )


async def test_a_cancellation_older_than_the_event_is_skipped(room: ControlRoom) -> None:
    await take(room, WEEKLY + '\nSEQUENCE:3')

    result = await take(room, WEEKLY + '\nSEQUENCE:2\nSTATUS:CANCELLED')

    assert counts(result) == (0, 0, 0, 0, 1)
    assert len(room.calendar.events()) == 1


# Skipped, and refused


async def test_past_events_are_skipped_with_a_sentence(room: ControlRoom) -> None:
    once = ONCE.replace('2031', '2021')
    series = once.replace('a@b', 'c@d').replace('Greet', 'Series') + '\nRRULE:FREQ=DAILY;COUNT=3'
    nameless = once.replace('a@b', 'e@f').replace('Greet', 'Dentist').replace('pipeline: Hello', '')
    running = once.replace('a@b', 'g@h').replace('Greet', 'Running') + '\nRRULE:FREQ=DAILY'

    result = await take(room, once, series, nameless, running)

    assert result.skipped == (
        "'Greet' was last due on 6 Oct 2021 at 16:00; it was not imported.",
        "'Series' was last due on 8 Oct 2021 at 16:00; it was not imported.",
        "'Dentist' was last due on 6 Oct 2021 at 16:00; it was not imported.",
    )
    assert list(planned(room)) == ['Running']


@pytest.mark.parametrize(
    ('change', 'sentences'),
    [
        (('pipeline: Hello', ''), ["'Dentist' names no pipeline; add a line like"]),
        (('pipeline: Hello', 'pipeline: Helo'), ["'Dentist' cannot be imported: (pipeline)", 'Hello']),
        (('pipeline: Hello', 'pipeline: Hello\\nprofile: nobody'), ["'Dentist' cannot be imported: (profile)"]),
        (('pipeline: Hello', 'pipeline: Reads'), ["'Dentist' cannot be imported: (parameters.file)"]),
        (('pipeline: Hello', 'pipeline: Hello\nX-SYNAPSE-PARAMETERS:{"times": "x"}'), ['(parameters.times)']),
        (('pipeline: Hello', 'pipeline: Hello\nX-SYNAPSE-OPTIONS:{"overlap": "maybe"}'), ['(overlap)']),
        (('pipeline: Hello', 'pipeline: Hello\nRRULE:FREQ=SOMETIMES'), ['(rrule)']),
        (('pipeline: Hello', 'pipeline: Hello\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31'), ['(rrule)']),
        (
            ('pipeline: Hello', 'pipeline: Hello\nX-SYNAPSE-OPTIONS:{"timeout_seconds": -1}'),
            ['(timeout_seconds)'],
        ),
    ],
)
async def test_an_invalid_event_is_refused_by_name_and_the_others_are_imported(
    room: ControlRoom, change: tuple[str, str], sentences: list[str]
) -> None:
    await take(room, WEEKLY.replace('a@b', 'known@b'))
    wrong = ONCE.replace('Greet', 'Dentist').replace('a@b', 'c@d').replace(*change)
    assert wrong != ONCE

    result = await take(
        room, ONCE, wrong, WEEKLY.replace('a@b', 'known@b').replace('160000', '170000') + '\nSEQUENCE:1'
    )

    assert (len(result.created), len(result.updated)) == (1, 1)
    (refused,) = result.refused
    assert refused.uid == 'c@d'
    assert all(sentence in refused.reason for sentence in sentences)
    assert result.skipped == (refused.reason,)
    assert [event.start.hour for event in room.calendar.events()] == [17, 16]
    with pytest.raises(Invalid, match=r'^Nothing was imported') as caught:
        await take(room, wrong)
    assert list(caught.value.fields) == [refused.reason.split("'")[1]]


async def test_of_sixty_events_with_an_unreadable_line_the_others_are_imported(room: ControlRoom) -> None:
    texts = [ONCE.replace('a@b', f'{number}@b') for number in range(60)]
    texts[7] += '\nX-APPLE-RADIUS=49.9'

    result = await take(room, *texts)

    assert len(result.created) == 59
    assert result.refused == (Refused(uid='7@b', reason="'Greet' has a line that cannot be read: X-APPLE-RADIUS=49.9"),)


async def test_an_occurrence_whose_replacement_cannot_be_read_does_not_run_as_if_it_had_not_moved(
    room: ControlRoom,
) -> None:
    await take(room, WEEKLY, MOVED + '\nnonsense')

    assert planned(room)['Greet'].exdates == (datetime(2031, 10, 13, 16),)


async def test_what_replaces_occurrences_of_a_refused_series_is_refused_too(room: ControlRoom) -> None:
    result = await take(room, WEEKLY.replace('Hello', 'Helo'), MOVED, ONCE.replace('a@b', 'c@d'))

    assert [event.uid for event in room.calendar.events()] == ['c@d']
    assert [refused.uid for refused in result.refused] == ['a@b', 'a@b']


async def test_a_truncated_file_removes_nothing(room: ControlRoom) -> None:
    await take(room, WEEKLY, MOVED)
    cut = calendar_file(WEEKLY.replace('Greet', 'Hi') + '\nSEQUENCE:1', ONCE.replace('a@b', 'c@d'))

    result = await take_file(room, cut[: cut.index(b'UID:c@d')])

    assert sorted(planned(room)) == ['Greet later', 'Hi']
    assert (len(result.updated), result.deleted) == (1, ())
    assert 'has no end' in result.refused[0].reason


async def test_a_rejection_names_some_events_and_counts_the_others(room: ControlRoom) -> None:
    texts = [f'UID:{number}@b\nDTSTART:20311006T160000Z\nSUMMARY:Dentist' for number in range(5)]
    broken = [f'UID:{number}@c\nDTSTART:x\nSUMMARY:Odd' for number in range(4)]

    with pytest.raises(Invalid) as caught:
        await take(room, *texts, *broken)

    sentence = '5 events name no pipeline; add a line like "pipeline: BackupFolder" to their description.'
    assert caught.value.message.startswith(f"Nothing was imported. {sentence} 'Odd' has a date that cannot be read")
    assert caught.value.message.endswith(' 2 more cannot be imported.')
    names = [f'{name} ({number})' if number > 1 else name for name in ('Odd', 'Dentist') for number in range(1, 6)]
    assert list(caught.value.fields) == [name for name in names if name != 'Odd (5)']


async def test_an_import_is_undone_as_a_whole(room: ControlRoom) -> None:
    await take(room, WEEKLY, MOVED, WEEKLY.replace('a@b', 'c@d').replace('Greet', 'Other'))
    before = {title: by_wall(event) for title, event in planned(room).items()}
    result = await take(
        room,
        WEEKLY.replace('160000', '170000') + '\nSEQUENCE:1',
        WEEKLY.replace('a@b', 'c@d') + '\nSTATUS:CANCELLED',
        WEEKLY.replace('a@b', 'e@f').replace('Greet', 'New'),
    )
    assert counts(result) == (1, 1, 2, 0, 0)

    await room.editor.undo(result.change)

    assert {title: by_wall(event) for title, event in planned(room).items()} == before


async def test_too_many_events_are_rejected_as_a_whole(room: ControlRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('synapse.calendar.editor.MAX_EVENTS', 1)

    with pytest.raises(Conflict):
        await take(room, WEEKLY, MOVED)

    assert room.calendar.events() == []


async def test_an_empty_file_changes_nothing(room: ControlRoom) -> None:
    assert await take(room) == ImportResult()


async def test_events_are_past_or_not_by_the_given_moment(room: ControlRoom) -> None:
    contents = read_calendar(calendar_file(ONCE), zone='UTC')

    late = datetime(2031, 10, 6, 14, tzinfo=UTC)
    result = await import_drafts(room.calendar, room.editor, room.catalog, contents, is_trusted=bool, now=late)
    early = await import_drafts(
        room.calendar, room.editor, room.catalog, contents, is_trusted=bool, now=late - timedelta(seconds=1)
    )

    assert (counts(result), counts(early)) == ((0, 0, 0, 0, 1), (1, 0, 0, 0, 0))


RENT = 'UID:rent@b\nDTSTART:20310131T090000Z\nSUMMARY:Rent\nDESCRIPTION:pipeline: Hello\nSEQUENCE:1'


@pytest.mark.parametrize(
    ('later', 'left'),
    [
        (RENT.replace('SEQUENCE:1', 'SEQUENCE:2') + '\nRRULE:FREQ=MONTHLY', ['FREQ=MONTHLY']),
        (RENT.replace('SEQUENCE:1', 'SEQUENCE:2') + '\nSTATUS:CANCELLED', []),
        (
            RENT.replace('SEQUENCE:1', 'SEQUENCE:0') + '\nRRULE:FREQ=MONTHLY',
            ['FREQ=MONTHLY;BYMONTHDAY=31', 'FREQ=YEARLY;BYMONTH=3,5,7,10,12;BYMONTHDAY=1'],
        ),
    ],
)
async def test_an_event_that_was_several_series_leaves_none_of_them_behind(
    room: ControlRoom, later: str, left: list[str]
) -> None:
    await take(room, f'{RENT}\nRRULE:RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=FORWARD')
    before = len(room.calendar.events())

    await take(room, later)

    assert before == 2
    assert [event.rrule for event in room.calendar.events()] == left


# Zones that only the file knows

OWN = CUSTOM.replace('CUSTOM_tzid', 'Ours')


async def test_the_parts_of_a_series_in_a_zone_of_the_file_are_never_doubled(room: ControlRoom) -> None:
    series = 'UID:own@x\nSUMMARY:Hello\nDTSTART;TZID=Ours:20260105T090000\nRRULE:FREQ=WEEKLY'

    first = await take(room, series, head=OWN)
    again = await take(room, series, head=OWN)

    parts = len(room.calendar.events())  # two a year, as far as is planned ahead
    assert parts > 10
    assert counts(first) == (parts, 0, 0, 0, 0)
    assert counts(again) == (0, 0, 0, parts, 0)
    assert f'which no known zone matches; it is kept as {parts} series' in first.notes[0]
    offsets = {event.timezone for event in room.calendar.events()}
    assert offsets == {'Etc/GMT+5', 'Etc/GMT+6'}

    mended = await take(room, series.replace('TZID=Ours', 'TZID=America/Chicago'))

    (event,) = room.calendar.events()
    assert (event.uid, event.timezone) == ('own@x', 'America/Chicago')
    assert counts(mended) == (1, 0, parts, 0, 0)


async def test_a_cancelled_series_takes_its_parts_along(room: ControlRoom) -> None:
    series = 'UID:own@x\nSUMMARY:Hello\nDTSTART;TZID=Ours:20260105T090000\nRRULE:FREQ=WEEKLY'
    await take(room, series, head=OWN)

    await take(room, f'{series}\nSTATUS:CANCELLED\nSEQUENCE:1', head=OWN)

    assert [*room.calendar.events()] == []
