"""Form fields for one value each, drawn from the JSON schema of a parameter; text is kept as it was typed.

All are the browser's own controls, so keyboards and screen readers work. The server never writes back what is typed:
initial values are attributes, which a later redraw of the page leaves alone.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from synapse.catalog.info import title_of_field
from synapse.language import N_, _, translated
from synapse.language.formats import pointed

from .cards import set_class, set_props
from .controls import CHECKED, TYPED, entry, segments, select, set_in_browser
from .html import el, prose

MOST_SEGMENTS = 4
MOST_LETTERS = 40
"""With more than this in all, options side by side would not fit into half of a dialog."""
LONG_TEXT = 120
PARTS = ('items', 'additionalProperties')
"""Where the schema of a list, or of names with values, has that of one of them."""


class Unreadable(ValueError):
    """The typed text isn't a value of this kind; the message says how to fix it."""


class Field:
    """A label, a control, help and an error.

    :param schema: with references resolved, see `plain`
    :param prefix: of the ids in the page, since two forms may be open at once
    """

    kind = 'text'
    expects = ''
    """What to enter, shown next to the label; marked, and translated when it is shown."""

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
        """Called after each change by the person."""
        self.is_checked_live = False
        """Whether the form checks after each change; if so, an error is kept until that check."""
        self.id = f'{prefix}-{name}'
        help_text = str(schema.get('description') or '')
        self._described = f'{self.id}-help {self.id}-error' if help_text else f'{self.id}-error'
        with el('div', f'sy-field form-{self.kind}') as self.box:
            self._draw(value)
            if help_text:
                prose('span', 'help', help_text, id=f'{self.id}-help')
            self._error = el('span', 'sy-error', role='alert', id=f'{self.id}-error')

    def connect(self, fields: 'Mapping[str, Field]') -> None:
        """Take note of the other fields of the form, once all are drawn."""

    def _draw(self, value: Any) -> None:
        self._label()
        self._control(value)

    def _label(self) -> None:
        with el('label', 'sy-label', for_=self.id):
            el('span', text=self.title)
            words = ', '.join(filter(None, (self._kind_words(), _('required') if self.is_required else '')))
            if words:
                el('span', 'ty', words)

    @property
    def title(self) -> str:
        return title_of_field(self.name, self.schema)

    def _kind_words(self) -> str:
        return translated(self.expects)

    def _control(self, value: Any) -> None:
        raise NotImplementedError

    def value(self) -> Any:
        """Return the JSON value.

        :raises Unreadable: if the text isn't a value of this kind
        :raises KeyError: if nothing was entered, so that the default of the pipeline applies
        """
        raise NotImplementedError

    def show_error(self, text: str) -> None:
        self._error.set_text(text)
        set_class(self.box, 'is-wrong', text)

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
    """One line of text, or a text area for longer text."""

    placeholder = ''
    is_area: bool | None = None
    """Whether it is a text area; None decides by the length of the text."""

    def _control(self, value: Any) -> None:
        self._text = self._to_text(value)
        if self._is_long(value) if self.is_area is None else self.is_area:
            control = el('textarea', 'sy-control', self._text, id=self.id, rows=self._rows(), spellcheck='false')
            control.on('input', lambda event: self._typed(str(event.args)), js_handler=TYPED)
        else:
            control = entry(self.id, self._text, self._typed, **self._attributes())
        self._text_box = control
        set_props(control, aria_describedby=self._described, placeholder=translated(self.placeholder))
        parts = [part for part in map(self.schema.get, PARTS) if isinstance(part, Mapping)]
        if any(part.get('format') == 'password' for part in parts):
            control.classes('is-secret')

    def _attributes(self) -> dict[str, str]:
        """Return further attributes of the text box of this kind of field."""
        return {}

    def _typed(self, text: str) -> None:
        self._text = text
        self._touch()

    def _is_long(self, value: Any) -> bool:
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

    @property
    def text(self) -> str:
        return self._text

    def value(self) -> Any:
        if not self._text and (self.is_nullable or self.is_required):
            return self._nothing()
        return self._text


