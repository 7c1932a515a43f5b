"""Texts as files keep them: what they were made of, so that they can be said in another language later."""

from collections.abc import Mapping
from typing import Any

from storage.foreign_words import text_of
from storage.texts import Count, Text

from .texts import context_of, spoken


def parts_of(text: Text) -> dict[str, Any] | None:
    """Return what a text was made of as JSON values, None if that is not possible: `text_from` reads it.

    A value that is no JSON becomes text, which a date that is written by a format in the message cannot.
    """
    values = {name: _kept(value) for name, value in text.values.items()}
    if any(value is None for value in values.values()):
        return None
    if any(f'{{{name}:' in text.message and isinstance(value, str) for name, value in values.items()):
        return None
    return {'message': text.message, **({'many': text.many} if text.many else {}), 'values': values}


def _kept(value: Any) -> Any:
    if isinstance(value, BaseException):
        value = text_of(value)
    if isinstance(value, Text):
        return parts_of(value) or str(value)
    if isinstance(value, Count):
        return {'count': int(value)}
    return value if isinstance(value, str | int | float) else str(value)


def text_from(said: str, parts: object) -> str:
    """Return a text that can be said again, of what `parts_of` has returned; as it was said if that cannot be used."""
    try:
        text = _text(parts)
        spoken(text)  # whether its values fit
    except (TypeError, ValueError, LookupError, AttributeError):
        return said
    return Text(said, text.message, text.many, text.values)


def _text(parts: Any) -> Text:
    values = {name: _value(value) for name, value in parts['values'].items()}
    message = context_of(parts['message'])
    return Text(message, message, parts.get('many'), values)


def _value(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return Count(value['count']) if 'count' in value else _text(value)
