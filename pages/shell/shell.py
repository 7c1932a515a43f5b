"""The frame around all pages: rail, top bar and notices. The pages change inside it, over one connection."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import core, ui
from nicegui.elements.mixins.text_element import TextElement

from pages.dashboard.page import dashboard_page
from pages.logs.lines_today import LinesToday
from pages.parts.cards import empty, set_props, tick
from pages.parts.html import button, el, icon, menu_item, opens
from pages.parts.scope import Scope
from pages.runs.run_form import open_run_form
from pages.scheduler.event.dialog import open_event_dialog
from synapse.alerts.alerts import AlertsChanged
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.recurrence.zones import city_of
from synapse.sentences import count_of
from synapse.status import StatusChanged

from .bell import Bell
from .dead_pages import UnopenedPages
from .palette import open_palette
from .places import PLACES
from .state_pill import RoomPill, stop_everything
from .toasts import Toasts

TABS = (
    ('/', 'Home', 'dashboard'),
    ('/runs', 'Runs', 'runs'),
    ('/logs', 'Logs', 'logs'),
    ('/scheduler', 'Plan', 'calendar'),
)
BELL = "() => window.dispatchEvent(new CustomEvent('synapse-bell'))"
SHORTCUTS = (
    ('G then 1 to 7', 'Go to a page'),
    ('Ctrl K', 'Search or run a command'),
    ('R', 'New run'),
    ('N', 'New event'),
    ('Alt P', 'Pause or resume the shown run'),
    ('Shift Esc', 'Stop the shown run (asks first)'),
    ('Alt ↑ ↓', 'Move a waiting run in the queue'),
    ('T, J, K', 'Calendar: today, next, previous'),
    ('1, 2, 3', 'Calendar: month, week, agenda'),
    ('Y', 'Calendar: choose month and year'),
    ('M', 'Move the selected event with the arrow keys'),
    ('/ or Ctrl F', 'Logs: search; Enter and Shift Enter step through the matches'),
    ('F, End', 'Logs: follow or pause, jump to the newest line'),
    ('E, Shift E', 'Logs: next error, previous error'),
    ('W  .  C', 'Logs: wrap long lines, fold repeated ones, clear the view'),
    ('Alt 1 to 4', 'Logs: show or hide a level'),
    ('[', 'Collapse the menu'),
    ('B', 'Alerts'),
    ('?', 'Show this list'),
    ('Esc', 'Close the topmost layer'),
)


def register(room: ControlRoom) -> None:
    """Serve the shell at every page address."""

    @core.sio.on('synapse_ping')  # type: ignore[untyped-decorator]
    def _pong(_: str, *__: Any) -> float:
        # The browser measures the round trip, and how far its clock is from ours.
        return time.time() * 1000

    unopened = UnopenedPages()

    def shell() -> None:
        Shell(room)
        unopened.add(ui.context.client)

    # Deep links and reloads get the same shell; its router shows the page.
    ui.page('/')(shell)
    ui.page('/{_:path}')(lambda _: shell())


class Shell:
    """The shell of one tab."""

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._links: list[tuple[str, TextElement]] = []
        with Scope().classes('sy-app') as self._scope:
            el('a', 'sy-btn sy-skip', 'Skip to content', href='#content')
            self._build_rail()
            self._build_top()
            with el('main', 'sy-main', id='content', tabindex='-1'):
                Pages(self._routes())
            self._build_tabs()
            Toasts(room)
            self._build_hidden()
        router = ui.context.client.sub_pages_router
        router.on_path_changed(self._moved)
        self._moved(router.current_path)

    def _routes(self) -> dict[str, Callable[..., Any]]:
        room = self._room

        def other() -> ModuleType:
            from . import other_pages  # half as large as all that the dashboard needs

            return other_pages

        return {
            '/': lambda: dashboard_page(room),
            '/runs': lambda state='', pipeline='', profile='': other().runs_page(room, state, pipeline, profile),
            '/runs/{id}': lambda id: other().run_page(room, id),
            '/logs': lambda levels='', q='', case='', regex='', only='', source='', run='', t='', line='': (
                other().logs_page(
                    room,
                    other().Asked(
                        levels=levels, q=q, case=case, regex=regex, only=only, source=source, run=run, t=t, line=line
                    ),
                )
            ),
            '/scheduler': lambda view='', month='', day='', pipeline='', profile='', state='': other().scheduler_page(
                room, view, month, day, pipeline, profile, state
            ),
            '/pipelines': lambda: other().pipelines_page(room),
            '/profiles': lambda: other().profiles_page(room),
            '/settings': lambda: other().settings_page(room),
        }

    # Rail

    def _build_rail(self) -> None:
        status = self._room.status
        # A scope of its own: what changes with every run must not redraw the page next to it.
        with Scope('nav').classes('sy-rail') as rail:
            set_props(rail, aria_label='Main')
            with el('div', 'sy-brand'):
                brand('rail')
                el('span', text='Synapse')
            with el('div', 'sy-nav'):
                for number, (target, name, icon_name) in enumerate(PLACES, start=1):
                    with self._link(target, name, icon_name, key=f'g {number}') as link:
                        self._build_fact(target)
                    set_props(link, title=f'{name} (G then {number})')
            with el('div', 'sy-railfoot'):
                with el('div', 'fact'):
                    with el('div', 'sy-x between').style('margin-bottom:6px'):
                        el('span', text='Workers')
                        busy = el('span', 'sy-num sy-2')
                        busy.bind_text_from(
                            status, 'busy_workers', lambda busy: f'{busy} of {len(status.workers)} busy'
                        )
                        busy.bind_text_from(
                            status, 'workers', lambda workers: f'{status.busy_workers} of {len(workers)} busy'
                        )
                    with el(
                        'div', 'sy-meter', role='meter', aria_label='Busy workers', aria_valuemin='0'
                    ) as self._meter:
                        self._bar = el('i').style('--mc:var(--cmd-blue)')
                with el('div', 'sy-x between'):
                    el('span', 'fact', self._room.settings.authority)
                    fold = el('button', 'sy-btn is-ghost is-sm is-icon sy-fold', type_='button', data_key='collapse')
                    set_props(fold, aria_label='Collapse menu ([)', title='Collapse menu ([)')
                    with fold:
                        icon('collapse')
                    fold.on('click', js_handler='() => window.synapse.collapse()')
        self._scope.follow(self._room.bus, StatusChanged, lambda _: self._show_meter())
        self._show_meter()

    def _show_meter(self) -> None:
        status = self._room.status
        self._bar.style(f'width:{100 * status.busy_workers / max(1, len(status.workers)):.0f}%')
        set_props(self._meter, aria_valuenow=str(status.busy_workers), aria_valuemax=str(len(status.workers)))

    def _link(self, target: str, name: str, icon_name: str, *, key: str = '', size: int = 16) -> TextElement:
        with el('a', href=target, data_key=key or None) as link:
            icon(icon_name, size=size)
            el('span', text=name)
        self._links.append((target, link))
        return link

    def _build_fact(self, target: str) -> None:
        """A quiet fact about a page, readable without opening it."""
        room = self._room
        if target == '/runs':
            fact = el('span', 'sy-count st-running sy-st')
            fact.bind_text_from(room.status, 'running', lambda count: f'{count} live' if count else '')
        elif target == '/logs':
            fact = el('span', 'sy-count st-failed sy-st')
            fact.bind_text_from(room.log.counters, 'unseen_errors', lambda n: count_of(n, 'error') if n else '')
        elif target == '/scheduler':
            self._next = el('span', 'sy-count sy-num', data_format='day')
            self._scope.watch(room.status, ('next',), self._show_next)
            self._show_next()

    def _show_next(self) -> None:
        """`16:00` if something is due today, else its weekday or date; the browser switches when that day comes."""
        following = self._room.status.next
        if following is None:
            tick(self._next)
            return
        due = datetime.fromisoformat(str(following['due']))
        local = due.astimezone(ZoneInfo(self._room.calendar.zone))
        is_near = local - now_utc() < timedelta(days=6)
        set_props(
            self._next,
            data_near=f'{local:%H:%M}',
            data_far=f'{local:%a}' if is_near else f'{local.day} {local:%b}',
            title=f'Next: {following["title"]}, {local:%a} {local.day} {local:%b}, {local:%H:%M}',
        )
        tick(self._next, until=due)

    # Top bar

    def _build_top(self) -> None:
        with el('header', 'sy-top', role='banner'):
            with el('span', 'is-phone-only'):
                brand('top')
            self._title = el('h1', text='Dashboard')
            self._crumb = el('span', 'sy-crumb sy-num', hidden=True)
            here = self._room.here
            with el('span', 'sy-cap sy-num not-first', title=here.name) as self._clock:
                el('span', data_clock='1')
                el('span', data_away=f' {city_of(here.name)}')
            self._zone = el('span', 'sy-cap', here.name, title=f'All times are shown in this time zone. {here.why}')
            self._lines = LinesToday(self._room)
            el('span', 'sy-tag only-first', 'First start')
            el('span', 'sy-grow')
            find = el('button', 'sy-cmdk', type_='button', data_key='palette')
            set_props(find, aria_label='Search or run a command (Ctrl K)')
            with find:
                icon('search')
                el('span', 'sy-grow', 'Search or run a command').style('text-align:left')
                el('span', 'sy-kbd', 'Ctrl K')
            opens(find, lambda: open_palette(self._room))
            with el('span', 'sy-live', data_connection='live'):
                el('i', 'sy-dot is-live')
                el('span', role='status', data_word='1', text='Live')
                el('span', 'sy-3 sy-num', data_lag='1', aria_hidden='true')
            RoomPill(self._room)
            Bell(self._room)
            theme = el('button', 'sy-btn is-ghost is-icon sy-theme', type_='button', data_key='theme')
            set_props(theme, aria_label='Light or dark theme', title='Light or dark')
            with theme:
                icon('sun')
            theme.on('click', js_handler='() => window.synapse.toggleTheme()')
            self._new_run = button('New run', icon_name='play', kind='primary', title='R').classes('sy-new')
            self._new_event = button('New event', icon_name='plus', kind='primary', title='N').classes('sy-new')
            opens(self._new_run, lambda: open_run_form(self._room))
            opens(self._new_event, lambda: open_event_dialog(self._room))

    def _moved(self, path: str) -> None:
        path = path.split('?')[0].split('#')[0].rstrip('/') or '/'
        for target, link in self._links:
            is_here = path == target or (target != '/' and path.startswith(f'{target}/'))
            set_props(link, aria_current='page' if is_here else None)
        place = place_at(path)
        run = self._run_at(path)
        is_calendar = path == '/scheduler'
        is_log = path == '/logs'
        set_props(self._clock, hidden=is_calendar or is_log or None)
        self._lines.set_visibility(is_log)
        set_props(self._zone, hidden=not is_calendar or None)
        set_props(self._new_run, hidden=is_calendar or None)
        set_props(self._new_event, hidden=not is_calendar or None)
        self._title.set_text(place)
        set_props(self._crumb, hidden=not run)
        self._crumb.set_text(run)
        ui.page_title(f'{run or place} · Synapse')

    def _run_at(self, path: str) -> str:
        """`#12` on the page of a run, else empty."""
        place, _, name = path.rpartition('/')
        if place != '/runs':
            return ''
        number = name if name.isdigit() else self._room.runs.number_of(name)
        return f'#{number}' if number is not None else ''

    # Phone

    def _build_tabs(self) -> None:
        with el('nav', 'sy-tabs', aria_label='Main'):
            for target, name, icon_name in TABS:
                self._link(target, name, icon_name, size=20)
            with el('button', 'bl-more', type_='button', aria_haspopup='menu'):
                icon('menu', size=20)
                el('span', text='More')
                with (
                    ui.menu().classes('sy-menubox').props('anchor="top right" self="bottom right"') as menu,
                    el('div', 'sy-menu big'),
                ):
                    for target, name, icon_name in PLACES[4:]:
                        with el('a', href=target).props('v-close-popup'):
                            icon(icon_name)
                            el('span', text=name)
                    el('span', 'sep')
                    with menu_item('Alerts', 'bell', size=16) as alerts:
                        unseen = el('span', 'sy-cap sy-num')
                    alerts.on('click', js_handler=BELL)
                    alerts.on('click', menu.close)
                    self._scope.follow(self._room.bus, AlertsChanged, lambda news: _show_unseen(unseen, news.unseen))
                    _show_unseen(unseen, self._room.alerts.unseen)
                    theme = menu_item('Light or dark', 'sun', size=16)
                    theme.on('click', js_handler='() => window.synapse.toggleTheme()')
                    opens(menu_item('Stop everything', 'stop', size=16, classes='is-red'), self._stop_everything)

    async def _stop_everything(self) -> None:
        with self._scope:
            await stop_everything(self._room)

    # Targets of shortcuts that have no visible button on every page

    def _build_hidden(self) -> None:
        def target(text: str, key: str) -> TextElement:
            return el('button', text=text, type_='button', tabindex='-1', data_key=key)

        with el('div', 'sy-vh', aria_hidden='true'):
            opens(target('Shortcuts', 'help'), self._help)
            opens(target('New run', 'new-run'), lambda: self._open(open_run_form))
            target('Alerts', 'bell').on('click', js_handler=BELL)
            opens(target('New event', 'new-event'), lambda: self._open(open_event_dialog))

    def _open(self, form: Callable[[ControlRoom], None]) -> None:
        with self._scope:
            form(self._room)

    def _help(self) -> None:
        with self._scope, ui.dialog() as dialog, el('section', 'sy-dialog', role='dialog', aria_label='Shortcuts'):
            el('h2', text='Shortcuts')
            with el('dl', 'sy-keys'):
                for keys, what in SHORTCUTS:
                    el('dt', 'sy-2', what)
                    with el('dd'):
                        el('span', 'sy-kbd', keys)
            with el('div', 'sy-dialog-buttons'):
                button('Close').on('click', dialog.close)
        dialog.on('hide', dialog.delete)
        dialog.open()


def _show_unseen(place: TextElement, count: int) -> None:
    place.set_text(f'{count} unseen' if count else '')


def brand(place: str) -> None:
    """The logo in the colours of the theme.

    :param place: names its gradient: two logos cannot share one, since a hidden gradient paints nothing
    """
    ink = f'url(#brand-{place})'
    with el('svg', width='22', height='22', viewBox='0 0 24 24', aria_hidden='true'):
        with el('defs'), el('linearGradient', id=f'brand-{place}', x1='0', y1='0', x2='1', y2='1'):
            el('stop', offset='0', stop_color='var(--cmd-purple)')
            el('stop', offset='1', stop_color='var(--cmd-blue)')
        path = 'M5 5.5c0 4 3.2 4.3 7 6.5s7 2.500 7 6.500M19 5.500c0 4-3.200 4.300-7 6.500s-7 2.500-7 6.500'
        pen = {'fill': 'none', 'stroke': ink, 'stroke_width': '2', 'stroke_linecap': 'round'}
        el('path', d=path, **pen)
        el('circle', cx='12', cy='12', r='3', **{**pen, 'fill': 'var(--cmd-bg)'})
        for x, y in ((5, 5), (19, 5), (5, 19), (19, 19)):
            el('circle', cx=str(x), cy=str(y), r='2', fill=ink)


def place_at(path: str) -> str:
    """Return the name of the page at an address without a query, or that there is none."""
    here = '/runs' if path.startswith('/runs/') and path.count('/') == 2 else path
    return next((name for target, name, _ in PLACES if here == target), 'Page not found')


class Pages(ui.sub_pages):
    """The pages inside the shell. An unknown address and a failing page show a message with a link."""

    def _render_404(self) -> None:
        self._show_message('There is no page at this address', 'It may have been moved, or its run was removed.')

    def _render_error(self, _: Exception) -> None:
        text = 'The log has the details. The rest of Synapse keeps running.'
        self._show_message('This page could not be shown', text)

    def _show_message(self, title: str, text: str) -> None:
        with el('div', 'sy-page'), el('section', 'glass-card em is-page'), empty(title, text, 'alert'):
            el('a', 'sy-btn is-sm', 'Go to the dashboard', href='/')
