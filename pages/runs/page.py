"""All runs, newest first; rows change in place while they run."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from pages.parts.cards import empty, set_props
from pages.parts.controls import Picker
from pages.parts.dialogs import attempt
from pages.parts.html import WORDS, button, el, look_of, opens
from pages.parts.scope import Scope
from pages.parts.words import (
    clock_of,
    day_of,
    filters_for,
    millis,
    pipeline_color,
    pipeline_title,
    time_so_far,
    title_of,
)
from synapse.control_room import ControlRoom
from synapse.runs.messages import RunChanged, RunsRemoved
from synapse.runs.records import RunRecord, RunState

from .run_form import open_run_form
from .run_words import state_in_list

PAGE = 50


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are listed; an empty field lets all pass."""

    state: str = ''
    pipeline: str = ''
    profile: str = ''

    @property
    def chosen(self) -> dict[str, str]:
        """The fields that are not empty."""
        return {name: text for name, text in asdict(self).items() if text}

    @property
    def address(self) -> str:
        return f'/runs?{urlencode(self.chosen)}' if self.chosen else '/runs'

    def fits(self, run: RunRecord) -> bool:
        is_in = (run.state.value, run.pipeline, run.profile or '')
        return all(wanted in ('', value) for wanted, value in zip(asdict(self).values(), is_in, strict=True))


async def runs_page(room: ControlRoom, state: str = '', pipeline: str = '', profile: str = '') -> None:
    """Draw the page; its filters are part of the address."""
    known = {item.value for item in RunState}
    with Scope().classes('sy-page') as scope:
        await RunsPage(room, scope, RunFilter(state if state in known else '', pipeline, profile)).load()


class RunsPage:
    def __init__(self, room: ControlRoom, scope: Scope, only: RunFilter) -> None:
        self._room = room
        self._scope = scope
        self._filter = only
        self._rows: dict[str, _Row] = {}
        self._oldest: int | None = None
        self._has_all = False
        self._is_loading = False
        with el('div', 'runs-page'):
            self._draw_filters()
            with el('section', 'glass-card runs-list', aria_label='Runs'):
                with el('div', 'runs-head', aria_hidden='true'):
                    for words in ('', 'Run', 'About', 'State', 'Took', 'Started'):
                        el('span', text=words)
                self._list = el('ul')
                self._empty = el('div', hidden=True)
            self._more = button('Show older', hidden=True).on('click', self.load)
        scope.follow(room.bus, RunChanged, self._changed)
        scope.follow(room.bus, RunsRemoved, lambda message: self._drop(message.ids))

    def _draw_filters(self) -> None:
        states = {'': 'All states'} | {state.value: WORDS[state] for state in RunState}
        pipelines, profiles = filters_for(self._room, self._filter.pipeline, self._filter.profile)
        with el('div', 'runs-filters'):
            self._draw_filter('state', states)
            self._draw_filter('pipeline', pipelines)
            self._draw_filter('profile', profiles)
            if self._filter.chosen:
                clear = button('Show all', icon_name='x', kind='ghost', small=True)
                clear.on('click', lambda: ui.navigate.to('/runs'))

    def _draw_filter(self, name: str, options: Mapping[str, str]) -> None:
        def changed(value: str) -> None:
            ui.navigate.to(replace(self._filter, **{name: value}).address)

        Picker(options, getattr(self._filter, name), label=name.capitalize(), changed=changed)

    async def load(self) -> None:
        """Show one page more of older runs; if they cannot be read, the button is there to try again."""
        if self._is_loading:
            return
        self._is_loading = True
        runs = await attempt(self._room.runs.page(before=self._oldest, limit=PAGE, **self._filter.chosen))
        self._is_loading = False
        if self._scope.is_deleted:
            return
        for run in runs or []:
            if run.id not in self._rows:  # it may have arrived as a message meanwhile
                self._insert(run)
        if runs:
            self._oldest = runs[-1].number
        self._has_all = runs is not None and len(runs) < PAGE
        set_props(self._more, hidden=self._has_all)
        self._show_empty()

    def _show_empty(self) -> None:
        is_empty = not self._rows and self._has_all
        set_props(self._empty, hidden=not is_empty)
        self._empty.clear()
        if not is_empty:
            return
        with self._empty:
            if self._filter.chosen:
                with empty('No run fits these filters', 'Change a filter, or show all runs.', 'filter'):
                    button('Show all', small=True).on('click', lambda: ui.navigate.to('/runs'))
            else:
                with empty('No runs yet', 'Drop a file on the dashboard, or start one from here.', 'runs'):
                    opens(button('New run', icon_name='play', small=True), lambda: open_run_form(self._room))

    def _changed(self, message: RunChanged) -> None:
        run = message.run
        row = self._rows.get(run.id)
        if row is None:
            if message.moved and self._filter.fits(run) and self._is_in_reach(run):
                self._insert(run)
                self._show_empty()
        elif self._filter.fits(run):
            row.show(run)
        else:
            self._drop([run.id])

    def _drop(self, ids: Iterable[str]) -> None:
        for id in ids:
            if id in self._rows:
                self._rows.pop(id).delete()
        self._show_empty()

    def _is_in_reach(self, run: RunRecord) -> bool:
        """Whether a run belongs among the rows shown, not to the older ones that aren't loaded yet."""
        return self._oldest is None or run.number > self._oldest or self._has_all

    def _insert(self, run: RunRecord) -> None:
        place = sum(row.number > run.number for row in self._rows.values())
        with self._list:
            row = self._rows[run.id] = _Row(self._room, run)
        if place < len(self._rows) - 1:
            row.move(self._list, place)


class _Row(ui.element, component='run_row.js'):
    """One run; a link to its page. Drawn by the browser: as elements, 50 of them took as long as all the rest."""

    def __init__(self, room: ControlRoom, run: RunRecord) -> None:
        super().__init__()
        self._room = room
        self.number = run.number
        self.show(run)

    def show(self, run: RunRecord) -> None:
        picture = row_of(self._room, run)
        if picture != self._props.get('run'):
            self._props['run'] = picture


def row_of(room: ControlRoom, run: RunRecord) -> dict[str, Any]:
    """Return what `run_row.js` shows of a run."""
    title = title_of(room, run)
    pipeline = pipeline_title(room, run.pipeline) if run.subject else ''
    words = state_in_list(room, run)
    since = None if run.state.is_final or run.held_at else run.started_at
    active = run.active_step
    return {
        'href': f'/runs/{run.number}',
        'number': f'#{run.number}',
        'label': f'#{run.number} {title}, {words}',
        'look': look_of(run.state),
        'word': WORDS[run.state],
        'title': title,
        'color': pipeline_color(room, run.pipeline),
        'facts': ' · '.join(filter(None, [pipeline, run.profile, run.because])),
        'state': words,
        'percent': None if active is None else round(active.progress, 1),
        'took': '' if since else time_so_far(run),
        'since': millis(since) if since else None,
        'when': f'{day_of(room, run.created_at)} {clock_of(room, run.created_at)}',
    }
