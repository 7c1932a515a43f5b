"""Fixtures that hand out real parts: a real program on a temporary folder, a real browser."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from synapse.recurrence.zones import use_newest_data
from tests.parts.chromium import find_chromium
from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest


def pytest_configure() -> None:
    """As the program does at its start: otherwise the first room would change the rules of zones for later tests."""
    use_newest_data()
    # A shell lets what it starts in the background ignore Ctrl-C, and all that is started by that, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Programs without a terminal ask the login shell for its PATH: a process of some weight for each of a thousand.
    os.environ['SHELL'] = '/bin/true'
    # How long an example takes by the clock says nothing on a machine that others use.
    settings.register_profile('synapse', deadline=None)
    settings.load_profile('synapse')


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    return _ByFile(config, log) if config.getvalue('dist') == 'loadfile' else None


class _ByFile(LoadFileScheduling):
    """All tests of a file in one process, and all that look at the demo, since making it takes as long as they do.

    Those of the fault sweep are apart by operation: together they would be the last to end.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith('tests/fault/test_fault_sweep.py'):
            return nodeid.rpartition('-')[0]
        return 'demo' if nodeid.startswith('tests/scripts/') else super()._split_scope(nodeid)


@pytest.fixture(scope='module', autouse=True)
def fresh_garbage() -> None:
    """Let the collector look at nothing but what this module makes.

    Each simulated page collects twice. With all that imports, collection and earlier modules have left, a test of
    pages would wait half a second for that.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_task_of_another_loop() -> None:
    """Drop what a test has left of tasks of NiceGUI on a closed loop: its next stop would wait for these for ever."""
    if tasks := sys.modules.get('nicegui.background_tasks'):
        for task in [task for task in tasks.running_tasks if task.get_loop().is_closed()]:
            tasks.running_tasks.discard(task)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    """A running Synapse of this test's own."""
    program = forked(tmp_path / 'data', '--workers', '2').start()
    yield program
    program.stop()


@pytest.fixture(scope='session')
def chromium_path() -> str | None:
    """A browser of this machine; None lets Playwright look for its own."""
    return find_chromium()
