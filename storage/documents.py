"""What people edit, as documents in a readable JSON file (TinyDB) that no crash, full disk or typo can lose.

TinyDB's own storage overwrites its file in place: of 60 processes killed while writing, 5 left it unreadable.
"""

import contextlib
import copy
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from tinydb import Storage, TinyDB
from tinydb.table import Table

from .files import StorageError, named_errors, path_aside, sync_folder, write_atomically

Document = dict[str, Any]
Migration = Callable[[Document], Document]
_Tables = dict[str, dict[str, Any]]
_Keyed = dict[Any, Any]  # TinyDB declares int keys, but takes what `document_id_class` makes

GENERATIONS = 3
_META, _DOCUMENTS = '_meta', 'documents'


class NewerSchema(StorageError):
    """The file was written by a newer version of the program; it was left untouched."""


class SafeStorage(Storage):
    """Writes the file as a whole, keeps three generations, and never overwrites data that it cannot read.

    The generations are `NAME`, `NAME.1` (the state before the last write) and `NAME.2`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.notices: list[str] = []
        self._path = path
        self._indented: dict[str, str] = {}
        self.loaded: _Tables | None = None
        """What the file held when it was opened, until it is first read."""
        self._text = self._load()

    def read(self) -> _Tables | None:
        # Parsed each time, so that a change that fails on its way to the disk never shows in memory.
        loaded, self.loaded = self.loaded, None
        return loaded if loaded is not None or self._text is None else json.loads(self._text)

    def has(self, text: str) -> bool:
        return text in (self._text or '')

    def write(self, data: Mapping[str, Any]) -> None:
        text = self._readable_text(data)
        kept = self._link_present()
        try:
            write_atomically(self._path, text.encode())
        except BaseException:
            if kept is not None:
                kept.unlink(missing_ok=True)
            raise
        self._text, self.loaded = text, None
        # The write is durable: failing to rename a generation must not make it look failed.
        with contextlib.suppress(OSError):
            self._move_generations(kept)

    def _readable_text(self, data: Mapping[str, Any]) -> str:
        """The text of `json.dumps(data, indent=2)`, which only Python's slow encoder can write; cached for each row."""
        known, self._indented = self._indented, {}
        tables = []
        for name, table in data.items():
            rows = [f'    {_compact(str(id))}: {self._indented_row(row, known)}' for id, row in table.items()]
            lines = ',\n'.join(rows)
            tables.append(f'  {_compact(name)}: {{\n{lines}\n  }}' if rows else f'  {_compact(name)}: {{}}')
        return '{\n' + ',\n'.join(tables) + '\n}'

    def _indented_row(self, row: Any, known: Mapping[str, str]) -> str:
        key = _compact(row)
        text = known.get(key)
        if text is None:
            text = json.dumps(row, indent=2, ensure_ascii=False, allow_nan=False).replace('\n', '\n    ')
        self._indented[key] = text
        return text

    def keep_copy(self, suffix: str) -> None:
        """Copy the current file to another name, for instance before a migration."""
        with named_errors(self._path):
            shutil.copy2(self._path, self._generation(suffix))

    def _generation(self, suffix: int | str) -> Path:
        return self._path.with_name(f'{self._path.name}.{suffix}')

    def _link_present(self) -> Path | None:
        """A second name for the current file, so that replacing it leaves it as a generation."""
        if not self._path.exists():
            return None
        kept = self._generation('kept.tmp')
        with named_errors(self._path):
            kept.unlink(missing_ok=True)
            try:
                os.link(self._path, kept)
            except OSError:  # a disk without hard links
                shutil.copy2(self._path, kept)
        return kept

    def _move_generations(self, newest: Path | None) -> None:
        if newest is None:
            return
        for number in range(GENERATIONS - 1, 1, -1):
            if self._generation(number - 1).exists():
                self._generation(number - 1).replace(self._generation(number))
        newest.replace(self._generation(1))

    def _load(self) -> str | None:
        candidates = [self._path, *(self._generation(number) for number in range(1, GENERATIONS))]
        for path in candidates:
            if not path.exists():
                continue
            with named_errors(path):
                data = path.read_bytes()
            if (tables := _readable(data)) is None:
                self._set_aside(path)
                continue
            self.loaded = tables
            if path != self._path:
                write_atomically(self._path, data)
                when = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                self.notices.append(f'{self._path.name} was restored from its copy of {when:%Y-%m-%d %H:%M:%S} UTC.')
            return data.decode()
        if self.notices:
            self.notices.append(f'No readable copy of {self._path.name} was found; it starts empty.')
        return None

    def _set_aside(self, path: Path) -> None:
        aside = path_aside(path)
        with named_errors(path):
            path.replace(aside)
            sync_folder(path.parent)
        self.notices.append(f'{path.name} could not be read; it is kept as {aside.name}.')


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _readable(data: bytes) -> _Tables | None:
    """What a complete file of ours holds, or None."""
    try:
        tables = json.loads(data.decode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        return None
    documents = tables.get(_DOCUMENTS, {}).values()
    is_ours = _META in tables and isinstance(_version_in(tables), int)
    return tables if is_ours and all(isinstance(document, dict) for document in documents) else None


def _version_in(tables: _Tables) -> Any:
    row = tables[_META].get('1')
    return row.get('version') if isinstance(row, dict) else None


class _DocumentTable(Table):
    """A table keyed by our ids, so that the file is readable and one write replaces a document."""

    document_id_class = cast(type[int], str)

    def change(self, puts: Mapping[str, Document], removed: Iterable[str]) -> None:
        def apply(table: _Keyed) -> None:
            for id in removed:
                table.pop(id, None)
            table.update(puts)

        self._update_table(lambda table: apply(cast(_Keyed, table)))


class Documents:
    """Documents by id, each write durable when it returns; safe to use from several threads.

    :param version: of the documents as the program writes them now
    :param migrations: the function at `n` turns a document of version `n` into one of version `n + 1`
    :raises NewerSchema: if the file is newer than `version`
    :raises StorageError: if the disk cannot be read
    """

    def __init__(self, path: Path, *, version: int = 1, migrations: Mapping[int, Migration] | None = None) -> None:
        self._lock = threading.RLock()
        self._version = version
        self._storage = SafeStorage(path)
        self._database = TinyDB(storage=lambda: self._storage)
        self._table = _DocumentTable(self._storage, _DOCUMENTS)
        self._migrate(path, migrations or {})

    @property
    def notices(self) -> list[str]:
        """What was set aside or restored when the file was opened, a sentence each."""
        return self._storage.notices

    def all(self) -> list[Document]:
        """Every document, in the order of their first `put`."""
        with self._lock:
            return [dict(document) for document in self._table.all()]

    def has_text(self, text: str) -> bool:
        """Whether a text is anywhere in the file, which is much quicker to tell than to read all documents.

        :param text: no quotes, backslashes or control characters, which JSON writes differently
        """
        with self._lock:
            return self._storage.has(text)

    def get(self, id: str) -> Document | None:
        """A copy of the document with this id, or None."""
        with self._lock:
            return self._read().get(_DOCUMENTS, {}).get(id)

    def put(self, id: str, document: Document) -> None:
        """Save this document under this id, in place of an earlier one.

        :raises DiskFull: if there is no room; the earlier state stays
        :raises ValueError: if it holds what JSON cannot represent
        """
        with self._lock:
            try:
                self._table.change({id: copy.deepcopy(document)}, ())
            except TypeError as error:
                raise ValueError(f'document {id!r} holds what JSON cannot represent: {error}') from error

    def change(self, puts: Mapping[str, Document], removed: Iterable[str] = ()) -> None:
        """Put and remove several documents in one write: after a crash all of it was done, or nothing.

        :raises DiskFull: if there is no room; the earlier state stays
        """
        with self._lock:
            self._table.change(copy.deepcopy(dict(puts)), tuple(removed))

    def remove(self, id: str) -> bool:
        """Remove a document; returns whether there was one."""
        with self._lock:
            if self.get(id) is None:
                return False
            self._table.change({}, (id,))
            return True

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _read(self) -> _Tables:
        return self._storage.read() or {}

    def _migrate(self, path: Path, migrations: Mapping[int, Migration]) -> None:
        tables = self._storage.loaded
        if not tables:
            self._storage.write({_META: {'1': {'version': self._version}}, _DOCUMENTS: {}})
            return
        found = _version_in(tables)
        if found > self._version:
            raise NewerSchema(
                f'{path} was written by a newer version (format {found}, this one reads {self._version}).'
            )
        if found == self._version:
            return
        self._storage.keep_copy(f'version-{found}')
        documents = tables.get(_DOCUMENTS, {})
        for step in range(found, self._version):
            documents = {id: migrations[step](document) for id, document in documents.items()}
        self._storage.write({_META: {'1': {'version': self._version}}, _DOCUMENTS: documents})
