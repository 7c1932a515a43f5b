"""Which entries of the calendar a person wants to see."""

from dataclasses import dataclass, replace

from synapse.calendar.events import CalendarEntry

GROUPS: dict[str, frozenset[str]] = {
    'succeeded': frozenset({'succeeded'}),
    'failed': frozenset({'failed', 'interrupted'}),
    'missed': frozenset({'missed'}),
    'planned': frozenset({'planned'}),
}
"""The totals of a month, each with the states that count in it."""


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Empty fields let everything through."""

    pipeline: str = ''
    profile: str = ''
    group: str = ''

    @property
    def is_open(self) -> bool:
        """Whether it lets everything through."""
        return not (self.pipeline or self.profile or self.group)

    def passes(self, entry: CalendarEntry) -> bool:
        """Whether the entry is shown."""
        return self.passes_any_state(entry) and (not self.group or entry.state in GROUPS[self.group])

    def passes_any_state(self, entry: CalendarEntry) -> bool:
        """Whether it is shown or would be in another state: what the totals count."""
        return self.pipeline in ('', entry.pipeline) and self.profile in ('', entry.profile or '')

    def toggled(self, group: str) -> 'EntryFilter':
        """Only this group of states, or all of them again."""
        return replace(self, group='' if self.group == group else group)
