"""The one page that stays: rail, top bar, connection, state, toasts; the surfaces change inside it."""

from typing import Any

from nicegui import core, ui

from synapse.bus import RunChanged, StatusChanged
from synapse.control_room import ControlRoom
from synapse.records import RunRecord, RunState

from .dashboard import dashboard_page
from .logs import logs_page
from .parts.dialogs import attempt, confirm
from .parts.html import Glyph, button, el, icon
from .parts.palette import open_palette
from .parts.run_form import open_run_form
from .parts.scope import Scope
from .parts.words import title_of
from .pipelines import pipelines_page
from .profiles import profiles_page
from .run import run_page
from .runs import runs_page
from .scheduler import scheduler_page
from .settings import settings_page

PLACES = (
    ('/', 'Dashboard', 'dashboard'),
    ('/runs', 'Runs', 'runs'),
    ('/logs', 'Logs', 'logs'),
    ('/scheduler', 'Scheduler', 'calendar'),
    ('/pipelines', 'Pipelines', 'pipelines'),
    ('/profiles', 'Profiles', 'profiles'),
    ('/settings', 'Settings', 'settings'),
)
TABS = (
    ('/', 'Home', 'dashboard'),
    ('/runs', 'Runs', 'runs'),
    ('/logs', 'Logs', 'logs'),
    ('/scheduler', 'Plan', 'calendar'),
    ('/settings', 'More', 'menu'),
)
SHORTCUTS = (
    ('G then 1 to 7', 'Go to a page'),
    ('Ctrl K', 'Search or run a command'),
    ('R', 'New run'),
    ('Space', 'Pause or resume the shown run'),
    ('Shift Esc', 'Stop the shown run (asks)'),
    ('[', 'Fold the menu'),
    ('?', 'This list'),
    ('Esc', 'Close'),
)


def register(room: ControlRoom) -> None:
    """Answer every page address with the shell."""

    @core.sio.on('synapse_ping')  # type: ignore[untyped-decorator]
    def _pong(sid: str, *_: Any) -> bool:
        return True  # the browser measures how long this took

    def shell() -> None:
        Shell(room)

    # Deep links and reloads meet the same shell; the router inside shows the right page.
    ui.page('/')(shell)
    ui.page('/{_:path}')(lambda _: shell())


