"""Which file a planned run takes: always the same, the newest in a folder by then, or one that is asked for."""

import asyncio
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from nicegui import background_tasks
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.cards import set_props
from pages.parts.controls import segments
from pages.parts.fields import Field
from pages.parts.html import button, el, icon
from pages.parts.path_field import PathField
from pages.parts.schema_fields import field_for, is_path, plain
from pages.parts.scope import Scope
from pages.parts.words import size_of
from synapse.control_room import ControlRoom
from synapse.inbox import inputs
from synapse.inbox.inbox import PREFIX

AFTER_SECONDS = 0.12
WAYS = {'file': 'One file', 'newest': 'Newest in a folder', 'ask': 'Ask me'}
ASKED = 'Nobody there to ask? Then it waits under While you were away.'


def event_field_for(
    room: ControlRoom, name: str, schema: Mapping[str, Any], root: Mapping[str, Any], value: Any, *, is_required: bool
) -> Field:
    """As `field_for`, for an event: a file may be one that is not there yet."""
    merged, is_nullable = plain(schema, root)
    options: dict[str, Any] = {'is_required': is_required, 'prefix': 'event-parameter'}
    is_file = is_path(merged) and merged.get('format') != 'directory-path'
    if is_file and not merged.get('x-folder') and not merged.get('x-new'):
        return EventFileField(room, name, merged, value, is_nullable=is_nullable, **options)
    return field_for(room, name, schema, root, value, **options)


class EventFileField(PathField):
    """The value is a path, `inbox:ID`, `newest:/folder/*.mp4` or `ask:`."""

    def _control(self, value: Any) -> None:
        text = self._to_text(value)
        self._way = 'newest' if text.startswith(inputs.NEWEST) else 'ask' if text == inputs.ASK else 'file'
        folder, _, pattern = text.removeprefix(inputs.NEWEST).rpartition('/')
        self._folder, self._pattern = (folder or '/', pattern) if self._way == 'newest' else ('', self._usual)
        self._looked = 0
        self._had = bool(text)
        with Scope().classes('ev-file') as scope:
            self._soon = scope.at_most_every(AFTER_SECONDS, self._look)
            self._draw_summary()
            with el('div', 'ev-file-edit') as self._editor:
                segments(f'{self.id}-way', WAYS, self._way, self._go, label=f'Which file is {self.title}')
                with el('div') as self._one:
                    super()._control(value if self._way == 'file' else None)
                self._draw_newest()
                self._asked = el('p', 'sy-cap', ASKED)
        set_props(self._summary, hidden=not text)
        set_props(self._editor, hidden=bool(text))
        self._show_way()

    @property
    def _usual(self) -> str:
        return f'*{self._accepts[0]}' if self._accepts else '*'

    def _draw_summary(self) -> None:
        """What was chosen, as long as nobody wants to change it."""
        with el('div', 'form-chosen') as self._summary:
            icon('film' if any(suffix in ('.mp4', '.mov', '.mkv') for suffix in self._accepts) else 'file', size=18)
            with el('div', 'sy-grow'):
                with el('span', 'sy-ell'):
                    self._lead = el('b')
                    self._path = el('span', 'sy-mono')
                self._now = el('span', 'sy-cap')
            change = button('Change', small=True, aria_label=f'Change {self.title}')
        change.on('click', self._edit)

    def _draw_newest(self) -> None:
        with el('div', 'ev-newest') as self._newest:
            self._folder_box = self._box('Folder', self._folder, '_folder', '/path/to/the/folder')
            self._box('Files', self._pattern, '_pattern', '*')
            self._match = el('span', 'sy-cap', role='status')

    def _box(self, title: str, value: str, name: str, placeholder: str) -> TextElement:
        with el('label', 'ev-newest-box'):
            el('span', 'sy-cap', title)
            box = el('input', 'sy-control sy-mono', type_='text', autocomplete='off', spellcheck='false')
        box.props.update({'^value': value, 'placeholder': placeholder, 'aria-describedby': self._described})
        box.on('input', lambda event: self._set(name, str(event.args)), js_handler='(e) => emit(e.target.value)')
        return box

    def _set(self, name: str, text: str) -> None:
        setattr(self, name, text.strip())
        self._touch()
        self._soon()

    def _go(self, way: str) -> None:
        self._way = way
        if way == 'ask' or self._had:  # nobody is told that a folder is missing before there was time to type one
            self._touch()
        self._show_way()

    def _edit(self) -> None:
        set_props(self._summary, hidden=True)
        set_props(self._editor, hidden=None)
        (self._folder_box if self._way == 'newest' else self._entry).run_method('focus')

    def _show_way(self) -> None:
        set_props(self._one, hidden=self._way != 'file')
        set_props(self._newest, hidden=self._way != 'newest')
        set_props(self._asked, hidden=self._way != 'ask')
        self._describe()
        self._soon()

    def _describe(self) -> None:
        if self._way == 'newest':
            lead, path, now = 'Newest file in ', f'{self._folder.rstrip("/")}/{self._pattern}', self._match.text
        elif self._way == 'ask':
            lead, path, now = 'Ask me each time', '', ASKED
        elif self._text.startswith(PREFIX):
            (lead, now), path = self._facts(), ''
        else:
            given = PurePath(self._text)
            lead, path, now = given.name, '', str(given.parent)
        self._lead.set_text(lead)
        self._path.set_text(path)
        self._now.set_text(now)

    def _look(self) -> None:
        """See what it would be right now."""
        if self._way == 'newest':
            background_tasks.create(self._show_match(), name='the newest file of an event')

    async def _show_match(self) -> None:
        self._looked += 1
        mine, value = self._looked, self._wanted()
        found = await asyncio.to_thread(_newest, value) if self._folder else ''
        if mine == self._looked and not self._match.is_deleted:
            self._match.set_text(found)
            self._describe()

    def _wanted(self) -> str:
        return f'{inputs.NEWEST}{self._folder.rstrip("/")}/{self._pattern or self._usual}'

    def value(self) -> Any:
        if self._way == 'ask':
            return inputs.ASK
        if self._way == 'newest':
            return self._wanted() if self._folder else self._nothing()
        return super().value()


def _newest(value: str) -> str:
    """What matches now, with its size; looks at the disk."""
    path = inputs.newest_match(value)
    try:
        return f'Right now: {path.name}, {size_of(path.stat().st_size)}' if path else 'Right now nothing matches.'
    except OSError:
        return 'Right now nothing matches.'
