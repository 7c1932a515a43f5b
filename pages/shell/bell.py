"""The bell of the top bar: how many alerts are unseen, and the list of all."""

from datetime import datetime
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from pages.parts.dialogs import attempt
from pages.parts.html import word_of
from pages.parts.scope import Scope
from synapse.alerts.alerts import Alert, AlertAction, AlertsChanged
from synapse.control_room import ControlRoom
from synapse.language import capital, spoken

SHOW_SECONDS = 0.2
LATEST = 5
"""How many of the newest are sent even while the list is closed, for desktop notifications."""


class Bell(Scope):
    """The bell; rows are sent only while the list is open."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('span')
        self.classes('bl')
        self._room = room
        self._opening = 0
        with self:
            self._face = _Face()
        face = self._face
        face.on('opened', lambda event: self._set_opening(int(event.args)))
        face.on('closed', lambda: self._set_opening(0))
        face.on('help', self._help)
        face.on('page', self._page)
        face.on('looked', lambda event: room.alerts.mark_seen(str(event.args)))
        face.on('dismiss', lambda event: room.alerts.dismiss(str(event.args)))
        face.on('seen', lambda: room.alerts.mark_all_seen())
        face.on('clear', lambda: room.alerts.clear())
        show_soon = self.at_most_every(SHOW_SECONDS, self._show)
        self.follow(room.bus, AlertsChanged, lambda _: show_soon())
        self._show()

    def _set_opening(self, opening: int) -> None:
        """Send rows for this opening of the list, which the browser counts from 1; 0 means closed."""
        self._opening = opening
        self._show()

    async def _help(self, event: GenericEventArguments) -> None:
        alert = self._room.alerts.get(str(event.args))
        if alert is not None:
            await help_with(self._room, alert)

    def _page(self, event: GenericEventArguments) -> None:
        alert = self._room.alerts.get(str(event.args))
        if alert is not None:
            open_page_of(self._room, alert)

    def _show(self) -> None:
        alerts = self._room.alerts
        latest = [alert for alert in alerts if alert.is_active and not alert.is_seen][:LATEST]
        self._face.show(
            unseen=alerts.unseen,
            latest=[_brief(alert) for alert in latest],
            rows=[_row(alert) for alert in alerts] if self._opening else None,
            opening=self._opening,
        )


async def help_with(room: ControlRoom, alert: Alert) -> None:
    """Do what the button of an alert says, which also marks it as seen."""
    if alert.action is AlertAction.RESUME_QUEUE:
        await attempt(room.runs.resume_queue())
    else:
        open_page_of(room, alert)


def open_page_of(room: ControlRoom, alert: Alert) -> None:
    """Go to the page with the details."""
    room.alerts.mark_seen(alert.id)
    ui.navigate.to(alert.target)


class _Face(ui.element, component='bell.js'):
    """The element in the browser, which opens and closes itself and reports that."""

    def show(self, **props: Any) -> None:
        if any(self._props.get(name) != value for name, value in props.items()):
            self._props.update(props)
            self.update()


def _brief(alert: Alert) -> dict[str, Any]:
    at = _millis(alert.last_at)
    about = {'title': spoken(alert.title), 'text': spoken(alert.text), 'target': alert.target}
    return {'id': alert.id, 'key': alert.key, 'at': at, **about}


def _row(alert: Alert) -> dict[str, Any]:
    return _brief(alert) | {
        'look': alert.look,
        'word': capital(word_of(alert.look)),
        'count': alert.count,
        'first': _millis(alert.first_at),
        'over': _millis(alert.over_at) if alert.over_at else 0,
        'verb': spoken(alert.verb),
        'seen': alert.is_seen,
    }


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
