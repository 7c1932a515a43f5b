"""Where the blocks of a week stand: none covers another, none is lost, and the clocks may change."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.scheduler.parts.entry_words import outcomes_of
from pages.scheduler.week.column import HOUR_PIXELS, block_props
from pages.scheduler.week.layout import DAY_MINUTES, MAX_LANES, MIN_MINUTES, SLOT, Block, WeekLayout, begun_in, slot_at
from synapse.calendar.events import CalendarEntry
from synapse.catalog.catalog import Catalog
from synapse.control_room import ControlRoom

BERLIN = ZoneInfo('Europe/Berlin')
MONDAY = date(2026, 10, 12)
NOW = datetime(2026, 10, 14, 14, 8, tzinfo=BERLIN)


def entry(day: int, clock: str, *, minutes: float | None = None, month: int = 10, **values: Any) -> CalendarEntry:
    hour, minute = map(int, clock.split(':'))
    at = datetime(2026, month, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)
    known = {'key': f'{day} {clock} {values}', 'state': 'planned', 'title': 'Clips', 'pipeline': 'Clips'}
    return CalendarEntry(at=at, seconds=None if minutes is None else minutes * 60, **(known | values))


def blocks_of(*entries: CalendarEntry, day: int, monday: date = MONDAY, month: int = 10) -> list[Block]:
    return list(WeekLayout(monday, BERLIN).blocks(entries, NOW)[date(2026, month, day)])


def place(block: Block) -> tuple[float, float]:
    return block.top, block.bottom


def lanes(blocks: list[Block]) -> list[tuple[int, int, int]]:
    return [(block.lane, block.span, block.lanes) for block in blocks]


def test_a_block_stands_at_its_hour_and_is_as_high_as_its_run_was_long() -> None:
    [block] = blocks_of(entry(14, '09:30', minutes=90), day=14)

    assert place(block) == (570, 660)
    assert lanes([block]) == [(0, 1, 1)]


def test_a_short_run_still_has_room_for_its_name_even_at_the_end_of_the_day() -> None:
    [noon, late] = blocks_of(entry(14, '12:00', minutes=0.1), entry(14, '23:55'), day=14)

    assert place(noon) == (720, 720 + MIN_MINUTES)
    assert place(late) == (DAY_MINUTES - MIN_MINUTES, DAY_MINUTES)


def test_what_goes_on_reaches_to_now() -> None:
    [block] = blocks_of(entry(14, '13:00', minutes=1, state='running'), day=14)

    assert place(block) == (13 * 60, 14 * 60 + 8)


def test_overlapping_blocks_stand_side_by_side_and_later_ones_have_the_width_again() -> None:
    blocks = blocks_of(
        entry(14, '09:00', minutes=120),
        entry(14, '09:30', minutes=60),
        entry(14, '10:30', minutes=60),
        entry(14, '12:00', minutes=60),
        day=14,
    )

    assert lanes(blocks) == [(0, 1, 2), (1, 1, 2), (1, 1, 2), (0, 1, 1)]


def test_a_block_is_as_wide_as_the_empty_lanes_beside_it() -> None:
    blocks = blocks_of(
        entry(14, '09:00', minutes=180),
        entry(14, '09:00', minutes=60, title='B'),
        entry(14, '09:00', minutes=60, title='C'),
        entry(14, '11:00', minutes=60, title='D'),
        day=14,
    )

    assert lanes(blocks)[-1] == (1, 2, 3)


def test_a_run_over_midnight_goes_on_at_the_top_of_the_next_day() -> None:
    night = entry(13, '23:00', minutes=150)

    [before] = blocks_of(night, day=13)
    [after] = blocks_of(night, day=14)

    assert place(before) == (23 * 60, DAY_MINUTES)
    assert place(after) == (0, 90)
    assert (before.pieces[0].is_first, before.pieces[0].is_last) == (True, False)
    assert (after.pieces[0].is_first, after.pieces[0].is_last) == (False, True)


def test_a_run_that_ends_at_midnight_leaves_the_next_day_alone() -> None:
    night = entry(13, '23:00', minutes=60)

    assert len(blocks_of(night, day=13)) == 1
    assert blocks_of(night, day=14) == []


def test_a_run_begun_before_the_week_is_seen_on_its_monday() -> None:
    [block] = blocks_of(entry(11, '22:00', minutes=180), day=12)

    assert place(block) == (0, 60)


def test_in_a_night_that_skips_an_hour_a_block_ends_where_the_clock_stood() -> None:
    night = entry(29, '01:30', minutes=60, month=3)

    [block] = blocks_of(night, day=29, month=3, monday=date(2026, 3, 23))

    assert place(block) == (90, 210), 'from 01:30 to 03:30, an hour in all'


def test_in_a_night_that_repeats_an_hour_a_block_is_as_high_as_it_was_long() -> None:
    night = entry(25, '02:30', minutes=60)

    [block] = blocks_of(night, day=25, monday=date(2026, 10, 19))

    assert place(block) == (150, 210), 'from 02:30 to 02:30, an hour all the same'


def test_both_half_past_twos_of_that_night_are_seen() -> None:
    first = entry(25, '02:30', minutes=10, key='first')
    second = replace(first, key='second', at=first.at + timedelta(hours=1))

    blocks = blocks_of(first, second, day=25, monday=date(2026, 10, 19))

    assert [block.top for block in blocks] == [150, 150]
    assert [block.lane for block in blocks] == [0, 1]


def test_a_run_of_a_whole_day_fills_a_day_of_23_hours() -> None:
    long = entry(28, '20:00', minutes=40 * 60, month=3)

    [block] = blocks_of(long, day=29, month=3, monday=date(2026, 3, 23))

    assert place(block) == (0, DAY_MINUTES)


def test_where_too_many_go_at_once_what_matters_is_seen_and_the_others_are_counted() -> None:
    crowd = [entry(13, f'10:{minute:02}', minutes=5, state='succeeded') for minute in range(30)]
    failed = entry(13, '10:29', minutes=5, state='failed', title='Lost')

    blocks = blocks_of(*crowd, failed, day=13)

    folded = [block for block in blocks if block.is_folded]
    assert len(folded) == 1
    assert folded[0].lane == MAX_LANES - 1
    assert [block.pieces[0].entry.title for block in blocks if not block.is_folded].count('Lost') == 1
    assert sum(len(block.pieces) for block in blocks) == 31


def test_an_event_of_every_minute_is_one_block_and_leaves_the_day_to_the_others() -> None:
    often = [entry(14, f'{n // 60}:{n % 60:02}', minutes=0.1, event_id='e', key=str(n)) for n in range(1440)]
    blocks = blocks_of(*often, entry(14, '09:00', minutes=60), day=14)

    assert [(block.pieces[0].entry.count, place(block)) for block in blocks] == [
        (1440, (0, MIN_MINUTES)),
        (1, (540, 600)),
    ]
    assert lanes(blocks) == [(0, 1, 1)] * 2
    assert outcomes_of(begun_in(blocks_of(*(replace(e, state='missed') for e in often), day=14))) == {'missed': 1440}


def test_an_hourly_event_stands_at_each_hour_of_a_day_of_25() -> None:
    start = datetime(2026, 10, 25, tzinfo=BERLIN).astimezone(UTC)
    hourly = [replace(entry(25, '00:00', event_id='e'), key=str(n), at=start + timedelta(hours=n)) for n in range(25)]

    blocks = blocks_of(*hourly, day=25, monday=date(2026, 10, 19))

    assert len(begun_in(blocks)) == 25
    assert not any(block.is_folded for block in blocks)


def test_what_has_not_changed_is_not_laid_out_again() -> None:
    layout = WeekLayout(MONDAY, BERLIN)
    first, second = entry(13, '09:00'), entry(14, '09:00')
    before = layout.blocks([first, second], NOW)

    after = layout.blocks([first, replace(second, state='queued')], NOW)

    assert after[date(2026, 10, 13)] is before[date(2026, 10, 13)]
    assert [block.pieces[0].entry.state for block in after[date(2026, 10, 14)]] == ['queued']


@given(
    st.lists(
        st.tuples(st.integers(0, 1439), st.integers(0, 700), st.sampled_from(['planned', 'failed', 'succeeded'])),
        max_size=60,
    )
)
def test_no_block_covers_another_and_no_entry_is_lost(spans: list[tuple[int, int, str]]) -> None:
    midnight = datetime(2026, 10, 13, tzinfo=BERLIN).astimezone(UTC)
    entries = [
        CalendarEntry(
            key=str(number),
            at=midnight + timedelta(minutes=start),
            state=state,  # type: ignore[arg-type]
            title='Clips',
            pipeline='Clips',
            seconds=minutes * 60.0,
        )
        for number, (start, minutes, state) in enumerate(spans)
    ]

    blocks = blocks_of(*entries, day=13)

    assert sorted(piece.entry.key for block in blocks for piece in block.pieces) == sorted(
        entry.key for entry in entries
    )
    for one, other in combinations(blocks, 2):
        is_above = one.bottom <= other.top or other.bottom <= one.top
        left, right = sorted((one, other), key=lambda block: block.lane)
        assert is_above or left.lane + left.span <= right.lane
    assert all(block.lane + block.span <= block.lanes <= MAX_LANES for block in blocks)
    assert [block.top for block in blocks] == sorted(block.top for block in blocks)
    assert all(0 <= block.top < block.bottom <= DAY_MINUTES for block in blocks)


def test_only_what_begins_on_a_day_counts_for_it() -> None:
    blocks = WeekLayout(MONDAY, BERLIN).blocks([entry(13, '23:00', minutes=150), entry(14, '08:00')], NOW)

    assert [len(begun_in(blocks[date(2026, 10, day)])) for day in (12, 13, 14)] == [0, 1, 1]


def test_another_run_of_the_same_key_takes_the_place_of_the_first() -> None:
    layout = WeekLayout(MONDAY, BERLIN)
    planned = entry(14, '09:00', key='k')
    layout.blocks([planned], NOW)

    [block] = layout.blocks([replace(planned, state='succeeded', seconds=7200)], NOW)[date(2026, 10, 14)]

    assert place(block) == (540, 660)


def test_a_live_run_grows_with_the_clock() -> None:
    layout = WeekLayout(MONDAY, BERLIN)
    running = entry(14, '13:00', state='running')
    layout.blocks([running], NOW)

    [block] = layout.blocks([running], NOW + timedelta(hours=1))[date(2026, 10, 14)]

    assert place(block) == (13 * 60, 15 * 60 + 8)


# A click on an empty place

WALL = datetime(2026, 10, 14, 14, 8)


@pytest.mark.parametrize(
    ('day', 'minutes', 'start'),
    [
        (15, 0, datetime(2026, 10, 15)),
        (15, 14 * 60 + 29, datetime(2026, 10, 15, 14)),
        (15, 14 * 60 + 30, datetime(2026, 10, 15, 14, 30)),
        (15, 1440, datetime(2026, 10, 15, 23, 30)),
        (14, 14 * 60 + 10, datetime(2026, 10, 14, 14, 30)),
        (14, 13 * 60 + 59, datetime(2026, 10, 14, 13, 30)),
    ],
)
def test_a_click_means_its_half_hour_and_in_the_one_that_has_begun_the_next(
    day: int, minutes: float, start: datetime
) -> None:
    assert slot_at(date(2026, 10, day), minutes, WALL) == start


@given(st.floats(0, 1500), st.datetimes(datetime(2026, 10, 10), datetime(2026, 10, 20)))
def test_a_click_never_means_the_half_hour_that_has_begun(minutes: float, now: datetime) -> None:
    slot = slot_at(date(2026, 10, 14), minutes, now)

    assert not slot <= now < slot + SLOT
    assert slot.minute in (0, 30)


# What the browser draws


def room() -> ControlRoom:
    """A control room without pipelines."""
    catalog = Catalog.__new__(Catalog)
    catalog._infos = {}
    return cast(ControlRoom, SimpleNamespace(catalog=catalog))


def drawn(*entries: CalendarEntry, day: int = 14) -> list[dict[str, Any]]:
    return [block_props(block, room(), BERLIN) for block in blocks_of(*entries, day=day)]


def test_a_block_is_drawn_with_its_words_and_its_place() -> None:
    [block] = drawn(entry(14, '09:30', minutes=90, state='succeeded', is_repeating=True))

    assert (block['top'], block['long'], block['time'], block['length']) == (570, 90, '09:30', '1:30:00')
    assert block['label'] == '09:30, 1:30:00 Clips, succeeded, repeats'
    assert block['repeats']


def test_the_number_of_a_frequent_event_stands_apart_from_its_title() -> None:
    [block] = drawn(*(entry(14, f'{n // 2}:{n % 2 * 30:02}', event_id='e', key=str(n)) for n in range(48)))

    assert (block['time'], block['title'], block['times']) == ('00:00', 'Clips', '×48')
    assert block['label'] == '00:00 Clips, 48 times, planned'


def test_a_planned_length_is_only_an_estimate() -> None:
    [block] = drawn(entry(14, '15:00', minutes=30))

    assert block['length'] == '~30:00'


def test_a_live_block_grows_in_the_browser_until_midnight() -> None:
    [block] = drawn(entry(14, '13:00', minutes=68, state='running'))

    assert block['from'] == str(int(datetime(2026, 10, 14, 13, tzinfo=BERLIN).timestamp() * 1000))
    assert (block['most'], block['length']) == (str(11 * 60), '')


@pytest.mark.parametrize(('minutes', 'is_tall'), [(49, False), (50, True)])
def test_a_block_has_a_second_line_where_it_is_high_enough(minutes: float, is_tall: bool) -> None:
    [block] = drawn(entry(14, '09:00', minutes=minutes))

    assert ('is-tall' in block['classes']) is is_tall
    assert HOUR_PIXELS == 44


def test_both_parts_of_a_night_show_that_they_belong_together() -> None:
    night = entry(13, '23:00', minutes=150)

    assert 'goes-on' in drawn(night, day=13)[0]['classes']
    assert 'is-continued' in drawn(night, day=14)[0]['classes']


def test_what_found_no_lane_is_drawn_as_a_number() -> None:
    crowd = [entry(13, f'10:{minute:02}', minutes=50, key=str(minute)) for minute in range(9)]

    folded = [block for block in drawn(*crowd, day=13) if 'more' in block]

    assert [(block['more'], block['label']) for block in folded] == [(6, '10:03 and later: 6 more entries')]
