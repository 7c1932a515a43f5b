"""Native controls, alone or in a `Slot` with a label, help and an error, for the dialogs we write by hand.

As in `fields`, the server never writes back what is typed: initial values are attributes.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nicegui.elements.mixins.text_element import TextElement

from .cards import set_class, set_props
from .html import el, for_readers, icon
from .scope import Scope

TYPED = '(e) => emit(e.target.value)'
CHECKED = '(e) => emit(e.target.checked)'
ASKED = '(e) => { const wish = e.target.checked; e.target.checked = !wish; emit(wish); }'
"""Of a box that shows what is saved: it moves in all tabs once that has changed, and stays where it cannot."""
CHOSEN = '(e) => emit(e.target.value, Number(e.target.dataset.offer))'


def set_in_browser(control: TextElement, name: str, value: Any) -> None:
    """Set a property of a control that the person may have changed, such as its text, which attributes no longer do."""
    control.client.run_javascript(f'getElement({control.id}).{name} = {json.dumps(value)}')


class Slot:
    """A label with a fact at its right, a place for the control, help and an error.

    :param is_group: for several controls that have labels of their own
    """

    def __init__(self, id: str, title: str, *, help_text: str = '', classes: str = '', is_group: bool = False) -> None:
        self.id = id
        with el('div', f'sy-field {classes}') as self.box:
            with el('span' if is_group else 'label', 'sy-label') as self.label:
                el('span', text=title)
                self._fact = el('span', 'ty')
            set_props(self.label, **({'id': f'{id}-label'} if is_group else {'for_': id}))
            self.body = el('div', 'ct-body')
            self._help = el('span', 'help', help_text, id=f'{id}-help')
            self._error = el('span', 'sy-error', role='alert', id=f'{id}-error')
        if is_group:
            set_props(self.body, role='group', aria_labelledby=f'{id}-label', aria_describedby=described(id))

    def show_fact(self, text: str) -> None:
        self._fact.set_text(text)

    def show_help(self, text: str) -> None:
        self._help.set_text(text)

    def show_error(self, text: str) -> None:
        self._error.set_text(text)
        set_class(self.box, 'is-wrong', text)


def described(id: str) -> str:
    """Return the ids that describe a control in the `Slot` of this id."""
    return f'{id}-help {id}-error'


def entry(
    id: str, value: str, typed: Callable[[str], None], *, kind: str = 'text', slot: str = '', **attributes: Any
) -> TextElement:
    """Return a text box.

    :param kind: the input type, such as `date`
    :param slot: the id of its `Slot`, if that differs from `id`
    """
    control = el('input', 'sy-control', type_=kind, id=id, autocomplete='off', spellcheck='false')
    control.props['^value'] = value
    set_props(control, **{'aria_describedby': described(slot or id)} | attributes)
    control.on('input', lambda event: typed(str(event.args)), js_handler=TYPED)
    return control


class MomentField:
    """A date or a time: the browser's own control, which shows `words` until it has the focus."""

    def __init__(
        self, id: str, value: str, typed: Callable[[str], None], *, kind: str, icon_name: str, words: str, **more: Any
    ) -> None:
        with el('span', 'ct-moment') as self.box:
            self.control = entry(id, value, typed, kind=kind, **more)
            self._words = el('span', 'words sy-num', words, aria_hidden='true')
            icon(icon_name, size=14)

    def say(self, words: str) -> None:
        self._words.set_text(words)

    def show(self, value: str, words: str) -> None:
        """Replace what was typed."""
        self.control.props['^value'] = value
        set_in_browser(self.control, 'value', value)
        self.say(words)


def select(
    id: str,
    options: Mapping[str, str],
    value: str,
    chosen: Callable[[str], None],
    *,
    label: str = '',
    slot: str = '',
) -> TextElement:
    """Return a native select, drawn in a box of the design."""
    with el('span', 'sy-in sy-pick'):
        with el('select', id=id, aria_describedby=described(slot or id)) as control:
            for key, words in options.items():
                option = el('option', text=words, value=key)
                option.props['^selected'] = key == value or None
        icon('down', size=14)
    set_props(control, aria_label=label or None)
    control.on('change', lambda event: chosen(str(event.args)), js_handler=TYPED)
    return control


