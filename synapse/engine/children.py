"""How our own child processes are started: command, environment and session."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synapse.protocol.environment import PREFIX

REPO = Path(__file__).resolve().parents[2]


def host_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs one of our modules; `-P` keeps the working folder out of its imports."""
    return [sys.executable, '-P', '-m', module, *arguments]


def child_environment(tags: Mapping[str, str]) -> dict[str, str]:
    """Return our environment for a child: `synapse` importable, without any variable of ours but `tags`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    path = [str(REPO), *filter(None, [kept.get('PYTHONPATH')])]
    return {**kept, 'PYTHONPATH': os.pathsep.join(path), **tags}


def new_session() -> dict[str, Any]:
    """Return the options that start a child in a session (on Windows a process group) of its own."""
    if sys.platform == 'win32':
        return {'creationflags': subprocess.CREATE_NEW_PROCESS_GROUP}
    return {'start_new_session': True}
