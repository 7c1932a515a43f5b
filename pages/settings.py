"""Settings: how it looks, where things are, what is kept, and how to get in from elsewhere."""

import sys

from nicegui.elements.mixins.text_element import TextElement

from synapse.control_room import ControlRoom
from synapse.log import KEEP_ENTRIES

from .parts.calendar_settings import FeedAddress, import_button
from .parts.dialogs import attempt
from .parts.html import button, el, icon
from .parts.log_line import copy_button
from .parts.scope import Scope
from .parts.words import clock_of, day_of, size_of

THEMES = (('dark', 'Dark'), ('light', 'Light'), ('system', 'Follow the system'))


def settings_page(room: ControlRoom) -> None:
    """The page. What is set when Synapse starts says by which flag."""
    with Scope().classes('sy-page'), el('div', 'set-page'):
        _look()
        _machine(room)
        _calendar(room)
        _kept(room)
        _getting_in(room)
        _about(room)


def _look() -> None:
    with _card('Look'):
        with (
            _row('Theme', 'Kept in this browser.'),
            el('div', 'sy-seg', role='radiogroup', aria_label='Theme') as group,
        ):
            for choice, words in THEMES:
                option = el('button', '', words, type_='button', role='radio', data_theme_option=choice)
                option.on('click', js_handler=f"() => window.synapse.setTheme('{choice}')")
        # Only the browser knows its theme; `pages.js` marks the choice when it changes.
        group.props['data-themes'] = '1'
        with _row('Menu', 'Also with the key ['):
            fold = button('Fold or unfold', icon_name='collapse')
            fold.on('click', js_handler='() => window.synapse.collapse()')


def _machine(room: ControlRoom) -> None:
    settings = room.settings
    with _card('This Synapse'):
        _workers(room)
        _fact('Address', settings.url, _reach(room), '--host, --port', is_copied=True)
        _fact('Data folder', str(settings.data), 'Runs, files, profiles, log: all of it.', '--data', is_copied=True)
        _fact('Pipeline files', str(settings.data / 'pipelines'), 'Python files here become pipelines.', is_copied=True)
        with _row('Free on this disk', f'No run starts below {size_of(settings.min_free_bytes)}.'):
            free = el('span', 'sy-num')
            free.bind_text_from(room.status, 'disk_free', lambda count: size_of(count) if count else '')
        _fact('Largest upload', size_of(settings.max_upload_bytes), '', 'SYNAPSE_MAX_UPLOAD_BYTES')


def _workers(room: ControlRoom) -> None:
    flag = 'The flag --workers wins at the next start.' if 'workers' in room.settings.model_fields_set else ''
    with _row('Workers', f'How many runs go at the same time. {flag}'.strip()), el('span', 'sy-x'):
        fewer = button('', icon_name='minus', aria_label='One worker less')
        count = el('b', 'sy-num', role='status')
        more = button('', icon_name='plus', aria_label='One worker more')
    count.bind_text_from(room.status, 'workers', lambda workers: str(len(workers)))
    fewer.on('click', lambda: attempt(room.set_workers(len(room.status.workers) - 1)))
    more.on('click', lambda: attempt(room.set_workers(len(room.status.workers) + 1)))


def _reach(room: ControlRoom) -> str:
    return 'Only this machine can reach it.' if room.settings.is_loopback else 'Other machines can reach it.'


def _calendar(room: ControlRoom) -> None:
    with _card('Calendar'):
        _fact('Time zone', room.calendar.zone, 'That of this machine: its days are the days of the calendar.')
        with _row('Subscribe', f'Other calendars read yours at this secret address. {_reach(room)}'):
            FeedAddress(room)
        with _row('Files', 'Take all events along as an .ics file, or take over those of another calendar.'):
            with el('a', 'sy-btn is-sm', href='/api/v1/scheduler/calendar.ics', download='synapse.ics'):
                icon('download', size=14)
                el('span', text='Download')
            import_button()


def _kept(room: ControlRoom) -> None:
    with _card('What is kept'):
        _fact('Log lines', f'the newest {KEEP_ENTRIES:,}', 'Older ones go by themselves.')
        _fact('Runs and their files', 'all of them', 'Each run has a folder of its own; none goes by itself.')
        _fact('Run folders', str(room.settings.data / 'runs'), '', is_copied=True)


def _getting_in(room: ControlRoom) -> None:
    settings = room.settings
    command = f'{sys.executable.rsplit("/", 1)[-1]} main.py open --print --data {settings.data}'
    with _card('Getting in'):
        if settings.no_login:
            with el('p', 'hint'):
                icon('alert', size=14)
                el('span', text='Started with --no-login: every program on this machine may use it.')
        _fact('Another browser', command, 'Prints a link that signs in once, within ten minutes.', is_copied=True)
        _fact('Programs', str(settings.data / 'token'), 'This file holds their bearer token.', is_copied=True)
        with _row('For programmers', 'Every call of the REST API, to try out.'):
            el('a', 'sy-btn', 'API documentation', href='/api/v1/docs', target='_blank')
        if not settings.no_login:
            with _row('This browser', 'Stays signed in for 30 days after its last visit.'):
                leave = button('Sign out')
                leave.on(
                    'click', js_handler="() => fetch('/logout', {method: 'POST'}).then(() => location.assign('/login'))"
                )


def _about(room: ControlRoom) -> None:
    status = room.status
    with _card('About'):
        _fact('Version', status.version)
        _fact('Running since', f'{day_of(status.started_at)}, {clock_of(status.started_at)}')
        _fact('Python', sys.version.split()[0])


def _card(title: str) -> TextElement:
    card = el('section', 'glass-card set-card', aria_label=title)
    with card:
        el('h2', text=title)
    return card


def _row(name: str, help_text: str, flag: str = '') -> TextElement:
    with el('div', 'set-row'):
        with el('div', 'what'):
            el('b', text=name)
            with el('span', 'sy-cap', help_text):
                if flag:
                    el('span', 'flag', f' Set at the start by {flag}.')
        return el('div', 'value')


def _fact(name: str, value: str, help_text: str = '', flag: str = '', *, is_copied: bool = False) -> None:
    with _row(name, help_text, flag):
        el('span', 'sy-mono' if is_copied else 'sy-num', value)
        if is_copied:
            copy_button('Copy', value)
