"""One run: what happened, what to do next, its steps over time, its log, inputs and outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from nicegui import background_tasks, ui
from nicegui.elements.mixins.text_element import TextElement

from pages.logs.filter import LogFilter
from pages.logs.view import LogView
from pages.parts.address import replace_address
from pages.parts.cards import set_props
from pages.parts.html import Glyph, button, el, icon
from pages.parts.scope import Scope
from pages.parts.words import step_title, title_of
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.language import N_, _, translated
from synapse.runs.lines.reasons import Said, said_at_end
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState

from .attempts import AttemptsCard
from .changes import ChangesCard
from .outputs import OutputsCard
from .questions import Questions
from .run_side import LAST_RUNS, LastRuns, inputs_card, missing
from .run_summary import RunSummary
from .run_words import cut_words
from .time_axis import TimeAxis

ABOUT_CUT = N_('The log of a run is limited by its pipeline or by the settings. Its first and last lines are kept.')


async def run_page(room: ControlRoom, id: str, step: str = '') -> None:
    """Draw the page of a run.

    :param id: the number of the run, or its id
    :param step: the name or title of the step whose lines are shown, in any case
    """
    with Scope().classes('sy-page') as scope:
        try:
            run = await room.runs.find(id)
        except NotFound as error:
            missing(room, error)
            return
        await room.runs.estimates.typical(run.pipeline)
        about = About(
            typical=room.runs.estimates.of_work(run),
            is_reason_gone=await _is_reason_gone(room, run),
            said=await said_at_end(run, room.log),
            step=_step_called(room, run, step),
        )
        failed = run.failed_step.name if run.failed_step else ''
        if about.step in ('', failed) and not about.is_reason_gone:
            about = replace(about, line=await _first_error(room, run))
        if not scope.is_deleted:
            RunPage(room, scope, await room.runs.get(run.id), about)


@dataclass(frozen=True, kw_only=True)
class About:
    """What was read of a run before its page is drawn.

    :param line: the line of the log to open at, if not at its end
    :param is_reason_gone: whether the line that says why the run failed is no longer in the log
    :param said: what a program that failed has printed besides
    :param step: the step whose lines were asked for
    """

    typical: Mapping[str, float]
    line: int | None = None
    is_reason_gone: bool = False
    said: Sequence[Said] = ()
    step: str = ''


def _step_called(room: ControlRoom, run: RunRecord, asked: str) -> str:
    """Return the name of the step that is meant; empty if there is none of this name or title."""
    asked = asked.casefold()
    names = {step_title(room, run.pipeline, step.name).casefold(): step.name for step in run.steps}
    return (names | {step.name.casefold(): step.name for step in run.steps}).get(asked, '')


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


SHOW_STEP = """
    for (const list of document.querySelectorAll('.run-page [data-arrows]')) {
        const chosen = list.querySelector('[aria-pressed=true], [aria-checked=true]')?.getBoundingClientRect();
        const shown = list.getBoundingClientRect();
        list.scrollTop += Math.max(0, chosen?.bottom - shown.bottom || 0);
        list.scrollLeft += Math.max(0, chosen?.right - shown.right || 0);
    }
