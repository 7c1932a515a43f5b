"""The head of a run: its state in words, what it is about, why it failed, and the cheapest way forward."""

import asyncio
from collections.abc import Mapping
from typing import Any

from nicegui import background_tasks, ui
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.cards import set_props
from pages.parts.dialogs import attempt, confirm
from pages.parts.html import WORDS, Glyph, button, copy_button, el, icon, look_of, opens
from pages.parts.words import (
    clock_of,
    day_of,
    length_of,
    millis,
    pipeline_color,
    pipeline_title,
    size_of,
    step_seconds,
    step_title,
    title_of,
)
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.runs.records import RunRecord, RunState, StepRun, StepState

from .run_controls import PAUSE_KEYS, STOP_KEYS
from .run_form import open_run_form
from .stepper import Stepper

LOOKS_APART = 0.25
"""Seconds between two looks at the processes of a run that is being stopped; nothing else tells that one is gone."""


class RunSummary:
    """Drawn anew when the run moves; while it only makes progress, the stepper and the time left change in place."""

    def __init__(self, room: ControlRoom, run: RunRecord, typical: Mapping[str, float]) -> None:
        self._room = room
        self._typical = typical
        self._stepper: Stepper | None = None
        self._left: TextElement | None = None
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
        elif self._stepper is not None:
            self._stepper.show(run)
            self._show_left(run)
        if run.is_stopping and self._processes is None and not run.state.is_final:
            set_props(self._tree, hidden=False)
            with self._tree:
                self._processes = _Processes(self._room, run)
        elif self._processes is not None and run.state.is_final:
            self._processes.finish()

    def _draw(self, run: RunRecord) -> None:
        self._box.classes(replace='glass-card run-sum' + (' is-live' if run.state is RunState.RUNNING else ''))
        self._head.clear()
        self._stepper = self._left = None
        with self._head:
            with el('div', 'run-top'):
                with el('div', 'sy-grow'):
                    self._draw_state(run)
                    el('h2', text=title_of(self._room, run))
                    self._draw_facts(run)
                if run.state.is_live:
                    self._draw_left(run)
                with el('div', 'run-acts'):
                    self._draw_actions(run)
            if run.error is not None and run.state is not RunState.CANCELLED:
                self._draw_problem(run)
            if run.state.is_live and run.steps:
                self._stepper = Stepper(self._room, run, self._typical)

    # State and facts

    def _draw_state(self, run: RunRecord) -> None:
        with el('div', 'sy-x'):
            look = 'paused' if run.is_pausing else look_of(run.state)
            with el('span', f'sy-pill st-{look}', role='status'):
                Glyph('paused' if run.is_pausing else run.state)
                el('span', text=self._state_words(run))
            with el('span', f'sy-x sy-cap {pipeline_color(self._room, run.pipeline)}'):
                el('i', 'sy-pdot')
                el('span', text=pipeline_title(self._room, run.pipeline))
            el('span', 'sy-cap sy-num', f'#{run.number}')

    def _state_words(self, run: RunRecord) -> str:
        if run.state.is_final:
            at = run.failed_step
            return f'Failed at {self._name(run, at)}' if at and run.state is RunState.FAILED else WORDS[run.state]
        if run.is_stopping:
            return 'Stopping'
        if run.is_pausing:
            return 'Pausing'
        return WORDS[run.state]

    def _draw_facts(self, run: RunRecord) -> None:
        with el('p', 'sy-cap run-facts'):
            for fact in self._facts(run):
                el('span', text=fact)
            if run.started_at and not run.state.is_final:
                el('span', 'sy-num', data_since=millis(run.started_at))

    def _facts(self, run: RunRecord) -> list[str]:
        begin = run.started_at or run.created_at
        when = f'{day_of(self._room, begin)} {clock_of(self._room, begin)}'
        if run.started_at is None:
            when = f'{day_of(self._room, begin)}, queued {clock_of(self._room, begin)}'
        if run.started_at and run.finished_at:
            when += f' to {clock_of(self._room, run.finished_at)}'
        because = run.because.removeprefix('the ').removeprefix('a ')
        return [
            fact
            for fact in (
                when,
                length_of(run.took_seconds),
                f'profile {run.profile}' if run.profile else '',
                f'started by {because}' if because and not because.startswith('retry') else because,
                self._room.runs.worker_of(run.id) or '',
                self._place_in_queue(run),
            )
            if fact
        ]

    def _place_in_queue(self, run: RunRecord) -> str:
        if run.state is not RunState.QUEUED:
            return ''
        ahead = next((place for place, item in enumerate(self._room.runs.waiting()) if item.id == run.id), 0)
        start = self._room.runs.expected_starts().get(run.id)
        words = f'{ahead} ahead' if ahead else 'next in the queue'
        if self._room.runs.is_queue_paused:
            words += ', the queue is paused'
        return words + (f', starts about {clock_of(self._room, start)[:5]}' if start else '')

    def _draw_left(self, run: RunRecord) -> None:
        with el('div', 'eta run-left'):
            self._left = el('span', 'big sy-num')
            self._done = el('span', 'sy-cap sy-num')
        self._show_left(run)

    def _show_left(self, run: RunRecord) -> None:
        left = self._room.runs.estimates.seconds_left(run) if run.state is RunState.RUNNING else None
        if self._left is None:
            return
        if left is None:
            set_props(self._left, data_until=None)
            self._left.set_text('')
            self._done.set_text('no estimate yet' if run.state is RunState.RUNNING else 'on hold')
            return
        until = now_utc().timestamp() + left
        shown = float(self._left.props.get('data-until') or 0) / 1000
        if abs(until - shown) > 1.5:  # small changes of the estimate would only make the number jump
            set_props(self._left, data_until=f'{until * 1000:.0f}')
            self._left.set_text(length_of(left))
            self._done.set_text('left')

    # Why, and what now

    def _draw_problem(self, run: RunRecord) -> None:
        error = run.error
        if error is None:
            return
        with el('div', 'run-why st-failed', role='alert'):
            with el('span', 'wi'):
                Glyph('failed', size=18)
            with el('div', 'sy-grow'):
                el('b', text=error.message)
                el('p', text=' '.join(part for part in (error.hint, self._saved_words(run)) if part))
                if error.file:
                    el('p', 'sy-mono', f'{error.file}, line {error.line}' if error.line else error.file)
                if error.traceback:
                    with el('details'):
                        el('summary', text=f'Traceback, {error.traceback.count(chr(10)) + 1} lines')
                        el('pre', text=error.traceback)
            with el('div', 'run-acts'):
                copy_button('Copy error', '\n'.join(filter(None, (error.message, error.hint, error.traceback))))
                copy_button('Copy folder', str(self._room.runs.folder_of(run.id)))

    def _saved_words(self, run: RunRecord) -> str:
        step = step_to_retry(run)
        if step is None:
            return ''
        kept = run.steps[: run.steps.index(step)]
        names = [self._name(run, item) for item in kept]
        words = f'{", ".join(names[:-1])} and {names[-1]} are' if len(names) > 1 else f'{names[0]} is'
        saved = sum(step_seconds(item) or 0 for item in kept)
        return f'{words} kept' + (f', so a retry from {self._name(run, step)} saves {length_of(saved)}.' * (saved >= 1))

    def _draw_actions(self, run: RunRecord) -> None:
        if run.state.is_final:
            self._draw_ways_on(run)
            return
        if run.is_resumable:
            resume = button('Resume', icon_name='play', kind='primary', title=PAUSE_KEYS)
            set_props(resume, data_key='pause', aria_keyshortcuts=PAUSE_KEYS)
            resume.on('click', lambda: attempt(self._room.runs.resume(run.id, because='the run page')))
        elif run.is_pausable:
            pause = button('Pause', icon_name='pause', title=PAUSE_KEYS)
            set_props(pause, data_key='pause', aria_keyshortcuts=PAUSE_KEYS)
            pause.on('click', lambda: attempt(self._room.runs.pause(run.id, because='the run page')))
        if run.is_stopping:
            force = button('Force stop', icon_name='stop', kind='danger')
            force.on('click', lambda: attempt(self._room.runs.cancel(run.id, because='the run page', now=True)))
        elif run.state is RunState.QUEUED:
            leave = button('Take out of the queue', icon_name='x')
            leave.on('click', lambda: attempt(self._room.runs.cancel(run.id, because='the run page')))
        else:
            stop = button('Stop now', icon_name='stop', kind='danger', title='Shift+Esc')
            set_props(stop, data_key='stop', aria_keyshortcuts=STOP_KEYS)
            opens(stop, lambda: self._ask_to_stop(run.id))

    def _draw_ways_on(self, run: RunRecord) -> None:
        opens(
            button('Edit and run', icon_name='edit', kind='ghost'),
            lambda: open_run_form(self._room, pipeline=run.pipeline, profile=run.profile, values=run.parameters),
        )
        step = step_to_retry(run)
        words = 'Run again' if run.state is RunState.SUCCEEDED else 'Run all again'
        again = button(words, icon_name='retry', kind='' if step else 'primary')
        again.on('click', lambda: self._retry(again, run, None))
        if step is not None:
            name = step.name
            on = button(f'Retry from {self._name(run, step)}', icon_name='play', kind='primary')
            on.on('click', lambda: self._retry(on, run, name))

    async def _retry(self, pressed: ui.element, run: RunRecord, from_step: str | None) -> None:
        if pressed.props.get('disabled'):
            return
        set_props(pressed, disabled=True)  # one press, one run
        new = await attempt(self._room.runs.retry(run.id, from_step=from_step))
        if new is not None:
            ui.navigate.to(f'/runs/{new.number}')
        elif not pressed.is_deleted:
            set_props(pressed, disabled=None)

    async def _ask_to_stop(self, id: str) -> None:
        run = await self._room.runs.get(id)
        step = run.active_step
        text = 'Its processes end now.'
        if step is not None:
            done = [self._name(run, item) for item in run.steps if item.state is StepState.SUCCEEDED]
            text = f'{self._name(run, step)} ends now.'
            if done:
                kept = f'{", ".join(done[:-1])} and {done[-1]} are' if len(done) > 1 else f'{done[0]} is'
                text += f' {kept} kept, you can retry from {self._name(run, step)}.'
        if await confirm(f'Stop {title_of(self._room, run)}?', text, yes='Stop now', no='Keep running'):
            await attempt(self._room.runs.cancel(id, because='the run page'))

    def _name(self, run: RunRecord, step: StepRun) -> str:
        return step_title(self._room, run.pipeline, step.name)


