"""What the button of an alert does, in the bell and in a notice alike."""

from nicegui import ui

from pages.parts.dialogs import attempt
from synapse.alerts.alerts import Alert, AlertAction
from synapse.control_room import ControlRoom


async def help_with(room: ControlRoom, alert: Alert) -> None:
    """Do what its button says; whoever presses it has seen the alert."""
    if alert.action is AlertAction.RESUME_QUEUE:
        await attempt(room.runs.resume_queue())
    else:
        open_page_of(room, alert)


def open_page_of(room: ControlRoom, alert: Alert) -> None:
    """Go to the page that tells more of it."""
    room.alerts.see(alert.id)
    ui.navigate.to(alert.target)
