"""The search field of the log: it finds, counts and leads from match to match, and hides nothing."""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace

from nicegui import background_tasks
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments

from pages.parts.cards import set_props
from pages.parts.html import el, icon
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.errors import SynapseError
from synapse.log.log import Entry
from synapse.log.search import Search
from synapse.log.text import plain

from .view import LogView

TYPING_SECONDS = 0.12
MOST_MATCHES = 10_000
MANY_LINES = 400
RECOUNT_SECONDS = 1.0


class LogSearchBar(Scope):
    """The field with its count, its switches and its arrows.

    :param changed: called with the search when another one begins, None for none
    """

    def __init__(self, room: ControlRoom, view: LogView, changed: Callable[[Search | None], None]) -> None:
        super().__init__()
        self.classes('sy-in log-search').props['role'] = 'search'
        self.search: Search | None = None
        self._room, self._view, self._changed = room, view, changed
        self._wanted, self._is_case, self._is_regex = '', False, False
        self._seqs: list[int] = []
        self._is_complete = True
        self._here = self._past = 0
        self._work: asyncio.Task[None] | None = None
        self._why = el('p', 'log-wrong sy-cap', role='status')
        with self:
            icon('search', size=14)
            self._field = el('input', type_='search', placeholder='Search all lines', aria_label='Search all lines')
            self._field.props['data-key'] = 'search-log'
            self._field.props['aria-keyshortcuts'] = '/ Control+F'
            self._count = el('span', 'at sy-num', role='status')
            self._case = self._switch('Aa', 'Upper and lower case as typed', self._toggle_case)
            self._regex = self._switch('.*', 'A regular expression', self._toggle_regex)
            self._arrow('Match before (Shift Enter)', True)
            self._arrow('Next match (Enter)', False)
        self._field.on('input', self._typed, js_handler='(e) => emit(e.target.value)')
        self._field.on(
            'keydown.enter',
            lambda event: self.step(is_backwards=bool(event.args)),
            js_handler='(e) => emit(e.shiftKey)',
        )
        self._recount_soon = self.at_most_every(RECOUNT_SECONDS, lambda: self._begin(0))
        self.when_gone(self._stop)

    def begin_with(self, text: str, *, is_case: bool, is_regex: bool) -> None:
        """Search for what the address says."""
        self._wanted, self._is_case, self._is_regex = text, is_case, is_regex
        # An attribute, not the property: the page must not write over what is being typed.
        self._field.props['^value'] = text
        self._show_switches()
        if text:
            self._begin(0)

    def recount(self) -> None:
        """The filter has changed: other lines may match."""
        if self.search is not None:
            self._begin(0)

    async def step(self, *, is_backwards: bool = False) -> None:
        """Go to the next match after the one somebody is at, or to the one before; around the end."""
        if self._work is not None and not self._work.done():
            await asyncio.wait([self._work])
        if not self._seqs:
            return
        if not self._here:
            place = len(self._seqs) - 1  # from the end of the log the newest is the next
        elif is_backwards:
            place = bisect_left(self._seqs, self._here) - 1
        else:
            place = bisect_right(self._seqs, self._past)
        self._here = self._past = self._seqs[place % len(self._seqs)]
        self._show_count()
        self._past = await self._view.go_to(self._here)

    # What is typed

    def _switch(self, words: str, title: str, toggle: Callable[[], None]) -> TextElement:
        press = el('button', 'ib', words, type_='button', title=title, aria_label=title, aria_pressed='false')
        press.on('click', toggle)
        return press

    def _arrow(self, title: str, is_backwards: bool) -> None:
        with el('button', 'ib', type_='button', title=title, aria_label=title) as press:
            icon('down', size=14, classes='is-up' if is_backwards else '')
        press.on('click', lambda: self.step(is_backwards=is_backwards))

    def _typed(self, event: GenericEventArguments) -> None:
        self._wanted = str(event.args)
        self._begin(TYPING_SECONDS)

    def _toggle_case(self) -> None:
        self._is_case = not self._is_case
        self._show_switches()
        self._begin(0)

    def _toggle_regex(self) -> None:
        self._is_regex = not self._is_regex
        self._show_switches()
        self._begin(0)

    def _show_switches(self) -> None:
        set_props(self._case, aria_pressed=str(self._is_case).lower())
        set_props(self._regex, aria_pressed=str(self._is_regex).lower())

    def _stop(self) -> None:
        if self._work is not None:
            self._work.cancel()

    # What is found

    def _begin(self, wait: float) -> None:
        self._stop()

        async def look() -> None:
            await asyncio.sleep(wait)
            with self:
                await self._look()

        self._work = background_tasks.create(look(), name='search of the log')

    async def _look(self) -> None:
        try:
            search = self._asked()
        except SynapseError as error:
            self._say_wrong(error.message)
            return
        if search != self.search:
            self.search, self._here, self._past = search, 0, 0
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
                self._say_wrong(error.message)
                return
            self._seqs, self._is_complete = found.seqs, found.is_complete
        self._show_count()

    def _asked(self) -> Search | None:
        if not self._wanted.strip():
            return None
        asked = Search(text=self._wanted, is_case_sensitive=self._is_case, is_regex=self._is_regex)
        return self.search if asked == self.search else asked

    def add(self, entries: Sequence[Entry]) -> None:
        """Lines that have just come; many at once are counted by the store, a moment later."""
        if self.search is None:
            return
        if len(entries) > MANY_LINES or self.search.is_regex:
            self._recount_soon()
            return
        found = [entry.seq for entry in entries if self.search.is_in(plain(entry.message))]
        if found:
            self._seqs = [*self._seqs, *found][-MOST_MATCHES:]
            self._show_count()

    def _show_count(self) -> None:
        self.classes(remove='is-wrong')
        self._count.classes(remove='is-wrong')
        self._why.set_text('')
        self._count.set_text(self._counted())

    def _counted(self) -> str:
        if self.search is None:
            return ''
        count = f'{len(self._seqs):,}'.replace(',', '\u202f') + ('' if self._is_complete else '+')
        place = bisect_left(self._seqs, self._here)
        if self._here and place < len(self._seqs) and self._seqs[place] == self._here:
            return f'{place + 1} of {count}'
        return f'{count} found' if self._seqs else 'None found' if self._is_complete else 'None so far'

    def _say_wrong(self, message: str) -> None:
        """What was found before stays; the pattern is typed on."""
        self.classes('is-wrong')
        self._count.classes('is-wrong')
        self._count.set_text('Not a pattern yet')
        self._why.set_text(message)
