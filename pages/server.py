"""The running program: lock, port and control room, until a signal stops it; what it serves is in `app`."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NoReturn

import uvicorn

from storage import descriptors
from storage.database import DamagedFile
from storage.files import DiskFull, StorageError, free_bytes, make_private_folder, write_atomically
from storage.folder_lock import FolderLock, LockHeld
from synapse.backup.swapping import is_ready, swap
from synapse.cli.window import log_of, open_window, problem_of_windows
from synapse.control_room import ControlRoom, StopAsked
from synapse.engine.engine import HostNotStarted
from synapse.engine.login import LoginEnvironment, has_terminal
from synapse.garbage import GarbageCollector
from synapse.language import _, _n, answering_in, formats, own_language, spoken
from synapse.records import now_utc
from synapse.roster import RosterChanged
from synapse.settings import Settings, command_with_data

from .app import build_gate, import_rest

CLEAN, NOT_WRITABLE, IN_USE, PORT_IN_USE = 0, 3, 4, 5
LEAST_FREE_BYTES, PROBE_BYTES = 2_000_000, 65_536
"""What a start writes at most, and what is written to see whether more than the free space limits it."""
LEAST_DESCRIPTORS = 64
GRACE_SECONDS = 10.0
AGAIN = 'SYNAPSE_AFTER_DAMAGE'
CALM_LINES = 1_000
"""Fewer log lines a second than this are no flood."""
SWITCH_SECONDS = 0.001
REST_AFTER_SECONDS = 1.0
"""How long after the start to import the rest: a browser that was opened then has its first page."""


class CannotStart(Exception):
    """Synapse cannot start; the text is for people, `code` is the exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def serve(settings: Settings) -> int:
    """Run Synapse until a signal stops it; return the exit code."""
    is_second = os.environ.pop(AGAIN, '') != ''  # programs of runs must not inherit it
    try:
        with _own_folder(settings) as lock, _listener(settings) as listener:
            settings = settings.with_port(listener.getsockname()[1])
            lock.update({'pid': os.getpid(), 'url': settings.url, 'people_url': settings.people_url})
            _run(settings, listener)
            _close_window(settings)
    except CannotStart as error:
        print(spoken(error), file=sys.stderr, flush=True)
        return error.code
    except DamagedFile as error:
        if is_second:
            print(spoken(error), file=sys.stderr, flush=True)
            return NOT_WRITABLE
        _start_again(error)
    except (StorageError, HostNotStarted) as error:
        print(spoken(error), file=sys.stderr, flush=True)
        return NOT_WRITABLE
    return CLEAN


def _start_again(damaged: DamagedFile) -> NoReturn:
    """Start once more after a start that has come upon damage: then the file is recovered before it is used."""
    print(' '.join((spoken(damaged), _('Starting again.'))), file=sys.stderr, flush=True)
    os.environ[AGAIN] = '1'
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this very program


@contextlib.contextmanager
def _own_folder(settings: Settings) -> Iterator[FolderLock]:
    """Make the data folder and hold its lock.

    :raises CannotStart: if the folder cannot be written, its disk is full, or another Synapse uses it
    """
    data = settings.data
    allowed = descriptors.limit()
    if allowed is not None and allowed < LEAST_DESCRIPTORS:
        few = _(
            'Synapse needs {count} file descriptors, and may have {allowed} open.',
            count=LEAST_DESCRIPTORS,
            allowed=allowed,
        )
        raise CannotStart(f'{few} {spoken(descriptors.way_out())}', NOT_WRITABLE)
    try:
        make_private_folder(data)
        if (free := free_bytes(data)) < LEAST_FREE_BYTES:
            raise CannotStart(_full(data, free), NOT_WRITABLE)
        write_atomically(data / '.writable', bytes(PROBE_BYTES))
        (data / '.writable').unlink(missing_ok=True)  # of two that start at once, the other may be first
    except DiskFull as error:
        raise CannotStart(_full(data, 0), NOT_WRITABLE) from error
    except (OSError, StorageError) as error:
        message = _(
            'The data folder {data} cannot be written: {error}. Choose another with --data.', data=data, error=error
        )
        raise CannotStart(message, NOT_WRITABLE) from error
    lock = FolderLock(data)
    try:
        lock.acquire({'pid': os.getpid(), 'url': ''})
    except LockHeld as held:
        pid, url = held.info.get('pid', 'unknown'), held.info.get('url')
        if settings.native and url and not problem_of_windows():
            open_window(settings)
            text = _('Synapse already runs on {data} (pid {pid}, {url}).', data=data, pid=pid, url=url)
            raise CannotStart(' '.join((text, _('Showing its window.'))), CLEAN) from held
        text = _('Synapse already runs on {data} (pid {pid}).', data=data, pid=pid)
        if url:
            text = _('Synapse already runs on {data} (pid {pid}, {url}).', data=data, pid=pid, url=url)
        raise CannotStart(
            ' '.join((text, _('Open it with: {command}', command=command_with_data(settings, 'open')))), IN_USE
        ) from held
    try:
        _use_restored(data)
        yield lock
    finally:
        (data / 'url').unlink(missing_ok=True)
        (data / 'tls.pem').unlink(missing_ok=True)
        lock.release()


