"""A newcomer's first minute: from the first command in a fresh copy of the files to the end of the sample run."""

import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from benchmarks.builds import Bench, git
from benchmarks.chromium import browser
from benchmarks.measuring import OURS, REFERENCE, Figure, Figures, Sides, benchmark
from benchmarks.processes import Tree
from tests.parts.harness import ROOT, SynapseUnderTest

SHIPPED = ('main.py', 'pyproject.toml', 'README.md', 'pages', 'storage', 'synapse', 'docs', 'examples')
PYTHON = str(Path(sys.base_prefix) / 'bin' / f'python{sys.version_info.major}.{sys.version_info.minor}')
"""Outside of any virtual environment, as a newcomer has it: inside of one nothing is installed."""
WITHOUT_CACHE = {'PIP_NO_CACHE_DIR': '1', 'PIP_DISABLE_PIP_VERSION_CHECK': '1'}


@benchmark(
    'first-run',
    'From the first `python main.py` in a fresh copy of the files, without any package and with an empty data folder, '
    'to the end of the sample run, whose button is pressed in a Chromium; pip without its cache.',
    reference='a new virtual environment and `pip install` of the same packages, also without a cache',
    figures={
        'done': Figure(what='first command to the first finished run', unit='s', of_reference=1.5),
        'ready': Figure(what='of that, until the program is ready', unit='s', of_reference=1.2),
        'cpu': Figure(what='processor time until then', unit='s', of_reference=1.3),
        'run': Figure(what='from the press of the button to the finished run', unit='s', limit=60),
    },
    rounds=3,
)
def first_run(bench: Bench) -> Iterator[Sides]:
    numbers = count()
    with browser() as context:
        yield {
            OURS: lambda: of_newcomer(context, bench.folder / f'newcomer{next(numbers)}'),
            REFERENCE: partial(of_install, bench.folder / 'bare'),
        }


def of_newcomer(context: BrowserContext, folder: Path) -> Figures:
    copy = fresh_copy(folder / 'synapse')
    program = SynapseUnderTest(folder / 'data')
    program.variables = WITHOUT_CACHE
    program.root, program.python = copy, PYTHON
    page = context.new_page()
    since = time.perf_counter()
    try:
        program.start(timeout=900)
        ready = time.perf_counter()
        assert program.process is not None
        cpu = Tree(program.process.pid).cpu  # with pip, which it has waited for before it became the program
        pressed = press_sample(page, program)
        page.locator('.steps-next').wait_for(timeout=120_000)
        done = time.perf_counter()
        (run,) = program.api.get('/runs').json()['runs']
        assert run['state'] == 'succeeded', run['error']
    finally:
        page.close()
        program.stop()
        shutil.rmtree(folder)
    return {'done': done - since, 'ready': ready - since, 'cpu': cpu, 'run': done - pressed}


def press_sample(page: Page, program: SynapseUnderTest) -> float:
    """Sign in by the link that was printed and press the one button that stands out; return when."""
    page.goto(program.link)
    sample = page.locator('.hero .is-primary:visible')
    sample.wait_for()
    pressed = time.perf_counter()
    sample.click()
    return pressed


def fresh_copy(place: Path) -> Path:
    for name in git('ls-files', '--', *SHIPPED).splitlines():
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return place


def of_install(place: Path) -> Figures:
    requirements = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['project']['dependencies']
    environment = os.environ | WITHOUT_CACHE
    since, before = time.perf_counter(), os.times()
    subprocess.run([PYTHON, '-m', 'venv', str(place)], check=True)
    pip = [str(place / 'bin' / 'python'), '-m', 'pip', 'install', '--quiet', *requirements]
    subprocess.run(pip, check=True, env=environment, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - since, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    shutil.rmtree(place)
    return {'done': seconds, 'ready': seconds, 'cpu': cpu}
