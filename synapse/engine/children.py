"""How our own child processes are started: command, environment and session."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .process_tree import HOST_TAG

ROOM_TAG = 'SYNAPSE_ROOM'
REPO = Path(__file__).resolve().parents[2]


def host_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs one of our modules; `-P` keeps the working folder out of its imports."""
    return [sys.executable, '-P', '-m', module, *arguments]


def child_environment(tags: Mapping[str, str]) -> dict[str, str]:
    """Return our environment for a child: `synapse` importable, without our secrets and tags, with `tags`."""
    kept = {name: value for name, value in os.environ.items() if not _is_ours_alone(name)}
    path = [str(REPO), *filter(None, [kept.get('PYTHONPATH')])]
    return {**kept, 'PYTHONPATH': os.pathsep.join(path), **tags}


def _is_ours_alone(name: str) -> bool:
    if name in (ROOM_TAG, HOST_TAG):
        return True
    return name.startswith('SYNAPSE_') and any(word in name for word in ('TOKEN', 'PASSWORD', 'SECRET', 'KEY'))


def new_session() -> dict[str, Any]:
    """Return the options that start a child in a session (on Windows a process group) of its own."""
    if sys.platform == 'win32':
        return {'creationflags': subprocess.CREATE_NEW_PROCESS_GROUP}
    return {'start_new_session': True}
