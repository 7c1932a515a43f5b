"""Failures and what was missed, bottom right until somebody closes them: three at most, the same ones with a count."""

from collections.abc import Callable

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from synapse.bus import OccurrencesChanged, RunChanged
from synapse.control_room import ControlRoom
from synapse.events import Occurrence, OccurrenceState
from synapse.records import RunRecord, RunState

from .html import Glyph, button, el, icon
from .scope import Scope
from .words import step_title, title_of

MOST = 3


class Toasts(Scope):
    """Follows all runs and occurrences of the room, for as long as the tab is open."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self.classes('sy-toasts').props.update({'role': 'region', 'aria-label': 'Notices', 'aria-live': 'polite'})
        self._room = room
        self._router = ui.context.client.sub_pages_router
        self._toasts: dict[str, _Toast] = {}
        self.follow(room.bus, RunChanged, self._on_run)
        self.follow(room.bus, OccurrencesChanged, self._on_occurrences)

    def _on_run(self, message: RunChanged) -> None:
        run = message.run
        has_failed = run.state in (RunState.FAILED, RunState.INTERRUPTED)
        if message.moved and has_failed and self._path not in (f'/runs/{run.number}', f'/runs/{run.id}'):
            self._fail(run)

    def _on_occurrences(self, message: OccurrencesChanged) -> None:
        missed = {
            item.event_id: item for item in message.occurrences if item.state is OccurrenceState.MISSED and item.is_open
        }
        # The dashboard and the calendar have the card that says it all, and larger.
        if self._path in ('', '/', '/scheduler'):
            return
        if len(missed) > MOST:
            text = 'Say on the calendar what is to be done.'
            self._say('missed', f'{len(missed)} events were missed', text, 'missed', 'Open calendar', '/scheduler')
        else:
            for item in missed.values():
                self._miss(item)

    @property
    def _path(self) -> str:
        """The page that is open in this tab: what it says itself, no notice has to."""
        return self._router.current_path.split('?')[0]

    def _fail(self, run: RunRecord) -> None:
        step = run.failed_step
        at = f' at {step_title(self._room, run.pipeline, step.name)}' if step else ''
        reason = run.error.message if run.error else ''
        hint = run.error.hint if run.error else ''
        what = 'failed' if run.state is RunState.FAILED else 'was interrupted'
        title = f'{title_of(self._room, run)} {what}{at}'
        key = f'{run.pipeline}{what}{at}{reason}'
        self._say(key, title, f'{reason} {hint}'.strip(), 'failed', 'Open run', f'/runs/{run.number}')

    def _miss(self, item: Occurrence) -> None:
        title = f'{item.title} was missed'
        self._say(f'{item.event_id} missed', title, item.reason, 'missed', 'Open calendar', '/scheduler')

    def _say(self, key: str, title: str, text: str, state: str, verb: str, target: str) -> None:
        known = self._toasts.get(key)
        if known is not None:
            known.again(title, target)
            return
        while len(self._toasts) >= MOST:
            self._close(next(iter(self._toasts)))
        self._toasts[key] = _Toast(title, text, state, verb, target, lambda: self._close(key))

    def _close(self, key: str) -> None:
        toast = self._toasts.pop(key, None)
        if toast is not None:
            toast.delete()


class _Toast(TextElement):
    """One notice, or several that are the same.

    :param target: the address behind its button, which `verb` says
    """

    def __init__(self, title: str, text: str, state: str, verb: str, target: str, close: Callable[[], None]) -> None:
        super().__init__(tag='section', text='')
        self.classes(f'sy-toast st-{state}')
        self._target = target
        self._count = 1
        with self:
            Glyph(state, size=16)
            with el('div', 'sy-grow'):
                with el('div', 'sy-x'):
                    self._title = el('b', 'sy-ell', title)
                    self._times = el('span', 'sy-tag sy-num')
                    self._times.set_visibility(False)
                el('p', 'sy-cap', text[:400])
                button(verb, small=True).on('click', lambda: self._open(close))
            shut = el('button', 'sy-btn is-ghost is-sm is-icon', type_='button', aria_label='Close')
            with shut:
                icon('x', size=14)
            shut.on('click', close)

    def _open(self, close: Callable[[], None]) -> None:
        ui.navigate.to(self._target)
        close()

    def again(self, title: str, target: str) -> None:
        """The same once more: the newest is the one that opens."""
        self._target = target
        self._count += 1
        self._title.set_text(title)
        self._times.set_text(f'{self._count} times')
        self._times.set_visibility(True)
