"""Rules in plain words, and notes on what the clocks do around their occurrences."""

from calendar import day_name, month_name
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from synapse.records import Record

from .expansion import Plan, Series, is_in_series, last_before, next_after, series_of
from .rules import Frequency, Rule, write_rule
from .wall_time import SECOND, day_start, instant_of, offset_at, second_instant_of, wall_of
from .zones import city_of, zone

ORDINALS = ('', 'first', 'second', 'third', 'fourth', 'fifth')
UNITS = {
    Frequency.YEARLY: 'year',
    Frequency.MONTHLY: 'month',
    Frequency.WEEKLY: 'week',
    Frequency.DAILY: 'day',
    Frequency.HOURLY: 'hour',
    Frequency.MINUTELY: 'minute',
}
IF_THERE_IS = ', if there is one,'
MAX_NAMED_TIMES = 6
"""Up to this many times of a day are listed."""


class PreviewLine(Record):
    """One occurrence in a preview, and what the clocks do around it."""

    due: datetime
    """Aware, in the zone of the event."""
    note: str = ''
    """A sentence where a clock change matters, such as `Clocks changed, still 16:00 here.`"""


def in_words(plan: Plan) -> str:
    """Return a sentence such as `Runs every Monday and Friday at 16:00, Berlin time, with no end date.`

    A rule that words cannot express is quoted.

    :raises RuleError: if the plan cannot be read
    """
    series = series_of(plan)
    if plan.rule is None:
        return f'Runs once, on {_long_date(series.start.date())} at {_clock(series.start)}, {_zone_words(plan.zone)}.'
    quoted = f'by the rule {write_rule(series.rule.without_end)}, starting at {_clock(series.start)}'
    when = _when(series) or quoted
    return f'Runs {when}, {_zone_words(plan.zone)}, {_end(series)}.{_exceptions(plan)}'


def preview_lines(plan: Plan, after: datetime, count: int = 5) -> tuple[PreviewLine, ...]:
    """Return the next occurrences after an instant, in the plan's zone, with a note where its clocks matter.

    :raises RuleError: if the plan cannot be read
    """
    following = next_after(plan, after, limit=count)
    if not following:
        return ()
    previous = [last_before(plan, following[0]), *following[:-1]]
    there = zone(plan.zone)
    return tuple(
        PreviewLine(due=due.astimezone(there), note=_note(plan, due, before))
        for due, before in zip(following, previous, strict=True)
    )


def clock_change_on(day: date, zone_name: str) -> timedelta:
    """Return how far the clocks of a zone are moved on a day: an hour forward, minus an hour back, or nothing."""
    begin, end = (day_start(day.toordinal() + days, zone_name) - SECOND for days in (0, 1))
    return offset_at(end, zone_name) - offset_at(begin, zone_name)


def _note(plan: Plan, due: datetime, previous: datetime | None) -> str:
    series, wall = series_of(plan), wall_of(due, plan.zone)
    midnight = datetime.combine(wall, time())
    intended = [midnight + time_of_day for time_of_day in series.times]
    if intended and wall not in intended:
        skipped = next((moment for moment in intended if instant_of(moment, plan.zone) == due), wall)
        return f'{_clock(skipped)} does not exist that night: runs at {_clock(wall)}.'
    again = second_instant_of(wall, plan.zone)
    if again is not None and again != due:
        if not series.rule.freq.is_sub_daily:
            return 'This hour happens twice: runs the first time.'
        return 'This hour happens twice: runs both times.' if is_in_series(plan, again) else ''
    if previous is None or offset_at(previous, plan.zone) == offset_at(due, plan.zone):
        return ''
    if series.rule.freq.is_sub_daily:
        return 'Clocks changed, counted in real time.'
    return f'Clocks changed, still {_clock(wall)} here.'


def _when(series: Series) -> str:
    """Return how often, on what days and at what times; empty if words cannot express it."""
    rule = series.rule
    if rule.freq.is_sub_daily:
        return _stepped(series)
    if rule.weeks or rule.year_days:
        return ''
    days = {
        Frequency.DAILY: _daily,
        Frequency.WEEKLY: _weekly,
        Frequency.MONTHLY: _monthly,
        Frequency.YEARLY: _yearly,
    }[rule.freq](series)
    return f'{days} {_times(series)}' if days else ''


