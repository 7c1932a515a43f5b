"""`python tests/check.py`: format, lint, types and staircase in one command, the same at home and in CI."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from main import ensure_packages  # noqa: E402 - the path above must come first

_PROGRAM_ALONE = ('-ee', 'tests/', '-ee', 'benchmarks/', '-ee', 'scripts/', '-oddg', 'test', '--ignore', 'DEP002')
CHECKS = (
    ('ruff', 'format', '--check', '.'),
    ('ruff', 'check', '.'),
    ('mypy',),
    ('lint-imports',),
    # Everything imported is declared, and everything declared is used, tests and their extra included;
    ('deptry', '.'),
    # and the program itself takes nothing from the extra of the tests.
    ('deptry', '.', *_PROGRAM_ALONE),
)


def main() -> int:
    ensure_packages('test')
    folder = str(Path(sys.executable).parent)
    failed = []
    for name, *arguments in CHECKS:
        print(f'== {name} {" ".join(arguments)}', flush=True)
        command = [shutil.which(name, path=folder) or name, *arguments]
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            failed.append(name)
    if failed:
        print(f'Not yet: {", ".join(failed)}', file=sys.stderr)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
