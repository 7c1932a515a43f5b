"""Controls for one value each, drawn from the JSON schema of a parameter; text is kept as the person typed it.

All are controls of the browser itself, so every key and every reader works. What is typed is never written back by
the server: initial values are attributes, which a later redraw of the page leaves alone.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import ui

from .html import el, icon

MOST_SEGMENTS = 4
LONG_TEXT = 120


class Unreadable(ValueError):
    """What was typed is no value of this kind; the text says the fix."""


class Field:
    """A label, a control, help and an error; `value()` gives what it holds as a JSON value.

    :param schema: with references followed, see `plain`
    :param prefix: of the ids on the page, where two forms may be open at once
    """

    def __init__(
        self,
        name: str,
        schema: Mapping[str, Any],
        value: Any,
        *,
        is_required: bool,
        is_nullable: bool,
        prefix: str = 'parameter',
    ) -> None:
        self.name = name
        self.schema = schema
        self.is_required = is_required
        self.is_nullable = is_nullable
        self.is_touched = False
        self.changed: Callable[[], None] = lambda: None
        """Called with each change by the person."""
        self.is_checked_live = False
        """Whether each change is judged anew by itself, so that an error stays until then."""
        self.id = f'{prefix}-{name}'
        help_text = str(schema.get('description') or '')
        self._described = f'{self.id}-help {self.id}-error' if help_text else f'{self.id}-error'
        with el('div', f'sy-field form-{self.kind}') as self.box:
            self._draw(value)
            if help_text:
                el('span', 'help', help_text, id=f'{self.id}-help')
            self._error = el('span', 'sy-error', role='alert', id=f'{self.id}-error')

    kind = 'text'

    def _draw(self, value: Any) -> None:
        self._label()
        self._control(value)

    def _label(self) -> None:
        with el('label', 'sy-label', for_=self.id):
            el('span', text=self.title)
            words = ', '.join(filter(None, (self._kind_words(), 'required' if self.is_required else '')))
            if words:
                el('span', 'ty', words)

    @property
    def title(self) -> str:
        words = self.name.replace('_', ' ')
        given = str(self.schema.get('title') or words.title())
        # Pydantic makes a title of every name, In Such Letters; sentences here are not written so.
        return words.capitalize() if given == words.title() else given

    def _kind_words(self) -> str:
        return ''

    def _control(self, value: Any) -> None:
        raise NotImplementedError

    def value(self) -> Any:
        """The JSON value; raises `Unreadable`, or `KeyError` where nothing is given and the default may apply."""
        raise NotImplementedError

    def show_error(self, text: str) -> None:
        if self._error.text != text:
            self._error.set_text(text)
        if text:
            self.box.classes(add='is-wrong')
        else:
            self.box.classes(remove='is-wrong')

    def _touch(self) -> None:
        self.is_touched = True
        if self._error.text and not self.is_checked_live:
            self.show_error('')
        self.changed()

    def _nothing(self) -> Any:
        if self.is_nullable:
            return None
        raise KeyError(self.name)


class TextField(Field):
    """One line, or an area where texts are long."""

    placeholder = ''

    def _control(self, value: Any) -> None:
        self._text = self._to_text(value)
        if self._is_area(value):
            control = el('textarea', 'sy-control', self._text, rows=self._rows(), spellcheck='false')
        else:
            control = el('input', 'sy-control', type_='text', autocomplete='off', spellcheck='false')
            control.props['^value'] = self._text
        control.props.update({'id': self.id, 'aria-describedby': self._described, 'placeholder': self.placeholder})
        self._dress(control)
        control.on('input', self._typed, js_handler='(e) => emit(e.target.value)')

    def _dress(self, control: ui.element) -> None:
        """Add what this kind needs."""

    def _typed(self, event: Any) -> None:
        self._text = str(event.args)
        self._touch()

    def _is_area(self, value: Any) -> bool:
        most = self.schema.get('maxLength')
        return (
            bool(self.schema.get('x-multiline'))
            or (isinstance(most, int) and most > LONG_TEXT)
            or (isinstance(value, str) and ('\n' in value or len(value) > LONG_TEXT))
        )

    def _rows(self) -> int:
        return min(10, max(3, self._text.count('\n') + 1))

    def _to_text(self, value: Any) -> str:
        return '' if value is None else str(value)

    def value(self) -> Any:
        if not self._text and (self.is_nullable or self.is_required):
            return self._nothing()
        return self._text


class NumberField(TextField):
    """A whole number or one with a fraction, with its range beside the name."""

    kind = 'number'

    def _is_area(self, value: Any) -> bool:
        return False

    def _dress(self, control: ui.element) -> None:
        control.props['inputmode'] = 'numeric' if self._is_whole else 'decimal'

    @property
    def _is_whole(self) -> bool:
        return self.schema.get('type') == 'integer'

    def _kind_words(self) -> str:
        low, high = self.schema.get('minimum'), self.schema.get('maximum')
        above, below = self.schema.get('exclusiveMinimum'), self.schema.get('exclusiveMaximum')
        if low is not None and high is not None:
            return f'{low:g} to {high:g}'
        words = [
            f'{word} {limit:g}'
            for word, limit in (('from', low), ('above', above), ('to', high), ('below', below))
            if limit is not None
        ]
        return ', '.join(words) or ('whole number' if self._is_whole else 'number')

    def value(self) -> Any:
        text = self._text.strip().replace(',', '.')
        if not text:
            return self._nothing()
        try:
            return int(text) if self._is_whole else float(text)
        except ValueError:
            raise Unreadable('Give a whole number.' if self._is_whole else 'Give a number.') from None


class SwitchField(Field):
    """Yes or no, with its words beside it."""

    kind = 'switch'

    def _draw(self, value: Any) -> None:
        self._value = bool(value)
        with el('label', 'form-sw'):
            control = el('input', type_='checkbox', role='switch', id=self.id, aria_describedby=self._described)
            control.props['^checked'] = self._value or None
            el('i', 'sy-sw', aria_hidden='true')
            el('span', text=self.title)
        control.on('change', self._turned, js_handler='(e) => emit(e.target.checked)')

    def _turned(self, event: Any) -> None:
        self._value = bool(event.args)
        self._touch()

    def value(self) -> Any:
        return self._value


class ChoiceField(Field):
    """One of a few: side by side up to four, else a list."""

    kind = 'choice'

    def _kind_words(self) -> str:
        return 'choice'

    @property
    def _options(self) -> Sequence[Any]:
        options = list(self.schema['enum'])
        return [*options, None] if self.is_nullable and None not in options else options

    def _control(self, value: Any) -> None:
        self._value = value if value in self._options else self._options[0]
        words = [_words(option) for option in self._options]
        if len(words) <= MOST_SEGMENTS and sum(map(len, words)) <= 40:
            self._segments(words)
        else:
            self._list(words)

    def _segments(self, words: Sequence[str]) -> None:
        group = ui.element('fieldset').classes('sy-seg form-seg')
        group.props.update({'aria-label': self.title, 'aria-describedby': self._described})
        with group:
            for place, text in enumerate(words):
                with el('label', 'seg'):
                    # Radio buttons of the browser: arrows move between them, and the page needs no state of its own.
                    radio = el('input', type_='radio', name=f'{self.id}-{self.box.id}')
                    radio.props['^checked'] = self._options[place] == self._value or None
                    if place == 0:
                        radio.props['id'] = self.id
                    el('span', text=text)
                radio.on('change', lambda _, place=place: self._choose(place), js_handler='() => emit()')

    def _list(self, words: Sequence[str]) -> None:
        with el('span', 'sy-in sy-pick'):
            with el('select', id=self.id, aria_describedby=self._described) as select:
                for place, text in enumerate(words):
                    option = el('option', text=text, value=str(place))
                    option.props['^selected'] = self._options[place] == self._value or None
            icon('down', size=14)
        select.on('change', lambda event: self._choose(int(event.args)), js_handler='(e) => emit(e.target.value)')

    def _choose(self, place: int) -> None:
        self._value = self._options[place]
        self._touch()

    def value(self) -> Any:
        return self._value


class ListField(TextField):
    """Several values, one a line."""

    kind = 'list'
    placeholder = 'one a line'

    def _kind_words(self) -> str:
        return 'one a line'

    def _is_area(self, value: Any) -> bool:
        return True

    def _to_text(self, value: Any) -> str:
        items = value if isinstance(value, list) else []
        return '\n'.join(item if isinstance(item, str) else json.dumps(item) for item in items)

    def value(self) -> Any:
        lines = [line for line in self._text.split('\n') if line.strip()]
        if not lines and self.is_required:
            raise KeyError(self.name)
        if not lines and self.is_nullable:
            return None
        kind = (self.schema.get('items') or {}).get('type', 'string')
        return [line.strip() if kind == 'string' else _json(line, 'Give one value a line.') for line in lines]


class PairsField(TextField):
    """Names with values, one pair a line."""

    kind = 'pairs'
    placeholder = 'NAME=value'

    def _kind_words(self) -> str:
        return 'NAME=value, one a line'

    def _is_area(self, value: Any) -> bool:
        return True

    def _to_text(self, value: Any) -> str:
        pairs = value if isinstance(value, dict) else {}
        return '\n'.join(
            f'{name}={item if isinstance(item, str) else json.dumps(item)}' for name, item in pairs.items()
        )

    def value(self) -> Any:
        if not self._text.strip() and (self.is_required or self.is_nullable):
            return self._nothing()
        kind = self.schema.get('additionalProperties')
        is_text = isinstance(kind, dict) and kind.get('type') == 'string'
        return pairs_from(self._text, is_text=is_text)


class CodeField(TextField):
    """Whatever else there is, as JSON."""

    kind = 'code'
    placeholder = 'JSON'

    def _kind_words(self) -> str:
        return 'JSON'

    def _is_area(self, value: Any) -> bool:
        return True

    def _to_text(self, value: Any) -> str:
        return '' if value is None else json.dumps(value, indent=2, ensure_ascii=False)

    def value(self) -> Any:
        return _json(self._text, 'This is not JSON.') if self._text.strip() else self._nothing()


FieldMaker = Callable[..., Field]


def pairs_from(text: str, *, is_text: bool) -> dict[str, Any]:
    """`NAME=value` lines as a mapping.

    :param is_text: whether values are text; else JSON is read where it is JSON
    :raises Unreadable: at a line without a name or without `=`
    """
    pairs: dict[str, Any] = {}
    for line in text.split('\n'):
        if not line.strip():
            continue
        name, sign, value = line.partition('=')
        if not sign or not name.strip():
            raise Unreadable(f'Write NAME=value, not “{line.strip()[:40]}”.')
        pairs[name.strip()] = value.strip() if is_text else _lenient(value.strip())
    return pairs


def _lenient(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _json(text: str, otherwise: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Unreadable(otherwise) from None


def _words(option: Any) -> str:
    if option is None:
        return 'none'
    if isinstance(option, bool):
        return 'yes' if option else 'no'
    return str(option)
