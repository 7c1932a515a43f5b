"""How long the whole test suite takes; runs only if it is named, since it takes half an hour."""

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.builds import Bench
from benchmarks.measuring import Figure, Figures, Sides, benchmark


@benchmark(
    'suite',
    '`python tests`, the whole suite.',
    reference='none',
    rounds=1,
    is_optional=True,
    figures={'took': Figure(what='python tests, whole suite', unit='s', of_old=0.5)},
)
def suite(bench: Bench) -> Iterator[Sides]:
    yield {side: partial(of_suite, root) for side, root in bench.builds.items()}


def of_suite(root: Path) -> Figures:
    since = time.perf_counter()
    code = subprocess.run([sys.executable, 'tests'], cwd=root, stdout=subprocess.DEVNULL, check=False).returncode
    assert code in (0, 1), f'the suite did not run: {code}'
    return {'took': time.perf_counter() - since}
