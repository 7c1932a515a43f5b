"""What programs draw becomes lines and rows, as on a terminal."""

import itertools
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.protocol.lines import ByteLines
from synapse.protocol.screen import FULL_SCREEN, HEIGHT, WIDTH, Screen

BAR = '━' * 40


def lines_of(*texts: str, seconds: float = 0.0) -> list[str]:
    """What is stored of these texts, which are printed `seconds` apart."""
    screen = Screen()
    lines = [line for number, text in enumerate(texts) for line in screen.feed(text, number * seconds)]
    return lines + screen.finish()


def rows_of(*texts: str) -> list[str]:
    screen = Screen()
    for text in texts:
        screen.feed(text, 0.0)
    return [row.text for row in screen.rows]


@pytest.mark.parametrize(
    ('texts', 'lines'),
    [
        (['one\ntwo\r\nthree\r\r\n\nfour'], ['one', 'two', 'three', '', 'four']),
        (['10 %\r', '20 %\r', '30 %\r\n', 'next\n'], ['30 %', 'next']),
        (['\r 10%', '\r 5%', '\n'], [' 5%%'.replace('%%', '%%')]),
        (['long text\rshort\n'], ['shorttext']),
        (['long text\r\x1b[Kshort\n'], ['short']),
        (['42%\b\b\b43%\b\b\b44%\n'], ['44%']),
        (['|\b/\b-\b\\\b done\n'], [' done']),
        (['abc\x1b[1Gx\x1b[5Gy\n'], ['xbc y']),
        (['abcdef\x1b[3D\x1b[P\x1b[X\n'], ['abc f']),
        (['first\nsecond\n\x1b[2A\x1b[2KFIRST\n\x1b[2KSECOND\n'], ['first', 'second', 'FIRST', 'SECOND']),
        (['\x1b[?25la\nb', '\r\x1b[2K\x1b[1A\x1b[2KA\nB', '\n\x1b[?25h', 'end\n'], ['A', 'B', 'end']),
        (['日本語\r\x1b[2C人\n'], ['日人語']),
        (['e\u0301\b\bxy\n'], ['xy']),
        (['\r   \r', '\n'], []),
        (['text\n\x1b[2J\x1b[Hnext\n'], ['text', 'next']),
        (['\x1b[s\x1b[50;1Hat the bottom\x1b[uhere\n'], ['here']),
        (['\x1b]0;title\x07kept \x1b]8;;http://a\x07link\x1b]8;;\x07\n'], ['\x1b]0;title\x07kept \x1b]8;;http://a\x07link\x1b]8;;\x07']),
        (['cut in \x1b', '[31mtwo\n'], ['cut in \x1b[31mtwo']),
        (['never \x1b['], ['never \x1b[']),
    ],
)  # fmt: skip
def test_text_becomes_the_lines_that_a_terminal_shows(texts: list[str], lines: list[str]) -> None:
    assert lines_of(*texts) == lines


@pytest.mark.parametrize('seed', range(20))
def test_a_binary_file_moves_nothing_that_follows(seed: int) -> None:
    data = random.Random(seed).randbytes(60_000)  # noqa: S311 - the same each time
    screen = ByteLines()

    lines = screen.feed(data + b'\nnext\n', 0.0) + screen.finish()

    assert lines[-1] == 'next'
    assert len(lines) == data.count(b'\n') + 2


def test_a_binary_line_is_shown_and_not_obeyed() -> None:
    assert lines_of('one\n\x04\x1b8a\rb\b\x1b[A\n10 %\r20 %\n') == ['one', '\x04␛8a␍b␈␛[A', '20 %']


def test_a_colour_that_is_left_on_colours_the_next_lines_too() -> None:
    text = '\x1b[31mred\nstill red\n\x1b[1mbold too\n\x1b[22;39mplain\n\x1b[38;5;208mown\nit\x1b[0m\nend\n'

    assert lines_of(text) == [
        '\x1b[31mred',
        '\x1b[31mstill red',
        '\x1b[31m\x1b[1mbold too',
        '\x1b[31;1m\x1b[22;39mplain',
        '\x1b[38;5;208mown',
        '\x1b[38;5;208mit\x1b[0m',
        'end',
    ]


def test_a_redrawn_row_keeps_the_colours_it_is_drawn_with() -> None:
    assert lines_of(f'\r\x1b[32m{BAR}\x1b[0m 10%', f'\r\x1b[32m{BAR}\x1b[0m 99%\n') == [f'\x1b[32m{BAR}\x1b[0m 99%']


def test_what_is_not_complete_is_a_row() -> None:
    assert rows_of('one\nUploading backup... ') == ['Uploading backup... ']
    assert rows_of('10 %\r', '20 %\r') == ['20 %']
    assert rows_of('one\n') == []