def _use_restored(data: Path) -> None:
    """Put a restored folder in place that the last start has prepared.

    :raises CannotSwap: if that is impossible
    """
    if is_ready(data):
        aside = swap(data, now_utc())
        _tell(_('Restored from a backup. What was there before is in {path}.', path=data / aside))


def _full(data: Path, free: int) -> str:
    return _(
        'The disk of the data folder {data} is full: {free} kB are free, and Synapse needs {needed} kB to start. '
        'Free some space, or choose another folder with --data.',
        data=data,
        free=formats.number(free // 1000),
        needed=formats.number(LEAST_FREE_BYTES // 1000),
    )


def _listener(settings: Settings) -> socket.socket:
    """Bind the port, before anything starts: if it is in use, nothing has been scheduled or run.

    :raises CannotStart: if the port is not free
    """
    listener = socket.socket(socket.AF_INET6 if ':' in settings.host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name != 'nt':  # there it would let a second program take the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(512)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        message = _(
            'Port {port} at {host} is not free ({error}). Choose another: --port 0.',
            port=settings.port,
            host=settings.host,
            error=error,
        )
        raise CannotStart(message, PORT_IN_USE) from error
    return listener


def _run(settings: Settings, listener: socket.socket) -> None:
    room = ControlRoom.build(settings, login=None if has_terminal() else LoginEnvironment())
    config = uvicorn.Config(
        build_gate(room),
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws_max_size=1_000_000,
        ws_per_message_deflate=False,  # on loopback it only costs time
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=2,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        server = _Server(
            config,
            on_ready=lambda: _announce(room),
            stop_work=lambda: room.stop_work(grace=GRACE_SECONDS),
            farewell=lambda: _farewell(room),
        )
        runner.run(_live(room, server, listener))
        _tell(_('Stopped.'))


async def _live(room: ControlRoom, server: '_Server', listener: socket.socket) -> None:
    await room.start()
    garbage = GarbageCollector(lambda: room.log.rate.per_second() < CALM_LINES and not room.editor.is_importing)
    garbage.start()
    # Threads read and save lines; while they work, the loop would get its turn only every 5 ms.
    sys.setswitchinterval(SWITCH_SECONDS)
    loop = asyncio.get_running_loop()
    loop.call_later(REST_AFTER_SECONDS, loop.run_in_executor, None, import_rest)
    _announce_cluster(room)
    try:
        _stop_on_signals(server)
        room.bus.subscribe(StopAsked, lambda _: server.stop_once())
        await server.serve(sockets=[listener])
    finally:
        garbage.stop()
        await room.stop(grace=0)


class _Server(uvicorn.Server):
    """Uvicorn that reports when it accepts connections, and lets runs end before it stops.

    :param farewell: what to print when it begins to stop
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_ready: Callable[[], None],
        stop_work: Callable[[], Awaitable[None]],
        farewell: Callable[[], str] = lambda: _('Stopping.'),
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._stop_work = stop_work
        self._farewell = farewell
        self._stopping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Uvicorn would raise the signal again after its shutdown, and the exit code would not be 0.
        yield

    def stop(self) -> None:
        """Let steps end, then stop; if called again, stop at once, as if killed."""
        if self._stopping is not None:
            _tell(_('Stopping at once.'))
            os._exit(CLEAN)  # the warden sees our pipe close and ends every process of every run
        self._stopping = asyncio.get_running_loop().create_task(self._stop())
        _tell(self._farewell())

    def stop_once(self) -> None:
        """Let steps end, then stop; does nothing if that has begun."""
        if self._stopping is None:
            self.stop()

    async def _stop(self) -> None:
        try:
            await self._stop_work()
        finally:
            self.should_exit = True


def _tell(text: str) -> None:
    """Print to standard error, if anybody still reads that: the terminal it was started in may be closed."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _farewell(room: ControlRoom) -> str:
    """Return what to print when it begins to stop: which runs it waits for."""
    live = [run for run in room.runs.live() if not run.state.is_final]
    if not live:
        return _('Stopping.')
    names: str = ', '.join(f'#{run.number}' for run in live[:5])
    if len(live) > 5:
        names = _('{names} and others', names=names)
    return _n(
        'Stopping: run {names} may take {seconds} s to end. Again stops at once.',
        'Stopping: runs {names} may take {seconds} s to end. Again stops at once.',
        len(live),
        names=names,
        seconds=round(GRACE_SECONDS),
    )


def _stop_on_signals(server: _Server) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, server.stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(server.stop))


def _announce(room: ControlRoom) -> None:
    settings = room.settings
    if settings.tls_cert is not None:  # for the command line, which trusts exactly this one
        write_atomically(settings.data / 'tls.pem', settings.tls_cert.read_bytes())
    write_atomically(settings.data / 'url', settings.url.encode())
    # What is opened works once, what is printed as long as this process lives: a terminal keeps it to be clicked again.
    code = room.auth.code_of_start()
    print(f'Synapse is ready at {settings.url}', flush=True)  # in English always: programs wait for it
    if settings.no_link:
        print(_('Open it with: {command}', command=command_with_data(settings, 'open')), flush=True)
    else:
        print(_link(room, settings.url, code), flush=True)
        if settings.people_url != settings.url:
            print(_('From elsewhere: {link}', link=_link(room, settings.people_url, code)), flush=True)
    problem = problem_of_windows() if settings.native else ''
    if problem:
        _tell(problem)
    if settings.native and not problem:
        threading.Thread(target=_show_window, args=[settings], daemon=True).start()
    elif not settings.no_browser:
        link = _link(room, settings.url, room.auth.mint_code())
        threading.Thread(target=webbrowser.open, args=[link], daemon=True).start()


def _announce_cluster(room: ControlRoom) -> None:
    """Print the line by which other machines join as soon as they can and whenever it changes, or why they cannot."""
    roster, told = room.roster, ''
    code = f'$(cat {room.settings.data}/cluster/code)' if room.settings.no_link else ''

    def tell() -> None:
        nonlocal told
        news = roster.command() or roster.problem
        if not news or news == told:
            return
        told = news
        if command := roster.command(code):
            _tell(_('Other machines join with: {command}', command=command))
        else:
            _tell(_('Other machines cannot join. {problem}', problem=roster.problem))

    def tell_in_own_language(message: RosterChanged) -> None:
        with answering_in(own_language()):  # not in that of whoever has drained a machine
            tell()

    tell()
    room.bus.subscribe(RosterChanged, tell_in_own_language)


def _show_window(settings: Settings) -> None:
    code = open_window(settings).wait()
    if code:
        log = log_of(settings.data)
        _tell(_('The window has ended by itself (exit code {code}); {log} may say why.', code=code, log=log))


def _close_window(settings: Settings) -> None:
    """Close the window, if there is one: without a control room it has nothing to show."""
    if log_of(settings.data).exists():
        from synapse.window.instance import CLOSE, tell

        tell(settings.data, CLOSE)


def _link(room: ControlRoom, url: str, code: str) -> str:
    """A link below an address that signs in by a code."""
    return url if room.settings.no_login else f'{url}auth#{code}'
