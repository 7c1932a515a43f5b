"""Why did it run, or not? A moment to type, and the answer beside it as one types."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from nicegui import background_tasks

from pages.parts.cards import set_props
from pages.parts.controls import MomentField, Slot
from pages.parts.html import Glyph, el, icon, look_of
from pages.parts.scope import Scope
from pages.scheduler.parts.days import day_words
from synapse import recurrence
from synapse.calendar.events import Event
from synapse.calendar.messages import OccurrencesChanged, ScheduleChanged
from synapse.calendar.why import Why
from synapse.control_room import ControlRoom
from synapse.errors import SynapseError
from synapse.language import _
from synapse.records import now_utc
from synapse.runs.messages import RunChanged
from synapse.waiting import Latest

from .why_facts import facts_of, state_of


class WhyView(Scope):
    """Drawn into the current slot. `answer` is the latest one; None before the first, and for what is no moment.

    :param at: the naive wall time asked about at first, in the zone of the event
    :param answered: called with each answer
    """

    def __init__(
        self,
        room: ControlRoom,
        event: Event,
        at: datetime,
        *,
        id: str,
        answered: Callable[[Why | None], None] = lambda _answer: None,
    ) -> None:
        super().__init__()
        self.classes('why-view')
        self.answer: Why | None = None
        self._room = room
        self._event_id = event.id
        self._typed_text = f'{at:%Y-%m-%dT%H:%M:%S}' if at.second else f'{at:%Y-%m-%dT%H:%M}'
        self._answered = answered
        self._ask_soon = Latest(self._ask, _in_background)
        with self:
            slot = Slot(id, _('Day and time'), help_text=_('In {zone} time.', zone=event.timezone.replace('_', ' ')))
            with slot.body:
                more = {'step': '1'} if at.second else {}
                self._field = MomentField(
                    id,
                    self._typed_text,
                    self._typed,
                    kind='datetime-local',
                    icon_name='calendar',
                    words=words_of(self._typed_text),
                    **more,
                )
            with el('div', 'why-answer') as self._box:
                self._glyph = Glyph('planned')
                self._sentence = el('p', role='status')
            self._facts = el('dl', 'why-facts')
        self.follow(
            room.bus, OccurrencesChanged, lambda message: self._changed([o.event_id for o in message.occurrences])
        )
        self.follow(room.bus, ScheduleChanged, lambda message: self._changed([message.event.id]))
        self.follow(
            room.bus, RunChanged, lambda message: self._changed([message.run.event_id] if message.moved else [])
        )
        self._ask_soon()

    def _changed(self, event_ids: list[str | None]) -> None:
        if self._event_id in event_ids:
            self._ask_soon()

    def _typed(self, text: str) -> None:
        self._typed_text = text
        self._field.say(words_of(text))
        self._ask_soon()

    async def _ask(self) -> None:
        if self.is_deleted:
            return
        try:
            at = datetime.fromisoformat(self._typed_text)
        except ValueError:  # a part of it is still empty
            self._call(lambda: self._show(None, _('Type a day and a time.')))
            return
        try:
            with self:  # in the language of the page
                answer = await self._room.answers.why(self._event_id, at)
        except SynapseError as error:
            words = ' '.join([error.message, *getattr(error, 'fields', {}).values()])
            self._call(lambda: self._show(None, words))
        else:
            self._call(lambda: self._show(answer, answer.sentence))

    def _show(self, answer: Why | None, sentence: str) -> None:
        self.answer = answer
        state = state_of(answer)
        self._glyph.show(state)
        self._box.classes(replace=f'why-answer st-{look_of(state)}')
        self._sentence.set_text(sentence)
        facts = [] if answer is None else facts_of(answer)
        self._facts.clear()
        set_props(self._facts, hidden=not facts)
        with self._facts:
            for name, words in facts:
                el('dt', 'sy-cap', name)
                el('dd', '', words)
        self._answered(answer)


class WhyFold:
    """A fold in the dialog of an event that asks about any moment of it.

    :param due: the occurrence at which it was opened; by default it asks about the last one
    """

    def __init__(self, room: ControlRoom, event: Event, due: datetime | None) -> None:
        self._room, self._event, self._due = room, event, due
        self._is_shown = False
        with el('details', 'form-fold why-fold', data_asks='1') as fold:
            with el('summary'):
                icon('right', size=14)
                el('span', text=_("Why didn't it run?"))
            self._body = el('div')
        self._fold = fold
        # The answer is looked up only for someone who wants it.
        fold.on('toggle', self._open, js_handler='(e) => e.target.open && emit()')

    def _open(self) -> None:
        if not self._body.default_slot.children:
            with self._body:
                at = asked_first(self._event, self._due)
                WhyView(self._room, self._event, at, id='event-why', answered=lambda _answer: self._show_all())

    def _show_all(self) -> None:
        """Scroll to the first answer: it is at the end of a column that is often longer than the dialog."""
        if self._is_shown:
            return
        self._is_shown = True
        self._fold.client.run_javascript(
            f'setTimeout(() => getHtmlElement({self._fold.id})?.scrollIntoView({{block: "nearest"}}))'
        )


def words_of(text: str) -> str:
    """`Fri 16 Oct 2026, 09:00`, for a day and a time as a browser gives them; empty if a part is missing."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return ''
    return _('{day}, {time}', day=day_words(at.date()), time=f'{at:%H:%M:%S}' if at.second else f'{at:%H:%M}')


def asked_first(event: Event, due: datetime | None) -> datetime:
    """Return the naive wall time to ask about first: of this occurrence, else of the last or the next one."""
    now = now_utc()
    due = due or recurrence.last_before(event.plan, now) or next(iter(recurrence.next_after(event.plan, now)), now)
    return recurrence.wall_of(due, event.timezone)


def _in_background(work: Coroutine[Any, Any, None]) -> 'asyncio.Task[None]':
    return background_tasks.create(work, name='why an event did not run')
