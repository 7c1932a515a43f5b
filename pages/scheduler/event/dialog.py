"""An event to plan or to change: what and when on the left, the proof of it on the right."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nicegui import background_tasks, ui
from nicegui.events import GenericEventArguments

from pages.parts.cards import set_props, work_box
from pages.parts.controls import switch
from pages.parts.dialogs import confirm, focus_first_field, say
from pages.parts.html import button, el, opens
from pages.parts.scope import Scope
from pages.parts.words import pipeline_color
from pages.scheduler.parts.days import next_hour
from synapse import recurrence
from synapse.calendar.events import Event, Misfire
from synapse.calendar.messages import ScheduleChanged
from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.records import now_utc
from synapse.recurrence.zones import zone

from . import values as event_values
from .actions import ask_scope, delete_event, run_event_now
from .form import WHEN, EventForm
from .preview import EventPreview, MisfireFields

__all__ = ['ask_scope', 'delete_event', 'open_event_dialog']

log = logging.getLogger(__name__)

AFTER_SECONDS = 0.12
"""How long a change rests before its proof is made."""


FOCUS_WRONG = """
    const fields = [...document.querySelectorAll('.ev-dialog .is-wrong :is(input, select, textarea)')];
    const seen = fields.filter((field) => field.offsetParent);
    (seen.find((field) => field.type !== 'radio' && field.type !== 'checkbox') ?? seen[0])?.focus();
"""
"""What is to be mended is typed, mostly: the choice above a box that is wrong is not it."""


def open_event_dialog(
    room: ControlRoom,
    *,
    event: Event | None = None,
    due: datetime | None = None,
    at: datetime | None = None,
    pipeline: str = '',
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Plan a new event, or change one.

    :param due: the occurrence at which `event` is opened; one that is over opens the whole series
    :param at: naive wall time of a new event in the zone of the calendar; else the next full hour
    :param pipeline: of a new event; else that of the newest one
    """
    if event is not None:
        due = due if event.is_repeating and due is not None and due > now_utc() else None
        values = event_values.shown(event, due)
    else:
        name, profile = _usual(room, pipeline)
        if not name:
            say('No pipeline can run. The Pipelines page says why.', kind='warning')
            return
        start = at or next_hour(now_utc(), zone(room.calendar.zone))
        values = event_values.fresh(start, room.calendar.zone, name, profile)
        values['parameters'] = dict(parameters or {})
    EventDialog(room, event, due, values)


