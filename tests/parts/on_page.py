"""Parts of pages on a real room with a real log, without a browser: found, pressed and read as a person would."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from nicegui import helpers, ui
from nicegui.elements.mixins.text_element import TextElement
from nicegui.testing import User, user_simulation
from nicegui.testing.user_interaction import UserInteraction

from synapse.bus import Message
from synapse.control_room import ControlRoom
from synapse.log.log import Level
from synapse.settings import Settings

T = TypeVar('T')


class OnPage(Generic[T]):
    """What `draw` returned, the room it is drawn for, and the person in front of it."""

    def __init__(self, user: User, room: ControlRoom, parts: list[T], box: list[ui.element]) -> None:
        self.user, self.room = user, room
        self.gone_to: list[str] = []
        """The addresses that were asked for, instead of opening them."""
        user.navigate.to = lambda target, new_tab=False: self.gone_to.append(str(target))  # type: ignore[method-assign]
        self._parts, self._box = parts, box

    @property
    def part(self) -> T:
        return self._parts[-1]

    @property
    def box(self) -> ui.element:
        """The element around everything."""
        return self._box[-1]

    @property
    def told(self) -> list[str]:
        """The notices shown so far."""
        return self.user.notify.messages

    def all(self, *, within: ui.element | None = None, **props: Any) -> list[ui.element]:
        """The visible elements with these attributes, in the order of the page; `aria_label` is `aria-label`."""
        wanted = {name.rstrip('_').replace('_', '-'): value for name, value in props.items()}
        inside = (within or self.user._client.layout).descendants()
        return [item for item in inside if is_shown(item) and wanted.items() <= dict(item.props).items()]

    def find(self, words: str = '', *, within: ui.element | None = None, **props: Any) -> ui.element:
        """The first visible element with these attributes that says `words`, alone or in all it holds."""
        found = self.all(within=within, **props)
        inner = [item for item in found if text_of(item) == words] if words else found
        assert inner, f'no {words!r} {props} in {text_of(within or self.user._client.layout)!r}'
        return inner[0]

    def press(self, words: str = '', **props: Any) -> None:
        """Click the button that says this or has this label, or what has these attributes."""
        found = [item for item in self.all(**props) if _is_button(item)] if words else self.all(**props)
        named = [item for item in found if words in (text_of(item), item.props.get('aria-label'))] if words else found
        assert named, f'no button {words!r} {props}: {[text_of(item) for item in found]}'
        self.emit(named[0], 'click')

    def emit(self, element: ui.element, event: str, args: Any = None) -> None:
        """Let an event of the browser happen, with what its handler in the browser sends along."""
        UserInteraction(self.user, {element}, None).trigger(helpers.event_type_to_camel_case(event), args)

    async def until(self, condition: Callable[[], object], seconds: float = 5) -> None:
        """Return once this holds."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - no message tells of what the outbox has sent
                await asyncio.sleep(0.005)

    async def settled(self) -> None:
        """Return once everything that can run without waiting has run."""
        for _ in range(10):
            await asyncio.sleep(0)

    def say(self, *messages: str, level: Level = Level.INFO, **values: Any) -> None:
        """Log these lines."""
        for message in messages:
            self.room.log.append(level, message, **{'source': 'test'} | values)

    def publish(self, message: Message) -> None:
        self.room.bus.publish(message)


@asynccontextmanager
async def on_page(
    tmp_path: Path, draw: Callable[[ControlRoom], T | Awaitable[T]], *, is_running: bool = False, **settings: Any
) -> AsyncIterator[OnPage[T]]:
    """A room on a temporary folder, and what `draw` makes of it once the page is opened with `it.user.open('/')`.

    :param is_running: start everything, with workers and alarm clock; else only the log and the catalog work
    """
    parts: list[T] = []
    boxes: list[ui.element] = []

    async def root() -> None:
        with ui.element() as box:
            boxes.append(box)
            part = draw(room)
            parts.append(await part if isinstance(part, Awaitable) else part)

    # Inside, since the simulation forgets all bindable values that were made before it.
    async with user_simulation(root=root) as user:
        room = ControlRoom.build(Settings(data=tmp_path / 'data', port=8123, **settings), zone='Europe/Berlin')
        await (room.start() if is_running else _start(room))
        try:
            yield OnPage(user, room, parts, boxes)
        finally:
            if is_running:
                await room.stop(grace=0)
            else:
                await _close(room)


@asynccontextmanager
async def opened(
    tmp_path: Path, draw: Callable[[ControlRoom], T | Awaitable[T]], **settings: Any
) -> AsyncIterator[OnPage[T]]:
    """The same with the page open."""
    async with on_page(tmp_path, draw, **settings) as it:
        await it.user.open('/')
        yield it


async def _start(room: ControlRoom) -> None:
    await room.log.start()
    await room.catalog.start()


async def _close(room: ControlRoom) -> None:
    await room.catalog.stop()
    await room.notifications.stop()
    await room.alerts.stop()
    await room.log.stop()
    room.calendar.close()
    room.watches.close()
    room.history.close()
    room.preferences.close()


def is_shown(element: ui.element) -> bool:
    """Whether neither the element nor one around it is hidden."""
    around: ui.element | None = element
    while around is not None:
        if not around.visible or around.props.get('hidden') is True:
            return False
        around = around.parent_slot.parent if around.parent_slot else None
    return True


def text_of(element: ui.element) -> str:
    """What a person reads in it, without what is hidden; one space between the parts."""
    if not is_shown(element):
        return ''
    own = [element.text] if isinstance(element, TextElement) and element.text else []
    return ' '.join(filter(None, [*own, *(text_of(child) for child in element.default_slot.children)])).strip()


def _is_button(element: ui.element) -> bool:
    tag = element.props.get('tag', element.tag)
    return tag in ('button', 'a') or element.props.get('role') == 'menuitem'
