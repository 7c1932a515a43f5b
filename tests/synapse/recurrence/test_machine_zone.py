"""The zone of the machine gets a name, however it is set; and if it has none, the reason is given."""

from pathlib import Path

import pytest
import tzdata

from synapse.recurrence.machine_zone import MachineZone, machine_zone
from tests.parts.zone_files import zone_file

ZONES = Path(str(tzdata.__file__)).parent / 'zoneinfo'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A file system without a zone."""
    (tmp_path / 'etc').mkdir()
    return tmp_path


def with_tz(setting: str) -> MachineZone:
    return machine_zone({'TZ': setting})


@pytest.mark.parametrize(
    ('setting', 'name'),
    [
        ('Europe/Lisbon', 'Europe/Lisbon'),
        (':Asia/Tokyo', 'Asia/Tokyo'),
        (':posix/Asia/Tokyo', 'Asia/Tokyo'),
        ('Etc/UTC', 'UTC'),
        (f'{ZONES}/Asia/Tokyo', 'Asia/Tokyo'),
        (f':{ZONES}/America/Argentina/Salta', 'America/Argentina/Salta'),
    ],
)
def test_a_name_is_used_as_it_is(setting: str, name: str) -> None:
    assert with_tz(setting) == MachineZone(name, f'TZ={setting} says so.')


@pytest.mark.parametrize(
    ('setting', 'name'),
    [
        ('UTC0', 'UTC'),
        ('WET0', 'UTC'),
        ('JST-9', 'Asia/Tokyo'),
        ('IST-5:30', 'Asia/Kolkata'),
        ('<-03>3', 'Etc/GMT+3'),
        ('XYZ-9', 'Etc/GMT-9'),
        ('CET-1CEST,M3.5.0,M10.5.0/3', 'Europe/Paris'),
        ('EST5EDT,M3.2.0,M11.1.0', 'America/New_York'),
        ('EST5', 'America/Jamaica'),  # not Winnipeg, which is there since 2026
        ('MST7', 'America/Phoenix'),  # not Vancouver
        ('IST-1GMT0,M10.5.0,M3.5.0/1', 'Europe/Dublin'),
        ('<+0330>-3:30', 'Asia/Tehran'),
        ('PST8PDT,J60/2,J300/2', None),
        ('PST8PDT4,M3.2.0,M11.1.0', None),
        ('CET-1CEST', None),  # without dates the C library assumes those of the US: no zone has them
        ('ABC-9:07', None),
    ],
)
def test_a_rule_is_identified_by_its_clocks(setting: str, name: str | None) -> None:
    found = with_tz(setting)

    assert found.name == (name or 'UTC')
    assert found.is_known == (name is not None)
    assert ('without a name' if name else 'No time zone has the rule') in found.why


@pytest.mark.parametrize(
    'setting',
    [
        'Nowhere/Land',
        'europe/berlin',
        'localtime',
        '/dev/null',
        '/',
        '/no/zoneinfo',
        'é',
        'x' * 5_000,
        '/' + 'x' * 5_000,
    ],
)
def test_an_invalid_setting_is_reported(setting: str) -> None:
    found = with_tz(setting)

    assert (found.name, found.is_known) == ('UTC', False)
    assert 'times are in UTC. Set TZ to a name such as Europe/Berlin.' in found.why


@pytest.mark.parametrize('setting', ['', ' '])
def test_an_empty_setting_means_utc_as_for_the_c_library(root: Path, setting: str) -> None:
    (root / 'etc/localtime').symlink_to(ZONES / 'Europe/Lisbon')

    assert machine_zone({'TZ': setting}, root) == MachineZone('UTC', 'TZ is set but empty, which means UTC.')


def test_a_link_has_the_name_in_its_target(root: Path) -> None:
    (root / 'etc/localtime').symlink_to(ZONES / 'Europe/Lisbon')
    (root / 'etc/timezone').write_text('Asia/Tokyo\n')

    assert machine_zone({}, root) == MachineZone('Europe/Lisbon', '/etc/localtime says so.')


@pytest.mark.parametrize('name', ['Europe/Berlin', 'America/Sao_Paulo', 'Asia/Kolkata', 'Australia/Lord_Howe'])
def test_a_file_without_a_name_is_identified_by_its_content(root: Path, name: str) -> None:
    (root / 'etc/localtime').write_bytes((ZONES / name).read_bytes())
    (root / 'etc/timezone').write_text('Etc/UTC\n')  # the image's zone, not that of the machine whose file is mounted

    found = machine_zone({}, root)

    assert (found.name, found.is_known) == (name, True)
    assert found.why.startswith('/etc/localtime has no name')


def test_of_equal_zones_the_one_in_etc_timezone_is_used(root: Path) -> None:
    (root / 'etc/localtime').write_bytes((ZONES / 'Europe/Berlin').read_bytes())
    (root / 'etc/timezone').write_text('Europe/Stockholm\n')

    assert machine_zone({}, root).name == 'Europe/Stockholm'


def test_an_older_file_is_identified_by_its_past(root: Path) -> None:
    older = (ZONES / 'America/Vancouver').read_bytes()
    past, _, rule = older.rstrip(b'\n').rpartition(b'\n')
    assert rule != b'PST8PDT,M3.2.0,M11.1.0'
    (root / 'etc/localtime').write_bytes(past + b'\nPST8PDT,M3.2.0,M11.1.0\n')

    assert machine_zone({}, root).name == 'America/Vancouver'


def test_a_file_without_a_past_is_identified_by_its_rule(root: Path) -> None:
    (root / 'etc/localtime').write_bytes(zone_file('NST3:30NDT,M3.2.0,M11.1.0'))

    assert machine_zone({}, root).name == 'America/St_Johns'


@pytest.mark.parametrize('content', [b'', b'no zone', zone_file('JST-9')[:60], zone_file('ABC-9:07')])
def test_a_file_that_matches_no_zone_is_reported(root: Path, content: bytes) -> None:
    (root / 'etc/localtime').write_bytes(content)

    found = machine_zone({}, root)

    assert (found.name, found.is_known) == ('UTC', False)
    assert '/etc/localtime' in found.why


def test_tz_may_name_a_file(root: Path) -> None:
    (root / 'localtime').write_bytes((ZONES / 'Europe/Berlin').read_bytes())

    assert with_tz(f':{root}/localtime').name == 'Europe/Berlin'


def test_this_machine_has_a_zone_with_a_reason() -> None:
    assert machine_zone({}).why
