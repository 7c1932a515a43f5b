"""What was imported from another scheduler, how to switch it off there, and on here."""

import shlex
from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import groupby

from pages.parts.cards import set_props
from pages.parts.dialogs import Dialog, answer_to, attempt, confirm
from pages.parts.html import button, copy_button, el, opens
from synapse.calendar.events import Event
from synapse.control_room import ControlRoom
from synapse.crontab.reading import OF_JOBS
from synapse.foreign_jobs.jobs import ForeignJob, Found, JobsResult
from synapse.language import _, _n
from synapse.schedulers.sources import Kind, Source

from .jobs_preview import counts_of

LISTED_LINES = 6
"""Up to this many lines are named one by one."""
_JOB_LINE = f'^[[:blank:]]*[{OF_JOBS}]'
"""What `sed` takes for a line that runs something, as the import does."""


@dataclass(frozen=True, slots=True)
class Step:
    """How to switch off jobs where they came from."""

    words: str
    command: str = ''
    text: str = ''
    """A whole crontab to copy instead."""


class JobsImported:
    """Says what to do next, and offers it.

    :param seen: the UIDs of the events that the person was shown
    """

    def __init__(
        self, room: ControlRoom, sources: Sequence[Source], found: Found, result: JobsResult, *, seen: Set[str]
    ) -> None:
        self._room = room
        self._changes: list[str] = []
        """Later changes, which undoing the import undoes too."""
        ids = {*result.created, *result.updated, *result.unchanged}
        events = [event for event in room.calendar.events() if event.id in ids]
        off = [event for event in events if not event.enabled]
        self._off = [event.id for event in off if not seen.isdisjoint((event.uid, event.id))]
        with (
            Dialog() as self._dialog,
            el(
                'section', 'sy-dialog im-dialog', role='dialog', aria_modal='true', aria_label=_('Imported jobs')
            ) as box,
        ):
            set_props(box, tabindex='-1')
            el('h2', text=_('Imported') if result.change else _('Nothing new'))
            el('p', 'sy-2', f'{counts_of(result)}.')
            _draw_steps(switch_off_there(sources, found, result), events)
            count = len(self._off)
            words = _n('{count} event is switched off here.', '{count} events are switched off here.', count)
            self._words = el('p', 'sy-2', words, role='status', hidden=not count)
            if unseen := len(off) - count:
                el('p', 'sy-cap', _unseen_words(unseen))
            with el('div', 'sy-dialog-buttons'):
                if result.change:
                    button(_('Undo the import')).on('click', lambda: self._dialog.submit(self._changes))
                if self._off:
                    self._press = opens(
                        button(_n('Switch {count} on', 'Switch {count} on', count), icon_name='play'), self._switch_on
                    )
                button(_('Done'), kind='primary', autofocus=True).on('click', lambda: self._dialog.submit(None))

    async def answer(self) -> list[str] | None:
        """Wait until the person has seen it.

        :return: None, or to undo the import: the ids of later changes, oldest first, that have to be undone with it
        """
        answer = await answer_to(self._dialog)
        return answer if isinstance(answer, list) else None

    async def _switch_on(self) -> None:
        count = len(self._off)
        title = _n('Switch {count} event on?', 'Switch {count} events on?', count)
        text = _('They run from now on when they are due. Jobs that are still on elsewhere run there too.')
        if await confirm(title, text, yes=_('Switch on'), no=_('Not yet'), icon_name='play'):
            await attempt(self._all_on())

    async def _all_on(self) -> None:
        known = {event.id for event in self._room.calendar.events()}
        values = {id: {'enabled': True} for id in self._off if id in known}
        change = await self._room.editor.change_many(values, [], because=_('switched on after an import'))
        self._changes += [change] if change else []
        if not self._dialog.is_deleted:
            self._words.set_text(_n('{count} switched on.', '{count} switched on.', len(values)))
            self._press.delete()


