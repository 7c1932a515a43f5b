"""What the log view reads, holds and sends to the browser, at the pace the browser confirms.

What is shown is a window without holes over all lines that fit the filter. While it reaches to the newest line it is
attached, and new lines join it; scrolled away it is not. One call is on its way at a time, so a slow or frozen tab
costs no memory here: what waits for it is bounded.
"""

import asyncio
import contextlib
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from enum import IntEnum, auto
from typing import Any, Literal

from nicegui import background_tasks, ui

from pages.parts.scope import Scope
from pages.parts.words import title_of
from synapse.control_room import ControlRoom
from synapse.errors import NotFound, SynapseError
from synapse.log.log import Entry
from synapse.log.messages import LinesLogged, LogCleared
from synapse.log.search import Search

from .filter import LogFilter
from .rows import Row, folded, marks_of, one_line, row_of, sample_of

CAP = 5_000
"""Rows in the browser; everything else stays in the store."""
PAGE = 500
MOST_A_SECOND = 2_000
"""Lines that are shown while it follows; of more only a sample is."""
MOST_OF_SAMPLE, LAST_OF_SAMPLE = 100, 20
BATCHES_APART = 0.1
FLOOD_APART = 0.25
"""While it shows a sample: nobody can read that, and what is drawn less often lets the log be done sooner."""
QUIET_SECONDS = 0.08
"""Without lines for so long a flood is over, or takes breath."""
FRAME = 0.016
FEW = 20
CALM_SECONDS = 0.35
ANSWER_SECONDS = 8
MOST_NAMES = 5_000
MOST_FOLDED = 20_000
"""Lines read at once for a page of them, where most repeat the one before."""

Place = Literal['begin', 'end', 'keep'] | int


class Next(IntEnum):
    """What the browser is to be told next, the most urgent first. New lines come after all of these."""

    LOAD = auto()
    FORGET = auto()
    OLDER = auto()
    NEWER = auto()
    MARK = auto()


