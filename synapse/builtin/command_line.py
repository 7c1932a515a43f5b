"""A command line as a person pastes it: the words a shell would make of it, and what only a shell would act upon.

The rules are those of POSIX, Shell Command Language, 2.2 and 2.6: quotes, escapes, operators, expansions. Nothing is
expanded here.
"""

import os
import re
import shlex
import shutil
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synapse.host.not_found import BUILT_INS
from synapse.language import _

BLANKS = ' \t\u00a0'
"""A no-break space is what web pages put between words."""
OPERATORS = ('<<<', '<<-', '&>>', '&&', '||', ';;', '|&', '<<', '>>', '>|', '>&', '<&', '<>', '&>', *'|&;<>()')
MOST_NAMED = 5
_EXPANSION = re.compile(r'\$(?:[A-Za-z_]\w*|\{[^}]*\}?|\([^)]*\)?|[0-9@*#?$!-])')
_DESCRIPTOR = re.compile(r'\d*|-')
_ASSIGNMENT = re.compile(r'[A-Za-z_]\w*=')

_ALWAYS = '. alias cd exec export popd pushd set source unalias unset { ( !'
ALWAYS_BUILT_IN = frozenset(_ALWAYS.split())
"""These a program of the same name cannot replace."""


class UnclosedQuote(ValueError):
    """A quote in the command line has no end."""


@dataclass
class CommandLine:
    """Words without their quotes, and what of the text only a shell acts upon, as it was typed."""

    words: list[str] = field(default_factory=list)
    syntax: list[str] = field(default_factory=list)
    has_lines: bool = False
    """Whether there is more after a line end that belongs to no word."""


def command_line(text: str) -> CommandLine:
    """Return what a shell would make of the text, a `$ ` of a prompt in front of it left out.

    :raises UnclosedQuote: if a quote has no end
    """
    return _Reader(text.strip().removeprefix('$ ')).read()


def needs_shell(line: CommandLine) -> str:
    """Return what a shell is needed for, in one or two sentences; empty if none is."""
    if line.syntax:
        return why_shell(line.syntax, first=line.words[0])
    return _('Several lines are for a shell, which is not used here.') if line.has_lines else ''


def hides_failures(script: str) -> bool:
    """Whether a script has a pipe, of which a shell ignores all exit codes but the last, and does not say otherwise."""
    try:
        syntax = command_line(script).syntax
    except UnclosedQuote:
        return False
    return ('|' in syntax or '|&' in syntax) and 'pipefail' not in script