def _daily(series: Series) -> str:
    rule = series.rule
    if rule.positions or rule.month_days or (rule.interval > 1 and rule.weekdays):
        return ''
    days = f'every {_weekdays(rule)}' if rule.weekdays else _every(rule)
    return f'{days}{_in_months(rule)}'


def _weekly(series: Series) -> str:
    rule = series.rule
    if rule.positions or rule.month_days:
        return ''
    days = _list([day_name[day] for day in series.days.weekdays])
    if rule.interval > 1:
        return f'{_every(rule)} on {days}{_in_months(rule)}'
    return f'every {_weekdays(rule) if rule.weekdays else days}{_in_months(rule)}'


def _monthly(series: Series) -> str:
    rule = series.rule
    if rule.weekdays and not rule.positions and all(not place for place, _ in rule.weekdays):
        return '' if rule.month_days or rule.interval > 1 else f'every {_weekdays(rule)}{_in_months(rule)}'
    days, is_sure = _days_of_month(series)
    if not days or (rule.interval > 1 and rule.months):
        return ''
    where = '' if is_sure else IF_THERE_IS
    if rule.interval > 1:
        return f'{_every(rule)} on {days}{where}'
    of = _list([month_name[month] for month in rule.months]) if rule.months else 'each month'
    return f'on {days} of {of}{where}'


def _yearly(series: Series) -> str:
    rule, months = series.rule, series.days.months
    if not months or (rule.positions and len(months) > 1):
        return ''
    names, numbers = [month_name[month] for month in months], series.days.month_days
    if numbers and min(numbers) > 0 and not rule.weekdays and not rule.positions:
        days = _list([f'{day} {name}' for name in names for day in numbers])
        is_sure = all(_has_day(month, day) for month in months for day in numbers)
    else:
        days, is_sure = _days_of_month(series)
        days = f'{days} of {_list(names)}' if days else ''
    return f'{_every(rule)} on {days}{"" if is_sure else IF_THERE_IS}' if days else ''


def _days_of_month(series: Series) -> tuple[str, bool]:
    """Return `the 1st and the 15th` or `the last Friday`, and whether every month has them; empty if inexpressible."""
    rule, days = series.rule, series.days
    if rule.positions:
        return _positions(rule), True
    if days.month_days and not rule.weekdays:
        positive = sorted(day for day in days.month_days if day > 0)
        negative = sorted(day for day in days.month_days if day < 0)
        names = [f'the {_nth(day)}' for day in positive] + [_from_end(day, 'day') for day in negative]
        return _list(names), all(-28 <= day <= 28 for day in days.month_days)
    if rule.weekdays and not days.month_days and all(0 < abs(place) <= 5 for place, _ in rule.weekdays):
        pairs = sorted(rule.weekdays, key=lambda pair: (pair[0] < 0, pair))
        names = [
            f'the {ORDINALS[place]} {day_name[day]}' if place > 0 else _from_end(place, day_name[day])
            for place, day in pairs
        ]
        return _list(names), all(abs(place) < 5 for place, _ in rule.weekdays)
    return '', True


def _positions(rule: Rule) -> str:
    """Return `the last workday`: positions among all days of a kind in a month."""
    days = {day for place, day in rule.weekdays if not place}
    kinds = {frozenset(range(7)): 'day', frozenset(range(5)): 'workday', frozenset((5, 6)): 'weekend day'}
    kind = day_name[min(days)] if len(days) == 1 else kinds.get(frozenset(days), '')
    is_simple = (
        len(days) == len(rule.weekdays) and not rule.month_days and len(rule.hours) < 2 and len(rule.minutes) < 2
    )
    if not kind or not is_simple or not all(-5 <= place <= 5 for place in rule.positions):
        return ''
    places = sorted(rule.positions, key=lambda place: (place < 0, place))
    return _list([f'the {ORDINALS[place]} {kind}' if place > 0 else _from_end(place, kind) for place in places])


