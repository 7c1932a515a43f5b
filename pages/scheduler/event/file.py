"""Which file a planned run takes: always the same, the newest in a folder, or one chosen each time."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from nicegui import background_tasks
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.cards import set_props
from pages.parts.controls import entry, segments
from pages.parts.fields import Field
from pages.parts.html import button, el, icon
from pages.parts.path_field import PathField
from pages.parts.schema_fields import field_for, is_path, plain
from pages.parts.scope import Scope
from pages.parts.words import size_of
from synapse.control_room import ControlRoom
from synapse.inbox import inputs, newest
from synapse.inbox.inbox import PREFIX
from synapse.language import N_, Words, _, in_this_language, translated
from synapse.media.formats import VIDEO_SUFFIXES

AFTER_SECONDS = 0.12
WAYS = Words({'file': N_('One file'), 'newest': N_('Newest in a folder'), 'ask': N_('Ask me')})
ASKED = N_('If no one is there to choose, it waits under While you were away.')
NO_MATCH = N_('No file matches right now.')


@dataclass(frozen=True, slots=True)
class FileChoice:
    """How the file is chosen: `file`, `newest` (in `folder`, by `pattern`) or `ask`.

    An empty pattern means the `usual` one.
    """

    way: str = 'file'
    folder: str = ''
    pattern: str = '*'
    usual: str = '*'

    @classmethod
    def of(cls, value: str, usual: str) -> 'FileChoice':
        if value == inputs.ASK:
            return cls('ask', '', usual, usual)
        if not value.startswith(inputs.NEWEST):
            return cls('file', '', usual, usual)
        folder, _slash, pattern = value.removeprefix(inputs.NEWEST).rpartition('/')
        return cls('newest', folder or '/', pattern, usual)

    @property
    def place(self) -> str:
        """The pattern with its folder, `/srv/media/*.mp4`."""
        return f'{self.folder.rstrip("/")}/{self.pattern}'

    @property
    def newest(self) -> str:
        return f'{inputs.NEWEST}{replace(self, pattern=self.pattern or self.usual).place}'


def event_field_for(
    room: ControlRoom, name: str, schema: Mapping[str, Any], root: Mapping[str, Any], value: Any, *, is_required: bool
) -> Field:
    """Like `field_for`, for an event: its file need not exist yet."""
    merged, is_nullable = plain(schema, root)
    options: dict[str, Any] = {'is_required': is_required, 'prefix': 'event-parameter'}
    is_file = is_path(merged) and merged.get('format') != 'directory-path'
    if is_file and not any(merged.get(mark) for mark in ('x-folder', 'x-new', 'x-extra')):
        return EventFileField(room, name, merged, value, is_nullable=is_nullable, **options)
    return field_for(room, name, schema, root, value, **options)


class EventFileField(PathField):
    """The value is a path, `inbox:ID`, `newest:/folder/*.mp4` or `ask:`."""

    def _control(self, value: Any) -> None:
        text = self._to_text(value)
        self._choice = FileChoice.of(text, f'*{self._accepts[0]}' if self._accepts else '*')
        self._looked = 0
        self._had = bool(text)
        with Scope().classes('ev-file') as scope:
            self._soon = scope.at_most_every(AFTER_SECONDS, self._look)
            self._draw_summary()
            with el('div', 'ev-file-edit') as self._editor:
                segments(
                    f'{self.id}-way',
                    WAYS,
                    self._choice.way,
                    self._go,
                    label=_('How to choose the file for {title}', title=self.title),
                )
                with el('div') as self._one:
                    super()._control(value if self._choice.way == 'file' else None)
                self._draw_newest()
                self._asked = el('p', 'sy-cap', translated(ASKED))
        set_props(self._summary, hidden=not text)
        set_props(self._editor, hidden=bool(text))
        self._show_way()

    def _draw_summary(self) -> None:
        """Draw what was chosen, until the person wants to change it."""
        with el('div', 'form-chosen') as self._summary:
            icon('film' if set(VIDEO_SUFFIXES).intersection(self._accepts) else 'file', size=18)
            with el('div', 'sy-grow'):
                with el('span', 'sy-ell'):
                    self._lead = el('b')
                    self._path = el('span', 'sy-mono')
                self._now = el('span', 'sy-cap')
            change = button(_('Change'), small=True, aria_label=_('Change {title}', title=self.title))
        change.on('click', self._edit)

    def _draw_newest(self) -> None:
        with el('div', 'ev-newest') as self._newest:
            self._folder_box = self._box(_('Folder'), 'folder', _('/path/to/the/folder'))
            self._box(_('Files'), 'pattern', '*')
            self._match = el('span', 'sy-cap', role='status')

    def _box(self, title: str, name: str, placeholder: str) -> TextElement:
        with el('label', 'ev-newest-box'):
            el('span', 'sy-cap', title)
            about = {'placeholder': placeholder, 'aria_describedby': self._described}
            box = entry(f'{self.id}-{name}', getattr(self._choice, name), lambda text: self._set(name, text), **about)
        return box.classes('sy-mono')

    def _set(self, name: str, text: str) -> None:
        self._choice = replace(self._choice, **{name: text.strip()})
        self._touch()
        self._soon()

    def _go(self, way: str) -> None:
        self._choice = replace(self._choice, way=way)
        if way == 'ask' or self._had:  # there was no time yet to type a folder that could be missing
            self._touch()
        self._show_way()

    def _edit(self) -> None:
        set_props(self._summary, hidden=True)
        set_props(self._editor, hidden=None)
        (self._folder_box if self._choice.way == 'newest' else self._entry).run_method('focus')

    def _show_way(self) -> None:
        boxes = {'file': self._one, 'newest': self._newest, 'ask': self._asked}
        for way, box in boxes.items():
            set_props(box, hidden=self._choice.way != way)
        self._describe()
        self._soon()

    def _describe(self) -> None:
        if self._choice.way == 'newest':
            # Translators: the folder and its pattern follow
            newest_in = _('Newest file in')
            lead, path, now = f'{newest_in} ', self._choice.place, self._match.text
        elif self._choice.way == 'ask':
            lead, path, now = _('Ask me each time'), '', translated(ASKED)
        elif self._text.startswith(PREFIX):
            (lead, now), path = self._facts(), ''
        else:
            given = PurePath(self._text)
            lead, path, now = given.name, '', str(given.parent)
        self._lead.set_text(lead)
        self._path.set_text(path)
        self._now.set_text(now)

    def _look(self) -> None:
        """Look up which file it would be right now."""
        if self._choice.way == 'newest':
            background_tasks.create(self._show_match(in_this_language(match_words)), name='the newest file of an event')

    async def _show_match(self, words: Callable[[str], str]) -> None:
        self._looked += 1
        mine, value = self._looked, self._choice.newest
        found = await asyncio.to_thread(words, value) if self._choice.folder else ''
        if mine == self._looked and not self._match.is_deleted:
            with self._match:
                self._match.set_text(found)
                self._describe()

    def value(self) -> Any:
        if self._choice.way == 'ask':
            return inputs.ASK
        if self._choice.way == 'newest':
            return self._choice.newest if self._choice.folder else self._nothing()
        return super().value()


def match_words(value: str) -> str:
    """Return which file matches now, with its size; reads the disk."""
    path = newest.newest_match(value)
    try:
        if path is not None:
            return _('Right now: {name}, {size}', name=path.name, size=size_of(path.stat().st_size))
    except OSError:
        pass
    return translated(NO_MATCH)
