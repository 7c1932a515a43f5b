"""`/logs`: read, search, count, export, append to and clear the log."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field
from starlette.responses import Response, StreamingResponse

from synapse.api.responses import ApiResponse, encode
from synapse.control_room import ControlRoom
from synapse.log.log import Entry, Level, Log
from synapse.log.search import Search
from synapse.log.text import plain, visible

from .exports import TYPES, attachment, csv_rows
from .new_entries import NewEntries, described
from .reading import caller_of, router, split

Format = Literal['jsonl', 'csv', 'txt']
Seq = Annotated[int, Field(ge=0, lt=2**63)]

_COLUMNS = ('seq', 'timestamp', 'level', 'source', 'run', 'step', 'message', 'fields', 'id')


class LogFilters(BaseModel):
    """Which entries to return. `level` is the minimum; `levels` are exact, comma-separated or repeated.

    `start` is inclusive, `end` exclusive; `before` and `after` are a `seq`, both exclusive. `order` is `desc` (newest
    first) or `asc` (oldest first). `q` is text that the message must contain as shown, ignoring case unless `case` is
    set; with `regex` it is a regular expression.
    """

    level: Level | None = None
    levels: Annotated[list[Level] | None, BeforeValidator(split)] = None
    source: Annotated[str, Field(max_length=200)] | None = None
    run: Annotated[str, Field(max_length=64)] | None = None
    step: Annotated[str, Field(max_length=200)] | None = None
    q: Annotated[str, Field(max_length=500)] | None = None
    case: bool = False
    regex: bool = False
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    before: Seq | None = None
    after: Seq | None = None
    order: Literal['asc', 'desc'] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 200

    def as_query(self) -> dict[str, Any]:
        """The filters as `Log.query` takes them.

        :raises Invalid: if `q` should be a regular expression and is not
        """
        given = {'source', 'run', 'step', 'start', 'end', 'before', 'after'}
        values = self.model_dump(include=given, exclude_none=True)
        if self.q:
            values['search'] = Search(text=self.q, is_case_sensitive=self.case, is_regex=self.regex)
        if self.level is not None:
            values['level_min'] = self.level.value
        if self.levels is not None:
            values['levels'] = [level.value for level in self.levels]
        return values


async def page_of(log: Log, filters: LogFilters) -> Response:
    """One page; `next` is the value of `before` (`after` if oldest first) for the next page, null on the last."""
    is_ascending = filters.order == 'asc'
    entries = await log.query(**filters.as_query(), limit=filters.limit + 1, oldest_first=is_ascending)
    shown = entries[: filters.limit]
    following = shown[-1].seq if len(entries) > filters.limit else None
    return ApiResponse({'entries': [entry.as_json() for entry in shown], 'next': following})


def logs_api(room: ControlRoom) -> APIRouter:
    api = router()
    new_entries = NewEntries(room)

    @api.get('/logs')
    async def read_logs(filters: Annotated[LogFilters, Query()]) -> Response:
        """Return one page of entries; `next` is the value of `before` (`after` if oldest first) for the next page."""
        return await page_of(room.log, filters)

    @api.post('/logs', openapi_extra=described(), status_code=201)
    async def append_logs(
        request: Request, idempotency_key: Annotated[str | None, Header(max_length=200)] = None
    ) -> Response:
        """Log one entry, or an array of up to 1,000 entries, all or none.

        The response 201 means that they are on disk. A message is cut after 16,384 characters. `fields` may hold 65,536
        characters of JSON, nested 8 levels deep. `timestamp` defaults to now; `run` is the id of a run and `step` the
        name of one of its steps. A caller may send 10,000 entries and 10 MB at once, and 2,000 entries and 500 kB a
        second in the long run; beyond that the response is 429 with Retry-After. Repeating an `Idempotency-Key` returns
        the entries of the first request and logs nothing; the last 1,000 keys are remembered.
        """
        taken = await new_entries.take(request, idempotency_key or None)
        if isinstance(taken, Entry):
            return ApiResponse(taken.as_json(), 201)
        return await asyncio.to_thread(lambda: ApiResponse([entry.as_json() for entry in taken], 201))

    @api.get('/logs/stats')
    async def log_stats(start: AwareDatetime | None = None, end: AwareDatetime | None = None) -> Response:
        """Count the entries of each level, from `start` up to but excluding `end`."""
        return ApiResponse(await room.log.stats(start, end))

    @api.get('/logs/export')
    async def export_logs(
        filters: Annotated[LogFilters, Query()], format: Annotated[Format, Query()] = 'jsonl'
    ) -> Response:
        """Return every matching entry as a streamed file, oldest first unless `order` says otherwise."""
        pages = room.log.pages(**filters.as_query(), oldest_first=filters.order != 'desc')
        return StreamingResponse(_written(pages, format), headers=attachment('log', format), media_type=TYPES[format])

    @api.delete('/logs')
    async def clear_logs(request: Request, before: Annotated[int | None, Query(ge=0, lt=2**63)] = None) -> Response:
        """Delete the entries with a `seq` below `before`, or all; a new entry records who did."""
        who = caller_of(request)
        await room.log.clear(before, who=who[:1].upper() + who[1:])
        return Response(status_code=204)

    return api


async def _written(pages: AsyncIterator[list[Entry]], format: Format) -> AsyncIterator[bytes]:
    write: Callable[[Iterable[Entry]], str] = {'jsonl': _as_jsonl, 'csv': _as_csv, 'txt': _as_text}[format]
    if format == 'csv':
        yield csv_rows([_COLUMNS]).encode()
    async for entries in pages:
        # In a thread, since a thousand entries may be many megabytes.
        yield (await asyncio.to_thread(write, entries)).encode(errors='replace')


def _as_jsonl(entries: Iterable[Entry]) -> str:
    return ''.join(f'{encode(entry.as_json()).decode()}\n' for entry in entries)


def _as_csv(entries: Iterable[Entry]) -> str:
    texts = (entry.as_json() | {'fields': json.dumps(entry.fields) if entry.fields else ''} for entry in entries)
    return csv_rows([values[column] for column in _COLUMNS] for values in texts)


def _as_text(entries: Iterable[Entry]) -> str:
    return ''.join(_line(entry) for entry in entries)


def _line(entry: Entry) -> str:
    """One entry for people: its escapes never reach a terminal, and its line ends never start a second entry."""
    message = visible(plain(entry.message)).replace('\n', '\n    ')
    run = f' [{entry.run} {entry.step or ""}]'.replace(' ]', ']') if entry.run else ''
    moment = entry.timestamp.isoformat(timespec='milliseconds')
    source = visible(f'{entry.source}{run}').replace('\n', ' ')
    return f'{moment} {entry.level.upper():<8} {source} {message}\n'
