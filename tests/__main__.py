"""`python tests`: brings the test packages and a real Chromium, then runs pytest with the arguments given here."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from main import ensure_packages  # noqa: E402 - the path above must come first
from tests.parts.chromium import find_chromium, install_chromium  # noqa: E402


def main() -> int:
    ensure_packages('test')
    os.environ['SYNAPSE_CHROMIUM'] = find_chromium() or install_chromium()
    os.chdir(ROOT)
    return subprocess.run([sys.executable, '-m', 'pytest', *sys.argv[1:]], check=False).returncode


if __name__ == '__main__':
    sys.exit(main())
