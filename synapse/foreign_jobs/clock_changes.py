"""What happens to jobs when the clocks are put forward, where schedulers differ."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import product

from synapse import recurrence
from synapse.language import _
from synapse.recurrence.rules import read_rule
from synapse.recurrence.wall_time import changes_between, offset_at
from synapse.recurrence.zones import zone as zone_of

from .jobs import ForeignJob

AHEAD = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class SkippedTime:
    """A time of the day that the clocks skip, at which a job is planned."""

    job: ForeignJob
    wall: datetime
    change: datetime
    """What the clocks show right after the change."""
    ours: datetime
    """The wall time at which the event fires instead."""

    def words(self, theirs: str) -> str:
        """:param theirs: what the other scheduler does"""
        wall, name = self.wall, self.job.plans[0].zone
        return _(
            'Line {line} is planned for {wall:%H:%M}, which the clocks of {name} skip on {day} '
            '{wall:%b} {year}: {theirs}, Synapse runs it at {ours:%H:%M}.',
            line=self.job.line,
            wall=wall,
            name=name,
            day=wall.day,
            year=wall.year,
            theirs=theirs,
            ours=self.ours,
        )


def skipped_times(jobs: Iterable[ForeignJob], now: datetime) -> list[SkippedTime]:
    """Return the jobs that are planned for a time that the next change skips: the first such time of each."""
    return [skipped for job in jobs if (skipped := _skipped(job, now)) is not None]


def has_clock_changes(zone_name: str, now: datetime) -> bool:
    return next(changes_between(now, now + AHEAD, zone_of(zone_name)), None) is not None


def _skipped(job: ForeignJob, now: datetime) -> SkippedTime | None:
    for plan in job.plans:
        times = _times_of(plan)
        for change in changes_between(now, now + AHEAD, zone_of(plan.zone)) if times else ():
            before, after = offset_at(change - timedelta(seconds=1), plan.zone), offset_at(change, plan.zone)
            shown = recurrence.wall_of(change, plan.zone)
            begins = shown - (after - before)
            for at in times:
                wall = datetime.combine(begins, at)
                if begins <= wall < shown and recurrence.is_in_series(plan, recurrence.instant_of(wall, plan.zone)):
                    return SkippedTime(job, wall, shown, wall + (after - before))
    return None


def _times_of(plan: recurrence.Plan) -> list[time]:
    """Return the times of the day of a plan; none if it follows the clock through its changes."""
    if plan.rule is None:
        return []
    rule = read_rule(plan.rule)
    if rule.freq.is_sub_daily:
        return []
    hours, minutes = rule.hours or (plan.start.hour,), rule.minutes or (plan.start.minute,)
    return sorted(time(hour, minute) for hour, minute in product(hours, minutes))
