"""The workers: what each does and for how long; idle ones are listed too, the last if there are many."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pages.parts.cards import Card, keep_rows, set_props, tick
from pages.parts.html import Glyph, el, icon, look_of
from pages.parts.words import busy_words, size_of, step_title, title_of
from synapse.control_room import ControlRoom
from synapse.language import _, _n
from synapse.offers import HERE
from synapse.status import StatusChanged

FEW = 2
"""So many rows are in sight on every screen; of more, those that have a run come first."""
SORT_SECONDS = 1.0
"""How often rows change their places at most: with many short runs none could be read."""


class WorkersCard(Card):
    """One row per worker, changed in place; it moves only if not all of them are in sight."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__(_('Workers'), 'third is-list')
        self._room = room
        label = _('Add or remove workers')
        with self.head, el('a', 'sy-btn is-ghost is-sm is-icon', href='/settings', aria_label=label):
            icon('profiles', size=15)
        with self:
            self._place = el('ul', 'sy-rows', aria_label=_('Workers'))
            with el('ul', 'sy-rows'), el('li'), el('a', 'sy-x sy-3 sy-grow', href='/settings'):
                icon('plus', size=14)
                el('span', 'sy-grow', _('Add a worker'))
                self._free = el('span', 'sy-cap sy-num')
        self._rows: dict[str, _Row] = {}
        self._shown: object = None
        self._order: list[str] = []
        self._sort = self.at_most_every(SORT_SECONDS, self._place_rows, at_once=True)
        self.follow(room.bus, StatusChanged, lambda _: self._show())
        self.watch(room.status, ('ram_used',), self._show_free)
        self._show()
        self._show_free()

    def _show(self) -> None:
        status = self._room.status
        if status.workers == self._shown:
            return
        self._shown = status.workers
        self.count.set_text(busy_words(status))
        if {worker['name'] for worker in status.workers} == self._rows.keys():
            self._sort()
        else:
            self._place_rows()
        for worker in status.workers:
            self._rows[str(worker['name'])].show(worker, *self._work_of(worker))

    def _place_rows(self) -> None:
        workers = {str(worker['name']): worker for worker in self._room.status.workers}
        is_sorted = len(workers) > FEW
        order = sorted(workers, key=lambda name: is_sorted and workers[name]['state'] == 'idle')
        if order == self._order:
            return
        self._order = order
        keep_rows(self._place, self._rows, order, lambda name: _Row(name, str(workers[name].get('machine', HERE))))
        self._place.style(f'--name: {max(map(len, order), default=0)}ch')
        set_props(self._place, tabindex='0' if is_sorted else None)  # so that it can be scrolled with keys

    def _work_of(self, worker: Mapping[str, Any]) -> tuple[str, str]:
        """Return the step that the worker runs and what its run is about."""
        on_it = self._room.runs.on_machine(str(worker.get('machine', HERE)))
        run = next((run for run in on_it if run.id == worker['run']), None)
        if run is None:
            return '', ''
        step = worker['step']
        doing = step_title(self._room, run.pipeline, str(step)) if step else '' if run.is_held else _('starting')
        return ' '.join(filter(None, (_('paused'), doing))) if run.is_held else doing, title_of(self._room, run)

    def _show_free(self) -> None:
        status = self._room.status
        free = size_of(status.ram_total - status.ram_used)
        self._free.set_text(_n('{count} core, {size} free', '{count} cores, {size} free', status.cores, size=free))


class _Row:
    """A worker; of one on another machine, the name of the machine may be cut, and the number stays."""

    def __init__(self, name: str, machine: str) -> None:
        self._shown: tuple[Any, ...] = ()
        with el('li', 'st-idle') as self.row:
            self._glyph = Glyph('idle')
            with el('span', 'sy-mono worker-name', title=name):
                el('span', 'sy-ell', machine or name)
                if machine != HERE:
                    el('span', text=name.removeprefix(machine))
            with el('span', 'sy-ell sy-grow'):
                self._step = el('span')
                self._subject = el('span', 'sy-3')
            self._since = el('span', 'sy-cap sy-num')

    def show(self, worker: Mapping[str, Any], step: str, subject: str) -> None:
        state = str(worker['state'])
        shown = (state, step, subject, worker['since'])
        if shown == self._shown:
            return
        self._shown = shown
        look = {'stopping': 'cancelled'}.get(state, look_of(state))
        self.row.classes(replace=f'st-{look}')
        self._glyph.show(look)
        self._step.set_text(f'{step} ' if step else '')
        self._subject.set_text(subject or (_('idle') if state == 'idle' else ''))
        is_still = state in ('idle', 'paused')
        tick(self._since, since=None if is_still else datetime.fromisoformat(str(worker['since'])))
