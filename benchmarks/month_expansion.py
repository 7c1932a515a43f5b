"""How long 10,000 recurring events take for one month, beside plain dateutil: `python -m benchmarks.month_expansion`.

Plain dateutil walks from the start of each series, in wall time; Synapse gives what the calendar shows and what fires.
Both must name the same instants.
"""

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from dateutil.rrule import rrulestr

from benchmarks.planned import RULES as RULES_BY_DAY
from benchmarks.planned import ZONES
from synapse.recurrence import Plan, instant_of, occurrences

EVENTS = 10_000
RULES = (*RULES_BY_DAY[:2], 'FREQ=DAILY;BYHOUR=6,18', *RULES_BY_DAY[2:])
FIRST_CELL, LAST_CELL = datetime(2026, 9, 28), datetime(2026, 11, 9)
"""The 42 days that October 2026 shows, with nights in which Lord Howe, Berlin and New York change their clocks."""


def planned() -> list[Plan]:
    chance = random.Random(1)  # noqa: S311 - the same events in each run
    return [
        Plan(
            start=datetime(2026, 9, 1) - timedelta(minutes=chance.randrange(3 * 525_600)),
            zone=chance.choice(ZONES),
            rule=chance.choice(RULES),
        )
        for _ in range(EVENTS)
    ]


def ours(plans: list[Plan]) -> list[list[datetime]]:
    return [occurrences(plan, instant_of(FIRST_CELL, plan.zone), instant_of(LAST_CELL, plan.zone)) for plan in plans]


def bare(plans: list[Plan]) -> list[list[datetime]]:
    found = []
    for plan in plans:
        walls = rrulestr(plan.rule or '', dtstart=plan.start).between(
            FIRST_CELL, LAST_CELL - timedelta(seconds=1), inc=True
        )
        found.append(sorted({instant_of(wall, plan.zone) for wall in walls}))
    return found


def timed(name: str, expand: Callable[[list[Plan]], list[list[datetime]]], plans: list[Plan]) -> tuple[float, int]:
    """Print the seconds of processor time it took, and give them with a fingerprint of what was found."""
    since = time.process_time()
    found = expand(plans)
    seconds = time.process_time() - since
    print(f'  {name:<28} {seconds:7.3f} s   {sum(map(len, found)):,} occurrences')
    return seconds, hash(tuple(map(tuple, found)))


def main() -> None:
    plans = planned()
    print(f'{EVENTS:,} recurring events, 42 days, series begun up to three years before')
    first, mine = timed('Synapse, first time', ours, plans)
    again, _ = timed('Synapse, again', ours, plans)
    plain, theirs = timed('plain dateutil from DTSTART', bare, plans)
    assert mine == theirs, 'they do not name the same instants'
    print(f'  ratio: {plain / first:.0f} times faster the first time, {plain / again:.0f} times again')


if __name__ == '__main__':
    main()
