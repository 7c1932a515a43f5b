"""Tasks of Windows Task Scheduler as jobs: its XML, as its window and `schtasks /query /xml` export it.

Source: the Task Scheduler schema of Microsoft.
"""

import os
import re
import shlex
from collections.abc import Iterator
from datetime import datetime
from getpass import getuser
from typing import Any

from synapse.foreign_jobs.clock_changes import skipped_times
from synapse.foreign_jobs.jobs import ForeignJob, Found, JobProblem, identities
from synapse.language import _
from synapse.records import now_utc
from synapse.recurrence import RuleError

from .element import Element, NotReadable, read_xml
from .triggers import TaskError, plans_of, span_of

_OVERLAPS = {'IgnoreNew': 'skip', 'Parallel': 'allow', 'Queue': 'queue'}


def jobs_of_tasks(text: str, zone: str, *, now: datetime | None = None) -> Found:
    """Return the tasks of an exported file. Call it in a thread.

    :param zone: that of the machine
    """
    found = Found()
    try:
        root = read_xml(text)
    except NotReadable as error:
        found.problems.append(JobProblem(line=1, text='', reason=f'{error}'))
        return found
    tasks = [root] if root.name == 'Task' else list(root.all('Task'))
    if not tasks:
        found.problems.append(JobProblem(line=1, text='', reason=_('It has no task of Task Scheduler.')))
    names = identities((_seed(task) for task in tasks), 'task-scheduler')
    for task, identity in zip(tasks, names, strict=True):
        reader = _Reader(task, zone, found)
        try:
            found.jobs.append(reader.job(identity))
        except TaskError as error:
            found.problems.append(JobProblem(line=task.line, text=_name(task), reason=f'{error}'))
        except RuleError as error:
            found.problems.append(JobProblem(line=task.line, text=_name(task), reason=error.sentence))
    for skipped in skipped_times(found.jobs, now or now_utc()):
        found.notes.append(skipped.words(_('Windows starts it by rules of its own')))
    return found


def _name(task: Element) -> str:
    return (task.value('RegistrationInfo/URI').rpartition('\\')[2] or task.value('Actions/Exec/Command'))[:200]


def _seed(task: Element) -> str:
    return task.value('RegistrationInfo/URI') or '\0'.join(_texts(task))


def _texts(element: Element) -> Iterator[str]:
    yield element.text.strip()
    for child in element.children:
        yield from _texts(child)


