"""The descriptions of the built-in pipelines, kept for the next start: loading them all takes longer than the rest."""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import synapse
from storage.files import StorageError, write_atomically

from .info import PipelineInfo, built_in_infos


def remembered_built_in(kept: Path) -> list[PipelineInfo]:
    """Return what `built_in_infos` returns, from the file if it was written by the same code and packages.

    Writes the file otherwise, unless a pipeline is broken: that may be fixed outside of our sight.
    """
    stamp = _stamp()
    try:
        document = json.loads(kept.read_bytes())
        if document['stamp'] == stamp:
            return [_info(item) for item in document['pipelines']]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # only a cache: whatever is wrong with it, they are described again
    infos = built_in_infos()
    if not any(info.error for info in infos):
        document = {'stamp': stamp, 'pipelines': [asdict(info) for info in infos]}
        with contextlib.suppress(StorageError):
            write_atomically(kept, json.dumps(document).encode())
    return infos


def _info(item: dict[str, Any]) -> PipelineInfo:
    return PipelineInfo(**item | {name: tuple(item[name]) for name in ('steps', 'accepts', 'helpers', 'here_with')})


def _stamp() -> str:
    """Return what differs when a file of ours has changed, or a package was installed, updated or removed."""
    ours = sorted(_sources(Path(synapse.__file__).parent))
    packages = [f'{path} {Path(path).stat().st_mtime_ns}' for path in sys.path if Path(path).is_dir()]
    return hashlib.sha256('\n'.join([sys.version, *packages, *ours]).encode()).hexdigest()


def _sources(folder: str | os.PathLike[str]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith('.py'):
                stat = entry.stat()
                yield f'{entry.path} {stat.st_mtime_ns} {stat.st_size}'
            elif entry.is_dir():
                yield from _sources(entry.path)
