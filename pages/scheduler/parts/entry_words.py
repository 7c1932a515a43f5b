"""An entry of the calendar in words: what became of it, and how many of a day ended in which way."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from pages.parts.html import WORDS
from pages.parts.words import length_of, pipeline_title, profile_label
from synapse.calendar.events import CalendarEntry
from synapse.control_room import ControlRoom

from .days import clock_in
from .entries import counts_of

OUTCOMES = (
    ('ok', ('succeeded',)),
    ('failed', ('failed', 'interrupted')),
    ('missed', ('missed',)),
    ('stopped', ('cancelled',)),
    ('skipped', ('skipped',)),
    ('running', ('running', 'paused')),
    ('waiting', ('queued',)),
)


def entry_label(entry: CalendarEntry, zone: ZoneInfo) -> str:
    """`16:00 Video publish, planned, repeats`: in words what its glyph, place and size show."""
    times = f'{entry.count} times' if entry.count > 1 else ''
    is_live = entry.state in ('running', 'paused')  # its length would be wrong a second later
    length = '' if is_live or not entry.seconds else length_of(entry.seconds)
    length = f'usually {length}' if length and entry.state in ('planned', 'off') else length
    facts = [WORDS[entry.state].lower(), times, length, 'repeats' if entry.is_repeating else '', entry.reason]
    return ', '.join([f'{clock_in(entry.at, zone)} {entry.title}', *filter(None, facts)])


def entry_caption(room: ControlRoom, entry: CalendarEntry) -> str:
    """The second line of an entry: what went wrong, or else its profile, its pipeline and how long it took."""
    times = f'{entry.count} times' if entry.count > 1 else ''
    if entry.state in ('failed', 'interrupted', 'missed', 'skipped', 'cancelled', 'paused', 'queued', 'off'):
        reason = f'{WORDS[entry.state]}: {entry.reason}' if entry.reason else WORDS[entry.state]
        return ', '.join(filter(None, [times, reason]))
    pipeline = pipeline_title(room, entry.pipeline)
    took = {'succeeded': 'took ', 'planned': 'usually '}.get(entry.state, '')
    facts = [
        times,
        profile_label(room, entry.profile),
        '' if pipeline == entry.title else pipeline,
        took + length_of(entry.seconds) if took and entry.seconds else '',
    ]
    return ', '.join(filter(None, facts))


def outcomes_of(entries: Iterable[CalendarEntry]) -> dict[str, int]:
    """How many ended in which way or are running, such as `{'ok': 2, 'failed': 1}`; planned ones do not count."""
    counts = counts_of(entries)
    sums = {word: sum(counts[state] for state in states) for word, states in OUTCOMES}
    return {word: count for word, count in sums.items() if count}


def summary_of(entries: Iterable[CalendarEntry]) -> str:
    """`2 ok, 1 failed, 2 running`; for a day to come `3 planned`."""
    entries = list(entries)
    outcomes = outcomes_of(entries)
    if outcomes:
        return ', '.join(f'{count} {word}' for word, count in outcomes.items())
    planned = sum(entry.state == 'planned' for entry in entries)
    return f'{planned} planned' if planned else 'switched off' if entries else ''


def title_of(entry: CalendarEntry) -> str:
    """Its title, with the number of occurrences if it stands for several."""
    return f'{entry.title} ×{entry.count}' if entry.count > 1 else entry.title
