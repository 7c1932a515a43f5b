"""How many runs overlap at the busiest moment, counted step by step and by looking at every moment."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from synapse.calendar.entries import most_at_once
from synapse.calendar.events import CalendarEntry

NOON = datetime(2026, 10, 14, 12, tzinfo=UTC)
LENGTHS = st.one_of(st.none(), st.integers(0, 20).map(float))


def entry(second: int, seconds: float | None) -> CalendarEntry:
    at = NOON + timedelta(seconds=second)
    return CalendarEntry(key='k', at=at, state='planned', title='t', pipeline='p', seconds=seconds)


@given(st.lists(st.builds(entry, st.integers(-20, 20), LENGTHS), max_size=30), LENGTHS)
def test_the_busiest_moment_is_found(entries: list[CalendarEntry], seconds: float | None) -> None:
    length = int(seconds or 1)

    looked_at = [NOON + timedelta(seconds=second) for second in range(length)]
    busiest = max(
        sum(item.at <= moment < item.at + timedelta(seconds=item.seconds or 1) for item in entries)
        for moment in looked_at
    )

    assert most_at_once(entries, NOON, seconds) == busiest
