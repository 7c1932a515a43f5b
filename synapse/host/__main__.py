"""`python -m synapse.host`: reads one job from standard input, carries it out, reports on standard output.

`python -m synapse.host describe FILE [ORIGIN]` and `... validate FILE CLASS [ORIGIN]` answer with one line and exit.
"""

import contextlib
import faulthandler
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from synapse import zone_data
from synapse.host.channel import Channel
from synapse.host.control import Control
from synapse.host.streams import capture
from synapse.protocol.messages import Do, Hello, HostMessage, Job, Kind

PR_SET_PDEATHSIG = 1
EXIT_SECONDS = 2.0


def main(arguments: list[str]) -> int:
    answers = _take_output()
    zone_data.adopt_from_environment()
    if not arguments:
        return _host(answers)
    _hide_from_children()
    answer = f'{json.dumps(_answer(*arguments))}\n'.encode()
    while answer:
        answer = answer[os.write(answers, answer) :]
    os._exit(0)  # threads that the file has started would keep this process alive


def _answer(question: str, file: str, *rest: str) -> dict[str, Any]:
    from synapse.pipelines.describe import describe_file, validate_parameters

    if question == 'describe':
        return describe_file(file, *rest)
    if question == 'validate':
        from synapse.pipelines.load import load_pipeline
        from synapse.sentences import WHOLE

        parameters = json.load(sys.stdin)
        try:
            return validate_parameters(load_pipeline(rest[0], file, *rest[1:]), parameters)
        except BaseException as error:  # the file broke since it was described
            return {'ok': False, 'fields': {WHOLE: f'The pipeline could not be loaded: {error}'}}
    raise SystemExit(f'synapse.host: unknown question {question!r}')


def _host(answers: int) -> int:
    _lead_own_group()
    _die_with_parent()
    commands = _take_input()
    _hide_from_children()
    faulthandler.enable(file=2, all_threads=True)
    channel = Channel(answers)
    finish_lines = capture(channel)
    control = Control(lambda is_held: channel.send(HostMessage(t=Kind.PAUSED if is_held else Kind.RESUMED)))
    jobs: queue.Queue[Job] = queue.Queue()
    threading.Thread(target=_listen, args=(commands, control, jobs), name='synapse-listen', daemon=True).start()

    from synapse.host.job import Runner  # imports Pydantic while a spare has nothing else to do

    channel.send(Hello(t=Kind.HELLO, pid=os.getpid()))
    runner = Runner(jobs.get(), channel, control, finish_lines)
    _handle_sigterm(runner, control)
    runner.carry_out()
    _exit_soon(channel)
    return 0


def _take_output() -> int:
    """Take standard output for ourselves; whatever else writes to it, C code and children too, writes to stderr."""
    answers = os.dup(1)
    os.dup2(2, 1)
    return answers


def _take_input() -> BinaryIO:
    commands = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return os.fdopen(commands, 'rb')


def _lead_own_group() -> None:
    if sys.platform != 'win32' and os.getpgrp() != os.getpid():
        os.setpgid(0, 0)


def _die_with_parent() -> None:
    if sys.platform != 'linux':
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # When memory runs out, the system should kill this process rather than the control room.
    with contextlib.suppress(OSError):
        Path('/proc/self/oom_score_adj').write_text('500')


def _hide_from_children() -> None:
    """Keep our modules (`main`, `pages`, ...) off the path of programs that a step runs."""
    ours = str(Path(__file__).parents[2])
    kept = [part for part in os.environ.get('PYTHONPATH', '').split(os.pathsep) if part and part != ours]
    if kept:
        os.environ['PYTHONPATH'] = os.pathsep.join(kept)
    else:
        os.environ.pop('PYTHONPATH', None)


def _listen(commands: BinaryIO, control: Control, jobs: 'queue.Queue[Job]') -> None:
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

    def on_sigterm(*_: object) -> None:
        if control.cancelled:
            runner.interrupt()
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, on_sigterm)


def _exit_soon(channel: Channel) -> None:
    """Exit in 2 s, whatever threads and exit handlers a step left behind."""

    def exit_now() -> None:
        with contextlib.suppress(OSError):
            channel.flush()
        os._exit(0)

    timer = threading.Timer(EXIT_SECONDS, exit_now)
    timer.daemon = True
    timer.start()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
