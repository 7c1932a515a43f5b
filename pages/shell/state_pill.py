"""The state of everything in one pill of the top bar; its menu lists live runs and pauses or stops all."""

from nicegui import ui

from pages.parts.cards import set_props
from pages.parts.dialogs import ask, attempt
from pages.parts.html import Glyph, el, look_of, menu_item, opens
from pages.parts.scope import Scope
from pages.parts.words import step_title, title_of
from synapse.control_room import ControlRoom
from synapse.runs.messages import QueueChanged, RunChanged
from synapse.runs.records import RunState
from synapse.sentences import count_of
from synapse.status import StatusChanged


class RoomPill(Scope):
    def __init__(self, room: ControlRoom) -> None:
        super().__init__('button')
        self.classes('sy-pill').props.update({'type': 'button', 'aria-haspopup': 'menu'})
        self._room = room
        self._is_open = False
        self._filled: object = None
        with self:
            self._glyph = Glyph('idle')
            with el('span', 'sy-x', role='status').style('gap:6px'):
                self._first = el('span')
                self._dot = el('span', 'sy-3', '·')
                self._second = el('span', 'sy-2')
            with ui.menu().classes('sy-menubox').props('anchor="bottom right" self="top right" no-focus') as self._menu:
                self._body = el('div', 'sy-menu')
        self._menu.on('before-show', self._opened)
        self._menu.on('hide', self._closed)
        self.follow(room.bus, StatusChanged, lambda _: self._show())
        self.follow(room.bus, QueueChanged, lambda _: self._show())
        self.follow(room.bus, RunChanged, lambda message: self._show() if message.moved else None)
        self._show()

    def _show(self) -> None:
        status = self._room.status
        live = self._room.runs.live()
        stopping = sum(run.is_stopping for run in live)
        held = sum(run.state is RunState.PAUSED for run in live)
        running = status.running - held
        if stopping:
            first, look = 'Stopping', 'paused'
        elif running > 0:
            first, look = f'{running} running', look_of(status.state)
        elif held:
            first, look = f'{held} paused', 'paused'
        elif status.queue_paused:
            first, look = 'Paused', 'paused'
        else:
            first, look = ('Last run failed', 'failed') if status.state == 'error' else ('Idle', 'idle')
        parts = [f'{held} paused'] if held and running > 0 and not stopping else []
        parts += [f'{status.waiting} waiting'] if status.waiting else []
        parts += ['queue paused'] if status.queue_paused and status.running else []
        second = ', '.join(parts)
        self._first.set_text(first)
        self._second.set_text(second)
        self._dot.set_visibility(bool(second))
        if f'st-{look}' not in self._classes:
            self.classes(replace=f'sy-pill st-{look}')
            self._glyph.show(look)
        set_props(self, aria_label=f'{first}{", " if second else ""}{second}. Open the menu')
        self._fill_if_open()

    # Menu

    def _opened(self) -> None:
        self._is_open = True
        self._filled = None
        self._fill_if_open()

    def _closed(self) -> None:
        self._is_open = False

    def _fill_if_open(self) -> None:
        """Redraw only if something changed: a person may be about to press one of the rows."""
        runs = self._room.runs
        lines = [(run.id, run.state, step.name if (step := run.active_step) else '') for run in runs.live()]
        facts = (lines, runs.is_queue_paused, self._room.status.notice)
        if self._is_open and facts != self._filled:
            self._filled = facts
            self._fill()

    def _fill(self) -> None:
        room, runs = self._room, self._room.runs
        self._body.clear()
        with self._body:
            if room.status.notice:
                el('p', 'sy-error note', room.status.notice)
            el('span', 'cap', 'Live runs' if runs.live() else 'Nothing is running')
            for run in runs.live()[:8]:
                with el('a', f'st-{look_of(str(run.state))}', href=f'/runs/{run.number}').props('v-close-popup'):
                    Glyph(str(run.state))
                    el('span', 'sy-ell sy-grow', f'#{run.number} {title_of(room, run)}')
                    step = run.active_step
                    el('span', 'sy-cap', step_title(room, run.pipeline, step.name) if step else '')
            el('span', 'sep')
            is_paused = runs.is_queue_paused
            toggle = menu_item('Resume queue' if is_paused else 'Pause queue', 'play' if is_paused else 'pause')
            toggle.on('click', self._toggle)
            opens(menu_item('Stop everything', 'stop', classes='is-red'), self._stop)

    async def _toggle(self) -> None:
        runs = self._room.runs
        self._menu.close()
        await attempt(runs.resume_queue() if runs.is_queue_paused else runs.pause_queue('the menu'))

    async def _stop(self) -> None:
        self._menu.close()
        with self.client.content:
            await stop_everything(self._room)


async def stop_everything(room: ControlRoom) -> None:
    """Ask, then stop all live runs and pause the queue."""
    running, waiting = room.status.running, room.status.waiting
    if running:
        ends, whose = ('The live run ends', 'it') if running == 1 else (f'All {running} live runs end', 'they')
        now = f'{ends} now, with every process {whose} started.'
    else:
        now = 'Nothing is running.'
    stays = 'stays' if waiting == 1 else 'stay'
    kept = f' {count_of(waiting, "waiting run")} {stays} in the queue.' if waiting else ''
    text = f'{now}{kept} Nothing new starts until you resume the queue.'
    answer = await ask('Stop everything?', text, yes='Stop everything', no='Keep running')
    if answer.is_yes:
        await attempt(room.runs.stop_everything('the page'))