class NumberField(TextField):
    """A whole or decimal number, with its range next to the label."""

    kind = 'number'
    is_area = False

    def _attributes(self) -> dict[str, str]:
        return {'inputmode': 'numeric' if self._is_whole else 'decimal'}

    @property
    def _is_whole(self) -> bool:
        return self.schema.get('type') == 'integer'

    def _kind_words(self) -> str:
        low, high = self.schema.get('minimum'), self.schema.get('maximum')
        above, below = self.schema.get('exclusiveMinimum'), self.schema.get('exclusiveMaximum')
        if low is not None and high is not None:
            return _('{low} to {high}', low=_number(low), high=_number(high))
        words = [
            _('from {number}', number=_number(low)) if low is not None else '',
            _('above {number}', number=_number(above)) if above is not None else '',
            _('to {number}', number=_number(high)) if high is not None else '',
            _('below {number}', number=_number(below)) if below is not None else '',
        ]
        return ', '.join(filter(None, words)) or (_('whole number') if self._is_whole else _('number'))

    def _to_text(self, value: Any) -> str:
        return pointed(super()._to_text(value))

    def value(self) -> Any:
        text = self._text.strip().replace(',', '.')
        if not text:
            return self._nothing()
        try:
            return int(text) if self._is_whole else float(text)
        except ValueError:
            raise Unreadable(_('Enter a whole number.') if self._is_whole else _('Enter a number.')) from None


class SwitchField(Field):
    """Yes or no: a switch with its title after it."""

    kind = 'switch'

    def _draw(self, value: Any) -> None:
        self._value = bool(value)
        self.turned: Callable[[], None] = lambda: None
        """Called when it was turned on or off."""
        with el('label', 'form-sw'):
            control = el('input', type_='checkbox', role='switch', id=self.id, aria_describedby=self._described)
            control.props['^checked'] = self._value or None
            el('i', 'sy-sw', aria_hidden='true')
            el('span', text=self.title)
        control.on('change', lambda event: self._take(is_on=bool(event.args)), js_handler=CHECKED)
        self._switch = control

    def turn(self, *, is_on: bool) -> None:
        """Turn it on or off, as the person would."""
        set_in_browser(self._switch, 'checked', is_on)
        self._take(is_on=is_on)

    def _take(self, *, is_on: bool) -> None:
        self._value = is_on
        self.turned()
        self._touch()

    def value(self) -> Any:
        return self._value


class ChoiceField(Field):
    """One of several values: up to four side by side, more in a list."""

    kind = 'choice'
    expects = N_('choice')

    @property
    def _options(self) -> Sequence[Any]:
        options = list(self.schema['enum'])
        return [*options, None] if self.is_nullable and None not in options else options

    def _control(self, value: Any) -> None:
        self._value = value if value in self._options else self._options[0]
        words = {str(place): choice_words(self.schema, option) for place, option in enumerate(self._options)}
        chosen = str(self._options.index(self._value))
        if len(words) <= MOST_SEGMENTS and sum(map(len, words.values())) <= MOST_LETTERS:
            control = segments(self.id, words, chosen, self._choose, label=self.title)
        else:
            control = select(self.id, words, chosen, self._choose)
        control.props['aria-describedby'] = self._described

    def _choose(self, place: str) -> None:
        self._value = self._options[int(place)]
        self._touch()

    def value(self) -> Any:
        return self._value


class ListField(TextField):
    """Several values, one per line."""

    kind = 'list'
    expects = placeholder = N_('one per line')
    is_area = True

    def _to_text(self, value: Any) -> str:
        items = value if isinstance(value, list) else []
        lines = '\n'.join(map(_text, items))
        return pointed(lines) if self._is_of_numbers else lines

    @property
    def _is_of_numbers(self) -> bool:
        return (self.schema.get('items') or {}).get('type') == 'number'

    def value(self) -> Any:
        text = self._text.replace(',', '.') if self._is_of_numbers else self._text
        lines = [line for line in text.split('\n') if line.strip()]
        if not lines and self.is_required:
            raise KeyError(self.name)
        if not lines and self.is_nullable:
            return None
        items = self.schema.get('items') or {}
        is_text = items.get('type', 'string') == 'string' or items.get('format') == 'decimal'
        return [line.strip() if is_text else _json(line, _('Enter one value per line.')) for line in lines]


