"""The style sheets and scripts of all pages."""

import hashlib
import html
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nicegui import app
from starlette.responses import Response

from pages.parts.shortcuts import for_browser
from synapse.api.gate.sign_in import FONT, FONTS_CSS
from synapse.language import PSEUDO, language
from synapse.recurrence.wall_time import offsets_of

STATIC = Path(__file__).parents[1] / 'static'
SHEETS = (
    'tokens.css',
    'components.css',
    'synapse.css',
    'pages.css',
    'run_changes.css',
    'log_lines.css',
    'log_histogram.css',
    'agenda.css',
    'calendar.css',
    'event.css',
    'away.css',
    'bell.css',
    'touch.css',
    'access.css',
)
SCRIPTS = (
    'synapse.js',
    'layers.js',
    'shortcuts.js',
    'keys.js',
    'dialogs.js',
    'desktop.js',
    'pages.js',
    'log_rows.js',
    'log_window.js',
    'log_lines.js',
    'run_list.js',
    'agenda.js',
    'calendar.js',
    'touch.js',
)
FAVICON = STATIC / 'favicon.svg'
SHEET, SCRIPT = '/static/synapse/all.css', '/static/synapse/all.js'
"""All of them as one file each, so that a page takes a few requests instead of twenty."""
FOR_EVER = {'Cache-Control': 'private, max-age=31536000, immutable'}


def install(zone: str) -> Callable[[str], str]:
    """Serve the style sheets and scripts; call once.

    :param zone: the zone whose wall time the scripts show
    :return: gives what to put into the head of a page, for the path below which its browser found us
    """
    sheet = _serve(SHEET, FONTS_CSS.replace("url('", "url('../../") + joined(SHEETS), 'text/css')
    script = _serve(SCRIPT, joined(SCRIPTS), 'text/javascript')
    words = {name: _serve(f'/static/synapse/words.{name}.js', text, 'text/javascript') for name, text in script_words()}
    app.add_static_files('/static/synapse', STATIC, max_cache_age=0)
    keys = html.escape(for_browser())
    # A browser's own time-zone data may be older or newer than ours, so it gets the offsets.
    offsets = html.escape(json.dumps(offsets_of(zone)))
    app.colors(primary='#a78bfa', positive='#10b981', info='#3b82f6', negative='#ef4444', warning='#f59e0b')

    def head(base: str) -> str:
        own_words = words.get(language())
        translations = f'<script src="{base}{own_words}"></script>' if own_words else ''
        # A script in the head: the theme is set before the first paint, so that nothing flashes.
        return (
            f'<meta name="synapse-offsets" content="{offsets}"><meta name="synapse-keys" content="{keys}">'
            f'<link rel="preload" href="{base}{FONT}" as="font" type="font/woff2" crossorigin>'
            f'<link rel="stylesheet" href="{base}{sheet}">{translations}'
            f'<script src="{base}{script}" data-base="{base}"></script>'
        )

    return head


def script_words() -> Iterator[tuple[str, str]]:
    """Yield each language with a script of what our scripts say in it; English is what they have."""
    pseudo = 'new Proxy({}, { get: (_, text) => `⟦${text.replace(/^.*\\u0004/, "")}⟧`, has: () => true })'
    yield PSEUDO, f'window.synapseWords = {pseudo};'
    for path in sorted(STATIC.glob('words.*.json')):
        yield path.name.split('.')[1], f'window.synapseWords = {path.read_text(encoding="utf-8")};'


def joined(names: Sequence[str]) -> str:
    return '\n'.join((STATIC / name).read_text(encoding='utf-8') for name in names)


def _serve(path: str, text: str, kind: str) -> str:
    """Serve a text, and return its address, which is another one when the text changes."""
    response = Response(text, media_type=kind, headers=FOR_EVER)

    @app.get(path)
    def get() -> Response:
        return response

    return f'{path}?v={hashlib.sha256(text.encode()).hexdigest()[:16]}'
