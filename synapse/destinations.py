"""Delivers results to a folder or an fsspec URL: whole files or none, and no file is overwritten unless asked."""

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator

from synapse.pipelines.pipeline import StepFailed

if TYPE_CHECKING:
    from .host.run import Run

IfExists = Literal['rename', 'refuse', 'replace']
CHUNK = 1024 * 1024
OPTION_PREFIX = 'destination_'
"""Secrets of a profile with this prefix are passed to the file system: `destination_password` as `password`."""

_URL = re.compile(r'([A-Za-z][A-Za-z0-9+.-]+)://(.*)', re.DOTALL)


class DestinationError(StepFailed):
    """A destination cannot be used, or a name is taken there."""


def check_destination(destination: str) -> str:
    """Return the destination without surrounding space and with `~` expanded; nothing is opened.

    :raises DestinationError: if it is neither an absolute folder nor a URL of a known protocol
    """
    text = destination.strip()
    if '\0' in text or not text:
        raise DestinationError('No destination is given.', 'Give a folder, or a URL like sftp://host/folder.')
    url = _URL.fullmatch(text)
    if url is None:
        folder = Path(text).expanduser()
        if not folder.is_absolute():
            raise DestinationError(
                f'{text!r} is not a full path.', 'Start with / or ~, or give a URL like sftp://host.'
            )
        return str(folder)
    _check_protocol(url[1].lower())
    return text


def checked_address(value: str) -> str:
    """Return `check_destination` of a value, unless it is blank; for Pydantic.

    :raises ValueError: with message and hint
    """
    try:
        return check_destination(value) if value.strip() else ''
    except DestinationError as error:
        raise ValueError(f'{error.message} {error.hint}'.strip()) from error


Address = Annotated[str, AfterValidator(checked_address)]
"""A field for a destination, or for none."""


def _check_protocol(protocol: str) -> None:
    from fsspec.registry import known_implementations, registry

    if protocol not in known_implementations and protocol not in registry:
        raise DestinationError(f'{protocol}:// is not a known protocol.', 'Try a folder, or sftp://, ftp:// or s3://.')


