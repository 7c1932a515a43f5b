"""While you were away: what fell due and did not fire in time, why, what was done about it, and what to do now."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import background_tasks

from pages.parts.cards import keep_rows, set_props
from pages.parts.dialogs import Dialog, answer_to, attempt, focus_first_field, leave_button, say
from pages.parts.fields import Field
from pages.parts.html import Glyph, button, el, opens
from pages.parts.schema_fields import field_for
from pages.parts.scope import Scope
from pages.parts.words import pipeline_color
from synapse.calendar.events import Event
from synapse.calendar.messages import OccurrencesChanged, ScheduleChanged
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.inbox import inputs
from synapse.language import _, _n
from synapse.runs.records import RunRecord

from .away import Group, grouped, started_words, times_of, what_was_done, why_away

SOON_SECONDS = 0.2
ROWS = 20
"""How many events have a row; the buttons at the top apply to all of them."""


class AwayCard(Scope):
    """Hidden while nothing is open; what is answered in another tab disappears here too."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('section')
        self.classes('glass-card st-missed aw').props.update({'aria-label': _('While you were away'), 'hidden': True})
        self._room = room
        self._zone = ZoneInfo(room.calendar.zone)
        self._groups: list[Group] = []
        self._rows: dict[str, _Row] = {}
        with self:
            with el('div', 'aw-head'):
                Glyph('missed', size=18)
                with el('div', 'sy-grow'):
                    el('h2', text=_('While you were away'))
                    self._why = el('p', 'sy-2')
                self._acts = el('div', 'aw-acts')
            self._list = el('ul', 'aw-rows')
            self._more = el('p', 'sy-cap aw-more')
        with self._acts:
            latest = button(_('Run latest of each'), small=True)
            every = button(_('Run all'), small=True)
            skip = button(_('Skip all'), kind='ghost', small=True)
        opens(latest, lambda: self.run(self._groups, is_latest_only=True), what='')
        opens(every, lambda: self.run(self._groups, is_latest_only=False), what='')
        skip.on('click', lambda: self.skip(self._groups))
        soon = self.at_most_every(SOON_SECONDS, self._load_soon)
        self.follow(room.bus, OccurrencesChanged, lambda message: soon() if self._concerns(message) else None)
        self.follow(room.bus, ScheduleChanged, lambda message: soon() if message.event.id in self._rows else None)
        self._load_soon()

    def _concerns(self, message: OccurrencesChanged) -> bool:
        known = {group.event_id for group in self._groups}
        return any(item.is_open or item.event_id in known for item in message.occurrences)

    def _load_soon(self) -> None:
        background_tasks.create(self._load(), name='what was missed')

    async def _load(self) -> None:
        found = await self._room.calendar.open_missed()
        self._call(lambda: self._show(grouped(found)))

    def _show(self, groups: list[Group]) -> None:
        self._groups = groups
        shown = {group.event_id: group for group in groups[:ROWS]}
        keep_rows(self._list, self._rows, [*shown], lambda event_id: _Row(self, shown[event_id]))
        for event_id, group in shown.items():
            self._rows[event_id].show(group, self.event_of(group), self._zone)
        self._why.set_text(why_away(self._room.calendar.last_absence, groups, self._zone))
        can_run = sum(bool(group.runnable and self.event_of(group)) for group in groups)
        more = max(0, len(groups) - ROWS)
        self._more.set_text(_n('And {count} more event.', 'And {count} more events.', more))
        self._more.set_visibility(len(groups) > ROWS)
        set_props(self._acts, hidden=len(groups) < 2)
        for act in self._acts.default_slot.children[:2]:
            act.set_visibility(can_run > 0)
        set_props(self, hidden=not groups or None)

    def event_of(self, group: Group) -> Event | None:
        """Return the event as it is now, None if it was deleted."""
        try:
            return self._room.calendar.get(group.event_id)
        except NotFound:
            return None

    # Answers

    async def run(self, groups: Sequence[Group], *, is_latest_only: bool) -> None:
        """Run the newest missed occurrence of each event, or all of them, and skip the rest."""
        # A row is deleted once it is answered, so dialogs and notices must not belong to one.
        with self.client.content:
            runs: list[RunRecord] = []
            for group in list(groups):
                runs += await self._run_group(group, is_latest_only=is_latest_only)
            if runs:
                say(started_words(runs), kind='success')

    async def _run_group(self, group: Group, *, is_latest_only: bool) -> Sequence[RunRecord]:
        event = self.event_of(group)
        wanted = group.runnable[:1] if is_latest_only else group.runnable
        if event is None or not wanted:
            return []
        parameters: Mapping[str, Any] | None = None
        if any(value == inputs.ASK for value in event.parameters.values()):
            parameters = await ask_files(self._room, event)
            if parameters is None:
                return []
        runs = await attempt(self._room.calendar.answer_missed(wanted, 'run', parameters=parameters))
        if runs is None:
            return []
        rest = [item for item in group.all if item not in wanted]
        if rest:
            await attempt(self._room.calendar.answer_missed(rest, 'skip'))
        return runs

    async def skip(self, groups: Sequence[Group]) -> None:
        """Skip everything that is open for these events."""
        occurrences = [item for group in groups for item in group.all]
        with self.client.content:
            await attempt(self._room.calendar.answer_missed(occurrences, 'skip'))


