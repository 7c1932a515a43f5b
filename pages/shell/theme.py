"""The style sheets and scripts of all pages."""

import hashlib
import html
import json
from collections.abc import Sequence
from pathlib import Path

from nicegui import app, ui
from starlette.responses import Response

from synapse.recurrence.wall_time import offsets_of

STATIC = Path(__file__).parents[1] / 'static'
SHEETS = (
    'tokens.css',
    'components.css',
    'synapse.css',
    'pages.css',
    'log_lines.css',
    'log_histogram.css',
    'agenda.css',
    'calendar.css',
    'event.css',
    'away.css',
    'bell.css',
)
SCRIPTS = (
    'synapse.js',
    'keys.js',
    'desktop.js',
    'pages.js',
    'log_rows.js',
    'log_window.js',
    'log_lines.js',
    'agenda.js',
    'calendar.js',
)
FAVICON = STATIC / 'favicon.svg'
SHEET, SCRIPT = '/static/synapse/all.css', '/static/synapse/all.js'
"""All of them as one file each, so that a page takes a few requests instead of twenty."""
FOR_EVER = {'Cache-Control': 'private, max-age=31536000, immutable'}


def install(zone: str) -> None:
    """Serve the style sheets and scripts, and link them on every page; call once.

    :param zone: the zone whose wall time the scripts show
    """
    sheet = _serve(SHEET, joined(SHEETS), 'text/css')
    script = _serve(SCRIPT, joined(SCRIPTS), 'text/javascript')
    app.add_static_files('/static/synapse', STATIC, max_cache_age=0)
    # In the head: the theme is set before the first paint, so that nothing flashes.
    links = f'<link rel="stylesheet" href="{sheet}"><script src="{script}"></script>'
    # A browser's own time-zone data may be older or newer than ours, so it gets the offsets.
    offsets = html.escape(json.dumps(offsets_of(zone)))
    ui.add_head_html(f'<meta name="synapse-offsets" content="{offsets}">{links}', shared=True)
    app.colors(primary='#a78bfa', positive='#10b981', info='#3b82f6', negative='#ef4444', warning='#f59e0b')


def joined(names: Sequence[str]) -> str:
    return '\n'.join((STATIC / name).read_text(encoding='utf-8') for name in names)


def _serve(path: str, text: str, kind: str) -> str:
    """Serve a text, and return its address, which is another one when the text changes."""
    response = Response(text, media_type=kind, headers=FOR_EVER)

    @app.get(path)
    def get() -> Response:
        return response

    return f'{path}?v={hashlib.sha256(text.encode()).hexdigest()[:16]}'
