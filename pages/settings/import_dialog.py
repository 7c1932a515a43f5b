"""The question before a calendar file is imported: when each event would run, and exactly what."""

from collections.abc import Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

from nicegui import ui
from nicegui.events import GenericEventArguments

from pages.parts.cards import set_props, work_box
from pages.parts.html import button, el, icon
from synapse.control_room import ControlRoom
from synapse.ical.importing import ImportedEvent, ImportResult

SHOWN = 20
"""Events shown at most; only those that were shown can be switched on."""
TOLD = 100
"""How many sentences about what was left out, or read differently, are shown at most."""
WORDS = {'created': 'new', 'updated': 'changed', 'deleted': 'deleted', 'unchanged': 'as before'}

Key = tuple[str, datetime | None]
"""UID, and the moment of the occurrence if the event replaces one."""


class ImportDialog:
    """Asks whether to import a file, and which of its events to switch on.

    :param planned: the result of a dry run
    :param all_day_at: when events without a time of day would run; None if there are none
    """

    def __init__(self, room: ControlRoom, name: str, planned: ImportResult, *, all_day_at: time | None = None) -> None:
        self._zone = ZoneInfo(room.calendar.zone)
        self._on: set[Key] = set()
        events = sorted(planned.events, key=lambda event: not event.is_held)
        with (
            ui.dialog() as self._dialog,
            el('section', 'sy-dialog im-dialog', role='dialog', aria_modal='true', aria_label='Import') as box,
        ):
            set_props(box, tabindex='-1')
            el('h2', text=f'Import {name}?')
            el('p', 'sy-2', f'{counts_in_words(planned)}.{_leaving(room, planned)}')
            if planned.disabled:
                text = 'Someone else wrote this. It stays switched off until you have reviewed what it runs.'
                el('p', 'hint', text)
            if all_day_at is not None:
                self._draw_time(all_day_at)
            with el('ul', 'im-list', aria_label='Events of the file'):
                for event in events[:SHOWN]:
                    self._draw(event)
            if len(events) > SHOWN:
                el('p', 'sy-cap', _unseen(events[SHOWN:]))
            _folded(f'{len(planned.skipped):,} left out', planned.skipped)
            _folded('Read differently', planned.notes)
            with el('div', 'sy-dialog-buttons'):
                button('Cancel', autofocus=True).on('click', lambda: self._dialog.submit(None))
                with button('', kind='primary').classes(remove='is-icon') as yes:
                    self._words = el('span')
                yes.on('click', lambda: self._dialog.submit(frozenset(self._on)))
        self._is_held = bool(planned.disabled)
        self._count()

    async def answer(self) -> frozenset[Key] | time | None:
        """Wait for the keys of the events to switch on, or another time for whole days; None means no import."""
        answer = await self._dialog
        if not self._dialog.is_deleted:  # leaving the page with the dialog open deletes it
            self._dialog.delete()
        return answer if isinstance(answer, frozenset | time) else None

    def _draw_time(self, at: time) -> None:
        with el('label', 'sy-x'):
            el('span', 'sy-cap', 'Events without a time of day run at')
            field = el('input', 'sy-control im-time', type_='time', value=f'{at:%H:%M}')
        field.on('change', self._choose_time, js_handler='(e) => emit(e.target.value)')

    def _choose_time(self, news: GenericEventArguments) -> None:
        try:
            self._dialog.submit(time.fromisoformat(str(news.args)))
        except ValueError:  # an emptied field
            return

    def _draw(self, event: ImportedEvent) -> None:
        with el('li'):
            with el('div', 'sy-x'):
                el('b', 'sy-ell sy-grow', event.title)
                state = '' if event.is_held else ', switched on' if event.enabled else ', switched off'
                el('span', 'sy-cap', ('new' if event.is_new else 'changed') + state)
                if event.is_held:
                    with el('label', 'sy-x sy-tick'):
                        tick = el('input', type_='checkbox', aria_label=f'Switch on {event.title}')
                        el('span', 'sy-cap', 'Switch on')
                    key = event.uid, event.replaces
                    tick.on(
                        'change',
                        lambda news, key=key: self._turn(key, is_on=news.args is True),
                        js_handler='(e) => emit(e.target.checked)',
                    )
            el('span', 'sy-cap', f'{event.sentence} {self._next(event.next)}')
            work_box(event.pipeline, event.parameters, event.profile)

    def _next(self, due: datetime | None) -> str:
        if due is None:
            return ''
        local = due.astimezone(self._zone)
        return f'Next on {local:%a} {local.day} {local:%b} {local.year}, {local:%H:%M}.'

    def _turn(self, key: Key, *, is_on: bool) -> None:
        (self._on.add if is_on else self._on.discard)(key)
        self._count()

    def _count(self) -> None:
        off = 'Import, switched off' if self._is_held else 'Import'
        self._words.set_text(f'Import, switch {len(self._on)} on' if self._on else off)


def _folded(title: str, sentences: Sequence[str]) -> None:
    if not sentences:
        return
    with el('details', 'form-fold'):
        with el('summary'):
            icon('right', size=14)
            el('span', text=title)
        with el('ul', 'im-told sy-cap'):
            for sentence in sentences[:TOLD]:
                el('li', text=sentence)
            if len(sentences) > TOLD:
                el('li', text=f'and {len(sentences) - TOLD:,} more')


def counts_in_words(result: ImportResult) -> str:
    """`3 new, 1 changed`."""
    counts = [f'{len(ids):,} {word}' for key, word in WORDS.items() if (ids := getattr(result, key))]
    return ', '.join(counts) or 'Nothing to import'


def result_in_words(name: str, result: ImportResult) -> str:
    """`work.ics: 3 new, 1 changed.`, then how many are switched off, and what was left out and why."""
    off = f' {len(result.disabled):,} switched off until you switch them on.' if result.disabled else ''
    rest = len(result.skipped) - 2
    more = f' {rest} more {"was" if rest == 1 else "were"} left out.' if rest > 0 else ''
    left_out = ' '.join(result.skipped[:2])
    return f'{name}: {counts_in_words(result)}.{off} {left_out}{more}'.strip()


def _leaving(room: ControlRoom, planned: ImportResult) -> str:
    """The events that the import would remove."""
    titles = [room.calendar.get(id).title for id in planned.deleted[:3]]
    more = f' and {len(planned.deleted) - 3:,} more' if len(planned.deleted) > 3 else ''
    return f' Removed from the calendar: {", ".join(titles)}{more}.' if titles else ''


def _unseen(events: Sequence[ImportedEvent]) -> str:
    held = sum(event.is_held for event in events)
    return f'and {len(events):,} more' + (f', {held:,} of them stay switched off.' if held else '.')