class EventDialog:
    """Opens at once."""

    def __init__(self, room: ControlRoom, event: Event | None, due: datetime | None, values: Mapping[str, Any]) -> None:
        self._room = room
        self._event = event
        self._due = due
        self._first = dict(values)
        self._is_enabled = bool(values['enabled'])
        self._shows_all = event is not None
        self._is_saving = self._is_asking = self._is_dirty = False
        self._problems: dict[str, str] = {}
        self._shown: dict[str, str] = {}
        self._gone = ''
        self._asked = self._proved = 0
        self._timer: asyncio.TimerHandle | None = None
        title = 'Edit event' if event else 'New event'
        with ui.dialog() as self._dialog:
            box = el('section', 'sy-dialog form-dialog ev-dialog', role='dialog', aria_modal='true', aria_label=title)
            focus_first_field(self._dialog, box)
            # Only the browser knows of a file that is still on its way.
            asked = f'() => emit(Boolean(getHtmlElement({box.id}).querySelector(".upload-zone.is-sending")))'
            box.on('keydown.ctrl.enter', self._save_asked, js_handler=asked)
            box.on('keydown.meta.enter', self._save_asked, js_handler=asked)
            with box, Scope().classes('ev-scope') as self._scope:
                self._draw_head(title)
                with el('div', 'ev-columns'):
                    with el('div', 'form-scroll ev-form'):
                        self._form = EventForm(room, event, values, self._changed)
                    with el('aside', 'ev-side', aria_label='What that means'):
                        self._work = el('div', 'ev-proof')
                        self._show_work(event)
                        self._preview = EventPreview()
                        self._misfire = MisfireFields(Misfire.model_validate(values['misfire']), self._changed)
                self._draw_foot(asked)
        self._scope.when_gone(self._forget_timer)
        self._scope.follow(room.bus, ScheduleChanged, self._on_schedule)
        self._scope.follow(room.bus, PipelinesChanged, lambda _: self._prove_soon(AFTER_SECONDS))
        # At Esc and at a click beside it, Quasar only tells: whether something would be lost, the server knows, and
        # what was typed just before is there first.
        self._dialog.props('persistent').on('shake', self._leave)
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()
        self._prove_soon(0)

    def _draw_head(self, title: str) -> None:
        with el('header'):
            self._dot = el('i', f'sy-pdot {pipeline_color(self._room, self._first["pipeline"])}')
            el('h2', text=title)
            self._about = el('span', 'sy-cap sy-ell sy-grow')
            if self._due is not None:
                start = self._first['start']
                self._about.set_text(f'Changes apply from {start.day} {start:%b} on')
            switch('Active', self._is_enabled, self._enable)
            close = button('', icon_name='x', kind='ghost', small=True, aria_label='Close')
            close.on('click', self._leave)

    def _draw_foot(self, asked: str) -> None:
        with el('footer'):
            event = self._event
            if event is not None:
                delete = button('Delete', icon_name='trash', kind='ghost').classes('ev-delete')
                opens(delete, lambda: self._delete(event), what='')
                run = button('Run once now', icon_name='play', kind='ghost', title='As it was saved last')
                opens(run, lambda: run_event_now(self._room, event), what='')
            self._problem = el('span', 'sy-error sy-grow', role='alert', id='event-problem')
            button('Cancel').on('click', self._leave)
            self._button = button('Save event', kind='primary')
            set_props(self._button, aria_describedby='event-problem')
            with self._button:
                el('span', 'sy-kbd', 'Ctrl Enter')
            self._button.on('click', self._save_asked, js_handler=asked)

    def _show_work(self, event: Event | None) -> None:
        """What was saved and would run if it were switched on: a file may have brought it."""
        self._work.clear()
        set_props(self._work, hidden=event is None or event.enabled or None)
        if event is not None and not event.enabled:
            with self._work:
                el('p', 'sy-2', 'It is switched off. Switched on as it was saved, it runs exactly this:')
                work_box(event.pipeline, event.parameters, event.profile)

    # What stands there, and its proof

    def _read(self) -> tuple[dict[str, Any], dict[str, str]]:
        values, problems = self._form.read()
        values['misfire'], wrong = self._misfire.read()
        values['enabled'] = self._is_enabled
        return values, problems | wrong

    def _enable(self, is_enabled: bool) -> None:
        self._is_enabled = is_enabled
        self._changed()

    def _changed(self) -> None:
        values, wrong = self._read()
        self._is_dirty = bool(wrong) or bool(event_values.changed(self._first, values))
        self._dot.classes(replace=f'sy-pdot {pipeline_color(self._room, values["pipeline"])}')
        self._show_problems()
        self._prove_soon(AFTER_SECONDS)

    def _prove_soon(self, seconds: float) -> None:
        self._forget_timer()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(
            seconds, lambda: background_tasks.create(self._prove(), name='preview of an event')
        )

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def _prove(self) -> None:
        """Show what the calendar says of the values; an answer that a later one has overtaken is dropped."""
        self._asked += 1
        mine = self._asked
        values, _ = self._read()
        changes = event_values.changed(self._first, values)
        asked = event_values.previewed(self._event, self._due, _named(values, self._event), changes)
        preview = await self._room.calendar.preview(asked, id=self._event.id if self._event else None)
        if mine < self._proved or self._scope.is_deleted:
            return
        self._proved = mine
        self._problems = preview.problems
        self._preview.show(preview)
        self._show_problems()

    def _show_problems(self) -> dict[str, str]:
        """Say what is wrong beside its field and why it cannot be saved; gives what is shown."""
        _, wrong = self._read()
        problems = {**self._problems, **wrong}
        shown = self._form.show_errors(problems, is_all=self._shows_all)
        # What is typed and cannot be read is shown in any case: who typed it has touched it.
        shown |= wrong
        self._misfire.show_errors(problems)
        shown |= {name: text for name, text in problems.items() if name.startswith('misfire')}
        self._shown = shown
        self._problem.set_text(self._gone or _reason(shown))
        self._judge()
        return shown

    def _judge(self) -> None:
        set_props(self._button, disabled=bool(self._shown or self._gone) or self._is_saving or None)

    def _on_schedule(self, message: ScheduleChanged) -> None:
        """Another tab, or a program, was at the same event."""
        if self._event is None or message.event.id != self._event.id or self._is_saving:
            return
        if message.change == 'deleted':
            self._gone = 'It was deleted meanwhile.'
            self._show_problems()
        elif message.change == 'updated':
            self._about.set_text('It was changed elsewhere meanwhile. Saving changes only what you change here.')
            self._show_work(message.event)
            self._gone = ''

    # Saved, left, deleted, run

    async def _save_asked(self, event: GenericEventArguments) -> None:
        if event.args is True:
            self._problem.set_text('A file is still on its way. Save it once it is there.')
        elif not self._is_saving:
            self._is_saving = True
            try:
                await self._save()
            except Invalid as error:
                self._problems = self._problems | (error.fields or {'event': error.message})
                self._show_problems()
            except SynapseError as error:
                self._problem.set_text(f'{error.message} {error.hint}'.strip())
            finally:
                self._is_saving = False
                if not self._scope.is_deleted:
                    self._judge()

    async def _save(self) -> None:
        self._shows_all = True
        self._forget_timer()
        await self._prove()
        if self._show_problems() or self._problems:
            ui.run_javascript(FOCUS_WRONG)
            return
        values, _ = self._read()
        if self._event is None:
            await self._create(_named(values, None))
        else:
            await self._update(self._event, values)

    async def _create(self, values: Mapping[str, Any]) -> None:
        editor = self._room.editor
        event = await editor.create(values)
        start = event.start
        text = f'Planned {event.title} for {start.day} {start:%b}, {start:%H:%M}.'
        say(text, kind='success', undo=lambda: editor.delete(event.id))
        self._dialog.close()

    async def _update(self, event: Event, values: Mapping[str, Any]) -> None:
        editor = self._room.editor
        changes = event_values.changed(self._first, values)
        if changes:
            due = self._due
            scope: event_values.EditScope = 'all'
            if due is not None and len(recurrence.next_after(event.plan, now_utc(), limit=2)) > 1:
                text = f'{event.title} repeats. Which ones are to be as it stands here now?'
                answer = await ask_scope('Save changes', text, verb='Save', scopes=event_values.scopes_of(changes))
                if answer is None:
                    return
                scope = answer
            wanted = event_values.changes_in(event, due, changes, scope)
            change = await editor.update(event.id, wanted, scope=scope, due=None if scope == 'all' else due)
            say(f'Saved {values["title"].strip()}.', kind='success', undo=lambda: editor.undo(change.id))
        self._dialog.close()

    async def _leave(self) -> None:
        """Close it; where something would be lost, ask once."""
        if self._is_asking:
            return
        if self._is_dirty:
            self._is_asking = True
            text = 'What you changed here is not saved.'
            is_sure = await confirm('Leave without saving?', text, yes='Leave', no='Keep editing', icon_name='x')
            self._is_asking = False
            if not is_sure:
                return
        self._dialog.close()

    async def _delete(self, event: Event) -> None:
        if await delete_event(self._room, event, self._due):
            self._dialog.close()


