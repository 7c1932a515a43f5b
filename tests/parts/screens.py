"""Parts of pages drawn without a browser, and a real control room whose hosts do what a test says."""

import asyncio
import contextlib
import inspect
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from nicegui import Client, core, helpers, ui
from nicegui.events import GenericEventArguments
from starlette.requests import Request

from synapse import control_room
from synapse.control_room import ControlRoom
from synapse.engine.zygotes import Zygotes
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState
from synapse.settings import Settings
from synapse.status import StatusChanged

from .hosts import eventually
from .scripted import ScriptedEngine, ScriptedHost

T = TypeVar('T')
MEMORY = '/dev/shm' if Path('/dev/shm').is_dir() else None
"""A folder in memory, since no test here is about files that survive."""


class Screen:
    """The elements drawn for one tab: find them by their words, press them, type into them."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def draw(self, make: Callable[[], T]) -> T:
        """What `make` draws into the tab."""
        with self.client:
            return make()

    def all(self, **wanted: Any) -> list[ui.element]:
        """Elements by attributes (`aria_label='Name'`), `tag`, `text` of their own or class (`css='hint'`)."""
        return [element for element in self.client.elements.values() if _is(element, wanted)]

    def one(self, **wanted: Any) -> ui.element:
        found = self.all(**wanted)
        assert len(found) == 1, f'{len(found)} elements are {wanted}'
        return found[0]

    def button(self, words: str) -> ui.element:
        """The button with this text or label."""
        named = [item for item in self.all(tag='button') if words in (item.props.get('aria-label'), text_of(item))]
        assert len(named) == 1, f'{len(named)} buttons are called {words!r}'
        return named[0]

    @property
    def texts(self) -> list[str]:
        """All texts that can be seen, in the order they were drawn."""
        return [text for element in self.client.elements.values() if is_shown(element) and (text := own_text(element))]

    @property
    def notices(self) -> list[str]:
        """The notices that were shown, the last one last."""
        sent = [message[2] for message in self.client.outbox.messages if message[1] == 'notify']
        return [str(item['message']) for item in sent]

    @property
    def went_to(self) -> list[str]:
        """The addresses that the page was told to open."""
        return [str(message[2]['path']) for message in self.client.outbox.messages if message[1] == 'open']


def _is(element: ui.element, wanted: dict[str, Any]) -> bool:
    special = {'tag': element.tag, 'text': own_text(element)}
    for name, value in wanted.items():
        if name == 'css':
            if value not in element.classes:
                return False
        elif (special[name] if name in special else element.props.get(name.replace('_', '-'))) != value:
            return False
    return True


def own_text(element: ui.element) -> str:
    return str(getattr(element, 'text', ''))


def text_of(element: ui.element) -> str:
    """The text of an element and of all that is in it."""
    return ' '.join(filter(None, map(own_text, [element, *element.descendants()])))


def is_shown(element: ui.element) -> bool:
    """Whether neither it nor what it lies in is hidden."""
    slot = element.parent_slot
    is_hidden = bool(element.props.get('hidden')) or not element.visible
    return not is_hidden and (slot is None or is_shown(slot.parent))


async def fire(element: ui.element, event: str = 'click', args: Any = None) -> None:
    """Do what the page does at this event of the browser, and wait for the end of it."""
    listeners = [item for item in element._event_listeners.values() if item.type.split('.')[0] == event]
    assert any(item.handler for item in listeners), f'nothing listens to {event}'
    for listener in listeners:
        if listener.handler is not None and element.parent_slot is not None:
            with element.parent_slot:
                event_arguments = GenericEventArguments(sender=element, client=element.client, args=args)
                arguments = [event_arguments] if helpers.expects_arguments(listener.handler) else []
                result: Any = listener.handler(*arguments)
                if inspect.isawaitable(result):
                    await result


async def type_into(element: ui.element, text: str) -> None:
    await fire(element, 'input', text)


@contextlib.contextmanager
def drawn() -> Iterator[Screen]:
    """A tab to draw into; enter it on the event loop, where pages start background tasks."""
    request = Request({'type': 'http', 'method': 'GET', 'path': '/screen', 'query_string': b'', 'headers': []})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, 'loop', asyncio.get_running_loop())  # as NiceGUI keeps it once it serves
        client = Client(ui.page('/screen'), request=request)
        try:
            yield Screen(client)
        finally:
            client.delete()


class _Elsewhere(ScriptedEngine):
    """Its runs are scripted; they come to those of this machine, so that a test meets them in their order."""

    addresses, code, problem = (), '', ''

    def __init__(self, here: '_Engine') -> None:
        self.hosts = here.hosts


class _Engine(ScriptedEngine):
    """Its runs are scripted; the catalog reads files in real processes."""

    def __init__(self, boot: str, zygotes: Zygotes | None) -> None:
        super().__init__()
        self.zygotes = zygotes

    async def close(self) -> None:
        await super().close()
        if self.zygotes is not None:
            await self.zygotes.close()


class Stage:
    """A control room, a tab of it, and what its hosts report."""

    def __init__(self, room: ControlRoom, screen: Screen) -> None:
        self.room = room
        self.screen = screen
        self.hosts: dict[str, ScriptedHost] = {}
        self.last: dict[str, RunRecord] = {}
        self._news = asyncio.Event()
        room.bus.subscribe(RunChanged, self._heard)
        room.bus.subscribe(StatusChanged, lambda _: self._news.set())

    async def run(self, **wanted: Any) -> RunRecord:
        """A run that has started, unless no worker is free."""
        given: dict[str, Any] = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}} | wanted
        run = await self.room.runs.create(given.pop('pipeline'), given.pop('parameters'), **given)
        if len(self.room.runs.live()) < len(self.room.status.workers):
            host = await self.room.engine.local.next_host()  # type: ignore[attr-defined]
            self.hosts[run.id] = host
            await self.until(lambda: self.state_of(run) is RunState.RUNNING)
        return run

    async def step(self, run: RunRecord, state: str, name: str = 'execute', **more: Any) -> None:
        """Report that a step has come to this state, the one before it included."""
        for reached in dict.fromkeys(('running', state)):
            self.hosts[run.id].say(t='step', name=name, state=reached, attempt=1, **(more if reached == state else {}))
        await self.until(lambda: any(step.name == name and step.state == state for step in self.last[run.id].steps))

    async def end(self, run: RunRecord, state: str = 'succeeded', **more: Any) -> RunRecord:
        """Report the end of a run, and wait until it is kept."""
        self.hosts[run.id].say(t='end', state=state, error=more.get('error'))
        self.hosts[run.id].exit(0)
        await self.until(lambda: (known := self.last.get(run.id)) is not None and known.state.is_final)
        return self.last[run.id]

    def state_of(self, run: RunRecord) -> RunState | None:
        return self.last[run.id].state if run.id in self.last else None

    def _heard(self, message: RunChanged) -> None:
        self.last[message.run.id] = message.run
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for changes of runs and of the status until this holds."""
        async with asyncio.timeout(20):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def drawn(self, condition: Callable[[], bool]) -> None:
        """Wait for the page to have drawn this: what it shows a moment later sends no message of its own."""
        await eventually(condition, 20)


@contextlib.asynccontextmanager
async def staged(**settings: Any) -> AsyncIterator[Stage]:
    """A started control room with an empty data folder, and a tab."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        patch.setattr(control_room, 'LocalEngine', _Engine)
        room = ControlRoom.build(Settings(data=Path(folder) / 'data', port=8123, **settings))
        room.engine.others = cast(Any, _Elsewhere(cast(Any, room.engine.local)))
        await room.start()
        try:
            with drawn() as screen:
                yield Stage(room, screen)
        finally:
            await room.stop(grace=0)
