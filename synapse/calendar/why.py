"""Why an event did or did not run at a moment, or what will happen then: one reason, in one sentence.

Pure functions of what is known: the ledger answers for what fell due, and the plan that was in force for all the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Self

from synapse.language import LANGUAGES, _, translated
from synapse.records import Record
from synapse.recurrence import (
    TICK,
    first,
    instant_of,
    is_in_series,
    last,
    last_before,
    next_after,
    occurrences,
    wall_of,
)
from synapse.recurrence.days import FIRST_YEAR, LAST_YEAR
from synapse.runs.records import RunRecord, RunState

from . import why_words
from .claims import OVERLAPPED
from .events import Event, Occurrence, OccurrenceState
from .plan_history import PAUSED, PastPlan, Stop
from .why_words import Moments

Reason = (
    Literal['ran', 'late', 'paused', 'waiting', 'missed', 'overlap', 'skipped', 'cancelled', 'due']
    | Literal['planned', 'pipeline_missing', 'pipeline_broken', 'profile_gone', 'file_asked']
    | Literal['disabled', 'excluded', 'moved', 'overridden', 'before_start', 'after_end', 'not_in_rule', 'clock_change']
    | Literal['created_later', 'deleted', 'unknown']
)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
NOTICEABLE = timedelta(seconds=60)
"""A start that is late by more than this is one of the reasons."""
DUE_NOW = timedelta(seconds=60)
"""So long after its moment an occurrence may still be on its way into the ledger."""


class Nearest(Record):
    """The occurrences next to a moment, by the plan that was in force; aware, in the zone of the event."""

    before: datetime | None = None
    after: datetime | None = None


class Why(Record):
    """What happened at a moment, or will. Times are aware, in the zone of the event."""

    event_id: str
    at: datetime
    timezone: str
    reason: Reason
    sentence: str
    due: datetime | None = None
    """The occurrence that the answer is about, if there is or was one."""
    nearest: Nearest = Nearest()
    state: OccurrenceState | None = None
    """What the ledger says."""
    fired_at: datetime | None = None
    started_at: datetime | None = None
    """When its run started."""
    late_seconds: float | None = None
    """From the occurrence to the start of its run, or to its firing if the run has not started."""
    run: str | None = None
    run_number: int | None = None
    """None if the run was removed."""
    run_state: RunState | None = None
    policy: str = ''
    """What applied, or will, if it could not fire in time or an earlier run had not finished."""
    moved_to: datetime | None = None
    override: str | None = None
    """The id of the event that takes its place."""
    can_run: bool = False
    """Whether it did not run and can be run after all."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A moment that someone asks about: a minute, or a second if one is given."""

    at: datetime
    """Aware UTC."""
    end: datetime
    wall: datetime
    """Naive, as it was typed: the clocks may never have shown it."""

    @classmethod
    def of(cls, moment: datetime, zone: str) -> Self:
        """Read an aware moment, or a naive wall time in this zone.

        :raises ValueError: if it is outside the years that rules know
        """
        if not FIRST_YEAR < moment.year < LAST_YEAR:
            raise ValueError(_('Pick a year between {first} and {last}.', first=FIRST_YEAR + 1, last=LAST_YEAR - 1))
        moment = moment.replace(microsecond=0)
        wall = moment.replace(fold=0) if moment.tzinfo is None else wall_of(moment, zone)
        at = instant_of(wall, zone) if moment.tzinfo is None else moment
        at = instant_of(wall_of(at, 'UTC'), 'UTC')
        return cls(at, at + (SECOND if moment.second else MINUTE), wall)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps an event from running as things are now, or why it had no plan at a moment."""

    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that an answer is made of.

    :param row: the ledger's row for the moment that is asked about, with its run
    :param plans: earlier plans of the event, oldest first
    :param stops: what overlaps the time from the moment to its firing
    :param overrides: events that replace single occurrences of this one
    """

    event: Event
    now: datetime
    row: Occurrence | None = None
    run: RunRecord | None = None
    plans: Sequence[PastPlan] = ()
    stops: Sequence[Stop] = ()
    overrides: Sequence[Event] = ()
    obstacle: Obstacle | None = None
    is_queue_paused: bool = False

    @property
    def moments(self) -> Moments:
        return Moments(self.event.timezone, self.now)


