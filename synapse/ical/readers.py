"""What readers of calendar files make of a rule: which rules they misread, and which they read alike.

Found by comparing thousands of random rules; `tests/synapse/ical/test_readers.py` does it again with those versions.
"""

from typing import NamedTuple

from synapse.recurrence.rules import Frequency, Rule

VERSIONS = {
    'dateutil': '4.0.0',
    'recurring-ical-events': '3.8.2',
    'ical.js': '2.2.1',
    'rrule.js': '2.8.1',
    'rrule-temporal': '2.2.8',
}
_OLDER = ('dateutil', 'recurring-ical-events', 'rrule.js')
"""The second is built on the first, and the third began as a port of it."""


class Misread(NamedTuple):
    """A rule, with a start that is its first occurrence, and the readers that misread it."""

    rule: str
    start: str
    readers: tuple[str, ...]


MISREAD = (
    Misread('FREQ=MONTHLY;BYDAY=2MO,WE', '20270106T090000', _OLDER),
    Misread('FREQ=YEARLY;BYDAY=2SU,WE', '20270106T090000', (*_OLDER, 'rrule-temporal')),
    Misread('FREQ=YEARLY;BYMONTH=5;BYDAY=1SU,TH;BYMINUTE=15,45', '20270502T091500', (*_OLDER, 'ical.js')),
    Misread('FREQ=YEARLY;BYWEEKNO=20', '20270520T090000', (*_OLDER, 'ical.js')),
    Misread('FREQ=YEARLY;BYWEEKNO=20;BYDAY=WE', '20270519T090000', ('ical.js',)),
    Misread('FREQ=YEARLY;BYMONTHDAY=1,21', '20270301T090000', ('ical.js',)),
    Misread('FREQ=YEARLY;BYMONTHDAY=-1', '20270430T090000', ('ical.js',)),
    Misread('FREQ=YEARLY;INTERVAL=3;BYMONTH=2,5', '20270529T090000', ('ical.js',)),
    Misread('FREQ=YEARLY;BYDAY=1SA;BYHOUR=12,17', '20280101T120000', ('ical.js',)),
    Misread('FREQ=YEARLY;INTERVAL=5;BYHOUR=17,22', '20270625T170000', ('ical.js',)),
    Misread('FREQ=YEARLY;BYMONTH=1,3;BYDAY=1FR;BYMINUTE=0,30', '20270101T090000', ('ical.js',)),
    Misread('FREQ=YEARLY;BYMONTH=2,12;BYYEARDAY=-1,59', '20270228T090000', ('ical.js',)),
    Misread('FREQ=MONTHLY;INTERVAL=3;BYMONTH=1,5,7;BYMONTHDAY=19', '20270719T090000', ('ical.js',)),
    Misread('FREQ=MONTHLY;INTERVAL=2;BYMONTH=7,8,10;BYDAY=TU,WE', '20270706T090000', ('ical.js',)),
    Misread('FREQ=MONTHLY;BYMONTH=7;BYMONTHDAY=-2,1;BYDAY=SA', '20280701T090000', ('ical.js',)),
    Misread('FREQ=MONTHLY;BYDAY=2SA,2TH;BYHOUR=12,22', '20270211T120000', ('ical.js',)),
    Misread('FREQ=MONTHLY;BYMONTHDAY=29;BYHOUR=9,17', '20270629T090000', ('ical.js',)),
    Misread('FREQ=MONTHLY;BYDAY=1SA;BYSETPOS=-1', '20270605T090000', ('ical.js',)),
    Misread('FREQ=MONTHLY;BYMONTH=12;BYMONTHDAY=9,25;BYSETPOS=-1', '20271225T090000', ('ical.js',)),
)
"""A rule of each kind that at least one reader misreads. FREQ=DAILY;BYMONTHDAY=-1 is not among them: ical.js hangs."""


def is_read_alike(rule: Rule) -> bool:
    """Whether all readers see the same moments in a rule that is counted in wall time.

    Kinds of rules that were not compared count as misread.
    """
    if rule.freq.is_sub_daily or rule.weeks or rule.year_days or (rule.positions and not _is_nth_of_a_kind(rule)):
        return False
    places = {bool(place) for place, _ in rule.weekdays}
    has_times = len(rule.hours) > 1 or len(rule.minutes) > 1
    if len(places) > 1 or any(abs(place) > 5 for place, _ in rule.weekdays):
        return False
    if rule.freq is Frequency.DAILY:
        return all(day > 0 for day in rule.month_days)
    if rule.freq is Frequency.WEEKLY:
        return not rule.month_days
    is_of_both = bool(rule.month_days and rule.weekdays)
    if has_times or (is_of_both and (places == {True} or min(rule.month_days) < 0)):
        return False
    if rule.freq is Frequency.MONTHLY:
        return rule.interval == 1 or not rule.months
    if rule.interval > 1 and len(rule.months) > 1:
        return False
    return bool(rule.months) or not (rule.month_days or rule.weekdays)


def _is_nth_of_a_kind(rule: Rule) -> bool:
    """Whether it is like "the last workday of each month"."""
    is_plain = bool(rule.weekdays) and all(not place for place, _ in rule.weekdays)
    return (
        rule.freq is Frequency.MONTHLY
        and rule.interval == len(rule.positions) == 1
        and is_plain
        and not (rule.month_days or rule.months)
    )
