"""The card of the live run: its steps, the time left and its controls; with several, the newest one until paged."""

from collections.abc import Sequence

from nicegui import background_tasks

from pages.parts.cards import empty, set_class, set_props
from pages.parts.html import button, el, icon, opens
from pages.parts.scope import Scope
from pages.parts.words import (
    clock_of,
    percent_of,
    pipeline_color,
    pipeline_title,
    profile_label,
    size_of,
    step_title,
    title_of,
)
from pages.runs.retry import retry_or_ask
from pages.runs.run_controls import RunControls, StatePill
from pages.runs.run_form import open_run_form_of
from pages.runs.run_words import is_input_refused, pause_of_run, step_to_retry
from pages.runs.stepper import Stepper
from pages.runs.time_left import TimeLeft
from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.language import spoken as retold
from synapse.runs.causes import cause_words
from synapse.runs.messages import QueueChanged, RunChanged
from synapse.runs.records import RunRecord, RunState

RATE_SECONDS = 0.2
"""Progress is shown five times a second, a change of state at once."""


def run_to_show(live: Sequence[RunRecord], shown: str | None, last: RunRecord | None) -> RunRecord | None:
    """Return the live run that is shown already, else the newest live one, else the last run that ended.

    :param live: newest first
    :param shown: the id of the run that is shown now
    """
    return next((run for run in live if run.id == shown), None) or next(iter(live), last)


def facts_line(run: RunRecord, started: str, worker: str | None) -> str:
    """Return `started 14:02:11 by file drop · worker-1`, as far as that is known."""
    words = ''
    if started and run.because:
        words = _('started {time} by {cause}', time=started, cause=cause_words(run.because))
    elif started:
        words = _('started {time}', time=started)
    return ' · '.join(filter(None, (words, worker)))


