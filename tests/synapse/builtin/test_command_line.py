"""Words and shell syntax in a pasted command line, and in the words that a program sends."""

import shlex
import shutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.builtin.command_line import (
    UnclosedQuote,
    command_line,
    explained,
    needs_shell,
    plainly_shell,
    script_of,
    why_shell,
)

posix = pytest.mark.skipif(sys.platform == 'win32', reason='needs a POSIX shell')

PLAIN = {
    'rsync -a /a /b': ['rsync', '-a', '/a', '/b'],
    'restic -r "/srv/my repo" backup': ['restic', '-r', '/srv/my repo', 'backup'],
    "grep 'a|b' file": ['grep', 'a|b', 'file'],
    'find . -exec rm {} \\;': ['find', '.', '-exec', 'rm', '{}', ';'],
    "awk '$1 > 2' f": ['awk', '$1 > 2', 'f'],
    'echo "100 %"': ['echo', '100 %'],
    "grep '' f": ['grep', '', 'f'],
    'tar \\\n  -czf a.tgz b': ['tar', '-czf', 'a.tgz', 'b'],
    'ls -l # the folder': ['ls', '-l'],
    'yt-dlp https://example.org/watch?v=1': ['yt-dlp', 'https://example.org/watch?v=1'],
    "python -c 'a\nb'": ['python', '-c', 'a\nb'],
    'echo \\$HOME': ['echo', '$HOME'],
    'echo\u00a0a': ['echo', 'a'],
    '$ git log HEAD~2': ['git', 'log', 'HEAD~2'],
    "sed 's/$/x/' f": ['sed', 's/$/x/', 'f'],
}

SYNTAX = {
    'a | b': ['|'],
    'a && b': ['&&'],
    'a; b': [';'],
    'sleep 5 &': ['&'],
    'a > out 2>&1': ['>', '2>&1'],
    'a <in': ['<'],
    'ls ~/x': ['~/x'],
    'ls $HOME "${A}/b"': ['$HOME', '${A}'],
    'echo $(date) `id`': ['$(date)', '`id`'],
    'echo "today: `date`"': ['`date`'],
    'cd /tmp': ['cd'],
    'export A=b': ['export'],
    'FOO=1 cmd': ['FOO=1'],
    'ls *.txt': ['*.txt'],
    'ls [ab]?': ['[ab]?'],
    "echo $'a'": ["$'"],
}


@pytest.mark.parametrize('text', PLAIN)
def test_a_command_line_is_split_as_a_shell_would(text: str) -> None:
    line = command_line(text)

    assert (line.words, line.syntax, line.has_lines) == (PLAIN[text], [], False)


@pytest.mark.parametrize('text', SYNTAX)
def test_what_only_a_shell_acts_upon_is_recognized(text: str) -> None:
    assert command_line(text).syntax == SYNTAX[text]


def test_lines_and_open_quotes_are_noticed() -> None:
    assert command_line('cd /srv\n./sync.sh').has_lines
    with pytest.raises(UnclosedQuote, match='" is not closed'):
        command_line('echo "a')


@posix
@given(st.lists(st.text(st.characters(exclude_characters='\0', exclude_categories=['Cs'])), min_size=1))
def test_quoted_words_come_back_whatever_is_in_them(words: list[str]) -> None:
    line = command_line(shlex.join(['x', *words]))

    assert (line.words[1:], line.syntax) == (words, [])


