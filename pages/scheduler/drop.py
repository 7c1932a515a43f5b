"""A file dropped on a day: its upload, and the pipeline that an event is planned for."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from pages.parts.cards import set_props
from pages.parts.dialogs import say
from pages.parts.html import el
from pages.parts.upload import sending_row
from pages.parts.words import kinds_of
from pages.runs.takers import file_parameter, suffixes_taken, taker_of
from synapse.control_room import ControlRoom
from synapse.inbox.inbox import PREFIX
from synapse.language import _

Plan = Callable[[date, str, Mapping[str, Any]], None]
"""Takes a day, a pipeline and its parameters."""


class DropZone:
    """Shown while a file is uploaded; the browser adds the day it was dropped on.

    :param wanted: returns the pipeline that is preferred to others that take the file, or an empty string
    """

    def __init__(self, room: ControlRoom, *, wanted: Callable[[], str], plan: Plan) -> None:
        self._room = room
        self._wanted = wanted
        self._plan = plan
        with el('div', 'upload-zone mo-zone') as self._zone:
            el('input', type_='file', tabindex='-1', aria_hidden='true')
            sending_row()
        set_props(self._zone, data_max=str(room.settings.max_upload_bytes), data_pipeline=_('This calendar'))
        self._zone.on(
            'uploaded',
            lambda event: self._uploaded(event.args),
            js_handler='(e) => emit({ id: e.detail.id, name: e.detail.name, day: e.target.dataset.day })',
        )
        self.accept()

    def accept(self) -> None:
        """Accept the files that the pipelines take now."""
        suffixes = suffixes_taken(self._room.catalog)
        set_props(
            self._zone,
            data_accepts=','.join(suffixes) if suffixes is not None else None,
            data_kinds=kinds_of(suffixes or ()),
        )

    def _uploaded(self, item: Mapping[str, Any]) -> None:
        info = taker_of(str(item['name']), self._room.catalog, self._wanted())
        parameter = file_parameter(info) if info is not None else None
        if info is None or parameter is None:
            text = _('No pipeline accepts {name}. The file is kept in the inbox.', name=item['name'])
            say(text, kind='warning')
            return
        self._plan(date.fromisoformat(str(item['day'])), info.name, {parameter: f'{PREFIX}{item["id"]}'})
