"""A run host on another machine: its files and its job go there, and what it says comes back, over a `Link`."""

import asyncio
import contextlib
import errno
import json
import logging
import os
import secrets
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from storage.files import StorageError, make_private_folder, named_errors, write_atomically
from synapse.engine.engine import HostExit, OnLine, OnMessage
from synapse.engine.host_process import pass_on
from synapse.engine.process_tree import Activity, MemoryUse
from synapse.inbox.inputs import mapped
from synapse.language import N_, spoken
from synapse.protocol.home import FOLDER as HOME
from synapse.protocol.messages import Do, HostCommand, Job, Kind
from synapse.protocol.spool import SPOOL, SUFFIX

from .connections import Connections
from .files import KINDS, LAST, Incoming, LeftBehind, Outgoing, Progress, send_file
from .link import Link
from .stuck import Stuck, stuck_here, stuck_on_the_way
from .words import ANSWER, ASK, BEGUN, CODE, DO, EXIT, GIVEN, JOB, LINE, MESSAGE, OPERATION, SPOOLED, STOP, said

log = logging.getLogger(__name__)

LOST_SECONDS = 12.0
"""A machine from which nothing came for this long is lost. Its worker ends the run by itself after 10 s."""
AGAIN_SECONDS = 0.5
ASK_SECONDS = 10.0
MOST_MODULES, MOST_CODE_BYTES = 200, 5 * 1024**2
SIGN_SECONDS = 1.0
"""How often the folder of a run says that its machine is heard."""
STILL_SECONDS = 20.0
"""How long nothing may move before a run that is killed is given up; killing takes some seconds itself."""

CarryOut = Callable[[Mapping[str, Any], Path, Job], dict[str, Any]]
"""Does what a run elsewhere asks for here, see `synapse/destinations/home.py`: request, folder for files, job."""


