"""The protocol between a run host and the control room: lines of JSON.

Times are ISO 8601 in UTC, with microseconds.
"""

from enum import StrEnum
from typing import Any, NotRequired, TypedDict

from synapse.language import N_


class Do(StrEnum):
    """What the control room asks of a host."""

    RUN = 'run'
    PAUSE = 'pause'
    RESUME = 'resume'
    CANCEL = 'cancel'
    ANSWER = 'answer'
    PING = 'ping'


class Job(TypedDict):
    """What a host needs for its one run.

    `file` is the snapshot to load, `origin` the person's own file, which errors name. `zone` is for wall times in log
    lines, `language` is the one to write in. `profile` has the real secrets, and `secrets` those among the parameters.
    `state` has the pipeline's fields as they were before `from_step`. `environment` has variables to
    set, or to remove where the value is None. `stop_signal` and `grace_seconds` replace those of the pipeline.
    `answers` has what this run has asked before, each with the `id`, `step`, `number`, `answer` and, if no one answered
    in time, `is_expired` of its record. `is_elsewhere` says that the control room is on another machine, and
    `machine` is what this one is called there.
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
    language: NotRequired[str]
    from_step: str | None
    state: dict[str, Any] | None
    environment: NotRequired[dict[str, str | None]]
    stop_signal: NotRequired[str | None]
    grace_seconds: NotRequired[float | None]
    answers: NotRequired[list[dict[str, Any]]]
    is_elsewhere: NotRequired[bool]
    machine: NotRequired[str]


class HostCommand(TypedDict):
    """To a host; only `Do.RUN` has a `run`, only `Do.ANSWER` the fields after it."""

    do: Do
    run: NotRequired[Job]
    question: NotRequired[str]
    answer: NotRequired[Any]
    is_expired: NotRequired[bool]


class Kind(StrEnum):
    """The kind of a message of a host. `PAUSED`, `RESUMED` and `ALIVE`, which answers, have no further fields."""

    HELLO = 'hello'
    STEPS = 'steps'
    STEP = 'step'
    ATTEMPT = 'attempt'
    PROGRESS = 'progress'
    LOGS = 'logs'
    RAW = 'raw'
    SPOOL = 'spool'
    ARTIFACT = 'artifact'
    PAUSED = 'paused'
    RESUMED = 'resumed'
    QUESTION = 'question'
    STOPPING = 'stopping'
    END = 'end'
    ALIVE = 'alive'
    SILENT = 'silent'
    HOME = 'home'
    CHECKPOINT = 'checkpoint'


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


class AttemptFailed(HostMessage):
    """An `attempt` of a step has failed and another one follows; `error` is a `Problem` as JSON."""

    name: str
    attempt: int
    error: dict[str, Any]
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


class Asked(HostMessage):
    """A step asks, and holds until `Do.ANSWER`.

    `number` counts the questions of an attempt of a step from 1. `schema` is that of `model`, which is `module:name`.
    With `can_end` the step has done nothing yet, so that it loses nothing if its process is ended meanwhile.
    """

    id: str
    step: str | None
    number: int
    text: str
    choices: list[str] | None
    schema: dict[str, Any] | None
    model: str
    timeout: float | None
    default: Any
    can_end: bool


class HomeAsked(HostMessage):
    """A run elsewhere asks for something on the machine of the control room, and waits for `Do.ANSWER`.

    `request` is one of `synapse/destinations/home.py`.
    """

    id: str
    request: dict[str, Any]


class CheckpointSaved(HostMessage):
    """Of a run elsewhere: a step has saved a checkpoint, and `done` steps before it have succeeded."""

    done: int


class Stopping(HostMessage):
    """A stop is under way: it needs no help for `wait` seconds; after SIGTERM the step has `grace` seconds.

    `program` is what is ended now, and `signal` how it was asked to; both are empty before that.
    """

    wait: float
    grace: float
    program: str
    signal: str


class Silent(HostMessage):
    """Not from a host, but about one: it has said nothing for this long, not even when asked; 0 once it does again.

    `pid` is that of the host; `is_suspended` says whether the system has stopped it, as by SIGSTOP.
    """

    seconds: float
    pid: int
    is_suspended: bool


class End(HostMessage):
    """The run has ended; `error` is a `Problem` as JSON."""

    state: str
    error: dict[str, Any] | None


RESULT = 'result.json'
"""In the folder of a run until its end is saved: the `reports` so far, and its `end`, an `End` with the moment `at`."""
REPORTS = frozenset({Kind.STEPS, Kind.STEP, Kind.ATTEMPT, Kind.ARTIFACT})
"""What a control room must know of a run even if it was gone when that was said."""


# Between the control room and a zygote, the process from which hosts are forked


class Fork(TypedDict):
    """To a zygote, with the descriptors for the standard streams of the new process.

    `do` is `host`, `describe`, `check` or `zygote`, the last with the descriptor of its socket too. `id` becomes the
    tag of the process. `file` and `origin` are those of a `Job`; empty for a host. `run` is the id of the run that a
    host is for. `language` is the one to write in.
    """

    do: str
    id: str
    file: str
    origin: str
    run: str
    language: str


class Check(TypedDict):
    """To a process that checks parameters: the class of the pipeline, and what to check.

    With a `model`, named as in `Asked`, its fields are checked instead. `language` is that of whoever gets the answer.

    Its answer is that of `validate_parameters`, with `is_last`: whether it is for one use.
    """

    name: str
    parameters: dict[str, Any]
    model: NotRequired[str]
    language: str


CANNOT_IMPORT = N_('it cannot be imported')
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
