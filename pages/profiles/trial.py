"""Who delivers, and whether it works: the fields of a login, and "Try it", which can accept a host key or install."""

from collections.abc import Callable
from typing import Any

from pages.parts.cards import set_props
from pages.parts.controls import TYPED
from pages.parts.dialogs import attempt
from pages.parts.fields import Unreadable
from pages.parts.html import button, el
from synapse.control_room import ControlRoom
from synapse.destinations.kinds import EXTRAS
from synapse.destinations.packages import install
from synapse.destinations.trial import Trial
from synapse.errors import SynapseError
from synapse.profiles import MASK, Profile

LOGIN = {
    'destination_username': 'User',
    'destination_password': 'Password',
    'destination_key_file': 'Key file',
    'destination_endpoint_url': 'S3 endpoint',
}
"""The secrets of a profile that have a field of their own, and its title."""
_HELP = {
    'destination_username': 'of the server; for S3 the access key',
    'destination_password': 'for S3 the secret key',
    'destination_key_file': 'of SSH, such as ~/.ssh/id_ed25519',
    'destination_endpoint_url': 'if it is not Amazon',
}


class LoginFields:
    """Boxes for the login of a destination. What is saved is never shown: an empty box keeps it."""

    def __init__(self, known: list[str]) -> None:
        self._known = known
        self._typed: dict[str, str] = {}
        self._removed: set[str] = set()
        with el('div', 'form-two'):
            for name, title in LOGIN.items():
                self._draw(name, title)

    def change(self) -> dict[str, str | None]:
        """Return the change as `Profiles.update` takes it."""
        return {name: value for name, value in self._typed.items() if value.strip()} | dict.fromkeys(self._removed)

    def _draw(self, name: str, title: str) -> None:
        with el('div', 'sy-field'):
            with el('label', 'sy-label', for_=f'login-{name}'):
                el('span', text=title)
                el('span', 'ty', _HELP[name])
            with el('div', 'sy-x'):
                kind = 'password' if name == 'destination_password' else 'text'
                box = el('input', 'sy-control sy-grow', type_=kind, autocomplete='new-password', spellcheck='false')
                set_props(box, id=f'login-{name}', placeholder=MASK if name in self._known else '')
                box.on('input', lambda event: self._typed.update({name: str(event.args)}), js_handler=TYPED)
                if name in self._known:
                    remove = button('', icon_name='trash', kind='ghost', aria_label=f'Remove the {title.lower()}')

                    def forget() -> None:
                        self._removed.add(name)
                        set_props(box, placeholder='')
                        remove.delete()

                    remove.on('click', forget)


class TrialBox:
    """The button "Try it" and what came of it.

    :param data: returns `destination` and `secrets` as they are typed now
    """

    def __init__(self, room: ControlRoom, profile: Profile | None, data: Callable[[], dict[str, Any]]) -> None:
        self._room, self._profile, self._data = room, profile, data
        with el('div', 'sy-field'):
            self._button = button('Try it', icon_name='bolt', small=True)
            self._button.on('click', self._try)
            self._said = el('div', 'prof-trial', role='status')

    async def _try(self) -> None:
        set_props(self._button, disabled=True)
        self._say('Writing a small file, reading it back and removing it ...')
        try:
            data = self._data()
            trial = await self._room.profiles.try_destination(self._profile.id if self._profile else None, data)
        except Unreadable as error:
            self._say(str(error), is_error=True)
        except SynapseError as error:
            self._say(f'{error.message} {error.hint}'.strip(), is_error=True)
        else:
            self._show(trial)
        finally:
            if not self._button.is_deleted:
                set_props(self._button, disabled=None)

    def _show(self, trial: Trial) -> None:
        self._say(f'{trial.message} {trial.hint}'.strip(), is_error=not trial.works)
        if self._said.is_deleted:
            return
        with self._said:
            for note in trial.notes:
                el('p', 'sy-2', note)
            if trial.host_key is not None:
                accept = button('Accept this key', icon_name='check', small=True)
                accept.on('click', lambda: self._accept(trial))
            if trial.missing:
                names = ' '.join(EXTRAS[trial.missing])
                get = button(f'Install {names}', icon_name='plus', small=True)
                get.on('click', lambda: self._install(trial.missing))

    async def _accept(self, trial: Trial) -> None:
        if trial.host_key is not None:
            await attempt(self._room.profiles.accept_host_key(trial.host_key))
            await self._try()

    async def _install(self, extra: str) -> None:
        set_props(self._button, disabled=True)
        self._say('Installing ...')
        try:
            await install(extra, self._say)
        except SynapseError as error:
            self._say(f'{error.message} {error.hint}'.strip(), is_error=True)
            if not self._button.is_deleted:
                set_props(self._button, disabled=None)
        else:
            await self._try()

    def _say(self, text: str, *, is_error: bool = False) -> None:
        if self._said.is_deleted:
            return
        self._said.clear()
        with self._said:
            el('p', 'sy-error' if is_error else 'sy-2', text)
