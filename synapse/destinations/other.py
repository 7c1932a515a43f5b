"""Any other file system of fsspec, by what all of them offer; none of them is tried in our tests."""

import errno
from typing import Any, BinaryIO, cast

from .address import Location
from .server import Entry, Login, Server, Upload, join

_OBJECT_STORES = frozenset({'gs', 'gcs', 'az', 'abfs', 'abfss', 'adl', 'oss', 'oci', 'cos', 'obs', 'tos', 'hf', 's3s'})
"""Where to make a folder can mean to make a bucket, which a mistyped name must not become."""


class OtherServer(Server):
    def __init__(self, place: Location, login: Login) -> None:
        super().__init__(place, login)
        import fsspec

        options: dict[str, Any] = dict(login.options)
        for name, value in (('username', login.username), ('password', login.password)):
            if value:
                options[name] = value
        self._fs, folder = fsspec.core.url_to_fs(place.text, skip_instance_cache=True, **options)
        self._folder = str(folder)

    def make_folder(self) -> list[str]:
        if self.place.scheme in _OBJECT_STORES or self._fs.exists(self._folder):
            return []
        self._fs.makedirs(self._folder, exist_ok=True)
        return [self._folder]

    def entries(self) -> list[Entry]:
        self._fs.invalidate_cache()
        found = self._fs.ls(self._folder, detail=True)
        return [Entry(item['name'].rpartition('/')[2], item['size'] or 0) for item in found if item['type'] == 'file']

    def size(self, name: str) -> int | None:
        self._fs.invalidate_cache()
        try:
            return int(self._fs.info(self._path(name))['size'] or 0)
        except FileNotFoundError:
            return None

    def read(self, name: str) -> BinaryIO:
        return cast(BinaryIO, self._fs.open(self._path(name), 'rb'))

    def upload(self, name: str, *, size: int | None, replace: bool) -> Upload:
        return _OtherUpload(self._fs.open(self._path(name), 'wb'))

    def rename(self, part: str, name: str, *, replace: bool) -> None:
        source, target = self._path(part), self._path(name)
        if not replace and self.size(name) is not None:
            raise FileExistsError(errno.EEXIST, 'File exists', target)
        # Not `mv`, which takes * ? and [ in a name for a pattern.
        self._fs.cp_file(source, target)
        self._fs.rm_file(source)

    def remove(self, name: str) -> None:
        self._fs.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return join(self._folder, name)


class _OtherUpload(Upload):
    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def finish(self) -> None:
        self._file.close()

    def abort(self) -> None:
        self._file.close()
