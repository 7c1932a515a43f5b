"""The log as lines: history from the store, then every new line by push, at the pace the browser confirms.

What is shown is a window without holes over all lines that fit the filter. While it reaches to the newest line it is
attached, and new lines join it; scrolled away it is not, and they are only counted. One call is on its way at a time,
so a slow or frozen tab costs no memory here: what waits for it is bounded.
"""

import asyncio
import contextlib
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal

from nicegui import background_tasks, ui

from pages.parts.cards import put
from pages.parts.dialogs import say
from pages.parts.html import button, el, icon
from pages.parts.scope import Scope
from pages.parts.words import title_of
from synapse.control_room import ControlRoom
from synapse.errors import NotFound, SynapseError
from synapse.log.log import Entry, Level
from synapse.log.messages import LinesLogged, LogCleared
from synapse.log.search import Search

from .filter import LogFilter
from .rows import Row, detail_of, folded, marks_of, one_line, row_of, sample_of

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
WORDS_APART = 1.0
FRAME = 0.016
FEW = 20
CALM_SECONDS = 0.35
ANSWER_SECONDS = 8
ALERTS_APART = 5.0
MOST_NAMES = 5_000
MOST_OPENED = 100
MOST_FOLDED = 20_000
"""Lines read at once for a page of them, where most repeat the one before."""

Place = Literal['begin', 'end', 'keep'] | int


class LogLines(ui.element, component='log_view.js'):
    """The lines themselves; see `log_lines.js`."""

    def __init__(self, label: str, *, has_run: bool, follows: bool) -> None:
        super().__init__()
        self._props.update({'label': label, 'has-run': has_run, 'follows': follows})


