"""Lengths of time as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.durations import read_duration, words_of


@pytest.mark.parametrize(
    ('text', 'seconds'),
    [
        ('90', 90),
        ('0', 0),
        ('1.5', 1.5),
        ('1h 30m', 5400),
        ('1h30m', 5400),
        ('2 hours', 7200),
        ('1 hour 5 min', 3900),
        ('500ms', 0.5),
        ('1w 2d', 777600),
        ('1 hora 5 min', 3900),
        ('2 dias', 172800),
        ('1,5 h', 5400),
        ('00:05', 300),
        ('1:30', 5400),
        ('0:00:05', 5),
        ('100:00', 360000),
    ],
)
def test_a_length_is_read(text: str, seconds: float) -> None:
    assert read_duration(f' {text} ') == timedelta(seconds=seconds)


@pytest.mark.parametrize('text', ['', 'soon', '-5', '1:75', '1x', 'PT5M', '5 h later', '9' * 400, '1,000 s'])
def test_other_texts_are_none(text: str) -> None:
    assert read_duration(text) is None


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=10_000)))
def test_what_is_shown_is_read_back(length: timedelta) -> None:
    assert read_duration(words_of(length)) == length
