"""How many entries the log holds, for screens to bind to."""

from collections.abc import Mapping
from dataclasses import fields

from nicegui.binding import bindable_dataclass

from .entry import Level


@bindable_dataclass
class LogCounters:
    """How many entries of each level the log holds, and how many errors came since somebody looked."""

    debug: int = 0
    info: int = 0
    success: int = 0
    warning: int = 0
    error: int = 0
    critical: int = 0
    total: int = 0
    unseen_errors: int = 0

    def as_stats(self) -> dict[str, int]:
        """The counts as the API gives them."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != 'unseen_errors'}

    def add(self, counts: Mapping[Level, int]) -> None:
        """So many have come, whose errors nobody has seen."""
        self._change(counts)
        if errors := counts.get(Level.ERROR, 0) + counts.get(Level.CRITICAL, 0):
            self.unseen_errors += errors

    def take(self, counts: Mapping[Level, int]) -> None:
        """So many are gone."""
        self._change({level: -count for level, count in counts.items()})

    def _change(self, counts: Mapping[Level, int]) -> None:
        for level, count in counts.items():
            setattr(self, level.value, getattr(self, level.value) + count)
        self.total += sum(counts.values())
