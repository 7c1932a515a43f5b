"""The Logs page: counters that filter by level, a histogram to select a time range from, live lines, and a search."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from nicegui import background_tasks, ui
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.address import replace_address
from pages.parts.cards import set_props
from pages.parts.controls import Picker
from pages.parts.dialogs import attempt, confirm, say
from pages.parts.html import Glyph, button, el, icon, opens
from pages.parts.popup import menu
from pages.parts.readers import may_only_look
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.language import N_, _, _p, own_language, translated
from synapse.log.log import Level
from synapse.log.messages import LinesLogged
from synapse.log.search import Search

from .counters import LevelCounters
from .filter import LogFilter, groups_from, groups_text
from .histogram import LogHistogram
from .range_picker import RangePicker, range_from, range_text
from .search_bar import LogSearchBar
from .view import LogView

TEST_LINES = (
    (Level.INFO, N_('+ Info'), N_('A test line: all is well')),
    (Level.SUCCESS, N_('+ Success'), N_('A test line: it worked')),
    (Level.WARNING, N_('+ Warning'), N_('A test line: have a look')),
    (Level.ERROR, N_('+ Error'), N_('A test line: this failed')),
)
RUNS_OFFERED = 50
SOURCES_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The query parameters of the address, as text; empty if absent.

    `levels` are groups separated by commas, `t` is a time range, `run` a number or an id, `line` the number of a line
    to open at; `case`, `regex` and `only` are `1` or empty.
    """

    levels: str = ''
    q: str = ''
    case: str = ''
    regex: str = ''
    only: str = ''
    source: str = ''
    run: str = ''
    t: str = ''
    line: str = ''


async def logs_page(room: ControlRoom, asked: Asked) -> None:
    """Draw the page; its filters are kept in the address."""
    with Scope().classes('sy-page logs-page') as scope:
        run = await _run_id(room, asked.run)
        if not scope.is_deleted:
            LogsPage(room, scope, asked, run)


async def _run_id(room: ControlRoom, run: str) -> str | None:
    if not run:
        return None
    try:
        return (await room.runs.find(run)).id
    except NotFound:
        return run


