"""Texts that know what they were made of, so that they can be said in another language."""

import gettext
from collections import UserDict
from functools import cache
from string import Formatter
from typing import Any

from storage.foreign_words import text_of
from storage.texts import N_ as N_
from storage.texts import Count, Text

from .choice import CATALOGUES, ENGLISH, PSEUDO, language, own_language
from .figures import number

_OF = '\x04'
"""Ends the context of a message."""


def _(message: str, /, **values: Any) -> str:
    """Return a text, a `Text`, in the language of whoever reads it.

    Values replace their names in braces; without values braces stay. Write values that have a format of their own, such
    as dates and numbers, with `synapse.language.formats`.
    """
    return Text(_said(language(), message, None, values), message, None, values)


def _p(context: str, message: str, /, **values: Any) -> str:
    """Return a text as `_` does, of an English word with several translations.

    :param context: which one is meant, in a word or two for translators
    """
    return _(Np_(context, message), **values)


def _n(one: str, many: str, count: int, /, **values: Any) -> str:
    """Return the text for this count, which is in it as `{count}`, written as the language writes numbers."""
    values = {**values, 'count': count}
    return Text(_said(language(), one, many, values), one, many, values)


class InContext(str):
    """A marked text with its context, as a catalogue has it."""

    __slots__ = ()


def Np_(context: str, message: str) -> str:
    """Mark a text as `N_` does, of an English word with several translations. Say it by `translated` or `filled`.

    Source: GNU gettext manual, section "Contexts": how a catalogue has it.
    """
    return InContext(f'{context}{_OF}{message}')


def Nn_(one: str, many: str) -> tuple[str, str]:
    """Mark the forms of a text with a count, to be said later by `counted`."""
    return one, many


def counted(forms: tuple[str, str], count: int, /, **values: Any) -> str:
    """Return what was marked by `Nn_` for this count, as `_n` does."""
    return _n(*forms, count, **values)


def translated(text: str, chosen: str | None = None) -> str:
    """Return a text that was marked by `N_`, in the language of its reader; any other text as it is."""
    return _translation(chosen or language(), text)


def for_count(text: str, count: int) -> str:
    """Return a text of `_n` for another count, in the language of whoever reads it; any other text as it is."""
    if not isinstance(text, Text) or text.many is None:
        return text
    return _n(text.message, text.many, count, **text.values)


def filled(marked: str, /, **values: Any) -> str:
    """Return a text that was marked by `N_`, with its values, as `_` returns one that stands there."""
    return _(marked, **values)


class Words(UserDict[str, str]):
    """A table of words that were marked by `N_`: whoever looks one up gets it in the language of its reader."""

    def __getitem__(self, name: str) -> str:
        return translated(super().__getitem__(name))


def capital(text: str) -> str:
    """Return a text with its first letter as a capital, for the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def own(text: str) -> str:
    """Return a text in our own language: for what is kept, whoever asked for it. It can still be said in another."""
    return _again(own_language(), text)


def spoken(text: str | BaseException) -> str:
    """Return a text of whichever room, or what an error says, in the language of whoever reads it."""
    return _again(language(), text_of(text) if isinstance(text, BaseException) else text)


def _again(chosen: str, text: str) -> str:
    if not isinstance(text, Text):
        return text
    return Text(_said(chosen, text.message, text.many, text.values), text.message, text.many, text.values)


def _said(chosen: str, message: str, many: str | None, values: dict[str, Any]) -> str:
    if many is None:
        text = _translation(chosen, message)
    else:
        text = _catalogue(chosen).ngettext(message, many, values['count'])
    if not values:
        return text
    said = {name: said_in(chosen, value) for name, value in values.items()}
    if many is not None:
        said['count'] = number(values['count'], chosen)
    return (
        text.format(**said)
        if chosen in (ENGLISH, PSEUDO) or ':' not in text
        else _Figures(chosen).vformat(text, (), said)
    )


def _translation(chosen: str, message: str) -> str:
    if not message:  # gettext has the head of its catalogue there
        return ''
    translation = _catalogue(chosen).gettext(message)
    return _plain(message) if translation == message else translation


def _plain(message: str) -> str:
    return message.partition(_OF)[2] if isinstance(message, InContext) else message


def context_of(message: str) -> str:
    """Return a message that a file has kept as it was marked, in its context if it has one."""
    return InContext(message) if _OF in message else message


class _Figures(Formatter):
    """Fills in values as a language writes numbers: `{size:,}` is `12,345` only in English."""

    def __init__(self, chosen: str) -> None:
        self._chosen = chosen

    def format_field(self, value: Any, format_spec: str) -> str:
        text = format(value, format_spec)
        if not format_spec or not isinstance(value, int | float):
            return text
        from .formats import punctuated

        return punctuated(text, self._chosen)


def said_in(chosen: str, value: Any) -> Any:
    """Return a text, or what an error says, in this language; any other value as it is."""
    if isinstance(value, BaseException):
        value = text_of(value)
    if isinstance(value, Text):
        return _said(chosen, value.message, value.many, value.values)
    return number(value, chosen) if isinstance(value, Count) else value


@cache
def _catalogue(chosen: str) -> gettext.NullTranslations:
    if chosen == PSEUDO:
        return _Pseudo()
    if chosen == ENGLISH:
        return gettext.NullTranslations()
    return gettext.translation('synapse', CATALOGUES, [chosen], fallback=True)


class _Pseudo(gettext.NullTranslations):
    def gettext(self, message: str) -> str:
        return f'⟦{_plain(message)}⟧'

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f'⟦{msgid1 if n == 1 else msgid2}⟧'