class _Row:
    """One event: what was missed, what its policy did, and the buttons."""

    def __init__(self, card: AwayCard, group: Group) -> None:
        self._group = group
        with el('li') as self.row:
            el('i', 'sy-pdot')
            with el('div', 'sy-grow aw-what'):
                with el('p', 'sy-x'):
                    el('b', 'sy-ell', group.title)
                    self._times = el('span', 'sy-num sy-2 sy-ell')
                self._reason = el('p', 'sy-cap')
            with el('div', 'aw-acts'):
                self._latest = button(
                    _('Run latest only'), small=True, aria_label=_('Run latest only: {title}', title=group.title)
                )
                self._run = button(_('Run'), small=True)
                self._skip = button(
                    _('Skip'), kind='ghost', small=True, aria_label=_('Skip: {title}', title=group.title)
                )
                self._seen = button(_('Got it'), small=True, aria_label=_('Got it: {title}', title=group.title))
        self._words = self._run.default_slot.children[-1]
        opens(self._latest, lambda: card.run([self._group], is_latest_only=True), what='')
        opens(self._run, lambda: card.run([self._group], is_latest_only=False), what='')
        self._skip.on('click', lambda: card.skip([self._group]))
        self._seen.on('click', lambda: card.skip([self._group]))
        self.row.classes(pipeline_color(card._room, group.pipeline))

    def show(self, group: Group, event: Event | None, zone: ZoneInfo) -> None:
        self._group = group
        self._times.set_text(times_of(group, zone))
        self._reason.set_text(what_was_done(group, is_deleted=event is None))
        count = len(group.runnable) if event is not None else 0
        words, label = _('Run'), _('Run: {title}', title=group.title)
        if count > 1:
            words = _n('Run all {count}', 'Run all {count}', count)
            label = _n('Run all {count}: {title}', 'Run all {count}: {title}', count, title=group.title)
        self._words.set_text(words)  # type: ignore[attr-defined]
        set_props(self._run, aria_label=label)
        self._latest.set_visibility(count > 1)
        self._run.set_visibility(count > 0)
        self._skip.set_visibility(bool(group.missed))
        self._seen.set_visibility(not group.missed)


# Files


async def ask_files(room: ControlRoom, event: Event) -> Mapping[str, Any] | None:
    """Ask for the parameters that are `ask:`; None if the person cancels."""
    try:
        schema = room.catalog.get(event.pipeline).schema
    except NotFound as error:
        say(f'{error.message} {error.hint}'.strip(), kind='error')
        return None
    names = [name for name, value in event.parameters.items() if value == inputs.ASK]
    with Dialog() as dialog, el('section', 'sy-dialog', role='dialog', aria_modal='true') as box:
        box.props['aria-label'] = _('Files for {title}', title=event.title)
        el('h2', text=_('Which file for {title}?', title=event.title))
        with el('div', 'form-scroll'), el('div', 'form-fields'):
            fields = {
                name: field_for(room, name, schema['properties'][name], schema, None, is_required=True)
                for name in names
                if name in schema.get('properties', {})
            }
        with el('div', 'sy-dialog-buttons'):
            leave_button(dialog)
            run = button(_('Run'), icon_name='play', kind='primary')
    focus_first_field(dialog, box)

    def submit() -> None:
        values = {name: _value(field) for name, field in fields.items()}
        if all(value is not None for value in values.values()):
            dialog.submit(values)

    run.on('click', submit)
    answer = await answer_to(dialog)
    return answer if isinstance(answer, dict) else None


def _value(field: Field) -> Any:
    """Return the value of the field; None if there is none, which the field then says."""
    try:
        return field.value()
    except (KeyError, ValueError):
        field.show_error(_('Choose a file.'))
        return None