class LogsPage:
    """One visit to the page."""

    def __init__(self, room: ControlRoom, scope: Scope, asked: Asked, run: str | None) -> None:
        self.room = room
        self.scope = scope
        self._run_words = asked.run
        self._time = asked.t
        self._is_only = asked.only == '1'
        self._sources_offered: dict[str, str] = {}
        self._runs_offered: dict[str, str] = {}
        start, end = range_from(asked.t, room.calendar.zone)
        self.only = LogFilter(groups=groups_from(asked.levels), source=asked.source, run=run, start=start, end=end)
        if not may_only_look(scope.client):
            room.log.mark_seen()
        self._counters = LevelCounters(room, changed=lambda groups: self._change(replace(self.only, groups=groups)))
        self._counters.press(self.only.groups)
        self._histogram = LogHistogram(room, self.only, on_select=self._select)
        with el('section', 'glass-card log-card', aria_label=_('Log')):
            tools = el('div', 'log-tools')
            self._view = LogView(
                room,
                self.only,
                line=int(asked.line) if asked.line.isdecimal() else None,
                on_lines=lambda entries: self._search.add(entries),
                on_context=self._show_in_context,
                on_source=self._show_source,
            )
        with tools:
            self._tools(tools, asked)
        self._offer_soon = scope.at_most_every(SOURCES_SECONDS, self._read_sources)
        scope.follow(room.bus, LinesLogged, self._lines_logged)
        background_tasks.create(self._offer_runs(), name='runs of the log page')
        self._read_sources()

    # Tools above the lines

    def _tools(self, tools: ui.element, asked: Asked) -> None:
        self._search = LogSearchBar(self.room, self._view, self._searched)
        self._search.begin_with(asked.q, is_case=asked.case == '1', is_regex=asked.regex == '1')
        self._sources = Picker(
            {'': _('All sources')},
            '',
            label=_('Source'),
            changed=lambda source: self._change(replace(self.only, source=source)),
        )
        self._runs = Picker({'': _('All runs')}, '', label=_p('noun', 'Run'), changed=self._choose_run)
        self._range = RangePicker(self.room, self._choose_time)
        self._range.show(self._time)
        el('span', 'sy-grow')
        about = {'aria_label': _('Wrap long lines (W)'), 'title': _('Wrap (W)'), 'data_key': 'wrap'}
        button('', icon_name='wrap', kind='ghost', small=True, **about).on('click', self._view.toggle_wrap)
        self._links: list[tuple[TextElement, str]] = []
        self._download('txt', 'sy-btn is-ghost is-sm is-icon', '')
        self._view.follow_button.move(tools)
        self._menu()

    def _download(self, form: str, classes: str, words: str) -> None:
        link = el('a', classes, download='1')
        with link:
            icon('download', size=14)
            if words:
                el('span', text=words)
                set_props(link, role='menuitem')
            else:
                set_props(link, aria_label=_('Download as text'), title=_('Download the filtered lines as text'))
        self._links.append((link, form))

    def _menu(self) -> None:
        view = self._view
        previous_error = partial(view.go_to_error, is_backwards=True)
        more = button('', icon_name='dots', kind='ghost', small=True, aria_label=_('More'), aria_haspopup='menu')
        with more, menu(_('More')) as popup:
            popup.props('anchor="bottom right" self="top right" auto-close')
            self._entry('copy', _('Copy visible lines'), view.copy_visible)
            self._download('txt', '', _('Download as text'))
            self._download('jsonl', '', _('Download as JSON lines'))
            el('span', 'sep')
            self._only_words = self._entry('filter', '', self._toggle_only)
            self._fold_words = self._entry('repeat', '', self._toggle_folding, kbd='.', key='fold')
            self._entry('arrdown', _('Next error'), view.go_to_error, kbd='E', key='first-error')
            self._entry('clockback', _('Previous error'), previous_error, kbd=_('Shift E'), key='last-error')
            self._clear_words = self._entry('x', '', self._clear_view, kbd='C', key='clear-view')
            el('span', 'sep')
            el('span', 'head', _('Write a test line'))
            for level, words, message in TEST_LINES:
                self._test_line(level, translated(words), translated(message, own_language()))
            el('span', 'sep')
            self._entry('trash', _('Clear the log…'), self._clear, classes='is-red', asks=True)
        self._show_links()
        self._show_menu()

    def _entry(
        self,
        icon_name: str,
        words: str,
        work: Callable[[], Any],
        *,
        kbd: str = '',
        key: str = '',
        classes: str = '',
        asks: bool = False,
    ) -> TextElement:
        with el('button', classes, type_='button', role='menuitem') as entry:
            icon(icon_name, size=14)
            label = el('span', 'sy-grow', words)
            if kbd:
                el('span', 'sy-kbd', kbd)
        opens(entry, work) if asks else entry.on('click', work)
        if key:
            # A closed menu is not in the document; the key needs an element that always is.
            hidden = el('button', 'sy-vh', type_='button', tabindex='-1', aria_hidden='true', data_key=key)
            hidden.on('click', work)
            hidden.move(self.scope)
        return label

    def _test_line(self, level: Level, words: str, message: str) -> None:
        with el('button', f'lv-{level.value}', type_='button', role='menuitem') as entry:
            Glyph(level.value, is_level=True)
            el('span', text=words)
        entry.on('click', lambda: self.room.log.append(level, message, source='test'))

    def _show_menu(self) -> None:
        self._only_words.set_text(_('Show all lines again') if self._is_only else _('Only matches'))
        self._fold_words.set_text(_('Show each repeated line') if self._view.is_folding else _('Fold repeated lines'))
        self._clear_words.set_text(_('Show cleared lines again') if self._view.is_cleared else _('Clear the view'))

    def _show_links(self) -> None:
        for link, form in self._links:
            query = {'format': form} | _export_query(self.only)
            set_props(link, href=f'/api/v1/logs/export?{urlencode(query, doseq=True)}')

    # Filters

    def _change(self, only: LogFilter, *, line: int | None = None) -> None:
        if only == self.only and line is None:
            return
        self.only = only
        self._counters.press(only.groups)
        self._show_links()
        self._view.show(only, line=line)
        self._search.recount()
        self._histogram.show(only)
        self._write_address()

    def _write_address(self) -> None:
        search = self._search.search
        parts = {
            'levels': '' if self.only.groups is None else groups_text(self.only.groups),
            'source': self.only.source,
            'run': self._run_words if self.only.run else '',
            't': self._time,
            'q': search.text if search else '',
            'case': '1' if search and search.is_case_sensitive else '',
            'regex': '1' if search and search.is_regex else '',
            'only': '1' if search and self._is_only else '',
        }
        query = urlencode({name: value for name, value in parts.items() if value})
        replace_address(self.scope, f'/logs?{query}' if query else '/logs')

    def _searched(self, search: Search | None) -> None:
        if self._is_only:
            self._change(replace(self.only, search=search))
        self._write_address()

    def _toggle_only(self) -> None:
        if self._search.search is None:
            say(_('Search for something first.'))
            return
        self._is_only = not self._is_only
        self._change(replace(self.only, search=self._search.search if self._is_only else None))
        self._show_menu()

    def _show_source(self, source: str) -> None:
        self._change(replace(self.only, source=source))
        self._read_sources()

    def _choose_run(self, number: str) -> None:
        async def choose() -> None:
            run = await _run_id(self.room, number)
            if not self.scope.is_deleted:
                with self.scope:
                    self._run_words = number
                    self._change(replace(self.only, run=run))

        background_tasks.create(choose(), name='run of the log page')

    def _choose_time(self, start: datetime | None, end: datetime | None, word: str) -> None:
        self._time = word
        self._change(replace(self.only, start=start, end=end))

    def _select(self, start: datetime | None, end: datetime | None) -> None:
        """Filter by the range that was selected in the histogram."""
        self._time = range_text(start, end, self.room.calendar.zone)
        self._range.show(self._time)
        self._change(replace(self.only, start=start, end=end))

    def _show_in_context(self, seq: int) -> None:
        """Show this line among all others: no filter is kept."""
        self._time = self._run_words = ''
        self._is_only = False
        self._range.show('')
        self._sources.offer(self._sources_offered, '')
        self._runs.offer(self._runs_offered, '')
        self._show_menu()
        self._change(LogFilter(), line=seq)

    # Sources and runs to filter by

    def _lines_logged(self, message: LinesLogged) -> None:
        # With this page open, errors are seen as they arrive.
        self.room.log.mark_seen()
        if any(entry.source not in self._sources_offered for entry in message.entries[-100:]):
            self._offer_soon()

    def _read_sources(self) -> None:
        background_tasks.create(self._offer_sources(), name='sources of the log page')

    async def _offer_sources(self) -> None:
        known = {source for source, _lines in await self.room.log.sources()} | {self.only.source} - {''}
        if self.scope.is_deleted:
            return
        offered = {source: source[:40] for source in sorted(known, key=str.casefold) if source}
        with self.scope:
            self._sources_offered = {'': _('All sources')} | offered
            self._sources.offer(self._sources_offered, self.only.source)

    async def _offer_runs(self) -> None:
        runs = await self.room.runs.page(limit=RUNS_OFFERED)
        if self.scope.is_deleted:
            return
        offered = {str(run.number): f'#{run.number} {run.subject or run.pipeline}'[:40] for run in runs}
        with self.scope:
            self._runs_offered = {'': _('All runs')} | offered
        if self._run_words:
            self._runs_offered.setdefault(self._run_words, f'#{self._run_words}')
        with self.scope:
            self._runs.offer(self._runs_offered, self._run_words)

    # The menu

    def _toggle_folding(self) -> None:
        self._view.fold(not self._view.is_folding)
        self._show_menu()

    def _clear_view(self) -> None:
        self._view.toggle_cleared()
        self._show_menu()

    async def _clear(self) -> None:
        text = _('All lines are removed from this machine for good. Runs and their files are kept.')
        if await confirm(_('Clear the log?'), text, yes=_('Clear the log'), no=_('Keep it')):
            await attempt(self.room.log.clear(None, who=_('The logs page')))


def _export_query(only: LogFilter) -> dict[str, Any]:
    """The filter as query parameters of the export in the API."""
    query = {name: value for name, value in only.as_query().items() if value is not None and name != 'search'}
    if only.search is not None:
        query |= {'q': only.search.text, 'case': only.search.is_case_sensitive, 'regex': only.search.is_regex}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in query.items()}
