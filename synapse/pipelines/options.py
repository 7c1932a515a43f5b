"""How to set up the process of a run, as class variables of its pipeline say."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

from synapse.durations import parse_duration
from synapse.language import _
from synapse.sizes import parse_size

from .pipeline import BrokenPipeline, Pipeline

T = TypeVar('T')

IO_CLASSES = ('idle', 'best-effort')
COLORS = ('violet', 'cyan', 'pink', 'olive', 'steel', 'sand', 'teal', 'lavender', 'brown')
"""That stand for pipelines, in the order of the design, `p1` and on. None of them is the colour of a state."""
SCOPES = ('read', 'run')
ON_INTERRUPT = ('mark', 'retry')
StopSignal = Literal['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']
SIGNALS: tuple[str, ...] = get_args(StopSignal)
"""By which a program may be asked to end."""
MOST_GRACE = 3600.0
"""Seconds a program may have to end; Stop now and an emergency stop end it sooner."""
LIMITS = ('nice', 'ionice', 'memory_limit', 'needs_free', 'output_limit', 'stall_after', 'needs')
NEED = re.compile(r'[a-z][a-z0-9_-]{0,39}')


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """What the programs of a run inherit; None leaves it as it is.

    `nice` is added to the niceness of Synapse. `ionice` is `idle` or `best-effort`, or a level of the latter, 0 to 7.
    A stop asks programs to end by `stop_signal`, and kills what is left after `grace_seconds`. `on_interrupt` says
    whether a run that ends with the control room is only marked, or retried from that step at the next start.
    `memory_limit`, `needs_free` and `output_limit` are in bytes; `stall_after` is in seconds, 0 for no alarm.
    `needs` says how much of what a run takes of its machine: `memory` in bytes, `cores`, and labels.
    """

    nice: int | None = None
    ionice: str | int | None = None
    umask: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    token_scope: str | None = None
    stop_signal: str | None = None
    grace_seconds: float | None = None
    on_interrupt: str | None = None
    memory_limit: int | None = None
    needs_free: int | None = None
    output_limit: int | None = None
    stall_after: float | None = None
    needs: Mapping[str, float] | None = None
    color: str | None = None

    @property
    def limits(self) -> dict[str, Any]:
        """Those that limit what a run may take, by name, if they are declared."""
        values = {name: getattr(self, name) for name in LIMITS}
        return {name: value for name, value in values.items() if value is not None}


def options_of(pipeline: type[Pipeline]) -> ProcessOptions:
    """Return the options that a pipeline declares.

    :raises BrokenPipeline: if one is invalid
    """
    return ProcessOptions(
        nice=_whole(pipeline, 'nice', -20, 19),
        ionice=_ionice(pipeline),
        umask=_whole(pipeline, 'umask', 0, 0o777),
        environment=_environment(pipeline),
        token_scope=_one_of(pipeline, 'token_scope', SCOPES),
        stop_signal=_one_of(pipeline, 'stop_signal', SIGNALS),
        grace_seconds=_seconds(pipeline, 'grace_seconds', MOST_GRACE),
        on_interrupt=_one_of(pipeline, 'on_interrupt', ON_INTERRUPT),
        memory_limit=_parsed(pipeline, 'memory_limit', parse_size),
        needs_free=_parsed(pipeline, 'needs_free', parse_size),
        output_limit=_parsed(pipeline, 'output_limit', parse_size),
        stall_after=_parsed(pipeline, 'stall_after', parse_duration),
        needs=_needs(pipeline),
        color=_one_of(pipeline, 'color', COLORS),
    )


def _declared(pipeline: type[Pipeline], name: str) -> Any:
    """Return the value of an option, None if it isn't declared; a parameter or method of this name does not count."""
    value = None if name in pipeline.model_fields else getattr(pipeline, name, None)
    return None if callable(value) or isinstance(value, property) else value


def _whole(pipeline: type[Pipeline], name: str, low: int, high: int) -> int | None:
    value = _declared(pipeline, name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and low <= value <= high):
        return value
    lowest, highest = (f'0o{low:o}', f'0o{high:o}') if name == 'umask' else (str(low), str(high))
    raise BrokenPipeline(
        _(
            '{option} must be a whole number from {low} to {high}, not {value!r}',
            option=f'{pipeline.__name__}.{name}',
            low=lowest,
            high=highest,
            value=value,
        )
    )


def _seconds(pipeline: type[Pipeline], name: str, high: float) -> float | None:
    value = _declared(pipeline, name)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= high:
        return float(value)
    raise BrokenPipeline(
        _(
            '{option} must be a number of seconds from 0 to {high:g}, not {value!r}',
            option=f'{pipeline.__name__}.{name}',
            high=high,
            value=value,
        )
    )


def _parsed(pipeline: type[Pipeline], name: str, parse: Callable[[Any], T]) -> T | None:
    value = _declared(pipeline, name)
    try:
        return None if value is None else parse(value)
    except ValueError as error:
        raise BrokenPipeline(f'{pipeline.__name__}.{name}: {error}') from error


def _ionice(pipeline: type[Pipeline]) -> str | int | None:
    value = _declared(pipeline, 'ionice')
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 7:
        return value
    return _one_of(pipeline, 'ionice', IO_CLASSES, is_level=True)


def _one_of(pipeline: type[Pipeline], name: str, choices: tuple[str, ...], *, is_level: bool = False) -> str | None:
    value = _declared(pipeline, name)
    if value is None or (isinstance(value, str) and value in choices):
        return value
    option, known = f'{pipeline.__name__}.{name}', _any_of(choices)
    if is_level:
        text = _(
            '{option} must be {known}, or a level from 0 to 7, not {value!r}', option=option, known=known, value=value
        )
    else:
        text = _('{option} must be {known}, not {value!r}', option=option, known=known, value=value)
    raise BrokenPipeline(text)


def _any_of(choices: tuple[str, ...]) -> str:
    *others, last = map(repr, choices)
    text = last
    for choice in reversed(others):
        text = _('{one} or {another}', one=choice, another=text)
    return text


def _needs(pipeline: type[Pipeline]) -> dict[str, float] | None:
    value = _declared(pipeline, 'needs')
    if value is None:
        return None
    wrong = BrokenPipeline(
        _(
            "{name}.needs must be like {{'gpu': 1, 'cores': 4, 'memory': '8 GB'}}, not {value!r}",
            name=pipeline.__name__,
            value=value,
        )
    )
    if not isinstance(value, Mapping):
        raise wrong
    needs = {}
    for name, much in value.items():
        if not isinstance(name, str) or not NEED.fullmatch(name):
            raise wrong
        try:
            amount = float(parse_size(much)) if name == 'memory' else float(much)
        except (TypeError, ValueError):
            raise wrong from None
        if not 0 < amount < float('inf'):
            raise wrong
        needs[name] = amount
    return needs


def _environment(pipeline: type[Pipeline]) -> dict[str, str]:
    value = _declared(pipeline, 'environment')
    if value is None:
        return {}
    is_valid = isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(text, str) and re.fullmatch(r'[^=\0]+', name) and '\0' not in text
        for name, text in value.items()
    )
    if not is_valid:
        raise BrokenPipeline(
            _("{name}.environment must be like {{'NAME': 'value'}}, not {value!r}", name=pipeline.__name__, value=value)
        )
    ours = [name for name in value if name.startswith('SYNAPSE_')]
    if ours:
        raise BrokenPipeline(
            _(
                '{name}.environment cannot set {ours}: such names belong to Synapse',
                name=pipeline.__name__,
                ours=ours[0],
            )
        )
    return dict(value)
