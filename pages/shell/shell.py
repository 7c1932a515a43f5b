"""The frame around all pages: rail, top bar and notices. The pages change inside it, over one connection."""

import contextlib
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import background_tasks, core, ui
from nicegui.elements.mixins.text_element import TextElement

from pages.dashboard.page import dashboard_page
from pages.logs.lines_today import LinesToday
from pages.parts.browser_language import in_its_language
from pages.parts.cards import empty, set_props, tick
from pages.parts.html import SIGN_OUT, address_of, base_of, button, el, for_readers, icon, menu_item, opens
from pages.parts.popup import menu
from pages.parts.readers import may_only_look
from pages.parts.scope import Scope
from pages.parts.shortcuts import hint_of
from pages.parts.words import busy_words, usable_workers
from pages.runs.run_form import open_run_form
from pages.scheduler.event.dialog import open_event_dialog
from synapse.alerts.alerts import AlertsChanged
from synapse.control_room import ControlRoom
from synapse.errors import SynapseError
from synapse.language import N_, _, _n, translated
from synapse.language.formats import moment
from synapse.records import now_utc
from synapse.recurrence.zones import city_of
from synapse.status import StatusChanged

from .bell import Bell
from .dead_pages import UnopenedPages
from .drop import DropAnywhere
from .help import open_help
from .installable import make_installable, serve_manifest
from .other_language import follow_language
from .palette import open_palette
from .places import PLACES
from .run_news import RunNews
from .state_pill import RoomPill, stop_everything
from .toasts import Toasts

TABS = (
    ('/', N_('Home'), 'dashboard'),
    ('/runs', N_('Runs'), 'runs'),
    ('/logs', N_('Logs'), 'logs'),
    # Translators: the calendar, in the tabs of a phone
    ('/scheduler', N_('Plan'), 'calendar'),
)
OPEN = N_('Others in this network can read along and take over. Settings, Access says what helps.')
NOT_FOR_READERS = ('/profiles', '/settings')
BELL = "() => window.dispatchEvent(new CustomEvent('synapse-bell'))"


