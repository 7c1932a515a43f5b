"""Reading a crontab as crontab(5) of cronie describes it: schedules, commands, environment and input.

What no event can do, such as running at the start of the machine or as someone else, is a problem with its reason.
Nothing is guessed.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from getpass import getuser

from synapse.records import Record
from synapse.recurrence.cron import CronError, read_cron

MAX_LINES = 5000
MAX_TITLE = 80
_VARIABLE = re.compile(r"""(?P<quote>["']?)(?P<name>[^\s"'=]+)(?P=quote)\s*=\s*(?P<value>.*)""")
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
    lines = [line.strip() for line in text.splitlines()]
    users = _known_users() if has_users is None else frozenset()
    return _Reader(has_users if has_users is not None else _names_users(lines, users)).read(lines)


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
            self._found.notes.append('The crontab has no jobs.')
        if len(lines) > MAX_LINES:
            reason = f'Only the first {MAX_LINES:,} lines are read.'
            self._found.problems.append(CronProblem(line=MAX_LINES + 1, text='', reason=reason))
        return self._found

    def _note_users(self) -> None:
        """Say which lines look as if they named a user, where not all of them do."""
        users = frozenset() if self._has_users else _known_users()
        for job in self._found.jobs:
            first, _, rest = job.command.partition(' ')
            if rest and first in users and shutil.which(first) is None:
                note = f'Line {job.line} begins with the user {first!r}. In a crontab of the system, say users=true.'
                self._found.notes.append(note)

    def _line(self, number: int, line: str) -> None:
        if not line or line.startswith('#'):
            return
        if line[0] not in '-*@~0123456789' and (variable := _VARIABLE.fullmatch(line)):
            self._environment[variable['name']] = _unquoted(variable['value'])
            return
        schedule, command = _parted(line.removeprefix('-'))
        if self._has_users:
            command = self._own(command)
        if not command:
            raise CronError('No command follows the schedule.')
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
        user, _, command = text.partition(' ')
        me = getuser()
        if user != me:
            raise CronError(
                f'It runs as {user!r}, and Synapse runs as {me!r}. Import it there, or let sudo run it: '
                f'sudo -n -u {user} ...'
            )
        return command.strip()


def _parted(line: str) -> tuple[str, str]:
    """Return the schedule and what follows it."""
    if line.startswith('@reboot'):
        raise CronError('It runs when the machine starts, which no event does. Start it as a service instead.')
    parts = line.split(None, 1 if line.startswith('@') else 5)
    fields = 1 if line.startswith('@') else 5
    if len(parts) < fields:
        raise CronError('A schedule has five fields: minute, hour, day of the month, month, day of the week.')
    return ' '.join(parts[:fields]), parts[fields].strip() if len(parts) > fields else ''


def _is_job(comment: str) -> bool:
    """Whether a comment is a job that was switched off."""
    try:
        return bool(_parted(comment)[1]) and read_cron(_parted(comment)[0]) is not None
    except CronError:
        return False


def _command_and_input(text: str) -> tuple[str, str | None]:
    """Return what is before the first `%` that has no backslash, and the lines after it: the input of the command."""
    command, *rest = (part.replace(r'\%', '%') for part in re.split(r'(?<!\\)%', text))
    return command.strip(), ''.join(f'{line}\n' for line in rest) if rest else None


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in '"\'' else value


def _names_users(lines: Sequence[str], users: frozenset[str]) -> bool:
    """Whether a known user and something else follow each schedule."""
    found = False
    for line in lines:
        try:
            _, rest = _parted(line) if line[:1] in tuple('-*@0123456789') else ('', '')
        except CronError:
            continue
        if rest:
            user, _, command = rest.partition(' ')
            if user not in users or not command.strip():
                return False
            found = True
    return found


def _known_users() -> frozenset[str]:
    try:
        from pwd import getpwall
    except ImportError:  # Windows
        return _AS_ROOT
    return _AS_ROOT | {entry.pw_name for entry in getpwall()}
