"""A folder on this machine, which may be on any disk or mounted share."""

import os
from pathlib import Path
from typing import BinaryIO

from .address import Location
from .server import Entry, Login, Server, Upload, not_a_folder


class LocalFolder(Server):
    def __init__(self, place: Location, login: Login) -> None:
        super().__init__(place, login)
        self.folder = Path(place.path)

    def make_folder(self) -> list[str]:
        paths = (self.folder, *self.folder.parents)
        missing = [str(path) for path in paths if not path.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise not_a_folder(str(next(path for path in paths if path.exists()))) from None
        return missing[::-1]

    def remove_folder(self, path: str) -> None:
        Path(path).rmdir()

    def entries(self) -> list[Entry]:
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.is_file():
                    known = entry.stat()
                    found.append(Entry(entry.name, known.st_size, known.st_mtime))
        return found

    def size(self, name: str) -> int | None:
        try:
            return (self.folder / name).stat().st_size
        except FileNotFoundError:
            # A link that leads nowhere has no size, but its name is taken.
            return 0 if (self.folder / name).is_symlink() else None

    def read(self, name: str) -> BinaryIO:
        return (self.folder / name).open('rb')

    def upload(self, name: str, *, size: int | None, replace: bool) -> Upload:
        return _LocalUpload(self.folder / name)

    def rename(self, part: str, name: str, *, replace: bool) -> None:
        source, target = self.folder / part, self.folder / name
        if replace:
            source.replace(target)
        else:
            _rename_new(source, target)
        self._sync()

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    def _sync(self) -> None:
        if os.name != 'nt':
            opened = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(opened)
            except OSError:  # some network shares cannot
                pass
            finally:
                os.close(opened)


class _LocalUpload(Upload):
    def __init__(self, path: Path) -> None:
        self._file = path.open('wb')

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def finish(self) -> None:
        with self._file as file:
            file.flush()
            os.fsync(file.fileno())

    def abort(self) -> None:
        self._file.close()


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
