"""The time zone of an event: type part of its name, then pick it from the list."""

from collections.abc import Callable

from pages.parts.controls import Slot, entry
from pages.parts.html import el, icon
from pages.parts.name_list import NameList
from synapse.language import _
from synapse.recurrence.zones import zone_names


class ZoneField(Slot):
    """Its `value` is what is typed, which may not be an IANA name yet."""

    def __init__(self, id: str, value: str, changed: Callable[[], None]) -> None:
        super().__init__(id, _('Time zone'))
        self.value = value
        self._changed = changed
        with self.body, el('span', 'ct-zone'):
            icon('globe', size=14)
            box = entry(id, value, self._typed, list=f'{id}-names')
            # With a full name in the box, the list would offer only that zone.
            box.on('focus', js_handler='(e) => e.target.select()')
            icon('down', size=14)
            NameList(f'{id}-names', zone_names())

    def _typed(self, text: str) -> None:
        self.value = text.strip()
        self._changed()
