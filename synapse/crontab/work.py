"""What an event runs as a command of a crontab."""

import json
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import synapse
from synapse.builtin.command_line import UnclosedQuote, command_line, script_of
from synapse.builtin.run_command import is_command_line
from synapse.builtin.scripts import script_arguments
from synapse.calendar.events import Event
from synapse.inbox.inputs import ASK
from synapse.language import _
from synapse.pipelines.pipeline import StepFailed
from synapse.sealed import is_sealed

END_OF_INPUT = 'END_OF_INPUT'
_WITH_INPUT = re.compile(rf"exec <<'({END_OF_INPUT}_*)'\n(.*\n)\1\n(.*)", re.DOTALL)
"""As the import of a crontab writes a command with input."""
_ODD_BACKSLASHES = re.compile(r'(?<!\\)(?:\\\\)*\\(?:%|$)')


class NoLine(Exception):
    """A crontab cannot run this; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Work:
    command: str
    input: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def crontab_text(self) -> str:
        r"""The command as a crontab has it: `\%` for `%`, and the input behind a `%`, which also ends its lines."""
        command = self.command.replace('%', r'\%')
        if self.input is None:
            return command
        is_blank_at_end = self.input == '\n' or self.input.endswith('\n\n')
        given = self.input if is_blank_at_end else self.input.removesuffix('\n')
        return f'{command}%{given.replace("%", chr(92) + "%").replace(chr(10), "%")}'


def work_of(event: Event) -> Work:
    """Return what a line for this event runs.

    :raises NoLine: if there is no such line
    """
    texts = list(_texts(event.parameters))
    if any(is_sealed(text) for text in texts):
        raise NoLine(_('Its parameters have a secret, which is not printed.'))
    if ASK in texts:
        raise NoLine(_('It asks for a file each time.'))
    is_plain_command = event.pipeline == 'RunCommand' and event.profile is None
    work = _command(event.parameters) if is_plain_command else _through_synapse(event)
    if not work.command.strip() or '\n' in work.command:
        raise NoLine(_('Its script has several lines, and a line of cron is one.'))
    if _ODD_BACKSLASHES.search(work.command) or (work.input and re.search(r'\\\n', work.input)):
        raise NoLine(_('It has a backslash where cron would read one of its own.'))
    for name, value in work.env.items():
        if '\n' in value or ({'"', "'"} <= set(value) and (value[0] in '"\'' or value != value.strip())):
            raise NoLine(_('No quotes of a crontab can hold its variable {name}.', name=name))
    return work


def command_of(event: Event) -> str:
    """Return the command of its line; empty if there is none."""
    try:
        return work_of(event).command
    except NoLine:
        return ''


def _command(values: Mapping[str, Any]) -> Work:
    given: str | None = None
    if values.get('script'):
        try:
            text = shlex.join(script_arguments(Path(values['script'])))
        except StepFailed as error:
            raise NoLine(f'{error}') from error
    elif values.get('shell'):
        text = script_of(values['command'])
        if found := _WITH_INPUT.fullmatch(text):
            given, text = found[2], found[3]
    else:
        text = shlex.join(_words(values['command']))
    env = {str(name): str(value) for name, value in (values.get('env') or {}).items()}
    folder = values.get('cwd') or ''
    if not folder and values.get('script'):
        folder = f'{Path(values["script"]).parent}'
    if folder != (env.get('HOME') or f'{Path.home()}'):
        there = shlex.quote(folder) if folder else '"$(mktemp -d)"'
        text = f'cd {there} || exit; {text}'
    return Work(text, given, env)


def _words(command: list[str]) -> list[str]:
    try:
        return command_line(command[0]).words if is_command_line(command) else command
    except UnclosedQuote as error:
        raise NoLine(f'{error}') from error


def _through_synapse(event: Event) -> Work:
    """Return the command that hands a run over to the control room."""
    main = Path(synapse.__file__).resolve().parent.parent / 'main.py'
    words = [sys.executable, str(main), 'run', event.pipeline]
    for name, value in event.parameters.items():
        words += ['--set', f'{name}={value if isinstance(value, str) else json.dumps(value)}']
    return Work(shlex.join(words + (['--profile', event.profile] if event.profile else [])))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
