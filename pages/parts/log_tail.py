"""The last few lines of the log, always following; a click opens the log there."""

import asyncio

from nicegui import background_tasks, ui

from synapse.bus import LinesLogged, LogCleared
from synapse.control_room import ControlRoom
from synapse.log import Entry

from .html import Glyph, el
from .scope import Scope

LINES = 10
PAUSE_SECONDS = 0.1
LEVEL_WORDS = {
    'debug': 'DEBUG',
    'info': 'INFO',
    'success': 'OK',
    'warning': 'WARN',
    'error': 'ERROR',
    'critical': 'CRIT',
}
LEVEL_GLYPHS = {'debug': 'info', 'critical': 'error'}
LEVEL_CLASSES = {'debug': 'lv-info', 'critical': 'lv-error'}


class LogTail(Scope):
    """At most ten changes a second, whatever the flood: it shows what is last, the store has the rest."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self.classes('sy-log').props('role=log aria-live=off')
        self.room = room
        self._is_busy = False
        self._shown = -1
        self._draw()
        self.follow(room.bus, LinesLogged, lambda _: self._changed())
        self.follow(room.bus, LogCleared, lambda _: self._changed())

    def _changed(self) -> None:
        if not self._is_busy:
            self._is_busy = True
            background_tasks.create(self._soon(), name='log tail')

    async def _soon(self) -> None:
        # First at once, then after a pause with whatever came meanwhile: quick when calm, bounded in a flood.
        while not self.is_deleted and self._shown != self.room.log.last_seq:
            self._draw()
            await asyncio.sleep(PAUSE_SECONDS)
        self._is_busy = False

    def _draw(self) -> None:
        self._shown = self.room.log.last_seq
        self.clear()
        with self:
            for entry in self.room.log.recent(LINES):
                _row(self.room, entry)


def _row(room: ControlRoom, entry: Entry) -> None:
    level = entry.level.value
    with el('div', f'r {LEVEL_CLASSES.get(level, "lv-" + level)}') as row:
        clock = entry.timestamp.astimezone()
        with el('span', 'tm'):
            el('b', text=f'{clock:%H:%M:%S}')
            el('span', text=f'.{clock.microsecond // 1000:03}')
        with el('span', 'lv'):
            Glyph(LEVEL_GLYPHS.get(level, level), size=12, is_level=True)
            el('span', text=LEVEL_WORDS[level])
        el('span', 'src sy-ell', entry.step or entry.source)
        el('span', 'run', run_number(room, entry.run))
        el('span', 'msg', entry.message.splitlines()[0] if entry.message else '')
    row.style('cursor:pointer').on('click', lambda: ui.navigate.to(f'/logs?line={entry.seq}'))


def run_number(room: ControlRoom, run_id: str | None) -> str:
    """`#12`, where the number of the run is known without asking the store."""
    if run_id is None:
        return ''
    number = room.runs.number_of(run_id)
    return f'#{number}' if number is not None else ''
