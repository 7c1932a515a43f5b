"""Notices, questions before something is lost, and messages when an action fails."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from nicegui import context, ui
from nicegui.elements.mixins.text_element import TextElement

from synapse.errors import SynapseError
from synapse.language import _

from .html import button, el
from .scope import Scope

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
    """Show a short notice at the bottom right; `kind` is `info`, `success`, `warning` or `error`.

    :param undo: reverts what the notice reports; offered for ten seconds
    :param action: the text of a button, and what it does
    """
    look: dict[str, Any] = {'position': 'bottom-right', 'classes': f'sy-notice is-{kind}', 'progress': False}
    offer = (_('Undo'), lambda: attempt(undo())) if undo is not None else action
    if offer is not None:
        _Notice({'message': message, 'group': False, 'timeout': 10_000, **look, **options}, *offer)
    else:
        ui.notify(message, group=message, **look, **({'timeout': 5000} | options))


class _Notice(ui.element, component='notice.js'):
    """A notice with one button, such as Undo. It closes by itself and outlives a change of page.

    :param options: options of Quasar's Notify
    :param pressed: called at most once; may be async
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
    """Return the result of `work`, or None after showing what went wrong and what to do next."""
    try:
        return await work
    except SynapseError as error:
        say(f'{error.message} {error.hint}'.strip(), kind='error', timeout=0, close_button=_('Close'))
    except Exception:
        log.exception('an action of a page failed')
        say(_('That did not work. The log has the details.'), kind='error', timeout=0, close_button=_('Close'))
    return None


class Dialog(ui.dialog):
    """A dialog around a box with a role and a name of its own: the frame that Quasar draws has to have neither.

    It belongs to the nearest `Scope` and not to the row whose button opens it: that may be drawn anew meanwhile, by a
    change in another tab, and what was typed here would be lost with it.
    """

    def __init__(self) -> None:
        opener = context.slot.parent
        with next((element for element in (opener, *opener.ancestors()) if isinstance(element, Scope)), opener):
            super().__init__()
        self.props('role=presentation :aria-modal=undefined')


FOCUS_WRONG = """
    const box = getHtmlElement(%d)?.closest('[role=dialog], main') ?? document;
    const fields = [...box.querySelectorAll('.is-wrong :is(input, select, textarea)')];
    const wrong = fields.filter((field) => field.offsetParent);
    (wrong.find((field) => !['radio', 'checkbox', 'file'].includes(field.type)) ?? wrong[0])?.focus();
"""
"""What is wrong was usually typed, so the choice above a wrong box is passed over."""


def focus_wrong(element: ui.element) -> None:
    """Bring the keyboard to the first field that is marked as wrong in the dialog or page around this element.

    The button that was pressed cannot have kept it: it is disabled while the values are checked.
    """
    element.client.run_javascript(FOCUS_WRONG % element.id)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question, and whether its option was ticked."""

    is_yes: bool
    is_option: bool = False


def focus_first_field(dialog: ui.dialog, box: ui.element) -> None:
    """Focus the first field of the form, not the frame around it, as soon as the dialog is shown."""
    # A click between the fields keeps the focus, and so the keys, in the dialog.
    box.props['tabindex'] = '-1'
    # The focus stays where it is if the person is typing before the dialog has faded in, or a question covers it.
    dialog.on(
        'show',
        js_handler=f"""() => {{
            const box = getHtmlElement({box.id}), top = [...document.querySelectorAll('.q-dialog')].at(-1);
            if (top?.contains(box) && !box.contains(document.activeElement)) window.synapse.enter(box);
        }}""",
    )


def leave_button(dialog: ui.dialog, words: str = '', **attributes: Any) -> TextElement:
    """Return the button, by default "Cancel", that leaves a dialog as Escape does: asking before typed text is lost."""
    # The browser does it, see `layers.js`, also while the server is away.
    return button(words or _('Cancel'), data_leave='1', **attributes).on('click', dialog.close)


def save_on_enter(box: ui.element, save: Callable[[], Any]) -> None:
    """Save the form in a box when Enter is pressed in one of its fields; `dialogs.js` takes Ctrl and Enter."""
    box.on(
        'keydown.enter',
        save,
        js_handler="""(e) => {
            const isField = e.target.matches('input:not([type=checkbox], [type=radio], [type=file])');
            if (e.repeat || e.isComposing || !isField || e.ctrlKey || e.metaKey) return;
            e.preventDefault();
            emit();
        }""",
    )


async def confirm(
    title: str, text: str, *, yes: str, no: str = '', icon_name: str = 'stop', is_danger: bool = True
) -> bool:
    """Ask before something that cannot be undone; the safe button, by default "Cancel", has the focus.

    :param is_danger: whether something may be lost, and not only a choice has to be sure
    """
    return (await ask(title, text, yes=yes, no=no, icon_name=icon_name, is_danger=is_danger)).is_yes


async def ask(
    title: str,
    text: str,
    *,
    yes: str,
    no: str = '',
    option: str = '',
    icon_name: str = 'stop',
    is_danger: bool = True,
) -> Answer:
    """Ask like `confirm`, with an `option` that can be ticked."""
    with Dialog() as dialog, el('section', 'sy-dialog is-question', role='alertdialog', aria_modal='true') as box:
        box.props['aria-label'] = title
        el('h2', text=title)
        el('p', 'sy-2', text)
        tick = None
        if option:
            with el('label', 'sy-x sy-tick'):
                tick = el('input', type_='checkbox')
                el('span', text=option)
        with el('div', 'sy-dialog-buttons'):
            leave_button(dialog, no, autofocus=True)
            sure = button(yes, kind='danger' if is_danger else 'primary', icon_name=icon_name)
            if is_danger:
                sure.classes('is-solid')
            # Read in the browser with the click: an event of its own could arrive after the answer.
            ticked = f'getHtmlElement({tick.id}).checked' if tick is not None else 'false'
            sure.on(
                'click',
                lambda event: dialog.submit(Answer(True, event.args is True)),
                js_handler=f'() => emit({ticked})',
            )
    answer = await answer_to(dialog)
    return answer if isinstance(answer, Answer) else Answer(False)


async def answer_to(dialog: ui.dialog) -> Any:
    """Wait for what a dialog submits, then remove it; None if it was closed."""
    answer = await dialog
    if not dialog.is_deleted:  # it is, if the person left the page while it was open
        dialog.delete()
    return answer
