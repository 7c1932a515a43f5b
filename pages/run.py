"""One run: what happened, what next, its steps in time, its log, what went in and what came out."""

import json
from datetime import datetime
from typing import Any

from nicegui import background_tasks, ui

from synapse.bus import RunChanged
from synapse.control_room import ControlRoom
from synapse.errors import SynapseError
from synapse.records import RunRecord, StepRun, StepState, now_utc

from .dashboard import run_controls
from .parts.dialogs import attempt, say
from .parts.html import Glyph, WORDS, button, el, icon, look_of
from .parts.log_view import LogView
from .parts.run_form import open_run_form
from .parts.scope import Scope
from .parts.stepper import Stepper
from .parts.words import (
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

SEEDED = 1_000
LAST_RUNS = 12


async def run_page(room: ControlRoom, id: str) -> None:
    """The page of a run by its id or its number."""
    with Scope().classes('sy-page') as scope:
        try:
            run = await (room.runs.find_by_number(int(id)) if id.isdigit() else room.runs.get(id))
        except SynapseError as error:
            with el('section', 'glass-card sy-empty', aria_label='Run'):
                el('b', text=error.message)
                el('span', 'sy-cap', error.hint)
                el('a', 'sy-btn', 'All runs', href='/runs')
            return
        room.runs.failure_seen(run.id)
        typical = await room.runs.typical_seconds(run.pipeline)
        recent = await room.runs.recent(run.pipeline, limit=LAST_RUNS)
        page = RunPage(room, scope, run, dict(typical), list(recent))
        await page.show_log(None)


class RunPage:
    def __init__(
        self, room: ControlRoom, scope: Scope, run: RunRecord, typical: dict[str, float], recent: list[RunRecord]
    ) -> None:
        self.room, self.scope, self.run, self.typical, self.recent = room, scope, run, typical, recent
        self.stepper: Stepper | None = None
        with el('div', 'detail'):
            self.top = el('section', 'glass-card top', aria_label='Run')
            with el('section', 'glass-card', aria_label='Steps'):
                with el('div', 'sy-head'):
                    el('h2', text='Steps')
                    el('span', 'sy-cap', 'dashed: usual time').style('padding-right:12px')
                self.steps = el('div')
            with el('div', 'side'):
                self._inputs()
                with el('section', 'glass-card', aria_label='Outputs'):
                    self.outputs = el('div')
                self._last_runs()
            with el('section', 'glass-card well', aria_label='Log'):
                with el('div', 'sy-head'):
                    el('h2', text='Log')
                    self.segments = el('div', 'sy-seg', role='tablist', aria_label='Step')
                    el('span', 'sy-grow')
                    export = f'/api/v1/logs/export?format=txt&run={run.id}'
                    el('a', 'sy-btn is-ghost is-sm', 'Download', href=export, download='1')
                self.log = el('div').style('flex:1;min-height:0;display:flex')
        self._draw()
        scope.follow(room.bus, RunChanged, self._on_run)

    def _on_run(self, message: RunChanged) -> None:
        if message.run.id != self.run.id:
            return
        self.run = message.run
        if message.moved or self.stepper is None:
            self._draw()
        else:
            self.stepper.show(self.run)

    def _draw(self) -> None:
        self._draw_top()
        self._draw_steps()
        self._draw_outputs()

    # What happened, and what next

    def _draw_top(self) -> None:
        run, room = self.run, self.room
        self.top.clear()
        self.stepper = None
        with self.top:
            with el('div', 'sy-x').style('flex-wrap:wrap'):
                with el('span', f'sy-pill st-{look_of(run.state)}', role='status'):
                    Glyph(run.state)
                    el('span', text=self._state_words())
                with el('span', f'sy-x sy-2 {pipeline_color(room, run.pipeline)}'):
                    el('i', 'sy-pdot')
                    el('span', text=pipeline_title(room, run.pipeline))
                el('span', 'sy-2 sy-num', f'#{run.number}')
                el('span', 'sy-grow')
                self._actions()
            el('h2', text=title_of(room, run))
            with el('p', 'sy-cap'):
                el('span', text=self._facts())
                if run.started_at and not run.state.is_final:
                    el('span', 'sy-num', data_since=millis(run.started_at))
            if run.error is not None:
                self._problem()
            if not run.state.is_final:
                self.stepper = Stepper(room, run, self.typical)
            if run.is_stopping and not run.state.is_final:
                self._dying = el('div', 'code')
                background_tasks.create(self._show_processes(), name='process tree')

    def _state_words(self) -> str:
        run = self.run
        if run.is_stopping and not run.state.is_final:
            return 'Stopping'
        if run.is_pausing:
            return 'Pausing'
        if run.failed_step is not None:
            return f'Failed at {step_title(self.room, run.pipeline, run.failed_step.name)}'
        return WORDS[run.state]

    def _facts(self) -> str:
        run = self.run
        when = f'{day_of(run.created_at)} {clock_of(run.started_at or run.created_at)}'
        if run.finished_at:
            when += f' to {clock_of(run.finished_at)}'
        parts = [when, length_of(run.took_seconds), f'profile {run.profile}' if run.profile else '']
        parts += [f'started by {run.because}' if run.because else '']
        return ' · '.join(part for part in parts if part) + ' '

    def _actions(self) -> None:
        run = self.run
        if not run.is_retryable:
            run_controls(self.room, run)
            return
        edit = button('Edit and run', icon_name='edit', kind='ghost')
        edit.on(
            'click',
            lambda: open_run_form(self.room, pipeline=run.pipeline, profile=run.profile, values=run.parameters),
        )
        step = self._step_to_retry()
        again = button('Run all again', icon_name='retry', kind='' if step else 'primary')
        again.on('click', lambda: self._retry(None))
        if step is not None:
            words = f'Retry from {step_title(self.room, run.pipeline, step.name)}'
            button(words, icon_name='play', kind='primary').on('click', lambda: self._retry(step.name))

    def _step_to_retry(self) -> StepRun | None:
        """The first step that did not succeed, if earlier ones did: the cheapest way forward."""
        rest = [step for step in self.run.steps if step.state is not StepState.SUCCEEDED]
        return rest[0] if rest and len(rest) < len(self.run.steps) else None

    async def _retry(self, step: str | None) -> None:
        run = await attempt(self.room.runs.retry(self.run.id, from_step=step, because=f'a retry of #{self.run.number}'))
        if run is not None:
            ui.navigate.to(f'/runs/{run.number}')

    def _problem(self) -> None:
        error = self.run.error
        assert error is not None
        with el('div', 'problem', role='alert'):
            Glyph('failed', size=16)
            with el('div', 'sy-grow').style('min-width:0'):
                el('b', text=error.message)
                if error.hint:
                    el('p', 'sy-2', error.hint)
                if error.file:
                    el('p', 'sy-cap sy-mono', f'{error.file}:{error.line}' if error.line else error.file)
                if error.traceback:
                    with el('details'):
                        el('summary', 'sy-cap', 'Traceback')
                        el('pre', text=error.traceback)

    async def _show_processes(self) -> None:
        tree = await self.room.runs.process_tree(self.run.id)
        if not self._dying.is_deleted:
            lines = [f'{item["pid"]:>8}  {item["command"]}'[:160] for item in tree]
            self._dying.set_text('\n'.join(lines) or '0 processes left')

    # Steps in time

    def _draw_steps(self) -> None:
        run = self.run
        begin = run.started_at
        end = run.finished_at or now_utc()
        self.steps.clear()
        self.segments.clear()
        with self.segments:
            self._segment('All', None)
            for step in run.steps:
                self._segment(step_title(self.room, run.pipeline, step.name), step.name)
        with self.steps, el('div', 'axis'):
            for step in run.steps:
                self._step_row(step, begin, end)

    def _segment(self, words: str, step: str | None) -> None:
        is_chosen = getattr(self, 'step', None) == step
        segment = el('button', '', words, type_='button', role='tab', aria_selected=str(is_chosen).lower())
        segment.on('click', lambda: self.show_log(step))

    def _step_row(self, step: StepRun, begin: datetime | None, end: datetime) -> None:
        whole = max(0.001, (end - begin).total_seconds()) if begin else 1.0
        with el('button', f'axisrow st-{look_of(step.state)}', type_='button') as row:
            Glyph(step.state)
            el('span', 'sy-mono', step_title(self.room, self.run.pipeline, step.name))
            with el('span', 'lane'):
                if begin and step.started_at:
                    left = 100 * max(0.0, (step.started_at - begin).total_seconds()) / whole
                    took = ((step.finished_at or end) - step.started_at).total_seconds()
                    usual = self.typical.get(step.name)
                    if usual:
                        width = min(100 - left, 100 * usual / whole)
                        el('i', 'usual').style(f'left:{left:.2f}%;width:{width:.2f}%')
                    el('i', 'bar').style(f'left:{left:.2f}%;width:{min(100 - left, 100 * took / whole):.2f}%')
                elif step.note:
                    el('span', 'sy-cap', step.note)
            words = length_of(step_seconds(step)) or WORDS[step.state].lower()
            el('span', 'sy-num sy-2', words).style('text-align:right')
        row.on('click', lambda: self.show_log(step.name))

    # What went in, what came out

    def _inputs(self) -> None:
        run = self.run
        with el('section', 'glass-card', aria_label='Inputs'):
            with el('div', 'sy-head'):
                el('h2', text='Inputs')
                copy = button('Copy', icon_name='copy', kind='ghost', small=True)
                text = json.dumps(run.parameters, indent=2, ensure_ascii=False)
                copy.on('click', lambda: ui.clipboard.write(text))
                copy.on('click', lambda: say('Copied the inputs as JSON.'))
            with el('dl', 'kv'):
                for name, value in run.parameters.items():
                    el('dt', text=name)
                    el('dd', text=_shown(value))

    def _draw_outputs(self) -> None:
        run = self.run
        self.outputs.clear()
        with self.outputs:
            with el('div', 'sy-head'):
                el('h2', text='Outputs')
                el('span', 'sy-count', str(len(run.artifacts)) if run.artifacts else '')
            with el('ul', 'sy-rows'):
                for artifact in run.artifacts:
                    with el('li'):
                        icon('file', size=14)
                        target = f'/api/v1/runs/{run.id}/artifacts/{artifact.name}'
                        el('a', 'sy-ell sy-grow', artifact.name, href=target, download=artifact.name.split('/')[-1])
                        el('span', 'sy-cap sy-num', size_of(artifact.size))
                if not run.artifacts:
                    with el('li', 'sy-3'):
                        el('span', text='Nothing yet.' if not run.state.is_final else 'This run left no files.')

    def _last_runs(self) -> None:
        ended = list(reversed(self.recent))
        if not ended:
            return
        longest = max((run.took_seconds or 0 for run in ended), default=0) or 1
        with el('section', 'glass-card', aria_label=f'Last {len(ended)} runs'):
            with el('div', 'sy-head'):
                el('h2', text=f'Last {len(ended)} runs')
            with el('div', 'bars'):
                for run in ended:
                    words = f'#{run.number}, {WORDS[run.state]}, {length_of(run.took_seconds)}'
                    bar = el('a', f'st-{look_of(run.state)}', href=f'/runs/{run.number}', title=words, aria_label=words)
                    bar.style(f'height:{max(6, 100 * (run.took_seconds or 0) / longest):.0f}%')
                    if run.id == self.run.id:
                        bar.props['aria-current'] = 'true'

    # The log

    async def show_log(self, step: str | None) -> None:
        """The lines of the whole run, or of one step."""
        self.step = step
        self._draw_steps()
        run_id = self.run.id
        found = await self.room.log.query(run=run_id, step=step, limit=SEEDED)
        if self.scope.is_deleted:
            return
        seed = sorted(found, key=lambda entry: entry.seq)
        last = seed[-1].seq if seed else 0

        def wants(entry: Any) -> bool:
            return bool(entry.run == run_id and step in (None, entry.step))

        seed += [entry for entry in self.room.log.ring if entry.seq > last and wants(entry)]
        first_error = next((entry.seq for entry in seed if entry.level.value in ('error', 'critical')), None)
        self.log.clear()
        with self.log:
            LogView(self.room, seed, wants, line=first_error if self.run.state.is_final else None)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, str):
        return value or '–'
    return json.dumps(value, ensure_ascii=False)
