"""A cluster of this process: a scheduler and workers of ours on its loop, with hosts in real processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from synapse.cluster.dask_set_up import NO_PAGES
from synapse.cluster.engine import DaskEngine
from synapse.cluster.worker import RunWorker
from synapse.engine.engine import LocalEngine
from synapse.offers import Offer


class Cable:
    """A TCP proxy in front of a worker, which can be cut, or let bytes through slowly."""

    def __init__(self) -> None:
        self.port = 0
        self.target = ''
        self.seconds_per_piece = 0.0
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> 'Cable':
        self._server = await asyncio.start_server(self._serve, '127.0.0.1', 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    def cut(self) -> int:
        """Break all connections at once, and return how many there were."""
        writers = [writer for writer in self._writers if not writer.is_closing()]
        for writer in writers:
            writer.transport.abort()
        return len(writers) // 2

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self.target.removeprefix('tcp://').rsplit(':', 1)
        to_reader, to_writer = await asyncio.open_connection(host, int(port))
        self._writers |= {writer, to_writer}
        for source, sink in ((reader, to_writer), (to_reader, writer)):
            pipe = asyncio.create_task(self._pipe(source, sink))
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
                if self.seconds_per_piece:
                    await asyncio.sleep(self.seconds_per_piece)
        sink.close()
        self._writers.discard(sink)


class Cluster:
    """An engine of a control room, and the workers it may use."""

    def __init__(self, scheduler: Any, engine: DaskEngine, workers: list[RunWorker]) -> None:
        self.scheduler, self.engine, self.workers = scheduler, engine, workers

    @property
    def local(self) -> LocalEngine:
        """What starts the hosts on the first worker."""
        engine: LocalEngine = self.workers[0].run_engine
        return engine


@asynccontextmanager
async def cluster(
    folder: Path, *, machines: int = 1, places: int = 4, cable: Cable | None = None
) -> AsyncIterator[Cluster]:
    """:param cable: by which the first machine is reached"""
    from distributed import Scheduler

    async with AsyncExitStack() as stack:
        scheduler = await stack.enter_async_context(Scheduler(host='127.0.0.1', port=0, **NO_PAGES))
        workers = [
            await stack.enter_async_context(
                RunWorker(
                    scheduler.address,
                    folder=folder / f'machine{number}',
                    offer=Offer(places),
                    name=f'machine{number}',
                    host='127.0.0.1',
                    **({'contact_address': f'tcp://127.0.0.1:{cable.port}'} if cable and number == 1 else {}),
                    **NO_PAGES,
                )
            )
            for number in range(1, machines + 1)
        ]
        if cable is not None:
            cable.target = workers[0].listener.listen_address
        engine = DaskEngine(scheduler.address)
        await engine.start()
        try:
            yield Cluster(scheduler, engine, workers)
        finally:
            await engine.close()
