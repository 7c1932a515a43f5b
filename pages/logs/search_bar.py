"""The search field of the log: it marks and counts matches and steps through them, but hides no lines."""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace

from nicegui import background_tasks
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments

from pages.parts.cards import set_props
from pages.parts.controls import TYPED
from pages.parts.html import el, for_readers, icon
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.errors import SynapseError
from synapse.language import N_, _, translated
from synapse.log.log import Entry
from synapse.log.search import Search
from synapse.log.text import plain

from .line_counts import spaced
from .view import LogView

TYPING_SECONDS = 0.12
MOST_MATCHES = 10_000
MANY_LINES = 400
RECOUNT_SECONDS = 1.0
TOO_SLOW = N_(
    'This regular expression takes too long, so not every line was searched. Simplify it, or search for text.'
)


class LogSearchBar(Scope):
    """The field with the number of matches, two switches and two arrows.

    :param changed: called with each new search, None without one
    """

    def __init__(self, room: ControlRoom, view: LogView, changed: Callable[[Search | None], None]) -> None:
        super().__init__()
        for_readers(self).classes('sy-in log-search').props['role'] = 'search'
        self.search: Search | None = None
        self._room, self._view, self._changed = room, view, changed
        self._typed_text, self._is_case, self._is_regex = '', False, False
        self._seqs: list[int] = []
        self._is_complete = True
        self._here = self._row_end = 0
        self._work: asyncio.Task[None] | None = None
        self._error = el('p', 'log-wrong sy-cap', role='status')
        with self:
            icon('search', size=14)
            self._field = el(
                'input', type_='search', placeholder=_('Search all lines'), aria_label=_('Search all lines')
            )
            self._field.props['data-key'] = 'search-log'
            self._field.props['aria-keyshortcuts'] = '/ Control+F'
            self._count = el('span', 'at sy-num', role='status')
            self._case = self._switch('Aa', _('Match case'), self._toggle_case)
            self._regex = self._switch('.*', _('Regular expression'), self._toggle_regex)
            self._arrow(_('Previous match (Shift Enter)'), True)
            self._arrow(_('Next match (Enter)'), False)
        self._field.on('input', self._typed, js_handler=TYPED)
        self._field.on(
            'keydown.enter',
            lambda event: self.step(is_backwards=bool(event.args)),
            js_handler='(e) => emit(e.shiftKey)',
        )
        self._recount_soon = self.at_most_every(RECOUNT_SECONDS, lambda: self._search_in(0))
        self.when_gone(self._stop)

    def begin_with(self, text: str, *, is_case: bool, is_regex: bool) -> None:
        """Search for what the address asks for."""
        self._typed_text, self._is_case, self._is_regex = text, is_case, is_regex
        # An attribute, not the property: the page must not overwrite what is being typed.
        self._field.props['^value'] = text
        self._show_switches()
        if text:
            self._search_in(0)

    def recount(self) -> None:
        """Count again because the filter has changed."""
        if self.search is not None:
            self._search_in(0)

    async def step(self, *, is_backwards: bool = False) -> None:
        """Go to the next match, or the previous one, wrapping around at the ends."""
        if self._work is not None and not self._work.done():
            await asyncio.wait([self._work])
        if not self._seqs:
            return
        if not self._here:
            place = len(self._seqs) - 1  # at the end of the log, the newest match comes first
        elif is_backwards:
            place = bisect_left(self._seqs, self._here) - 1
        else:
            place = bisect_right(self._seqs, self._row_end)
        self._here = self._row_end = self._seqs[place % len(self._seqs)]
        self._show_count()
        self._row_end = await self._view.go_to(self._here)

    # Typing

    def _switch(self, words: str, title: str, toggle: Callable[[], None]) -> TextElement:
        press = el('button', 'ib', words, type_='button', title=title, aria_label=title, aria_pressed='false')
        press.on('click', toggle)
        return press

    def _arrow(self, title: str, is_backwards: bool) -> None:
        with el('button', 'ib', type_='button', title=title, aria_label=title) as press:
            icon('down', size=14, classes='is-up' if is_backwards else '')
        press.on('click', lambda: self.step(is_backwards=is_backwards))

    def _typed(self, event: GenericEventArguments) -> None:
        self._typed_text = str(event.args)
        self._search_in(TYPING_SECONDS)

    def _toggle_case(self) -> None:
        self._is_case = not self._is_case
        self._show_switches()
        self._search_in(0)

    def _toggle_regex(self) -> None:
        self._is_regex = not self._is_regex
        self._show_switches()
        self._search_in(0)

    def _show_switches(self) -> None:
        set_props(self._case, aria_pressed=str(self._is_case).lower())
        set_props(self._regex, aria_pressed=str(self._is_regex).lower())

    def _stop(self) -> None:
        if self._work is not None:
            self._work.cancel()

    # Searching

    def _search_in(self, wait: float) -> None:
        self._stop()

        async def search() -> None:
            await asyncio.sleep(wait)
            with self:
                await self._find()

        self._work = background_tasks.create(search(), name='search of the log')

    async def _find(self) -> None:
        try:
            search = self._typed_search()
        except SynapseError as error:
            self._show_error(error.message)
            return
        set_props(self._count, aria_live='polite' if search != self.search else 'off')
        if search != self.search:
            self.search, self._here, self._row_end = search, 0, 0
            self._view.show_search(search)
            self._changed(search)
        if search is None:
            self._seqs = []
        else:
            try:
                among = replace(self._view.only, search=None).as_query()
                del among['search']
                found = await self._room.log.matching(search, limit=MOST_MATCHES, **among)
            except SynapseError as error:
                self._show_error(error.message)
                return
            self._seqs, self._is_complete = found.seqs, found.is_complete
        self._show_count()
        if search is not None and search.is_too_slow:
            self._show_error(translated(TOO_SLOW), count=_('Given up'))

    def _typed_search(self) -> Search | None:
        if not self._typed_text.strip():
            return None
        typed = Search(text=self._typed_text, is_case_sensitive=self._is_case, is_regex=self._is_regex)
        return self.search if typed == self.search else typed

    def add(self, entries: Sequence[Entry]) -> None:
        """Count matches in new lines; the store counts if there are many, a moment later."""
        if self.search is None:
            return
        if len(entries) > MANY_LINES or self.search.is_regex:
            self._recount_soon()
            return
        found = [entry.seq for entry in entries if self.search.is_in(plain(entry.message))]
        if found:
            self._seqs = [*self._seqs, *found][-MOST_MATCHES:]
            set_props(self._count, aria_live='off')  # only what was asked for is read aloud, not each line that comes
            self._show_count()

    def _show_count(self) -> None:
        self.classes(remove='is-wrong')
        self._count.classes(remove='is-wrong')
        self._error.set_text('')
        self._count.set_text(self._count_words())

    def _count_words(self) -> str:
        if self.search is None:
            return ''
        count = spaced(len(self._seqs)) + ('' if self._is_complete else '+')
        place = bisect_left(self._seqs, self._here)
        if self._here and place < len(self._seqs) and self._seqs[place] == self._here:
            return _('{place} of {count}', place=place + 1, count=count)
        if self._seqs:
            return _('{count} found', count=count)
        return _('No matches') if self._is_complete else _('None so far')

    def _show_error(self, message: str, *, count: str = '') -> None:
        """Say what is wrong with the pattern; the matches of the last valid one are kept."""
        self.classes('is-wrong')
        self._count.classes('is-wrong')
        self._count.set_text(count or _('Invalid pattern'))
        self._error.set_text(message)
