"""What comes over the sockets of pages: only from the tab it is of, only in the shape it must have, and from those who
may only look, nothing but what shows them more.

NiceGUI (3.18.0) takes the page from the message, so whoever knows the id of a page could press its buttons from any
socket, and answers a message of another shape with a traceback. What a browser does not read waits in a queue that
engineio (4.13) bounds only in time: rate times 11 s.
"""

import json
from collections.abc import Callable
from typing import Any

from engineio.async_socket import AsyncSocket
from engineio.packet import Packet
from nicegui import Client, core, ui

from pages.parts.readers import may_only_look

NAVIGATION = frozenset({'sub_pages_open', 'sub_pages_navigate'})
"""Events of the page itself, by which a browser asks for another page."""
_FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    'event': {'client_id': str, 'id': int, 'listener_id': str, 'args': list},
    'javascript_response': {'client_id': str, 'request_id': str},
    'ack': {'client_id': str, 'next_message_id': int},
    'log': {'client_id': str, 'level': str, 'message': str},
}
MOST_WAITING = 5_000
"""How many messages may wait for one browser. One that reads so little reloads its page once it reads again."""
_LEVELS = frozenset({'debug', 'info', 'warning', 'error'})


def guard_sockets() -> None:
    """Put the rules in front of NiceGUI's own handlers; call it once, before the server starts."""
    handlers = core.sio.handlers['/']
    for name, fields in _FIELDS.items():
        handlers[name] = _guarded(name, fields, handlers[name])
    accept = Client.accept_handshake

    def accept_own(self: Client, socket_id: str, tab_id: str, environ: dict[str, Any] | None) -> bool:
        return _is_of_same_caller(self, environ) and accept(self, socket_id, tab_id, environ)

    Client.accept_handshake = accept_own  # type: ignore[method-assign]


def bound_queues() -> None:
    """Give up a socket for which too much waits; call it once, before the server starts."""
    send = AsyncSocket.send

    async def send_bounded(self: AsyncSocket, packet: Packet) -> None:
        if self.queue.qsize() < MOST_WAITING:
            await send(self, packet)
        elif not (self.closed or self.closing):
            while not self.queue.empty():
                self.queue.get_nowait()
                self.queue.task_done()
            await self.close(wait=False, abort=True)

    AsyncSocket.send = send_bounded


def _guarded(
    name: str, fields: dict[str, type | tuple[type, ...]], handle: Callable[[str, dict[str, Any]], Any]
) -> Callable[..., Any]:
    def guarded(sid: str, message: Any = None, *_: Any) -> Any:
        if not isinstance(message, dict) or not all(_is(message.get(field), kind) for field, kind in fields.items()):
            return None
        client = Client.instances.get(message['client_id'])
        if client is None or sid not in client._socket_to_document_id:
            return None
        if name == 'event' and not _may_press(client, message):
            return None
        if name == 'log' and message['level'] not in _LEVELS:
            return None
        return handle(sid, message)

    return guarded


def _is(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _may_press(client: Client, message: dict[str, Any]) -> bool:
    element = client.elements.get(message['id'])
    listener = element._event_listeners.get(message['listener_id']) if element is not None else None
    if element is None or listener is None:  # redrawn while the message was under way
        return False
    if not all(arg is None or _is_json(arg) for arg in message['args']):
        return False
    return not may_only_look(client) or listener.type in NAVIGATION or _shows_more(element)


def _is_json(text: Any) -> bool:
    try:
        json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _shows_more(element: ui.element) -> bool:
    """Whether an element, or one that it is in, is marked by `for_readers`."""
    here: ui.element | None = element
    while here is not None:
        if 'data-reads' in here.props:
            return True
        here = here.parent_slot.parent if here.parent_slot is not None else None
    return False


def _is_of_same_caller(client: Client, environ: dict[str, Any] | None) -> bool:
    """Whether the socket was opened by whoever had asked for the page."""
    if environ is None or client.request is None:  # in tests
        return True
    caller = environ.get('asgi.scope', {}).get('synapse.caller')
    return bool(caller == client.request.scope.get('synapse.caller'))