class RemoteHost:
    """See `HostHandle`.

    :param address: of the worker on that machine
    :param given: files and folders outside of the folder of the run that it reads
    """

    def __init__(
        self,
        job: Job,
        machine: str,
        address: str,
        on_message: OnMessage,
        on_line: OnLine,
        given: Iterable[Path],
        carry_out: CarryOut,
    ) -> None:
        self._carry_out = carry_out
        self.host_id = secrets.token_hex(8)
        self.key = f'{job["id"]}-{self.host_id}'
        self.pid = 0
        self.started_at = 0.0
        self._job, self.machine, self.address = job, machine, address
        self.number = job['number']
        self._folder = Path(job['folder'])
        self._on_message, self._on_line = on_message, on_line
        self._elsewhere = self._code = Path()
        self.link = Link(self._take, self._fail)
        self._files = Incoming(self._folder)
        self._exit: asyncio.Future[HostExit] = asyncio.get_running_loop().create_future()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._progress = Progress(lambda text: self._say('info', text))
        self._left = LeftBehind(lambda text: self._say('warning', text))
        self._hurrying: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._feeding = asyncio.create_task(self._feed(list(given)))
        self._connecting: asyncio.Task[None] | None = None

    # What the control room asks

    def send(self, message: HostCommand) -> None:
        """Send one control message; does nothing if the run is over."""
        if not self._exit.done() and message['do'] != Do.RUN:
            self.link.post(DO, json.dumps(message))

    async def stop(self, *, now: bool = False) -> HostExit:
        """End it with everything it started, gently first unless `now`."""
        self._feeding.cancel()
        self.link.post(STOP, now)
        if now and self._hurrying is None:
            self._hurrying = asyncio.create_task(self._lose_if_it_stands_still())
        return await self.wait()

    async def _lose_if_it_stands_still(self) -> None:
        """Wait for the end of what is killed for as long as anything moves between both machines."""
        before = None
        while not self._exit.done() and self.link.progress != before:
            before = self.link.progress
            await asyncio.wait({self._exit}, timeout=STILL_SECONDS)
        if not self._exit.done():
            log.warning(N_('machine %s does not end run %s, so it is given up'), self.machine, self.key)
            self.lose()

    async def wait(self) -> HostExit:
        """Return the outcome when all that it said has been passed on, or when its machine is lost."""
        return await asyncio.shield(self._exit)

    async def tree(self) -> list[dict[str, Any]]:
        """Return its processes right now; empty if its machine does not answer."""
        return await self._ask('tree') or []

    async def memory(self, limit: int) -> MemoryUse:
        """Return what its processes take; nothing if its machine does not answer."""
        total, pid, command, biggest = await self._ask('memory', limit) or (0, 0, '', 0)
        return MemoryUse(total, None, biggest, (pid, command) if command else None)

    async def activity(self) -> Activity:
        """Return what its processes have done so far."""
        return Activity(**(await self._ask('activity') or {'cpu_seconds': 0.0, 'io_bytes': 0}))

    async def _ask(self, what: str, limit: int = 0) -> Any:
        if self._exit.done():
            return None
        self._number += 1
        number, answer = self._number, asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self.link.post(ASK, number, what, limit)
        try:
            await asyncio.wait({answer, self._exit}, timeout=ASK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            return answer.result() if answer.done() else None
        finally:
            del self._answers[number]

    # Its connection

    def connect(self, connections: Connections) -> None:
        """Stay connected with its worker until the run is over."""
        self._connecting = asyncio.create_task(self._stay_connected(connections))
        self._do(self._note_signs())

    async def _note_signs(self) -> None:
        """Keep when its machine was heard last, as the time of the folder of the run.

        If this control room is killed, that is its last sign of life: a step may work for hours without a word, and
        what it writes is not here.
        """
        heard = 0.0
        while not self._exit.done():
            if self.link.heard_at != heard:
                heard = self.link.heard_at
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(os.utime, self._folder)
            await asyncio.wait({self._exit}, timeout=SIGN_SECONDS)

    async def _stay_connected(self, connections: Connections) -> None:
        loop = asyncio.get_running_loop()
        while not self._exit.done():
            with contextlib.suppress(OSError, TimeoutError):
                left = max(AGAIN_SECONDS, LOST_SECONDS - (loop.time() - self.link.heard_at))
                question = {'op': OPERATION, 'key': self.key, 'has': self.link.received, 'reply': False}
                async with asyncio.timeout(left):
                    comm, answer = await connections.ask(self.address, question)
                if (has := answer['has']) < 0:
                    break
                carrying = asyncio.create_task(self.link.carry(comm, has))
                ends: list[asyncio.Future[Any]] = [carrying, self._exit]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if self._exit.done():
                    await self._say_goodbye(carrying)
                    return
            if loop.time() - self.link.heard_at > LOST_SECONDS:
                connections.doubt(self.address)
                break
            await asyncio.sleep(AGAIN_SECONDS)
        self.lose()

    async def _say_goodbye(self, carrying: 'asyncio.Task[None]') -> None:
        """Let the other side hear that all is dealt with: it closes the connection then."""
        await asyncio.wait({carrying}, timeout=LOST_SECONDS)
        carrying.cancel()
        await asyncio.gather(carrying, return_exceptions=True)
        self.link.close()

    def lose(self, parting: str = '') -> None:
        """Give the machine up: whatever lives there is ended by its own worker."""
        if not self._exit.done():
            self._end(HostExit(-9, None, lost=self.machine, parting=parting))
        self.link.close()

    # What goes there

    async def _feed(self, given: list[Path]) -> None:
        """Send the files of the run, and then its job."""
        try:
            places = await self._send_files(given)
            await self.link.send(JOB, json.dumps({'job': {**self._job, 'machine': self.machine}, 'given': places}))
        except Exception as error:  # the edge: without its job the run would wait for ever
            self._refuse(stuck_on_the_way(error, self.machine))

    async def _send_files(self, given: list[Path]) -> dict[str, str]:
        """Send the files of the run, and return under which name each of those was sent that it was given."""
        await Outgoing(self._folder, self.link, self._progress, self._left).send()
        places = {}
        if self._job['file']:
            await self._send_code(Path(self._job['file']))
        for number, path in enumerate(given):
            places[str(path)] = name = f'{GIVEN}/{number}/{path.name}'
            await send_file(self.link, path, name, self._progress, self._left, machine=self.machine)
        self._left.tell()
        return places

    def _say(self, level: str, text: str) -> None:
        self._do(pass_on(self._on_message, said(level, self.machine, text)))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_code(self, file: Path) -> None:
        """Send the pipeline file, and what it may import from the person's folder."""
        origin = Path(self._job['origin'] or file)
        for module in await asyncio.to_thread(modules_beside, origin):
            name = f'{CODE}/{module.relative_to(origin.parent).as_posix()}'
            await send_file(self.link, module, name, machine=self.machine)
        await send_file(self.link, file, f'{CODE}/{origin.name}', machine=self.machine)

    # What comes from there

    async def _take(self, kind: str, values: tuple[Any, ...]) -> None:
        if not self._exit.done():
            await self._receive(kind, values)

    def _fail(self, error: Exception) -> None:
        """End the run, as something that came from the machine could not be kept or understood."""
        log.warning(N_('what machine %s sent could not be kept: %s'), self.machine, error)
        self._refuse(stuck_here(error, self.machine))

    def _refuse(self, stuck: Stuck) -> None:
        self.link.post(STOP, True, True)  # it has a place there already
        self._end(HostExit(-9, None, stuck=stuck.text, hint=stuck.hint))

    async def _receive(self, kind: str, values: tuple[Any, ...]) -> None:
        if kind == MESSAGE and (message := json.loads(values[0]))['t'] == Kind.HOME:
            self._do(self._answer_home(message['id'], message['request']))
        elif kind == MESSAGE:
            await pass_on(self._on_message, self._with_own_paths(message))
        elif kind == LINE:
            await pass_on(self._on_line, values[0])
        elif kind == SPOOLED:
            await asyncio.to_thread(self._spool, *values)
        elif kind in KINDS:
            path = await self._files.take(kind, values)
            if path is not None and path.parent == self._folder and path.name in LAST:
                await asyncio.to_thread(self._bring_home, path)
        elif kind == BEGUN:
            self.host_id, self.pid, self.started_at, folder, code = values
            self._elsewhere, self._code = Path(folder), Path(code)
        elif kind == ANSWER and values[0] in self._answers:
            self._answers[values[0]].set_result(json.loads(values[1]))
        elif kind == EXIT:
            self._end(_exit_of(json.loads(values[0])))

    async def _answer_home(self, id: str, request: Mapping[str, Any]) -> None:
        try:
            answer = await asyncio.to_thread(self._carry_out, request, self._folder / HOME, self._job)
            if path := answer.pop('path', None):
                await send_file(self.link, Path(path), f'{HOME}/{request["file"]}', machine=self.machine)
        except Exception as error:  # the edge: without an answer the step would wait for ever
            log.warning(N_('run #%s asked for something here that failed: %r'), self.number, error)
            answer = {'error': [errno.EIO, spoken(error) if isinstance(error, StorageError) else str(error), None]}
        self.send({'do': Do.ANSWER, 'question': id, 'answer': answer})

    def _end(self, ending: HostExit) -> None:
        if not self._exit.done():
            self._exit.set_result(ending)
            self._do(asyncio.to_thread(self._files.drop))
        self._feeding.cancel()

    def _spool(self, number: int, place: int, data: bytes) -> None:
        folder = self._folder / SPOOL
        make_private_folder(folder)
        path = folder / f'{number:08}{SUFFIX}'
        with named_errors(path), os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), 'wb') as file:
            file.seek(place)
            file.write(data)

    def _bring_home(self, path: Path) -> None:
        """Let a file that names paths of the other machine's folder name those of this one."""
        document = self._with_own_paths(json.loads(path.read_bytes()))
        write_atomically(path, json.dumps(document).encode())

    def _with_own_paths(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return a message or a saved state in which the folders of the other machine are those of this one.

        What programs have printed stays as it was, unlike entries of the log that are about a place in a file.
        """
        if document.get('t') == Kind.RAW:
            return document
        own = {str(self._elsewhere): str(self._folder)}
        if self._job['origin']:
            own[str(self._code)] = str(Path(self._job['origin']).parent)

        def change(text: str) -> str:
            for there, here in own.items():
                text = text.replace(there, here)
            return text

        if document.get('t') == Kind.LOGS:
            return {**document, 'e': [mapped(entry, change) if _has_place(entry) else entry for entry in document['e']]}
        return dict(mapped(document, change))


def _has_place(entry: Sequence[Any]) -> bool:
    """Whether an entry of `Logs` is an error or a warning of Python, with its file and line."""
    found = entry[5]
    return isinstance(found, dict) and 'file' in found


def _exit_of(document: Mapping[str, Any]) -> HostExit:
    """Return how a host ended; a machine with another Synapse may say more or less of it."""
    values = {field.name: document[field.name] for field in fields(HostExit) if field.name in document}
    return HostExit(**{**values, 'ended': tuple(values.get('ended', ()))})


def modules_beside(file: Path) -> list[Path]:
    """Return the modules in the folder of a pipeline file and the packages there, which it may import.

    Nothing if they are more than a person writes for pipelines: then the folder has other uses.
    """
    found = [path for path in file.parent.glob('*.py') if path != file]
    for package in file.parent.glob('*/__init__.py'):
        found += package.parent.rglob('*.py')
    found = [path for path in found if path.is_file()]  # a link may lead nowhere
    total = sum(path.stat().st_size for path in found) if len(found) <= MOST_MODULES else MOST_CODE_BYTES + 1
    return found if total <= MOST_CODE_BYTES else []
