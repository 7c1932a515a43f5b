"""How many lines of each kind were logged when, as bars; a range of them can be selected by hand or by keys.

It is read once from the summaries of the store; after that every batch of new lines is counted as it comes, and only
the bars that changed are sent. Lines that are logged while it is read may or may not be in what was read: then it is
read once more, a moment later.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from nicegui import background_tasks, ui
from nicegui.events import GenericEventArguments

from pages.parts.cards import set_props
from pages.parts.html import el
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.log.log import Entry, Level
from synapse.log.messages import LinesLogged, LogCleared
from synapse.records import now_utc

from .buckets import MOST_BUCKETS, Buckets, buckets_over, length_words, marks_of
from .filter import GROUPS
from .line_counts import MINUTE, Counts, added, counted, counted_within, exact_parts, grouped
from .plot import LogPlot
from .range_picker import Span, span_words
from .window import USUAL, Window, usual_window, whole_window, window_for

log = logging.getLogger(__name__)

APART_SECONDS = 0.25
READ_AGAIN_SECONDS = 1.0
SHORTEST_TICK = 1.0
SMALL = 1 / 3
"""A selection that takes less of the plot than this can be zoomed into."""

NOTHING = [0] * len(GROUPS)


class LogHistogram(Scope):
    """The card with the bars.

    :param selected: called with the ends of what somebody selected, None for "to now", or both for no range
    """

    def __init__(self, room: ControlRoom, *, selected: Callable[[datetime | None, datetime | None], None]) -> None:
        super().__init__('section')
        self.classes('glass-card lh').props['aria-label'] = 'Lines over time'
        self._room, self._selected = room, selected
        self._zone = room.calendar.zone
        self._span: tuple[datetime, datetime] | None = None
        self._groups: frozenset[str] | None = None
        self._run: str | None = None
        self._source: str | None = None
        self._selection: Span = (None, None)
        self._chosen: Counts | None = None
        self._held: Window | None = None
        self._is_whole = False
        self._unzoomed: Window | None = None
        self._window: Window | None = None
        self._buckets: Buckets | None = None
        self._counts: dict[int, Counts] = {}
        self._changed: set[int] = set()
        self._has_moved = False
        self._is_seen = True
        self._is_begun = self._must_place = self._must_read = False
        self._read_to = 0
        self._reading = asyncio.Lock()
        self._clock: asyncio.TimerHandle | None = None
        with self:
            self._draw()
        self._push_soon = self.at_most_every(APART_SECONDS, self._push, at_once=True)
        self._read_again = self.at_most_every(READ_AGAIN_SECONDS, self._read_soon)
        self.follow(room.bus, LinesLogged, self._heard)
        self.follow(room.bus, LogCleared, lambda _: self._read_soon(places=True))
        self.when_gone(self._stop_clock)

    def _draw(self) -> None:
        with el('div', 'lh-head') as self._head:
            self._title = el('span', 'lh-title sy-cap', 'Lines over time')
            with el('span', 'lh-side sy-cap sy-num'):
                with el('span', 'sy-ell'):
                    self._verb = el('span', 'is-wide-only', 'selected ')
                    self._words = el('span')
                self._widen = self._link('Whole log', 'Show all that was said over time', self._show_whole)
                self._latest = self._link('Latest', 'Show the last minutes again', self._show_latest)
                self._zoom_in = self._link('Zoom', 'Show only what is selected', self._zoom)
                self._zoom_out = self._link('All', 'Show what was shown before zooming in', self._show_all)
                self._clear = self._link('Clear', 'Select no time', lambda: self._choose((None, None)))
        self._plot = LogPlot()
        with el('p', 'lh-trouble sy-cap', role='alert', hidden=True) as self._trouble:
            el('span', text='The lines over time could not be read.')
            self._link('Try again', '', lambda: self._read_soon(places=True))
        self._plot.on('pick', self._picked)
        self._plot.on('looking', lambda event: self._look(is_seen=bool(event.args)))
        self._say()

    def _link(self, words: str, title: str, work: Callable[[], None]) -> ui.element:
        link = el('button', 'lh-link', words, type_='button', title=title or words)
        link.on('click', work)
        return link

    # What the page asks

    def show(
        self,
        span: tuple[datetime, datetime] | None,
        groups: frozenset[str] | None,
        run: str | None,
        source: str | None,
    ) -> None:
        """Show the lines of these groups, of a run or source if one is given.

        :param span: from when to when; without one it is the last minutes, or when what there is was said
        """
        is_same = (span, run, source) == (self._span, self._run, self._source)
        self._span, self._groups, self._run, self._source = span, groups, run, source
        self._plot.include(GROUPS if groups is None else groups)
        self._say()
        if not is_same or not self._is_begun:
            self._is_begun = True
            self._held = self._unzoomed = None
            self._read_soon(places=True)

    def select(self, start: datetime | None, end: datetime | None) -> None:
        """Show this range as selected, as it was chosen elsewhere; without ends, none."""
        if (start, end) == self._selection:
            return
        self._held = self._unzoomed = None
        self._set_selection((start, end))
        shown = self._shown()
        if shown is not None and shown.covers(self._selection, now_utc()):
            self._hold(shown)
        else:
            self._read_soon(places=True)

    # What somebody does

    def _picked(self, event: GenericEventArguments) -> None:
        ends = event.args or (None, None)
        start, end = (None if ms is None else datetime.fromtimestamp(ms / 1000, UTC) for ms in ends)
        self._choose((start, end))

    def _choose(self, selection: Span) -> None:
        shown = self._shown()
        self._set_selection(selection)
        if shown is None or selection == (None, None):
            self._held = self._unzoomed = None
            self._read_soon(places=True)
        else:
            self._hold(shown)
        self._selected(*selection)

    def _shown(self) -> Window | None:
        """What is shown now, as a window that does not slide."""
        if self._buckets is None or self._window is None:
            return None
        return Window(start=self._buckets.start, end=self._window.end)

    def _hold(self, shown: Window) -> None:
        """Stay with what is shown: what was selected in it is not to slide away."""
        self._held = self._window = shown
        self._read_soon()

    def _set_selection(self, selection: Span) -> None:
        self._selection, self._chosen = selection, None
        self._plot.choose(selection)
        self._say()

    def _zoom(self) -> None:
        start, end = self._selection
        if self._window is not None:
            self._unzoomed = self._unzoomed or self._window
            self._held = Window(start=start or self._window.start, end=end)
            self._read_soon(places=True)

    def _show_all(self) -> None:
        self._held, self._unzoomed = self._unzoomed, None
        self._read_soon(places=True)

    def _show_whole(self) -> None:
        self._is_whole = True
        self._read_soon(places=True)

    def _show_latest(self) -> None:
        self._is_whole = False
        self._read_soon(places=True)

    def _look(self, *, is_seen: bool) -> None:
        """The tab came to the front or went out of sight; nobody counts for whoever does not look."""
        self._is_seen = is_seen
        if is_seen:
            self._read_soon(places=True)
        else:
            self._stop_clock()

    # Reading

    def _read_soon(self, *, places: bool = False) -> None:
        self._must_place |= places
        self._must_read = True
        if not self._reading.locked():
            background_tasks.create(self._read(), name='lines over time')

    async def _read(self) -> None:
        async with self._reading:
            while self._must_read and not self.is_deleted:
                places, self._must_place, self._must_read = self._must_place, False, False
                try:
                    await self._read_once(places=places)
                except Exception:
                    log.exception('the lines over time could not be read')
                    self._call(self._fail)

    async def _read_once(self, *, places: bool) -> None:
        now, last_seq = now_utc(), self._room.log.last_seq
        window, buckets = self._window, self._buckets
        if places or window is None or buckets is None:
            places, window = True, await self._placed(now)
            buckets = buckets_over(window.start, window.end or now, self._zone)
        counts = await self._count(buckets.start, buckets.end, buckets.count)
        chosen = await self._count_chosen(now)
        if self._must_place:
            return  # it was not for this that somebody asked last
        found = dict(enumerate(counts, start=buckets.first))
        self._call(partial(self._show, window, buckets, found) if places else partial(self._correct, found))
        # Up to here all are in what was read, also those that are still to be told; of later ones nobody knows.
        self._read_to, self._chosen = last_seq, chosen
        if self._room.log.last_seq > last_seq:
            self._read_again()
        self._call(self._say)

    async def _placed(self, now: datetime) -> Window:
        """The window for what is asked, zoomed into, selected or just there."""
        if self._held is not None:
            return self._held
        if self._span is not None:
            start, end = self._span
            return Window(start=start, end=end if end < now else None)
        lines = await self._room.log.span()
        if lines is not None and (self._run or self._source):
            lines = await self._span_of_filtered(lines)
        usual = (whole_window if self._run or self._is_whole else usual_window)(lines, now)
        return window_for(self._selection, usual, lines, now)

    async def _span_of_filtered(self, lines: tuple[datetime, datetime]) -> tuple[datetime, datetime] | None:
        """From the first line of the run to its last; of a source only the last is worth looking for."""
        newest = await self._room.log.query(run=self._run, source=self._source, limit=1)
        if not newest:
            return None
        if self._run is None:
            return lines[0], newest[0].timestamp
        oldest = await self._room.log.query(run=self._run, source=self._source, limit=1, oldest_first=True)
        return oldest[0].timestamp, newest[0].timestamp

    async def _count(self, start: datetime, end: datetime, buckets: int) -> list[Counts]:
        found = await self._room.log.histogram(start, end, buckets=buckets, run=self._run, source=self._source)
        return [grouped(dict(zip(Level, levels, strict=True))) for levels in found.counts]

    async def _count_chosen(self, now: datetime) -> Counts | None:
        """How many lines of each group are selected."""
        start, end = self._selection
        if start is None and end is None:
            return None
        if self._run is None and self._source is None:
            stats = await self._room.log.stats(start, end)
            return grouped({level: stats[level] for level in Level})
        lines = await self._room.log.span()
        if lines is None:
            return NOTHING
        counts = NOTHING
        # Some lines are ahead of the clock: that of another program may be.
        for part in exact_parts(start or lines[0], end or max(lines[1], now) + MINUTE):
            for found in await self._count(*part):
                counts = added(counts, found)
        return counts

    # Showing

    def _show(self, window: Window, buckets: Buckets, counts: dict[int, Counts]) -> None:
        self._window, self._buckets, self._counts = window, buckets, counts
        self._changed.clear()
        self._has_moved = False
        set_props(self._trouble, hidden=True)
        set_props(self._plot, hidden=None)
        self._title.set_text(f'Lines per {length_words(buckets.seconds)}')
        bars = [[number, *found] for number, found in counts.items() if any(found)]
        self._plot.show({'seconds': buckets.seconds, 'offset': buckets.offset, 'bars': bars, **self._frame(buckets)})
        self._wait_for_next()

    def _extent(self) -> str:
        """How far back these bars reach, where that is less than what the lines below do."""
        if self._window is None or self._buckets is None or not self._window.slides:
            return ''
        seconds = (self._buckets.last - self._buckets.first) * self._buckets.seconds
        return f'The last {length_words(max(1, round(seconds / 30)) * 30)}. '

    def _correct(self, counts: dict[int, Counts]) -> None:
        """The same bars were read again: send those that are other than they were counted."""
        if self._buckets is None:
            return
        for number, found in counts.items():
            if number >= self._buckets.first and found != self._counts.get(number, NOTHING):
                self._counts[number] = found
                self._changed.add(number)
        self._push()

    def _frame(self, buckets: Buckets) -> dict[str, Any]:
        """Where the bars stand: what changes as the window slides or grows."""
        return {
            'first': buckets.first,
            'count': buckets.count,
            'isLive': self._window is not None and self._window.end is None,
            'marks': [[int(moment.timestamp() * 1000), words] for moment, words in marks_of(buckets, self._zone)],
        }

    def _fail(self) -> None:
        self._buckets = None
        self._stop_clock()
        self._title.set_text('Lines over time')
        set_props(self._plot, hidden=True)
        set_props(self._trouble, hidden=None)
        self._say()

    def _say(self) -> None:
        """What is selected, how many lines that is, and what can be done about it."""
        start, end = self._selection
        is_any = start is not None or end is not None
        words = f'{self._extent()}Drag to select a time' if self._buckets is not None else ''
        if is_any:
            words = span_words(start, end, self._zone, now_utc(), is_exact=True)
            if self._chosen is not None:
                lines = sum(self._chosen[place] for place in self._places())
                words += f', {_number(lines) if lines else "no"} line{"" if lines == 1 else "s"}'
        self._words.set_text(words)
        self._head.classes(add='is-selected' if is_any else '', remove='' if is_any else 'is-selected')
        self._verb.set_visibility(is_any)
        self._clear.set_visibility(is_any)
        self._widen.set_visibility(not is_any and self._extent() != '')
        self._latest.set_visibility(not is_any and self._is_whole)
        self._zoom_in.set_visibility(is_any and self._is_small())
        self._zoom_out.set_visibility(self._unzoomed is not None)

    def _places(self) -> list[int]:
        return [place for place, group in enumerate(GROUPS) if self._groups is None or group in self._groups]

    def _is_small(self) -> bool:
        """Whether the selection takes so little of the plot that a closer look would show more."""
        start, end = self._selection
        buckets = self._buckets
        if start is None or buckets is None or buckets.seconds == 1 or start < buckets.start:
            return False
        length = (min(end or buckets.end, buckets.end) - start).total_seconds()
        return 0 < length < SMALL * buckets.count * buckets.seconds

    # New lines

    def _heard(self, message: LinesLogged) -> None:
        if not self._is_seen:
            return  # it is read anew when somebody looks
        entries = self._fitting(message.entries)
        if not entries or self._buckets is None or self._window is None:
            return
        if self._window.end is not None and self._held is None and self._span is None:
            self._read_soon(places=True)  # an old log has a new line: now is worth showing again
            return
        self._move(now_utc())
        for number, counts in counted(entries, self._buckets).items():
            if self._buckets.first <= number <= self._buckets.last:
                self._counts[number] = added(self._counts.get(number), counts)
                self._changed.add(number)
        if self._chosen is not None:
            self._chosen = added(self._chosen, counted_within(entries, *self._selection))
        self._push_soon()

    def _fitting(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Those of the run or source that were not in what was read."""
        if entries[0].seq <= self._read_to:
            entries = [entry for entry in entries if entry.seq > self._read_to]
        if self._run is None and self._source is None:
            return entries
        return [
            entry
            for entry in entries
            if (self._run is None or entry.run == self._run) and (self._source is None or entry.source == self._source)
        ]

    def _move(self, now: datetime) -> None:
        """Let the window go on with the clock."""
        buckets, window = self._buckets, self._window
        if buckets is None or window is None or window.end is not None or buckets.number_of(now) <= buckets.last:
            return
        self._buckets = buckets = buckets.slid_to(now) if window.slides else buckets.grown_to(now)
        self._has_moved = True
        gone = [self._counts.pop(number) for number in list(self._counts) if number < buckets.first]
        if buckets.count > MOST_BUCKETS + 1 or (any(map(any, gone)) and self._is_worn(buckets)):
            self._read_soon(places=True)

    def _is_worn(self, buckets: Buckets) -> bool:
        """Whether all lines slid out of the window, or some out of one that is short because the log was young."""
        is_short = buckets.count * buckets.seconds < USUAL.total_seconds() - buckets.seconds
        return is_short or not any(map(any, self._counts.values()))

    def _tick(self) -> None:
        self._move(now_utc())
        self._push()
        self._wait_for_next()

    def _wait_for_next(self) -> None:
        """Till the next bucket begins, while somebody looks."""
        self._stop_clock()
        if self._is_seen and self._buckets is not None and self._window is not None and self._window.end is None:
            seconds = max(SHORTEST_TICK, (self._buckets.end - now_utc()).total_seconds())
            self._clock = asyncio.get_running_loop().call_later(seconds, lambda: self._call(self._tick))

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _push(self) -> None:
        """Send the bars that changed; each as it is now, so that nothing is wrong if one is sent twice."""
        if self._buckets is None or not (self._changed or self._has_moved):
            return
        change: dict[str, Any] = {'bars': [[number, *self._counts[number]] for number in self._changed]}
        if self._has_moved:
            change |= self._frame(self._buckets)
        self._changed.clear()
        self._has_moved = False
        self._plot.bring(change)
        self._say()


def _number(count: int) -> str:
    return f'{count:,}'.replace(',', '\u202f')
