"""The address of a page that changes what it shows in place: a link to it, back and forward lead to the same again."""

from nicegui import ui

from .html import base_of


def show_address(address: str, *, is_new: bool) -> None:
    """Show this address of the present page, without drawing the page again.

    :param is_new: whether "back" leads to the address before; else this one replaces it
    """
    client = ui.context.client
    client.sub_pages_router.current_path = address
    for pages in client.layout.descendants():
        if isinstance(pages, ui.sub_pages):
            # Else it would take the address that it was drawn for as shown, and "back" to that would do nothing.
            pages._match = pages._find_matching_path()
    show = ui.navigate.history.push if is_new else ui.navigate.history.replace
    show(base_of(client) + address)
