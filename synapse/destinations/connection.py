"""The connection to a destination: made when it is needed, and its errors become sentences."""

import contextlib
import re
import time
from collections.abc import Iterable, Iterator

from storage.foreign_words import system_words
from synapse.language import _, translated
from synapse.scrubber import HIDDEN, Scrubber, masked

from .address import Location
from .errors import DestinationError
from .kinds import connect
from .reasons import CHECK, reason_of
from .server import Login, Server

IDLE_SECONDS = 10.0
"""A connection that was not used for this long is made again: servers end idle ones, some without a word."""


class Connection:
    """A connection that can be used again after it was closed.

    :param secrets: what must not be in the text of an error, besides the password
    """

    def __init__(self, place: Location, login: Login, secrets: Iterable[str] = ()) -> None:
        self.place = place
        self._login = login
        self._scrubber = Scrubber()
        self._scrubber.hide('login', [*secrets, login.password])
        self._server: Server | None = None
        self._used_at = time.monotonic()

    def server(self) -> Server:
        """Return the server, connected; raises what its library raises."""
        if not self.place.is_local and time.monotonic() - self._used_at > IDLE_SECONDS:
            self.close()
        if self._server is None:
            self._server = connect(self.place, self._login)
        return self._server

    def close(self) -> None:
        """End the connection; the next use makes a new one."""
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(Exception):
                server.close()

    @contextlib.contextmanager
    def using(self, what: str, name: str = '') -> Iterator[Server]:
        """Hand out the server, and turn any exception into a `DestinationError`: each kind of server raises its own.

        :param what: what cannot be done then: `be read`
        :param name: of the file, which is named if it exists already
        """
        with self.named_errors(what, name):
            yield self.server()

    @contextlib.contextmanager
    def named_errors(self, what: str, name: str = '') -> Iterator[None]:
        """Turn any exception into a `DestinationError`, as `using` does, for work with a server at hand."""
        try:
            yield
            self._used_at = time.monotonic()
        except DestinationError:
            raise
        except FileExistsError as error:
            text = _('{path} already exists.', path=self.place.text_of(name))
            raise DestinationError(text, _('Move it away, or let the new file replace it.')) from error
        except Exception as error:
            known = reason_of(error, self.place, self._login, is_new=what in ('be opened', 'be created'))
            text, hint = (
                (self._scrubber.text(known.text), known.hint) if known else (self._own_text(error), translated(CHECK))
            )
            raise DestinationError(_cannot(what, self.place.text, text), hint) from error

    def _own_text(self, error: Exception) -> str:
        text = str(system_words(error) if isinstance(error, OSError) else error) or type(error).__name__
        text = masked(self._scrubber.text(' '.join(text.split())))
        if self._login.username:
            text = re.sub(rf'\b{re.escape(self._login.username)}\b', HIDDEN, text)
        return text[:300].rstrip('.')


def _cannot(what: str, address: str, reason: str) -> str:
    if what == 'be opened':
        return _('The destination {address} cannot be opened: {reason}.', address=address, reason=reason)
    if what == 'be created':
        return _('The destination {address} cannot be created: {reason}.', address=address, reason=reason)
    if what == 'be changed':
        return _('The destination {address} cannot be changed: {reason}.', address=address, reason=reason)
    if what == 'be written':
        return _('The destination {address} cannot be written: {reason}.', address=address, reason=reason)
    return _('The destination {address} cannot be read: {reason}.', address=address, reason=reason)