def _draw_steps(steps: Sequence[Step], events: Sequence[Event]) -> None:
    if not steps:
        return
    if any(event.enabled for event in events):
        hint = _('Some are switched on here. So that nothing runs twice, switch them off there now:')
    else:
        hint = _('So that nothing runs twice, switch them off there before you switch them on here:')
    el('p', 'hint', hint)
    with el('ul', 'jb-steps'):
        for step in steps:
            with el('li'):
                el('span', text=step.words)
                if step.command:
                    with el('span', 'sy-x'):
                        el('code', 'jb-line', step.command)
                        copy_button(_('Copy'), step.command)
                if step.text:
                    copy_button(_('Copy it with these lines switched off'), step.text)


def _unseen_words(count: int) -> str:
    return _n(
        '{count} event is off that you have not seen: switch them on in the calendar.',
        '{count} events are off that you have not seen: switch them on in the calendar.',
        count,
    )


def switch_off_there(sources: Iterable[Source], found: Found, result: JobsResult) -> list[Step]:
    """Return for each source how to switch off its jobs that are events by now."""
    left_out = {(problem.source, problem.line) for problem in result.problems}
    steps = []
    for source in sources:
        jobs = [job for job in found.jobs if job.source == source.name and (job.source, job.line) not in left_out]
        if not jobs:
            continue
        if source.kind in (Kind.TIMERS, Kind.SYSTEM_TIMERS):
            who = 'sudo systemctl' if source.kind is Kind.SYSTEM_TIMERS else 'systemctl --user'
            names = dict.fromkeys(job.name for job in jobs if job.name.endswith('.timer'))
            command = f'{who} disable --now {shlex.join(names)}' if names else ''
            steps.append(Step(_('{name}: stop the timers.', name=source.name), command))
        elif source.kind is Kind.TASKS:
            names_of_jobs = ', '.join(job.name for job in jobs)
            words = _('{name}: disable in Task Scheduler: {jobs}.', name=source.name, jobs=names_of_jobs)
            steps.append(Step(words))
        else:
            steps.append(_for_crontab(source, jobs))
    return steps


def _for_crontab(source: Source, jobs: Sequence[ForeignJob]) -> Step:
    lines = source.text.split('\n')
    wanted = {job.line for job in jobs}
    spans = _spans(wanted, [number for number, line in enumerate(lines, 1) if line.strip()[:1] in {*OF_JOBS}])
    if len(wanted) <= LISTED_LINES:
        named = ', '.join(map(str, sorted(wanted)))
        words = _n(
            '{name}: put a # before line {lines}.',
            '{name}: put a # before lines {lines}.',
            len(wanted),
            name=source.name,
            lines=named,
        )
    else:
        named = ', '.join(f'{first}–{last}' if first < last else f'{first}' for first, last in spans)
        words = _n(
            '{name}: put a # before its {count} jobs in lines {lines}.',
            '{name}: put a # before its {count} jobs in lines {lines}.',
            len(wanted),
            name=source.name,
            lines=named,
        )
    script = ';'.join(f'{first},{last}{{/{_JOB_LINE}/s/^/# /;}}' for first, last in spans)
    if source.is_own_crontab:
        return Step(words, f"crontab -l | sed '{script}' | crontab -")
    if source.path is not None:
        # Not -i.bak: cron of some systems reads each file of a folder, whatever its name ends with.
        return Step(words, f"sudo sed -i '{script}' {shlex.quote(str(source.path))}")
    changed = (f'# {line}' if number in wanted else line for number, line in enumerate(lines, 1))
    return Step(words, text='\n'.join(changed))


def _spans(wanted: Collection[int], of_jobs: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last lines of the spans in which all lines with jobs are wanted.

    >>> _spans({1, 3, 9}, [1, 3, 7, 9])
    [(1, 3), (9, 9)]
    """
    groups = (list(group) for is_wanted, group in groupby(of_jobs, lambda line: line in wanted) if is_wanted)
    return [(group[0], group[-1]) for group in groups]
