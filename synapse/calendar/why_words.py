"""The sentences of `why`: moments as people say them, and what happened at them."""

from datetime import datetime, timedelta

from synapse.language import N_, _, _n, filled, spoken, translated
from synapse.language.formats import moment, number
from synapse.recurrence import wall_of
from synapse.recurrence.zones import zone
from synapse.runs.records import RunRecord, RunState

from .alarm_clock import Absence
from .events import Event, Misfire, Occurrence, Overlap
from .plan_history import Stop

# Translators: of a run: run #12 started on time and succeeded
ENDED = {
    RunState.SUCCEEDED: N_('succeeded'),
    RunState.FAILED: N_('failed'),
    RunState.CANCELLED: N_('was stopped'),
    RunState.INTERRUPTED: N_('was interrupted'),
    RunState.RUNNING: N_('is running'),
    RunState.PAUSED: N_('is paused'),
}
# Translators: goes on after a colon; {span} is: from Fri 9 October 14:00 to 16:30
CAUSES = {
    'off': N_('Synapse was not running {span}.'),
    'asleep': N_('this machine was asleep {span}.'),
    'clock': N_('the clock of this machine was set forward {span}.'),
    'restored': N_('Synapse was restored from a backup, and what happened {span} is not known here.'),
}
# Translators: goes on after: While an earlier run has not finished:
OVERLAPS = {
    'skip': N_('a new one is skipped'),
    'queue': N_('one more waits'),
    'allow': N_('the new one runs beside it'),
}


SHORT = timedelta(minutes=2)
"""The times of a shorter span are told to the second."""


def policy(misfire: Misfire, overlap: Overlap) -> str:
    """Return what an event does about a moment at which nothing could fire, and about runs that overlap."""
    return _(
        'If nothing could fire: {missed}. While an earlier run has not finished: {overlap}.',
        missed=_missed(misfire),
        overlap=translated(OVERLAPS[overlap]),
    )


def _missed(misfire: Misfire) -> str:
    # Translators: these three go on after: If nothing could fire:
    if misfire.policy == 'skip':
        return _('it is skipped')
    if misfire.policy == 'all':
        return _n(
            'at most {count} missed one run, one after another',
            'at most {count} missed ones run, one after another',
            misfire.limit,
        )
    return _('only the latest runs, if less than {length} late', length=length(misfire.within_seconds))


def length(seconds: float) -> str:
    """Return `0.2 s`, `12 s`, `7 h 31 min`, `3 days`."""
    if seconds < 59.5:
        return _('{seconds} s', seconds=number(seconds, digits=1 if seconds < 10 else 0))
    minutes = round(seconds / 60)
    if minutes >= 3 * 24 * 60:
        return _n('{count} day', '{count} days', round(minutes / 1440))
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    parts = [
        _('{days} d', days=days) if days else '',
        _('{hours} h', hours=hours) if hours else '',
        _('{minutes} min', minutes=minutes) if minutes else '',
    ]
    return ' '.join(filter(None, parts))


def lateness(seconds: float | None) -> str:
    """Return `0.2 s late`, or `on time`."""
    if seconds is None or seconds < 0.05:
        return _('on time')
    return _('{length} late', length=length(seconds))


