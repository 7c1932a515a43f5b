"""Importing the events of a calendar file: new ones are created, changed ones updated, cancelled ones removed.

An event whose UID is known is updated, never duplicated. All drafts are validated before anything is written; those
that are invalid are named and left out.

Importing isn't trusting. What an untrusted file removes counts at once. What it adds, or changes about what runs and
when, is switched off until a person approves it, since they approved something else.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from synapse.calendar.calendar import Calendar
from synapse.calendar.editor import EventEditor
from synapse.calendar.events import Event
from synapse.catalog.catalog import Catalog
from synapse.language import _, in_thread, translated
from synapse.records import now_utc

from .assignment import Assignment
from .comparing import INHERITED, PLAN, hold, is_older, is_same
from .import_problems import ADD_LINE, NAMES_NONE, nothing_imported, quoted
from .import_result import ImportResult, Refused, Workless
from .import_rules import WORK
from .import_step import ImportStep
from .plans import is_past, past_reason, when
from .progress import Progress
from .reading import Contents, Unread
from .removing import Group, missing, other_overrides, other_parts
from .returning import Returning, groups_of, values_of
from .series import Draft, series_among


async def import_drafts(
    calendar: Calendar,
    editor: EventEditor,
    catalog: Catalog,
    contents: Contents,
    *,
    is_trusted: Callable[[Draft], bool],
    is_own: Callable[[Draft], bool] = lambda __: False,
    assignment: Assignment | None = None,
    turns_on: bool = False,
    because: str = '',
    is_dry: bool = False,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> ImportResult:
    """Update the calendar from a file, in one write, without holding up the event loop.

    What a subscribed calendar no longer has is removed, if the file is whole.

    :param is_trusted: whether a draft may be switched on as the file says
    :param is_own: whether a draft was exported here; then another event of its version has replaced it since
    :param assignment: the rules, and which subscribed calendar the file is
    :param turns_on: switch on new events whose work is wholly that of a rule
    :param because: is logged with the change
    :param is_dry: only return what would be done
    :param now: aware; events without an occurrence after it are skipped
    :raises Invalid: with a sentence for each event, if none can be imported
    :raises Conflict: if there would be too many events; then nothing was imported
    :raises ImportCancelled: if it was cancelled; then nothing was imported
    """
    assignment, progress = assignment or Assignment(), progress or Progress()
    events = {event.id: event for event in calendar.events()}
    returning = Returning(editor.left(assignment.source) if assignment.source else (), events)
    planned = _Import(events, returning, catalog, is_trusted, is_own, assignment, now or now_utc(), turns_on=turns_on)
    with editor.importing():
        await in_thread(planned.decide, contents, progress)
        await planned.validate(calendar, progress)
        editor.require_room(planned.added)
        change = '' if is_dry else await asyncio.shield(planned.write(editor, because, progress))
        return await in_thread(planned.result, change, progress)


class _Import:
    """What to do about each draft, decided before anything is done."""

    def __init__(
        self,
        events: Mapping[str, Event],
        returning: Returning,
        catalog: Catalog,
        is_trusted: Callable[[Draft], bool],
        is_own: Callable[[Draft], bool],
        assignment: Assignment,
        now: datetime,
        *,
        turns_on: bool,
    ) -> None:
        self._existing = groups_of(events.values(), events)
        self._returning = returning
        self._names = _pipeline_names(catalog)
        self._is_trusted = is_trusted
        self._is_own = is_own
        self._assignment = assignment
        self._turns_on = turns_on
        self._now = now
        self._steps: list[ImportStep] = []
        self._deletes: dict[str, None] = {}
        self._cancelled: list[str] = []
        self._unchanged: list[str] = []
        self._skipped: list[str] = []
        self._refused: list[Refused] = []
        self._workless: list[Workless] = []
        self._remembered: list[ImportStep] = []
        """Events that stay as they are, and remember that they were read."""
        self._problems: list[Unread] = []
        """What cannot be read or imported."""
        self._notes: tuple[str, ...] = ()
        self._is_whole = True

    def decide(self, contents: Contents, progress: Progress) -> None:
        self._problems += contents.unread
        self._notes, self._is_whole = contents.notes, contents.is_whole
        groups: dict[str, list[Draft]] = {}
        for draft in contents.drafts:
            groups.setdefault(draft.uid, []).append(draft)
        for number, (uid, group) in enumerate(groups.items(), 1):
            progress.at('compared', number, len(groups))
            self._decide_group(uid, group)
        unread = {one.uid for one in contents.unread}
        if contents.is_whole:
            self._remove(other_parts(self._existing, groups, unread, assignment=self._assignment, now=self._now))
        if contents.is_whole and self._assignment.source:
            self._remove(missing(self._existing, groups, unread, source=self._assignment.source, now=self._now))

    def _decide_group(self, uid: str, drafts: Sequence[Draft]) -> None:
        existing = self._existing.get(uid, {})
        if self._assignment.is_foreign(existing):
            self._skip(drafts[0], _('is in the calendar already, from elsewhere; it was left as it is.'))
            return
        left = None if existing else self._returning.find(uid, None)
        if left is not None and self._returning.is_deleted(left):
            self._skip_deleted(drafts[0])
            return
        head = series_among(drafts) or drafts[0]
        named = self._values_of(head).get('pipeline')
        drafts = self._assignment.assigned(drafts, existing.get(None) or left, named=named)
        series = series_among(drafts)
        overrides = {moment: draft for draft in drafts if (moment := draft.replaced) is not None}
        if series is None and None in existing:
            overrides = {moment: draft.in_zone(existing[None].timezone) for moment, draft in overrides.items()}
        if series is None:
            self._decide_overrides(overrides, self._inherited(existing.get(None)), existing)
            self._exclude_overridden(overrides, existing.get(None))
        elif series.is_cancelled:
            self._cancel(series, existing)
        elif self._decide_series(series, existing.get(None)):
            inherited = self._inherited(existing.get(None) or left) | self._values_of(series)
            if left is not None:
                self._restore_moved(uid, overrides)
            self._decide_overrides(overrides, {key: inherited[key] for key in INHERITED if key in inherited}, existing)
            if self._is_whole:
                self._remove(other_overrides(existing, overrides, assignment=self._assignment, now=self._now))

    def _decide_series(self, draft: Draft, event: Event | None) -> bool:
        """Create or update a series or single event; return False if the file has an older version of it."""
        if event is not None:
            return self._update(draft, event)
        left = self._returning.find(draft.uid, draft.replaced)
        if left is not None:
            self._restore(draft, left)
            return True
        values = self._values_of(draft)
        if not values.get('pipeline') and not is_past(values, self._now):
            self._leave_workless(draft)
        else:
            self._create(draft, values)
        return True

    def _leave_workless(self, draft: Draft) -> None:
        reason = _(
            '{name} fits no rule and names no pipeline; add a rule for it, or {add_line}',
            name=quoted(draft.name),
            add_line=translated(ADD_LINE),
        )
        if self._assignment.rule_for is None:
            reason = f'{quoted(draft.name)} {translated(NAMES_NONE)}'
            self._add_problem(draft, translated(NAMES_NONE))
        sentence, following = when(draft.values, self._now)
        left = Workless(
            uid=draft.uid,
            title=draft.name,
            categories=draft.categories,
            reason=reason,
            replaces=draft.replaced,
            sentence=sentence,
            next=following,
        )
        self._workless.append(left)

    def _create(self, draft: Draft, values: Mapping[str, Any]) -> None:
        if is_past(values, self._now):
            self._skip_past(draft, values)
            return
        values, is_held = {**values}, False
        is_approved = self._turns_on and self._assignment.is_all_of_a_person(draft)
        if not (is_approved or self._is_trusted(draft)):
            is_held = values.get('enabled', True) is not False
            values['enabled'] = False
        elif self._assignment.is_turned_on(draft):
            values['enabled'] = True
        self._add_step(draft, values, is_held=is_held)

    def _update(self, draft: Draft, event: Event) -> bool:
        values = self._named_values(draft)
        is_older, has_new_rule = self._is_older(draft, event), self._assignment.is_new_rule(draft, event)
        news = self._assignment.news(draft, event)
        if is_older and has_new_rule:
            news &= {*WORK}
        changes = {key: value for key, value in values.items() if key in news and not is_same(event, key, values)}
        if draft.recurrence_at != event.override_at:
            changes['override_at'] = draft.recurrence_at
        is_held = not self._is_trusted(draft) and hold(event, changes)
        if self._assignment.is_turned_on(draft) and not event.enabled:
            changes['enabled'] = True
        if not changes:
            self._unchanged.append(event.id)
            self._remember(draft, event)
        elif is_older and not has_new_rule:
            self._skip(draft, _('is older in the file than in the calendar; it was not changed.'))
            return False
        elif not changes.keys().isdisjoint(PLAN) and is_past(values, self._now):
            self._remove_past(draft, values, event)
        else:
            self._add_step(draft, changes, event=event, is_held=is_held)
        return True

    def _restore(self, draft: Draft, event: Event) -> None:
        """Plan an event of before as it was left, with what has changed since; one that a person deleted stays away."""
        if self._returning.is_deleted(event):
            self._skip_deleted(draft)
            return
        given, news = self._named_values(draft), self._assignment.news(draft, event)
        changes = {key: value for key, value in given.items() if key in news and not is_same(event, key, given)}
        is_held = not self._is_trusted(draft) and hold(event, changes)
        values = values_of(event) | changes
        if is_past(values, self._now):
            self._skip_past(draft, values)
        else:
            self._add_step(draft, values, is_held=is_held, id=event.id)

    def _restore_moved(self, uid: str, overrides: Collection[datetime]) -> None:
        """Plan what a person had moved of a series that comes back."""
        for draft, event in self._returning.moved_by_hand(uid):
            if draft.replaced not in overrides and not is_past(values := values_of(event), self._now):
                stamps = {'sequence': event.sequence, 'updated_at': self._now}
                self._steps.append(ImportStep(draft=draft, values=values, stamps=stamps, id=event.id))

    def _skip_deleted(self, draft: Draft) -> None:
        self._skip(draft, _('was deleted here, and stays away.'))

    def _add_step(
        self, draft: Draft, values: dict[str, Any], *, event: Event | None = None, is_held: bool = False, id: str = ''
    ) -> None:
        rule = self._assignment.rule_of(draft)
        words = '' if rule is None else rule.words
        stamps = self._stamps(draft) | self._assignment.memory(draft)
        self._steps.append(
            ImportStep(draft=draft, values=values, stamps=stamps, event=event, is_held=is_held, rule=words, id=id)
        )

    def _remember(self, draft: Draft, event: Event) -> None:
        memory = self._assignment.memory(draft)
        if any(getattr(event, name) != value for name, value in memory.items()):
            self._remembered.append(ImportStep(draft=draft, values={}, stamps=memory, event=event))

    def _remove_past(self, draft: Draft, values: Mapping[str, Any], event: Event) -> None:
        if is_past(event.model_dump(), self._now):
            self._skip_past(draft, values)
        else:
            self._remove([event.id])
            reason = _('{values}; it was removed from the calendar.', values=past_reason(values))
            self._skipped.append(f'{quoted(draft.name)} {reason}')

    def _is_older(self, draft: Draft, event: Event) -> bool:
        # A subscribed calendar has one version at a time, and changes made here count as versions too.
        return not self._assignment.source and is_older(draft, event, self._is_own)

    def _stamps(self, draft: Draft) -> dict[str, Any]:
        return {'sequence': draft.sequence, 'updated_at': min(draft.last_modified or self._now, self._now)}

    def _cancel(self, draft: Draft, existing: Group) -> None:
        event = existing.get(None)
        if not existing:
            self._skip(draft, _('is cancelled, and was not in the calendar.'))
        elif event is not None and not self._assignment.source and draft.sequence < event.sequence:
            self._skip(draft, _('was changed after it was cancelled; it was not removed.'))
        else:
            self._cancel_events(existing.values())

    def _cancel_events(self, events: Iterable[Event]) -> None:
        ids = [event.id for event in events]
        self._remove(ids)
        self._cancelled += ids

    def _remove(self, ids: Iterable[str]) -> None:
        self._deletes |= dict.fromkeys(ids)

    def _decide_overrides(
        self, overrides: Mapping[datetime, Draft], inherited: Mapping[str, Any], existing: Group
    ) -> None:
        for moment, draft in overrides.items():
            event = existing.get(moment)
            if draft.is_cancelled:
                self._cancel_events([] if event is None else [event])
            elif event is not None:
                self._update(draft, event)
            elif (left := self._returning.find(draft.uid, moment)) is not None:
                self._restore(draft, left)
            elif 'pipeline' in {**inherited, **draft.values}:
                self._create(draft, {**inherited, **self._named_values(draft)})
            else:
                self._decide_series(draft, None)

    def _exclude_overridden(self, overrides: Mapping[datetime, Draft], series: Event | None) -> None:
        """Exclude the replaced occurrences from an existing series that isn't in the file."""
        if series is None:
            for draft in overrides.values():
                if draft.is_cancelled:
                    self._skip(draft, _('is cancelled, and was not in the calendar.'))
            return
        exdates = {*series.exdates, *(draft.recurrence_at for draft in overrides.values() if draft.recurrence_at)}
        if exdates == set(series.exdates):
            self._unchanged.append(series.id)
            return
        draft = next(iter(overrides.values()))
        stamps = {'sequence': series.sequence, 'updated_at': self._now}
        self._steps.append(ImportStep(draft=draft, values={'exdates': sorted(exdates)}, stamps=stamps, event=series))

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

    def _skip_past(self, draft: Draft, values: Mapping[str, Any]) -> None:
        self._skip(draft, _('{values}; it was not imported.', values=past_reason(values)))

    def _skip(self, draft: Draft, reason: str) -> None:
        sentence = f'{quoted(draft.name)} {reason}'
        self._skipped.append(sentence)
        self._refused.append(Refused(uid=draft.uid, reason=sentence))

    def _add_problem(self, draft: Draft, sentence: str) -> None:
        self._problems.append(Unread(uid=draft.uid, name=draft.name, reason=f'{quoted(draft.name)} {sentence}'))

    async def validate(self, calendar: Calendar, progress: Progress) -> None:
        """Leave out what is invalid, and what replaces occurrences of a series that is left out.

        :raises Invalid: if nothing is left
        """
        invalid: set[str] = set()
        valid = []
        for number, step in enumerate(self._steps, 1):
            progress.at('checked', number, len(self._steps))
            await asyncio.sleep(0)  # cached validations await nothing: give others on the loop a turn
            problems = await calendar.problems(step.values, id=step.id)
            text = ' '.join(f'({field}) {sentence}' for field, sentence in problems.items())
            if problems:
                self._add_problem(step.draft, _('cannot be imported: {text}', text=text))
            elif step.event is None and step.draft.recurrence_at is not None and step.draft.uid in invalid:
                self._add_problem(step.draft, _('replaces an occurrence of an event that cannot be imported.'))
            else:
                valid.append(step)
                continue
            if step.draft.recurrence_at is None:
                invalid.add(step.draft.uid)
        self._steps = valid
        has_workless = self._workless and self._assignment.rule_for is not None
        is_any_left = self._steps or self._deletes or self._unchanged or self._skipped or has_workless
        # One that has become invalid since may keep its old memory, and must not keep the others from being written.
        same = [step for step in self._remembered if not await calendar.problems({}, id=step.id)]
        self._remembered = same
        if self._problems and not is_any_left:
            raise nothing_imported(self._problems)

    async def write(self, editor: EventEditor, because: str, progress: Progress) -> str:
        """Write all changes at once, and return the id of the change."""
        series = {uid: group[None].id for uid, group in self._existing.items() if None in group}
        series |= {step.draft.uid: step.id for step in self._steps if step.draft.recurrence_at is None}
        values = {step.id: step.all_values(series) for step in [*self._steps, *self._remembered]}
        if not (values or self._deletes):
            return ''
        count = partial(progress.at, 'saved')
        return await editor.change_many(values, [*self._deletes], because=because, count=count, is_import=True)

    def result(self, change: str, progress: Progress) -> ImportResult:
        """Return what was done, or would be. Takes about a second for several thousand events."""
        events = []
        for number, step in enumerate(self._steps, 1):
            if not change:
                progress.at('described', number, len(self._steps))
            events.append(step.as_imported(self._now, self._assignment.rule_of(step.draft)))
        return ImportResult(
            created=tuple(step.id for step in self._steps if step.event is None),
            updated=tuple(step.id for step in self._steps if step.event is not None),
            deleted=tuple(self._deletes),
            unchanged=tuple(self._unchanged),
            skipped=(*self._skipped, *(problem.reason for problem in self._problems)),
            cancelled=tuple(self._cancelled),
            refused=(*self._refused, *(Refused(uid=one.uid, reason=one.reason) for one in self._problems)),
            disabled=tuple(step.id for step in self._steps if step.is_held),
            events=tuple(events),
            without_pipeline=tuple(self._workless),
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
