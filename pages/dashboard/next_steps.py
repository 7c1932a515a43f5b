"""After the first run: a pipeline of one's own, the jobs one already has, a place on the calendar."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pages.parts.cards import set_props
from pages.parts.dialogs import attempt
from pages.parts.html import Glyph, button, copy_button, el, opens
from pages.parts.scope import Scope
from pages.runs.run_form import open_run_form
from pages.scheduler.event.dialog import open_event_dialog
from synapse.calendar.messages import ScheduleChanged
from synapse.catalog.catalog import PipelinesChanged
from synapse.catalog.first_file import FILE, write_first_file
from synapse.catalog.info import PipelineInfo
from synapse.control_room import ControlRoom
from synapse.language import _, translated

HIDDEN = 'first_steps'


class NextSteps(Scope):
    """Hidden once there is a pipeline of one's own and an event, or when a person has closed it.

    :param pipeline: of the last run, offered for the calendar
    """

    def __init__(self, room: ControlRoom, pipeline: str) -> None:
        super().__init__('section')
        self._room = room
        self._pipeline = pipeline
        self.classes('glass-card steps-next')
        self.props['aria-label'] = _('What comes next')
        self.follow(room.bus, PipelinesChanged, lambda message: self._show())
        self.follow(room.bus, ScheduleChanged, lambda message: self._show())
        self._shown: tuple[object, ...] | None = None
        self._show()

    def _show(self) -> None:
        if self._room.preferences.get(HIDDEN):
            set_props(self, hidden=True)
            self.clear()
            return
        own = next((info for info in self._room.catalog.all() if not info.is_built_in), None)
        has_events = not self._room.calendar.is_empty
        is_over = bool(own and has_events)
        now = (own, has_events, is_over)
        if now == self._shown:
            return
        self._shown = now
        set_props(self, hidden=is_over or None)
        self.clear()
        if not is_over:
            with self:
                self._draw(own, has_events)

    def _draw(self, own: PipelineInfo | None, has_events: bool) -> None:
        with el('div', 'sy-head'):
            el('h2', text=_('It works. Now make it yours'))
            el('span', 'sy-grow')
            close = button('', icon_name='x', kind='ghost', small=True, aria_label=_('Close "What comes next"'))
            close.on('click', lambda: attempt(self._close()))
        with el('ol', 'nx'):
            with _tile(_('Write your first pipeline'), is_done=own is not None) as say:
                if own is None:
                    say(_('A small Python file. Each time you save it, it is on the page within a second.'))
                    make = button(_('Create {file}', file=FILE), icon_name='plus', small=True)
                    make.on('click', lambda: attempt(self._create()))
                else:
                    self._offer(own, say)
            with _tile(_('Bring your crontab'), is_done=False) as say:
                say(_('Jobs of cron, systemd or Windows become events: you see each of them before it is kept.'))
                bring = button(_('Look for jobs'), icon_name='upload', small=True)
                opens(bring, lambda: attempt(self._bring()))
            with _tile(_('Plan it'), is_done=has_events) as say:
                say(_('Every day, every first Monday, or once: the calendar starts it, and says so if it could not.'))
                plan = button(_('New event'), icon_name='calendar', small=True)
                opens(plan, lambda: open_event_dialog(self._room, pipeline=own.name if own else self._pipeline))

    def _offer(self, own: PipelineInfo, say: Callable[[str], object]) -> None:
        path = own.origin or own.source
        file = Path(path).name
        if not own.is_runnable:
            say(_('{file} cannot run yet. Pipelines shows the line that is wrong.', file=file))
            el('a', 'sy-btn is-sm', _('Open Pipelines'), href='/pipelines')
            return
        say(_('{title} is there. Open {file} in an editor and change it.', title=translated(own.title), file=file))
        run = button(_('Run it'), icon_name='play', small=True)
        opens(run, lambda: open_run_form(self._room, pipeline=own.name))
        copy_button(_('Copy the path'), path)

    async def _create(self) -> None:
        await asyncio.to_thread(write_first_file, self._room.settings.data / 'pipelines')

    async def _bring(self) -> None:
        from pages.settings.jobs import bring_jobs  # with all that reads calendars: the dashboard does without

        await bring_jobs(self._room)

    async def _close(self) -> None:
        await asyncio.to_thread(self._room.preferences.put, HIDDEN, {'hidden': True})
        self._show()


@contextmanager
def _tile(title: str, *, is_done: bool) -> Iterator[Callable[[str], object]]:
    """Draw one step; yields what sets its text, and is the place for its buttons."""
    with el('li', 'is-done' if is_done else ''):
        with el('b', 'sy-x'):
            if is_done:
                Glyph('succeeded', size=14)
            el('span', text=title)
        text = el('p', 'sy-cap')
        with el('div', 'sy-x'):
            yield text.set_text
