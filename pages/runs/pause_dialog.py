"""Asks why and for how long the queue, or one run, is to be paused."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from pages.parts.cards import set_props
from pages.parts.controls import CHECKED, Slot, entry, select
from pages.parts.dialogs import Dialog, answer_to, leave_button
from pages.parts.html import button, el
from pages.parts.words import title_of
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.language import N_, Words, _
from synapse.records import now_utc
from synapse.runs.causes import cause_words
from synapse.runs.pauses import Pause
from synapse.runs.records import RunRecord

MORNING = time(8)
LENGTHS = Words({'900': N_('For 15 minutes'), '3600': N_('For 1 hour')})
FOREVER, TOMORROW, MOMENT = 'open', 'tomorrow', 'moment'
SUGGESTED = timedelta(hours=2)

PauseWith = Callable[..., Awaitable[Any]]
"""Pauses it, given `because`, and `until` or `seconds`, and for the queue `drain`."""


def tomorrow_morning(room: ControlRoom) -> datetime:
    """Return 8:00 of the next day in the zone of the calendar."""
    local = room.local(now_utc())
    return datetime.combine(local.date() + timedelta(days=1), MORNING, local.tzinfo).astimezone(UTC)


async def ask_to_pause_queue(room: ControlRoom, by: str) -> None:
    """Let a person pause the queue for a time, or drain it, and say why.

    :param by: where they are, such as `the dashboard`
    """

    def pause(**how: Any) -> Awaitable[Any]:
        return room.runs.pause_queue(by=by, **how)

    await _PauseDialog(room, _('Pause the queue'), pause, now=room.runs.queue_pause, can_drain=True).answer()


async def ask_to_pause(room: ControlRoom, run: RunRecord, by: str) -> None:
    """Let a person pause a run for a time and say why."""

    def pause(**how: Any) -> Awaitable[Any]:
        return room.runs.pause(run.id, by=by, **how)

    await _PauseDialog(room, _('Pause {what}', what=title_of(room, run)), pause, now=run.pause).answer()


class _PauseDialog:
    def __init__(
        self, room: ControlRoom, title: str, pause: PauseWith, *, now: Pause | None, can_drain: bool = False
    ) -> None:
        self._room, self._pause = room, pause
        self._because = cause_words(now.because) if now else ''
        self._drain = bool(now and now.is_drain)
        self._length = FOREVER
        self._moment = f'{room.local(now_utc() + SUGGESTED):%Y-%m-%dT%H:%M}'
        with Dialog() as self._dialog, el('section', 'sy-dialog', role='dialog', aria_modal='true') as box:
            set_props(box, aria_label=title)
            el('h2', text=title)
            self._why = Slot('pause-because', _('Because'), help_text=_('Optional. It is shown wherever the pause is.'))
            with self._why.body:
                why = entry('pause-because', self._because, self._set_because, maxlength='500', autofocus=True)
            why.on('keydown.enter.prevent', self._save)
            with Slot('pause-length', _('How long')).body:
                select('pause-length', self._lengths(), FOREVER, self._choose)
            self._until = Slot('pause-until', _('Until, in {zone}', zone=room.calendar.zone))
            with self._until.body:
                entry('pause-until', self._moment, self._set_moment, kind='datetime-local')
            if can_drain:
                self._draw_drain()
            self._problem = el('p', 'sy-error', role='alert')
            with el('div', 'sy-dialog-buttons'):
                leave_button(self._dialog)
                button(_('Pause'), icon_name='pause', kind='primary').on('click', self._save)
        set_props(self._until.box, hidden=True)

    async def answer(self) -> None:
        """Return once it is paused, or the person thought better of it."""
        await answer_to(self._dialog)

    def _lengths(self) -> dict[str, str]:
        tomorrow = _('Until tomorrow, {time}', time=f'{MORNING:%H:%M}')
        return {FOREVER: _('Until I resume it'), **LENGTHS, TOMORROW: tomorrow, MOMENT: _('Until a time of my choice')}

    def _draw_drain(self) -> None:
        with el('label', 'sy-x sy-tick'):
            tick = el('input', type_='checkbox')
            tick.props['^checked'] = self._drain or None
            el('span', text=_('Drain: say when everything that runs now has finished'))
        tick.on('change', self._set_drain, js_handler=CHECKED)

    def _set_because(self, text: str) -> None:
        self._because = text

    def _set_moment(self, text: str) -> None:
        self._moment = text

    def _set_drain(self, event: Any) -> None:
        self._drain = event.args is True

    def _choose(self, length: str) -> None:
        self._length = length
        set_props(self._until.box, hidden=length != MOMENT or None)

    async def _save(self) -> None:
        drain = {'drain': True} if self._drain else {}
        try:
            await self._pause(because=self._because.strip(), **self._end(), **drain)
        except Invalid as error:
            self._until.show_error(error.message)
        except SynapseError as error:
            self._problem.set_text(f'{error.message} {error.hint}'.strip())
        else:
            self._dialog.submit(None)

    def _end(self) -> dict[str, Any]:
        if self._length == TOMORROW:
            return {'until': tomorrow_morning(self._room)}
        if self._length == MOMENT:
            return {'until': self._chosen_moment()}
        return {'seconds': float(self._length)} if self._length in LENGTHS else {}

    def _chosen_moment(self) -> datetime:
        try:
            wall = datetime.fromisoformat(self._moment)
        except ValueError:
            raise Invalid(_('Choose a day and a time.')) from None
        return wall.replace(tzinfo=self._room.local(now_utc()).tzinfo).astimezone(UTC)
