"""What people edit, as documents in a readable JSON file (TinyDB) that no crash, full disk or typo can lose.

TinyDB's own storage overwrites its file in place: of 60 processes killed while writing, 5 left it unreadable. And it
writes all of it for each change; beside a large file there is a journal, which is put into the file a little later.
"""

import contextlib
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import orjson
from tinydb import Storage, TinyDB
from tinydb.table import Table

from .damage import Damage
from .files import StorageError, named_errors, write_atomically
from .journal import Change, Document, Journal, JournalLost, digest_of, mark
from .recovery import DOCUMENTS, GENERATIONS, META, Recovery, Tables, generation, version_in
from .texts import _

log = logging.getLogger(__name__)

Migration = Callable[[Document], Document]

WHOLE_CHARACTERS = 64 * 1024
"""A file of up to this size is written as a whole for each change, which takes no longer than a line of a journal."""
JOURNAL_BYTES = 4_000_000
"""A longer journal is put into the file at once."""
SETTLE_SECONDS, SETTLE_AT_MOST_SECONDS = 2.0, 30.0
"""A journal is put into the file after this much time without a change, and so long after the first one at most."""


class NewerSchema(StorageError):
    """The file was written by a newer version of the program; it was left untouched."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            _(
                '{path} was written by a newer version (format {found}, this one reads {known}).',
                path=path,
                found=found,
                known=known,
            )
        )


class SafeStorage(Storage):
    """Keeps a JSON file and three generations of it, and never overwrites data that it cannot read.

    The generations are `NAME`, `NAME.1` (the state before the last write) and `NAME.2`. Changes of a large file go to
    `NAME.journal`, until `fold` writes them into the file.
    """

    def __init__(self, path: Path, *, was_used: bool = False) -> None:
        super().__init__()
        self.journal = Journal(path.with_name(f'{path.name}.journal'), path)
        self._path = path
        found = Recovery(path, self.journal, was_used=was_used)
        self.notices, self.damage = found.notices, found.damage
        self.is_unsaved = found.is_unsaved
        """Whether what was found is to be written anew, as it is not what the file has."""
        self.loaded: dict[str, Document] | None = found.documents
        """The documents that were found when the file was opened, until they are first read."""
        self._tables, self._digest = found.tables, found.digest
        self._rows = {id: _loaded_row(document) for id, document in found.documents.items()}
        """The documents as the file shows them: text takes a quarter of the memory, and reading it makes copies."""
        self._size = sum(map(len, self._rows.values()))

    def read(self) -> Tables | None:
        return self._tables | {DOCUMENTS: self.documents()} if self._tables else None

    def write(self, data: Mapping[str, Any]) -> None:
        tables = {name: dict(table) for name, table in data.items()}
        rows = {str(id): _row(document) for id, document in tables.pop(DOCUMENTS, {}).items()}
        self._save(rows, tables)
        self.loaded = None

    @property
    def name(self) -> str:
        return self._path.name

    @property
    def version(self) -> int | None:
        return version_in(self._tables) if self._tables else None

    def documents(self) -> dict[str, Document]:
        """Return all documents, the caller's own."""
        loaded, self.loaded = self.loaded, None
        if loaded is not None:
            return loaded
        found: dict[str, Document] = json.loads(f'{{{_members(self._rows)}}}')
        return found

    def document(self, id: str) -> Document | None:
        row = self._rows.get(id)
        return None if row is None else json.loads(row)

    def has(self, text: str) -> bool:
        return any(text in row for row in self._rows.values())

    def change(self, puts: Mapping[str, Document], removed: Iterable[str]) -> int:
        """Remove and put documents, durably; return how many characters they had before and have now."""
        rows, gone = {id: _row(document) for id, document in puts.items()}, [*self._rows.keys() & {*removed}]
        before = sum(len(self._rows.get(id, '')) for id in {*rows, *gone})
        now = sum(map(len, rows.values()))
        if self._size <= WHOLE_CHARACTERS or self.journal.size + before + now > JOURNAL_BYTES:
            self._change_and_note(puts, rows, gone)
        else:
            try:
                self._note(puts, gone)
            except JournalLost:
                self._change_whole(rows, gone)
            else:
                _apply(self._rows, rows, gone)
                self._size += now - before
        self.loaded = None
        return before + now

    def _change_and_note(self, puts: Mapping[str, Document], rows: Mapping[str, str], gone: Iterable[str]) -> None:
        """Change the file, and have the change in the journal before it: if the file is damaged, it comes from there.

        That it is there is left to the system: when the machine fails, the file itself is on disk.
        """
        before = self.journal.size
        with contextlib.suppress(JournalLost, StorageError):
            self._note(puts, gone, sync=False)
        try:
            self._change_whole(rows, gone, sync=False)
        except BaseException:
            self.journal.cut(before)
            raise

    def _change_whole(self, rows: Mapping[str, str], gone: Iterable[str], *, sync: bool = True) -> None:
        after = dict(self._rows)
        _apply(after, rows, gone)
        self._save(after, self._tables, sync=sync)

    def copy(self) -> tuple[Tables, dict[str, str]]:
        """Return what the file would hold now, to be written out without holding up others."""
        return self._tables, dict(self._rows)

    def fold(self) -> None:
        """Write all changes into the file; the journal is empty then."""
        self._save(self._rows, self._tables)

    def forget_changes(self) -> None:
        """Write the file, and remove the journals."""
        self.fold()
        with named_errors(self._path):
            self.journal.forget()

    def keep_copy(self, suffix: str) -> None:
        """Copy the current file to another name, for instance before a migration."""
        with named_errors(self._path):
            shutil.copy2(self._path, generation(self._path, suffix))

    def _note(self, puts: Mapping[str, Document], gone: Iterable[str], *, sync: bool = True) -> None:
        ids = dict.fromkeys([*gone, *puts])
        change = Change({id: self.document(id) for id in ids}, {id: puts.get(id) for id in ids})
        begin = () if self.journal.size else (mark(self._digest),)
        self.journal.append(*begin, change.as_json(), sync=sync)

    def _save(self, rows: dict[str, str], tables: Tables, *, sync: bool = True) -> None:
        data = _text_of(tables, rows).encode()
        digest = digest_of(data)
        kept = self._link_present()
        try:
            if self.journal.size:
                with contextlib.suppress(JournalLost):
                    self.journal.append(mark(digest), sync=sync)
            write_atomically(self._path, data)
        except BaseException:
            if kept is not None:
                kept.unlink(missing_ok=True)
            raise
        self._rows, self._tables, self._digest, self.is_unsaved = rows, tables, digest, False
        self._size = sum(map(len, rows.values()))
        # The write is durable: failing to rename a generation must not make it look failed.
        with contextlib.suppress(OSError):
            self._move_generations(kept)
            self.journal.retire()

    def _link_present(self) -> Path | None:
        """A second name for the current file, so that replacing it leaves it as a generation."""
        if not self._path.exists():
            return None
        kept = generation(self._path, 'kept.tmp')
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
            if generation(self._path, number - 1).exists():
                generation(self._path, number - 1).replace(generation(self._path, number))
        newest.replace(generation(self._path, 1))


