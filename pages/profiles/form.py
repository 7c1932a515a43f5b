"""The dialog that creates or edits a profile. Secrets are entered here and never shown: nothing can read one back."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pages.parts.cards import set_props
from pages.parts.controls import TYPED
from pages.parts.dialogs import Dialog, focus_first_field, focus_wrong, leave_button, say
from pages.parts.fields import PairsField, TextField, Unreadable, sorted_errors
from pages.parts.html import button, el, icon
from synapse.control_room import ControlRoom
from synapse.destinations.address import without_login
from synapse.destinations.trial import notes_of
from synapse.errors import Invalid, SynapseError
from synapse.language import N_, _, translated
from synapse.profiles import COLORS, Profile

from .login import TITLES, LoginFields
from .trial import TrialBox

ICONS = (
    N_('profiles'),
    N_('film'),
    N_('folder'),
    N_('globe'),
    N_('upload'),
    N_('terminal'),
    N_('bolt'),
    N_('flag'),
    N_('file'),
    N_('repeat'),
)


class ProfileDialog:
    """Opens at once.

    :param profile: the one to edit; None creates one
    """

    def __init__(self, room: ControlRoom, profile: Profile | None) -> None:
        self._room = room
        self._profile = profile
        self._is_saving = False
        title = _('Edit {label}', label=profile.label) if profile else _('New profile')
        with Dialog() as self._dialog:
            box = el('section', 'sy-dialog form-dialog', role='dialog', aria_modal='true', aria_label=title)
            focus_first_field(self._dialog, box)
            with box:
                self._draw(title, profile or _blank(room))
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()

    def _draw(self, title: str, first: Profile) -> None:
        with el('div', 'form-head'):
            el('h2', 'sy-grow', title)
            close = button('', icon_name='x', kind='ghost', small=True, aria_label=_('Close'))
            close.on('click', self._dialog.close)
        with el('div', 'form-scroll'):
            self._label = _text_field('label', _('Name'), first.label, is_required=True)
            with el('div', 'form-two'):
                self._color = _PicturePicker(_('Colour'), COLORS, first.color, _swatch)
                self._icon = _PicturePicker(_('Icon'), ICONS, first.icon, icon)
            help_text = _(
                'Where results are delivered: a folder, or an address such as sftp://host/folder. If empty, {default}.',
                default=self._room.profiles.default_destination,
            )
            self._destination = _text_field('destination', _('Destination'), first.destination, help_text=help_text)
            self._login = LoginFields(first.secrets, first.destination)
            self._destination.changed = lambda: self._login.show_for(self._destination.text)
            self._trial = TrialBox(self._room, self._profile, self._destination_data)
            schema = {
                'title': _('Default parameters'),
                'description': _('Values for every pipeline that has a parameter of that name.'),
                'additionalProperties': {},
            }
            self._defaults = PairsField('defaults', schema, first.defaults, is_required=False, is_nullable=False)
            self._secrets = _Secrets([name for name in first.secrets if name not in TITLES])
        with el('div', 'form-foot'):
            self._problem = el('span', 'sy-error sy-grow', role='alert')
            leave_button(self._dialog)
            self._button = button(_('Save profile'), kind='primary', title=_('Ctrl Enter'))
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
            focus_wrong(self._problem)
        except Invalid as error:
            self._show_errors(error.fields or {'': error.message})
            focus_wrong(self._problem)
        except SynapseError as error:
            self._problem.set_text(f'{error.message} {error.hint}'.strip())
        else:
            doubt = self._trial.doubt(_tried_part(data), is_new=self._is_other_destination(data))
            saved = _('Saved the profile {label}.', label=data['label'].strip())
            say(f'{saved} {doubt}', kind='warning', timeout=10_000) if doubt else say(saved, kind='success')
            for note in notes_of(without_login(data['destination'])[0]) if data['destination'] else ():
                say(note, kind='warning', timeout=10_000)
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
            'secrets': self._login.change() | self._secrets.edits.change(),
        }

    def _destination_data(self) -> dict[str, Any]:
        """What is tried: the secrets too, since an endpoint or a passphrase may be among them."""
        return _tried_part(self._data())

    def _is_other_destination(self, data: Mapping[str, Any]) -> bool:
        before = self._profile.destination if self._profile else ''
        return bool(data['destination']) and (data['destination'] != before or bool(self._login.change()))

    def _show_errors(self, errors: Mapping[str, str]) -> None:
        show = {
            'label': self._label.show_error,
            'destination': self._destination.show_error,
            'defaults': self._defaults.show_error,
            'secrets': self._secrets.error.set_text,
        }
        named = {place: _with_name(place, text) for place, text in errors.items()}
        by_field, rest = sorted_errors(named, show)
        for name, text in by_field.items():
            show[name](text)
        self._problem.set_text(' '.join(rest))


def _with_name(place: str, text: str) -> str:
    """Return what is wrong with a default parameter, with its name in front."""
    name = place.removeprefix('defaults.')
    return text if name == place else f'{name}: {text}'


def _tried_part(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in ('destination', 'secrets')}


def _blank(room: ControlRoom) -> Profile:
    """Return what the form of a new profile starts with; its colour is one that few profiles have."""
    color = COLORS[len(room.profiles.all()) % len(COLORS)]
    return Profile.model_construct(id='', label='', color=color, icon=ICONS[0], destination='')


def _text_field(name: str, title: str, value: str, *, is_required: bool = False, help_text: str = '') -> TextField:
    schema = {'title': title, 'description': help_text}
    return TextField(name, schema, value, is_required=is_required, is_nullable=False)


class _PicturePicker:
    """A choice of one of a few pictures; a value that isn't offered is added to them."""

    def __init__(self, title: str, options: tuple[str, ...], value: str, draw: Callable[[str], Any]) -> None:
        self.value = value
        with el('div', 'sy-field'):
            el('span', 'sy-label', title)
            group = el('fieldset', 'prof-choice', aria_label=title)
            with group:
                for option in dict.fromkeys((*options, value)):
                    with el('label', title=translated(option)):
                        name = f'{title}-{group.id}'
                        radio = el('input', type_='radio', name=name, aria_label=f'{title} {translated(option)}')
                        radio.props['^checked'] = option == value or None
                        draw(option)
                    radio.on('change', lambda _, option=option: self._choose(option), js_handler='() => emit()')

    def _choose(self, option: str) -> None:
        self.value = option


