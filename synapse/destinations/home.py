"""A folder of the control room's machine, for a run on another one: each call is carried out there.

A run that was sent elsewhere delivers to the same folder as one that was not. Files travel through the folder of the
run, which the engine copies in both directions.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from synapse.language import _
from synapse.protocol.home import Home, home

from .address import Location
from .local import LocalFolder
from .server import Entry, Login, Server, Upload

COPY_BYTES = 1024 * 1024


def home_of(place: Location) -> Home | None:
    """Return the way to a place on the control room's machine; None if it is not there, or we are."""
    way = home()
    is_there = way is not None and place.is_local and not Path(place.path).is_relative_to(way.folder.parent)
    return way if is_there else None


class HomeFolder(Server):
    def __init__(self, place: Location, login: Login, home: Home) -> None:
        super().__init__(place, login)
        self._home = home

    def make_folder(self) -> list[str]:
        return list(self._ask('make_folder'))

    def remove_folder(self, path: str) -> None:
        self._ask('remove_folder', path=path)

    def entries(self) -> list[Entry]:
        return [Entry(*entry) for entry in self._ask('entries')]

    def size(self, name: str) -> int | None:
        size: int | None = self._ask('size', name=name)
        return size

    def read(self, name: str) -> BinaryIO:
        path = self._on_its_way()
        self._ask('get', name=name, file=path.name)
        opened = path.open('rb')
        with contextlib.suppress(OSError):  # Windows keeps it for as long as it is open
            path.unlink()
        return opened

    def upload(self, name: str, *, size: int | None, replace: bool) -> Upload:
        return _HomeUpload(self, name, self._on_its_way())

    def put(self, path: Path, name: str) -> None:
        self._ask('put', name=name, file=path.name)
        path.unlink(missing_ok=True)

    def rename(self, part: str, name: str, *, replace: bool) -> None:
        self._ask('rename', part=part, name=name, replace=replace)

    def remove(self, name: str) -> None:
        self._ask('remove', name=name)

    def _on_its_way(self) -> Path:
        self._home.folder.mkdir(mode=0o700, exist_ok=True)
        return self._home.folder / secrets.token_hex(8)

    def _ask(self, what: str, **values: Any) -> Any:
        answer = self._home.ask({'what': what, 'folder': self.place.path, **values})
        if answer.get('error'):
            raise OSError(*answer['error'])
        return answer['value']


class _HomeUpload(Upload):
    def __init__(self, folder: HomeFolder, name: str, path: Path) -> None:
        self._folder, self._name, self._path = folder, name, path
        self._file = path.open('wb')

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def finish(self) -> None:
        self._file.close()
        self._folder.put(self._path, self._name)

    def abort(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


def carry_out(request: Mapping[str, Any], folder: Path, job: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out what a run elsewhere asks of a folder on this machine; uses the disk.

    :param folder: for the files on their way
    :param job: only folders that it names may be used
    :return: `{'value': ...}`, with the `path` of a file that is to be sent first, or the `error` as number, text and
        file name of an `OSError`
    """
    try:
        return _carry_out(request, folder, job)
    except OSError as error:
        return {'error': [error.errno, error.strerror or str(error), error.filename]}


def _carry_out(request: Mapping[str, Any], folder: Path, job: Mapping[str, Any]) -> dict[str, Any]:
    path, name = str(request['folder']), str(request.get('name', ''))
    values = [(job.get('profile') or {}).get('destination'), *job['parameters'].values()]
    given = {value for value in values if isinstance(value, str) and Path(value).is_absolute()}
    names = [name, str(request.get('part', ''))]
    if path not in given or any(os.sep in one or one in ('.', '..') for one in names):
        raise PermissionError(errno.EPERM, _('The run was not given this folder'), path)
    here, on_its_way = LocalFolder(Location('file', path), Login()), folder / Path(str(request.get('file', ''))).name
    match request['what']:
        case 'make_folder':
            return {'value': here.make_folder()}
        case 'remove_folder':
            if not Path(path).is_relative_to(str(request['path'])):
                raise PermissionError(errno.EPERM, _('The run was not given this folder'), str(request['path']))
            here.remove_folder(str(request['path']))
        case 'entries':
            return {'value': [[entry.name, entry.size, entry.modified] for entry in here.entries()]}
        case 'size':
            return {'value': here.size(name)}
        case 'get':
            here.read(name).close()
            return {'value': None, 'path': str(here.folder / name)}
        case 'put':
            _put(on_its_way, here, name)
        case 'rename':
            here.rename(str(request['part']), name, replace=bool(request['replace']))
        case 'remove':
            here.remove(name)
    return {'value': None}


def _put(path: Path, folder: LocalFolder, name: str) -> None:
    with path.open('rb') as file:
        upload = folder.upload(name, size=None, replace=False)
        try:
            while data := file.read(COPY_BYTES):
                upload.write(data)
            upload.finish()
        except OSError:
            upload.abort()
            raise
    path.unlink()
