"""The head of a run: its state in words, what it is about, why it failed, and the cheapest way forward."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any

from nicegui import background_tasks, ui

from pages.parts.cards import set_props
from pages.parts.html import Glyph, button, copy_button, el, icon, opens
from pages.parts.words import millis, pipeline_color, pipeline_title, size_of, step_title, time_so_far, title_of
from synapse.control_room import ControlRoom
from synapse.durations import clock, spoken
from synapse.language import _, _n
from synapse.language import spoken as retold
from synapse.records import Problem, now_utc
from synapse.runs.lines.reasons import Said
from synapse.runs.records import RunRecord, RunState, Silence, Stall
from synapse.sentences import with_stop

from .retry import open_retry, retry_or_ask
from .run_controls import RunControls, StatePill
from .run_form import open_run_form_of
from .run_words import facts_of, is_input_refused, state_words, step_to_retry, what_is_kept, why_not_again
from .stepper import Stepper
from .time_left import TimeLeft

POLL_SECONDS = 0.25
"""Between two looks at the processes of a run that is being stopped: nothing reports that one has ended."""


class RunSummary:
    """Redrawn when the run changes its state; while it only makes progress, stepper and time left change in place.

    :param on_line: called with the number of the log entry that says why the run failed, to show it;
        None if the log no longer has that entry
    :param said: more of what the program that failed has printed
    """

    def __init__(
        self,
        room: ControlRoom,
        run: RunRecord,
        typical: Mapping[str, float],
        on_line: Callable[[int], object] | None = None,
        said: Sequence[Said] = (),
    ) -> None:
        self._room = room
        self._said = said
        self._on_line = on_line
        self._typical = typical
        self._live: tuple[TimeLeft, RunControls, Stepper] | None = None
        self._drawn: tuple[Any, ...] = ()
        self._processes: _Processes | None = None
        self._box = el('section', 'glass-card run-sum', aria_label=_('Run summary'))
        with self._box:
            self._head = el('div')
            self._tree = el('div', hidden=True)
        self.show(run)

    def show(self, run: RunRecord) -> None:
        flags = (run.is_waiting, run.pause, run.is_stopping, run.silence, run.stall, run.waits_for)
        look = (run.state, run.question, run.error, *flags)
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
            if run.silence is not None:
                self._draw_silence(_('Not answering for'), run.silence)
            if run.stall is not None:
                name = step_title(self._room, run.pipeline, run.stall.step)
                self._draw_silence(_('{step} has been silent for', step=name), run.stall)
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
                    with el('button', 'run-said', type_='button', title=_('Show this line in the log')) as link:
                        icon('arrdown', size=13)
                        el('span', text=_('Line in the log'))
                    link.on('click', lambda: show(seq))
                el('p', text=f'{with_stop(retold(error.hint))} {what_is_kept(self._room, run)}'.strip())
                self._draw_said()
                if error.file:
                    el(
                        'p',
                        'sy-mono',
                        _('{file}, line {line}', file=error.file, line=error.line) if error.line else error.file,
                    )
                if error.traceback:
                    with el('details'):
                        lines = error.traceback.count('\n') + 1
                        el('summary', text=_n('Traceback, {count} line', 'Traceback, {count} lines', lines))
                        el('pre', text=error.traceback)
            with el('div', 'run-acts'):
                copy_button(
                    _('Copy error'), '\n'.join(filter(None, (error.words, retold(error.hint), error.traceback)))
                )
                copy_button(_('Copy folder'), str(self._room.runs.folder_of(run.id)))

    def _draw_said(self) -> None:
        if not self._said:
            return
        with el('ul', 'run-lines', aria_label=_('What it said')):
            for line in self._said:
                with el('li'), el('button', 'sy-mono', type_='button', title=_('Show this line in the log')) as press:
                    el('span', text=line.text)
                press.on('click', lambda seq=line.seq: self._on_line and self._on_line(seq))

    def show_said(self, said: Sequence[Said]) -> None:
        """Show what the program said, which is read from the log after its end."""
        if said and not self._said:
            self._said, self._drawn = said, ()

    def _draw_silence(self, what: str, silence: Silence | Stall) -> None:
        with el('div', 'run-why st-warning', role='alert'):
            with el('span', 'wi'):
                Glyph('warning', size=18)
            with el('div', 'sy-grow'):
                with el('b', text=f'{what} '):
                    since = millis(silence.since)
                    el('span', 'sy-num', clock((now_utc() - silence.since).total_seconds()), data_since=since)
                el('p', text=_about(silence))

    def _draw_ways_on(self, run: RunRecord) -> None:
        with el('div', 'run-acts') as acts:
            if run.is_recovered:
                edit = button(_('Enter the values and run'), icon_name='edit', kind='primary')
                opens(edit, lambda: open_run_form_of(self._room, run))
            else:
                self._draw_retries(run)
        why_not = why_not_again(self._room, run)
        if why_not:
            for press in acts.descendants():
                if press.tag == 'button':
                    set_props(press, disabled=True, title=why_not)

    def _draw_retries(self, run: RunRecord) -> None:
        step = step_to_retry(run)
        is_refused = is_input_refused(run)
        is_over = run.is_all_done and run.state is not RunState.SUCCEEDED
        if is_over:
            el('span', 'sy-cap', _('All its steps had succeeded: nothing is left to do.'))
        else:
            words = _('Run again') if run.state is RunState.SUCCEEDED else _('Run all again')
            again = button(words, icon_name='retry', kind='' if step or is_refused else 'primary')
            opens(again, lambda: self._retry(again, run, None), what='')
        if is_refused:
            edit = button(_('Choose another file'), icon_name='upload', kind='primary')
        else:
            edit = button(_('Edit and run'), icon_name='edit', kind='ghost')
            edit.move(target_index=0)
        opens(edit, lambda: open_run_form_of(self._room, run))
        if step is not None:
            name = step.name
            title = step_title(self._room, run.pipeline, name)
            resume = button(_('Retry from {step}', step=title), icon_name='play', kind='primary')
            opens(resume, lambda: self._retry(resume, run, name), what='')
        if run.state is not RunState.SUCCEEDED and not is_over:
            label = _('Retry options')
            more = button('', icon_name='dots', kind='ghost', aria_label=label, title=label)
            opens(more, lambda: open_retry(self._room, run, step.name if step else None))

    async def _retry(self, pressed: ui.element, run: RunRecord, from_step: str | None) -> None:
        if pressed.props.get('disabled'):
            return
        set_props(pressed, disabled=True)  # one press, one run
        new = await retry_or_ask(self._room, run, from_step)
        if new is not None:
            ui.navigate.to(f'/runs/{new.number}')
        elif not pressed.is_deleted:
            set_props(pressed, disabled=None)


def _about(silence: Silence | Stall) -> str:
    if isinstance(silence, Silence):
        return f'{retold(silence.message)} {retold(silence.hint)}'
    longest = silence.longest_seconds
    if longest is None:
        return retold(silence.hint)
    return _('The longest before was {time}.', time=spoken(longest)) + ' ' + retold(silence.hint)


class _Processes:
    """The processes of a run that is being stopped, until none is left."""

    def __init__(self, room: ControlRoom, run: RunRecord) -> None:
        self._room = room
        self._run_id = run.id
        self._is_over = False
        with el('div', 'run-dying', role='group', aria_label=_('Processes of this run')) as self._box:
            with el('div', 'sy-x'):
                icon('stop', size=14)
                self._words = el('b', text=_('Looking for its processes'))
                self._asked = el('span', 'sy-cap sy-num')
            self._list = el('ul', 'sy-mono')
            self._said = el('span', 'sy-vh', role='status')
        background_tasks.create(self._watch(), name='process tree')

    async def _watch(self) -> None:
        while not self._is_done():
            tree = await self._room.runs.process_tree(self._run_id)
            if not self._is_done():
                with self._box:
                    self._show(tree)
                    self._show_asked()
                await asyncio.sleep(POLL_SECONDS)

    def _show_asked(self) -> None:
        asked = self._room.runs.asked_to_end(self._run_id)
        text = ''
        if asked:
            facts = {'program': asked.program, 'signal': asked.signal, 'seconds': ceil(asked.seconds_left)}
            text = _('{program} was sent {signal}; killed in {seconds} s', **facts)
        if text != self._asked.text:
            self._asked.set_text(text)

    def _is_done(self) -> bool:
        return self._is_over or self._box.is_deleted

    def finish(self) -> None:
        """Show that no process is left: a run ends only when all of them have."""
        if not self._is_over:
            self._is_over = True
            self._box.classes('is-gone')
            self._show([])
            self._asked.set_text('')
            self._said.set_text(self._words.text)

    def _show(self, tree: Sequence[Mapping[str, Any]]) -> None:
        self._words.set_text(_n('{count} process left', '{count} processes left', len(tree)))
        self._list.clear()
        with self._list:
            for item in tree:
                with el('li'):
                    el('span', 'sy-3 sy-num', str(item['pid']))
                    el('span', 'sy-ell sy-grow', str(item['command']))
                    el('span', 'sy-3 sy-num', size_of(int(item.get('memory_bytes') or 0)))
