"""One event, whatever its zone and rule, has the same instants and the same wall time wherever it shows."""

import zoneinfo
from bisect import bisect_right
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
import tzdata
from dateutil.tz import tzical
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pages.scheduler.month.chip import chip_of
from synapse import recurrence, zone_data
from synapse.control_room import ControlRoom
from synapse.ical import zones as ical_zones
from synapse.ical.reading import read_calendar
from synapse.ical.writing import write_calendar
from synapse.recurrence import expansion, wall_time, zones
from tests.parts.api_room import api_room

SOURCES = {'system': Path('/usr/share/zoneinfo'), 'package': Path(str(tzdata.__file__)).parent / 'zoneinfo'}
RULES = [
    None,
    'FREQ=DAILY',
    'FREQ=DAILY;INTERVAL=3;BYHOUR=2,3;BYMINUTE=0,30',
    'FREQ=WEEKLY;BYDAY=SU,WE',
    'FREQ=MONTHLY;BYDAY=-1SU',
    'FREQ=HOURLY;INTERVAL=6',
    'FREQ=YEARLY;BYMONTH=3,11;BYMONTHDAY=1,8,14,29',
]
SHOWN = 'Europe/Berlin'
"""The zone of the pages."""


def use(paths: tuple[str, ...]) -> None:
    """Read zones from these folders only, and forget what was computed from others."""
    zone_data.use(paths)
    caches = [zones.known_zone, zones.zone_names, wall_time.day_start, wall_time.unchanged_day_start]
    caches += [wall_time.stretches_of, wall_time.offsets_of, expansion.series_of, ical_zones.described]
    for cache in caches:
        cache.cache_clear()


@pytest_asyncio.fixture(scope='module', loop_scope='module', params=SOURCES)
async def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlRoom]:
    folder, before = SOURCES[request.param], zoneinfo.TZPATH
    if not (folder / 'Europe/Berlin').exists():
        pytest.skip(f'{folder} has no zones')
    async with api_room(tmp_path_factory.mktemp(request.param) / 'data', zone=SHOWN) as room:
        use((str(folder),))
        yield room
    use(before)


@st.composite
def plans(draw: st.DrawFn) -> tuple[str, datetime, str | None]:
    name = draw(st.sampled_from([name for name in tzdata_names() if '/' in name]))
    year = datetime.now(UTC).year + 1  # what is past can't be planned
    start = draw(st.datetimes(min_value=datetime(year, 1, 1), max_value=datetime(year + 8, 1, 1)))
    return name, start.replace(minute=start.minute // 30 * 30, second=0, microsecond=0), draw(st.sampled_from(RULES))


def tzdata_names() -> list[str]:
    return (SOURCES['package'].parent / 'zones').read_text(encoding='utf-8').split()


@pytest.mark.asyncio(loop_scope='module')
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans())
async def test_grid_preview_firing_feed_and_page_agree(
    room: ControlRoom, plan: tuple[str, datetime, str | None]
) -> None:
    name, start, rule = plan
    if zones.known_zone(name) is None:
        return  # this source doesn't have it
    values = {'pipeline': 'Hello', 'start': start.isoformat(), 'timezone': name, 'rrule': rule}
    event = (await room.editor.create(values)).changed()
    try:
        fires = recurrence.next_after(event.plan, start.replace(tzinfo=UTC) - timedelta(days=2), limit=4)
        begin, end = fires[0] - timedelta(days=1), fires[-1] + timedelta(seconds=1)

        assert [*room.calendar.next_due(event.id, 4)] == fires
        preview = await room.calendar.preview(values)
        assert [line.due.astimezone(UTC) for line in preview.moments[:4]] == fires
        entries = [entry for entry in await room.calendar.entries(begin, end) if entry.event_id == event.id]
        assert [entry.due for entry in entries] == fires

        text = write_calendar([event], now=datetime.now(UTC))
        (draft,) = read_calendar(text, zone='Asia/Tokyo').drafts
        read = recurrence.Plan(draft.values['start'], draft.values['timezone'], draft.values['rrule'])
        assert recurrence.occurrences(read, begin, end) == fires

        here = ZoneInfo(SHOWN)
        for entry, line, instant in zip(entries, preview.moments, fires, strict=False):
            assert chip_of(entry, '', here, datetime.now(UTC)).time == f'{room.local(instant):%H:%M}'
            assert by_the_browser(SHOWN, instant) == room.local(instant).replace(tzinfo=None)
            assert line.due.replace(tzinfo=None) == recurrence.wall_of(instant, name)
            assert by_the_file(text, name, line.due.replace(tzinfo=None, fold=line.due.fold)) == instant
    finally:
        await room.editor.delete(event.id)


def by_the_browser(name: str, instant: datetime) -> datetime:
    """Return the wall time as `wall` in synapse.js computes it, from the offsets that the server sent."""
    offsets = wall_time.offsets_of(name)
    at = bisect_right([begin for begin, _ in offsets], int(instant.timestamp()) * 1000) - 1
    return instant.replace(tzinfo=None) + timedelta(seconds=offsets[at][1])


def by_the_file(text: bytes, name: str, wall: datetime) -> datetime:
    """Return the instant of a wall time by the VTIMEZONE of the file alone, as dateutil reads it."""
    if name in ('UTC', 'Etc/UTC') or b'BEGIN:VTIMEZONE' not in text:
        return wall.replace(tzinfo=ZoneInfo(name)).astimezone(UTC)
    import io

    zone = tzical(io.StringIO(text.decode().replace('\r\n ', ''))).get()
    return wall.replace(tzinfo=zone).astimezone(UTC)
