"""The element that draws the histogram; the pointer, and a drag until it ends, are known to the browser only."""

from collections.abc import Iterable, Mapping
from typing import Any

from nicegui import ui

from pages.parts.cards import set_props

from .filter import GROUPS
from .range_picker import Span


class LogPlot(ui.element, component='log_histogram.js'):
    """Bars over time with a selection."""

    def __init__(self) -> None:
        super().__init__()
        self._props.update({'picture': None, 'groups': list(GROUPS), 'selection': None})

    def show(self, picture: Mapping[str, Any]) -> None:
        """Draw this picture, see `Bars.picture`."""
        self._keep(picture)
        self.update()

    def change(self, change: Mapping[str, Any]) -> None:
        """Change some bars, or where they are, see `Bars.take_change`; nothing else is sent."""
        self.run_method('change', change)
        bars = {bar[0]: bar for bar in [*self._props['picture']['bars'], *change['bars']]}
        # The next picture that is sent has these bars, too.
        with self._props.suspend_updates():
            self._keep({**self._props['picture'], **change, 'bars': list(bars.values())})

    def _keep(self, picture: Mapping[str, Any]) -> None:
        self._props['picture'] = {**picture, 'bars': [bar for bar in picture['bars'] if bar[0] >= picture['first']]}

    def include(self, groups: Iterable[str]) -> None:
        """Draw these level groups only."""
        set_props(self, groups=[group for group in GROUPS if group in groups])

    def select(self, selection: Span) -> None:
        """Show this range as selected; without ends, none."""
        ends = [None if moment is None else int(moment.timestamp() * 1000) for moment in selection]
        set_props(self, selection=None if ends == [None, None] else ends)
