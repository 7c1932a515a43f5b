"""Failures, bottom right until somebody closes them: three at most, the same ones as one with a count."""

from collections.abc import Callable

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from synapse.bus import RunChanged
from synapse.control_room import ControlRoom
from synapse.records import RunRecord, RunState

from .html import Glyph, button, el, icon
from .scope import Scope
from .words import step_title, title_of

MOST = 3


class Toasts(Scope):
    """Follows all runs of the room, for as long as the tab is open."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self.classes('sy-toasts').props.update({'role': 'region', 'aria-label': 'Notices', 'aria-live': 'polite'})
        self._room = room
        self._router = ui.context.client.sub_pages_router
        self._toasts: dict[str, _Toast] = {}
        self.follow(room.bus, RunChanged, self._on_run)

    def _on_run(self, message: RunChanged) -> None:
        has_failed = message.run.state in (RunState.FAILED, RunState.INTERRUPTED)
        if message.moved and has_failed and not self._is_looked_at(message.run):
            self._fail(message.run)

    def _is_looked_at(self, run: RunRecord) -> bool:
        """Whether its own page is open in this tab: that says it all, and larger."""
        path = self._router.current_path.split('?')[0]
        return path in (f'/runs/{run.number}', f'/runs/{run.id}')

    def _fail(self, run: RunRecord) -> None:
        step = run.failed_step
        at = f' at {step_title(self._room, run.pipeline, step.name)}' if step else ''
        reason = run.error.message if run.error else ''
        what = 'failed' if run.state is RunState.FAILED else 'was interrupted'
        title = f'{title_of(self._room, run)} {what}{at}'
        key = f'{run.pipeline}{what}{at}{reason}'
        known = self._toasts.get(key)
        if known is not None:
            known.again(title, run)
            return
        while len(self._toasts) >= MOST:
            self._close(next(iter(self._toasts)))
        hint = run.error.hint if run.error else ''
        self._toasts[key] = _Toast(title, f'{reason} {hint}'.strip(), run, lambda: self._close(key))

    def _close(self, key: str) -> None:
        toast = self._toasts.pop(key, None)
        if toast is not None:
            toast.delete()


class _Toast(TextElement):
    """One failure, or several that are the same."""

    def __init__(self, title: str, text: str, run: RunRecord, close: Callable[[], None]) -> None:
        super().__init__(tag='section', text='')
        self.classes('sy-toast st-failed')
        self._run = run
        self._count = 1
        with self:
            Glyph('failed', size=16)
            with el('div', 'sy-grow'):
                with el('div', 'sy-x'):
                    self._title = el('b', 'sy-ell', title)
                    self._times = el('span', 'sy-tag sy-num')
                    self._times.set_visibility(False)
                el('p', 'sy-cap', text[:400])
                button('Open run', small=True).on('click', lambda: self._open(close))
            shut = el('button', 'sy-btn is-ghost is-sm is-icon', type_='button', aria_label='Close')
            with shut:
                icon('x', size=14)
            shut.on('click', close)

    def _open(self, close: Callable[[], None]) -> None:
        ui.navigate.to(f'/runs/{self._run.number}')
        close()

    def again(self, title: str, run: RunRecord) -> None:
        """The same once more: the newest is the one that opens."""
        self._run = run
        self._count += 1
        self._title.set_text(title)
        self._times.set_text(f'{self._count} times')
        self._times.set_visibility(True)
