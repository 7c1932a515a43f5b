"""The style sheets and scripts of all pages."""

import html
import json
from pathlib import Path

from nicegui import app, ui

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
VERSION = '1'


def install(zone: str) -> None:
    """Serve the style sheets and scripts, and link them on every page; call once.

    :param zone: the zone whose wall time the scripts show
    """
    app.add_static_files('/static/synapse', STATIC, max_cache_age=0)
    links = ''.join(f'<link rel="stylesheet" href="/static/synapse/{sheet}?v={VERSION}">' for sheet in SHEETS)
    # In the head: the theme is set before the first paint, so that nothing flashes.
    scripts = ''.join(f'<script src="/static/synapse/{name}?v={VERSION}"></script>' for name in SCRIPTS)
    # A browser's own time-zone data may be older or newer than ours, so it gets the offsets.
    offsets = html.escape(json.dumps(offsets_of(zone)))
    ui.add_head_html(f'<meta name="synapse-offsets" content="{offsets}">{links}{scripts}', shared=True)
    app.colors(primary='#a78bfa', positive='#10b981', info='#3b82f6', negative='#ef4444', warning='#f59e0b')
