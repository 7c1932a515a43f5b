"""All runs, newest first; rows change in place while they run."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from pages.parts.cards import empty, set_props
from pages.parts.controls import Picker
from pages.parts.dialogs import attempt
from pages.parts.html import WORDS, Glyph, button, el, look_of, opens
from pages.parts.scope import Scope
from pages.parts.words import clock_of, day_of, length_of, millis, pipeline_color, pipeline_title, step_title, title_of
from synapse.control_room import ControlRoom
from synapse.runs.messages import RunChanged, RunsRemoved
from synapse.runs.records import RunRecord, RunState

from .run_form import open_run_form

PAGE = 50


async def runs_page(room: ControlRoom, state: str = '', pipeline: str = '', profile: str = '') -> None:
    """The page; its filters live in the address."""
    with Scope().classes('sy-page') as scope:
        filters = {'state': state, 'pipeline': pipeline, 'profile': profile}
        filters['state'] = state if state in {item.value for item in RunState} else ''
        page = RunsPage(room, scope, filters)
        await page.load()


class RunsPage:
    """One visit of the page. What a filter hides comes back with the filter, never by itself."""

    def __init__(self, room: ControlRoom, scope: Scope, filters: dict[str, str]) -> None:
        self._room = room
        self._scope = scope
        self._filters = filters
        self._rows: dict[str, _Row] = {}
        self._oldest: int | None = None
        self._is_loading = False
        with el('div', 'runs-page'):
            self._draw_filters()
            with el('section', 'glass-card runs-list', aria_label='Runs'):
                with el('div', 'runs-head', aria_hidden='true'):
                    for words in ('', 'Run', 'About', 'State', 'Took', 'Started'):
                        el('span', text=words)
                self._list = el('ul')
                self._empty = el('div', hidden=True)
            self._more = button('Show older').on('click', self.load)
            self._more.props['hidden'] = True
        scope.follow(room.bus, RunChanged, self._changed)
        scope.follow(room.bus, RunsRemoved, lambda message: self._drop(message.ids))

    def _draw_filters(self) -> None:
        room, chosen = self._room, self._filters
        states = {'': 'All states'} | {state.value: WORDS[state] for state in RunState}
        pipelines = {'': 'All pipelines'} | {info.name: info.title for info in room.catalog.all() if info.is_runnable}
        profiles = {'': 'All profiles'} | {item.id: item.label for item in room.profiles.all()}
        # What an old link names may be gone by now; the runs of it are not.
        pipelines.setdefault(chosen['pipeline'], chosen['pipeline'])
        profiles.setdefault(chosen['profile'], chosen['profile'])
        with el('div', 'runs-filters'):
            for name, words, options in (
                ('state', 'State', states),
                ('pipeline', 'Pipeline', pipelines),
                ('profile', 'Profile', profiles),
            ):
                self._draw_filter(name, words, options)
            if any(chosen.values()):
                clear = button('Show all', icon_name='x', kind='ghost', small=True)
                clear.on('click', lambda: ui.navigate.to('/runs'))

    def _draw_filter(self, name: str, words: str, options: dict[str, str]) -> None:
        def changed(value: str) -> None:
            filters = {key: text for key, text in (self._filters | {name: value}).items() if text}
            ui.navigate.to(f'/runs?{urlencode(filters)}' if filters else '/runs')

        Picker(options, self._filters[name], label=words, changed=changed)

    async def load(self) -> None:
        """One page more, older than those shown."""
        if self._is_loading:
            return
        self._is_loading = True
        chosen: dict[str, Any] = {key: text for key, text in self._filters.items() if text}
        runs = await attempt(self._room.runs.page(before=self._oldest, limit=PAGE, **chosen))
        self._is_loading = False
        if self._scope.is_deleted:
            return
        with self._list:
            for run in runs or []:
                if run.id not in self._rows:  # it may have come by push meanwhile
                    self._rows[run.id] = _Row(self._room, run)
        if runs:
            self._oldest = runs[-1].number
        set_props(self._more, hidden=len(runs or []) < PAGE)
        self._show_empty()

    def _show_empty(self) -> None:
        is_empty = not self._rows
        set_props(self._empty, hidden=not is_empty)
        self._empty.clear()
        if not is_empty:
            return
        with self._empty:
            if any(self._filters.values()):
                with empty('No run fits these filters', 'Others may.', 'filter'):
                    button('Show all', small=True).on('click', lambda: ui.navigate.to('/runs'))
            else:
                with empty('No runs yet', 'Drop a file on the dashboard, or start one from here.', 'runs'):
                    opens(button('New run', icon_name='play', small=True), lambda: open_run_form(self._room))

    def _changed(self, message: RunChanged) -> None:
        run = message.run
        row = self._rows.get(run.id)
        if row is not None:
            if self._fits(run):
                row.show(run)
            else:
                self._drop([run.id])
        elif message.moved and self._fits(run) and self._is_in_reach(run):
            self._insert(run)

    def _drop(self, ids: Iterable[str]) -> None:
        for id in ids:
            if id in self._rows:
                self._rows.pop(id).item.delete()
        self._show_empty()

    def _fits(self, run: RunRecord) -> bool:
        wanted = self._filters
        return (
            wanted['state'] in ('', run.state.value)
            and wanted['pipeline'] in ('', run.pipeline)
            and wanted['profile'] in ('', run.profile or '')
        )

    def _is_in_reach(self, run: RunRecord) -> bool:
        """Whether it belongs among the rows shown, rather than to older ones not loaded yet."""
        return self._oldest is None or run.number > self._oldest or bool(self._more.props.get('hidden'))

    def _insert(self, run: RunRecord) -> None:
        place = sum(row.number > run.number for row in self._rows.values())
        with self._list:
            row = self._rows[run.id] = _Row(self._room, run)
        row.item.move(self._list, place)
        self._show_empty()


class _Row:
    """One run; a link to its page."""

    def __init__(self, room: ControlRoom, run: RunRecord) -> None:
        self._room = room
        self._shown: RunRecord | None = None
        self.number = run.number
        with el('li') as self.item, el('a', 'runs-row', href=f'/runs/{run.number}') as self._link:
            self._glyph = Glyph(run.state)
            el('span', 'sy-num sy-2', f'#{run.number}')
            with el('span', 'about'):
                el('b', 'sy-ell', title_of(room, run))
                with el('span', f'sy-x sy-cap {pipeline_color(room, run.pipeline)}'):
                    el('i', 'sy-pdot')
                    el('span', 'sy-ell', ' · '.join(self._facts(run)))
            with el('span', 'state'):
                self._what = el('span', 'sy-ell')
                with el('span', 'sy-track', role='progressbar', hidden=True) as self._track:
                    self._bar = el('i')
            self._took = el('span', 'sy-num sy-2 took')
            el('span', 'sy-cap sy-num when', f'{day_of(room, run.created_at)} {clock_of(room, run.created_at)}')
        self.show(run)

    def _facts(self, run: RunRecord) -> list[str]:
        facts = [pipeline_title(self._room, run.pipeline)] if run.subject else []
        return [*facts, *filter(None, (run.profile or '', run.because))]

    def show(self, run: RunRecord) -> None:
        """Bring the row to the state of its run."""
        if self._shown is None or self._shown.state is not run.state:
            self._link.classes(replace=f'runs-row st-{look_of(run.state)}')
            self._glyph.show(run.state)
            self._show_time(run)
        self._shown = run
        words = self._words(run)
        self._what.set_text(words)
        set_props(self._link, aria_label=f'#{run.number} {title_of(self._room, run)}, {words}')
        active = run.active_step
        set_props(self._track, hidden=active is None, aria_valuenow=f'{active.progress:.0f}' if active else None)
        if active is not None:
            self._bar.style(f'width:{active.progress:.1f}%')

    def _words(self, run: RunRecord) -> str:
        active = run.active_step
        if run.is_stopping and not run.state.is_final:
            return 'Stopping'
        if run.is_pausing:
            return 'Pausing'
        if active is not None and run.state is RunState.RUNNING:
            return f'{step_title(self._room, run.pipeline, active.name)} {active.progress:.0f} %'
        if run.failed_step is not None and run.state is RunState.FAILED:
            reason = f': {run.error.message}' if run.error else ''
            return f'Failed at {step_title(self._room, run.pipeline, run.failed_step.name)}{reason}'
        return WORDS[run.state]

    def _show_time(self, run: RunRecord) -> None:
        is_live = run.started_at is not None and not run.state.is_final
        self._took.set_text('' if is_live else length_of(run.took_seconds))
        set_props(self._took, data_since=millis(run.started_at) if is_live and run.started_at else None)
