"""Pages that nobody looks at: without a socket they are deleted soon, and deleting frees their memory at once."""

import asyncio
from collections.abc import Iterable

from nicegui import Client, app, ui
from nicegui.elements.mixins.value_element import ValueElement
from starlette.requests import Request

SECONDS = 20.0
"""How long a page may take to open its socket. A slower browser reloads the page by itself."""
MOST_OF_BROWSERS = 16
MOST_OF_UNKNOWN = 4
"""Scripts that pose as browsers, and browsers without TLS, which do not send `Sec-Fetch-Mode`."""
MOST_OF_SCRIPTS = 1


class UnopenedPages:
    """Pages whose socket is not open yet; deletes them when they take too long, and the oldest of too many."""

    def __init__(self) -> None:
        self._deadlines: dict[Client, asyncio.TimerHandle] = {}

    def add(self, client: Client) -> None:
        """Give a new page some time to open its socket."""
        client.on_connect(self._forget)
        client.on_delete(self._forget)
        self._deadlines[client] = asyncio.get_running_loop().call_later(SECONDS, self._end, client)
        most = most_of(client.request)
        # A page that is still being built is needed by its request.
        sent = [other for other in self._deadlines if other._response_built and most_of(other.request) == most]
        if len(sent) >= most:
            self._end(sent[0])

    def _forget(self, client: Client) -> None:
        deadline = self._deadlines.pop(client, None)
        if deadline is not None:
            deadline.cancel()

    def _end(self, client: Client) -> None:
        self._forget(client)
        if not client.is_deleted:
            client.delete()


def most_of(request: Request) -> int:
    """How many pages for requests like this one may wait for their socket.

    Each takes a megabyte. A script never opens its page; a browser that restores its tabs opens many.
    """
    if request.headers.get('sec-fetch-mode') == 'navigate':
        return MOST_OF_BROWSERS
    return MOST_OF_UNKNOWN if 'text/html' in request.headers.get('accept', '') else MOST_OF_SCRIPTS


def free_removed_elements() -> None:
    """Free elements as soon as they are removed, without waiting for the garbage collector.

    Three collections of each element refer to a method of themselves (NiceGUI 3.18.0: `Props`, `Style`, `Classes`),
    and handlers refer to the part of the page that refers to the element: 11,000 objects of each page would wait.
    """
    remove = Client.remove_elements

    def remove_elements(self: Client, elements: Iterable[ui.element]) -> None:
        gone = list(elements)
        remove(self, gone)
        for element in gone:
            _break_cycles(element)

    Client.remove_elements = remove_elements  # type: ignore[method-assign]
    app.on_delete(lambda client: client.sub_pages_router._path_changed_handlers.clear())


def _break_cycles(element: ui.element) -> None:
    for observed in (element._props, element._style, element._classes):
        observed._change_handlers.clear()
    element._event_listeners.clear()
    if isinstance(element, ValueElement):
        element._change_handlers.clear()