class Shell:
    """One tab."""

    def __init__(self, room: ControlRoom) -> None:
        self.room = room
        self.links: list[tuple[str, ui.link]] = []
        with Scope().classes('sy-app') as self.scope:
            el('a', 'sy-btn sy-skip', 'Skip to content', href='#content')
            self._rail()
            self._top()
            with el('main', 'sy-main', id='content'):
                ui.sub_pages(self._routes(), show_404=True)
            with el('nav', 'sy-tabs', aria_label='Tabs'):
                for target, name, icon_name in TABS:
                    self._link(target, name, icon_name)
        self.scope.follow(room.bus, RunChanged, self._toast)
        router = ui.context.client.sub_pages_router
        router.on_path_changed(self._moved)
        self._moved(router.current_path)

    def _routes(self) -> dict[str, Any]:
        room = self.room
        return {
            '/': lambda: dashboard_page(room),
            '/runs': lambda state='', pipeline='', profile='': runs_page(room, state, pipeline, profile),
            '/runs/{id}': lambda id: run_page(room, id),
            '/logs': lambda levels='', q='', source='', run='', line='': logs_page(
                room, levels=levels, q=q, source=source, run=run, line=line
            ),
            '/scheduler': lambda: scheduler_page(room),
            '/pipelines': lambda: pipelines_page(room),
            '/profiles': lambda: profiles_page(room),
            '/settings': lambda: settings_page(room),
        }

    # Rail

    def _rail(self) -> None:
        status = self.room.status
        with el('nav', 'sy-rail', aria_label='Main'):
            with el('div', 'sy-brand'):
                el('img', src='/static/synapse/favicon.svg', width='22', height='22', alt='')
                el('span', text='Synapse')
            with el('div', 'sy-nav'):
                for number, (target, name, icon_name) in enumerate(PLACES, start=1):
                    link = self._link(target, name, icon_name)
                    link.props['title'] = f'{name} (G then {number})'
                    with link:
                        self._fact(target)
            with el('div', 'sy-railfoot'):
                with el('div', 'fact'):
                    with el('div', 'sy-x').style('justify-content:space-between;margin-bottom:6px'):
                        el('span', text='Workers')
                        busy = el('span', 'sy-num sy-2')
                        total = len(status.workers) or self.room.settings.workers
                        busy.bind_text_from(status, 'busy_workers', lambda count: f'{count} of {total} busy')
                    with el('div', 'sy-meter'):
                        self._bar = el('i').style('--mc:var(--cmd-blue)')
                with el('div', 'sy-x').style('justify-content:space-between'):
                    el('span', 'fact', self.room.settings.authority)
                    fold = button('', icon_name='collapse', kind='ghost', small=True, aria_label='Fold the menu ([)')
                    fold.props['data-key'] = 'collapse'
                    fold.on('click', js_handler='() => window.synapse.collapse()')
        self.scope.follow(self.room.bus, StatusChanged, lambda _: self._show_meter())
        self._show_meter()

    def _show_meter(self) -> None:
        status = self.room.status
        share = 100 * status.busy_workers / max(1, len(status.workers) or self.room.settings.workers)
        self._bar.style(f'width:{share:.0f}%')

    def _link(self, target: str, name: str, icon_name: str) -> ui.link:
        with ui.link('', target) as link:
            icon(icon_name)
            el('span', text=name)
        self.links.append((target, link))
        return link

    def _fact(self, target: str) -> None:
        if target == '/runs':
            live = el('span', 'sy-count st-running sy-st')
            live.bind_text_from(self.room.status, 'running', lambda count: f'{count} live' if count else '')
        elif target == '/logs':
            errors = el('span', 'sy-count st-failed sy-st')
            errors.bind_text_from(
                self.room.log.counters,
                'unseen_errors',
                lambda count: f'{count} error{"" if count == 1 else "s"}' if count else '',
            )

    def _moved(self, path: str) -> None:
        path = path.split('?')[0]
        for target, link in self.links:
            is_here = path == target or (target != '/' and path.startswith(f'{target}/'))
            if is_here:
                link.props['aria-current'] = 'page'
            else:
                link.props.pop('aria-current', None)
            link.update()
        name = next((name for target, name, _ in PLACES if target != '/' and path.startswith(target)), 'Dashboard')
        self._title.set_text(name)
        ui.page_title(f'{name} · Synapse')

    # Top bar

    def _top(self) -> None:
        with el('header', 'sy-top', role='banner'):
            self._title = el('h1', text='Dashboard')
            el('span', 'sy-cap sy-num', data_clock='1')
            el('span', 'sy-grow')
            with el('button', 'sy-cmdk hide-phone', type_='button', aria_label='Search or run a command (Ctrl K)') as find:
                icon('search')
                el('span', 'sy-grow', 'Search or run a command').style('text-align:left')
                el('span', 'sy-kbd', 'Ctrl K')
            find.props['data-key'] = 'palette'
            find.on('click', lambda: open_palette(self.room))
            with el('span', 'sy-live', role='status', data_connection='live'):
                el('i', 'sy-dot is-live')
                el('span', data_word='1', text='Live')
                el('span', 'sy-3 sy-num', data_lag='1')
            self._pill()
            theme = button('', icon_name='sun', kind='ghost', aria_label='Light or dark')
            theme.on('click', js_handler='() => window.synapse.toggleTheme()')
            new_run = button('New run', icon_name='play', kind='primary', title='R')
            new_run.props['data-key'] = 'new-run'
            new_run.on('click', lambda: open_run_form(self.room))
            help_button = el('button', 'sy-vh', 'Shortcuts', type_='button', data_key='help', tabindex='-1')
            help_button.on('click', lambda: self._help())

    def _pill(self) -> None:
        with el('button', 'sy-pill', type_='button', aria_haspopup='menu', role='status') as self._state:
            self._glyph = Glyph('idle')
            self._words = el('span')
        self._state.on('click', lambda: self._menu())
        self.scope.follow(self.room.bus, StatusChanged, lambda _: self._show_state())
        self._show_state()

    def _show_state(self) -> None:
        status = self.room.status
        parts = []
        if status.running:
            parts.append(f'{status.running} running')
        if status.queue_paused:
            parts.append('Paused')
        if status.waiting:
            parts.append(f'{status.waiting} waiting')
        words = ' · '.join(parts) or ('Last run failed' if status.state == 'error' else 'Idle')
        look = {'busy': 'running', 'error': 'failed'}.get(status.state, status.state)
        if self._words.text == words and f'st-{look}' in self._state.classes:
            return
        self._words.set_text(words)
        self._glyph.show(status.state)
        self._state.classes(replace=f'sy-pill st-{look}')
        self._state.props['aria-label'] = f'{words}. Open menu'
        self._state.update()

    def _menu(self) -> None:
        runs, status = self.room.runs, self.room.status
        with ui.dialog() as dialog, el('section', 'sy-dialog', aria_label='What is going on'):
            el('h2', text='What is going on')
            if status.notice:
                el('p', 'sy-error', status.notice)
            with el('div', 'sy-menu'):
                for run in runs.live():
                    with ui.link('', f'/runs/{run.number}').on('click', dialog.close):
                        Glyph(run.state)
                        el('span', 'sy-ell sy-grow', f'#{run.number} {title_of(self.room, run)}')
                if not runs.live():
                    el('span', 'cap', 'Nothing is running.')

            async def toggle() -> None:
                dialog.close()
                await attempt(runs.resume_queue() if status.queue_paused else runs.pause_queue('the menu'))

            async def stop() -> None:
                dialog.close()
                text = f'{status.running} running, with every process they started. The queue is paused after that.'
                if await confirm('Stop everything?', text, yes='Stop everything', no='Keep running'):
                    await attempt(runs.stop_everything('the menu'))

            with el('div', 'sy-dialog-buttons'):
                button('Resume queue' if status.queue_paused else 'Pause queue').on('click', toggle)
                button('Stop everything', kind='danger', icon_name='stop').on('click', stop)
        dialog.on('hide', dialog.delete)
        dialog.open()

    def _help(self) -> None:
        with ui.dialog() as dialog, el('section', 'sy-dialog', aria_label='Shortcuts'):
            el('h2', text='Shortcuts')
            for keys, what in SHORTCUTS:
                with el('div', 'sy-x'):
                    el('span', 'sy-grow sy-2', what)
                    el('span', 'sy-kbd', keys)
            with el('div', 'sy-dialog-buttons'):
                button('Close').on('click', dialog.close)
        dialog.on('hide', dialog.delete)
        dialog.open()

    # Toasts

    def _toast(self, message: RunChanged) -> None:
        run = message.run
        if not message.moved or run.state not in (RunState.FAILED, RunState.INTERRUPTED):
            return
        toast_failure(self.room, run)


def toast_failure(room: ControlRoom, run: RunRecord) -> None:
    """Say that a run failed, why, and where to look; stays until closed."""
    reason = run.error.message if run.error else ''
    ui.notify(
        f'{title_of(room, run)} failed. {reason}'[:300],
        type='negative',
        position='bottom-right',
        timeout=0,
        group=f'failed-{run.pipeline}',
        progress=False,
        actions=[
            {'label': 'Open run', 'color': 'white', ':handler': f'() => window.synapse.go("/runs/{run.number}")'},
            {'label': 'Close', 'color': 'white'},
        ],
    )

