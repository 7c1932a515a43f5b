"""While you were away: what fell due and did not fire in time, why, what was done about it, and what now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import background_tasks, ui

from pages.parts.cards import set_props
from pages.parts.dialogs import attempt, focus_first_field, say
from pages.parts.fields import Field
from pages.parts.html import Glyph, button, el, opens
from pages.parts.schema_fields import field_for
from pages.parts.scope import Scope
from pages.parts.words import pipeline_color
from synapse.calendar.alarm_clock import Absence
from synapse.calendar.events import Event, Occurrence
from synapse.calendar.messages import OccurrencesChanged, ScheduleChanged
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.inbox import inputs
from synapse.runs.records import RunRecord

from .days import day_in

SOON_SECONDS = 0.2
SHOWN = 20
"""So many events have a row; the buttons at the top are about all of them."""
TIMES = 3
"""So many moments are told one by one; more are told as a span."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """What waits for an answer about one event, newest first."""

    event_id: str
    title: str
    pipeline: str
    missed: tuple[Occurrence, ...]
    late: tuple[Occurrence, ...]
    """Those that were run late, as the event says: to be looked at, no more."""

    @property
    def all(self) -> tuple[Occurrence, ...]:
        return self.missed + self.late

    @property
    def runnable(self) -> tuple[Occurrence, ...]:
        """Those that can be run one by one; a row that stands for a whole span of them cannot."""
        return tuple(item for item in self.missed if item.since is None)


def grouped(occurrences: Sequence[Occurrence]) -> list[Group]:
    """By event, the one with the newest occurrence first.

    :param occurrences: newest first
    """
    found: dict[str, list[Occurrence]] = {}
    for occurrence in occurrences:
        found.setdefault(occurrence.event_id, []).append(occurrence)
    return [
        Group(
            event_id=event_id,
            title=items[0].title,
            pipeline=items[0].pipeline,
            missed=tuple(item for item in items if item.run is None),
            late=tuple(item for item in items if item.run is not None),
        )
        for event_id, items in found.items()
    ]


class AwayCard(Scope):
    """Hidden while nothing waits for an answer; what is answered in another tab goes here too."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('section')
        self.classes('glass-card st-missed aw').props.update({'aria-label': 'While you were away', 'hidden': True})
        self._room = room
        self._zone = ZoneInfo(room.calendar.zone)
        self._groups: list[Group] = []
        self._rows: dict[str, _Row] = {}
        with self:
            with el('div', 'aw-head'):
                Glyph('missed', size=18)
                with el('div', 'sy-grow'):
                    el('h2', text='While you were away')
                    self._why = el('p', 'sy-2')
                self._acts = el('div', 'aw-acts')
            self._list = el('ul', 'aw-rows')
            self._more = el('p', 'sy-cap aw-more')
        with self._acts:
            latest = button('Run latest of each', small=True)
            every = button('Run all', small=True)
            skip = button('Skip all', kind='ghost', small=True)
        opens(latest, lambda: self.run(self._groups, is_latest_only=True), what='')
        opens(every, lambda: self.run(self._groups, is_latest_only=False), what='')
        skip.on('click', lambda: self.skip(self._groups))
        soon = self.at_most_every(SOON_SECONDS, self._read_again)
        self.follow(room.bus, OccurrencesChanged, lambda news: soon() if self._concerns(news) else None)
        self.follow(room.bus, ScheduleChanged, lambda news: soon() if news.event.id in self._rows else None)
        self._read_again()

    def _concerns(self, news: OccurrencesChanged) -> bool:
        known = {group.event_id for group in self._groups}
        return any(item.is_open or item.event_id in known for item in news.occurrences)

    def _read_again(self) -> None:
        background_tasks.create(self._load(), name='what was missed')

    async def _load(self) -> None:
        found = await self._room.calendar.open_missed()
        self._call(lambda: self._show(grouped(found)))

    def _show(self, groups: list[Group]) -> None:
        self._groups = groups
        shown = {group.event_id for group in groups[:SHOWN]}
        for event_id in [known for known in self._rows if known not in shown]:
            self._rows.pop(event_id).row.delete()
        for index, group in enumerate(groups[:SHOWN]):
            if group.event_id not in self._rows:
                with self._list:
                    self._rows[group.event_id] = _Row(self, group)
            row = self._rows[group.event_id]
            if self._list.default_slot.children.index(row.row) != index:
                row.row.move(target_index=index)
            row.show(group, self.event_of(group), self._zone)
        self._why.set_text(why_away(self._room.calendar.last_absence, groups, self._zone))
        can_run = sum(bool(group.runnable and self.event_of(group)) for group in groups)
        self._more.set_text(f'And {len(groups) - SHOWN} more events.')
        self._more.set_visibility(len(groups) > SHOWN)
        set_props(self._acts, hidden=len(groups) < 2)
        for act in self._acts.default_slot.children[:2]:
            act.set_visibility(can_run > 0)
        set_props(self, hidden=not groups or None)

    def event_of(self, group: Group) -> Event | None:
        """The event as it is now, None if it was deleted."""
        try:
            return self._room.calendar.get(group.event_id)
        except NotFound:
            return None

    # Answered

    async def run(self, groups: Sequence[Group], *, is_latest_only: bool) -> None:
        """Run the newest missed one of each event, or all of them; the rest is skipped. What has run is put away."""
        # Rows go as they are answered, so what is said stands in no row.
        with self.client.content:
            runs: list[RunRecord] = []
            for group in list(groups):
                runs += await self._run_group(group, is_latest_only=is_latest_only)
            if runs:
                _say_started(runs)

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
        """Let all of them be."""
        occurrences = [item for group in groups for item in group.all]
        with self.client.content:
            await attempt(self._room.calendar.answer_missed(occurrences, 'skip'))


