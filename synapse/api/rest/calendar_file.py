"""The calendar as a file that programs subscribe to: written when something has changed, and compressed once."""

import asyncio
import gzip
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from fastapi import Request
from starlette.responses import Response

from synapse.calendar.calendar import Calendar
from synapse.calendar.events import Event
from synapse.records import now_utc

CALENDAR = 'text/calendar'
_GZIP = re.compile(r'\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))')
HEADERS = {'vary': 'accept-encoding', 'cache-control': 'private, no-cache'}


@dataclass(frozen=True, slots=True)
class _Written:
    text: bytes
    packed: bytes
    etag: str
    """Weak, as packed and plain text share it: RFC 9110, 8.8.1."""
    since: datetime
    """When the text became what it is, as far as this process knows."""


class CalendarFile:
    """All events as iCalendar, kept until one of them changes, since subscribers poll it."""

    def __init__(self, calendar: Calendar, sign: Callable[[bytes], str]) -> None:
        self._calendar = calendar
        self._sign = sign
        self._writing = asyncio.Lock()
        self._events: Sequence[Event] = ()
        self._day: date | None = None
        self._written: _Written | None = None

    async def response(self, request: Request, headers: Mapping[str, str] | None = None) -> Response:
        """Return the file, or 304 if the caller has it: RFC 9110, 13.1.2 and 13.1.3."""
        written = await self._current()
        shown = {
            **HEADERS,
            **(headers or {}),
            'etag': written.etag,
            'last-modified': format_datetime(written.since, usegmt=True),
        }
        if _is_known(request, written):
            return Response(status_code=304, headers=shown)
        text = written.text
        if _GZIP.search(request.headers.get('accept-encoding', '')):
            text, shown['content-encoding'] = written.packed, 'gzip'
        return Response(text, headers=shown, media_type=f'{CALENDAR}; charset=utf-8')

    async def _current(self) -> _Written:
        async with self._writing:
            now, events = now_utc(), self._calendar.events()
            # Events are compared as objects, which are never changed but replaced: an import may keep both SEQUENCE
            # and LAST-MODIFIED. The day counts too, since explicit instants lie around it.
            is_same = len(events) == len(self._events) and all(map(_is, events, self._events))
            if self._written is None or not is_same or now.date() != self._day:
                self._written = await asyncio.to_thread(self._write, events, now, self._written)
                self._events, self._day = events, now.date()
            return self._written

    def _write(self, events: Sequence[Event], now: datetime, before: _Written | None) -> _Written:
        from synapse.ical.writing import write_calendar

        text = write_calendar(events, now=now, sign=self._sign)
        if before is not None and before.text == text:
            return before
        # Later than before by a second at least, since the header has no fractions.
        since = now.replace(microsecond=0)
        if before is not None:
            since = max(since, before.since + timedelta(seconds=1))
        digest = hashlib.sha256(text).hexdigest()[:32]
        # Compressed by the second level: at the usual one it takes twice as long for a twentieth less.
        return _Written(text, gzip.compress(text, 2, mtime=0), f'W/"{digest}"', since)


def _is(one: Event, two: Event) -> bool:
    return one is two


def _is_known(request: Request, written: _Written) -> bool:
    wanted = request.headers.get('if-none-match')
    if wanted is not None:
        tags = {tag.strip().removeprefix('W/') for tag in wanted.split(',')}
        return '*' in tags or written.etag.removeprefix('W/') in tags
    since = request.headers.get('if-modified-since')
    try:
        return since is not None and parsedate_to_datetime(since) >= written.since
    except (ValueError, TypeError):  # not a date, or one without a zone: the condition is ignored
        return False
