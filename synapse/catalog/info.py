"""Descriptions of pipelines, and those of the built-in ones."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from synapse.language import N_, language, said_in, translated
from synapse.pipelines.describe import describe, is_path
from synapse.pipelines.load import load_pipeline
from synapse.pipelines.problems import as_describe_error

from .colors import OF_BUILT_IN

log = logging.getLogger(__name__)

BUILT_IN = ('PublishVideo', 'RunCommand', 'BackupFolder', 'RestoreFolder')


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineInfo:
    """A pipeline as pages and the API show it. One with an `error` may still be runnable, as its last good version."""

    name: str
    title: str
    description: str = ''
    steps: tuple[dict[str, Any], ...] = ()
    schema: dict[str, Any] = field(default_factory=dict)
    accepts: tuple[str, ...] = ()
    max_parallel: int | None = None
    source: str = 'built-in'
    error: dict[str, Any] | None = None
    file: str | None = None
    """The snapshot to run; None for a built-in pipeline."""
    origin: str | None = None
    """The person's file."""
    helpers: tuple[str, ...] = ()
    """The person's other files that it imports, by their absolute paths."""
    color: str | None = None
    """The colour that its class declares, see `colors`."""
    color_index: int = 0
    """That which it has."""
    on_interrupt: str = 'mark'
    """Whether a run that ends with the control room is only marked, or retried at the next start: `mark` or `retry`."""
    limits: dict[str, Any] = field(default_factory=dict)
    """Those that it declares: `nice`, `ionice`, sizes in bytes, and `stall_after` in seconds."""
    here_with: tuple[str, ...] = ()
    """Parameters which, if they are given, keep a run on this machine."""
    token_scope: str | None = None
    """What a token of the API that its runs get may do; None for no token."""

    @property
    def is_built_in(self) -> bool:
        return self.source == 'built-in'

    @property
    def is_runnable(self) -> bool:
        return bool(self.steps)

    def as_json(self) -> dict[str, Any]:
        """Return the fields of the API, without the paths of the files."""
        values = asdict(self)
        if self.error is not None:
            values['error'] = {name: said_in(language(), value) for name, value in self.error.items()}
        for name in ('file', 'origin', 'helpers', 'token_scope', 'color', 'here_with'):
            del values[name]
        if self.on_interrupt == 'mark':
            del values['on_interrupt']
        if not self.limits:
            del values['limits']
        return {**values, 'is_runnable': self.is_runnable}


def file_parameter(info: PipelineInfo) -> str | None:
    """Return the parameter that a single file fills: the first path with suffixes, else the first required path.

    A built-in pipeline without suffixes, such as the backup of a folder, doesn't take a single file.
    """
    paths = {name: field for name, field in info.schema.get('properties', {}).items() if is_path(field)}
    marked = [name for name, field in paths.items() if field.get('x-accepts')]
    required = [] if info.is_built_in else [name for name in paths if name in info.schema.get('required', ())]
    return next(iter([*marked, *required]), None)


def built_in_infos() -> list[PipelineInfo]:
    """Load and describe the built-in pipelines in this process. Slow; call it from a thread."""
    # Restore folder has the colour of Backup folder, as the two belong together.
    return [
        replace(_built_in_info(name), color_index=min(number, OF_BUILT_IN - 1)) for number, name in enumerate(BUILT_IN)
    ]


def _built_in_info(name: str) -> PipelineInfo:
    try:
        return info_of(describe(load_pipeline(name, None)))
    except Exception as error:  # a package it needs is broken: the others still work, and this one shows why
        log.exception(N_('the built-in pipeline %s cannot be loaded'), name)
        return PipelineInfo(name=name, title=name, error=as_describe_error(error, 'built-in'))


def info_of(described: dict[str, Any]) -> PipelineInfo:
    """Build it from what `synapse.pipelines.describe` returns."""
    lists = {name: tuple(described.get(name, ())) for name in ('steps', 'accepts', 'here_with')}
    return PipelineInfo(**described | lists)


def in_language(info: PipelineInfo, chosen: str) -> PipelineInfo:
    """Return a built-in pipeline with its title, its description, its steps and its parameters in a language."""
    return replace(
        info,
        title=translated(info.title, chosen),
        description=translated(info.description, chosen),
        steps=tuple({**step, 'title': translated(step['title'], chosen)} for step in info.steps),
        schema=_shown(info.schema, chosen) | {'properties': _parameters(info.schema.get('properties', {}), chosen)},
    )


def title_of_field(name: str, schema: Mapping[str, Any]) -> str:
    """Return what people see instead of the name of a parameter."""
    words = name.replace('_', ' ')
    given = str(schema.get('title') or words.title())
    # Pydantic makes Such Titles of names; ours are in sentence case.
    return words.capitalize() if given == words.title() else given


def _parameters(fields: dict[str, dict[str, Any]], chosen: str) -> dict[str, dict[str, Any]]:
    return {name: _shown(field | {'title': title_of_field(name, field)}, chosen) for name, field in fields.items()}


def _shown(field: dict[str, Any], chosen: str) -> dict[str, Any]:
    texts: dict[str, Any] = {key: translated(field[key], chosen) for key in ('title', 'description') if key in field}
    if 'x-labels' in field:
        texts['x-labels'] = {value: translated(label, chosen) for value, label in field['x-labels'].items()}
    return field | texts
