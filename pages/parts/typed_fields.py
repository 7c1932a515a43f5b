"""Form fields for values that have a control or a way of writing of their own: choices, moments, durations, secrets."""

import contextlib
import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from synapse.durations import read_duration, words_of
from synapse.language import N_, _

from .cards import set_props
from .controls import CHECKED, described, entry
from .fields import Field, NumberField, TextField, Unreadable, choice_words
from .html import el

_MOMENT = re.compile(
    r'(?P<wall>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?|\d\d:\d\d(?::\d\d)?)(?P<fraction>\.\d+)?'
    r'(?P<offset>Z|[+-]\d\d:?\d\d)?'
)
_DURATION = TypeAdapter(timedelta)


class MultiChoiceField(Field):
    """Any number of several values, as checkboxes."""

    kind = 'choices'
    expects = N_('any of these')

    def _label(self) -> None:
        with el('span', 'sy-label', id=f'{self.id}-label'):
            el('span', text=self.title)
            el('span', 'ty', ', '.join(filter(None, (self._kind_words(), _('required') if self.is_required else ''))))

    def _control(self, value: Any) -> None:
        self._given = value if isinstance(value, list) else []
        self._options = list(self.schema['items']['enum'])
        self._chosen = {place for place, option in enumerate(self._options) if option in self._given}
        labels = {**self.schema['items'], **{key: self.schema[key] for key in ('x-labels',) if key in self.schema}}
        with el('div', 'form-checks', role='group', aria_labelledby=f'{self.id}-label') as group:
            for place, option in enumerate(self._options):
                self._check(place, choice_words(labels, option))
        set_props(group, aria_describedby=self._described)

    def _check(self, place: int, words: str) -> None:
        with el('label', 'form-check'):
            control = el('input', type_='checkbox', id=f'{self.id}-{place}' if place else self.id)
            control.props['^checked'] = place in self._chosen or None
            el('span', text=words)
        control.on('change', lambda event: self._turned(place, event.args), js_handler=CHECKED)

    def _turned(self, place: int, is_on: Any) -> None:
        if is_on:
            self._chosen.add(place)
        else:
            self._chosen.discard(place)
        self._touch()

    def value(self) -> Any:
        if not self.is_touched and self._given:
            return self._given
        if not self._chosen:
            if self.is_required:
                raise KeyError(self.name)
            return None if self.is_nullable else []
        return [option for place, option in enumerate(self._options) if place in self._chosen]


class MomentField(Field):
    """A date, a time, or both: the browser's own control."""

    kind = 'moment'
    _KINDS = {'date': 'date', 'time': 'time', 'date-time': 'datetime-local'}  # noqa: RUF012  never changed

    def _draw(self, value: Any) -> None:
        self._given = value
        self._text, self._offset = _wall(value)
        super()._draw(value)

    def _control(self, value: Any) -> None:
        form = str(self.schema['format'])
        attributes = {} if form == 'date' else {'step': '1'}
        entry(self.id, self._text, self._typed, kind=self._KINDS[form], **attributes).props['aria-describedby'] = (
            self._described
        )

    def _kind_words(self) -> str:
        return self._zone if self._is_aware and not self._offset else self._offset

    @property
    def _zone(self) -> str:
        return str(self.schema.get('x-zone') or 'UTC')

    @property
    def _is_aware(self) -> bool:
        return bool(self.schema.get('x-aware'))

    def _typed(self, text: str) -> None:
        self._text = text
        self._touch()

    def value(self) -> Any:
        if not self.is_touched and self._given is not None:
            return self._given
        if not self._text:
            return self._nothing()
        if self.schema['format'] != 'date-time' or not (self._is_aware or self._offset):
            return self._text
        with contextlib.suppress(ValueError):
            if self._offset:
                return self._text + self._offset
            return datetime.fromisoformat(self._text).replace(tzinfo=ZoneInfo(self._zone)).isoformat()
        return self._text


class DurationField(TextField):
    """A length of time, as people write it."""

    kind = 'duration'
    is_area = False
    expects = N_('such as 90 s, 1h 30m or 0:05')
    placeholder = '1h 30m'

    def _to_text(self, value: Any) -> str:
        return '' if value is None else duration_words(value)

    def value(self) -> Any:
        text = self._text.strip()
        if not text:
            return self._nothing()
        length = read_duration(text)
        try:
            length = _DURATION.validate_python(text) if length is None else length
        except ValidationError:
            raise Unreadable(_('Write a length of time such as 90 s, 1h 30m or 0:05.')) from None
        return _DURATION.dump_python(length, mode='json')


class DecimalField(NumberField):
    """A number that is kept digit for digit."""

    def value(self) -> Any:
        text = self._text.strip().replace(',', '.')
        if not text:
            return self._nothing()
        try:
            if Decimal(text).is_finite():
                return text
        except InvalidOperation:
            pass
        raise Unreadable(_('Enter a number.'))


class SecretField(Field):
    """A password or key, which is never shown: an empty box keeps what was given."""

    kind = 'secret'

    def _control(self, value: Any) -> None:
        self._given = value
        self._text = ''
        control = entry(self.id, '', self._typed, kind='password', autocomplete='new-password')
        placeholder = _('kept as it is') if value else None
        set_props(control, aria_describedby=self._described or described(self.id), placeholder=placeholder)

    def _typed(self, text: str) -> None:
        self._text = text
        self._touch()

    def value(self) -> Any:
        if self._text:
            return self._text
        if isinstance(self._given, str) and self._given.strip('*'):
            return self._given
        if self._given:  # the stars of a default
            raise KeyError(self.name)
        return self._nothing()


def duration_words(value: Any) -> str:
    """Return a length of time as `DurationField` reads it, such as `1h 30m`; what isn't one as it is."""
    try:
        return words_of(_DURATION.validate_python(value))
    except ValidationError:
        return str(value)


def _wall(value: Any) -> tuple[str, str]:
    """Return a date, time or both as a browser takes it, and its offset from UTC."""
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return '', ''
    return f'{found["wall"].replace(" ", "T")}{(found["fraction"] or "")[:4]}', found['offset'] or ''
