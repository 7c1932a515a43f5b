"""Importing the events of a calendar file: new ones are created, changed ones updated, cancelled ones removed.

An event whose UID is known is updated, never duplicated. All drafts are validated before anything is written; those
that are invalid are named and left out.

Importing isn't trusting. What an untrusted file removes counts at once. What it adds, or changes about what runs and
when, is switched off until a person approves it, since they approved something else.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from synapse import recurrence
from synapse.calendar.calendar import Calendar
from synapse.calendar.editor import EventEditor
from synapse.calendar.events import Event
from synapse.catalog.catalog import Catalog
from synapse.errors import Invalid
from synapse.records import Record, now_utc
from synapse.recurrence import words as rule_words
from synapse.recurrence.rules import Rule, read_rule

from .reading import Contents, Unread
from .series import Draft
from .writing import canonical_rule, uid_of

INHERITED = ('title', 'pipeline', 'parameters', 'profile', 'enabled', 'misfire', 'overlap', 'retry', 'timeout_seconds')
"""What the replacement of an occurrence inherits from its series, unless the file says otherwise."""
PLAN = ('start', 'timezone', 'rrule')
APPROVED_FIELDS = frozenset({*INHERITED, *PLAN} - {'title', 'enabled'})
"""What a person approved by switching an event on. Occurrences may be excluded, but not included again."""
_ADD_LINE = 'add a line like "pipeline: BackupFolder" to their description.'
_NAMES_NONE = 'names no pipeline; add a line like "pipeline: BackupFolder" to its description.'
MAX_NAMED = 3
"""How many events the message names, if none can be imported."""
MAX_PROBLEMS = 100
"""How many of them are in `fields`."""


class Refused(Record):
    """An event in the file that was not imported, and why."""

    uid: str
    reason: str


class ImportedEvent(Record):
    """An imported event, or one that would be imported: what it runs, and when next."""

    id: str
    """In a dry run, the id of a new event doesn't exist."""
    uid: str
    replaces: datetime | None = None
    """The occurrence of a series that it replaces."""
    is_new: bool
    title: str
    pipeline: str
    parameters: dict[str, Any]
    profile: str | None
    sentence: str
    """When it runs, such as `Runs every minute, Berlin time, with no end date.`"""
    next: datetime | None
    enabled: bool
    is_held: bool = False
    """Whether it is switched off because the file isn't trusted."""


