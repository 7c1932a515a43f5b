"""`python tests`: brings the test packages and a real Chromium, then runs pytest with the arguments given here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from main import ensure_packages  # noqa: E402 - the path above must come first
from tests.parts.chromium import find_chromium  # noqa: E402


def install_chromium() -> str:
    """Bring a browser: Debian's package where we may install it, otherwise Playwright's own build."""
    if shutil.which('apt-get') and hasattr(os, 'geteuid') and os.geteuid() == 0:
        print('Installing Chromium (Debian package) for the browser tests ...', flush=True)
        environment = os.environ | {'DEBIAN_FRONTEND': 'noninteractive'}
        subprocess.run(['apt-get', 'update', '-qq'], check=False, env=environment)
        subprocess.run(['apt-get', 'install', '-y', '-qq', 'chromium'], check=False, env=environment)
    elif subprocess.run([sys.executable, '-m', 'playwright', 'install', 'chromium'], check=False).returncode == 0:
        return ''  # Playwright finds its own
    found = find_chromium()
    if found is None:
        sys.exit('The browser tests need Chromium. Install it (Debian: sudo apt install chromium), then: python tests')
    return found


def main() -> int:
    ensure_packages('test')
    os.environ['SYNAPSE_CHROMIUM'] = find_chromium() or install_chromium()
    os.chdir(ROOT)
    return subprocess.run([sys.executable, '-m', 'pytest', *sys.argv[1:]], check=False).returncode


if __name__ == '__main__':
    sys.exit(main())
