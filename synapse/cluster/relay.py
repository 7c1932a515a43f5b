"""A run on this machine for a control room elsewhere: its host is an ordinary one, its messages go over a `Link`."""

import asyncio
import contextlib
import dataclasses
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storage.files import StorageError, make_private_folder
from storage.folders import remove_folder
from synapse.engine.engine import LEFT, Engine, HostExit, HostHandle
from synapse.inbox.inputs import with_folder, with_places
from synapse.language import N_, spoken
from synapse.protocol.environment import DATA, PREFIX, URL
from synapse.protocol.home import FOLDER
from synapse.protocol.messages import HostCommand, Job, Kind
from synapse.protocol.spool import SPOOL, SUFFIX

from .code_cache import CodeCache
from .files import CHECKPOINT, KINDS, Incoming, LeftBehind, Outgoing, Progress, inside, pieces_of
from .link import Link
from .stuck import Stuck, shown, stuck_there
from .words import ANSWER, ASK, BEGUN, CODE, DO, EXIT, JOB, LINE, MESSAGE, SPOOLED, STOP, said

log = logging.getLogger(__name__)

LOST_SECONDS = 10.0
"""How long a run goes on without its control room; then it is ended with everything it started."""
LOOK_SECONDS = 0.5
CHECKPOINT_SECONDS = 0.25
"""How often at most a checkpoint is sent that a step makes."""
_STEP_ENDS = frozenset({'succeeded', 'failed', 'cancelled'})


