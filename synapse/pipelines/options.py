"""How to set up the process of a run, as class variables of its pipeline say."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .pipeline import BrokenPipeline, Pipeline

IO_CLASSES = ('idle', 'best-effort')
SCOPES = ('read', 'run')


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """What the programs of a run inherit; None leaves it as it is.

    `nice` is added to the niceness of Synapse. `ionice` is `idle` or `best-effort`, or a level of the latter, 0 to 7.
    """

    nice: int | None = None
    ionice: str | int | None = None
    umask: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    token_scope: str | None = None


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
    )


def _declared(pipeline: type[Pipeline], name: str) -> Any:
    """Return the value of an option, None if it isn't declared; a parameter or method of this name does not count."""
    value = None if name in pipeline.model_fields else getattr(pipeline, name, None)
    return None if callable(value) or isinstance(value, property) else value


def _whole(pipeline: type[Pipeline], name: str, low: int, high: int) -> int | None:
    value = _declared(pipeline, name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and low <= value <= high):
        return value
    limits = f'from 0o{low:o} to 0o{high:o}' if name == 'umask' else f'from {low} to {high}'
    raise BrokenPipeline(f'{pipeline.__name__}.{name} must be a whole number {limits}, not {value!r}')


def _ionice(pipeline: type[Pipeline]) -> str | int | None:
    value = _declared(pipeline, 'ionice')
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 7:
        return value
    return _one_of(pipeline, 'ionice', IO_CLASSES, ', or a level from 0 to 7')


def _one_of(pipeline: type[Pipeline], name: str, choices: tuple[str, ...], more: str = '') -> str | None:
    value = _declared(pipeline, name)
    if value is None or (isinstance(value, str) and value in choices):
        return value
    known = ' or '.join(map(repr, choices))
    raise BrokenPipeline(f'{pipeline.__name__}.{name} must be {known}{more}, not {value!r}')


def _environment(pipeline: type[Pipeline]) -> dict[str, str]:
    value = _declared(pipeline, 'environment')
    if value is None:
        return {}
    is_valid = isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(text, str) and re.fullmatch(r'[^=\0]+', name) and '\0' not in text
        for name, text in value.items()
    )
    if not is_valid:
        raise BrokenPipeline(f"{pipeline.__name__}.environment must be like {{'NAME': 'value'}}, not {value!r}")
    ours = [name for name in value if name.startswith('SYNAPSE_')]
    if ours:
        raise BrokenPipeline(f'{pipeline.__name__}.environment cannot set {ours[0]}: such names belong to Synapse')
    return dict(value)