class _Row:
    """One event: what was missed of it, what its policy did, and the answers."""

    def __init__(self, card: AwayCard, group: Group) -> None:
        self._group = group
        with el('li') as self.row:
            self._dot = el('i', 'sy-pdot')
            with el('div', 'sy-grow aw-what'):
                with el('p', 'sy-x'):
                    el('b', 'sy-ell', group.title)
                    self._times = el('span', 'sy-num sy-2 sy-ell')
                self._reason = el('p', 'sy-cap')
            with el('div', 'aw-acts'):
                self._latest = button('Run latest only', small=True, aria_label=f'Run latest only: {group.title}')
                self._run = button('Run', small=True)
                self._skip = button('Skip', kind='ghost', small=True, aria_label=f'Skip: {group.title}')
                self._seen = button('Got it', small=True, aria_label=f'Got it: {group.title}')
        self._words = self._run.default_slot.children[-1]
        opens(self._latest, lambda: card.run([self._group], is_latest_only=True), what='')
        opens(self._run, lambda: card.run([self._group], is_latest_only=False), what='')
        self._skip.on('click', lambda: card.skip([self._group]))
        self._seen.on('click', lambda: card.skip([self._group]))
        self._color = pipeline_color(card._room, group.pipeline)
        self.row.classes(self._color)

    def show(self, group: Group, event: Event | None, zone: ZoneInfo) -> None:
        self._group = group
        self._times.set_text(times_of(group.missed or group.late, zone, is_missed=bool(group.missed)))
        self._reason.set_text(what_was_done(group) + (' Its event was deleted.' if event is None else ''))
        count = len(group.runnable) if event is not None else 0
        words = f'Run all {count}' if count > 1 else 'Run'
        self._words.set_text(words)  # type: ignore[attr-defined]
        set_props(self._run, aria_label=f'{words}: {group.title}')
        self._latest.set_visibility(count > 1)
        self._run.set_visibility(count > 0)
        self._skip.set_visibility(bool(group.missed))
        self._seen.set_visibility(not group.missed)


# Files


async def ask_files(room: ControlRoom, event: Event) -> Mapping[str, Any] | None:
    """The parameters that `ask:` stands for, chosen by the person, or None if the person thought better of it."""
    try:
        schema = room.catalog.get(event.pipeline).schema
    except NotFound as error:
        say(f'{error.message} {error.hint}'.strip(), kind='error')
        return None
    names = [name for name, value in event.parameters.items() if value == inputs.ASK]
    with ui.dialog() as dialog, el('section', 'sy-dialog', role='dialog', aria_modal='true') as box:
        box.props['aria-label'] = f'Files for {event.title}'
        el('h2', text=f'Which file for {event.title}?')
        with el('div', 'form-scroll'), el('div', 'form-fields'):
            fields = {
                name: field_for(room, name, schema['properties'][name], schema, None, is_required=True)
                for name in names
                if name in schema.get('properties', {})
            }
        with el('div', 'sy-dialog-buttons'):
            button('Cancel').on('click', lambda: dialog.submit(None))
            run = button('Run', icon_name='play', kind='primary')
    focus_first_field(dialog, box)

    def submit() -> None:
        values = {name: _value(field) for name, field in fields.items()}
        if all(value is not None for value in values.values()):
            dialog.submit(values)

    run.on('click', submit)
    answer = await dialog
    if not dialog.is_deleted:  # whoever left the page with the question open took it along
        dialog.delete()
    return answer if isinstance(answer, dict) else None


