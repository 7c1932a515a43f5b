"""The steps of a run side by side: those done, the active one with its progress, the rest with their usual time."""

from collections.abc import Mapping, Sequence
from typing import Any

from pages.parts.cards import set_props, tick
from pages.parts.html import WORDS, Glyph, el, look_of
from pages.parts.scope import Scope
from pages.parts.words import length_of, percent_of, step_seconds, step_title
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.runs.records import RunRecord, StepRun, StepState

from .run_words import beginning_words


class Stepper(Scope):
    """Built once for a run; `show` changes only what differs.

    :param typical: the seconds that steps usually take, as far as that is known
    """

    def __init__(self, room: ControlRoom, run: RunRecord, typical: Mapping[str, float]) -> None:
        super().__init__('ol')
        self._room = room
        self.classes('sy-steps').props['aria-label'] = _('Steps')
        self._typical = typical
        self._titles = {step.name: step_title(room, run.pipeline, step.name) for step in run.steps}
        with self:
            self._steps = {name: _Step(title) for name, title in self._titles.items()}
        self.show(run)

    def show(self, run: RunRecord) -> None:
        before = ''
        following = _next_of(run)
        for step in run.steps:
            if step.name in self._steps:
                waits = _('Waits for {what}', what=before) if before else _('Waits for a worker')
                if step == following and (run.is_held or run.is_beginning):
                    waits = _('Paused') if run.is_held else beginning_words(self._room, run)
                self._steps[step.name].show(run, step, self._typical.get(step.name), waits)
                before = self._titles[step.name]


def _next_of(run: RunRecord) -> StepRun | None:
    """Return the step that a run between two steps goes on with."""
    following = next((step for step in run.steps if step.state is StepState.PENDING), None)
    return None if run.active_step else following


def preview(steps: Sequence[Mapping[str, Any]], texts: Mapping[str, str]) -> None:
    """Draw the steps of a pipeline before anything runs, each with what it will do."""
    with el('ol', 'sy-steps', aria_label=_('Steps')):
        for step in steps:
            _Step(str(step['title'])).promise(texts.get(str(step['name']), ''))


class _Step:
    def __init__(self, title: str) -> None:
        self._title = title
        with el('li', 'sy-step st-scheduled') as self._item:
            with el('span', 'n'):
                self._glyph = Glyph('pending')
                el('span', 'sy-ell', title)
                self._time = el('span', 't')
            track = el('span', 'sy-track', role='progressbar', aria_label=title, aria_valuemin='0', aria_valuemax='100')
            with track:
                self._bar = el('i').style('width:0%')
            self._track = track
            self._caption = el('span', 'c sy-ell')
        self._shown: tuple[Any, ...] = ()

    def promise(self, text: str) -> None:
        """Show what this step will do; nothing runs yet."""
        self._item.classes(replace='sy-step st-idle')
        self._glyph.show('idle')
        self._caption.set_text(text)

    def show(self, run: RunRecord, step: StepRun, usual: float | None, waits: str) -> None:
        state = 'paused' if step.state is StepState.RUNNING and run.state == 'paused' else str(step.state)
        clock = (step.counts_from, step.held_at, step.finished_at)
        shown = (state, step.progress, step.note, step.attempt, clock, run.is_stopping, usual, waits)
        if shown == self._shown:
            return
        self._shown = shown
        is_active = step.state is StepState.RUNNING
        is_unsure = is_active and step.progress <= 0
        self._item.classes(replace=f'sy-step st-{look_of(state)}' + (' is-unsure' if is_unsure else ''))
        self._glyph.show(state)
        set_props(self._item, aria_current='step' if is_active else None)
        percent = 100.0 if step.state is StepState.SUCCEEDED else step.progress
        self._bar.style(f'width:{percent:.1f}%')
        words = percent_of(percent) if is_active else WORDS.get(str(step.state), str(step.state))
        set_props(self._track, aria_valuenow=f'{percent:.0f}', aria_valuetext=words)
        self._show_time(step, usual)
        self._caption.set_text(_caption(step, percent, waits))
        set_props(self._caption, title=step.shown_note or None)

    def _show_time(self, step: StepRun, usual: float | None) -> None:
        took = step_seconds(step) if step.held_at is None else step.worked_seconds(step.held_at)
        is_active = step.state is StepState.RUNNING
        usually = f'~{length_of(usual)}' if usual and not step.state.is_final else ''
        set_props(self._time, title=_('usually {time}', time=length_of(usual)) if usual and is_active else None)
        tick(
            self._time,
            since=step.counts_from if is_active else None,
            text=length_of(took) if took is not None else usually,
        )


def _caption(step: StepRun, percent: float, waits: str) -> str:
    if step.state is StepState.RUNNING:
        idle = _('Working') if step.held_at is None else _('Paused')
        words = step.shown_note or (percent_of(percent) if percent else idle)
        return _('{words}, try {number}', words=words, number=step.attempt) if step.attempt > 1 else words
    if step.state is StepState.FAILED and step.error:
        return step.error.words
    if step.state is StepState.PENDING:
        return waits
    return step.note if step.state is StepState.SUCCEEDED else step.note or WORDS.get(str(step.state), '')
