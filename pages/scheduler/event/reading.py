"""What is typed into the form of an event, as values or as sentences about what is wrong. Knows no screen."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, time
from typing import Any

from synapse.calendar.events import Misfire
from synapse.language import _, _n, formats
from synapse.language.formats import pointed
from synapse.pipelines.options import MOST_GRACE

from .duration import seconds_in

WHEN = frozenset({'start', 'timezone', 'rrule', 'exdates'})
"""Touching one of them shows what is wrong with any: together they say when the event falls due."""
LONGEST_DELAY, LONGEST_RUN = 86_400, 30 * 86_400
SHORTEST_SILENCE, LONGEST_SILENCE = 60, 366 * 86_400
HOUR_SECONDS = 3600
LIMITS = {'within_seconds': (0, 8784), 'limit': (1, 100)}
"""The lowest and highest number that may be typed: hours, and a count."""


def start_in(day: str, clock: str) -> datetime | None:
    """Return the start as naive wall time, None if there is no day or no time yet."""
    try:
        return datetime.combine(date.fromisoformat(day), time.fromisoformat(clock))
    except ValueError:
        return None


def delay_in(text: str) -> int:
    """Return the seconds before a retry; 0 if nothing is typed.

    :raises ValueError: with a sentence for the person
    """
    return round(
        _duration(text, LONGEST_DELAY, _('Enter at most 1 day.'), _('Enter a duration such as 30 min or 1 h.')) or 0
    )


def timeout_in(text: str) -> float | None:
    """Return the seconds after which a run is stopped, None for never.

    :raises ValueError: with a sentence for the person
    """
    hint = _('Enter a duration such as 30 min, or leave this empty.')
    seconds = _duration(text, LONGEST_RUN, _('Enter at most 30 days.'), hint)
    if seconds == 0:
        raise ValueError(hint)
    return seconds


def grace_in(text: str) -> float | None:
    """Return the seconds that a program has to end, None for what its pipeline says.

    :raises ValueError: with a sentence for the person
    """
    hint = _('Enter a duration such as 30 s, or leave this empty.')
    return _duration(text, MOST_GRACE, _('Enter at most 1 h.'), hint)


def silence_in(text: str) -> int | None:
    """Return the seconds without a success after which a person is told, None for longer than usual.

    :raises ValueError: with a sentence for the person
    """
    hint = _('Enter a duration such as 26 h, or leave this empty.')
    seconds = _duration(text, LONGEST_SILENCE, _('Enter at most 366 days.'), hint)
    if seconds is not None and seconds < SHORTEST_SILENCE:
        raise ValueError(_('Enter at least 1 min.'))
    return None if seconds is None else round(seconds)


def _duration(text: str, most: float, too_long: str, hint: str) -> float | None:
    try:
        seconds = seconds_in(text)
    except ValueError as error:
        raise ValueError(hint) from error
    if seconds is not None and seconds > most:
        raise ValueError(too_long)
    return seconds


def misfire_texts(misfire: Misfire) -> dict[str, str]:
    """Return what the two boxes of a misfire policy hold at first: hours, and a count."""
    return {'within_seconds': pointed(f'{misfire.within_seconds / HOUR_SECONDS:.4g}'), 'limit': str(misfire.limit)}


def misfire_in(misfire: Misfire, policy: str, texts: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of a `Misfire`, and a sentence for each that cannot be read, by `misfire.NAME`.

    :param misfire: as it was at first; what is still the text of it keeps its exact value
    :param texts: see `misfire_texts`
    """
    values, problems, first = misfire.model_dump() | {'policy': policy}, {}, misfire_texts(misfire)
    for name, text in texts.items():
        if text == first[name]:
            continue
        low, high = LIMITS[name]
        try:
            number = float(text.strip().replace(',', '.'))
        except ValueError:
            number = -1
        if not low <= number <= high or (name == 'limit' and number % 1):
            least, most = formats.number(low), formats.number(high)
            problems[f'misfire.{name}'] = (
                _('Enter a number of hours from {least} to {most}.', least=least, most=most)
                if name == 'within_seconds'
                else _('Enter a whole number from {least} to {most}.', least=least, most=most)
            )
        else:
            values[name] = round(number * HOUR_SECONDS) if name == 'within_seconds' else int(number)
    return values, problems


def visible_problems(problems: Mapping[str, str], touched: Collection[str], *, is_all: bool) -> dict[str, str]:
    """Return the problems to show: a field that was not touched yet is not wrong yet.

    :param touched: names of fields, without what follows a dot
    :param is_all: show those of untouched fields as well
    """
    known = {*touched, *(WHEN if WHEN & set(touched) else ()), 'pipeline', 'profile'}
    return {name: text for name, text in problems.items() if is_all or name.partition('.')[0] in known}


def why_unsaved(problems: Mapping[str, str]) -> str:
    """Return why the event cannot be saved: in full if only its time is wrong, else how many fields to fix."""
    when = [text for name, text in problems.items() if name in WHEN]
    if len(problems) == 1 and when:
        return when[0]
    return _n('Fix {count} field.', 'Fix {count} fields.', len(problems)) if problems else ''
