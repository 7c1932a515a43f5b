"""Nothing on a screen asks another clock than that of the calendar's zone."""

import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BROWSERS_OWN = re.compile(
    r'\.get(Hours|Minutes|Seconds|Milliseconds|Date|Day|Month|FullYear)\(|to(Date|Time)String\('
    r'|(toLocale(Date|Time)String|DateTimeFormat)\((?!.*timeZone: ["\']UTC)'
)
"""Whatever converts a moment by the zone and the zone data of a browser."""
MACHINES_OWN = re.compile(r'astimezone\(\)|datetime\.now\(\)|fromtimestamp\([^,()]*\)|localtime\(')
"""Whatever has the C library convert, which reads the system's zone files however old they are."""
WORKERS = {'host', 'pipelines', 'protocol', 'builtin'}
"""What runs beside a pipeline shows nothing on a screen."""


def test_no_script_converts_by_the_zone_of_its_browser() -> None:
    found = _lines((ROOT / 'pages').rglob('*.js'), BROWSERS_OWN)

    assert found == []


def test_no_page_and_no_part_of_the_control_room_converts_by_the_zone_of_the_c_library() -> None:
    ours = [path for path in (ROOT / 'synapse').rglob('*.py') if path.parts[len(ROOT.parts) + 1] not in WORKERS]
    files = [*(ROOT / 'pages').rglob('*.py'), *ours]

    assert _lines(files, MACHINES_OWN) == []


def _lines(files: Iterable[Path], pattern: re.Pattern[str]) -> list[str]:
    lines = [(path.name, line.strip()) for path in files for line in path.read_text(encoding='utf-8').splitlines()]
    assert len(lines) > 1_000
    return [f'{name}: {line[:100]}' for name, line in lines if pattern.search(line)]
