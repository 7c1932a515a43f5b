"""The button "Try it" of a destination, which can accept a host key or install what is missing."""

from collections.abc import Callable, Mapping
from typing import Any

from pages.parts.cards import set_props
from pages.parts.dialogs import attempt
from pages.parts.fields import Unreadable
from pages.parts.html import button, el
from synapse.control_room import ControlRoom
from synapse.destinations.kinds import EXTRAS
from synapse.destinations.packages import install
from synapse.destinations.trial import Trial
from synapse.errors import SynapseError
from synapse.language import _
from synapse.profiles import Profile


class TrialBox:
    """The button "Try it" and what came of it.

    :param data: returns `destination` and `secrets` as they are typed now
    """

    def __init__(self, room: ControlRoom, profile: Profile | None, data: Callable[[], dict[str, Any]]) -> None:
        self._room, self._profile, self._data = room, profile, data
        self._last: tuple[dict[str, Any], Trial] | None = None
        with el('div', 'sy-field'):
            self._button = button(_('Try it'), icon_name='bolt', small=True)
            self._button.on('click', self._try)
            self._said = el('div', 'prof-trial', role='status')

    def doubt(self, data: Mapping[str, Any], *, is_new: bool) -> str:
        """Return why a destination may not work, in words for people; empty if the last trial of it worked.

        :param data: `destination` and `secrets` as they are saved
        :param is_new: whether it was not in use before, so that it should be tried
        """
        if self._last is None or self._last[0] != data:
            return _('Its destination was not tried: edit it, and press Try it.') if is_new else ''
        trial = self._last[1]
        return '' if trial.works else ' '.join((_('Its destination did not work when you tried it.'), trial.message))

    async def _try(self) -> None:
        set_props(self._button, disabled=True)
        self._say(_('Writing a small file, reading it back and removing it ...'))
        try:
            data = self._data()
            trial = await self._room.profiles.try_destination(self._profile.id if self._profile else None, data)
        except Unreadable as error:
            self._say(str(error), is_error=True)
        except SynapseError as error:
            self._say(f'{error.message} {error.hint}'.strip(), is_error=True)
        else:
            self._last = data, trial
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
                accept = button(_('Accept this key'), icon_name='check', small=True)
                accept.on('click', lambda: self._accept(trial))
            if trial.missing:
                names = ' '.join(EXTRAS[trial.missing])
                get = button(_('Install {names}', names=names), icon_name='plus', small=True)
                get.on('click', lambda: self._install(trial.missing))

    async def _accept(self, trial: Trial) -> None:
        if trial.host_key is not None:
            await attempt(self._room.profiles.accept_host_key(trial.host_key))
            await self._try()

    async def _install(self, extra: str) -> None:
        set_props(self._button, disabled=True)
        self._say(_('Installing ...'))
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
