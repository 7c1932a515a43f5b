"""What is done to an event as a whole: deleted, run besides its plan; and the question how much of it is meant."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from nicegui import ui

from pages.parts.dialogs import attempt, confirm, say
from pages.parts.html import button, el
from pages.runs.run_form import open_run_form
from synapse import recurrence
from synapse.calendar.events import Event
from synapse.calendar.series import EditScope
from synapse.control_room import ControlRoom
from synapse.inbox import inputs
from synapse.records import now_utc

SCOPES: Mapping[EditScope, str] = {'one': 'only this one', 'following': 'this and later ones', 'all': 'all'}


async def ask_scope(
    title: str, text: str, *, verb: str, scopes: Sequence[EditScope] = ('one', 'following', 'all')
) -> EditScope | None:
    """How much of a repeating event is meant; None if the person thought better of it.

    :param verb: with which the answers begin, such as `Move`
    """
    with ui.dialog() as dialog, el('section', 'sy-dialog is-question', role='alertdialog', aria_modal='true') as box:
        box.props['aria-label'] = title
        el('h2', text=title)
        el('p', 'sy-2', text)
        with el('div', 'ev-scopes'):
            for place, scope in enumerate(scopes):
                choice = button(f'{verb} {SCOPES[scope]}')
                if place == 0:
                    choice.props['autofocus'] = True
                choice.on('click', lambda scope=scope: dialog.submit(scope))
            button('Cancel', kind='ghost').on('click', lambda: dialog.submit(None))
    answer = await dialog
    if not dialog.is_deleted:  # whoever left the page with the question open took it along
        dialog.delete()
    return next((scope for scope in scopes if scope == answer), None)


async def delete_event(room: ControlRoom, event: Event, due: datetime | None = None) -> bool:
    """Take an event off the calendar, or as much of it as the person says; a notice takes it back.

    :param due: the occurrence at which it was opened
    :return: whether anything was deleted
    """
    scope = await _scope_of_deletion(event, due)
    if scope is None:
        return False
    change = await attempt(room.editor.delete(event.id, scope=scope, due=None if scope == 'all' else due))
    if change is None:
        return False
    say(f'{change.sentence}.', kind='success', undo=lambda: room.editor.undo(change.id))
    return True


async def _scope_of_deletion(event: Event, due: datetime | None) -> EditScope | None:
    now = now_utc()
    if len(recurrence.next_after(event.plan, now, limit=2)) < 2:
        return 'all'
    if due is None or due <= now:
        text = 'All its occurrences to come leave the calendar. What it did stays.'
        return 'all' if await confirm(f'Delete {event.title}?', text, yes='Delete all', icon_name='trash') else None
    wall = recurrence.wall_of(due, event.timezone)
    text = f'It repeats. You opened {wall:%a} {wall.day} {wall:%b}, {wall:%H:%M}. What it did stays in any case.'
    return await ask_scope(f'Delete {event.title}?', text, verb='Delete')


async def run_event_now(room: ControlRoom, event: Event) -> None:
    """Run it besides its plan; where somebody has to choose the file, ask for it first."""
    if any(value == inputs.ASK for value in event.parameters.values()):
        known = {name: value for name, value in event.parameters.items() if value != inputs.ASK}
        open_run_form(room, pipeline=event.pipeline, profile=event.profile, values=known)
        return
    run = await attempt(room.calendar.run_now(event.id))
    if run is not None:
        path = f'/runs/{run.number}'
        say(f'{event.title} starts as run #{run.number}.', action=('Open run', lambda: ui.navigate.to(path)))
