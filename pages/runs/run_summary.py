"""The head of a run: its state in words, what it is about, why it failed, and the cheapest way forward."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import background_tasks, ui

from pages.parts.cards import set_props
from pages.parts.dialogs import attempt
from pages.parts.html import Glyph, button, copy_button, el, icon, opens
from pages.parts.words import millis, pipeline_color, pipeline_title, size_of, step_title, time_so_far, title_of
from synapse.control_room import ControlRoom
from synapse.records import Problem
from synapse.runs.records import RunRecord, RunState

from .run_controls import RunControls, StatePill
from .run_form import open_run_form_of
from .run_words import facts_of, is_input_refused, state_words, step_to_retry, what_is_kept
from .stepper import Stepper
from .time_left import TimeLeft

POLL_SECONDS = 0.25
"""Between two looks at the processes of a run that is being stopped: nothing reports that one has ended."""


class RunSummary:
    """Redrawn when the run changes its state; while it only makes progress, stepper and time left change in place.

    :param on_line: called with the number of the log entry that says why the run failed, to show it;
        None if the log no longer has that entry
    """

    def __init__(
        self,
        room: ControlRoom,
        run: RunRecord,
        typical: Mapping[str, float],
        on_line: Callable[[int], object] | None = None,
    ) -> None:
        self._room = room
        self._on_line = on_line
        self._typical = typical
        self._live: tuple[TimeLeft, RunControls, Stepper] | None = None
        self._drawn: tuple[Any, ...] = ()
        self._processes: _Processes | None = None
        self._box = el('section', 'glass-card run-sum', aria_label='Run summary')
        with self._box:
            self._head = el('div')
            self._tree = el('div', hidden=True)
        self.show(run)

    def show(self, run: RunRecord) -> None:
        look = (run.state, run.is_pausing, run.is_stopping, run.error)
        if look != self._drawn:
            self._drawn = look
            self._draw(run)
        for part in self._live or ():
            part.show(run)
        if run.is_stopping and self._processes is None and not run.state.is_final:
            set_props(self._tree, hidden=False)
            with self._tree:
                self._processes = _Processes(self._room, run)
        elif self._processes is not None and run.state.is_final:
            self._processes.finish()

    def _draw(self, run: RunRecord) -> None:
        self._box.classes(replace='glass-card run-sum' + (' is-live' if run.state is RunState.RUNNING else ''))
        self._head.clear()
        self._live = None
        with self._head:
            with el('div', 'run-top'):
                with el('div', 'sy-grow'):
                    self._draw_state(run)
                    el('h2', text=title_of(self._room, run))
                    self._draw_facts(run)
                left = TimeLeft(self._room, 'run-left') if run.state.is_live else None
                if run.state.is_final:
                    self._draw_ways_on(run)
                else:
                    controls = RunControls(self._room, run).classes('run-acts')
            if run.error is not None and run.state is not RunState.CANCELLED:
                self._draw_problem(run, run.error)
            if left is not None:
                self._live = (left, controls, Stepper(self._room, run, self._typical))

    def _draw_state(self, run: RunRecord) -> None:
        with el('div', 'sy-x'):
            StatePill().show(run, state_words(self._room, run))
            with el('span', f'sy-x sy-cap {pipeline_color(self._room, run.pipeline)}'):
                el('i', 'sy-pdot')
                el('span', text=pipeline_title(self._room, run.pipeline))
            el('span', 'sy-cap sy-num', f'#{run.number}')

    def _draw_facts(self, run: RunRecord) -> None:
        with el('p', 'sy-cap run-facts'):
            for fact in facts_of(self._room, run):
                el('span', text=fact)
            if run.started_at and not run.state.is_final:
                since = None if run.held_at else millis(run.started_at)
                el('span', 'sy-num', time_so_far(run), data_since=since)

    def _draw_problem(self, run: RunRecord, error: Problem) -> None:
        with el('div', 'run-why st-failed', role='alert'):
            with el('span', 'wi'):
                Glyph('failed', size=18)
            with el('div', 'sy-grow'):
                el('b', text=error.words)
                if error.seq is not None and self._on_line is not None:
                    seq, show = error.seq, self._on_line
                    with el('button', 'run-said', type_='button', title='Show this line in the log') as link:
                        icon('arrdown', size=13)
                        el('span', text='Line in the log')
                    link.on('click', lambda: show(seq))
                el('p', text=f'{error.hint} {what_is_kept(self._room, run)}'.strip())
                if error.file:
                    el('p', 'sy-mono', f'{error.file}, line {error.line}' if error.line else error.file)
                if error.traceback:
                    with el('details'):
                        el('summary', text=f'Traceback, {error.traceback.count(chr(10)) + 1} lines')
                        el('pre', text=error.traceback)
            with el('div', 'run-acts'):
                copy_button('Copy error', '\n'.join(filter(None, (error.words, error.hint, error.traceback))))
                copy_button('Copy folder', str(self._room.runs.folder_of(run.id)))

    def _draw_ways_on(self, run: RunRecord) -> None:
        step = step_to_retry(run)
        is_refused = is_input_refused(run)
        with el('div', 'run-acts'):
            words = 'Run again' if run.state is RunState.SUCCEEDED else 'Run all again'
            again = button(words, icon_name='retry', kind='' if step or is_refused else 'primary')
            again.on('click', lambda: self._retry(again, run, None))
            if is_refused:
                edit = button('Choose another file', icon_name='upload', kind='primary')
            else:
                edit = button('Edit and run', icon_name='edit', kind='ghost')
                edit.move(target_index=0)
            opens(edit, lambda: open_run_form_of(self._room, run))
            if step is not None:
                name = step.name
                title = step_title(self._room, run.pipeline, name)
                resume = button(f'Retry from {title}', icon_name='play', kind='primary')
                resume.on('click', lambda: self._retry(resume, run, name))

    async def _retry(self, pressed: ui.element, run: RunRecord, from_step: str | None) -> None:
        if pressed.props.get('disabled'):
            return
        set_props(pressed, disabled=True)  # one press, one run
        new = await attempt(self._room.runs.retry(run.id, from_step=from_step))
        if new is not None:
            ui.navigate.to(f'/runs/{new.number}')
        elif not pressed.is_deleted:
            set_props(pressed, disabled=None)


class _Processes:
    """The processes of a run that is being stopped, until none is left."""

    def __init__(self, room: ControlRoom, run: RunRecord) -> None:
        self._room = room
        self._run_id = run.id
        self._is_over = False
        with el('div', 'run-dying', role='status', aria_label='Processes of this run') as self._box:
            with el('div', 'sy-x'):
                icon('stop', size=14)
                self._words = el('b', text='Looking for its processes')
            self._list = el('ul', 'sy-mono')
        background_tasks.create(self._watch(), name='process tree')

    async def _watch(self) -> None:
        while not self._is_done():
            tree = await self._room.runs.process_tree(self._run_id)
            if not self._is_done():
                self._show(tree)
                await asyncio.sleep(POLL_SECONDS)

    def _is_done(self) -> bool:
        return self._is_over or self._box.is_deleted

    def finish(self) -> None:
        """Show that no process is left: a run ends only when all of them have."""
        if not self._is_over:
            self._is_over = True
            self._box.classes('is-gone')
            self._show([])

    def _show(self, tree: Sequence[Mapping[str, Any]]) -> None:
        self._words.set_text(f'{len(tree)} process{"" if len(tree) == 1 else "es"} left')
        self._list.clear()
        with self._list:
            for item in tree:
                with el('li'):
                    el('span', 'sy-3 sy-num', str(item['pid']))
                    el('span', 'sy-ell sy-grow', str(item['command']))
                    el('span', 'sy-3 sy-num', size_of(int(item.get('memory_bytes') or 0)))
