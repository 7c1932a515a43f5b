"""The steps of a run side by side: state, share, time, and what is expected of those to come."""

from collections.abc import Mapping

from synapse.control_room import ControlRoom
from synapse.records import RunRecord, StepRun, StepState

from .html import Glyph, el, look_of
from .words import length_of, millis, step_seconds, step_title


class Stepper:
    """Built once for a run, then changed in place."""

    def __init__(self, room: ControlRoom, run: RunRecord, typical: Mapping[str, float]) -> None:
        self.room = room
        self.typical = typical
        with el('ol', 'sy-steps', aria_label='Steps'):
            self.columns = {step.name: _Column(step_title(room, run.pipeline, step.name)) for step in run.steps}
        self.show(run)

    def show(self, run: RunRecord) -> None:
        """Bring every column to the state of its step."""
        before = ''
        for step in run.steps:
            if step.name in self.columns:
                self.columns[step.name].show(step, self.typical.get(step.name), before)
            before = step_title(self.room, run.pipeline, step.name)


class _Column:
    def __init__(self, title: str) -> None:
        self.title = title
        self.shown: tuple[StepRun, str] | None = None
        with el('li', 'sy-step') as self.item:
            with el('span', 'n'):
                self.glyph = Glyph('pending')
                el('span', text=title)
                self.time = el('span', 't')
            with el('span', 'sy-track', role='progressbar', aria_label=title) as self.track:
                self.bar = el('i')
            self.caption = el('span', 'c sy-ell')

    def show(self, step: StepRun, usual: float | None, before: str) -> None:
        if self.shown == (step, before):
            return
        moved = self.shown is None or self.shown[0].state is not step.state
        self.shown = (step, before)
        if moved:
            self._show_state(step, usual)
        share = 100.0 if step.state is StepState.SUCCEEDED else step.progress
        self.bar.style(f'width:{share:.1f}%')
        self.track.props['aria-valuenow'] = f'{share:.0f}'
        self.track.update()
        self.caption.set_text(self._caption(step, usual, before))

    def _show_state(self, step: StepRun, usual: float | None) -> None:
        self.item.classes(replace=f'sy-step st-{look_of(step.state)}')
        if step.state is StepState.RUNNING:
            self.item.props['aria-current'] = 'step'
        else:
            self.item.props.pop('aria-current', None)
        self.item.update()
        self.glyph.show(step.state)
        self.time.props.pop('data-since', None)
        if step.state is StepState.RUNNING and step.started_at:
            # Ticks in the browser; the server sends only when it began.
            self.time.props['data-since'] = millis(step.started_at)
            self.time.set_text('')
        elif step.state is StepState.PENDING:
            self.time.set_text(f'~{length_of(usual)}' if usual else '')
        else:
            self.time.set_text(length_of(step_seconds(step)))
        self.time.update()

    def _caption(self, step: StepRun, usual: float | None, before: str) -> str:
        if step.error is not None:
            return step.error.message
        if step.note:
            return step.note
        if step.state is StepState.RUNNING:
            attempt = f'attempt {step.attempt}, ' if step.attempt > 1 else ''
            return attempt + (f'{step.progress:.0f} %' if step.progress else 'working')
        if step.state is StepState.PENDING:
            return f'Waits for {before}' if before else ('' if usual else 'no estimate yet')
        return step.state.value