class Relay:
    """Carries out one run. `work` returns when it is over, and nothing of it is left on this machine.

    :param root: has a folder for each run
    :param cache: keeps the code of their pipelines
    :param name: of this machine
    """

    def __init__(self, engine: Engine, root: Path, cache: CodeCache, run_id: str, name: str) -> None:
        self._engine, self._cache, self._name = engine, cache, name
        self._folder = inside(root / 'runs', run_id)
        self.link = Link(self._take, self._fail)
        self._files = Incoming(self._folder)
        progress = Progress(lambda text: self._say('info', text))
        self._left = LeftBehind(lambda text: self._say('warning', text))
        self._changed = Outgoing(self._folder, self.link, progress, self._left, self._leave_unread)
        self._spool_place = (0, 0)
        self._code: Path | None = None
        self._number = 0
        self._host: HostHandle | None = None
        self._asked: list[HostCommand] = []
        """What a person has asked for before there was a host."""
        self._stuck: Stuck | None = None
        self._checkpoint_due: int | None = None
        """How many steps are done in the checkpoint that is to be sent."""
        self._checkpoints: asyncio.Task[None] | None = None
        self._life: asyncio.Task[None] | None = None
        self._asked_to_stop: bool | None = None
        self._has_ended = self._is_leaving = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_over = asyncio.Event()

    async def work(self) -> None:
        """Wait for the job, carry it out and tell the control room all of it; give up if that is gone for 10 s."""
        loop = asyncio.get_running_loop()
        try:
            while not self._is_over.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._is_over.wait(), LOOK_SECONDS)
                if loop.time() - self.link.heard_at > LOST_SECONDS:
                    if self._has_ended:
                        break
                    if self._number:
                        log.warning(N_('Run #%s was ended here: its control room is gone.'), self._number)
                    else:
                        log.warning(N_('A run was ended here before it began: its control room is gone.'))
                    break
        finally:
            await self._end()

    async def leave(self) -> None:
        """End the run, as this machine leaves the cluster, and return when the control room knows how it ended."""
        self._is_leaving = True
        self._stop(now=True)
        await self._is_over.wait()

    async def _end(self) -> None:
        self.link.close()
        for task in self._tasks:
            task.cancel()
        if self._host is not None:
            await self._host.stop(now=True)
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        if self._code is not None:
            await asyncio.to_thread(self._cache.release, self._code)
        await asyncio.to_thread(_remove, self._folder)

    async def _take(self, kind: str, values: tuple[Any, ...]) -> None:
        if self._stuck is not None and kind in (*KINDS, JOB):
            return
        if kind in KINDS:
            await self._files.take(kind, values)
        elif kind == JOB:
            self._life = asyncio.create_task(self._run(json.loads(values[0])))
        elif kind == DO and self._host is not None:
            self._host.send(json.loads(values[0]))
        elif kind == DO:
            self._asked.append(json.loads(values[0]))
        elif kind == STOP and any(values[1:]):
            self._is_over.set()
        elif kind == STOP:
            self._stop(now=bool(values[0]))
        elif kind == ASK:
            self._do(self._answer(*values))

    def _do(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _fail(self, error: Exception) -> None:
        """End the run, as something of it cannot be taken or sent; the control room hears why."""
        log.warning(N_('something of run #%s could not travel: %r'), self._number, error)
        if self._stuck is None:
            self._stuck = stuck_there(error, self._name)
            self._stop(now=True)

    def _stop(self, *, now: bool) -> None:
        self._asked_to_stop = now or bool(self._asked_to_stop)
        if self._host is not None:
            self._do(self._host.stop(now=now))
        elif self._life is None:  # its files were still on their way
            self._do(self._tell_end(HostExit(0, None)))

    async def _answer(self, number: int, name: str, limit: int) -> None:
        value: Any = None
        if self._host is not None:
            if name == 'tree':
                value = await self._host.tree()
            elif name == 'memory':
                use = await self._host.memory(limit)
                command = use.biggest.command if use.biggest else ''
                pid = use.biggest.process.pid if use.biggest else 0
                value = [use.total, pid, command, use.biggest_bytes]
            else:
                value = dataclasses.asdict(await self._host.activity())
        self.link.post(ANSWER, number, json.dumps(value))

    # The run

    async def _run(self, document: Mapping[str, Any]) -> None:
        try:
            self._number = document['job']['number']
            job = await asyncio.to_thread(self._localised, document)
            await asyncio.to_thread(self._changed.remember)
            host = await self._engine.run(job, self._message, self._line)
        except Exception as error:  # the edge: whatever it is, the control room waits for the end of the run
            self._stuck = self._stuck or stuck_there(error, self._name)
            await self._tell_end(HostExit(1, None))
            return
        self._host = host
        for command in self._asked:
            host.send(command)
        self.link.post(
            BEGUN, self._host.host_id, self._host.pid, self._host.started_at, str(self._folder), str(self._code or '')
        )
        if self._asked_to_stop is not None:
            self._do(self._host.stop(now=self._asked_to_stop))
        await self._tell_end(await self._host.wait())

    async def _tell_end(self, ending: HostExit) -> None:
        if self._host is not None:  # else nothing was made here
            try:
                await self._send_spool(None)
                await self._send_changed()
            except Exception as error:  # the edge, as above
                self._stuck = self._stuck or stuck_there(error, self._name)
        if self._stuck is not None:
            ending = dataclasses.replace(ending, stuck=self._stuck.text, hint=self._stuck.hint)
        if self._is_leaving:
            ending = dataclasses.replace(ending, lost=self._name, parting=LEFT)
        self._has_ended = True
        await self.link.send(EXIT, json.dumps(dataclasses.asdict(ending)))
        await self.link.flushed()
        self._is_over.set()

    def _localised(self, document: Mapping[str, Any]) -> Job:
        """Return the job with the paths of this machine; reads and writes the disk."""
        job: dict[str, Any] = dict(document['job'])
        places = {given: str(inside(self._folder, name)) for given, name in document['given'].items()}
        elsewhere = Path(job['folder'])
        for part in ('parameters', 'state', 'profile'):
            job[part] = with_folder(with_places(job[part], places), elsewhere, self._folder)
        job['folder'] = str(self._folder)
        job['is_elsewhere'] = True
        make_private_folder(self._folder)
        if job['file']:
            self._code = self._cache.take(self._folder / CODE)
            job['file'] = job['origin'] = str(self._code / Path(job['origin'] or job['file']).name)
        # The person's own variables, such as PATH, are those of the other machine.
        given = {name: value for name, value in (job.get('environment') or {}).items() if name.startswith(PREFIX)}
        job['environment'] = {**given, DATA: str(self._folder.parent.parent), URL: None}
        return job  # type: ignore[return-value]

    async def _message(self, message: dict[str, Any]) -> None:
        """Pass a message on, after the files that it is about."""
        kind = message.get('t')
        if kind == Kind.CHECKPOINT:
            self._send_checkpoint_soon(int(message['done']))
            return
        try:
            if kind == Kind.SPOOL:
                await self._send_spool((int(message['file']), int(message['size'])))
            elif kind == Kind.HOME and message['request'].get('what') == 'put':
                await self._send_changed(f'{FOLDER}/{Path(message["request"]["file"]).name}')
            elif kind == Kind.ARTIFACT:
                await self._send_changed('artifacts')
            elif kind == Kind.STEP and message.get('state') in _STEP_ENDS:
                await self._send_changed()
        except Exception as error:  # the edge: what only logs it here lets the run go on without what it made
            self._fail(error)
        await self.link.send(MESSAGE, json.dumps(message))

    def _send_checkpoint_soon(self, done: int) -> None:
        """Send the checkpoint that a step has made: at once, but of many in a row only some, and the last."""
        self._checkpoint_due = done
        if self._checkpoints is None or self._checkpoints.done():
            self._checkpoints = asyncio.create_task(self._send_checkpoints())
            self._tasks.add(self._checkpoints)
            self._checkpoints.add_done_callback(self._tasks.discard)

    async def _send_checkpoints(self) -> None:
        try:
            while self._checkpoint_due is not None:
                done, self._checkpoint_due = self._checkpoint_due, None
                with contextlib.suppress(FileNotFoundError):  # it could not be saved, which the host has said
                    data = await asyncio.to_thread((self._folder / CHECKPOINT).read_bytes)
                    # One that says more is that of the end of the step, and follows what the step has made.
                    if len(json.loads(data)['done']) == done:
                        await self._changed.send_as(CHECKPOINT, data)
                await asyncio.sleep(CHECKPOINT_SECONDS)
        except Exception as error:  # the edge of a task
            self._fail(error)

    async def _send_changed(self, *parts: str) -> None:
        await self._changed.send(*parts)
        self._left.tell()

    def _leave_unread(self, error: StorageError) -> None:
        self._say('warning', shown(spoken(error)))

    def _say(self, level: str, text: str) -> None:
        self.link.post(MESSAGE, json.dumps(said(level, self._name, text)))

    async def _line(self, line: str) -> None:
        await self.link.send(LINE, line)

    async def _send_spool(self, until: tuple[int, int] | None) -> None:
        """Send what waits in the spool, up to this place or all of it, and remove it here."""
        spool = self._folder / SPOOL
        number, place = self._spool_place
        numbers = await asyncio.to_thread(lambda: sorted(int(path.stem) for path in spool.glob(f'*{SUFFIX}')))
        for found in numbers:
            if found < number or (until is not None and found > until[0]):
                continue
            if found > number:
                (spool / f'{number:08}{SUFFIX}').unlink(missing_ok=True)
                number, place = found, 0
            end = until[1] if until is not None and found == until[0] else None
            async for piece in pieces_of(spool / f'{found:08}{SUFFIX}', place, end):
                await self.link.send(SPOOLED, found, place, piece)
                place += len(piece)
                self._spool_place = number, place


def _remove(folder: Path) -> None:
    """Remove what is left of a run; what cannot be goes when the worker starts again."""
    with contextlib.suppress(StorageError):
        remove_folder(folder)
