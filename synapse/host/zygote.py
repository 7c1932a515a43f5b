"""The process from which run hosts are forked: single-threaded, with everything imported that a run needs.

The first one is started by the control room and knows the built-in pipelines. One for each pipeline file in use is
forked from it and has imported that file. Each answers on a socket of whole messages (`SOCK_SEQPACKET`); a request
comes with the descriptors for the new process.

Linux gives orphans to their nearest ancestor that asked for them (prctl(2), PR_SET_CHILD_SUBREAPER). A run host asks,
so whatever left its session and parent is still below it; when the host ends, that comes to the zygote, which ends it.
So a run whose host is gone and whose zygote has no children left has left nothing behind, however it tried to hide.
"""

import contextlib
import ctypes
import faulthandler
import gc
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from storage.foreign_words import system_words
from synapse.host import process
from synapse.host.capture import capture
from synapse.host.channel import Channel
from synapse.host.imported import ImportWatch
from synapse.language import speak
from synapse.protocol.environment import HOST_TAG, PREFIX, RUN_ID
from synapse.protocol.messages import CANNOT_IMPORT, Check, Fork, Forked, HostExited, Ready

PR_SET_CHILD_SUBREAPER = 36
MESSAGE_BYTES = 64 * 1024
LEFTOVER_SECONDS = 3.0
COMMAND_LENGTH = 300
REPORTED = 50
"""How many leftovers are named; a message has an end."""
BUILT_IN = ('publish_video', 'run_command', 'backup_folder', 'restore_folder')

_libc = ctypes.CDLL(None)
_libc.getenv.restype = ctypes.c_void_p
_tag_place = _libc.getenv(HOST_TAG.encode())
"""Where the tag is in the environment that the system shows. It is still there after the variable was removed."""

Task = Callable[[], None]


def main(descriptor: int) -> int:
    """Serve the control room until it closes the socket."""
    process.lead_own_group()
    process.die_with_parent()
    process.die_first()
    process.take_input()
    process.hide_from_children()
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]  # what a file keeps of its environment when it is imported ends up in programs of its runs
    faulthandler.enable(file=2, all_threads=True)
    channel = Channel()
    finish_lines = capture(channel)
    hosts = _Hosts(channel, finish_lines, ImportWatch())
    try:
        _import_what_runs_need()
        zygote = Zygote(socket.socket(fileno=descriptor), hosts)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        return 1
    return _serve(zygote)


def _serve(zygote: 'Zygote') -> int:
    """Serve, and in each child do what it was forked for; only the children of this get to its end."""
    task = zygote.serve()
    task()
    return 0


def _import_what_runs_need() -> None:
    import importlib

    from synapse.host import job, questions, run, shell  # noqa: F401  they stay in this process

    for name in BUILT_IN:
        with contextlib.suppress(Exception):  # a package it needs is broken: its runs say so
            importlib.import_module(f'synapse.builtin.{name}')


class Zygote:
    """Forks as it is asked to, and reports and cleans up after its children.

    :param link: where requests come from and answers go
    :param reason: why no run should be forked from it; empty if that is safe
    """

    def __init__(self, link: socket.socket, hosts: '_Hosts', *, reason: str = '') -> None:
        self._link = link
        self._hosts = hosts
        self._children: dict[int, str] = {}
        self._runs: dict[str, str] = {}
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._wake, self._woken = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # What is here now is never garbage: collections of the children leave it alone, and so don't copy its pages.
        gc.collect()
        gc.freeze()
        self._send(Ready(t='ready', reason=reason))

    def serve(self) -> Task:
        """Serve until the control room is gone, and exit then; in a child, return what it has to do."""
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if self._link.fileno() in ready:
                data, descriptors, _, _ = socket.recv_fds(self._link, MESSAGE_BYTES, 4, socket.MSG_CMSG_CLOEXEC)
                if not data:
                    self._end()
                task = self._fork(json.loads(data), descriptors)
                if task is not None:
                    return task

    def _fork(self, request: Fork, descriptors: list[int]) -> Task | None:
        """Fork and return None; in the child, return its task."""
        if self._hosts.watch.is_stale:
            self._answer(request, descriptors, error='stale')
            return None
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self._answer(request, descriptors, error=system_words(error))
            return None
        if pid:
            self._children[pid] = request['id']
            self._runs[request['id']] = request['run']
            self._answer(request, descriptors, pid=pid)
            return None
        self._become_child(request['id'], parent)
        return self._hosts.task(request, descriptors)

    def _answer(self, request: Fork, descriptors: Sequence[int], *, pid: int = 0, error: str = '') -> None:
        for descriptor in descriptors:
            os.close(descriptor)
        self._send(Forked(t='forked', id=request['id'], pid=pid, error=error))

    def _become_child(self, host_id: str, parent: int) -> None:
        os.setsid()
        process.die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self._wake)
        os.close(self._woken)
        self._link.close()
        _tag(host_id)

    # Children that end, and what they leave behind

    def _reap(self) -> None:
        ended: list[tuple[str, int]] = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            if pid in self._children:
                ended.append((self._children.pop(pid), os.waitstatus_to_exitcode(status)))
        if not ended:
            return
        orphans = self._end_orphans()
        tags = {tag for host_id, _ in ended for tag in (host_id, self._runs[host_id])}
        for host_id, code in ended:
            left, own = None, {host_id, self._runs.pop(host_id)}
            if orphans is not None:
                # Of one that hides its environment nobody knows whose it was, if several ended at the same moment.
                mine = [item for item in orphans if item[2] in own or item[2] not in tags]
                orphans = [item for item in orphans if item not in mine]
                left = [(pid, command) for pid, command, _ in mine[:REPORTED]]
            self._send(HostExited(t='exit', id=host_id, code=code, left=left))

    def _end_orphans(self) -> list[tuple[int, str, str]] | None:
        """Kill what has come to this process from hosts that are gone, until nothing more comes.

        :return: pid, command and tag (see `_tag_of`) of each; None if some could not be ended within 3 s
        """
        found: dict[int, tuple[int, str, str]] = {}
        deadline = time.monotonic() + LEFTOVER_SECONDS
        while orphans := [pid for pid in _children() if pid not in self._children]:
            if time.monotonic() > deadline:
                return None
            for pid in orphans:
                if pid not in found and (command := _command(pid)):
                    found[pid] = pid, command, _tag_of(pid)
                _kill(pid)
            for pid in orphans:
                _wait(pid, 0.01)
        return list(found.values())

    def _end(self) -> None:
        """The control room is gone: end everything below this process, and the process itself."""
        deadline = time.monotonic() + LEFTOVER_SECONDS
        while (children := _children()) and time.monotonic() < deadline:
            for pid in children:
                _kill(pid)
            for pid in children:
                _wait(pid, 0.01)
        os._exit(0)

    def _send(self, message: Ready | Forked | HostExited) -> None:
        try:
            self._link.send(json.dumps(message).encode())
        except OSError:
            self._end()


