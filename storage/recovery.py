"""What a file of documents, its generations and its journals have when it is opened: as much of it as can be read."""

import contextlib
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from .damage import Damage, forget_oldest, kept_aside, path_aside, set_aside
from .files import named_errors
from .journal import Change, Document, Journal, Lines, Mark, Versions, changes_after, changes_in, digest_of
from .texts import Count, _, _n, joined

Tables = dict[str, dict[str, Any]]

GENERATIONS = 3
META, DOCUMENTS = '_meta', 'documents'


class Recovery:
    """Reads everything. What cannot be read is set aside; apart from that, nothing is written."""

    def __init__(self, path: Path, journal: Journal, *, was_used: bool = False) -> None:
        self.notices: list[str] = []
        """What was set aside, restored or merged, a sentence each."""
        self.damage: Damage | None = None
        self.is_unsaved = False
        """Whether this is not what the file has, with the changes that the journal makes to it."""
        self._path, self._journal = path, journal
        self._kept_as: list[str] = []
        self.digest = ''
        """Of the file that was read."""
        number, self.tables = self._newest_readable()
        """The other tables of the file; empty if there was none."""
        self.documents: dict[str, Document] = self.tables.pop(DOCUMENTS, {})
        lines = self._lines()
        if number != 0:
            self._restore(lines, number, was_used=was_used)
        elif lines:
            self._catch_up(lines)

    def _newest_readable(self) -> tuple[int | None, Tables]:
        """Return the number and tables of the newest generation that can be read, and set aside those before it."""
        for number in range(GENERATIONS):
            path = generation(self._path, number)
            if not path.exists():
                continue
            with named_errors(path):
                data = path.read_bytes()
            if (tables := _readable(data)) is not None:
                self.digest = digest_of(data)
                return number, tables
            self._set_aside(path)
        return None, {}

    def _lines(self) -> Lines:
        lines, bad = self._journal.read()
        if bad:
            name, aside = self._journal.path.name, self._copy_journal().name
            self.notices.append(
                _n(
                    '{count} lines of {name} could not be read; it is kept as {aside}.',
                    '{count} lines of {name} could not be read; it is kept as {aside}.',
                    bad,
                    name=name,
                    aside=aside,
                )
            )
            self.is_unsaved = True
            self._kept_as.append(aside)
            self._report(
                _('The other changes in its journal were made.'),
                _('Changes that it held may be missing: {count}.', count=Count(bad)),
            )
        return lines

    def _catch_up(self, lines: Lines) -> None:
        """Make the changes that are not in the file yet."""
        changes = changes_after(self.digest, lines)
        if changes is None:  # a copy of the folder may have been made while the file was written
            changes = changes_after(self.digest, [*self._journal.read_retired(), *lines])
        if changes is None and any(isinstance(line, Mark) for line in lines):
            self._merge(changes_in(lines))
        else:
            for change in changes_in(lines) if changes is None else changes:
                self._apply(change.now)

    def _merge(self, changes: Sequence[Change]) -> None:
        """Add these changes to a file that somebody has edited, except where the edit is about the same document."""
        versions: dict[str, list[Document | None]] = {}
        for change in changes:
            for id, document in change.now.items():
                versions.setdefault(id, [change.was.get(id)]).append(document)
        self.is_unsaved = True
        if all(self.documents.get(id) == known[-1] for id, known in versions.items()):
            return  # the machine failed while the file was written, and only the last line of the journal is lost
        edited = [id for id, known in versions.items() if self.documents.get(id) not in known]
        self._apply({id: known[-1] for id, known in versions.items() if id not in edited})
        name, journal = self._path.name, self._journal.path.name
        text = _(
            '{name} was edited while this program was off; it was taken, with the later changes in {journal}.',
            name=name,
            journal=journal,
        )
        if edited:
            left_out = _n(
                '{count} of them are about what was edited too: they were left out, see {aside}.',
                '{count} of them are about what was edited too: they were left out, see {aside}.',
                len(edited),
                aside=self._copy_journal().name,
            )
            text = joined(text, left_out)
        self.notices.append(text)

    def _restore(self, lines: Lines, number: int | None, *, was_used: bool) -> None:
        """Make do without the file: with an older generation, and with what the journals have."""
        changes = changes_after(self.digest, [*self._journal.read_retired(), *lines]) if number else None
        for change in changes_in(lines) if changes is None else changes:
            self._apply(change.now)
        self.is_unsaved = bool(number or self.documents)
        name, missing = self._path.name, ''
        if number:
            copied_at = datetime.fromtimestamp(generation(self._path, number).stat().st_mtime, UTC)
            when = f'{copied_at:%Y-%m-%d %H:%M:%S} UTC'
            recovered = _('{name} was restored from its copy of {when}.', name=name, when=when)
            if changes:
                recovered = _(
                    '{name} was restored from its copy of {when} and the changes in its journal.', name=name, when=when
                )
            if changes is None:
                missing = _('The last changes, made after that copy, may be missing.')
        elif self.documents:
            recovered = _('No readable copy of {name} was found; it starts with what its journal has.', name=name)
            missing = _('What was saved earlier may be missing.')
        elif self._kept_as or was_used:
            recovered = _('No readable copy of {name} was found; it starts empty.', name=name)
            missing = _('All that it held is missing.')
        else:
            return
        self.notices.append(recovered)
        self._report(recovered, missing)

    def _report(self, recovered: str, missing: str) -> None:
        name, hint = self._path.name, ''
        if missing:
            hint = _('Look through it, or put a file of a backup in the place of {name}.', name=name)
        else:
            recovered = joined(recovered, _('Nothing is missing.'))
        kept_as = self._kept_as[0] if self._kept_as else ''
        self.damage = Damage(name, kept_as, recovered, missing, hint)

    def _set_aside(self, path: Path) -> None:
        aside = set_aside(path)
        self._kept_as.append(aside.name)
        self.notices.append(kept_aside(path.name, aside.name))

    def _copy_journal(self) -> Path:
        aside = path_aside(self._journal.path)
        with named_errors(aside):
            shutil.copy2(self._journal.path, aside)
            forget_oldest(self._journal.path)
        return aside

    def _apply(self, versions: Versions) -> None:
        for id, document in versions.items():
            if document is None:
                self.documents.pop(id, None)
            else:
                self.documents[id] = document


def generation(path: Path, suffix: int | str) -> Path:
    """Return the name of this generation of a file; 0 is the file itself."""
    return path.with_name(f'{path.name}.{suffix}') if suffix else path


_DIGITS = bytes(ord('0') if byte in b'0123456789' else ord(' ') for byte in range(256))


def parsed(data: bytes) -> Any:
    """Return what `json.loads` returns for a text in UTF-8, in a third of the time for most.

    orjson makes floats of integers beyond 64 bits, and refuses halves of surrogate pairs: Python reads such texts.

    :raises ValueError: if it isn't JSON
    """
    if b'0' * 19 not in data.translate(_DIGITS):
        with contextlib.suppress(orjson.JSONDecodeError):
            return orjson.loads(data)
    return json.loads(data.decode())


def _readable(data: bytes) -> Tables | None:
    """What a complete file of ours holds, or None."""
    try:
        tables = parsed(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        return None
    documents = tables.get(DOCUMENTS, {}).values()
    is_ours = META in tables and isinstance(version_in(tables), int)
    return tables if is_ours and all(isinstance(document, dict) for document in documents) else None


def version_in(tables: Tables) -> Any:
    row = tables[META].get('1')
    return row.get('version') if isinstance(row, dict) else None
