"""A file dropped on a day: its upload, and the pipeline that an event is planned for."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import PurePath
from typing import Any

from pages.parts.cards import set_props
from pages.parts.dialogs import say
from pages.parts.html import el
from pages.parts.upload import sending_row
from pages.runs.start_run import file_parameter
from synapse.catalog.catalog import Catalog
from synapse.catalog.info import PipelineInfo
from synapse.control_room import ControlRoom
from synapse.inbox.inbox import PREFIX

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
        with el('div', 'upload-zone mo-zone', role='status') as self._zone:
            el('input', type_='file', tabindex='-1', aria_hidden='true')
            sending_row()
        set_props(self._zone, data_max=str(room.settings.max_upload_bytes), data_pipeline='This calendar')
        self._zone.on(
            'uploaded',
            lambda event: self._uploaded(event.args),
            js_handler='(e) => emit({ id: e.detail.id, name: e.detail.name, day: e.target.dataset.day })',
        )
        self.accept()

    def accept(self) -> None:
        """Accept the files that the pipelines take now."""
        suffixes = suffixes_taken(self._room.catalog)
        set_props(self._zone, data_accepts=','.join(suffixes) if suffixes is not None else None)

    def _uploaded(self, item: Mapping[str, Any]) -> None:
        info = taker_of(PurePath(str(item['name'])).suffix, self._room.catalog, self._wanted())
        parameter = file_parameter(info) if info is not None else None
        if info is None or parameter is None:
            say(f'No pipeline accepts {item["name"]}. The file is kept in the inbox.', kind='warning')
            return
        self._plan(date.fromisoformat(str(item['day'])), info.name, {parameter: f'{PREFIX}{item["id"]}'})


def suffixes_taken(catalog: Catalog) -> list[str] | None:
    """Return the suffixes of the files that any pipeline takes; None if one of them takes every file."""
    takers = [info.accepts for info in catalog.all() if info.is_runnable and file_parameter(info)]
    return sorted({suffix for accepts in takers for suffix in accepts}) if all(takers) else None


def taker_of(suffix: str, catalog: Catalog, wanted: str = '') -> PipelineInfo | None:
    """Return the pipeline for a file: one that names its suffix, or else one that takes any file.

    :param wanted: preferred to others that take the file equally well
    """
    named = catalog.find_by_suffix(suffix)
    any_file = [info for info in catalog.all() if info.is_runnable and not info.accepts]
    for able in (named, any_file):
        takers = [info for info in able if file_parameter(info) is not None]
        if takers:
            return next((info for info in takers if info.name == wanted), takers[0])
    return None
