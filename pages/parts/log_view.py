"""The log as a grid: history from the store, then every new line by push, at the pace the browser confirms.

One batch is on its way at a time, so a slow or frozen tab costs no memory here: what waits for it is bounded.
"""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from nicegui import background_tasks, ui

from synapse.bus import LinesLogged, LogCleared
from synapse.control_room import ControlRoom
from synapse.errors import NotFound, SynapseError
from synapse.log import Entry, Level

from .cards import put
from .dialogs import say
from .html import button, el, icon
from .log_filter import LogFilter
from .log_line import LogLine
from .scope import Scope

CAP = 5_000
"""Rows in the browser; everything else stays in the store."""
LONGEST_MESSAGE = 1_000
BATCHES_APART = 0.05
ANSWER_SECONDS = 8
ALERTS_APART = 5.0

Row = dict[str, Any]


class LogView(Scope):
    """A grid of log lines that follows the newest until somebody scrolls up, selects or opens a line.

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
        self.on_follow: Callable[[], None] = lambda: None
        self.on_source: Callable[[str], None] | None = None
        self._line = line
        self._seqs: deque[int] = deque()
        self._cursor = 0
        self._pending: deque[Entry] = deque(maxlen=CAP)
        self._missed = self._missed_errors = 0
        self._names: dict[str, str] = {}
        self._before: int | None = None
        self._is_stale = True
        self._wake = asyncio.Event()
        self._alerted_at = float('-inf')
        with self:
            self._grid = self._make_grid(label, has_run=has_run)
            self._empty = el('p', 'log-empty sy-cap')
            self._pill = self._make_pill()
            self._alert = el('span', 'sy-vh', role='status')
            self._detail = LogLine(room, self._open_source)
        self.follow(room.bus, LinesLogged, self._add)
        self.follow(room.bus, LogCleared, lambda _: self._refresh())
        self._wake.set()
        pump = background_tasks.create(self._pump(), name='log view')

        def stop() -> None:
            pump.cancel()

        self.when_gone(stop)

    # Asked by the page

    def show(self, only: LogFilter) -> None:
        """Show other lines: their newest, following."""
        self.only = only
        self.is_following = True
        self._before = self._line = None
        self.on_follow()
        self._refresh()

    def toggle(self) -> None:
        """Pause, or go to the newest line and follow."""
        self.set_following(not self.is_following)

    def set_following(self, is_following: bool) -> None:
        """Pause or follow, and tell the browser."""
        follows = str(is_following).lower()
        self._grid.client.run_javascript(f'synapseLog.follow({self._grid.html_id!r}, {follows})')
        self._followed(is_following)

    def go_to(self, seq: int) -> None:
        """Pause, and bring this line to the middle; fetch its surroundings if it is not here."""
        self._line = seq
        self._followed(False)
        place = self._place_of(seq)
        if place is None:
            self._refresh()
        else:
            self._mark(place, seq)

    async def go_to_first_error(self) -> None:
        """The first error of what this view may show, whatever levels are hidden."""
        question = LogFilter(run=self.only.run, step=self.only.step).as_query() | {'levels': ['error', 'critical']}
        found = await self.room.log.query(**question, limit=1, oldest_first=True)
        if found:
            self.go_to(found[0].seq)
        else:
            say('There is no error in this log.')

    def show_older(self) -> None:
        """The lines before the oldest one that is here."""
        if self._seqs:
            self._before = self._seqs[0]
            self._line = None
            self._followed(False)
            self._refresh()

    # What is drawn

    def _make_grid(self, label: str, *, has_run: bool) -> ui.aggrid:
        columns = [
            _column('Time', 't', 132, **{':cellRenderer': 'synapseLog.time'}),
            _column('Level', 'l', 76, **{':cellRenderer': 'synapseLog.level'}),
            _column('Source', 's', 100, cellClass='src'),
            *([_column('Run', 'r', 60, cellClass='run')] if has_run else []),
            _column('Message', 'm', 300, flex=1, cellClass='msg'),
        ]
        rules = {f'lv-{level}': f'data && data.l === "{level}"' for level in ('warning', 'error', 'success', 'info')}
        rules['lv-error'] = 'data && (data.l === "error" || data.l === "critical")'
        rules['lv-info'] = 'data && (data.l === "info" || data.l === "debug")'
        grid = ui.aggrid(
            {
                'columnDefs': columns,
                'rowData': [],
                'rowClassRules': rules | {':is-marked': 'synapseLog.isMarked'},
                ':getRowId': 'params => String(params.data.id)',
                ':rowHeight': 'synapseLog.rowHeight()',
                ':isFullWidthRow': 'synapseLog.isFull',
                ':fullWidthCellRenderer': 'synapseLog.full',
                ':onGridReady': 'event => synapseLog.ready(event)',
                ':onAsyncTransactionsFlushed': 'event => synapseLog.flushed(event)',
                ':onBodyScroll': 'event => synapseLog.scrolled(event)',
                'asyncTransactionWaitMillis': 10,
                'headerHeight': 28,
                'rowBuffer': 20,
                'animateRows': False,
                'suppressColumnMoveAnimation': True,
                'suppressMovableColumns': True,
                'suppressCellFocus': False,
                'suppressScrollOnNewData': True,
                'enableCellTextSelection': True,
                'ensureDomOrder': True,
                'overlayNoRowsTemplate': '<span></span>',
            },
            auto_size_columns=False,
        )
        grid.classes('log-grid')
        grid.props['aria-label'] = label
        grid.options['context'] = {'view': grid.html_id, 'follows': self.is_following}
        grid.on('followed', lambda event: self._followed(bool(event.args)), js_handler='(e) => emit(e.detail)')
        open_line = '(e) => { if (!String(getSelection())) emit(e.data.id) }'
        grid.on('rowClicked', lambda event: self._open(int(event.args)), js_handler=open_line)
        by_key = (
            '(e) => { const id = e.target.closest?.("[row-id]")?.getAttribute("row-id"); if (id) emit(Number(id)) }'
        )
        grid.on('keydown.enter', lambda event: self._open(int(event.args)), js_handler=by_key)
        return grid

    def _make_pill(self) -> ui.element:
        with el('button', 'log-new', type_='button', data_key='newest', hidden=True) as pill:
            icon('arrdown', size=14)
            self._pill_words = el('span')
            el('span', 'sy-kbd', 'End')
        pill.on('click', lambda: self.set_following(True))
        return pill

    def _show_pill(self) -> None:
        is_shown = not self.is_following and (self._missed > 0 or self._is_detached)
        words = 'Newest lines' if not self._missed else f'{_count(self._missed)} new line{"s"[: self._missed != 1]}'
        if self._missed_errors:
            words = f'{_count(self._missed)} new, {_count(self._missed_errors)} error{"s"[: self._missed_errors != 1]}'
        self._pill_words.set_text(words)
        self._pill.classes(replace='log-new is-error' if self._missed_errors else 'log-new')
        put(self._pill, hidden=not is_shown)

    # What comes

    @property
    def _is_detached(self) -> bool:
        """Whether there are lines between the last one shown and what waits, so that they cannot simply be joined."""
        return self._before is not None or self._line is not None

    def _add(self, message: LinesLogged) -> None:
        fitting = [entry for entry in message.entries if entry.seq > self._cursor and self.only.lets_through(entry)]
        if not fitting:
            return
        errors = sum(entry.level in (Level.ERROR, Level.CRITICAL) for entry in fitting)
        if errors:
            self._announce(errors)
        if self.is_following:
            self._pending.extend(fitting)
            self._wake.set()
            return
        if not self._is_detached:
            self._pending.extend(fitting)
        self._missed += len(fitting)
        self._missed_errors += errors
        self._show_pill()

    def _announce(self, errors: int) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._alerted_at > ALERTS_APART:
            self._alerted_at = now
            self._alert.set_text(f'{errors} new error{"s"[: errors != 1]}')

    def _followed(self, is_following: bool) -> None:
        if is_following and self._is_detached:
            self._before = self._line = None
            self._refresh()
        if is_following:
            self._missed = self._missed_errors = 0
        self.is_following = is_following
        self._show_pill()
        self.on_follow()
        self._wake.set()

    def _refresh(self) -> None:
        self._is_stale = True
        self._wake.set()

    async def _pump(self) -> None:
        await self._grid.client.connected()
        while not self.is_deleted:
            await self._wake.wait()
            self._wake.clear()
            if self._is_stale:
                self._is_stale = False
                await self._load()
            elif self.is_following and self._pending:
                await self._send()
                await asyncio.sleep(BATCHES_APART)

    async def _load(self) -> None:
        """Put history into the grid; what is logged from here on comes by push."""
        try:
            entries = await self._history()
        except SynapseError as error:
            self._empty.set_text(f'The log cannot be read. {error.message} {error.hint}')
            return
        # What came while the store was read is in `entries` already; nothing was awaited since the cursor was set.
        self._pending.clear()
        if self._is_stale:  # asked for something else meanwhile
            return
        self._missed = self._missed_errors = 0
        self._seqs = deque(entry.seq for entry in entries)
        rows = await self._rows(entries)
        await self._tell_grid('setGridOption', 'rowData', rows)
        self._empty.set_text('' if rows else self._why_empty())
        if self._line is not None:
            place = self._place_of(self._line)
            if place is not None:
                self._mark(place, self._line)
        elif self.is_following:
            self._grid.client.run_javascript(f'synapseLog.end({self._grid.html_id!r})')
        self._show_pill()
        self._wake.set()

    async def _history(self) -> list[Entry]:
        """Oldest first. Only without `line` and `before` does it reach to this very moment."""
        question = self.only.as_query()
        if self._line is not None:
            earlier = await self.room.log.query(**question, before=self._line, limit=CAP // 2)
            later = await self.room.log.query(**question, after=self._line - 1, limit=CAP // 2, oldest_first=True)
            self._cursor = self.room.log.last_seq
            return [*reversed(earlier), *later]
        if self._before is not None:
            found = await self.room.log.query(**question, before=self._before, limit=CAP)
            self._cursor = self.room.log.last_seq
            return found[::-1]
        found = await self.room.log.query(**question, limit=CAP)
        last = found[0].seq if found else 0
        # What was logged while the store was read is in the ring already, and will be published once more.
        fresh = [entry for entry in self.room.log.ring if entry.seq > last and self.only.lets_through(entry)]
        self._cursor = self.room.log.last_seq
        return [*reversed(found), *fresh][-CAP:]

    async def _send(self) -> None:
        entries = list(self._pending)
        self._pending.clear()
        self._cursor = max(self._cursor, entries[-1].seq)
        if not self._seqs:
            self._empty.set_text('')
        self._seqs.extend(entry.seq for entry in entries)
        drop = [{'id': self._seqs.popleft()} for _ in range(len(self._seqs) - CAP)]
        rows = await self._rows(entries)
        await self._tell_grid('applyTransactionAsync', {'add': rows, 'remove': drop})

    async def _tell_grid(self, method: str, *arguments: Any) -> None:
        try:
            await self._grid.run_grid_method(method, *arguments, timeout=ANSWER_SECONDS)
        except TimeoutError:
            return  # a frozen tab, or one that is gone: what waits is bounded, and after a reload history comes anew

    async def _rows(self, entries: list[Entry]) -> list[Row]:
        for id in {entry.run for entry in entries if entry.run} - self._names.keys():
            self._names[id] = await self._name_of(id)
        return [self._row(entry) for entry in entries]

    async def _name_of(self, run_id: str) -> str:
        try:
            return f'#{(await self.room.runs.get(run_id)).number}'
        except NotFound:
            return ''

    def _row(self, entry: Entry) -> Row:
        # Fixed keys only: AG Grid's wrapper would run a key of the person's that begins with a colon.
        return {
            'id': entry.seq,
            't': int(entry.timestamp.timestamp() * 1000),
            'l': entry.level.value,
            's': entry.source[:60],
            'r': self._names.get(entry.run or '', ''),
            'm': _one_line(entry.message),
            'k': 'rule' if entry.fields.get('rule') == 'started' and entry.step else '',
        }

    def _why_empty(self) -> str:
        if self.only == LogFilter():
            return 'No line was logged yet.'
        if self.only == LogFilter(run=self.only.run, step=self.only.step):
            return 'Nothing was logged here yet.'
        return 'No line fits these filters.'

    # One line

    def _place_of(self, seq: int) -> int | None:
        place = bisect_left(self._seqs, seq)
        return place if place < len(self._seqs) and self._seqs[place] == seq else None

    def _mark(self, place: int, seq: int) -> None:
        self._grid.client.run_javascript(f'synapseLog.show({self._grid.html_id!r}, {place}, {seq})')

    async def _open(self, seq: int) -> None:
        if self.is_following:
            self.set_following(False)
        place = self._place_of(seq)
        if place is not None:
            self._mark(place, seq)
        found = await self.room.log.query(after=seq - 1, before=seq + 1, limit=1)
        if found:
            self._detail.show(found[0])
        else:
            say('This line was cleared meanwhile.')

    def _open_source(self, source: str) -> None:
        if self.on_source is not None:
            self.on_source(source)


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


def _column(name: str, field: str, width: int, **options: Any) -> Mapping[str, Any]:
    return {
        'headerName': name,
        'field': field,
        'width': width,
        'cellDataType': False,  # else a text that looks like a date makes the later ones empty
        'sortable': False,
        'resizable': field in ('s', 'm'),
        'suppressHeaderMenuButton': True,
        **options,
    }


def _one_line(message: str) -> str:
    first, _, rest = message.strip('\n').partition('\n')
    lines = rest.count('\n') + 1 if rest else 0
    more = f'  (and {lines} more line{"s"[: lines != 1]})' if lines else ''
    return f'{first[:LONGEST_MESSAGE]}{"…" if len(first) > LONGEST_MESSAGE else ""}{more}'


def _count(count: int) -> str:
    return str(count) if count <= 999 else '999+'
