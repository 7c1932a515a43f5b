"""A page of a real control room without a browser: what is on it, and what a person does there."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import ui
from nicegui.testing import User, user_simulation

from synapse.calendar.events import Event
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.settings import Settings
from tests.parts.hosts import eventually


class Screen:
    """One page of one person; parts are drawn into it with `drawing`."""

    def __init__(self, room: ControlRoom, user: User, container: ui.element) -> None:
        self.room = room
        self.user = user
        self.client = container.client
        self.container = container

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """An empty page to draw into; dialogs and notices of an earlier test are gone."""
        self.clear()
        with self.container:
            yield

    def clear(self) -> None:
        self.container.clear()
        self.user.notify.messages.clear()
        for element in list(self.client.elements.values()):
            if type(element).__name__ == '_Notice' and not element.is_deleted:
                element.delete()

    # What is on it

    @property
    def elements(self) -> list[ui.element]:
        return [element for element in self.client.elements.values() if not element.is_deleted]

    @property
    def shown(self) -> list[ui.element]:
        """Everything that is not inside something hidden or closed."""
        return [element for element in self.elements if is_shown(element)]

    def get(self, name: str, tag: str = '') -> ui.element:
        """The one element in sight with this name: its label, else its text.

        :param tag: such as `button`, if others have the same name
        """
        found = [item for item in self.shown if name_of(item) == name and tag in ('', item.tag)]
        inner = [item for item in found if not any(child in found for child in item.descendants())]
        known = sorted({known for known in map(name_of, self.shown) if len(known) < 50})
        assert len(inner) == 1, f'{len(inner)} of {name!r} among {known}'
        return inner[0]

    def has(self, name: str) -> bool:
        """Whether something in sight has this name."""
        return any(name_of(item) == name for item in self.shown)

    def by_id(self, id: str) -> ui.element:
        """The element with this id of its own."""
        return next(item for item in self.elements if item.props.get('id') == id)

    def error_at(self, id: str) -> str:
        """The sentence beside the field with this id."""
        return name_of(self.by_id(f'{id}-error'))

    @property
    def notices(self) -> list[str]:
        """What notices say, the newest last."""
        offers = [item.props['options']['message'] for item in self.elements if type(item).__name__ == '_Notice']
        return [*self.user.notify.messages, *offers]

    # What a person does

    def press(self, name: str) -> None:
        """Click a button, or whatever has this name."""
        fire(clickable(self.get(name)), 'click')

    def type(self, id: str, text: str) -> None:
        """Type into the box with this id."""
        fire(self.by_id(id), 'input', text)

    def fill(self, name: str, text: str) -> None:
        """Type into the box inside the label with this name."""
        boxes = [item for item in self.shown if item.props.get('type') == 'text']
        [box] = [item for item in boxes if name_of(label_of(item)) == name]
        fire(box, 'input', text)

    def choose(self, id: str, value: str) -> None:
        """Choose from the list with this id."""
        fire(self.by_id(id), 'change', value)

    def tick(self, name: str, *, is_on: bool = True) -> None:
        """Pick the radio button or turn the checkbox with this name."""
        boxes = [item for item in self.shown if item.props.get('type') in ('radio', 'checkbox')]
        [box] = [item for item in boxes if name in (item.props.get('aria-label'), name_of(label_of(item)))]
        fire(box, 'change', is_on)

    async def press_notice(self) -> None:
        """Press the button of the one notice that has any."""
        [notice] = [item for item in self.elements if type(item).__name__ == '_Notice']
        fire(notice, 'pressed')

    async def until(self, condition: Callable[[], bool], what: str = '') -> None:
        """Return as soon as it is so."""
        await eventually(condition, 10, what)

    # What there is in the control room

    async def plan(self, title: str = 'Letters', *, hours: float = 24, **values: Any) -> Event:
        """An event of the pipeline RunCommand, this many hours from now."""
        start = datetime.now(ZoneInfo(self.room.calendar.zone)).replace(tzinfo=None, microsecond=0)
        given = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'start': start + timedelta(hours=hours)}
        return await self.room.editor.create({'title': title, 'timezone': self.room.calendar.zone} | given | values)

    def due_of(self, event: Event, place: int = 0) -> datetime:
        """When an event falls due next, or the time after that."""
        return self.room.calendar.next_due(event.id)[place]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.room.calendar.zone)

    @property
    def now(self) -> datetime:
        """The wall clock of the calendar, naive."""
        return now_utc().astimezone(self.zone).replace(tzinfo=None)


@asynccontextmanager
async def opened_screen(data: Path, **values: Any) -> AsyncIterator[Screen]:
    """A control room on this folder, and an empty page of it.

    :param values: of `ControlRoom.build`, such as a clock
    """
    found: list[ui.element] = []

    async def root() -> None:
        found.append(ui.element())

    # Inside, since the simulation forgets all bindable values that were made before it.
    async with user_simulation(root=root) as user:
        room = ControlRoom.build(Settings(data=data, port=8123, workers=2), **values)
        await room.start()
        try:
            await user.open('/')
            yield Screen(room, user, found[0])
        finally:
            await room.stop(grace=0)


def fire(element: ui.element, kind: str, args: Any = None) -> None:
    """Let the browser report this event of the element, with what its script adds."""
    listeners = [item for item in element._event_listeners.values() if item.type == kind and item.handler is not None]
    assert listeners, f'nothing listens to {kind} of {name_of(element)!r}'
    for listener in listeners:
        element._handle_event({'listener_id': listener.id, 'args': args})


def clickable(element: ui.element) -> ui.element:
    """The element itself, or the nearest one around it that reacts to clicks."""
    around = [element, *element.ancestors()]
    return next(item for item in around if any(known.type == 'click' for known in item._event_listeners.values()))


def label_of(element: ui.element) -> ui.element:
    """The label around a control, else the control itself."""
    return next((item for item in element.ancestors() if item.tag == 'label'), element)


def is_shown(element: ui.element) -> bool:
    """Whether neither the element nor anything around it is hidden or closed."""
    around = [element, *element.ancestors()]
    return not any(
        item.props.get('hidden') or not item.visible or (isinstance(item, ui.dialog) and not item.value)
        for item in around
    )


def name_of(element: ui.element) -> str:
    """Its label, else all of its text."""
    label = element.props.get('aria-label')
    texts = [getattr(item, 'text', '') for item in [element, *element.descendants()]]
    return str(label) if label else ' '.join(text.strip() for text in texts if text.strip())
