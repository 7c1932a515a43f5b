"""A choice of one out of a few, as a box that opens a list; the browser's own select, so every key works in it."""

from collections.abc import Callable, Mapping

from .html import el, icon
from .scope import Scope


class Picker(Scope):
    """The box of the design with a select over it.

    :param changed: called with the key that was chosen
    """

    def __init__(
        self, options: Mapping[str, str], value: str, *, label: str, changed: Callable[[str], None], classes: str = ''
    ) -> None:
        super().__init__('span')
        self.classes(f'sy-in is-sm is-quiet sy-pick {classes}')
        self._changed = changed
        self.value = value
        with self:
            self._select = el('select', aria_label=label)
            icon('down', size=14)
        self._select.on('change', lambda event: self._choose(str(event.args)), js_handler='(e) => emit(e.target.value)')
        self.offer(options, value)

    def offer(self, options: Mapping[str, str], value: str) -> None:
        """Show these options, with `value` chosen."""
        self.value = value
        self._select.clear()
        with self._select:
            for key, words in options.items():
                el('option', text=words, value=key)
        self._select.props['value'] = value
        self._select.update()

    def _choose(self, key: str) -> None:
        self.value = key
        self._select.props['value'] = key
        self._changed(key)
