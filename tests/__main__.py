"""`python tests`: brings the test packages and a real Chromium, then runs pytest with the arguments given here.

The whole suite and whole folders run in several processes, three for two cores; `-n 0` runs them in one.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from main import ensure_packages  # noqa: E402 - the path above must come first
from tests.parts.chromium import find_chromium, install_chromium  # noqa: E402

PROCESSES_PER_CORE = 1.5
"""With one per core a quarter of the time of browser tests is waiting, and a third of that of page tests."""
MOST_PROCESSES = 6
"""However many cores there are: each process has a browser and a program or two."""
IN_MEMORY = Path('/dev/shm')
"""Where tests keep their files if they fit: each program and each room waits for the disk some fifty times."""
MOST_BYTES = 6_000_000_000
OWN_CHOICE = ('-n', '--numprocesses', '--dist', '--pdb', '-pno:xdist', 'no:xdist')


def main() -> int:
    ensure_packages('test')
    os.environ['SYNAPSE_CHROMIUM'] = find_chromium() or install_chromium()
    # The tests start more than a thousand processes, and without compiled files each would compile Synapse first.
    os.environ.pop('PYTHONDONTWRITEBYTECODE', None)
    if has_room(IN_MEMORY):
        os.environ.setdefault('TMPDIR', str(IN_MEMORY))
    os.chdir(ROOT)
    command = [sys.executable, '-m', 'pytest', *distribution(sys.argv[1:]), *sys.argv[1:]]
    return subprocess.run(command, check=False).returncode


def distribution(arguments: list[str]) -> list[str]:
    """Options that spread the tests over processes; none if single files are named or `arguments` choose themselves."""
    count = min(int(usable_cores() * PROCESSES_PER_CORE), MOST_PROCESSES)
    if count == 1 or any(argument.startswith(OWN_CHOICE) or is_file(argument) for argument in arguments):
        return []
    # All tests of a file run in one process, since many share a program and a browser. Files are started in the order
    # of their folders, the long browser tests first; pytest-xdist would start them last, as they have few tests each.
    return ['-n', str(count), '--dist', 'loadfile', '--no-loadscope-reorder']


def has_room(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > MOST_BYTES


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def is_file(argument: str) -> bool:
    return not argument.startswith('-') and argument.partition('::')[0].endswith('.py')


if __name__ == '__main__':
    sys.exit(main())
