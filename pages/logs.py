"""The log of everything: counters that filter, search, live lines, and buttons that write a test line."""

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from nicegui import background_tasks, ui
from nicegui.events import GenericEventArguments

from synapse.bus import LinesLogged
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.log import Entry, Level

from .parts.cards import put
from .parts.dialogs import attempt, confirm
from .parts.html import Glyph, button, el, icon
from .parts.log_filter import GROUPS, LogFilter, groups_from, groups_text
from .parts.log_view import LogView, follow_button
from .parts.picker import Picker
from .parts.run_side import find_run
from .parts.scope import Scope
from .parts.words import clock_of

WORDS = {'info': 'Info', 'success': 'Success', 'warning': 'Warning', 'error': 'Error'}
TEST_LINES = (
    (Level.INFO, '+ Info', 'A test line: all is well'),
    (Level.SUCCESS, '+ Success', 'A test line: it worked'),
    (Level.WARNING, '+ Warning', 'A test line: have a look'),
    (Level.ERROR, '+ Error', 'A test line: this failed'),
)
TYPING_SECONDS = 0.25
RUNS_OFFERED = 50


async def logs_page(
    room: ControlRoom, *, levels: str = '', q: str = '', source: str = '', run: str = '', line: str = ''
) -> None:
    """The page. Its filters live in the address.

    :param levels: groups of levels, with commas between them
    :param run: number or id of a run
    :param line: number of a line to open at
    """
    with Scope().classes('sy-page logs-page') as scope:
        only = LogFilter(groups=groups_from(levels), q=q, source=source, run=await _run_id(room, run))
        if not scope.is_deleted:
            LogsPage(room, scope, only, run=run, line=int(line) if line.isdecimal() else None)


async def _run_id(room: ControlRoom, run: str) -> str | None:
    if not run:
        return None
    try:
        return (await find_run(room, run)).id
    except NotFound:
        return run


