"""Parts of a question that are folded away until a person wants to read them."""

from collections.abc import Sequence

from nicegui import ui

from pages.parts.html import el, icon
from synapse.language import _n

TOLD = 100
"""How many sentences are shown at most."""


def fold(title: str, *, is_open: bool = False) -> ui.element:
    """Draw a part with a title that opens it."""
    folded = el('details', 'form-fold', open=is_open or None)
    with folded, el('summary'):
        icon('right', size=14)
        el('span', text=title)
    return folded


def told(title: str, sentences: Sequence[str], *, is_open: bool = False) -> None:
    """List sentences in a part of their own, if there are any."""
    if not sentences:
        return
    with fold(title, is_open=is_open), el('ul', 'im-told sy-cap'):
        for sentence in sentences[:TOLD]:
            el('li', text=sentence)
        if len(sentences) > TOLD:
            el('li', text=_n('and {count} more', 'and {count} more', len(sentences) - TOLD))