def test_a_redrawn_row_is_complete_when_it_is_left_alone_and_keeps_the_order() -> None:
    screen = Screen()

    assert screen.feed('\r 50%\r100%\n', 10.0) == []
    assert screen.feed('after\n', 10.1) == []
    assert [row.text for row in screen.rows] == ['100%', 'after']
    assert screen.due == pytest.approx(10.2)
    assert screen.settle(10.2) == ['100%', 'after']
    assert screen.is_idle


def test_bars_one_below_the_other_are_a_row_each_and_a_line_each() -> None:
    screen = Screen()
    lines: list[str] = []
    for number, percent in enumerate((0, 50, 100)):
        lines += screen.feed(f'\router {percent}%', number)
        lines += screen.feed(f'\n\rinner {percent}%\x1b[A', number)

    assert lines == []
    assert [row.text for row in screen.rows] == ['outer 100%', 'inner 100%']
    assert screen.finish() == ['outer 100%', 'inner 100%']


def test_lines_printed_above_bars_are_stored_while_the_bars_are_drawn() -> None:
    screen = Screen()
    lines = screen.feed(f'\x1b[?25l{BAR} 0%\nfile 0', 0.0)
    for number in range(1, 40):
        lines += screen.feed(f'\r\x1b[2K\x1b[1A\x1b[2Kline {number}\n{BAR} {number}%\nfile {number}', number / 10)

    assert lines == [f'line {number}' for number in range(1, 30)]
    assert [row.text for row in screen.rows][-2:] == [f'{BAR} 39%', 'file 39']


def test_rows_of_dots_that_count_a_percent_are_one_row() -> None:
    rows = [f'{number * 50:6}K .......... .......... ..........  {number}% 12.3M 2s' for number in range(101)]

    assert lines_of('Length: 5 MB\n\n', *(f'{row}\n' for row in rows), '\nsaved\n') == [
        'Length: 5 MB', '', rows[-1], '', 'saved',
    ]  # fmt: skip


def test_what_a_program_draws_on_a_full_screen_is_not_stored() -> None:
    screen = Screen()
    screen.feed('before\n\x1b[?1049h', 0.0)
    lines = [line for number in range(1000) for line in screen.feed(f'\x1b[{number % 50};1Hrow {number}\n', 0.0)]

    assert [*lines, *screen.feed('\x1b[?1049l', 0.0), *screen.feed('after\n', 0.0)] == [FULL_SCREEN, 'after']
    assert screen.size == 0


def test_rows_scroll_out_of_reach() -> None:
    rows = [f'row {number}' for number in range(100)]
    lines = lines_of(*(f'\r{row}\n' for row in rows), f'\x1b[{HEIGHT + 30}A\r\x1b[2Kagain')

    place = 101 - HEIGHT
    assert lines == [*rows[:place], 'again', *rows[place + 1 :]]


def test_the_memory_of_a_screen_is_bounded() -> None:
    screen = Screen()
    for number in range(300):
        screen.feed(f'\x1b[?25l\x1b[9999C{"x" * 3000}\x1b[{number}B\x1b[99;99H{"y" * 20_000}', 0.0)
        screen.feed(f'\r\x1b]{"z" * 2000}\x07\u0301', 0.0)

    assert len(screen._rows) <= HEIGHT + 1
    assert max(len(row.chars) for row in screen._rows) <= WIDTH
    assert sum(len(row.text) for row in screen._rows) < 2_000_000


TEXTS = st.text(st.sampled_from('ab %█日\u0301\r\n\b\t\x1b[]0123456789;?AHJKmhlGsuM\x07c'), max_size=40)


@given(pieces=st.lists(st.binary(max_size=30) | TEXTS.map(str.encode), max_size=8))
def test_no_bytes_break_it_and_nothing_is_left_in_the_end(pieces: list[bytes]) -> None:
    lines = ByteLines()

    for number, piece in enumerate(pieces):
        lines.feed(piece, number / 10)
        assert all(row.text for row in lines.rows)
        lines.settle(number / 10 + 0.05)
    lines.finish()

    assert lines.is_idle
    assert lines.feed(b'a line\n', 0.0) == ['a line']


@given(text=TEXTS, data=st.data())
def test_pieces_of_any_size_draw_the_same(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    pieces = [text[a:b] for a, b in itertools.pairwise([0, *cuts, len(text)])]

    assert _shown(lines_of(*pieces)) == _shown(lines_of(text))


def _shown(lines: list[str]) -> list[str]:
    from storage.logs.text import plain

    return [plain(line) for line in lines]


def test_a_flood_of_plain_lines_costs_next_to_nothing() -> None:
    data = b''.join(b'line %d of a flood\n' % number for number in range(100_000))
    screen, split = ByteLines(), 0.0

    def seconds(work: object) -> float:
        begun = time.process_time()
        work()  # type: ignore[operator]
        return time.process_time() - begun

    split = min(seconds(lambda: data.decode().split('\n')) for _ in range(5))
    cut = min(seconds(lambda: screen.feed(data, 0.0)) for _ in range(5))
    assert cut < 5 * split
