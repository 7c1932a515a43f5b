import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse.log.text import plain, styled, visible

CLASSES = re.compile(r'a-(bold|dim|italic|underline|strike|[fb]g-(\d|1[0-5]))')
HOSTILE = st.text(st.sampled_from('\x1b\x07\x9b[]PX^_\\;:0123456789mMK?!# aä\n\t\r\0\u202e\ufeff\ud800'), max_size=80)
ODD = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]')


@pytest.mark.parametrize(
    ('message', 'text', 'spans'),
    [
        ('plain', 'plain', []),
        ('\x1b[1;31mred\x1b[0m not', 'red not', [(0, 3, 'a-bold a-fg-1')]),
        ('\x1b[92mgreen\x1b[39m\x1b[44m on blue\x1b[49m', 'green on blue', [(0, 5, 'a-fg-10'), (5, 13, 'a-bg-4')]),
        ('\x1b[38;5;196mred\x1b[m', 'red', [(0, 3, 'a-fg-9')]),
        ('\x1b[38;2;255;250;0myellow', 'yellow', [(0, 6, 'a-fg-11')]),
        ('\x1b[38:2::0:0:238;1mblue', 'blue', [(0, 4, 'a-bold a-fg-4')]),
        ('\x1b[48;5;232mdark', 'dark', [(0, 4, 'a-bg-0')]),
        ('\x1b[7mturned\x1b[27m back', 'turned back', [(0, 6, 'a-fg-0 a-bg-7')]),
        ('\x1b[3;4;9mall\x1b[23;24;29m none', 'all none', [(0, 3, 'a-italic a-underline a-strike')]),
        ('\x1b[1;31;58;5;9mword', 'word', [(0, 4, 'a-bold a-fg-1')]),
        ('\x1b[1;31;58;2;255;0;0mword', 'word', [(0, 4, 'a-bold a-fg-1')]),
        ('\x1b[1ma\x1b[1mb', 'ab', [(0, 2, 'a-bold')]),
        ('\x1b[8mhidden', 'hidden', []),
        ('\x1b]8;;https://e.org\x1b\\link\x1b]8;;\x07 end', 'link end', []),
        ('\x1b]0;title that never ends', '0;title that never ends', []),
        ('\x1b[2K\x1b[1Aup\x1b(B\x1b=', 'up', []),
        ('cut off \x1b[38;5', 'cut off ', []),
        ('alone \x1b', 'alone \x1b', []),
        ('😀\x1b[31mé\x1b[0m', '😀é', [(1, 2, 'a-fg-1')]),
    ],
)
def test_escapes_become_styles_or_nothing(message: str, text: str, spans: list[tuple[int, int, str]]) -> None:
    assert styled(message) == (text, spans)
    assert plain(message) == text


@settings(deadline=None)
@given(message=HOSTILE)
def test_whatever_comes_ends_as_text_with_orderly_spans(message: str) -> None:
    text, spans = styled(message)

    assert text == plain(message)
    edges = [edge for start, end, _ in spans for edge in (start, end)]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= len(text) for start, end, _ in spans)
    assert all(CLASSES.fullmatch(word) for _, _, classes in spans for word in classes.split())


@settings(deadline=None)
@given(text=HOSTILE | st.text())
def test_nothing_invisible_stays_and_nothing_moves(text: str) -> None:
    shown = visible(text)

    assert len(shown) == len(text)
    assert not ODD.search(shown)
    assert all(was == now for was, now in zip(text, shown, strict=True) if not ODD.match(was))


def test_control_characters_have_pictures() -> None:
    assert visible('a\0\x1b\r\x7f\x9b\u202eb\ud800\t\n') == 'a␀␛␍␡\ufffd\ufffdb\ufffd\t\n'
