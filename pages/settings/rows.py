"""The furniture of the Settings page: a card, and rows that say what, with a word of help, and what it is."""

from nicegui.elements.mixins.text_element import TextElement

from pages.parts.html import copy_button, el


def card(title: str) -> TextElement:
    """A section with its title."""
    section = el('section', 'glass-card set-card', aria_label=title)
    with section:
        el('h2', text=title)
    return section


def row(name: str, help_text: str, flag: str = '') -> TextElement:
    """A row; gives the place for its value."""
    return explained_row(name, help_text, flag)[1]


def explained_row(name: str, help_text: str, flag: str = '') -> tuple[TextElement, TextElement]:
    """A row whose help may become another: the help, and the place for its value."""
    with el('div', 'set-row'):
        with el('div', 'what'):
            el('b', text=name)
            with el('span', 'sy-cap'):
                told = el('span', text=help_text)
                if flag:
                    el('span', 'flag', f' Set at the start by {flag}.')
        return told, el('div', 'value')


def fact(name: str, value: str, help_text: str = '', flag: str = '', *, is_copied: bool = False) -> None:
    """A row with a text that stays, to copy if it is one to take elsewhere."""
    with row(name, help_text, flag):
        el('span', 'sy-mono' if is_copied else 'sy-num', value)
        if is_copied:
            copy_button('Copy', value)
