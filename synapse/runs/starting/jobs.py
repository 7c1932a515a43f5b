"""What a host needs for its run: the job, with the input files in the folder of the run and the real secrets."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from storage.copies import Watch
from synapse.catalog.catalog import PipelineInfo
from synapse.credentials.scope import Scope
from synapse.errors import NotFound, SynapseError
from synapse.inbox import inputs
from synapse.inbox.inbox import PREFIX
from synapse.language import _, own_language
from synapse.language.figures import number
from synapse.log.log import Level
from synapse.protocol.environment import TOKEN
from synapse.protocol.messages import Job
from synapse.runs.comparison.changes import ChangeKind, Side, changes_between
from synapse.runs.comparison.making import Making, Makings
from synapse.runs.context import RunContext
from synapse.runs.lines.intake import Recovery
from synapse.runs.lines.lifecycle_log import LifecycleLog
from synapse.runs.records import RunRecord, StepState
from synapse.scrubber import secret_values
from synapse.sealed import CannotOpen, has_sealed

KeepGoing = Callable[[], bool]

LONG_BYTES = 256 * 1024**2
"""The copy of a file of this size or more is logged, and then how far it is."""
LOG_SECONDS = 10.0
MOST_TOLD = 10


class RunJobs:
    """Prepares runs for their hosts when they start, and removes from the inbox what no run needs any more."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._catalog, self._profiles, self._inbox = context.catalog, context.profiles, context.inbox
        self._folders, self._log = context.folders, context.log
        self._lifecycle = LifecycleLog(context.log)
        self.makings = Makings(context)
        self._tokens: dict[str, str] = {}

    async def prepare(self, run: RunRecord, keep_going: KeepGoing) -> tuple[RunRecord, Job]:
        """Return the run with real paths in its parameters and what it is made of, and its job.

        From now on the log hides its secrets.

        :param keep_going: called from a thread while files are copied
        :raises SynapseError: if the pipeline, the profile, a file or the checkpoint is gone
        :raises CopyStopped: when `keep_going` returns False
        """
        info = self._catalog.get(run.pipeline)
        hidden = self._secrets_in(run)
        profile = self._profile_of(run, hidden)
        from_step, watch = _first_to_run(run), self._watch(run, keep_going)
        read_making = self.makings.reader(run)

        def in_its_folder() -> tuple[Path, dict[str, str], Making | None, dict[str, Any] | None]:
            folder, target = self._folders.make(run.id), self._folders.inputs(run.id)
            self._folders.keep(run.id)
            places = inputs.take_over(
                info.schema,
                run.parameters,
                inbox=self._inbox,
                runs=self._folders.root,
                target=target,
                watch=watch,
                found=[] if run.event_id else run.found,
            )
            needs_state = from_step is not None or run.answers
            making = read_making(run.changed(parameters=inputs.with_places(run.parameters, places)))
            return folder, places, making, self._folders.checkpoint(run.id) if needs_state else None

        folder, places, making, checkpoint = await asyncio.to_thread(in_its_folder)
        if making is not None:
            await self.makings.keep(making)
        await self._warn_of_changed(run, places)
        parameters = inputs.with_places(run.parameters, places)
        prepared = run.changed(parameters=parameters, made_of=making.made_of if making else None)
        if making is not None and not run.answers:  # with answers it continues
            await self._say_changed(prepared, making)
        if from_step is not None and checkpoint is None:
            raise SynapseError(
                'no_checkpoint', _('The checkpoint of the earlier steps is gone.'), _('Run it from its start.')
            )
        job: Job = {
            'id': run.id,
            'number': run.number,
            'folder': str(folder),
            'pipeline': run.pipeline,
            'file': info.file,
            'origin': info.origin,
            'parameters': self._opened(parameters),
            'profile': profile,
            'secrets': hidden,
            'zone': self._context.zone,
            'language': own_language(),
            'from_step': from_step,
            'state': None,
            'environment': {**await self._context.environment(), **self._token_for(run, info)},
            'stop_signal': run.stop_signal,
            'grace_seconds': run.grace_seconds,
            'answers': [answer.as_json() for answer in run.answers],
        }
        if checkpoint:
            job['state'] = self._opened(inputs.with_places(checkpoint['state'], places))
        return prepared, job

    def _token_for(self, run: RunRecord, info: PipelineInfo) -> dict[str, str]:
        """Return the token of a run whose pipeline declares one, as a variable; `ended` makes it invalid."""
        auth = self._context.auth
        if auth is None or info.token_scope is None:
            return {}
        token = self._tokens[run.id] = auth.grant(Scope(info.token_scope))
        hidden = self._profiles.secrets_of(run.profile) if run.profile is not None else {}
        self._log.hide(run.id, [*secret_values(hidden), *self._secrets_in(run), token])
        return {TOKEN: token}

    def ended(self, run: RunRecord) -> None:
        """Revoke the token of a run and stop hiding its secrets in the log."""
        token = self._tokens.pop(run.id, None)
        if token is not None and self._context.auth is not None:
            self._context.auth.revoke(token)
        self._log.unhide(run.id)

    def _secrets_in(self, run: RunRecord) -> list[str]:
        return self._catalog.seal.texts_in(run.parameters) if has_sealed(run.parameters) else []

    def _opened(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if not has_sealed(values):
            return dict(values)
        try:
            return dict(self._catalog.seal.opened(values))
        except CannotOpen:
            raise SynapseError(
                'secret_not_readable',
                _('A secret among the parameters was saved with another key than this.'),
                _('Start a new run from its form, and enter the secret again.'),
            ) from None

    async def settle_inputs(self, run: RunRecord, keep_going: KeepGoing) -> None:
        """Remove from the inbox what this run took over, then make its own files independent of what is left there.

        Call it once the new paths of the run are saved.

        :param run: with the parameters it was created with
        :raises CopyStopped: when `keep_going` returns False
        """
        await self.leave_inbox(run)
        await asyncio.to_thread(inputs.make_independent, self._folders.inputs(run.id), self._watch(run, keep_going))

    def _watch(self, run: RunRecord, keep_going: KeepGoing) -> Watch:
        """Return a callback that logs how far a long copy is, and whether to continue it."""
        loop = asyncio.get_running_loop()
        logged_at = 0.0

        def watch(path: Path, done: int, size: int) -> bool:
            nonlocal logged_at
            if size >= LONG_BYTES and (not done or time.monotonic() - logged_at >= LOG_SECONDS):
                logged_at = time.monotonic()
                text = _(
                    'Copying {name} for this run: {done} of {size} GB',
                    name=path.name,
                    done=number(done / 1e9, digits=1),
                    size=number(size / 1e9, digits=1),
                )
                loop.call_soon_threadsafe(self._lifecycle.write, run, text)
            return keep_going()

        return watch

    async def _warn_of_changed(self, run: RunRecord, places: Mapping[str, str]) -> None:
        for source in [Path(value) for value in places if not value.startswith(PREFIX)]:
            if not await asyncio.to_thread(inputs.is_unchanged, source):
                text = _('{name} was changed by the run it came from; this run uses it as it is now', name=source.name)
                self._lifecycle.write(run, text, level=Level.WARNING)

    async def _say_changed(self, run: RunRecord, making: Making) -> None:
        """Log what has changed since the run that this one retries."""
        document = await asyncio.to_thread(self._context.store.get, run.retry_of) if run.retry_of else None
        if document is None:
            return
        old = RunRecord.model_validate(document)
        documents = {**await self.makings.documents_of(old.made_of), **making.documents}
        changes, __ = changes_between(Side(old, old.made_of, documents), Side(run, run.made_of, documents))
        told = [change.text for change in changes if change.kind not in (ChangeKind.STEP, ChangeKind.DISK)]
        if told:
            more = [_('{count} more', count=len(told) - MOST_TOLD)] if len(told) > MOST_TOLD else []
            text = _(
                'Changed since #{number}: {changes}', number=old.number, changes='; '.join([*told[:MOST_TOLD], *more])
            )
            self._lifecycle.write(run, text, level=Level.WARNING)

    @contextlib.contextmanager
    def hiding(self, run: RunRecord) -> Iterator[list[str]]:
        """A context in which the log hides the secrets of a run that no process works for; yields them."""
        secrets: dict[str, str] = {}
        if run.profile is not None:
            with contextlib.suppress(NotFound):
                secrets = self._profiles.secrets_of(run.profile)
        hidden = [*secret_values(secrets), *self._secrets_in(run)]
        self._log.hide(run.id, hidden)
        try:
            yield hidden
        finally:
            self._log.unhide(run.id)

    async def recover_log(self, run: RunRecord, hidden: Sequence[str]) -> None:
        """Log what a run had printed when the control room died and that is not in the log yet."""
        most_bytes = self._context.limits_of(run.pipeline).get('output_limit') or self._context.run_log_bytes()
        await Recovery(self._log, run.id, self._folders.of(run.id), hidden, most_bytes=most_bytes).finish()

    def _profile_of(self, run: RunRecord, also_hidden: list[str]) -> dict[str, Any] | None:
        self._log.hide(run.id, also_hidden)
        if run.profile is None:
            return None
        profile = self._profiles.get(run.profile)
        hidden = self._profiles.secrets_of(run.profile)
        self._log.hide(run.id, [*secret_values(hidden), *also_hidden])
        return {
            'id': profile.id,
            'label': profile.label,
            'destination': profile.destination,
            'defaults': profile.defaults,
            'secrets': hidden,
            'known_hosts': str(self._profiles.known_hosts),
        }

    async def leave_inbox(self, run: RunRecord, more: Iterable[RunRecord] = ()) -> None:
        """Remove the files of this run from the inbox, except those that an unfinished run or an event needs.

        :param more: further runs whose files are kept
        """
        # A run that has just started may not have taken its file over yet; its parameters name it.
        others = [other for other in [*self._context.unfinished, *more] if other.id != run.id]
        wanted = [(other.pipeline, other.parameters) for other in others]
        needed = {
            item_id for name, values in [*wanted, *self._context.planned()] for item_id in self._inbox_ids(name, values)
        }
        for item_id in self._inbox_ids(run.pipeline, run.parameters) - needed:
            with contextlib.suppress(NotFound):
                await self._inbox.delete(item_id)

    def _inbox_ids(self, pipeline: str, parameters: Mapping[str, Any]) -> set[str]:
        info = self._catalog.find(pipeline)
        return inputs.inbox_ids(info.schema, parameters) if info else set()


def _first_to_run(run: RunRecord) -> str | None:
    """Return the step a retry starts from: the first that is not kept, None if none is kept."""
    waiting = [step.name for step in run.steps if step.state is not StepState.SUCCEEDED]
    return waiting[0] if waiting and len(waiting) < len(run.steps) else None