class PairsField(TextField):
    """Names with values, one pair per line."""

    kind = 'pairs'
    expects = N_('NAME=value, one per line')
    placeholder = N_('NAME=value')
    is_area = True

    def _to_text(self, value: Any) -> str:
        return pairs_text(value) if isinstance(value, dict) else ''

    def value(self) -> Any:
        if not self._text.strip() and (self.is_required or self.is_nullable):
            return self._nothing()
        kind = self.schema.get('additionalProperties')
        is_text = isinstance(kind, dict) and (kind.get('type') == 'string' or kind.get('format') == 'decimal')
        return pairs_from(self._text, is_text=is_text)


class CodeField(TextField):
    """Any other value, as JSON."""

    kind = 'code'
    expects = placeholder = 'JSON'
    is_area = True

    def _to_text(self, value: Any) -> str:
        return '' if value is None else json.dumps(value, indent=2, ensure_ascii=False)

    def value(self) -> Any:
        if not self._text.strip():
            return self._nothing()
        takes_text = any(choice.get('type') == 'string' for choice in self.schema.get('anyOf', ()))
        return _lenient(self._text.strip()) if takes_text else _json(self._text, _('This is not valid JSON.'))


FieldMaker = Callable[..., Field]


def pairs_text(pairs: Mapping[str, Any]) -> str:
    """Return lines of `NAME=value`, as `pairs_from` reads them."""
    return '\n'.join(f'{name}={_text(item)}' for name, item in pairs.items())


def pairs_from(text: str, *, is_text: bool) -> dict[str, Any]:
    """Read lines of `NAME=value`; blank lines are skipped.

    :param is_text: keep every value as text; otherwise a value that is valid JSON is read as JSON
    :raises Unreadable: for a line without a name or without `=`
    """
    pairs: dict[str, Any] = {}
    for line in text.split('\n'):
        if not line.strip():
            continue
        name, sign, value = line.partition('=')
        if not sign or not name.strip():
            raise Unreadable(_('Write NAME=value, not “{text}”.', text=line.strip()[:40]))
        pairs[name.strip()] = value.strip() if is_text else _lenient(value.strip())
    return pairs


def choice_words(schema: Mapping[str, Any], option: Any) -> str:
    """Return what people see instead of one of the values of a parameter: its `x-labels`, or the value itself."""
    labels = schema.get('x-labels')
    label = labels.get(str(option)) if isinstance(labels, Mapping) else None
    return _words(option) if label is None else str(label)


def number_words(value: float) -> str:
    """Return a number with all of its digits and the decimal point of the language."""
    return pointed(str(value))


def sorted_errors(errors: Mapping[str, str], names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return the errors for each of these fields as one text, and the errors that belong to none of them.

    :param errors: by place: the name of a field, or of a part of it such as `steps.2`
    """
    known = {name: [text for place, text in errors.items() if _is_in(place, name)] for name in names}
    rest = [text for place, text in errors.items() if not any(_is_in(place, name) for name in known)]
    return {name: ' '.join(texts) for name, texts in known.items()}, rest


def _is_in(place: str, name: str) -> bool:
    return f'{place}.'.startswith(f'{name}.')


def _number(value: float) -> str:
    return pointed(f'{value:g}')


def _text(item: Any) -> str:
    return item if isinstance(item, str) else json.dumps(item)


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
        return _('none')
    if isinstance(option, bool):
        return _('yes') if option else _('no')
    return number_words(option) if isinstance(option, int | float) else str(option)