class _Reader:
    def __init__(self, task: Element, zone: str, found: Found) -> None:
        self._task, self._zone, self._found = task, zone, found
        self._name = _name(task) or _('The task')

    def job(self, identity: str) -> ForeignJob:
        """:raises TaskError: if no event can stand for it"""
        triggers = self._triggers()
        plans = dict.fromkeys(plan for trigger in triggers for plan in plans_of(trigger, self._zone))
        if not plans:
            raise TaskError(_('It never comes again.'))
        self._tell()
        return ForeignJob(
            line=self._task.line,
            text=' '.join(filter(None, (self._name, _words_of(triggers)))),
            name=self._name,
            title=self._name,
            parameters=self._parameters(),
            plans=tuple(plans),
            identity=identity,
            theirs=lambda __: (),
            misfire={'policy': 'latest' if self._is_set('StartWhenAvailable', default=False) else 'skip'},
            overlap=_OVERLAPS.get(self._task.value('Settings/MultipleInstancesPolicy') or 'IgnoreNew', 'skip'),
            enabled=self._is_set('Enabled', default=True) and any(_is_enabled(trigger) for trigger in triggers),
        )

    def _triggers(self) -> list[Element]:
        """Return the triggers that are times of the clock, without those that are switched off beside others."""
        found = self._task.find('Triggers')
        every = found.children if found is not None else []
        if not every:
            raise TaskError(_('It has no trigger: somebody starts it by hand.'))
        on = [trigger for trigger in every if _is_enabled(trigger)] or every
        if len(on) < len(every):
            self._note(_('{name} has triggers that are switched off; they are left out.', name=self._name))
        timed = [trigger for trigger in on if trigger.name in ('TimeTrigger', 'CalendarTrigger')]
        for other in on:
            if other not in timed and timed:
                try:
                    plans_of(other, self._zone)
                except TaskError as error:
                    self._note(_('{name}: {error} That trigger is left out.', name=self._name, error=error))
        return timed or on[:1]

    def _parameters(self) -> dict[str, Any]:
        actions = self._task.find('Actions')
        every = actions.children if actions is not None else []
        if len(every) != 1 or every[0].name != 'Exec':
            what = _('several actions') if len(every) > 1 else _('no program to start')
            raise TaskError(_('It has {what}. Write a script for what it does, and plan that.', what=what))
        exec_ = every[0]
        command, arguments, folder = (
            self._expanded(exec_.value(name)) for name in ('Command', 'Arguments', 'WorkingDirectory')
        )
        words = [command.strip('"'), *arguments_of(arguments)]
        if not words[0]:
            raise TaskError(_('Its action has no command.'))
        if os.name != 'nt' and re.match(r'[A-Za-z]:\\|\\\\', words[0]):
            self._note(
                _(
                    '{name} starts {words}, a path of Windows. Change it before you switch it on here.',
                    name=self._name,
                    words=words[0],
                )
            )
        values: dict[str, Any] = {'command': words if len(words) > 1 else [_one_word(words[0])], 'env': {}}
        if folder:
            values['cwd'] = folder.strip('"')
        limit = span_of(self._task.value('Settings/ExecutionTimeLimit'))
        return values | ({'timeout': f'{int(limit.total_seconds())}s'} if limit else {})

    def _expanded(self, text: str) -> str:
        if os.name == 'nt':
            return os.path.expandvars(text)
        if found := re.search(r'%[A-Za-z_]\w*(\(x86\))?%', text):
            raise TaskError(_('It has the variable {found}, which only Windows knows.', found=found[0]))
        return text

    def _tell(self) -> None:
        user = self._task.value('Principals/Principal/UserId') or self._task.value('Principals/Principal/GroupId')
        if user:
            self._note(
                _(
                    '{name} runs as {user} in Windows, and here as {me}.',
                    name=self._name,
                    user=user,
                    me=getuser(),
                )
            )
        if self._task.value('Settings/MultipleInstancesPolicy') == 'StopExisting':
            self._note(_('{name} stops its earlier run in Windows. Here the later one is skipped.', name=self._name))
        for trigger in self._triggers():
            if delay := trigger.value('RandomDelay'):
                self._note(
                    _(
                        '{name} starts up to {delay} later at random in Windows; this is left out.',
                        name=self._name,
                        delay=delay,
                    )
                )
            if trigger.value('Repetition/Duration'):
                self._note(
                    _(
                        '{name} is repeated for {length}, without its end.',
                        name=self._name,
                        length=trigger.value('Repetition/Duration'),
                    )
                )
            if int(trigger.value('ScheduleByWeek/WeeksInterval') or 1) > 1:
                self._note(_('{name}: weeks are counted from Sunday.', name=self._name))

    def _is_set(self, name: str, *, default: bool) -> bool:
        text = self._task.value(f'Settings/{name}').lower()
        return text in ('true', '1') if text else default

    def _note(self, sentence: str) -> None:
        if sentence not in self._found.notes:
            self._found.notes.append(sentence)


def _is_enabled(trigger: Element) -> bool:
    return trigger.value('Enabled').lower() not in ('false', '0')


def _one_word(word: str) -> str:
    """Return a program without arguments; *Run command* splits a single entry that has blanks."""
    return shlex.quote(word) if ' ' in word else word


def _words_of(triggers: list[Element]) -> str:
    words = []
    for trigger in triggers:
        kind = next((child.name for child in trigger.children if child.name.startswith('ScheduleBy')), trigger.name)
        words.append(_('{kind} from {value}', kind=kind, value=trigger.value('StartBoundary')))
    return f'({", ".join(words)})'


def arguments_of(text: str) -> list[str]:
    r"""Return the words of arguments as programs of Windows read them: `CommandLineToArgvW`.

    Backslashes are plain unless a quote follows: then two stand for one, and an odd one makes the quote plain.
    """
    words: list[str] = []
    word, is_open, is_quoted = '', False, False
    for blank, backslashes, quote, char in re.findall(r'([ \t]+)|(\\*)(")|(\\+|[^\s"\\]+|\s)', text):
        if quote:
            word, is_open = word + '\\' * (len(backslashes) // 2), True
            if len(backslashes) % 2:
                word += '"'
            else:
                is_quoted = not is_quoted
        elif blank and not is_quoted:
            words += [word] if is_open else []
            word, is_open = '', False
        else:
            word, is_open = word + (blank or char), True
    return [*words, word] if is_open else words
