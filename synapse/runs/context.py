"""What the parts of `Runs` share."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storage.runs import RunStore
from synapse.auth import Auth
from synapse.bus import Bus
from synapse.catalog.catalog import Catalog
from synapse.engine.engine import Engine
from synapse.inbox.inbox import Inbox
from synapse.log.log import Log
from synapse.profiles import Profiles

from .folders import RunFolders
from .lines.log_limit import RUN_BYTES
from .unfinished import UnfinishedRuns

Planned = Callable[[], Iterable[tuple[str, Mapping[str, Any]]]]
"""Returns pipeline and parameters of whatever will still become a run, such as events."""

Environment = Callable[[], Awaitable[Mapping[str, str | None]]]
"""Returns variables to set for the programs of runs, None for those to remove."""


async def nothing_more() -> Mapping[str, str | None]:
    """Leave the environment of runs as it is."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """The rooms below, the folders of runs, the runs that have not ended, and what is planned.

    `zone` is for wall times in messages and log lines, `auth` grants the tokens of runs, `run_log_bytes` returns how
    much of the log one run may take. With less than `min_free_bytes` of free disk space no run starts.
    """

    store: RunStore
    engine: Engine
    catalog: Catalog
    profiles: Profiles
    inbox: Inbox
    log: Log
    bus: Bus
    folders: RunFolders
    unfinished: UnfinishedRuns
    planned: Planned
    zone: str
    environment: Environment = nothing_more
    auth: Auth | None = None
    run_log_bytes: Callable[[], int] = lambda: RUN_BYTES
    min_free_bytes: int = 0

    def here_with(self, pipeline: str) -> Sequence[str]:
        """Return the parameters of a pipeline which, if they are given, keep a run on this machine."""
        info = self.catalog.find(pipeline)
        return info.here_with if info is not None else ()

    def limits_of(self, pipeline: str) -> Mapping[str, Any]:
        """Return the limits that a pipeline declares, by their names; none if there is no such pipeline."""
        info = self.catalog.find(pipeline)
        return info.limits if info is not None else {}
