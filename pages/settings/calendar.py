"""The calendar on the Settings page: its secret address for subscriptions, and import of calendar files."""

import asyncio
import base64
from collections.abc import Collection
from datetime import time

from nicegui.events import GenericEventArguments

from pages.parts.cards import set_props
from pages.parts.dialogs import attempt, confirm, say
from pages.parts.html import button, copy_button, el, opens
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.errors import SynapseError
from synapse.ical.importing import ImportResult, import_drafts
from synapse.ical.reading import MAX_BYTES, MORNING, Contents, read_calendar

from .import_dialog import ImportDialog, Key, result_in_words

PIECE = 200_000
"""Characters of a file per message; the connection of a page refuses more than a million."""

# The file is read once, so what a person was shown is what is imported.
_SEND = f"""async (e) => {{
    const file = e.target.files[0];
    if (!file) return;
    e.target.value = '';
    const news = {{ name: file.name, size: file.size }};
    if (file.size > {MAX_BYTES}) return emit(news);
    const reader = new FileReader();
    reader.onerror = () => emit({{ ...news, is_broken: true }});
    reader.onload = () => {{
        const text = reader.result.split(',')[1] ?? '';
        for (let at = 0; at === 0 || at < text.length; at += {PIECE})
            emit({{ ...news, at, piece: text.slice(at, at + {PIECE}), is_last: at + {PIECE} >= text.length }});
    }};
    reader.readAsDataURL(file);
}}"""


class FeedAddress(Scope):
    """The secret address, hidden until a person asks to see it: anyone who knows it can read the calendar."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('span')
        self.classes('feed')
        self._room = room
        self._is_shown = False
        self._show()

    def _show(self) -> None:
        url = self._room.auth.feed_address(self._room.settings.url)
        self.clear()
        with self:
            if url is None:
                button('Create an address', small=True).on('click', self._create)
                return
            shown = url if self._is_shown else f'{url.rpartition("/")[0]}/…'
            el('span', 'sy-mono feed-address', shown)
            with el('span', 'sy-x feed-acts'):
                verb = 'Hide' if self._is_shown else 'Show'
                look = button(verb, kind='ghost', small=True, aria_label=f'{verb} the address')
                look.on('click', self._toggle)
                copy_button('Copy', url)
                opens(button('New address', icon_name='retry', kind='ghost', small=True), self._replace)
                opens(button('Revoke', icon_name='x', kind='ghost', small=True), self._revoke)

    def _toggle(self) -> None:
        self._is_shown = not self._is_shown
        self._show()

    async def _create(self) -> None:
        await attempt(asyncio.to_thread(self._room.auth.new_feed))
        self._call(self._show)

    async def _replace(self) -> None:
        text = 'Calendars subscribed to the current address get no more updates until you give them the new one.'
        if await confirm('Create a new address?', text, yes='Create a new one', no='Keep it'):
            await self._create()

    async def _revoke(self) -> None:
        text = 'Calendars subscribed to it get no more updates. They may keep what they have already read.'
        if await confirm('Revoke the address?', text, yes='Revoke', no='Keep it'):
            await attempt(asyncio.to_thread(self._room.auth.revoke_feed))
            self._call(self._show)


class ImportButton:
    """Takes an .ics file, shows what it would import, and imports it if the person agrees."""

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._pieces: list[str] = []
        with el('label', 'sy-btn is-sm feed-import') as label:
            el('span', text='Import a file')
            chosen = el(
                'input', 'sy-vh', type_='file', accept='.ics,text/calendar', aria_label='Import a calendar file'
            )
        self._problem = el('span', 'sy-error', role='alert')
        chosen.on('change', self._receive, js_handler=_SEND)
        set_props(label, title='An .ics file of at most 10 MB, exported from another calendar')

    async def _receive(self, event: GenericEventArguments) -> None:
        news = event.args
        name, at = str(news['name']), news.get('at')
        if at is None:
            hint = (
                'could not be read. Try again.'
                if news.get('is_broken')
                else 'is larger than 10 MB. Export fewer events.'
            )
            self._problem.set_text(f'{name} {hint}')
            return
        self._pieces = [] if at == 0 else self._pieces
        self._pieces.append(str(news['piece']))
        if len(self._pieces) * PIECE > 2 * MAX_BYTES:
            self._pieces.clear()
        elif news['is_last']:
            self._problem.set_text('')
            try:
                await self._ask(name, base64.b64decode(''.join(self._pieces)))
            except SynapseError as error:
                self._problem.set_text(f'{error.message} {error.hint}'.strip())

    async def _ask(self, name: str, text: bytes, all_day_at: time = MORNING) -> None:
        zone = self._room.calendar.zone
        contents = await asyncio.to_thread(read_calendar, text, zone=zone, all_day_at=all_day_at)
        planned = await self._import(contents, frozenset(), is_dry=True)
        if not (planned.events or planned.deleted):
            self._tell(name, planned)
            return
        shown = all_day_at if contents.has_whole_days else None
        answer = await ImportDialog(self._room, name, planned, all_day_at=shown).answer()
        if isinstance(answer, time):
            await self._ask(name, text, answer)
        elif answer is not None:
            self._tell(name, await self._import(contents, answer, is_dry=False))

    def _tell(self, name: str, result: ImportResult) -> None:
        change, editor = result.change, self._room.editor
        undo = (lambda: editor.undo(change)) if change else None
        say(result_in_words(name, result), kind='success', undo=undo, timeout=10_000)

    async def _import(self, contents: Contents, is_on: Collection[Key], *, is_dry: bool) -> ImportResult:
        """:param is_on: the events that the person has seen and wants switched on"""
        room = self._room
        return await import_drafts(
            room.calendar,
            room.editor,
            room.catalog,
            contents,
            is_trusted=lambda draft: (draft.uid, draft.replaced) in is_on or draft.is_signed(room.auth.sign),
            because='imported on the Settings page',
            is_dry=is_dry,
        )
