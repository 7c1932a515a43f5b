"""A pipeline as pages and the API see it, and those that are built in."""

import hashlib
import logging
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from synapse.pipelines.describe import describe
from synapse.pipelines.load import load_pipeline
from synapse.pipelines.problems import as_describe_error

log = logging.getLogger(__name__)

BUILT_IN = ('PublishVideo', 'RunCommand', 'BackupFolder')
COLORS = 6
"""As many as the design has for pipelines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineInfo:
    """A pipeline as pages and the API see it. One with an `error` may still run, as its last good version."""

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
    """The snapshot to run; None for what is built in."""
    origin: str | None = None
    """The person's file."""
    color_index: int = 0

    @property
    def is_built_in(self) -> bool:
        return self.source == 'built-in'

    @property
    def is_runnable(self) -> bool:
        return bool(self.steps)

    def as_json(self) -> dict[str, Any]:
        """The fields of the API; where the snapshot lies is nobody's business."""
        values = asdict(self)
        del values['file'], values['origin']
        return {**values, 'is_runnable': self.is_runnable}


def built_in_infos() -> list[PipelineInfo]:
    """The pipelines that come with Synapse, loaded in this process; takes a moment, so call it in a thread."""
    return [replace(_built_in_info(name), color_index=number) for number, name in enumerate(BUILT_IN)]


def _built_in_info(name: str) -> PipelineInfo:
    try:
        return info_of(describe(load_pipeline(name, None)))
    except Exception as error:  # a package that it needs is broken: the others still work, and this one says why
        log.exception('the built-in pipeline %s cannot be loaded', name)
        return PipelineInfo(name=name, title=name, error=as_describe_error(error, 'built-in'))


def info_of(described: dict[str, Any]) -> PipelineInfo:
    """From what `synapse.pipelines.describe` tells."""
    return PipelineInfo(
        name=described['name'],
        title=described['title'],
        description=described['description'],
        steps=tuple(described['steps']),
        schema=described['schema'],
        accepts=tuple(described['accepts']),
        max_parallel=described['max_parallel'],
        color_index=color_of(described['name']),
    )


def color_of(name: str) -> int:
    """Always the same for a name, and none of those that the built-in pipelines have."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
    return len(BUILT_IN) + number % (COLORS - len(BUILT_IN))
