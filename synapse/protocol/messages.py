"""What a run host and the control room say to each other: lines of JSON, named here once for both sides.

Every run host loads this. Moments are ISO 8601 in UTC, with microseconds.
"""

from enum import StrEnum
from typing import Any, NotRequired, TypedDict


class Do(StrEnum):
    """What the control room wants of a host."""

    RUN = 'run'
    PAUSE = 'pause'
    RESUME = 'resume'
    CANCEL = 'cancel'


class Job(TypedDict):
    """All that a host needs for its one run.

    `file` is a snapshot that is loaded, `origin` the person's file, which errors name; `zone` is that of wall times in
    lines; `profile` has its real secrets; `state` are the pipeline's fields as they were before `from_step`.
    """

    id: str
    number: int
    folder: str
    pipeline: str
    file: str | None
    origin: str | None
    parameters: dict[str, Any]
    profile: dict[str, Any] | None
    zone: str
    from_step: str | None
    state: dict[str, Any] | None


class HostCommand(TypedDict):
    """To a host; `run` goes with `Do.RUN` alone."""

    do: Do
    run: NotRequired[Job]


class Kind(StrEnum):
    """What a message of a host is about. `PAUSED` and `RESUMED` are a `HostMessage` without more."""

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
    """It is warm and takes a job."""

    pid: int


class Steps(HostMessage):
    """The steps of the pipeline, in their order."""

    names: list[str]


class StepMoved(HostMessage):
    """A step begins its `attempt`, from 1, or ends; `error` is a `Problem` as JSON."""

    name: str
    state: str
    attempt: int
    error: dict[str, Any] | None
    at: str


class Progress(HostMessage):
    """How far a step is, from 0 to 100."""

    step: str | None
    percent: float
    note: str


class Logs(HostMessage):
    """Entries of the log, each `[time, level, source, message, step, fields]`."""

    e: list[list[Any]]


class Raw(HostMessage):
    """A piece of what a stream printed, however it is cut: `text`, its bytes as Latin-1.

    In the spool it is `size`, and so many bytes follow. With `last`, what has no line end is a line too.
    """

    id: int
    source: str
    step: str | None
    last: NotRequired[bool]
    at: NotRequired[str]
    text: NotRequired[str]
    size: NotRequired[int]


class Spooled(HostMessage):
    """The spool can be read up to here: the number of a file, and how many bytes of it."""

    file: int
    size: int


class Artifact(HostMessage):
    """An output was kept; `size` in bytes."""

    name: str
    size: int
    step: str | None
    media_type: str


class End(HostMessage):
    """The run has ended; `error` is a `Problem` as JSON."""

    state: str
    error: dict[str, Any] | None