def segments(
    id: str, options: Mapping[str, str], value: str, chosen: Callable[[str], None], *, label: str = ''
) -> TextElement:
    """Return radio buttons side by side; pass a `label` unless they are in a `Slot` that is a group."""
    with el('fieldset' if label else 'div', 'sy-seg form-seg', aria_label=label or None) as group:
        for place, (key, words) in enumerate(options.items()):
            with el('label', 'seg'):
                radio = el('input', type_='radio', name=f'{id}-{group.id}')
                radio.props['^checked'] = key == value or None
                if place == 0:
                    radio.props['id'] = id
                el('span', text=words)
            radio.on('change', lambda _, key=key: chosen(key), js_handler='() => emit()')
    return group


def switch(
    title: str, is_on: bool, turned: Callable[[bool], Any], *, label: str = '', shows_saved: bool = False
) -> TextElement:
    """Return a switch with its title in front of it.

    :param label: for screen readers, if it has no title
    :param shows_saved: it moves only when its property `checked` is set
    """
    with el('label', 'form-sw'):
        if title:
            el('span', 'sy-cap', title)
        with el('span', 'ct-switch'):
            control = el('input', type_='checkbox', role='switch', aria_label=label or None)
            control.props['checked' if shows_saved else '^checked'] = is_on or None
            el('i', 'sy-sw', aria_hidden='true')
    control.on('change', lambda event: turned(bool(event.args)), js_handler=ASKED if shows_saved else CHECKED)
    return control


def tick_box(title: str, turned: Callable[[bool], None], *, is_on: bool = False, name: str = '') -> None:
    """Draw a box to tick, with its title behind it.

    :param name: what screen readers call it; by default its title
    """
    with el('label', 'sy-x sy-tick'):
        control = el('input', type_='checkbox', aria_label=name or None)
        control.props['^checked'] = is_on or None
        el('span', 'sy-cap', title)
    control.on('change', lambda event: turned(bool(event.args)), js_handler=CHECKED)


@contextmanager
def with_unit(unit: str) -> Iterator[TextElement]:
    """Draw the text box of the `with` body with its unit after it."""
    with el('span', 'ct-unit') as box:
        yield box
        el('span', 'sy-2', unit)


class Picker(Scope):
    """A native select whose options can change; every key works in it.

    :param changed: called with the key of the chosen option; may be async
    """

    def __init__(
        self, options: Mapping[str, str], value: str, *, label: str, changed: Callable[[str], Any], classes: str = ''
    ) -> None:
        super().__init__('span')
        for_readers(self).classes(f'sy-in is-sm is-quiet sy-pick {classes}')
        self._changed = changed
        self._options: dict[str, str] = {}
        self._offers = 0
        self.value = ''
        with self:
            self._select = el('select', aria_label=label)
            icon('down', size=14)
        self._select.on('change', lambda event: self._choose(*event.args), js_handler=CHOSEN)
        self.offer(options, value)

    def offer(self, options: Mapping[str, str], value: str) -> None:
        """Replace the options; the one of this value is chosen."""
        if (options, value) != (self._options, self.value):
            self._draw(options, value)

    def choose(self, key: str) -> None:
        """Show this option as chosen."""
        self.offer(self._options, key)

    def _choose(self, key: str, offer: int) -> Any:
        self.value = key
        if offer != self._offers:  # it was chosen while other options were on their way, in which it is not
            self._draw(self._options, key)
        return self._changed(key)

    def _draw(self, options: Mapping[str, str], value: str) -> None:
        self._options, self.value = dict(options), value
        self._offers += 1
        self._select.props['data-offer'] = self._offers
        self._select.clear()
        with self._select:
            for key, words in options.items():
                option = el('option', text=words, value=key)
                option.props['^selected'] = key == value or None