def why(asked: Asked, facts: Facts) -> Why:
    """Return the answer.

    :raises RuleError: if the rule of the event cannot be read
    """
    there = facts.moments
    found = _of_row(facts.row, facts) if facts.row is not None else _without_row(asked, facts)
    plan = _plan_at(found.due or asked.at, facts)
    plan = PastPlan.of(facts.event) if isinstance(plan, Obstacle) else plan
    before, after = last_before(plan.plan, asked.at), next(iter(next_after(plan.plan, asked.end - TICK)), None)
    is_skipped = wall_of(asked.at, facts.event.timezone) != asked.wall
    return found.changed(
        sentence=there.skipped_by_clock(asked.wall, found.sentence) if is_skipped else found.sentence,
        nearest=Nearest(before=before and there.local(before), after=after and there.local(after)),
        # As it was said: `changed` turns texts that are kept into our own language.
        policy=str(why_words.policy(plan.misfire, plan.overlap)) if found.due is not None else '',
        can_run=found.run is None and found.due is not None and found.due <= facts.now and found.reason != 'due',
    )


def _answer(facts: Facts, at: datetime, reason: Reason, sentence: str, **values: object) -> Why:
    there = facts.moments
    local = {name: there.local(value) if isinstance(value, datetime) else value for name, value in values.items()}
    return Why.model_validate(
        {
            'event_id': facts.event.id,
            'at': there.local(at),
            'timezone': facts.event.timezone,
            'reason': reason,
            'sentence': sentence,
            **local,
        }
    )


# What the ledger knows


def _of_row(row: Occurrence, facts: Facts) -> Why:
    there, run = facts.moments, facts.run
    started = None if run is None else run.started_at
    since = started or row.fired_at
    values: dict[str, object] = {
        'due': row.due,
        'state': row.state,
        'fired_at': row.fired_at,
        'started_at': started,
        'late_seconds': None if since is None else max(0.0, (since - row.due).total_seconds()),
        'run': row.run,
        'run_number': None if run is None else run.number,
        'run_state': None if run is None else run.state,
    }
    if row.state is OccurrenceState.MISSED:
        reason: Reason = 'missed'
        sentence = there.missed(row, _cause(row, facts))
    elif row.state is OccurrenceState.SKIPPED:
        reason = 'overlap' if _is_overlap(row.reason) else 'skipped'
        sentence = there.skipped(row)
    elif row.state is OccurrenceState.CANCELLED:
        reason, sentence = 'cancelled', there.cancelled(row)
    elif run is None:
        reason, sentence = 'ran', there.run_removed(row)
    elif started is None:
        pause = _pause(facts, row.fired_at or row.due, run.finished_at or facts.now)
        reason = 'cancelled' if run.state.is_final else 'paused' if pause else 'waiting'
        sentence = there.not_started(row, run, pause)
    else:
        pause = _pause(facts, row.fired_at or row.due, started)
        is_late = bool(row.reason) or started - row.due > NOTICEABLE
        reason = 'paused' if pause else 'late' if is_late else 'ran'
        sentence = there.ran(row, run, started, pause, _cause(row, facts))
    return _answer(facts, row.due, reason, sentence, **values)


def _is_overlap(reason: str) -> bool:
    """Whether a reason, kept in whatever language, is that a run was still running."""
    return any(reason.startswith(translated(text, chosen)) for text in OVERLAPPED for chosen in LANGUAGES)


def _pause(facts: Facts, start: datetime, end: datetime) -> Stop | None:
    """Return the pause of the queue that held up a run between its firing and its start."""
    pauses = [stop for stop in facts.stops if stop.kind == PAUSED]
    return next((stop for stop in pauses if stop.start <= end and (stop.end is None or stop.end >= start)), None)


def _cause(row: Occurrence, facts: Facts) -> Stop | None:
    """Return the time in which nothing could fire that this occurrence fell into."""
    absences = [stop for stop in facts.stops if stop.kind != PAUSED and stop.end is not None]
    return next((stop for stop in absences if stop.start - SECOND <= row.due <= (stop.end or row.due)), None)


# What only the plan knows


def _without_row(asked: Asked, facts: Facts) -> Why:
    there, event = facts.moments, facts.event
    due = _due_in(PastPlan.of(event), asked)
    plan = _plan_at(due or asked.at, facts)
    if isinstance(plan, Obstacle):
        return _answer(facts, asked.at, plan.reason, plan.sentence)
    due = _due_in(plan, asked)
    if due is None:
        return _not_due(asked, plan, facts)
    if not plan.enabled:
        since, until = _disabled_span(plan, facts)
        sentence = there.disabled(due, since, until)
        return _answer(facts, asked.at, 'disabled', sentence, due=due)
    if due > facts.now:
        return _planned(asked, due, facts)
    if facts.now - due <= DUE_NOW:
        return _answer(
            facts, asked.at, 'due', _('It is due since {time} and about to start.', time=there.clock(due)), due=due
        )
    return _answer(facts, asked.at, 'unknown', there.erased(due), due=due)


