"""Jobs of a crontab as events of *Run command*, under the same rules of trust as a calendar file."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from synapse.calendar.calendar import Calendar
from synapse.calendar.editor import EventEditor
from synapse.calendar.events import Event
from synapse.catalog.catalog import Catalog
from synapse.foreign_jobs.clock_changes import skipped_times
from synapse.foreign_jobs.importing import import_jobs
from synapse.foreign_jobs.jobs import ANCHOR, Dues, ForeignJob, Found, JobEvent, JobProblem, identities
from synapse.ical.series import Draft
from synapse.language import _, in_thread
from synapse.records import Record, now_utc
from synapse.recurrence.cron import NAMED, CronSchedule, cron_plans, read_cron
from synapse.recurrence.rules import RuleError

from .reading import CronJob, CronProblem, Crontab, read_crontab
from .work import END_OF_INPUT, command_of
from .writing import write_crontab

_FOR_CRON = frozenset({'SHELL', 'MAILTO', 'MAILFROM', 'CRON_TZ', 'RANDOM_DELAY'})
"""Variables that are cron's own settings."""
_UNSET = re.compile(r'unset ([\w ]+); ')
"""How a printed line takes back variables of the lines above it."""


class CronEvent(JobEvent):
    cron: tuple[datetime, ...]
    """As `theirs`: its name before other schedulers were read."""


