from collections import Counter

from synapse.log.entry import Level
from synapse.log.rate import LogRate

QUIET = dict.fromkeys(Level, 0)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_lines_are_counted_by_level_for_as_long_as_is_asked() -> None:
    clock = Clock()
    rate = LogRate(clock)
    rate.add({Level.INFO: 3, Level.ERROR: 1})
    clock.now += 10
    rate.add({Level.INFO: 2})

    assert rate.since(5) == QUIET | {Level.INFO: 2}
    assert rate.since(60) == QUIET | {Level.INFO: 5, Level.ERROR: 1}
    clock.now += 900
    assert rate.since(900) == QUIET


def test_bars_stand_for_equal_times_and_end_with_now() -> None:
    clock = Clock()
    rate = LogRate(clock)
    for lines in range(1, 11):
        rate.add({Level.INFO: lines, Level.ERROR: 100})
        clock.now += 1
    clock.now -= 1

    assert rate.bars([Level.INFO], seconds=10, bars=5) == [3, 7, 11, 15, 19]
    assert rate.bars([Level.DEBUG], seconds=10, bars=5) == [0] * 5
    assert sum(rate.bars([Level.ERROR, Level.INFO], seconds=4, bars=2)) == 434


def test_the_pace_is_that_of_the_last_second() -> None:
    clock = Clock()
    rate = LogRate(clock)
    rate.add({Level.INFO: 500})
    clock.now += 0.6
    rate.add({Level.DEBUG: 20})
    assert rate.per_second() == 520

    clock.now += 0.6
    assert rate.per_second() == 20
    clock.now += 0.6
    assert rate.per_second() == 0


def test_counts_of_an_earlier_start_are_restored_and_memory_stays_small() -> None:
    clock = Clock()
    rate = LogRate(clock)
    rate.restore([(999_999, Level.INFO, 7), (999_000, Level.INFO, 9)])
    assert rate.since(900) == QUIET | {Level.INFO: 7}

    for _ in range(5_000):
        clock.now += 1
        rate.add(Counter({Level.INFO: 1}))
    assert rate.since(900)[Level.INFO] == 900
    assert len(rate._seconds) < 1_000
