"""Numbers, days, times and lists as a language writes them.

Source: Unicode CLDR, by Babel. English is written as in Britain: Fri 9 Oct 2026, 14:05, weeks from Monday. Two details
of CLDR are left out there: a comma after the weekday, which it has only beside a year, and `Sept` for `Sep`.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import Literal

from babel import Locale, dates, lists, numbers

from .choice import ENGLISH, PSEUDO, language

Width = Literal['wide', 'abbreviated', 'narrow']
_LOCALES = {ENGLISH: 'en_GB', PSEUDO: 'en_GB'}


@cache
def locale_of(chosen: str) -> Locale:
    """Return what CLDR knows of a language."""
    return Locale.parse(_LOCALES.get(chosen, chosen))


def number(value: float, chosen: str | None = None, *, digits: int | None = None) -> str:
    """Return `1,234.5` or `1.234,5`.

    :param digits: exactly as many after the point; None for as many as are needed, at most three
    """
    pattern = None if digits is None else f'#,##0.{"0" * digits}' if digits else '#,##0'
    return numbers.format_decimal(value, pattern, locale=locale_of(chosen or language()))


def pointed(text: str, chosen: str | None = None) -> str:
    """Return a number that Python wrote, such as `9.1`, with the decimal point of the language."""
    return text.replace('.', numbers.get_decimal_symbol(locale_of(chosen or language())))


def punctuated(text: str, chosen: str) -> str:
    """Return a number that Python wrote, such as `12,345.6`, with both signs of the language."""
    locale = locale_of(chosen)
    signs = {',': numbers.get_group_symbol(locale), '.': numbers.get_decimal_symbol(locale)}
    return ''.join(signs.get(char, char) for char in text)


def percent(value: float) -> str:
    """Return a fraction as `42%`."""
    return numbers.format_percent(value, locale=locale_of(language()))


def moment(skeleton: str, value: date, chosen: str | None = None) -> str:
    """Return a day or moment by what should be seen of it, in the order and with the words of the language.

    :param skeleton: letters of CLDR: `MMMd` for 9 Oct, `yMMMd` for 9 Oct 2026, `MMMEd` for Fri 9 Oct, `yMMMM` for
        October 2026, `EEEE` for the weekday, `yMMMMEEEEd` for all, `Hm` and `Hms` for times;
        `MMMdHm` is a day, then a time
    :param value: as it is, in no other zone; a day has no time
    """
    whole = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    locale = locale_of(chosen or language())
    day, time = skeleton.partition('H')[0], skeleton[skeleton.find('H') :] if 'H' in skeleton else ''
    patterns = [_pattern(part, locale) for part in (day, time) if part]
    return _spelled(dates.parse_pattern(' '.join(patterns)).apply(whole.replace(tzinfo=None), locale), locale)


def _spelled(text: str, locale: Locale) -> str:
    return re.sub(r'\bSept\b', 'Sep', text) if locale.language == 'en' else text


@cache
def _pattern(skeleton: str, locale: Locale) -> str:
    """Return the pattern of a locale for a skeleton, with the widths that it asks for.

    Source: UTS 35, part 4, section "Matching Skeletons"; Babel finds the nearest skeleton and leaves its widths.
    """
    if len(set(skeleton)) == 1:
        return skeleton.replace('M', 'L')
    known = locale.datetime_skeletons
    nearest = skeleton if skeleton in known else dates.match_skeleton(skeleton, known)
    if nearest is None:
        raise ValueError(f'{locale} has no pattern for {skeleton}')
    pattern: str = known[nearest].pattern
    if (width := skeleton.count('E')) > 2:
        pattern = re.sub('E+', 'E' * width, pattern)
    if (width := skeleton.count('M')) > 2:
        pattern = re.sub('M{3,}', 'M' * width, pattern)
    return pattern.replace('E, ', 'E ') if locale.language == 'en' else pattern


def weekdays(width: Width = 'abbreviated', chosen: str | None = None) -> list[str]:
    """Return the names of the days from Monday on."""
    names = dates.get_day_names(width, 'stand-alone', locale_of(chosen or language()))
    return [names[day] for day in range(7)]


def months(width: Width = 'wide', chosen: str | None = None) -> list[str]:
    """Return the names of the months from January on, as they stand alone."""
    locale = locale_of(chosen or language())
    names = dates.get_month_names(width, 'stand-alone', locale)
    return [_spelled(names[month], locale) for month in range(1, 13)]


def first_weekday(chosen: str | None = None) -> int:
    """Return the day a week begins with in this language, 0 for Monday."""
    return int(locale_of(chosen or language()).first_week_day)


def listed(items: Sequence[str], *, style: Literal['standard', 'or'] = 'standard', chosen: str | None = None) -> str:
    """Return `a, b and c`; with the style `or`: `a, b or c`."""
    return lists.format_list(list(items), style=style, locale=locale_of(chosen or language()))
