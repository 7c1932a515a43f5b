"""Which entries of the calendar are shown."""

from dataclasses import dataclass, replace

from synapse.calendar.events import CalendarEntry

GROUPS: dict[str, frozenset[str]] = {
    'succeeded': frozenset({'succeeded'}),
    'failed': frozenset({'failed', 'interrupted'}),
    'missed': frozenset({'missed'}),
    'planned': frozenset({'planned', 'broken'}),
}
"""The totals of a month, each with the states that count towards it."""


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
        return self.passes_any_state(entry) and (not self.group or entry.state in GROUPS[self.group])

    def passes_any_state(self, entry: CalendarEntry) -> bool:
        """Whether the entry is shown, or would be in another state: the totals count these."""
        return self.pipeline in ('', entry.pipeline) and self.profile in ('', entry.profile or '')

    def toggled(self, group: str) -> 'EntryFilter':
        """Return the filter for this group of states alone, or for all states if it was chosen already."""
        return replace(self, group='' if self.group == group else group)
