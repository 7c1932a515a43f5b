"""Tracebacks among printed lines: texts as Python itself prints them, of this version and of others."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.protocol.tracebacks import MOST_CHARACTERS, Folded, TracebackFolder, summary_of

PROGRAMS = {
    'uncaught': ('1 / 0', 'ZeroDivisionError: division by zero'),
    'printed': (
        'import traceback\ntry: {}["x"]\nexcept KeyError: traceback.print_exc()',
        "KeyError: 'x'",
    ),
    'thread': (
        'import threading\nt = threading.Thread(target=lambda: int("x")); t.start(); t.join()',
        "ValueError: invalid literal for int() with base 10: 'x'",
    ),
    'during': ('try: 1 / 0\nexcept ZeroDivisionError: {}["x"]', "KeyError: 'x'"),
    'from': ('try: 1 / 0\nexcept ZeroDivisionError as e: raise OSError("no") from e', 'OSError: no'),
    'group': (
        'def f():\n    raise ExceptionGroup("many", [ValueError(1), ExceptionGroup("in", [TypeError("t")])])\nf()',
        'ExceptionGroup: many (2 sub-exceptions)',
    ),
    'group from': (
        'try: 1 / 0\nexcept ZeroDivisionError as e: raise ExceptionGroup("many", [ValueError(1)]) from e',
        'ExceptionGroup: many (1 sub-exception)',
    ),
    'syntax': ('print(', "SyntaxError: '(' was never closed"),
    'syntax in eval': ('eval("1 +")', 'SyntaxError: invalid syntax'),
    'recursion': ('def f(): f()\nf()', 'RecursionError: maximum recursion depth exceeded'),
    'own class': ('class odd(Exception): pass\nclass Odd(Exception): pass\nraise Odd', 'Odd'),
    'qualified': ('import json\njson.loads("{")', 'json.decoder.JSONDecodeError: Expecting property name'),
    'text of lines': ('raise ValueError("one\\n  two\\n  three")', 'ValueError: one'),
    'note': ('e = ValueError("x"); e.add_note("  a note"); raise e', 'ValueError: x'),
    'pydantic': (
        'from pydantic import BaseModel\nclass M(BaseModel):\n    a: int\n    b: int\nM(a="x", b="y")',
        'pydantic_core._pydantic_core.ValidationError: 2 validation errors for M',
    ),
    'interrupt': ('raise KeyboardInterrupt', 'KeyboardInterrupt'),
    'pool': (
        'import multiprocessing\nmultiprocessing.get_context("fork").Pool(1).map(int, ["x"])',
        "ValueError: invalid literal for int() with base 10: 'x'",
    ),
    'del': ('class D:\n    def __del__(self): 1 / 0\nD()', 'ZeroDivisionError: division by zero'),
}


def printed_by(code: str, folder: Path) -> list[str]:
    (folder / 'program.py').write_text(code)
    program = subprocess.run([sys.executable, str(folder / 'program.py')], capture_output=True, text=True)
    return program.stderr.rstrip('\n').split('\n')


def folded(*texts: str) -> list[Folded]:
    folder = TracebackFolder()
    return [*folder.feed([('t', text) for text in texts]), *folder.release()]


def shape(parts: list[Folded]) -> list[tuple[bool, str]]:
    return [(part.is_traceback, '\n'.join(text for _, text in part.lines)) for part in parts]


@pytest.mark.parametrize('name', PROGRAMS)
def test_a_traceback_of_a_real_program_is_one(name: str, tmp_path: Path) -> None:
    code, said = PROGRAMS[name]
    lines = printed_by(code, tmp_path)

    found = shape(folded('before', *lines, 'after all'))

    assert found == [(False, 'before'), (True, '\n'.join(lines)), (False, 'after all')]
    summary = summary_of(found[1][1])
    assert summary is not None
    assert found[1][1][slice(*summary)].startswith(said)


COLOURED = [  # as Python 3.13 prints it
    'Traceback (most recent call last):',
    '  File \x1b[35m"/x.py"\x1b[0m, line \x1b[35m1\x1b[0m, in \x1b[35m<module>\x1b[0m',
    '    \x1b[31m1 \x1b[0m\x1b[1;31m/\x1b[0m\x1b[31m 0\x1b[0m',
    '    \x1b[31m~~\x1b[0m\x1b[1;31m^\x1b[0m\x1b[31m~~\x1b[0m',
    '\x1b[1;35mZeroDivisionError\x1b[0m: \x1b[35mdivision by zero\x1b[0m',
]


def test_a_coloured_one_keeps_its_colours() -> None:
    assert shape(folded(*COLOURED)) == [(True, '\n'.join(COLOURED))]


@pytest.mark.parametrize(
    'lines',
    [
        ['Exception in thread "main" java.lang.RuntimeException: x', '\tat Main.main(Main.java:3)'],
        ['Exception in thread "main":', '\tat Main.main(Main.java:3)'],
        ['panic: runtime error', '', 'goroutine 1 [running]:', 'main.main()', '\t/x.go:4 +0x1d', 'exit status 2'],
        ['Error: x', '    at f (/x.js:1:7)', '    at node:internal/main:1:2', '', 'Node.js v20'],
        ["thread 'main' panicked at src/main.rs:2:5:", 'x', 'note: run with `RUST_BACKTRACE=1`'],
        ['Traceback (most recent call last):', 'and that was all'],
        ['Process finished:', 'well'],
        ['  File "x.txt" was copied', '  File "y.txt" too'],
    ],
    ids=['java', 'java with a colon', 'go', 'node', 'rust', 'only the first line', 'process', 'file'],
)
def test_other_lines_stay_as_they_are(lines: list[str]) -> None:
    assert shape(folded(*lines)) == [(False, '\n'.join(lines))]


def test_lines_of_others_in_between_come_first() -> None:
    found = shape(folded(*COLOURED[:2], 'INFO:root:hello', 'a second thing', *COLOURED[2:], 'ERROR: later'))

    assert found == [
        (False, 'INFO:root:hello\na second thing'),
        (True, '\n'.join(COLOURED)),
        (False, 'ERROR: later'),
    ]


def test_two_in_a_row_are_two() -> None:
    assert [is_one for is_one, _ in shape(folded(*COLOURED, *COLOURED))] == [True, True]


def test_one_that_takes_long_is_continued_in_an_entry_of_its_own() -> None:
    folder = TracebackFolder()
    assert folder.feed([('t', text) for text in COLOURED[:3]]) == []

    first = folder.release()
    rest = [*folder.feed([('t', text) for text in COLOURED[3:]]), *folder.release()]

    assert shape(first) == [(True, '\n'.join(COLOURED[:3]))]
    assert shape(rest) == [(True, '\n'.join(COLOURED[3:]))]
    assert folder.is_idle


def test_what_only_looks_like_one_is_held_up_to_a_limit() -> None:
    folder = TracebackFolder()
    lines = [('t', COLOURED[0]), *[('t', f'  {"x" * 1000}')] * 1000]

    found = folder.feed(lines)

    sizes = [sum(len(text) for _, text in part.lines) for part in found]
    assert len(found) >= 3
    assert max(sizes) < MOST_CHARACTERS + 2_000


@given(
    st.lists(
        st.sampled_from([*COLOURED, '', 'x', '  x', '"""', 'done: 1', 'ValueError: 1', '  | x', '  + y', '    +---'])
    )
)
def test_no_line_is_lost_or_doubled(texts: list[str]) -> None:
    kept = [line for part in folded(*texts) for line in part.lines]

    assert sorted(text for _, text in kept) == sorted(texts)
