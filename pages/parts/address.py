"""The address of a page that changes what it shows in place: a link to it, back and forward lead to the same again."""

import json

from nicegui import ui


def replace_address(page: ui.element, address: str) -> None:
    """Change what the browser shows as the address of this page, unless it has gone on to another one meanwhile."""
    _tell(page, address, is_new=False)


def show_address(page: ui.element, address: str, *, is_new: bool) -> None:
    """Show this address of the present page, which "back" and "forward" then lead to, without drawing the page again.

    :param is_new: whether "back" leads to the address before; else this one replaces it
    """
    page.client.sub_pages_router.current_path = address
    for pages in page.client.layout.descendants():
        if isinstance(pages, ui.sub_pages):
            # Else it would take the address that it was drawn for as shown, and "back" to that would do nothing.
            pages._match = pages._find_matching_path()
    _tell(page, address, is_new=is_new)


def _tell(page: ui.element, address: str, *, is_new: bool) -> None:
    page.client.run_javascript(f'synapse.showAddress({json.dumps(address)}, {json.dumps(is_new)})')
