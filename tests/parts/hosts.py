"""What engine tests share: pipelines in real files, and a receiver that keeps what it gets."""

import asyncio
import importlib.util
import secrets
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from synapse.engine.engine import HostExit, HostHandle, LocalEngine
from synapse.engine.process_tree import is_gone
from synapse.engine.warden import marked_processes
from synapse.engine.zygotes import Zygotes
from synapse.protocol.environment import DATA, ROOM_TAG, mark
from tests.parts.said import Said

WAYS = ['spawned', 'forked'] if sys.platform == 'linux' else ['spawned']
"""How run hosts are started."""


def engine_of(way: str, tag: str) -> LocalEngine:
    """Return an engine that starts its hosts in one of the `WAYS`."""
    return LocalEngine(tag, Zygotes(tag) if way == 'forked' else None)


ELSEWHERE = ['elsewhere'] if importlib.util.find_spec('distributed') else []
"""On a machine of a cluster, where Dask is installed."""


@asynccontextmanager
async def started(way: str, folder: Path) -> AsyncIterator[Any]:
    """A started engine for runs of a `Bench` on this folder; nothing of it lives afterwards."""
    tag = f'test-{secrets.token_hex(6)}'
    if way in ELSEWHERE:
        from tests.parts.cluster import cluster

        async with cluster(folder / 'elsewhere') as found:
            tag = found.engine.room_tag = found.local.room_tag
            yield found.engine
        folder = folder / 'elsewhere' / 'machine1'
    else:
        engine = engine_of(way, tag)
        await engine.start()
        yield engine
        await engine.close()
    assert processes_of(tag, folder) == []


def processes_of(room_tag: str, folder: Path) -> list[psutil.Process]:
    """Return all processes of a room whose runs come from a `Bench` on this folder: ours, and the programs of runs."""
    return marked_processes([mark([(ROOM_TAG, room_tag)]), mark([(DATA, str(folder))])])


def is_living(pid: int) -> bool:
    """Whether there is such a process; one that has ended and was not waited for counts as gone."""
    try:
        return not is_gone(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


class Heard:
    """Everything that a host sends, in order."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.said: Said | None = None
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def message(self, message: dict[str, Any]) -> None:
        self.messages += self.said.unfold(message) if self.said else [message]
        self._news.set()

    def line(self, line: str) -> None:
        self.lines.append(line)
        self._news.set()

    @property
    def printed(self) -> list[str]:
        """The messages of all log entries."""
        return [entry[3] for message in self.messages if message['t'] == 'logs' for entry in message['e']]

    @property
    def entries(self) -> list[tuple[str, str, str]]:
        """Level, source and message of all log entries."""
        logs = [message for message in self.messages if message['t'] == 'logs']
        return [(entry[1], entry[2], entry[3]) for message in logs for entry in message['e']]

    @property
    def error(self) -> dict[str, Any]:
        """Why the run failed."""
        return next((message['error'] for message in self.messages if message['t'] == 'end'), None) or {}

    @property
    def end(self) -> str | None:
        return next((message['state'] for message in self.messages if message['t'] == 'end'), None)

    async def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()


class Bench:
    """Starts pipelines of one step, given by the lines of its body, on an engine."""

    def __init__(self, engine: LocalEngine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.count = 0

    async def start(self, body: str, heard: Heard, **job: Any) -> HostHandle:
        order = self.job(body, **job)
        heard.said = Said(Path(order['folder']))
        return await self.engine.run(order, heard.message, heard.line)

    async def run(self, body: str, heard: Heard | None = None, **job: Any) -> tuple[Heard, HostExit]:
        heard = heard or Heard()
        host = await self.start(body, heard, **job)
        async with asyncio.timeout(60):
            outcome = await host.wait()
        if heard.said is not None:
            heard.messages += heard.said.rest()
        return heard, outcome

    async def run_file(self, source: str, **job: Any) -> tuple[Heard, HostExit]:
        """Run the pipeline `Work` of a file with this source to its end."""
        file = self.folder / f'whole{self.count}.py'
        file.write_text(textwrap.dedent(source))
        return await self.run('pass', file=str(file), origin=str(file), **job)

    def job(self, body: str, **changes: Any) -> dict[str, Any]:
        self.count += 1
        run_folder = self.folder / f'run{self.count}'
        run_folder.mkdir()
        file = write_pipeline(self.folder / f'work{self.count}.py', body)
        return {
            'id': f'run{self.count}',
            'number': self.count,
            'folder': str(run_folder),
            'pipeline': 'Work',
            'file': str(file),
            'origin': str(file),
            'parameters': {},
            'profile': None,
            'from_step': None,
            'state': None,
            'environment': {DATA: str(self.folder)},
        } | changes


def write_pipeline(path: Path, body: str, name: str = 'Work') -> Path:
    """Write a file with a pipeline of one step `go`."""
    head = f'from synapse import Pipeline, step\n\n\nclass {name}(Pipeline):\n    @step\n    def go(self, run):\n'
    path.write_text(head + textwrap.indent(textwrap.dedent(body).strip('\n') + '\n', ' ' * 8))
    return path


async def eventually(condition: Callable[[], bool], seconds: float, what: str = '') -> None:
    """Poll until `condition` holds: for things that no message announces, such as other processes."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f'not within {seconds} s: {what}'
        await asyncio.sleep(0.02)
