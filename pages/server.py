"""The running program: lock, port and control room, until a signal stops it; what it serves is in `app`."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Awaitable, Callable, Iterator

import uvicorn

from storage.files import StorageError, make_private_folder, write_atomically
from storage.folder_lock import FolderLock, LockHeld
from synapse.control_room import ControlRoom
from synapse.engine.login import LoginEnvironment, has_terminal
from synapse.garbage import GarbageCollector
from synapse.settings import Settings

from .app import build_gate, import_rest

CLEAN, NOT_WRITABLE, IN_USE, PORT_IN_USE = 0, 3, 4, 5
GRACE_SECONDS = 10.0
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
    try:
        with _own_folder(settings) as lock, _listener(settings) as listener:
            settings = settings.with_port(listener.getsockname()[1])
            lock.update({'pid': os.getpid(), 'url': settings.url})
            _run(settings, listener)
    except CannotStart as error:
        print(error, file=sys.stderr, flush=True)
        return error.code
    except StorageError as error:
        print(error, file=sys.stderr, flush=True)
        return NOT_WRITABLE
    return CLEAN


@contextlib.contextmanager
def _own_folder(settings: Settings) -> Iterator[FolderLock]:
    """Make the data folder and hold its lock.

    :raises CannotStart: if the folder cannot be written, or another Synapse uses it
    """
    data = settings.data
    try:
        make_private_folder(data)
        write_atomically(data / '.writable', b'')
        (data / '.writable').unlink()
    except (OSError, StorageError) as error:
        message = f'The data folder {data} cannot be written: {error}. Choose another with --data.'
        raise CannotStart(message, NOT_WRITABLE) from error
    lock = FolderLock(data)
    try:
        lock.acquire({'pid': os.getpid(), 'url': ''})
    except LockHeld as held:
        pid, url = held.info.get('pid', 'unknown'), held.info.get('url')
        message = f'Synapse already runs on {data} (pid {pid}{f", {url}" if url else ""}). '
        raise CannotStart(f'{message}Open it with: python main.py open', IN_USE) from held
    try:
        yield lock
    finally:
        (data / 'url').unlink(missing_ok=True)
        lock.release()


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
        message = f'Port {settings.port} at {settings.host} is not free ({error}). Choose another: --port 0.'
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
        timeout_graceful_shutdown=2,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        server = _Server(
            config, on_ready=lambda: _announce(room), stop_work=lambda: room.stop_work(grace=GRACE_SECONDS)
        )
        runner.run(_live(room, server, listener))


async def _live(room: ControlRoom, server: '_Server', listener: socket.socket) -> None:
    await room.start()
    garbage = GarbageCollector(lambda: room.log.rate.per_second() < CALM_LINES)
    garbage.start()
    # Threads read and save lines; while they work, the loop would get its turn only every 5 ms.
    sys.setswitchinterval(SWITCH_SECONDS)
    loop = asyncio.get_running_loop()
    loop.call_later(REST_AFTER_SECONDS, loop.run_in_executor, None, import_rest)
    try:
        _stop_on_signals(server)
        await server.serve(sockets=[listener])
    finally:
        garbage.stop()
        await room.stop(grace=0)


class _Server(uvicorn.Server):
    """Uvicorn that reports when it accepts connections, and lets runs end before it stops."""

    def __init__(
        self, config: uvicorn.Config, *, on_ready: Callable[[], None], stop_work: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._stop_work = stop_work
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
            print('Stopping at once.', file=sys.stderr, flush=True)
            os._exit(CLEAN)  # the warden sees our pipe close and ends every process of every run
        print(f'Stopping: steps have {GRACE_SECONDS:.0f} s to end. Again stops at once.', file=sys.stderr, flush=True)
        self._stopping = asyncio.get_running_loop().create_task(self._stop())

    async def _stop(self) -> None:
        try:
            await self._stop_work()
        finally:
            self.should_exit = True


def _stop_on_signals(server: _Server) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, server.stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(server.stop))


def _announce(room: ControlRoom) -> None:
    settings = room.settings
    write_atomically(settings.data / 'url', settings.url.encode())
    link = settings.url if settings.no_login else f'{settings.url}auth#{room.auth.mint_code()}'
    print(f'Synapse is ready at {settings.url}', flush=True)
    print(link, flush=True)
    if settings.native:
        # In a process of its own: the toolkit of a window needs the main thread, and so does our event loop.
        subprocess.Popen([sys.executable, '-m', 'pages.shell.window', link])
    elif not settings.no_browser:
        threading.Thread(target=webbrowser.open, args=[link], daemon=True).start()
