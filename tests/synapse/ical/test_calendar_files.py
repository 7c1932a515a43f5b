"""Files as calendar programs write them: here and in two other readers they have the instants that they mean."""

import os
from datetime import UTC, date, datetime
from importlib.util import find_spec
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar, use_zoneinfo

from synapse import recurrence
from synapse.control_room import ControlRoom
from synapse.ical.import_result import ImportResult
from synapse.ical.importing import import_drafts
from synapse.ical.reading import MORNING, Contents, read_calendar
from tests.parts.calendar_cases import FOLDER, CalendarCase, Instants, by_title, calendar_cases
from tests.parts.calendar_readers import need_readers, titled_by_ical_js

CASES = calendar_cases()
NAMED = [pytest.param(case, id=case.name) for case in CASES]
READ = [
    pytest.param(case, id=case.name, marks=[pytest.mark.xfail(strict=True, reason=case.wanted)] if case.wanted else [])
    for case in CASES
]
OTHER_READER = 'recurring-ical-events'
ICAL_JS = 'ical.js'


def read(case: CalendarCase) -> Contents:
    return read_calendar(case.data, zone=case.zone)


def occurrences(plan: recurrence.Plan, case: CalendarCase) -> list[datetime]:
    try:
        return recurrence.occurrences(plan, case.begin, case.end)
    except recurrence.RuleError:
        return []  # the import names it


def planned(contents: Contents, case: CalendarCase) -> Instants:
    found = []
    for draft in contents.drafts:
        if not draft.is_cancelled:
            values = draft.values
            plan = recurrence.Plan(values['start'], values['timezone'], values['rrule'], frozenset(values['exdates']))
            found += [(values['title'], instant) for instant in occurrences(plan, case)]
    return by_title(found)


def test_every_file_has_a_table_and_every_table_a_file() -> None:
    assert len(CASES) >= 60
    assert [path.stem for path in sorted(FOLDER.glob('*.ics'))] == [case.name for case in CASES]


async def take(room: ControlRoom, case: CalendarCase) -> ImportResult:
    return await import_drafts(
        room.calendar, room.editor, room.catalog, read(case), is_trusted=lambda _: True, now=case.begin
    )


def in_calendar(room: ControlRoom, case: CalendarCase) -> Instants:
    events = room.calendar.events()
    return by_title([(event.title, instant) for event in events for instant in occurrences(event.plan, case)])


@pytest.mark.parametrize('case', READ)
@pytest.mark.asyncio(loop_scope='module')
async def test_a_file_is_read_and_imported_with_the_instants_it_means(room: ControlRoom, case: CalendarCase) -> None:
    contents = read(case)
    result = await take(room, case)

    assert planned(contents, case) == case.instants
    assert in_calendar(room, case) == case.instants
    assert list(contents.notes) == case.notes
    assert list(result.skipped) == case.left_out


@pytest.mark.parametrize('case', [param for param, case in zip(NAMED, CASES, strict=True) if not case.wanted])
@pytest.mark.asyncio(loop_scope='module')
async def test_a_file_imported_again_changes_nothing(room: ControlRoom, case: CalendarCase) -> None:
    first = await take(room, case)
    again = await take(room, case)

    assert (again.created, again.updated, again.deleted) == ((), (), ())
    assert sorted(again.unchanged) == sorted(first.created)


@pytest.mark.parametrize('case', NAMED)
def test_another_reader_finds_the_same_instants(case: CalendarCase) -> None:
    if find_spec('recurring_ical_events') is None:
        (pytest.fail if os.environ.get('CI') == 'true' else pytest.skip)('recurring-ical-events is missing')
    reasons = case.readers.get(OTHER_READER, {})
    found = {} if '*' in reasons else found_by_other_reader(case)

    assert differing(case, OTHER_READER, found) == explained(case, OTHER_READER)


@pytest.fixture(scope='module')
def by_ical_js() -> dict[str, list[tuple[str, date]] | str]:
    """What ical.js makes of each file: when its titles start, or why it refuses the file."""
    need_readers()
    # As a program gets text from a server or a file: bytes that are no UTF-8 are replaced.
    texts = [case.data.decode('utf-8-sig', 'replace') for case in CASES]
    found = titled_by_ical_js(texts, [case.end for case in CASES])
    return {case.name: answer for case, answer in zip(CASES, found, strict=True)}


@pytest.mark.parametrize('case', NAMED)
def test_ical_js_finds_the_same_instants(
    by_ical_js: dict[str, list[tuple[str, date]] | str], case: CalendarCase
) -> None:
    answer = by_ical_js[case.name]
    starts = [] if isinstance(answer, str) else [(title, instant_of(start, case.zone)) for title, start in answer]
    found = by_title([(title, at) for title, at in starts if case.begin <= at < case.end])

    assert differing(case, ICAL_JS, found) == explained(case, ICAL_JS), answer


def differing(case: CalendarCase, reader: str, found: Instants) -> set[str]:
    """Return the titles that have other instants in a reader; if it misreads the whole file, of those in the table."""
    told = {} if '*' in case.readers.get(reader, {}) else found
    titles = {title for title in {*told, *case.instants} if not case.leaves_out(title)}
    return {title for title in titles if found.get(title) != case.instants.get(title)}


def explained(case: CalendarCase, reader: str) -> set[str]:
    reasons = case.readers.get(reader, {})
    return set(case.instants) if '*' in reasons else set(reasons)


def found_by_other_reader(case: CalendarCase) -> Instants:
    import recurring_ical_events

    use_zoneinfo()  # forgets the zones of the file before
    found = []
    for calendar in Calendar.from_ical(case.data, multiple=True):
        for event in recurring_ical_events.of(calendar).between(case.begin, case.end):
            if event.get('STATUS') != 'CANCELLED':
                found.append((str(event['SUMMARY']), instant_of(event.start, case.zone)))
    return by_title(found)


def instant_of(start: date, zone: str) -> datetime:
    """Return when Synapse starts what another reader says: whole days at nine."""
    if not isinstance(start, datetime):
        start = datetime.combine(start, MORNING)
    return (start if start.tzinfo else start.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