def _row(document: Document) -> str:
    """The document as the file shows it, by Python's slow encoder: exactly as `json.dumps(file, indent=2)` has it."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # halves of surrogate pairs, which a file can only have as escapes
        text = json.dumps(document, indent=2)
    return text.replace('\n', '\n    ')


def _loaded_row(document: Document) -> str:
    """The same for one that was read, twelve times as fast: ten thousand are made at each start."""
    try:
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode().replace('\n', '\n    ')
    except TypeError:  # numbers and letters that only Python's JSON has
        return json.dumps(document, indent=2).replace('\n', '\n    ')


def _members(rows: Mapping[str, str]) -> str:
    return ',\n'.join([f'    {_compact(id)}: {row}' for id, row in rows.items()])


def _text_of(tables: Tables, rows: Mapping[str, str]) -> str:
    """The text of `json.dumps(..., indent=2)`."""
    texts = {name: json.dumps(table, indent=2, ensure_ascii=False) for name, table in tables.items()}
    shown = {name: text.replace('\n', '\n  ') for name, text in texts.items()}
    shown[DOCUMENTS] = f'{{\n{_members(rows)}\n  }}' if rows else '{}'
    members = ',\n'.join(f'  {_compact(name)}: {text}' for name, text in shown.items())
    return f'{{\n{members}\n}}'


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _apply(rows: dict[str, str], puts: Mapping[str, str], gone: Iterable[str]) -> None:
    for id in gone:
        del rows[id]
    rows.update(puts)


class _DocumentTable(Table):
    """A table keyed by our ids, of which a change writes only what has changed."""

    document_id_class = cast(type[int], str)

    def __init__(self, storage: SafeStorage) -> None:
        super().__init__(storage, DOCUMENTS)
        self._safe = storage

    def change(self, puts: Mapping[str, Document], removed: Iterable[str]) -> int:
        self.clear_cache()
        return self._safe.change(puts, removed)

    def _read_table(self) -> dict[str, Mapping[Any, Any]]:
        return cast(dict[str, Mapping[Any, Any]], self._safe.documents())


class Documents:
    """Documents by id, each write durable when it returns; safe to use from several threads.

    :param was_used: whether there must be a file already; that there is none is damage then
    :param version: of the documents as the program writes them now
    :param migrations: the function at `n` turns a document of version `n` into one of version `n + 1`
    :raises NewerSchema: if the file is newer than `version`
    :raises StorageError: if the disk cannot be read
    """

    def __init__(
        self,
        path: Path,
        *,
        was_used: bool = False,
        version: int = 1,
        migrations: Mapping[int, Migration] | None = None,
    ) -> None:
        self._lock = threading.RLock()
        self._version = version
        self._storage = SafeStorage(path, was_used=was_used)
        self._database = TinyDB(storage=lambda: self._storage)
        self._table = _DocumentTable(self._storage)
        self._settling: threading.Timer | None = None
        self._settle_at = self._settle_by = 0.0
        self._migrate(path, migrations or {})
        self._settle_later()

    @property
    def notices(self) -> list[str]:
        """What was set aside or restored when the file was opened, a sentence each."""
        return self._storage.notices

    @property
    def damage(self) -> Damage | None:
        """What was found damaged when the file was opened."""
        return self._storage.damage

    def all(self) -> list[Document]:
        """Every document, in the order of their first `put`."""
        with self._lock:
            return [dict(document) for document in self._table.all()]

    def has_text(self, text: str) -> bool:
        """Whether a text is anywhere in the documents, which is much quicker to tell than to read all of them.

        :param text: no quotes, backslashes or control characters, which JSON writes differently
        """
        with self._lock:
            return self._storage.has(text)

    def get(self, id: str) -> Document | None:
        """A copy of the document with this id, or None."""
        with self._lock:
            return self._storage.document(id)

    def put(self, id: str, document: Document) -> None:
        """Save this document under this id, in place of an earlier one.

        :raises DiskFull: if there is no room; the earlier state stays
        :raises ValueError: if it holds what JSON cannot represent
        """
        try:
            self.change({id: document})
        except TypeError as error:
            raise ValueError(f'document {id!r} holds what JSON cannot represent: {error}') from error

    def change(self, puts: Mapping[str, Document], removed: Iterable[str] = ()) -> int:
        """Put and remove several documents in one write: after a crash all of it was done, or nothing.

        :return: how many characters these documents had before and have now
        :raises DiskFull: if there is no room; the earlier state stays
        """
        with self._lock:
            size = self._table.change(puts, removed)
            self._settle_later()
            return size

    def remove(self, id: str) -> bool:
        """Remove a document; returns whether there was one."""
        with self._lock:
            if self.get(id) is None:
                return False
            self.change({}, (id,))
            return True

    def forget_changes(self) -> None:
        """Write the file now, and remove the journals, which have earlier versions of documents."""
        with self._lock:
            self._storage.forget_changes()

    def close(self) -> None:
        """Write all changes into the file, if there is room: the next start needs no journal then."""
        with self._lock:
            if self._settling is not None:
                self._settling.cancel()
            self._fold()
            self._database.close()

    @contextlib.contextmanager
    def held(self) -> Iterator[Callable[[], bytes]]:
        """Let nobody change anything meanwhile.

        :return: gives the whole file as it is now, also when it is called later
        """
        with self._lock:
            tables, rows = self._storage.copy()
            yield lambda: _text_of(tables, rows).encode()

    @property
    def name(self) -> str:
        """The name of the file."""
        return self._storage.name

    def _settle_later(self) -> None:
        """Have the journal put into the file once there are no more changes for a moment."""
        if not self._storage.journal.size:
            return
        now = time.monotonic()
        self._settle_at = now + SETTLE_SECONDS
        if self._settling is None:
            self._settle_by = now + SETTLE_AT_MOST_SECONDS
            self._wait(SETTLE_SECONDS)

    def _wait(self, seconds: float) -> None:
        self._settling = threading.Timer(seconds, self._settle)
        self._settling.daemon = True
        self._settling.start()

    def _settle(self) -> None:
        with self._lock:
            if self._settling is not threading.current_thread():
                return
            wait = min(self._settle_at, self._settle_by) - time.monotonic()
            if wait > 0:
                self._wait(wait)
            else:
                self._fold()

    def _fold(self) -> None:
        self._settling = None
        try:
            if self._storage.journal.size:
                self._storage.fold()
        except StorageError as error:  # the changes are in the journal: the next one brings another attempt
            log.warning('the journal was not put into its file: %s', error)

    def _migrate(self, path: Path, migrations: Mapping[int, Migration]) -> None:
        found = self._storage.version
        if found is not None and found > self._version:
            raise NewerSchema(path, found, self._version)
        if found == self._version:
            if self._storage.is_unsaved:
                self._storage.fold()
            return
        documents = self._storage.documents()
        if found is not None:
            self._storage.keep_copy(f'version-{found}')
            for step in range(found, self._version):
                documents = {id: migrations[step](document) for id, document in documents.items()}
        self._storage.write({META: {'1': {'version': self._version}}, DOCUMENTS: documents})
