"""A file or folder as a parameter: type its path, choose a file from the inbox, or upload one."""

from collections.abc import Mapping
from typing import Any

from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.inbox.inbox import PREFIX, InboxChanged
from synapse.inbox.inputs import accepted_by
from synapse.inbox.names import is_accepted
from synapse.language import _
from synapse.media.formats import VIDEO_SUFFIXES

from .cards import set_props
from .controls import TYPED, entry
from .fields import TextField
from .html import button, el, icon
from .scope import Scope
from .upload import FileZone, or_choose, sending_row
from .words import kinds_of, size_of

MOST_OFFERED = 20


class PathField(TextField):
    """The value is an absolute path, or `inbox:ID`."""

    kind = 'path'

    def __init__(self, room: ControlRoom, name: str, schema: Mapping[str, Any], value: Any, **options: Any) -> None:
        self._room = room
        super().__init__(name, schema, value, **options)

    @property
    def _is_folder(self) -> bool:
        return self.schema.get('format') == 'directory-path' or bool(self.schema.get('x-folder'))

    @property
    def _accepts(self) -> tuple[str, ...]:
        return accepted_by(self.schema)

    def _kind_words(self) -> str:
        if self._is_folder:
            return _('folder')
        return kinds_of(self._accepts) if self._accepts else _('path')

    def _control(self, value: Any) -> None:
        self._text = self._to_text(value)
        with Scope().classes('form-file') as scope:
            with el('div', 'form-chosen') as self._chosen:
                icon('film' if set(VIDEO_SUFFIXES).intersection(self._accepts) else 'file')
                with el('div', 'sy-grow'):
                    self._name = el('b', 'sy-ell')
                    self._about = el('span', 'sy-cap')
                button(_('Change'), small=True).on('click', self._change)
            with el('div', 'form-ask') as self._ask:
                typed = '' if self._text.startswith(PREFIX) else self._text
                hint = _('/path/to/the/folder') if self._is_folder else _('/path/to/the/file')
                self._entry = entry(self.id, typed, self._typed, aria_describedby=self._described, placeholder=hint)
                self._entry.classes('sy-mono')
                if not self._is_folder and not self.schema.get('x-new'):
                    self._inbox = el('div', 'form-inbox')
                    self._draw_zone()
                    self._offer()
                    scope.follow(self._room.bus, InboxChanged, lambda _: self._offer())
        self._show()

    def _draw_zone(self) -> None:
        room = self._room
        zone = FileZone(room.settings.max_upload_bytes, lambda item: self._take(str(item['id'])), classes='form-zone')
        label = _('Drop a file for {field} here or press Enter to choose one', field=self.title)
        zone.accept(self._accepts, title=self.title, label=label)
        with zone:
            with el('span', 'asking'), el('span'):
                el('b', text=_('Drop it here'))
                or_choose()
            sending_row()

    def _offer(self) -> None:
        """Offer the newest files in the inbox that fit."""
        items, accepts = self._room.inbox.all(), self._accepts
        fitting = [item for item in items if is_accepted(item.name, accepts)][:MOST_OFFERED]
        self._inbox.clear()
        if not fitting:
            return
        with self._inbox, el('span', 'sy-in sy-pick is-quiet is-sm'):
            with el('select', aria_label=_('From the inbox for {field}', field=self.title)) as select:
                el('option', text=_('Choose from the inbox'), value='')
                for item in fitting:
                    el('option', text=f'{item.name}, {size_of(item.size)}', value=item.id)
            icon('down', size=14)
        select.on('change', lambda event: self._take(str(event.args)), js_handler=TYPED)

    def _take(self, id: str) -> None:
        if id:
            self._text = f'{PREFIX}{id}'
            self._touch()
            self._show()

    def _change(self) -> None:
        self._text = ''
        self._show()
        self._entry.run_method('focus')

    def _show(self) -> None:
        """Show a file from the inbox by its name, or else the box to type a path into."""
        name, about = self._facts()
        self._name.set_text(name)
        self._about.set_text(about)
        set_props(self._chosen, hidden=not name)
        set_props(self._ask, hidden=bool(name))

    def _facts(self) -> tuple[str, str]:
        if not self._text.startswith(PREFIX):
            return '', ''
        try:
            item = self._room.inbox.get(self._text.removeprefix(PREFIX))
        except NotFound:
            return self._text, _('no longer in the inbox')
        return item.name, _('{size}, from the inbox', size=size_of(item.size))

    def value(self) -> Any:
        text = self._text.strip()
        return text or self._nothing()
