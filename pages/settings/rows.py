"""Cards and rows of the Settings page."""

from nicegui.elements.mixins.text_element import TextElement

from pages.parts.html import copy_button, el
from synapse.language import _


def card(title: str, *, anchor: str = '') -> TextElement:
    """Return a card; a link to `/settings#ANCHOR` leads to it."""
    section = el('section', 'glass-card set-card', aria_label=title, **({'id': anchor} if anchor else {}))
    with section:
        el('h2', text=title)
    return section


def row(name: str, help_text: str, flag: str = '') -> TextElement:
    """A row; returns the place for its value."""
    return explained_row(name, help_text, flag)[1]


def explained_row(name: str, help_text: str, flag: str = '') -> tuple[TextElement, TextElement]:
    """A row whose help text changes; returns the element of the help, and the place for its value."""
    with el('div', 'set-row'):
        with el('div', 'what'):
            el('b', text=name)
            with el('span', 'sy-cap'):
                help_element = el('span', text=help_text)
                if flag:
                    before, _flags, after = _('Set at startup with {flags}.').partition('{flags}')
                    el('span', text=f' {before.rstrip()}')
                    for word in f'{flag}{after}'.split():
                        el('span', text=' ')
                        el('span', 'flag', word)
        return help_element, el('div', 'value')


def fact(name: str, value: str, help_text: str = '', flag: str = '', *, is_copied: bool = False) -> None:
    """A row with a fixed text, and a button to copy it if `is_copied`."""
    with row(name, help_text, flag):
        el('span', 'sy-mono' if is_copied else 'sy-num', value)
        if is_copied:
            copy_button(_('Copy'), value)
