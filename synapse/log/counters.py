"""The number of entries in the log, for pages to bind to."""

from collections.abc import Mapping
from dataclasses import fields

from nicegui.binding import bindable_dataclass

from .entry import Level


@bindable_dataclass
class LogCounters:
    """The number of entries of each level in the log, and of errors since someone last looked."""

    debug: int = 0
    info: int = 0
    success: int = 0
    warning: int = 0
    error: int = 0
    critical: int = 0
    total: int = 0
    unseen_errors: int = 0

    def as_stats(self) -> dict[str, int]:
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != 'unseen_errors'}

    def add(self, counts: Mapping[Level, int]) -> None:
        """Count new entries, whose errors are unseen."""
        self._change(counts)
        if errors := counts.get(Level.ERROR, 0) + counts.get(Level.CRITICAL, 0):
            self.unseen_errors += errors

    def subtract(self, counts: Mapping[Level, int]) -> None:
        self._change({level: -count for level, count in counts.items()})

    def _change(self, counts: Mapping[Level, int]) -> None:
        for level, count in counts.items():
            setattr(self, level.value, getattr(self, level.value) + count)
        self.total += sum(counts.values())
