"""A profile to make or to change. Secrets are written here and never shown: there is no way to read one."""

import json
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from pages.parts.cards import set_props
from pages.parts.dialogs import focus_first_field, say
from pages.parts.fields import PairsField, TextField, Unreadable
from pages.parts.html import button, el, icon
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.profiles import COLORS, Profile

ICONS = ('profiles', 'film', 'folder', 'globe', 'upload', 'terminal', 'bolt', 'flag', 'file', 'repeat')


class ProfileDialog:
    """Opens at once."""

    def __init__(self, room: ControlRoom, profile: Profile | None) -> None:
        self._room = room
        self._profile = profile
        self._is_saving = False
        title = f'Edit {profile.label}' if profile else 'New profile'
        with ui.dialog() as self._dialog:
            box = el('section', 'sy-dialog form-dialog', role='dialog', aria_modal='true', aria_label=title)
            focus_first_field(self._dialog, box)
            box.on('keydown.ctrl.enter', self._save)
            with box:
                self._draw(title)
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()

    def _draw(self, title: str) -> None:
        profile = self._profile
        with el('header'):
            el('h2', 'sy-grow', title)
            close = button('', icon_name='x', kind='ghost', small=True, aria_label='Close')
            close.on('click', self._dialog.close)
        with el('div', 'form-scroll'):
            self._label = _text('label', 'Name', profile.label if profile else '', is_required=True)
            with el('div', 'form-two'):
                colors = COLORS if not profile or profile.color in COLORS else (*COLORS, profile.color)
                unused = COLORS[len(self._room.profiles.all()) % len(COLORS)]
                self._color = _Choice('Colour', colors, profile.color if profile else unused, _swatch)
                icons = ICONS if not profile or profile.icon in ICONS else (*ICONS, profile.icon)
                self._icon = _Choice('Icon', icons, profile.icon if profile else ICONS[0], _icon)
            self._destination = _text(
                'destination',
                'Destination',
                profile.destination if profile else '',
                help_text='Where results are delivered: a folder, or an address such as sftp://host/folder. '
                f'Empty means {self._room.profiles.default_destination}.',
            )
            schema = {
                'title': 'Default parameters',
                'description': 'Values for every pipeline that has a parameter of that name.',
                'additionalProperties': {},
            }
            defaults = profile.defaults if profile else {}
            self._defaults = PairsField('defaults', schema, defaults, is_required=False, is_nullable=False)
            self._secrets = _Secrets([*profile.secrets] if profile else [])
        with el('footer'):
            self._problem = el('span', 'sy-error sy-grow', role='alert')
            button('Cancel').on('click', self._dialog.close)
            self._button = button('Save profile', kind='primary', title='Ctrl Enter')
            self._button.on('click', self._save)

    async def _save(self) -> None:
        if self._is_saving:
            return
        self._is_saving = True
        set_props(self._button, disabled=True)
        self._show_errors({})
        try:
            data = self._data()
            if self._profile is None:
                await self._room.profiles.create(data)
            else:
                await self._room.profiles.update(self._profile.id, data)
        except Unreadable as error:
            self._show_errors({'defaults': str(error)})
        except Invalid as error:
            self._show_errors(error.fields or {'': error.message})
        except SynapseError as error:
            self._problem.set_text(f'{error.message} {error.hint}'.strip())
        else:
            say(f'Saved the profile {data["label"].strip()}.', kind='success')
            self._dialog.close()
        finally:
            self._is_saving = False
            if not self._button.is_deleted:
                set_props(self._button, disabled=None)

    def _data(self) -> dict[str, Any]:
        return {
            'label': self._label.text,
            'color': self._color.value,
            'icon': self._icon.value,
            'destination': self._destination.text.strip(),
            'defaults': self._defaults.value(),
            'secrets': self._secrets.change(),
        }

    def _show_errors(self, errors: Mapping[str, str]) -> None:
        fields = {'label': self._label, 'destination': self._destination, 'defaults': self._defaults}
        for name, field in fields.items():
            field.show_error(errors.get(name, ''))
        self._secrets.show_error(' '.join(text for name, text in errors.items() if name.startswith('secrets')))
        rest = [text for name, text in errors.items() if name not in fields and not name.startswith('secrets')]
        self._problem.set_text(' '.join(rest))


