"""Reports of damaged files are kept until they are dismissed, and what an interrupted start has set aside is found."""

from pathlib import Path

import pytest

from storage.damage import Damage, set_aside
from storage.documents import Documents
from synapse.bus import Bus
from synapse.damage import DamageChanged, DamageFound, DamageReports
from synapse.errors import NotFound

FOUND = Damage('events.json', 'events.json.corrupt-1', 'Restored.')


def opened(data: Path, bus: Bus | None = None) -> DamageReports:
    return DamageReports(Documents(data / 'damage.json'), data, bus or Bus())


def files_of(reports: DamageReports) -> list[str]:
    return [report.file for report in reports.all]


async def test_a_report_is_kept_until_it_is_dismissed(tmp_path: Path) -> None:
    opened(tmp_path).add([FOUND, None])
    again = opened(tmp_path)
    again.add([])

    (report,) = again.all
    assert report.title == 'Damaged and recovered: the calendar'
    await again.dismiss(report.id)

    assert again.all == []
    assert opened(tmp_path).all == []
    with pytest.raises(NotFound):
        await again.dismiss(report.id)


async def test_what_was_found_is_published_once_and_what_is_left_each_time(tmp_path: Path) -> None:
    bus, heard = Bus(), list[DamageChanged]()
    bus.subscribe(DamageChanged, heard.append)
    reports = opened(tmp_path, bus)
    reports.add([FOUND])
    reports.start()
    bus.publish(DamageFound(Damage('queue.json', 'queue.json.corrupt-1', '', 'It is paused now.')))
    await reports.stop()

    assert [[report.file for report in message.found] for message in heard] == [['events.json'], ['queue.json']]
    assert [report.file for report in heard[-1].left] == ['queue.json', 'events.json']
    assert files_of(opened(tmp_path)) == ['queue.json', 'events.json']


def test_what_an_interrupted_start_has_set_aside_is_told_by_the_next(tmp_path: Path) -> None:
    opened(tmp_path).add([])
    (tmp_path / 'watches.json').write_text('damage')
    aside = set_aside(tmp_path / 'watches.json')

    reports = opened(tmp_path)
    reports.add([])

    (report,) = reports.all
    assert (report.file, report.kept_as) == ('watches.json', aside.name)
    assert 'was interrupted' in report.missing


def test_a_folder_of_an_earlier_version_is_not_accused(tmp_path: Path) -> None:
    (tmp_path / 'events.json.corrupt-20250101T000000.000000').write_text('long ago')
    reports = opened(tmp_path)

    reports.add([])

    assert reports.all == []


def test_damage_of_the_reports_themselves_is_told(tmp_path: Path) -> None:
    opened(tmp_path).add([FOUND])
    (tmp_path / 'damage.json').write_text('{')

    reports = opened(tmp_path)
    reports.add([])

    assert files_of(reports) == ['damage.json', 'events.json']
