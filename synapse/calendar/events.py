"""Events as a person planned them, and their occurrences, as frozen records.

The field names are those of the API: a record's JSON is what other programs read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field

from synapse.inbox.newest import Chosen
from synapse.language import _
from synapse.pipelines.options import MOST_GRACE, StopSignal
from synapse.records import Record, Retold, RetoldRecord, is_unset
from synapse.recurrence import Plan
from synapse.recurrence.words import PreviewLine
from synapse.runs.records import RunRequest
from synapse.sealed import masked


class Misfire(Record):
    """What to do about occurrences that could not fire in time."""

    policy: Literal['latest', 'skip', 'all'] = 'latest'
    within_seconds: int = Field(default=6 * 3600, ge=0, le=366 * 86_400)
    """For `latest`: how late that one run may still start."""
    limit: int = Field(default=3, ge=1, le=100)
    """For `all`: how many are run at most, the newest ones."""


class Retry(Record):
    """How often a failed run is retried, and how long after its end.

    `interrupted` says whether a run counts as failed too if it ended because Synapse or the machine stopped.
    """

    attempts: int = Field(default=0, ge=0, le=10)
    delay_seconds: int = Field(default=300, ge=0, le=86_400)
    interrupted: bool = Field(default=False, exclude_if=is_unset)


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
    stop_signal: StopSignal | None = None
    """By which a stop asks the programs of its runs to end; None for what the pipeline says."""
    grace_seconds: float | None = Field(default=None, ge=0, le=MOST_GRACE)
    """How long they may take to end before they are killed; None for what the pipeline says."""
    silence_after_seconds: int | None = Field(default=None, ge=60, le=366 * 86_400)
    """After how long without a success a person is told; None for when that is longer than usual."""
    created_at: datetime
    # Additions to the contract:
    armed_from: datetime
    """Aware UTC: occurrences up to this moment, inclusive, don't have to fire by the present plan."""
    uid: str = ''
    """The UID of RFC 5545, 3.8.4.7; all parts of an imported series share it."""
    sequence: int = 0
    """Increases with each change: RFC 5545, 3.8.7.4."""
    updated_at: datetime
    override_of: str | None = None
    """The id of the series in which this replaces one occurrence: RECURRENCE-ID of RFC 5545, 3.8.4.4."""
    override_at: datetime | None = None
    """The naive wall time of the replaced occurrence, in the zone of the series."""
    source: str = Field(default='', exclude_if=is_unset)
    """The id of the subscribed calendar that it comes from."""
    imported: str = Field(default='', exclude_if=is_unset)
    """What its calendar file and the rules of imports said last, as `ical.assignment` compares it."""

    @property
    def plan(self) -> Plan:
        plan = Plan(start=self.start, zone=self.timezone, rule=self.rrule)
        return replace(plan, exdates=frozenset(self.exdates)) if self.exdates else plan

    @property
    def is_repeating(self) -> bool:
        return self.rrule is not None

    @property
    def owner(self) -> str:
        """The owner of the files that were found for it."""
        return f'event {self.id}'

    def request(self, due: datetime | None, chosen: Chosen, *, because: str = '') -> RunRequest:
        """Return what to run.

        :param due: None for a run in addition to the plan, which waits for no other run of the event
        """
        return RunRequest(
            self.pipeline,
            chosen.parameters,
            profile=self.profile,
            because=because or self.title,
            event_id=self.id,
            due=due,
            timeout_seconds=self.timeout_seconds,
            stop_signal=self.stop_signal,
            grace_seconds=self.grace_seconds,
            is_alone=due is not None and self.overlap != 'allow',
            subject=self.title,
            found=chosen.found,
        )


class OccurrenceState(StrEnum):
    """`pending → claimed → fired / missed / skipped / cancelled`."""

    PENDING = 'pending'
    CLAIMED = 'claimed'
    FIRED = 'fired'
    MISSED = 'missed'
    SKIPPED = 'skipped'
    CANCELLED = 'cancelled'


class Occurrence(RetoldRecord):
    """An instant at which an event is due; a past one is a row of the ledger."""

    event_id: str
    due: datetime
    state: OccurrenceState = OccurrenceState.PENDING
    fired_at: datetime | None = None
    late_seconds: float | None = None
    run: str | None = None
    """The run it started; after a retry, the newest one."""
    reason: Retold = ''
    # Additions to the contract. The event may be deleted, so the row keeps its name.
    title: str = ''
    pipeline: str = ''
    profile: str | None = None
    since: datetime | None = None
    """Set where a row stands for all occurrences from this moment to `due`, after a long downtime."""
    count: int = 1
    """How many occurrences the row stands for."""
    retries: int = 0
    retry_at: datetime | None = None
    """When its failed run is retried."""
    is_open: bool = False
    """Whether it was missed or run late and waits for an answer in *While you were away*."""

    def fired(self, at: datetime) -> Self:
        """Return it with a run that started at this moment."""
        late = max(0.0, (at - self.due).total_seconds())
        return self.changed(state=OccurrenceState.FIRED, fired_at=at, late_seconds=late)


EntryState = (
    Literal['planned', 'off', 'broken', 'missed', 'skipped']
    | Literal['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled', 'interrupted']
)
"""The states of a run, and those of an occurrence without one; `off` if its event is switched off, `broken`
if it is on but cannot run, and the reason says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """What a calendar view shows: an occurrence with its run, if any, or a run without an occurrence.

    There may be hundreds of thousands, made of validated values: so it is a dataclass that validates nothing.
    """

    key: str
    """`EVENT@MICROSECONDS` of an occurrence, `run:ID` of another run; it doesn't change with the state."""
    at: datetime
    """Aware UTC: when it is due or, for another run, when it was created."""
    state: EntryState
    title: str
    pipeline: str
    profile: str | None = None
    event_id: str | None = None
    due: datetime | None = None
    run: str | None = None
    seconds: float | None = None
    """How long the run took, has taken so far, or (planned) usually takes."""
    is_repeating: bool = False
    reason: str = ''
    count: int = 1
    late_seconds: float | None = None
    """How long after its moment an occurrence started or, before that, fired."""


class Preview(Record):
    """What a planned event would do, before it is saved."""

    sentence: str
    """The rule in plain words, such as `Runs every Monday at 16:00, Berlin time, with no end date.`"""
    when: str = Field(default='', exclude=True)
    """What matters in it, such as `every Monday at 16:00`."""
    problems: dict[str, str] = Field(default_factory=dict)
    """A sentence for each invalid field; empty if it can be saved."""
    moments: tuple[PreviewLine, ...] = ()
    """The next five occurrences."""
    overlap: str = ''
    """A sentence on the load at the next moments, such as `No overlap. 2 workers are available at 16:00.`"""
    is_overloaded: bool = False


def work_in_words(pipeline: str, parameters: Mapping[str, Any], profile: str | None = None) -> list[str]:
    """Return the pipeline, each parameter as JSON, and the profile, a line each.

    Invisible characters, and those that change the direction of text, are shown as escapes, and secrets as dots.
    """
    shown = masked(parameters)
    lines = [pipeline, *(f'{name}: {json.dumps(value, ensure_ascii=False)}' for name, value in shown.items())]
    return [_visible(line) for line in [*lines, *([_('profile: {profile}', profile=profile)] if profile else [])]]


def _visible(text: str) -> str:
    return ''.join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
