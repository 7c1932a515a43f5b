"""Runs any program, as a line in a crontab does, with its output in the log."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from synapse.durations import parse_duration
from synapse.failures.exit_codes import meaning_of
from synapse.failures.memory import memory_watch
from synapse.host.run import Run
from synapse.language import N_, _, translated
from synapse.pipelines.pipeline import Pipeline, ProgramFailed, StepFailed, step

from .command_line import UnclosedQuote, command_line, hides_failures, needs_shell, plainly_shell, script_of, why_shell
from .leftovers import Outputs, keep_files
from .scripts import command_arguments, script_arguments

SHELL = '/bin/sh'
SHELL_HINT = N_('To run it with /bin/sh, set “shell” to true.')
"""For programs; a form names its switch instead, and the command line its flag."""
PIPE_WORDS = N_('A pipe succeeds if its last command does.')
"""True of POSIX shells without `set -o pipefail`, which not every /bin/sh knows."""


class RunCommand(Pipeline):
    __doc__ = N_(
        'Run a program or a script, with its output as log lines.\n\n'
        'The secrets of the profile are in its environment, except those of its destination (`destination_...`). '
        'Any exit\n'
        'code that is not listed as good is a failure.'
    )

    title: ClassVar[str] = N_('Run command')

    command: list[str] = Field(
        default=[],
        title=N_('Command'),
        description=N_('A command line, or a word on each line. No shell reads it unless you choose one.'),
        json_schema_extra={'x-command': 'shell'},
    )
    script: Path | None = Field(
        default=None,
        title=N_('Script'),
        description=N_('A script file to run instead of a command: by the program of its #! line, else by its suffix.'),
        json_schema_extra={'x-here': True},  # what lies beside it is not on other machines
    )
    cwd: Path | None = Field(
        default=None,
        title=N_('Folder'),
        description=N_('Where it starts; empty for the folder of the script, or a new folder for a command.'),
        json_schema_extra={'x-folder': True, 'x-here': True},
    )
    env: dict[str, str] = Field(
        default={}, title=N_('Environment'), description=N_('Variables to add to the inherited ones.')
    )
    ok_codes: list[int] = Field(default=[0], min_length=1, title=N_('Good exit codes'))
    terminal: bool = Field(
        default=False,
        title=N_('Terminal'),
        description=N_('Give it a terminal: many programs then print progress, colours, and each line at once.'),
    )
    timeout: str = Field(
        default='',
        title=N_('Timeout'),
        description=N_('Stop it after this time, like 90s, 30m or 1h30m; empty for no limit.'),
    )
    shell: bool = Field(
        default=False,
        title=N_('Run it with /bin/sh'),
        description=N_('The command becomes a script: pipes, variables, wildcards and several lines work.'),
    )
    outputs: Outputs = Field(
        default='small',
        title=N_('Files as outputs'),
        description=N_('Which files that it leaves in a new folder are kept as outputs: small ones up to 20 MB each.'),
        json_schema_extra={'x-labels': {'small': N_('small ones'), 'all': N_('all'), 'none': N_('none')}},
    )

    @field_validator('command')
    @classmethod
    def _are_arguments(cls, value: list[str]) -> list[str]:
        if value and not value[0].strip():
            raise ValueError(_('Start with the name of a program.'))
        if any('\0' in word for word in value):
            raise ValueError(_('NUL characters are not allowed.'))
        return value

    @field_validator('env')
    @classmethod
    def _are_variables(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not name or '=' in name or '\0' in name + text:
                raise ValueError(_('{name!r} cannot be the name of a variable.', name=name))
        return value

    @field_validator('timeout')
    @classmethod
    def _is_duration(cls, value: str) -> str:
        if value and parse_duration(value) == 0:
            raise ValueError(_('Give more than 0 seconds, or leave it empty.'))
        return value

    @model_validator(mode='after')
    def _has_one(self) -> Self:
        if bool(self.command) == (self.script is not None):
            text = _('Give a command or a script, not both.') if self.command else _('Give a command, or a script.')
            raise self._wrong_command(text)
        if self.command and not self.shell:
            self.command = self._words()
        return self

    def _words(self) -> list[str]:
        """Return the command as words; a command line is split as a shell would."""
        first = self.command[0]
        if not is_command_line(self.command):
            if found := plainly_shell(self.command):
                raise self._wrong_command(f'{why_shell(found, first)} {translated(SHELL_HINT)}')
            return self.command
        try:
            line = command_line(first)
        except UnclosedQuote as error:
            raise self._wrong_command(str(error)) from error
        if reason := needs_shell(line):
            raise self._wrong_command(f'{reason} {translated(SHELL_HINT)}')
        # Only quotes tell an operator from an argument like it: such a line is kept, and split when it runs.
        return self.command if plainly_shell(line.words) else line.words

    def _wrong_command(self, text: str) -> ValidationError:
        error = PydanticCustomError('command', '{text}', {'text': text})
        problem = InitErrorDetails(type=error, loc=('command',), input=self.command)
        return ValidationError.from_exception_data(type(self).__name__, [problem])

    @step(title=N_('EXECUTE'))
    def execute(self, run: Run) -> None:
        cwd = self.cwd or self._folder_of_script(run)
        argv = self._arguments(run, cwd or run.workdir)
        secrets = {**run.profile.secrets} if run.profile else {}
        # Without the arguments: they may be private, and they are among the parameters anyway.
        run.log.info(_('Starting {name}', name=Path(argv[0]).name), arguments=len(argv) - 1)
        why_killed = memory_watch()
        code = run.shell(
            argv,
            cwd=cwd,
            env=secrets | self.env,
            timeout=self.timeout or None,
            can_hold=True,
            terminal=self.terminal,
        )
        keep_files(run, self.outputs)
        if code not in self.ok_codes:
            raise _failed(argv[0], code, why_killed)
        if self.shell and self.command and hides_failures(script_of(self.command)):
            run.log.warning(
                _("{pipes} To fail with any of them, run: bash -o pipefail -c '...'", pipes=translated(PIPE_WORDS))
            )
        run.log.success(_('{name} ended with code {code}', name=Path(argv[0]).name, code=code))

    def _folder_of_script(self, run: Run) -> Path | None:
        """Return where a script of the person is; None for a command, and for an uploaded script."""
        if self.script is None or self.script.is_relative_to(run.workdir.parent):
            return None
        return self.script.parent

    def _arguments(self, run: Run, cwd: Path) -> list[str]:
        if self.script is not None:
            return script_arguments(self.script)
        if not self.shell:
            words = command_line(self.command[0]).words if is_command_line(self.command) else self.command
            return command_arguments(words, cwd)
        if not Path(SHELL).exists():
            raise StepFailed(
                _('There is no {shell} on this machine.', shell=SHELL),
                _('Run it without a shell, or as a script file.'),
            )
        script = run.workdir.parent / 'command.sh'
        script.unlink(missing_ok=True)
        script.touch(mode=0o700)
        script.write_text(f'{script_of(self.command)}\n')
        return [SHELL, str(script)]


def is_command_line(command: list[str]) -> bool:
    """Whether the only entry is a program with its arguments: it has blanks, and there is no file of this name."""
    if len(command) > 1 or len(command[0].split()) < 2:
        return False
    return not os.path.isfile(command[0])  # noqa: PTH113 - the other fails for a long text


def _failed(program: str, code: int, why_killed: Callable[[], str]) -> ProgramFailed:
    name = Path(program).name
    hint = why_killed() if code in (-signal.SIGKILL, 128 + signal.SIGKILL) else ''
    text = _('{name} ended with exit code {code}.', name=name, code=code)
    if code < 0:
        text = _('{name} was killed by signal {signal}.', name=name, signal=-code)
    hint = hint or meaning_of(name, code) or _('The last lines of its log may say why.')
    return ProgramFailed(text, hint, program=name, exit_code=code)
