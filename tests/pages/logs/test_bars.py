"""The bars of the histogram: what they count, how they move on, and what is sent of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pages.logs.bars import Bars
from pages.logs.buckets import MOST_BUCKETS, buckets_over
from pages.logs.line_counts import Counts
from pages.logs.window import USUAL, Window
from synapse.log.log import Entry, Level

NOW = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
ONE_INFO = [1, 0, 0, 0]


def bars(*, end: datetime | None = None, slides: bool = True, length: timedelta = USUAL, counts: Any = ()) -> Bars:
    """Bars up to `NOW`, with these counts from the first bucket on."""
    window = Window(start=NOW - length, end=end, slides=slides)
    return Bars(window, buckets_over(window.start, end or NOW, 'UTC'), list(counts), 'UTC')


def entry(ago: timedelta = SECOND, level: Level = Level.INFO, seq: int = 1) -> Entry:
    return Entry('id', seq, NOW - ago, level, 'text', 'test', None, None, {})


def sent(shown: Bars) -> dict[int, Counts]:
    """The bars of the next change, by number."""
    change = shown.take_change() or {'bars': []}
    return {number: counts for number, *counts in change['bars']}


def test_new_lines_are_counted_in_their_bucket_by_level() -> None:
    shown = bars()

    shown.add([entry(), entry(level=Level.ERROR), entry(level=Level.CRITICAL)])

    assert sent(shown) == {shown.buckets.last: [1, 0, 0, 2]}


def test_lines_outside_the_window_are_ignored() -> None:
    shown = bars()

    shown.add([entry(ago=USUAL + MINUTE), entry(ago=-MINUTE)])

    assert shown.take_change() is None


def test_a_bar_is_sent_whole_so_that_nothing_counts_twice() -> None:
    shown = bars()
    shown.add([entry()])
    shown.take_change()

    shown.add([entry()])

    assert sent(shown) == {shown.buckets.last: [2, 0, 0, 0]}


def test_a_change_is_sent_once() -> None:
    shown = bars()
    shown.add([entry()])

    assert shown.take_change() is not None
    assert shown.take_change() is None


def test_the_picture_holds_everything_so_that_no_change_is_left() -> None:
    shown = bars(counts=[ONE_INFO])
    shown.add([entry()])

    picture = shown.picture()

    assert picture['bars'] == [[shown.buckets.first, *ONE_INFO], [shown.buckets.last, *ONE_INFO]]
    assert (picture['first'], picture['count'], picture['isLive']) == (shown.buckets.first, shown.buckets.count, True)
    assert shown.take_change() is None


def test_of_a_second_reading_only_what_differs_is_sent() -> None:
    shown = bars(counts=[ONE_INFO, ONE_INFO])
    first = shown.buckets.first

    shown.correct([ONE_INFO, [0, 0, 0, 1], [0, 0, 0, 0]], first)

    assert sent(shown) == {first + 1: [0, 0, 0, 1]}


def test_a_second_reading_ignores_buckets_that_have_slid_out_meanwhile() -> None:
    shown = bars()
    first = shown.buckets.first
    shown.move_to(NOW + MINUTE)

    shown.correct([ONE_INFO], first)

    assert sent(shown) == {}


def test_a_sliding_window_keeps_its_length() -> None:
    shown = bars()
    count, last = shown.buckets.count, shown.buckets.last

    shown.move_to(NOW + MINUTE)

    assert shown.buckets.count == count
    assert shown.buckets.last > last
    change = shown.take_change()
    assert change is not None
    assert change['first'] == shown.buckets.first


def test_a_window_that_does_not_slide_grows() -> None:
    shown = bars(slides=False)
    first, count = shown.buckets.first, shown.buckets.count

    shown.move_to(NOW + MINUTE)

    assert shown.buckets.first == first
    assert shown.buckets.count > count


def test_a_window_of_the_past_does_not_move() -> None:
    shown = bars(end=NOW)
    before = shown.buckets

    assert not shown.move_to(NOW + timedelta(hours=1))
    assert shown.buckets == before


def test_a_held_window_grows_from_where_it_was() -> None:
    shown = bars()
    first = shown.buckets.first
    shown.hold()

    shown.move_to(NOW + MINUTE)

    assert shown.buckets.first == first


def test_a_late_line_whose_bucket_slides_out_before_it_is_sent_is_dropped() -> None:
    shown = bars()
    shown.add([entry(ago=USUAL - SECOND)])

    shown.move_to(NOW + USUAL)

    assert sent(shown) == {}


def test_a_window_is_chosen_again_once_it_has_grown_too_long() -> None:
    shown = bars(slides=False)
    start_of, first = shown.buckets.start_of, shown.buckets.first

    assert not shown.move_to(start_of(first + MOST_BUCKETS))
    assert shown.move_to(start_of(first + MOST_BUCKETS + 1))


def test_a_window_is_chosen_again_once_all_lines_have_slid_out() -> None:
    shown = bars(counts=[ONE_INFO, ONE_INFO])

    assert not shown.move_to(NOW)
    assert shown.move_to(NOW + SECOND * shown.buckets.seconds)


def test_the_short_window_of_a_young_log_is_chosen_again_with_the_first_line_that_slides_out() -> None:
    shown = bars(length=MINUTE, counts=[ONE_INFO, *([[0, 0, 0, 0]] * 30), ONE_INFO])

    assert shown.move_to(NOW + SECOND * 3)


@pytest.mark.parametrize(
    ('length', 'slides', 'words'),
    [(USUAL, True, 'The last 15 min.'), (MINUTE, True, 'The last minute.'), (USUAL, False, '')],
)
def test_the_words_say_how_far_back_a_sliding_window_reaches(length: timedelta, slides: bool, words: str) -> None:
    assert bars(length=length, slides=slides).extent_words() == words


@pytest.mark.parametrize(
    ('start', 'end', 'is_small'),
    [
        (NOW - MINUTE, NOW, True),
        (NOW - MINUTE, None, True),
        (NOW - 10 * MINUTE, NOW, False),
        (NOW - 2 * USUAL, NOW, False),
        (None, NOW, False),
        (NOW + MINUTE, NOW + 2 * MINUTE, False),
    ],
)
def test_only_a_small_selection_in_sight_can_be_zoomed_into(
    start: datetime | None, end: datetime | None, is_small: bool
) -> None:
    assert bars().is_small(start, end) is is_small


def test_seconds_cannot_be_zoomed_into() -> None:
    shown = bars(length=MINUTE)

    assert shown.buckets.seconds == 1
    assert not shown.is_small(NOW - 5 * SECOND, NOW)
