"""Validation of events: all invalid fields are found at once, with a sentence for each."""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from synapse import recurrence
from synapse.catalog.catalog import Catalog
from synapse.errors import Invalid, NotFound, SynapseError
from synapse.language import N_, _
from synapse.language.formats import moment
from synapse.profiles import Profiles
from synapse.recurrence.cron import CronError, rule_text
from synapse.runs.records import RunRequest
from synapse.runs.runs import Runs
from synapse.sealed import has_sealed
from synapse.sentences import Sentence, sentence_of

from .events import Event

INTERNAL_FIELDS = frozenset(
    {'id', 'created_at', 'updated_at', 'armed_from', 'sequence', 'uid', 'override_of', 'override_at'}
    | {'source', 'imported'}
)
READ_ONLY_FIELDS = frozenset({'next', 'problem', *INTERNAL_FIELDS})
"""Fields in answers of the API that are ignored in requests, so that clients may send an event back."""


def _no_such_field(*_details: object) -> str:
    names = ', '.join(sorted(Event.model_fields.keys() - INTERNAL_FIELDS))
    return _('There is no such field. Use {names}.', names=names)


_WORDS: Mapping[str, Sentence] = {
    'missing': N_('Give a value.'),
    'string_too_short': N_('Give a value.'),
    'extra_forbidden': _no_such_field,
    'literal_error': N_('Must be one of {expected}.'),
    'greater_than_equal': N_('Must be {ge:g} or more.'),
    'less_than_equal': N_('Must be {le:g} or less.'),
    'greater_than': N_('Must be more than {gt:g}.'),
}

CACHE_SECONDS = 60.0
"""How long values that a pipeline accepts count as valid: checking them against a person's file takes a process."""
MAX_CACHED = 1000


class EventValidator:
    """Validates events against pipelines, profiles and the rules of recurrence.

    :param zone: the default of new events
    """

    def __init__(self, catalog: Catalog, profiles: Profiles, runs: Runs, zone: str) -> None:
        self._catalog = catalog
        self._profiles = profiles
        self._runs = runs
        self._zone = zone
        self._valid_until: dict[tuple[str, ...] | None, float] = {}

    def merged(self, before: Event | None, values: Mapping[str, Any], *, is_trusted: bool = False) -> dict[str, Any]:
        """Return the values of `before`, changed; in `misfire` and `retry` only the given values change."""
        merged: dict[str, Any] = {} if before is None else before.model_dump()
        for name, value in values.items():
            if name in READ_ONLY_FIELDS and not is_trusted:
                continue
            if name in ('misfire', 'retry') and isinstance(value, Mapping) and isinstance(merged.get(name), dict):
                merged[name] = merged[name] | dict(value)
            else:
                merged[name] = value
        if before is None:
            merged = {'timezone': self._zone} | {key: value for key, value in merged.items() if value is not None}
            merged.setdefault('title', self._title_of(merged.get('pipeline')))
        return merged

    async def validated(
        self,
        merged: dict[str, Any],
        now: datetime,
        *,
        id: str,
        before: Event | None = None,
        is_new_plan: bool = False,
    ) -> Event:
        """Return the event with these values, which come from `merged`.

        :param is_new_plan: whether it needs an upcoming occurrence even if the plan of `before` is unchanged
        :raises Invalid: with a sentence for each invalid field
        """
        values = {'created_at': now, 'updated_at': now, 'armed_from': now} | merged | {'id': id}
        is_new_plan = is_new_plan or before is None or _decisive(values) != _decisive(before.model_dump())
        values, problems = _parsed(values)
        event = _event_of(values, problems)
        plan = _plan_in(values, problems) if event is None else event.plan
        if plan is not None:
            problems |= _plan_problems(plan, now, is_new_plan=is_new_plan)
        sealed: dict[str, Any] = {}
        problems |= await self._run_problems(values, sealed)
        if problems or event is None:
            raise Invalid(_('The event was not saved.'), problems, _('Fix the named fields.'))
        return event.changed(parameters={**event.parameters, **sealed}) if sealed else event

    def problem_of(self, event: Event) -> str:
        """Return why no run of this event could start, and what to do; values that no longer fit are not looked for."""
        info = self._catalog.find(event.pipeline)
        if info is None:
            return _(
                'Its pipeline {pipeline} is gone. '
                'Put the file of the pipeline back, choose another pipeline, or delete the event.',
                pipeline=event.pipeline,
            )
        if not info.is_runnable:
            return _(
                'Its pipeline {pipeline} is broken. Fix the file of the pipeline, or choose another one.',
                pipeline=info.title,
            )
        if event.profile is not None and self._profiles.find(event.profile) is None:
            return _('Its profile is gone. Choose another profile.')
        return ''

    def plan_of(
        self, merged: Mapping[str, Any], now: datetime, *, before: Event | None = None
    ) -> tuple[recurrence.Plan | None, dict[str, str]]:
        """Return the plan in values that come from `merged`, and a sentence for each field that makes it invalid.

        The plan is None if it cannot be read. What is to be run is not looked at, and any thread may call this.
        """
        values, problems = _parsed(merged)
        plan = _plan_in(values, problems)
        if plan is None:
            return None, problems
        is_new_plan = before is None or _decisive(merged) != _decisive(before.model_dump())
        wrong = _plan_problems(plan, now, is_new_plan=is_new_plan)
        return None if wrong and not _is_readable(plan) else plan, problems | wrong

    async def _run_problems(self, values: Mapping[str, Any], sealed: dict[str, Any]) -> dict[str, str]:
        """Return a sentence for each reason that a run with these values would be refused.

        :param sealed: gets those parameters that have secrets, sealed
        """
        pipeline, parameters, profile = values.get('pipeline'), values.get('parameters', {}), values.get('profile')
        if not isinstance(pipeline, str) or not isinstance(parameters, Mapping):
            return {}
        problems = {}
        if isinstance(profile, str):
            try:
                self._profiles.get(profile)
            except NotFound as error:
                problems['profile'] = error.message
        key = self._cache_key(pipeline, parameters, profile)
        if not problems and self._valid_until.get(key, 0.0) > time.monotonic():
            return {}
        try:
            wanted = RunRequest(pipeline, parameters, profile=None if problems else profile)
            checked = await self._runs.new.check(wanted)
            sealed |= {name: checked[name] for name in parameters if has_sealed(checked.get(name))}
        except Invalid as error:
            problems |= {f'parameters.{name}': sentence for name, sentence in error.fields.items()}
        except SynapseError as error:
            problems['pipeline'] = f'{error.message} {error.hint}'.strip()
        if not problems and not sealed and key is not None:
            self._valid_until[key] = time.monotonic() + CACHE_SECONDS
            while len(self._valid_until) > MAX_CACHED:
                del self._valid_until[next(iter(self._valid_until))]
        return problems

    def _cache_key(self, pipeline: str, parameters: Mapping[str, Any], profile: Any) -> tuple[str, ...] | None:
        """Return what the validity of these values depends on; None for an unknown pipeline or profile."""
        try:
            snapshot = self._catalog.get(pipeline).file  # a new one after each change of the person's file
            defaults = self._profiles.get(profile).defaults if isinstance(profile, str) else {}
        except NotFound:
            return None
        return pipeline, str(snapshot), json.dumps([parameters, defaults], sort_keys=True, default=str)

    def _title_of(self, pipeline: Any) -> str:
        return self._catalog.title_of(pipeline) if isinstance(pipeline, str) else ''


