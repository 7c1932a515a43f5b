"""The pages people see. `register` puts them on the server; everything they show comes from the control room."""

from synapse.control_room import ControlRoom

from .shell.theme import FAVICON as FAVICON


def register(room: ControlRoom) -> None:
    """Serve the shell and its pages; call once, before the server starts and after all other routes."""
    from .shell import dead_pages, shell, theme

    theme.install(room.calendar.zone)
    dead_pages.free_removed_elements()
    shell.register(room)
