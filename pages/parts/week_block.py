"""A block of the week: a run or an occurrence at its hours, or several as a number that lists them."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from nicegui import ui

from synapse.control_room import ControlRoom
from synapse.events import CalendarEntry

from .calendar_window import OpenEntry
from .cards import put
from .chip import title_of
from .entry_words import clock_in, entry_label
from .html import Glyph, el, icon, look_of
from .week_layout import LIVE, Block, Piece
from .words import length_of, millis, pipeline_color

HOUR_PIXELS = 44
TALL = 36
"""Pixels from which a block has a second line."""
MOST_LISTED = 100


class BlockButton:
    """A run or an occurrence at its hours; or several as a number, which lists them."""

    def __init__(self, room: ControlRoom, zone: ZoneInfo, open_entry: OpenEntry) -> None:
        self._room = room
        self._zone = zone
        self._open = open_entry
        self._shown: Block | None = None
        with el('button', 'wk-block', type_='button') as self.button:
            self._glyph = Glyph('planned', size=12)
            with el('span', 'ct sy-num'):
                self._clock = el('span')
                self._length = el('span', 'cd')
            self._title = el('span', 'cn')
            self._repeats = icon('repeat', size=11, classes='rp')
        self.button.on('click', self._clicked)

    def show(self, block: Block) -> None:
        if block == self._shown:
            return
        was, self._shown = self._shown, block
        self._stand(block)
        if was is None or was.pieces != block.pieces:
            self._show_folded(block.pieces) if block.is_folded else self._show_one(block.pieces[0])
        self._stretch(block.pieces[0], is_live=not block.is_folded and block.pieces[0].entry.state in LIVE)

    def _stand(self, block: Block) -> None:
        self.button.style(
            f'--top:{block.top:.2f};--long:{block.bottom - block.top:.2f};'
            f'--lane:{block.lane};--span:{block.span};--lanes:{block.lanes}'
        )

    def _stretch(self, piece: Piece, *, is_live: bool) -> None:
        """What goes on grows by the clock of the browser."""
        put(
            self.button,
            data_stretch_from=millis(piece.begins) if is_live else None,
            data_stretch_most=f'{24 * 60 - piece.top:.0f}' if is_live else None,
        )

    def _show_one(self, piece: Piece) -> None:
        entry = piece.entry
        tall = ' is-tall' if (piece.bottom - piece.top) * HOUR_PIXELS / 60 >= TALL else ''
        parts = ('' if piece.is_first else ' is-continued') + ('' if piece.is_last else ' goes-on')
        self.button.classes(
            replace=f'wk-block {pipeline_color(self._room, entry.pipeline)} st-{look_of(entry.state)}{tall}{parts}'
        )
        self._glyph.show(entry.state)
        self._clock.set_text(clock_in(entry.at, self._zone))
        is_told = entry.seconds is not None and entry.state not in LIVE
        self._length.set_text(
            f', {"~" if entry.state == "planned" else ""}{length_of(entry.seconds)}' if is_told else ''
        )
        self._title.set_text(title_of(entry))
        self._repeats.set_visibility(entry.is_repeating)
        label = entry_label(entry, self._zone)
        put(self.button, aria_label=label, title=label, aria_haspopup=None)

    def _show_folded(self, pieces: Sequence[Piece]) -> None:
        self.button.classes(replace='wk-block is-more')
        self._title.set_text(f'+{len(pieces)}')
        begin = clock_in(pieces[0].entry.at, self._zone)
        label = f'{begin} and later: {len(pieces)} more entries'
        put(self.button, aria_label=label, title=label, aria_haspopup='menu')

    def _clicked(self) -> None:
        if self._shown is None:
            return
        if self._shown.is_folded:
            self._list(self._shown.pieces)
        else:
            self._open(self._shown.pieces[0].entry)

    def _list(self, pieces: Sequence[Piece]) -> None:
        """Everything that had no lane of its own, to choose from."""
        with (
            self.button,
            ui.menu().classes('sy-menubox').props('no-parent-event auto-close') as menu,
            el('div', 'sy-menu'),
        ):
            for piece in pieces[:MOST_LISTED]:
                self._listed(piece.entry)
            if len(pieces) > MOST_LISTED:
                el('span', 'cap', f'and {len(pieces) - MOST_LISTED} more')
        menu.on('hide', menu.delete)
        menu.open()

    def _listed(self, entry: CalendarEntry) -> None:
        with el('button', f'wk-listed st-{look_of(entry.state)}', type_='button', role='menuitem') as row:
            Glyph(entry.state, size=13)
            el('span', 'sy-num sy-2', clock_in(entry.at, self._zone))
            el('i', f'sy-pdot {pipeline_color(self._room, entry.pipeline)}')
            el('span', 'sy-ell', entry.title)
        row.on('click', lambda: self._open(entry))
