"""An entry of the calendar in words: what became of it, and how many of a day ended in which way."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from pages.parts.html import WORDS
from pages.parts.words import length_of, pipeline_title, profile_label
from synapse.calendar.events import CalendarEntry
from synapse.calendar.why_words import lateness
from synapse.control_room import ControlRoom
from synapse.language import Nn_, _, _n, counted, spoken

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


def entry_label(entry: CalendarEntry, zone: ZoneInfo, *, caption: str = '', seen_length: str = '') -> str:
    """`16:00 Video publish, planned, repeats`: in words what its glyph, place and size show.

    What is seen comes first and as it is seen, so that it can be spoken to press it (WCAG 2.5.3).

    :param caption: what is seen after its title
    :param seen_length: what is seen after its time
    """
    times = _times(entry)
    is_live = entry.state in ('running', 'paused')  # its length would be wrong a second later
    length = '' if is_live or seen_length or not entry.seconds else length_of(entry.seconds)
    if length and entry.state in ('planned', 'broken', 'off'):
        length = _('usually {length}', length=length)
    started = started_words(entry)
    repeats = _('repeats') if entry.is_repeating else ''
    facts = [caption, times, WORDS[entry.state].lower(), length, started, repeats, spoken(entry.reason)]
    unseen = [fact for fact in facts if fact and (fact is caption or fact.lower() not in caption.lower())]
    clock = ', '.join(filter(None, [clock_in(entry.at, zone), seen_length]))
    return ', '.join([f'{clock} {title_of(entry) if caption or seen_length else entry.title}', *unseen])


def started_words(entry: CalendarEntry) -> str:
    """`started 0.2 s late`; empty for what has no moment at which it was due, or has not started."""
    if entry.late_seconds is None:
        return ''
    # Translators: {late} is: on time, or 2 s late
    return _('started {late}', late=lateness(entry.late_seconds))


def entry_caption(room: ControlRoom, entry: CalendarEntry) -> str:
    """The second line of an entry: what went wrong, or else its profile, its pipeline and how long it took."""
    times = _times(entry)
    if entry.state not in ('planned', 'running', 'succeeded'):
        reason = WORDS[entry.state]
        if entry.reason:
            reason = _('{state}: {reason}', state=reason, reason=spoken(entry.reason))
        return ', '.join(filter(None, [times, reason]))
    pipeline = pipeline_title(room, entry.pipeline)
    took, length = '', length_of(entry.seconds) if entry.seconds else ''
    if length and entry.state == 'succeeded':
        took = _('took {length}', length=length)
    elif length and entry.state == 'planned':
        took = _('usually {length}', length=length)
    facts = [
        times,
        profile_label(room, entry.profile),
        '' if pipeline == entry.title else pipeline,
        took,
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
        return ', '.join(counted_state(word, count) for word, count in outcomes.items())
    planned = sum(entry.state in ('planned', 'broken') for entry in entries)
    if planned:
        return counted_state('planned', planned)
    return _('switched off') if entries else ''


def counted_state(state: str, count: int) -> str:
    """Return `2 failed`.

    :param state: of entries, or a word of `OUTCOMES`
    """
    return counted(_COUNTED[state], count)


_COUNTED: dict[str, tuple[str, str]] = {
    'ok': Nn_('{count} ok', '{count} ok'),
    'succeeded': Nn_('{count} succeeded', '{count} succeeded'),
    'failed': Nn_('{count} failed', '{count} failed'),
    'interrupted': Nn_('{count} interrupted', '{count} interrupted'),
    'missed': Nn_('{count} missed', '{count} missed'),
    'stopped': Nn_('{count} stopped', '{count} stopped'),
    'cancelled': Nn_('{count} stopped', '{count} stopped'),
    'skipped': Nn_('{count} skipped', '{count} skipped'),
    'running': Nn_('{count} running', '{count} running'),
    'paused': Nn_('{count} paused', '{count} paused'),
    'waiting': Nn_('{count} waiting', '{count} waiting'),
    'queued': Nn_('{count} waiting', '{count} waiting'),
    'planned': Nn_('{count} planned', '{count} planned'),
    'broken': Nn_('{count} cannot run', '{count} cannot run'),
    'off': Nn_('{count} switched off', '{count} switched off'),
}


def _times(entry: CalendarEntry) -> str:
    return _n('{count} time', '{count} times', entry.count) if entry.count > 1 else ''


def title_of(entry: CalendarEntry) -> str:
    """Its title, with the number of occurrences if it stands for several."""
    return f'{entry.title} ×{entry.count}' if entry.count > 1 else entry.title
