"""Pipelines as typed classes: fields are the parameters, methods marked with `@step` are the work, in order."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args, get_origin, overload

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from synapse.durations import Duration, parse_duration, read_duration
from synapse.language import _
from synapse.pasted_paths import understood

F = TypeVar('F', bound=Callable[..., Any])


class StepFailed(Exception):
    """Raise it in a step for an expected failure: people see these words instead of a traceback.

    Any other exception fails the step too, and is shown with its traceback and the line in your file. The step is
    tried again as often as its `retries` allow; then the run fails, and later steps are skipped.

    :param message: what happened, one sentence
    :param hint: what to do about it, one sentence; may be empty
    """

    def __init__(self, message: str, hint: str = '') -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ProgramFailed(StepFailed):
    """A program that a step ran has ended with a code that means failure.

    :param exit_code: negative for a signal
    """

    def __init__(self, message: str, hint: str = '', *, program: str, exit_code: int) -> None:
        super().__init__(message, hint)
        self.program = program
        self.exit_code = exit_code


class BrokenPipeline(TypeError):
    """A pipeline that cannot be used as it is written; the message says why."""


class Pipeline(BaseModel):
    """The base of all pipelines: a Pydantic model whose methods marked with `@step` run in the order they are defined.

    Save the file in the `pipelines` folder of the data folder. It is read again whenever it changes; if it is broken,
    its last good version stays in use. The class docstring describes the pipeline to people.

    **Parameters** are public fields: a form and the JSON schema of the API are made from their types, defaults and
    `pydantic.Field(title=..., description=..., ge=..., ...)`. A field without a default is required. A `Path` is a file
    that the run gets: on start it must exist, and an uploaded file is copied into the run's folder first.
    `Field(json_schema_extra={...})` says more: `'x-folder': True` for a folder, `'x-new': True` for a file that the run
    creates, `'x-extra': True` for a file that accompanies another, so that an event does not offer to look for the
    newest, `'x-multiline': True` for a text of several lines, `'x-labels': {'mux': 'as a track'}` for what people see
    instead of the values of a choice, `'x-here': True` for what other machines do not have: with it a run stays on this
    one.

    **State** for later steps goes into fields or private attributes (`_poster: Path | None = None`). Both are saved as
    JSON after each step, so that a retry can start from any step.

    **Options** are class variables::

        from pathlib import Path
        from typing import ClassVar

        from synapse import Pipeline, Run, step

        class Archive(Pipeline):
            title: ClassVar[str] = 'Archive a text'
            accepts: ClassVar[tuple[str, ...]] = ('.txt', '.md')
            max_parallel: ClassVar[int | None] = 1

            file: Path = Path(__file__)

            @step
            def keep(self, run: Run) -> None:
                run.artifact(self.file)

    `title` is shown instead of the class name; `accepts` lists the file suffixes that the first `Path` parameter takes,
    which decides where a dropped file may go and which paths are refused; `max_parallel` is how many runs of this
    pipeline may run at the same time, None for as many as there are workers; `fork_safe` says whether a process that
    has imported the file may be forked for its runs, which saves them the import: None to find out, False if the import
    does what each run needs for itself, True if it looks unsafe but isn't; `force_color` says whether `FORCE_COLOR` and
    `CLICOLOR_FORCE` ask the programs of `run.shell` for colours although they have no terminal; `color` stands for it
    in lists and on the calendar: `'violet'`, `'cyan'`, `'pink'`, `'olive'`, `'steel'`, `'sand'`, `'teal'`, `'lavender'`
    or `'brown'`, by default the next free one. A class whose name starts with `_`, or that has subclasses in the same
    file and no steps, is only a base for others.

    What the programs of a run inherit can be set too: `nice` (added to the niceness of Synapse, 0 to 19), `ionice`
    (`'idle'`, `'best-effort'`, or a level of the latter from 0 to 7; Linux), `umask` (such as `0o027`) and
    `environment` (`{'NAME': 'value'}`). With `token_scope` they find a token of the API in `SYNAPSE_TOKEN`, valid until
    the run ends: `'read'` to read and to log, `'run'` also to upload files and to start and stop runs. A stop asks them
    to end by `stop_signal` (such as `'SIGINT'`; by default `'SIGTERM'`) and kills them `grace_seconds` later (10).

    `on_interrupt = 'retry'` declares that each step may safely be done again after Synapse or the machine has stopped
    in the middle of it: the next start retries such a run from that step. By default it is only marked (`'mark'`).

    Limits protect the machine and other runs. They are bytes, or text like `'2 GB'`. A run whose processes together use
    more memory than `memory_limit` fails, with its biggest process ended first. With less free disk space than
    `needs_free` a run waits in the queue. Of its output `output_limit` is logged, and the last lines. A step that gives
    no sign of life for longer than `stall_after` (such as `'30m'`; 0 for never) is reported; by default that is learned
    from earlier runs.

    `needs` is what a run takes of the machine that carries it out, such as `{'gpu': 1, 'cores': 4, 'memory': '8 GB'}`:
    it waits until one has that much left. Labels such as `gpu` are what machines offer by `--offer gpu=1`; the label
    `here` is that of the control room's own machine, for what must not be carried out elsewhere.
    """

    model_config = ConfigDict(extra='forbid', protected_namespaces=(), validate_default=False)

    accepts: ClassVar[tuple[str, ...]] = ()
    max_parallel: ClassVar[int | None] = None
    fork_safe: ClassVar[bool | None] = None
    force_color: ClassVar[bool] = False

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.__class_vars__.difference_update(cls.model_fields)

    @model_validator(mode='before')
    @classmethod
    def _with_paths_understood(cls, values: Any) -> Any:
        """Read paths as people paste them. One without text counts as not given: `Path('')` is the current folder."""
        if not isinstance(values, dict):
            return values
        paths = ((name, field) for name, field in cls.model_fields.items() if _is_path(field.annotation))
        names = {key for name, field in paths for key in (name, field.alias) if key is not None}
        blank = [(key, number) for key in names for number in _blank_items(values.get(key))]
        if blank:
            raise ValidationError.from_exception_data(
                cls.__name__, [InitErrorDetails(type='missing', loc=place, input=values) for place in blank]
            )
        given = {key: value for key, value in values.items() if not (key in names and _is_blank(value))}
        return {key: _understood(value) if key in names else value for key, value in given.items()}

    @model_validator(mode='before')
    @classmethod
    def _with_durations(cls, values: Any) -> Any:
        """Read lengths of time as people write them, such as `1h 30m`, besides the forms that Pydantic knows."""
        if not isinstance(values, dict):
            return values
        fields = [(name, field) for name, field in cls.model_fields.items() if _is_duration(field.annotation)]
        names = {key for name, field in fields for key in (name, field.alias) if key in values}
        return {**values, **{name: _durations(values[name]) for name in names}}


def _is_duration(annotation: Any) -> bool:
    """Whether a value must be a length of time, several of them, or None."""
    kinds = get_args(annotation)
    if get_origin(annotation) is dict:
        kinds = kinds[1:]
    return annotation is timedelta or (str not in kinds and any(map(_is_duration, kinds)))


def _durations(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _durations(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_durations(item) for item in value]
    length = read_duration(value) if isinstance(value, str) else None
    return value if length is None else length


def _is_path(annotation: Any) -> bool:
    """Whether a value must be a path, a list of paths, or None."""
    kinds = get_args(annotation)
    return annotation is Path or (str not in kinds and any(map(_is_path, kinds)))


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def _understood(value: Any) -> Any:
    if isinstance(value, list):
        return [_understood(item) for item in value]
    return understood(value) if isinstance(value, str) else value


def _blank_items(value: Any) -> list[int]:
    return [number for number, item in enumerate(value) if _is_blank(item)] if isinstance(value, list) else []


# Known as options but not declared, so that a pipeline may have parameters of these names instead.
_OPTIONS = (
    'nice',
    'ionice',
    'umask',
    'environment',
    'token_scope',
    'stop_signal',
    'grace_seconds',
    'on_interrupt',
    'memory_limit',
    'needs_free',
    'output_limit',
    'stall_after',
    'needs',
)
Pipeline.__class_vars__.update(('title', *_OPTIONS))


@dataclass(frozen=True, slots=True)
class Step:
    """What `@step` says about a method; durations are in seconds."""

    name: str
    title: str
    retries: int = 0
    backoff: float = 2.0
    timeout: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {'name': self.name, 'title': self.title, 'retries': self.retries, 'timeout': self.timeout}


@overload
def step(function: F, /) -> F: ...


@overload
def step(
    *, retries: int = 0, backoff: Duration = '2s', timeout: Duration | None = None, title: str | None = None
) -> Callable[[F], F]: ...


def step(
    function: Any = None,
    /,
    *,
    retries: int = 0,
    backoff: Duration = '2s',
    timeout: Duration | None = None,
    title: str | None = None,
) -> Any:
    """Mark a method as a step, as `@step` or with options as `@step(retries=2, timeout='30m')`.

    The method may be sync or async. It takes the `Run`, or nothing but `self`; what it returns is ignored. It succeeds
    when it returns or calls `sys.exit(0)`, and fails when it raises anything else; the text of `sys.exit("text")` is
    its error.

    After its `timeout` a step is interrupted by an exception that isn't an `Exception`, so that `finally` runs but
    `except Exception` does not catch it; that is a failure like any other, also if the step catches it and returns. A
    step that ignores this for 2 s ends the run, with its process and all programs it started. Time for which the run
    is paused does not count.

    :param function: the method, for `@step` without options
    :param retries: how many more times to try the step after it fails; 0 or more
    :param backoff: how long to wait before the first retry, doubled before each further one: a number of seconds, a
        `timedelta`, or text like `"500ms"`, `"2s"` or `"1h30m"`
    :param timeout: how long one attempt may take, in the same forms; None for no limit
    :param title: shown instead of the name in capitals
    :raises TypeError: if it isn't a plain method, if it yields, or if it takes more than `self` and `run`
    :raises ValueError: if `retries` or a duration is out of range
    """
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise ValueError(_('retries must be a whole number, 0 or more, not {retries!r}', retries=retries))
    backoff_seconds = parse_duration(backoff)
    timeout_seconds = None if timeout is None else parse_duration(timeout)
    if timeout_seconds == 0:
        raise ValueError(_('timeout must be longer than 0 seconds; leave it out for no limit'))

    def mark(target: F) -> F:
        _check_step(target)
        name = target.__name__
        options = Step(name, title or name.replace('_', ' ').upper(), retries, backoff_seconds, timeout_seconds)
        target.__synapse_step__ = options  # type: ignore[attr-defined]
        return target

    return mark if function is None else mark(function)


def _check_step(function: Any) -> None:
    if not inspect.isfunction(function):
        raise TypeError(_('@step belongs on a plain method, not on {function!r}', function=function))
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(_('step {name!r} yields; a step returns when its work is done', name=function.__name__))
    required = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if len(required) > 2:
        raise TypeError(_('step {name!r} must take (self, run) and nothing else', name=function.__name__))


def steps_of(pipeline: type[Pipeline]) -> tuple[Step, ...]:
    """Return the steps in the order of their definition, those of base classes first; an override keeps its place."""
    found: dict[str, Step] = {}
    for cls in reversed(pipeline.__mro__):
        for name, value in vars(cls).items():
            options = getattr(value, '__synapse_step__', None)
            if isinstance(options, Step):
                found[name] = options
    return tuple(found.values())


def takes_run(method: Callable[..., Any]) -> bool:
    """Whether a bound step method wants the `Run`."""
    return len(inspect.signature(method).parameters) > 0