class Moments:
    """Sentences with moments in the zone of an event; the year is named where it is not the present one."""

    def __init__(self, zone_name: str, now: datetime) -> None:
        self._zone_name = zone_name
        self._zone = zone(zone_name)
        self._now = now

    def local(self, instant: datetime) -> datetime:
        return instant.astimezone(self._zone)

    def at(self, instant: datetime) -> str:
        """Return `Tue 3 March 09:00`."""
        # Translators: a moment: Fri 9 October 14:00
        return _('{day} {time}', day=self.day(wall_of(instant, self._zone_name)), time=self.clock(instant))

    def clock(self, instant: datetime) -> str:
        return clock_of(wall_of(instant, self._zone_name))

    def day(self, wall: datetime) -> str:
        return moment('MMMMEd' if self._is_this_year(wall) else 'yMMMMEd', wall)

    def _is_this_year(self, wall: datetime) -> bool:
        return wall.year == self.local(self._now).year

    def about(self, instant: datetime) -> str:
        """Return the same without seconds, for what was done at that moment rather than planned."""
        return self.at(instant.replace(second=0))

    def span(self, start: datetime, end: datetime | None) -> str:
        if end is None:
            return _('since {moment}', moment=self.about(start))
        if end - start >= SHORT:
            start, end = start.replace(second=0), end.replace(second=0)
        is_same_day = self.local(start).date() == self.local(end).date()
        return _('from {start} to {end}', start=self.at(start), end=self.clock(end) if is_same_day else self.at(end))

    # Of the ledger

    def ran(self, row: Occurrence, run: RunRecord, started: datetime, pause: Stop | None, cause: Stop | None) -> str:
        late = lateness((started - row.due).total_seconds())
        due, outcome = self.at(row.due), _outcome(run)
        if run.took_seconds is not None:
            # Translators: of a run: succeeded after 12 s
            outcome = _('{outcome} after {length}', outcome=outcome, length=length(run.took_seconds))
        if pause is not None:
            return _(
                'It was due {due}, but the queue was paused {span}: run #{number} started {late} and {outcome}.',
                due=due,
                span=self.span(pause.start, pause.end),
                number=run.number,
                late=late,
                outcome=outcome,
            )
        said = _(
            'It was due {due} and started {late}, as run #{number}, which {outcome}.',
            due=due,
            late=late,
            number=run.number,
            outcome=outcome,
        )
        why = self._why(row, cause) if row.reason else ''
        return f'{said} {why[:1].upper()}{why[1:]}'.strip()

    def not_started(self, row: Occurrence, run: RunRecord, pause: Stop | None) -> str:
        due = self.at(row.due)
        if run.state.is_final:
            return _(
                'It was due {due}, but run #{number} {outcome} before it started.',
                due=due,
                number=run.number,
                outcome=_outcome(run),
            )
        if pause is not None:
            return _(
                'It was due {due}, but run #{number} waits, as the queue is paused {span}.',
                due=due,
                number=run.number,
                span=self.span(pause.start, pause.end),
            )
        return _('It was due {due}, and run #{number} waits for a free worker.', due=due, number=run.number)

    def run_removed(self, row: Occurrence) -> str:
        return _(
            'It was due {due} and fired {late}; '
            'its run has been removed since, as Settings say how long runs are kept.',
            due=self.at(row.due),
            late=lateness(row.late_seconds),
        )

    def missed(self, row: Occurrence, cause: Stop | None) -> str:
        why = self._why(row, cause)
        if row.since is not None:
            # Translators: {count} occurrences from one moment to another
            return _(
                'It was missed, as all {count} {span}: {reason}',
                count=number(row.count),
                span=self.span(row.since, row.due),
                reason=why,
            )
        return _('It was missed {due}: {reason}', due=self.at(row.due), reason=why or _('nothing could fire then.'))

    def skipped(self, row: Occurrence) -> str:
        why = spoken(row.reason) or _('Skipped by hand.')
        return _('It was skipped {due}: {reason}', due=self.at(row.due), reason=f'{why[:1].lower()}{why[1:]}')

    def cancelled(self, row: Occurrence) -> str:
        if not row.reason:
            return _('It was stopped {due}.', due=self.at(row.due))
        return _('It was stopped {due}: {reason}', due=self.at(row.due), reason=spoken(row.reason))

    def _why(self, row: Occurrence, cause: Stop | None) -> str:
        """Return the reason of the ledger, with the times of what kept it from firing."""
        if cause is None or cause.kind == 'paused':
            return spoken(row.reason)
        known = Absence(row.due, row.due, cause.kind)
        said = filled(CAUSES[cause.kind], span=self.span(cause.start, cause.end))
        return f'{said} {known.without_sentence(spoken(row.reason))}'.strip()

    # Of the plan

    def planned(self, due: datetime, event: Event, more: int, *, is_queue_paused: bool) -> str:
        said = [_('It is planned and runs {due}.', due=self.at(due))]
        if event.is_repeating and more < 3:
            said.append((_('It is the last one.'), _('One more follows.'), _('Two more follow.'))[more])
        if is_queue_paused:
            said.append(_('The queue is paused now: its run waits until it is resumed.'))
        return ' '.join(said)

    def disabled(self, due: datetime, since: datetime, until: datetime | None) -> str:
        at = self.at(due)
        if due > self._now:
            span = self.span(since, None)
            return _('It does not run {due}: the event is switched off, {span}.', due=at, span=span)
        span = self.span(since, until)
        return _('It did not run {due}: the event was switched off {span}.', due=at, span=span)

    def excluded(self, due: datetime) -> str:
        return _('The occurrence of {due} is excluded from the event.', due=self.at(due))

    def shown_twice(self, wall: datetime, due: datetime) -> str:
        time, day = clock_of(wall), self.day(wall)
        if due > self._now:
            return _('The clocks show {time} twice on {day}, and it runs the first time.', time=time, day=day)
        return _('The clocks show {time} twice on {day}, and it was due the first time.', time=time, day=day)

    def skipped_by_clock(self, wall: datetime, sentence: str) -> str:
        said = _("{time} doesn't exist on {day}, as the clocks go forward.", time=clock_of(wall), day=self.day(wall))
        return f'{said} {sentence}'

    def before_start(self, begins: datetime | None, *, is_one: bool) -> str:
        if begins is None:
            return _('Every occurrence of the event is excluded.')
        if is_one:
            return _('The event runs only once, {moment}.', moment=self.at(begins))
        return _('The event starts {moment}.', moment=self.at(begins))

    def after_end(self, ends: datetime, *, is_one: bool) -> str:
        at = self.at(ends)
        if is_one:
            return _('The event runs only once, {moment}.', moment=at)
        return (
            _('The event ends {moment}.', moment=at) if ends > self._now else _('The event ended {moment}.', moment=at)
        )

    def not_in_rule(self, wall: datetime, before: datetime | None, after: datetime | None) -> str:
        near = [instant for instant in (before, after) if instant is not None]
        day = moment('MMMMEEEEd' if self._is_this_year(wall) else 'yMMMMEEEEd', wall)
        is_near = wall.date() in [wall_of(instant, self._zone_name).date() for instant in near]
        # Translators: goes on after: The rule has no moment
        when = _('at {time} on {day}', time=clock_of(wall), day=day) if is_near else _('on {day}', day=day)
        named = [self.at(instant) for instant in near]
        if len(named) == 1:
            return _('The rule has no moment {when}; the nearest is {moment}.', when=when, moment=named[0])
        return _(
            'The rule has no moment {when}; the nearest are {before} and {after}.',
            when=when,
            before=named[0],
            after=named[1],
        )

    # Of the history

    def created(self, created_at: datetime) -> str:
        return _('The event did not exist yet: it was created {moment}.', moment=self.about(created_at))

    def deleted(self, since: datetime, until: datetime) -> str:
        return _('The event was deleted {span}.', span=self.span(since, until))

    def before_history(self, since: datetime) -> str:
        return _(
            'It is not known: what the event was planned to do is recorded from {moment} on.', moment=self.about(since)
        )

    def erased(self, due: datetime) -> str:
        return _('It was due {due}, but the history has no record of what happened.', due=self.at(due))


def _outcome(run: RunRecord) -> str:
    return translated(ENDED.get(run.state, run.state.value))


def clock_of(wall: datetime) -> str:
    return f'{wall:%H:%M:%S}' if wall.second else f'{wall:%H:%M}'