def _due_in(plan: PastPlan, asked: Asked) -> datetime | None:
    return next(iter(occurrences(plan.plan, asked.at, asked.end)), None)


def _plan_at(moment: datetime, facts: Facts) -> PastPlan | Obstacle:
    """Return the plan that was in force at a moment, or why there was none."""
    event, there = facts.event, facts.moments
    if moment > event.armed_from:
        return PastPlan.of(event)
    later = next((plan for plan in facts.plans if plan.until is not None and plan.until >= moment), None)
    if later is not None and moment > later.since:
        return later
    following = event.armed_from if later is None else later.since
    before = [plan for plan in facts.plans if plan.until is not None and plan.until < moment]
    if before and before[-1].is_deleted and before[-1].until is not None:
        return Obstacle('deleted', there.deleted(before[-1].until, following))
    # A new event is armed from the moment of its creation on.
    is_all_known = not before and following - event.created_at < SECOND
    if is_all_known or moment < event.created_at:
        return Obstacle('created_later', there.created(event.created_at))
    return Obstacle('unknown', there.before_history(following))


def _disabled_span(plan: PastPlan, facts: Facts) -> tuple[datetime, datetime | None]:
    """Return since when and until when the event was switched off without a break; None if it still is."""
    plans = [*facts.plans, PastPlan.of(facts.event)]
    place = next(place for place, item in enumerate(plans) if item.since == plan.since)
    begin = end = place
    while begin > 0 and not plans[begin - 1].enabled and plans[begin - 1].until == plans[begin].since:
        begin -= 1
    while end + 1 < len(plans) and not plans[end + 1].enabled and plans[end].until == plans[end + 1].since:
        end += 1
    return plans[begin].since, plans[end].until


def _planned(asked: Asked, due: datetime, facts: Facts) -> Why:
    there, event, obstacle = facts.moments, facts.event, facts.obstacle
    if obstacle is not None:
        sentence: str = _('It is due {due}, but {problem}', due=there.at(due), problem=obstacle.sentence)
        return _answer(facts, asked.at, obstacle.reason, sentence, due=due)
    more = next_after(event.plan, due, limit=3) if event.is_repeating else []
    sentence = there.planned(due, event, len(more), is_queue_paused=facts.is_queue_paused)
    return _answer(facts, asked.at, 'planned', sentence, due=due)


def _not_due(asked: Asked, plan: PastPlan, facts: Facts) -> Why:
    excluded = next(iter(occurrences(replace(plan.plan, exdates=frozenset()), asked.at, asked.end)), None)
    if excluded is not None:
        return _excluded(asked, excluded, facts)
    there, rule = facts.moments, plan.plan
    twice = instant_of(asked.wall, plan.timezone)
    if twice < asked.at and is_in_series(rule, twice):
        return _answer(facts, asked.at, 'clock_change', there.shown_twice(asked.wall, twice), due=twice)
    begins = first(rule)
    if begins is None or asked.at < begins:
        return _answer(facts, asked.at, 'before_start', there.before_start(begins, is_one=rule.rule is None))
    ends = last(rule)
    if ends is not None and asked.at > ends:
        return _answer(facts, asked.at, 'after_end', there.after_end(ends, is_one=rule.rule is None))
    before, after = last_before(rule, asked.at), next(iter(next_after(rule, asked.end - TICK)), None)
    return _answer(facts, asked.at, 'not_in_rule', there.not_in_rule(asked.wall, before, after))


def _excluded(asked: Asked, due: datetime, facts: Facts) -> Why:
    there = facts.moments
    wall = wall_of(due, facts.event.timezone)
    override = next((item for item in facts.overrides if item.override_at == wall), None)
    if override is None:
        return _answer(facts, asked.at, 'excluded', there.excluded(due), due=due)
    to = first(override.plan)
    if to is None or to == due:
        sentence = _(
            'The occurrence of {due} was changed on its own: {title} takes its place.',
            due=there.at(due),
            title=override.title,
        )
        return _answer(facts, asked.at, 'overridden', sentence, due=due, override=override.id)
    sentence = _('The occurrence of {due} was moved to {moment}.', due=there.at(due), moment=there.at(to))
    return _answer(facts, asked.at, 'moved', sentence, due=due, moved_to=to, override=override.id)
