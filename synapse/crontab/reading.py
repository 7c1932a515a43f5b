"""Reading a crontab as crontab(5) of cronie describes it: schedules, commands, environment and input.

What no event can do, such as running at the start of the machine or as someone else, is a problem with its reason.
Nothing is guessed.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from getpass import getuser

from synapse.language import _
from synapse.records import Record
from synapse.recurrence.cron import CronError, read_cron

MAX_LINES = 5000
MAX_TITLE = 80
_VARIABLE = re.compile(
    r"""(?:"(?P<in_double>[^"=]*)"|'(?P<in_single>[^'=]*)'|(?P<name>[^\s"'=][^\s=]*))\s*=\s*"""
    r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<value>(?!["']).*))\s*"""
)
"""As `load_env` of cronie reads one: nothing may follow the quote that ends a value."""
OF_JOBS = '-*@~0123456789'
"""What a line that runs something begins with."""
_AS_ROOT = frozenset({'root'})


class CronProblem(Record):
    """A line that did not become an event."""

    line: int
    """From 1."""
    text: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CronJob:
    """A line that runs something."""

    line: int
    text: str
    schedule: str
    command: str
    """For the shell: without the input, and with `%` where the file has `\\%`."""
    input: str | None = None
    title: str = ''
    """The comment above it."""
    seeming_user: str = ''
    """The user that its command begins with, where lines name none."""
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Crontab:
    jobs: list[CronJob] = field(default_factory=list)
    problems: list[CronProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_crontab(text: str, *, has_users: bool | None = None) -> Crontab:
    """Return the jobs of a crontab and what could not be read.

    :param has_users: whether a user follows the schedule, as in `/etc/crontab`; None: if each line has a known one
    """
    lines = [line.strip() for line in text.split('\n')]
    users = _known_users() if has_users is None else frozenset()
    found = _Reader(has_users if has_users is not None else _names_users(lines, users)).read(lines)
    if not found.jobs and (words := _other_kind(lines)):
        return Crontab(problems=[CronProblem(line=1, text='', reason=_('This is not a crontab: {words}', words=words))])
    return found


class _Reader:
    def __init__(self, has_users: bool) -> None:
        self._has_users = has_users
        self._found = Crontab()
        self._environment: dict[str, str] = {}
        self._comment = ''

    def read(self, lines: Sequence[str]) -> Crontab:
        for number, line in enumerate(lines[:MAX_LINES], 1):
            try:
                self._line(number, line)
            except CronError as error:
                self._found.problems.append(CronProblem(line=number, text=line[:1000], reason=f'{error}'))
            self._comment = line.lstrip('# ').rstrip('# ') if line.startswith('#') else ''
        self._note_users()
        if not (self._found.jobs or self._found.problems):
            self._found.notes.append(_('The crontab has no jobs.'))
        if len(lines) > MAX_LINES:
            reason = _('Only the first {max_lines:,} lines are read.', max_lines=MAX_LINES)
            self._found.problems.append(CronProblem(line=MAX_LINES + 1, text='', reason=reason))
        return self._found

    def _note_users(self) -> None:
        """Say which lines look as if they named a user, where not all of them do."""
        users = frozenset() if self._has_users else _known_users()
        for place, job in enumerate(self._found.jobs):
            first, rest = _first_word(job.command)
            if rest and first in users and shutil.which(first) is None:
                note = _('Line {line} begins with the user {first!r}.', line=job.line, first=first)
                self._found.notes.append(
                    _('{note} In a crontab of the system all lines do: say so (users=true).', note=note)
                )
                self._found.jobs[place] = replace(job, seeming_user=first)

    def _line(self, number: int, line: str) -> None:
        if not line or line.startswith('#'):
            return
        if line[0] not in OF_JOBS and (variable := _VARIABLE.fullmatch(line)):
            name = variable['name'] or variable['in_double'] or variable['in_single'] or ''
            values = (variable['double'], variable['single'], variable['value'])
            self._environment[name] = next(value for value in values if value is not None)
            return
        schedule, command = _parted(line.removeprefix('-'))
        if self._has_users:
            command = self._own(command)
        if not command:
            raise CronError(_('No command follows the schedule.'))
        read_cron(schedule)
        command, given = _command_and_input(command)
        title = self._comment if 0 < len(self._comment) <= MAX_TITLE and not _is_job(self._comment) else ''
        self._found.jobs.append(
            CronJob(
                line=number,
                text=line,
                schedule=schedule,
                command=command,
                input=given,
                title=title,
                environment=dict(self._environment),
            )
        )

    def _own(self, text: str) -> str:
        """Return the command after the user.

        :raises CronError: if Synapse would run it as someone else
        """
        user, command = _first_word(text)
        me = getuser()
        if user != me:
            raise CronError(
                _(
                    'It runs as {user!r}, and Synapse runs as {me!r}. Import it there, or let sudo run it: '
                    'sudo -n -u {user} ...',
                    user=user,
                    me=me,
                )
            )
        return command


def _other_kind(lines: Sequence[str]) -> str:
    """Return what a text is if it has no line of a crontab, in words; empty if it may be one."""
    text = '\n'.join(lines)
    if '\0' in text or text.count('\ufffd') > len(lines):
        return _('it is no text.')
    if text.lstrip('\ufeff\n').startswith('<'):
        return _('it is XML. Tasks of Windows are imported on the Settings page: Bring your crontab.')
    if re.search(r'^\[(Timer|Service|Unit)\]$', text, re.MULTILINE):
        return _('these are units of systemd. Import them on the Settings page: Bring your crontab.')
    if text.startswith('#!'):
        return _('it is a script. Plan an event of Run command that runs it.')
    others = [line for line in lines if line and not line.startswith('#') and not _VARIABLE.fullmatch(line)]
    has_times = any(line[0] in OF_JOBS for line in others)
    return _('none of its lines begins with a time.') if len(others) > 1 and not has_times else ''


def _parted(line: str) -> tuple[str, str]:
    """Return the schedule and what follows it."""
    if line.startswith('@reboot'):
        raise CronError(_('It runs when the machine starts, which no event does. Start it as a service instead.'))
    parts = line.split(None, 1 if line.startswith('@') else 5)
    fields = 1 if line.startswith('@') else 5
    if len(parts) < fields:
        raise CronError(_('A schedule has five fields: minute, hour, day of the month, month, day of the week.'))
    return ' '.join(parts[:fields]), parts[fields].strip() if len(parts) > fields else ''


def _is_job(comment: str) -> bool:
    """Whether a comment is a job that was switched off."""
    try:
        return bool(_parted(comment)[1]) and read_cron(_parted(comment)[0]) is not None
    except CronError:
        return False


def _first_word(text: str) -> tuple[str, str]:
    """Return the first word, which blanks or tabs may end, and what follows it."""
    first, *rest = text.split(None, 1) or ['']
    return first, rest[0] if rest else ''


def _command_and_input(text: str) -> tuple[str, str | None]:
    """Return what is before the first `%` that has no backslash, and the lines after it: the input of the command.

    Source: `do_command.c` of cronie. Before that `%`, a backslash takes the next character with it, so `\\\\%` ends the
    command; after it, `\\%` is always a `%`.
    """
    begun = re.match(r'(?:\\.|[^\\%])*\\?', text)
    command = begun[0] if begun else ''  # it matches every text
    given = re.sub(r'\\%|%', lambda found: '%' if found[0] == r'\%' else '\n', text[len(command) + 1 :])
    command = re.sub(r'\\(.)', lambda found: '%' if found[1] == '%' else found[0], command).strip()
    return command, (given if given.endswith('\n') else f'{given}\n') if given else None


def _names_users(lines: Sequence[str], users: frozenset[str]) -> bool:
    """Whether a known user and something else follow each schedule."""
    found = False
    for line in lines:
        try:
            __, rest = _parted(line) if line[:1] in tuple('-*@0123456789') else ('', '')
        except CronError:
            continue
        if rest:
            user, command = _first_word(rest)
            if user not in users or not command:
                return False
            found = True
    return found


def _known_users() -> frozenset[str]:
    try:
        from pwd import getpwall
    except ImportError:  # Windows
        return _AS_ROOT
    return _AS_ROOT | {entry.pw_name for entry in getpwall()}
