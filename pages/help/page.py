"""The guide inside the program: its pages beside their list."""

from nicegui import ui

from pages.parts.html import base_of, el, for_readers
from pages.parts.scope import Scope
from synapse.language import _, language

from .guide import FIRST, contents, on_page, page_text


def help_page(name: str = FIRST) -> None:
    """Draw one page of the guide, by the name of its file."""
    with Scope().classes('sy-page'), el('div', 'guide'):
        with el('nav', 'glass-card guide-list', aria_label=_('Guide')):
            for target, title in contents():
                here = 'page' if target == name else None
                for_readers(el('a', '', title, href=f'/help/{target}', aria_current=here))
        with el('article', 'glass-card guide-text'):
            text = page_text(name, language())
            if text is None:
                el('h2', text=_('There is no page at this address'))
            else:
                # Our own files; the browser cleans them all the same.
                ui.markdown(on_page(text, base_of(ui.context.client)), extras=['fenced-code-blocks', 'tables'])
