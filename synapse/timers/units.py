"""Reading unit files: what systemd.syntax(7) and the part on command lines of systemd.service(5) describe."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from synapse.language import _

_HEAD = re.compile(r'#\s*(?:/\S*/)?([\w:.@\\-]+\.(?:timer|service))\s*')
"""The line with which `systemctl cat` begins each file."""
_NAME = re.compile(r'[\w:.@\\-]+\.(?:timer|service)')
ESCAPES = {'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', 's': ' '}


class UnitError(ValueError):
    """A setting that no event has a counterpart of; the message is a sentence."""


@dataclass(slots=True)
class Unit:
    name: str
    """Such as `backup.timer`; empty if nobody said it."""
    line: int
    """Where it begins, from 1."""
    settings: dict[str, list[str]] = field(default_factory=dict)
    """By `Section.Name`. An empty value takes back those before it."""
    lines: dict[str, int] = field(default_factory=dict)
    """The first line of each setting, counted as `line_of` does."""

    def all(self, name: str) -> list[str]:
        return self.settings.get(name, [])

    def last(self, name: str) -> str:
        return (self.all(name) or [''])[-1]

    def line_of(self, setting: str) -> int:
        """Return the line of a setting: in its file if the unit has a name, otherwise in the whole text."""
        return self.lines.get(setting, 1 if self.name else self.line)

    @property
    def is_timer(self) -> bool:
        return self.name.endswith('.timer') or any(name.startswith('Timer.') for name in self.settings)

    @property
    def is_service(self) -> bool:
        return self.name.endswith('.service') or any(name.startswith('Service.') for name in self.settings)


def read_units(text: str) -> list[Unit]:
    """Return the units of one or more files one after the other, as `systemctl cat` prints them.

    A unit begins with its name in a comment. Without names, it begins where a section comes for the second time, or one
    of a timer after one of a service.
    """
    units = [Unit('', 1)]
    section, seen = '', set[str]()
    for number, line in _lines(text):
        if line[:1] in '#;':
            if (head := _HEAD.fullmatch(line)) and head[1] != units[-1].name:
                units.append(Unit(head[1], number))
                seen = set()
        elif line.startswith('[') and line.endswith(']'):
            section = line[1:-1]
            kind = {'Timer': 'Service', 'Service': 'Timer'}.get(section)
            if not units[-1].name and (section in seen or kind in seen):
                units.append(Unit('', number))
                seen = set()
            seen.add(section)
        elif '=' in line:
            name, __, value = line.partition('=')
            setting = f'{section}.{name.strip()}'
            known = units[-1].settings.setdefault(setting, [])
            # The comment with the name is no line of the file.
            units[-1].lines.setdefault(setting, number - units[-1].line if units[-1].name else number)
            known.append(value.strip()) if value.strip() else known.clear()
    return [unit for unit in units if unit.settings]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line with its number; one that ends with a backslash goes on below, past comments."""
    begun, start = '', 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if begun and stripped[:1] in ('#', ';'):
            continue
        if line.rstrip().endswith('\\'):
            begun, start = f'{begun}{stripped[:-1]} ', start or number
            continue
        if begun or stripped:
            yield start or number, f'{begun}{stripped}'.strip()
        begun, start = '', 0
    if begun:
        yield start, begun.strip()


@dataclass(frozen=True, slots=True)
class Expander:
    """Expands `%` specifiers of the manager of a person, where they are known: systemd.unit(5).

    :param name: of the unit
    """

    name: str
    user: str
    home: Path

    def __call__(self, text: str) -> str:
        """:raises UnitError: for a specifier that is not known here"""
        return re.sub(r'%(.?)', lambda found: self._specifier(found[1]), text)

    def _specifier(self, letter: str) -> str:
        name, __, __ = self.name.rpartition('.')
        prefix, __, instance = name.partition('@')
        known = {'%': '%', 'h': str(self.home), 'u': self.user}
        if self.name:
            known |= {'n': self.name, 'N': name, 'p': prefix, 'i': instance}
        if letter not in known:
            raise UnitError(_('It has the specifier %{letter}, which only systemd can expand.', letter=letter))
        return known[letter]


@dataclass(frozen=True, slots=True)
class Command:
    words: tuple[str, ...]
    needs_shell: bool = False
    """Whether some words have variables."""
    ignores_failure: bool = False


