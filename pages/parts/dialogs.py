"""Questions before something ends, and sentences when something could not be done."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from nicegui import context, ui

from synapse.errors import SynapseError

from .html import button, el

log = logging.getLogger(__name__)
T = TypeVar('T')


def say(
    message: str,
    *,
    kind: str = 'info',
    undo: Callable[[], Awaitable[Any]] | None = None,
    action: tuple[str, Callable[[], Any]] | None = None,
    **options: Any,
) -> None:
    """A short notice, bottom right; `kind` is `info`, `success`, `warning` or `error`.

    :param undo: takes back what the notice tells of; offered for ten seconds
    :param action: the words of a button, and what it does
    """
    look: dict[str, Any] = {'position': 'bottom-right', 'classes': f'sy-notice is-{kind}', 'progress': False}
    offer = ('Undo', lambda: attempt(undo())) if undo is not None else action
    if offer is not None:
        _Notice({'message': message, 'group': False, 'timeout': 10_000, **look, **options}, *offer)
    else:
        ui.notify(message, group=message, **look, **({'timeout': 5000} | options))


class _Notice(ui.element, component='notice.js'):
    """A notice with one button, such as Undo. Shown at once, gone by itself; stays when the page changes below it.

    :param options: of Quasar's Notify
    :param pressed: called at most once, may be async
    """

    def __init__(self, options: dict[str, Any], action: str, pressed: Callable[[], Any]) -> None:
        with context.client.layout:
            super().__init__()
        self._props['options'] = options
        self._props['action'] = action
        self.on('pressed', lambda: pressed())
        self.on('dismissed', self._dismissed)

    def _dismissed(self) -> None:
        if not self.is_deleted:
            self.delete()


async def attempt(work: Awaitable[T]) -> T | None:
    """The result, or None after telling the person what went wrong and what to do next."""
    try:
        return await work
    except SynapseError as error:
        say(f'{error.message} {error.hint}'.strip(), kind='error', timeout=0, close_button='Close')
    except Exception:
        log.exception('an action of a page failed')
        say('That did not work. The log has the details.', kind='error', timeout=0, close_button='Close')
    return None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said to a question, and to what was offered along with it."""

    is_yes: bool
    is_option: bool = False


def focus_first_field(dialog: ui.dialog, box: ui.element) -> None:
    """Let the keyboard begin in the form, not on the frame around it, as soon as the dialog is up."""
    # Who clicks beside all fields is still in the dialog, and so are the keys.
    box.props['tabindex'] = '-1'
    fields = '.form-scroll :is(input, select, textarea)'
    # Whoever is quicker than the dialog's fading in, and types already, keeps the place; so does a question over it.
    dialog.on(
        'show',
        js_handler=f'''() => {{
            const box = getHtmlElement({box.id}), top = [...document.querySelectorAll('.q-dialog')].at(-1);
            if (top?.contains(box) && !box.contains(document.activeElement)) box.querySelector("{fields}")?.focus();
        }}''',
    )


async def confirm(title: str, text: str, *, yes: str, no: str = 'Cancel', icon_name: str = 'stop') -> bool:
    """Ask before something that cannot be undone; the safe button has the focus."""
    return (await ask(title, text, yes=yes, no=no, icon_name=icon_name)).is_yes


async def ask(
    title: str, text: str, *, yes: str, no: str = 'Cancel', option: str = '', icon_name: str = 'stop'
) -> Answer:
    """As `confirm`, with one thing more that may be ticked."""
    with ui.dialog() as dialog, el('section', 'sy-dialog is-question', role='alertdialog', aria_modal='true') as box:
        box.props['aria-label'] = title
        el('h2', text=title)
        el('p', 'sy-2', text)
        tick = None
        if option:
            with el('label', 'sy-x sy-tick'):
                tick = el('input', type_='checkbox')
                el('span', text=option)
            # The answer carries the tick, so that it cannot arrive behind it.
        with el('div', 'sy-dialog-buttons'):
            safe = button(no)
            safe.props['autofocus'] = True
            safe.on('click', lambda: dialog.submit(None))
            sure = button(yes, kind='danger', icon_name=icon_name).classes('is-solid')
            ticked = f'getHtmlElement({tick.id}).checked' if tick is not None else 'false'
            sure.on(
                'click',
                lambda event: dialog.submit(Answer(True, event.args is True)),
                js_handler=f'() => emit({ticked})',
            )
    answer = await dialog
    if not dialog.is_deleted:  # whoever left the page with the question open took it along
        dialog.delete()
    return answer if isinstance(answer, Answer) else Answer(False)
