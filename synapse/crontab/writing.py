"""Events as a crontab: a line for each that cron can start at the same moments, a comment for any other."""

import shlex
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from synapse import recurrence
from synapse.calendar.events import Event
from synapse.language import N_, _, translated

from .schedules import NoSchedule, pair_schedule, schedule_of
from .work import NoLine, Work, work_of

MAX_TITLE = 80
_HEAD = (
    N_('Events of Synapse that are switched on, as a crontab.'),
    N_(
        'cron makes up for nothing that it missed, lets runs overlap, and knows no limits of time, no other tries '
        'after a failure and no alerts. It starts commands with PATH=/usr/bin:/bin unless a line sets it.'
    ),
)
_ZONES = N_(
    'CRON_TZ is read by cronie. The cron of Debian ignores it: there, keep only lines of the zone of the machine.'
)
WIDTH = 114


@dataclass(slots=True)
class WrittenCrontab:
    text: str = ''
    ids: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """The events that each line stands for, by its number from 1."""


@dataclass(frozen=True, slots=True)
class _Line:
    events: tuple[Event, ...]
    schedule: str
    work: Work

    @property
    def zone(self) -> str:
        return self.events[0].timezone


def write_crontab(events: Sequence[Event], zone: str, *, now: datetime, with_disabled: bool = False) -> WrittenCrontab:
    """Return a crontab of events that `read_crontab` reads back. It takes a while: call it in a thread.

    :param zone: that of the machine
    :param now: aware; exceptions and ends before it don't matter
    """
    lines: list[_Line] = []
    left_out: list[tuple[Event, str]] = []
    wanted = [event for event in events if event.enabled or with_disabled]
    for group in _pairs(wanted):
        try:
            schedule = schedule_of(group[0].plan, now) if len(group) == 1 else pair_schedule(group, now)
            lines.append(_Line(group, schedule, work_of(group[0])))
        except (NoSchedule, NoLine) as error:
            left_out += [(event, f'{error}') for event in group]
    return _Writer(zone, now).write(lines, left_out)


def _pairs(events: Sequence[Event]) -> list[tuple[Event, ...]]:
    """Return each event, together with its second half if a line with two day fields was made two events."""
    by_uid = {event.uid: event for event in events if event.uid}
    groups: list[tuple[Event, ...]] = []
    for event in events:
        first, second = by_uid.get(event.uid.removesuffix('/2')), by_uid.get(f'{event.uid}/2')
        if first is not None and event.uid.endswith('/2') and _is_same_work(first, event):
            continue
        groups.append((event, second) if second is not None and _is_same_work(event, second) else (event,))
    return groups


def _is_same_work(first: Event, second: Event) -> bool:
    same = ('pipeline', 'parameters', 'profile', 'timezone', 'enabled')
    return all(getattr(first, name) == getattr(second, name) for name in same)


class _Writer:
    def __init__(self, zone: str, now: datetime) -> None:
        self._zone, self._now = zone, now
        self._rows: list[str] = []
        self._found = WrittenCrontab()
        self._set: dict[str, str] = {}

    def _comment(self, text: str) -> None:
        self._rows += textwrap.wrap(translated(text), WIDTH, initial_indent='# ', subsequent_indent='# ')

    def write(self, lines: Sequence[_Line], left_out: Sequence[tuple[Event, str]]) -> WrittenCrontab:
        for text in _HEAD:
            self._comment(text)
        if any(line.zone != self._zone for line in lines):
            self._comment(_ZONES)
        # Variables count for all lines below them, and cannot be taken back: those without come first.
        for line in sorted(lines, key=self._order):
            self._rows.append('')
            self._environment(line)
            self._title(line.events[0])
            self._rows.append(f'{line.schedule} {self._unset(line.work)}{line.work.crontab_text}')
            self._found.ids[len(self._rows)] = tuple(event.id for event in line.events)
        for event, reason in left_out:
            self._rows += ['', f'# {_one_line(event.title)}: {_one_line(reason)} {self._next(event)}'.rstrip()]
        self._found.text = '\n'.join([*self._rows, ''])
        return self._found

    def _order(self, line: _Line) -> tuple[object, ...]:
        # Without PATH, once it was set, no program would be found.
        env = line.work.env
        return 'PATH' in env, len(env), sorted(env.items()), line.zone != self._zone, line.zone, line.schedule

    def _environment(self, line: _Line) -> None:
        zone = {'CRON_TZ': line.zone} if line.zone != self._set.get('CRON_TZ', self._zone) else {}
        for name, value in (zone | dict(line.work.env)).items():
            if self._set.get(name) != value:
                self._rows.append(f'{_quoted_name(name)}={_quoted(value)}')
                self._set[name] = value

    def _unset(self, work: Work) -> str:
        extra = sorted(self._set.keys() - work.env.keys() - {'CRON_TZ'})
        return f'unset {" ".join(map(shlex.quote, extra))}; ' if extra else ''

    def _title(self, event: Event) -> None:
        self._rows.append(f'# {_one_line(event.title)[:MAX_TITLE]}')

    def _next(self, event: Event) -> str:
        due = next(iter(recurrence.next_after(event.plan, self._now)), None)
        if due is None:
            return ''
        wall = recurrence.wall_of(due, event.timezone)
        return _(
            'Next: {wall:%a} {day} {wall:%b} {year}, {wall:%H:%M} ({timezone}).',
            wall=wall,
            day=wall.day,
            year=wall.year,
            timezone=event.timezone,
        )


def _quoted(value: str) -> str:
    """Return a value as crontab(5) wants it; `work_of` has refused what no quotes can hold."""
    if value and value == value.strip() and value[0] not in '"\'':
        return value
    return f"'{value}'" if '"' in value else f'"{value}"'


def _quoted_name(name: str) -> str:
    return name if name == name.strip() and ' ' not in name else f'"{name}"'


def _one_line(text: str) -> str:
    return ' '.join(text.split())
