"""Jobs of other schedulers as events of *Run command*, under the same rules of trust as a calendar file."""

from collections.abc import Callable
from datetime import datetime

from synapse import recurrence
from synapse.calendar.calendar import Calendar
from synapse.calendar.editor import EventEditor
from synapse.catalog.catalog import Catalog
from synapse.errors import Invalid
from synapse.ical.import_result import ImportResult
from synapse.ical.importing import import_drafts
from synapse.ical.reading import Contents
from synapse.ical.series import Draft
from synapse.language import in_thread
from synapse.records import now_utc

from .jobs import COMPARED, ForeignJob, Found, JobEvent, JobProblem, JobsResult, compared, short_name


async def import_jobs(
    calendar: Calendar,
    editor: EventEditor,
    catalog: Catalog,
    found: Found,
    *,
    is_trusted: Callable[[Draft], bool],
    because: str = '',
    is_dry: bool = False,
    now: datetime | None = None,
) -> JobsResult:
    """Make events of the jobs, in one write; a job that was imported before is not doubled.

    :param is_trusted: whether an event may be switched on at once
    :param is_dry: only return what would be done
    :raises Conflict: if there would be too many events; then nothing was imported
    """
    jobs: dict[str, ForeignJob] = {}
    drafts: list[Draft] = []
    for job in found.jobs:
        for number, plan in enumerate(job.plans, 1):
            uid = job.identity if number == 1 else f'{job.identity}/{number}'
            if uid not in jobs:  # the same unit may be read from two places
                jobs[uid] = job
                drafts.append(_draft(job, plan, uid))
    at = now or now_utc()
    problems = list(found.problems)
    try:
        result = await import_drafts(
            calendar,
            editor,
            catalog,
            Contents(drafts=tuple(drafts)),
            is_trusted=is_trusted,
            because=because,
            is_dry=is_dry,
            now=at,
        )
    except Invalid as error:
        for sentence in error.fields.values():
            uid = next(draft.uid for draft in drafts if sentence.startswith(f"'{draft.name}'"))
            problems.append(_problem(jobs[uid], sentence))
        result = ImportResult()
    problems += [_problem(jobs[one.uid], one.reason) for one in result.refused]
    return JobsResult(
        events=await in_thread(_compared, result, jobs, at),
        problems=tuple(sorted(problems, key=lambda problem: (problem.source, problem.line))),
        notes=tuple(found.notes),
        created=result.created,
        updated=result.updated,
        unchanged=(*result.unchanged, *found.unchanged),
        disabled=result.disabled,
        change=result.change,
    )


def _draft(job: ForeignJob, plan: recurrence.Plan, uid: str) -> Draft:
    title = job.title or short_name(job.name)
    values = {
        'title': title,
        'pipeline': 'RunCommand',
        'parameters': job.parameters,
        'start': plan.start,
        'timezone': plan.zone,
        'rrule': plan.rule,
        'exdates': (),
        'misfire': job.misfire,
        'overlap': job.overlap,
    }
    return Draft(uid=uid, sequence=0, values=values if job.enabled else values | {'enabled': False}, name=title)


def _problem(job: ForeignJob, reason: str) -> JobProblem:
    return JobProblem(line=job.line, text=job.text, reason=reason, source=job.source)


def _compared(result: ImportResult, jobs: dict[str, ForeignJob], now: datetime) -> tuple[JobEvent, ...]:
    known: dict[str, tuple[tuple[datetime, ...], tuple[datetime, ...]]] = {}
    events = []
    for event in result.events:
        job = jobs[event.uid]
        if job.identity not in known:
            ours = {due for plan in job.plans for due in recurrence.next_after(plan, now, limit=COMPARED)}
            known[job.identity] = compared(sorted(ours)), compared(job.theirs(now))
        upcoming, theirs = known[job.identity]
        about = {name: getattr(job, name) for name in ('line', 'text', 'name', 'source', 'warning')}
        events.append(JobEvent(**event.model_dump(), **about, upcoming=upcoming, theirs=theirs))
    return tuple(events)
