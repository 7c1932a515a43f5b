"""The log as lines: what a person sees of them and does with them. What is sent and when is `stream.py`'s matter."""

import asyncio
from collections.abc import Callable, Sequence

from nicegui import ui

from pages.parts.cards import set_props
from pages.parts.dialogs import say
from pages.parts.html import button, el, icon
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.log.log import Entry, Level
from synapse.log.search import Search
from synapse.sentences import count_of

from .filter import LogFilter
from .rows import detail_of
from .stream import LogStream, Next

WORDS_APART = 1.0
ALERTS_APART = 5.0
MOST_OPENED = 100


class LogLines(ui.element, component='log_view.js'):
    """The lines themselves; see `log_lines.js`."""

    def __init__(self, label: str, *, has_run: bool, follows: bool) -> None:
        super().__init__()
        self._props.update({'label': label, 'has-run': has_run, 'follows': follows})


class LogView(Scope):
    """Log lines that follow the newest until somebody scrolls up, selects or opens a line.

    :param line: number of a line to open at, instead of at the end
    :param has_run: whether lines of several runs come together, so that each names its own
    :param on_fresh: called with the lines that fit and have just been logged, whether they are shown or not
    :param on_context: called with the number of a line whose surroundings are to be shown, whatever is filtered
    :param on_source: called with the source that alone is to be shown
    """

    def __init__(
        self,
        room: ControlRoom,
        only: LogFilter,
        *,
        line: int | None = None,
        has_run: bool = True,
        label: str = 'Log',
        on_fresh: Callable[[Sequence[Entry]], None] = lambda _: None,
        on_context: Callable[[int], None] | None = None,
        on_source: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__()
        self.classes('log-view')
        self._room = room
        self._on_fresh, self._on_source = on_fresh, on_source
        self._on_context = on_context or (lambda seq: self.show(LogFilter(run=self.only.run), line=seq))
        self._missed = self._missed_errors = 0
        self._opened: dict[int, Entry] = {}
        self._alerted_at = self._told_sampling_at = float('-inf')
        with self:
            self._lines = self._make_lines(label, has_run=has_run, follows=line is None)
            self._empty = el('p', 'log-empty sy-cap')
            self._notice = el('p', 'log-notice sy-cap', role='status', hidden=True)
            self._pill = self._make_pill()
            self._key('begin', self.go_to_begin)
            self._key('newest', lambda: self.set_following(True))
            self._alert = el('span', 'sy-vh', role='status')
            self.follow_button = self._make_follow_button()
            """Says whether the view follows, and changes it; to be moved to where the page has its tools."""
        self._stream = LogStream(room, self._lines, self, only, line, heard=self._heard, changed=self._show)
        self._show_follow()

    @property
    def only(self) -> LogFilter:
        return self._stream.only

    @property
    def is_folding(self) -> bool:
        return self._stream.is_folding

    @property
    def is_cleared(self) -> bool:
        return self._stream.floor > 0

    # Asked by the page

    def show(self, only: LogFilter, *, line: int | None = None) -> None:
        """Show other lines, or the surroundings of one."""
        self._stream.only = only
        if line is None:
            # Whoever has stopped to read stays there, as far as these lines have that place.
            self._stream.load_again(0)
        else:
            self._followed(False)
            self._stream.load(line)

    def toggle(self) -> None:
        """Pause, or go to the newest line and follow."""
        self.set_following(not self._stream.is_following)

    def set_following(self, is_following: bool) -> None:
        """Pause or follow, and tell the browser."""
        if is_following and (self._stream.sampled or not self._stream.is_attached):
            self._stream.load('end')
        else:
            self._lines.run_method('follow', is_following)
        self._followed(is_following)

    def go_to_begin(self) -> None:
        """To the very first line there is."""
        self._followed(False)
        self._stream.load('begin')

    async def go_to(self, seq: int) -> int:
        """Pause, and bring this line to the middle; fetch its surroundings if it is not here.

        :return: the last line that its row stands for, which may have folded the same ones into it
        """
        self._followed(False)
        last = 0 if self._stream.sampled else int(await self._stream.ask('go', seq) or 0)
        if not last:
            self._stream.load(seq)
        return max(seq, last)

    async def go_to_error(self, *, is_backwards: bool = False) -> None:
        """The next error after the line somebody is at, or the one before; of all levels, also hidden ones.

        From the end of the log the next one is the first there is: what is asked for is where it began.
        """
        question = LogFilter(run=self.only.run, step=self.only.step).as_query() | {'levels': ['error', 'critical']}
        here = self._stream.at
        found: list[Entry] = []
        if here and is_backwards:
            found = await self._room.log.query(**question, before=here, limit=1)
        elif here:
            found = await self._room.log.query(**question, after=here, limit=1, oldest_first=True)
        found = found or await self._room.log.query(**question, limit=1, oldest_first=not is_backwards)
        if not found:
            say('There is no error in this log.')
            return
        self._stream.at = found[0].seq
        if self.only.lets_through(found[0]):
            await self.go_to(found[0].seq)
        else:
            self._on_context(found[0].seq)

    def show_search(self, search: Search | None) -> None:
        """Highlight what this search finds, here and in all that comes."""
        self._stream.mark(search)

    def fold(self, is_folding: bool) -> None:
        """Show lines that repeat the one before as one with a count, or each of them."""
        self._stream.is_folding = is_folding
        self._lines.run_method('setFolding', is_folding)
        self._stream.load_again()

    def toggle_cleared(self) -> None:
        """Show only what comes from now on, or again what this took from sight; nothing is forgotten."""
        self._stream.floor = 0 if self.is_cleared else self._room.log.last_seq
        self._stream.load('end')
        self._followed(True)

    def copy_visible(self) -> None:
        self._lines.run_method('copyVisible')
        say('The lines on the screen are copied.')

    def toggle_wrap(self) -> None:
        self._lines.run_method('toggleWrap')

    # What is drawn

    def _make_lines(self, label: str, *, has_run: bool, follows: bool) -> LogLines:
        lines = LogLines(label, has_run=has_run, follows=follows)
        lines.on('older', lambda event: self._stream.want(Next.OLDER, int(event.args)))
        lines.on('newer', lambda event: self._stream.want(Next.NEWER, int(event.args)))
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
        self._follow_words.set_text('Following' if is_following else 'Paused')
        self.follow_button.classes(replace='sy-btn is-sm log-follow' + ('' if is_following else ' is-paused'))
        set_props(self.follow_button, aria_pressed=str(is_following).lower())

    def _show(self) -> None:
        """What the window is like now."""
        self._show_pill()
        self._show_sampling()
        trouble = self._stream.trouble
        if trouble is not None:
            self._empty.set_text(f'The log cannot be read. {trouble.message} {trouble.hint}')
        else:
            self._empty.set_text('' if self._stream.rows else self._why_empty())

    def _show_pill(self) -> None:
        is_shown = not self._stream.is_following and (self._missed > 0 or not self._stream.is_attached)
        words = _few(self._missed, 'new line') if self._missed else 'Newest lines'
        if self._missed_errors:
            words = f'{_count(self._missed)} new, {_few(self._missed_errors, "error")}'
        self._pill_words.set_text(words)
        self._pill.classes(replace='log-new is-error' if self._missed_errors else 'log-new')
        set_props(self._pill, hidden=not is_shown)

    def _show_sampling(self) -> None:
        step, now = self._stream.sampled, asyncio.get_running_loop().time()
        if not step:
            self._told_sampling_at = float('-inf')
        elif now - self._told_sampling_at >= WORDS_APART:
            self._told_sampling_at = now
            text = f'Showing every line is too much, sampled 1 in {step}. Nothing is lost on disk.'
            self._notice.set_text(text)
        set_props(self._notice, hidden=not step)

    def _why_empty(self) -> str:
        if self.is_cleared:
            return 'The view is cleared. New lines appear here; the menu brings the earlier ones back.'
        if self.only == LogFilter():
            return 'No line was logged yet. What runs, prints and reports appears here at once.'
        if self.only == LogFilter(run=self.only.run, step=self.only.step):
            return 'Nothing was logged here yet.'
        return 'No line fits these filters. Take one away to see more.'

    # What comes

    def _heard(self, entries: Sequence[Entry]) -> None:
        errors = sum(entry.level in (Level.ERROR, Level.CRITICAL) for entry in entries)
        if errors:
            self._announce(errors)
        if not self._stream.is_following:
            self._missed += len(entries)
            self._missed_errors += errors
            self._show_pill()
        self._on_fresh(entries)

    def _announce(self, errors: int) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._alerted_at > ALERTS_APART:
            self._alerted_at = now
            self._alert.set_text(count_of(errors, 'new error'))

    def _moved(self, is_following: bool, at: int) -> None:
        """Somebody scrolled away from the end, or back to it. Who stops to read gets every line."""
        self._followed(is_following)
        if not is_following and self._stream.sampled:
            self._stream.load_again(at)

    def _followed(self, is_following: bool) -> None:
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
            number, _ = await self._stream.name_of(entry.run) if entry.run else ('', '')
            about = detail_of(entry, number)
        if not self.is_deleted:
            self._lines.run_method('detail', seq, about)

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


def _few(count: int, what: str) -> str:
    return count_of(count, what) if count <= 999 else f'{_count(count)} {what}s'
