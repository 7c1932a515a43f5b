"""What the agenda lists: successes as one line that unfolds, everything else in sight, and the line of now."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pages.scheduler.agenda.lines import MAX_DOTS, days_of, dots_of, lines_of, listed_days
from pages.scheduler.parts.entry_words import entry_label, summary_of
from synapse.calendar.events import CalendarEntry

BERLIN = ZoneInfo('Europe/Berlin')
NOW = datetime(2026, 10, 14, 14, 8, tzinfo=BERLIN)


def entry(clock: str, state: str = 'succeeded', *, day: int = 14, **values: Any) -> CalendarEntry:
    hour, minute = map(int, clock.split(':'))
    at = datetime(2026, 10, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)
    known = {'key': f'{clock} {state}', 'title': f'{state} {clock}', 'pipeline': 'Clips', 'state': state}
    return CalendarEntry(at=at, **(known | values))


def listed(*entries: CalendarEntry, now: datetime | None = NOW, is_unfolded: bool = False, most: int = 40) -> list[str]:
    return [line.key for line in lines_of(entries, now=now, is_unfolded=is_unfolded, most=most)]


SHORT: dict[str, Any] = {'is_unfolded': False, 'most': 40}
TODAY = (
    entry('02:30'),
    entry('08:30'),
    entry('10:40', 'failed'),
    entry('11:00', 'missed'),
    entry('14:02', 'running'),
    entry('16:00', 'planned'),
)
EXCEPTIONS = ['10:40 failed', '11:00 missed', '14:02 running', 'now', '16:00 planned']


def test_successes_fold_into_one_line_and_everything_else_stays_in_sight() -> None:
    assert listed(*TODAY) == ['fold', *EXCEPTIONS]


def test_unfolded_each_success_stands_at_its_time() -> None:
    assert listed(*TODAY, is_unfolded=True) == ['fold', '02:30 succeeded', '08:30 succeeded', *EXCEPTIONS]


def test_the_folding_line_counts_every_occurrence_that_an_entry_stands_for() -> None:
    lines = lines_of([entry('02:30', count=3), entry('08:30')], now=None, is_unfolded=False, most=40)

    assert [(line.kind, line.count) for line in lines] == [('fold', 4)]


def test_one_success_alone_is_listed_itself() -> None:
    assert listed(entry('02:30'), entry('16:00', 'planned')) == ['02:30 succeeded', 'now', '16:00 planned']


def test_now_is_drawn_only_today_and_after_all_that_has_begun() -> None:
    assert listed(entry('14:08', 'running'), entry('14:09', 'planned')) == ['14:08 running', 'now', '14:09 planned']
    assert listed(entry('16:00', 'planned', day=15), now=None) == ['16:00 planned']


def test_a_day_without_anything_says_so() -> None:
    assert listed() == ['now', 'none']


def test_of_a_crowded_day_what_matters_is_listed_and_the_rest_is_counted() -> None:
    planned = [entry(f'{hour}:{minute:02}', 'planned') for hour in range(15, 24) for minute in range(60)]
    failed = entry('23:59', 'failed')

    lines = lines_of([*planned, failed], now=None, is_unfolded=False, most=10)

    assert len(lines) == 11
    assert lines[-2].entry == failed
    assert lines[-1].kind == 'more'
    assert lines[-1].count == len(planned) + 1 - 10


def test_an_event_of_every_minute_is_one_line_beside_the_others() -> None:
    often = [entry(f'{n // 60}:{n % 60:02}', 'planned', event_id='e', key=str(n)) for n in range(1440)]
    lines = lines_of(sorted([*often, entry('09:30', 'planned')], key=lambda entry: entry.at), now=None, **SHORT)

    assert [(line.entry.count, line.key) for line in lines if line.entry is not None] == [
        (1440, '0'),
        (1, '09:30 planned'),
    ]
    assert len(lines) == 2


def test_the_successes_of_a_frequent_event_unfold_one_by_one() -> None:
    often = [entry(f'9:{n:02}', event_id='e', key=str(n)) for n in range(10)]

    assert listed(*often, now=None) == ['fold']
    assert listed(*often, now=None, is_unfolded=True) == ['fold', *map(str, range(10))]


def test_days_are_those_of_the_calendar_and_come_by_time() -> None:
    late, early = entry('23:30', 'planned', day=14), entry('00:10', 'planned', day=15)

    days = days_of([early, late], date(2026, 10, 14), 2, BERLIN)

    assert days == {date(2026, 10, 14): [late], date(2026, 10, 15): [early]}
    assert days_of([early], date(2026, 10, 16), 1, BERLIN) == {date(2026, 10, 16): []}


def test_the_day_of_the_repeated_hour_holds_all_of_its_25_hours() -> None:
    first = entry('02:30', 'planned', day=25)
    last = entry('23:59', 'planned', day=25)

    assert days_of([first, last], date(2026, 10, 25), 1, BERLIN) == {date(2026, 10, 25): [first, last]}


def test_a_day_is_summed_up_by_what_happened_and_a_day_to_come_by_what_is_planned() -> None:
    assert summary_of(TODAY) == '2 ok, 1 failed, 1 missed, 1 running'
    assert summary_of([entry('16:00', 'planned'), entry('17:00', 'planned')]) == '2 planned'
    assert summary_of([entry('16:00', 'planned'), entry('17:00', 'off')]) == '1 planned'
    assert summary_of([entry('17:00', 'off')]) == 'switched off'
    assert summary_of([]) == ''


@pytest.mark.parametrize(
    ('states', 'expected'),
    [
        ([], []),
        (['succeeded'], ['succeeded']),
        (['succeeded'] * 5, ['succeeded'] * 3),
        (['planned', 'planned'], ['planned', 'planned']),
        (['succeeded', 'succeeded', 'failed', 'running', 'planned'], ['running', 'failed', 'planned']),
        (['failed', 'failed'], ['failed']),
    ],
)
def test_three_dots_tell_a_day_with_what_matters_first(states: list[str], expected: list[str]) -> None:
    assert dots_of([entry('08:00', state) for state in states]) == expected


def test_a_label_says_what_glyph_place_and_size_show() -> None:
    known = {'title': 'Video publish', 'is_repeating': True, 'seconds': 1560.0}

    assert entry_label(entry('16:00', 'planned', **known), BERLIN) == (
        '16:00 Video publish, planned, usually 26:00, repeats'
    )
    assert entry_label(entry('10:40', 'failed', title='tour.mov', reason='Disk full'), BERLIN) == (
        '10:40 tour.mov, failed, Disk full'
    )


FEW = settings(max_examples=30, deadline=None)
STATES = st.sampled_from(['succeeded', 'failed', 'missed', 'running', 'planned', 'off'])


def a_day() -> st.SearchStrategy[list[CalendarEntry]]:
    """The entries of a day by time, of any states."""
    moments = st.lists(st.tuples(st.integers(0, 1439), STATES), max_size=25).map(sorted)
    return moments.map(
        lambda found: [
            entry(f'{minute // 60}:{minute % 60}', state, key=str(number))
            for number, (minute, state) in enumerate(found)
        ]
    )


@FEW
@given(entries=a_day(), is_unfolded=st.booleans(), most=st.integers(1, 30))
def test_every_entry_is_listed_folded_or_counted(entries: list[CalendarEntry], is_unfolded: bool, most: int) -> None:
    lines = lines_of(entries, now=None, is_unfolded=is_unfolded, most=most)

    listed = sum(line.kind == 'entry' for line in lines)
    counted = sum(line.count for line in lines if line.kind == 'more')
    folded = sum(line.count for line in lines if line.kind == 'fold' and not is_unfolded)
    assert listed + counted + folded == len(entries)
    assert listed <= most


@FEW
@given(a_day())
def test_lines_are_in_order_of_time_with_now_between_past_and_future(entries: list[CalendarEntry]) -> None:
    lines = lines_of(entries, now=NOW, is_unfolded=True, most=100)

    place = next(number for number, line in enumerate(lines) if line.kind == 'now')
    times = [line.entry.at for line in lines if line.entry is not None]
    assert times == sorted(times)
    assert all(line.entry.at <= NOW for line in lines[:place] if line.entry is not None)
    assert all(line.entry.at > NOW for line in lines[place:] if line.entry is not None)


@FEW
@given(a_day())
def test_a_day_has_as_many_dots_as_entries_up_to_three(entries: list[CalendarEntry]) -> None:
    dots = dots_of(entries)

    assert len(dots) <= min(MAX_DOTS, len(entries))
    assert bool(dots) == bool(entries)
    assert set(dots) <= {item.state for item in entries}


@FEW
@given(a_day())
def test_lines_have_keys_of_their_own(entries: list[CalendarEntry]) -> None:
    keys = [line.key for line in lines_of(entries, now=NOW, is_unfolded=True, most=5)]

    assert len(keys) == len(set(keys))


# Which days


FIRST, SECOND, THIRD = (date(2026, 10, day) for day in (14, 15, 16))


def test_days_with_entries_are_listed_and_today_among_them() -> None:
    days = {FIRST: [], SECOND: [entry('08:00')], THIRD: []}

    assert listed_days(days, FIRST, today=THIRD) == [SECOND, THIRD]
    assert listed_days(days, FIRST, today=date(2026, 1, 1)) == [SECOND]


def test_days_before_the_first_one_are_only_in_the_strip() -> None:
    days = {FIRST: [entry('08:00')], SECOND: [entry('08:00', day=15)]}

    assert listed_days(days, SECOND, today=FIRST) == [SECOND]


def test_where_no_day_has_entries_today_is_not_listed_either() -> None:
    assert listed_days({FIRST: [], SECOND: []}, FIRST, today=FIRST) == []
    assert listed_days({FIRST: [entry('08:00')], SECOND: []}, SECOND, today=SECOND) == []
