"""The card of one occurrence: what was planned, what happened and why, and what can be done about it now."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from nicegui import ui

from pages.parts.cards import set_props
from pages.parts.dialogs import Dialog
from pages.parts.html import button, el, opens
from pages.parts.words import pipeline_color
from synapse import recurrence
from synapse.calendar.events import Event
from synapse.calendar.why import Why
from synapse.control_room import ControlRoom
from synapse.language import _

from .why import WhyView


class OccurrenceCard:
    """Opens as soon as it is made.

    :param due: the occurrence it is opened at; any other moment can be typed there
    :param run_now: called with the moment to run after all, or None to run the event once more
    :param edit: opens the dialog of the event
    """

    def __init__(
        self,
        room: ControlRoom,
        event: Event,
        due: datetime,
        *,
        run_now: Callable[[datetime | None], object],
        edit: Callable[[], Awaitable[None]],
    ) -> None:
        self._run_now, self._edit = run_now, edit
        with Dialog() as self._dialog:
            box = el('section', 'sy-dialog form-dialog why-card', role='dialog', aria_modal='true')
            box.props['aria-label'] = _('Occurrence of {title}', title=event.title)
            box.props['tabindex'] = '-1'
            with box:
                with el('div', 'form-head'):
                    el('i', f'sy-pdot {pipeline_color(room, event.pipeline)}')
                    el('h2', 'sy-grow sy-ell', event.title)
                    close = button('', icon_name='x', kind='ghost', small=True, aria_label=_('Close'))
                    close.on('click', self._dialog.close)
                with el('div', 'form-scroll'):
                    at = recurrence.wall_of(due, event.timezone)
                    self._view = WhyView(room, event, at, id='occurrence-why', answered=self._show)
                with el('div', 'form-foot'):
                    opens(button(_('Edit event'), kind='ghost'), self._leave_to_edit)
                    el('span', 'sy-grow')
                    self._open = button(_('Open run')).on('click', self._open_run)
                    self._run = button(_('Run now'), icon_name='play', kind='primary').on('click', self._run_after_all)
            self._show(None)
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()

    def _show(self, answer: Why | None) -> None:
        set_props(self._open, hidden=answer is None or answer.run_number is None or None)
        set_props(self._run, hidden=answer is None or not answer.can_run or None)

    def _open_run(self) -> None:
        answer = self._view.answer
        if answer is not None and answer.run_number is not None:
            self._dialog.close()
            ui.navigate.to(f'/runs/{answer.run_number}')

    def _run_after_all(self) -> None:
        answer = self._view.answer
        if answer is not None:
            is_in_ledger = answer.state is not None and answer.due is not None
            self._run_now(answer.due if is_in_ledger else None)

    async def _leave_to_edit(self) -> None:
        self._dialog.close()
        await self._edit()
