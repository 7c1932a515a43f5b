"""What newer time-zone data moves is listed at the next start, until a person dismisses it."""

import asyncio
import json
import zoneinfo
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storage.logs.store import LogStore
from synapse import zone_data
from synapse.bus import Bus
from synapse.calendar.events import Event
from synapse.calendar.messages import EventsWritten, ZonesChanged
from synapse.calendar.zone_changes import MAX_MOVED, ZoneChanges
from synapse.errors import NotFound
from synapse.log.log import Log
from synapse.recurrence import zones
from tests.parts.zone_files import OLD_RULES, zone_folder

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def paths() -> Iterator[None]:
    before = zoneinfo.TZPATH
    yield
    use(before)


def use(paths: tuple[str, ...]) -> None:
    zone_data.use(paths)
    zones.known_zone.cache_clear()
    zones.zone_names.cache_clear()


def with_rules(folder: Path, version: str, rules: dict[str, str]) -> None:
    use((str(zone_folder(folder / version, version, OLD_RULES | rules)), *zoneinfo.TZPATH))


def an_event(title: str, zone: str = 'America/Vancouver', **values: Any) -> Event:
    defaults = {'pipeline': 'Hello', 'start': datetime(2026, 6, 1, 9), 'rrule': 'FREQ=DAILY'}
    times = dict.fromkeys(('created_at', 'armed_from', 'updated_at'), NOW)
    return Event.model_validate({**defaults, 'id': title.lower(), 'title': title, 'timezone': zone, **times, **values})


class Running:
    def __init__(self, data: Path, version: str, events: list[Event]) -> None:
        self.bus = Bus()
        self.news: list[ZonesChanged] = []
        self.bus.subscribe(ZonesChanged, self.news.append)
        self.log = Log(LogStore(data / 'logs.db'), self.bus)
        self.events = {event.id: event for event in events}
        self.path = data / 'zones.json'
        self.changes = ZoneChanges(
            self.path, events=self.events, data={'version': version}, bus=self.bus, log=self.log, now=lambda: NOW
        )

    async def saved(self, zone: str) -> None:
        """Wait until the rules of this zone are on disk."""
        async with asyncio.timeout(10):
            while zone not in self.path.read_text():  # noqa: ASYNC110 - no message announces it
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(data: Path, version: str, *events: Event) -> AsyncIterator[Running]:
    it = Running(data, version, [*events])
    await it.log.start()
    it.changes.start()
    try:
        async with asyncio.timeout(10):
            await it.changes.checked.wait()
        yield it
    finally:
        await it.changes.stop()
        await it.log.stop()


async def test_each_moved_event_is_listed_until_it_is_dismissed_and_then_stays_so(tmp_path: Path) -> None:
    events = [
        an_event('Report'),
        an_event('Backup'),
        an_event('Lunch', 'Europe/Berlin'),
        an_event('Off', enabled=False),
    ]
    with_rules(tmp_path, '2025b', {})
    async with running(tmp_path, '2025b', *events) as it:
        assert [*it.changes.all] == []

    with_rules(tmp_path, '2026a', {'America/Vancouver': 'MST7'})
    async with running(tmp_path, '2026a', *events) as it:
        (change,) = it.changes.all
        assert change.sentence == '2 events moved by an hour: the rules of America/Vancouver changed.'
        assert (change.before, change.version) == ('2025b', '2026a')
        assert {(event.title, event.was.hour, event.due.hour) for event in change.moved} == {
            ('Report', 17, 16),
            ('Backup', 17, 16),
        }
        assert it.news == [ZonesChanged((change.sentence, 'Report', 'Backup'), is_open=True)]

    async with running(tmp_path, '2026a', *events) as it:  # nothing new, and still open
        assert [*it.changes.all] == [change]
        assert it.news == [ZonesChanged((), is_open=True)]
        await it.changes.dismiss(change.id)
        assert [*it.changes.all] == []
        assert it.news[-1] == ZonesChanged((), is_open=False)
        with pytest.raises(NotFound):
            await it.changes.dismiss(change.id)

    async with running(tmp_path, '2026a', *events) as it:
        assert [*it.changes.all] == []


async def test_a_file_written_otherwise_with_the_same_instants_moves_nothing(tmp_path: Path) -> None:
    with_rules(tmp_path, '2025b', {})
    async with running(tmp_path, '2025b', an_event('Report')):
        pass

    with_rules(tmp_path, '2026a', {'America/Vancouver': 'PST8PDT,M3.2.0/2,M11.1.0/2'})
    async with running(tmp_path, '2026a', an_event('Report')) as it:
        assert [*it.changes.all] == []


async def test_the_rules_of_a_zone_that_an_event_gets_later_are_kept_too(tmp_path: Path) -> None:
    with_rules(tmp_path, '2025b', {})
    async with running(tmp_path, '2025b', an_event('Lunch', 'Europe/Berlin')) as it:
        late = an_event('Late', 'America/Edmonton')
        it.events[late.id] = late
        it.bus.publish(EventsWritten([late.id]))
        await it.saved('America/Edmonton')

    with_rules(tmp_path, '2026a', {'America/Edmonton': 'CST6'})
    async with running(tmp_path, '2026a', late) as it:
        assert it.changes.all[0].sentence == '1 event moved by an hour: the rules of America/Edmonton changed.'


async def test_several_zones_and_lengths_are_told_and_many_events_are_counted(tmp_path: Path) -> None:
    many = [an_event(f'E{number}') for number in range(MAX_MOVED + 5)]
    others = [an_event('Tea', 'Africa/Casablanca')]
    with_rules(tmp_path, '2025b', {})
    async with running(tmp_path, '2025b', *many, *others):
        pass

    with_rules(tmp_path, '2026a', {'America/Vancouver': 'MST7', 'Africa/Casablanca': '<+00>0:30'})
    async with running(tmp_path, '2026a', *many, *others) as it:
        (change,) = it.changes.all
        assert (change.count, len(change.moved)) == (MAX_MOVED + 6, MAX_MOVED)
        assert change.sentence == '206 events moved: the rules of Africa/Casablanca and America/Vancouver changed.'


async def test_rules_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    with_rules(tmp_path, '2025b', {})
    async with running(tmp_path, '2025b', an_event('Report')):
        pass
    path = tmp_path / 'zones.json'
    tables = json.loads(path.read_text())
    tables['documents']['rules']['zones']['America/Vancouver'] = 'AAAA'
    path.write_text(json.dumps(tables))

    async with running(tmp_path, '2026a', an_event('Report')) as it:
        assert [*it.changes.all] == []
