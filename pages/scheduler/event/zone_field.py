"""The time zone of an event: type a part of its name and take it from the list."""

from collections.abc import Callable

from nicegui import ui

from pages.parts.controls import Slot, entry
from pages.parts.html import el, icon
from synapse.recurrence.zones import zone_names


class NameList(ui.element, component='name_list.js'):
    """The suggestions of a box, by its `list` attribute."""

    def __init__(self, id: str, names: list[str]) -> None:
        super().__init__()
        self._props['id'] = id
        self._props['names'] = names


class ZoneField(Slot):
    """Its `value` is what stands there, an IANA name or not yet."""

    def __init__(self, id: str, value: str, changed: Callable[[], None]) -> None:
        super().__init__(id, 'Time zone')
        self.value = value
        self._changed = changed
        with self.body, el('span', 'ct-zone'):
            icon('globe', size=14)
            box = entry(id, value, self._typed, list=f'{id}-names')
            # With its name in the box, the list would offer that one zone only.
            box.on('focus', js_handler='(e) => e.target.select()')
            icon('down', size=14)
            NameList(f'{id}-names', zone_names())

    def _typed(self, text: str) -> None:
        self.value = text.strip()
        self._changed()
