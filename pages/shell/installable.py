"""What makes the pages installable as an app, with an icon of its own on a phone's home screen.

Source: W3C Web Application Manifest. The manifest is behind the gate as the pages are, so its link sends cookies along.
"""

from nicegui import Client, app
from starlette.requests import Request
from starlette.responses import JSONResponse

from pages.parts.html import base_of
from synapse.addresses import Address
from synapse.language import _, language, tag_of

MANIFEST = '/synapse.webmanifest'
ICONS = (('icon-192.png', 192, 'any'), ('icon-512.png', 512, 'any'), ('icon-maskable.png', 512, 'maskable'))
BACKGROUND = '#0a0e14'
VIEWPORT = 'width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content'
"""To the edges: the tabs keep clear of the bar of a phone by themselves."""


def serve_manifest() -> None:
    """Answer the browser that wants to install; call once."""

    @app.get(MANIFEST)
    def get(request: Request) -> JSONResponse:
        address: Address | None = request.scope.get('synapse.address')
        return JSONResponse(manifest(address.base if address else ''), media_type='application/manifest+json')


def manifest(base: str) -> dict[str, object]:
    """Return the manifest in the language of who asks.

    :param base: the path below which this browser found us
    """
    shortcuts = ((_('Runs'), '/runs'), (_('Logs'), '/logs'), (_('Scheduler'), '/scheduler'))
    return {
        'id': f'{base}/',
        'name': 'Synapse',
        'short_name': 'Synapse',
        'description': _('The control room for the automations on this machine.'),
        'lang': tag_of(language()),
        'start_url': f'{base}/',
        'scope': f'{base}/',
        'display': 'standalone',
        'background_color': BACKGROUND,
        'theme_color': BACKGROUND,
        'icons': [
            {'src': f'{base}/static/synapse/{name}', 'sizes': f'{size}x{size}', 'type': 'image/png', 'purpose': purpose}
            for name, size, purpose in ICONS
        ],
        'shortcuts': [{'name': name, 'url': f'{base}{path}'} for name, path in shortcuts],
    }


def make_installable(client: Client) -> str:
    """Prepare a page that is being built; returns what its head must hold."""
    client.page.viewport = VIEWPORT
    base = base_of(client)
    return (
        f'<link rel="manifest" href="{base}{MANIFEST}" crossorigin="use-credentials">'
        f'<link rel="apple-touch-icon" href="{base}/static/synapse/apple-touch-icon.png">'
        f'<meta name="theme-color" content="{BACKGROUND}">'
        '<meta name="apple-mobile-web-app-title" content="Synapse">'
        '<meta name="apple-mobile-web-app-status-bar-style" content="black">'
    )
