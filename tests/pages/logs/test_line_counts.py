"""New lines are counted into the bars in which they lie, however many come at once and in whatever order."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pages.logs.buckets import buckets_over
from pages.logs.filter import GROUPS
from pages.logs.line_counts import counted, exact_parts
from synapse.log.log import Entry, Level
from synapse.log.queries import bucket_grid

START = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
BUCKETS = buckets_over(START, START + timedelta(minutes=15), 'Europe/Berlin')


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 0.001, 4, 9.999, 10, 895, -3, 5000]), st.sampled_from(list(Level))), min_size=1
    )
)
def test_each_line_is_counted_once_in_its_bar(lines: list[tuple[float, Level]]) -> None:
    entries = [
        Entry(str(seq), seq, START + timedelta(seconds=second), level, 'text', 'source')
        for seq, (second, level) in enumerate(lines)
    ]

    found = counted(entries, BUCKETS)

    expected = Counter(
        (BUCKETS.first + int(second // 10), group)
        for second, level in lines
        for group, levels in GROUPS.items()
        if level in levels
    )
    told = {
        (number, group): count
        for number, counts in found.items()
        for group, count in zip(GROUPS, counts, strict=True)
        if count
    }
    assert told == dict(expected)


@given(
    start=st.integers(0, 400_000).map(lambda ms: START + timedelta(milliseconds=ms)),
    length=st.timedeltas(timedelta(milliseconds=1), timedelta(minutes=9)),
)
def test_a_range_is_asked_for_in_parts_that_take_in_nothing_beside_it(start: datetime, length: timedelta) -> None:
    end = start + length

    parts = exact_parts(start, end)

    assert (parts[0][0], parts[-1][1]) == (start, end)
    assert all(last == first for (_, last, _), (first, _, _) in pairwise(parts))
    for first, last, buckets in parts:
        asked, seconds, count = bucket_grid(first, last, buckets)
        assert 0 <= first.timestamp() - asked < 1
        assert 0 <= asked + seconds * count - last.timestamp() < 1