class _Text(TextField):
    @property
    def text(self) -> str:
        return self._text


def _text(name: str, title: str, value: str, *, is_required: bool = False, help_text: str = '') -> _Text:
    schema = {'title': title, 'description': help_text}
    return _Text(name, schema, value, is_required=is_required, is_nullable=False)


class _Choice:
    """One of a few pictures."""

    def __init__(self, title: str, options: tuple[str, ...], value: str, draw: Any) -> None:
        self.value = value
        with el('div', 'sy-field'):
            el('span', 'sy-label', title)
            group = ui.element('fieldset').classes('prof-choice')
            group.props['aria-label'] = title
            with group:
                for option in options:
                    with el('label', title=option):
                        name = f'{title}-{group.id}'
                        radio = el('input', type_='radio', name=name, aria_label=f'{title} {option}')
                        radio.props['^checked'] = option == value or None
                        draw(option)
                    radio.on('change', lambda _, option=option: self._choose(option), js_handler='() => emit()')

    def _choose(self, option: str) -> None:
        self.value = option


def _swatch(color: str) -> None:
    el('i', 'sw').style(f'background:{color}')


def _icon(name: str) -> None:
    icon(name)


class _Secrets:
    """Names with values that only go in."""

    def __init__(self, names: list[str]) -> None:
        self._change: dict[str, str | None] = {}
        self._new: dict[int, list[str]] = {}
        with el('div', 'sy-field'):
            with el('span', 'sy-label'):
                el('span', text='Secrets')
                el('span', 'ty', 'in the environment of its runs, *** in the log')
            self._rows = el('div', 'prof-secrets')
            with self._rows:
                for name in names:
                    self._kept(name)
            button('Add a secret', icon_name='plus', small=True).on('click', self._add)
            self._error = el('span', 'sy-error', role='alert')

    def change(self) -> dict[str, str | None]:
        """What to change, as the core takes it; what is not named stays."""
        return self._change | {name: value for name, value in self._new.values() if name or value}

    def show_error(self, text: str) -> None:
        self._error.set_text(text)

    def _kept(self, name: str) -> None:
        with self._rows, el('div', 'row') as row:
            el('span', 'sy-mono sy-ell sy-grow', name)
            value = el('input', 'sy-control', type_='password', autocomplete='new-password', placeholder='***')
            value.props['aria-label'] = f'New value of {name}'
            value.on(
                'input', lambda event: self._replace(name, str(event.args)), js_handler='(e) => emit(e.target.value)'
            )
            remove = button('', icon_name='trash', kind='ghost', aria_label=f'Remove {name}')
            remove.on('click', lambda: self._remove(name, row))

    def _replace(self, name: str, value: str) -> None:
        if value:
            self._change[name] = value
        else:
            self._change.pop(name, None)

    def _remove(self, name: str, row: ui.element) -> None:
        self._change[name] = None
        row.delete()

    def _add(self) -> None:
        place = len(self._new)
        pair = self._new[place] = ['', '']
        with self._rows, el('div', 'row') as row:
            for index, words in enumerate(('Name', 'Value')):
                entry = el('input', 'sy-control', autocomplete='new-password', spellcheck='false', placeholder=words)
                entry.props.update(
                    {'type': 'password' if index else 'text', 'aria-label': f'{words} of the new secret'}
                )
                entry.on('input', _setter(pair, index), js_handler='(e) => emit(e.target.value)')
            drop = button('', icon_name='trash', kind='ghost', aria_label='Remove the new secret')
            drop.on('click', lambda: self._drop(place, row))

    def _drop(self, place: int, row: ui.element) -> None:
        self._new.pop(place, None)
        row.delete()


def _setter(pair: list[str], index: int) -> Any:
    def changed(event: Any) -> None:
        pair[index] = str(event.args).strip() if index == 0 else str(event.args)

    return changed


def shown(value: Any) -> str:
    """A default as it stands in the list."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
