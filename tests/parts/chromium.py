"""Finds a real browser on this machine."""

import os
import shutil
from pathlib import Path

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge')
PLACES = (
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    'C:/Program Files/Google/Chrome/Application/chrome.exe',
)


def find_chromium() -> str | None:
    """Path of an installed browser, or None."""
    if given := os.environ.get('SYNAPSE_CHROMIUM'):
        return given
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in (*found, *PLACES) if path and Path(path).exists()), None)
