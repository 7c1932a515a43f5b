"""Which log lines the browser of one view has, and how they get there at the pace it confirms.

The lines in the browser are a window without gaps over all lines that match the filter. While it reaches the newest
line it is attached: new lines are appended. One call to the browser is under way at a time, and what waits for it is
bounded, so a slow or frozen tab takes no more memory here.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from enum import IntEnum, auto
from typing import Any, Literal

from nicegui import background_tasks

from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.errors import SynapseError
from synapse.language import _
from synapse.log.log import Entry
from synapse.log.messages import LinesLogged, LogCleared, RowsRedrawn
from synapse.log.search import Search
from synapse.waiting import is_set_within

from .filter import LogFilter
from .lines import LogLines
from .rows import Row, folded, marks_by_line, row_of, sample_of
from .run_names import RunNames

CAP = 5_000
"""Rows in the browser; all others are in the store only."""
PAGE = 500
MOST_PER_SECOND = 2_000
"""Lines shown while following; of more than this, a sample."""
SAMPLE_LINES, SAMPLE_TAIL = 100, 20
BATCH_SECONDS = 0.1
FLOOD_BATCH_SECONDS = 0.25
"""Nobody can read a flood: drawing it less often leaves more time to log it."""
QUIET_SECONDS = 0.06
"""After this long without lines, a flood is over or takes a break; the log publishes it every 50 ms."""
FRAME_SECONDS = 0.016
FEW_LINES = 20
CALM_SECONDS = 0.35
MOST_WRITTEN = 50
"""Rows shown that are still being written, the newest."""
MOST_FOLDED = 20_000
"""Lines read at most for one page of rows when most lines repeat the one before."""

Place = Literal['begin', 'end', 'keep'] | int
"""The first line, the last, the one at the top of the screen, or the line with this number."""


class Request(IntEnum):
    """What the browser can be sent, the most urgent first; new lines come after all of these."""

    LOAD = auto()
    FORGET = auto()
    OLDER = auto()
    NEWER = auto()
    MARK = auto()


class LogStream:
    """The window of lines in the browser, and the task that fills it.

    :param scope: ends the stream when it is deleted
    :param line: the number of the line to open at, None for the end
    :param on_lines: called with new lines that match, whether they are sent or not
    :param on_change: called when the public attributes may have changed
    """

    def __init__(
        self,
        room: ControlRoom,
        lines: LogLines,
        scope: Scope,
        only: LogFilter,
        line: int | None,
        *,
        on_lines: Callable[[Sequence[Entry]], None],
        on_change: Callable[[], None],
    ) -> None:
        self.only = only
        self.is_following = line is None
        self.is_folding = True
        self.is_attached = False
        self.cleared_to = 0
        """Lines up to this number are hidden."""
        self.current = 0
        """The number of the line last gone to; 0 at the end."""
        self.rows = 0
        self.sampled = 0
        """One of this many lines is shown; 0 if all are."""
        self.written = 0
        """How many rows are shown that are still being written."""
        self.trouble: SynapseError | None = None
        self.names = RunNames(room)
        self._room, self._lines, self._scope = room, lines, scope
        self._on_lines, self._on_change = on_lines, on_change
        self._requests: dict[Request, Any] = {Request.LOAD: 'end' if line is None else line}
        self._work: dict[Request, Callable[[Any], Awaitable[object]]] = {
            Request.LOAD: self._load,
            Request.FORGET: lambda seq: self._call('forget', seq),
            Request.OLDER: self._load_older,
            Request.NEWER: self._load_newer,
            Request.MARK: self._mark,
        }
        self._search: Search | None = None
        self._kept_line = 0
        self._batch_seconds = BATCH_SECONDS
        self._last_heard = 0
        self._pending: deque[Entry] = deque(maxlen=CAP)
        self._pending_count = 0
        """Lines since the last batch, including those that no longer fit into `_pending`."""
        self._written: Sequence[Entry] = ()
        """The rows that are still being written, as they were when the newest of `_pending` was logged."""
        self._is_redrawn = False
        self._window = (0, 0)
        self._news = asyncio.Event()
        """Set by lines; `_rest` waits for the next ones."""
        self._wake = asyncio.Event()
        self._wake.set()
        scope.follow(room.bus, LinesLogged, self._add)
        scope.follow(room.bus, RowsRedrawn, lambda _: self._redrawn())
        scope.follow(room.bus, LogCleared, self._cleared)
        scope.when_gone(background_tasks.create(self._work_inside(), name='log view').cancel)

    async def _work_inside(self) -> None:
        with self._scope:
            await self._pump()

    # Requests of the view

    def load(self, place: Place) -> None:
        self.request(Request.LOAD, place)

    def reload(self, around: int = 0) -> None:
        """Read the visible lines from the store again, around this one; 0 for the one at the top of the screen."""
        self._kept_line = around
        self.load(self._here)

    def request(self, kind: Request, value: Any) -> None:
        """Do this soon; replaces an earlier request of the same kind."""
        self._requests[kind] = value
        self._wake.set()

    def follow(self, is_following: bool) -> None:
        """Follow the newest line, or stop following."""
        if is_following:
            self.current = 0
        self.is_following = is_following
        self._wake.set()

    def mark(self, search: Search | None) -> None:
        """Highlight the matches of this search in all lines, also those still to come."""
        self._search = search
        self.request(Request.MARK, search)

    # News of the log

    def _add(self, message: LinesLogged) -> None:
        matching = self._matching(message.entries, after=self._last_heard)
        self._last_heard = max(self._last_heard, message.entries[-1].seq)
        if not matching:
            return
        if self.is_attached:
            self._pending.extend(matching)
            self._pending_count += len(matching)
            self._wake.set()
            self._news.set()
        self._on_lines(matching)

    def _redrawn(self) -> None:
        if not self.is_attached:
            return
        before, self._written = self._written, self._rows_now()
        if self._written != before:
            self._is_redrawn = True
            self._wake.set()

    def _rows_now(self) -> Sequence[Entry]:
        return self.only.chosen(self._room.log.rows(self.only.run))[-MOST_WRITTEN:]

    def _matching(self, entries: Sequence[Entry], *, after: int = 0) -> Sequence[Entry]:
        """The entries to show, out of these, which are in order."""
        after = max(after, self.cleared_to)
        if entries and entries[0].seq <= after:
            entries = entries[bisect_right(entries, after, key=lambda entry: entry.seq) :]
        return self.only.chosen(entries)

    def _cleared(self, message: LogCleared) -> None:
        if self.is_following or message.seq >= self._window[1]:
            self.load('end')
        else:
            self.request(Request.FORGET, message.seq)

    @property
    def _here(self) -> Place:
        return 'end' if self.is_following else 'keep'

    def _reload_unless_asked(self) -> None:
        """Read the visible lines from the store again, unless another place has been requested."""
        self._requests.setdefault(Request.LOAD, self._here)

    # The task that talks to the browser

    async def _pump(self) -> None:
        client = self._lines.client
        await client.connected()
        client.on_connect(self._reconnected)
        self._scope.when_gone(lambda: client.connect_handlers.remove(self._reconnected))
        while not self._scope.is_deleted:
            # A sampled view waits until the flood is over, and then shows every line.
            if not await is_set_within(self._wake, CALM_SECONDS if self.sampled else None):
                self._reload_unless_asked()
            self._wake.clear()
            with self._scope:
                try:
                    await self._do_next()
                except SynapseError as error:
                    self.trouble = error
                    self._on_change()

    async def _do_next(self) -> None:
        if self._requests:
            kind = min(self._requests)
            await self._work[kind](self._requests.pop(kind))
        elif self._pending or self._is_redrawn:
            await self._send()
        else:
            return
        self._wake.set()

    async def _call(self, method: str, *values: Any) -> bool:
        """Call a method that reports the window; false if it did not, or not the window known here: it is reloaded."""
        report = await self._lines.ask(method, *values)
        if report is None:
            self._reload_unless_asked()
            return False
        self.rows = int(report['rows'])
        self._window = int(report['first']), int(report['last'])
        if report.get('isTorn'):
            self._reload_unless_asked()
            return False
        if not report['isAtEnd']:
            self._detach()
        self.trouble = None
        self._on_change()
        return True

    def _reconnected(self) -> None:
        """What was under way when the connection was cut may be lost: start again from the store."""
        self._reload_unless_asked()
        self._lines.give_up()
        self._wake.set()

    def _detach(self) -> None:
        self.is_attached = False
        self._pending.clear()
        self._pending_count = 0
        self._written, self._is_redrawn = (), False

    def _attach(self) -> None:
        """Append what is logged from now on. Nothing may be awaited since the window was found to reach this far."""
        self._detach()
        self.is_attached = True
        self._last_heard = self._room.log.last_seq
        self._written = self._rows_now()

    # Reading

    async def _load(self, place: Place) -> None:
        if place == 'end':
            entries, has_older = await self._newest()
        else:
            entries, has_older = await self._around(await self._line_at(place))
        if Request.LOAD in self._requests:  # for another place, meanwhile
            return
        written = self._written
        rows = await self._rows_of(entries)
        is_unfiltered = self.only in (LogFilter(), LogFilter(run=self.only.run)) and not self.cleared_to
        how = {
            'place': place,
            'hasOlder': has_older,
            'isAtEnd': self.is_attached,
            'follows': self.is_following,
            'live': await self._live_rows(written),
            'beginning': _('The log starts here') if is_unfiltered else _('No earlier lines match'),
        }
        if isinstance(place, int):
            self.current = place
        if await self._call('reset', rows, how):
            self.sampled = 0
        self._on_change()

    async def _line_at(self, place: Place) -> int:
        if place != 'keep':
            return place if isinstance(place, int) else 0
        line, self._kept_line = self._kept_line, 0
        return line or int(await self._lines.ask('at') or 0)

    async def _newest(self) -> tuple[list[Entry], bool]:
        """The newest lines that match, up to this moment, and whether there are older ones."""
        ring = self._room.log.ring
        found = [*self._matching(tuple(ring))[-PAGE:]]
        before = ring[0].seq if ring else self._room.log.last_seq + 1
        self._attach()
        missing = PAGE - len(found)
        if not missing:
            return found, True
        older = await self._query(before=before, limit=missing + 1)
        return [*reversed(older[:missing]), *found], len(older) > missing

    async def _around(self, seq: int) -> tuple[list[Entry], bool]:
        earlier = await self._query(before=seq, limit=PAGE)
        later = await self._later(seq - 1)
        return [*reversed(earlier), *later], len(earlier) == PAGE

    async def _later(self, after: int) -> list[Entry]:
        """Lines after this one; attached if they reach the present."""
        log = self._room.log
        up_to = log.last_seq
        found = await self._query(after=after, limit=PAGE, oldest_first=True)
        # In a flood, lines logged while the store was read may have left the memory already.
        has_gap = bool(log.ring) and log.ring[0].seq > up_to + 1
        if len(found) == PAGE or has_gap:
            self._detach()
            return found
        found += self._matching(tuple(log.ring), after=found[-1].seq if found else after)
        self._attach()
        return found

    async def _query(self, *, after: int = 0, **bounds: Any) -> list[Entry]:
        after = max(after, self.cleared_to)
        return await self._room.log.query(**self.only.as_query(), **bounds, after=after or None)

    async def _load_older(self, first: int) -> None:
        if first != self._window[0]:  # the window has changed since; the browser asks again if needed
            return
        before, has_older = first, True
        rows: list[Row] = []
        for _turn in range(MOST_FOLDED // PAGE):
            found = await self._query(before=before, limit=PAGE)
            rows = [*await self._rows_of(found[::-1]), *rows]
            has_older = len(found) == PAGE
            if not has_older or len(rows) >= PAGE // 4:
                break
            before = found[-1].seq
        await self._call('prepend', rows, {'hasOlder': has_older, 'before': first})

    async def _load_newer(self, last: int) -> None:
        if last == self._window[1]:
            await self._append(await self._later(last), is_at_end=self.is_attached)

    async def _mark(self, search: Search | None) -> None:
        if search is None or not self.rows:
            await self._lines.ask('mark', [], search is not None)
            return
        first, last = self._window
        entries = await self._query(after=first - 1, before=last + 1, limit=CAP)
        await self._lines.ask('mark', await asyncio.to_thread(marks_by_line, entries, search), True)

    # Sending

    async def _append(self, entries: list[Entry], *, is_at_end: bool) -> None:
        written = self._written if is_at_end else ()
        self._is_redrawn = False
        rows, live = await self._rows_of(entries), await self._live_rows(written)
        await self._call('append', rows, {'isAtEnd': is_at_end, 'after': self._window[1], 'live': live})

    async def _send(self) -> None:
        entries, count = list(self._pending), self._pending_count
        if not self.is_following and (count > len(entries) or self.rows + len(entries) > CAP):
            # A reader keeps the lines on the screen; the rest is read from the store when they scroll that far.
            self._detach()
            await self._append([], is_at_end=False)
            return
        self._pending.clear()
        self._pending_count = 0
        is_sampled = self.is_following and count > MOST_PER_SECOND * self._batch_seconds
        if is_sampled:
            entries, step = sample_of(entries, SAMPLE_LINES, last=SAMPLE_TAIL)
            self.sampled = max(step, -(-count // len(entries)))
            self._on_change()
        await self._append(entries, is_at_end=True)
        self._batch_seconds = FLOOD_BATCH_SECONDS if is_sampled else BATCH_SECONDS
        await (self._rest() if count > FEW_LINES else asyncio.sleep(FRAME_SECONDS))

    async def _rest(self) -> None:
        """Wait until the next batch is due, or no more lines arrive: the end of a flood is shown at once."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._batch_seconds
        is_quiet = False
        while not is_quiet and clock() < until:
            self._news.clear()
            is_quiet = not await is_set_within(self._news, min(QUIET_SECONDS, until - clock()))

    async def _live_rows(self, written: Sequence[Entry]) -> list[Row]:
        """The rows that are still being written, each after what tells it from others."""
        await self.names.learn(written)
        self.written = len(written)
        return [[row.id, *row_of(row, self.names.of(row.run)[0], self._search)] for row in written]

    async def _rows_of(self, entries: Sequence[Entry]) -> list[Row]:
        await self.names.learn(entries)
        rows = []
        for entry in entries:
            number, title = self.names.of(entry.run)
            rows.append(row_of(entry, number, self._search, pipeline=title))
        return folded(rows) if self.is_folding else rows
