"""The real program and the real run host without their imports: forks of a process that did them once per worker.

From `main.main` on it is what `python main.py` is, a process of its own on a folder of its own, in a fifth of the time;
so is a run host, as it is on Linux anyway. Tests of the command line, and of what is read while modules are imported,
start a `SynapseUnderTest` instead.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO, TextIO

from tests.parts.harness import ROOT, Process, SynapseUnderTest


def forked(data: Path, *flags: str, **variables: str) -> SynapseUnderTest:
    """A program on this folder, not started yet; on a Mac, whose libraries forbid forks, and on Windows a plain one."""
    kind = Forked if sys.platform == 'linux' else SynapseUnderTest
    return kind(data, *flags, **variables)


class Forked(SynapseUnderTest):
    """A forked program (Linux only).

    `before` is called in its process before it starts: a function of a module.
    """

    before: Callable[[], object] | None = None

    def _launch(self, arguments: list[str]) -> tuple[Process, TextIO]:
        reading, writing = multiprocessing.Pipe(duplex=False)
        with reading, writing:
            process = _context().Process(
                target=_run, args=(writing, arguments, self.variables, self.before), daemon=True
            )
            process.start()
            return _Process(process), os.fdopen(os.dup(reading.fileno()), encoding='utf-8')


def forked_host(environment: dict[str, str]) -> 'ForkedHost':
    """A process with this environment that is what `python -m synapse.host` is (Linux only)."""
    commands, telling = multiprocessing.Pipe(duplex=False)
    hearing, answers = multiprocessing.Pipe(duplex=False)
    with commands, telling, hearing, answers:
        process = _context().Process(target=_run_host, args=(commands, answers, environment), daemon=True)
        process.start()
        return ForkedHost(process, os.fdopen(os.dup(telling.fileno()), 'wb'), os.fdopen(os.dup(hearing.fileno()), 'rb'))


def _context() -> ForkServerContext:
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([__name__, 'tests.parts.imported'])
    return context


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


class ForkedHost(_Process):
    """A run host with its pipes."""

    def __init__(self, process: BaseProcess, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        super().__init__(process)
        self.stdin, self.stdout = stdin, stdout


def _run_host(commands: Connection, answers: Connection, environment: dict[str, str]) -> None:
    os.setsid()
    os.dup2(commands.fileno(), 0)
    os.dup2(answers.fileno(), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    commands.close()
    answers.close()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    time.tzset()
    from synapse.host.__main__ import main

    sys.exit(main([]))


def _run(
    output: Connection, arguments: list[str], variables: dict[str, str], before: Callable[[], object] | None
) -> None:
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    os.environ.update(variables)
    time.tzset()
    if before is not None:
        before()
    from main import main

    sys.exit(main(arguments))
