"""Asks before a retry: from which step, with which values, what it keeps and saves, and what has changed since."""

from collections.abc import Mapping
from typing import Any

from nicegui import background_tasks, ui

from pages.parts.cards import set_props
from pages.parts.dialogs import Dialog, attempt, focus_first_field, focus_wrong, leave_button
from pages.parts.html import button, el, icon
from pages.parts.words import length_of, size_of, step_title
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.language import _, _n
from synapse.language.formats import listed
from synapse.runs.comparison.changes import ChangeKind
from synapse.runs.records import RunRecord, RunState
from synapse.runs.starting.retrying import RetryPlan, Start
from synapse.waiting import Latest

from .changes import draw_changes, draw_unknown
from .run_form import RunForm, open_run_form_of, problem_of

TOLD = frozenset(ChangeKind) - {ChangeKind.DISK, ChangeKind.STEP}
"""What is told before a retry starts, without being asked for."""


async def retry_or_ask(room: ControlRoom, run: RunRecord, from_step: str | None) -> RunRecord | None:
    """Retry a run at once if all is as it was then; otherwise say what has changed, and ask.

    :return: the new run; None if a dialog starts it, or there is none, which has been said
    """
    if run.is_recovered:
        open_run_form_of(room, run)
        return None
    if run.state is not RunState.SUCCEEDED:
        plan = await attempt(room.runs.retries.plan(run, from_step))
        if plan is None:
            return None
        if not plan.is_possible or any(change.kind in TOLD for change in plan.changes):
            RetryDialog(room, run, plan)
            return None
    return await attempt(room.runs.retry(run.id, from_step=from_step))


async def open_retry(room: ControlRoom, run: RunRecord, from_step: str | None) -> None:
    """Open the dialog, whatever has changed."""
    plan = await attempt(room.runs.retries.plan(run, from_step))
    if plan is not None:
        RetryDialog(room, run, plan)