class ImportResult(Record):
    """Ids of events, and a sentence for each draft that was skipped."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    """All removed events; `cancelled` has those that the file cancels."""
    unchanged: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    disabled: tuple[str, ...] = ()
    """Created or updated, and switched off until a person approves them."""
    events: tuple[ImportedEvent, ...] = ()
    """The new and changed ones."""
    notes: tuple[str, ...] = ()
    """Sentences about what was read otherwise than it is written."""
    change: str = ''
    """The id with which `EventEditor.undo` undoes the import; empty if nothing was changed."""


async def import_drafts(
    calendar: Calendar,
    editor: EventEditor,
    catalog: Catalog,
    contents: Contents,
    *,
    is_trusted: Callable[[Draft], bool],
    because: str = '',
    is_dry: bool = False,
    now: datetime | None = None,
) -> ImportResult:
    """Update the calendar from a file, in one write.

    :param is_trusted: whether a draft may be switched on as the file says
    :param because: is logged with the change
    :param is_dry: only return what would be done
    :param now: aware; events without an occurrence after it are skipped
    :raises Invalid: with a sentence for each event, if none can be imported
    :raises Conflict: if there would be too many events; then nothing was imported
    """
    planned = _Import(calendar.events(), catalog, is_trusted, now or now_utc())
    await asyncio.to_thread(planned.decide, contents)
    await planned.validate(calendar)
    editor.require_room(planned.added)
    change = '' if is_dry else await planned.write(editor, because)
    return await asyncio.to_thread(planned.result, change)


_Group = Mapping[datetime | None, Event]
"""The events of a UID: the series by None, each override by the instant of the occurrence that it replaces."""


@dataclass(kw_only=True)
class _Step:
    """An event to be created or, if there is an `event`, changed."""

    draft: Draft
    values: dict[str, Any]
    stamps: dict[str, Any]
    event: Event | None = None
    id: str = ''
    is_held: bool = False

    def __post_init__(self) -> None:
        self.id = secrets.token_hex(6) if self.event is None else self.event.id

    def as_imported(self, now: datetime) -> ImportedEvent:
        before = {} if self.event is None else self.event.model_dump()
        given = {name: value for name, value in self.values.items() if value is not None or self.event is not None}
        values = {'parameters': {}, 'profile': None, 'enabled': True} | before | given
        plan = _plan_of(values)
        following = recurrence.next_after(plan, now)
        return ImportedEvent(
            id=self.id,
            uid=self.draft.uid,
            replaces=self.draft.replaced,
            is_new=self.event is None,
            title=values.get('title') or values['pipeline'],
            **{name: values[name] for name in ('pipeline', 'parameters', 'profile', 'enabled')},
            sentence=rule_words.in_words(plan),
            next=following[0] if following else None,
            is_held=self.is_held,
        )

    def all_values(self, series: Mapping[str, str]) -> dict[str, Any]:
        """:param series: the ids of series by UID"""
        values = {**self.values, **self.stamps}
        if self.event is not None:
            return values
        values |= {'uid': self.draft.uid}
        if self.draft.recurrence_at is None:
            return values
        return values | {'override_at': self.draft.recurrence_at, 'override_of': series.get(self.draft.uid)}


class _Import:
    """What to do about each draft, decided before anything is done."""

    def __init__(
        self, events: Sequence[Event], catalog: Catalog, is_trusted: Callable[[Draft], bool], now: datetime
    ) -> None:
        by_id = {event.id: event for event in events}
        self._existing: dict[str, dict[datetime | None, Event]] = {}
        for event in events:
            series = by_id.get(event.override_of or '', event)
            moment = None if event.override_at is None else recurrence.instant_of(event.override_at, series.timezone)
            self._existing.setdefault(uid_of(event, series), {})[moment] = event
        self._names = _pipeline_names(catalog)
        self._is_trusted = is_trusted
        self._now = now
        self._steps: list[_Step] = []
        self._deletes: dict[str, None] = {}
        self._cancelled: list[str] = []
        self._unchanged: list[str] = []
        self._skipped: list[str] = []
        self._refused: list[Refused] = []
        self._problems: list[Unread] = []
        """What cannot be read or imported."""
        self._notes: tuple[str, ...] = ()
        self._is_whole = True

    def decide(self, contents: Contents) -> None:
        self._problems += contents.unread
        self._notes, self._is_whole = contents.notes, contents.is_whole
        groups: dict[str, list[Draft]] = {}
        for draft in contents.drafts:
            groups.setdefault(draft.uid, []).append(draft)
        for uid, group in groups.items():
            self._decide_group(uid, group)

    def _decide_group(self, uid: str, drafts: Sequence[Draft]) -> None:
        existing = self._existing.get(uid, {})
        series = next((draft for draft in drafts if draft.recurrence_at is None), None)
        overrides = {moment: draft for draft in drafts if (moment := draft.replaced) is not None}
        if series is None and None in existing:
            overrides = {moment: draft.in_zone(existing[None].timezone) for moment, draft in overrides.items()}
        if series is None:
            self._decide_overrides(overrides, self._inherited(existing.get(None)), existing)
            self._exclude_overridden(overrides, existing.get(None))
        elif series.is_cancelled:
            self._cancel(series, existing)
        elif self._decide_series(series, existing.get(None)):
            inherited = self._inherited(existing.get(None)) | self._values_of(series)
            self._decide_overrides(overrides, {key: inherited[key] for key in INHERITED if key in inherited}, existing)
            self._remove_other_overrides(overrides, existing)

    def _decide_series(self, draft: Draft, event: Event | None) -> bool:
        """Create or update a series or single event; return False if the file has an older version of it."""
        if event is not None:
            return self._update(draft, event)
        values = self._values_of(draft)
        if not values.get('pipeline') and not self._is_past(values):
            self._add_problem(draft, _NAMES_NONE)
        else:
            self._create(draft, values)
        return True

    def _create(self, draft: Draft, values: Mapping[str, Any]) -> None:
        if self._is_past(values):
            self._skip_past(draft, values)
            return
        values, is_held = {**values}, False
        if not self._is_trusted(draft):
            is_held = values.get('enabled', True) is not False
            values['enabled'] = False
        self._steps.append(_Step(draft=draft, values=values, stamps=self._stamps(draft), is_held=is_held))

    def _update(self, draft: Draft, event: Event) -> bool:
        values = self._named_values(draft)
        changes = {key: value for key, value in values.items() if not _is_same(event, key, values)}
        if draft.recurrence_at != event.override_at:
            changes['override_at'] = draft.recurrence_at
        is_held = not self._is_trusted(draft) and _hold(event, changes)
        if not changes:
            self._unchanged.append(event.id)
        elif self._is_older(draft, event):
            self._skip(draft, 'is older in the file than in the calendar; it was not changed.')
            return False
        elif not changes.keys().isdisjoint(PLAN) and self._is_past(values):
            self._remove_past(draft, values, event)
        else:
            stamps = self._stamps(draft)
            self._steps.append(_Step(draft=draft, values=changes, stamps=stamps, event=event, is_held=is_held))
        return True

    def _remove_past(self, draft: Draft, values: Mapping[str, Any], event: Event) -> None:
        if self._is_past(event.model_dump()):
            self._skip_past(draft, values)
        else:
            self._deletes[event.id] = None
            reason = f'{self._past_reason(values)}; it was removed from the calendar.'
            self._skipped.append(f'{_quoted(draft.name)} {reason}')

    def _is_older(self, draft: Draft, event: Event) -> bool:
        if draft.sequence != event.sequence or draft.last_modified is None:
            return draft.sequence < event.sequence
        return draft.last_modified < event.updated_at.replace(microsecond=0)

    def _stamps(self, draft: Draft) -> dict[str, Any]:
        return {'sequence': draft.sequence, 'updated_at': min(draft.last_modified or self._now, self._now)}

    def _cancel(self, draft: Draft, existing: _Group) -> None:
        event = existing.get(None)
        if not existing:
            self._skip(draft, 'is cancelled, and was not in the calendar.')
        elif event is not None and draft.sequence < event.sequence:
            self._skip(draft, 'was changed after it was cancelled; it was not removed.')
        else:
            self._cancel_events(existing.values())

    def _cancel_events(self, events: Iterable[Event]) -> None:
        ids = [event.id for event in events]
        self._deletes |= dict.fromkeys(ids)
        self._cancelled += ids

    def _decide_overrides(
        self, overrides: Mapping[datetime, Draft], inherited: Mapping[str, Any], existing: _Group
    ) -> None:
        for moment, draft in overrides.items():
            event = existing.get(moment)
            if draft.is_cancelled:
                self._cancel_events([] if event is None else [event])
            elif event is not None:
                self._update(draft, event)
            elif 'pipeline' in {**inherited, **draft.values}:
                self._create(draft, {**inherited, **self._named_values(draft)})
            else:
                self._decide_series(draft, None)

    def _exclude_overridden(self, overrides: Mapping[datetime, Draft], series: Event | None) -> None:
        """Exclude the replaced occurrences from an existing series that isn't in the file."""
        if series is None:
            for draft in overrides.values():
                if draft.is_cancelled:
                    self._skip(draft, 'is cancelled, and was not in the calendar.')
            return
        exdates = {*series.exdates, *(draft.recurrence_at for draft in overrides.values() if draft.recurrence_at)}
        if exdates == set(series.exdates):
            self._unchanged.append(series.id)
            return
        draft = next(iter(overrides.values()))
        stamps = {'sequence': series.sequence, 'updated_at': self._now}
        self._steps.append(_Step(draft=draft, values={'exdates': sorted(exdates)}, stamps=stamps, event=series))

    def _remove_other_overrides(self, overrides: Mapping[datetime, Draft], existing: _Group) -> None:
        """Remove the overrides that the file, which has the whole series, no longer has."""
        if not self._is_whole:
            return
        removed = (event for moment, event in existing.items() if moment is not None and moment not in overrides)
        self._deletes |= dict.fromkeys(event.id for event in removed if not self._is_past(event.model_dump()))

    def _inherited(self, series: Event | None) -> dict[str, Any]:
        return {} if series is None else series.model_dump(include=set(INHERITED))

    def _values_of(self, draft: Draft) -> dict[str, Any]:
        """Return the values of a draft that inherits none; its title may name the pipeline."""
        pipeline = self._named(draft.values.get('title', ''))
        return ({'pipeline': pipeline} if pipeline else {}) | self._named_values(draft)

    def _named_values(self, draft: Draft) -> dict[str, Any]:
        """Return the values of a draft, with the pipeline's name in the API."""
        named = draft.values.get('pipeline')
        return {**draft.values, 'pipeline': self._named(named) or named} if named else dict(draft.values)

    def _named(self, name: str) -> str | None:
        return self._names.get(name.strip().casefold())

    def _is_past(self, values: Mapping[str, Any]) -> bool:
        """Whether it has occurrences but no upcoming one; an invalid rule isn't past, so that its error is reported."""
        try:
            plan = _plan_of(values)
            if recurrence.next_after(plan, self._now):
                return False
            return recurrence.first(replace(plan, exdates=frozenset())) is not None
        except recurrence.RuleError:
            return False

    def _past_reason(self, values: Mapping[str, Any]) -> str:
        last = recurrence.last(_plan_of(values))
        if last is None:
            return 'has no occurrences left'
        return f'was last due on {recurrence.wall_of(last, values["timezone"]):%Y-%m-%d at %H:%M}'

    def _skip_past(self, draft: Draft, values: Mapping[str, Any]) -> None:
        self._skip(draft, f'{self._past_reason(values)}; it was not imported.')

    def _skip(self, draft: Draft, reason: str) -> None:
        sentence = f'{_quoted(draft.name)} {reason}'
        self._skipped.append(sentence)
        self._refused.append(Refused(uid=draft.uid, reason=sentence))

    def _add_problem(self, draft: Draft, sentence: str) -> None:
        self._problems.append(Unread(uid=draft.uid, name=draft.name, reason=f'{_quoted(draft.name)} {sentence}'))

    async def validate(self, calendar: Calendar) -> None:
        """Leave out what is invalid, and what replaces occurrences of a series that is left out.

        :raises Invalid: if nothing is left
        """
        invalid: set[str] = set()
        valid = []
        for step in self._steps:
            problems = await calendar.problems(step.values, id=step.id)
            text = ' '.join(f'({field}) {sentence}' for field, sentence in problems.items())
            if problems:
                self._add_problem(step.draft, f'cannot be imported: {text}')
            elif step.event is None and step.draft.recurrence_at is not None and step.draft.uid in invalid:
                self._add_problem(step.draft, 'replaces an occurrence of an event that cannot be imported.')
            else:
                valid.append(step)
                continue
            if step.draft.recurrence_at is None:
                invalid.add(step.draft.uid)
            await asyncio.sleep(0)  # cached validations await nothing: give others on the loop a turn
        self._steps = valid
        if self._problems and not (self._steps or self._deletes or self._unchanged or self._skipped):
            nameless = [problem for problem in self._problems if problem.reason.endswith(_NAMES_NONE)]
            sentences = [problem.reason for problem in self._problems]
            if len(nameless) > 1:  # what to do comes first: most events of other calendars are like that
                sentences = [problem.reason for problem in self._problems if problem not in nameless]
                sentences.insert(0, f'{len(nameless):,} events name no pipeline; {_ADD_LINE}')
            more = f' {len(sentences) - MAX_NAMED:,} more cannot be imported.' if len(sentences) > MAX_NAMED else ''
            message = f'Nothing was imported. {" ".join(sentences[:MAX_NAMED])}{more}'
            raise Invalid(message, self._fields(), 'Fix them in the file, or remove them from it.')

    def _fields(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        for problem in self._problems[:MAX_PROBLEMS]:
            name = problem.name
            number = sum(key == name or key.startswith(f'{name} (') for key in fields) + 1
            fields[name if number == 1 else f'{name} ({number})'] = problem.reason
        return fields

    async def write(self, editor: EventEditor, because: str) -> str:
        """Write all changes at once, and return the id of the change."""
        series = {uid: group[None].id for uid, group in self._existing.items() if None in group}
        series |= {step.draft.uid: step.id for step in self._steps if step.draft.recurrence_at is None}
        values = {step.id: step.all_values(series) for step in self._steps}
        return await editor.change_many(values, [*self._deletes], because=because) if values or self._deletes else ''

    def result(self, change: str) -> ImportResult:
        """Return what was done. Takes about a second for several thousand events."""
        return ImportResult(
            created=tuple(step.id for step in self._steps if step.event is None),
            updated=tuple(step.id for step in self._steps if step.event is not None),
            deleted=tuple(self._deletes),
            unchanged=tuple(self._unchanged),
            skipped=(*self._skipped, *(problem.reason for problem in self._problems)),
            cancelled=tuple(self._cancelled),
            refused=(*self._refused, *(Refused(uid=one.uid, reason=one.reason) for one in self._problems)),
            disabled=tuple(step.id for step in self._steps if step.is_held),
            events=tuple(step.as_imported(self._now) for step in self._steps),
            notes=self._notes,
            change=change,
        )

    @property
    def added(self) -> int:
        return sum(step.event is None for step in self._steps)


def _pipeline_names(catalog: Catalog) -> dict[str, str]:
    """Return the names of pipelines by case-folded name and title; a name takes precedence over a title."""
    infos = catalog.all()
    return {info.title.casefold(): info.name for info in infos} | {info.name.casefold(): info.name for info in infos}


def _plan_of(values: Mapping[str, Any]) -> recurrence.Plan:
    exdates = frozenset(values.get('exdates') or ())
    return recurrence.Plan(start=values['start'], zone=values['timezone'], rule=values.get('rrule'), exdates=exdates)


def _hold(event: Event, changes: dict[str, Any]) -> bool:
    """Reduce the changes to what an untrusted file may do; return whether that leaves an event off that would be on."""
    wanted = changes.pop('enabled', event.enabled)
    includes_more = not set(event.exdates) <= set(changes.get('exdates', event.exdates))
    needs_approval = includes_more or not APPROVED_FIELDS.isdisjoint(changes)
    if event.enabled and (needs_approval or wanted is not True):
        changes['enabled'] = False
    return wanted is True and bool(changes) and (needs_approval or not event.enabled)


def _is_same(event: Event, key: str, values: Mapping[str, Any]) -> bool:
    mine, wanted = getattr(event, key), values[key]
    if key == 'rrule' and mine and wanted:
        return _meaning(mine, event.timezone) == _meaning(wanted, values['timezone'])
    if key == 'exdates':
        return set(mine) == set(wanted)
    if isinstance(mine, Record) and isinstance(wanted, Mapping):
        return mine.model_dump() == {**mine.model_dump(), **wanted}
    return bool(mine == wanted)


def _meaning(rule: str, zone: str) -> Rule | str:
    try:
        return read_rule(canonical_rule(rule, zone))
    except ValueError:
        return rule


def _quoted(name: str) -> str:
    return f"'{name}'"
