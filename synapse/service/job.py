"""What a service starts: the command of this Synapse with the flags that were given, and no secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synapse import program
from synapse.settings import Settings

NAME = 'synapse-control-room'
TITLE = 'Synapse, the control room for automations'
MARK = 'Written by `service install` of Synapse'
"""Stands in each file that is written, and is looked for before one is replaced or removed."""
STOP_SECONDS = 45
"""How long it may take to stop: more than the 10 s of runs and what ends afterwards."""
AGAIN_SECONDS = 5
"""How long after a crash it is started again."""
_WITHOUT_FLAG = ('max_upload_bytes', 'min_free_bytes')
_ALWAYS = ('no_browser', 'no_link')
"""A service has nobody to open a browser for, and what it prints is kept in logs, where no sign-in link belongs."""


class ServiceError(Exception):
    """The service cannot be installed, asked or removed; the text says why and what to do."""


@dataclass(frozen=True)
class Job:
    command: list[str]
    data: Path
    is_native: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> 'Job':
        """Return what starts this Synapse with what was set by flags or variables, and always with its data folder."""
        given = {name: getattr(settings, name) for name in Settings.model_fields if name in settings.model_fields_set}
        variables = {f'SYNAPSE_{name.upper()}': str(given.pop(name)) for name in _WITHOUT_FLAG if name in given}
        given |= {'data': settings.data} | dict.fromkeys(_ALWAYS, True)
        flags = [word for name, value in given.items() for word in _flag(name, value)]
        return cls([*program.command_line(), *flags], settings.data, settings.native, variables)


@dataclass(frozen=True)
class State:
    """How a service is.

    :param since: when it was started, as its manager writes it
    :param at_boot: whether it starts with the machine, and not only when the person signs in
    :param problem: why it does not run, if that is known
    """

    is_running: bool
    pid: int | None = None
    since: str = ''
    at_boot: bool = False
    problem: str = ''
    lines: tuple[str, ...] = ()


def _flag(name: str, value: Any) -> list[str]:
    flag = f'--{name.replace("_", "-")}'
    if isinstance(value, bool):
        return [flag] if value else []
    if isinstance(value, tuple):
        return [f'{flag}={item}' for item in value]
    # In one word, so that a value may begin with a dash.
    return [f'{flag}={value}'] if value not in (None, '') else []
