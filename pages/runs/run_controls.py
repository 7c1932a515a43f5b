"""The state of a run as a pill, and the buttons that its state allows."""

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.cards import set_props
from pages.parts.dialogs import ask, attempt
from pages.parts.html import Glyph, el, icon, look_of, opens
from pages.parts.words import title_of
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.runs import causes
from synapse.runs.records import RunRecord, RunState

from .pause_dialog import ask_to_pause
from .run_words import state_word, what_stops

PAUSE_KEYS = 'Alt+P'
STOP_KEYS = 'Shift+Escape'
"""Hard to press by accident; `keys.js` listens for them."""
BECAUSE = causes.PAGE


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
    """Return which of the buttons of `RunControls` a run in this state offers.

    `later` pauses it for a time, or with a reason; `release` lets it go on once it is answered.
    """
    if run.state.is_final:
        return frozenset()
    if run.is_stopping:
        return frozenset({'force'})
    if run.state is RunState.QUEUED:
        return frozenset({'leave'})
    if run.is_held_asking:
        return frozenset({'release', 'stop'})
    if run.is_resumable:
        return frozenset({'resume' if run.is_held else 'pause', 'stop'})
    return frozenset({'pause', 'later', 'stop'} if run.is_pause_offered else {'stop'})


class RunControls(ui.element):
    """Pause or resume, stop, force a stop, leave the queue; `show` brings them to the state of the run."""

    def __init__(self, room: ControlRoom, run: RunRecord | None = None) -> None:
        super().__init__('div')
        self.classes('sy-x sy-controls')
        self._room = room
        self._run = run
        with self:
            self._pause = _Button(_('Pause'), 'pause', keys=PAUSE_KEYS, key='pause')
            self._buttons = {
                'pause': self._pause,
                'later': _Button('', 'clockback', label=_('For a time, with a reason')),
                'resume': _Button(_('Resume'), 'play', kind='primary', keys=PAUSE_KEYS, key='pause'),
                'release': _Button(
                    _("Don't hold"),
                    'play',
                    keys=PAUSE_KEYS,
                    key='pause',
                    label=_("Don't hold: it goes on once it is answered"),
                ),
                'stop': _Button(_('Stop now'), 'stop', kind='danger', keys=STOP_KEYS, key='stop'),
                'force': _Button(_('Force stop'), 'stop', kind='danger'),
                'leave': _Button(_('Remove from the queue'), 'x'),
            }
        # Its style shows it five seconds after the stop was requested: no timer runs for it here.
        self._buttons['force'].element.classes('is-late')
        opens(self._buttons['stop'].element, self._ask_to_stop)
        opens(self._buttons['later'].element, self._ask_to_pause)
        for name in ('pause', 'resume', 'release', 'force', 'leave'):
            self._buttons[name].element.on('click', lambda name=name: self._press(name))
        if run is not None:
            self.show(run)

    def show(self, run: RunRecord) -> None:
        self._run = run
        shown = buttons_of(run)
        for name, item in self._buttons.items():
            item.element.set_visibility(name in shown)
        self._pause.text.set_text(_('Pausing') if run.is_pausing else _('Pause'))
        set_props(self._pause.element, aria_busy='true' if run.is_pausing else None)

    async def _press(self, name: str) -> None:
        if self._run is None:
            return
        runs, id = self._room.runs, self._run.id
        if name in ('resume', 'release') or (name == 'pause' and self._run.is_pausing):
            await attempt(runs.resume(id, because=BECAUSE))
        elif name == 'pause':
            await attempt(runs.pause(id, by=BECAUSE))
        else:
            await attempt(runs.cancel(id, now=name == 'force', because=BECAUSE))

    async def _ask_to_pause(self) -> None:
        if self._run is not None:
            await ask_to_pause(self._room, self._run, BECAUSE)

    async def _ask_to_stop(self) -> None:
        if self._run is not None:
            await ask_to_stop(self._room, self._run)


class _Button:
    """A button whose text can change; hidden at first."""

    def __init__(
        self, text: str, icon_name: str, *, kind: str = '', keys: str = '', key: str = '', label: str = ''
    ) -> None:
        look = (f' is-{kind}' if kind else '') + ('' if text else ' is-icon')
        self.element = el('button', f'sy-btn{look}', type_='button', aria_label=label or None)
        self.element.set_visibility(False)
        set_props(
            self.element,
            title=label or keys.replace('Escape', 'Esc') or None,
            aria_keyshortcuts=keys or None,
            data_key=key or None,
        )
        with self.element:
            icon(icon_name)
            self.text = el('span', text=text)


async def ask_to_stop(room: ControlRoom, run: RunRecord) -> None:
    """Stop a run after asking, and after saying what ends and what is kept."""
    waiting = len(room.runs.waiting())
    option = ''
    if waiting and not room.runs.is_queue_paused:
        option = _('Also pause the queue ({count} waiting)', count=waiting)
    title = _('Stop {what}?', what=title_of(room, run))
    answer = await ask(title, what_stops(room, run), yes=_('Stop now'), no=_('Keep running'), option=option)
    if not answer.is_yes:
        return
    if answer.is_option:
        await attempt(room.runs.pause_queue(by=BECAUSE))
    await attempt(room.runs.cancel(run.id, because=BECAUSE))
