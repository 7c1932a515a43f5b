"""The protocol between a run host and the control room: lines of JSON.

Times are ISO 8601 in UTC, with microseconds.
"""

from enum import StrEnum
from typing import Any, NotRequired, TypedDict


class Do(StrEnum):
    """What the control room asks of a host."""

    RUN = 'run'
    PAUSE = 'pause'
    RESUME = 'resume'
    CANCEL = 'cancel'


class Job(TypedDict):
    """What a host needs for its one run.

    `file` is the snapshot to load, `origin` the person's own file, which errors name. `zone` is for wall times in log
    lines. `profile` has the real secrets, and `secrets` those among the parameters. `state` has the pipeline's fields
    as they were before `from_step`. `environment` has variables to set, or to remove where the value is None.
    """

    id: str
    number: int
    folder: str
    pipeline: str
    file: str | None
    origin: str | None
    parameters: dict[str, Any]
    profile: dict[str, Any] | None
    secrets: NotRequired[list[str]]
    zone: str
    from_step: str | None
    state: dict[str, Any] | None
    environment: NotRequired[dict[str, str | None]]


class HostCommand(TypedDict):
    """To a host; only `Do.RUN` has a `run`."""

    do: Do
    run: NotRequired[Job]


class Kind(StrEnum):
    """The kind of a message of a host. `PAUSED` and `RESUMED` have no further fields."""

    HELLO = 'hello'
    STEPS = 'steps'
    STEP = 'step'
    PROGRESS = 'progress'
    LOGS = 'logs'
    RAW = 'raw'
    SPOOL = 'spool'
    ARTIFACT = 'artifact'
    PAUSED = 'paused'
    RESUMED = 'resumed'
    END = 'end'


class HostMessage(TypedDict):
    """From a host."""

    t: Kind


class Hello(HostMessage):
    """The host is warm and ready for a job."""

    pid: int


class Steps(HostMessage):
    """The steps of the pipeline, in order."""

    names: list[str]


class StepMoved(HostMessage):
    """A step starts its `attempt`, counted from 1, or ends; `error` is a `Problem` as JSON."""

    name: str
    state: str
    attempt: int
    error: dict[str, Any] | None
    at: str


class Progress(HostMessage):
    """How far a step is, in percent."""

    step: str | None
    percent: float
    note: str


class Logs(HostMessage):
    """Entries of the log, each `[time, level, source, message, step, fields]`."""

    e: list[list[Any]]


class Raw(HostMessage):
    """A piece of what a stream printed, cut anywhere: `text` has its bytes as Latin-1.

    In the spool it has a `size` instead, and that many bytes follow. With `last`, text without a line end is a line.
    """

    id: int
    source: str
    step: str | None
    last: NotRequired[bool]
    at: NotRequired[str]
    text: NotRequired[str]
    size: NotRequired[int]


class Spooled(HostMessage):
    """The spool can be read up to here: the number of a file, and a size in bytes within it."""

    file: int
    size: int


class Artifact(HostMessage):
    """An artifact was kept; `size` in bytes."""

    name: str
    size: int
    step: str | None
    media_type: str


class End(HostMessage):
    """The run has ended; `error` is a `Problem` as JSON."""

    state: str
    error: dict[str, Any] | None


# Between the control room and a zygote, the process from which hosts are forked


class Fork(TypedDict):
    """To a zygote, with the descriptors for the standard streams of the new process.

    `do` is `host`, `describe`, `check` or `zygote`, the last with the descriptor of its socket too. `id` becomes the
    tag of the process. `file` and `origin` are those of a `Job`; empty for a host. `run` is the id of the run that a
    host is for.
    """

    do: str
    id: str
    file: str
    origin: str
    run: str


class Check(TypedDict):
    """To a process that checks parameters: the class of the pipeline, and what to check.

    Its answer is that of `validate_parameters`, with `is_last`: whether it is for one use.
    """

    name: str
    parameters: dict[str, Any]


CANNOT_IMPORT = 'it cannot be imported'
"""The reason where importing the file has failed: runs say more about that."""


class Ready(TypedDict):
    """A zygote is ready; `reason` says why no runs should be forked from it."""

    t: str
    reason: str


class Forked(TypedDict):
    """A request was answered; `error` is empty, `stale`, or what the system said."""

    t: str
    id: str
    pid: int
    error: str


class HostExited(TypedDict):
    """A child is gone; `left` has pid and command of what it left behind, all of it ended.

    It is None if not all of that could be ended.
    """

    t: str
    id: str
    code: int
    left: list[tuple[int, str]] | None
