"""`python tests`: brings the test packages and a real Chromium, then runs pytest with the arguments given here.

The whole suite and whole folders run in several processes, three for two cores; `-n 0` runs them in one.
In CI up to `MOST_UNSTEADY` tests that failed run once more, alone, and are named at the end if they pass then.
"""

import json
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
FAILED = 1
"""What pytest exits with if tests ran and some of them failed."""
MOST_UNSTEADY = 3
"""Of some nine thousand, many of them races of real processes. More than these are no coincidence."""
OWN_CHOICE = ('-n', '--numprocesses', '--dist', '--pdb', '-pno:xdist', 'no:xdist')


def main() -> int:
    ensure_packages('test')
    ensure_packages('cluster')
    os.environ['SYNAPSE_CHROMIUM'] = find_chromium() or install_chromium()
    # The tests start more than a thousand processes, and without compiled files each would compile Synapse first.
    os.environ.pop('PYTHONDONTWRITEBYTECODE', None)
    if has_room(IN_MEMORY):
        os.environ.setdefault('TMPDIR', str(IN_MEMORY))
    os.chdir(ROOT)
    command = [sys.executable, '-m', 'pytest', *sys.argv[1:]]
    status = subprocess.run([*command, *distribution(sys.argv[1:])], check=False).returncode
    return once_more(command) if status == FAILED and os.environ.get('CI') == 'true' else status


def once_more(command: list[str]) -> int:
    """Run the tests that have just failed again, one after the other, and name them as unsteady if all pass now."""
    failed = sorted(json.loads(Path('.pytest_cache/v/cache/lastfailed').read_text(encoding='utf-8')))
    if len(failed) > MOST_UNSTEADY:
        return FAILED
    status = subprocess.run([*command, '--last-failed', '-n', '0'], check=False).returncode
    if status == 0:
        print('UNSTEADY, failed at first and passed alone: look for the cause as you would for that of a failure.')
        print('\n'.join(f'    {test}' for test in failed), flush=True)
    return status


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
