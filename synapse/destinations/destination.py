"""Delivers to one folder: a file appears whole or not at all, and takes the place of none unless asked."""

import contextlib
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from synapse.language import _, translated
from synapse.language.figures import number
from synapse.scrubber import secret_values

from . import leftovers
from .address import located
from .connection import Connection
from .errors import DestinationError
from .home import home_of
from .login import login_of
from .reasons import CHECK
from .server import Upload

if TYPE_CHECKING:
    from synapse.host.run import Run

IfExists = Literal['rename', 'refuse', 'replace']
CHUNK = 1024 * 1024


class Destination:
    """One folder to deliver to, on this machine or on a server.

    :param secrets: those of a profile; those called `destination_...` open it
    :param known_hosts: the file of the SSH host keys that were accepted
    :param inputs: files that must not be replaced
    :raises DestinationError: if it cannot be opened
    """

    def __init__(
        self,
        address: str,
        secrets: Mapping[str, str] | None = None,
        *,
        known_hosts: str = '',
        inputs: Sequence[Path] = (),
    ) -> None:
        secrets = secrets or {}
        place, login = located(address), login_of(secrets, known_hosts)
        login = changed(login, username=place.username or login.username, password=place.password or login.password)
        self.address = place.text
        self.is_local = place.is_local and home_of(place) is None
        self._inputs = inputs
        self._place = place
        self._made: list[str] = []
        self._connection = Connection(place, login, secret_values(secrets))
        self._using = self._connection.using
        with self._using('be opened'):
            pass

    @property
    def folder(self) -> Path | None:
        """The folder itself, if it is on this machine."""
        return Path(self._place.path) if self.is_local else None

    def path(self, name: str) -> str:
        """Return the full address of a file here, without user and password."""
        return self._place.text_of(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the next use makes a new one."""
        self._connection.close()

    def prepare(self) -> None:
        """Create the folder if it is missing, and remove what deliveries of dead processes left in it.

        :raises DestinationError: if it cannot be created
        """
        with self._using('be created') as server:
            self._made += server.make_folder()
        with contextlib.suppress(DestinationError):  # one that may only be written to cannot be listed
            self.remove_leftovers()

    def undo_prepare(self) -> list[str]:
        """Remove the folders that `prepare` has created if they are empty, and return those that are kept."""
        while self._made:
            try:
                self._connection.server().remove_folder(self._made[-1])
            except Exception:  # each kind of server raises its own, and some cannot
                break
            self._made.pop()
        return self._made

    def remove_leftovers(self) -> list[str]:
        """Remove what deliveries of dead processes left here, and return the names; those that live are kept.

        :raises DestinationError: if the folder cannot be read
        """
        with self._using('be read') as server:
            found = leftovers.left_behind(server.entries())
        for name in found:
            with contextlib.suppress(Exception):
                server.clean(name)
        return found

    def exists(self, name: str) -> bool:
        with self._using('be read') as server:
            return server.size(name) is not None

    def names(self) -> list[str]:
        """Return the names of the files in the folder, sorted."""
        with self._using('be read') as server:
            return sorted(entry.name for entry in server.entries())

    def remove(self, name: str) -> None:
        with self._using('be changed') as server:
            server.remove(name)

    def open(self, name: str) -> Any:
        """Open a file to read bytes from."""
        with self._using('be read') as server:
            return server.read(name)

    def free_stem(self, stem: str, suffixes: tuple[str, ...], if_exists: IfExists) -> str:
        """Return a name, without suffix, that is free for all these suffixes: `talk`, else `talk-2`, ...

        :raises DestinationError: if a file exists and `if_exists` is `refuse`, or would replace an input of the run
        """
        if if_exists == 'replace':
            for suffix in suffixes:
                self._check_replaceable(stem + suffix)
            return stem
        if not self._taken(stem, suffixes):
            return stem
        if if_exists == 'refuse':
            taken = next(suffix for suffix in suffixes if self.exists(stem + suffix))
            raise DestinationError(
                _('{path} already exists.', path=self.path(stem + taken)),
                _('Move it away, or let the new file be renamed or replace it.'),
            )
        count = 2
        while self._taken(f'{stem}-{count}', suffixes):
            count += 1
        return f'{stem}-{count}'

    def _taken(self, stem: str, suffixes: tuple[str, ...]) -> bool:
        return any(self.exists(stem + suffix) for suffix in suffixes)

    def _check_replaceable(self, name: str) -> None:
        """:raises DestinationError: if the name is that of a folder on this machine, or of an input of the run"""
        target = self.folder / name if self.folder else None
        if target is not None and target.is_dir():
            raise DestinationError(
                _('{path} is a folder, which no file replaces.', path=target),
                _('Move it away, or let the new file be renamed.'),
            )
        for path in self._inputs:
            with contextlib.suppress(OSError):
                if target is not None and target.samefile(path):
                    raise DestinationError(
                        _('{path} is the input of this run, so it cannot be replaced.', path=target),
                        _('Deliver to another folder, or let the new file be renamed.'),
                    )

    def check_name(self, name: str) -> None:
        """Write a small hidden file whose name ends with this one, read it back and remove it.

        :raises DestinationError: if nothing can be written here, or no file of that name
        """
        content = b'Synapse tries whether it can write here.\n'
        with self._using('be opened') as server:
            pass
        try:
            server.check_name(name)
            self._try_out(leftovers.new_trial(name), content)
        except ValueError as error:
            raise self._name_refused(name, str(error)) from error
        except DestinationError as error:
            self._try_out(leftovers.new_part(), content)  # fails with its own reason if the name isn't to blame
            reason = _('it would be kept under another name') if isinstance(error, _Misnamed) else error.message
            raise self._name_refused(name, reason) from error

    def _name_refused(self, name: str, reason: str) -> DestinationError:
        reason = reason.rstrip('.')
        return DestinationError(
            _('{address} takes no file called {name}: {reason}.', address=self.address, name=name, reason=reason),
            _('Give the file another name.'),
        )

    def _try_out(self, hidden: str, content: bytes) -> None:
        leftovers.hold(hidden)
        try:
            with self.create(hidden) as writer:
                writer.write(content)
            with self._using('be read') as server:
                with server.read(hidden) as file:
                    found = file.read()
                if found != content:
                    raise DestinationError(
                        _('{address} returned something else than was written.', address=self.address),
                        translated(CHECK),
                    )
                if server.lists_hidden and not any(_is_same(hidden, entry.name) for entry in server.entries()):
                    raise _Misnamed(hidden)
        finally:
            self._remove_trial(hidden)
            leftovers.release(hidden)

    def _remove_trial(self, hidden: str) -> None:
        """Remove a trial file, also where the server has kept only the start of its name."""
        with contextlib.suppress(DestinationError):
            self.remove(hidden)
        start = hidden.rpartition('~')[0] or hidden
        with contextlib.suppress(DestinationError):
            for name in [name for name in self.names() if name.startswith(start)]:
                self.remove(name)

    def put(
        self, source: Path, name: str, *, replace: bool = False, sent: Callable[[int], None] = lambda _: None
    ) -> str:
        """Deliver a file and return its full address; it appears under its name only when it is complete.

        :param replace: whether a file of that name may be replaced
        :param sent: called after each megabyte with the bytes sent so far; if it raises, nothing is delivered
        :raises DestinationError: if it cannot be written, or the name is taken
        """
        total = 0
        with source.open('rb') as reader, self.create(name, replace=replace, size=source.stat().st_size) as writer:
            while chunk := reader.read(CHUNK):
                writer.write(chunk)
                total += len(chunk)
                sent(total)
        return self.path(name)

    @contextlib.contextmanager
    def create(self, name: str, *, replace: bool = False, size: int | None = None) -> Iterator['Writer']:
        """Open a file to write to; it appears under its name when the block ends, and not at all if the block raises.

        :param size: its size in bytes if it is known
        :raises DestinationError: if it cannot be written, or the name is taken
        """
        if replace:
            self._check_replaceable(name)
        with self._using('be written', name) as server:
            if server.writes_in_place and not replace and server.size(name) is not None:
                raise FileExistsError
        part = name if server.writes_in_place else leftovers.new_part()
        leftovers.hold(part)
        try:
            with self._connection.named_errors('be written', name):
                upload = server.upload(part, size=size, replace=replace)
            with contextlib.nullcontext() if part == name else self._removed_on_failure(part):
                with self._finished(upload, name) as writer:
                    yield writer
                self._check_size(part, writer.size)
                if part != name:
                    self._rename(part, name, replace=replace)
        finally:
            leftovers.release(part)

    @contextlib.contextmanager
    def _finished(self, upload: Upload, name: str) -> Iterator['Writer']:
        """Finish an upload when the block ends, or abort it."""
        try:
            yield Writer(upload, lambda: self._connection.named_errors('be written'))
            with self._connection.named_errors('be written', name):
                upload.finish()
        except BaseException:
            with contextlib.suppress(Exception):
                upload.abort()
            if not self.is_local:
                self.close()  # it was interrupted in the middle of a conversation
            raise

    @contextlib.contextmanager
    def _removed_on_failure(self, part: str) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with contextlib.suppress(Exception):
                self._connection.server().remove(part)
            raise

    def _check_size(self, name: str, expected: int) -> None:
        with self._using('be read') as server:
            size = server.size(name)
        if size is not None and size != expected:
            raise DestinationError(
                _(
                    'Only {size} of {expected} bytes arrived at {address}.',
                    size=number(size),
                    expected=number(expected),
                    address=self.address,
                ),
                _('Check the connection, then retry.'),
            )

    def _rename(self, part: str, name: str, *, replace: bool) -> None:
        with self._using('be written', name) as server:
            server.rename(part, name, replace=replace)
        # Some servers take a name apart then, and report no error.
        if not self.is_local and not self.exists(name):
            raise _Misnamed(name)


def _is_same(name: str, other: str) -> bool:
    """Whether two names are the same letters; macOS keeps them in another normal form."""
    return unicodedata.normalize('NFC', name) == unicodedata.normalize('NFC', other)


class _Misnamed(DestinationError):
    """A server has taken a name and kept another."""

    def __init__(self, name: str) -> None:
        super().__init__(
            _('The server has kept {name} under another name.', name=name), _('Give it a simpler name, then try again.')
        )


class Writer:
    """A file being delivered; `size` is how many bytes were written so far."""

    def __init__(self, upload: Upload, named_errors: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        self.size = 0
        self._upload = upload
        self._named_errors = named_errors

    def write(self, data: bytes) -> int:
        with self._named_errors():
            self._upload.write(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing; everything is flushed at the end."""


def destination_of(run: 'Run', address: str = '', *, inputs: Sequence[Path] = ()) -> Destination:
    """Return where a run delivers to: `address` if it is set, else the destination of the profile.

    :param inputs: files of the run that must not be replaced
    :raises DestinationError: if there is none, or it cannot be created
    """
    profile = run.profile
    chosen = address or (profile.destination if profile else '')
    if not chosen:
        raise DestinationError(_('There is nowhere to deliver to.'), _('Choose a profile, or give a destination.'))
    destination = Destination(
        chosen,
        profile.secrets.login if profile else {},
        known_hosts=profile.known_hosts if profile else '',
        inputs=inputs,
    )
    try:
        destination.prepare()
    except BaseException:
        destination.close()
        raise
    return destination
