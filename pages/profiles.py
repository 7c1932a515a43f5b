"""Profiles: who a run is started as, where its results go, its defaults and its secrets."""

import json
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from synapse.bus import ProfileChanged
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.profiles import Profile

from .parts.dialogs import attempt, confirm
from .parts.html import button, el
from .parts.scope import Scope

MASK = '***'


def profiles_page(room: ControlRoom) -> None:
    """The page; a change in another tab or by a program shows at once."""
    with Scope().classes('sy-page list') as scope:
        with el('div', 'filters'):
            button('New profile', icon_name='plus').on('click', lambda: ProfileDialog(room, None))
        cards = el('div', 'cards')

        def draw() -> None:
            cards.clear()
            with cards:
                for profile in room.profiles.list():
                    _card(room, profile)

        scope.follow(room.bus, ProfileChanged, lambda _: draw())
        draw()


def _card(room: ControlRoom, profile: Profile) -> None:
    with el('section', 'glass-card', aria_label=profile.label):
        with el('div', 'sy-x'):
            el('i', 'sy-pdot').style(f'--pc:{profile.color}')
            el('h2', 'sy-grow', profile.label)
            edit = button('Edit', icon_name='edit', kind='ghost', small=True, aria_label=f'Edit {profile.label}')
            edit.on('click', lambda: ProfileDialog(room, profile))
            remove = button('', icon_name='trash', kind='ghost', small=True, aria_label=f'Delete {profile.label}')
            remove.on('click', lambda: _delete(room, profile))
        with el('dl', 'kv').style('padding:0'):
            el('dt', text='id')
            el('dd', text=profile.id)
            el('dt', text='destination')
            el('dd', text=profile.destination or '–')
            for name, value in profile.defaults.items():
                el('dt', text=name)
                el('dd', text=json.dumps(value, ensure_ascii=False))
            for name in profile.secrets:
                el('dt', text=name)
                el('dd', text=MASK)


async def _delete(room: ControlRoom, profile: Profile) -> None:
    text = 'Runs that used it keep their history. Its secrets are removed for good.'
    if await confirm(f'Delete {profile.label}?', text, yes='Delete'):
        await attempt(room.profiles.delete(profile.id))


class ProfileDialog:
    """A profile to make or change; secrets are written, never shown."""

    def __init__(self, room: ControlRoom, profile: Profile | None) -> None:
        self.room = room
        self.profile = profile
        self.texts: dict[str, str] = {}
        self.errors: dict[str, Any] = {}
        title = f'Edit {profile.label}' if profile else 'New profile'
        with ui.dialog() as self.dialog, el('section', 'sy-dialog is-wide', aria_label=title):
            el('h2', text=title)
            with el('div', 'sy-form'):
                self._field('label', 'Name', profile.label if profile else '')
                self._field('color', 'Colour', profile.color if profile else '#a78bfa', kind='color')
                self._field('destination', 'Destination', profile.destination if profile else '', 'a folder or an address')
                defaults = profile.defaults if profile else {}
                lines = '\n'.join(f'{name}={json.dumps(value)}' for name, value in defaults.items())
                self._field('defaults', 'Default parameters', lines, 'NAME=value, one a line', kind='area')
                secrets = '\n'.join(f'{name}={MASK}' for name in profile.secrets) if profile else ''
                self._field('secrets', 'Secrets', secrets, 'NAME=value, one a line; *** keeps what is there', kind='area')
            self.problem = el('span', 'sy-error', role='alert')
            with el('div', 'sy-dialog-buttons'):
                button('Cancel').on('click', self.dialog.close)
                button('Save', kind='primary').on('click', self._save)
        self.dialog.on('hide', self.dialog.delete)
        self.dialog.open()

    def _field(self, name: str, words: str, value: str, help_text: str = '', *, kind: str = 'text') -> None:
        self.texts[name] = value
        with el('div', 'sy-field'):
            el('label', 'sy-label', words, for_=f'profile-{name}')
            if kind == 'area':
                control = el('textarea', 'sy-control', rows='3', spellcheck='false')
            else:
                control = el('input', 'sy-control', type_=kind, autocomplete='off')
            control.props['id'] = f'profile-{name}'
            control.props['value'] = value
            control.on('input', lambda event: self.texts.update({name: str(event.args)}), js_handler='(e) => emit(e.target.value)')
            if help_text:
                el('span', 'help', help_text)
            self.errors[name] = el('span', 'sy-error', role='alert')

    async def _save(self) -> None:
        for error in self.errors.values():
            error.set_text('')
        data: dict[str, Any] = {name: self.texts[name].strip() for name in ('label', 'color', 'destination')}
        data['defaults'] = {name: _value(text) for name, text in _pairs(self.texts['defaults']).items()}
        data['secrets'] = self._secrets()
        try:
            if self.profile is None:
                await self.room.profiles.create(data)
            else:
                await self.room.profiles.update(self.profile.id, data)
        except Invalid as error:
            for name, text in error.fields.items():
                place = self.errors.get(name.split('.')[0], self.problem)
                place.set_text(text)
        except SynapseError as error:
            self.problem.set_text(f'{error.message} {error.hint}'.strip())
        else:
            self.dialog.close()

    def _secrets(self) -> Mapping[str, str | None]:
        given: dict[str, str | None] = dict(_pairs(self.texts['secrets']))
        for name in self.profile.secrets if self.profile else ():
            given.setdefault(name, None)  # a line taken out is a secret removed
        return given


def _pairs(text: str) -> dict[str, str]:
    pairs = (line.partition('=') for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
