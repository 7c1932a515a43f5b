"""Settings: the look, where things are, what is kept, and how to sign in from elsewhere."""

import sys

from pages.parts.dialogs import attempt
from pages.parts.html import button, el, icon
from pages.parts.scope import Scope
from pages.parts.words import clock_of, day_of, size_of
from synapse.control_room import ControlRoom

from .calendar import FeedAddress, ImportButton
from .retention import WhatIsKept
from .rows import card, fact, row

THEMES = (('dark', 'Dark'), ('light', 'Light'), ('system', 'Follow the system'))


def settings_page(room: ControlRoom) -> None:
    """Draw the page. Settings that are fixed at startup name their flag."""
    with Scope().classes('sy-page'), el('div', 'set-page'):
        _look()
        _machine(room)
        _calendar(room)
        WhatIsKept(room)
        _access(room)
        _about(room)


def _look() -> None:
    with card('Look'):
        with (
            row('Theme', 'Saved in this browser.'),
            # Only the browser knows its theme; `pages.js` marks the selected option.
            el('div', 'sy-seg', role='radiogroup', aria_label='Theme', data_themes='1'),
        ):
            for choice, words in THEMES:
                option = el('button', '', words, type_='button', role='radio', data_theme_option=choice)
                option.on('click', js_handler=f"() => window.synapse.setTheme('{choice}')")
        with row('Menu', 'Or press [.'):
            fold = button('Collapse or expand', icon_name='collapse')
            fold.on('click', js_handler='() => window.synapse.collapse()')


def _machine(room: ControlRoom) -> None:
    settings = room.settings
    with card('This Synapse'):
        _workers(room)
        _warm(room)
        fact('Address', settings.url, _reach(room), '--host, --port', is_copied=True)
        fact(
            'Data folder', str(settings.data), 'Holds everything: runs, files, profiles, log.', '--data', is_copied=True
        )
        fact('Pipeline files', str(settings.data / 'pipelines'), 'Python files here become pipelines.', is_copied=True)
        with row('Free on this disk', f'No run starts with less than {size_of(settings.min_free_bytes)}.'):
            free = el('span', 'sy-num')
            free.bind_text_from(room.status, 'disk_free', lambda count: size_of(count) if count else '')
        fact('Largest upload', size_of(settings.max_upload_bytes), '', 'SYNAPSE_MAX_UPLOAD_BYTES')


def _workers(room: ControlRoom) -> None:
    flag = 'The --workers flag overrides this at the next start.' if 'workers' in room.settings.model_fields_set else ''
    with row('Workers', f'How many runs can run at the same time. {flag}'.strip()), el('span', 'sy-x'):
        fewer = button('', icon_name='minus', aria_label='One worker fewer')
        count = el('b', 'sy-num', role='status')
        more = button('', icon_name='plus', aria_label='One worker more')
    count.bind_text_from(room.status, 'workers', lambda workers: str(len(workers)))
    fewer.on('click', lambda: attempt(room.set_workers(len(room.status.workers) - 1)))
    more.on('click', lambda: attempt(room.set_workers(len(room.status.workers) + 1)))


def _warm(room: ControlRoom) -> None:
    if room.engine.zygotes is None:
        return
    with row('Kept ready', 'The pipelines used last stay imported, so that their runs start at once.'):
        memory = el('span', 'sy-num')
        memory.bind_text_from(room.status, 'warm', _warm_words)


def _warm_words(warm: tuple[int, int]) -> str:
    count, size = warm
    return f'{count} process{"" if count == 1 else "es"}, {size_of(size)}' if count else 'Nothing yet'


def _reach(room: ControlRoom) -> str:
    return 'Only this machine can reach it.' if room.settings.is_loopback else 'Other machines can reach it.'


def _calendar(room: ControlRoom) -> None:
    with card('Calendar'):
        fact('Time zone', room.here.name, f'All times are shown in it. {room.here.why}')
        data = room.status.timezone_data
        fact('Time-zone data', data['version'] or 'Unknown', f'The newest found at startup: {data["source"]}.')
        with row('Subscribe', f'Other calendars read yours at this secret address. {_reach(room)}'):
            FeedAddress(room)
        with row('Files', 'Export all events as an .ics file, or import those of another calendar.'):
            with el('a', 'sy-btn is-sm', href='/api/v1/scheduler/calendar.ics', download='synapse.ics'):
                icon('download', size=14)
                el('span', text='Download')
            ImportButton(room)


def _access(room: ControlRoom) -> None:
    settings = room.settings
    command = f'{sys.executable.rsplit("/", 1)[-1]} main.py open --print --data {settings.data}'
    with card('Access'):
        if settings.no_login:
            with el('p', 'hint'):
                icon('alert', size=14)
                el('span', text='Started with --no-login: every program on this machine may use it.')
        fact('Another browser', command, 'Prints a sign-in link that works once, within ten minutes.', is_copied=True)
        fact('Programs', str(settings.data / 'token'), 'This file holds their bearer token.', is_copied=True)
        with row('For programmers', 'All calls of the REST API, ready to try.'):
            el('a', 'sy-btn', 'API documentation', href='/api/v1/docs', target='_blank')
        if not settings.no_login:
            with row('This browser', 'Stays signed in for 30 days after its last visit.'):
                leave = button('Sign out')
                leave.on(
                    'click', js_handler="() => fetch('/logout', {method: 'POST'}).then(() => location.assign('/login'))"
                )


def _about(room: ControlRoom) -> None:
    status = room.status
    with card('About'):
        fact('Version', status.version)
        fact('Running since', f'{day_of(room, status.started_at)}, {clock_of(room, status.started_at)}')
        fact('Python', sys.version.split()[0])
