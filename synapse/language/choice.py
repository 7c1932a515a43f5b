"""Which language is spoken now.

Synapse has a language of its own, in which it writes what is kept: log lines, reasons, notifications. Whoever looks at
a page or calls the API is answered in theirs.
"""

import contextlib
import locale
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache, wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

AUTO = 'auto'
ENGLISH = 'en'
PSEUDO = 'en_XA'
"""English in brackets, which no text of ours is without: to see what nobody can translate."""
CATALOGUES = Path(__file__).parent
LANGUAGES = {ENGLISH: 'English', 'pt_BR': 'Português (Brasil)'}
"""What people choose from, each by its own name."""


P = ParamSpec('P')
R = TypeVar('R')


@dataclass
class _Answer:
    language: str
    is_open: bool = True


_answer: ContextVar[_Answer | None] = ContextVar('synapse_language', default=None)
_own = ENGLISH
_is_chosen = False
_viewer: Callable[[], str | None] = lambda: None  # noqa: E731


def language() -> str:
    """The language of whoever is being answered, otherwise our own; a key of `LANGUAGES`, or `PSEUDO`."""
    answer = _answer.get()
    if answer is not None and answer.is_open:
        return answer.language
    return _viewer() or _own


def own_language() -> str:
    """The language of what is kept."""
    return _own


def speak(chosen: str) -> None:
    """Make this our own language, and that of all who look.

    :param chosen: a key of `LANGUAGES`, `PSEUDO`, or `AUTO`: ours is that of the machine, and each reader has their own
    """
    global _own, _is_chosen
    _own, _is_chosen = (language_of_machine(), False) if chosen == AUTO else (chosen, True)


def language_for(accepted: str) -> str:
    """Return the language for a browser or program that sent this `Accept-Language` header, empty if it sent none."""
    return _own if _is_chosen else preferred(accepted) or _own


def ask_viewer(viewer: Callable[[], str | None]) -> None:
    """Have `language` ask this for the language of the page that is being built or changed; None if there is none."""
    global _viewer
    _viewer = viewer


@contextlib.contextmanager
def answering_in(chosen: str) -> Iterator[None]:
    """Speak this language meanwhile. Tasks that were started inside speak our own again once it is over."""
    answer = _Answer(chosen)
    token = _answer.set(answer)
    try:
        yield
    finally:
        answer.is_open = False
        _answer.reset(token)


def in_this_language(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function as it speaks the language of now, for a thread: there nobody knows which page is asking."""
    chosen = language()

    @wraps(function)
    def speaking(*arguments: P.args, **named: P.kwargs) -> R:
        with answering_in(chosen):
            return function(*arguments, **named)

    return speaking


async def in_thread(function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Call a function in a thread, as `asyncio.to_thread` does; it speaks the language that is spoken here."""
    import asyncio  # which the command line does without

    return await asyncio.to_thread(in_this_language(function), *arguments, **named)


def read_language(text: str) -> str | None:
    """Return the language that is meant by `pt-BR`, `pt_BR.UTF-8`, `pt` or `en-US`; None for one that is not there."""
    name = text.strip().replace('-', '_').partition('.')[0]
    if name.lower() == PSEUDO.lower():
        return PSEUDO
    known = {key.lower(): key for key in LANGUAGES}
    by_language = {key.partition('_')[0]: key for key in LANGUAGES}
    return known.get(name.lower()) or by_language.get(name.lower().partition('_')[0])


@lru_cache(maxsize=64)  # what browsers send, which may be anything
def preferred(accepted: str) -> str | None:
    """Return the first language of an `Accept-Language` header that is there; None if none of them is.

    Source: RFC 9110, section 12.5.4; ranges of equal weight in the order they are written.
    """
    weighed = []
    for part in accepted[:1000].split(','):
        name, _, quality = part.partition(';')
        with contextlib.suppress(ValueError):
            weighed.append((float(quality.strip().removeprefix('q=') or 1), name))
    for weight, name in sorted(weighed, key=lambda pair: -pair[0]):
        if weight > 0 and (found := read_language(name)):
            return found
    return None


def language_of_machine() -> str:
    """Return the language of messages on this machine, English if we have none of its languages."""
    for name in ('LC_ALL', 'LC_MESSAGES', 'LANG'):
        if text := os.environ.get(name):
            return read_language(text) or ENGLISH
    return read_language(locale.getlocale()[0] or '') or ENGLISH


def tag_of(chosen: str) -> str:
    """Return the BCP 47 tag of a language, as `lang` and `Intl` of a browser take it: `pt-BR`, `en-GB`."""
    return {ENGLISH: 'en-GB', PSEUDO: 'en-GB'}.get(chosen, chosen.replace('_', '-'))
