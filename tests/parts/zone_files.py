"""Zone files of another version than those of this machine, built by hand."""

import struct
from pathlib import Path

OLD_RULES = {
    'America/Vancouver': 'PST8PDT,M3.2.0,M11.1.0',
    'America/Edmonton': 'MST7MDT,M3.2.0,M11.1.0',
    'America/Winnipeg': 'CST6CDT,M3.2.0,M11.1.0',
    'Africa/Casablanca': '<+01>-1',
    'UTC': 'UTC0',
}
"""The rules of 2025b."""


def zone_file(rule: str) -> bytes:
    """A zone file without a single transition, in which this rule holds for all years: RFC 8536."""
    part = b'TZif2' + bytes(15) + struct.pack('>6l', 0, 0, 0, 0, 1, 4) + struct.pack('>lbb', 0, 0, 0) + b'UTC\0'
    return part + part + b'\n' + rule.encode() + b'\n'


def zone_folder(folder: Path, version: str, rules: dict[str, str], *, says_in: str = 'tzdata.zi') -> Path:
    """A folder of zone files with its version in this file; nowhere if the version is empty."""
    for name, rule in rules.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(zone_file(rule))
    if version:
        (folder / says_in).write_text(f'# version {version}\n' if says_in == 'tzdata.zi' else f'{version}\n')
    return folder
