"""The log view: what a person sees and can do. `stream.py` decides which lines the browser gets, and when."""

import asyncio
from collections.abc import Callable, Sequence

from nicegui import ui

from pages.parts.cards import set_props
from pages.parts.dialogs import say
from pages.parts.html import button, el, for_readers, icon
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.language import _, _n, _p
from synapse.log.log import Entry, Level
from synapse.log.search import Search

from .filter import LogFilter
from .lines import LogLines
from .rows import detail_of
from .stream import LogStream, Request

NOTICE_SECONDS = 1.0
ALERT_SECONDS = 5.0
MOST_OPENED = 100


class LogView(Scope):
    """Log lines that follow the newest one until a person scrolls up, selects text or opens a line.

    :param line: the number of a line to open at instead of the end
    :param has_run: whether each line names its run
    :param is_over: whether nothing more will be logged here
    :param on_lines: called with new lines that match the filter, whether they are shown or not
    :param on_context: called with the number of a line to show among all others, whatever the filter
    :param on_source: called with the source to filter by
    """

    def __init__(
        self,
        room: ControlRoom,
        only: LogFilter,
        *,
        line: int | None = None,
        has_run: bool = True,
        label: str = '',
        is_over: Callable[[], bool] = lambda: False,
        on_lines: Callable[[Sequence[Entry]], None] = lambda _: None,
        on_context: Callable[[int], None] | None = None,
        on_source: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__()
        for_readers(self).classes('log-view')
        self._room = room
        self._on_lines, self._on_source = on_lines, on_source
        self._is_over = is_over
        self._on_context = on_context or (lambda seq: self.show(LogFilter(run=self.only.run), line=seq))
        self._missed = self._missed_errors = 0
        self._opened: dict[int, Entry] = {}
        self._alerted_at = self._noticed_at = float('-inf')
        with self:
            self._lines = self._make_lines(label or _('Log'), has_run=has_run, follows=line is None)
            self._empty = el('p', 'log-empty sy-cap')
            self._notice = el('p', 'log-notice sy-cap', role='status', hidden=True)
            self._pill = self._make_pill()
            self._key('begin', self.go_to_begin)
            self._key('newest', lambda: self.set_following(True))
            self._alert = el('span', 'sy-vh', role='status')
            self.follow_button = for_readers(self._make_follow_button())
            """Shows whether the view follows, and toggles it; the page moves it to its tools."""
        self._stream = LogStream(room, self._lines, self, only, line, on_lines=self._arrived, on_change=self._show)
        self._show_follow()

    @property
    def only(self) -> LogFilter:
        return self._stream.only

    @property
    def is_folding(self) -> bool:
        return self._stream.is_folding

    @property
    def is_cleared(self) -> bool:
        return self._stream.cleared_to > 0

    # For the page

    def show(self, only: LogFilter, *, line: int | None = None) -> None:
        """Show the lines that match this filter, around one of them if `line` is given."""
        self._stream.only = only
        if line is None:
            # A reader keeps their place, as far as these lines have it.
            self._stream.reload()
        else:
            self._set_followed(False)
            self._stream.load(line)

    def toggle(self) -> None:
        """Pause, or go to the newest line and follow."""
        self.set_following(not self._stream.is_following)

    def set_following(self, is_following: bool) -> None:
        """Pause or follow, and tell the browser."""
        if is_following and (self._stream.sampled or not self._stream.is_attached):
            self._stream.load('end')
        else:
            self._lines.tell('follow', is_following)
        self._set_followed(is_following)

    def go_to_begin(self) -> None:
        """Go to the very first line."""
        self._set_followed(False)
        self._stream.load('begin')

    async def go_to(self, seq: int) -> int:
        """Pause and scroll to this line, reading it from the store if needed.

        :return: the last line of its row, which may stand for several equal lines
        """
        self._set_followed(False)
        last = 0 if self._stream.sampled else int(await self._lines.ask('go', seq) or 0)
        if not last:
            self._stream.load(seq)
        return max(seq, last)

    async def go_to_error(self, *, is_backwards: bool = False) -> None:
        """Go to the next error after the current line, or the previous one, even if the filter hides it.

        From the end of the log the next error is the first of all, where the trouble began.
        """
        question = LogFilter(run=self.only.run, step=self.only.step).as_query() | {'levels': ['error', 'critical']}
        here = self._stream.current
        found: list[Entry] = []
        if here and is_backwards:
            found = await self._room.log.query(**question, before=here, limit=1)
        elif here:
            found = await self._room.log.query(**question, after=here, limit=1, oldest_first=True)
        found = found or await self._room.log.query(**question, limit=1, oldest_first=not is_backwards)
        if not found:
            say(_('There are no errors in this log.'))
            return
        self._stream.current = found[0].seq
        if self.only.lets_through(found[0]):
            await self.go_to(found[0].seq)
        else:
            self._on_context(found[0].seq)

    def show_search(self, search: Search | None) -> None:
        """Highlight the matches of this search, also in lines still to come; None for none."""
        self._stream.mark(search)

    def fold(self, is_folding: bool) -> None:
        """Show lines that repeat the one before as one line with a count, or each of them."""
        self._stream.is_folding = is_folding
        self._lines.tell('setFolding', is_folding)
        self._stream.reload()

    def toggle_cleared(self) -> None:
        """Hide all lines logged so far, or show them again; the log keeps them."""
        self._stream.cleared_to = 0 if self.is_cleared else self._room.log.last_seq
        self._stream.load('end')
        self._set_followed(True)

    def copy_visible(self) -> None:
        self._lines.tell('copyVisible')
        say(_('Copied the visible lines.'))

    def toggle_wrap(self) -> None:
        self._lines.tell('toggleWrap')

    # Drawing

    def _make_lines(self, label: str, *, has_run: bool, follows: bool) -> LogLines:
        lines = LogLines(label, has_run=has_run, follows=follows)
        lines.on('older', lambda event: self._stream.request(Request.OLDER, int(event.args)))
        lines.on('newer', lambda event: self._stream.request(Request.NEWER, int(event.args)))
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
            el('span', 'sy-kbd', _('End'))
        pill.on('click', lambda: self.set_following(True))
        return pill

    def _make_follow_button(self) -> ui.element:
        with button('', kind='', small=True) as press:
            icon('pause', size=14)
            self._follow_words = el('span')
            el('span', 'sy-kbd', 'F')
        press.props['data-key'] = 'follow'
        press.on('click', self.toggle)
        return press

    def _show_follow(self) -> None:
        is_following = self._stream.is_following
        self._follow_words.set_text(_('Following') if is_following else _p('log', 'Paused'))
        self.follow_button.classes(replace='sy-btn is-sm log-follow' + ('' if is_following else ' is-paused'))
        set_props(self.follow_button, aria_pressed=str(is_following).lower())

    def _show(self) -> None:
        """Show what the stream says of the lines in the browser."""
        self._show_pill()
        self._show_sampling()
        trouble = self._stream.trouble
        if trouble is not None:
            self._empty.set_text(' '.join((_('The log cannot be read.'), trouble.message, trouble.hint)))
        else:
            self._empty.set_text('' if self._stream.rows or self._stream.written else self._why_empty())

    def _show_pill(self) -> None:
        is_shown = not self._stream.is_following and (self._missed > 0 or not self._stream.is_attached)
        words = _new_lines(self._missed) if self._missed else _('Newest lines')
        if self._missed_errors:
            words = _new_errors(self._missed, self._missed_errors)
        self._pill_words.set_text(words)
        self._pill.classes(replace='log-new is-error' if self._missed_errors else 'log-new')
        set_props(self._pill, hidden=not is_shown)

    def _show_sampling(self) -> None:
        step, now = self._stream.sampled, asyncio.get_running_loop().time()
        if not step:
            self._noticed_at = float('-inf')
        elif now - self._noticed_at >= NOTICE_SECONDS:
            self._noticed_at = now
            text = _('Showing every line is too much, sampled 1 in {step}. Nothing is lost on disk.', step=step)
            self._notice.set_text(text)
        set_props(self._notice, hidden=not step)

    def _why_empty(self) -> str:
        if self.is_cleared:
            return _('The view is cleared. New lines appear here; the menu brings the earlier ones back.')
        if self.only == LogFilter():
            return _('Nothing has been logged yet. Lines appear here as soon as something runs.')
        if self.only == LogFilter(run=self.only.run, step=self.only.step):
            if self._is_over():
                is_step = bool(self.only.step)
                return _('No log lines of this step are kept.') if is_step else _('Its log lines are no longer kept.')
            return _('Nothing has been logged here yet.')
        return _('No lines match these filters. Remove one to see more.')

    # New lines

    def _arrived(self, entries: Sequence[Entry]) -> None:
        errors = sum(entry.level in (Level.ERROR, Level.CRITICAL) for entry in entries)
        if errors:
            self._announce(errors)
        if not self._stream.is_following:
            self._missed += len(entries)
            self._missed_errors += errors
            self._show_pill()
        self._on_lines(entries)

    def _announce(self, errors: int) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._alerted_at > ALERT_SECONDS:
            self._alerted_at = now
            self._alert.set_text(_n('{count} new error', '{count} new errors', errors))

    def _moved(self, is_following: bool, at: int) -> None:
        """A person scrolled away from the end, or back to it. A reader gets every line, not a sample."""
        self._set_followed(is_following)
        if not is_following and self._stream.sampled:
            self._stream.reload(at)

    def _set_followed(self, is_following: bool) -> None:
        if is_following:
            self._missed = self._missed_errors = 0
        self._stream.follow(is_following)
        self._show_pill()
        self._show_follow()

    # One line

    async def _open(self, seq: int) -> None:
        found = await self._room.log.query(after=seq - 1, before=seq + 1, limit=1)
        about = None
        if found:
            entry = found[0]
            while len(self._opened) >= MOST_OPENED:
                del self._opened[next(iter(self._opened))]
            self._opened[seq] = entry
            await self._stream.names.learn(found)
            about = detail_of(entry, self._stream.names.of(entry.run)[0])
        if not self.is_deleted:
            self._lines.tell('detail', seq, about)

    def _act(self, seq: int, act: str) -> None:
        entry = self._opened.get(seq)
        if act == 'context':
            self._on_context(seq)
        elif act == 'unfold':
            self.fold(False)
            self._stream.load(seq)
        elif entry is not None and act == 'run' and entry.run:
            ui.navigate.to(f'/runs/{entry.run}')
        elif entry is not None and act == 'source':
            self._on_source(entry.source)


def _count(count: int) -> str:
    return str(count) if count <= 999 else '999+'


def _new_lines(count: int) -> str:
    return _n('{lines} new line', '{lines} new lines', count, lines=_count(count))


def _new_errors(lines: int, count: int) -> str:
    words = {'lines': _count(lines), 'errors': _count(count)}
    return _n('{lines} new, {errors} error', '{lines} new, {errors} errors', count, **words)
