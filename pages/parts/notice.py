"""A short notice with one button, such as Undo. Those without a button are plain messages, see `dialogs.say`."""

from collections.abc import Callable
from typing import Any

from nicegui import context, ui


class Notice(ui.element, component='notice.js'):
    """Shown at once, gone by itself; stays when the page changes below it.

    :param options: of Quasar's Notify
    :param pressed: called at most once, may be async
    """

    def __init__(self, options: dict[str, Any], action: str, pressed: Callable[[], Any]) -> None:
        with context.client.layout:
            super().__init__()
        self._props['options'] = options
        self._props['action'] = action
        self.on('pressed', lambda: pressed())
        self.on('dismissed', self._dismissed)

    def _dismissed(self) -> None:
        if not self.is_deleted:
            self.delete()
