"""Where the calendar will be; until then it says what can be done instead."""

from synapse.control_room import ControlRoom

from .parts.html import button, el, icon
from .parts.run_form import open_run_form
from .parts.scope import Scope


def scheduler_page(room: ControlRoom) -> None:
    """An honest empty page: nothing can be planned in this version."""
    with Scope().classes('sy-page'), el('section', 'glass-card sy-empty', aria_label='Calendar').style('min-height:320px'):
        icon('calendar', size=24)
        el('b', text='The calendar is not part of this version')
        el('span', 'sy-cap', 'Runs start by hand, by dropping a file, or by a program: python main.py run PIPELINE.')
        button('Run a pipeline now', icon_name='play').on('click', lambda: open_run_form(room))