def _value(field: Field) -> Any:
    """What was chosen; where there is nothing, the field says so."""
    try:
        return field.value()
    except (KeyError, ValueError):
        field.show_error('Choose a file.')
        return None


# Words


def why_away(absence: Absence | None, groups: Sequence[Group], zone: ZoneInfo) -> str:
    """How much was missed, why nothing could fire, and for how long."""
    missed = sum(item.count for group in groups for item in group.missed)
    late = sum(len(group.late) for group in groups)
    counts = [f'{missed:,} missed' if missed else '', f'{late} run late' if late else '']
    told = ' and '.join(filter(None, counts))
    if absence is None:
        return f'{told}, {_span([item for group in groups for item in group.all], zone)}.' if groups else ''
    length = _length((absence.end - absence.start).total_seconds())
    what = {
        'off': f'Synapse was off for {length}',
        'asleep': f'This machine was asleep for {length}',
        'clock': f'The clock of this machine was set forward by {length}',
    }[absence.why]
    return f'{what}, until {_moment(absence.end, zone)}: {told}.'


def times_of(occurrences: Sequence[Occurrence], zone: ZoneInfo, *, is_missed: bool) -> str:
    """`3 missed: Wed 14 Oct, 02:30, 03:30, 04:30`, or the first and the last of many.

    :param occurrences: newest first, at least one
    """
    count = sum(item.count for item in occurrences)
    word = f'{count:,} missed' if is_missed else 'run late'
    if count > TIMES or any(item.since for item in occurrences):
        return f'{word}, {_span(occurrences, zone)}'
    told, day = [], None
    for item in reversed(occurrences):
        is_same_day = day == day_in(item.due, zone)
        day = day_in(item.due, zone)
        told.append(f'{item.due.astimezone(zone):%H:%M}' if is_same_day else _moment(item.due, zone))
    return f'{word}: {", ".join(told)}' if count > 1 or not is_missed else f'missed: {told[0]}'


def _span(occurrences: Sequence[Occurrence], zone: ZoneInfo) -> str:
    first = min(item.since or item.due for item in occurrences)
    last = max(item.due for item in occurrences)
    if first == last:
        return _moment(first, zone)
    end = f'{last.astimezone(zone):%H:%M}' if day_in(first, zone) == day_in(last, zone) else _moment(last, zone)
    return f'{_moment(first, zone)} to {end}'


def what_was_done(group: Group) -> str:
    """Why they did not fire, and what the policy did about it."""
    if group.late and group.missed:
        ran = 'The latest one was run late.' if len(group.late) == 1 else f'{len(group.late)} were run late.'
        return f'{ran} Of the others: {group.missed[0].reason}'
    return (group.missed or group.late)[0].reason


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f'{local:%a} {local.day} {local:%b}, {local:%H:%M}'


def _length(seconds: float) -> str:
    """`40 s`, `12 min`, `6 h 21 min`, `3 days`."""
    minutes, hours = round(seconds / 60), int(seconds // 3600)
    if seconds < 60:
        return f'{round(seconds)} s'
    if minutes < 60:
        return f'{minutes} min'
    if hours < 48:
        rest = round(seconds % 3600 / 60)
        return f'{hours} h {rest} min' if rest else f'{hours} h'
    return f'{round(seconds / 86_400)} days'


def _say_started(runs: Sequence[RunRecord]) -> None:
    numbers = ', '.join(f'#{run.number}' for run in runs[:3])
    more = f' and {len(runs) - 3} more' if len(runs) > 3 else ''
    say(f'{numbers}{more} {"is" if len(runs) == 1 else "are"} in the queue.', kind='success')
