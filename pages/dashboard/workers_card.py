"""The workers: what each does and for how long; of many, those with a run come first."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pages.parts.cards import Card, keep_rows, set_props, tick
from pages.parts.html import Glyph, el, icon, look_of
from pages.parts.words import busy_words, size_of, step_title, title_of
from synapse.control_room import ControlRoom
from synapse.language import _, _n
from synapse.offers import HERE
from synapse.status import StatusChanged

FEW = 2
"""So many rows are in sight on a wide screen."""
FEW_BELOW = 5
"""The same where the cards stand one below the other."""
SORT_SECONDS = 1.0
"""How often rows change their places at most: with many short runs none could be read."""

Worker = Mapping[str, Any]


class Line(NamedTuple):
    """What a row shows: a worker, or those of a machine that are idle if it has no name."""

    machine: str
    worker: str = ''

    @property
    def title(self) -> str:
        return self.worker or self.machine or _('This machine')


def lines_of(workers: Sequence[Worker]) -> list[Line]:
    """Return a line for each of few workers; of more, those with a run come first.

    Where there are other machines the idle ones of each are one line; those of machines that get no new runs come last.
    """
    if len(workers) <= FEW:
        return [_line_of(worker) for worker in workers]
    busy = [worker for worker in workers if worker['state'] != 'idle']
    idle = sorted((worker for worker in workers if worker['state'] == 'idle'), key=_is_drained)
    if all(_machine_of(worker) == HERE for worker in workers):
        return [_line_of(worker) for worker in (*busy, *idle)]
    return [*map(_line_of, busy), *dict.fromkeys(Line(_machine_of(worker)) for worker in idle)]


def _line_of(worker: Worker) -> Line:
    return Line(_machine_of(worker), str(worker['name']))


class WorkersCard(Card):
    """One row per worker, changed in place; it moves only if not all of them are in sight."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__(_('Workers'), 'third is-list workers-card')
        self._room = room
        label = _('Add or remove workers')
        with self.head, el('a', 'sy-btn is-ghost is-sm is-icon', href='/settings', aria_label=label):
            icon('profiles', size=15)
        with self:
            self._place = el('ul', 'sy-rows', aria_label=_('Workers'))
            with el('ul', 'sy-rows'), el('li'):
                with el('a', 'sy-x sy-3 sy-grow', href='/settings'):
                    icon('plus', size=14)
                    el('span', text=_('Add a worker'))
                self._free = el('span', 'sy-cap sy-num')
                self._more = _More('is-beside', in_sight=FEW), _More('is-below', in_sight=FEW_BELOW)
        self._rows: dict[Line, _Row | _IdleRow] = {}
        self._shown: object = None
        self._order: list[Line] = []
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
        if len(status.workers) <= FEW:
            self._place_rows()
        else:
            self._sort()
        self._show_rows()

    def _place_rows(self) -> None:
        order = lines_of(self._room.status.workers)
        if order == self._order:
            return
        self._order = order
        keep_rows(self._place, self._rows, order, lambda line: _Row(line) if line.worker else _IdleRow(line))
        self._place.style(f'--name: {max((len(line.title) for line in order), default=0)}ch')
        set_props(self._place, tabindex='0' if len(order) > FEW else None)  # so that it can be scrolled with keys
        for more in self._more:
            more.show(order)
        self._show_rows()

    def _show_rows(self) -> None:
        workers = self._room.status.workers
        for worker in workers:
            row = self._rows.get(_line_of(worker))
            if isinstance(row, _Row):
                row.show(worker, *self._work_of(worker))
        for line, row in self._rows.items():
            if isinstance(row, _IdleRow):
                row.show(worker for worker in workers if _machine_of(worker) == line.machine)

    def _work_of(self, worker: Worker) -> tuple[str, str]:
        """Return the step that the worker runs and what its run is about."""
        on_it = self._room.runs.on_machine(_machine_of(worker))
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


class _More:
    """A link to the machines, which names what is not in sight; the list still scrolls to it.

    :param classes: on which screens it is shown
    """

    def __init__(self, classes: str, *, in_sight: int) -> None:
        self._in_sight = in_sight
        self._link = el('a', f'workers-more {classes}', href='/settings#machines')
        with self._link:
            self._count = el('b')
            self._names = el('span', 'sy-ell')

    def show(self, lines: Sequence[Line]) -> None:
        hidden = lines[self._in_sight :]
        names = ', '.join(line.title for line in hidden)
        self._link.set_visibility(bool(hidden))
        self._count.set_text(_('+{count} more', count=len(hidden)))
        self._names.set_text(names)
        set_props(self._link, title=names)


class _Row:
    """A worker; of one on another machine, the name of the machine may be cut, and the number stays."""

    def __init__(self, line: Line) -> None:
        self._shown: tuple[Any, ...] = ()
        with el('li', 'st-idle') as self.row:
            self._glyph = Glyph('idle')
            with el('span', 'sy-mono worker-name', title=line.worker):
                el('span', 'sy-ell', line.machine or line.worker)
                if line.machine != HERE:
                    el('span', text=line.worker.removeprefix(line.machine))
            with el('span', 'sy-ell sy-grow'):
                self._step = el('span')
                self._subject = el('span', 'sy-3')
            self._since = el('span', 'sy-cap sy-num')

    def show(self, worker: Worker, step: str, subject: str) -> None:
        state = str(worker['state'])
        shown = (state, step, subject, worker['since'], _is_drained(worker))
        if shown == self._shown:
            return
        self._shown = shown
        look = {'stopping': 'cancelled'}.get(state, look_of(state))
        self.row.classes(replace=f'st-{look}')
        self._glyph.show(look)
        self._step.set_text(f'{step} ' if step else '')
        idle = _('gets no new runs') if _is_drained(worker) else _('idle')
        self._subject.set_text(subject or (idle if state == 'idle' else ''))
        is_still = state in ('idle', 'paused')
        tick(self._since, since=None if is_still else datetime.fromisoformat(str(worker['since'])))


class _IdleRow:
    """The workers of a machine that have no run."""

    def __init__(self, line: Line) -> None:
        with el('li', 'st-idle') as self.row:
            Glyph('idle')
            with el('span', 'sy-mono worker-name', title=line.title):
                el('span', 'sy-ell', line.title)
            self._words = el('span', 'sy-ell sy-grow sy-3')

    def show(self, workers: Iterable[Worker]) -> None:
        """:param workers: of its machine"""
        idle = [worker for worker in workers if worker['state'] == 'idle']
        is_drained = any(map(_is_drained, idle))
        text = _('gets no new runs') if is_drained else _n('{count} free', '{count} free', len(idle))
        self._words.set_text(text)


def _machine_of(worker: Worker) -> str:
    return str(worker.get('machine', HERE))


def _is_drained(worker: Worker) -> bool:
    return bool(worker.get('drained'))
