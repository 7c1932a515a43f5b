"""The place of the calendar."""

from synapse.control_room import ControlRoom

from .parts.cards import empty
from .parts.html import button, el
from .parts.run_form import open_run_form

UNTIL_THEN = (
    'Until then a run starts by hand, by a dropped file, or from a program: '
    'cron can call "python main.py run PIPELINE", and the run shows up here, live.'
)


def scheduler_page(room: ControlRoom) -> None:
    """Says what is not there yet, and what does the same until then."""
    page = el('div', 'sy-page')
    with (
        page,
        el('section', 'glass-card em is-page', aria_label='Scheduler'),
        empty('The calendar comes next', UNTIL_THEN, 'calendar'),
    ):
        run = button('Run a pipeline now', icon_name='play')
        el('a', 'sy-btn is-ghost', 'See pipelines', href='/pipelines')
    run.on('click', lambda: open_run_form(room))
