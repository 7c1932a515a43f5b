"""The waiting runs in the order in which they will start: reorder them, remove one, or pause them all."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from pages.parts.cards import Card, keep_rows, set_class, set_props, tick
from pages.parts.dialogs import attempt
from pages.parts.html import Glyph, button, el, icon, menu_item, opens
from pages.parts.popup import menu
from pages.parts.words import pipeline_color, pipeline_title
from pages.runs.pause_dialog import ask_to_pause_queue
from pages.runs.run_words import pause_words
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.runs import causes
from synapse.runs.messages import QueueChanged, RunChanged
from synapse.runs.records import RunRecord
from synapse.status import StatusChanged

SHOWN = 20
SHORT = 80
"""Characters of a reason that are surely shown; more appear when it has the pointer or the focus."""
BY = causes.DASHBOARD


class QueueCard(Card):
    """A row is the same element for as long as its run waits; a change of order moves it."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__(_('Queue'), 'third is-list queue-card')
        self._room = room
        self._rows: dict[str, _Row] = {}
        with self.head:
            with el('span', 'sy-x'):
                self._hold = el('button', 'sy-btn is-ghost is-sm', type_='button')
                label = _('Pause for a time, or drain')
                more = button('', icon_name='clockback', kind='ghost', small=True, title=label, aria_label=label)
            self._hold.on('click', self._toggle)
            opens(more, lambda: ask_to_pause_queue(self._room, BY))
        with self:
            with el('p', 'sy-cap none') as self._why:
                self._reason = el('span', 'is-short')
            self._list = el('ol', 'sy-rows', data_reorder='1')
            self._list.on('moved', self._moved, js_handler='(e) => emit(e.detail)')
            self._none = el('p', 'sy-cap none')
            self._more = el('p', 'sy-cap none')
        self.follow(room.bus, QueueChanged, lambda _: self._show())
        self.follow(room.bus, StatusChanged, lambda _: self._show_hold())
        self.follow(room.bus, RunChanged, self._on_run)
        self._show()

    async def _toggle(self) -> None:
        runs = self._room.runs
        await attempt(runs.resume_queue(by=BY) if runs.is_queue_paused else runs.pause_queue(by=BY))

    async def _moved(self, event: GenericEventArguments) -> None:
        await attempt(self._room.runs.move_in_queue(str(event.args['id']), int(event.args['index'])))

    def _on_run(self, message: RunChanged) -> None:
        if message.moved:
            self._show()

    def _show_hold(self) -> None:
        is_paused = self._room.runs.is_queue_paused
        waiting = len(self._rows)
        self._hold.set_text(_('Resume queue') if is_paused else _('Pause queue'))
        why = self._words_of_pause()
        self._reason.set_text(why)
        set_props(self._reason, title=why or None, tabindex='0' if len(why) > SHORT else None)
        self._why.set_visibility(is_paused)
        none = _('The queue is paused. Nothing is waiting.') if is_paused else _('Nothing is waiting.')
        self._none.set_text(self._room.status.notice or none)
        self._none.set_visibility(not waiting or bool(self._room.status.notice))

    def _words_of_pause(self) -> str:
        pause = self._room.runs.queue_pause
        if pause is None:
            return ''
        state = _('Paused')
        if pause.is_drain:
            state = _('Drained') if self._room.runs.is_queue_drained else _('Draining')
        return f'{state} {pause_words(self._room, pause)}'

    def _show(self) -> None:
        waiting = self._room.runs.waiting()
        shown = waiting[:SHOWN]
        starts = self._room.runs.expected_starts()
        self.count.set_text(str(len(waiting)) if waiting else '')
        by_id = {run.id: run for run in shown}
        keep_rows(self._list, self._rows, [*by_id], lambda id: _Row(self._room, by_id[id]))
        for id, row in self._rows.items():
            row.show(by_id[id], starts.get(id), is_held=self._room.runs.is_queue_paused)
        more = len(waiting) - len(shown)
        self._more.set_text(_('{count} more waiting.', count=more) if more else '')
        self._more.set_visibility(more > 0)
        self._show_hold()


class _Row:
    def __init__(self, room: ControlRoom, run: RunRecord) -> None:
        name = f'{pipeline_title(room, run.pipeline)} {run.subject}'.strip()
        with el('li', f'st-queued {pipeline_color(room, run.pipeline)}', tabindex='0', draggable='true') as self.row:
            with el('span', 'sy-drag sy-3'):
                Glyph('queued')
                icon('drag', size=14)
            el('i', 'sy-pdot')
            with el('span', 'sy-ell sy-grow'):
                el('span', text=f'{pipeline_title(room, run.pipeline)} ')
                el('span', 'sy-3', run.subject)
            self._start = el('span', 'sy-cap sy-num')
            dots = el('button', 'sy-btn is-ghost is-sm is-icon on-hover', type_='button', aria_haspopup='menu')
            set_props(dots, aria_label=_('Menu of {what}', what=name))
            with dots:
                icon('dots', size=15)
                with menu(_('Menu of {what}', what=name)) as popup:
                    popup.props('anchor="bottom right" self="top right"')
                    _entry(_('Run first'), 'play', lambda: attempt(room.runs.move_in_queue(run.id, 0)))
                    _entry(_('Open'), 'open', lambda: ui.navigate.to(f'/runs/{run.number}'))
                    _entry(_('Remove'), 'x', lambda: attempt(room.runs.cancel(run.id, because=causes.BY_HAND)))
        label = _('{what}, waiting. Press Alt with an arrow key to move it.', what=name)
        set_props(self.row, data_run=run.id, aria_label=label)

    def show(self, run: RunRecord, start: datetime | None, *, is_held: bool) -> None:
        why = _('waits for {what}', what=run.waits_for) if run.waits_for else ''
        set_props(self._start, data_format='about', title=why or None)
        set_class(self._start, 'queue-why', why and not is_held)
        tick(self._start, until=None if why else start, text=_('paused') if is_held else why)


def _entry(text: str, icon_name: str, do: Callable[[], Any]) -> None:
    menu_item(text, icon_name).props('data-closes').on('click', do)
