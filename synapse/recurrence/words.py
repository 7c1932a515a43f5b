"""Rules in plain words, and notes on what the clocks do around their occurrences."""

import re
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from synapse.language import ENGLISH, PSEUDO, Nn_, _, _n, counted, language, translated
from synapse.language.formats import listed, locale_of, moment, months, weekdays
from synapse.records import Record

from .day_words import DAY, EVERY, ON, WEEKEND_DAY, WORKDAY, nth, on_day, on_place, row_of
from .expansion import Plan, Series, is_in_series, last_before, next_after, series_of
from .rules import Frequency, Rule, write_rule
from .wall_time import SECOND, day_start, instant_of, offset_at, second_instant_of, wall_of
from .zones import city_of, zone

_EVERY = {
    Frequency.YEARLY: Nn_('every year', 'every {count} years'),
    Frequency.MONTHLY: Nn_('every month', 'every {count} months'),
    Frequency.WEEKLY: Nn_('every week', 'every {count} weeks'),
    Frequency.DAILY: Nn_('every day', 'every {count} days'),
    Frequency.HOURLY: Nn_('every hour', 'every {count} hours'),
    Frequency.MINUTELY: Nn_('every minute', 'every {count} minutes'),
}
MAX_NAMED_TIMES = 6
"""Up to this many times of a day are listed."""


class PreviewLine(Record):
    """One occurrence in a preview, and what the clocks do around it."""

    due: datetime
    """Aware, in the zone of the event."""
    note: str = ''
    """A sentence where a clock change matters, such as `Clocks changed, still 16:00 here.`"""


_FIXED = re.compile(r'Etc/GMT([+-])(\d+)')


def in_words(plan: Plan) -> str:
    """Return a sentence such as `Runs every Monday and Friday at 16:00, Berlin time, with no end date.`

    A rule that words cannot express is quoted.

    :raises RuleError: if the plan cannot be read
    """
    return sentence_and_when(plan)[0]


def sentence_and_when(plan: Plan) -> tuple[str, str]:
    """Return `in_words`, and what matters in it: `every Monday and Friday at 16:00`.

    :raises RuleError: if the plan cannot be read
    """
    series, where = series_of(plan), zone_words(plan.zone)
    starts_at = _clock(series.start)
    if plan.rule is None:
        when: str = _('once, on {day} at {time}', day=moment('yMMMMEEEEd', series.start), time=starts_at)
        return _('Runs {when}, {zone}.', when=when, zone=where), when
    rule = write_rule(series.rule.without_end)
    when = _when(series) or _('by the rule {rule}, starting at {time}', rule=rule, time=starts_at)
    sentence = _('Runs {when}, {zone}, {end}.', when=when, zone=where, end=_end(series))
    return ' '.join(filter(None, (sentence, _exceptions(plan)))), when


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
        skipped = next((planned for planned in intended if instant_of(planned, plan.zone) == due), wall)
        return _('{skipped} does not exist that night: runs at {time}.', skipped=_clock(skipped), time=_clock(wall))
    again = second_instant_of(wall, plan.zone)
    if again is not None and again != due:
        if not series.rule.freq.is_sub_daily:
            return _('This hour happens twice: runs the first time.')
        return _('This hour happens twice: runs both times.') if is_in_series(plan, again) else ''
    if previous is None or offset_at(previous, plan.zone) == offset_at(due, plan.zone):
        return ''
    if series.rule.freq.is_sub_daily:
        return _('Clocks changed, counted in real time.')
    return _('Clocks changed, still {time} here.', time=_clock(wall))


def _when(series: Series) -> str:
    """Return how often, on what days and at what times; empty if words cannot express it."""
    rule = series.rule
    if rule.freq.is_sub_daily:
        return _stepped(series)
    days = _or_the_next_best(rule)
    if not days and (rule.weeks or rule.year_days):
        return ''
    ways = {
        Frequency.DAILY: _daily,
        Frequency.WEEKLY: _weekly,
        Frequency.MONTHLY: _monthly,
        Frequency.YEARLY: _yearly,
    }
    days = days or ways[rule.freq](series)
    return _at_times(days, series) if days else ''


