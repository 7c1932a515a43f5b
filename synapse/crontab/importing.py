"""Jobs of a crontab as events of *Run command*, under the same rules of trust as a calendar file."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from synapse import recurrence
from synapse.calendar.calendar import Calendar
from synapse.calendar.editor import EventEditor
from synapse.catalog.catalog import Catalog
from synapse.errors import Invalid
from synapse.ical.importing import ImportedEvent, import_drafts
from synapse.ical.reading import Contents
from synapse.ical.series import Draft
from synapse.records import Record, now_utc
from synapse.recurrence.cron import NAMED, cron_plans
from synapse.recurrence.rules import RuleError

from .reading import CronJob, CronProblem, read_crontab

COMPARED = 5
_ANCHOR = datetime(2026, 1, 1)
"""Where series start to be counted from: the same for each import, so that importing again changes nothing."""
_FOR_CRON = frozenset({'SHELL', 'MAILTO', 'MAILFROM', 'CRON_TZ', 'RANDOM_DELAY'})
"""Variables that are cron's own settings."""


class CronEvent(ImportedEvent):
    """An event that a line became, with what cron would do."""

    line: int
    text: str
    upcoming: tuple[datetime, ...]
    """The next five moments of all events of this line."""
    cron: tuple[datetime, ...]
    """The next five moments of cron, as another program computes them."""


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
    crontab = await asyncio.to_thread(read_crontab, text, has_users=has_users)
    problems = list(crontab.problems)
    lines: dict[str, CronJob] = {}
    drafts: list[Draft] = []
    for job, uid in _with_uids(crontab.jobs):
        zone = job.environment.get('CRON_TZ') or calendar.zone
        try:
            plans = cron_plans(job.schedule, zone, after=_ANCHOR)
        except RuleError as error:
            problems.append(CronProblem(line=job.line, text=job.text, reason=error.sentence))
            continue
        for number, plan in enumerate(plans, 1):
            drafts.append(_draft(job, plan, uid if number == 1 else f'{uid}/{number}'))
            lines[drafts[-1].uid] = job
    contents = Contents(drafts=tuple(drafts))
    options: dict[str, Any] = {'is_trusted': is_trusted, 'because': because, 'is_dry': is_dry, 'now': now}
    try:
        result = await import_drafts(calendar, editor, catalog, contents, **options)
    except Invalid as error:
        for sentence in error.fields.values():
            job = next(lines[draft.uid] for draft in drafts if sentence.startswith(f"'{draft.name}'"))
            problems.append(CronProblem(line=job.line, text=job.text, reason=sentence))
        return CrontabResult(problems=tuple(problems), notes=tuple(crontab.notes))
    problems += [
        CronProblem(line=lines[one.uid].line, text=lines[one.uid].text, reason=one.reason) for one in result.refused
    ]
    at = now or now_utc()
    events = [_compared(event, lines[event.uid], calendar.zone, at) for event in result.events]
    return CrontabResult(
        events=tuple(events),
        problems=tuple(sorted(problems, key=lambda problem: problem.line)),
        notes=(*crontab.notes, *_notes(crontab.jobs)),
        **{name: getattr(result, name) for name in ('created', 'updated', 'unchanged', 'disabled', 'change')},
    )


def _with_uids(jobs: list[CronJob]) -> list[tuple[CronJob, str]]:
    """Return each job with a UID that is the same at the next import, also if lines were moved."""
    seen: Counter[str] = Counter()
    found = []
    for job in jobs:
        name = hashlib.sha256(f'{job.schedule}\0{job.command}\0{job.input}'.encode()).hexdigest()[:32]
        seen[name] += 1
        found.append((job, f'{name}{f"-{seen[name]}" if seen[name] > 1 else ""}@crontab'))
    return found


def _draft(job: CronJob, plan: recurrence.Plan, uid: str) -> Draft:
    title = job.title or (job.command if len(job.command) <= 80 else f'{job.command[:79]}…')
    values = {
        'title': title,
        'pipeline': 'RunCommand',
        'parameters': _parameters(job),
        'start': plan.start,
        'timezone': plan.zone,
        'rrule': plan.rule,
        'exdates': (),
        # As cron has it: what was missed is not made up for, and a run does not wait for the one before.
        'misfire': {'policy': 'skip'},
        'overlap': 'allow',
    }
    return Draft(uid=uid, sequence=0, values=values, name=title)


def _parameters(job: CronJob) -> dict[str, Any]:
    shell = job.environment.get('SHELL', '/bin/sh')
    text = job.command
    if job.input is not None:
        end = 'END_OF_INPUT'
        while end in job.input:
            end += '_'
        # Not `{ ...; } <<`: there dash 0.5.12 forgets the redirection of a last subshell.
        text = f"exec <<'{end}'\n{job.input}{end}\n{text}"
    env = {name: value for name, value in job.environment.items() if name not in _FOR_CRON}
    home = env.get('HOME') or f'{Path.home()}'
    if shell in ('/bin/sh', 'sh', '/usr/bin/sh'):
        return {'command': [text], 'shell': True, 'cwd': home, 'env': env}
    return {'command': [shell, '-c', text], 'cwd': home, 'env': env}


def _compared(event: ImportedEvent, job: CronJob, zone: str, now: datetime) -> CronEvent:
    zone = job.environment.get('CRON_TZ') or zone
    plans = cron_plans(job.schedule, zone, after=_ANCHOR)
    ours = sorted({due for plan in plans for due in recurrence.next_after(plan, now, limit=COMPARED)})[:COMPARED]
    return CronEvent(
        **event.model_dump(), line=job.line, text=job.text, upcoming=tuple(ours), cron=_of_cron(job.schedule, zone, now)
    )


def _of_cron(schedule: str, zone: str, now: datetime) -> tuple[datetime, ...]:
    from cronsim import CronSim, CronSimError

    try:
        dues = CronSim(NAMED.get(schedule.lower(), schedule).upper(), now.astimezone(ZoneInfo(zone)))
        return tuple(due.astimezone(now.tzinfo) for due in islice(dues, COMPARED))
    except CronSimError:
        return ()


def _notes(jobs: list[CronJob]) -> tuple[str, ...]:
    notes: dict[str, None] = {}
    for job in jobs:
        if to := job.environment.get('MAILTO'):
            notes[f'What the commands print is in the log, and not mailed to {to}.'] = None
        if job.environment.get('RANDOM_DELAY'):
            notes['RANDOM_DELAY is left out: events start at their exact time.'] = None
    return tuple(notes)
