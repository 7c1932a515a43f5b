"""The line that says why, in what real programs printed when they failed, and in what they print besides."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.failures.last_words import LONGEST, complaints, last_words
from synapse.protocol.lines import ByteLines

REAL = (Path(__file__).parent / 'real_outputs.txt').read_bytes()
"""What programs printed when they were made to fail, each with the line to find, or nothing, after `>>> `."""


def _real() -> list[tuple[str, str, bytes, str]]:
    found = re.findall(rb'^@@@ ([\w-]+), (.+?)\n(.*?)^>>> (.*?)\n', REAL, flags=re.MULTILINE | re.DOTALL)
    return [(name.decode(), program.decode(), output, wanted.decode()) for name, program, output, wanted in found]


def reason_of(*rows: str, program: str = '') -> str:
    said = last_words(rows, program)
    return said.text if said else ''


def test_there_are_many_real_outputs() -> None:
    assert len(_real()) == REAL.count(b'@@@ ') > 75


@pytest.mark.parametrize(('name', 'program', 'output', 'wanted'), _real(), ids=[name for name, *_ in _real()])
def test_a_real_failure_is_told_in_its_own_words(name: str, program: str, output: bytes, wanted: str) -> None:
    lines = ByteLines()

    assert reason_of(*lines.feed(output, 0.0), *lines.finish(), program=program) == wanted


@pytest.mark.parametrize(
    ('output', 'wanted'),
    [
        (
            'panic: no rows\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:3 +0x1d\nexit status 2',
            'panic: no rows',
        ),
        (
            "thread 'main' panicked at src/main.rs:2:5:\nno rows\nnote: run with `RUST_BACKTRACE=1` to see more",
            "thread 'main' panicked at src/main.rs:2:5: no rows",
        ),
        (
            'docker: Error response from daemon: pull access denied for x.\nSee "docker run --help".',
            'docker: Error response from daemon: pull access denied for x.',
        ),
        (
            'Unhandled exception. System.IO.IOException: no disk\n   at P.Main() in /x/P.cs:line 3',
            'Unhandled exception. System.IO.IOException: no disk',
        ),
        (
            'PHP Fatal error:  Uncaught Exception: no rows in /x.php:3\nStack trace:\n#0 {main}\n  thrown in /x',
            'PHP Fatal error: Uncaught Exception: no rows in /x.php:3',
        ),
        (
            "x.rb:1:in `go': no rows (RuntimeError)\n\tfrom x.rb:2:in `<main>'",
            "x.rb:1:in `go': no rows (RuntimeError)",
        ),
        (
            'psql: error: connection to server at "db" failed: FATAL:  password authentication failed for "a"',
            'psql: error: connection to server at "db" failed: FATAL: password authentication failed for "a"',
        ),
        (
            "main.c:3:5: error: expected ';' before '}' token\n    3 |     }\n      |     ^\nmake: *** [a] Error 1",
            "main.c:3:5: error: expected ';' before '}' token",
        ),
        (
            'CMake Error at CMakeLists.txt:1 (find_package):\n  Could not find it\n-- Incomplete, errors occurred!',
            'CMake Error at CMakeLists.txt:1 (find_package): Could not find it',
        ),
        (
            'fatal: [web]: UNREACHABLE! => {"msg": "no route"}\n\nPLAY RECAP ****\nweb : ok=1 unreachable=1 failed=0',
            'fatal: [web]: UNREACHABLE! => {"msg": "no route"}',
        ),
        (
            '2026/11/29 21:48:23 ERROR : a: Failed to copy: quota\n2026/11/29 21:48:24 INFO  : \nTransferred: 1 B',
            '2026/11/29 21:48:23 ERROR : a: Failed to copy: quota',
        ),
        ('level=info msg=start\nlevel=error msg="no disk"\nlevel=info msg=bye', 'level=error msg="no disk"'),
        ('tar: a: Funktion stat failed: Datei oder Verzeichnis nicht gefunden', 'tar: a: Funktion stat failed: Datei'),
        ('\x1b[31mERROR\x1b[0m: \x1b[1mno disk\x1b[0m', 'ERROR: no disk'),
        (
            "Usage: sync [OPTIONS] X\nTry 'sync --help' for help.\n╭─ Error ──╮\n│ Missing argument 'X'. │\n╰─────╯",
            "Missing argument 'X'.",
        ),
        (
            "Usage: sync [OPTIONS] X\nTry 'sync --help' for help.\n\nError: Missing argument 'X'.",
            'Error: Missing argument',
        ),
        (
            '╭── Traceback (most recent call last) ──╮\n│ a.py:3 in go │\n╰───╯\nValueError: no rows',
            'ValueError: no rows',
        ),
        ('ERROR:\n  no disk\n', 'ERROR: no disk'),
        ('10 errors were ignored\nERROR: the eleventh', 'ERROR: the eleventh'),
        ('make: *** [all] Error 2', 'make: *** [all] Error 2'),
    ],
)
def test_other_programs_are_understood_too(output: str, wanted: str) -> None:
    assert reason_of(*output.split('\n')).startswith(wanted)


@pytest.mark.parametrize(
    'output',
    [
        '',
        'all done, 5 files',
        'Compared 12 files: 0 errors, 0 failed',
        ' 60%|██████    | 30/50 [00:00<00:00, 556766.02it/s]',
        '[=========================>      ] 83% error rate',
        '     1,234,567  45%    1.20MB/s    0:00:12 (xfr#3, to-chk=4/9) bad',
        'frame=  120 fps= 25 q=28.0 size=     256kB time=00:00:04.80 bitrate= 436.9kbits/s speed=   1x',
        '<html>\n<h1>Error</h1>\n<p>Error code: 404</p>\n</html>',
        'usage: sync [-h] FROM\n\nOptions:\n  --force  go on after an error\n           even if files cannot be read',
        "curl: try 'curl --help' or 'curl --manual' for more information",
        '    at fail (/x/error.js:1:22)',
        '}\n]\n)',
        '2026-11-29 INFO root: could not find the cache, making one',
        'Cleaning up after failure recovery test',
        '2026-11-29 21:48:23 Checking for broken links',
        'Retrying failed uploads',
        'The error report is ready',
        'Sent 3 failed items to the queue',
        'backup of nas failed\n' + 'and then\n' * 10,
    ],
)
def test_where_nothing_says_why_nothing_is_made_up(output: str) -> None:
    assert reason_of(*output.split('\n')) == ''


@pytest.mark.parametrize(
    'line',
    [
        'Backup failed',
        'Upload failed after 3 tries',
        'Connecting to the database failed',
        '12 errors',
        'the disk is full',
        'Missing argument X',
        'Finishing the upload: cannot rename it',
    ],
)
def test_a_complaint_is_enough_near_the_end(line: str) -> None:
    assert reason_of('start', line, 'bye') == line


def test_the_row_is_the_one_that_has_the_line() -> None:
    rows = ['start', 'Traceback (most recent call last):\n  File "a.py", line 1\nKeyError: 1', 'bye', '']

    said = last_words(rows)

    assert said is not None
    assert (said.text, said.row) == ('KeyError: 1', 1)


def test_an_error_long_ago_was_coped_with() -> None:
    rows = ['ERROR: could not connect', *(f'line {number}' for number in range(100)), 'x: Permission denied']

    assert reason_of(*rows) == 'x: Permission denied'


def test_a_reason_is_one_line_of_limited_length() -> None:
    reason = reason_of('ERROR: ' + 'no disk ' * 200)

    assert len(reason) <= LONGEST
    assert reason.endswith('…')


@given(st.lists(st.text(max_size=60), max_size=30), st.text(max_size=10))
def test_whatever_is_printed_it_is_one_short_line_of_it(rows: list[str], program: str) -> None:
    said = last_words(rows, program)

    if said is not None:
        assert 0 < len(said.text) <= LONGEST
        assert '\n' not in said.text
        assert 0 <= said.row < len(rows)


def test_the_lines_that_complain_most_are_found_in_their_order() -> None:
    rows = ['frame= 20 fps=25', 'write(): No space left on device', 'fine', 'ERROR: no trailer', 'Conversion failed!']

    found = complaints(rows, 'ffmpeg', most=2)

    assert [(said.text, said.row) for said in found] == [
        ('write(): No space left on device', 1),
        ('ERROR: no trailer', 3),
    ]
    assert complaints(['all fine', 'done']) == []
