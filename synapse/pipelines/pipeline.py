"""Pipelines as typed classes: fields are the parameters, methods marked with `@step` the work, in order.

What a step leaves for later steps is kept in fields or in private attributes (`_poster: Path | None = None`); both are
saved as JSON after each step, so that a run can start again from any of them.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, overload

from pydantic import BaseModel, ConfigDict

from synapse.durations import Duration, parse_duration

F = TypeVar('F', bound=Callable[..., Any])


class StepFailed(Exception):
    """Raise it in a step for an expected failure; shown as it is, without a traceback.

    :param message: what happened, one sentence
    :param hint: what to do about it; may be empty
    """

    def __init__(self, message: str, hint: str = '') -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BrokenPipeline(TypeError):
    """A pipeline that cannot be used as it is written; the text says it all."""


class Pipeline(BaseModel):
    """Base of all pipelines. Options are class variables: `title`, `accepts`, `max_parallel`.

    `title` is shown instead of the class name; `accepts` are the file suffixes (`('.mp4', '.mov')`) that a dropped file
    may have, applied to the first `Path` parameter; `max_parallel` limits how many runs of it go on at the same time.
    """

    model_config = ConfigDict(extra='forbid', protected_namespaces=(), validate_default=False)

    accepts: ClassVar[tuple[str, ...]] = ()
    max_parallel: ClassVar[int | None] = None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.__class_vars__.difference_update(cls.model_fields)


# Known as an option but not declared, so that a pipeline may as well have a parameter called `title`.
Pipeline.__class_vars__.add('title')


@dataclass(frozen=True, slots=True)
class Step:
    """What `@step` says about a method; durations in seconds."""

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
    """Mark a method, sync or async, as a step; it gets the `Run` as its one argument, or none if it takes none.

    :param retries: how many more times it is tried after a failure
    :param backoff: wait before the first retry, doubled before each further one; seconds or like `"2s"`
    :param timeout: how long one try may take; seconds or like `"30m"`; None for as long as it likes
    :param title: shown instead of the name in capitals
    :raises TypeError: for something that is no plain function, or takes more than `self` and `run`
    """
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise ValueError(f'retries must be a whole number, 0 or more, not {retries!r}')
    backoff_seconds = parse_duration(backoff)
    timeout_seconds = None if timeout is None else parse_duration(timeout)
    if timeout_seconds == 0:
        raise ValueError('timeout must be longer than 0 seconds; leave it out for none')

    def mark(target: F) -> F:
        _check_step(target)
        name = target.__name__
        options = Step(name, title or name.replace('_', ' ').upper(), retries, backoff_seconds, timeout_seconds)
        target.__synapse_step__ = options  # type: ignore[attr-defined]
        return target

    return mark if function is None else mark(function)


def _check_step(function: Any) -> None:
    if not inspect.isfunction(function):
        raise TypeError(f'@step belongs on a plain method, not on {function!r}')
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f'step {function.__name__!r} yields; a step returns when its work is done')
    required = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if len(required) > 2:
        raise TypeError(f'step {function.__name__!r} must take (self, run) and nothing else')


def steps_of(pipeline: type[Pipeline]) -> tuple[Step, ...]:
    """The steps in the order of their definition, those of base classes first; an override keeps its place."""
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
