"""The state of everything in one pill of the top bar; its menu lists live runs and pauses or stops all."""

from datetime import datetime

from pages.parts.cards import set_props
from pages.parts.dialogs import ask, attempt
from pages.parts.html import Glyph, el, look_of, menu_item, opens
from pages.parts.popup import Popup
from pages.parts.scope import Scope
from pages.parts.words import moment_of, step_title, title_of
from pages.runs.pause_dialog import ask_to_pause_queue
from pages.runs.run_words import pause_words, state_word
from synapse.control_room import ControlRoom
from synapse.language import _, _n, capital
from synapse.runs import causes
from synapse.runs.messages import QueueChanged, RunChanged
from synapse.runs.records import RunRecord, RunState
from synapse.status import StatusChanged

BY = causes.MENU
BECAUSE = causes.PAGE
MOST_LIVE = 8
MOST_WAITING = 4


class RoomPill(Scope):
    def __init__(self, room: ControlRoom) -> None:
        super().__init__('button')
        self.classes('sy-pill').props.update({'type': 'button', 'aria-haspopup': 'menu'})
        self._room = room
        self._is_open = False
        self._filled: object = None
        with self:
            self._glyph = Glyph('idle')
            with el('span', 'sy-x').style('gap:6px'):
                self._first = el('span')
                self._dot = el('span', 'sy-3', '·')
                self._second = el('span', 'sy-2')
            with Popup(_('Live runs'), role='region').classes('sy-menubox') as self._menu:
                self._body = el('div', 'sy-menu', role='menu', aria_label=_('Live runs'))
            self._menu.props('anchor="bottom right" self="top right" no-focus')
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
        asking = sum(run.question is not None for run in live)
        running, held = status.running, status.held
        if status.fault:
            first, look = _('Cannot save'), 'failed'
        elif stopping:
            first, look = _('Stopping'), 'paused'
        elif running > 0:
            first, look = _('{count} running', count=running), look_of(status.state)
        elif held:
            first, look = _('{count} paused', count=held), 'paused'
        elif asking:
            first, look = _n('{count} question', '{count} questions', asking), 'paused'
        elif status.queue_paused:
            first, look = capital(_queue_words(self._room)), 'paused'
        else:
            first, look = (_('Last run failed'), 'failed') if status.state == 'error' else (_('Idle'), 'idle')
        parts = [_('{count} paused', count=held)] if held and running > 0 and not stopping else []
        parts += (
            [_n('{count} question', '{count} questions', asking)]
            if asking and (running > 0 or held or stopping)
            else []
        )
        parts += [_('{count} waiting', count=status.waiting)] if status.waiting else []
        if status.queue_paused and (running > 0 or held or asking or stopping):
            parts += [_queue_words(self._room)]
        because = causes.cause_words((status.queue_pause or {}).get('because') or '')
        second = ', '.join(parts) + (f'{": " if parts else ""}{because}' if because else '')
        self._first.set_text(first)
        self._second.set_text(second)
        self._dot.set_visibility(bool(second))
        if f'st-{look}' not in self._classes:
            self.classes(replace=f'sy-pill st-{look}')
            self._glyph.show(look)
        set_props(
            self,
            aria_label=_('{state}. Open the menu', state=', '.join(filter(None, (first, second)))),
            title=self._pause_line() or None,
            data_phone=_('Queue off') if status.queue_paused else None,
        )
        self._fill_if_open()

    # Menu

    def _opened(self) -> None:
        self._is_open = True
        self._fill_if_open()

    def _closed(self) -> None:
        self._is_open = False

    def _fill_if_open(self) -> None:
        """Redraw only if something changed: a person may be about to press one of the rows."""
        runs = self._room.runs
        lines = [(run.id, self._words_of(run)) for run in runs.live()]
        lines += [(run.id, '') for run in runs.waiting()[:MOST_WAITING]]
        facts = (
            lines,
            len(runs.waiting()),
            self._pause_line(),
            runs.is_queue_paused,
            self._room.status.notice,
            self._room.status.fault,
        )
        if self._is_open and facts != self._filled:
            self._filled = facts
            self._fill()

    def _fill(self) -> None:
        room, runs = self._room, self._room.runs
        self._body.clear()
        with self._body:
            for text in filter(None, (room.status.fault, room.status.notice)):
                el('p', 'sy-error note', text)
            if pause := self._pause_line():
                el('p', 'sy-cap note', pause)
            el('span', 'cap', _('Live runs') if runs.live() else _('Nothing is running'))
            for run in runs.live()[:MOST_LIVE]:
                self._add_run(run, self._words_of(run))
            if waiting := runs.waiting():
                more = len(waiting) - MOST_WAITING
                words = _('Waiting, {count} more in the queue', count=more) if more > 0 else _('Waiting')
                el('span', 'cap', words)
                for run in waiting[:MOST_WAITING]:
                    self._add_run(run, '')
            el('span', 'sep')
            is_paused = runs.is_queue_paused
            toggle = menu_item(_('Resume queue') if is_paused else _('Pause queue'), 'play' if is_paused else 'pause')
            toggle.on('click', self._toggle)
            opens(menu_item(_('Pause for a time, or drain'), 'clockback'), self._pause)
            opens(menu_item(_('Stop everything'), 'stop', classes='is-red'), self._stop)

    def _add_run(self, run: RunRecord, words: str) -> None:
        with el('a', f'st-{look_of(str(run.state))}', href=f'/runs/{run.number}', role='menuitem'):
            Glyph(str(run.state))
            el('span', 'sy-ell sy-grow', f'#{run.number} {title_of(self._room, run)}')
            el('span', 'sy-cap', words)

    def _words_of(self, run: RunRecord) -> str:
        """Return `RENDER`, its step, or after it what holds the run: `asks`, `paused` and so on."""
        step = run.active_step
        name = step_title(self._room, run.pipeline, step.name) if step else ''
        if run.state is not RunState.PAUSED:
            return name
        waits = state_word(run).lower()
        if run.is_waiting and not (run.is_pausing or run.is_stopping):
            waits = _('asks') if run.question is not None else _('waits for a worker')
        return f'{name} {waits}'.strip()

    async def _toggle(self) -> None:
        runs = self._room.runs
        self._menu.close()
        await attempt(runs.resume_queue(by=BY) if runs.is_queue_paused else runs.pause_queue(by=BY))

    async def _pause(self) -> None:
        self._menu.close()
        with self.client.content:
            await ask_to_pause_queue(self._room, BY)

    def _pause_line(self) -> str:
        pause = self._room.runs.queue_pause
        if pause is None:
            return ''
        return f'{capital(_queue_words(self._room, until=False))} {pause_words(self._room, pause)}'

    async def _stop(self) -> None:
        self._menu.close()
        with self.client.content:
            await stop_everything(self._room)


