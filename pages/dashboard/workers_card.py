"""The workers: what each does and for how long; idle ones are listed too."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pages.parts.cards import Card, tick
from pages.parts.html import Glyph, el, icon, look_of
from pages.parts.words import busy_words, size_of, step_title, title_of
from synapse.control_room import ControlRoom
from synapse.language import _, _n
from synapse.status import StatusChanged


class WorkersCard(Card):
    """One row per worker, changed in place."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__(_('Workers'), 'third is-list')
        self._room = room
        label = _('Add or remove workers')
        with self.head, el('a', 'sy-btn is-ghost is-sm is-icon', href='/settings', aria_label=label):
            icon('profiles', size=15)
        with self:
            self._place = el('ul', 'sy-rows')
            with el('ul', 'sy-rows'), el('li'), el('a', 'sy-x sy-3 sy-grow', href='/settings'):
                icon('plus', size=14)
                el('span', 'sy-grow', _('Add a worker'))
                self._free = el('span', 'sy-cap sy-num')
        self._rows: dict[str, _Row] = {}
        self._shown: object = None
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
        names = [str(worker['name']) for worker in status.workers]
        if names != [*self._rows]:
            self._place.clear()
            with self._place:
                self._rows = {name: _Row(name) for name in names}
        for worker in status.workers:
            self._rows[str(worker['name'])].show(worker, *self._work_of(worker))

    def _work_of(self, worker: Mapping[str, Any]) -> tuple[str, str]:
        """Return the step that the worker runs and what its run is about."""
        run = next((run for run in self._room.runs.live() if run.id == worker['run']), None)
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
    def __init__(self, name: str) -> None:
        self._shown: tuple[Any, ...] = ()
        with el('li', 'st-idle') as self._row:
            self._glyph = Glyph('idle')
            el('span', 'sy-mono', name).style('width:62px')
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
        self._row.classes(replace=f'st-{look}')
        self._glyph.show(look)
        self._step.set_text(f'{step} ' if step else '')
        self._subject.set_text(subject or (_('idle') if state == 'idle' else ''))
        is_still = state in ('idle', 'paused')
        tick(self._since, since=None if is_still else datetime.fromisoformat(str(worker['since'])))
