"""The login of a destination: only the fields that its kind of address can use, which change as it is typed."""

from collections.abc import Iterable

from nicegui import ui

from pages.parts.cards import set_props
from pages.parts.controls import TYPED
from pages.parts.html import button, el
from synapse.destinations.address import ENDPOINT, KEY_FILE, PASSWORD, USERNAME, scheme_of
from synapse.destinations.kinds import login_fields
from synapse.language import N_, _, translated
from synapse.profiles import MASK

TITLES = {USERNAME: N_('User'), PASSWORD: N_('Password'), KEY_FILE: N_('Key file'), ENDPOINT: N_('S3 endpoint')}
"""The secrets of a profile that have a field of their own, and its title."""
_S3_TITLES = TITLES | {USERNAME: N_('Access key'), PASSWORD: N_('Secret key')}
_HELP = {KEY_FILE: N_('of SSH, such as ~/.ssh/id_ed25519'), ENDPOINT: N_('if it is not Amazon')}


class LoginFields:
    """Boxes for the login of a destination. What is saved is never shown: an empty box keeps it.

    :param known: the names of the secrets that the profile has
    """

    def __init__(self, known: Iterable[str], address: str) -> None:
        self._usable: tuple[str, ...] = ()
        with el('div', 'prof-login') as self._box:
            with el('div', 'form-two') as self._grid:
                self._fields = {name: _LoginField(name, is_kept=name in known) for name in TITLES}
            with el('div', 'prof-unused sy-2') as self._unused:
                self._unused_text = el('span', 'sy-grow')
                button(_('Remove'), icon_name='trash', kind='ghost', small=True).on('click', self._remove_unused)
        self.show_for(address)

    def change(self) -> dict[str, str | None]:
        """Return the change as `Profiles.update` takes it, without what was typed into fields that are now hidden."""
        removed = {name: None for name, field in self._fields.items() if field.is_removed}
        return removed | {name: self._fields[name].text for name in self._usable if self._fields[name].text.strip()}

    def show_for(self, address: str) -> None:
        """Show the fields that this address can use, and name what is saved and unused."""
        self._usable = login_fields(address)
        titles = _S3_TITLES if scheme_of(address) == 's3' else TITLES
        for name, field in self._fields.items():
            field.show(translated(titles[name]), is_usable=name in self._usable)
        _show(self._grid, self._usable)
        self._show_unused()

    def _show_unused(self) -> None:
        names = ', '.join(translated(TITLES[name]).lower() for name in self._unused_names())
        self._unused_text.set_text(_('Saved, but not used by this address: {names}', names=names))
        _show(self._unused, names)
        _show(self._box, self._usable or names)

    def _unused_names(self) -> list[str]:
        return [name for name, field in self._fields.items() if field.is_kept and name not in self._usable]

    def _remove_unused(self) -> None:
        for name in self._unused_names():
            self._fields[name].remove()
        self._show_unused()


class _LoginField:
    """A box for one secret, with a button to remove the saved one."""

    def __init__(self, name: str, *, is_kept: bool) -> None:
        self.text = ''
        self.is_kept, self.is_removed = is_kept, False
        with el('div', 'sy-field') as self._field:
            with el('label', 'sy-label', for_=f'login-{name}'):
                self._title = el('span')
                el('span', 'ty', translated(_HELP.get(name, '')))
            with el('div', 'sy-x'):
                kind = 'password' if name == PASSWORD else 'text'
                self._box = el(
                    'input', 'sy-control sy-grow', type_=kind, autocomplete='new-password', spellcheck='false'
                )
                set_props(self._box, id=f'login-{name}', placeholder=MASK if is_kept else '')
                self._box.on('input', lambda event: self._type(str(event.args)), js_handler=TYPED)
                self._trash = button('', icon_name='trash', kind='ghost')
                self._trash.on('click', self.remove)
                _show(self._trash, is_kept)

    def show(self, title: str, *, is_usable: bool) -> None:
        self._title.set_text(title)
        set_props(self._trash, aria_label=_('Remove the {name}', name=title.lower()))
        _show(self._field, is_usable)

    def remove(self) -> None:
        self.is_kept, self.is_removed = False, True
        set_props(self._box, placeholder='')
        _show(self._trash, is_shown=False)

    def _type(self, text: str) -> None:
        self.text = text


def _show(element: ui.element, is_shown: object) -> None:
    set_props(element, hidden=None if is_shown else True)
