"""What opens below a button: a menu, or a few fields and buttons."""

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui

from .html import el


class Popup(ui.menu):
    """A frame with a name for readers; what Quasar draws is a menu without one, whatever is in it.

    :param role: `dialog` for fields and buttons, `region` around a list of menu items
    """

    def __init__(self, label: str, *, role: str = 'dialog') -> None:
        super().__init__()
        self.props.update({'role': role, 'aria-label': label})


@contextmanager
def menu(label: str, *, looks: str = '') -> Iterator[Popup]:
    """Draw a menu of the items that the body of the `with` makes."""
    with (
        Popup(label, role='region').classes('sy-menubox') as popup,
        el('div', f'sy-menu {looks}'.strip(), role='menu', aria_label=label),
    ):
        yield popup