def _decisive(values: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the values that make a plan a new one."""
    start = values.get('start')
    begins = start if isinstance(start, datetime) else str(start)
    return begins, values.get('timezone'), values.get('rrule'), values.get('enabled')


def _event_of(values: Mapping[str, Any], problems: dict[str, str]) -> Event | None:
    """Return the event with parsed values; None if there are problems, to which this adds its own."""
    try:
        event = Event.model_validate(values)
    except ValidationError as error:
        for item in error.errors():
            if item['loc'][0] not in problems:
                name = '.'.join(map(str, item['loc'])) or 'event'
                problems.setdefault(name, sentence_of(item, _WORDS))
        if 'pipeline' in problems and not values.get('title'):
            problems.pop('title', None)  # it defaults to that of the pipeline
        return None
    return None if problems else event


def _plan_in(values: Mapping[str, Any], problems: Mapping[str, str]) -> recurrence.Plan | None:
    start, zone, rule = (values.get(name) for name in ('start', 'timezone', 'rrule'))
    is_readable = problems.keys().isdisjoint(('start', 'exdates')) and isinstance(rule, str | None)
    if not is_readable or not isinstance(start, datetime) or not isinstance(zone, str):
        return None
    return recurrence.Plan(start=start, zone=zone, rule=rule, exdates=frozenset(values['exdates']))


def _is_readable(plan: recurrence.Plan) -> bool:
    try:
        recurrence.series_of(plan)
    except recurrence.RuleError:
        return False
    return True


def _plan_problems(plan: recurrence.Plan, now: datetime, *, is_new_plan: bool) -> dict[str, str]:
    try:
        recurrence.check(plan)
    except recurrence.RuleError as error:
        return {error.field: error.sentence}
    if is_new_plan and not recurrence.next_after(plan, now):
        if plan.rule is not None:
            return {'rrule': _('This rule ended in the past. Let it end later, or never.')}
        here = recurrence.wall_of(now, plan.zone)
        passed = _(
            'That moment has passed: it is {day}, {time} there. Pick a later one.',
            day=moment('yMMMEd', here),
            time=f'{here:%H:%M:%S}',
        )
        return {'start': passed}
    return {}


def _parsed(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values with moments, rule and title parsed, and a sentence for each that cannot be."""
    values, problems, zone = dict(values), dict[str, str](), values.get('timezone')
    for name in ('start', 'override_at'):
        if values.get(name) is not None:
            try:
                values[name] = _wall(values[name], zone)
            except (ValueError, TypeError, recurrence.RuleError):
                problems[name] = _('Write a date and time like 2026-10-14T16:00:00.')
    exdates = values.get('exdates', ())
    try:
        if not isinstance(exdates, list | tuple):
            raise TypeError('exdates are not a list')
        values['exdates'] = tuple(sorted({_wall(value, zone) for value in exdates}))
    except (ValueError, TypeError, recurrence.RuleError):
        problems['exdates'] = _('Give a list of dates and times like 2026-10-14T16:00:00.')
    if isinstance(values.get('rrule'), str):
        try:
            values['rrule'] = rule_text(values['rrule'].strip().removeprefix('RRULE:').strip()) or None
        except CronError as error:
            problems['rrule'], values['rrule'] = f'{error}', None
    if isinstance(values.get('title'), str):
        values['title'] = values['title'].strip()
    return values, problems


def _wall(value: Any, zone: Any) -> datetime:
    """Return a naive wall time in whole seconds; one with an offset is converted to the zone of the event."""
    wall = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if wall.tzinfo is not None:
        wall = recurrence.wall_of(wall, str(zone))
    return wall.replace(microsecond=0, fold=0)
