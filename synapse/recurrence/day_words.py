"""Phrases for days in rules: each weekday has its own, since `last` and `on` agree with it in many languages.

Source of the kinds: BYDAY and BYSETPOS of RFC 5545, 3.3.10.
"""

from collections.abc import Sequence

from synapse.language import ENGLISH, N_, PSEUDO, _, filled, language, translated
from synapse.language.formats import listed

EVERY = (
    N_('every Monday'),
    N_('every Tuesday'),
    N_('every Wednesday'),
    N_('every Thursday'),
    N_('every Friday'),
    N_('every Saturday'),
    N_('every Sunday'),
)
ON = (
    N_('on Monday'),
    N_('on Tuesday'),
    N_('on Wednesday'),
    N_('on Thursday'),
    N_('on Friday'),
    N_('on Saturday'),
    N_('on Sunday'),
)
"""From Monday on, as the others."""

# Translators: {nth} is 3rd in English, and 3 in other languages; of days counted from the end.
_PLACES = (
    (
        N_('on the first Monday'),
        N_('on the second Monday'),
        N_('on the third Monday'),
        N_('on the fourth Monday'),
        N_('on the fifth Monday'),
        N_('on the last Monday'),
        N_('on the {nth}-to-last Monday'),
    ),
    (
        N_('on the first Tuesday'),
        N_('on the second Tuesday'),
        N_('on the third Tuesday'),
        N_('on the fourth Tuesday'),
        N_('on the fifth Tuesday'),
        N_('on the last Tuesday'),
        N_('on the {nth}-to-last Tuesday'),
    ),
    (
        N_('on the first Wednesday'),
        N_('on the second Wednesday'),
        N_('on the third Wednesday'),
        N_('on the fourth Wednesday'),
        N_('on the fifth Wednesday'),
        N_('on the last Wednesday'),
        N_('on the {nth}-to-last Wednesday'),
    ),
    (
        N_('on the first Thursday'),
        N_('on the second Thursday'),
        N_('on the third Thursday'),
        N_('on the fourth Thursday'),
        N_('on the fifth Thursday'),
        N_('on the last Thursday'),
        N_('on the {nth}-to-last Thursday'),
    ),
    (
        N_('on the first Friday'),
        N_('on the second Friday'),
        N_('on the third Friday'),
        N_('on the fourth Friday'),
        N_('on the fifth Friday'),
        N_('on the last Friday'),
        N_('on the {nth}-to-last Friday'),
    ),
    (
        N_('on the first Saturday'),
        N_('on the second Saturday'),
        N_('on the third Saturday'),
        N_('on the fourth Saturday'),
        N_('on the fifth Saturday'),
        N_('on the last Saturday'),
        N_('on the {nth}-to-last Saturday'),
    ),
    (
        N_('on the first Sunday'),
        N_('on the second Sunday'),
        N_('on the third Sunday'),
        N_('on the fourth Sunday'),
        N_('on the fifth Sunday'),
        N_('on the last Sunday'),
        N_('on the {nth}-to-last Sunday'),
    ),
)
"""For each weekday from the first to the fifth, the last, and others from the end."""
DAY = (
    N_('on the first day'),
    N_('on the second day'),
    N_('on the third day'),
    N_('on the fourth day'),
    N_('on the fifth day'),
    N_('on the last day'),
    N_('on the {nth}-to-last day'),
)
WORKDAY = (
    N_('on the first workday'),
    N_('on the second workday'),
    N_('on the third workday'),
    N_('on the fourth workday'),
    N_('on the fifth workday'),
    N_('on the last workday'),
    N_('on the {nth}-to-last workday'),
)
WEEKEND_DAY = (
    N_('on the first weekend day'),
    N_('on the second weekend day'),
    N_('on the third weekend day'),
    N_('on the fourth weekend day'),
    N_('on the fifth weekend day'),
    N_('on the last weekend day'),
    N_('on the {nth}-to-last weekend day'),
)


def on_place(place: int, kind: int | Sequence[str]) -> str:
    """Return `on the second Friday`, `on the last workday` or `on the 3rd-to-last day`.

    :param place: from 1 to 5, or from the end: -1 is the last
    :param kind: a weekday from 0 for Monday on, or `DAY`, `WORKDAY` or `WEEKEND_DAY`
    """
    phrases = _PLACES[kind] if isinstance(kind, int) else kind
    if place >= -1:
        return translated(phrases[place - 1 if place > 0 else -2])
    return filled(phrases[-1], nth=nth(-place))


def on_day(day: int) -> str:
    """Return `on the 31st`, or from the end `on the last day`."""
    # Translators: a day of the month; {nth} is 31st in English, and 31 in other languages
    return _('on the {nth}', nth=nth(day)) if day > 0 else on_place(day, DAY)


def row_of(phrases: Sequence[str]) -> str:
    """Return phrases in a row. A first word like that of the phrase before is said once.

    >>> row_of(['on the 1st', 'on the 15th', 'on the last day'])
    'on the 1st, the 15th and the last day'
    """
    firsts = ['', *(phrase.partition(' ')[0] for phrase in phrases)]
    pairs = zip(firsts, firsts[1:], phrases, strict=False)
    return listed([phrase.partition(' ')[2] if first == before else phrase for before, first, phrase in pairs])


def nth(number: int) -> str:
    """Return `3rd`; in other languages `3`, to which each adds what agrees with the day."""
    if language() not in (ENGLISH, PSEUDO):
        return f'{number}'
    ending = 'th' if number % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')
    return f'{number}{ending}'
