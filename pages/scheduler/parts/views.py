"""The three views of the calendar: what each is called, how far it turns, and its address. Knows no screen."""

from datetime import date, timedelta
from urllib.parse import urlencode

from synapse.language import N_, Words, _, _n, capital
from synapse.language.formats import moment

from .days import first_of_week, turned
from .entry_filter import EntryFilter

VIEWS = Words({'month': N_('Month'), 'week': N_('Week'), 'agenda': N_('Agenda')})
AGENDA_DAYS = 30
FIRST_YEAR, LAST_YEAR = 1971, 2199
"""The years that the calendar shows."""


def day_asked(day: str, month: str) -> date | None:
    """Return the day that an address asks for, else the first of its month; None if neither can be shown."""
    for text in (day, f'{month}-01'):
        try:
            asked = date.fromisoformat(text)
        except ValueError:
            continue
        if FIRST_YEAR <= asked.year <= LAST_YEAR:
            return asked
    return None


def view_shown(wanted: str, *, is_narrow: bool) -> str:
    """Return the view to show: on a phone the agenda takes the place of the month."""
    return 'agenda' if is_narrow and wanted == 'month' else wanted


def turned_by(view: str, day: date, by: int) -> date:
    """Return the day to show after turning `by` months, weeks or lengths of the agenda, within the years shown."""
    if view == 'month':
        there = turned(day.replace(day=1), by)
    else:
        there = day + by * timedelta(days=7 if view == 'week' else AGENDA_DAYS)
    return max(date(FIRST_YEAR, 1, 1), min(date(LAST_YEAR, 12, 31), there))


def name_of(view: str, day: date, week_start: int = 0) -> tuple[str, str]:
    """What is shown, and its year: `October` and `2026`, `12 to 18 October`, `From 14 Oct`.

    :param week_start: the day a week begins with, 0 for Monday
    """
    if view == 'month':
        return capital(moment('MMMM', day)), str(day.year)
    if view == 'agenda':
        return _('From {day}', day=moment('MMMd', day)), str(day.year)
    first = first_of_week(day, week_start)
    last = first + timedelta(days=6)
    if first.month == last.month:
        return _('{first} to {last}', first=first.day, last=moment('MMMMd', last)), str(last.year)
    return _('{first} to {last}', first=moment('MMMd', first), last=moment('MMMd', last)), str(last.year)


def earlier_words(view: str) -> str:
    """Return what the button says that turns back: `Previous month`."""
    if view == 'agenda':
        return _n('Previous {count} day', 'Previous {count} days', AGENDA_DAYS)
    return _('Previous month') if view == 'month' else _('Previous week')


def later_words(view: str) -> str:
    """Return what the button says that turns on: `Next month`."""
    if view == 'agenda':
        return _n('Next {count} day', 'Next {count} days', AGENDA_DAYS)
    return _('Next month') if view == 'month' else _('Next week')


def address_of(wanted: str, shown: str, day: date, today: date, only: EntryFilter) -> str:
    """Return the shortest address that leads back to this view, this day and this filter.

    :param wanted: the view that was chosen; `shown` differs on a phone
    """
    month, is_month = f'{day:%Y-%m}', shown == 'month'
    parts = {
        'view': '' if wanted == 'month' else wanted,
        'month': month if is_month and month != f'{today:%Y-%m}' else '',
        'day': '' if is_month or day == today else day.isoformat(),
        'pipeline': only.pipeline,
        'profile': only.profile,
        'state': only.group,
    }
    query = urlencode({name: value for name, value in parts.items() if value})
    return f'/scheduler?{query}' if query else '/scheduler'
