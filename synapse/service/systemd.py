"""A unit of the person's own systemd: systemd.service(5), systemd.syntax(7)."""

import os
import shutil
import subprocess
from getpass import getuser
from pathlib import Path

from storage.files import write_atomically
from synapse.language import _, spoken
from synapse.timers.units import Expander, read_command, read_units

from .job import AGAIN_SECONDS, MARK, NAME, STOP_SECONDS, TITLE, Job, ServiceError, State

UNIT = f'{NAME}.service'
SECONDS = 60 + STOP_SECONDS
LINES = 10
_ESCAPES = {'\\': '\\\\', '"': '\\"', '\n': '\\n', '\t': '\\t', '\r': '\\r', '%': '%%'}

_UNSAFE = frozenset('"\'\\')
"""What systemd takes in no path of a program, quoted or not."""
_WRAPPED = ('/bin/sh', '-c', 'exec "$@"', 'sh')


def unit(job: Job) -> str:
    """Return the text of the unit."""
    target = 'graphical-session.target' if job.is_native else 'default.target'
    program, *arguments = [*_WRAPPED, *job.command] if _UNSAFE & set(job.command[0]) else job.command
    command = ' '.join([quoted(program), *(quoted(word).replace('$', '$$') for word in arguments)])
    variables = [f'Environment={quoted(f"{name}={value}")}' for name, value in job.variables.items()]
    after = [f'After={target}'] if job.is_native else []
    return '\n'.join(
        [
            f'# {MARK}',
            '[Unit]',
            f'Description={TITLE}',
            *after,
            # It is not started for ever if it cannot run at all.
            'StartLimitIntervalSec=300',
            'StartLimitBurst=10',
            '',
            '[Service]',
            'Type=exec',
            f'ExecStart={command}',
            *variables,
            'Restart=on-failure',
            f'RestartSec={AGAIN_SECONDS}',
            '# Wrong usage, and a data folder that another Synapse uses: trying again changes neither.',
            'RestartPreventExitStatus=2 4',
            '# Synapse ends its runs itself, each in its way; what is left of them afterwards is killed.',
            'KillMode=mixed',
            f'TimeoutStopSec={STOP_SECONDS}',
            '# If memory runs out, the run that took it ends, not all of Synapse.',
            'OOMPolicy=continue',
            '',
            '[Install]',
            f'WantedBy={target}',
            '',
        ]
    )


def quoted(word: str) -> str:
    """Return a word in quotes, as systemd.syntax(7) has them, with `%` as no specifier."""
    return '"' + ''.join(_ESCAPES.get(letter, letter) for letter in word) + '"'


class Systemd:
    """The service manager that systemd runs for each person."""

    def __init__(self) -> None:
        config = os.environ.get('XDG_CONFIG_HOME', '')
        home = Path(config) if Path(config).is_absolute() else Path.home() / '.config'
        self.path = home / 'systemd' / 'user' / UNIT

    def install(self, job: Job, *, at_boot: bool = False) -> list[str]:
        """Write, enable and start the unit, or replace and restart it; returns what was done, in sentences.

        :raises ServiceError: if there is no such manager, or it refuses
        """
        self._require()
        text = unit(job)
        is_new = not self.path.exists()
        is_changed = is_new or self.path.read_text(encoding='utf-8') != text
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, text.encode(), mode=0o644)
        _call('daemon-reload')
        _call('reenable', UNIT)
        _call('reset-failed', UNIT, may_fail=True)
        _call('restart' if is_changed else 'start', UNIT)
        done = (
            _('Installed: {path}', path=self.path)
            if is_new
            else _('Updated and started again: {path}', path=self.path)
            if is_changed
            else _('Nothing has changed: {path}', path=self.path)
        )
        return [done, *([_linger()] if at_boot else [])]

    def uninstall(self) -> list[str]:
        """Stop and remove the unit; returns what was done, in sentences.

        :raises ServiceError: if it does not stop
        """
        is_reachable = _reason() == ''
        if is_reachable:
            _call('disable', '--now', UNIT)
        self.path.unlink()
        for link in self.path.parent.glob(f'*.target.wants/{UNIT}'):
            link.unlink()
        if is_reachable:
            _call('daemon-reload')
            _call('reset-failed', UNIT, may_fail=True)
        kept = [_('Your services still start with the machine; to end that: loginctl disable-linger')] * _lingers()
        return [_('Stopped and removed: {path}', path=self.path), *kept]

    def state(self) -> State:
        """Return how the service is.

        :raises ServiceError: if there is no such manager
        """
        self._require()
        names = 'ActiveState,SubState,Result,ExecMainStatus,MainPID,ActiveEnterTimestamp,NRestarts'
        text = _call('show', UNIT, f'--property={names}')
        shown = dict(line.partition('=')[::2] for line in text.splitlines())
        is_running = shown.get('ActiveState') == 'active'
        return State(
            is_running=is_running,
            pid=int(shown.get('MainPID') or 0) or None,
            since=shown.get('ActiveEnterTimestamp', ''),
            at_boot=_lingers(),
            problem='' if is_running else _problem(shown),
            lines=_last_lines(),
        )

    def command(self) -> list[str]:
        """Return what the unit starts."""
        [ours] = read_units(self.path.read_text(encoding='utf-8'))
        line = ours.last('Service.ExecStart')
        words = read_command(line, Expander('', '', Path())).words
        return list(words[len(_WRAPPED) :] if words[: len(_WRAPPED)] == _WRAPPED else words)

    def _require(self) -> None:
        if reason := _reason():
            raise ServiceError(
                _('No systemd manages services of yours here, as in a container ({reason}).', reason=reason)
            )


def _reason() -> str:
    """Why the manager cannot be asked; empty if it can."""
    if shutil.which('systemctl') is None:
        return 'there is no systemctl'
    done = _run('systemctl', '--user', 'show', '--property=Version')
    return '' if done.returncode == 0 else done.stderr.strip().rstrip('.') or 'systemctl --user fails'


def _call(*arguments: str, may_fail: bool = False) -> str:
    done = _run('systemctl', '--user', *arguments)
    if done.returncode != 0 and not may_fail:
        raise ServiceError(f'systemctl --user {" ".join(arguments)}: {done.stderr.strip() or "it failed"}')
    return done.stdout


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {'LC_ALL': 'C.UTF-8', 'SYSTEMD_PAGER': '', 'SYSTEMD_COLORS': '0'}
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors='replace', timeout=SECONDS, check=False, env=environment
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, '', spoken(error))
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, '', f'no answer within {SECONDS} s')


def _problem(shown: dict[str, str]) -> str:
    state = ', '.join(filter(None, (shown.get('ActiveState'), shown.get('SubState'))))
    result, code = shown.get('Result', ''), shown.get('ExecMainStatus', '')
    return state if result in ('', 'success') else f'{state}: {result}, exit status {code}'


def _last_lines() -> tuple[str, ...]:
    done = _run(
        'journalctl', '--user', '--unit', UNIT, '--lines', str(LINES), '--no-pager', '--quiet', '--output=short'
    )
    return tuple(done.stdout.splitlines()[-LINES:]) if done.returncode == 0 else ()


def _lingers() -> bool:
    return _run('loginctl', 'show-user', getuser(), '--property=Linger').stdout.strip() == 'Linger=yes'


def _linger() -> str:
    done = _run('loginctl', 'enable-linger')
    if done.returncode == 0:
        return _('loginctl enable-linger was called: your services now start with the machine, before you sign in.')
    reason = done.stderr.strip()
    return _('It does not start before you sign in: loginctl enable-linger failed ({reason}).', reason=reason)
