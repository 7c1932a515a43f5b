"""Settings: the look, where things are, what is kept, and how to sign in from elsewhere."""

import sys
from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.dialogs import attempt
from pages.parts.html import SIGN_OUT, address_of, button, el, icon
from pages.parts.scope import Scope
from pages.parts.words import clock_of, day_of, limit_size, size_of
from synapse.control_room import ControlRoom
from synapse.language import N_, _, _n, _p, translated

from .access import LinkRows, PasswordRow, SignedIn, Tokens, encryption_row
from .backup import BackupCard
from .calendar import FeedAddress, ImportButton
from .jobs import jobs_button
from .language import LanguageRows
from .machines import MachinesCard
from .notifications import NotificationsCard
from .retention import WhatIsKept
from .rows import card, fact, row
from .subscriptions import SubscribedCalendars
from .zone_data import ZoneDataRow

THEMES = (('dark', N_('Dark')), ('light', N_('Light')), ('system', N_('Follow the system')))


def settings_page(room: ControlRoom) -> None:
    """Draw the page. Settings that are fixed at startup name their flag."""
    with Scope().classes('sy-page') as scope, el('div', 'set-page'):
        _look()
        _language(room)
        _machine(room, scope)
        MachinesCard(room)
        _calendar(room)
        NotificationsCard(room)
        WhatIsKept(room)
        BackupCard(room)
        _access(room)
        _about(room)


def _look() -> None:
    with card(_('Look')):
        with (
            row(_('Theme'), _('Saved in this browser.')),
            # Only the browser knows its theme; `pages.js` marks the selected option.
            el('div', 'sy-seg', role='radiogroup', aria_label=_('Theme'), data_arrows='1'),
        ):
            for choice, words in THEMES:
                option = el('button', '', translated(words), type_='button', role='radio', data_theme_option=choice)
                option.on('click', js_handler=f"() => window.synapse.setTheme('{choice}')")
        _keys()
        with el('div', 'is-wide-only'), row(_('Menu'), _('Or press [.')):
            fold = button(_('Collapse or expand'), icon_name='collapse')
            fold.on('click', js_handler='() => window.synapse.collapse()')


def _keys() -> None:
    about = _(
        'N, R, ? and others, without Ctrl or Alt. Switch them off if they get in your way. Saved in this browser.'
    )
    with (
        row(_('Single-key shortcuts'), about),
        el('div', 'sy-seg', role='radiogroup', aria_label=_('Single-key shortcuts'), data_arrows='1'),
    ):
        for choice, words in (('on', _p('switched', 'On')), ('off', _('Off'))):
            option = el('button', '', words, type_='button', role='radio', data_single_keys_option=choice)
            option.on('click', js_handler=f"() => window.synapse.setSingleKeys('{choice}')")


def _language(room: ControlRoom) -> None:
    with card(_('Language and time')):
        LanguageRows(room)


def _machine(room: ControlRoom, scope: Scope) -> None:
    settings = room.settings
    with card(_('This Synapse')):
        _workers(room)
        _warm(room, scope)
        address = settings.url_for(address_of(ui.context.client))
        fact(_('Address'), address, _reach(room), '--host, --port, --allow-host', is_copied=True)
        fact(
            _('Data folder'),
            str(settings.data),
            _('Holds everything: runs, files, profiles, log.'),
            '--data',
            is_copied=True,
        )
        fact(
            _('Pipeline files'),
            str(settings.data / 'pipelines'),
            _('Python files here become pipelines.'),
            is_copied=True,
        )
        with row(
            _('Free on this disk'), _('No run starts with less than {size}.', size=limit_size(settings.min_free_bytes))
        ):
            free = el('span', 'sy-num')
            _show(scope, room, 'disk_free', free, lambda count: size_of(count) if count else '')
        fact(_('Largest upload'), limit_size(settings.max_upload_bytes), '', 'SYNAPSE_MAX_UPLOAD_BYTES')


