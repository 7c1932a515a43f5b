"""Log entries as the database stores them and as documents."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from storage.database import iso, micros

from .counts import Tally
from .query import LEVELS, RANK
from .text import searched

Document = dict[str, Any]
Values = tuple[Any, ...]


class LogRow(NamedTuple):
    """A row of the table `entries`, in the order of its columns; see `schema` for what they hold."""

    seq: int
    id: str
    at: int
    timestamp: str
    level: int
    message: str
    source: str
    run: str | None
    step: str | None
    fields: str | None
    shown: str | None

    @property
    def last(self) -> int:
        return self.seq


class LineBatch(NamedTuple):
    """Rows that differ only in their number and message, which `LogStore.append` stores in half the time.

    `first` is the row of the first message. The id of each row is that of `first` with its own number at the end, and
    a search reads the messages as they are.
    """

    first: LogRow
    messages: Sequence[str]

    @property
    def last(self) -> int:
        return self.first.seq + len(self.messages) - 1


def row_of(
    seq: int,
    id: str,
    moment: datetime,
    rank: int,
    message: str,
    source: str,
    run: str | None,
    step: str | None,
    fields: Mapping[str, Any] | None,
) -> LogRow:
    """A row for `LogStore.append`; `moment` must be in UTC, `rank` is an index into `LEVELS`."""
    text = json.dumps(fields) if fields else None
    return _new_row((seq, id, micros(moment), '', rank, message, source, run, step, text, searched(message)))


def batch_of(first: LogRow, messages: Sequence[str]) -> LineBatch | None:
    """Rows like `first` as one batch, or None if a search must read something other than the messages."""
    return LineBatch(first, messages) if searched(''.join(messages)) is None else None


# As fast as a plain tuple: there are thousands of rows a second.
_new_row: Callable[[Values], LogRow] = partial(tuple.__new__, LogRow)


def tally_of(row: LogRow | LineBatch) -> Tally:
    first = row.first if isinstance(row, LineBatch) else row
    return first.at, first.level, first.source, first.run or '', first.seq, row.last


def from_document(document: Mapping[str, Any]) -> LogRow:
    row = row_of(
        document['seq'],
        document['id'],
        datetime.fromisoformat(document['timestamp']),
        RANK[document['level']],
        document['message'],
        document['source'],
        document.get('run'),
        document.get('step'),
        document.get('fields'),
    )
    return row if iso(row.at) == document['timestamp'] else row._replace(timestamp=document['timestamp'])


def to_document(values: Values) -> Document:
    """A row as `LogStore` selects it, with the message last, as a document; what is damaged in it is left out."""
    seq, id, at, timestamp, level, source, run, step, fields, message = values
    return {
        'id': id,
        'seq': seq,
        'timestamp': timestamp or iso(at),
        'level': LEVELS[level if 0 <= level < len(LEVELS) else 0],
        'message': message,
        'source': source,
        'run': run,
        'step': step,
        'fields': _fields_in(fields) if fields else {},
    }


def _fields_in(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}
