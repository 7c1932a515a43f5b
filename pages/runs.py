"""All runs, newest first; rows change in place while they run."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from synapse.bus import RunChanged
from synapse.control_room import ControlRoom
from synapse.records import RunRecord, RunState

from .parts.html import Glyph, WORDS, button, el, look_of
from .parts.run_form import choose, open_run_form
from .parts.scope import Scope
from .parts.words import clock_of, day_of, length_of, millis, pipeline_color, pipeline_title, step_title

PAGE = 50


async def runs_page(room: ControlRoom, state: str = '', pipeline: str = '', profile: str = '') -> None:
    """The page. Filters live in the address."""
    with Scope().classes('sy-page list') as scope:
        page = RunsPage(room, scope, {'state': state, 'pipeline': pipeline, 'profile': profile})
        await page.load()


class RunsPage:
    def __init__(self, room: ControlRoom, scope: Scope, filters: dict[str, str]) -> None:
        self.room = room
        self.filters = filters
        self.rows: dict[str, _Row] = {}
        self.oldest: int | None = None
        with el('div', 'filters'):
            states = {'': 'All states'} | {state.value: WORDS[state] for state in RunState}
            choose(filters['state'], states, 'State', self._filter('state'))
            pipelines = {'': 'All pipelines'} | {info.name: info.title for info in room.catalog.list()}
            choose(filters['pipeline'], pipelines, 'Pipeline', self._filter('pipeline'))
            profiles = {'': 'All profiles'} | {item.id: item.label for item in room.profiles.list()}
            choose(filters['profile'], profiles, 'Profile', self._filter('profile'))
        with el('section', 'glass-card', aria_label='Runs'):
            self.list = el('div')
            self.empty = el('div', 'sy-empty')
            with self.empty:
                el('b', text='No runs here' if any(filters.values()) else 'No runs yet')
                el('span', 'sy-cap', 'Drop a file on the dashboard, or start one from here.')
                button('New run', icon_name='play').on('click', lambda: open_run_form(room))
        self.more = button('Show older').on('click', self.load)
        scope.follow(room.bus, RunChanged, self._on_run)

    def _filter(self, name: str) -> Callable[[str], None]:
        def changed(value: str) -> None:
            filters = {key: text for key, text in (self.filters | {name: value}).items() if text}
            ui.navigate.to('/runs' + (f'?{urlencode(filters)}' if filters else ''))

        return changed

    async def load(self) -> None:
        """Fifty more, older than those shown."""
        chosen: dict[str, Any] = {key: text for key, text in self.filters.items() if text}
        runs = await self.room.runs.list(before=self.oldest, limit=PAGE, **chosen)
        with self.list:
            for run in runs:
                self.rows[run.id] = _Row(self.room, run)
        if runs:
            self.oldest = runs[-1].number
        self.more.set_visibility(len(runs) == PAGE)
        self.empty.set_visibility(not self.rows)

    def _on_run(self, message: RunChanged) -> None:
        run = message.run
        if run.id in self.rows:
            self.rows[run.id].show(run)
        elif message.moved and self._fits(run):
            with self.list:
                self.rows[run.id] = _Row(self.room, run)
            self.rows[run.id].row.move(self.list, 0)
            self.empty.set_visibility(False)

    def _fits(self, run: RunRecord) -> bool:
        is_new = not self.rows or run.number > max(row.number for row in self.rows.values())
        wanted = self.filters
        return is_new and all(
            (
                wanted['state'] in ('', run.state.value),
                wanted['pipeline'] in ('', run.pipeline),
                wanted['profile'] in ('', run.profile or ''),
            )
        )


class _Row:
    def __init__(self, room: ControlRoom, run: RunRecord) -> None:
        self.room = room
        self.number = run.number
        with el('a', 'runrow', href=f'/runs/{run.number}') as self.row:
            self.glyph = Glyph(run.state)
            el('span', 'sy-num sy-2', f'#{run.number}')
            with el('span', f'sy-x {pipeline_color(room, run.pipeline)}'):
                el('i', 'sy-pdot')
                el('span', 'sy-ell', pipeline_title(room, run.pipeline))
            el('span', 'sy-ell', run.subject)
            self.what = el('span', 'sy-ell sy-2')
            self.time = el('span', 'sy-num sy-2')
            created = run.created_at
            el('span', 'sy-cap sy-num', f'{day_of(created)} {clock_of(created)}')
        self.show(run)

    def show(self, run: RunRecord) -> None:
        self.row.classes(replace=f'runrow st-{look_of(run.state)}')
        self.glyph.show(run.state)
        active = run.active_step
        words = WORDS[run.state]
        if run.is_stopping and not run.state.is_final:
            words = 'Stopping'
        elif active is not None:
            words = f'{step_title(self.room, run.pipeline, active.name)} {active.progress:.0f} %'
        elif run.failed_step is not None:
            words = f'Failed at {step_title(self.room, run.pipeline, run.failed_step.name)}'
        self.what.set_text(words)
        self.time.props.pop('data-since', None)
        if run.state.is_final:
            self.time.set_text(length_of(run.took_seconds))
        elif run.started_at:
            self.time.props['data-since'] = millis(run.started_at)
        self.time.update()