def typed_command(text: str) -> CommandLine:
    """Return the words that a person typed: a command line, or each word on a line of its own.

    :raises UnclosedQuote: if a quote in a command line has no end
    """
    lines = [line.strip() for line in text.split('\n') if line.strip()]
    try:
        line = command_line(text)
    except UnclosedQuote:
        if len(lines) < 2:
            raise
        return CommandLine(words=lines)
    if not line.has_lines or len(lines[0].split()) > 1:
        return line
    return CommandLine(words=lines, syntax=plainly_shell(lines))


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._line = CommandLine()
        self._word: str | None = None
        self._globs = ''
        self._is_plain = True
        self._ended_line = False

    def read(self) -> CommandLine:
        while self._place < len(self._text):
            self._next()
        self._end_word()
        return self._line

    def _next(self) -> None:
        char = self._text[self._place]
        if char in BLANKS or char in '\r\n':
            self._end_word()
            self._ended_line = self._ended_line or (char == '\n' and bool(self._line.words))
            self._place += 1
        elif char == '#' and self._word is None:
            end = self._text.find('\n', self._place)
            self._place = len(self._text) if end < 0 else end
        elif char == '\\' and os.name != 'nt':
            self._escaped()
        elif char in '\'"':
            self._quoted(char)
        elif char in '|&;<>()':
            self._operator()
        elif char in '$`':
            self._add(self._expansion())
        else:
            self._literal(char)

    def _literal(self, char: str) -> None:
        if char == '~' and self._word is None:
            self._note(re.split(r'\s', self._text[self._place :], maxsplit=1)[0])
        self._add(char)
        self._globs += char if char in '*?[' else ''
        self._place += 1

    def _escaped(self) -> None:
        following = self._text[self._place + 1 : self._place + 2]
        self._place += 2
        if following != '\n':  # else the line continues
            self._add(following or '\\', is_quoted=True)

    def _quoted(self, quote: str) -> None:
        self._place += 1
        self._add('', is_quoted=True)
        while self._place < len(self._text):
            char = self._text[self._place]
            if char == quote:
                self._place += 1
                return
            if quote == '"' and char == '\\' and self._text[self._place + 1 : self._place + 2] in tuple('$`"\\\n'):
                following = self._text[self._place + 1]
                self._add('' if following == '\n' else following, is_quoted=True)
                self._place += 2
            elif quote == '"' and char in '$`':
                self._add(self._expansion(), is_quoted=True)
            else:
                self._add(char, is_quoted=True)
                self._place += 1
        raise UnclosedQuote(_('The quote {quote} is not closed.', quote=quote))

    def _operator(self) -> None:
        operator = next(item for item in OPERATORS if self._text.startswith(item, self._place))
        if operator in ('>&', '<&'):
            operator += _DESCRIPTOR.match(self._text, self._place + 2)[0]  # type: ignore[index]  # it may be empty
        descriptor = self._word if operator[0] in '<>' and self._word and self._word.isdigit() else ''
        if descriptor:
            self._word = None
        self._end_word()
        self._place += len(operator)
        self._note(f'{descriptor}{operator}')
        self._line.words.append(f'{descriptor}{operator}')
        self._is_plain = True

    def _expansion(self) -> str:
        """Return the expansion that starts here, or the character if none does."""
        if self._text[self._place] == '`':
            end = self._text.find('`', self._place + 1)
            found = self._text[self._place : len(self._text) if end < 0 else end + 1]
        else:
            match = _EXPANSION.match(self._text, self._place)
            found = match[0] if match else '$'
        is_escaping = self._text.startswith("$'", self._place)
        if found != '$' or is_escaping:
            self._note("$'" if is_escaping else found)
        self._place += len(found)
        return found

    def _add(self, text: str, *, is_quoted: bool = False) -> None:
        if self._word is None:
            self._word, self._globs, self._is_plain = '', '', True
            self._line.has_lines = self._line.has_lines or self._ended_line
        self._word += text
        self._is_plain = self._is_plain and not is_quoted

    def _end_word(self) -> None:
        word, self._word = self._word, None
        if word is None:
            return
        if not self._line.words and self._is_plain and (word in BUILT_INS or _ASSIGNMENT.match(word)):
            if word in ALWAYS_BUILT_IN or not shutil.which(word):
                self._note(word)
        elif self._globs.replace('[', '' if ']' not in word else '[') and not ('://' in word and '*' not in word):
            self._note(word)
        self._line.words.append(word)

    def _note(self, what: str) -> None:
        self._line.syntax.append(what)


def script_of(command: Sequence[str]) -> str:
    """Return the text of a script for a shell: one entry as it is, several as the words of a command.

    Of these, what is plainly shell syntax and what may be a pattern is left to the shell, the rest quoted as needed.
    """
    if len(command) == 1:
        return command[0]
    script: list[str] = []
    words: list[str] = []  # of the program that this word belongs to
    for word in command:
        is_syntax = _is_for_shell(word) if not words else _is_syntax(word) and not _is_argument(words, word)
        script.append(word if is_syntax or _PATTERN.fullmatch(word) else shlex.quote(word))
        words = [] if is_syntax and _CONTROL.fullmatch(word) else [*words, word]
    return ' '.join(script)


# Words that no shell reads, and that make sense only to one

_OPERATOR = re.compile(r'\|\|?|\|&|&&?|;;?|(\d*|&)(>>|>\||>&|<&|<>|<<<|<<-?|>|<)(?!=)\S*')
_CONTROL = re.compile(r'\|\|?|\|&|&&?|;;?')
_HOME = re.compile(r'~[\w.-]*(/\S*)?')
_VARIABLE = re.compile(r'\$(\{\w+[^}\s]*\}|[A-Z_][A-Z0-9_]*)(/\S*)?')
_PATTERN = re.compile(r'[\w./~:,=@%+-]*[*?][\w./~:,=@%+*?-]*')
_OUTPUT = re.compile(r'(\$\(|`)\S*')