class Destination:
    """One folder to deliver to, on this machine or behind a URL.

    :param options: for the file system behind the URL, such as user and password
    :raises DestinationError: if it cannot be opened
    """

    def __init__(self, address: str, options: Mapping[str, Any] | None = None) -> None:
        self.address = check_destination(address)
        self._fs, self._folder = _opened(self.address, dict(options or {}))
        self.is_local = _is_local(self._fs)

    @property
    def folder(self) -> Path | None:
        """The folder itself, if it is on this machine."""
        return Path(self._folder) if self.is_local else None

    def path(self, name: str) -> str:
        """Return the full address of a file here."""
        return str(Path(self._folder) / name) if self.is_local else str(self._fs.unstrip_protocol(self._join(name)))

    def prepare(self) -> None:
        """Create the folder if it is missing.

        :raises DestinationError: if that fails
        """
        with self._named_errors('be created'):
            self._fs.makedirs(self._folder, exist_ok=True)

    def exists(self, name: str) -> bool:
        with self._named_errors('be read'):
            return bool(self._fs.exists(self._join(name)))

    def names(self) -> list[str]:
        """Return the names of the files in the folder, sorted."""
        with self._named_errors('be read'):
            found = self._fs.ls(self._folder, detail=True)
        return sorted(PurePosixPath(item['name']).name for item in found if item['type'] == 'file')

    def remove(self, name: str) -> None:
        with self._named_errors('be changed'):
            self._fs.rm_file(self._join(name))

    def open(self, name: str) -> Any:
        """Open a file to read bytes from."""
        with self._named_errors('be read'):
            return self._fs.open(self._join(name), 'rb')

    def free_stem(self, stem: str, suffixes: tuple[str, ...], if_exists: IfExists) -> str:
        """Return a name, without suffix, that is free for all these suffixes: `talk`, else `talk-2`, ...

        :raises DestinationError: if a file exists and `if_exists` is `refuse`
        """
        if if_exists == 'replace' or not self._taken(stem, suffixes):
            return stem
        if if_exists == 'refuse':
            taken = next(suffix for suffix in suffixes if self.exists(stem + suffix))
            raise DestinationError(
                f'{self.path(stem + taken)} already exists.',
                'Move it away, or let the new file be renamed or replace it.',
            )
        count = 2
        while self._taken(f'{stem}-{count}', suffixes):
            count += 1
        return f'{stem}-{count}'

    def _taken(self, stem: str, suffixes: tuple[str, ...]) -> bool:
        return any(self.exists(stem + suffix) for suffix in suffixes)

    def put(
        self, source: Path, name: str, *, replace: bool = False, sent: Callable[[int], None] = lambda _: None
    ) -> str:
        """Deliver a file and return its full address; it appears under its name only when it is complete.

        :param replace: whether a file of that name may be replaced
        :param sent: called after each megabyte with the bytes sent so far; if it raises, nothing is delivered
        :raises DestinationError: if it cannot be written, or the name is taken
        """
        total = 0
        with source.open('rb') as reader, self.create(name, replace=replace) as writer:
            while chunk := reader.read(CHUNK):
                writer.write(chunk)
                total += len(chunk)
                sent(total)
        return self.path(name)

    @contextlib.contextmanager
    def create(self, name: str, *, replace: bool = False) -> Iterator['Writer']:
        """Open a file to write to; it appears under its name when the block ends, and not at all if the block raises.

        :raises DestinationError: if it cannot be written, or the name is taken
        """
        part = f'.{name}.{secrets.token_hex(4)}.part'
        try:
            with self._named_errors('be written'):
                file = self._fs.open(self._join(part), 'wb')
            writer = Writer(file, lambda: self._named_errors('be written'))
            try:
                yield writer
                with self._named_errors('be written'):
                    self._sync(file)
            finally:
                with self._named_errors('be written'):
                    file.close()
            self._check_size(part, writer.size)
            with self._named_errors('be written'):
                self._settle(part, name, replace=replace)
        except BaseException:
            with contextlib.suppress(Exception):
                self._fs.rm_file(self._join(part))
            raise

    def _sync(self, file: Any) -> None:
        if self.is_local:
            file.flush()
            os.fsync(file.fileno())

    def _check_size(self, part: str, expected: int) -> None:
        with self._named_errors('be read'):
            size = self._fs.size(self._join(part))
        if size is not None and size != expected:
            raise DestinationError(
                f'Only {size:,} of {expected:,} bytes arrived at {self.address}.', 'Check the connection, then retry.'
            )

    def _settle(self, part: str, name: str, *, replace: bool) -> None:
        if self.is_local and replace:
            Path(self._join(part)).replace(self._join(name))
        elif self.is_local:
            _rename_new(Path(self._join(part)), Path(self._join(name)))
        else:
            if not replace and self._fs.exists(self._join(name)):
                raise FileExistsError(self._join(name))
            self._fs.mv(self._join(part), self._join(name))

    def _join(self, name: str) -> str:
        return str(Path(self._folder) / name) if self.is_local else f'{self._folder.rstrip("/")}/{name}'

    @contextlib.contextmanager
    def _named_errors(self, what: str) -> Iterator[None]:
        """Turn any exception into a `DestinationError`: each file system raises its own kinds."""
        try:
            yield
        except DestinationError:
            raise
        except FileExistsError as error:
            raise DestinationError(
                f'{error.filename or error} already exists.', 'Move it away, or let the new file replace it.'
            ) from error
        except Exception as error:
            reason = getattr(error, 'strerror', None) or str(error) or type(error).__name__
            raise DestinationError(
                f'The destination {self.address} cannot {what}: {reason}.',
                'Check that it exists, has free space and is writable.',
            ) from error


class Writer:
    """A file being delivered; `size` is how many bytes were written so far."""

    def __init__(self, file: Any, named_errors: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        self.size = 0
        self._file = file
        self._named_errors = named_errors

    def write(self, data: bytes) -> int:
        with self._named_errors():
            self._file.write(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing; everything is flushed at the end."""


def destination_of(run: 'Run', address: str = '') -> Destination:
    """Return where a run delivers to: `address` if it is set, else the destination of the profile.

    :raises DestinationError: if there is none, or it cannot be created
    """
    profile = run.profile
    chosen = address or (profile.destination if profile else '')
    if not chosen:
        raise DestinationError('There is nowhere to deliver to.', 'Choose a profile, or give a destination.')
    options = {
        name.removeprefix(OPTION_PREFIX): value
        for name, value in (profile.secrets if profile else {}).items()
        if name.startswith(OPTION_PREFIX)
    }
    # A local folder takes no options, and fsspec would reject them.
    destination = Destination(chosen, options if _URL.match(chosen) else {})
    destination.prepare()
    return destination


def _opened(address: str, options: dict[str, Any]) -> tuple[Any, str]:
    import fsspec

    try:
        fs, folder = fsspec.core.url_to_fs(address, **options)
    except ImportError as error:
        raise DestinationError(f'{address} needs a package that is not installed: {error}.', 'Install it.') from error
    except Exception as error:
        raise DestinationError(f'The destination {address} cannot be opened: {error}', 'Check the address.') from error
    return fs, str(folder)


def _is_local(fs: Any) -> bool:
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(fs, LocalFileSystem)


def _rename_new(part: Path, target: Path) -> None:
    """Rename atomically, unless the target exists.

    :raises FileExistsError: if it does
    """
    try:
        os.link(part, target)
    except FileExistsError:
        raise FileExistsError(17, 'File exists', str(target)) from None
    except OSError:
        # Without hard links (FAT, some network shares) another program could take the name in between.
        if target.exists():
            raise FileExistsError(17, 'File exists', str(target)) from None
        part.rename(target)
    else:
        part.unlink()
