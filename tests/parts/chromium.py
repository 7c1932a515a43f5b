"""Where a real browser is on this machine, and how one gets there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge')
PLACES = (
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    'C:/Program Files/Google/Chrome/Application/chrome.exe',
)

NOT_NEEDED = (
    # Two hidden pages under the address bar, which take as much time in each new context as a page of Synapse.
    'WebUIOmniboxPopup',
    'WebUIOmniboxAimPopup',
    # What Playwright turns off: of two such lists Chromium reads the last.
    'AimEnabled',
    'AvoidCorsURLLoaderRestartOnRedirect',
    'AvoidUnnecessaryBeforeUnloadCheckSync',
    'DestroyProfileOnBrowserClose',
    'HttpsFirstBalancedModeAutoEnable',
    'HttpsUpgrades',
    'LensOverlay',
    'MediaRouter',
    'NetworkTimeServiceQuerying',
    'OptimizationHints',
    'PaintHolding',
    'PreconnectToSearch',
    'ThirdPartyStoragePartitioning',
)
ARGUMENTS = (
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    f'--disable-features={",".join(NOT_NEEDED)}',
)


def find_chromium() -> str | None:
    """Path of an installed browser, or None."""
    if given := os.environ.get('SYNAPSE_CHROMIUM'):
        return given
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in (*found, *PLACES) if path and Path(path).exists()), None)


def install_chromium() -> str:
    """Bring a browser: Debian's package where we may install it, otherwise Playwright's own build."""
    if shutil.which('apt-get') and hasattr(os, 'geteuid') and os.geteuid() == 0:
        print('Installing Chromium (Debian package) ...', flush=True)
        environment = os.environ | {'DEBIAN_FRONTEND': 'noninteractive'}
        subprocess.run(['apt-get', 'update', '-qq'], check=False, env=environment)
        subprocess.run(['apt-get', 'install', '-y', '-qq', 'chromium'], check=False, env=environment)
    elif subprocess.run([sys.executable, '-m', 'playwright', 'install', 'chromium'], check=False).returncode == 0:
        return ''  # Playwright finds its own
    found = find_chromium()
    if found is None:
        sys.exit('No browser was found. Install Chromium (Debian: sudo apt install chromium), then start again.')
    return found
