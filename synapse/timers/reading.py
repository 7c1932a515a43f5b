"""Timers of systemd as jobs: when systemd.timer(5) starts a unit, and what its service runs."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import Any

from synapse.foreign_jobs.clock_changes import has_clock_changes, skipped_times
from synapse.foreign_jobs.jobs import ANCHOR, COMPARED, Dues, ForeignJob, Found, JobProblem, identities
from synapse.language import N_, _, translated
from synapse.records import now_utc
from synapse.recurrence import Plan, RuleError, is_in_series, next_after

from .calendar_spec import CalendarSpec, SpecError, read_spec
from .units import Command, Expander, Unit, UnitError, read_command, read_environment, read_units

MONOTONIC = {
    'OnBootSec': N_('after the machine has started'),
    'OnStartupSec': N_('after systemd has started'),
    'OnActiveSec': N_('after the timer was switched on'),
    'OnUnitActiveSec': N_('after its last start'),
    'OnUnitInactiveSec': N_('after its last end'),
}
"""Settings that count from something else than the clock."""
IGNORED = {
    'Timer.RandomizedDelaySec': N_('starts at a random moment within {value} after its time'),
    'Service.ExecStartPre': N_('runs {value} before it'),
    'Service.ExecStartPost': N_('runs {value} after it'),
    'Service.ExecStopPost': N_('runs {value} at its end'),
    'Service.Restart': N_('is started again by systemd ({value})'),
    'Service.EnvironmentFile': N_('reads variables from {value}'),
}
"""What is left out, and what it does, in words."""
MAX_ASKED = 100
"""For how many timers systemd-analyze is asked: each time takes it some milliseconds."""
_IS_TRUE = ('1', 'yes', 'y', 'true', 't', 'on')


def jobs_of_units(text: str, zone: str, *, is_of_system: bool = False, now: datetime | None = None) -> Found:
    """Return what the timers of some unit files start. Call it in a thread.

    :param text: `.timer` and `.service` files one after the other, as `systemctl cat` prints them
    :param zone: that of the machine
    :param is_of_system: whether the manager of the system starts them, which is as root unless `User=` says otherwise
    """
    reader = _Reader(text, zone, is_of_system, now or now_utc())
    return reader.read()


class _Reader:
    def __init__(self, text: str, zone: str, is_of_system: bool, now: datetime) -> None:
        self._units = read_units(text)
        self._zone, self._is_of_system, self._now = zone, is_of_system, now
        self._found = Found()

    def read(self) -> Found:
        timers = [unit for unit in self._units if unit.is_timer]
        names = identities((timer.name or f'{timer.settings}' for timer in timers), 'systemd')
        for timer, identity in zip(timers, names, strict=True):
            try:
                self._found.jobs.append(self._job(timer, identity))
            except (UnitError, SpecError) as error:
                self._problem(timer, f'{error}')
            except RuleError as error:
                self._problem(timer, error.sentence)
        if not timers:
            reason = _('It has no timer: a file with a section [Timer], and that of the service it starts.')
            self._found.problems.append(JobProblem(line=1, text='', reason=reason))
        for skipped in skipped_times(self._found.jobs, self._now):
            self._note(skipped.words(_('systemd leaves that day out')))
        return self._found

    def _problem(self, timer: Unit, reason: str) -> None:
        text = '; '.join(timer.all('Timer.OnCalendar')) or timer.name
        line = timer.line_of('Timer.OnCalendar')
        self._found.problems.append(JobProblem(line=line, text=text[:1000], reason=reason, source=timer.name))

    def _note(self, sentence: str) -> None:
        if sentence not in self._found.notes:
            self._found.notes.append(sentence)

    def _job(self, timer: Unit, identity: str) -> ForeignJob:
        expressions = timer.all('Timer.OnCalendar')
        for name, words in MONOTONIC.items():
            if value := timer.last(f'Timer.{name}'):
                sentence = _(
                    '{timer} starts {value} {words}, which is no time of the clock',
                    timer=_named(timer),
                    value=value,
                    words=translated(words),
                )
                if not expressions:
                    raise UnitError(_('{sentence}. Plan it by hand.', sentence=sentence))
                self._note(_('{sentence}; only its OnCalendar= is taken.', sentence=sentence))
        if not expressions:
            raise UnitError(_('It has no OnCalendar=.'))
        service = self._service(timer)
        specs = [read_spec(expression) for expression in expressions]
        plans = self._without_doubles(timer, [plan for spec in specs for plan in spec.plans(self._zone, after=ANCHOR)])
        if not plans:
            raise SpecError(_('It never comes again.'))
        self._tell(timer, service, specs)
        return ForeignJob(
            line=timer.line_of('Timer.OnCalendar'),
            text='; '.join(expressions),
            name=timer.name or service.name or _('A timer of systemd'),
            title=(timer.last('Unit.Description') or service.last('Unit.Description'))[:200],
            parameters=self._parameters(service),
            plans=tuple(plans),
            identity=identity,
            theirs=_of_systemd(expressions if len(self._found.jobs) < MAX_ASKED else (), self._zone),
            # Persistent= makes up for what was missed once, at once; nothing else does.
            misfire={'policy': 'latest', 'within_seconds': 366 * 86_400}
            if _is_persistent(timer)
            else {'policy': 'skip'},
            overlap='skip',
        )

    def _service(self, timer: Unit) -> Unit:
        name = timer.last('Timer.Unit') or (timer.name and f'{timer.name.removesuffix(".timer")}.service')
        services = [unit for unit in self._units if unit.is_service]
        for service in services:
            if timer.name and _is_of_template(service.name, name):
                service.name = name
                return service
        unnamed = [service for service in services if not (service.name and timer.name)]
        if len(unnamed) == 1 and len([unit for unit in self._units if unit.is_timer]) == 1:
            return unnamed[0]
        which = _('Its service {name}', name=name) if name else _('Its service')
        raise UnitError(
            _('{which} is not among these files. Take both, or paste what "systemctl cat" prints.', which=which)
        )

    def _tell(self, timer: Unit, service: Unit, specs: Sequence[CalendarSpec]) -> None:
        for unit in (timer, service):
            for name, words in IGNORED.items():
                if (value := unit.last(name)) and value not in ('0', 'no'):
                    self._note(
                        _(
                            '{unit} {what}; this is left out.',
                            unit=_named(unit),
                            what=translated(words).format(value=value[:80]),
                        )
                    )
        zones = {spec.zone or self._zone for spec in specs if spec.follows_clock}
        if any(has_clock_changes(zone, self._now) for zone in zones):
            self._note(
                _('In the night when the clocks are put back, systemd pauses for the repeated hour. Synapse goes on.')
            )

    def _without_doubles(self, timer: Unit, plans: Sequence[Plan]) -> list[Plan]:
        """Return the plans without those that others contain: systemd starts a unit once, whichever line says so."""
        kept: list[Plan] = []
        for plan in sorted(dict.fromkeys(plans), key=lambda plan: next_after(plan, self._now, limit=COMPARED)[-1:]):
            dues = next_after(plan, self._now, limit=100)
            known = [due for due in dues if any(is_in_series(other, due) for other in kept)]
            if known != dues or not dues:
                kept.append(plan)
                if known:
                    self._note(
                        _(
                            '{timer} has two lines for some of its times: systemd starts it once, Synapse twice.',
                            timer=_named(timer),
                        )
                    )
        return kept

    def _parameters(self, service: Unit) -> dict[str, Any]:
        user = service.last('Service.User') or ('root' if self._is_of_system else '')
        if user and user != getuser():
            raise UnitError(
                _(
                    'It runs as {user!r}, and Synapse runs as {me!r}. Let sudo run it: sudo -n -u {user} ...',
                    user=user,
                    me=getuser(),
                )
            )
        expand = Expander(service.name, getuser(), Path.home())
        commands = [read_command(text, expand) for text in service.all('Service.ExecStart')]
        if not commands:
            raise UnitError(_('Its service has no ExecStart=.'))
        folder = service.last('Service.WorkingDirectory').removeprefix('-')
        here = '/' if self._is_of_system else f'{Path.home()}'
        cwd = here if not folder else f'{Path.home()}' if folder == '~' else expand(folder)
        env = read_environment(service.all('Service.Environment'), expand)
        return {**_command(commands), 'cwd': cwd, 'env': env}


def _command(commands: Sequence[Command]) -> dict[str, Any]:
    if len(commands) == 1 and not (commands[0].needs_shell or commands[0].ignores_failure):
        words = list(commands[0].words)
        return {'command': words} if len(words) > 1 else {'command': [shlex.quote(words[0])]}
    lines = []
    for command in commands:
        line = ' '.join(command.words) if command.needs_shell else shlex.join(command.words)
        lines.append(f'{line} || true' if command.ignores_failure else line)
    return {'command': ['\n'.join(['set -e', *lines] if len(lines) > 1 else lines)], 'shell': True}


def _named(unit: Unit) -> str:
    return unit.name or (_('The timer') if unit.is_timer else _('The service'))


def _is_of_template(name: str, wanted: str) -> bool:
    """Whether a unit is the wanted one, or its template: `backup@.service` for `backup@home.service`."""
    prefix, at, rest = wanted.partition('@')
    return name == wanted or (bool(at) and name == f'{prefix}@.{rest.rpartition(".")[2]}')


def _is_persistent(timer: Unit) -> bool:
    return timer.last('Timer.Persistent').lower() in _IS_TRUE


def _of_systemd(expressions: Sequence[str], zone: str) -> Dues:
    def dues(now: datetime) -> Iterator[datetime]:
        found = {due for expression in expressions for due in next_of_systemd(expression, zone, now)}
        yield from sorted(found)

    return dues


def next_of_systemd(expression: str, zone: str, now: datetime, *, count: int = COMPARED) -> list[datetime]:
    """Return what `systemd-analyze calendar` says; nothing where there is no such program, or it cannot tell."""
    program = shutil.which('systemd-analyze')
    if program is None:
        return []
    since = now.astimezone(UTC)
    command = [program, 'calendar', f'--iterations={count}', f'--base-time={since:%Y-%m-%d %H:%M:%S} UTC', expression]
    environment = {**os.environ, 'TZ': zone, 'LC_ALL': 'C'}
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, env=environment, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return _moments(answer.stdout)


def _moments(text: str) -> list[datetime]:
    """Return the moments of its answer: the line in UTC that follows each, or the line itself if that is in UTC."""
    found: list[datetime] = []
    for line in text.splitlines():
        name, __, value = line.strip().partition(': ')
        words = value.split()
        if (name == '(in UTC)' or name == 'Next elapse' or name.startswith('Iter')) and words[-1:] == ['UTC']:
            found.append(datetime.strptime(' '.join(words[1:3]), '%Y-%m-%d %H:%M:%S').replace(tzinfo=UTC))
    return found
