"""Questions before something ends, and sentences when something could not be done."""

import logging
from collections.abc import Awaitable
from typing import Any, TypeVar

from nicegui import ui

from synapse.errors import SynapseError

from .html import button, el

log = logging.getLogger(__name__)
T = TypeVar('T')


def say(message: str, *, kind: str = 'info', **options: Any) -> None:
    """A short notice, bottom right."""
    color = {'info': 'info', 'success': 'positive', 'warning': 'warning', 'error': 'negative'}[kind]
    ui.notify(message, type=color, position='bottom-right', **({'timeout': 5000} | options))


async def attempt(work: Awaitable[T]) -> T | None:
    """The result, or None after telling the person what went wrong and what to do next."""
    try:
        return await work
    except SynapseError as error:
        say(f'{error.message} {error.hint}'.strip(), kind='error', timeout=10_000, close_button='Close')
    except Exception:
        log.exception('an action of a page failed')
        say('That did not work. The log has the details.', kind='error', timeout=10_000, close_button='Close')
    return None


async def confirm(title: str, text: str, *, yes: str, no: str = 'Cancel') -> bool:
    """Ask before something that cannot be undone; the safe button has the focus."""
    with ui.dialog() as dialog, el('section', 'sy-dialog', role='alertdialog', aria_modal='true', aria_label=title):
        el('h2', text=title)
        el('p', 'sy-2', text)
        with el('div', 'sy-dialog-buttons'):
            safe = button(no)
            safe.props['autofocus'] = True
            safe.on('click', lambda: dialog.submit(None))
            button(yes, kind='danger', icon_name='stop').classes('is-solid').on('click', lambda: dialog.submit('yes'))
    answer = await dialog
    dialog.delete()
    return answer == 'yes'
