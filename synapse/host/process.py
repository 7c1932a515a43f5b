"""What a run host does as a process: it takes its pipes, listens, carries out its one run and exits."""

import atexit
import contextlib
import faulthandler
import gc
import io
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import GeneratorType
from typing import Any, BinaryIO

from synapse.host.capture import capture
from synapse.host.channel import Channel
from synapse.host.children import stop_helpers
from synapse.host.control import Control, Reply
from synapse.host.interrupts import Interrupts
from synapse.host.streams import Stream
from synapse.language import ENGLISH, speak
from synapse.protocol.messages import Do, Hello, HostMessage, Job, Kind

PR_SET_PDEATHSIG = 1
EXIT_SECONDS = 2.0
_HOLD_NOTHING = (io.FileIO, io.BufferedReader, io.BytesIO, io.StringIO)


def run_spawned(answers: int) -> None:
    """Be a run host in a process of its own.

    :param answers: the descriptor for messages
    """
    atexit.register(stop_helpers)  # handlers run in reverse order, so after those of what a step imports
    lead_own_group()
    die_with_parent()
    die_first()
    channel = Channel(answers)
    finish_lines = capture(channel)
    commands = take_input()
    hide_from_children()
    faulthandler.enable(file=2, all_threads=True)
    serve(commands, channel, finish_lines)


def serve(commands: BinaryIO, channel: Channel, finish_lines: Callable[[], None]) -> None:
    """Wait for a job and carry it out; on return at most 2 s are left.

    :param commands: lines of JSON from the control room; at their end this process kills all it has started, and itself
    :param finish_lines: sends printed text that has no line end yet
    """
    control = Control(lambda is_held: channel.send(HostMessage(t=Kind.PAUSED if is_held else Kind.RESUMED)))
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(
        target=_listen, args=(commands, control, jobs, channel), name='synapse-listen', daemon=True
    ).start()

    from synapse.host.job import Runner  # imports Pydantic while a spare has nothing else to do

    interrupts = Interrupts()
    channel.send(Hello(t=Kind.HELLO, pid=os.getpid()))
    job = jobs.get()
    speak(job.get('language', ENGLISH))
    runner = Runner(job, channel, control, interrupts, finish_lines)
    _handle_sigterm(runner, control)
    runner.carry_out()
    _exit_soon(channel)


def take_output() -> int:
    """Take standard output for ourselves; whatever else writes to it, C code and children too, writes to stderr."""
    answers = os.dup(1)
    os.dup2(2, 1)
    return answers


def take_input() -> BinaryIO:
    commands = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return os.fdopen(commands, 'rb')


def lead_own_group() -> None:
    if sys.platform != 'win32' and os.getpgrp() != os.getpid():
        os.setpgid(0, 0)


def die_with_parent() -> None:
    """Have the system kill this process when its parent ends."""
    if sys.platform == 'linux':
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def die_first() -> None:
    """When memory runs out, have the system kill this process and its children rather than the control room."""
    if sys.platform == 'linux':
        with contextlib.suppress(OSError):
            Path('/proc/self/oom_score_adj').write_text('500')


def hide_from_children() -> None:
    """Keep our modules (`main`, `pages`, ...) off the path of programs that a step runs."""
    ours = str(Path(__file__).parents[2])
    kept = [part for part in os.environ.get('PYTHONPATH', '').split(os.pathsep) if part and part != ours]
    if kept:
        os.environ['PYTHONPATH'] = os.pathsep.join(kept)
    else:
        os.environ.pop('PYTHONPATH', None)


def _listen(commands: BinaryIO, control: Control, jobs: 'queue.SimpleQueue[Job]', channel: Channel) -> None:
    for line in commands:
        try:
            command = json.loads(line)
            do = command['do']
        except (ValueError, KeyError, TypeError):
            continue
        if do == Do.RUN:
            jobs.put(command['run'])
        elif do == Do.PAUSE:
            control.pause()
        elif do == Do.RESUME:
            control.resume()
        elif do == Do.CANCEL:
            control.cancel()
        elif do == Do.ANSWER:
            reply = Reply(command.get('answer'), is_expired=bool(command.get('is_expired')))
            control.reply(str(command.get('question')), reply)
        elif do == Do.PING:
            with contextlib.suppress(OSError):
                channel.answer()
    _die()


def _die() -> None:
    """The control room is gone: kill everything this process has started, and itself."""
    with contextlib.suppress(Exception):
        from synapse.host.shell import kill_descendants

        kill_descendants()
    if sys.platform != 'win32':
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def _handle_sigterm(runner: Any, control: Control) -> None:
    """Let SIGTERM interrupt the step after a `cancel`; without one it ends the process as usual."""
    if sys.platform == 'win32':
        return

    host, masks = os.getpid(), threading.local()

    def on_sigterm(*_: object) -> None:
        # A child that was forked a moment ago still has this handler, and a copy of the request to stop.
        if control.cancelled and os.getpid() == host:
            runner.interrupt()
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    # A pool ends its workers with SIGTERM, which has to end each of them. Python forgets a signal that comes while it
    # forks, so it is blocked meanwhile; and one that waits for a lock would miss a handler written in Python, if the
    # signal came a moment before it began to wait.
    def hold() -> None:
        masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def let_go() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.before)

    def be_default() -> None:
        if signal.getsignal(signal.SIGTERM) is on_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        let_go()

    signal.signal(signal.SIGTERM, on_sigterm)
    os.register_at_fork(before=hold, after_in_parent=let_go, after_in_child=be_default)


def _exit_soon(channel: Channel) -> None:
    """Exit in 2 s, whatever threads and exit handlers a step left behind."""

    def exit_now() -> None:
        with contextlib.suppress(OSError):
            channel.flush()
        os._exit(0)

    timer = threading.Timer(EXIT_SECONDS, exit_now)
    timer.daemon = True
    timer.start()


def exit_quickly() -> None:
    """Exit as Python does, but leave the memory to the system unless an object wants to be finalized.

    Freeing it object by object would copy every page that is shared with the zygote.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    stop_helpers()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    gc.collect()
    if not _is_anything_unfinished():
        os._exit(0)


def _is_anything_unfinished() -> bool:
    """Whether an object made by this run does something when it is finalized, such as writing what a file holds."""
    matters: dict[type, bool] = {}
    for item in gc.get_objects():
        kind = type(item)
        if kind not in matters:
            matters[kind] = hasattr(kind, '__del__') and kind not in _HOLD_NOTHING and not issubclass(kind, Stream)
        if matters[kind] and _is_unfinished(item):
            return True
    return False


def _is_unfinished(item: Any) -> bool:
    if isinstance(item, GeneratorType):
        return item.gi_frame is not None and not item.gi_running
    return not (isinstance(item, io.IOBase) and item.closed)