def step_to_retry(run: RunRecord) -> StepRun | None:
    """The first step that did not succeed, if all before it did: from there a retry is cheapest."""
    if not run.is_retryable or run.state is RunState.SUCCEEDED:
        return None
    place = next((place for place, step in enumerate(run.steps) if step.state is not StepState.SUCCEEDED), 0)
    return run.steps[place] if place else None


class _Processes:
    """The process tree of a run that is being stopped, down to none."""

    def __init__(self, room: ControlRoom, run: RunRecord) -> None:
        self._room = room
        self._run_id = run.id
        self._is_over = False
        with el('div', 'run-dying', role='status', aria_label='Processes of this run') as self._box:
            with el('div', 'sy-x'):
                icon('stop', size=14)
                self._words = el('b', text='Looking at its processes')
            self._list = el('ul', 'sy-mono')
        background_tasks.create(self._watch(), name='process tree')

    async def _watch(self) -> None:
        while not self._is_done():
            tree = await self._room.runs.process_tree(self._run_id)
            if not self._is_done():
                self._show(tree)
                await asyncio.sleep(LOOKS_APART)

    def _is_done(self) -> bool:
        return self._is_over or self._box.is_deleted

    def finish(self) -> None:
        """The run has ended, and that it does only when all of its processes are gone."""
        if not self._is_over:
            self._is_over = True
            self._box.classes('is-gone')
            self._show([])

    def _show(self, tree: Any) -> None:
        self._words.set_text(f'{len(tree)} process{"" if len(tree) == 1 else "es"} left')
        self._list.clear()
        with self._list:
            for item in tree:
                with el('li'):
                    el('span', 'sy-3 sy-num', str(item['pid']))
                    el('span', 'sy-ell sy-grow', str(item['command']))
                    el('span', 'sy-3 sy-num', size_of(int(item.get('memory_bytes') or 0)))