class LogsPage:
    """One visit of the page."""

    def __init__(self, room: ControlRoom, scope: Scope, only: LogFilter, *, run: str, line: int | None) -> None:
        self.room = room
        self.scope = scope
        self.only = only
        self._run_words = run
        self._typing: asyncio.Task[None] | None = None
        room.log.seen()
        with el('div', 'log-counters'):
            self._counters = {group: _Counter(room, scope, group, self._toggle) for group in GROUPS}
        with el('section', 'glass-card log-card', aria_label='Log'):
            tools = el('div', 'log-tools')
            self._view = LogView(room, only, line=line)
        with tools:
            self._tools()
        self._view.on_source = self._show_source
        scope.follow(room.bus, LinesLogged, self._heard)
        scope.when_gone(self._stop_typing)
        self._show_counters()
        background_tasks.create(self._offer_runs(), name='runs of the log page')

    def _tools(self) -> None:
        with el('label', 'sy-in log-search'):
            icon('search', size=14)
            search = el('input', type_='search', placeholder='Search all lines', aria_label='Search all lines')
            # An attribute, not the property: the page must not write over what is being typed.
            search.props['^value'] = self.only.q
            search.props['data-key'] = 'search-log'
            search.on('input', self._typed, js_handler='(e) => emit(e.target.value)')
            el('span', 'sy-kbd', '/')
        self._sources = Picker(
            {'': 'All sources'},
            '',
            label='Source',
            changed=lambda source: self._change(replace(self.only, source=source)),
        )
        self._offer_sources()
        self._runs = Picker({'': 'All runs'}, '', label='Run', changed=self._choose_run)
        el('span', 'sy-grow')
        with el('div', 'log-tests', role='group', aria_label='Write a test line'):
            for level, words, message in TEST_LINES:
                self._test_button(level, words, message)
        follow_button(self._view)
        self._menu()

    def _test_button(self, level: Level, words: str, message: str) -> None:
        group = next(group for group, levels in GROUPS.items() if level in levels)
        test = button(words, kind='ghost', small=True).classes(f'lv-{group}')
        test.on('click', lambda: self.room.log.append(level, message, source='test'))

    def _menu(self) -> None:
        more = button('', icon_name='dots', kind='ghost', small=True, aria_label='More')
        with more, ui.menu().props('anchor="bottom right" self="top right"') as menu, el('div', 'sy-menu'):
            self._entry('arrdown', 'First error', self._view.go_to_first_error, menu, kbd='E')
            self._entry('clockback', 'Show older lines', self._view.show_older, menu)
            self._links = [
                (el('a', '', download='1'), form, words)
                for form, words in (('txt', 'Download as text'), ('jsonl', 'Download JSON lines'))
            ]
            for link, _, words in self._links:
                with link:
                    icon('download', size=14)
                    el('span', text=words)
            el('span', 'sep')
            self._entry('trash', 'Clear the log', self._clear, menu)
        self._show_links()

    def _entry(self, icon_name: str, words: str, work: Any, menu: ui.menu, *, kbd: str = '') -> None:
        with el('button', '', type_='button') as entry:
            icon(icon_name, size=14)
            el('span', text=words)
            if kbd:
                el('span', 'sy-kbd', kbd)
                entry.props['data-key'] = 'first-error'
        entry.on('click', menu.close)
        entry.on('click', work)

    # Filters

    def _toggle(self, group: str, is_alone: bool) -> None:
        shown = set(GROUPS if self.only.groups is None else self.only.groups)
        shown = {group} if is_alone and shown != {group} else set(GROUPS) if is_alone else shown ^ {group}
        self._change(replace(self.only, groups=None if shown == set(GROUPS) else frozenset(shown)))

    def _stop_typing(self) -> None:
        if self._typing is not None:
            self._typing.cancel()

    def _typed(self, event: GenericEventArguments) -> None:
        self._stop_typing()

        async def search() -> None:
            await asyncio.sleep(TYPING_SECONDS)
            with self.scope:
                self._change(replace(self.only, q=str(event.args)))

        self._typing = background_tasks.create(search(), name='search of the log page')

    def _show_source(self, source: str) -> None:
        self._change(replace(self.only, source=source))
        self._offer_sources()

    def _choose_run(self, number: str) -> None:
        async def choose() -> None:
            run = await _run_id(self.room, number)
            if not self.scope.is_deleted:
                with self.scope:
                    self._run_words = number
                    self._change(replace(self.only, run=run))

        background_tasks.create(choose(), name='run of the log page')

    def _change(self, only: LogFilter) -> None:
        if only == self.only:
            return
        self.only = only
        self._show_counters()
        self._show_links()
        self._view.show(only)
        ui.navigate.history.replace(f'/logs?{query}' if (query := self._address()) else '/logs')

    def _address(self) -> str:
        parts = {
            'levels': '' if self.only.groups is None else groups_text(self.only.groups),
            'source': self.only.source,
            'run': self._run_words if self.only.run else '',
            'q': self.only.q,
        }
        return urlencode({name: value for name, value in parts.items() if value})

    # What is shown

    def _show_counters(self) -> None:
        for group, counter in self._counters.items():
            counter.press(self.only.groups is None or group in self.only.groups)

    def _show_links(self) -> None:
        filters = {'source': self.only.source, 'run': self.only.run or '', 'q': self.only.q}
        if self.only.groups in (frozenset({'error'}), frozenset({'error', 'warning'})):
            filters['level'] = 'error' if self.only.groups == frozenset({'error'}) else 'warning'
        for link, form, _ in self._links:
            query = urlencode({'format': form} | {name: value for name, value in filters.items() if value})
            put(link, href=f'/api/v1/logs/export?{query}')

    def _heard(self, message: LinesLogged) -> None:
        # Whoever has this page open sees the errors as they come.
        self.room.log.seen()
        if any(entry.source not in self._known_sources for entry in message.entries):
            self._offer_sources()

    def _offer_sources(self) -> None:
        self._known_sources = {entry.source for entry in self.room.log.ring} | {self.only.source} - {''}
        offered = {'': 'All sources'} | {
            source: source[:40] for source in sorted(self._known_sources, key=str.casefold)
        }
        self._sources.offer(offered, self.only.source)

    async def _offer_runs(self) -> None:
        runs = await self.room.runs.list(limit=RUNS_OFFERED)
        if self.scope.is_deleted:
            return
        offered = {'': 'All runs'} | {
            str(run.number): f'#{run.number} {run.subject or run.pipeline}'[:40] for run in runs
        }
        if self._run_words:
            offered.setdefault(self._run_words, f'#{self._run_words}')
        self._runs.offer(offered, self._run_words)

    async def _clear(self) -> None:
        text = 'Every line is removed from this machine for good. What runs and their outputs stay.'
        if await confirm('Clear the log?', text, yes='Clear the log', no='Keep it'):
            await attempt(self.room.log.clear(None, who='The logs page'))


class _Counter:
    """How many lines of a group of levels there are; pressed while they are shown."""

    def __init__(self, room: ControlRoom, scope: Scope, group: str, toggled: Any) -> None:
        self._room = room
        self._levels = GROUPS[group]
        self._words = WORDS[group]
        with el('button', f'stat-card log-counter lv-{group}', type_='button') as self._box:
            with el('span', 'k'):
                Glyph(group, is_level=True).classes('sy-stg')
                el('span', text=WORDS[group])
                self._last = el('span', 'last sy-num')
            self._count = el('span', 'v')
        self._box.props['title'] = 'Show or hide these lines. With Alt: only these.'
        self._box.on('click', lambda event: toggled(group, bool(event.args)), js_handler='(e) => emit(e.altKey)')
        self._show_last(next((entry for entry in reversed(room.log.ring) if entry.level in self._levels), None))
        self._show_count()
        scope.watch(room.log.counters, tuple(level.value for level in self._levels), self._show_count)
        scope.follow(room.bus, LinesLogged, self._heard)

    def press(self, is_pressed: bool) -> None:
        put(self._box, aria_pressed=str(is_pressed).lower())

    def _show_count(self) -> None:
        count = sum(getattr(self._room.log.counters, level.value) for level in self._levels)
        self._count.set_text(f'{count:,}'.replace(',', '\u202f'))
        put(self._box, aria_label=f'{self._words}, {count} line{"" if count == 1 else "s"}')

    def _heard(self, message: LinesLogged) -> None:
        self._show_last(next((entry for entry in reversed(message.entries) if entry.level in self._levels), None))

    def _show_last(self, entry: Entry | None) -> None:
        if entry is not None:
            self._last.set_text(f'last {clock_of(entry.timestamp)}')