def _swatch(color: str) -> None:
    el('i', 'sw').style(f'background:{color}')


@dataclass(slots=True)
class NewSecret:
    """The name and value of a secret that is being added."""

    name: str = ''
    value: str = ''


@dataclass(slots=True)
class SecretEdits:
    """The edits of the secrets of a profile."""

    kept: dict[str, str | None] = field(default_factory=dict)
    """New values of secrets that exist; None removes one."""
    added: list[NewSecret] = field(default_factory=list)

    def replace(self, name: str, value: str) -> None:
        """Give a secret a new value; an empty one keeps the value it has."""
        self.kept.pop(name, None)
        if value:
            self.kept[name] = value

    def change(self) -> dict[str, str | None]:
        """Return the change as `Profiles.update` takes it: a secret that isn't named keeps its value."""
        return self.kept | {new.name.strip(): new.value for new in self.added if new.name.strip() or new.value}


class _Secrets:
    """The rows of the secrets: names with boxes for new values."""

    def __init__(self, names: list[str]) -> None:
        self.edits = SecretEdits()
        with el('div', 'sy-field'):
            with el('span', 'sy-label'):
                el('span', text=_('Secrets'))
                el('span', 'ty', _('in the environment of its runs, *** in the log'))
            self._rows = el('div', 'prof-secrets')
            for name in names:
                self._draw_kept(name)
            button(_('Add a secret'), icon_name='plus', small=True).on('click', self._add)
            self.error = el('span', 'sy-error', role='alert')

    def _draw_kept(self, name: str) -> None:
        def remove() -> None:
            self.edits.kept[name] = None
            row.delete()

        with self._rows, el('div', 'row') as row:
            el('span', 'sy-mono sy-ell sy-grow', name)
            _box(_('New value of {name}', name=name), lambda value: self.edits.replace(name, value), placeholder='***')
            button('', icon_name='trash', kind='ghost', aria_label=_('Remove {name}', name=name)).on('click', remove)

    def _add(self) -> None:
        def remove() -> None:
            self.edits.added = [item for item in self.edits.added if item is not new]
            row.delete()

        new = NewSecret()
        self.edits.added.append(new)
        with self._rows, el('div', 'row') as row:
            label = _('Name of the new secret')
            _box(label, lambda text: setattr(new, 'name', text), placeholder=_('Name'), kind='text')
            _box(_('Value of the new secret'), lambda text: setattr(new, 'value', text), placeholder=_('Value'))
            button('', icon_name='trash', kind='ghost', aria_label=_('Remove the new secret')).on('click', remove)


def _box(label: str, typed: Callable[[str], None], *, placeholder: str, kind: str = 'password') -> None:
    box = el('input', 'sy-control', type_=kind, autocomplete='new-password', spellcheck='false')
    set_props(box, placeholder=placeholder, aria_label=label)
    box.on('input', lambda event: typed(str(event.args)), js_handler=TYPED)


def shown(value: Any) -> str:
    """Return a default value as lists show it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
