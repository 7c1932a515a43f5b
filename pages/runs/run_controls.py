"""What a person may ask of a run: the buttons that its state allows, and the question before it is stopped."""

from collections.abc import Sequence

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.cards import set_props
from pages.parts.dialogs import ask, attempt
from pages.parts.html import WORDS, Glyph, el, icon, look_of, opens
from pages.parts.words import step_title, title_of
from synapse.control_room import ControlRoom
from synapse.runs.records import RunRecord, RunState, StepState

PAUSE_KEYS = 'Alt+P'
STOP_KEYS = 'Shift+Escape'
"""Nobody presses these by accident; `keys.js` listens to them."""


class StatePill(TextElement):
    """The state of a run as glyph, colour and word."""

    def __init__(self) -> None:
        super().__init__(tag='span', text='')
        self.props['role'] = 'status'
        with self:
            self._glyph = Glyph('pending')
            self._word = el('span')

    def show(self, run: RunRecord) -> None:
        look = 'paused' if run.is_pausing else look_of(str(run.state))
        if f'st-{look}' not in self._classes:
            self.classes(replace=f'sy-pill st-{look}')
            self._glyph.show(look)
        self._word.set_text(word_of(run))


def word_of(run: RunRecord) -> str:
    """`Running`, `Pausing`, `Stopping` and so on."""
    if run.is_stopping and not run.state.is_final:
        return 'Stopping'
    return 'Pausing' if run.is_pausing else WORDS[str(run.state)]


class RunControls(ui.element):
    """Pause or resume, stop, and by force when a stop is ignored for five seconds; `show` keeps them true."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('div')
        self.classes('sy-x sy-controls')
        self._room = room
        self._run: RunRecord | None = None
        with self:
            self._pause = _Button('Pause', 'pause', keys=PAUSE_KEYS, key='pause')
            self._resume = _Button('Resume', 'play', kind='primary', keys=PAUSE_KEYS, key='pause')
            self._stop = _Button('Stop now', 'stop', kind='danger', keys=STOP_KEYS, key='stop')
            # Appears five seconds after the stop was asked for, by its style: no clock runs for it here.
            self._force = _Button('Force stop', 'stop', kind='danger')
            self._force.element.classes('is-late')
        self._pause.element.on('click', self._ask_pause)
        self._resume.element.on('click', self._ask_resume)
        opens(self._stop.element, self._ask_stop)
        self._force.element.on('click', self._ask_force)

    def show(self, run: RunRecord) -> None:
        self._run = run
        is_live = run.state.is_live and not run.is_stopping
        self._pause.show(
            is_shown=is_live and run.state is RunState.RUNNING, text='Pausing' if run.is_pausing else 'Pause'
        )
        set_props(self._pause.element, aria_busy='true' if run.is_pausing else None)
        self._resume.show(is_shown=is_live and run.state is RunState.PAUSED)
        self._stop.show(is_shown=run.is_cancellable and not run.is_stopping)
        self._force.show(is_shown=run.is_stopping and not run.state.is_final)

    async def _ask_pause(self) -> None:
        if self._run is not None:
            again = self._run.is_pausing
            runs = self._room.runs
            await attempt(runs.resume(self._run.id) if again else runs.pause(self._run.id, because='the page'))

    async def _ask_resume(self) -> None:
        if self._run is not None:
            await attempt(self._room.runs.resume(self._run.id))

    async def _ask_stop(self) -> None:
        if self._run is not None:
            await ask_to_stop(self._room, self._run)

    async def _ask_force(self) -> None:
        if self._run is not None:
            await attempt(self._room.runs.cancel(self._run.id, now=True, because='the page'))


class _Button:
    """A button whose word may change."""

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
            self._text = el('span', text=text)

    def show(self, *, is_shown: bool, text: str = '') -> None:
        self.element.set_visibility(is_shown)
        if text:
            self._text.set_text(text)


async def ask_to_stop(room: ControlRoom, run: RunRecord) -> None:
    """Stop a run after saying what ends and what stays; a waiting one just leaves the queue."""
    waiting = len(room.runs.waiting())
    option = f'Also pause the queue ({waiting} waiting)' if waiting and not room.runs.is_queue_paused else ''
    answer = await ask(
        f'Stop {title_of(room, run)}?',
        what_stops(room, run),
        yes='Stop now',
        no='Keep running',
        option=option,
    )
    if not answer.is_yes:
        return
    if answer.is_option:
        await attempt(room.runs.pause_queue('the page'))
    await attempt(room.runs.cancel(run.id, because='the page'))


def what_stops(room: ControlRoom, run: RunRecord) -> str:
    """`RENDER ends now, at 63 %. INGEST and CAPTION are kept, so you can retry from RENDER later.`"""
    if run.state is RunState.QUEUED:
        return 'It has not begun, and leaves the queue.'
    active = run.active_step
    if active is None:
        return 'It ends now, with every process it started.'
    name = step_title(room, run.pipeline, active.name)
    at = f', at {active.progress:.0f} %' if active.progress >= 1 else ''
    kept = [step_title(room, run.pipeline, s.name) for s in run.steps if s.state is StepState.SUCCEEDED]
    if not kept:
        return f'{name} ends now{at}, with every process it started.'
    are = 'are' if len(kept) > 1 else 'is'
    return f'{name} ends now{at}. {listed(kept)} {are} kept, so you can retry from {name} later.'


def listed(names: Sequence[str]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    return f'{", ".join(names[:-1])} and {names[-1]}' if len(names) > 1 else ''.join(names)
