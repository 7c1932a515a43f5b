"""Descriptions of pipelines, and those of the built-in ones."""

import hashlib
import logging
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from synapse.pipelines.describe import describe
from synapse.pipelines.load import load_pipeline
from synapse.pipelines.problems import as_describe_error

log = logging.getLogger(__name__)

BUILT_IN = ('PublishVideo', 'RunCommand', 'BackupFolder', 'RestoreFolder')
COLORS = 6
"""How many colours the design has for pipelines."""
_BUILT_IN_COLORS = 3
"""Restore folder has that of Backup folder, as the two belong together."""


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
    color_index: int = 0
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
        del values['file'], values['origin'], values['token_scope']
        return {**values, 'is_runnable': self.is_runnable}


def built_in_infos() -> list[PipelineInfo]:
    """Load and describe the built-in pipelines in this process. Slow; call it from a thread."""
    return [
        replace(_built_in_info(name), color_index=min(number, _BUILT_IN_COLORS - 1))
        for number, name in enumerate(BUILT_IN)
    ]


def _built_in_info(name: str) -> PipelineInfo:
    try:
        return info_of(describe(load_pipeline(name, None)))
    except Exception as error:  # a package it needs is broken: the others still work, and this one shows why
        log.exception('the built-in pipeline %s cannot be loaded', name)
        return PipelineInfo(name=name, title=name, error=as_describe_error(error, 'built-in'))


def info_of(described: dict[str, Any]) -> PipelineInfo:
    """Build it from what `synapse.pipelines.describe` returns."""
    lists = {name: tuple(described[name]) for name in ('steps', 'accepts')}
    return PipelineInfo(**described | lists, color_index=color_of(described['name']))


def color_of(name: str) -> int:
    """Return the index of a colour, always the same for a name, and none of the built-in pipelines."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
    return _BUILT_IN_COLORS + number % (COLORS - _BUILT_IN_COLORS)
