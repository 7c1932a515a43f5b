"""What a destination needs of each kind of server; a module for each kind says how it is done there."""

import errno
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar

from .address import Location

CONNECT_SECONDS = 8.0
"""How long to wait for a server to answer at all."""
ANSWER_SECONDS = 60.0
"""How long a connected server may take to answer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the folder; `modified` is a Unix time if the server says it."""

    name: str
    size: int
    modified: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who delivers, and with what."""

    username: str = ''
    password: str = field(default='', repr=False)
    key_file: str = ''
    known_hosts: str = ''
    """A file in the form of known_hosts(5) with the keys that were accepted."""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What else the kind of server takes, such as `endpoint_url` for S3."""


class Upload(ABC):
    """A file that is being written."""

    @abstractmethod
    def write(self, data: bytes) -> None: ...

    @abstractmethod
    def finish(self) -> None:
        """Return when the server has all of it."""

    @abstractmethod
    def abort(self) -> None:
        """Stop without waiting for the server; the caller makes a new connection, and removes what the server has."""


class Server(ABC):
    """A connection to one folder of a server. Its methods raise what the library behind them raises.

    A name that does not exist is a `FileNotFoundError`, one that is taken a `FileExistsError`.
    """

    writes_in_place: ClassVar[bool] = False
    """Whether a file appears whole under its own name as soon as it is finished, so that it needs no other before."""

    lists_hidden: ClassVar[bool] = True
    """Whether files whose names begin with a dot are among `entries`."""

    def __init__(self, place: Location, login: Login) -> None:
        self.place, self.login = place, login

    @abstractmethod
    def make_folder(self) -> list[str]:
        """Create the folder and those above it if they are missing, and return which were, the topmost first.

        A file in its place is a `NotADirectoryError` with its path.
        """

    def remove_folder(self, path: str) -> None:
        """Remove a folder that `make_folder` has returned, unless something is in it, which must not be lost."""
        raise NotImplementedError('a folder can only be removed with everything in it')

    @abstractmethod
    def entries(self) -> list[Entry]:
        """Return the files in the folder."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Return the size of a file, None if there is none of that name."""

    @abstractmethod
    def read(self, name: str) -> BinaryIO: ...

    @abstractmethod
    def upload(self, name: str, *, size: int | None, replace: bool) -> Upload:
        """Start to write a file.

        :param size: its size if it is known
        :param replace: whether a file of that name may be replaced; only asked where `writes_in_place`
        """

    @abstractmethod
    def rename(self, part: str, name: str, *, replace: bool) -> None: ...

    @abstractmethod
    def remove(self, name: str) -> None: ...

    def check_name(self, name: str) -> None:  # noqa: B027 - most protocols carry any name
        """:raises ValueError: with a sentence, if the protocol itself cannot carry such a name"""

    def clean(self, name: str) -> None:
        """Undo what a dead process had begun under this hidden name."""
        self.remove(name)

    def close(self) -> None:  # noqa: B027 - not every kind has a connection
        """End the connection."""


def join(folder: str, name: str) -> str:
    return f'{folder.rstrip("/")}/{name}'


def not_a_folder(path: str) -> NotADirectoryError:
    return NotADirectoryError(errno.ENOTDIR, 'Not a directory', path)


def quiet(*loggers: str) -> None:
    """Keep a library from filling the log of a run: whatever matters is raised."""
    import logging

    for name in loggers:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def option_flag(value: Any) -> bool:
    return str(value).strip().lower() in ('1', 'true', 'yes', 'on')