def _or_the_next_best(rule: Rule) -> str:
    """Return the days of a rule that names one which some months lack, and which one is taken then.

    >>> _or_the_next_best(Rule(freq=Frequency.MONTHLY, month_days=(28, 29, 30), positions=(-1,)))
    'on the 30th of each month, or its last day,'
    >>> _or_the_next_best(Rule(freq=Frequency.YEARLY, year_days=(60,)))
    'every year on 29 February, or else 1 March,'
    """
    rule = replace(rule.without_end, week_start=0)
    plain = replace(rule, months=(), month_days=(), year_days=(), positions=())
    if rule.weekdays or rule.weeks:
        return ''
    if rule.freq is Frequency.YEARLY and rule.year_days == (60,):
        if rule == replace(plain, year_days=(60,)):
            return _('{often} on 29 February, or else 1 March,', often=_every(rule))
        is_march = rule == replace(plain, year_days=(60,), months=(3,))
        return _('{often} on 1 March if there is no 29 February,', often=_every(rule)) if is_march else ''
    last = rule.month_days[-1:]
    is_of_month = rule.freq is Frequency.MONTHLY and last > (28,) and len(rule.hours) < 2 and len(rule.minutes) < 2
    if is_of_month and rule == replace(plain, month_days=tuple(range(28, last[0] + 1)), positions=(-1,)):
        if rule.interval == 1:
            return _('on the {nth} of each month, or its last day,', nth=nth(last[0]))
        return _('on the {nth} {often}, or its last day,', nth=nth(last[0]), often=_every(rule))
    return ''


def _daily(series: Series) -> str:
    rule = series.rule
    if rule.positions or (rule.interval > 1 and (rule.weekdays or rule.month_days)):
        return ''
    days = _in_months(_weekdays(rule) if rule.weekdays else _every(rule), rule)
    if not rule.month_days:
        return days
    others = [day for day in range(1, 32) if day not in rule.month_days]
    if min(rule.month_days) < 0 or len(others) > MAX_NAMED_TIMES:
        return ''
    return _('{days} except {others}', days=days, others=row_of([on_day(day) for day in others]))


def _weekly(series: Series) -> str:
    rule = series.rule
    if rule.positions or rule.month_days:
        return ''
    days = series.days.weekdays
    if rule.interval > 1:
        return _in_months(_often_on(rule, row_of([translated(ON[day]) for day in days])), rule)
    every = _weekdays(rule) if rule.weekdays else row_of([translated(EVERY[day]) for day in days])
    return _in_months(every, rule)


def _monthly(series: Series) -> str:
    rule = series.rule
    if rule.weekdays and not rule.positions and all(not place for place, _day in rule.weekdays):
        return '' if rule.month_days or rule.interval > 1 else _in_months(_weekdays(rule), rule)
    days, is_sure = _days_of_month(series)
    if not days or (rule.interval > 1 and rule.months):
        return ''
    if rule.interval > 1:
        days = _often_on(rule, days)
    elif rule.months:
        days = _of_months(days, rule.months)
    else:
        days = _('{days} of each month', days=days)
    return days if is_sure else _if_there_is(days)


def _yearly(series: Series) -> str:
    rule, chosen = series.rule, series.days.months
    if not chosen or (rule.positions and len(chosen) > 1):
        return ''
    numbers = series.days.month_days
    if numbers and min(numbers) > 0 and not rule.weekdays and not rule.positions:
        dates = [(month, day) for month in chosen for day in numbers]
        # Translators: {date} is 29 February
        days = row_of([_('on {date}', date=_day_and_month(month, day)) for month, day in dates])
        is_sure = all(_has_day(month, day) for month, day in dates)
    else:
        days, is_sure = _days_of_month(series)
        days = days and _of_months(days, chosen)
    if not days:
        return ''
    days = _often_on(rule, days)
    return days if is_sure else _if_there_is(days)


def _days_of_month(series: Series) -> tuple[str, bool]:
    """Return `on the 1st and the 15th` or `on the last Friday`, and whether every month has them; or nothing."""
    rule, days = series.rule, series.days
    if rule.positions:
        return _positions(rule), True
    if days.month_days and not rule.weekdays:
        sorted_days = sorted(days.month_days, key=lambda day: (day < 0, day))
        return row_of([on_day(day) for day in sorted_days]), all(-28 <= day <= 28 for day in days.month_days)
    if rule.weekdays and not days.month_days and all(0 < abs(place) <= 5 for place, _day in rule.weekdays):
        pairs = sorted(rule.weekdays, key=lambda pair: (pair[0] < 0, pair))
        return row_of([on_place(*pair) for pair in pairs]), all(abs(place) < 5 for place, _day in pairs)
    return '', True


def _positions(rule: Rule) -> str:
    """Return `on the last workday`: positions among all days of a kind in a month."""
    days = {day for place, day in rule.weekdays if not place}
    kinds = {frozenset(range(7)): DAY, frozenset(range(5)): WORKDAY, frozenset((5, 6)): WEEKEND_DAY}
    kind = min(days) if len(days) == 1 else kinds.get(frozenset(days))
    is_simple = (
        len(days) == len(rule.weekdays) and not rule.month_days and len(rule.hours) < 2 and len(rule.minutes) < 2
    )
    if kind is None or not is_simple or not all(-5 <= place <= 5 for place in rule.positions):
        return ''
    return row_of([on_place(place, kind) for place in sorted(rule.positions, key=lambda place: (place < 0, place))])


