"""What a press on a counter shows and hides, and the bars beside its count."""

import re

import pytest

from pages.logs.counters import BARS, HEIGHT, spark_of, toggled
from pages.logs.filter import GROUPS

ALL = frozenset(GROUPS)
ERROR = frozenset({'error'})


@pytest.mark.parametrize(
    ('before', 'pressed', 'is_alone', 'after'),
    [
        (None, 'error', False, ALL - ERROR),
        (ALL - ERROR, 'error', False, None),
        (ERROR, 'error', False, frozenset()),
        (frozenset(), 'error', False, ERROR),
        (None, 'error', True, ERROR),
        (frozenset({'info', 'error'}), 'error', True, ERROR),
        (ERROR, 'error', True, None),
        (frozenset({'info'}), 'error', True, ERROR),
    ],
)
def test_a_press_shows_or_hides_and_with_alt_only_this_or_all_again(
    before: frozenset[str] | None, pressed: str, is_alone: bool, after: frozenset[str] | None
) -> None:
    assert toggled(before, pressed, is_alone=is_alone) == after


def test_the_highest_bar_fills_the_spark_and_an_empty_one_is_still_to_be_seen() -> None:
    past, now = spark_of([0] * (BARS - 2) + [4, 2])

    heights = [float(height) for height in re.findall(r'v-([\d.]+)', past)]
    assert heights == [1.5] * (BARS - 2) + [HEIGHT - 2]
    assert re.findall(r'v-([\d.]+)', now) == [f'{(HEIGHT - 2) / 2:.1f}']
