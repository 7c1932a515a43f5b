"""Runs the programs that a step starts, passes their output on, and stops their whole tree with the run."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import psutil

if sys.platform == 'linux':
    import fcntl

from synapse.language import _
from synapse.pipelines.pipeline import StepFailed

from . import terminal
from .control import Cancelled, Control
from .not_found import not_started
from .stopping import PLAIN_STOP, StopRule, descendants, end_program, for_each, kill_family

PIPE_BYTES = 1024**2
BUSY_BYTES, BUSY_SECONDS = 16 * 1024, 0.002
_POLL_SECONDS = 0.1
_FULL_SECONDS = 0.01


class Output(Protocol):
    """Takes what a program prints."""

    @property
    def is_backed_up(self) -> bool:
        """Whether so much waits to be logged that the program has to wait."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere."""

    def finish(self) -> None:
        """Take the end of the output, which may be in the middle of a line."""


class Source(Protocol):
    """Where the output of a program is read from."""

    def read(self) -> bytes:
        """Wait for the next bytes; empty at the end."""

    def close(self) -> None:
        """Read no more."""


OnStop = Callable[[int | None], None]

_running: set[subprocess.Popen[bytes]] = set()


def run_program(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float | None,
    control: Control,
    output: Output,
    can_hold: bool = False,
    columns: int | None = None,
    stop: StopRule = PLAIN_STOP,
    on_stop: OnStop = lambda killed: None,
) -> int:
    """Run a program to its end and return its exit code, negative for the signal that ended it.

    :param output: is fed in this thread with what the program prints, both streams in order
    :param timeout: seconds, not counting the time for which the run is paused
    :param can_hold: whether to suspend it with its children while the run is paused
    :param columns: of a terminal to run it in; None for none
    :param stop: how it is ended if this function has to end it
    :param on_stop: called with None before that, and after it with how many processes had to be killed
    :raises StepFailed: if it cannot be started or takes too long
    :raises Cancelled: if the run is asked to stop, once the program and its children are gone
    """
    control.gate()
    process, source = _started(argv, cwd, env, columns if terminal.IS_AVAILABLE else None)
    _running.add(process)
    chunks: queue.Queue[bytes] = queue.Queue(maxsize=4)
    is_over = threading.Event()
    threading.Thread(target=_read, args=(source, chunks, is_over), daemon=True).start()
    try:
        _follow(process, chunks, output, control, _deadline(timeout, control, argv), can_hold)
        return process.wait()
    finally:
        try:
            if process.poll() is None:
                on_stop(None)
                on_stop(end_program(process, stop, _listener(chunks, output)))
        finally:
            is_over.set()
            _running.discard(process)


def kill_descendants() -> None:
    """Kill all programs that steps have started, with their groups and children."""
    family = descendants(os.getpid())
    for process in tuple(_running):
        kill_family(process.pid, [])
    for_each(family, psutil.Process.kill)


def _listener(chunks: 'queue.Queue[bytes]', output: Output) -> Callable[[float], bool]:
    """Return a function that passes on the last words of a program, whatever becomes of them."""
    is_wanted = True

    def listen(seconds: float) -> bool:
        nonlocal is_wanted
        try:
            data = b'' if output.is_backed_up else chunks.get(timeout=seconds)
        except queue.Empty:
            return False
        try:
            if data and is_wanted:
                output.feed(data)
        except Exception:  # of `on_line`: the step has failed already, or is being stopped
            is_wanted = False
        return bool(data)

    return listen


def _started(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], columns: int | None
) -> 'tuple[subprocess.Popen[bytes], Source]':
    program = argv[0]
    if not cwd.is_dir():
        raise StepFailed(_('{program} cannot start in {cwd}: there is no such folder.', program=program, cwd=cwd))
    try:
        if columns is not None:
            return _started_in_terminal(argv, cwd, env, columns)
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
        return process, _Pipe(process)
    except OSError as error:
        raise not_started(program, cwd, error) from error


def _started_in_terminal(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], columns: int
) -> 'tuple[subprocess.Popen[bytes], Source]':
    screen = terminal.Terminal(columns)
    try:
        command = screen.command(argv, cwd, env)
        none = subprocess.DEVNULL
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=none, stdout=none, stderr=none, start_new_session=True
        )
    except BaseException:
        screen.release()
        screen.close()
        raise

    def release_at_end() -> None:
        process.wait()
        screen.release()

    threading.Thread(target=release_at_end, daemon=True).start()
    return process, screen


class _Pipe:
    def __init__(self, process: 'subprocess.Popen[bytes]') -> None:
        self._file = process.stdout
        self._fd = self._file.fileno() if self._file else -1
        _widen(self._fd)

    def read(self) -> bytes:
        return os.read(self._fd, PIPE_BYTES)

    def close(self) -> None:
        if self._file:
            self._file.close()


def _read(source: Source, chunks: 'queue.Queue[bytes]', is_over: threading.Event) -> None:
    # Keeps reading after the program: a background child that has the pipe would die of writing to a closed one.
    read_at = 0.0
    while True:
        data = source.read()
        before, read_at = read_at, time.monotonic()
        if len(data) > BUSY_BYTES or read_at - before < 2 * BUSY_SECONDS:
            time.sleep(BUSY_SECONDS)  # a program that prints much must not wait for us at every line
        while not is_over.is_set():
            try:
                chunks.put(data, timeout=_POLL_SECONDS)
                break
            except queue.Full:
                continue
        if not data:
            source.close()
            return


def _widen(pipe: int) -> None:
    """Raise the capacity of a pipe from the usual 64 KB, where the system can."""
    if sys.platform == 'linux':
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _follow(
    process: 'subprocess.Popen[bytes]',
    chunks: 'queue.Queue[bytes]',
    output: Output,
    control: Control,
    check_deadline: Callable[[], None],
    can_hold: bool,
) -> None:
    """Pass output on until it ends, or until the program has ended and only a child keeps the pipe open."""
    has_ended = False
    while True:
        if control.cancelled:
            raise Cancelled
        check_deadline()
        if output.is_backed_up:  # not left to `output`, which has no deadline to check while it waits
            time.sleep(_FULL_SECONDS)
            if can_hold:
                _hold(process, control)
            continue
        try:
            data = chunks.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            if has_ended:
                break
            has_ended = process.poll() is not None
            if can_hold:
                _hold(process, control)
            continue
        if not data:
            break
        if can_hold:  # before the output is passed on: `output` may hold too, while the program would keep running
            _hold(process, control)
        output.feed(data)
    output.finish()
    while process.poll() is None:
        try:
            process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            check_deadline()
            if control.cancelled:
                raise Cancelled from None


def _hold(process: 'subprocess.Popen[bytes]', control: Control) -> None:
    """While the run is paused, suspend the program with its children; resume them even if the run is stopped.

    :raises Cancelled: if the run is asked to stop
    """
    if not control.is_pausing or process.poll() is not None:
        return
    family = [psutil.Process(process.pid), *descendants(process.pid)]
    for_each(family, psutil.Process.suspend)
    try:
        control.gate()
    finally:
        # A suspended program could not even receive SIGTERM, let alone clean up.
        for_each(family, psutil.Process.resume)


def _deadline(timeout: float | None, control: Control, argv: Sequence[str]) -> Callable[[], None]:
    begun = control.clock()

    def check() -> None:
        if timeout is not None and control.clock() - begun > timeout:
            raise StepFailed(
                _('{name} took longer than {timeout:g} s and was stopped.', name=Path(argv[0]).name, timeout=timeout)
            )

    return check
