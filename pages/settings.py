"""Settings: how it looks, where things are, and how to get in from elsewhere."""

from nicegui import ui

from synapse import __version__
from synapse.control_room import ControlRoom

from .parts.html import button, el
from .parts.scope import Scope


def settings_page(room: ControlRoom) -> None:
    """The page. What is set by a flag at the start says which."""
    settings = room.settings
    with Scope().classes('sy-page'), el('div', 'cards'):
        with el('section', 'glass-card', aria_label='Look'):
            el('h2', text='Look')
            with el('div', 'chips'):
                for choice, words in (('dark', 'Dark'), ('light', 'Light'), ('system', 'Follow the system')):
                    theme = button(words)
                    theme.on('click', js_handler=f'() => window.synapse.setTheme("{choice}")')
        facts = (
            ('Address', settings.url, '--host, --port'),
            ('Data folder', str(settings.data), '--data'),
            ('Workers', str(settings.workers), '--workers'),
            ('Largest upload', f'{settings.max_upload_bytes / 1024**3:.0f} GiB', 'SYNAPSE_MAX_UPLOAD_BYTES'),
            ('Version', __version__, ''),
        )
        with el('section', 'glass-card', aria_label='This Synapse'):
            el('h2', text='This Synapse')
            with el('dl', 'kv').style('padding:0'):
                for name, value, flag in facts:
                    el('dt', text=name, title=f'Set at the start by {flag}' if flag else '')
                    el('dd', text=value)
        with el('section', 'glass-card', aria_label='Getting in'):
            el('h2', text='Getting in')
            el('p', 'sy-2', 'A fresh signed-in link, for another browser or through ssh:')
            el('pre', 'code', f'python main.py open --print --data {settings.data}')
            el('p', 'sy-2', 'Programs send the token of this file as a bearer token:')
            el('pre', 'code', str(settings.data / 'token'))
            with el('div', 'chips'):
                el('a', 'sy-btn', 'API documentation', href='/api/v1/docs', target='_blank')
                leave = button('Sign out')
                leave.on('click', lambda: ui.run_javascript('fetch("/logout", {method: "POST"}).then(() => location.assign("/login"))'))
