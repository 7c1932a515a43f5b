"""Runs any program, as a line in a crontab does, with its output in the log."""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from synapse.durations import parse_duration
from synapse.host.run import Run
from synapse.pipelines.pipeline import Pipeline, StepFailed, step


class RunCommand(Pipeline):
    """Run a program or a script, with its output as log lines.

    The secrets of the profile are in its environment, except those of its destination (`destination_...`). Any exit
    code that is not listed as good is a failure.
    """

    command: list[str] = Field(
        default=[], description='The program and its arguments, one entry each. No shell interprets them.'
    )
    script: Path | None = Field(default=None, description='A script file to run instead of a command.')
    cwd: Path | None = Field(
        default=None,
        title='Folder',
        description='Where it starts; empty for a new folder.',
        json_schema_extra={'x-folder': True},
    )
    env: dict[str, str] = Field(default={}, title='Environment', description='Variables to add to the inherited ones.')
    ok_codes: list[int] = Field(default=[0], min_length=1, title='Good exit codes')
    terminal: bool = Field(
        default=False,
        description='Give it a terminal: many programs then print progress, colours, and each line at once.',
    )
    timeout: str = Field(default='', description='Stop it after this time, like 90s, 30m or 1h30m; empty for no limit.')

    @field_validator('command')
    @classmethod
    def _are_arguments(cls, value: list[str]) -> list[str]:
        if value and not value[0].strip():
            raise ValueError('Start with the name of a program.')
        if any('\0' in word for word in value):
            raise ValueError('NUL characters are not allowed.')
        return value

    @field_validator('env')
    @classmethod
    def _are_variables(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not name or '=' in name or '\0' in name + text:
                raise ValueError(f'{name!r} cannot be the name of a variable.')
        return value

    @field_validator('timeout')
    @classmethod
    def _is_duration(cls, value: str) -> str:
        if value and parse_duration(value) == 0:
            raise ValueError('Give more than 0 seconds, or leave it empty.')
        return value

    @model_validator(mode='after')
    def _has_one(self) -> Self:
        if bool(self.command) == (self.script is not None):
            text = 'Give a command or a script, not both.' if self.command else 'Give a command, or a script.'
            problem = InitErrorDetails(
                type=PydanticCustomError('one_of_both', text),
                loc=('command',),
                input=self.command,
            )
            raise ValidationError.from_exception_data(type(self).__name__, [problem])
        return self

    @step
    def execute(self, run: Run) -> None:
        argv = self.command if self.script is None else script_arguments(self.script)
        secrets = {**run.profile.secrets} if run.profile else {}
        # Without the arguments: they may be private, and they are among the parameters anyway.
        run.log.info(f'Starting {Path(argv[0]).name}', arguments=len(argv) - 1)
        code = run.shell(
            argv,
            cwd=self.cwd,
            env=secrets | self.env,
            timeout=self.timeout or None,
            can_hold=True,
            terminal=self.terminal,
        )
        if code not in self.ok_codes:
            raise _failed(argv[0], code)
        run.log.success(f'{Path(argv[0]).name} ended with code {code}')


def script_arguments(script: Path) -> list[str]:
    """Return the command for a script: itself if it is executable, else the program of its `#!` line or suffix.

    :raises StepFailed: if there is no such file, or no program is known for it
    """
    if not script.is_file():
        raise StepFailed(f'There is no script {script}.', 'It may have been moved since this run was created.')
    if os.access(script, os.X_OK):
        return [str(script)]
    with script.open('rb') as file:
        first = file.readline(1000).decode(errors='replace')
    if first.startswith('#!') and first[2:].strip():
        return [*shlex.split(first[2:]), str(script)]
    if script.suffix == '.py':
        return [sys.executable, str(script)]
    if script.suffix in ('.sh', '.bash'):
        return [shutil.which('bash') or '/bin/sh', str(script)]
    raise StepFailed(f'It is not known which program runs {script.name}.', f'Try: chmod +x {script}, or add a #! line.')


def _failed(program: str, code: int) -> StepFailed:
    name = Path(program).name
    if code < 0:
        return StepFailed(f'{name} was killed by signal {-code}.', 'The last lines of its log may say why.')
    hint = {126: 'It may not be executable.', 127: 'A program it calls was not found.'}.get(code)
    return StepFailed(f'{name} ended with exit code {code}.', hint or 'The last lines of its log may say why.')
