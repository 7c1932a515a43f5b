"""Log lines over time as bars by level, in which a range can be selected with the pointer or the keyboard.

The bars are read once from the summaries of the store; then each batch of new lines is counted as it arrives, and only
bars that changed are sent. Lines logged during a read may or may not be part of it, so it is read again a moment later.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from enum import IntEnum, auto
from functools import partial

from nicegui import background_tasks, ui
from nicegui.events import GenericEventArguments

from pages.parts.cards import set_class, set_props
from pages.parts.html import el, for_readers
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.language import _, _n
from synapse.log.messages import LinesLogged, LogCleared
from synapse.records import now_utc

from .bars import Bars
from .buckets import buckets_over, length_words
from .filter import GROUPS, LogFilter
from .line_counts import Counts, LineCounts, added, counted_within, spaced
from .plot import LogPlot
from .range_picker import Span, span_words
from .window import NO_SELECTION, View, Window

log = logging.getLogger(__name__)

PUSH_SECONDS = 0.25
READ_AGAIN_SECONDS = 1.0
SHORTEST_TICK = 1.0


class Read(IntEnum):
    """What has to be read; the larger includes the smaller."""

    NOTHING = auto()
    COUNTS = auto()
    WINDOW = auto()
    """Choose the window again, too."""


class LogHistogram(Scope):
    """The card with the bars.

    :param only: the filter of the page; it counts lines of the run and source, and selects the time range
    :param on_select: called with the ends a person selected: a second None is "until now", two are no range
    """

    def __init__(
        self, room: ControlRoom, only: LogFilter, *, on_select: Callable[[datetime | None, datetime | None], None]
    ) -> None:
        super().__init__('section')
        for_readers(self).classes('glass-card lh').props['aria-label'] = _('Lines over time')
        self._room, self._on_select = room, on_select
        self._zone = room.calendar.zone
        self._groups = only.groups
        self._view = View(run=only.run, source=only.source, selection=(only.start, only.end))
        self._bars: Bars | None = None
        self._selected_counts: Counts | None = None
        self._read_to = 0
        self._to_read = Read.NOTHING
        self._reading = asyncio.Lock()
        self._is_visible = True
        self._timer: asyncio.TimerHandle | None = None
        with self:
            self._draw()
        self._push_soon = self.at_most_every(PUSH_SECONDS, self._push, at_once=True)
        self._read_again = self.at_most_every(READ_AGAIN_SECONDS, self._read_soon)
        self.follow(room.bus, LinesLogged, self._add)
        self.follow(room.bus, LogCleared, lambda _: self._read_soon(Read.WINDOW))
        self.when_gone(self._stop_timer)
        self._show_view()
        self._read_soon(Read.WINDOW)

    def _draw(self) -> None:
        with el('div', 'lh-head') as self._head:
            self._title = el('span', 'lh-title sy-cap', _('Lines over time'))
            with el('span', 'lh-side sy-cap sy-num'):
                with el('span', 'sy-ell'):
                    self._verb = el('span', 'is-wide-only', _('selected') + ' ')
                    self._words = el('span')
                    self._hint = el('span', 'is-wide-only', ' ' + _('Drag to select a time range'))
                self._whole = self._link(
                    _('Whole log'), _('Show the whole log over time'), lambda: self._set_whole(True)
                )
                self._latest = self._link(_('Latest'), _('Show the last few minutes'), lambda: self._set_whole(False))
                self._zoom_in = self._link(_('Zoom'), _('Zoom to the selection'), self._zoom)
                whole = _('Show what was shown before zooming in')
                self._zoom_out = self._link(_('All'), whole, lambda: self._change(self._view.zoomed_out()))
                self._clear = self._link(_('Clear'), _('Clear the selection'), lambda: self._select(NO_SELECTION))
        self._plot = LogPlot()
        with el('p', 'lh-trouble sy-cap', role='alert', hidden=True) as self._trouble:
            el('span', text=_('The lines over time could not be read.'))
            self._link(_('Try again'), '', lambda: self._read_soon(Read.WINDOW))
        self._plot.on('pick', self._picked)
        self._plot.on('looking', lambda event: self._set_visible(bool(event.args)))

    def _link(self, words: str, title: str, work: Callable[[], None]) -> ui.element:
        link = el('button', 'lh-link', words, type_='button', title=title or words)
        link.on('click', work)
        return link

    def show(self, only: LogFilter) -> None:
        """Show the lines and the selection of this filter."""
        self._groups = only.groups
        self._change(self._view.filtered(only, self._shown, now_utc()))

    # Acts of a person

    def _change(self, view: View) -> None:
        before, self._view = self._view, view
        if view.selection != before.selection:
            self._selected_counts = None
        self._show_view()
        if view != before:
            # A window that is held because something was selected in it is on the screen already.
            if self._bars is not None and view.held == self._bars.shown:
                self._bars.hold()
                self._read_soon(Read.COUNTS)
            else:
                self._read_soon(Read.WINDOW)

    def _picked(self, event: GenericEventArguments) -> None:
        ends = event.args or (None, None)
        start, end = (None if ms is None else datetime.fromtimestamp(ms / 1000, UTC) for ms in ends)
        self._select((start, end))

    def _select(self, selection: Span) -> None:
        self._change(self._view.selected(selection, self._shown))
        self._on_select(*selection)

    @property
    def _shown(self) -> Window | None:
        return None if self._bars is None else self._bars.shown

    def _zoom(self) -> None:
        if self._bars is not None:
            self._change(self._view.zoomed_in(self._bars.window))

    def _set_whole(self, is_whole: bool) -> None:
        self._change(replace(self._view, is_whole=is_whole))

    def _set_visible(self, is_visible: bool) -> None:
        """Nothing is counted for a tab in the background; it reads again when it comes to the front."""
        self._is_visible = is_visible
        if is_visible:
            self._read_soon(Read.WINDOW)
        else:
            self._stop_timer()

    # Reading

    def _read_soon(self, what: Read = Read.COUNTS) -> None:
        self._to_read = max(self._to_read, what)
        if not self._reading.locked():
            background_tasks.create(self._read(), name='lines over time')

    async def _read(self) -> None:
        async with self._reading:
            while self._to_read is not Read.NOTHING and not self.is_deleted:
                what, self._to_read = self._to_read, Read.NOTHING
                try:
                    await self._read_once(what)
                except Exception:
                    log.exception(_('the lines over time could not be read'))
                    self._call(self._show_trouble)

    async def _read_once(self, what: Read) -> None:
        now, last_seq, view = now_utc(), self._room.log.last_seq, self._view
        lines = LineCounts(self._room.log, view.run, view.source)
        bars = None if what is Read.WINDOW else self._bars
        if bars is None:
            window = view.window(None if view.held else await lines.span(), now)
            buckets = buckets_over(window.start, window.end or now, self._zone)
        else:
            buckets = bars.buckets
        counts = await lines.by_bucket(buckets.start, buckets.end, buckets.count)
        selected = await lines.within(view.selection, now)
        if self._to_read is Read.WINDOW:
            return  # another view has been requested meanwhile
        if bars is None:
            self._bars = bars = Bars(window, buckets, counts, self._zone)
            self._call(partial(self._show_bars, bars))
        else:
            bars.correct(counts, buckets.first)
            self._call(self._push)
        # Lines up to this one are counted, even those not yet published; of later ones it is not known.
        self._read_to, self._selected_counts = last_seq, selected
        if self._room.log.last_seq > last_seq:
            self._read_again()
        self._call(self._show_view)

    # Drawing

    def _show_bars(self, bars: Bars) -> None:
        set_props(self._trouble, hidden=True)
        set_props(self._plot, hidden=None)
        self._title.set_text(_('Lines per {length}', length=length_words(bars.buckets.seconds)))
        self._plot.show(bars.picture())
        self._wait_for_next_bucket()

    def _show_trouble(self) -> None:
        self._bars = None
        self._stop_timer()
        self._title.set_text(_('Lines over time'))
        set_props(self._plot, hidden=True)
        set_props(self._trouble, hidden=None)
        self._show_view()

    def _show_view(self) -> None:
        """Show the selection, how many lines that is, and what can be done with it."""
        view, bars = self._view, self._bars
        is_any = view.has_selection
        extent = '' if bars is None else bars.extent_words()
        self._plot.include(GROUPS if self._groups is None else self._groups)
        self._plot.select(view.selection)
        self._words.set_text(self._selection_words() if is_any else extent)
        self._hint.set_visibility(not is_any and bars is not None)
        set_class(self._head, 'is-selected', is_any)
        for part in (self._verb, self._clear):
            part.set_visibility(is_any)
        self._whole.set_visibility(not is_any and extent != '')
        self._latest.set_visibility(not is_any and view.is_whole)
        self._zoom_in.set_visibility(is_any and bars is not None and bars.is_small(*view.selection))
        self._zoom_out.set_visibility(view.is_zoomed)

    def _selection_words(self) -> str:
        words = span_words(*self._view.selection, self._zone, now_utc(), is_exact=True)
        if self._selected_counts is None:
            return words
        counts = zip(GROUPS, self._selected_counts, strict=True)
        lines = sum(count for group, count in counts if self._groups is None or group in self._groups)
        if not lines:
            return _('{range}, no lines', range=words)
        return _n('{range}, {lines} line', '{range}, {lines} lines', lines, range=words, lines=spaced(lines))

    # New lines, and time

    def _add(self, message: LinesLogged) -> None:
        if not self._is_visible or self._bars is None:
            return
        fresh = [entry for entry in message.entries if entry.seq > self._read_to]
        entries = LineCounts(self._room.log, self._view.run, self._view.source).matching(fresh)
        if not entries:
            return
        if not self._bars.is_live and self._view.held is None:
            self._read_soon(Read.WINDOW)  # an old log has a new line: show the present again
            return
        self._move()
        self._bars.add(entries)
        if self._selected_counts is not None:
            self._selected_counts = added(self._selected_counts, counted_within(entries, *self._view.selection))
        self._push_soon()

    def _move(self) -> None:
        if self._bars is not None and self._bars.move_to(now_utc()):
            self._read_soon(Read.WINDOW)

    def _tick(self) -> None:
        self._move()
        self._push()
        self._wait_for_next_bucket()

    def _wait_for_next_bucket(self) -> None:
        self._stop_timer()
        if self._is_visible and self._bars is not None and self._bars.is_live:
            seconds = max(SHORTEST_TICK, (self._bars.buckets.end - now_utc()).total_seconds())
            self._timer = asyncio.get_running_loop().call_later(seconds, lambda: self._call(self._tick))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _push(self) -> None:
        change = None if self._bars is None else self._bars.take_change()
        if change is not None:
            self._plot.change(change)
            self._show_view()