"""
"""Scrolls the lists of steps, not the page, to the step that is shown."""


class RunPage:
    """The parts of the page, kept up to date with the run."""

    def __init__(self, room: ControlRoom, scope: Scope, run: RunRecord, about: About) -> None:
        self._room = room
        self._scope = scope
        self._run = run
        self._step = about.step or (run.failed_step.name if run.failed_step and about.line is not None else '')
        room.runs.status.mark_failure_seen(run.id)
        ui.page_title(f'#{run.number} {title_of(room, run)} · Synapse')
        Questions(room, run.id)
        with el('div', 'run-page'):
            on_line = None if about.is_reason_gone else self._show_line
            self._summary = RunSummary(room, run, about.typical, on_line, about.said)
            self._changes = ChangesCard(room, scope, run)
            with el('section', 'glass-card run-steps', aria_label=_('Steps')):
                with el('div', 'sy-head'):
                    el('h2', text=_('Steps'))
                    with el('span', 'sy-cap'):
                        el('span', 'run-ghost')
                        el('span', text=_('usual time'))
                self._axis = TimeAxis(room, run, about.typical, self._choose)
            with el('aside', 'run-side'):
                self._attempts = AttemptsCard(room, scope, run, self._show_line)
                inputs_card(room, run)
                self._outputs = OutputsCard(room, run)
                self._last = LastRuns(run)
                self._changes.draw_fold()
            self._draw_log(about.line)
        self._axis.press(self._step)
        ui.run_javascript(SHOW_STEP)
        scope.follow(room.bus, RunChanged, self._changed)
        background_tasks.create(self._show_last(), name='last runs')

    def _draw_log(self, line: int | None) -> None:
        run = self._run
        with el('section', 'glass-card log-card run-log', aria_label=_('Log')):
            with el('div', 'sy-head'):
                el('h2', text=_('Log'))
                self._cut = el('span', 'sy-cap st-warning', cut_words(run.cut), title=translated(ABOUT_CUT))
                with el('div', 'sy-seg', role='radiogroup', aria_label=_('Step'), data_arrows='1'):
                    self._segments = {'': self._segment(_('All'), '')}
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
                label=_('Log of {run}', run=f'#{run.number}'),
                is_over=lambda: self._run.state.is_final,
            )
        with tools:
            first = button(
                _('First error'),
                icon_name='arrdown',
                kind='ghost',
                small=True,
                title=_('Press again for the next one'),
            )
            with first:
                el('span', 'sy-kbd', 'E')
            first.props['data-key'] = 'first-error'
            first.on('click', lambda: self._view.go_to_error())
            self._view.follow_button.move(tools)
            logs = f'/logs?run={run.number}'
            with el(
                'a', 'sy-btn is-ghost is-sm is-icon', href=logs, aria_label=_('Search this log'), title=_('Search')
            ):
                icon('search', size=15)
            export = f'/api/v1/logs/export?format=txt&run={run.id}'
            with el('a', 'sy-btn is-ghost is-sm is-icon', href=export, download=f'run-{run.number}.txt') as load:
                icon('download', size=15)
            load.props.update({'aria-label': _('Download the log'), 'title': _('Download')})

    def _segment(self, words: str, step: str) -> TextElement:
        is_shown = step == self._step
        with el('button', type_='button', role='radio', aria_checked=str(is_shown).lower()) as segment:
            set_props(segment, tabindex='0' if is_shown else '-1')
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
            set_props(segment, aria_checked=str(name == step).lower(), tabindex='0' if name == step else '-1')
        query = f'?{urlencode({"step": step})}' if step else ''
        # So that a link to this page shows the same lines; it is no page of its own to go back to.
        replace_address(self._view, f'/runs/{self._run.number}{query}')
        self._axis.press(step)

    async def _show_line(self, seq: int) -> None:
        """Scroll to a line of the log, among the lines of all steps if those of another one are shown."""
        view = f'getHtmlElement({self._view.id})'  # no method of its component
        self._view.client.run_javascript(f'{view}.scrollIntoView({{block: "nearest"}})')
        failed = self._run.failed_step
        if self._step in ('', failed.name if failed else ''):
            await self._view.go_to(seq)
        else:
            self._mark_step('')
            self._view.show(LogFilter(run=self._run.id), line=seq)

    def _changed(self, message: RunChanged) -> None:
        run = message.run
        if run.id != self._run.id:
            if message.moved and self._attempts.is_about(run):
                self._attempts.read()
            if run.state.is_final and message.moved and run.pipeline == self._run.pipeline:
                background_tasks.create(self._show_last(), name='last runs')
            return
        self._run = run
        self._summary.show(run)
        self._changes.show(run)
        self._attempts.show(run)
        if run.state is RunState.FAILED and message.moved:
            background_tasks.create(self._show_said(), name='last words')
        self._axis.show(run)
        self._outputs.show(run)
        self._cut.set_text(cut_words(run.cut))
        if run.state.is_final and message.moved:
            self._room.runs.status.mark_failure_seen(run.id)
            background_tasks.create(self._show_last(), name='last runs')

    async def _show_last(self) -> None:
        ended, is_same = await self._room.runs.recent_like(self._run, limit=LAST_RUNS)
        if not self._scope.is_deleted:
            with self._scope:
                self._last.show(ended, is_same=is_same)

    async def _show_said(self) -> None:
        said = await said_at_end(self._run, self._room.log)
        if not self._scope.is_deleted:
            with self._scope:
                self._summary.show_said(said)
                self._summary.show(self._run)
