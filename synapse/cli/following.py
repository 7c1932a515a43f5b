"""Follows a run in a terminal: prints its log until it ends, and asks what Ctrl-C means."""

import json
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from synapse.language import _
from synapse.log.text import plain, visible
from synapse.runs import causes

from .calls import Api, Refused

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

FINAL = ('succeeded', 'failed', 'cancelled', 'interrupted')
INTERRUPTED = 128 + signal.SIGINT
"""The exit code after Ctrl-C, as shells report it."""


class OutputClosed(Exception):
    """Standard output is no longer read, as after `| head`."""


class Follower:
    """Prints the log of one run as it grows.

    :param base: the address of the control room, ending in a slash
    """

    def __init__(self, api: Api, base: str, run: dict[str, Any]) -> None:
        self._api, self._base = api, base
        self._id, self._number = run['id'], run['number']
        self._pipeline = run['pipeline']
        self._last_seq = 0
        self._is_receiving = self._is_interrupted = self._has_asked = False

    def follow(self, socket: 'ClientConnection') -> int:
        """Print the log until the run ends or a person has seen enough.

        Ctrl-C asks once whether to stop the run; without a terminal to ask in, and the next time, it stops following.
        The run continues unless the answer was yes.

        :return: 0 if the run succeeded, 130 after Ctrl-C, else 1
        :raises OutputClosed: if nobody reads what is printed
        """
        before = signal.getsignal(signal.SIGINT)
        if before is not signal.SIG_IGN:  # as in the background of a script
            signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            return self._follow(socket)
        except KeyboardInterrupt:
            place = f'{self._base}runs/{self._number}'
            text = _('Run #{number} continues: {address}', number=self._number, address=place)
            say(f'\n{text}')
            return INTERRUPTED
        finally:
            signal.signal(signal.SIGINT, before)

    def _follow(self, socket: 'ClientConnection') -> int:
        types = ['log_entry', 'run_update', 'lagged']
        socket.send(json.dumps({'type': 'subscribe', 'types': types, 'run': self._id}))
        write(_('Run #{number} of {pipeline}', number=self._number, pipeline=self._pipeline))
        self._catch_up()
        # The run may have ended before we subscribed; from here on every change reaches us.
        state = self._api.get(f'runs/{self._id}')['state']
        while state not in FINAL:
            message = self._next(socket)
            if message is None:
                # The interrupt may have swallowed one.
                self._catch_up()
                state = self._api.get(f'runs/{self._id}')['state']
            else:
                state = self._take(message) or state
        self._catch_up()
        return self._ended(self._api.get(f'runs/{self._id}'))

    def _take(self, message: dict[str, Any]) -> str | None:
        """Print what a message brings, and return the state of the run if it is about that."""
        kind, data = message['type'], message['data']
        if kind == 'log_entry' and data['run'] == self._id:
            self._print(data)
        elif kind == 'lagged':
            self._catch_up()
        elif kind == 'run_update' and data['id'] == self._id:
            return str(data['state'])
        return None

    def _ended(self, run: dict[str, Any]) -> int:
        if run['state'] == 'succeeded':
            return 0
        error = run['error'] or {}
        message = error.get('message', '')
        reason = error.get('reason', '')
        if reason and reason not in message:
            message = f'{message.rstrip(".")}: {reason}'
        say(visible(f'{_end_of(run["state"])} {message} {error.get("hint", "")}'.strip()))
        return 1

    def _catch_up(self) -> None:
        while True:
            query = urlencode({'limit': 1000, 'order': 'asc', 'after': self._last_seq})
            page = self._api.get(f'runs/{self._id}/logs?{query}')
            for entry in page['entries']:
                self._print(entry)
            if page['next'] is None:
                return

    def _print(self, entry: dict[str, Any]) -> None:
        if entry['seq'] <= self._last_seq:
            return
        self._last_seq = entry['seq']
        # Output of a program must not move the cursor, set the title or fill the clipboard of this terminal.
        time, message = entry['timestamp'][11:23], visible(plain(entry['message']))
        source = visible(plain(entry['source']))
        write(f'{time} {entry["level"].upper():<8} {source:<10} {message}')

    # Ctrl-C

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        # The first one waits until a message is awaited: half a line could be printed, or half an answer read.
        if self._is_receiving or self._is_interrupted:
            raise KeyboardInterrupt
        self._is_interrupted = True

    def _next(self, socket: 'ClientConnection') -> dict[str, Any] | None:
        """Return the next message; None after an interrupt that does not end this.

        :raises KeyboardInterrupt: to stop following
        """
        try:
            self._is_receiving = True
            if self._is_interrupted:
                raise KeyboardInterrupt
            text = socket.recv()
            self._is_receiving = False
        except KeyboardInterrupt:
            self._is_receiving = self._is_interrupted = False
            self._interrupted()
            return None
        return dict(json.loads(text))

    def _interrupted(self) -> None:
        if self._has_asked or not all(stream and stream.isatty() for stream in (sys.stdin, sys.stderr)):
            raise KeyboardInterrupt
        self._has_asked = True
        if self._wants_to_stop():
            try:
                self._api.post(f'runs/{self._id}/cancel', {'because': causes.COMMAND_LINE})
            except Refused as refusal:  # it has just ended
                say(refusal.words())

    def _wants_to_stop(self) -> bool:
        question = _('Stop the run? It goes on otherwise. [y/N, Ctrl-C stops only following]')
        say(f'\n{question} ', end='')
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            # Translators: what may be answered to stop the run, in small letters: what [y/N] names, and the word
            return sys.stdin.readline().strip().lower() in ('y', 'yes', *_('y yes').split())
        finally:
            signal.signal(signal.SIGINT, handler)


def write(text: str) -> None:
    """Print a line to standard output.

    :raises OutputClosed: if nobody reads it
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise OutputClosed from None


def say(text: str, end: str = '\n') -> None:
    """Print to standard error."""
    print(text, end=end, file=sys.stderr, flush=True)


def end_quietly() -> int:
    """Return the exit code of a program whose output nobody reads, 141, as if SIGPIPE had ended it.

    Python would say at its end that it could not write what is left.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + getattr(signal, 'SIGPIPE', 13)


def _end_of(state: str) -> str:
    if state == 'failed':
        return _('The run failed.')
    return _('The run was cancelled.') if state == 'cancelled' else _('The run was interrupted.')
