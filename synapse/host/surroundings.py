"""What the process of a run gives to the programs of its steps: variables, priority, umask."""

import os
from collections.abc import Callable, Mapping

import psutil

from storage.foreign_words import system_words
from synapse.language import _
from synapse.pipelines.options import ProcessOptions
from synapse.protocol.environment import IDENTITY, PREFIX, STEP, variables_of
from synapse.protocol.messages import Job


def enter(job: Job) -> None:
    """Have the environment of this run from now on, with none of our variables but those that are documented."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    for name, value in (job.get('environment') or {}).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    os.environ.update(variables_of(job))


def apply(options: ProcessOptions, warn: Callable[[str], None]) -> None:
    """Set this process up as the pipeline says; what is not allowed is a warning.

    On Linux priorities belong to threads: steps run in the one that calls this, and programs inherit from it.
    """
    os.environ.update(options.environment)
    if options.umask is not None:
        os.umask(options.umask)
    for name, value, set_to in (('nice', options.nice, _set_nice), ('ionice', options.ionice, _set_ionice)):
        if value is None:
            continue
        try:
            set_to(value)
        except (OSError, psutil.Error, AttributeError) as error:
            reason = system_words(error) if isinstance(error, OSError) else _('this system has no such thing')
            warn(
                _(
                    '{name} = {value!r} of the pipeline could not be set: {reason}',
                    name=name,
                    value=value,
                    reason=reason,
                )
            )


def _set_nice(value: int | str) -> None:
    os.nice(int(value))


def _set_ionice(value: int | str) -> None:
    process = psutil.Process()
    if value == 'idle':
        process.ionice(psutil.IOPRIO_CLASS_IDLE)
    else:
        process.ionice(psutil.IOPRIO_CLASS_BE, value if isinstance(value, int) else None)


def enter_step(name: str) -> None:
    """Say in the environment which step runs."""
    os.environ[STEP] = name


def environment_with(extra: Mapping[str, str], defaults: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a program, with variables that cannot change whose it is.

    :param defaults: variables for programs where the person has none of these names
    """
    # Without PYTHONUNBUFFERED the lines of a Python program would arrive all at once at its end.
    environment = {'PYTHONUNBUFFERED': '1', **(defaults or {}), **os.environ}
    environment |= {str(name): str(value) for name, value in extra.items()}
    return environment | {name: os.environ[name] for name in IDENTITY if name in os.environ}
