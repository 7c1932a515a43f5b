"""The calendar on the Settings page: its secret address for other calendars, and whole calendars as files."""

import asyncio
from collections.abc import Mapping
from typing import Any

from nicegui.events import GenericEventArguments

from synapse.control_room import ControlRoom

from .cards import put
from .copying import copy_button
from .dialogs import attempt, confirm, say
from .html import button, el
from .scope import Scope

# The browser sends the file itself, so that it comes by the one door that all programs use.
_SEND = """async (e) => {
    const file = e.target.files[0];
    if (!file) return;
    e.target.value = '';
    const order = { method: 'POST', headers: { 'Content-Type': 'text/calendar' }, body: file };
    try {
        const answer = await fetch('/api/v1/scheduler/import', order);
        emit({ name: file.name, ...await answer.json() });
    } catch { emit({ name: file.name, error: { message: `${file.name} did not arrive.`, hint: 'Try it again.' } }); }
}"""


class FeedAddress(Scope):
    """The address is hidden until somebody wants to see it: whoever knows it reads the calendar."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('span')
        self.classes('feed')
        self._room = room
        self._is_shown = False
        self._show()

    def _show(self) -> None:
        url = self._room.entry.feed_address(self._room.settings.url)
        self.clear()
        with self:
            if url is None:
                button('Make an address', small=True).on('click', self._make)
                return
            shown = url if self._is_shown else f'{url.rpartition("/")[0]}/…'
            el('span', 'sy-mono feed-address', shown)
            with el('span', 'sy-x feed-acts'):
                look = button('Hide' if self._is_shown else 'Show', kind='ghost', small=True)
                put(look, aria_label='Hide the address' if self._is_shown else 'Show the address')
                look.on('click', self._toggle)
                copy_button('Copy', url)
                button('New address', icon_name='retry', kind='ghost', small=True).on('click', self._replace)
                button('Revoke', icon_name='x', kind='ghost', small=True).on('click', self._revoke)

    def _toggle(self) -> None:
        self._is_shown = not self._is_shown
        self._show()

    async def _make(self) -> None:
        await attempt(asyncio.to_thread(self._room.entry.new_feed))
        self._call(self._show)

    async def _replace(self) -> None:
        text = 'Calendars that subscribe to the present address get nothing any more, until they have the new one.'
        if await confirm('Make a new address?', text, yes='Make a new one', no='Keep it'):
            await self._make()

    async def _revoke(self) -> None:
        text = 'Calendars that subscribe to it get nothing any more. What they have read they may keep.'
        if await confirm('Revoke the address?', text, yes='Revoke', no='Keep it'):
            await attempt(asyncio.to_thread(self._room.entry.revoke_feed))
            self._call(self._show)


def import_button() -> None:
    """Takes an .ics file and says what became of it."""
    with el('label', 'sy-btn is-sm feed-import') as label:
        el('span', text='Import a file')
        chosen = el('input', 'sy-vh', type_='file', accept='.ics,text/calendar', aria_label='Import a calendar file')
    problem = el('span', 'sy-error', role='alert')

    def imported(event: GenericEventArguments) -> None:
        error = event.args.get('error')
        problem.set_text(f'{error["message"]} {error.get("hint", "")}'.strip() if error else '')
        if error is None:
            say(result_in_words(str(event.args['name']), event.args), kind='success', timeout=10_000)

    chosen.on('change', imported, js_handler=_SEND)
    put(label, title='A file of at most 1 MB, as other calendars export it')


def result_in_words(name: str, result: Mapping[str, Any]) -> str:
    """`work.ics: 3 new, 1 changed.` and then what was left out, and why."""
    words = {'created': 'new', 'updated': 'changed', 'deleted': 'deleted', 'unchanged': 'as before'}
    counts = [f'{len(result[key])} {word}' for key, word in words.items() if result.get(key)]
    skipped = [str(sentence) for sentence in result.get('skipped', ())]
    more = f' {len(skipped) - 2} more were left out.' if len(skipped) > 2 else ''
    return f'{name}: {", ".join(counts) or "nothing to import"}. {" ".join(skipped[:2])}{more}'.strip()
