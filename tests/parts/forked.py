"""The real program without its imports: a fork of a process that did them once for all tests of a worker.

From `main.main` on it is what `python main.py` is, a process of its own on a folder of its own, in a fifth of the time.
Tests of the command line, and of what is read while modules are imported, start a `SynapseUnderTest` instead.
"""

import multiprocessing
import os
import sys
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TextIO

from tests.parts.harness import Process, SynapseUnderTest


def forked(data: Path, *flags: str, **variables: str) -> SynapseUnderTest:
    """A program on this folder, not started yet; on a Mac, whose libraries forbid forks, and on Windows a plain one."""
    kind = _Forked if sys.platform == 'linux' else SynapseUnderTest
    return kind(data, *flags, **variables)


class _Forked(SynapseUnderTest):
    def _launch(self, arguments: list[str]) -> tuple[Process, TextIO]:
        context = multiprocessing.get_context('forkserver')
        context.set_forkserver_preload([__name__, 'tests.parts.imported'])
        reading, writing = context.Pipe(duplex=False)
        with reading, writing:
            process = context.Process(target=_run, args=(writing, arguments, self.variables), daemon=True)
            process.start()
            return _Process(process), os.fdopen(os.dup(reading.fileno()), encoding='utf-8')


class _Process:
    """What tests use of `subprocess.Popen`, for a process that the fork server has started."""

    def __init__(self, process: BaseProcess) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self._process = process

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f'process {self.pid} did not end within {timeout} s')
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def _run(output: Connection, arguments: list[str], variables: dict[str, str]) -> None:
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    os.environ.update(variables)
    time.tzset()
    from main import main

    sys.exit(main(arguments))
