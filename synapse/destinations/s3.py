"""S3 by s3fs, fsspec's file system for it. An object appears whole, so it is written under its own name.

Its calls are used with exact keys: its copy and remove take `*`, `?` and `[` in a name for a pattern.
"""

import contextlib
import errno
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any, BinaryIO, cast

from . import leftovers
from .address import Location
from .server import ANSWER_SECONDS, CONNECT_SECONDS, Entry, Login, Server, Upload, quiet

PART_BYTES = 8 * 1024**2
MOST_PARTS = 10_000
"""Of one upload, as Amazon S3 allows."""
AT_ONCE = 8


class S3Server(Server):
    writes_in_place = True

    def __init__(self, place: Location, login: Login) -> None:
        super().__init__(place, login)
        import s3fs

        quiet('s3fs', 'botocore', 'aiobotocore', 'urllib3')
        options = login.options
        region = options.get('region') or options.get('region_name')
        self._fs: Any = s3fs.S3FileSystem(
            key=login.username or None,
            secret=login.password or None,
            token=options.get('token') or None,
            endpoint_url=options.get('endpoint_url') or None,
            client_kwargs={'region_name': region} if region else {},
            config_kwargs={
                'connect_timeout': CONNECT_SECONDS / 2,  # of each of two attempts
                'read_timeout': ANSWER_SECONDS,
                'retries': {'mode': 'standard', 'total_max_attempts': 2},
            },
            skip_instance_cache=True,
        )
        self._fs.retries = 1
        self._bucket, self._folder = place.host, place.path.strip('/')

    def make_folder(self) -> list[str]:
        """Look for the bucket: one is never made, since a mistyped name must not become one."""
        try:
            self._call('head_bucket')
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, f'There is no bucket {self._bucket}', self._bucket) from None
        return []

    def entries(self) -> list[Entry]:
        return [
            Entry(item['Key'].rpartition('/')[2], item['Size'], _timestamp(item.get('LastModified')))
            for item in self._listed('list_objects_v2', 'Contents', Delimiter='/', Prefix=self._key(''))
            if not item['Key'].endswith('/')
        ]

    def size(self, name: str) -> int | None:
        try:
            return int(self._call('head_object', Key=self._key(name))['ContentLength'])
        except FileNotFoundError:
            return None

    def read(self, name: str) -> BinaryIO:
        return cast(BinaryIO, self._fs.open(f'{self._bucket}/{self._key(name)}', 'rb'))

    def upload(self, name: str, *, size: int | None, replace: bool) -> Upload:
        return _S3Upload(self, self._key(name), size or 0, is_new=not replace)

    def rename(self, part: str, name: str, *, replace: bool) -> None:
        raise NotImplementedError('objects are written in place')

    def remove(self, name: str) -> None:
        self._call('delete_object', Key=self._key(name))

    def clean(self, name: str) -> None:
        """Abort the upload that a dead process has named in this object; its parts are invisible, but cost money."""
        key = self._body(name)
        if key:
            for upload in self._listed('list_multipart_uploads', 'Uploads', Prefix=key):
                if upload['Key'] == key and not self._is_written_elsewhere(name, key):
                    self._call('abort_multipart_upload', Key=key, UploadId=upload['UploadId'])
        self.remove(name)

    def _is_written_elsewhere(self, name: str, key: str) -> bool:
        """Whether another process that lives is writing the same object."""
        entries = [entry for entry in self.entries() if leftovers.is_mark(entry.name) and entry.name != name]
        dead = set(leftovers.left_behind(entries))
        return any(entry.name not in dead and self._body(entry.name) == key for entry in entries)

    def _body(self, name: str) -> str:
        if not leftovers.is_mark(name):
            return ''
        with self.read(name) as file:
            return file.read().decode(errors='replace')

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._fs.close_session(self._fs.loop, self._fs._s3)

    def _call(self, method: str, **values: Any) -> Any:
        return self._fs.call_s3(method, Bucket=self._bucket, **values)

    def _listed(self, method: str, field: str, **values: Any) -> Iterator[dict[str, Any]]:
        names = {'list_objects_v2': [('ContinuationToken', 'NextContinuationToken')]}.get(
            method, [('KeyMarker', 'NextKeyMarker'), ('UploadIdMarker', 'NextUploadIdMarker')]
        )
        more: dict[str, Any] = {}
        while True:
            answer = self._call(method, **values, **more)
            yield from answer.get(field) or []
            if not answer.get('IsTruncated'):
                return
            more = {name: answer[token] for name, token in names if answer.get(token)}

    def _key(self, name: str) -> str:
        return f'{self._folder}/{name}' if self._folder else name