def _queue_words(room: ControlRoom, *, until: bool = True) -> str:
    """Return `queue paused until 08:00`, `draining` or `drained`, in small letters."""
    pause = room.status.queue_pause or {}
    state = _('queue paused')
    if pause.get('drain'):
        state = _('drained') if pause['drained'] else _('draining')
    end = pause.get('until') if until else None
    if not end:
        return state
    return _('{state} until {time}', state=state, time=moment_of(room, datetime.fromisoformat(end)))


async def stop_everything(room: ControlRoom) -> None:
    """Ask, then stop all live runs and pause the queue."""
    asking = sum(run.is_waiting and not run.is_held for run in room.runs.live())
    running, waiting = room.status.running + room.status.held + asking, room.status.waiting
    if running:
        now = _n(
            'The live run ends now, with every process it started.',
            'All {count} live runs end now, with every process they started.',
            running,
        )
    else:
        now = _('Nothing is running.')
    kept = _n('{count} waiting run stays in the queue.', '{count} waiting runs stay in the queue.', waiting)
    then = _('Nothing new starts until you resume the queue.')
    text = ' '.join([now, kept, then] if waiting else [now, then])
    answer = await ask(_('Stop everything?'), text, yes=_('Stop everything'), no=_('Keep running'))
    if answer.is_yes:
        await attempt(room.runs.stop_everything(BECAUSE))
