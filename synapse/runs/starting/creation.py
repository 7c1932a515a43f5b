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
from synapse.language import _, in_this_language
from synapse.profiles import Profile, Profiles
from synapse.records import now_utc
from synapse.runs import transitions
from synapse.runs.folders import RunFolders, not_saved
from synapse.runs.records import RunRecord, RunRequest, StepRun, StepState, work_of


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
        """See `Runs.request`."""
        info = self._catalog.get(wanted.pipeline)
        checked = await self._checked(info, self._with_defaults(info, wanted))
        return self._record(info, wanted, checked)

    def scheduled(self, wanted: RunRequest) -> RunRecord:
        """See `Runs.scheduled`."""
        info = self._catalog.get(wanted.pipeline)
        if not info.is_runnable:
            raise Conflict(
                'pipeline_broken', _('{title} is broken.', title=info.title), _('Fix its file, then run it.')
            )
        parameters = inputs.with_home(info.schema, self._with_defaults(info, wanted))
        return self._record(info, wanted, parameters)

    def prepared(self, wanted: RunRequest) -> PreparedRun:
        """Return a run that falls due soon; see `Runs.created_now`.

        :raises SynapseError: if the pipeline is gone or broken, or the profile is gone
        """
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

        :raises SynapseError: as `Runs.request`
        """
        info = self._catalog.get(wanted.pipeline)
        return await self._checked(info, self._with_defaults(info, wanted))

    async def retry(self, old: RunRecord, wanted: RunRequest, from_step: str | None = None) -> RunRecord:
        """See `Runs.retry`; with `from_step` the folder of the new run exists when this returns.

        :param wanted: with the parameters to change; pipeline and profile are those of `old`
        """
        steps, checked = await self.checked_retry(old, wanted, from_step)
        info = self._catalog.get(old.pipeline)
        because = wanted.because or _('retry of #{number}', number=old.number)
        kept = {name: getattr(old, name) for name in ('pipeline', 'profile', 'stop_signal', 'grace_seconds')}
        # One of other values may be about something else.
        subject = old.subject if checked == old.parameters else ''
        whole = replace(wanted, **kept, because=because, subject=subject)
        run = self._record(info, whole, checked, retry_of=old.id, steps=steps, work=work_of(old))
        done = [step.name for step in steps if step.state is StepState.SUCCEEDED]
        if not done:
            return run
        return await self._with_folder_of(old, run, done, {name: checked[name] for name in wanted.parameters})

    async def checked_retry(
        self, old: RunRecord, wanted: RunRequest, from_step: str | None = None
    ) -> tuple[tuple[StepRun, ...], dict[str, Any]]:
        """Return the steps and parameters that `retry` would give the new run.

        :raises SynapseError: as `Runs.retry`
        """
        if not old.is_retryable:
            raise Conflict(
                'run_not_retryable',
                _('Run #{number} is {state}.', number=old.number, state=transitions.state_words(old.state)),
                _('Wait until it ends, or stop it.'),
            )
        info = self._catalog.get(old.pipeline)
        if old.is_recovered and not wanted.parameters and wanted.event_id is None and info.schema.get('properties'):
            raise _without_parameters(old)
        steps = steps_of_retry(old, info, from_step)
        done = [step.name for step in steps if step.state is StepState.SUCCEEDED]
        if done:
            await asyncio.to_thread(in_this_language(self._folders.checkpoint_of), old, done)
        given = dict(wanted.parameters)
        if old.is_recovered:
            given = self._with_defaults(info, replace(wanted, profile=old.profile))
        return steps, await self._checked(info, old.parameters | given)

    def _record(self, info: PipelineInfo, wanted: RunRequest, parameters: Mapping[str, Any], **more: Any) -> RunRecord:
        values: dict[str, Any] = {
            'id': secrets.token_hex(6),
            'number': 0,
            'parameters': parameters,
            'steps': _steps_of(info),
            'created_at': now_utc(),
            'subject': inputs.subject_of(info.schema, parameters, self._inbox, wanted.subject),
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
        data = self._folders.root.parent
        look = in_this_language(inputs.problems_with)
        return await asyncio.to_thread(look, info.schema, parameters, self._inbox, data)

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
            raise not_saved(_('The results of run #{number} could not be copied', number=old.number), error) from error
        source, target = self._folders.of(old.id), self._folders.of(run.id)
        kept = tuple(artifact for artifact in old.artifacts if artifact.step in done)
        return run.changed(parameters=inputs.with_folder(run.parameters, source, target), artifacts=kept)


def _without_parameters(old: RunRecord) -> Invalid:
    message = _('The parameters of run #{number} were lost in a damaged file.', number=old.number)
    fields = {'parameters': _('Give those that it needs.')}
    return Invalid(message, fields, _('Retry it with parameters, or start a new run.'), code='parameters_lost')


def _steps_of(info: PipelineInfo) -> tuple[StepRun, ...]:
    return tuple(_pending(step['name']) for step in info.steps)


@lru_cache(1_000)
def _pending(name: str) -> StepRun:
    return StepRun(name=name)


def steps_of_retry(old: RunRecord, info: PipelineInfo, from_step: str | None) -> tuple[StepRun, ...]:
    """Return the steps of a retry, those before `from_step` as the old run left them.

    :raises Invalid: if there is no such step
    :raises Conflict: `run_not_retryable`, if one before it has not succeeded
    """
    names = [step['name'] for step in info.steps]
    if from_step is not None and from_step not in names:
        raise Invalid(
            _('{name} has no step {from_step!r}.', name=info.name, from_step=from_step),
            {'from_step': _('One of {steps}.', steps=', '.join(names))},
        )
    if from_step is None or from_step == names[0]:
        return _steps_of(info)
    known = {step.name: step for step in old.steps}
    steps = tuple(known.get(name) or StepRun(name=name) for name in names)
    for step in steps[: names.index(from_step)]:
        if step.state is not StepState.SUCCEEDED:
            label = transitions.label_of(step.name, old.pipeline)
            what = _(
                '{label} of run #{number} has not succeeded, so it cannot start from a later step.',
                label=label,
                number=old.number,
            )
            if step.name not in known:
                what = _(
                    'Run #{number} had no step {label}: the steps of {title} were changed since.',
                    number=old.number,
                    label=label,
                    title=info.title,
                )
            raise Conflict('run_not_retryable', what, _('Retry from {label}, or from the start.', label=label))
    return transitions.kept_from(steps, from_step, old.number)
