"""One day of the week: the browser draws its blocks, which are sent again only when one of them changes."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import ui

from pages.parts.cards import set_props
from pages.parts.html import Glyph, el, look_of, settled
from pages.parts.popup import menu
from pages.parts.words import length_of, millis, pipeline_color
from pages.scheduler.parts.days import clock_in, weekday_of
from pages.scheduler.parts.entry_words import entry_label, title_of
from pages.scheduler.parts.window import OpenEntry
from synapse.calendar.events import CalendarEntry
from synapse.control_room import ControlRoom
from synapse.language import _, _n

from .layout import DAY_MINUTES, LIVE, Block, Piece

MAX_LISTED = 100
HOUR_PIXELS = 44
TWO_LINES_PIXELS = 36


class WeekColumn(ui.element, component='week_column.js'):
    """One day; its blocks are buttons in order of time."""

    def __init__(
        self, room: ControlRoom, zone: ZoneInfo, open_entry: OpenEntry, clicked: Callable[[date, float], None]
    ) -> None:
        super().__init__()
        self._room = room
        self._zone = zone
        self._open = open_entry
        self._day = date.min
        self._blocks: Sequence[Block] = ()
        self._props['blocks'] = []
        self.on('pressed', lambda event: self._pressed(str(event.args)))
        self.on('slot', lambda event: self._slot(float(event.args) * 60 / HOUR_PIXELS))
        self._clicked = clicked

    def _slot(self, minutes: float) -> None:
        self._clicked(self._day, minutes)
        settled(self)

    def frame(self, day: date, today: date) -> None:
        if day != self._day:
            self._day = day
            self.show([])
        states = 'is-today' if day == today else 'is-past' if day < today else ''
        self.classes(replace=f'wk-col {states} {"is-weekend" if day.weekday() > 4 else ""}'.strip())
        set_props(self, data_day=day.isoformat())

    def show(self, blocks: Sequence[Block]) -> None:
        """Show these blocks; they are sent again only if one of them changed."""
        count = sum(len(block.pieces) for block in blocks)
        set_props(self, aria_label=_column_words(weekday_of(self._day), count))
        if blocks is not self._blocks:
            self._blocks = blocks
            set_props(self, blocks=[block_props(block, self._room, self._zone) for block in blocks])

    def _pressed(self, key: str) -> None:
        block = next((block for block in self._blocks if block.key == key), None)
        if block is not None and block.is_folded:
            self._list(block)
        elif block is not None:
            self._open(block.pieces[0].entry)

    def _list(self, block: Block) -> None:
        """Open a menu of the entries that are counted in a block."""
        with (
            self.parent_slot or self,
            menu(str(_folded(block, self._zone)['label'])) as popup,
        ):
            for piece in block.pieces[:MAX_LISTED]:
                self._listed(piece.entry)
            if len(block.pieces) > MAX_LISTED:
                el('span', 'cap', _n('and {count} more', 'and {count} more', len(block.pieces) - MAX_LISTED))
        popup.props('no-parent-event auto-close')
        popup.props['target'] = f'#{self.html_id} [data-key="{block.key}"]'
        popup.on('hide', popup.delete)
        popup.open()

    def _listed(self, entry: CalendarEntry) -> None:
        with el('button', f'wk-listed st-{look_of(entry.state)}', type_='button', role='menuitem') as row:
            Glyph(entry.state, size=13)
            el('span', 'sy-num sy-2', clock_in(entry.at, self._zone))
            el('i', f'sy-pdot {pipeline_color(self._room, entry.pipeline)}')
            el('span', 'sy-ell', title_of(entry))
        row.on('click', lambda: self._open(entry))


def _column_words(day: str, count: int) -> str:
    if not count:
        return _('{day}, no entries', day=day)
    return _n('{day}, {count} entry', '{day}, {count} entries', count, day=day)


def block_props(block: Block, room: ControlRoom, zone: ZoneInfo) -> dict[str, Any]:
    """Return a block as `week_column.js` takes it: an entry at its hours, or the number of several."""
    place = {
        'key': block.key,
        'top': round(block.top, 2),
        'long': round(block.bottom - block.top, 2),
        'lane': block.lane,
        'span': block.span,
        'lanes': block.lanes,
    }
    if block.is_folded:
        return place | _folded(block, zone)
    return place | _single(block.pieces[0], room, zone)


def _folded(block: Block, zone: ZoneInfo) -> dict[str, Any]:
    count = len(block.pieces)
    begin = clock_in(block.pieces[0].entry.at, zone)
    return {
        'more': count,
        'label': _n(
            '{time} and later: {count} more entry', '{time} and later: {count} more entries', count, time=begin
        ),
    }


def _single(piece: Piece, room: ControlRoom, zone: ZoneInfo) -> dict[str, Any]:
    entry = piece.entry
    is_live = entry.state in LIVE
    length = length_of(entry.seconds) if entry.seconds is not None and not is_live else ''
    seen_length = f'~{length}' if length and entry.state == 'planned' else length
    is_tall = (piece.bottom - piece.top) * HOUR_PIXELS / 60 >= TWO_LINES_PIXELS
    states = {
        'is-tall': is_tall,
        'is-continued': not piece.is_first,
        'goes-on': not piece.is_last,
    }
    look = look_of(entry.state)
    return {
        'classes': ' '.join(
            [pipeline_color(room, entry.pipeline), f'st-{look}', *(name for name, is_so in states.items() if is_so)]
        ),
        'look': look,
        'time': clock_in(entry.at, zone),
        'length': seen_length,
        'title': entry.title,
        'times': f'×{entry.count}' if entry.count > 1 else '',  # apart, so that a long title does not hide it
        'repeats': entry.is_repeating,
        'label': entry_label(entry, zone, seen_length=seen_length if is_tall else ''),
        # A live run grows by the clock of the browser.
        'from': millis(piece.begins) if is_live else None,
        'least': f'{piece.bottom - piece.top:.1f}' if is_live else None,
        'most': f'{DAY_MINUTES - piece.top:.0f}' if is_live else None,
    }
