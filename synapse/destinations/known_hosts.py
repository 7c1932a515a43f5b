"""The keys of SSH servers that a person has accepted, in a file like that of OpenSSH; asked once, then remembered."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from storage.files import write_atomically
from synapse.language import _

from .errors import HostKey

OWN_FILE = Path('~/.ssh/known_hosts')
"""What a person has accepted with `ssh` counts as well."""


def host_key(host: str, port: int, type: str, blob: bytes) -> HostKey:
    name = host if port == 22 else f'[{host}]:{port}'
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')
    return HostKey(name, type, base64.b64encode(blob).decode(), f'SHA256:{digest}')


def accept(file: Path, key: HostKey) -> None:
    """Add a key to the file; reads and writes the disk.

    :raises ValueError: if it isn't a key
    :raises storage.files.StorageError: if the disk refuses
    """
    blob = base64.b64decode(key.key, validate=True)
    length = int.from_bytes(blob[:4], 'big')
    if blob[4 : 4 + length] != key.type.encode() or not key.host or set(key.host) & set(' \t\r\n,*?!|#'):
        raise ValueError(_('That is not the key of a host.'))
    lines = file.read_text(encoding='utf-8').splitlines() if file.exists() else []
    line = f'{key.host} {key.type} {key.key}'
    if line not in lines:
        write_atomically(file, '\n'.join([*lines, line, '']).encode(), mode=0o600)


def accepted(files: list[Path], host: str) -> list[tuple[str, bytes, str]]:
    """Return type, key and file of each key that is known for a host; a file that cannot be read is skipped."""
    from paramiko.hostkeys import HostKeyEntry, HostKeys

    found = []
    for file in [file.expanduser() for file in files]:
        keys = HostKeys()
        keys._entries = [entry for line in _lines(file) if (entry := _entry(HostKeyEntry, line)) is not None]
        known = keys.lookup(host) or {}
        found += [(type, known[type].asbytes(), str(file)) for type in known]
    return found


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding='utf-8', errors='replace').splitlines()
    except OSError:
        return []


def _entry(kind: Any, line: str) -> Any:
    if not line.strip() or line.startswith(('#', '@')):
        return None
    try:
        return kind.from_line(line)
    except Exception:  # each sort of broken line raises an error of its own
        return None
