"""The retries of a run, and the calls of its steps where there was more than one."""

from collections.abc import Callable, Sequence

from nicegui import background_tasks

from pages.parts.cards import set_props
from pages.parts.html import WORDS, Glyph, button, el, icon, look_of
from pages.parts.scope import Scope
from pages.parts.words import length_of, step_title
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.runs.records import RunRecord, StepAttempt, StepRun, StepState
from synapse.runs.starting.retrying import RunAttempt
from synapse.waiting import Latest


class AttemptsCard:
    """Hidden for a run that was never retried and has no step that was called again.

    :param on_line: called with the number of a log entry, to show it
    """

    def __init__(self, room: ControlRoom, scope: Scope, run: RunRecord, on_line: Callable[[int], object]) -> None:
        self._room = room
        self._scope = scope
        self._run = run
        self._on_line = on_line
        self._chain: Sequence[RunAttempt] = ()
        self._shown: tuple[object, ...] = ()
        self._card = el('section', 'glass-card run-attempts', aria_label=_('Attempts'), hidden=True)
        self.read = Latest(self._read, background_tasks.create)
        """Reads the chain again."""
        self.show(run)

    def show(self, run: RunRecord) -> None:
        """Show the attempts of the steps of this run as they are now; the chain is read when it has moved."""
        self._run = run
        state = (run.state, tuple(step.attempts for step in run.steps))
        if state != self._shown:
            self._shown = state
            self.read()

    def is_about(self, run: RunRecord) -> bool:
        """Whether another run belongs to the chain."""
        return run.retry_of is not None and run.retry_of in {self._run.id, *(item.id for item in self._chain)}

    async def _read(self) -> None:
        chain = await self._room.runs.retries.chain(self._run)
        if self._scope.is_deleted:
            return
        self._chain = chain
        again = [step for step in self._run.steps if len(step.attempts) > 1 or _is_waiting(step)]
        set_props(self._card, hidden=len(chain) < 2 and not again)
        self._card.clear()
        with self._scope, self._card:
            with el('div', 'sy-head'):
                el('h2', text=_('Attempts'))
                el('span', 'sy-count', str(len(chain)) if len(chain) > 1 else '')
                if len(chain) > 1:
                    self._draw_neighbours()
            if len(chain) > 1:
                with el('ol', 'sy-rows'):
                    for attempt in chain:
                        self._draw_run(attempt)
            for step in again:
                self._draw_step(step)

    def _draw_neighbours(self) -> None:
        ids = [item.id for item in self._chain]
        place = ids.index(self._run.id) if self._run.id in ids else 0
        with el('span', 'sy-x'):
            for name, label, to in (
                ('left', _('Previous attempt'), place - 1),
                ('right', _('Next attempt'), place + 1),
            ):
                other = self._chain[to] if 0 <= to < len(self._chain) else None
                is_there = other is not None and not other.is_removed
                link = el('a', 'sy-btn is-ghost is-sm is-icon', aria_label=label, title=label)
                if is_there and other is not None:
                    set_props(link, href=f'/runs/{other.number}')
                else:
                    set_props(link, aria_disabled='true', role='link')
                with link:
                    icon(name, size=14)

    def _draw_run(self, attempt: RunAttempt) -> None:
        is_this = attempt.id == self._run.id
        with el('li'):
            tag = 'span' if attempt.is_removed else 'a'
            link = el(tag, 'sy-x sy-grow', aria_current='page' if is_this else None)
            if not attempt.is_removed:
                set_props(link, href=f'/runs/{attempt.number}')
            with link:
                Glyph(attempt.state).classes(f'st-{look_of(attempt.state)}')
                el('span', 'sy-num', f'#{attempt.number}')
                words = self._words_of(attempt)
                el('span', 'sy-ell sy-grow sy-2', words, title=attempt.message or words)
                el('span', 'sy-cap sy-num', _took(attempt))

    def _words_of(self, attempt: RunAttempt) -> str:
        state = WORDS[attempt.state]
        if attempt.is_removed:
            return _('{state}, removed since', state=state)
        if attempt.step:
            state = _('{state} at {step}', state=state, step=self._title(attempt.step))
        return (
            _('{state}, from {step}', state=state, step=self._title(attempt.from_step)) if attempt.from_step else state
        )

    def _title(self, step: str) -> str:
        return step_title(self._room, self._run.pipeline, step)

    def _draw_step(self, step: StepRun) -> None:
        el('h3', 'sy-cap', self._title(step.name))
        with el('ol', 'sy-rows'):
            for attempt in step.attempts:
                self._draw_try(step, attempt, is_last=attempt is step.attempts[-1])

    def _draw_try(self, step: StepRun, attempt: StepAttempt, *, is_last: bool) -> None:
        is_open = attempt.finished_at is None
        state = str(step.state) if is_last and not _is_waiting(step) else 'running' if is_open else 'failed'
        error = attempt.error.words if attempt.error else ''
        with el('li', 'sy-x'):
            Glyph(state).classes(f'st-{look_of(state)}')
            el('span', 'sy-num', _('Try {number}', number=attempt.attempt))
            el('span', 'sy-ell sy-grow sy-2', error or WORDS[state], title=error or None)
            if attempt.finished_at is not None:
                el('span', 'sy-cap sy-num', length_of((attempt.finished_at - attempt.started_at).total_seconds()))
            if attempt.last_seq is not None:
                seq = attempt.last_seq
                label = _('Show the last line of try {number} in the log', number=attempt.attempt)
                button('', icon_name='list', kind='ghost', small=True, aria_label=label, title=label).on(
                    'click', lambda: self._on_line(seq)
                )


def _is_waiting(step: StepRun) -> bool:
    """Whether a call of it has failed, and it waits for the next one."""
    return step.state is StepState.RUNNING and bool(step.attempts) and step.attempts[-1].finished_at is not None


def _took(attempt: RunAttempt) -> str:
    if attempt.started_at is None or attempt.finished_at is None:
        return ''
    return length_of((attempt.finished_at - attempt.started_at).total_seconds())