REFUSED = [
    ['true', '&&', 'false'],
    ['echo', 'a', '|', 'wc'],
    ['grep', 'x', 'file', '|', 'wc', '-l'],
    ['ls', '-t', '|', 'head'],
    ['sleep', '5', '&'],
    ['ls', ';', 'ls'],
    ['date', '>', 'out'],
    ['date', '>out'],
    ['date', '2>&1'],
    ['date', '2>/dev/null'],
    ['wc', '<', 'in'],
    ['cd', '/tmp'],
    ['source', 'x'],
    ['~/x'],
    ['$HOME/x'],
    ['rsync', '-a', '/a', '~/b'],
    ['ls', '${HOME}'],
    ['echo', '$(date)'],
    ['echo', '`date`'],
    ['FOO=1', 'cmd'],
]
HARMLESS = [
    ['grep', 'a|b'],
    ['grep', '-F', '|', 'file'],
    ['find', '.', '-name', '*.txt', '-exec', 'rm', '{}', ';'],
    ['find', '.', '(', '-name', 'a', '-o', '-name', 'b', ')', '!', '-empty'],
    ['awk', '$1 > 2', 'f'],
    ['awk', '-F', '|', '{print $1}', 'f'],
    ['cut', '-d', '|', '-f', '2'],
    ['sort', '-t', ';', 'f'],
    ['tr', '|', ','],
    ['expr', '5', '>', '3'],
    ['[', 'a', '<', 'b', ']'],
    ['echo', '100 %'],
    ['echo', '<b>bold</b>', '->', '=>', '$5', 'a;b', 'a&b'],
    ['git', 'log', 'HEAD~2', '--format=%h > %s'],
    ['git', 'config', 'core.excludesfile', '~/.gitignore'],
    ['ssh', 'nas', 'ls', '~/films', '$HOME'],
    ['pip', 'install', 'a>=1', '>=2'],
    ['sh', '-c', 'a && b | c > $HOME'],
    ['bash', '-c', 'echo', '$HOME'],
    ['psql', '-c', 'select 1;'],
    ['tmux', 'new', '-d', ';', 'split-window'],
    ['curl', 'http://x/?a=1&b=2'],
    ['sudo', 'cut', '-d', '|', 'f'],
    ['sendmail', '<anna@example.org>'],
    ['C:\\tools\\x.exe', '%HOME%'],
    ['printf', '%s|%s\n', 'a', 'b'],
]


@pytest.mark.parametrize('words', REFUSED, ids=' '.join)
def test_words_that_are_plainly_shell_syntax_are_named(words: list[str]) -> None:
    found = plainly_shell(words)

    assert found
    assert set(found) <= set(words)
    assert all(word in explained(word, is_first=word == words[0]) for word in found)


@pytest.mark.parametrize('words', HARMLESS, ids=' '.join)
def test_arguments_that_merely_contain_such_characters_are_harmless(words: list[str]) -> None:
    assert plainly_shell(words) == []


@pytest.mark.parametrize(
    ('text', 'why'),
    [
        ('ls ~ | wc -l', '“|” and “~” are for a shell, which is not used here.'),
        ('a; b; c', '“;” is for a shell, which is not used here.'),
        ('cat *.txt | sort > x', '“|”, “>” and “*.txt” are for a shell, which is not used here.'),
        ('A=1 b < c > d 2>&1 | e && f', '“<”, “>”, “2>&1”, “|” and 2 more are for a shell, which is not used here.'),
    ],
)
def test_all_that_only_a_shell_acts_upon_is_said_at_once_operators_first(text: str, why: str) -> None:
    assert needs_shell(command_line(text)) == why
    assert why_shell(plainly_shell(['ls', '~', '|', 'wc']), 'ls').startswith('“|” and “~” are')


def test_what_can_be_written_out_is() -> None:
    why = needs_shell(command_line('cp ~/a ~/b'))

    assert why.split(' Only ')[0].endswith('/a instead.')
    assert why.endswith('/b instead.')


@posix
@pytest.mark.parametrize(
    ('command', 'printed'),
    [
        (['echo a | tr a b; echo c'], 'b\nc\n'),
        (['echo', 'a b', '&&', 'echo', "it's"], "a b\nit's\n"),
        (['echo', '1|2', '|', 'cut', '-d', '|', '-f', '2'], '2\n'),
        (['A=b', 'sh', '-c', 'echo $A'], 'b\n'),
        (['cd', '/usr', '&&', 'echo', 'bi*'], 'bin\n'),
    ],
)
def test_a_shell_makes_of_the_script_what_was_meant(command: list[str], printed: str) -> None:
    shell = shutil.which('sh') or ''

    done = subprocess.run([shell, '-c', script_of(command)], capture_output=True, text=True, check=True)

    assert done.stdout == printed
