"""Which values make an event: everything that is wrong is found at once, with a sentence for each field."""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from synapse import recurrence
from synapse.catalog.catalog import Catalog
from synapse.errors import Invalid, NotFound, SynapseError
from synapse.profiles import Profiles
from synapse.runs.records import RunRequest
from synapse.runs.runs import Runs
from synapse.sentences import sentence_of

from .events import Event

OURS = frozenset({'id', 'created_at', 'updated_at', 'armed_from', 'sequence', 'uid', 'override_of', 'override_at'})
READ_ONLY_FIELDS = frozenset({'next', *OURS})
"""What an answer of the API carries and a change need not: sent back unchanged it is no mistake."""


_WORDS = {
    'missing': 'Give a value.',
    'string_too_short': 'Give a value.',
    'extra_forbidden': f'An event has no such field. It has {", ".join(sorted(set(Event.model_fields) - OURS))}.',
    'literal_error': 'One of {expected}.',
    'greater_than_equal': 'At least {ge:g}.',
    'less_than_equal': 'At most {le:g}.',
    'greater_than': 'More than {gt:g}.',
}

GOOD_SECONDS = 60.0
"""So long values that a pipeline takes are believed to be good: to ask a person's pipeline takes a process."""
MOST_GOOD = 1000


class EventValidator:
    """Checks values against pipelines, profiles and the calendar itself.

    :param zone: of this machine, for events that name none
    """

    def __init__(self, catalog: Catalog, profiles: Profiles, runs: Runs, zone: str) -> None:
        self._catalog = catalog
        self._profiles = profiles
        self._runs = runs
        self._zone = zone
        self._good: dict[tuple[str, ...] | None, float] = {}

    def merged(self, before: Event | None, values: Mapping[str, Any], *, is_trusted: bool = False) -> dict[str, Any]:
        """The values of `before`, changed; of `misfire` and `retry` only what is named changes."""
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

    async def checked(
        self,
        merged: dict[str, Any],
        now: datetime,
        *,
        id: str,
        before: Event | None = None,
        is_new_plan: bool = False,
    ) -> Event:
        """The event that these values make, as `merged` gives them.

        :param is_new_plan: whether at least one moment has to be ahead, also if they are those of `before`
        :raises Invalid: with a sentence for each field that does not fit
        """
        values = {'created_at': now, 'updated_at': now, 'armed_from': now} | merged
        is_new_plan = is_new_plan or before is None or _plan_of(values) != _plan_of(before.model_dump())
        problems: dict[str, str] = {}
        event = self._shaped({**values, 'id': id}, problems)
        plan = self.plan_of(values) if event is None else event.plan
        if plan is not None:
            problems |= _plan_problems(plan, now, is_new_plan=is_new_plan)
        problems |= await self._run_problems(values)
        if problems or event is None:
            raise Invalid('The event was not saved.', problems, 'Mend the named fields.')
        return event

    def plan_of(self, values: Mapping[str, Any]) -> recurrence.Plan | None:
        """When these values fall due, as far as they can be read."""
        read, problems = dict(values), dict[str, str]()
        _read_moment(read, 'start', problems)
        _read_exdates(read, problems)
        zone, rule = read.get('timezone'), read.get('rrule')
        if problems or not isinstance(read.get('start'), datetime) or not isinstance(zone, str):
            return None
        if rule is not None and not isinstance(rule, str):
            return None
        rule = (rule or '').strip().removeprefix('RRULE:') or None
        return recurrence.Plan(start=read['start'], zone=zone, rule=rule, exdates=frozenset(read['exdates']))

    def _shaped(self, values: dict[str, Any], problems: dict[str, str]) -> Event | None:
        values = dict(values)
        for name in ('start', 'override_at'):
            _read_moment(values, name, problems)
        _read_exdates(values, problems)
        if isinstance(values.get('rrule'), str):
            values['rrule'] = values['rrule'].strip().removeprefix('RRULE:').strip() or None
        if isinstance(values.get('title'), str):
            values['title'] = values['title'].strip()
        try:
            event = Event.model_validate(values)
        except ValidationError as error:
            for item in error.errors():
                if item['loc'][0] not in problems:
                    name = '.'.join(map(str, item['loc'])) or 'event'
                    problems.setdefault(name, sentence_of(item, _WORDS))
            if 'pipeline' in problems and not values.get('title'):
                problems.pop('title', None)  # it would have that of the pipeline
            return None
        return None if problems else event

    async def _run_problems(self, values: Mapping[str, Any]) -> dict[str, str]:
        """What stands against a run with these values."""
        pipeline, parameters, profile = values.get('pipeline'), values.get('parameters', {}), values.get('profile')
        if not isinstance(pipeline, str) or not isinstance(parameters, Mapping):
            return {}
        problems = {}
        if isinstance(profile, str):
            try:
                self._profiles.get(profile)
            except NotFound as error:
                problems['profile'] = error.message
        question = self._question(pipeline, parameters, profile)
        if not problems and self._good.get(question, 0.0) > time.monotonic():
            return {}
        try:
            await self._runs.check(RunRequest(pipeline, parameters, profile=None if problems else profile))
        except Invalid as error:
            problems |= {f'parameters.{name}': sentence for name, sentence in error.fields.items()}
        except SynapseError as error:
            problems['pipeline'] = f'{error.message} {error.hint}'.strip()
        if not problems and question is not None:
            self._good[question] = time.monotonic() + GOOD_SECONDS
            while len(self._good) > MOST_GOOD:
                del self._good[next(iter(self._good))]
        return problems

    def _question(self, pipeline: str, parameters: Mapping[str, Any], profile: Any) -> tuple[str, ...] | None:
        """What tells this question from others; None for a pipeline that is not there."""
        try:
            snapshot = self._catalog.get(pipeline).file  # another one after each change of the person's file
            defaults = self._profiles.get(profile).defaults if isinstance(profile, str) else {}
        except NotFound:
            return None
        return pipeline, str(snapshot), json.dumps([parameters, defaults], sort_keys=True, default=str)

    def _title_of(self, pipeline: Any) -> str:
        try:
            return self._catalog.get(pipeline).title if isinstance(pipeline, str) else ''
        except NotFound:
            return pipeline if isinstance(pipeline, str) else ''


