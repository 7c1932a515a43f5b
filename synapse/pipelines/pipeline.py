"""Pipelines as typed classes: fields are the parameters, methods marked with `@step` the work, in order.

What a step leaves for later steps is kept in fields or in private attributes (`_poster: Path | None = None`); both are
saved as JSON after each step, so that a run can start again from any of them.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, TypeVar, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.fields import FieldInfo

F = TypeVar('F', bound=Callable[..., Any])

Duration = str | float | timedelta


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


def describe(pipeline: type[Pipeline]) -> dict[str, Any]:
    """All that the control room needs to know of a pipeline, as plain JSON values.

    :raises BrokenPipeline: if it has no step, or an option that makes no sense
    """
    steps = steps_of(pipeline)
    if not steps:
        raise BrokenPipeline(f'The pipeline {pipeline.__name__} has no step. Mark at least one method with @step.')
    return {
        'name': pipeline.__name__,
        'title': title_of(pipeline),
        'description': inspect.cleandoc(pipeline.__doc__ or ''),
        'steps': [item.as_json() for item in steps],
        'schema': schema_of(pipeline),
        'accepts': list(_suffixes(pipeline)),
        'max_parallel': _positive(pipeline),
    }


def title_of(pipeline: type[Pipeline]) -> str:
    """Its `title`, else the class name split into words: `PublishVideo` is "Publish video"."""
    title = None if 'title' in pipeline.model_fields else getattr(pipeline, 'title', None)
    return str(title or pipeline.model_config.get('title') or words(pipeline.__name__))


def words(name: str) -> str:
    """A class name as a person writes it; runs of capitals stay together (`SyncNASFolder` is "Sync NAS folder")."""
    parts = re.findall(r'[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+', name)
    kept = [part if part.isupper() and len(part) > 1 else part.lower() for part in parts]
    text = ' '.join(kept) or name
    return text[0].upper() + text[1:]


def schema_of(pipeline: type[Pipeline]) -> dict[str, Any]:
    """JSON Schema of the parameters; the first path parameter carries `x-accepts`."""
    schema = pipeline.model_json_schema()
    schema['title'] = title_of(pipeline)
    suffixes = _suffixes(pipeline)
    for field in schema.get('properties', {}).values() if suffixes else ():
        if _is_path(field):
            field.setdefault('x-accepts', list(suffixes))
            break
    return schema


def _is_path(field: dict[str, Any]) -> bool:
    return any(option.get('format') in ('path', 'file-path') for option in (field, *field.get('anyOf', ())))


def _suffixes(pipeline: type[Pipeline]) -> tuple[str, ...]:
    accepts: Any = pipeline.accepts
    if isinstance(accepts, str) or not all(isinstance(suffix, str) for suffix in accepts):
        raise BrokenPipeline(f"{pipeline.__name__}.accepts must be a tuple of file suffixes, like ('.mp4', '.mov')")
    return tuple(f'.{suffix.lstrip(".").lower()}' for suffix in accepts)


def _positive(pipeline: type[Pipeline]) -> int | None:
    limit: Any = pipeline.max_parallel
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise BrokenPipeline(f'{pipeline.__name__}.max_parallel must be a whole number from 1 on, or None')
    return limit


def state_of(pipeline: Pipeline) -> dict[str, Any]:
    """The instance as JSON values: its fields, and those of its private attributes that JSON can hold.

    :raises pydantic_core.PydanticSerializationError: if a field holds what JSON cannot
    """
    return state_and_rest(pipeline)[0]


def state_and_rest(pipeline: Pipeline) -> tuple[dict[str, Any], list[str]]:
    """`state_of`, and the names of the private attributes it had to leave out."""
    state = pipeline.model_dump(mode='json', warnings=False)
    left_out = []
    for name, kind in _private_kinds(type(pipeline)):
        if name not in (pipeline.__pydantic_private__ or {}):
            continue
        value = getattr(pipeline, name)
        try:
            # Pydantic would read an iterator, and an open file is one, to its end.
            if isinstance(value, Iterator):
                raise TypeError(f'{name} can be read only once')
            state[name] = kind.dump_python(value, mode='json', warnings=False)
        except (TypeError, ValueError):
            left_out.append(name)
    return state, left_out


def restored(pipeline: type[Pipeline], state: dict[str, Any]) -> Pipeline:
    """The instance that `state_of` saved.

    :raises pydantic.ValidationError: if the class has changed so much that the state no longer fits
    """
    private = {name: kind for name, kind in _private_kinds(pipeline) if name in state}
    known = {name: value for name, value in state.items() if name in _input_names(pipeline)}
    instance = pipeline.model_validate(known)
    for name, kind in private.items():
        setattr(instance, name, kind.validate_python(state[name]))
    return instance


def _private_kinds(pipeline: type[Pipeline]) -> Iterator[tuple[str, TypeAdapter[Any]]]:
    names = [name for name in pipeline.__private_attributes__ if not name.startswith('__')]
    hints = get_type_hints(pipeline) if names else {}
    for name in names:
        yield name, TypeAdapter(hints.get(name, Any))


def _input_names(pipeline: type[Pipeline]) -> set[str]:
    fields: dict[str, FieldInfo] = pipeline.model_fields
    return set(fields) | {field.alias for field in fields.values() if field.alias}


_UNITS = {'ms': 0.001, 's': 1.0, 'm': 60.0, 'h': 3600.0, 'd': 86400.0}


def parse_duration(value: Duration) -> float:
    """Seconds of a number of seconds, a timedelta, or text like `"500ms"`, `"2s"`, `"30m"`, `"1h30m"`, `"1d"`.

    :raises ValueError: if it is none of these, or negative
    """
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds < float('inf'):
        raise ValueError(f'{value!r} is not a duration; write seconds, or text like "90s", "30m" or "1h30m"')
    return seconds


def _seconds(value: Any) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    text = value.replace(' ', '').lower()
    if re.fullmatch(r'\d+(\.\d+)?', text):
        return float(text)
    if not re.fullmatch(r'(\d+(\.\d+)?(ms|[smhd]))+', text):
        return None
    return sum(float(number) * _UNITS[unit] for number, _, unit in re.findall(r'(\d+(\.\d+)?)(ms|[smhd])', text))
