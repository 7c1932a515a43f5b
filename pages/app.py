"""API, socket and pages as one ASGI application, and the gate in front of it."""

from functools import cached_property
from pathlib import Path

import nicegui
from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from nicegui import client, core, ui
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

import pages
from pages.shell.static_files import FilesInMemory
from pages.shell.theme import FOR_EVER
from storage.files import make_private_folder
from synapse.api.gate.gate import Gate
from synapse.api.updates.socket import Updates
from synapse.control_room import ControlRoom
from synapse.settings import Settings

NICEGUI_STATIC = Path(nicegui.__file__).parent / 'static'


def build_gate(room: ControlRoom) -> Gate:
    """Return everything that is served, behind the gate."""
    settings = room.settings
    app: ASGIApp = build_app(room)
    if settings.is_loopback:  # elsewhere they are packed on their way
        app = FilesInMemory(app, f'/_nicegui/{nicegui.__version__}/static/', NICEGUI_STATIC, FOR_EVER)
    return Gate(
        app,
        auth=room.auth,
        allowed_hosts=frozenset(_hosts(settings)),
        origins=frozenset(_origins(settings)),
        no_login=settings.no_login,
        cookie_name=f'synapse_{settings.port}',
        max_upload_bytes=settings.max_upload_bytes,
    )


def build_app(room: ControlRoom) -> FastAPI:
    """Return the ASGI application of API, socket and pages; the gate is not part of it."""
    # NiceGUI may write files of its own with any mode; a private folder closes them to others.
    make_private_folder(room.settings.data / 'ui')
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount('/api/v1', LateApi(room))
    app.add_api_websocket_route('/ws/updates', Updates(room).endpoint)
    pages.register(room)
    ui.run_with(
        app,
        title='Synapse',
        dark=None,
        favicon=pages.FAVICON,
        binding_refresh_interval=None,
        reconnect_timeout=6.0,
        tailwind=False,
        show_welcome_message=False,
        storage_secret=room.auth.storage_secret,
        # On loopback, packing costs more than what it saves.
        gzip_middleware_factory=None if room.settings.is_loopback else GZipMiddleware,
        session_middleware_kwargs={'same_site': 'strict'},
    )
    core.sio.eio.cors_allowed_origins = sorted(_origins(room.settings))
    return app


def import_rest() -> None:
    """Import what the first page does without, so that no later page, call or check waits for it. Takes long."""
    import pages.shell.other_pages  # noqa: F401
    import synapse.api.rest.app  # noqa: F401
    from synapse.catalog.info import built_in_infos

    built_in_infos()
    client.templates.get_template('index.html')  # compiled, if the first page was not shown yet


class LateApi:
    """The REST API, imported and built for its first request."""

    def __init__(self, room: ControlRoom) -> None:
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.api(scope, receive, send)

    @cached_property
    def api(self) -> FastAPI:
        from synapse.api.rest.app import build_api

        return build_api(self._room)

    @property
    def routes(self) -> list[BaseRoute]:
        """What a mounted application shows of itself."""
        return self.api.routes


def _hosts(settings: Settings) -> set[str]:
    hosts = {settings.authority, f'127.0.0.1:{settings.port}', f'localhost:{settings.port}'}
    if settings.port == 80:
        hosts |= {host.removesuffix(':80') for host in hosts}
    return hosts


def _origins(settings: Settings) -> set[str]:
    return {f'http://{host}' for host in _hosts(settings)}
