"""Schedules as people make them, and a slow, simple calculation of their due moments to compare with."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from hypothesis import strategies as st

from synapse.recurrence import Plan

BERLIN, NEW_YORK, LORD_HOWE = 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'
ZONES = (BERLIN, NEW_YORK, LORD_HOWE, 'America/Santiago', 'America/Havana', 'Asia/Kolkata', 'UTC')
WEEKDAYS = ('MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU')
FAR = timedelta(days=2)


def counted(plan: Plan, until: datetime) -> list[datetime]:
    """All moments before this one, by stepping from the very start; the rule has no UNTIL."""
    assert plan.rule is not None
    walk = stepped(plan) if any(name in plan.rule for name in ('HOURLY', 'MINUTELY')) else walked(plan)
    count = int(plan.rule.partition('COUNT=')[2].partition(';')[0] or 10**9)
    dues = islice(takewhile(lambda due: due < until + FAR, walk), count)
    left_out = {_real(moment, plan.zone) for moment in plan.exdates}
    return [due for due in dues if due < until and _wall(due, plan.zone) not in left_out]


def walked(plan: Plan) -> Iterator[datetime]:
    """For daily and rarer rules: what dateutil yields in wall time, one by one, sorted across clock changes."""
    rule = ';'.join(part for part in str(plan.rule).split(';') if not part.startswith('COUNT='))
    held: set[datetime] = set()
    for wall in rrulestr(rule, dtstart=plan.start):
        due = resolved(wall, plan.zone)
        settled = {moment for moment in held if moment < due - FAR}
        yield from sorted(settled)
        held = (held - settled) | {due}
    yield from sorted(held)


def stepped(plan: Plan) -> Iterator[datetime]:
    """For hourly and more frequent rules: one real step after another, kept if the wall time matches."""
    parts = dict(part.split('=') for part in str(plan.rule).split(';'))
    step = timedelta(hours=1) if parts['FREQ'] == 'HOURLY' else timedelta(minutes=1)
    due = resolved(plan.start, plan.zone)
    while due.year < 2030:
        wall = _wall(due, plan.zone)
        hours, days = parts.get('BYHOUR'), parts.get('BYDAY')
        if (not hours or str(wall.hour) in hours.split(',')) and (not days or WEEKDAYS[wall.weekday()] in days):
            yield due
        due += step * int(parts.get('INTERVAL', 1))


def resolved(wall: datetime, zone_name: str) -> datetime:
    """The moment of a wall time, found by trying every offset of the zone around it."""
    zone = ZoneInfo(zone_name)
    around = [(wall + shift).replace(tzinfo=UTC).astimezone(zone).utcoffset() for shift in (-FAR, FAR)]
    offsets = [offset for offset in around if offset is not None]
    fits = [wall - offset for offset in offsets if _wall((wall - offset).replace(tzinfo=UTC), zone_name) == wall]
    return (min(fits) if fits else wall - offsets[0]).replace(tzinfo=UTC)


def _wall(due: datetime, zone_name: str) -> datetime:
    return due.astimezone(ZoneInfo(zone_name)).replace(tzinfo=None, fold=0)


def _real(wall: datetime, zone_name: str) -> datetime:
    return _wall(resolved(wall, zone_name), zone_name)


@st.composite
def wall_rules(draw: st.DrawFn) -> str:
    """Daily and rarer rules that repeat without an end."""
    freq = draw(st.sampled_from(['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY']))
    parts = [f'FREQ={freq}']
    days = draw(st.lists(st.sampled_from(WEEKDAYS), unique=True, max_size=4))
    if freq == 'DAILY':
        parts += [f'BYDAY={",".join(days)}'] if len(days) > 2 else [f'INTERVAL={draw(st.integers(1, 40))}']
    if freq == 'WEEKLY':
        parts += [f'INTERVAL={draw(st.integers(1, 5))}', f'WKST={draw(st.sampled_from(WEEKDAYS))}']
        parts += [f'BYDAY={",".join(days)}'] if days else []
    if freq in ('MONTHLY', 'YEARLY'):
        parts += draw(st.sampled_from(_MONTHLY if freq == 'MONTHLY' else _YEARLY))
    if draw(st.booleans()):
        parts.append(draw(st.sampled_from(['BYHOUR=2,3', 'BYHOUR=0,1,2;BYMINUTE=0,30,45', 'BYHOUR=9,17', 'BYHOUR=2'])))
    return ';'.join(parts)


_MONTHLY = [
    [],
    ['INTERVAL=2'],
    ['BYMONTHDAY=31'],
    ['BYMONTHDAY=-1'],
    ['BYMONTHDAY=1,15,-2'],
    ['BYDAY=2MO'],
    ['BYDAY=-1FR', 'INTERVAL=3'],
    ['BYDAY=1MO,3WE,5FR'],
    ['BYDAY=FR', 'BYMONTHDAY=13'],
    ['BYDAY=MO,TU,WE,TH,FR', 'BYSETPOS=-1'],
    ['BYDAY=SA,SU', 'BYSETPOS=1,-1'],
    ['BYMONTH=3,10', 'BYDAY=-1SU'],
]
_YEARLY = [
    [],
    ['INTERVAL=2'],
    ['BYMONTH=2', 'BYMONTHDAY=29'],
    ['BYMONTH=3,10', 'BYDAY=-1SU'],
    ['BYYEARDAY=1,100,-1'],
    ['BYWEEKNO=1,13,44,53', 'BYDAY=SU'],
    ['BYDAY=10MO,-1SU'],
    ['BYMONTH=10', 'BYMONTHDAY=24,25,26'],
    ['BYMONTH=4,10', 'BYDAY=SU', 'BYSETPOS=1,-1'],
]


@st.composite
def stepped_rules(draw: st.DrawFn) -> str:
    """Hourly and more frequent rules without an end."""
    hourly = [f'FREQ=HOURLY;INTERVAL={draw(st.integers(1, 30))}']
    minutely = [f'FREQ=MINUTELY;INTERVAL={draw(st.sampled_from([7, 20, 45, 90, 1441]))}']
    parts = draw(st.sampled_from([hourly, minutely]))
    limits = ['', 'BYHOUR=1,2,3,9,10', 'BYDAY=SU,MO', 'BYDAY=SA,SU;BYHOUR=0,1,2,3']
    return ';'.join(filter(None, [*parts, draw(st.sampled_from(limits))]))


@st.composite
def plans(draw: st.DrawFn, rules: st.SearchStrategy[str] | None = None, *, ends: bool = True) -> Plan:
    """Schedules that start in a month without a clock change, often at an hour that clock changes affect."""
    rule = draw(st.one_of(wall_rules(), stepped_rules()) if rules is None else rules)
    day = draw(st.sampled_from([date(2025, 12, 1), date(2025, 12, 29), date(2026, 1, 31), date(2026, 6, 30)]))
    clock = draw(st.sampled_from([time(2, 30), time(2, 0), time(0, 15), time(1, 59, 30), time(3, 0), time(16, 0)]))
    start, zone = datetime.combine(day, clock), draw(st.sampled_from(ZONES))
    end = draw(st.sampled_from(['', '', ';COUNT=1', ';COUNT=12', ';COUNT=150'])) if ends else ''
    plan = Plan(start=start, zone=zone, rule=rule + end)
    dues = counted(plan, datetime(2026, 5, 1, tzinfo=UTC))
    left_out = draw(st.lists(st.sampled_from(dues), max_size=3)) if dues and ends else []
    return Plan(start, zone, plan.rule, frozenset(_wall(due, zone) for due in left_out))


@st.composite
def windows(draw: st.DrawFn) -> tuple[datetime, datetime, datetime]:
    """Three moments in order, often in a night with a clock change."""
    nights = [(3, 8), (3, 29), (4, 4), (4, 5), (10, 3), (10, 24), (10, 25), (11, 1), (12, 31), (2, 28)]
    month, day = draw(st.sampled_from(nights))
    middle = datetime(2026, month, day, tzinfo=UTC) + timedelta(minutes=draw(st.integers(-1500, 1500)))
    before, after = (timedelta(minutes=draw(st.integers(0, 60_000))) for _ in range(2))
    return middle - before, middle, middle + after
