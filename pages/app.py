"""API, socket and pages as one ASGI application, and the gate in front of it."""

from functools import cached_property
from pathlib import Path
from typing import Any

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
from synapse.addresses import Address
from synapse.api.gate.gate import Gate
from synapse.api.gate.own_hosts import OwnHosts
from synapse.api.gate.reach import Reach
from synapse.api.updates.socket import Updates
from synapse.control_room import ControlRoom

NICEGUI_STATIC = Path(nicegui.__file__).parent / 'static'


def build_gate(room: ControlRoom) -> Gate:
    """Return everything that is served, behind the gate."""
    settings = room.settings
    app: ASGIApp = build_app(room)
    if settings.is_loopback:  # elsewhere they are packed on their way
        app = FilesInMemory(app, f'/_nicegui/{nicegui.__version__}/static/', NICEGUI_STATIC, FOR_EVER)
    hosts = OwnHosts(settings.port, settings.authority, settings.is_of_all_addresses)
    return Gate(
        app,
        auth=room.auth,
        reach=Reach(hosts, settings.allow_host, settings.trusted_proxy, settings.base_path),
        no_login=settings.no_login,
        cookie_name=room.auth.cookie_name,
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
    # Its bar has no name, and what takes long here says so itself.
    core.app.config.quasar_config['loadingBar']['skipHijack'] = True
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
        session_middleware_kwargs={
            'same_site': 'strict',
            'session_cookie': f'{room.auth.cookie_name}_tabs',
            'path': room.settings.base_path or '/',
        },
    )
    core.sio.eio.cors_allowed_origins = _is_own_origin
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
        address: Address | None = scope.get('synapse.address')
        if address is not None and address.base:  # for the addresses in its description
            scope = {**scope, 'path': address.base + scope['path'], 'root_path': address.base + scope['root_path']}
        await self.api(scope, receive, send)

    @cached_property
    def api(self) -> FastAPI:
        from synapse.api.rest.app import build_api

        return build_api(self._room)

    @property
    def routes(self) -> list[BaseRoute]:
        """What a mounted application shows of itself."""
        return self.api.routes


def _is_own_origin(origin: str | None, environ: dict[str, Any]) -> bool:
    """The second check of the Origin of a page's socket, after that of the gate."""
    address: Address | None = environ['asgi.scope'].get('synapse.address')
    return address is not None and origin in address.origins
