"""One window for a data folder: the first one listens, others tell it to come to the front."""

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

from storage.files import make_private_folder
from storage.folder_lock import FolderLock, LockHeld

RAISE, CLOSE = b'raise', b'close'
MOST_BYTES = 64
_REFUSED = (OSError, EOFError, ValueError, AuthenticationError)


def folder_of(data: Path) -> Path:
    """Where the window keeps its place and its lock."""
    return data / 'window'


def tell(data: Path, order: bytes) -> bool:
    """Tell the open window to come to the front, or to close; returns whether there is one that has heard it."""
    info = FolderLock(folder_of(data)).info()
    try:
        address = ('127.0.0.1', int(info['port']))
        with Client(address, authkey=bytes.fromhex(info['key'])) as connection:
            connection.send_bytes(order)
            return connection.recv_bytes(MOST_BYTES) == order
    except (KeyError, TypeError, *_REFUSED):
        return False


@contextlib.contextmanager
def only_window(data: Path, obey: Callable[[bytes], None]) -> Iterator[bool]:
    """Become the window of this data folder; yields False if there is one, which was told to come to the front.

    :param obey: called in a thread of its own with each order of other processes
    """
    folder = folder_of(data)
    make_private_folder(folder)
    lock = FolderLock(folder)
    key = secrets.token_bytes(32)
    with Listener(('127.0.0.1', 0), authkey=key) as listener:
        port = listener.address[1]
        try:
            lock.acquire({'port': port, 'key': key.hex()})
        except LockHeld:
            tell(data, RAISE)
            yield False
            return
        threading.Thread(target=_listen, args=[listener, obey], daemon=True).start()
        try:
            yield True
        finally:
            lock.release()


def _listen(listener: Listener, obey: Callable[[bytes], None]) -> None:
    while True:
        try:
            connection = listener.accept()
        except AuthenticationError:  # somebody without our key
            continue
        except OSError:  # closed
            return
        with contextlib.suppress(*_REFUSED), connection:
            _answer(connection, obey)


def _answer(connection: 'Connection[bytes, bytes]', obey: Callable[[bytes], None]) -> None:
    order = connection.recv_bytes(MOST_BYTES)
    if order in (RAISE, CLOSE):
        connection.send_bytes(order)
        obey(order)
