"""The real program under test: started, used, killed and restarted; and a real Chromium."""

import contextlib
import os
import queue
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import urlsplit

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of `http:`: without one of its own, each would read all certificate authorities, which takes 20 ms."""


class Process(Protocol):
    """What is used of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: int) -> None: ...

    def kill(self) -> None: ...


class SynapseUnderTest:
    """`python main.py` on a data folder of its own and a free port."""

    root = ROOT
    python = sys.executable
    command: tuple[str, ...] = ('main.py',)

    def __init__(self, data: Path, *flags: str, umask: int = -1, **variables: str) -> None:
        self.data = data
        self.umask = umask
        self.flags = flags
        self.variables = variables
        self.process: Process | None = None
        self.url = ''
        self.link = ''
        self.output: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()

    def start(self, *, port: int = 0, timeout: float = 80) -> 'SynapseUnderTest':
        """Start it and wait for its ready line; one that does not get ready is ended."""
        self._lines = queue.Queue()
        arguments = ['--data', str(self.data), '--port', str(port), '--no-browser', *self.flags]
        self.process, output = self._launch(arguments)
        self._reader = threading.Thread(target=self._read, args=[output, self._lines], daemon=True)
        self._reader.start()
        deadline = time.monotonic() + timeout
        while True:
            line = self._next_line(deadline)
            if line.startswith('Synapse is ready at '):
                self.url = line.removeprefix('Synapse is ready at ').strip()
                self.link = self._next_line(deadline).strip()
                return self

    def _launch(self, arguments: list[str]) -> tuple[Process, IO[str]]:
        """Start the program; return its process and what it prints."""
        process = subprocess.Popen(
            [self.python, *self.command, *arguments],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {'PYTHONUNBUFFERED': '1'} | self.variables,
            umask=self.umask,
        )
        assert process.stdout is not None
        return process, process.stdout

    def _next_line(self, deadline: float) -> str:
        try:
            line = self._lines.get(timeout=max(0.1, deadline - time.monotonic()))
        except queue.Empty:
            line = None
        if line is None:
            self.kill9()
            raise AssertionError('Synapse did not get ready:\n' + ''.join(self.output))
        return line

    def _read(self, output: IO[str], lines: 'queue.Queue[str | None]') -> None:
        with output:
            for line in output:
                self.output.append(line)
                lines.put(line)
        lines.put(None)

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 80

    @property
    def token(self) -> str:
        return (self.data / 'token').read_text().strip()

    @property
    def api(self) -> httpx.Client:
        return self.client(self.token)

    def client(self, token: str) -> httpx.Client:
        """A client with this token, for when its file is gone."""
        headers = {'Authorization': f'Bearer {token}'}
        return httpx.Client(base_url=f'{self.url}api/v1', headers=headers, timeout=30, verify=PLAIN)

    def create_run(self, pipeline: str, **parameters: Any) -> dict[str, Any]:
        with self.api as api:
            response = api.post('/runs', json={'pipeline': pipeline, 'parameters': parameters})
        assert response.status_code == 201, response.text
        return dict(response.json())

    def run(self, run_id: str) -> dict[str, Any]:
        with self.api as api:
            return dict(api.get(f'/runs/{run_id}').raise_for_status().json())

    def wait_for_run(self, run_id: str, *states: str, timeout: float = 60) -> dict[str, Any]:
        """Wait until the run is in one of `states` (default: any final one) and return it."""
        wanted = states or ('succeeded', 'failed', 'cancelled', 'interrupted')
        run: dict[str, Any] = {}

        def is_there() -> bool:
            nonlocal run
            run = self.run(run_id)
            return run['state'] in wanted

        wait_until(is_there, timeout=timeout, what=lambda: f'run {run.get("state")} is not {wanted}: {run}')
        return run

    def write_pipeline(self, name: str, source: str) -> Path:
        folder = self.data / 'pipelines'
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source)
        return folder / name

    def wait_for_pipeline(self, name: str, *, timeout: float = 20) -> None:
        def is_known() -> bool:
            with self.api as api:
                return api.get(f'/pipelines/{name}').status_code == 200

        wait_until(is_known, timeout=timeout, what=lambda: f'pipeline {name} was not found')

    def kill9(self) -> None:
        """Kill the control room, and only it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        self._reader.join(10)

    def stop(self, *, timeout: float = 30) -> int:
        """Send SIGTERM and return the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        self._reader.join(10)
        return code


def wait_until(condition: Callable[[], bool], *, timeout: float, what: Callable[[], str] = lambda: '') -> None:
    """Return as soon as `condition` holds; raises AssertionError with `what()` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {timeout} s. {what()}')
        threading.Event().wait(0.05)


def processes_with(marker: str) -> Iterator[psutil.Process]:
    """Running processes whose command line contains `marker`."""
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and any(marker in part for part in process.cmdline()):
                yield process
        except psutil.Error:
            continue


def open_to_others(data: Path) -> list[str]:
    """Everything in the data folder that others than its owner can read, write or enter.

    What steps make in the folder of their run is theirs, with the mode they give it: `work` and `artifacts` of a run
    must be closed, what is in them is not looked at.
    """
    found = []
    for place, folders, files in os.walk(data):
        below = Path(place).relative_to(data).parts
        for name in [*folders, *files]:
            path = Path(place) / name
            with contextlib.suppress(FileNotFoundError):  # spools and temporary files may disappear at any time
                if path.lstat().st_mode & 0o077:
                    found.append(f'{path.relative_to(data)} {oct(path.lstat().st_mode)}')
        if len(below) == 2 and below[0] == 'runs':
            folders[:] = [name for name in folders if name not in ('work', 'artifacts')]
    return found


def make_video(path: Path, *, seconds: float = 2, size: str = '640x360', rate: int = 25) -> Path:
    """A real video with sound, made by the ffmpeg that Synapse itself uses."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), '-y', '-v', 'error']
    command += ['-f', 'lavfi', '-i', f'testsrc2=size={size}:rate={rate}:duration={seconds}']
    command += ['-f', 'lavfi', '-i', f'sine=frequency=440:duration={seconds}']
    command += ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-shortest', str(path)]
    subprocess.run(command, check=True)
    return path
