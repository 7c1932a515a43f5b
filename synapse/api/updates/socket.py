"""The WebSocket `/ws/updates`: everything that happens, for programs, as it happens."""

import asyncio
import json
import time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from synapse import __version__
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.log.log import Level
from synapse.sentences import sentence_of
from synapse.waiting import is_set_within

from .buffer import UpdateBuffer, framed
from .listener import Listener, Subscription

MAX_CONNECTIONS = 200
TRY_AGAIN_LATER = 1013
PING_SECONDS = 20.0
RESUME_SECONDS = 0.25
"""How long a new client may take to send `resume`, so that missed updates come before new ones."""

BATCH_MESSAGES = 50
BATCH_CHARACTERS = 200_000
MAX_MESSAGE_CHARACTERS = 10_000

_DISCONNECTED = (WebSocketDisconnect, WebSocketDisconnected, OSError)
"""What the server raises when the client disconnects during a send."""

UpdateType = Literal['pipeline_update', 'log_entry', 'run_update', 'profile_change', 'schedule_change']


class _FromClient(BaseModel):
    model_config = ConfigDict(extra='forbid')


class Subscribe(_FromClient):
    type: Literal['subscribe']
    # `connected`, `ping`, `pong` and `lagged` are always sent: naming them is allowed and changes nothing.
    types: list[UpdateType | Literal['connected', 'ping', 'pong', 'lagged']] | None = None
    level: Level | None = None
    run: str | None = Field(default=None, max_length=64)


class Resume(_FromClient):
    type: Literal['resume']
    boot: str
    seq: int = Field(ge=0)


class Heartbeat(_FromClient):
    type: Literal['ping', 'pong']


_MODELS: dict[str, type[_FromClient]] = {
    'subscribe': Subscribe,
    'resume': Resume,
    'ping': Heartbeat,
    'pong': Heartbeat,
}


class Updates:
    """All connections. The gate decides who may connect, and closes with 4401 when a session ends."""

    def __init__(
        self, room: ControlRoom, *, max_connections: int = MAX_CONNECTIONS, ping_seconds: float = PING_SECONDS
    ) -> None:
        self._room = room
        self._buffer = UpdateBuffer(room)
        self._max_connections = max_connections
        self._ping_seconds = ping_seconds

    async def endpoint(self, websocket: WebSocket) -> None:
        await websocket.accept()
        if self._buffer.listener_count >= self._max_connections:
            # A client sees the close code only after accepting.
            await websocket.close(TRY_AGAIN_LATER, _('Too many connections. Try again later.'))
            return
        listener = Listener(self._buffer)
        try:
            await _Connection(websocket, listener, self._room, self._ping_seconds).serve()
        except _DISCONNECTED:
            pass
        finally:
            listener.close()


class _Connection:
    """One client: one task reads its messages, another sends updates."""

    def __init__(self, websocket: WebSocket, listener: Listener, room: ControlRoom, ping_seconds: float) -> None:
        self._websocket = websocket
        self._listener = listener
        self._room = room
        self._ping_seconds = ping_seconds
        self._may_start = asyncio.Event()

    async def serve(self) -> None:
        snapshot = self._room.status.snapshot()
        data = {'version': __version__, 'boot': self._room.boot, 'status': snapshot}
        await self._websocket.send_text(framed('connected', self._listener.seq, data))
        reading = asyncio.create_task(self._read())
        sending = asyncio.create_task(self._send_updates())
        done, pending = await asyncio.wait([reading, sending], return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for result in await asyncio.gather(*done, *pending, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _send_updates(self) -> None:
        ping_at = time.monotonic() + self._ping_seconds
        await is_set_within(self._may_start, RESUME_SECONDS)
        while True:
            if time.monotonic() >= ping_at:
                ping_at = time.monotonic() + self._ping_seconds
                self._listener.send('ping', {})
            if await self._listener.wait(ping_at - time.monotonic()):
                await self._send_some()

    async def _send_some(self) -> None:
        sent = count = 0
        while sent < BATCH_CHARACTERS and count < BATCH_MESSAGES:
            text = self._listener.next_text()
            if text is None:
                return
            await self._websocket.send_text(text)
            sent += len(text)
            count += 1
        await asyncio.sleep(0)  # sending to a fast client never yields by itself, and others need their turn

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message['type'] == 'websocket.disconnect':
                return
            text = message.get('text')
            if text is None:
                self._send_error(_('Only text messages are accepted.'), _('Send JSON, or the word ping.'))
            elif len(text) > MAX_MESSAGE_CHARACTERS:
                self._send_error(
                    _('This message is too long.'),
                    _(
                        'The limit is {max_message_characters} characters.',
                        max_message_characters=MAX_MESSAGE_CHARACTERS,
                    ),
                )
            elif text in ('ping', 'pong'):
                self._reply_to(text)
            else:
                self._receive(text)

    def _receive(self, text: str) -> None:
        try:
            given = json.loads(text)
            model = _MODELS[given['type']]
        except (ValueError, TypeError, KeyError, RecursionError):
            self._send_error(
                _('This message is not understood.'), _('Send {"type": "ping" | "subscribe" | "resume", ...}.')
            )
            return
        try:
            self._handle(model.model_validate(given))
        except ValidationError as error:
            item = error.errors()[0]
            where = '.'.join(map(str, item['loc'])) or 'message'
            self._send_error(f'{where}: {sentence_of(item)}', _('Nothing was changed.'))

    def _handle(self, order: Any) -> None:
        if isinstance(order, Subscribe):
            types = None if order.types is None else frozenset[str](order.types)
            self._listener.subscription = Subscription(types, order.level or Level.DEBUG, order.run)
        elif isinstance(order, Resume):
            self._resume(order)
        else:
            self._reply_to(order.type)

    def _resume(self, order: Resume) -> None:
        if order.boot == self._room.boot:
            self._listener.resume(order.seq)
        else:  # numbers start again with each start of the server, so this one does not know the last number
            self._listener.report_all_missed()
        self._may_start.set()

    def _reply_to(self, word: str) -> None:
        if word == 'ping':
            self._listener.send('pong', {})

    def _send_error(self, message: str, hint: str) -> None:
        self._listener.send('error', {'code': 'malformed', 'message': message, 'hint': hint})
