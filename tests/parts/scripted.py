"""An engine with scripted hosts, and a house of runs around it: for message orders that no real host produces."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from storage.documents import Documents
from storage.logs.store import LogStore
from storage.runs import RunStore
from synapse.bus import Bus
from synapse.catalog.catalog import PipelineInfo
from synapse.engine.engine import HostExit, OnLine, OnMessage
from synapse.errors import NotFound
from synapse.inbox.inbox import Inbox
from synapse.log.log import Log
from synapse.profiles import Profiles
from synapse.runs.runs import Runs
from synapse.status import Status


class ScriptedHost:
    """Passes on its messages one by one, awaiting each, as a real one does; ends when told to."""

    def __init__(self, job: Mapping[str, Any], on_message: OnMessage) -> None:
        self.host_id, self.pid, self.started_at = 'scripted', 0, 0.0
        self.job = job
        self.sent: list[str] = []
        self._on_message = on_message
        self._script: asyncio.Queue[dict[str, Any] | int] = asyncio.Queue()
        self._life = asyncio.create_task(self._live())

    def say(self, **message: Any) -> None:
        self._script.put_nowait(message)

    def exit(self, code: int = 0) -> None:
        self._script.put_nowait(code)

    def send(self, message: Mapping[str, Any]) -> None:
        self.sent.append(message['do'])

    async def stop(self, *, now: bool = False) -> HostExit:
        self.sent.append('kill' if now else 'stop')
        self.exit(-9 if now else -15)
        return await self.wait()

    async def wait(self) -> HostExit:
        return await asyncio.shield(self._life)

    async def tree(self) -> list[dict[str, Any]]:
        return []

    async def _live(self) -> HostExit:
        while not isinstance(said := await self._script.get(), int):
            waiting = self._on_message(said)
            if waiting is not None:
                await waiting
        return HostExit(said, {-9: 'SIGKILL', -11: 'SIGSEGV', -15: 'SIGTERM'}.get(said))


class ScriptedEngine:
    """Provides scripted hosts; `next_host` waits for the next one."""

    def __init__(self) -> None:
        self.hosts: asyncio.Queue[ScriptedHost] = asyncio.Queue()

    async def start(self) -> None: ...

    async def run(
        self, job: Mapping[str, Any], on_message: OnMessage, on_line: OnLine, *, machine: str = ''
    ) -> ScriptedHost:
        host = ScriptedHost(job, on_message)
        self.hosts.put_nowait(host)
        return host

    async def next_host(self) -> ScriptedHost:
        return await asyncio.wait_for(self.hosts.get(), 10)

    async def close(self) -> None: ...


class OnePipeline:
    """A catalog with one pipeline `Work` of three steps, which takes any parameters."""

    def __init__(self, **options: Any) -> None:
        steps = tuple(
            {'name': name, 'title': name.upper(), 'retries': 0, 'timeout': None} for name in ('one', 'two', 'three')
        )
        self.info = PipelineInfo(
            **{'name': 'Work', 'title': 'Work', 'steps': steps, 'schema': {'properties': {}}} | options
        )

    def get(self, name: str) -> PipelineInfo:
        if name != 'Work':
            raise NotFound('pipeline_not_found', f'No pipeline is called {name!r}.')
        return self.info

    def find(self, name: str) -> PipelineInfo | None:
        return self.info if name == 'Work' else None

    def title_of(self, name: str) -> str:
        return name

    async def validate(self, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return dict(parameters)


class KeptStates(RunStore):
    """A store that records the order in which it saved states."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.kept: list[tuple[str, str]] = []

    def create(self, document: dict[str, Any], *, idempotency_key: str | None = None) -> dict[str, Any]:
        made = super().create(document, idempotency_key=idempotency_key)
        self.kept.append((made['id'], made['state']))
        return made

    def save(self, document: dict[str, Any]) -> None:
        super().save(document)
        self.kept.append((document['id'], document['state']))


class House:
    """Real runs, store, log and bus around a scripted engine."""

    def __init__(
        self,
        data: Path,
        *,
        workers: int = 2,
        store: RunStore | None = None,
        disk_free: Callable[[str], int | None] = lambda machine: None,
        **options: Any,
    ) -> None:
        data.mkdir(exist_ok=True)
        self.bus, self.status, self.engine = Bus(), Status(), ScriptedEngine()
        self.catalog: Any = OnePipeline(**options)
        self.store = store or KeptStates(data / 'runs.db')
        self.log = Log(LogStore(data / 'logs.db'), self.bus)
        self.runs = Runs(
            store=self.store,
            engine=self.engine,
            catalog=self.catalog,
            profiles=Profiles(Documents(data / 'profiles.json'), data / 'secrets.json', self.bus),
            inbox=Inbox(data / 'inbox', 10**9, self.bus),
            log=self.log,
            bus=self.bus,
            status=self.status,
            folder=data / 'runs',
            workers=workers,
            disk_free=disk_free,
        )


@contextlib.asynccontextmanager
async def opened(data: Path, **options: Any) -> AsyncIterator[House]:
    """A running house, which is closed at the end whatever is still running."""
    house = House(data, **options)
    await house.log.start()
    await house.runs.start()
    try:
        yield house
    finally:
        await house.runs.stop(grace=0)
        await house.log.stop()
        house.store.close()
