"""The variables of ours that programs of a run have, and those by which the processes of a run are found.

A program keeps its environment whatever becomes of its session, parent and name, so the id of its run and the data
folder say whose it is. Our own processes have started before they know their run: they are found by tags that only the
system still shows, since they are removed before a step runs.
"""

from collections.abc import Iterable

from .messages import Job

URL, DATA = 'SYNAPSE_URL', 'SYNAPSE_DATA'
RUN_ID, RUN_NUMBER, STEP = 'SYNAPSE_RUN_ID', 'SYNAPSE_RUN_NUMBER', 'SYNAPSE_STEP'
TOKEN = 'SYNAPSE_TOKEN'  # noqa: S105 - the name of a variable
PREFIX = 'SYNAPSE_'
ROOM_TAG, HOST_TAG = 'SYNAPSE_ROOM', 'SYNAPSE_HOST'

IDENTITY = (RUN_ID, DATA)
"""What no pipeline can change, because processes are found by it."""

Mark = frozenset[str]
"""Entries `NAME=value` which are all in the environment of a process that belongs to something."""


def variables_of(job: Job) -> dict[str, str]:
    """Return the variables of ours that the programs of a run have, without that of its step."""
    given = {name: value for name, value in (job.get('environment') or {}).items() if name.startswith(PREFIX) and value}
    number = str(job.get('number') or 0)
    return {DATA: job['folder'], **given, RUN_ID: job['id'], RUN_NUMBER: number}


def mark_of(job: Job) -> Mark:
    """Return what all programs of a run have in their environment, and no program of another run."""
    variables = variables_of(job)
    return mark((name, variables[name]) for name in IDENTITY)


def mark(variables: Iterable[tuple[str, str]]) -> Mark:
    return frozenset(f'{name}={value}' for name, value in variables)
