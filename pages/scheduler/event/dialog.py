"""The dialog in which an event is planned or changed: the form on the left, its preview on the right."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from nicegui import background_tasks
from nicegui.events import GenericEventArguments

from pages.parts.cards import set_props, work_box
from pages.parts.controls import switch
from pages.parts.dialogs import Dialog, focus_first_field, focus_wrong, leave_button, say
from pages.parts.html import button, el, opens
from pages.parts.scope import Scope
from pages.parts.words import pipeline_color
from pages.scheduler.parts.days import next_hour
from synapse import recurrence
from synapse.calendar.events import Event, Misfire
from synapse.calendar.messages import ScheduleChanged
from synapse.calendar.series import EditScope
from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.language import _
from synapse.language.formats import moment
from synapse.records import now_utc
from synapse.recurrence.zones import zone
from synapse.waiting import Latest, Timer

from . import values as event_values
from .actions import ask_scope, delete_event, run_event_now
from .form import EventForm
from .preview import EventPreview, MisfireFields
from .reading import WHEN, why_unsaved
from .why import WhyFold

REST_SECONDS = 0.25
"""How long nothing has changed before the load at the next moments is counted, which takes longer than the rest."""


def open_event_dialog(
    room: ControlRoom,
    *,
    event: Event | None = None,
    due: datetime | None = None,
    at: datetime | None = None,
    pipeline: str = '',
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Open the dialog for a new event, or for `event`.

    :param due: the occurrence at which `event` is opened; the whole series if it is over
    :param at: start of a new event, as naive wall time in the zone of the calendar; by default the next full hour
    :param pipeline: pipeline of a new event; by default that of the newest event
    """
    if event is not None:
        due = due if event.is_repeating and due is not None and due > now_utc() else None
        values = event_values.shown(event, due)
    else:
        infos = [info for info in room.catalog.all() if info.is_runnable]
        last = next(reversed(room.calendar.events()), None)
        name, profile = event_values.usual(infos, [item.id for item in room.profiles.all()], last, pipeline)
        if not name:
            say(_('No pipeline can run. See the Pipelines page for the reasons.'), kind='warning')
            return
        start = at or next_hour(now_utc(), zone(room.calendar.zone))
        values = event_values.fresh(start, room.calendar.zone, name, profile)
        values['parameters'] = dict(parameters or {})
    EventDialog(room, event, due, values)