class _S3Upload(Upload):
    """A small file in one request; a large one in parts, a few of which are on their way at a time.

    :param is_new: refuse to write over an object, which the server checks itself
    """

    def __init__(self, server: S3Server, key: str, size: int, *, is_new: bool) -> None:
        self._server, self._key = server, key
        self._condition = {'IfNoneMatch': '*'} if is_new else {}
        self._part_bytes = max(PART_BYTES, -(-size // (MOST_PARTS - 1)))
        self._buffer = bytearray()
        self._mark = ''
        self._upload_id = ''
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix='s3')  # starts none before it has work
        self._sent: deque[Future[str]] = deque()
        self._tags: list[str] = []

    def write(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) > self._part_bytes:
            piece = bytes(self._buffer[: self._part_bytes])
            del self._buffer[: self._part_bytes]
            self._send(piece)

    def finish(self) -> None:
        if not self._upload_id:
            self._end('put_object', Body=bytes(self._buffer))
            return
        self._send(bytes(self._buffer))
        while self._sent:
            self._tags.append(self._sent.popleft().result())
        parts = [{'PartNumber': number, 'ETag': tag} for number, tag in enumerate(self._tags, 1)]
        self._end('complete_multipart_upload', UploadId=self._upload_id, MultipartUpload={'Parts': parts})
        self._upload_id = ''
        self._tidy()

    def abort(self) -> None:
        if self._upload_id:
            for part in self._sent:
                part.cancel()
            self._call('abort_multipart_upload', UploadId=self._upload_id)
        self._tidy()

    def _tidy(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        if self._mark:
            self._server.remove(self._mark)
            leftovers.release(self._mark)

    def _end(self, method: str, **values: Any) -> None:
        try:
            self._call(method, **values, **self._condition)
        except OSError as error:
            if not self._condition or 'NotImplemented' not in repr(error.__cause__ or error):
                raise
            # A server without conditional writes; that the name was free was seen a moment ago.
            self._call(method, **values)

    def _send(self, piece: bytes) -> None:
        if not self._upload_id:
            self._begin()
        number = len(self._tags) + len(self._sent) + 1
        if number == MOST_PARTS // 2:  # of a file whose size was not known
            self._part_bytes *= 8
        self._sent.append(self._threads.submit(self._send_part, number, piece))
        if len(self._sent) >= AT_ONCE:
            self._tags.append(self._sent.popleft().result())

    def _begin(self) -> None:
        # Named in a small object first, so that the next delivery can abort the upload if this process is killed.
        self._mark = leftovers.new_mark()
        leftovers.hold(self._mark)
        self._server._call('put_object', Key=self._server._key(self._mark), Body=self._key.encode())
        self._upload_id = self._call('create_multipart_upload')['UploadId']

    def _send_part(self, number: int, piece: bytes) -> str:
        answer = self._call('upload_part', UploadId=self._upload_id, PartNumber=number, Body=piece)
        return str(answer['ETag'])

    def _call(self, method: str, **values: Any) -> Any:
        return self._server._call(method, Key=self._key, **values)


def _timestamp(moment: Any) -> float | None:
    return moment.timestamp() if isinstance(moment, datetime) else None
