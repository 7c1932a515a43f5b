"""A button that puts a text on the clipboard."""

import json

from nicegui import ui

from .html import button


def copy_button(words: str, text: str) -> ui.element:
    """Puts text on the clipboard, in the browser."""
    press = button(words, icon_name='copy', kind='ghost', small=True)
    # The label says that it worked: a notice would hide what is being copied from.
    press.on(
        'click',
        js_handler=f'(e) => {{ navigator.clipboard?.writeText({json.dumps(text)}); '
        "const s = e.currentTarget.lastElementChild; const w = s.textContent; s.textContent = 'Copied'; "
        'setTimeout(() => { s.textContent = w }, 1200) }',
    )
    return press
