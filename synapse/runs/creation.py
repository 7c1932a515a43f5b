"""Builds the records of new runs: checks their parameters, names their steps, copies the folder of a retry."""

import asyncio
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from storage.files import StorageError
from synapse.catalog.catalog import Catalog, PipelineInfo
from synapse.errors import Conflict, Invalid
from synapse.inbox import inputs
from synapse.inbox.inbox import Inbox
from synapse.profiles import Profile, Profiles
from synapse.records import now_utc

from . import transitions
from .folders import RunFolders, not_saved
from .records import RunRecord, RunRequest, StepRun, StepState, work_of


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """The record of a run that is created soon, and what it was made from."""

    run: RunRecord
    info: PipelineInfo
    profile: Profile | None


class NewRuns:
    """Builds records that are not saved yet: their number is 0."""

    def __init__(self, catalog: Catalog, profiles: Profiles, inbox: Inbox, folders: RunFolders) -> None:
        self._catalog = catalog
        self._profiles = profiles
        self._inbox = inbox
        self._folders = folders

    async def create(self, wanted: RunRequest) -> RunRecord:
        """See `Runs.create`."""
        info = self._catalog.get(wanted.pipeline)
        checked = await self._checked(info, self._with_defaults(info, wanted))
        return self._record(info, wanted, checked)

    def scheduled(self, wanted: RunRequest) -> RunRecord:
        """See `Runs.scheduled`."""
        info = self._catalog.get(wanted.pipeline)
        if not info.is_runnable:
            raise Conflict('pipeline_broken', f'{info.title} is broken.', 'Fix its file, then run it.')
        parameters = inputs.with_home(info.schema, self._with_defaults(info, wanted))
        return self._record(info, wanted, parameters)

    def prepared(self, wanted: RunRequest) -> PreparedRun:
        """See `Runs.prepared`."""
        profile = None if wanted.profile is None else self._profiles.get(wanted.profile)
        return PreparedRun(self.scheduled(wanted), self._catalog.get(wanted.pipeline), profile)

    def is_current(self, prepared: PreparedRun) -> bool:
        """Whether the same record would be made now."""
        run, profile = prepared.run, prepared.profile
        if self._catalog.find(run.pipeline) is not prepared.info:
            return False
        return run.profile is None or self._profiles.find(run.profile) is profile

    async def check(self, wanted: RunRequest) -> dict[str, Any]:
        """Check that a run could be created with these values now, and return its parameters.

        :raises SynapseError: as `Runs.create`
        """
        info = self._catalog.get(wanted.pipeline)
        return await self._checked(info, self._with_defaults(info, wanted))

    async def retry(self, old: RunRecord, wanted: RunRequest, from_step: str | None = None) -> RunRecord:
        """See `Runs.retry`; with `from_step` the folder of the new run exists when this returns.

        :param wanted: with the parameters to change; pipeline and profile are those of `old`
        """
        if not old.is_retryable:
            raise Conflict('run_not_retryable', f'Run #{old.number} is {old.state}.', 'Wait until it ends, or stop it.')
        info = self._catalog.get(old.pipeline)
        steps = _steps_of_retry(old, info, from_step)
        checked = await self._checked(info, old.parameters | dict(wanted.parameters))
        because = wanted.because or f'retry of #{old.number}'
        whole = replace(wanted, pipeline=old.pipeline, profile=old.profile, because=because)
        run = self._record(info, whole, checked, retry_of=old.id, steps=steps, work=work_of(old))
        done = [step.name for step in steps if step.state is StepState.SUCCEEDED]
        if not done:
            return run
        return await self._with_folder_of(old, run, done, {name: checked[name] for name in wanted.parameters})

    def _record(self, info: PipelineInfo, wanted: RunRequest, parameters: Mapping[str, Any], **more: Any) -> RunRecord:
        values: dict[str, Any] = {
            'id': secrets.token_hex(6),
            'number': 0,
            'parameters': parameters,
            'steps': _steps_of(info),
            'created_at': now_utc(),
            'subject': inputs.subject_of(info.schema, parameters, self._inbox),
        }
        return RunRecord(**vars(wanted) | values | more)

    def _with_defaults(self, info: PipelineInfo, wanted: RunRequest) -> dict[str, Any]:
        if wanted.profile is None:
            return dict(wanted.parameters)
        known = info.schema.get('properties', {})
        defaults = self._profiles.get(wanted.profile).defaults
        return {name: value for name, value in defaults.items() if name in known} | dict(wanted.parameters)

    async def _checked(self, info: PipelineInfo, parameters: Mapping[str, Any]) -> dict[str, Any]:
        parameters = inputs.with_home(info.schema, parameters)
        try:
            checked = await self._catalog.validate(info.name, parameters)
        except Invalid as error:
            # All errors at once, so that no one fixes one field only to be shown the next.
            wrong = await self._wrong_inputs(info, parameters)
            raise Invalid(error.message, wrong | error.fields, error.hint) from error
        wrong = await self._wrong_inputs(info, checked)
        if wrong:
            raise Invalid(next(iter(wrong.values())), wrong)
        return checked

    async def _wrong_inputs(self, info: PipelineInfo, parameters: Mapping[str, Any]) -> dict[str, str]:
        if not inputs.has_inputs(info.schema, parameters):
            return {}
        return await asyncio.to_thread(inputs.problems_with, info.schema, parameters, self._inbox)

    async def _with_folder_of(
        self, old: RunRecord, run: RunRecord, done: Sequence[str], overrides: Mapping[str, Any]
    ) -> RunRecord:
        cancelled = threading.Event()
        try:
            await asyncio.to_thread(
                self._folders.copy,
                old,
                run.id,
                done=done,
                parameters=overrides,
                watch=lambda *_: not cancelled.is_set(),
            )
        except asyncio.CancelledError:
            cancelled.set()  # a thread cannot be cancelled: it stops at the next piece and cleans up
            raise
        except (OSError, StorageError) as error:
            raise not_saved(f'The results of run #{old.number} could not be copied', error) from error
        source, target = self._folders.of(old.id), self._folders.of(run.id)
        kept = tuple(artifact for artifact in old.artifacts if artifact.step in done)
        return run.changed(parameters=inputs.with_folder(run.parameters, source, target), artifacts=kept)


def _steps_of(info: PipelineInfo) -> tuple[StepRun, ...]:
    return tuple(_pending(step['name']) for step in info.steps)


@lru_cache(1_000)
def _pending(name: str) -> StepRun:
    return StepRun(name=name)


def _steps_of_retry(old: RunRecord, info: PipelineInfo, from_step: str | None) -> tuple[StepRun, ...]:
    """Return the steps of a retry, those before `from_step` as the old run left them."""
    names = [step['name'] for step in info.steps]
    if from_step is not None and from_step not in names:
        raise Invalid(f'{info.name} has no step {from_step!r}.', {'from_step': f'One of {", ".join(names)}.'})
    if from_step is None or from_step == names[0]:
        return _steps_of(info)
    known = {step.name: step for step in old.steps}
    steps = tuple(known.get(name) or StepRun(name=name) for name in names)
    for step in steps[: names.index(from_step)]:
        if step.state is not StepState.SUCCEEDED:
            label = transitions.label_of(step.name)
            raise Conflict(
                'run_not_retryable',
                f'{label} of run #{old.number} has not succeeded, so it cannot start from a later step.',
                f'Retry from {label}, or from the start.',
            )
    return transitions.kept_from(steps, from_step, old.number)