def _reason(problems: Mapping[str, str]) -> str:
    """Why it cannot be saved."""
    when = [text for name, text in problems.items() if name in WHEN]
    if len(problems) == 1 and when:
        return when[0]
    return f'{len(problems)} field{"" if len(problems) == 1 else "s"} to mend.' if problems else ''


def _usual(room: ControlRoom, wanted: str) -> tuple[str, str | None]:
    """Pipeline and profile of the event planned last, as far as they are there; else one that takes files.

    :param wanted: the pipeline, if it can run
    """
    infos = [info for info in room.catalog.all() if info.is_runnable]
    profiles = [item.id for item in room.profiles.all()]
    last = next(reversed(room.calendar.events()), None)
    names = [info.name for info in sorted(infos, key=lambda info: not info.accepts)]
    liked = [wanted, last.pipeline if last is not None else '', *names]
    name = next((name for name in liked if name in names), '')
    known = last.profile if last is not None and last.profile in profiles else next(iter(profiles), None)
    return name, known


def _named(values: Mapping[str, Any], event: Event | None) -> dict[str, Any]:
    """The values of a new event without an empty name: then it has that of its pipeline."""
    is_nameless = event is None and not str(values['title']).strip()
    return {name: value for name, value in values.items() if name != 'title' or not is_nameless}
