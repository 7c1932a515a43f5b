"""The state of a run as a pill, and the buttons that its state allows."""

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.cards import set_props
from pages.parts.dialogs import ask, attempt
from pages.parts.html import Glyph, el, icon, look_of, opens
from pages.parts.words import title_of
from synapse.control_room import ControlRoom
from synapse.runs.records import RunRecord, RunState

from .run_words import state_word, what_stops

PAUSE_KEYS = 'Alt+P'
STOP_KEYS = 'Shift+Escape'
"""Hard to press by accident; `keys.js` listens for them."""
BECAUSE = 'the page'


class StatePill(TextElement):
    """The state of a run as glyph, colour and word."""

    def __init__(self) -> None:
        super().__init__(tag='span', text='')
        self.props['role'] = 'status'
        with self:
            self._glyph = Glyph('pending')
            self._word = el('span')

    def show(self, run: RunRecord, words: str = '') -> None:
        """Show the state of `run`, in these words if there are any."""
        look = 'paused' if run.is_pausing else look_of(run.state)
        self.classes(replace=f'sy-pill st-{look}')
        self._glyph.show(look)
        self._word.set_text(words or state_word(run))


def buttons_of(run: RunRecord) -> frozenset[str]:
    """Return which of `pause`, `resume`, `stop`, `force` and `leave` (the queue) a run in this state offers."""
    if run.state.is_final:
        return frozenset()
    if run.is_stopping:
        return frozenset({'force'})
    if run.state is RunState.QUEUED:
        return frozenset({'leave'})
    return frozenset({'resume' if run.state is RunState.PAUSED else 'pause', 'stop'})


class RunControls(ui.element):
    """Pause or resume, stop, force a stop, leave the queue; `show` brings them to the state of the run."""

    def __init__(self, room: ControlRoom, run: RunRecord | None = None) -> None:
        super().__init__('div')
        self.classes('sy-x sy-controls')
        self._room = room
        self._run = run
        with self:
            self._pause = _Button('Pause', 'pause', keys=PAUSE_KEYS, key='pause')
            self._buttons = {
                'pause': self._pause,
                'resume': _Button('Resume', 'play', kind='primary', keys=PAUSE_KEYS, key='pause'),
                'stop': _Button('Stop now', 'stop', kind='danger', keys=STOP_KEYS, key='stop'),
                'force': _Button('Force stop', 'stop', kind='danger'),
                'leave': _Button('Remove from the queue', 'x'),
            }
        # Its style shows it five seconds after the stop was requested: no timer runs for it here.
        self._buttons['force'].element.classes('is-late')
        opens(self._buttons['stop'].element, self._ask_to_stop)
        for name in ('pause', 'resume', 'force', 'leave'):
            self._buttons[name].element.on('click', lambda name=name: self._press(name))
        if run is not None:
            self.show(run)

    def show(self, run: RunRecord) -> None:
        self._run = run
        shown = buttons_of(run)
        for name, item in self._buttons.items():
            item.element.set_visibility(name in shown)
        self._pause.text.set_text('Pausing' if run.is_pausing else 'Pause')
        set_props(self._pause.element, aria_busy='true' if run.is_pausing else None)

    async def _press(self, name: str) -> None:
        if self._run is None:
            return
        runs, id = self._room.runs, self._run.id
        if name == 'resume' or (name == 'pause' and self._run.is_pausing):
            await attempt(runs.resume(id, because=BECAUSE))
        elif name == 'pause':
            await attempt(runs.pause(id, because=BECAUSE))
        else:
            await attempt(runs.cancel(id, now=name == 'force', because=BECAUSE))

    async def _ask_to_stop(self) -> None:
        if self._run is not None:
            await ask_to_stop(self._room, self._run)


class _Button:
    """A button whose text can change; hidden at first."""

    def __init__(self, text: str, icon_name: str, *, kind: str = '', keys: str = '', key: str = '') -> None:
        self.element = el('button', 'sy-btn' + (f' is-{kind}' if kind else ''), type_='button')
        self.element.set_visibility(False)
        set_props(
            self.element,
            title=keys.replace('Escape', 'Esc') or None,
            aria_keyshortcuts=keys or None,
            data_key=key or None,
        )
        with self.element:
            icon(icon_name)
            self.text = el('span', text=text)


async def ask_to_stop(room: ControlRoom, run: RunRecord) -> None:
    """Stop a run after asking, and after saying what ends and what is kept."""
    waiting = len(room.runs.waiting())
    option = f'Also pause the queue ({waiting} waiting)' if waiting and not room.runs.is_queue_paused else ''
    title = f'Stop {title_of(room, run)}?'
    answer = await ask(title, what_stops(room, run), yes='Stop now', no='Keep running', option=option)
    if not answer.is_yes:
        return
    if answer.is_option:
        await attempt(room.runs.pause_queue(BECAUSE))
    await attempt(room.runs.cancel(run.id, because=BECAUSE))