_WRAPPERS = frozenset({'sudo', 'doas', 'nice', 'nohup', 'time', 'env'})
_SHELLS = frozenset({'sh', 'bash', 'dash', 'ash', 'zsh', 'ksh', 'fish'})
_EXPANDS_ITSELF = frozenset({'ssh', 'mosh', 'git', 'docker', 'podman', 'kubectl', 'adb', 'envsubst', 'make'})
_OPERANDS = {'grep': 1, 'egrep': 1, 'fgrep': 1, 'rg': 1, 'ag': 1, 'sed': 1, 'awk': 1, 'jq': 1, 'tr': 2}
_OPERANDS |= {'expr': 99, 'test': 99, '[': 99}
"""How many operands a program cannot do without: an operator among them is an operand."""
_OPTIONS = {'cut': '-d', 'sort': '-t', 'join': '-t', 'paste': '-d', 'column': '-s -o', 'xargs': '-d -I -E'}
_OPTIONS |= {'awk': '-F', 'gawk': '-F', 'mawk': '-F', 'grep': '-e', 'sed': '-e', 'psql': '-F -R'}
"""Options that a program cannot do without a value for: an operator after them is that value."""
_ENDS = ('-exec', '-execdir', '-ok', '-okdir', '-x', '-X', '--exec', '--exec-batch')


def plainly_shell(command: Sequence[str]) -> list[str]:
    """Return the words that would mean something only to a shell.

    An argument that merely contains such characters does not count, nor does one that the program has a use for.
    """
    words = list(command)
    found = words[:1] if words and _is_for_shell(words[0]) else []
    while len(words) > 1 and words[0] in _WRAPPERS:
        del words[0]
    if words and Path(words[0]).name in _SHELLS:
        return found
    rest = (word for place, word in enumerate(words) if place and not _is_argument(words[:place], word))
    return [*found, *filter(_is_syntax, rest)]


def _is_for_shell(first: str) -> bool:
    if any(char in string.whitespace for char in first):
        return False
    if first in BUILT_INS:
        return first in ALWAYS_BUILT_IN or not shutil.which(first)
    return _is_syntax(first) or bool(_ASSIGNMENT.match(first))


def _is_syntax(word: str) -> bool:
    if word.startswith('<') and word.endswith('>') and len(word) > 2:
        return False  # <b>, <anna@example.org>
    return any(pattern.fullmatch(word) for pattern in (_OPERATOR, _HOME, _VARIABLE, _OUTPUT))


def _is_argument(words: Sequence[str], word: str) -> bool:
    """Whether a program with these words before has a use for this one."""
    program, before = Path(words[0]).name, words[1:]
    if not _OPERATOR.fullmatch(word):
        return program in _EXPANDS_ITSELF
    if before and before[-1] in _OPTIONS.get(program, '').split():
        return True
    if word == ';' and (program == 'tmux' or any(option in before for option in _ENDS)):
        return True
    operands = [item for item in before if not item.startswith('-')]
    return len(operands) < _OPERANDS.get(program, 0)


def why_shell(found: Sequence[str], first: str) -> str:
    """Return what a shell is needed for, all of it, in one or two sentences.

    :param found: what only a shell acts upon
    :param first: the first word of the command
    """
    found = sorted(dict.fromkeys(found), key=lambda word: not _OPERATOR.match(word))
    can_be_written_out = all(_HOME.fullmatch(word) or _VARIABLE.fullmatch(word) for word in found)
    if len(found) <= (2 if can_be_written_out else 1):
        return ' '.join(explained(word, is_first=word == first) for word in found)
    names = [f'“{word}”' for word in found]
    if len(names) > MOST_NAMED:
        return _(
            '{names} and {count} more are for a shell, which is not used here.',
            names=', '.join(names[: MOST_NAMED - 1]),
            count=len(names) - MOST_NAMED + 1,
        )
    return _('{names} and {last} are for a shell, which is not used here.', names=', '.join(names[:-1]), last=names[-1])


def explained(word: str, *, is_first: bool) -> str:
    """Return what a word is to a shell, and what to write instead without one; one or two sentences."""
    if _HOME.fullmatch(word):
        return _('Only a shell replaces {word}: write {filled} instead.', word=word, filled=_filled(word))
    if _VARIABLE.fullmatch(word):
        filled = _filled(word)
        if filled == word:
            return _('Only a shell replaces {word}.', word=word)
        return _('Only a shell replaces {word}: write {filled} instead.', word=word, filled=filled)
    if _OUTPUT.fullmatch(word):
        return _('Only a shell runs {word} and puts in what it prints.', word=word)
    if is_first and _ASSIGNMENT.match(word):
        return _(
            '{word} in front of a program is for a shell: give it as a variable of the environment instead.', word=word
        )
    if word in ('cd', 'pushd', 'popd'):
        return _("“{word}” isn't a program but part of a shell: give the folder to start in instead.", word=word)
    if word in BUILT_INS:
        return _("“{word}” isn't a program but part of a shell.", word=word)
    return _('“{word}” is for a shell, which is not used here.', word=word)


def _filled(word: str) -> str:
    return os.path.expandvars(os.path.expanduser(word))  # noqa: PTH111 - the other fails without a home
