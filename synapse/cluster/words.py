"""What a control room and a machine say to each other about a run: the kinds of items on its `Link`."""

from datetime import UTC, datetime
from typing import Any, Final

from synapse.protocol.messages import Kind

JOB: Final = 'job'
"""To the machine: `{job, given}` as JSON; `given` has the place of each path that was sent along."""
DO: Final = 'do'
"""To the machine: a `HostCommand` as JSON."""
STOP: Final = 'stop'
"""To the machine: end the run, at once if the value is true. If there is another one that is true, nothing is kept here
of what it still says."""
ASK: Final = 'ask'
"""To the machine: a number, what is asked (`tree`, `memory` or `activity`), and a limit in bytes."""
ANSWER: Final = 'answer'
"""From the machine: the number, and the answer as JSON."""
BEGUN: Final = 'begun'
"""From the machine: id, pid and start of the host, the folder of the run there, and that of its code."""
MESSAGE: Final = 'message'
"""From the machine: a `HostMessage` as JSON."""
LINE: Final = 'line'
"""From the machine: a line that bypassed the protocol."""
SPOOLED: Final = 'spooled'
"""From the machine: number of a spool file, a place in it, and the bytes there."""
EXIT: Final = 'exit'
"""From the machine: a `HostExit` as JSON; nothing follows."""

GIVEN: Final = 'given'
"""The folder in that of a run for what is sent along from elsewhere on the disk; it is not sent back."""
CODE: Final = 'code'
"""The folder in that of a run with its pipeline file, called as the person's own, and the modules beside it."""

OPERATION: Final = 'synapse_relay'
"""The operation of our workers by which a control room reaches a run."""
TAKE_CODE: Final = 'synapse_take_code'
"""The operation by which a machine gets the new code of the cluster, as another machine was removed."""
LEAVE: Final = 'synapse_leave'
"""The operation by which a machine hears that it was removed."""
LOAD: Final = 'synapse-load'
"""The topic on which each machine says how it is: its name, and a `MachineLoad`."""
GOODBYE: Final = 'synapse-goodbye'
"""The topic on which a machine says its address before it leaves by itself."""
RESOURCE: Final = 'synapse'
"""The abstract resource of Dask of which each of our workers has as many as it may carry out runs at a time."""
NAME_OF_FIRST: Final = 'name of the first machine'
"""In the answer of a scheduler to a worker that is called as its own machine is."""
LANGUAGE: Final = 'SYNAPSE_LANGUAGE'
"""The variable that gives the scheduler the language of the control room, whose terminal it writes to."""


def said(level: str, source: str, text: str) -> dict[str, Any]:
    """Return a `Logs` with one entry of ours, which no host has said."""
    at = datetime.now(UTC).isoformat(timespec='microseconds')
    return {'t': Kind.LOGS, 'e': [[at, level, source, text, None, None]]}