class _Hosts:
    """What the children do. Their streams were captured before the file was imported, which may have kept them."""

    def __init__(self, channel: Channel, finish_lines: Callable[[], None], watch: ImportWatch) -> None:
        self.watch = watch
        self._channel = channel
        self._finish_lines = finish_lines

    def task(self, request: Fork, descriptors: list[int]) -> Task:
        """Take the descriptors of this new process, and return what it has to do."""
        commands, answers, errors = descriptors[:3]
        for target in (1, 2):
            os.dup2(errors, target)
        os.close(errors)
        speak(request['language'])
        if request['do'] == 'host':
            return lambda: self._host(commands, answers)
        if request['do'] == 'describe':
            return lambda: self._describe(answers, request)
        if request['do'] == 'check':
            return lambda: self._check(commands, answers, request)
        return lambda: self._zygote(descriptors[3], request)

    def _host(self, commands: int, answers: int) -> None:
        _renew_randomness()
        self._channel.open(answers)
        self._finish_lines()
        process.serve(os.fdopen(commands, 'rb'), self._channel, self._finish_lines)
        process.exit_quickly()

    def _describe(self, answers: int, request: Fork) -> None:
        from synapse.host import questions
        from synapse.pipelines.describe import describe_file

        self._channel.write_plain()
        questions.give(answers, describe_file(request['file'], request['origin']))
        os._exit(0)

    def _check(self, commands: int, answers: int, request: Fork) -> None:
        """Check parameters, one set after the other."""
        from synapse.host import questions

        self._channel.write_plain()
        self._import(request)
        with os.fdopen(commands, 'rb', closefd=False) as lines:
            for line in lines:
                if self.watch.is_stale:
                    break
                check: Check = json.loads(line)
                speak(check['language'])
                answer = questions.validate(
                    request['file'],
                    check['name'],
                    request['origin'],
                    check.get('model', ''),
                    parameters=check['parameters'],
                )
                questions.give(answers, {**answer, 'is_last': bool(self.watch.reason)})
        os._exit(0)

    def _import(self, request: Fork) -> None:
        """Import the file here, unless the parent has; what it raises is told by whoever needs it."""
        try:
            self.watch.load(request['file'], request['origin'])
        except BaseException:
            self.watch.reason = self.watch.reason or CANNOT_IMPORT

    def _zygote(self, link: int, request: Fork) -> None:
        self._import(request)
        sys.exit(_serve(Zygote(socket.socket(fileno=link), self, reason=self.watch.reason)))


def _renew_randomness() -> None:
    """Give this process random numbers of its own, as `random` does by itself."""
    numpy_random = sys.modules.get('numpy.random')
    if numpy_random is not None:
        numpy_random.seed()


def _tag(host_id: str) -> None:
    """Write the tag into our environment as the system shows it, which forks share with their parent."""
    ctypes.memmove(_tag_place, host_id.encode(), len(host_id))


def _children() -> list[int]:
    pid = os.getpid()
    return [int(child) for child in Path(f'/proc/{pid}/task/{pid}/children').read_bytes().split()]


def _tag_of(pid: int) -> str:
    """Return the id of its run, or of its host where it was forked without becoming another program."""
    try:
        entries = Path(f'/proc/{pid}/environ').read_bytes().decode('utf-8', 'replace').split('\0')
    except OSError:
        return ''
    variables = dict(entry.split('=', 1) for entry in entries if '=' in entry)
    return variables.get(RUN_ID) or variables.get(HOST_TAG, '')


def _command(pid: int) -> str:
    """Return its command line, empty if it is a zombie or gone."""
    try:
        return (
            Path(f'/proc/{pid}/cmdline')
            .read_bytes()
            .rstrip(b'\0')
            .replace(b'\0', b' ')
            .decode('utf-8', 'replace')[:COMMAND_LENGTH]
        )
    except OSError:
        return ''


def _kill(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def _wait(pid: int, seconds: float) -> None:
    """Wait for a killed child, and at most so long, since the system may keep it alive."""
    until = time.monotonic() + seconds
    with contextlib.suppress(ChildProcessError):
        while not os.waitpid(pid, os.WNOHANG)[0] and time.monotonic() < until:
            time.sleep(0.0005)