class CurrentRun(Scope):
    """Stays on its run for as long as that is live; with no live run it keeps the last one."""

    def __init__(self, room: ControlRoom, last: RunRecord | None) -> None:
        super().__init__('section')
        self.classes('glass-card now').props['aria-label'] = _('Current run')
        self._room = room
        self._run: RunRecord | None = None
        self._last = last
        self._is_measuring = False
        with self:
            self._none = el('div', 'now-none')
            with self._none, empty(_('Nothing is running'), _('Choose a file or a pipeline.'), 'play'):
                el('p', 'sy-cap is-wide-only', _('Or press R.'))
            with el('div', 'nowtop') as self._top:
                self._build_top()
            self._place = el('div', 'now-steps')
            with el('div', 'nowfoot') as self._foot:
                self._build_foot()
        self._stepper: Stepper | None = None
        self._steps: tuple[str, ...] = ()
        self._soon = self.at_most_every(RATE_SECONDS, self._show)
        self.follow(room.bus, RunChanged, self._on_run)
        self.follow(room.bus, QueueChanged, lambda _: self._show())
        self.follow(room.bus, PipelinesChanged, lambda _: self._show())
        self.watch(room.status, ('cpu_percent',), self._measure)
        self._show()

    def _build_top(self) -> None:
        with el('div', 'sy-grow'):
            with el('div', 'sy-x').style('gap:9px'):
                self._pill = StatePill()
                with el('span', 'sy-x sy-cap now-pipeline').style('gap:6px'):
                    self._dot = el('i', 'sy-pdot')
                    self._pipeline = el('span', 'sy-ell')
                self._number = el('a', 'sy-mono sy-3').style('font-size:12px')
                with el('span', 'pager') as self._pager:
                    newer = el('button', 'sy-btn is-ghost', type_='button', aria_label=_('Previous live run'))
                    self._place_of = el('span', 'sy-cap sy-num')
                    older = el('button', 'sy-btn is-ghost', type_='button', aria_label=_('Next live run'))
                for arrow, name, by in ((newer, 'left', -1), (older, 'right', 1)):
                    with arrow:
                        icon(name, size=13)
                    arrow.on('click', lambda by=by: self._turn(by))
            self._title = el('h2', 'sy-ell')
            with el('p', 'sy-cap sy-ell now-facts'):
                self._profile_word = el('span')
                self._profile = el('span', 'sy-2')
                self._facts = el('span')
        self._left = TimeLeft(self._room)

    def _build_foot(self) -> None:
        self._controls = RunControls(self._room)
        with el('button', 'sy-btn', type_='button') as self._retry:
            icon('retry', size=14)
            self._retry_word = el('span')
        opens(self._retry, self._ask_retry, what='')
        self._other = button(_('Choose another file'), icon_name='upload')
        opens(self._other, self._choose_another)
        with el('a', 'sy-btn is-ghost') as self._open:
            icon('open')
            el('span', text=_('Open run'))
        el('span', 'sy-grow')
        with el('span', 'sy-x now-load').style('gap:8px'):
            self._cpu = el('span', 'sy-cap sy-num')
            self._sep = el('span', 'sep')
            self._memory = el('span', 'sy-cap sy-num')
        self._show_load('', '')

    # What is shown

    def _on_run(self, message: RunChanged) -> None:
        run = message.run
        if run.state.is_final and (self._last is None or run.number >= self._last.number or self._is_shown(run)):
            self._last = run
        if message.moved:
            self._show()
        elif self._is_shown(run):
            self._soon()

    def _is_shown(self, run: RunRecord) -> bool:
        return self._run is not None and self._run.id == run.id

    def _show(self) -> None:
        live = self._room.runs.live()
        shown = run_to_show(live, self._run.id if self._run else None, self._last)
        self._run = shown
        for part in (self._top, self._place, self._foot):
            part.set_visibility(shown is not None)
        self._none.set_visibility(shown is None)
        set_class(self, 'is-live', shown is not None and shown.state is RunState.RUNNING)
        if shown is not None:
            self._show_top(shown, live)
            self._show_steps(shown)
            self._left.show(shown)
            self._show_foot(shown)

    def _show_top(self, run: RunRecord, live: Sequence[RunRecord]) -> None:
        room = self._room
        self._pill.show(run)
        self._dot.classes(replace=f'sy-pdot {pipeline_color(room, run.pipeline)}')
        self._pipeline.set_text(pipeline_title(room, run.pipeline))
        self._number.set_text(f'#{run.number}')
        set_props(self._number, href=f'/runs/{run.number}')
        self._pager.set_visibility(len(live) > 1)
        places = [known.id for known in live]
        place = places.index(run.id) + 1 if run.id in places else 1
        self._place_of.set_text(_('{number} of {count}', number=place, count=len(live)))
        self._title.set_text(title_of(room, run))
        set_props(self._title, title=title_of(room, run))
        self._profile_word.set_text(_('Profile') + ' ' if run.profile else '')
        self._profile.set_text(profile_label(room, run.profile))
        words = facts_line(run, clock_of(room, run.started_at), room.runs.worker_of(run.id))
        if run.is_held or run.is_held_asking:
            words = ' · '.join(filter(None, (pause_of_run(room, run), words)))
        if run.stall is not None:
            words = f'{retold(run.stall.message).removesuffix(".")} · {words}'
        self._facts.set_text(f' · {words}' if run.profile and words else words)

    def _show_steps(self, run: RunRecord) -> None:
        names = (run.id, *(step.name for step in run.steps))
        if self._stepper is None or names != self._steps:
            self._steps = names
            self._place.clear()
            with self._place:
                self._stepper = Stepper(self._room, run, self._room.runs.estimates.of_work(run))
        self._stepper.show(run)

    def _show_foot(self, run: RunRecord) -> None:
        self._controls.show(run)
        set_props(self._open, href=f'/runs/{run.number}')
        step = step_to_retry(run)
        is_refused = is_input_refused(run)
        self._other.set_visibility(run.state.is_final and is_refused)
        may_retry = run.state.is_final and run.state is not RunState.SUCCEEDED and not run.is_all_done
        self._retry.set_visibility(may_retry and not is_refused)
        self._retry_word.set_text(
            _('Enter the values and run')
            if run.is_recovered
            else _('Retry from {step}', step=step_title(self._room, run.pipeline, step.name))
            if step
            else _('Run all again')
        )
        if not run.state.is_live:
            self._show_load('', '')

    # What the person does

    def _turn(self, by: int) -> None:
        live = self._room.runs.live()
        places = [run.id for run in live]
        if self._run is not None and self._run.id in places:
            self._run = live[(places.index(self._run.id) + by) % len(live)]
        self._show()

    def _choose_another(self) -> None:
        if self._run is not None:
            open_run_form_of(self._room, self._run)

    async def _ask_retry(self) -> None:
        if self._run is not None:
            step = step_to_retry(self._run)
            await retry_or_ask(self._room, self._run, step.name if step else None)

    # CPU and memory

    def _measure(self) -> None:
        """Measure the processes of the run along with each sample of the machine."""
        if self._run is not None and self._run.state.is_live and not self._is_measuring:
            self._is_measuring = True
            background_tasks.create(self._measured(self._run.id), name='load of a run')

    async def _measured(self, run_id: str) -> None:
        try:
            tree = await self._room.runs.process_tree(run_id)
        finally:
            self._is_measuring = False
        if self.is_deleted or self._run is None or self._run.id != run_id or not self._run.state.is_live:
            return
        cpu = sum(float(process['cpu_percent']) for process in tree) / max(1, self._room.status.cores)
        memory = sum(int(process['memory_bytes']) for process in tree)
        with self:
            if tree:
                self._show_load(_('CPU {percent}', percent=percent_of(cpu)), _('Memory {size}', size=size_of(memory)))
            else:
                self._show_load('', '')

    def _show_load(self, cpu: str, memory: str) -> None:
        self._cpu.set_text(cpu)
        self._memory.set_text(memory)
        self._sep.set_visibility(bool(cpu))