def _plan_of(values: Mapping[str, Any]) -> tuple[Any, ...]:
    start = values.get('start')
    moment = start if isinstance(start, datetime) else str(start)
    return moment, values.get('timezone'), values.get('rrule'), values.get('enabled')


def _plan_problems(plan: recurrence.Plan, now: datetime, *, is_new_plan: bool) -> dict[str, str]:
    try:
        recurrence.check(plan)
    except recurrence.RuleError as error:
        return {error.field: error.sentence}
    if is_new_plan and not recurrence.next_after(plan, now):
        if plan.rule is not None:
            return {'rrule': 'The last day of this rule has passed. Let it end later, or never.'}
        here = recurrence.wall_of(now, plan.zone)
        return {'start': f'That moment has passed: it is {here:%H:%M:%S} on {here:%Y-%m-%d} there. Pick a later one.'}
    return {}


def _read_moment(values: dict[str, Any], name: str, problems: dict[str, str]) -> None:
    value = values.get(name)
    if value is None:
        return
    try:
        values[name] = _wall(value, values.get('timezone'))
    except (ValueError, TypeError, recurrence.RuleError):
        problems[name] = 'Write a date and time like 2026-10-14T16:00:00.'


def _read_exdates(values: dict[str, Any], problems: dict[str, str]) -> None:
    exdates = values.get('exdates', ())
    if not isinstance(exdates, list | tuple):
        problems['exdates'] = 'Give a list of dates and times like 2026-10-14T16:00:00.'
        return
    try:
        values['exdates'] = tuple(sorted({_wall(value, values.get('timezone')) for value in exdates}))
    except (ValueError, TypeError, recurrence.RuleError):
        problems['exdates'] = 'Write each as a date and time like 2026-10-14T16:00:00.'


def _wall(value: Any, zone: Any) -> datetime:
    """A naive wall time; one with an offset is told in the zone of the event. Fractions of a second are dropped."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if moment.tzinfo is not None:
        moment = recurrence.wall_of(moment, str(zone))
    return moment.replace(microsecond=0, fold=0)