class LogStream:
    """The window of lines in the browser, and the one task that talks to it.

    :param lines: the element that draws them
    :param scope: what it lives as long as
    :param line: number of a line to open at, None for the end
    :param heard: called with the lines that fit and have just been logged, whether they are sent or not
    :param changed: called when what is said of the window may have changed
    """

    def __init__(
        self,
        room: ControlRoom,
        lines: ui.element,
        scope: Scope,
        only: LogFilter,
        line: int | None,
        *,
        heard: Callable[[Sequence[Entry]], None],
        changed: Callable[[], None],
    ) -> None:
        self.only = only
        self.is_following = line is None
        self.is_folding = True
        self.is_attached = False
        self.floor = 0
        """Lines up to this one are not shown."""
        self.at = 0
        """The line that somebody was brought to, 0 at the end."""
        self.rows = 0
        self.sampled = 0
        """Of so many lines one is shown; 0 where all are."""
        self.trouble: SynapseError | None = None
        self._room, self._lines, self._scope = room, lines, scope
        self._heard, self._changed = heard, changed
        self._wanted: dict[Next, Any] = {Next.LOAD: 'end' if line is None else line}
        self._work: dict[Next, Callable[[Any], Any]] = {
            Next.LOAD: self._load,
            Next.FORGET: lambda seq: self._tell('forget', seq),
            Next.OLDER: self._load_older,
            Next.NEWER: self._load_newer,
            Next.MARK: self._mark,
        }
        self._search: Search | None = None
        self._kept_line = 0
        self._apart = BATCHES_APART
        self._cursor = 0
        self._pending: deque[Entry] = deque(maxlen=CAP)
        self._offered = 0
        self._window = (0, 0)
        self._names: dict[str, tuple[str, str]] = {}
        self._wake, self._cut = asyncio.Event(), asyncio.Event()
        self._wake.set()
        scope.follow(room.bus, LinesLogged, self._add)
        scope.follow(room.bus, LogCleared, self._cleared)
        pump = background_tasks.create(self._pump(), name='log view')

        def stop() -> None:
            pump.cancel()

        scope.when_gone(stop)

    # Asked by the view

    def load(self, place: Place) -> None:
        """Show what is at this place."""
        self.want(Next.LOAD, place)

    def load_again(self, at: int | None = None) -> None:
        """Show from the store what is in sight, around this line; 0 for the one that the browser says."""
        if at is not None:
            self._kept_line = at
        self.load(self._here)

    def want(self, what: Next, value: Any) -> None:
        """Do this soon, in the place of an earlier one of the same kind."""
        self._wanted[what] = value
        self._wake.set()

    def follow(self, is_following: bool) -> None:
        """Follow the newest line from now on, or stay."""
        if is_following:
            self.at = 0
        self.is_following = is_following
        self._wake.set()

    def mark(self, search: Search | None) -> None:
        """Highlight what this search finds, here and in all that comes."""
        self._search = search
        self.want(Next.MARK, search)

    async def ask(self, method: str, *values: Any) -> Any:
        """What the browser answers; None from a frozen tab or one that is gone, and where the connection was cut."""

        async def answer() -> Any:
            with contextlib.suppress(TimeoutError):
                return await self._lines.run_method(method, *values, timeout=ANSWER_SECONDS)

        asked, cut = asyncio.ensure_future(answer()), asyncio.ensure_future(self._cut.wait())
        try:
            await asyncio.wait({asked, cut}, return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked.done() else None
        finally:
            asked.cancel()
            cut.cancel()

    async def name_of(self, run_id: str) -> tuple[str, str]:
        """The number of a run and the title of its pipeline; empty for a run that is gone."""
        try:
            run = await self._room.runs.get(run_id)
        except NotFound:
            return '', ''
        return f'#{run.number}', title_of(self._room, run)

    # What comes

    def _add(self, message: LinesLogged) -> None:
        fitting = self._chosen(message.entries, after=self._cursor)
        self._cursor = max(self._cursor, message.entries[-1].seq)
        if not fitting:
            return
        if self.is_attached:
            self._pending.extend(fitting)
            self._offered += len(fitting)
            self._wake.set()
        self._heard(fitting)

    def _chosen(self, entries: Sequence[Entry], *, after: int = 0) -> Sequence[Entry]:
        """Those of these entries, which are in order, that are shown."""
        after = max(after, self.floor)
        if entries and entries[0].seq <= after:
            entries = entries[bisect_right(entries, after, key=lambda entry: entry.seq) :]
        return self.only.chosen(entries)

    def _cleared(self, message: LogCleared) -> None:
        if self.is_following or message.seq >= self._window[1]:
            self.load('end')
        else:
            self.want(Next.FORGET, message.seq)

    @property
    def _here(self) -> Place:
        return 'end' if self.is_following else 'keep'

    def _read_anew(self) -> None:
        """Show from the store what is in sight, unless somebody has asked for another place."""
        self._wanted.setdefault(Next.LOAD, self._here)

    # The one who talks to the browser

    async def _pump(self) -> None:
        client = self._lines.client
        await client.connected()
        client.on_connect(self._reconnected)
        self._scope.when_gone(lambda: client.connect_handlers.remove(self._reconnected))
        while not self._scope.is_deleted:
            try:
                # With holes in it the view waits for the flood to end, and then shows every line.
                await asyncio.wait_for(self._wake.wait(), CALM_SECONDS if self.sampled else None)
            except TimeoutError:
                self._read_anew()
            self._wake.clear()
            self._cut.clear()
            with self._scope:
                try:
                    await self._do_next()
                except SynapseError as error:
                    self.trouble = error
                    self._changed()

    async def _do_next(self) -> None:
        if self._wanted:
            what = min(self._wanted)
            await self._work[what](self._wanted.pop(what))
        elif self._pending:
            await self._send()
        else:
            return
        self._wake.set()

    async def _tell(self, method: str, *values: Any) -> bool:
        """Call the browser and take note of what it shows now; false if it did not answer, and must begin anew."""
        report = await self.ask(method, *values)
        if not isinstance(report, dict):
            if report is not None:
                return True
            self._read_anew()
            return False
        self.rows = int(report['rows'])
        self._window = int(report['first']), int(report['last'])
        if report.get('isTorn'):
            self._read_anew()
            return False
        if not report['isAtEnd']:
            self._detach()
        self.trouble = None
        self._changed()
        return True

    def _reconnected(self) -> None:
        """What was on its way when the connection was cut may be lost: wait for no answer, and read anew."""
        self._read_anew()
        self._cut.set()
        self._wake.set()

    def _detach(self) -> None:
        self.is_attached = False
        self._pending.clear()
        self._offered = 0

    def _attach(self) -> None:
        """What is logged from here on joins the window. Nothing may be awaited since it was found to reach so far."""
        self._detach()
        self.is_attached = True
        self._cursor = self._room.log.last_seq

    async def _load(self, place: Place) -> None:
        if place == 'end':
            entries, has_older = await self._newest()
        else:
            entries, has_older = await self._around(await self._line_of(place))
        if Next.LOAD in self._wanted:  # asked for something else meanwhile
            return
        rows = await self._rows_of(entries)
        is_all = self.only in (LogFilter(), LogFilter(run=self.only.run)) and not self.floor
        how = {
            'place': place,
            'hasOlder': has_older,
            'isAtEnd': self.is_attached,
            'follows': self.is_following,
            'beginning': 'The log begins here' if is_all else 'No earlier line fits',
        }
        if isinstance(place, int):
            self.at = place
        if await self._tell('reset', rows, how):
            self.sampled = 0
        self._changed()

    async def _line_of(self, place: Place) -> int:
        if place != 'keep':
            return place if isinstance(place, int) else 0
        at, self._kept_line = self._kept_line, 0
        return at or int(await self.ask('at') or 0)

    async def _newest(self) -> tuple[list[Entry], bool]:
        """The newest lines that fit, up to this very moment, and whether there are older ones."""
        ring = self._room.log.ring
        found = [*self._chosen(tuple(ring))[-PAGE:]]
        before = ring[0].seq if ring else self._room.log.last_seq + 1
        self._attach()
        if len(found) == PAGE:
            return found, True
        older = await self._query(before=before, limit=PAGE - len(found) + 1)
        has_older = len(older) > PAGE - len(found)
        return [*reversed(older[: PAGE - len(found)]), *found], has_older

    async def _around(self, seq: int) -> tuple[list[Entry], bool]:
        earlier = await self._query(before=seq, limit=PAGE)
        later = await self._later(seq - 1)
        return [*reversed(earlier), *later], len(earlier) == PAGE

    async def _later(self, after: int) -> list[Entry]:
        """Lines after this one; where they reach to this very moment, all that follow come by push."""
        log = self._room.log
        up_to = log.last_seq
        found = await self._query(after=after, limit=PAGE, oldest_first=True)
        # In a flood the lines that came while the store was read may have left the memory already.
        is_gapless = not log.ring or log.ring[0].seq <= up_to + 1
        if len(found) == PAGE or not is_gapless:
            self._detach()
            return found
        last = found[-1].seq if found else after
        found += self._chosen(tuple(log.ring), after=last)
        self._attach()
        return found

    async def _query(self, **bounds: Any) -> list[Entry]:
        question = self.only.as_query()
        after = max(bounds.pop('after', 0) or 0, self.floor) or None
        return await self._room.log.query(**question, **bounds, after=after)

    async def _load_older(self, first: int) -> None:
        if first != self._window[0]:  # asked of a window that has changed since; it asks again if it has to
            return
        before = first
        rows: list[Row] = []
        has_older = True
        for _ in range(MOST_FOLDED // PAGE):
            found = await self._query(before=before, limit=PAGE)
            rows = [*await self._rows_of(found[::-1]), *rows]
            has_older = len(found) == PAGE
            if not has_older or len(rows) >= PAGE // 4:
                break
            before = found[-1].seq
        await self._tell('prepend', rows, {'hasOlder': has_older, 'before': first})

    async def _load_newer(self, last: int) -> None:
        if last == self._window[1]:
            await self._append(await self._later(last), is_at_end=self.is_attached)

    async def _append(self, entries: list[Entry], *, is_at_end: bool) -> None:
        await self._tell('append', await self._rows_of(entries), {'isAtEnd': is_at_end, 'after': self._window[1]})

    async def _send(self) -> None:
        entries, offered = list(self._pending), self._offered
        if not self.is_following and (offered > len(entries) or self.rows + len(entries) > CAP):
            # Whoever reads keeps what is there; the rest is read from the store when somebody gets so far.
            self._detach()
            await self._append([], is_at_end=False)
            return
        self._pending.clear()
        self._offered = 0
        is_sampled = self.is_following and offered > MOST_A_SECOND * self._apart
        if is_sampled:
            entries, step = sample_of(entries, MOST_OF_SAMPLE, last=LAST_OF_SAMPLE)
            self.sampled = max(step, -(-offered // len(entries)))
            self._changed()
        await self._append(entries, is_at_end=True)
        self._apart = FLOOD_APART if is_sampled else BATCHES_APART
        await (self._rest() if offered > FEW else asyncio.sleep(FRAME))

    async def _rest(self) -> None:
        """Till the next batch is due, or no more comes: the last lines of a flood are not to wait."""
        clock = asyncio.get_running_loop().time
        until, offered = clock() + self._apart, -1
        while offered != self._offered and clock() < until:
            offered = self._offered
            await asyncio.sleep(min(QUIET_SECONDS, until - clock()))

    async def _mark(self, search: Search | None) -> None:
        first, last = self._window
        if search is None or not self.rows:
            await self.ask('mark', [], search is not None)
            return
        entries = await self._query(after=first - 1, before=last + 1, limit=CAP)
        await self.ask('mark', await asyncio.to_thread(_marks, entries, search), True)

    # Rows

    async def _rows_of(self, entries: list[Entry]) -> list[Row]:
        unknown = {entry.run for entry in entries if entry.run} - self._names.keys()
        if len(self._names) + len(unknown) > MOST_NAMES:
            self._names.clear()
        for id in unknown:
            self._names[id] = await self.name_of(id)
        rows = [self._row(entry) for entry in entries]
        return folded(rows) if self.is_folding else rows

    def _row(self, entry: Entry) -> Row:
        number, pipeline = self._names.get(entry.run or '', ('', ''))
        return row_of(entry, number, self._search, pipeline=pipeline)


def _marks(entries: list[Entry], search: Search) -> list[list[Any]]:
    """`[number, spans]` of the lines in which something was found."""
    found = []
    for entry in entries:
        text, _, _ = one_line(entry.message)
        marks = marks_of(text, entry.message, search)
        if marks is not None:
            found.append([entry.seq, marks])
    return found
