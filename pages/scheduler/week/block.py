"""A block of the week as the browser draws it: a run or an occurrence at its hours, or several as a number."""

from typing import Any
from zoneinfo import ZoneInfo

from pages.parts.html import look_of
from pages.parts.words import length_of, millis, pipeline_color
from pages.scheduler.parts.entry_words import clock_in, entry_label, title_of
from synapse.control_room import ControlRoom

from .layout import DAY, LIVE, Block, Piece

HOUR_PIXELS = 44
TALL = 36
"""Pixels from which a block has a second line."""


def block_props(block: Block, room: ControlRoom, zone: ZoneInfo) -> dict[str, Any]:
    """As `week_column.js` takes it."""
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
    return {'more': count, 'label': f'{begin} and later: {count} more entries'}


def _single(piece: Piece, room: ControlRoom, zone: ZoneInfo) -> dict[str, Any]:
    entry = piece.entry
    is_live = entry.state in LIVE
    length = length_of(entry.seconds) if entry.seconds is not None and not is_live else ''
    states = {
        'is-tall': (piece.bottom - piece.top) * HOUR_PIXELS / 60 >= TALL,
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
        'length': f'~{length}' if length and entry.state == 'planned' else length,
        'title': title_of(entry),
        'repeats': entry.is_repeating,
        'label': entry_label(entry, zone),
        # What goes on grows by the clock of the browser.
        'from': millis(piece.begins) if is_live else None,
        'most': f'{DAY - piece.top:.0f}' if is_live else None,
    }
