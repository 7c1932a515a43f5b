"""Texts that know what they were made of, so that they can be said in another language; here they are English."""

from typing import Any


class Text(str):
    """A text in one language, which can be said again in another, by `synapse.language`.

    :ivar message: the English text that is looked up, with the names of its values in braces
    :ivar many: the same for every other count than one; None if it has no count
    """

    __slots__ = ('many', 'message', 'values')

    message: str
    many: str | None
    values: dict[str, Any]

    def __new__(
        cls, said: str, message: str = '', many: str | None = None, values: dict[str, Any] | None = None
    ) -> 'Text':
        text = super().__new__(cls, said)
        text.message, text.many, text.values = message or said, many, values or {}
        return text


class Count(int):
    """A number among the values of a text, which is written as the language writes numbers; in English `412,000`."""

    def __format__(self, style: str) -> str:
        return f'{int(self):{style or ","}}'


def N_(message: str) -> str:
    """Mark a text to be translated later."""
    return message


def _(message: str, /, **values: Any) -> str:
    """Return an English text with its values, as `synapse.language._` does for rooms that know their reader."""
    return Text(message.format(**values) if values else message, message, None, values)


def _n(one: str, many: str, count: int, /, **values: Any) -> str:
    """Return the English text for this count, which is in it as `{count}`."""
    values = {**values, 'count': Count(count)}
    return Text((one if count == 1 else many).format(**values), one, many, values)


def joined(*texts: str, by: str = ' ') -> str:
    """Return texts one after the other, without those that are empty; each can still be said in another language."""
    values = {f'text{number}': text for number, text in enumerate(texts) if text}
    return Text(by.join(values.values()), by.join(f'{{{name}}}' for name in values), None, dict(values))
