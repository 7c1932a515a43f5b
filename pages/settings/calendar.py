"""The calendar on the Settings page: its secret address for subscriptions, and import of calendar files."""

import asyncio
import base64

from nicegui.events import GenericEventArguments

from pages.parts.cards import set_props
from pages.parts.dialogs import attempt, confirm, say
from pages.parts.html import address_of, button, copy_button, el, opens
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.errors import SynapseError
from synapse.ical.import_result import ImportResult
from synapse.ical.progress import ImportCancelled, Progress
from synapse.ical.reading import MAX_BYTES
from synapse.language import _, in_thread

from .file_import import FileImport
from .import_dialog import ImportDialog, result_in_words
from .import_progress import ImportProgress

PIECE = 150_000
"""Bytes of a file per message; the connection of a page refuses more than a million characters."""

# The file is read once, so what a person was shown is what is imported. Each piece waits until the one before has
# arrived: on a slow connection a press of Cancel would otherwise come after all of them.
_SEND = f"""async (e) => {{
    const input = e.target, file = input.files[0];
    if (!file) return;
    input.value = '';
    const news = {{ name: file.name, size: file.size }};
    if (file.size > {MAX_BYTES}) return emit(news);
    const base64 = (blob) => new Promise((done) => {{
        const reader = new FileReader();
        reader.onerror = () => done(null);
        reader.onload = () => done(reader.result.split(',')[1] ?? '');
        reader.readAsDataURL(blob);
    }});
    for (let at = 0; at === 0 || at < file.size; at += {PIECE}) {{
        const piece = await base64(file.slice(at, at + {PIECE}));
        if (piece === null) return emit({{ ...news, is_broken: true }});
        const arrived = new Promise((done) => {{ input.arrived = done; }});
        emit({{ ...news, at, piece, is_last: at + {PIECE} >= file.size }});
        await arrived;
    }}
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
        url = self._room.auth.feed_address(self._room.settings.url_for(address_of(self.client)))
        self.clear()
        with self:
            if url is None:
                button(_('Create an address'), small=True).on('click', self._create)
                return
            shown = url if self._is_shown else f'{url.rpartition("/")[0]}/…'
            el('span', 'sy-mono feed-address', shown)
            with el('span', 'sy-x feed-acts'):
                verb, about = _('Show'), _('Show the address')
                if self._is_shown:
                    verb, about = _('Hide'), _('Hide the address')
                look = button(verb, kind='ghost', small=True, aria_label=about)
                look.on('click', self._toggle)
                copy_button(_('Copy'), url)
                opens(button(_('New address'), icon_name='retry', kind='ghost', small=True), self._replace)
                opens(button(_('Revoke'), icon_name='x', kind='ghost', small=True), self._revoke)

    def _toggle(self) -> None:
        self._is_shown = not self._is_shown
        self._show()

    async def _create(self) -> None:
        await attempt(in_thread(self._room.auth.new_feed))
        self._call(self._show)

    async def _replace(self) -> None:
        text = _('Calendars subscribed to the current address get no more updates until you give them the new one.')
        if await confirm(_('Create a new address?'), text, yes=_('Create a new one'), no=_('Keep it')):
            await self._create()

    async def _revoke(self) -> None:
        text = _('Calendars subscribed to it get no more updates. They may keep what they have already read.')
        if await confirm(_('Revoke the address?'), text, yes=_('Revoke'), no=_('Keep it')):
            await attempt(in_thread(self._room.auth.revoke_feed))
            self._call(self._show)


class ImportButton:
    """Takes an .ics file, shows what it would import, and imports it if the person agrees."""

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._data = bytearray()
        self._reading: Progress | None = None
        with el('label', 'sy-btn is-sm feed-import') as label:
            el('span', text=_('Import a file'))
            self._chosen = el(
                'input', 'sy-vh', type_='file', accept='.ics,text/calendar', aria_label=_('Import a calendar file')
            )
        self._progress = ImportProgress(self._cancel)
        self._problem = el('span', 'sy-error', role='alert')
        self._chosen.on('change', self._receive, js_handler=_SEND)
        set_props(label, title=_('An .ics file of at most 10 MB, exported from another calendar'))

    async def _receive(self, event: GenericEventArguments) -> None:
        news = event.args
        name, at, size = str(news['name']), news.get('at'), int(news['size'])
        if at is None:
            broken = _('{name} could not be read. Try again.', name=name)
            large = _('{name} is larger than 10 MB. Export fewer events.', name=name)
            self._problem.set_text(broken if news.get('is_broken') else large)
            self._progress.hide()
            return
        if at == 0:
            self._begin()
        piece = base64.b64decode(str(news['piece']))
        if self._reading is None or at != len(self._data) or at + len(piece) > MAX_BYTES:
            return  # of a file that was cancelled, or that another one has replaced
        self._data += piece
        self._progress.sent(name, len(self._data), size)
        if news['is_last']:
            await self._ask_about(name, bytes(self._data), self._reading)
        else:
            self._chosen.client.run_javascript(f'getHtmlElement({self._chosen.id})?.arrived?.()')

    def _begin(self) -> None:
        self._cancel()
        self._problem.set_text('')
        loop = asyncio.get_running_loop()

        def tell(stage: str, done: int, total: int) -> None:
            loop.call_soon_threadsafe(self._show, reading, stage, done, total)

        self._reading = reading = Progress(tell)

    def _show(self, reading: Progress, stage: str, done: int, total: int) -> None:
        if self._chosen.is_deleted:  # the person has left the page
            reading.cancel()
        elif reading is self._reading:
            with self._chosen:
                self._progress.at(stage, done, total)

    def _cancel(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._end()

    def _end(self) -> None:
        self._reading = None
        self._data = bytearray()
        self._progress.hide()

    async def _ask_about(self, name: str, text: bytes, reading: Progress) -> None:
        self._data = bytearray()
        try:
            await self._ask(name, text, reading)
        except ImportCancelled:
            return
        except SynapseError as error:
            self._problem.set_text(f'{error.message} {error.hint}'.strip())
        if reading is self._reading:
            self._end()

    async def _ask(self, name: str, text: bytes, reading: Progress) -> None:
        file = FileImport(self._room, text, reading)
        planned, contents = await file.plan(), await file.contents()
        if not (contents.drafts or contents.unread):
            why = ' '.join(contents.notes) or _('The file has no events.')
            self._problem.set_text(_('{name}: {why} Export a calendar that has some.', name=name, why=why))
            return
        if not (planned.events or planned.deleted or planned.without_pipeline):
            self._tell(name, planned)
            return
        self._progress.hide()
        answer = await ImportDialog(self._room, name, file, planned).answer()
        if answer is not None:
            self._tell(name, await file.keep(answer))

    def _tell(self, name: str, result: ImportResult) -> None:
        change, editor = result.change, self._room.editor
        undo = (lambda: editor.undo(change)) if change else None
        say(result_in_words(name, result), kind='success', undo=undo, timeout=10_000)
