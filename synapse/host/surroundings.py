"""What the process of a run gives to the programs of its steps: variables, priority, umask."""

import os
from collections.abc import Mapping

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


def enter_step(name: str) -> None:
    """Say in the environment which step runs."""
    os.environ[STEP] = name


def environment_with(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program, with variables that cannot change whose it is."""
    # Without PYTHONUNBUFFERED the lines of a Python program would arrive all at once at its end.
    environment = {'PYTHONUNBUFFERED': '1', **os.environ, **{str(name): str(value) for name, value in extra.items()}}
    return environment | {name: os.environ[name] for name in IDENTITY if name in os.environ}
