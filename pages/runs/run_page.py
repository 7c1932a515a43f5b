"""One run: what happened, what to do next, its steps over time, its log, inputs and outputs."""

from collections.abc import Mapping

from nicegui import background_tasks, ui
from nicegui.elements.mixins.text_element import TextElement

from pages.logs.filter import LogFilter
from pages.logs.view import LogView
from pages.parts.cards import set_props
from pages.parts.html import Glyph, button, el, icon
from pages.parts.scope import Scope
from pages.parts.words import step_title, title_of
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState

from .run_side import LAST_RUNS, LastRuns, OutputsCard, inputs_card, missing
from .run_summary import RunSummary
from .time_axis import TimeAxis


async def run_page(room: ControlRoom, id: str) -> None:
    """Draw the page of a run.

    :param id: the number of the run, or its id
    """
    with Scope().classes('sy-page') as scope:
        try:
            run = await room.runs.find(id)
        except NotFound as error:
            missing(error.message, error.hint)
            return
        typical = await room.runs.estimates.usual(run.pipeline, run.parameters, run.id)
        is_gone = await _is_reason_gone(room, run)
        first_error = None if is_gone else await _first_error(room, run)
        if not scope.is_deleted:
            RunPage(room, scope, await room.runs.get(run.id), typical, first_error, is_reason_gone=is_gone)


async def _is_reason_gone(room: ControlRoom, run: RunRecord) -> bool:
    """Whether the line of the log that says why the run failed has been deleted."""
    if run.error is None or run.error.seq is None:
        return False
    seq = run.error.seq
    return not await room.log.query(run=run.id, after=seq - 1, before=seq + 1, limit=1)


async def _first_error(room: ControlRoom, run: RunRecord) -> int | None:
    """Return the line at which the log of a failed run opens: the one that says why, else the first error."""
    if run.state is not RunState.FAILED or run.failed_step is None:
        return None
    if run.error is not None and run.error.seq is not None:
        return run.error.seq
    found = await room.log.query(
        run=run.id, step=run.failed_step.name, levels=['error', 'critical'], limit=1, oldest_first=True
    )
    return found[0].seq if found else None


class RunPage:
    """The parts of the page, kept up to date with the run.

    :param line: the line of the log to open at, if not at its end
    :param is_reason_gone: whether the line that says why the run failed is no longer in the log
    """

    def __init__(
        self,
        room: ControlRoom,
        scope: Scope,
        run: RunRecord,
        typical: Mapping[str, float],
        line: int | None,
        *,
        is_reason_gone: bool = False,
    ) -> None:
        self._room = room
        self._scope = scope
        self._run = run
        self._step = run.failed_step.name if run.failed_step and line is not None else ''
        room.runs.status.mark_failure_seen(run.id)
        ui.page_title(f'#{run.number} {title_of(room, run)} · Synapse')
        with el('div', 'run-page'):
            self._summary = RunSummary(room, run, typical, None if is_reason_gone else self._show_line)
            with el('section', 'glass-card run-steps', aria_label='Steps'):
                with el('div', 'sy-head'):
                    el('h2', text='Steps')
                    with el('span', 'sy-cap'):
                        el('span', 'run-ghost')
                        el('span', text='usual time')
                self._axis = TimeAxis(room, run, typical, self._choose)
            with el('aside', 'run-side'):
                inputs_card(room, run)
                self._outputs = OutputsCard(room, run)
                self._last = LastRuns(run)
            self._draw_log(line)
        self._axis.press(self._step)
        scope.follow(room.bus, RunChanged, self._changed)
        background_tasks.create(self._show_last(), name='last runs')

    def _draw_log(self, line: int | None) -> None:
        run = self._run
        with el('section', 'glass-card log-card run-log', aria_label='Log'):
            with el('div', 'sy-head'):
                el('h2', text='Log')
                with el('div', 'sy-seg', role='radiogroup', aria_label='Step'):
                    self._segments = {'': self._segment('All', '')}
                    for step in run.steps:
                        self._segments[step.name] = self._segment(
                            step_title(self._room, run.pipeline, step.name), step.name
                        )
                tools = el('span', 'sy-x')
            self._view = LogView(
                self._room,
                LogFilter(run=run.id, step=self._step),
                line=line,
                has_run=False,
                label=f'Log of #{run.number}',
                is_over=lambda: self._run.state.is_final,
            )
        with tools:
            first = button(
                'First error', icon_name='arrdown', kind='ghost', small=True, title='Press again for the next one'
            )
            with first:
                el('span', 'sy-kbd', 'E')
            first.props['data-key'] = 'first-error'
            first.on('click', lambda: self._view.go_to_error())
            self._view.follow_button.move(tools)
            logs = f'/logs?run={run.number}'
            with el('a', 'sy-btn is-ghost is-sm is-icon', href=logs, aria_label='Search this log', title='Search'):
                icon('search', size=15)
            export = f'/api/v1/logs/export?format=txt&run={run.id}'
            with el('a', 'sy-btn is-ghost is-sm is-icon', href=export, download=f'run-{run.number}.txt') as load:
                icon('download', size=15)
            load.props.update({'aria-label': 'Download the log', 'title': 'Download'})

    def _segment(self, words: str, step: str) -> TextElement:
        with el('button', type_='button', role='radio', aria_checked=str(step == self._step).lower()) as segment:
            if self._run.failed_step is not None and step == self._run.failed_step.name:
                Glyph('failed', size=12).classes('st-failed')
            el('span', text=words)
        segment.on('click', lambda: self._show_step(step))
        return segment

    def _choose(self, step: str) -> None:
        """Show the log of the step clicked on the axis, or the whole log if it was selected already."""
        self._show_step('' if step == self._step else step)

    def _show_step(self, step: str) -> None:
        self._mark_step(step)
        self._view.show(LogFilter(run=self._run.id, step=step))

    def _mark_step(self, step: str) -> None:
        self._step = step
        for name, segment in self._segments.items():
            set_props(segment, aria_checked=str(name == step).lower())
        self._axis.press(step)

    async def _show_line(self, seq: int) -> None:
        """Scroll to a line of the log, among the lines of all steps if those of another one are shown."""
        self._view.run_method('scrollIntoView', {'block': 'nearest'})
        failed = self._run.failed_step
        if self._step in ('', failed.name if failed else ''):
            await self._view.go_to(seq)
        else:
            self._mark_step('')
            self._view.show(LogFilter(run=self._run.id), line=seq)

    def _changed(self, message: RunChanged) -> None:
        run = message.run
        if run.id != self._run.id:
            if run.state.is_final and message.moved and run.pipeline == self._run.pipeline:
                background_tasks.create(self._show_last(), name='last runs')
            return
        self._run = run
        self._summary.show(run)
        self._axis.show(run)
        self._outputs.show(run)
        if run.state.is_final and message.moved:
            self._room.runs.status.mark_failure_seen(run.id)
            background_tasks.create(self._show_last(), name='last runs')

    async def _show_last(self) -> None:
        ended = await self._room.runs.recent(self._run.pipeline, limit=LAST_RUNS)
        if not self._scope.is_deleted:
            with self._scope:
                self._last.show(ended)