class CrontabResult(Record):
    events: tuple[CronEvent, ...] = ()
    problems: tuple[CronProblem, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences about what is done differently from cron."""
    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    change: str = ''
    """The id with which `EventEditor.undo` undoes the import; empty if nothing was changed."""


async def import_crontab(
    calendar: Calendar,
    editor: EventEditor,
    catalog: Catalog,
    text: str,
    *,
    has_users: bool | None = None,
    is_trusted: Callable[[Draft], bool],
    because: str = '',
    is_dry: bool = False,
    now: datetime | None = None,
) -> CrontabResult:
    """Make events of the jobs, in one write; a job that was imported before is not doubled.

    :param has_users: whether each line names a user; None: found out
    :param is_trusted: whether an event may be switched on at once
    :param is_dry: only return what would be done
    :raises Conflict: if there would be too many events; then nothing was imported
    """
    found = await in_thread(jobs_of_crontab, text, calendar.zone, calendar.events(), has_users=has_users, now=now)
    options: dict[str, Any] = {'is_trusted': is_trusted, 'because': because, 'is_dry': is_dry, 'now': now}
    result = await import_jobs(calendar, editor, catalog, found, **options)
    problems = [problem.model_dump(include={'line', 'text', 'reason'}) for problem in result.problems]
    return CrontabResult(
        events=tuple(CronEvent(**event.model_dump(), cron=event.theirs) for event in result.events),
        problems=tuple(CronProblem(**problem) for problem in problems),
        **result.model_dump(exclude={'events', 'problems'}),
    )


def jobs_of_crontab(
    text: str, zone: str, events: Sequence[Event], *, has_users: bool | None = None, now: datetime | None = None
) -> Found:
    """Return what is in a crontab. Call it in a thread.

    A line as `python main.py crontab` prints it for one of the events is that event, and is not imported.

    :param zone: that of times without `CRON_TZ`
    :param events: those of the calendar
    """
    now = now or now_utc()
    crontab = read_crontab(text, has_users=has_users)
    found = Found(problems=[JobProblem(**problem.model_dump()) for problem in crontab.problems])
    uids, printed = {event.uid for event in events}, _printed(events, crontab.jobs, zone, now)
    seeds = (f'{job.schedule}\0{job.command}\0{job.input}' for job in crontab.jobs)
    for job, identity in zip(crontab.jobs, identities(seeds, 'crontab'), strict=True):
        if identity not in uids and (same := printed.get(_key(job, zone))):
            found.unchanged += same.pop()
            continue
        try:
            found.jobs.append(_job(job, identity, job.environment.get('CRON_TZ') or zone))
        except RuleError as error:
            found.problems.append(JobProblem(line=job.line, text=job.text, reason=error.sentence))
    skipped = skipped_times(found.jobs, now)
    theirs = (one.words(_('cron starts it at {change:%H:%M}', change=one.change)) for one in skipped)
    found.notes = [*crontab.notes, *_notes(crontab), *theirs]
    return found


_Key = tuple[CronSchedule, str, str, str | None, frozenset[tuple[str, str]]]


def _key(job: CronJob, zone: str) -> _Key:
    env = {name: value for name, value in job.environment.items() if name not in _FOR_CRON}
    unset = _UNSET.match(job.command)
    for name in unset[1].split() if unset else ():
        env.pop(name, None)
    command = job.command[unset.end() :] if unset else job.command
    return read_cron(job.schedule), job.environment.get('CRON_TZ') or zone, command, job.input, frozenset(env.items())


def _printed(
    events: Sequence[Event], jobs: Sequence[CronJob], zone: str, now: datetime
) -> dict[_Key, list[tuple[str, ...]]]:
    """Return the ids of events that run the command of one of the jobs, by what they are printed as, read back."""
    commands = {_key(job, zone)[2] for job in jobs}
    events = [event for event in events if command_of(event) in commands]
    written = write_crontab(events, zone, now=now, with_disabled=True)
    found: dict[_Key, list[tuple[str, ...]]] = {}
    for job in read_crontab(written.text, has_users=False).jobs:
        found.setdefault(_key(job, zone), []).append(written.ids[job.line])
    return found


def _job(job: CronJob, identity: str, zone: str) -> ForeignJob:
    return ForeignJob(
        line=job.line,
        text=job.text,
        name=job.command,
        title=job.title,
        parameters=_parameters(job),
        plans=tuple(cron_plans(job.schedule, zone, after=ANCHOR)),
        identity=identity,
        theirs=_of_cron(job.schedule, zone),
        warning=_(
            'It would run a command called {seeming_user!r}, which is a user of this machine.',
            seeming_user=job.seeming_user,
        )
        if job.seeming_user
        else '',
    )


def _parameters(job: CronJob) -> dict[str, Any]:
    shell = job.environment.get('SHELL', '/bin/sh')
    text = job.command
    if job.input is not None:
        end = END_OF_INPUT
        while end in job.input:
            end += '_'
        # Not `{ ...; } <<`: there dash 0.5.12 forgets the redirection of a last subshell.
        text = f"exec <<'{end}'\n{job.input}{end}\n{text}"
    env = {name: value for name, value in job.environment.items() if name not in _FOR_CRON}
    home = env.get('HOME') or f'{Path.home()}'
    if shell in ('/bin/sh', 'sh', '/usr/bin/sh'):
        return {'command': [text], 'shell': True, 'cwd': home, 'env': env}
    return {'command': [shell, '-c', text], 'cwd': home, 'env': env}


def _of_cron(schedule: str, zone: str) -> Dues:
    def dues(now: datetime) -> Iterator[datetime]:
        from cronsim import CronSim, CronSimError

        try:
            text = NAMED.get(schedule.lower(), schedule).upper()
            for due in CronSim(text, now.astimezone(ZoneInfo(zone))):
                yield due.astimezone(now.tzinfo)
        except CronSimError:
            return

    return dues


def _notes(crontab: Crontab) -> tuple[str, ...]:
    notes: dict[str, None] = {}
    for job in crontab.jobs:
        if to := job.environment.get('MAILTO'):
            notes[_('What the commands print is in the log, and not mailed to {to}.', to=to)] = None
        if job.environment.get('RANDOM_DELAY'):
            notes[_('RANDOM_DELAY is left out: events start at their exact time.')] = None
        if job.text.startswith('-'):
            notes[_('A minus sign before a line keeps cron from logging it. Here every run is in the log.')] = None
    return tuple(notes)
