"""Plain HTML elements by tag, so that pages use the classes of the design as they are; text is always text."""

from typing import Any

from nicegui.elements.mixins.text_element import TextElement

SPRITE = '/static/synapse/icons.svg'


def el(tag: str, classes: str = '', text: str = '', **attributes: Any) -> TextElement:
    """One element. `aria_label` becomes `aria-label`, `type_` becomes `type`; text is never HTML."""
    element = TextElement(tag=tag, text=text)
    if classes:
        element.classes(classes)
    for name, value in attributes.items():
        element.props[name.rstrip('_').replace('_', '-')] = value
    return element


def icon(name: str, *, size: int = 16, classes: str = '') -> TextElement:
    """An icon of the sprite such as `play`; decorative, so hidden from screen readers."""
    with el('svg', f'sy-ico {classes}', viewBox='0 0 24 24', aria_hidden='true') as svg:
        el('use', href=f'{SPRITE}#i-{name}')
    svg.style(f'width:{size}px;height:{size}px')
    return svg


WORDS = {
    'idle': 'Idle',
    'planned': 'Planned',
    'off': 'Switched off',
    'pending': 'Waiting',
    'queued': 'Waiting',
    'running': 'Running',
    'paused': 'Paused',
    'succeeded': 'Succeeded',
    'failed': 'Failed',
    'cancelled': 'Stopped',
    'skipped': 'Skipped',
    'interrupted': 'Interrupted',
    'busy': 'Running',
    'error': 'Failed',
    'missed': 'Missed',
}
LOOKS = {
    'planned': 'scheduled',
    'off': 'idle',
    'pending': 'scheduled',
    'skipped': 'cancelled',
    'interrupted': 'failed',
    'busy': 'running',
    'error': 'failed',
}


def look_of(state: str) -> str:
    """The state class of the design for a state of the core: `st-` plus this."""
    return LOOKS.get(state, state)


class Glyph(TextElement):
    """The silhouette of a state, with its word for screen readers; `show` changes it in place."""

    def __init__(self, state: str, *, size: int = 14, is_level: bool = False) -> None:
        super().__init__(tag='svg', text='')
        self.classes('sy-g' if is_level else 'sy-g sy-stg').style(f'width:{size}px;height:{size}px')
        self.props['viewBox'] = '0 0 16 16'
        self.props['role'] = 'img'
        with self:
            self._use = el('use')
        self.show(state)

    def show(self, state: str) -> None:
        self.props['aria-label'] = WORDS.get(state, state)
        self._use.props['href'] = f'{SPRITE}#g-{look_of(state)}'
        self._use.update()
        self.update()


def button(
    text: str, *, icon_name: str = '', kind: str = '', aria_label: str = '', title: str = '', small: bool = False
) -> TextElement:
    """A button of the design; `kind` is `primary`, `danger`, `ghost` or empty."""
    classes = 'sy-btn' + (f' is-{kind}' if kind else '') + (' is-sm' if small else '') + ('' if text else ' is-icon')
    element = el('button', classes, type_='button')
    if aria_label:
        element.props['aria-label'] = aria_label
    if title:
        element.props['title'] = title
    with element:
        if icon_name:
            icon(icon_name, size=14)
        if text:
            el('span', text=text)
    return element
