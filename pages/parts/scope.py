"""The root element of a page or part: its subscriptions end with it, when the person moves on or closes the tab."""

from collections.abc import Callable
from typing import Any, TypeVar

from nicegui import binding, ui

from synapse.bus import Bus, Message
from synapse.language import answering_in
from synapse.waiting import Throttle

from .browser_language import of_tab

M = TypeVar('M', bound=Message)


class Scope(ui.element, component='island.js'):
    """An element whose subscriptions live exactly as long as it does, and that is redrawn on its own.

    NiceGUI ends its own event subscriptions only with the client: in a single-page shell each visit would leak one.
    And for each change it redraws the whole page except for nested components, so this is one.
    """

    def __init__(self, tag: str = 'div') -> None:
        super().__init__()
        self._props['tag'] = tag
        self._undo: list[Callable[[], object]] = []

    def follow(self, bus: Bus, kind: type[M], callback: Callable[[M], None]) -> None:
        """Call `callback` inside this element with every message of this kind."""
        self.when_gone(bus.subscribe(kind, lambda message: self._call(lambda: callback(message))))

    def watch(self, source: Any, names: tuple[str, ...], callback: Callable[[], None]) -> None:
        """Call `callback` inside this element whenever one of these bindable fields gets a new value."""
        for name in names:
            watcher = _Watcher()
            binding.bind_from(watcher, 'value', source, name)
            watcher.callback = lambda: self._call(callback)
            self.when_gone(lambda watcher=watcher: binding.remove([watcher]))  # type: ignore[misc]

    def at_most_every(
        self, seconds: float, callback: Callable[[], None], *, at_once: bool = False
    ) -> Callable[[], None]:
        """Return a function that calls `callback` inside this element, at most once every `seconds`.

        :param at_once: call it without a delay if the last call is at least `seconds` ago
        """
        throttle = Throttle(seconds, lambda: self._call(callback), at_once=at_once)
        self.when_gone(throttle.cancel)
        return throttle

    def _call(self, callback: Callable[[], None]) -> None:
        if not self.is_deleted:
            # In the language of its tab: the news may come from a call of somebody else, who is answered in theirs.
            with self, answering_in(of_tab(self.client)):
                callback()

    def when_gone(self, undo: Callable[[], object]) -> None:
        """Call `undo` once this element is deleted."""
        self._undo.append(undo)

    def _handle_delete(self) -> None:
        while self._undo:
            self._undo.pop()()
        super()._handle_delete()


class _Watcher:
    """The target of a binding, which turns each new value into a call."""

    value = binding.BindableProperty(on_change=lambda watcher, _: watcher.callback())

    def __init__(self) -> None:
        self.callback: Callable[[], None] = lambda: None
        self.value = None
