"""HTML elements by tag, for use with the classes of the design; text is never read as HTML."""

import inspect
import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from nicegui import Client, ui
from nicegui.elements.mixins.text_element import TextElement

from synapse.addresses import Address
from synapse.language import N_, Words, _

E = TypeVar('E', bound=ui.element)
_CODE = re.compile(r'`{1,2}([^`\n]+)`{1,2}')
SIGN_OUT = """() => fetch(synapse.at('/logout'), {method: 'POST'}).then(() => location.assign(synapse.at('/login')))"""
SPRITE = '/static/synapse/icons.svg'
_ADDRESSES = frozenset({'href', 'src', 'poster'})


def el(tag: str, classes: str = '', text: str = '', **attributes: Any) -> TextElement:
    """Return one element; for the names of attributes see `attribute`."""
    element = TextElement(tag=tag, text=text)
    # Past NiceGUI's observers: it is new, so there is nothing to tell, and they took a third of the time.
    list.extend(element.classes, dict.fromkeys(classes.split()))
    dict.update(element.props, {attribute(name): value for name, value in attributes.items()})
    for name in _ADDRESSES & attributes.keys():
        dict.update(element.props, {name: placed(element, name, attributes[name])})
    return element


def placed(element: ui.element, name: str, value: Any) -> Any:
    """The value of an attribute; an address of ours below the path at which this browser found us.

    `window.synapse.at` does the same for what scripts make.
    """
    is_ours = name in _ADDRESSES and isinstance(value, str) and value.startswith('/')
    return base_of(element.client) + value if is_ours else value


def base_of(client: Client) -> str:
    """The path below which this browser found us, empty for the root."""
    address = address_of(client)
    return address.base if address is not None else ''


def address_of(client: Client) -> Address | None:
    """The address at which this browser found us; None in tests without the gate."""
    address: Address | None = client.request.scope.get('synapse.address')
    return address


def prose(tag: str, classes: str, text: str, **attributes: Any) -> TextElement:
    """Return an element of text in which what stands between backticks, as in docstrings, is code."""
    parts = _CODE.split(text)
    if len(parts) == 1:
        return el(tag, classes, text, **attributes)
    with el(tag, classes, **attributes) as element:
        for place, part in enumerate(parts):
            if part:
                el('code' if place % 2 else 'span', text=part)
    return element


def without_backticks(text: str) -> str:
    """Return the text of `prose` for where it cannot be more than text."""
    return _CODE.sub(r'\1', text)


def attribute(name: str) -> str:
    """Return `aria-label` for `aria_label` and `type` for `type_`."""
    return name.rstrip('_').replace('_', '-')


def icon(name: str, *, size: int = 16, classes: str = '') -> TextElement:
    """Return an icon of the sprite, such as `play`; it is decorative, so screen readers skip it."""
    with el('svg', f'sy-ico {classes}', viewBox='0 0 24 24', aria_hidden='true') as svg:
        el('use', href=f'{SPRITE}#i-{name}')
    dict.update(svg.style, width=f'{size}px', height=f'{size}px')  # as in `el`
    return svg


def opens(element: E, work: Callable[[], Any], *, what: str = 'dialog') -> E:
    """Call `work` when `element` is pressed; from the press on, keys belong to what opens, see `keys.js`.

    :param work: opens the dialog or menu; may be async
    :param what: `dialog`; empty if it varies, as for a row that may also lead to another page
    """

    async def press() -> None:
        try:
            result = work()
            if inspect.iscoroutine(result):
                await result
        finally:
            settled(element)

    element.props['data-opens'] = 'told'
    if what:
        element.props['aria-haspopup'] = what
    return element.on('click', press)


def for_readers(element: E) -> E:
    """Let those who may only look use an element and what is in it: it shows more, and changes nothing."""
    element.props['data-reads'] = 'told'
    return element


def settled(opener: ui.element) -> None:
    """Tell the browser that everything this press opens has been sent; if nothing opened, keys go back to the page."""
    opener.client.run_javascript(f"window.synapse?.settled('{opener.html_id}')")


# Translators: states of a run, a step or an entry of the calendar
WORDS = Words(
    {
        'idle': N_('Idle'),
        'planned': N_('Planned'),
        'off': N_('Switched off'),
        'broken': N_('Cannot run'),
        'pending': N_('Waiting'),
        'queued': N_('Waiting'),
        'running': N_('Running'),
        'paused': N_('Paused'),
        'succeeded': N_('Succeeded'),
        'failed': N_('Failed'),
        'cancelled': N_('Stopped'),
        'skipped': N_('Skipped'),
        'interrupted': N_('Interrupted'),
        'busy': N_('Running'),
        'error': N_('Failed'),
        'missed': N_('Missed'),
    }
)
LOOKS = {
    'planned': 'scheduled',
    'off': 'idle',
    'broken': 'failed',
    'pending': 'scheduled',
    'skipped': 'cancelled',
    'interrupted': 'failed',
    'busy': 'running',
    'error': 'failed',
}


# Translators: kinds of lines of a log and of alerts, for screen readers
_KINDS = Words({'info': N_('info'), 'success': N_('success'), 'warning': N_('warning'), 'debug': N_('debug')})


def word_of(name: str) -> str:
    """Return what a state, or the kind of a line of the log, is called."""
    return WORDS.get(name) or _KINDS.get(name, name)


def look_of(state: str) -> str:
    """Return the name of a state in the design, for the class `st-NAME`."""
    return LOOKS.get(state, state)


class Glyph(TextElement):
    """The shape that stands for a state, with a label for screen readers; `show` changes it in place."""

    def __init__(self, state: str, *, size: int = 14, is_level: bool = False) -> None:
        super().__init__(tag='svg', text='')
        self.classes('sy-g' if is_level else 'sy-g sy-stg').style(f'width:{size}px;height:{size}px')
        self.props['viewBox'] = '0 0 16 16'
        self.props['role'] = 'img'
        self._shown = ''
        with self:
            self._use = el('use')
        self.show(state)

    def show(self, state: str) -> None:
        if state == self._shown:
            return
        self._shown = state
        self.props['aria-label'] = word_of(state)
        self._use.props['href'] = placed(self, 'href', f'{SPRITE}#g-{look_of(state)}')


def button(text: str, *, icon_name: str = '', kind: str = '', small: bool = False, **attributes: Any) -> TextElement:
    """Return a button of the design; `kind` is `primary`, `danger`, `ghost` or empty."""
    classes = 'sy-btn' + (f' is-{kind}' if kind else '') + (' is-sm' if small else '') + ('' if text else ' is-icon')
    with el('button', classes, type_='button', **attributes) as element:
        if icon_name:
            icon(icon_name, size=14)
        if text:
            el('span', text=text)
    return element


def menu_item(text: str, icon_name: str, *, size: int = 15, classes: str = '') -> TextElement:
    """Return a line of a menu."""
    with el('button', classes, type_='button', role='menuitem') as item:
        icon(icon_name, size=size)
        el('span', text=text)
    return item


def copy_button(words: str, text: str) -> ui.element:
    press = button(words, icon_name='copy', kind='ghost', small=True)
    copied = json.dumps(_('Copied'))
    # The label confirms it: a notice could cover what the person is copying.
    press.on(
        'click',
        js_handler=f'(e) => {{ navigator.clipboard?.writeText({json.dumps(text)}); '
        f'const s = e.currentTarget.lastElementChild; const w = s.textContent; s.textContent = {copied}; '
        'setTimeout(() => { s.textContent = w }, 1200) }',
    )
    return press
