"""All runs, newest first: found by number, file, text and filters, and retried, stopped or exported together."""

from typing import Any
from urllib.parse import urlencode

from nicegui import background_tasks
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.address import show_address
from pages.parts.cards import empty, guide_link, set_props
from pages.parts.dialogs import attempt
from pages.parts.html import button, el, icon, opens
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.language import N_, Words, _, _n
from synapse.language.formats import number
from synapse.runs.history.finder import RunCount
from synapse.runs.history.run_filter import RunFilter

from .bulk_bar import BulkBar
from .run_filters import RunFilters, RunsAsked
from .run_form import open_run_form
from .run_list import RunList, Selection

COUNT_SECONDS = 1.0
FORMATS = Words({'csv': 'CSV', 'jsonl': N_('JSON lines')})


async def runs_page(room: ControlRoom, asked: RunsAsked) -> None:
    """Draw the page; its filters are part of the address."""
    known = asked.known(room.calendar.zone)
    with Scope().classes('sy-page runs-page') as scope:
        if known != asked:
            show_address(scope, known.address, is_new=False)
        await RunsPage(room, scope, known).load()


class RunsPage:
    """One visit to the page."""

    def __init__(self, room: ControlRoom, scope: Scope, asked: RunsAsked) -> None:
        self._room, self._scope, self._asked = room, scope, asked
        self._count = RunCount(0, is_complete=False)
        self._links: list[tuple[TextElement, str]] = []
        self._is_counting = False
        self._count_soon = scope.at_most_every(COUNT_SECONDS, self._recount)
        self._filters = RunFilters(room, asked, self._change)
        with el('section', 'glass-card runs-card', aria_label=_('Runs')):
            with el('div', 'runs-tools'):
                self._words = el('span', 'sy-cap sy-num', role='status')
                self._bulk = BulkBar(room, lambda: self._only, lambda: self._list.rows.tell('choose', False))
                el('span', 'sy-grow')
                for form, words in FORMATS.items():
                    self._link(form, words)
            self._list = RunList(
                room, selected=self._selected, changed=self._count_soon, searching=self._show_searching
            )
            self._empty = el('div', 'runs-empty', hidden=True)
        self._show_links()

    @property
    def _only(self) -> RunFilter:
        return self._asked.as_filter(self._room.calendar.zone)

    def _link(self, form: str, words: str) -> None:
        with el(
            'a', 'sy-btn is-ghost is-sm', download='1', title=_('Download all that fit as {form}', form=words)
        ) as link:
            icon('download', size=14)
            el('span', text=words)
        self._links.append((link, form))

    async def load(self) -> None:
        """Show the newest runs; if they cannot be read, a button offers to try again."""
        asked = self._asked
        found = await self._list.show(self._only)
        if self._scope.is_deleted or asked != self._asked:
            return
        if found is None:
            self._show_failure()
        elif found.rest is None:
            self._show_count(RunCount(len(found.runs), is_complete=True))
        else:
            await self._read_count()

    # Filters

    def _change(self, asked: RunsAsked, is_step: bool) -> None:
        self._asked = asked
        self._selected(Selection())
        self._show_links()
        show_address(self._scope, asked.address, is_new=is_step)
        background_tasks.create(self._load_again(), name='list of runs')

    async def _load_again(self) -> None:
        with self._scope:
            await self.load()

    def _show_links(self) -> None:
        only = self._only
        query: dict[str, Any] = {
            'state': ','.join(sorted(only.states)),
            'pipeline': only.pipeline,
            'profile': only.profile,
            'event': only.event,
            'start': only.start.isoformat() if only.start else '',
            'end': only.end.isoformat() if only.end else '',
            'q': only.text,
        }
        given = {name: value for name, value in query.items() if value}
        for link, form in self._links:
            set_props(link, href=f'/api/v1/runs/export?{urlencode({"format": form} | given)}')

    # What fits

    def _recount(self) -> None:
        set_props(self._words, aria_live='off')  # read aloud when it was asked for, not with each new run
        if not self._is_counting:
            background_tasks.create(self._count_again(), name='count of runs')

    async def _count_again(self) -> None:
        with self._scope:
            await self._read_count()

    async def _read_count(self) -> None:
        self._is_counting = True
        try:
            await attempt(self._show_counts())
        finally:
            self._is_counting = False

    async def _show_counts(self) -> None:
        asked = self._asked
        async for count in self._room.runs.finder.counts(self._only):
            if self._scope.is_deleted or asked != self._asked:
                return
            self._show_count(count)

    def _show_count(self, count: RunCount) -> None:
        self._count = count
        if self._asked.chosen:
            self._words.set_text(_n('{runs} run fits', '{runs} runs fit', count.number, runs=self._number))
        else:
            self._words.set_text(_n('{runs} run', '{runs} runs', count.number, runs=self._number))
        self._show_empty()

    def _show_searching(self) -> None:
        set_props(self._words, aria_live='polite')
        self._words.set_text(_('Searching…'))

    @property
    def _number(self) -> str:
        return f'{number(self._count.number)}{"" if self._count.is_complete else "+"}'

    def _selected(self, selection: Selection) -> None:
        self._bulk.select(selection, self._number)

    # Nothing to show

    def _show_empty(self) -> None:
        is_empty = self._count == RunCount(0, is_complete=True)
        set_props(self._empty, hidden=not is_empty)
        self._empty.clear()
        if not is_empty:
            return
        with self._empty:
            if self._asked.chosen:
                with empty(_('No run fits these filters'), self._advice(), 'filter'):
                    button(_('Show all runs'), small=True).on('click', self._filters.show_all)
            else:
                with empty(_('No runs yet'), _('Drop a file on the dashboard, or start one from here.'), 'runs'):
                    opens(button(_('New run'), icon_name='play', small=True), lambda: open_run_form(self._room))
                    guide_link('first-run')

    def _advice(self) -> str:
        if self._asked.q and len(self._asked.chosen) == 1:
            return _('A search looks at number, files, title, parameters, state, cause and error, for all the words.')
        return _('Change a filter, or show all runs.')

    def _show_failure(self) -> None:
        set_props(self._empty, hidden=False)
        self._empty.clear()
        title, text = _('The runs could not be read'), _('They are still there. Try again in a moment.')
        with self._empty, empty(title, text, 'alert'):
            button(_('Try again'), small=True).on('click', self.load)