class EventDialog:
    """Opens as soon as it is made."""

    def __init__(self, room: ControlRoom, event: Event | None, due: datetime | None, values: Mapping[str, Any]) -> None:
        self._room = room
        self._event = event
        self._due = due
        self._first = dict(values)
        self._is_enabled = bool(values['enabled'])
        self._shows_all = event is not None
        self._is_saving = False
        self._problems: dict[str, str] = {}
        self._shown: dict[str, str] = {}
        self._deleted = ''
        self._when_problems: dict[str, str] = {}
        self._preview_soon = Latest(partial(self._inside, self._update_preview), _in_background)
        self._check_soon = Latest(partial(self._inside, self._check), _in_background)
        self._count_soon = Latest(partial(self._inside, self._count_load), _in_background)
        self._rest = Timer()
        title = _('Edit event') if event else _('New event')
        with Dialog() as self._dialog:
            box = el('section', 'sy-dialog form-dialog ev-dialog', role='dialog', aria_modal='true', aria_label=title)
            kept = {'data_draft': 'new-event'}
            if event is not None:
                kept = {'data_draft': f'event-{event.id}', 'data_draft_title': event.title}
            set_props(box, **kept)
            focus_first_field(self._dialog, box)
            # Only the browser knows whether a file is still uploading.
            asked = f'() => emit(Boolean(getHtmlElement({box.id}).querySelector(".upload-zone.is-sending")))'
            with box, Scope().classes('ev-scope') as self._scope:
                self._draw_head(title)
                with el('div', 'ev-columns'):
                    with el('div', 'form-scroll ev-form'):
                        self._draw_source(event)
                        self._form = EventForm(room, event, values, self._changed)
                    with el('aside', 'ev-side', aria_label=_('Preview')):
                        self._work = el('div', 'ev-proof')
                        self._show_work(event)
                        self._preview = EventPreview()
                        self._misfire = MisfireFields(Misfire.model_validate(values['misfire']), self._changed)
                        if event is not None:
                            WhyFold(room, event, due)
                self._draw_foot(asked)
        self._scope.when_gone(self._rest.cancel)
        self._scope.follow(room.bus, ScheduleChanged, self._on_schedule)
        self._scope.follow(room.bus, PipelinesChanged, lambda _message: self._look_again())
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()
        self._look_again()

    def _draw_head(self, title: str) -> None:
        with el('div', 'form-head'):
            self._dot = el('i', f'sy-pdot {pipeline_color(self._room, self._first["pipeline"])}')
            el('h2', text=title)
            self._about = el('span', 'sy-cap sy-ell sy-grow')
            if self._due is not None:
                start = self._first['start']
                self._about.set_text(_('Changes apply from {day} on', day=moment('MMMd', start)))
            switch(_('Active'), self._is_enabled, self._enable)
            close = button('', icon_name='x', kind='ghost', small=True, aria_label=_('Close'))
            close.on('click', self._dialog.close)

    def _draw_source(self, event: Event | None) -> None:
        """Say which calendar of others the event is from."""
        label = self._room.subscriptions.label_of(event.source) if event is not None else ''
        if label:
            words = _(
                'From the calendar {name}, which is read every hour. '
                'What you change stays until the calendar changes it too; deleted here, it stays away.',
                name=label,
            )
            el('p', 'sy-cap', words)

    def _draw_foot(self, asked: str) -> None:
        with el('div', 'form-foot'):
            event = self._event
            if event is not None:
                delete = button(_('Delete'), icon_name='trash', kind='ghost').classes('ev-delete')
                opens(delete, lambda: self._delete(event), what='')
                run = button(_('Run once now'), icon_name='play', kind='ghost', title=_('Run the event as last saved'))
                opens(run, lambda: run_event_now(self._room, event), what='')
            self._problem = el('span', 'sy-error sy-grow', role='alert', id='event-problem')
            leave_button(self._dialog)
            self._button = button(_('Save event'), kind='primary', aria_describedby='event-problem', data_checks='1')
            with self._button:
                el('span', 'sy-kbd', _('Ctrl Enter'))
            self._button.on('click', self._save_asked, js_handler=asked)

    def _show_work(self, event: Event | None) -> None:
        """Show what a switched-off event would run: it may come from an imported file."""
        self._work.clear()
        set_props(self._work, hidden=event is None or event.enabled or None)
        if event is not None and not event.enabled:
            with self._work:
                words = _('This event is switched off. If you switch it on as saved, it runs exactly this:')
                el('p', 'sy-2', words)
                work_box(event.pipeline, event.parameters, event.profile)

    # Values and preview

    def _read(self) -> tuple[dict[str, Any], dict[str, str]]:
        values, problems = self._form.read()
        values['misfire'], wrong = self._misfire.read()
        values['enabled'] = self._is_enabled
        return values, problems | wrong

    def _enable(self, is_enabled: bool) -> None:
        self._is_enabled = is_enabled
        self._changed()

    def _changed(self) -> None:
        values, _ = self._read()
        self._dot.classes(replace=f'sy-pdot {pipeline_color(self._room, values["pipeline"])}')
        self._show_problems()
        self._look_again()

    def _look_again(self) -> None:
        """Preview and check what is there now. What takes long never holds up what is quick."""
        self._preview_soon()
        self._check_soon()
        self._rest.start(REST_SECONDS, self._count_soon)

    async def _inside(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do background work in the language of the page."""
        with self._scope:
            await work()

    def _previewed(self) -> tuple[dict[str, Any], str | None]:
        """Return the values to preview, and the id of the event."""
        values, _wrong = self._read()
        changes = event_values.changed(self._first, values)
        named = event_values.named(values, is_new=self._event is None)
        asked = event_values.previewed(self._event, self._due, named, changes)
        return asked, None if self._event is None else self._event.id

    async def _update_preview(self) -> None:
        """Show when the event would run, or why it can't: what is quick to tell."""
        if self._scope.is_deleted:
            return
        values, id = self._previewed()
        preview = await self._room.calendar.preview_of_plan(values, id=id)
        if not self._scope.is_deleted:
            self._when_problems = preview.problems
            self._preview.show(preview)
            self._show_problems()

    async def _check(self) -> None:
        """Show all that is wrong: the values of a person's pipeline are checked in a process of its own."""
        if self._scope.is_deleted:
            return
        values, id = self._previewed()
        problems = await self._room.calendar.problems(values, id=id)
        if not self._scope.is_deleted:
            self._problems = problems
            self._show_problems()

    async def _count_load(self) -> None:
        """Show whether there is room for the next moments."""
        if self._scope.is_deleted:
            return
        values, id = self._previewed()
        moments = self._preview.moments
        load = await self._room.calendar.load_at(moments, values, id=id)
        if not self._scope.is_deleted and moments == self._preview.moments:
            self._preview.show_load(*load)

    def _show_problems(self) -> dict[str, str]:
        """Show each problem next to its field, and why the event cannot be saved; return what is shown."""
        _values, wrong = self._read()
        others = {name: text for name, text in self._problems.items() if name not in WHEN}
        problems = {**others, **self._when_problems, **wrong}
        shown = self._form.show_errors(problems, is_all=self._shows_all)
        # What cannot be read was typed, so it is always shown.
        shown |= wrong
        self._misfire.show_errors(problems)
        shown |= {name: text for name, text in problems.items() if name.startswith('misfire')}
        self._shown = shown
        self._problem.set_text(self._deleted or why_unsaved(shown))
        self._enable_save()
        return shown

    def _enable_save(self) -> None:
        set_props(self._button, disabled=bool(self._shown or self._deleted) or self._is_saving or None)

    def _on_schedule(self, message: ScheduleChanged) -> None:
        """Follow changes of the same event by another tab or a program."""
        if self._event is None or message.event.id != self._event.id or self._is_saving:
            return
        if message.change == 'deleted':
            self._deleted = _('This event has been deleted.')
            self._show_problems()
        elif message.change == 'updated':
            words = _('Changed elsewhere in the meantime. Saving updates only what you change here.')
            self._about.set_text(words)
            self._show_work(message.event)
            self._deleted = ''

    # Save, close, delete

    async def _save_asked(self, event: GenericEventArguments) -> None:
        if event.args is True:
            self._problem.set_text(_('A file is still uploading. Save the event once it has arrived.'))
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
                    self._enable_save()

    async def _save(self) -> None:
        self._shows_all = True
        await self._preview_soon()
        await self._check_soon()
        if self._show_problems() or self._problems:
            focus_wrong(self._button)
            return
        values, _wrong = self._read()
        if self._event is None:
            await self._create(event_values.named(values, is_new=True))
        else:
            await self._update(self._event, values)

    async def _create(self, values: Mapping[str, Any]) -> None:
        editor = self._room.editor
        event = await editor.create(values)
        start = event.start
        text = _(
            'Planned {title} for {day}, {time}.',
            title=event.title,
            day=moment('MMMd', start),
            time=f'{start:%H:%M}',
        )
        say(text, kind='success', undo=lambda: editor.delete(event.id))
        self._dialog.close()

    async def _update(self, event: Event, values: Mapping[str, Any]) -> None:
        editor = self._room.editor
        changes = event_values.changed(self._first, values)
        if changes:
            due = self._due
            scope: EditScope = 'all'
            if due is not None and len(recurrence.next_after(event.plan, now_utc(), limit=2)) > 1:
                text = _('{title} repeats. Which occurrences should change?', title=event.title)
                answer = await ask_scope(_('Save changes'), text, verb='Save', scopes=event_values.scopes_of(changes))
                if answer is None:
                    return
                scope = answer
            wanted = event_values.changes_in(event, due, changes, scope)
            change = await editor.update(event.id, wanted, scope=scope, due=None if scope == 'all' else due)
            text = _('Saved {title}.', title=values['title'].strip())
            say(text, kind='success', undo=lambda: editor.undo(change.id))
        self._dialog.close()

    async def _delete(self, event: Event) -> None:
        if await delete_event(self._room, event, self._due):
            self._dialog.close()


def _in_background(work: Coroutine[Any, Any, None]) -> 'asyncio.Task[None]':
    return background_tasks.create(work, name='preview of an event')