def _stepped(series: Series) -> str:
    rule = series.rule
    if rule.positions or rule.month_days or rule.year_days or rule.weeks or (rule.minutes and rule.interval > 1):
        return ''
    words = _every(rule)
    if rule.freq is Frequency.MINUTELY and rule.minutes:
        return ''
    if rule.freq is Frequency.HOURLY and rule.interval == 1:
        past = rule.minutes or (series.start.minute,)
        words += ' on the hour' if past == (0,) else f' at {_list([str(minute) for minute in past])} minutes past'
    elif rule.interval > 1 and not rule.hours:
        words += f', counted from {_clock(series.start)} on {_short_date(series.start.date())}'
    if rule.hours:
        if len(rule.hours) != rule.hours[-1] - rule.hours[0] + 1:
            return ''
        words += f' from {rule.hours[0]:02}:00 to {rule.hours[-1]:02}:59'
    if rule.weekdays:
        words += f', every {_weekdays(rule)}'
    return words + _in_months(rule)


def _times(series: Series) -> str:
    midnight = datetime.combine(series.start, time())
    if len(series.times) > MAX_NAMED_TIMES:
        return f'at {len(series.times)} different times'
    return f'at {_list([_clock(midnight + moment) for moment in series.times])}'


def _every(rule: Rule) -> str:
    unit = UNITS[rule.freq]
    return f'every {unit}' if rule.interval == 1 else f'every {rule.interval:,} {unit}s'


def _weekdays(rule: Rule) -> str:
    days = sorted({day for _, day in rule.weekdays})
    if len(days) == 7:
        return 'day'
    if len(days) > 3 and days[-1] - days[0] == len(days) - 1:
        return f'day from {day_name[days[0]]} to {day_name[days[-1]]}'
    return _list([day_name[day] for day in days])


def _in_months(rule: Rule) -> str:
    return f' in {_list([month_name[month] for month in rule.months])}' if rule.months else ''


def _end(series: Series) -> str:
    rule = series.rule
    if rule.count is not None:
        return 'once' if rule.count == 1 else f'{rule.count:,} times'
    if rule.until is None:
        return 'with no end date'
    return f'until {_short_date(_last_day(series, rule.until))}'


def _last_day(series: Series, until: date | datetime) -> date:
    """Return the last day with an occurrence: the one before UNTIL, if UNTIL is earlier than that day's first time."""
    if not isinstance(until, datetime):
        return until
    wall = wall_of(until, series.zone) if until.tzinfo else until
    is_too_early = bool(series.times) and wall < datetime.combine(wall, time()) + series.times[0]
    return wall.date() - timedelta(days=1) if is_too_early else wall.date()


def _exceptions(plan: Plan) -> str:
    if not plan.exdates:
        return ''
    if len(plan.exdates) == 1:
        return f' Except on {_short_date(min(plan.exdates).date())}.'
    return f' Except on {len(plan.exdates)} dates.'


def _has_day(month: int, day: int) -> bool:
    return day <= (28 if month == 2 else 30 if month in (4, 6, 9, 11) else 31)


def _nth(number: int) -> str:
    ending = 'th' if number % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')
    return f'{number}{ending}'


def _from_end(place: int, what: str) -> str:
    return f'the last {what}' if place == -1 else f'the {_nth(-place)}-to-last {what}'


def _list(items: Sequence[str]) -> str:
    return ', '.join(items[:-1]) + f' and {items[-1]}' if len(items) > 1 else items[0]


def _clock(wall: datetime) -> str:
    return f'{wall:%H:%M:%S}' if wall.second else f'{wall:%H:%M}'


def _short_date(day: date) -> str:
    return f'{day.day} {day:%B %Y}'


def _long_date(day: date) -> str:
    return f'{day:%A} {_short_date(day)}'


def _zone_words(zone_name: str) -> str:
    if zone_name in ('UTC', 'Etc/UTC', 'Etc/UCT', 'UCT', 'Zulu', 'Etc/Zulu'):
        return 'UTC'
    return f'{zone_name if zone_name.startswith("Etc/") else city_of(zone_name)} time'
