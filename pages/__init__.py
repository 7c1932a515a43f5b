"""The pages people see; everything they show comes from the control room."""

from synapse.control_room import ControlRoom

from .shell.theme import FAVICON as FAVICON


def register(room: ControlRoom) -> None:
    """Serve the shell and its pages; call it once, after all other routes and before the server starts."""
    from .shell import dead_pages, shell, signatures, sockets, theme

    head = theme.install(room.calendar.zone)
    dead_pages.free_removed_elements()
    signatures.remember_signatures()
    sockets.guard_sockets()
    sockets.bound_queues()
    shell.register(room, head)
