"""Which occurrences move when the rules of their zone change: each keeps its wall time, so its instant is another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from .expansion import Plan, next_after, series_of
from .rules import Rule
from .wall_time import DAY, TICK, changes_between, instant_of, offset_at, wall_of
from .zones import zone

COMPARED = timedelta(days=3653)
"""How far ahead rules are compared."""
_MAX_SPANS = 40
_SUB_DAILY_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Span:
    """Instants from `begins` up to but not including `ends` at which two zones have different offsets."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """The first occurrence of a series that moves: from one instant to another."""

    was: datetime
    due: datetime


def differences(one: str, two: str, now: datetime) -> list[Span]:
    """Return when the clocks of two zones differ in the coming ten years; at most the first 40 spans."""
    end = now + COMPARED
    changes = {change for name in (one, two) for change in changes_between(now, end, zone(name))}
    moments = sorted({now, end, *(change for change in changes if now < change < end)})
    found: list[Span] = []
    for begins, ends in pairwise(moments):
        if offset_at(begins, one) == offset_at(begins, two):
            continue
        if found and found[-1].ends == begins:
            found[-1] = Span(found[-1].begins, ends)
        else:
            found.append(Span(begins, ends))
    return found[:_MAX_SPANS]


def first_move(plan: Plan, former: str, spans: Sequence[Span], now: datetime) -> Move | None:
    """Return the first coming occurrence that moves, by the rules that the zone of a plan had before.

    :param former: the zone with those rules
    :param spans: as `differences` returns them for both zones
    :raises RuleError: if the plan cannot be read
    """
    before = replace(plan, zone=former)
    if plan.rule is None:
        due, was = instant_of(plan.start, plan.zone), instant_of(plan.start, former)
        return Move(was, due) if was != due and max(was, due) > now else None
    series = series_of(plan)
    steps = Rule(freq=series.rule.freq, interval=series.rule.interval)
    if steps.freq.is_sub_daily and series.rule.without_end == steps and series.begins == series_of(before).begins:
        return None  # whole steps of real time, whatever the clocks show
    is_sub_daily = series.rule.freq.is_sub_daily
    limits = (8, _SUB_DAILY_LIMIT) if is_sub_daily else (2 * len(series.times) + 2,)
    for span in spans:
        since = max(span.begins - (TICK if is_sub_daily else DAY), now - DAY)
        for limit in limits:
            dues, earlier = (next_after(one, since, limit=limit) for one in (plan, before))
            moves = _moves(plan, former, dues, earlier) if earlier else iter(())
            found = next((move for move in moves if max(move.was, move.due) > now), None)
            if found is not None and found.due < span.ends + DAY:
                return found
    return None


def _moves(plan: Plan, former: str, dues: Sequence[datetime], earlier: Sequence[datetime]) -> Iterator[Move]:
    by_wall = {wall_of(was, former): was for was in earlier}
    for due in dues:
        if due not in earlier:
            nearest = min(earlier, key=lambda was: abs(was - due))
            yield Move(by_wall.get(wall_of(due, plan.zone), nearest), due)
