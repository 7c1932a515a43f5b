"""A launch agent of macOS: launchd.plist(5), launchctl(1). Written from the manual; no test has run it on a Mac."""

import os
import plistlib
import re
import subprocess
from pathlib import Path

from storage.files import write_atomically
from synapse.language import _

from .job import AGAIN_SECONDS, MARK, NAME, STOP_SECONDS, Job, ServiceError, State

LINES = 10


def agent(job: Job, log: Path) -> bytes:
    """Return the property list of the agent."""
    return plistlib.dumps(
        {
            'Label': NAME,
            'Comment': MARK,
            'ProgramArguments': job.command,
            'EnvironmentVariables': dict(job.variables),
            'RunAtLoad': True,
            'KeepAlive': {'SuccessfulExit': False},
            'ThrottleInterval': AGAIN_SECONDS,
            'ExitTimeOut': STOP_SECONDS,
            'ProcessType': 'Interactive',  # otherwise its runs get little of the processor and the disk
            'StandardOutPath': str(log),
            'StandardErrorPath': str(log),
        }
    )


class Launchd:
    """The launchd of the person's session."""

    def __init__(self) -> None:
        library = Path.home() / 'Library'
        self.path = library / 'LaunchAgents' / f'{NAME}.plist'
        self._log = library / 'Logs' / f'{NAME}.log'
        self._domain = f'gui/{getattr(os, "getuid", int)()}'

    def install(self, job: Job, *, at_boot: bool = False) -> list[str]:
        """Write and load the agent, or replace it; returns what was done, in sentences.

        :raises ServiceError: if launchctl refuses
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, agent(job, self._log), mode=0o644)
        _call('bootout', f'{self._domain}/{NAME}', may_fail=True)
        _call('bootstrap', self._domain, str(self.path))
        never = _('An agent of macOS cannot start before you sign in.')
        return [_('Installed: {path}', path=self.path), *([never] if at_boot else [])]

    def uninstall(self) -> list[str]:
        """Stop and remove the agent; returns what was done, in sentences."""
        _call('bootout', f'{self._domain}/{NAME}', may_fail=True)
        self.path.unlink()
        return [_('Stopped and removed: {path}', path=self.path)]

    def command(self) -> list[str]:
        """Return what the agent starts."""
        words: list[str] = plistlib.loads(self.path.read_bytes())['ProgramArguments']
        return words

    def state(self) -> State:
        """Return how the agent is."""
        text = _call('print', f'{self._domain}/{NAME}', may_fail=True)
        pid = re.search(r'^\s*pid = (\d+)', text, re.MULTILINE)
        code = re.search(r'^\s*last exit code = (.+)', text, re.MULTILINE)
        try:
            lines = self._log.read_text(encoding='utf-8', errors='replace').splitlines()[-LINES:]
        except OSError:
            lines = []
        return State(
            is_running=pid is not None,
            pid=int(pid[1]) if pid else None,
            problem=f'last exit code {code[1]}' if code else 'not loaded',
            lines=tuple(lines),
        )


def _call(*arguments: str, may_fail: bool = False) -> str:
    done = subprocess.run(['launchctl', *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0 and not may_fail:
        raise ServiceError(f'launchctl {" ".join(arguments)}: {done.stderr.strip() or "it failed"}')
    return done.stdout
