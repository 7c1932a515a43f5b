"""The job of a run: all that its host needs, with its files taken over and its secrets in hand."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from storage.copies import Watch
from synapse.catalog.catalog import Catalog
from synapse.errors import NotFound, SynapseError
from synapse.inbox import inputs
from synapse.inbox.inbox import Inbox
from synapse.log.log import Level, Log
from synapse.profiles import Profiles
from synapse.protocol.messages import Job

from .folders import RunFolders
from .intake import Recovery
from .lifecycle_log import LifecycleLog
from .records import RunRecord, StepState

GoOn = Callable[[], bool]

LONG_BYTES = 256 * 1024**2
SAY_SECONDS = 10.0
"""Of a file so large the log says that it is being copied, and how far, so often."""


class RunJobs:
    """Prepares runs for their hosts, at the moment they start."""

    def __init__(
        self, catalog: Catalog, profiles: Profiles, inbox: Inbox, folders: RunFolders, log: Log, zone: str
    ) -> None:
        self._zone = zone
        self._catalog = catalog
        self._profiles = profiles
        self._inbox = inbox
        self._folders = folders
        self._log = log
        self._say = LifecycleLog(log)

    async def prepare(self, run: RunRecord, go_on: GoOn) -> tuple[RunRecord, Job]:
        """The run with real paths in its parameters, and its job. Its secrets are hidden in the log from here on.

        :param go_on: asked from a thread while files are copied
        :raises SynapseError: if the pipeline, the profile, a file or the checkpoint is gone
        :raises CopyStopped: when `go_on` says no
        """
        info = self._catalog.get(run.pipeline)
        profile = self._profile_of(run)
        folder = await asyncio.to_thread(self._folders.make, run.id)
        places = await asyncio.to_thread(
            inputs.taken_over,
            info.schema,
            run.parameters,
            inbox=self._inbox,
            runs=self._folders.root,
            target=self._folders.inputs(run.id),
            watch=self._watch(run, go_on),
        )
        await self._tell_of_changed(run, places)
        parameters = inputs.with_places(run.parameters, places)
        checkpoint = await asyncio.to_thread(self._folders.checkpoint, run.id)
        from_step = _first_to_run(run)
        if from_step is not None and checkpoint is None:
            raise SynapseError(
                'no_checkpoint', 'The checkpoint of the earlier steps is gone.', 'Run it from its start.'
            )
        job: Job = {
            'id': run.id,
            'number': run.number,
            'folder': str(folder),
            'pipeline': run.pipeline,
            'file': info.file,
            'origin': info.origin,
            'parameters': parameters,
            'profile': profile,
            'zone': self._zone,
            'from_step': from_step,
            'state': inputs.with_places(checkpoint['state'], places) if from_step and checkpoint else None,
        }
        return run.changed(parameters=parameters), job

    async def make_own(self, run: RunRecord, go_on: GoOn) -> None:
        """Have what this run took over to itself alone, now that it is known what stays in the inbox."""
        await asyncio.to_thread(inputs.make_own, self._folders.inputs(run.id), self._watch(run, go_on))

    def _watch(self, run: RunRecord, go_on: GoOn) -> Watch:
        """Says in the log of the run how far a long copy is, and whether it is to go on."""
        loop = asyncio.get_running_loop()
        said = 0.0

        def watch(path: Path, done: int, size: int) -> bool:
            nonlocal said
            if size >= LONG_BYTES and (not done or time.monotonic() - said >= SAY_SECONDS):
                said = time.monotonic()
                text = f'Copying {path.name} for this run: {done / 1e9:.1f} of {size / 1e9:.1f} GB'
                loop.call_soon_threadsafe(self._say.say, run, text)
            return go_on()

        return watch

    async def _tell_of_changed(self, run: RunRecord, places: Mapping[str, str]) -> None:
        for source in [Path(value) for value in places if not value.startswith(inputs.INBOX)]:
            if not await asyncio.to_thread(inputs.is_as_taken_over, source):
                text = f'{source.name} was changed by the run it came from; this run has it as it is now'
                self._say.say(run, text, level=Level.WARNING)

    async def take_in_rest(self, run: RunRecord) -> None:
        """Bring into the log what a run had said when the control room died and that is not there yet."""
        secrets: dict[str, str] = {}
        if run.profile is not None:
            with contextlib.suppress(NotFound):
                secrets = self._profiles.secrets_of(run.profile)
        self._log.hide(run.id, secrets.values())
        await Recovery(self._log, run.id, self._folders.of(run.id), secrets.values()).take_rest()
        self._log.unhide(run.id)

    def _profile_of(self, run: RunRecord) -> dict[str, Any] | None:
        if run.profile is None:
            return None
        profile = self._profiles.get(run.profile)
        hidden = self._profiles.secrets_of(run.profile)
        self._log.hide(run.id, hidden.values())
        return {
            'id': profile.id,
            'label': profile.label,
            'destination': profile.destination,
            'defaults': profile.defaults,
            'secrets': hidden,
        }

    async def leave_inbox(
        self, run: RunRecord, others: Iterable[RunRecord], kept: Iterable[tuple[str, Mapping[str, Any]]] = ()
    ) -> None:
        """Take the files that this run has taken over out of the inbox, except those that others still need.

        :param kept: pipelines and parameters of events, which need their file each time
        """
        wanted = [(other.pipeline, other.parameters) for other in others if other.id != run.id]
        needed = {item_id for name, values in [*wanted, *kept] for item_id in self._inbox_ids(name, values)}
        for item_id in self._inbox_ids(run.pipeline, run.parameters) - needed:
            with contextlib.suppress(NotFound):
                await self._inbox.delete(item_id)

    def _inbox_ids(self, pipeline: str, parameters: Mapping[str, Any]) -> set[str]:
        with contextlib.suppress(NotFound):
            return inputs.inbox_ids(self._catalog.get(pipeline).schema, parameters)
        return set()


def _first_to_run(run: RunRecord) -> str | None:
    """The step a retry starts at: the first that is not kept; None if none is kept."""
    waiting = [step.name for step in run.steps if step.state is not StepState.SUCCEEDED]
    return waiting[0] if waiting and len(waiting) < len(run.steps) else None
