"""What can be done with selected runs: retry or stop them, after one question, with progress and one result."""

from collections.abc import Callable, Sequence

from pages.parts.cards import set_props
from pages.parts.controls import segments
from pages.parts.dialogs import Dialog, answer_to, attempt, leave_button, say
from pages.parts.html import button, el, opens
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.language import _, _n, for_count
from synapse.language.formats import listed, number
from synapse.runs import causes
from synapse.runs.bulk import Bulk, BulkAction, BulkPlan, BulkResult
from synapse.runs.history.run_filter import RunFilter
from synapse.runs.records import RunRecord, RunState

from .run_list import Selection

FAILURES_NAMED = 4
BECAUSE = causes.LIST


class BulkBar(Scope):
    """Appears while runs are selected; a running action goes on when the person leaves the page.

    :param only: returns the filter of the list
    :param clear: selects nothing
    """

    def __init__(self, room: ControlRoom, only: Callable[[], RunFilter], clear: Callable[[], None]) -> None:
        super().__init__()
        self.classes('runs-bulk')
        set_props(self, role='toolbar', aria_label=_('Selected runs'), hidden=True)
        self._room, self._only, self._bulk = room, only, Bulk(room.runs)
        self._selection = Selection()
        self._fitting = ''
        self._is_working = self._is_stopped = False
        with self:
            self._words = el('b', 'sy-num', role='status')
            with el('span', 'acts') as self._acts:
                opens(button(_('Retry…'), icon_name='repeat', small=True), lambda: self._ask(BulkAction.RETRY))
                opens(button(_('Stop…'), icon_name='stop', small=True), lambda: self._ask(BulkAction.CANCEL))
                button(_('Select none'), icon_name='x', kind='ghost', small=True).on('click', clear)
            with el('span', 'acts', hidden=True) as self._progress:
                with el('span', 'sy-meter', role='progressbar') as self._meter:
                    self._bar = el('i').style('width:0%;--mc:var(--cmd-purple)')
                button(_('Leave the rest'), icon_name='x', small=True).on('click', self._leave_rest)

    def select(self, selection: Selection, fitting: str) -> None:
        """Show that these runs are selected.

        :param fitting: how many fit the filter, in words
        """
        self._selection, self._fitting = selection, fitting
        self._show()

    def _show(self) -> None:
        set_props(self, hidden=not (self._selection or self._is_working))
        set_props(self._acts, hidden=self._is_working)
        set_props(self._progress, hidden=not self._is_working)
        if not self._is_working:
            self._words.set_text(self._selected_words())

    def _selected_words(self) -> str:
        chosen = len(self._selection.numbers)
        if not self._selection.all:
            return _n('{count} selected', '{count} selected', chosen)
        if chosen:
            return _('All {all} but {count} selected', all=self._fitting, count=number(chosen))
        return _('All {all} selected', all=self._fitting)

    # The question

    async def _ask(self, action: BulkAction) -> None:
        chosen = self._selection
        if chosen.all:
            plan = await attempt(self._bulk.plan_all(action, self._only(), chosen.numbers))
        else:
            plan = await attempt(self._bulk.plan_numbers(action, chosen.numbers))
        if plan is None or self.is_deleted:
            return
        keeps_steps = await ask(action, plan)
        if keeps_steps is not None and not self._is_working:
            await self._carry_out(action, plan.able, keeps_steps)

    # The work

    async def _carry_out(self, action: BulkAction, runs: Sequence[RunRecord], keeps_steps: bool) -> None:
        self._is_working, self._is_stopped = True, False
        results: list[BulkResult] = []
        client = self.client
        self._show_progress(action, 0, len(runs))
        try:
            async for result in self._bulk.carry_out(action, runs, keeps_steps=keeps_steps, because=BECAUSE):
                results.append(result)
                self._show_progress(action, len(results), len(runs))
                if self._is_stopped:
                    break
        finally:
            self._is_working = False
        with client.content:
            text, is_well = result_words(action, results, len(runs))
            if is_well:
                say(text, kind='success')
            else:
                say(text, kind='warning', timeout=0, close_button=_('Close'))
        if not self.is_deleted:
            self._show()

    def _show_progress(self, action: BulkAction, done: int, count: int) -> None:
        if self.is_deleted:
            return
        if done == 0:
            self._show()
        of = {'number': number(min(done + 1, count)), 'count': number(count)}
        is_retry = action is BulkAction.RETRY
        self._words.set_text(
            _('Retrying {number} of {count}', **of) if is_retry else _('Stopping {number} of {count}', **of)
        )
        self._bar.style(f'width:{100 * done / count:.0f}%')
        name = _('Retrying') if is_retry else _('Stopping')
        set_props(self._meter, aria_valuenow=f'{100 * done / count:.0f}', aria_label=name)

    def _leave_rest(self) -> None:
        self._is_stopped = True


