"""Browsers that were signed in only to look, such as a screen on the wall."""

from nicegui import Client

from synapse.credentials.scope import Scope


def may_only_look(client: Client) -> bool:
    """Whether the browser that shows this page was signed in only to look."""
    return bool(client.request is not None and client.request.scope.get('synapse.scope', Scope.ADMIN) != Scope.ADMIN)
