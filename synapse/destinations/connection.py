"""The connection to a destination: made when it is needed, and its errors become sentences."""

import contextlib
import re
import time
from collections.abc import Iterable, Iterator

from synapse.scrubber import HIDDEN, Scrubber, masked

from .address import Location
from .errors import DestinationError
from .kinds import connect
from .server import Login, Server

IDLE_SECONDS = 10.0
"""A connection that was not used for this long is made again: servers end idle ones, some without a word."""

CHECK = 'Check that it exists, has free space and is writable.'


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
            text = f'{self.place.text_of(name)} already exists.'
            raise DestinationError(text, 'Move it away, or let the new file replace it.') from error
        except Exception as error:
            text = f'The destination {self.place.text} cannot {what}: {self._reason(error)}.'
            raise DestinationError(text, CHECK) from error

    def _reason(self, error: Exception) -> str:
        text = str(getattr(error, 'strerror', None) or error) or type(error).__name__
        text = masked(self._scrubber.text(' '.join(text.split())))
        if self._login.username:
            text = re.sub(rf'\b{re.escape(self._login.username)}\b', HIDDEN, text)
        return text[:300].rstrip('.')
