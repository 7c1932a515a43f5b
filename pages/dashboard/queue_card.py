"""The waiting runs in the order in which they will start: reorder them, remove one, or pause them all."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from pages.parts.cards import Card, keep_rows, set_props, tick
from pages.parts.dialogs import attempt
from pages.parts.html import Glyph, el, icon, menu_item
from pages.parts.words import pipeline_color, pipeline_title
from synapse.control_room import ControlRoom
from synapse.runs.messages import QueueChanged, RunChanged
from synapse.runs.records import RunRecord
from synapse.status import StatusChanged

SHOWN = 20


class QueueCard(Card):
    """A row is the same element for as long as its run waits; a change of order moves it."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('Queue', 'third is-list')
        self._room = room
        self._rows: dict[str, _Row] = {}
        with self.head:
            self._hold = el('button', 'sy-btn is-ghost is-sm', type_='button')
            self._hold.on('click', self._toggle)
        with self:
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
        await attempt(runs.resume_queue() if runs.is_queue_paused else runs.pause_queue('the dashboard'))

    async def _moved(self, event: GenericEventArguments) -> None:
        await attempt(self._room.runs.move_in_queue(str(event.args['id']), int(event.args['index'])))

    def _on_run(self, message: RunChanged) -> None:
        if message.moved:
            self._show()

    def _show_hold(self) -> None:
        is_paused = self._room.runs.is_queue_paused
        waiting = len(self._rows)
        self._hold.set_text('Resume queue' if is_paused else 'Pause queue')
        held = 'The queue is paused. ' if is_paused else ''
        self._none.set_text(self._room.status.notice or f'{held}Nothing is waiting.')
        self._none.set_visibility(not waiting or bool(self._room.status.notice))

    def _show(self) -> None:
        waiting = self._room.runs.waiting()
        shown = waiting[:SHOWN]
        starts = self._room.runs.expected_starts()
        self.count.set_text(str(len(waiting)) if waiting else '')
        by_id = {run.id: run for run in shown}
        keep_rows(self._list, self._rows, [*by_id], lambda id: _Row(self._room, by_id[id]))
        for id, row in self._rows.items():
            row.show(starts.get(id), is_held=self._room.runs.is_queue_paused)
        more = len(waiting) - len(shown)
        self._more.set_text(f'{more} more waiting.' if more else '')
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
            menu = el('button', 'sy-btn is-ghost is-sm is-icon on-hover', type_='button', aria_haspopup='menu')
            set_props(menu, aria_label=f'Menu of {name}')
            with menu:
                icon('dots', size=15)
                with (
                    ui.menu().classes('sy-menubox').props('anchor="bottom right" self="top right"'),
                    el('div', 'sy-menu'),
                ):
                    _entry('Run first', 'play', lambda: attempt(room.runs.move_in_queue(run.id, 0)))
                    _entry('Open', 'open', lambda: ui.navigate.to(f'/runs/{run.number}'))
                    _entry('Remove', 'x', lambda: attempt(room.runs.cancel(run.id, because='removed by hand')))
        set_props(self.row, data_run=run.id, aria_label=f'{name}, waiting. Press Alt with an arrow key to move it.')

    def show(self, start: datetime | None, *, is_held: bool) -> None:
        set_props(self._start, data_format='about')
        tick(self._start, until=start, text='paused' if is_held else '')


def _entry(text: str, icon_name: str, do: Callable[[], Any]) -> None:
    menu_item(text, icon_name).props('v-close-popup').on('click', do)
