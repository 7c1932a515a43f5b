"""Of the system's zone files and those of the tzdata package, the newest are read."""

import os
import subprocess
import sys
import zoneinfo
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import tzdata

from synapse import zone_data
from synapse.engine.children import host_command
from tests.parts.zone_files import OLD_RULES, zone_folder

NEVER = '9999a'


@pytest.fixture(autouse=True)
def paths() -> Iterator[None]:
    before = zoneinfo.TZPATH
    yield
    zone_data.use(before)


def offset(name: str) -> timedelta | None:
    return datetime(2030, 12, 2, 9, tzinfo=ZoneInfo(name)).utcoffset()


def test_an_older_system_gives_way_to_the_package(tmp_path: Path) -> None:
    zone_data.use((str(zone_folder(tmp_path, '2025b', OLD_RULES)),))
    assert offset('America/Vancouver') == timedelta(hours=-8)

    data = zone_data.use_newest()

    assert data.as_json() == {'version': tzdata.IANA_VERSION, 'source': 'tzdata package'}
    assert offset('America/Vancouver') == timedelta(hours=-7)


@pytest.mark.parametrize('says_in', ['tzdata.zi', '+VERSION'])
def test_a_newer_system_is_taken(tmp_path: Path, says_in: str) -> None:
    zone_data.use((str(zone_folder(tmp_path, NEVER, {'America/Vancouver': 'XST5', 'UTC': 'UTC0'}, says_in=says_in)),))

    data = zone_data.use_newest()

    assert data.as_json() == {'version': NEVER, 'source': str(tmp_path)}
    assert offset('America/Vancouver') == timedelta(hours=-5)
    assert offset('Europe/Berlin') == timedelta(hours=1)  # what it lacks comes from the package


def test_the_newest_of_several_folders_is_taken(tmp_path: Path) -> None:
    old = zone_folder(tmp_path / 'old', '2025b', OLD_RULES)
    new = zone_folder(tmp_path / 'new', NEVER, {'America/Vancouver': 'XST5', 'UTC': 'UTC0'})
    zone_data.use((str(old), str(new)))

    assert zone_data.use_newest().source == str(new)
    assert zone_data.use_newest().source == str(new)  # decided again, nothing else comes out


def test_of_equals_the_system_is_taken(tmp_path: Path) -> None:
    zone_data.use((str(zone_folder(tmp_path, tzdata.IANA_VERSION, OLD_RULES)),))

    assert zone_data.use_newest().source == str(tmp_path)


def test_a_folder_that_tells_no_version_counts_as_older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('PYTHONTZPATH', raising=False)
    zone_data.use((str(zone_folder(tmp_path, '', OLD_RULES)),))

    assert zone_data.use_newest().source == 'tzdata package'


def test_but_not_if_a_person_has_named_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PYTHONTZPATH', str(tmp_path))
    zone_data.use((str(zone_folder(tmp_path, '', OLD_RULES)),))

    data = zone_data.use_newest()

    assert data.as_json() == {'version': None, 'source': str(tmp_path)}
    assert offset('America/Vancouver') == timedelta(hours=-8)


def test_versions_are_compared_as_the_database_counts_them(tmp_path: Path) -> None:
    ages = ['2024b', '2025b', '2026', '2026f', '2026z', '2026za']
    folders = [zone_folder(tmp_path / age, age, OLD_RULES) for age in ages]
    zone_data.use(tuple(map(str, folders)))

    zone_data.use_newest()

    order = [Path(path).name for path in zoneinfo.TZPATH if path.startswith(str(tmp_path))]
    assert order == ['2026za', '2026z', '2026f', '2025b', '2024b', '2026']  # 2026 alone is no version


def test_a_host_reads_what_it_was_told_and_leaves_no_trace_of_it(tmp_path: Path) -> None:
    folder = zone_folder(tmp_path / 'zones', NEVER, {'America/Vancouver': 'XST5', 'UTC': 'UTC0'})
    file = tmp_path / 'looks.py'
    file.write_text(
        'import os\nfrom datetime import datetime\nfrom zoneinfo import ZoneInfo\nfrom synapse import Pipeline, step\n'
        'class Looks(Pipeline):\n'
        '    offset: str = str(datetime(2030, 12, 2, tzinfo=ZoneInfo("America/Vancouver")).utcoffset())\n'
        '    told: str = str({name for name in os.environ if "TZPATH" in name})\n'
        '    @step\n    def look(self): pass\n'
    )
    command = host_command('synapse.host', 'describe', str(file))

    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {'PYTHONPATH': str(Path(__file__).parents[2]), zone_data.TZPATH: str(folder)},
    )

    assert '"default": "-1 day, 19:00:00"' in done.stdout
    assert '"default": "set()"' in done.stdout


def test_without_any_data_only_that_is_said(tmp_path: Path) -> None:
    script = (
        'import sys; sys.modules["tzdata"] = None\n'
        'from synapse import zone_data; zone_data.use((sys.argv[1],)); print(zone_data.use_newest())'
    )

    done = subprocess.run(
        [sys.executable, '-c', script, str(tmp_path)], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )

    assert 'only UTC is known' in done.stdout
