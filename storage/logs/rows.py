"""Rows of the log as the database keeps them, and as others see them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from storage.database import micros

from .question import LEVELS, RANK
from .schema import SECOND
from .text import searched

Row = dict[str, Any]


Values = tuple[Any, ...]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineBatch:
    """Rows that differ in their message alone, which `LogStore.append` takes in half the time.

    Numbered one by one from `first`; their id is `prefix` and that number. Messages are what a search looks at.
    """

    first: int
    prefix: str
    at: int
    """Microseconds since 1970."""
    level: int
    source: str
    run: str | None
    step: str | None
    messages: list[str]

    @property
    def last(self) -> int:
        return self.first + len(self.messages) - 1


def values_of(
    seq: int,
    id: str,
    moment: datetime,
    rank: int,
    message: str,
    source: str,
    run: str | None,
    step: str | None,
    fields: Mapping[str, Any],
) -> Values:
    """A row as `append` takes it at once; `moment` must be in UTC, `rank` is the place in `LEVELS`."""
    kept = json.dumps(fields) if fields else None
    return (seq, id, _micros(moment), '', rank, message, source, run, step, kept, searched(message))


def lines_of(
    first: int,
    prefix: str,
    moment: datetime,
    rank: int,
    messages: list[str],
    source: str,
    run: str | None,
    step: str | None,
) -> LineBatch | None:
    """The same of many rows as one; None where a search looks at something else than the messages themselves."""
    if searched(''.join(messages)) is not None:
        return None
    at = _micros(moment)
    return LineBatch(
        first=first, prefix=prefix, at=at, level=rank, source=source, run=run, step=step, messages=messages
    )


def _micros(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def _counted(row: Values | LineBatch) -> tuple[int, int, str, str, int, int]:
    """When, level, source, run, and the first and last number of a row or of many alike."""
    if isinstance(row, LineBatch):
        return row.at, row.level, row.source, row.run or '', row.first, row.last
    return row[2], row[4], row[6], row[7] or '', row[0], row[0]


def _iso(at: int) -> str:
    return (_EPOCH + timedelta(microseconds=at)).isoformat()


def _to_values(row: Mapping[str, Any]) -> Values:
    fields, at = row.get('fields'), micros(row['timestamp'])
    return (
        row['seq'],
        row['id'],
        at,
        '' if _iso(at) == row['timestamp'] else row['timestamp'],
        RANK[row['level']],
        row['message'],
        row['source'],
        row.get('run'),
        row.get('step'),
        json.dumps(fields) if fields else None,
        searched(row['message']),
    )


def _to_row(values: Values) -> Row:
    seq, id, at, timestamp, level, message, source, run, step, fields = values
    return {
        'id': id,
        'seq': seq,
        'timestamp': timestamp or _iso(at),
        'level': LEVELS[level],
        'message': message,
        'source': source,
        'run': run,
        'step': step,
        'fields': json.loads(fields) if fields else {},
    }
