"""Bars of log lines over time, drawn by the browser; what is dragged and where the cursor is, only it knows."""

from collections.abc import Iterable, Mapping
from typing import Any

from nicegui import ui

from pages.parts.cards import set_props

from .filter import GROUPS
from .range_picker import Span


class LogPlot(ui.element, component='log_histogram.js'):
    """The bars; what is dragged and where the cursor is, the browser knows."""

    def __init__(self) -> None:
        super().__init__()
        self._props.update({'picture': None, 'groups': list(GROUPS), 'selection': None})

    def show(self, picture: Mapping[str, Any]) -> None:
        """Draw this instead of what is there."""
        self._keep(picture)
        self.update()

    def bring(self, change: Mapping[str, Any]) -> None:
        """Change some bars, and where they stand; nothing else is sent."""
        self.run_method('bring', change)
        bars = {bar[0]: bar for bar in [*self._props['picture']['bars'], *change['bars']]}
        # Whatever is sent as a whole next has these bars too.
        with self._props.suspend_updates():
            self._keep({**self._props['picture'], **change, 'bars': list(bars.values())})

    def _keep(self, picture: Mapping[str, Any]) -> None:
        self._props['picture'] = {**picture, 'bars': [bar for bar in picture['bars'] if bar[0] >= picture['first']]}

    def include(self, groups: Iterable[str]) -> None:
        """Draw these groups only."""
        set_props(self, groups=[group for group in GROUPS if group in groups])

    def choose(self, selection: Span) -> None:
        """Show this range as selected; without ends, none."""
        ends = [None if moment is None else int(moment.timestamp() * 1000) for moment in selection]
        set_props(self, selection=None if ends == [None, None] else ends)
