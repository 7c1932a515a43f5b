"""Lengths of time as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.scheduler.event.duration import in_units, seconds_in


@pytest.mark.parametrize(
    ('text', 'seconds'),
    [
        ('', None),
        ('30', 1800),
        ('30 min', 1800),
        ('1 h 30', 5400),
        ('1,5 hours', 5400),
        ('45s', 45),
        ('2 days', 172800),
        ('1 hora 30', 5400),
    ],
)
def test_a_length_is_read_as_it_is_meant(text: str, seconds: float | None) -> None:
    assert seconds_in(text) == seconds


@pytest.mark.parametrize('text', ['soon', '5 apples', '-3 min', '1:30', 'min', '2.52.5', '1' * 40 + '!'])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is all it says
        seconds_in(text)


@given(st.integers(0, 30 * 86_400))
def test_every_length_is_read_as_it_was_written(seconds: int) -> None:
    assert seconds_in(in_units(seconds)) == seconds
