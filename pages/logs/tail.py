"""The last lines of the log for other pages: a few rows, redrawn at most ten times a second in any flood."""

from collections.abc import Sequence

from nicegui import background_tasks, ui

from pages.parts.cards import set_props
from pages.parts.html import SPRITE, el
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.language import N_, translated
from synapse.log.log import Entry
from synapse.log.messages import LinesLogged, LogCleared, RowsRedrawn

from .rows import one_line

ROWS = 10
SHOW_SECONDS = 0.1
MOST_WRITTEN = 4
"""Rows that are still being written."""
LONGEST_TEXT = 400
WORDS = {
    'debug': N_('DEBUG'),
    'info': N_('INFO'),
    'success': N_('OK'),
    'warning': N_('WARN'),
    'error': N_('ERROR'),
    'critical': N_('CRIT'),
}
LOOKS = {'debug': 'info', 'critical': 'error'}


class LogTail(Scope):
    """Follows the log; a click opens the Logs page at that line."""

    def __init__(self, room: ControlRoom, *, rows: int = ROWS) -> None:
        super().__init__()
        self.classes('sy-log').props['role'] = 'log'
        self.props['aria-live'] = 'off'  # in a flood, a screen reader could read nothing else
        self._room = room
        self._numbers: dict[str, int] = {}
        with self:
            self._rows = [_Row(room) for _ in range(rows)]
        soon = self.at_most_every(SHOW_SECONDS, self._show)
        self.follow(room.bus, LinesLogged, lambda _: soon())
        self.follow(room.bus, RowsRedrawn, lambda _: soon())
        self.follow(room.bus, LogCleared, lambda _: soon())
        self._show()

    def _show(self) -> None:
        written = self._room.log.rows()[-MOST_WRITTEN:]
        entries = [*self._room.log.recent(len(self._rows) - len(written)), *written]
        kept = {entry.id for entry in entries}
        shown = {row.id for row in self._rows}
        fresh = [entry for entry in entries if entry.id not in shown]
        # A row whose line scrolled out takes a new one and moves to the end; the others are not touched.
        free = [row for row in self._rows if row.id not in kept]
        unused = len(free) - len(fresh)
        for entry, row in zip(fresh, free[unused:], strict=True):
            row.show(entry, self._number_of(entry.run) if entry.run else None)
            self._move_to_end(row)
        for row in free[:unused]:
            row.hide()
        self._show_written(written)

    def _show_written(self, written: Sequence[Entry]) -> None:
        """Redraw these rows, which come after all others."""
        by_id = {row.id: row for row in self._rows}
        rows = [by_id[entry.id] for entry in written]
        for entry, row in zip(written, rows, strict=True):
            row.redraw(entry)
        if self._rows[len(self._rows) - len(rows) :] != rows:
            for row in rows:
                self._move_to_end(row)

    def _move_to_end(self, row: '_Row') -> None:
        row.move_to_end()
        self._rows.remove(row)
        self._rows.append(row)

    def _number_of(self, run_id: str) -> int | None:
        """The number if it is known; else it is read once and shown later. 0 for a run that was removed."""
        known = self._room.runs.number_of(run_id) or self._numbers.get(run_id)
        if known is None:
            self._numbers[run_id] = 0
            background_tasks.create(self._look_up(run_id), name='number of a run')
        return known

    async def _look_up(self, run_id: str) -> None:
        try:
            self._numbers[run_id] = (await self._room.runs.get(run_id)).number
        except NotFound:
            return
        if not self.is_deleted:
            for row in self._rows:
                row.name_run(run_id, self._numbers[run_id])


class _Row:
    def __init__(self, room: ControlRoom) -> None:
        self._local = room.local
        self.seq = 0
        self.id = ''
        self._run_id: str | None = None
        with el('div', 'r').style('display:none') as self._row:
            with el('span', 'tm'):
                self._time = el('b')
                self._millis = el('span')
            with el('span', 'lv'):
                with el('svg', 'sy-g', viewBox='0 0 16 16', aria_hidden='true'):
                    self._glyph = el('use')
                self._level = el('span')
            self._source = el('span', 'src sy-ell')
            self._run = el('span', 'run')
            self._message = el('span', 'msg')
        self._row.on('click', lambda: ui.navigate.to(f'/logs?line={self.seq}' if self.seq else '/logs'))

    def show(self, entry: Entry, number: int | None) -> None:
        self.seq, self.id, self._run_id = entry.seq, entry.id, entry.run
        local = self._local(entry.timestamp)
        look = LOOKS.get(entry.level, str(entry.level))
        self._row.classes(replace=f'r lv-{look}' if entry.seq else f'r lv-{look} is-written').style('display:grid')
        self._time.set_text(f'{local:%H:%M:%S}')
        self._millis.set_text(f'.{local.microsecond // 1000:03}')
        set_props(self._glyph, href=f'{SPRITE}#g-{look}')
        self._level.set_text(translated(WORDS[entry.level]))
        self._source.set_text(entry.source)
        self._run.set_text(f'#{number}' if number else '')
        self.redraw(entry)

    def redraw(self, entry: Entry) -> None:
        # The row is one line high: text beyond any screen is not worth sending ten times a second.
        self._message.set_text(one_line(entry.message)[0][:LONGEST_TEXT])

    def name_run(self, run_id: str, number: int) -> None:
        if self._run_id == run_id:
            self._run.set_text(f'#{number}')

    def move_to_end(self) -> None:
        self._row.move(target_index=-1)

    def hide(self) -> None:
        self.seq, self.id = 0, ''
        self._row.classes(replace='r').style('display:none')
