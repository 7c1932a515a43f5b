"""Which zygotes there are: the first one, and those of the pipeline files used last (Linux only)."""

import asyncio
import contextlib
import logging
import socket
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

from synapse.language import _, own_language
from synapse.protocol.messages import CANNOT_IMPORT
from synapse.waiting import Throttle

from .host_process import HostProcess
from .zygote import Key, NotForked, Zygote

log = logging.getLogger(__name__)

READY_SECONDS = 30.0
IMPORT_SECONDS = 30.0
KEPT = 4
"""How many zygotes of pipeline files stay; one whose runs are live ends after these."""
MOST_BYTES = 512 * 1024**2
"""How much memory of their own these may have together."""
MEASURE_SECONDS = 0.5
BUILT_IN: Key = ('', '')


class Zygotes:
    """Forks processes for runs and for questions about pipeline files: in milliseconds, with everything imported.

    The zygote of a pipeline file is made in the background when the file is used. Until then, and where that is unfit,
    what is forked from the first one imports the file itself.

    :param room_tag: unique for this start of the control room
    """

    def __init__(self, room_tag: str) -> None:
        self.on_unfit: Callable[[str, str], None] = lambda origin, reason: None
        """Called once for each file whose runs have to import it themselves, with the reason."""
        self.on_change: Callable[[int, int], None] = lambda count, size: None
        """Called when there are more or fewer zygotes, with their number and the bytes they take together."""
        self._room_tag = room_tag
        self._first: asyncio.Task[Zygote] | None = None
        self._of_files: OrderedDict[Key, asyncio.Task[Zygote | None]] = OrderedDict()
        self._unfit: set[Key] = set()
        self._all: set[Zygote] = set()
        self._measure = Throttle(MEASURE_SECONDS, self._start_measuring, at_once=False)
        self._measuring: asyncio.Task[None] | None = None
        self._was_ready = False
        self.is_usable = True
        """Whether this system can do it; False once the first zygote has failed to start."""
        self._is_open = True

    async def start(self) -> None:
        """Have the first zygote ready; without this call that happens with the first request.

        :raises OSError: if it does not start
        """
        await self._first_zygote()

    async def fork(self, do: str, file: str | None = None, origin: str | None = None, *, run: str = '') -> HostProcess:
        """Return a new process in which as much as possible is imported already.

        :param do: see `synapse.protocol.messages.Fork`
        :param file: the pipeline file that it is about; None for a built-in pipeline
        :param run: the id of the run that a host is for
        :raises OSError: if no process can be forked; the message says why
        """
        key = (file, origin) if file and origin else BUILT_IN
        if do != 'describe' and (zygote := self._zygote_of(key)):
            with contextlib.suppress(NotForked):
                return await zygote.fork(do, key, run=run)
            self._of_files.pop(key, None)
            zygote.retire()
            self._zygote_of(key)
        try:
            return await (await self._first_zygote()).fork(do, key, run=run)
        except NotForked:
            if (await self._first_zygote()).is_alive:
                raise
        return await (await self._first_zygote()).fork(do, key, run=run)

    async def close(self) -> None:
        """End all zygotes, and everything forked from them."""
        self._is_open = False
        self._measure.cancel()
        tasks = [task for task in (self._first, *self._of_files.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        zygotes = tuple(self._all)
        for zygote in zygotes:
            zygote.end_soon()
        await asyncio.gather(*(zygote.process.wait() for zygote in zygotes))

    def is_warm(self, file: str, origin: str) -> bool:
        """Whether a process that has imported this file is ready to be forked."""
        task = self._of_files.get((file, origin))
        return task is not None and task.done() and _is_usable(task)

    def memory(self) -> list[int]:
        """Return the bytes that each zygote takes, shared ones in proportion. Reads files; call it from a thread."""
        return [_memory_of(zygote.process.pid) for zygote in tuple(self._all) if zygote.is_alive]

    async def _first_zygote(self) -> Zygote:
        first = self._first
        if first is None or (first.done() and (first.cancelled() or first.exception() or not first.result().is_alive)):
            first = self._first = asyncio.create_task(self._start_first())
        return await asyncio.shield(first)

    async def _start_first(self) -> Zygote:
        if not self._is_open:
            raise NotForked('Synapse is stopping')
        with _link() as (ours, theirs):
            arguments = ['--language', own_language(), 'zygote', str(theirs.fileno())]
            process = await HostProcess.spawn(self._room_tag, arguments, descriptors=[theirs.fileno()])
        try:
            zygote = await self._when_ready(Zygote(process, ours), READY_SECONDS)
        except NotForked:
            self.is_usable = self._was_ready
            raise
        self._was_ready = True
        return zygote

    async def _when_ready(self, zygote: Zygote, seconds: float) -> Zygote:
        self._all.add(zygote)
        zygote.process.on_end(lambda: self._ended(zygote))
        is_ready = await zygote.is_ready(seconds)
        self._measure()
        if not is_ready:
            zygote.end_soon()
            outcome = await zygote.process.wait()
            lines = '; '.join(zygote.process.last_lines)
            raise NotForked(lines or _('it ended with {signal}', signal=outcome.signal or outcome.returncode))
        return zygote

    def _ended(self, zygote: Zygote) -> None:
        self._all.discard(zygote)
        if self._is_open:
            self._measure()

    def _start_measuring(self) -> None:
        async def measure() -> None:
            sizes = await asyncio.to_thread(self.memory)
            self.on_change(len(sizes), sum(sizes))

        self._measuring = asyncio.create_task(measure())

    # Those of pipeline files

    def _zygote_of(self, key: Key) -> Zygote | None:
        """Return the zygote of a file if it is ready; if there is none, start to make one."""
        if key == BUILT_IN or key in self._unfit or not self._is_open:
            return None
        task = self._of_files.get(key)
        if task is None or (task.done() and not _is_usable(task)):
            self._of_files[key] = asyncio.create_task(self._make(key))
        self._of_files.move_to_end(key)
        return task.result() if task is not None and task.done() and _is_usable(task) else None

    async def _make(self, key: Key) -> Zygote | None:
        try:
            first = await self._first_zygote()
            with _link() as (ours, theirs):
                process = await first.fork('zygote', key, theirs)
            zygote = await self._when_ready(Zygote(process, ours), IMPORT_SECONDS)
        except OSError as error:
            log.debug('no zygote for %s: %s', key[1], error)
            return None
        if zygote.reason:
            if zygote.reason != CANNOT_IMPORT:
                self._unfit.add(key)
                self.on_unfit(key[1], zygote.reason)
            zygote.end_soon()
            return None
        await self._make_room()
        if self._of_files.get(key) is not asyncio.current_task():
            zygote.retire()
        return zygote

    async def _make_room(self) -> None:
        """End the zygotes that were not used for the longest time, while there are too many or they are too large."""
        sizes = await asyncio.to_thread(self.memory)
        while len(self._of_files) > KEPT or (len(self._of_files) > 1 and sum(sizes) > MOST_BYTES):
            __, task = self._of_files.popitem(last=False)
            if task.done() and _is_usable(task) and (zygote := task.result()):
                zygote.retire()
            sizes = await asyncio.to_thread(self.memory)


@contextlib.contextmanager
def _link() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Make both ends of a link: ours, to be closed by who takes it up, and that which a new zygote inherits."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with theirs:
            yield ours, theirs
    except BaseException:  # also if Synapse stops meanwhile
        ours.close()
        raise


def _is_usable(task: 'asyncio.Task[Zygote | None]') -> bool:
    zygote = None if task.cancelled() or task.exception() else task.result()
    return zygote is not None and zygote.is_alive


def _memory_of(pid: int) -> int:
    try:
        lines = Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith('Pss:'))
