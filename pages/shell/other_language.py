"""Tabs that are open while another language is chosen: they are loaded again, unless a person is in a dialog."""

from nicegui import ui

from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.preferences import PreferencesChanged

_RELOAD = "document.querySelector('.q-dialog') || location.reload()"


def follow_language(scope: Scope, room: ControlRoom) -> None:
    """Load this tab again whenever another language is chosen."""

    def changed(message: PreferencesChanged) -> None:
        if message.now.language != message.before.language and not room.choices.is_language_fixed:
            ui.run_javascript(_RELOAD)

    scope.follow(room.bus, PreferencesChanged, changed)
