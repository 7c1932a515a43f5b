"""The three views of the calendar: what each is called, how far it turns, and its address. Knows no screen."""

from datetime import date, timedelta
from urllib.parse import urlencode

from .days import monday_of, turned
from .entry_filter import EntryFilter

VIEWS = {'month': 'Month', 'week': 'Week', 'agenda': 'Agenda'}
AGENDA_DAYS = 30
SPANS = {'month': 'month', 'week': 'week', 'agenda': f'{AGENDA_DAYS} days'}
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


def name_of(view: str, day: date) -> tuple[str, str]:
    """What is shown, and its year: `October` and `2026`, `12 to 18 October`, `From 14 Oct`."""
    if view == 'month':
        return f'{day:%B}', str(day.year)
    if view == 'agenda':
        return f'From {day.day} {day:%b}', str(day.year)
    first = monday_of(day)
    last = first + timedelta(days=6)
    if first.month == last.month:
        return f'{first.day} to {last.day} {last:%B}', str(last.year)
    return f'{first.day} {first:%b} to {last.day} {last:%b}', str(last.year)


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