def register(room: ControlRoom, head: Callable[[str], str]) -> None:
    """Serve the shell at every page address, with this in its head."""

    @core.sio.on('synapse_ping')  # type: ignore[untyped-decorator]
    def _pong(_: str, *__: Any) -> float:
        # The browser measures the round trip, and how far its clock is from ours.
        return time.time() * 1000

    unopened = UnopenedPages()
    serve_manifest()

    def shell() -> None:
        in_its_language(ui.context.client)
        ui.add_head_html(make_installable(ui.context.client) + head(base_of(ui.context.client)))
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
        self._only_looks = may_only_look(ui.context.client)
        if self._only_looks:
            ui.query('body').classes('is-reader')
        # NiceGUI makes the whole page a `main`, but that is only what is beside menu and top bar.
        ui.context.client.content.parent_slot.parent.tag = 'div'  # type: ignore[union-attr]
        with Scope().classes('sy-app') as self._scope:
            el('a', 'sy-btn sy-skip', _('Skip to content'), href='#content')
            self._build_rail()
            self._build_top()
            with el('main', 'sy-main', id='content', tabindex='-1'):
                self._build_fault()
                Pages(self._routes())
            self._build_tabs()
            Toasts(room)
            RunNews(room)
            follow_language(self._scope, room)
            if not self._only_looks:
                DropAnywhere(room)
                self._build_hidden()
        router = ui.context.client.sub_pages_router
        router.on_path_changed(self._moved)
        self._moved(router.current_path)

    def _routes(self) -> dict[str, Callable[..., Any]]:
        room = self._room

        def other() -> ModuleType:
            from . import other_pages  # half as large as all that the dashboard needs

            return other_pages

        routes: dict[str, Callable[..., Any]] = {
            '/': lambda: dashboard_page(room),
            '/runs': lambda state='', pipeline='', profile='', event='', t='', q='': other().runs_page(
                room, other().RunsAsked(state=state, pipeline=pipeline, profile=profile, event=event, t=t, q=q)
            ),
            '/runs/{id}': lambda id, step='': other().run_page(room, id, step),
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
            '/help': lambda: other().help_page(),
            '/help/{name}': lambda name: other().help_page(name),
            '/pipelines/{name}': lambda name: other().pipeline_page(room, name),
        }
        if not self._only_looks:
            routes['/profiles'] = lambda: other().profiles_page(room)
            routes['/settings'] = lambda: other().settings_page(room)
        return routes

    def _build_fault(self) -> None:
        """Say on every page if nothing can be saved."""
        status = self._room.status
        with el('p', 'hint sy-fault', role='alert') as line:
            icon('alert', size=14)
            words = el('span', 'sy-grow')

        def show() -> None:
            words.set_text(status.fault)
            set_props(line, hidden=not status.fault)

        self._scope.watch(status, ('fault',), show)
        show()

    # Rail

    def _build_rail(self) -> None:
        status = self._room.status
        # A scope of its own: what changes with every run must not redraw the page next to it.
        with Scope('nav').classes('sy-rail') as rail:
            set_props(rail, aria_label=_('Main'))
            with el('div', 'sy-brand'):
                brand('rail')
                el('span', text='Synapse')
            with el('div', 'sy-nav'):
                for number, (target, name, icon_name) in enumerate(PLACES, start=1):
                    if self._only_looks and target in NOT_FOR_READERS:
                        continue
                    with self._link(target, name, icon_name, key=f'g {number}') as link:
                        self._build_fact(target)
                    set_props(link, title=_('{page} (G then {number})', page=translated(name), number=number))
            with el('div', 'sy-railfoot'):
                with el('div', 'fact'):
                    with el('div', 'sy-x between').style('margin-bottom:6px'):
                        el('span', text=_('Workers'))
                        busy = el('span', 'sy-num sy-2')
                        self._keep(busy, status, ('busy_workers', 'workers'), lambda: busy_words(status))
                    with el(
                        'div', 'sy-meter', role='meter', aria_label=_('Busy workers'), aria_valuemin='0'
                    ) as self._meter:
                        self._bar = el('i').style('--mc:var(--cmd-blue)')
                with el('div', 'sy-x between'):
                    el('span', 'fact', self._room.settings.authority)
                    with el('a', 'sy-btn is-ghost is-sm is-icon', href='/help') as guide:
                        icon('info')
                    set_props(guide, aria_label=_('Guide'), title=_('Guide'))
                    fold = el('button', 'sy-btn is-ghost is-sm is-icon sy-fold', type_='button', data_key='collapse')
                    set_props(fold, aria_label=_('Collapse menu ([)'), title=_('Collapse menu ([)'))
                    with fold:
                        icon('collapse')
                    fold.on('click', js_handler='() => window.synapse.collapse()')
        self._scope.follow(self._room.bus, StatusChanged, lambda _: self._show_meter())
        self._show_meter()

    def _show_meter(self) -> None:
        status = self._room.status
        usable = usable_workers(status)
        self._bar.style(f'width:{100 * status.busy_workers / max(1, usable):.0f}%')
        set_props(self._meter, aria_valuenow=str(status.busy_workers), aria_valuemax=str(usable))

    def _link(self, target: str, name: str, icon_name: str, *, key: str = '', size: int = 16) -> TextElement:
        with el('a', href=target, data_key=key or None) as link:
            icon(icon_name, size=size)
            el('span', text=translated(name))
        self._links.append((target, link))
        return link

    def _build_fact(self, target: str) -> None:
        """A quiet fact about a page, readable without opening it."""
        room = self._room
        if target == '/runs':
            fact = el('span', 'sy-count st-running sy-st')
            status = room.status

            def live() -> str:
                if status.running:
                    return _('{count} live', count=status.running)
                return _('{count} paused', count=status.held) if status.held else ''

            self._keep(fact, status, ('running', 'held'), live)
        elif target == '/logs':
            fact = el('span', 'sy-count st-failed sy-st')
            counters = room.log.counters

            def errors() -> str:
                count = counters.unseen_errors
                return _n('{count} error', '{count} errors', count) if count else ''

            self._keep(fact, counters, ('unseen_errors',), errors)
        elif target == '/scheduler':
            self._next = el('span', 'sy-count sy-num', data_format='day')
            self._scope.watch(room.status, ('next',), self._show_next)
            self._show_next()

    def _keep(self, place: TextElement, source: Any, names: tuple[str, ...], words: Callable[[], str]) -> None:
        """Keep a text as these bindable fields are, in the language of this tab: a plain binding would not know it."""

        def show() -> None:
            place.set_text(words())

        self._scope.watch(source, names, show)
        show()

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
            data_near=moment('Hm', local),
            data_far=moment('EEE' if is_near else 'MMMd', local),
            title=_(
                'Next: {event}, {day}, {time}',
                event=following['title'],
                day=moment('MMMEd', local),
                time=moment('Hm', local),
            ),
        )
        tick(self._next, until=due)

    # Top bar

    def _build_top(self) -> None:
        with el('header', 'sy-top', role='banner'):
            with el('span', 'is-phone-only'):
                brand('top')
            self._title = el('h1', text=_('Dashboard'))
            self._crumb = el('span', 'sy-crumb sy-num', hidden=True)
            here = self._room.here
            with el('span', 'sy-cap sy-num not-first', title=here.name) as self._clock:
                el('span', data_clock='1')
                el('span', data_away=f' {city_of(here.name)}')
            self._zone = el(
                'span', 'sy-cap', here.name, title=' '.join([_('All times are shown in this time zone.'), here.why])
            )
            self._lines = LinesToday(self._room)
            el('span', 'sy-tag only-first', _('First start'))
            address = address_of(ui.context.client)
            if address is not None and not address.is_private:
                el('a', 'sy-tag is-open', _('Not encrypted'), title=translated(OPEN), href='/settings')
            if self._only_looks:
                el('span', 'sy-tag', _('Only looking'), title=_('This browser was signed in only to look.'))
                for_readers(button(_('Sign out'), kind='ghost', small=True)).on('click', js_handler=SIGN_OUT)
            el('span', 'sy-grow')
            find = el('button', 'sy-cmdk', type_='button', data_key='palette')
            words, keys = _('Search or run a command'), _('Ctrl K')
            set_props(find, aria_label=f'{words} {keys}')
            with find:
                icon('search')
                el('span', 'sy-grow', f'{words} ').style('text-align:left')
                el('span', 'sy-kbd', keys)
            opens(find, lambda: open_palette(self._room))
            with el('span', 'sy-live', data_connection='live'):
                el('i', 'sy-dot is-live')
                el('span', data_word='1', text=_('Live'))
                el('span', 'sy-vh', role='status', data_said='1')
                el('span', 'sy-3 sy-num', data_lag='1', aria_hidden='true')
            RoomPill(self._room)
            Bell(self._room)
            theme = el('button', 'sy-btn is-ghost is-icon sy-theme', type_='button', data_key='theme')
            set_props(theme, aria_label=_('Light or dark theme'), title=_('Light or dark'))
            with theme:
                icon('sun')
            theme.on('click', js_handler='() => window.synapse.toggleTheme()')
            run_key, event_key = hint_of('new-run'), hint_of('new-event')
            self._new_run = button(_('New run'), icon_name='play', kind='primary', title=run_key).classes('sy-new')
            self._new_event = button(_('New event'), icon_name='plus', kind='primary', title=event_key).classes(
                'sy-new'
            )
            opens(self._new_run, lambda: open_run_form(self._room))
            opens(self._new_event, lambda: open_event_dialog(self._room))

    def _moved(self, path: str) -> None:
        path = self._path = path.split('?')[0].split('#')[0].rstrip('/') or '/'
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
        if number is None:
            background_tasks.create(self._look_up(name), name='number of a run')
        return f'#{number}' if number is not None else ''

    async def _look_up(self, id: str) -> None:
        """Show the number of a run that only the disk knows, if its page is still open then."""
        path = self._path
        with contextlib.suppress(SynapseError):
            run = await self._room.runs.find(id)
            if self._path == path and not self._crumb.is_deleted:
                set_props(self._crumb, hidden=None)
                self._crumb.set_text(f'#{run.number}')

    # Phone

    def _build_tabs(self) -> None:
        with el('nav', 'sy-tabs', aria_label=_('Main')):
            for target, name, icon_name in TABS:
                self._link(target, name, icon_name, size=20)
            with for_readers(el('button', 'bl-more', type_='button', aria_haspopup='menu')):
                icon('menu', size=20)
                el('span', text=_('More'))
                if not self._only_looks:
                    self._build_count()
                with menu(_('More'), looks='big') as popup:
                    popup.props('anchor="top right" self="bottom right"')
                    for target, name, icon_name in PLACES[4:]:
                        if self._only_looks and target in NOT_FOR_READERS:
                            continue
                        with el('a', href=target, role='menuitem'):
                            icon(icon_name)
                            el('span', text=translated(name))
                    with el('a', href='/help'):
                        icon('info')
                        el('span', text=_('Guide'))
                    el('span', 'sep')
                    theme = for_readers(menu_item(_('Light or dark'), 'sun', size=16))
                    theme.on('click', js_handler='() => window.synapse.toggleTheme()')
                    if not self._only_looks:
                        self._build_acts(popup)

    def _build_count(self) -> None:
        count = el('span', 'bl-count sy-num', role='img', hidden=True)

        def show(unseen: int) -> None:
            count.set_text(str(unseen) if unseen < 100 else '99+')
            words = _n('{count} unseen alert', '{count} unseen alerts', unseen)
            set_props(count, hidden=not unseen, aria_label=words)

        self._scope.follow(self._room.bus, AlertsChanged, lambda news: show(news.unseen))
        show(self._room.alerts.unseen)

    def _build_acts(self, popup: ui.menu) -> None:
        with menu_item(_('Alerts'), 'bell', size=16) as alerts:
            unseen = el('span', 'sy-cap sy-num')
        alerts.on('click', js_handler=BELL)
        alerts.on('click', popup.close)
        self._scope.follow(self._room.bus, AlertsChanged, lambda news: _show_unseen(unseen, news.unseen))
        _show_unseen(unseen, self._room.alerts.unseen)
        opens(menu_item(_('Stop everything'), 'stop', size=16, classes='is-red'), self._stop_everything)

    async def _stop_everything(self) -> None:
        with self._scope:
            await stop_everything(self._room)

    # Targets of shortcuts that have no visible button on every page

    def _build_hidden(self) -> None:
        def target(text: str, key: str) -> TextElement:
            return el('button', text=text, type_='button', tabindex='-1', data_key=key)

        with el('div', 'sy-vh', aria_hidden='true'):
            opens(target(_('Shortcuts'), 'help'), self._help)
            opens(target(_('New run'), 'new-run'), lambda: self._open(open_run_form))
            target(_('Alerts'), 'bell').on('click', js_handler=BELL)
            opens(target(_('New event'), 'new-event'), lambda: self._open(open_event_dialog))

    def _open(self, form: Callable[[ControlRoom], None]) -> None:
        with self._scope:
            form(self._room)

    def _help(self) -> None:
        with self._scope:
            open_help()


def _show_unseen(place: TextElement, count: int) -> None:
    place.set_text(_('{count} unseen', count=count) if count else '')


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
    parent = path.rpartition('/')[0]
    here = parent if parent in ('/runs', '/pipelines') else path
    if path.split('/')[1] == 'help':
        return _('Guide')
    return next((translated(name) for target, name, __ in PLACES if here == target), _('Page not found'))


class Pages(ui.sub_pages):
    """The pages inside the shell. An unknown address and a failing page show a message with a link."""

    def _render_404(self) -> None:
        self._show_message(_('There is no page at this address'), _('It may have been moved, or its run was removed.'))

    def _render_error(self, error: Exception) -> None:
        text = _('The log has the details. The rest of Synapse keeps running.')
        self._show_message(_('This page could not be shown'), text)

    def _show_message(self, title: str, text: str) -> None:
        with el('div', 'sy-page'), el('section', 'glass-card em is-page'), empty(title, text, 'alert'):
            el('a', 'sy-btn is-sm', _('Go to the dashboard'), href='/')
