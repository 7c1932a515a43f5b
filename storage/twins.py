"""Small private files that must not be lost, such as keys: each has a copy beside it, `NAME.copy`."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from .damage import Damage, set_aside
from .files import StorageError, named_errors, sync_folder, write_atomically
from .texts import _


class TwinFile:
    """A file that is read and written as a whole. Not safe to use from several threads at once.

    :param is_valid: whether this is what the file may hold
    :param missing: what is lost if neither the file nor its copy can be read, as sentences
    :param hint: what to do then
    :param may_be_deleted: whether a person deletes the file to have another one made; else it comes back from its copy
    :param is_replaced: whether one that cannot be recovered is set aside, to be made anew
    """

    def __init__(
        self,
        path: Path,
        is_valid: Callable[[bytes], bool],
        *,
        missing: str,
        hint: str,
        may_be_deleted: bool = False,
        is_replaced: bool = True,
    ) -> None:
        self.path = path
        self.damage: Damage | None = None
        """What `read` has found."""
        self._copy = path.with_name(f'{path.name}.copy')
        self._is_valid = is_valid
        self._missing, self._hint = missing, hint
        self._may_be_deleted, self._is_replaced = may_be_deleted, is_replaced

    def read(self) -> bytes | None:
        """Return what the file holds, or its copy if the file is damaged; None if there is neither.

        What is damaged and must not be replaced is returned as it is.

        :raises StorageError: if the disk refuses
        """
        content, copy = _content_of(self.path), _content_of(self._copy)
        if content is not None and self._is_valid(content):
            if os.name != 'nt':
                self.path.chmod(0o600)
            if copy != content:
                self._write_copy(content)
            return content
        if content is None and (copy is None or self._may_be_deleted):
            return None
        is_copy_valid = copy is not None and self._is_valid(copy)
        if not is_copy_valid and not self._is_replaced:
            self.damage = Damage(self.path.name, self.path.name, '', self._missing, self._hint)
            return content
        kept_as = set_aside(self.path).name if content is not None else ''
        if copy is not None and is_copy_valid:
            write_atomically(self.path, copy)
            recovered = _('It was restored from its copy {name}: nothing is missing.', name=self._copy.name)
            self.damage = Damage(self.path.name, kept_as, recovered)
            return copy
        self.damage = Damage(self.path.name, kept_as, '', self._missing, self._hint)
        return None

    def write(self, content: bytes) -> None:
        """Replace the file, then its copy.

        :raises StorageError: if the file could not be written; it is unchanged then
        """
        write_atomically(self.path, content)
        self._write_copy(content)

    def delete(self) -> None:
        """Remove the file and its copy."""
        with named_errors(self.path):
            for path in (self._copy, self.path):
                path.unlink(missing_ok=True)
            sync_folder(self.path.parent)

    def _write_copy(self, content: bytes) -> None:
        try:
            write_atomically(self._copy, content, sync=False)
        except StorageError:  # an outdated copy is worse than none
            with contextlib.suppress(OSError):
                self._copy.unlink(missing_ok=True)


def _content_of(path: Path) -> bytes | None:
    with named_errors(path), contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    return None
