"""A file dropped on a page without a place for files: its type decides which pipeline runs."""

import asyncio
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from pages.parts.cards import set_props
from pages.parts.dialogs import say
from pages.parts.html import el
from pages.parts.scope import Scope
from pages.parts.upload import FileZone, sending_row
from pages.parts.words import kinds_of, pipeline_title
from pages.runs.start_run import start_with_file
from pages.runs.takers import suffixes_taken
from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.language import _


class DropAnywhere(Scope):
    """Seen only while files hang over the page or are sent; `synapse.js` gives it what no other zone takes."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self._room = room
        self._in_order = asyncio.Lock()
        with self:
            self._zone = FileZone(room.settings.max_upload_bytes, self._received, classes='any-zone', multiple=True)
            set_props(self._zone.input, tabindex='-1')
            with self._zone:
                with el('span', 'asking'):
                    el('b', text=_('Drop it here or anywhere'))
                    el('span', 'sy-cap', _('Its type decides which pipeline runs.'))
                sending_row()
        self.follow(room.bus, PipelinesChanged, lambda _: self._accept())
        self._accept()

    def _accept(self) -> None:
        suffixes = suffixes_taken(self._room.catalog)
        kinds = kinds_of(suffixes or ())
        label = _('Drop a file anywhere to run it')
        self._zone.accept(suffixes or (), title='Synapse', label=label, kinds=kinds)

    async def _received(self, item: Mapping[str, Any]) -> None:
        room = self._room
        pipeline, wanted = room.chosen
        profile = min(room.profiles.all(), key=lambda profile: profile.id != wanted, default=None)
        # On the calendar a file that misses its day was meant to be planned: nothing starts unasked.
        asks = ui.context.client.sub_pages_router.current_path.startswith('/scheduler')
        async with self._in_order:  # several files become runs in the order in which they were dropped
            run = await start_with_file(room, item, pipeline=pipeline, profile=profile, asks=asks)
        if run is not None:
            title = pipeline_title(room, run.pipeline)
            look = (_('Show'), lambda: ui.navigate.to(f'/runs/{run.number}'))
            facts = {'file': item['name'], 'run': f'#{run.number}', 'pipeline': title}
            say(_('{file} became run {run} of {pipeline}.', **facts), kind='success', action=look)
