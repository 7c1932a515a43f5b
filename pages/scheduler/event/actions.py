"""What can be done to a whole event: delete it or run it now; and the question how much of a series to change."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from nicegui import ui

from pages.parts.dialogs import Dialog, answer_to, attempt, confirm, leave_button, say
from pages.parts.html import button, el
from pages.runs.run_form import open_run_form
from pages.scheduler.parts.days import moment_words
from synapse import recurrence
from synapse.calendar.events import Event
from synapse.calendar.series import EditScope
from synapse.control_room import ControlRoom
from synapse.inbox import inputs
from synapse.language import N_, _, translated
from synapse.records import now_utc

Verb = Literal['Move', 'Save', 'Delete']
_ANSWERS: dict[Verb, dict[EditScope, str]] = {
    'Move': {'one': N_('Move only this one'), 'following': N_('Move this and later ones'), 'all': N_('Move all')},
    'Save': {'one': N_('Save only this one'), 'following': N_('Save this and later ones'), 'all': N_('Save all')},
    'Delete': {
        'one': N_('Delete only this one'),
        'following': N_('Delete this and later ones'),
        'all': N_('Delete all'),
    },
}


async def ask_scope(
    title: str, text: str, *, verb: Verb, scopes: Sequence[EditScope] = ('one', 'following', 'all')
) -> EditScope | None:
    """Ask how much of a repeating event to change; None if the person cancels.

    :param verb: what is to be done, the first word of each answer in English
    """
    with Dialog() as dialog, el('section', 'sy-dialog is-question', role='alertdialog', aria_modal='true') as box:
        box.props['aria-label'] = title
        el('h2', text=title)
        el('p', 'sy-2', text)
        with el('div', 'ev-scopes'):
            for place, scope in enumerate(scopes):
                choice = button(translated(_ANSWERS[verb][scope]), autofocus=place == 0 or None)
                choice.on('click', lambda scope=scope: dialog.submit(scope))
            leave_button(dialog, kind='ghost')
    answer = await answer_to(dialog)
    return next((scope for scope in scopes if scope == answer), None)


async def delete_event(room: ControlRoom, event: Event, due: datetime | None = None) -> bool:
    """Delete an event, or as much of it as the person chooses; a notice offers to undo it.

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
    now, title = now_utc(), _('Delete {title}?', title=event.title)
    if len(recurrence.next_after(event.plan, now, limit=2)) < 2:
        return 'all'
    if due is None or due <= now:
        text = _('All its upcoming occurrences will be deleted. Past runs are kept.')
        return 'all' if await confirm(title, text, yes=_('Delete all'), icon_name='trash') else None
    opened = moment_words(recurrence.wall_of(due, event.timezone))
    text = _('This event repeats. You opened the occurrence on {moment}. Past runs are kept.', moment=opened)
    return await ask_scope(title, text, verb='Delete')


async def run_event_now(room: ControlRoom, event: Event) -> None:
    """Run an event now, in addition to its plan; ask first for a file that has to be chosen each time."""
    if any(value == inputs.ASK for value in event.parameters.values()):
        known = {name: value for name, value in event.parameters.items() if value != inputs.ASK}
        open_run_form(room, pipeline=event.pipeline, profile=event.profile, values=known)
        return
    run = await attempt(room.calendar.run_now(event.id))
    if run is not None:
        path = f'/runs/{run.number}'
        text = _('Started {title} as run #{number}.', title=event.title, number=run.number)
        say(text, action=(_('Open run'), lambda: ui.navigate.to(path)))
