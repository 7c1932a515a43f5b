"""Events as a person put them on the calendar, and the occurrences at which they fall due, as frozen records.

The field names are those of the API, so a record's JSON is what programs outside read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field

from synapse.records import Record
from synapse.recurrence import Plan
from synapse.recurrence.words import PreviewLine
from synapse.runs.records import RunRequest


class Misfire(Record):
    """What is to be done about occurrences that fell due while nobody could fire them."""

    policy: Literal['latest', 'skip', 'all'] = 'latest'
    within_seconds: int = Field(default=6 * 3600, ge=0, le=366 * 86_400)
    """Of `latest`: how late that one run may still start."""
    limit: int = Field(default=3, ge=1, le=100)
    """Of `all`: at most so many are run, the newest ones."""


class Retry(Record):
    """How often a failed run of the event is tried again, and how long after its end."""

    attempts: int = Field(default=0, ge=0, le=10)
    delay_seconds: int = Field(default=300, ge=0, le=86_400)


Overlap = Literal['skip', 'queue', 'allow']


class Event(Record):
    """A calendar entry. `start` and `exdates` are naive wall times in `timezone`."""

    id: str
    title: str = Field(min_length=1, max_length=200)
    pipeline: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    profile: str | None = None
    start: datetime
    timezone: str
    rrule: str | None = None
    exdates: tuple[datetime, ...] = ()
    enabled: bool = True
    misfire: Misfire = Misfire()
    overlap: Overlap = 'skip'
    retry: Retry = Retry()
    timeout_seconds: float | None = Field(default=None, gt=0, le=30 * 86_400)
    created_at: datetime
    # Ours, by addition.
    armed_from: datetime
    """Aware UTC: what falls due at this moment or earlier is not owed by the event as it is now planned."""
    uid: str = ''
    """The UID of iCalendar, the same for all parts of one imported series."""
    sequence: int = 0
    """Grows with each change: RFC 5545, 3.8.7.4."""
    updated_at: datetime
    override_of: str | None = None
    """The id of the series of which this replaces one occurrence: RECURRENCE-ID of RFC 5545, 3.8.4.4."""
    override_at: datetime | None = None
    """The naive wall time of the replaced occurrence, in the zone of the series."""

    @property
    def plan(self) -> Plan:
        """What decides when it falls due."""
        return Plan(start=self.start, zone=self.timezone, rule=self.rrule, exdates=frozenset(self.exdates))

    @property
    def is_repeating(self) -> bool:
        return self.rrule is not None

    def request(self, due: datetime, parameters: Mapping[str, Any], *, because: str = '') -> RunRequest:
        """The run that it wants for one of its occurrences."""
        return RunRequest(
            self.pipeline,
            parameters,
            profile=self.profile,
            because=because or self.title,
            event_id=self.id,
            due=due,
            timeout_seconds=self.timeout_seconds,
            is_alone=self.overlap != 'allow',
        )


class OccurrenceState(StrEnum):
    """`pending → claimed → fired / missed / skipped / cancelled`."""

    PENDING = 'pending'
    CLAIMED = 'claimed'
    FIRED = 'fired'
    MISSED = 'missed'
    SKIPPED = 'skipped'
    CANCELLED = 'cancelled'


class Occurrence(Record):
    """One instant at which an event is due; a past one is a row of the ledger."""

    event_id: str
    due: datetime
    state: OccurrenceState = OccurrenceState.PENDING
    fired_at: datetime | None = None
    late_seconds: float | None = None
    run: str | None = None
    """The run it led to; after a retry the newest one."""
    reason: str = ''
    # Ours, by addition: what it was called then, since the event may be gone.
    title: str = ''
    pipeline: str = ''
    profile: str | None = None
    since: datetime | None = None
    """Set where one row stands for all occurrences from this moment to `due`, after a long downtime."""
    count: int = 1
    """How many occurrences the row stands for."""
    retries: int = 0
    retry_at: datetime | None = None
    """When its failed run is to be tried again."""
    is_open: bool = False
    """Missed, and nobody has said yet what is to be done about it: it stands in *While you were away*."""

    def fired(self, at: datetime) -> Self:
        """It led to a run at this moment."""
        late = max(0.0, (at - self.due).total_seconds())
        return self.changed(state=OccurrenceState.FIRED, fired_at=at, late_seconds=late)


EntryState = Literal[
    'planned',
    'off',
    'queued',
    'running',
    'paused',
    'succeeded',
    'failed',
    'cancelled',
    'interrupted',
    'missed',
    'skipped',
]
"""`off` is a moment at which an event that is switched off would be due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """One chip of the month: a run that was, or an occurrence that is to be or did not become one.

    Made of values that were checked before, and by the hundred thousand: nothing is validated again.
    """

    key: str
    """`EVENT@MICROSECONDS` of an occurrence, `run:ID` of a run that no occurrence led to; stays while states change."""
    at: datetime
    """Aware UTC: when it is or was due; of other runs when they were created."""
    state: EntryState
    title: str
    pipeline: str
    profile: str | None = None
    event_id: str | None = None
    due: datetime | None = None
    run: str | None = None
    seconds: float | None = None
    """How long the run took, takes so far, or (planned) usually takes."""
    is_repeating: bool = False
    reason: str = ''
    count: int = 1


class Preview(Record):
    """What a planned event would do, before it is saved."""

    sentence: str
    """The rule in plain words, such as `Runs every Monday at 16:00, Berlin time, with no end date.`"""
    problems: dict[str, str] = Field(default_factory=dict)
    """A sentence for each field that does not fit; empty if it can be saved."""
    moments: tuple[PreviewLine, ...] = ()
    """The next five."""
    overlap: str = ''
    """A sentence on the load at the next moments, such as `No overlap. 2 workers are free at 16:00.`"""
    is_overloaded: bool = False
