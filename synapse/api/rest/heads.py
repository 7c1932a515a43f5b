"""HEAD for every call that GET has (RFC 9110, 9.3.2)."""

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """ASGI middleware: answers HEAD as GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] != 'http' or scope['method'] != 'HEAD':
            await self._app(scope, receive, send)
            return
        is_answered = False

        async def without_body(message: Message) -> None:
            nonlocal is_answered
            if message['type'] != 'http.response.body':
                await send(message)
            elif not is_answered:
                is_answered = True
                await send({'type': 'http.response.body', 'body': b'', 'more_body': False})
            if is_answered and message.get('more_body'):
                raise ClientDisconnect  # what is left of a file or an export is not even read

        try:
            await self._app({**scope, 'method': 'GET'}, receive, without_body)
        except ClientDisconnect:
            return