class RetryDialog:
    """One opening starts at most one run."""

    def __init__(self, room: ControlRoom, run: RunRecord, plan: RetryPlan) -> None:
        self._room = room
        self._run = run
        self._from_step = plan.from_step
        self._form: RunForm | None = None
        self._is_sending = False
        self._plan_again = Latest(self._read_plan, background_tasks.create)
        with Dialog() as self._dialog:
            self._draw(plan)
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()

    def _draw(self, plan: RetryPlan) -> None:
        title = _('Retry {run}', run=f'#{self._run.number}')
        box = el('section', 'sy-dialog form-dialog', role='dialog', aria_modal='true', aria_label=title)
        focus_first_field(self._dialog, box)
        with box:
            with el('div', 'form-head'):
                el('h2', text=title)
                el('span', 'sy-cap sy-ell sy-grow', self._run.subject)
                close = button('', icon_name='x', kind='ghost', small=True, aria_label=_('Close'))
                close.on('click', self._dialog.close)
            with el('div', 'form-scroll'):
                self._draw_starts(plan)
                self._plan = el('div', 'retry-plan', role='status')
                self._draw_form()
            with el('div', 'form-foot'):
                self._problem = el('span', 'sy-error sy-grow', role='alert')
                leave_button(self._dialog)
                with el('button', 'sy-btn is-primary', type_='button') as self._go:
                    icon('play', size=14)
                    self._words = el('span')
                self._go.on('click', self._retry)
        self._show(plan)

    def _draw_starts(self, plan: RetryPlan) -> None:
        with el('fieldset', 'retry-starts'):
            el('legend', 'sy-label', _('Start from'))
            first, *rest = plan.steps or (Start(name='', is_possible=True),)
            self._draw_start('', _('The start'), '', is_chosen=plan.from_step in (None, first.name))
            for start in rest:
                reason = '' if start.is_possible else start.reason
                self._draw_start(start.name, self._title(start.name), reason, is_chosen=plan.from_step == start.name)

    def _draw_start(self, step: str, words: str, reason: str, *, is_chosen: bool) -> None:
        with el('label', 'sy-x'):
            radio = el('input', type_='radio', name='retry-from', value=step)
            set_props(radio, checked=is_chosen or None, disabled=bool(reason) or None)
            el('span', 'sy-3' if reason else '', words)
            if reason:
                el('span', 'sy-cap', reason)
        radio.on('change', lambda: self._choose(step or None))

    def _draw_form(self) -> None:
        info = self._room.catalog.find(self._run.pipeline)
        if info is None or not info.schema.get('properties'):
            return
        with el('details', 'form-fold'):
            with el('summary'):
                icon('right', size=14)
                el('span', text=_('Edit the values'))
                el('span', 'sy-cap sy-ell sy-grow', _('those of this run, if you leave them'))
            self._form = RunForm(self._room, info, self._run.parameters, self._run.profile)

    def _title(self, step: str) -> str:
        return step_title(self._room, self._run.pipeline, step)

    # What it would do

    def _choose(self, step: str | None) -> None:
        self._from_step = step
        self._problem.set_text('')
        self._plan_again()

    async def _read_plan(self) -> None:
        with self._plan:  # a background task: only here its words are in the language of this tab
            plan = await attempt(self._room.runs.retries.plan(self._run, self._from_step))
            if plan is not None and not self._dialog.is_deleted:
                self._show(plan)

    def _show(self, plan: RetryPlan) -> None:
        step = self._title(plan.from_step) if plan.from_step else ''
        self._words.set_text(_('Retry from {step}', step=step) if step else _('Retry from the start'))
        set_props(self._go, disabled=None if plan.is_possible or plan.fields else True)
        self._plan.clear()
        with self._plan:
            if not plan.is_possible:
                el('p', 'sy-error', f'{plan.reason} {plan.hint}'.strip())
            elif plan.is_all_done or not plan.kept_steps:
                el('p', 'sy-2', plan.summary)
            else:
                self._draw_kept(plan)
            if plan.changes:
                el('h3', text=_('Changed since {run}', run=f'#{plan.number}'))
                draw_changes(plan.changes, f'#{plan.number}', _('Now'))
            elif not plan.unknown:
                same = _('Code, files, profile and packages are as they were at {run}.', run=f'#{plan.number}')
                el('p', 'sy-cap', same)
            draw_unknown(plan.unknown)

    def _draw_kept(self, plan: RetryPlan) -> None:
        names = listed([self._title(step.name) for step in plan.kept_steps])
        kept = _n(
            '{steps} is kept, which saves {time}.',
            '{steps} are kept, which saves {time}.',
            len(plan.kept_steps),
            steps=names,
            time=length_of(plan.saves_seconds),
        )
        el('p', text=kept)
        if not plan.kept_count:
            return
        taken = _n(
            '{count} file is taken over, {size}.',
            '{count} files are taken over, {size}.',
            plan.kept_count,
            size=size_of(plan.kept_bytes),
        )
        el('p', 'sy-cap', taken)
        if plan.kept_files:
            with el('details'):
                el('summary', 'sy-cap', _('Outputs among them: {count}', count=len(plan.kept_files)))
                with el('ul', 'sy-cap'):
                    for file in plan.kept_files:
                        el('li', text=f'{file.name}, {size_of(file.size)}')

    # Its start

    async def _retry(self) -> None:
        if self._is_sending:
            return
        self._is_sending = True
        self._problem.set_text('')
        try:
            run = await self._room.runs.retry(self._run.id, from_step=self._from_step, parameters=self._edited())
        except Invalid as error:
            rest = self._form.show_errors(error.fields) if self._form else [*error.fields.values()]
            self._problem.set_text(problem_of(error, rest))
            focus_wrong(self._problem)
        except SynapseError as error:
            self._problem.set_text(f'{error.message} {error.hint}'.strip())
        else:
            self._dialog.close()
            ui.navigate.to(f'/runs/{run.number}')
        finally:
            self._is_sending = False

    def _edited(self) -> Mapping[str, Any]:
        """Return the values that the person has changed; one that was emptied gets its default.

        :raises Invalid: if one cannot be read
        """
        if self._form is None:
            return {}
        info = self._room.catalog.get(self._run.pipeline)
        defaults = {name: field.get('default') for name, field in info.schema.get('properties', {}).items()}
        touched = [name for name, field in self._form.fields.items() if field.is_touched]
        values = self._form.values() if touched else {}
        edited = {name: values.get(name, defaults.get(name)) for name in touched}
        return {name: value for name, value in edited.items() if value != self._run.parameters.get(name)}
