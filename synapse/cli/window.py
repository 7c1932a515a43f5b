"""Starts the process that shows a window, `synapse.window`, or says why there can be none."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from storage.files import make_private_folder
from synapse import program
from synapse.language import _
from synapse.settings import Settings


def log_of(data: Path) -> Path:
    """Where the last window says what went wrong; Chromium prints a lot."""
    return data / 'window' / 'window.log'


def problem_of_windows() -> str:
    """Say what a window needs that is not here; empty if nothing is known to be missing."""
    if sys.platform == 'linux' and not (os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')):
        return _('There is no screen for a window here.')
    toolkits = ('qtpy', 'gi') if sys.platform == 'linux' else ()
    if not _is_there('webview') or (toolkits and not any(map(_is_there, toolkits))):
        return _('A window needs more packages: {command}.', command=program.how_to_add('native'))
    return ''


def open_window(settings: Settings) -> 'subprocess.Popen[bytes]':
    """Open the window of the control room that runs on this data folder, or raise the one that is open.

    :returns: its process, which ends with 0 when the window is closed or another one was raised
    """
    log = log_of(settings.data)
    make_private_folder(log.parent)
    command = [sys.executable, '-m', 'synapse.window', f'--data={settings.data}']
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 'wb') as output:
        output.truncate(0)
        # In a session of its own, so that Ctrl-C at a terminal ends the control room, which then closes the window.
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)


def _is_there(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