def read_command(text: str, expand: Expander) -> Command:
    """Return what a line of `ExecStart=` runs.

    :raises UnitError: if it has no exact counterpart
    """
    prefix = re.match(r'[-@:+!|]*', text)
    marks = prefix[0] if prefix else ''
    for mark in '+!|':
        if mark in marks:
            raise UnitError(_('Its command begins with {mark!r}, which runs it with other rights.', mark=mark))
    words = [(expand(word), is_plain) for word, is_plain in _words(text[len(marks) :].strip())]
    if '@' in marks and len(words) > 1:
        raise UnitError(_('Its command begins with "@", which gives the program another name.'))
    if not words:
        raise UnitError(_('Its ExecStart= has no command.'))
    if any(word == ';' and is_plain for word, is_plain in words):
        raise UnitError(_('It has several commands in one line. Write each in an ExecStart= of its own.'))
    has_variables = ':' not in marks and any('$' in word.replace('$$', '') for word, __ in words[1:])
    if has_variables:
        return Command(tuple(_for_shell(words)), needs_shell=True, ignores_failure='-' in marks)
    unescaped = [word if ':' in marks else word.replace('$$', '$') for word, __ in words]
    return Command(tuple(unescaped), ignores_failure='-' in marks)


def _for_shell(words: Iterable[tuple[str, bool]]) -> Iterator[str]:
    """Yield words for a shell: `$NAME` alone is split at blanks, `${NAME}` is not, `$$` is a dollar."""
    import shlex

    for word, is_plain in words:
        if re.fullmatch(r'\$[A-Za-z_]\w*', word):
            if not is_plain:
                raise UnitError(
                    _('{word} stands in quotes, where systemd and a shell differ. Write it as a script.', word=word)
                )
            yield word
            continue
        parts = re.split(r'(\$\$|\$\{[A-Za-z_]\w*\})', word)
        if any('$' in part for part in parts[::2]):
            raise UnitError(_('{word!r} has a dollar sign that systemd and a shell read differently.', word=word[:40]))
        yield ''.join(
            shlex.quote(part)
            if part and place % 2 == 0
            else f'"{part}"'
            if part.startswith('${')
            else "'$'" * bool(part)
            for place, part in enumerate(parts)
        )


def read_environment(values: Iterable[str], expand: Expander) -> dict[str, str]:
    """Return the variables of `Environment=`.

    :raises UnitError: if they cannot be read
    """
    found = {}
    for value in values:
        for word, __ in _words(value):
            name, equals, text = expand(word).partition('=')
            if not equals or not re.fullmatch(r'[A-Za-z_]\w*', name):
                raise UnitError(_('{word!r} is no variable of Environment=.', word=word[:40]))
            found[name] = text
    return found


def _words(text: str) -> list[tuple[str, bool]]:
    """Return the words of a line, and whether each stands without quotes: systemd.syntax(7), Quoting."""
    words: list[tuple[str, bool]] = []
    word, quote, is_plain, place = '', '', True, 0
    is_open = False
    while place < len(text):
        char = text[place]
        if char == '\\':
            escaped, place = _escape(text, place)
            word, is_open = word + escaped, True
            continue
        place += 1
        if quote:
            quote, word = ('', word) if char == quote else (quote, word + char)
        elif char in '"\'' and not is_open:
            quote, is_plain, is_open = char, False, True
        elif char.isspace():
            if is_open:
                words.append((word, is_plain))
            word, is_plain, is_open = '', True, False
        else:
            word, is_open = word + char, True
    if quote:
        raise UnitError(_('It has a quote {quote} without an end.', quote=quote))
    return [*words, (word, is_plain)] if is_open else words


def _escape(text: str, place: int) -> tuple[str, int]:
    r"""Return what a backslash and what follows it stand for, and the place after that."""
    rest = text[place + 1 :]
    if rest[:1] in ESCAPES:
        return ESCAPES[rest[0]], place + 2
    if rest[:1] and rest[0] in '\\"\'':
        return rest[0], place + 2
    number = re.match(r'x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([0-7]{3})', rest)
    if number is None:
        raise UnitError(_('It has the escape \\{rest}, which cannot be read.', rest=rest[:1]))
    digits = number[1] or number[2]
    return chr(int(digits, 16) if digits else int(number[3], 8)), place + 1 + len(number[0])


def is_unit_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None
