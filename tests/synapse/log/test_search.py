import time

import pytest
import regex
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from storage.logs.text import folded, searched
from synapse.errors import Invalid
from synapse.log.search import Search, literals_of

PATTERNS = st.text(st.sampled_from('ab.*+?|()[]^${}\\d1,2-: '), max_size=12) | st.from_regex(
    r'([ab.]|\(\?:a\|?\)|\(\?=b\)|\(\?<!a\)|\(a\|b\)[*?]?|\\[.ds]|[ab][?*+]|[ab]\{0,2\}|\[\^?[ab]\]){1,6}',
    fullmatch=True,
)


@pytest.mark.parametrize(
    ('search', 'spans'),
    [
        (Search(text='frame'), [(0, 5), (6, 11)]),
        (Search(text='frame', is_case_sensitive=True), [(6, 11)]),
        (Search(text='ÜB'), [(12, 14)]),
        (Search(text='.'), []),
        (Search(text=''), []),
        (Search(text=r'f\w+', is_regex=True), [(0, 5), (6, 11)]),
        (Search(text=r'^f\w+', is_regex=True, is_case_sensitive=True), []),
        (Search(text=r'x*', is_regex=True), []),
    ],
)
def test_a_search_returns_where_it_matches(search: Search, spans: list[tuple[int, int]]) -> None:
    assert search.spans('FRAME frame über') == spans


def test_there_are_at_most_fifty_places() -> None:
    assert len(Search(text='a').spans('a' * 1_000)) == 50
    assert len(Search(text='a', is_regex=True).spans('a' * 1_000)) == 50


@pytest.mark.parametrize(
    'text', ['(', '[a', '*', 'a{9999}{9999}', 'a{1,99999999}', '(a{200}){200}', '(' * 400, 'a' * 501]
)
def test_an_invalid_regular_expression_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(Invalid) as error:
        Search(text=text, is_regex=True)

    assert error.value.code == 'bad_pattern'
    assert error.value.message.startswith('This is not a regular expression: ')


def test_a_regular_expression_without_end_is_given_up() -> None:
    search = Search(text=r'(?:a+)+$|(?R)', is_regex=True)
    since = time.process_time()

    assert not any(search.is_in('a' * 2_000 + '!') for _ in range(100))

    assert search.is_too_slow
    assert search.spans('aaa') == []
    assert time.process_time() - since < 5


def test_a_regular_expression_that_is_slow_on_every_line_is_given_up_after_a_second() -> None:
    search = Search(text=r'(.+)+\d\d\d\d\d', is_regex=True)
    texts = [('ab' * 50) + str(number) for number in range(1_000)]
    since = time.thread_time()

    assert search.which(texts) == []

    assert search.is_too_slow
    assert time.thread_time() - since < 2.5


@settings(deadline=None)
@given(text=st.text(), other=st.text())
def test_folding_keeps_places_and_ignores_case_only(text: str, other: str) -> None:
    assert len(folded(text)) == len(text)
    assert folded(text.swapcase() if len(text.swapcase()) == len(text) else text) is not None
    assert folded(text) in folded(other + text)
    assert folded(folded(text)) == folded(text)


@settings(deadline=None)
@given(text=st.text(st.characters(codec='ascii')))
def test_only_what_sqlite_would_see_otherwise_is_kept_twice(text: str) -> None:
    is_odd = '\x1b' in text or '\0' in text

    assert (searched(text) is None) == (not is_odd)


@settings(deadline=None)
@given(pattern=PATTERNS, text=st.text(st.sampled_from('ab.1:- AB'), max_size=12))
def test_the_index_is_asked_for_nothing_that_a_match_need_not_have(pattern: str, text: str) -> None:
    try:
        search = Search(text=pattern, is_regex=True)
    except Invalid:
        assume(False)

    if search.is_in(text):
        assert all(folded(part) in folded(text) for part in search.parts)


@settings(deadline=None)
@given(
    pattern=PATTERNS
    | st.sampled_from([r'a$', r'^b', r'\ba', r'\Bb', r'a\s', r'[^a]', r'(a|b)\1', 'a{e<=1}b', r'a\Z', 'a++', '']),
    texts=st.lists(st.text(st.sampled_from('ab.1: \nAB'), max_size=6), max_size=12),
)
def test_many_lines_at_once_are_judged_as_one_by_one(pattern: str, texts: list[str]) -> None:
    try:
        search = Search(text=pattern, is_regex=True)
    except Invalid:
        assume(False)

    assert search.which(texts) == [place for place, text in enumerate(texts) if search.is_in(text)]


def test_a_batch_that_takes_too_long_is_judged_one_by_one() -> None:
    search = Search(text=r'(a+)+[bc]$', is_regex=True)
    texts = ['x'] * 300 + ['aac'] + ['a' * 3_000 + '!'] + ['ab']

    assert search.which(texts) == [300, 302]


@pytest.mark.parametrize(
    ('pattern', 'literals'),
    [
        ('frame=.*speed', ['frame=', 'speed']),
        ('err(or)?s', ['err', 's']),
        (r'\d+\.mp4$', ['.mp4']),
        ('foo|bar', []),
        ('(?x)f oo', []),
        (r'(?:disk|tape) full(?!y)', [' full']),
        ('[[:alpha:]x]y', []),
        ('ab?c+d', ['a', 'c', 'd']),
    ],
)
def test_most_regular_expressions_have_texts_to_look_for(pattern: str, literals: list[str]) -> None:
    assert literals_of(pattern) == literals
    assert regex.compile(pattern)
