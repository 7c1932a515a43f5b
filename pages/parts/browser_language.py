"""The language of a tab: the one chosen in Settings, otherwise the first that its browser asks for and we have."""

import contextlib
import copy

from nicegui import Client
from nicegui.slot import Slot, get_task_id

from synapse.language import ask_viewer, language_for, tag_of


def of_tab(client: Client) -> str:
    """Return the language of the texts of this tab, a key of `synapse.language.LANGUAGES`."""
    return language_for(client.request.headers.get('accept-language', ''))


def in_its_language(client: Client) -> None:
    """Have a page that is being built say its language, to screen readers, to our scripts and to Quasar's parts."""
    client.page = copy.copy(client.page)
    client.page.language = tag_of(of_tab(client))  # type: ignore[assignment]


def _of_shown_tab() -> str | None:
    for slot in reversed(Slot.stacks.get(get_task_id(), ())):
        with contextlib.suppress(RuntimeError):  # of a part that its own handler has deleted
            return of_tab(slot.parent.client)
    return None


ask_viewer(_of_shown_tab)