def _stepped(series: Series) -> str:
    rule = series.rule
    if rule.positions or rule.month_days or rule.year_days or rule.weeks or (rule.minutes and rule.interval > 1):
        return ''
    if rule.freq is Frequency.MINUTELY and rule.minutes:
        return ''
    if rule.freq is Frequency.HOURLY and rule.interval == 1:
        past = rule.minutes or (series.start.minute,)
        minutes = listed([str(minute) for minute in past])
        words: str = (
            _('every hour on the hour') if past == (0,) else _('every hour at {minutes} minutes past', minutes=minutes)
        )
    elif rule.interval > 1 and not rule.hours:
        day, time_said = moment('yMMMMd', series.start), _clock(series.start)
        words = _('{often}, counted from {time} on {day}', often=_every(rule), time=time_said, day=day)
    else:
        words = _every(rule)
    if rule.hours:
        if len(rule.hours) != rule.hours[-1] - rule.hours[0] + 1:
            return ''
        first, last = f'{rule.hours[0]:02}:00', f'{rule.hours[-1]:02}:59'
        # Translators: hours of the day: every 15 minutes from 09:00 to 11:59
        words = _('{often} from {first} to {last}', often=words, first=first, last=last)
    if rule.weekdays:
        words = _('{often}, {days}', often=words, days=_weekdays(rule))
    return _in_months(words, rule)


def _at_times(days: str, series: Series) -> str:
    midnight, count = datetime.combine(series.start, time()), len(series.times)
    if count > MAX_NAMED_TIMES:
        return _n('{days} at {count} different time', '{days} at {count} different times', count, days=days)
    return _('{days} at {times}', days=days, times=listed([_clock(midnight + past) for past in series.times]))


def _every(rule: Rule) -> str:
    return counted(_EVERY[rule.freq], rule.interval)


def _often_on(rule: Rule, days: str) -> str:
    # Translators: every 2 weeks on Monday
    return _('{often} {days}', often=_every(rule), days=days)


def _if_there_is(days: str) -> str:
    return _('{days}, if there is one,', days=days)


def _weekdays(rule: Rule) -> str:
    """Return `every day`, `every day from Monday to Friday` or `every Monday and Friday`."""
    days = sorted({day for _place, day in rule.weekdays})
    if len(days) == 7:
        return counted(_EVERY[Frequency.DAILY], 1)
    if len(days) > 3 and days[-1] - days[0] == len(days) - 1:
        names = weekdays('wide')
        return _('every day from {first} to {last}', first=names[days[0]], last=names[days[-1]])
    return row_of([translated(EVERY[day]) for day in days])


def _in_months(days: str, rule: Rule) -> str:
    # Translators: every day in June and July
    return _('{days} in {months}', days=days, months=_month_names(rule.months)) if rule.months else days


def _of_months(days: str, chosen: tuple[int, ...]) -> str:
    # Translators: on the last Friday of June and July
    return _('{days} of {months}', days=days, months=_month_names(chosen))


def _month_names(chosen: tuple[int, ...]) -> str:
    names = months()
    return listed([names[month - 1] for month in chosen])


def _day_and_month(month: int, day: int) -> str:
    if _has_day(month, day) or day == 29:
        return moment('MMMMd', date(2000, month, day))
    # Translators: a date like 31 June, which no year has
    return _('{day} {month}', day=day, month=months()[month - 1])


def _end(series: Series) -> str:
    rule = series.rule
    if rule.count is not None:
        return _n('once', '{count} times', rule.count)
    if rule.until is None:
        return _('with no end date')
    return _('until {day}', day=moment('yMMMMd', _last_day(series, rule.until)))


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
        return _('Except on {day}.', day=moment('yMMMMd', min(plan.exdates)))
    return _n('Except on {count} date.', 'Except on {count} dates.', len(plan.exdates))


def _has_day(month: int, day: int) -> bool:
    return day <= (28 if month == 2 else 30 if month in (4, 6, 9, 11) else 31)


def _clock(wall: datetime) -> str:
    return f'{wall:%H:%M:%S}' if wall.second else f'{wall:%H:%M}'


def zone_words(zone_name: str) -> str:
    """Return `Berlin time`, `UTC` or `UTC+3 time`."""
    if zone_name in ('UTC', 'Etc/UTC', 'Etc/UCT', 'UCT', 'Zulu', 'Etc/Zulu'):
        return 'UTC'
    offset = _FIXED.fullmatch(zone_name)
    if offset is not None:  # the names of POSIX have the sign the wrong way round
        return _('UTC{offset} time', offset=f'{"-" if offset[1] == "+" else "+"}{offset[2]}')
    return _('{city} time', city=zone_name if zone_name.startswith('Etc/') else city_words(zone_name))


def city_words(zone_name: str) -> str:
    """Return the city of a zone as the language spells it, `Berlin` or `Berlim`; in English as its name has it."""
    if language() in (ENGLISH, PSEUDO):
        return city_of(zone_name)
    known = locale_of(language()).time_zones.get(zone_name, {})
    return str(known.get('city') or city_of(zone_name))
