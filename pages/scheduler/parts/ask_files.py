"""The question for the files of an event whose files somebody chooses each time."""

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from pages.parts.dialogs import focus_first_field, say
from pages.parts.fields import Field
from pages.parts.html import button, el
from pages.parts.schema_fields import field_for
from synapse.calendar.events import Event
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.inbox import inputs


async def ask_files(room: ControlRoom, event: Event) -> Mapping[str, Any] | None:
    """The parameters that `ask:` stands for, or None if the person thought better of it."""
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