def _workers(room: ControlRoom) -> None:
    flag = (
        _('The --workers flag overrides this at the next start.') if 'workers' in room.settings.model_fields_set else ''
    )
    text = ' '.join((_('How many runs can run at the same time.'), flag)).strip()
    with row(_('Workers'), text), el('span', 'sy-x'):
        fewer = button('', icon_name='minus', aria_label=_('One worker fewer'))
        count = el('b', 'sy-num', role='status')
        more = button('', icon_name='plus', aria_label=_('One worker more'))
    count.bind_text_from(room.status, 'workers', lambda _: str(room.status.places_here))
    fewer.on('click', lambda: attempt(room.set_workers(room.status.places_here - 1)))
    more.on('click', lambda: attempt(room.set_workers(room.status.places_here + 1)))


def _warm(room: ControlRoom, scope: Scope) -> None:
    if room.engine.local.zygotes is None:
        return
    with row(_('Kept ready'), _('The pipelines used last stay imported, so that their runs start at once.')):
        memory = el('span', 'sy-num')
        _show(scope, room, 'warm', memory, _warm_words)


def _warm_words(warm: tuple[int, int]) -> str:
    count, size = warm
    words = _n('{count} process, {size}', '{count} processes, {size}', count, size=size_of(size))
    return words if count else _('Nothing yet')


def _show(scope: Scope, room: ControlRoom, name: str, element: TextElement, words: Callable[[Any], str]) -> None:
    """Show a field of the status, in the language of the page: a binding would speak our own."""

    def show() -> None:
        element.set_text(words(getattr(room.status, name)))

    scope.watch(room.status, (name,), show)
    show()


def _reach(room: ControlRoom) -> str:
    if room.settings.is_loopback and room.settings.allow_host:
        return _('Other machines can reach it through a proxy.')
    return _('Only this machine can reach it.') if room.settings.is_loopback else _('Other machines can reach it.')


def _calendar(room: ControlRoom) -> None:
    with card(_('Calendar')):
        ZoneDataRow(room)
        text = ' '.join((_('Other calendars read yours at this secret address.'), _reach(room)))
        with row(_('Subscribe'), text):
            FeedAddress(room)
        with row(_('Files'), _('Export all events as an .ics file, or import those of another calendar.')):
            with el('a', 'sy-btn is-sm', href='/api/v1/scheduler/calendar.ics', download='synapse.ics'):
                icon('download', size=14)
                el('span', text=_('Download'))
            ImportButton(room)
        with row(
            _('Other schedulers'), _('Take over the jobs of cron, systemd or Windows, or print yours as a crontab.')
        ):
            with el('a', 'sy-btn is-sm', href='/api/v1/scheduler/crontab', download='synapse.cron'):
                icon('download', size=14)
                el('span', text=_('As a crontab'))
            jobs_button(room)
        SubscribedCalendars(room)


def _access(room: ControlRoom) -> None:
    settings = room.settings
    command = f'{sys.executable.rsplit("/", 1)[-1]} main.py open --print --data {settings.data}'
    with card(_('Access')):
        if settings.no_login:
            with el('p', 'hint'):
                icon('alert', size=14)
                el('span', text=_('Started with --no-login: every program on this machine may use it.'))
        fact(
            _('Another browser'),
            command,
            _('Prints a sign-in link that works once, within ten minutes.'),
            is_copied=True,
        )
        encryption_row(room)
        LinkRows(room)
        PasswordRow(room)
        fact(_('Programs'), str(settings.data / 'token'), _('This file holds a token for everything.'), is_copied=True)
        Tokens(room)
        with row(_('For programmers'), _('All calls of the REST API, ready to try.')):
            el('a', 'sy-btn', _('API documentation'), href='/api/v1/docs', target='_blank')
        if not settings.no_login:
            with row(_('This browser'), _('Stays signed in for seven days after its last visit.')):
                leave = button(_('Sign out'))
                leave.on('click', js_handler=SIGN_OUT)
            SignedIn(room)


def _about(room: ControlRoom) -> None:
    status = room.status
    with card(_p('this program', 'About')):
        fact(_('Version'), status.version)
        fact(_('Running since'), f'{day_of(room, status.started_at)}, {clock_of(room, status.started_at)}')
        fact(_('Python'), sys.version.split()[0])