class LogView(Scope):
    """Log lines that follow the newest until somebody scrolls up, selects or opens a line.

    :param line: number of a line to open at, instead of at the end
    :param has_run: whether lines of several runs come together, so that each names its own
    """

    def __init__(
        self, room: ControlRoom, only: LogFilter, *, line: int | None = None, has_run: bool = True, label: str = 'Log'
    ) -> None:
        super().__init__()
        self.classes('log-view')
        self.room = room
        self.only = only
        self.is_following = line is None
        self.is_folding = True
        self.on_follow: Callable[[], None] = lambda: None
        self.on_source: Callable[[str], None] | None = None
        self.on_context: Callable[[int], None] = lambda seq: self.show(LogFilter(run=self.only.run), line=seq)
        self.on_fresh: Callable[[Sequence[Entry]], None] = lambda _: None
        """Called with the lines that fit and have just been logged, whether they are shown or not."""
        self._place: Place | None = 'end' if line is None else line
        self._kept_line = 0
        self._search: Search | None = None
        self._is_marking = False
        self._older_than: int | None = None
        self._newer_than: int | None = None
        self._gone_to = 0
        self._is_attached = False
        self._has_holes = False
        self._apart = BATCHES_APART
        self._floor = 0
        self._cursor = 0
        self._pending: deque[Entry] = deque(maxlen=CAP)
        self._offered = 0
        self._rows = 0
        self._window = (0, 0)
        self._missed = self._missed_errors = 0
        self._names: dict[str, tuple[str, str]] = {}
        self._opened: dict[int, Entry] = {}
        self._wake, self._cut = asyncio.Event(), asyncio.Event()
        self._at = 0
        self._alerted_at = self._told_sampling_at = float('-inf')
        with self:
            self._lines = self._make_lines(label, has_run=has_run)
            self._empty = el('p', 'log-empty sy-cap')
            self._notice = el('p', 'log-notice sy-cap', role='status', hidden=True)
            self._pill = self._make_pill()
            self._key('begin', self.go_to_begin)
            self._key('newest', lambda: self.set_following(True))
            self._alert = el('span', 'sy-vh', role='status')
        self.follow(room.bus, LinesLogged, self._add)
        self.follow(room.bus, LogCleared, self._cleared)
        self._wake.set()
        pump = background_tasks.create(self._pump(), name='log view')

        def stop() -> None:
            pump.cancel()

        self.when_gone(stop)

    # Asked by the page

    def show(self, only: LogFilter, *, line: int | None = None) -> None:
        """Show other lines, or the surroundings of one."""
        self.only = only
        if line is None:
            # Whoever has stopped to read stays there, as far as these lines have that place.
            self._kept_line = 0
            self._load_soon('end' if self.is_following else 'keep')
        else:
            self._followed(False)
            self._load_soon(line)

    def toggle(self) -> None:
        """Pause, or go to the newest line and follow."""
        self.set_following(not self.is_following)

    def set_following(self, is_following: bool) -> None:
        """Pause or follow, and tell the browser."""
        if is_following and not (self._is_attached and not self._has_holes):
            self._load_soon('end')
        else:
            self._lines.run_method('follow', is_following)
        self._followed(is_following)

    def go_to_begin(self) -> None:
        """To the very first line there is."""
        self._followed(False)
        self._load_soon('begin')

    async def go_to(self, seq: int) -> int:
        """Pause, and bring this line to the middle; fetch its surroundings if it is not here.

        :return: the last line that its row stands for, which may have folded the same ones into it
        """
        self._followed(False)
        last = 0 if self._has_holes else int(await self._ask('go', seq) or 0)
        if not last:
            self._load_soon(seq)
        return max(seq, last)

    async def go_to_error(self, *, is_backwards: bool = False) -> None:
        """The next error after the line somebody is at, or the one before; of all levels, also hidden ones.

        From the end of the log the next one is the first there is: what is asked for is where it began.
        """
        question = LogFilter(run=self.only.run, step=self.only.step).as_query() | {'levels': ['error', 'critical']}
        here = self._at
        found: list[Entry] = []
        if here and is_backwards:
            found = await self.room.log.query(**question, before=here, limit=1)
        elif here:
            found = await self.room.log.query(**question, after=here, limit=1, oldest_first=True)
        found = found or await self.room.log.query(**question, limit=1, oldest_first=not is_backwards)
        if not found:
            say('There is no error in this log.')
            return
        self._at = found[0].seq
        if self.only.lets_through(found[0]):
            await self.go_to(found[0].seq)
        else:
            self.on_context(found[0].seq)

    def show_search(self, search: Search | None) -> None:
        """Highlight what this search finds, here and in all that comes."""
        self._search = search
        self._is_marking = True
        self._wake.set()

    def fold(self, is_folding: bool) -> None:
        """Show lines that repeat the one before as one with a count, or each of them."""
        self.is_folding = is_folding
        self._lines.run_method('setFolding', is_folding)
        self._load_soon('end' if self.is_following else 'keep')

    def clear_view(self) -> None:
        """Show only what comes from now on; nothing is forgotten."""
        self._floor = self.room.log.last_seq
        self._load_soon('end')
        self._followed(True)

    def show_cleared(self) -> None:
        """Show again what `clear_view` took from sight."""
        self._floor = 0
        self._load_soon('end')
        self._followed(True)

    @property
    def is_cleared(self) -> bool:
        return self._floor > 0

    def copy_visible(self) -> None:
        self._lines.run_method('copyVisible')
        say('The lines on the screen are copied.')

    def toggle_wrap(self) -> None:
        self._lines.run_method('toggleWrap')

    def chosen(self, entries: Sequence[Entry], *, after: int = 0) -> Sequence[Entry]:
        """Those of these entries, which are in order, that this view shows."""
        after = max(after, self._floor)
        if entries and entries[0].seq <= after:
            entries = entries[bisect_right(entries, after, key=lambda entry: entry.seq) :]
        return self.only.chosen(entries)

    # What is drawn

    def _make_lines(self, label: str, *, has_run: bool) -> LogLines:
        lines = LogLines(label, has_run=has_run, follows=self.is_following)
        lines.on('older', lambda event: self._want(older_than=int(event.args)))
        lines.on('newer', lambda event: self._want(newer_than=int(event.args)))
        lines.on('begin', self.go_to_begin)
        lines.on('followed', lambda event: self._moved(bool(event.args['follows']), int(event.args['at'])))
        lines.on('opened', lambda event: self._open(int(event.args)))
        lines.on('act', lambda event: self._act(int(event.args['seq']), str(event.args['act'])))
        return lines

    def _key(self, name: str, work: Callable[[], None]) -> None:
        el('button', 'sy-vh', type_='button', tabindex='-1', aria_hidden='true', data_key=name).on('click', work)

    def _make_pill(self) -> ui.element:
        with el('button', 'log-new', type_='button', hidden=True) as pill:
            icon('arrdown', size=14)
            self._pill_words = el('span')
            el('span', 'sy-kbd', 'End')
        pill.on('click', lambda: self.set_following(True))
        return pill

    def _show_pill(self) -> None:
        is_shown = not self.is_following and (self._missed > 0 or not self._is_attached)
        words = 'Newest lines' if not self._missed else f'{_count(self._missed)} new line{"s"[: self._missed != 1]}'
        if self._missed_errors:
            words = f'{_count(self._missed)} new, {_count(self._missed_errors)} error{"s"[: self._missed_errors != 1]}'
        self._pill_words.set_text(words)
        self._pill.classes(replace='log-new is-error' if self._missed_errors else 'log-new')
        put(self._pill, hidden=not is_shown)

    def _show_sampling(self, step: int) -> None:
        now = asyncio.get_running_loop().time()
        if self._has_holes and now - self._told_sampling_at < WORDS_APART:
            return
        self._has_holes, self._told_sampling_at = True, now
        text = f'Showing every line is too much, sampled 1 in {step}. Nothing is lost on disk.'
        self._notice.set_text(text)
        put(self._notice, hidden=False)

    def _show_empty(self) -> None:
        self._empty.set_text('' if self._rows else self._why_empty())

    def _why_empty(self) -> str:
        if self._floor:
            return 'The view is cleared. New lines appear here; the menu brings the earlier ones back.'
        if self.only == LogFilter():
            return 'No line was logged yet. What runs, prints and reports appears here at once.'
        if self.only == LogFilter(run=self.only.run, step=self.only.step):
            return 'Nothing was logged here yet.'
        return 'No line fits these filters. Take one away to see more.'

    # What comes

    def _add(self, message: LinesLogged) -> None:
        fitting = self.chosen(message.entries, after=self._cursor)
        self._cursor = max(self._cursor, message.entries[-1].seq)
        if not fitting:
            return
        errors = sum(entry.level in (Level.ERROR, Level.CRITICAL) for entry in fitting)
        if errors:
            self._announce(errors)
        if self._is_attached:
            self._pending.extend(fitting)
            self._offered += len(fitting)
            self._wake.set()
        if not self.is_following:
            self._missed += len(fitting)
            self._missed_errors += errors
            self._show_pill()
        self.on_fresh(fitting)

    def _announce(self, errors: int) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._alerted_at > ALERTS_APART:
            self._alerted_at = now
            self._alert.set_text(f'{errors} new error{"s"[: errors != 1]}')

    def _cleared(self, message: LogCleared) -> None:
        if self.is_following or message.seq >= self._window[1]:
            self._load_soon('end')
        else:
            self._gone_to = message.seq
            self._wake.set()

    def _want(self, *, older_than: int | None = None, newer_than: int | None = None) -> None:
        self._older_than = older_than or self._older_than
        self._newer_than = newer_than or self._newer_than
        self._wake.set()

    def _moved(self, is_following: bool, at: int) -> None:
        """Somebody scrolled away from the end, or back to it. Who stops to read gets every line."""
        if not is_following and self._has_holes:
            self._kept_line = at
            self._load_soon('keep')
        self._followed(is_following)

    def _followed(self, is_following: bool) -> None:
        if is_following:
            self._missed = self._missed_errors = 0
            self._at = 0
        self.is_following = is_following
        self._show_pill()
        self.on_follow()
        self._wake.set()

    def _load_soon(self, place: Place) -> None:
        self._place = place
        self._wake.set()

    def _read_anew(self) -> None:
        """Show from the store what is in sight, unless somebody has asked for another place."""
        self._place = self._place or ('end' if self.is_following else 'keep')

    # The one who talks to the browser

    async def _pump(self) -> None:
        client = self._lines.client
        await client.connected()
        client.on_connect(self._reconnected)
        self.when_gone(lambda: client.connect_handlers.remove(self._reconnected))
        while not self.is_deleted:
            try:
                # With holes in it the view waits for the flood to end, and then shows every line.
                await asyncio.wait_for(self._wake.wait(), CALM_SECONDS if self._has_holes else None)
            except TimeoutError:
                self._read_anew()
            self._wake.clear()
            self._cut.clear()
            try:
                with self:
                    await self._do_next()
            except SynapseError as error:
                self._empty.set_text(f'The log cannot be read. {error.message} {error.hint}')

    async def _do_next(self) -> None:
        if self._place is not None:
            place, self._place = self._place, None
            await self._load(place)
        elif self._gone_to:
            gone, self._gone_to = self._gone_to, 0
            await self._tell('forget', gone)
        elif self._older_than is not None:
            before, self._older_than = self._older_than, None
            await self._load_older(before)
        elif self._newer_than is not None:
            after, self._newer_than = self._newer_than, None
            await self._load_newer(after)
        elif self._is_marking:
            self._is_marking = False
            await self._mark()
        elif self._pending and self._is_attached:
            await self._send()
        else:
            return
        self._wake.set()

    async def _tell(self, method: str, *values: Any) -> bool:
        """Call the browser and take note of what it shows now; false if it did not answer, and must begin anew."""
        report = await self._ask(method, *values)
        if not isinstance(report, dict):
            if report is not None:
                return True
            self._read_anew()
            return False
        self._rows = int(report['rows'])
        self._window = int(report['first']), int(report['last'])
        if report.get('isTorn'):
            self._read_anew()
            return False
        if not report['isAtEnd']:
            self._detach()
        self._show_empty()
        return True

    async def _ask(self, method: str, *values: Any) -> Any:
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

    def _reconnected(self) -> None:
        """What was on its way when the connection was cut may be lost: wait for no answer, and read anew."""
        self._read_anew()
        self._cut.set()
        self._wake.set()

    def _detach(self) -> None:
        self._is_attached = False
        self._pending.clear()
        self._offered = 0

    def _attach(self) -> None:
        """What is logged from here on joins the window. Nothing may be awaited since it was found to reach so far."""
        self._pending.clear()
        self._offered = 0
        self._is_attached = True
        self._cursor = self.room.log.last_seq

    async def _load(self, place: Place) -> None:
        if place == 'end':
            entries, has_older = await self._newest()
        elif place == 'begin':
            entries, has_older = await self._around(0)
        else:
            entries, has_older = await self._around(await self._line_of(place))
        if self._place is not None:  # asked for something else meanwhile
            return
        rows = await self._rows_of(entries)
        is_all = self.only in (LogFilter(), LogFilter(run=self.only.run)) and not self._floor
        how = {
            'place': place,
            'hasOlder': has_older,
            'isAtEnd': self._is_attached,
            'follows': self.is_following,
            'beginning': 'The log begins here' if is_all else 'No earlier line fits',
        }
        if isinstance(place, int):
            self._at = place
        if await self._tell('reset', rows, how):
            self._has_holes = False
            put(self._notice, hidden=True)
        if self.is_following:
            self._missed = self._missed_errors = 0
        self._show_pill()

    async def _line_of(self, place: Place) -> int:
        if isinstance(place, int):
            return place
        at, self._kept_line = self._kept_line, 0
        return at or int(await self._ask('at') or 0)

    async def _newest(self) -> tuple[list[Entry], bool]:
        """The newest lines that fit, up to this very moment, and whether there are older ones."""
        ring = self.room.log.ring
        found = [*self.chosen(tuple(ring))[-PAGE:]]
        before = ring[0].seq if ring else self.room.log.last_seq + 1
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
        log = self.room.log
        up_to = log.last_seq
        found = await self._query(after=after, limit=PAGE, oldest_first=True)
        # In a flood the lines that came while the store was read may have left the memory already.
        is_gapless = not log.ring or log.ring[0].seq <= up_to + 1
        if len(found) == PAGE or not is_gapless:
            self._detach()
            return found
        last = found[-1].seq if found else after
        found += self.chosen(tuple(log.ring), after=last)
        self._attach()
        return found

    async def _query(self, **bounds: Any) -> list[Entry]:
        question = self.only.as_query()
        after = max(bounds.pop('after', 0) or 0, self._floor) or None
        return await self.room.log.query(**question, **bounds, after=after)

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
        if last != self._window[1]:
            return
        found = await self._later(last)
        await self._append(found, is_at_end=self._is_attached)
        self._show_pill()

    async def _append(self, entries: list[Entry], *, is_at_end: bool) -> None:
        await self._tell('append', await self._rows_of(entries), {'isAtEnd': is_at_end, 'after': self._window[1]})

    async def _send(self) -> None:
        entries, offered = list(self._pending), self._offered
        if not self.is_following and (offered > len(entries) or self._rows + len(entries) > CAP):
            # Whoever reads keeps what is there; the rest is read from the store when somebody gets so far.
            self._detach()
            await self._append([], is_at_end=False)
            self._show_pill()
            return
        self._pending.clear()
        self._offered = 0
        is_sampled = self.is_following and offered > MOST_A_SECOND * self._apart
        if is_sampled:
            entries, step = sample_of(entries, MOST_OF_SAMPLE, last=LAST_OF_SAMPLE)
            self._show_sampling(max(step, -(-offered // len(entries))))
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

    async def _mark(self) -> None:
        search, (first, last) = self._search, self._window
        if search is None or not self._rows:
            await self._ask('mark', [], search is not None)
            return
        entries = await self._query(after=first - 1, before=last + 1, limit=CAP)
        await self._ask('mark', await asyncio.to_thread(_marks, entries, search), True)

    # Rows

    async def _rows_of(self, entries: list[Entry]) -> list[Row]:
        unknown = {entry.run for entry in entries if entry.run} - self._names.keys()
        if len(self._names) + len(unknown) > MOST_NAMES:
            self._names.clear()
        for id in unknown:
            self._names[id] = await self._name_of(id)
        rows = [self._row(entry) for entry in entries]
        return folded(rows) if self.is_folding else rows

    def _row(self, entry: Entry) -> Row:
        number, pipeline = self._names.get(entry.run or '', ('', ''))
        return row_of(entry, number, self._search, pipeline=pipeline)

    async def _name_of(self, run_id: str) -> tuple[str, str]:
        try:
            run = await self.room.runs.get(run_id)
        except NotFound:
            return '', ''
        return f'#{run.number}', title_of(self.room, run)

    # One line

    async def _open(self, seq: int) -> None:
        found = await self.room.log.query(after=seq - 1, before=seq + 1, limit=1)
        about = None
        if found:
            entry = found[0]
            while len(self._opened) >= MOST_OPENED:
                del self._opened[next(iter(self._opened))]
            self._opened[seq] = entry
            number, _ = await self._name_of(entry.run) if entry.run else ('', '')
            about = detail_of(entry, number)
        if not self.is_deleted:
            self._lines.run_method('detail', seq, about)

    def _act(self, seq: int, act: str) -> None:
        entry = self._opened.get(seq)
        if act == 'context':
            self.on_context(seq)
        elif act == 'unfold':
            self.fold(False)
            self._load_soon(seq)
        elif entry is not None and act == 'run' and entry.run:
            ui.navigate.to(f'/runs/{entry.run}')
        elif entry is not None and act == 'source' and self.on_source is not None:
            self.on_source(entry.source)


def follow_button(view: LogView) -> None:
    """Says whether the view follows, and changes it."""
    with button('', kind='', small=True) as press:
        icon('pause', size=14)
        words = el('span')
        el('span', 'sy-kbd', 'F')
    press.props['data-key'] = 'follow'
    press.on('click', view.toggle)

    def show() -> None:
        words.set_text('Following' if view.is_following else 'Paused')
        press.classes(replace='sy-btn is-sm log-follow' + ('' if view.is_following else ' is-paused'))
        press.props['aria-pressed'] = str(not view.is_following).lower()
        press.update()

    view.on_follow = show
    show()


def _marks(entries: list[Entry], search: Search) -> list[list[Any]]:
    """`[number, spans]` of the lines in which something was found."""
    found = []
    for entry in entries:
        text, _, _ = one_line(entry.message)
        marks = marks_of(text, entry.message, search)
        if marks is not None:
            found.append([entry.seq, marks])
    return found


def _count(count: int) -> str:
    return str(count) if count <= 999 else '999+'