async def ask(action: BulkAction, plan: BulkPlan) -> bool | None:
    """Ask once, and return whether a retry keeps steps; None if nothing is to be done."""
    count = len(plan.able)
    keeps = [True]
    title = _title(action, count)
    with Dialog() as dialog, el('section', 'sy-dialog is-question', role='alertdialog', aria_modal='true') as box:
        box.props['aria-label'] = title
        el('h2', text=title)
        if count and action is BulkAction.CANCEL:
            el('p', 'sy-2', what_stops(plan))
        if count and action is BulkAction.RETRY:
            el('p', 'sy-2', _('Each starts anew with its own parameters, at the end of the queue, oldest first.'))
        if plan.keeping:
            words = {'failed': _('Keep finished steps'), 'start': _('From the beginning')}
            segments(
                'bulk-from',
                words,
                'failed',
                lambda key: keeps.__setitem__(0, key == 'failed'),
                label=_('Where they begin'),
            )
            words_of_keeping = _n(
                '{count} run can go on at the step that did not succeed.',
                '{count} runs can go on at the step that did not succeed.',
                plan.keeping,
            )
            el('p', 'sy-cap', words_of_keeping)
        if plan.unable:
            el('p', 'sy-2', _('Left out: {runs}.', runs=listed(left_out(plan))))
        with el('div', 'sy-dialog-buttons'):
            no = _('Close') if not count else _('Cancel') if action is BulkAction.RETRY else _('Keep them')
            leave_button(dialog, no, autofocus=True)
            if count:
                kind = 'danger' if action is BulkAction.CANCEL else 'primary'
                yes = button(_do(action, count), kind=kind, icon_name='repeat' if kind == 'primary' else 'stop')
                yes.classes('is-solid' if kind == 'danger' else '').on('click', lambda: dialog.submit(True))
    return keeps[0] if await answer_to(dialog) else None


def _title(action: BulkAction, count: int) -> str:
    if action is BulkAction.RETRY:
        return _n('Retry {count} run?', 'Retry {count} runs?', count) if count else _('None of these can be retried')
    return _n('Stop {count} run?', 'Stop {count} runs?', count) if count else _('None of these can be stopped')


def _do(action: BulkAction, count: int) -> str:
    if action is BulkAction.RETRY:
        return _n('Retry {count} run', 'Retry {count} runs', count)
    return _n('Stop {count} run', 'Stop {count} runs', count)


def left_out(plan: BulkPlan) -> list[str]:
    """`3 have succeeded`, `1 was stopped`."""
    return [f'{number(count)} {for_count(reason, count)}' for reason, count in plan.unable.items()]


def what_stops(plan: BulkPlan) -> str:
    """`5 wait and are removed from the queue; 2 end now, with every process they started.`"""
    waiting = sum(run.state is RunState.QUEUED for run in plan.able)
    live = len(plan.able) - waiting
    parts = []
    if waiting:
        parts.append(
            _n(
                '{count} waits and is removed from the queue',
                '{count} wait and are removed from the queue',
                waiting,
            )
        )
    if live:
        parts.append(
            _n(
                '{count} ends now, with every process it started',
                '{count} end now, with every process they started',
                live,
            )
        )
    return f'{"; ".join(parts)}.'


def result_words(action: BulkAction, results: Sequence[BulkResult], wanted: int) -> tuple[str, bool]:
    """Return what became of them in one message, and whether all went well."""
    done = sum(result.done is not None for result in results)
    failed = [result for result in results if result.error is not None]
    words: list[str] = []
    is_retry = action is BulkAction.RETRY
    if done or not failed:
        retrying = _n('Retrying {count} run.', 'Retrying {count} runs.', done)
        words.append(retrying if is_retry else _n('Stopping {count} run.', 'Stopping {count} runs.', done))
    if failed:
        count = len(failed)
        not_retried = _n('{count} run could not be retried.', '{count} runs could not be retried.', count)
        not_stopped = _n('{count} run could not be stopped.', '{count} runs could not be stopped.', count)
        words.append(not_retried if is_retry else not_stopped)
        words += [f'#{result.run.number}: {result.error}' for result in failed[:FAILURES_NAMED]]
    if len(failed) > FAILURES_NAMED:
        words.append(_('And {count} more.', count=number(len(failed) - FAILURES_NAMED)))
    if left := wanted - len(results):
        words.append(_n('{count} was left as it is.', '{count} were left as they are.', left))
    return ' '.join(words), not failed
