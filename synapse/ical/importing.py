"""What a calendar file says becomes events: those that are new, those that changed, those that are cancelled.

A UID that is here already is brought up to date and never doubled. Every draft is checked before the first one is
written.

To import is not to trust. What a file that nobody vouches for takes away counts at once; what it adds, or changes about
what runs and when, is kept switched off until a person says yes: what was agreed to is not what would run.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
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

from .reading import Draft
from .writing import canonical_rule, uid_of

INHERITED = ('title', 'pipeline', 'parameters', 'profile', 'enabled', 'misfire', 'overlap', 'retry', 'timeout_seconds')
"""What replaces one occurrence has from its series, unless the file says otherwise."""
PLAN = ('start', 'timezone', 'rrule')
AGREED = frozenset({*INHERITED, *PLAN} - {'title', 'enabled'})
"""What a person agreed to by switching an event on. Moments may be left out of it, but not come back: see `exdates`."""
TOLD = 3
"""So many refused events are told in the message."""
MOST_PROBLEMS = 100
"""So many are looked for, and are in `fields`."""


class Refused(Record):
    """What the file says and the calendar did not take."""

    uid: str
    reason: str


class ImportedEvent(Record):
    """An event as it is kept, or would be: what it runs, and when next."""

    id: str
    """Of a new one that was not kept, no id yet that leads anywhere."""
    uid: str
    replaces: datetime | None = None
    """The moment of the occurrence that it stands for, where it is part of a series."""
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
    """It is switched off because nobody vouched for it."""


class ImportResult(Record):
    """Ids of events, and a sentence for each draft that was left out."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    """All that left the calendar; in `cancelled` those that the file cancels."""
    unchanged: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    disabled: tuple[str, ...] = ()
    """Created or updated, and switched off until a person switches them on."""
    events: tuple[ImportedEvent, ...] = ()
    """Those that are new or changed."""
    change: str = ''
    """What `EventEditor.undo` takes to take all of it back; empty if nothing was changed."""


async def import_drafts(
    calendar: Calendar,
    editor: EventEditor,
    catalog: Catalog,
    drafts: Sequence[Draft],
    *,
    is_trusted: Callable[[Draft], bool],
    because: str = '',
    is_dry: bool = False,
    now: datetime | None = None,
) -> ImportResult:
    """Bring the calendar up to date with a file, in one write.

    :param is_trusted: whether somebody vouches for it, so that it may be switched on as the file says
    :param because: goes into the log with each change
    :param is_dry: only say what would be
    :param now: aware; events that are over by then are left out
    :raises Invalid: with a sentence for each event that does not fit; then nothing was imported
    :raises Conflict: if they would be too many; then nothing was imported
    """
    planned = _Import(calendar.events(), catalog, is_trusted, now or now_utc())
    await asyncio.to_thread(planned.take_all, drafts)
    await planned.check(calendar)
    editor.require_room(planned.added)
    change = '' if is_dry else await planned.write(editor, because)
    return await asyncio.to_thread(planned.result, change)


@dataclass(kw_only=True)
class _Step:
    """One event to be created, or changed where there is an `event`."""

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
    """What is to be done about each draft, decided before anything is.

    What replaces one occurrence of a series is known by the instant of that occurrence, the series itself by None.
    """

    def __init__(
        self, events: Sequence[Event], catalog: Catalog, is_trusted: Callable[[Draft], bool], now: datetime
    ) -> None:
        by_id = {event.id: event for event in events}
        self._here: dict[str, dict[datetime | None, Event]] = {}
        for event in events:
            series = by_id.get(event.override_of or '', event)
            moment = None if event.override_at is None else recurrence.instant_of(event.override_at, series.timezone)
            self._here.setdefault(uid_of(event, series), {})[moment] = event
        self._names = _names_of(catalog)
        self._is_trusted = is_trusted
        self._now = now
        self._steps: list[_Step] = []
        self._deletes: dict[str, None] = {}
        self._cancelled: list[str] = []
        self._unchanged: list[str] = []
        self._skipped: list[str] = []
        self._refused: list[Refused] = []
        self._problems: list[tuple[str, str]] = []
        """Pairs of a name and a sentence."""

    # Decided

    def take_all(self, drafts: Sequence[Draft]) -> None:
        """Decide about each draft."""
        groups: dict[str, list[Draft]] = {}
        for draft in drafts:
            groups.setdefault(draft.uid, []).append(draft)
        for uid, group in groups.items():
            self._take(uid, group)

    def _take(self, uid: str, drafts: Sequence[Draft]) -> None:
        here = self._here.get(uid, {})
        series = next((draft for draft in drafts if draft.recurrence_at is None), None)
        parts = {moment: draft for draft in drafts if (moment := draft.replaced) is not None}
        if series is None and None in here:
            parts = {moment: draft.told_in(here[None].timezone) for moment, draft in parts.items()}
        if series is None:
            self._take_parts(parts, self._inherited(here.get(None)), here)
            self._leave_out(parts, here.get(None))
        elif series.is_cancelled:
            self._cancel(series, here)
        elif self._take_series(series, here.get(None)):
            inherited = self._inherited(here.get(None)) | self._values_of(series)
            self._take_parts(parts, {key: inherited[key] for key in INHERITED if key in inherited}, here)
            self._remove_all_but(parts, here)

    def _take_series(self, draft: Draft, event: Event | None) -> bool:
        """Whether what the file says about it counts: not if it is older than what is here."""
        if event is not None:
            return self._take_known(draft, event)
        values = self._values_of(draft)
        if not values.get('pipeline') and not self._is_over(values):
            self._refuse(
                draft.name, 'names no pipeline; write a line like "pipeline: BackupFolder" into its description.'
            )
        else:
            self._take_new(draft, values)
        return True

    def _take_new(self, draft: Draft, values: Mapping[str, Any]) -> None:
        if self._is_over(values):
            self._skip_over(draft, values)
            return
        values, is_held = {**values}, False
        if not self._is_trusted(draft):
            is_held = values.get('enabled', True) is not False
            values['enabled'] = False
        self._steps.append(_Step(draft=draft, values=values, stamps=self._stamps(draft), is_held=is_held))

    def _take_known(self, draft: Draft, event: Event) -> bool:
        values = self._named_values(draft)
        changes = {key: value for key, value in values.items() if not _is_same(event, key, values)}
        if draft.recurrence_at != event.override_at:
            changes['override_at'] = draft.recurrence_at
        is_held = not self._is_trusted(draft) and _hold(event, changes)
        if not changes:
            self._unchanged.append(event.id)
        elif self._is_older(draft, event):
            self._refuse_one(draft, 'is older in the file than here; it was left as it is.')
            return False
        elif not changes.keys().isdisjoint(PLAN) and self._is_over(values):
            self._end(draft, values, event)
        else:
            stamps = self._stamps(draft)
            self._steps.append(_Step(draft=draft, values=changes, stamps=stamps, event=event, is_held=is_held))
        return True

    def _end(self, draft: Draft, values: Mapping[str, Any], event: Event) -> None:
        """What is over in the file must not run here any longer."""
        if self._is_over(event.model_dump()):
            self._skip_over(draft, values)
        else:
            self._deletes[event.id] = None
            self._skipped.append(f'{_quoted(draft.name)} {self._over(values)}; it was taken off the calendar.')

    def _is_older(self, draft: Draft, event: Event) -> bool:
        if draft.sequence != event.sequence or draft.last_modified is None:
            return draft.sequence < event.sequence
        return draft.last_modified < event.updated_at.replace(microsecond=0)

    def _stamps(self, draft: Draft) -> dict[str, Any]:
        return {'sequence': draft.sequence, 'updated_at': min(draft.last_modified or self._now, self._now)}

    def _cancel(self, draft: Draft, here: Mapping[datetime | None, Event]) -> None:
        event = here.get(None)
        if not here:
            self._refuse_one(draft, 'is cancelled; it was not here.')
        elif event is not None and draft.sequence < event.sequence:
            self._refuse_one(draft, 'was changed here after it was cancelled; it was left as it is.')
        else:
            self._cancel_events(here.values())

    def _cancel_events(self, events: Iterable[Event]) -> None:
        ids = [event.id for event in events]
        self._deletes |= dict.fromkeys(ids)
        self._cancelled += ids

    # What replaces single occurrences

    def _take_parts(
        self, parts: Mapping[datetime, Draft], inherited: Mapping[str, Any], here: Mapping[datetime | None, Event]
    ) -> None:
        for moment, draft in parts.items():
            event = here.get(moment)
            if draft.is_cancelled and event is not None:
                self._cancel_events([event])
            elif not draft.is_cancelled and event is not None:
                self._take_known(draft, event)
            elif not draft.is_cancelled and 'pipeline' in {**inherited, **draft.values}:
                self._take_new(draft, {**inherited, **self._named_values(draft)})
            elif not draft.is_cancelled:
                self._take_series(draft, None)

    def _leave_out(self, parts: Mapping[datetime, Draft], series: Event | None) -> None:
        """Take the replaced occurrences out of a series that is here and not in the file."""
        if series is None:
            for draft in parts.values():
                if draft.is_cancelled:
                    self._refuse_one(draft, 'is cancelled; it was not here.')
            return
        exdates = {*series.exdates, *(draft.recurrence_at for draft in parts.values() if draft.recurrence_at)}
        if exdates == set(series.exdates):
            self._unchanged.append(series.id)
            return
        draft = next(iter(parts.values()))
        stamps = {'sequence': series.sequence, 'updated_at': self._now}
        self._steps.append(_Step(draft=draft, values={'exdates': sorted(exdates)}, stamps=stamps, event=series))

    def _remove_all_but(self, parts: Mapping[datetime, Draft], here: Mapping[datetime | None, Event]) -> None:
        """The file has the whole series: what it no longer replaces is as the series says."""
        gone = [event for moment, event in here.items() if moment is not None and moment not in parts]
        self._deletes |= dict.fromkeys(event.id for event in gone if not self._is_over(event.model_dump()))

    # Small

    def _inherited(self, series: Event | None) -> dict[str, Any]:
        return {} if series is None else series.model_dump(include=set(INHERITED))

    def _values_of(self, draft: Draft) -> dict[str, Any]:
        """The values of a draft that inherits none: its title may name the pipeline."""
        pipeline = self._named(draft.values.get('title', ''))
        return ({'pipeline': pipeline} if pipeline else {}) | self._named_values(draft)

    def _named_values(self, draft: Draft) -> dict[str, Any]:
        """The values of a draft, its pipeline by its name in the API."""
        named = draft.values.get('pipeline')
        return {**draft.values, 'pipeline': self._named(named) or named} if named else dict(draft.values)

    def _named(self, name: str) -> str | None:
        return self._names.get(name.strip().casefold())

    def _is_over(self, values: Mapping[str, Any]) -> bool:
        """Whether there is no moment to come. A rule that is wrong is never over: it is told what is wrong."""
        try:
            bare = _plan_of({**values, 'exdates': ()})
            return not recurrence.next_after(_plan_of(values), self._now) and recurrence.first(bare) is not None
        except recurrence.RuleError:
            return False

    def _over(self, values: Mapping[str, Any]) -> str:
        last = recurrence.last(_plan_of(values))
        if last is None:
            return 'has no occurrence of its own left'
        return f'is over, since {recurrence.wall_of(last, values["timezone"]):%Y-%m-%d %H:%M}'

    def _skip_over(self, draft: Draft, values: Mapping[str, Any]) -> None:
        self._refuse_one(draft, f'{self._over(values)}; it was not imported.')

    def _refuse_one(self, draft: Draft, why: str) -> None:
        """Leave out one, and go on with the others."""
        sentence = f'{_quoted(draft.name)} {why}'
        self._skipped.append(sentence)
        self._refused.append(Refused(uid=draft.uid, reason=sentence))

    def _refuse(self, name: str, sentence: str) -> None:
        self._problems.append((name, f'{_quoted(name)} {sentence}'))

    # Done

    async def check(self, calendar: Calendar) -> None:
        """:raises Invalid: with what does not fit"""
        for step in self._steps:
            if len(self._problems) >= MOST_PROBLEMS:
                break
            problems = await calendar.problems(step.values, id=step.id)
            if problems:
                told = ' '.join(f'({field}) {sentence}' for field, sentence in problems.items())
                self._refuse(step.draft.name, f'cannot be imported: {told}')
            await asyncio.sleep(0)  # what a pipeline took just now is not asked again, so nobody else had a turn
        if self._problems:
            sentences = [sentence for _, sentence in self._problems]
            more = f' {len(sentences) - TOLD:,} more cannot be imported.' if len(sentences) > TOLD else ''
            message = f'Nothing was imported. {" ".join(sentences[:TOLD])}{more}'
            raise Invalid(message, self._fields(), 'Mend them in the file, or leave them out of it.')

    def _fields(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        for name, sentence in self._problems[:MOST_PROBLEMS]:
            number = sum(key == name or key.startswith(f'{name} (') for key in fields) + 1
            fields[name if number == 1 else f'{name} ({number})'] = sentence
        return fields

    async def write(self, editor: EventEditor, because: str) -> str:
        """Do all of it at once; gives the id of the change."""
        series = {uid: here[None].id for uid, here in self._here.items() if None in here}
        series |= {step.draft.uid: step.id for step in self._steps if step.draft.recurrence_at is None}
        values = {step.id: step.all_values(series) for step in self._steps}
        return await editor.change_many(values, [*self._deletes], because=because) if self.is_any else ''

    def result(self, change: str) -> ImportResult:
        """It takes a second for some thousand."""
        return ImportResult(
            created=tuple(step.id for step in self._steps if step.event is None),
            updated=tuple(step.id for step in self._steps if step.event is not None),
            deleted=tuple(self._deletes),
            unchanged=tuple(self._unchanged),
            skipped=tuple(self._skipped),
            cancelled=tuple(self._cancelled),
            refused=tuple(self._refused),
            disabled=tuple(step.id for step in self._steps if step.is_held),
            events=tuple(step.as_imported(self._now) for step in self._steps),
            change=change,
        )

    @property
    def added(self) -> int:
        """How many events there would be more, before any is deleted."""
        return sum(step.event is None for step in self._steps)

    @property
    def is_any(self) -> bool:
        return bool(self._steps or self._deletes)


def _names_of(catalog: Catalog) -> dict[str, str]:
    """The names of pipelines by their names and titles, in small letters; a name goes before a title."""
    infos = catalog.all()
    return {info.title.casefold(): info.name for info in infos} | {info.name.casefold(): info.name for info in infos}


def _plan_of(values: Mapping[str, Any]) -> recurrence.Plan:
    exdates = frozenset(values.get('exdates') or ())
    return recurrence.Plan(start=values['start'], zone=values['timezone'], rule=values.get('rrule'), exdates=exdates)


def _hold(event: Event, changes: dict[str, Any]) -> bool:
    """Leave of the changes what needs no person; whether something does, so that the event is switched off."""
    wanted = changes.pop('enabled', event.enabled)
    is_more = not AGREED.isdisjoint(changes) or not set(event.exdates) <= set(changes.get('exdates', event.exdates))
    if event.enabled and (is_more or wanted is not True):
        changes['enabled'] = False
    return wanted is True and bool(changes) and (is_more or not event.enabled)


def _is_same(event: Event, key: str, values: Mapping[str, Any]) -> bool:
    """Whether a field of the event has the value already."""
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
