"""When the rules of a zone change, an event keeps its wall time, and it is known which of its instants moves first."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from synapse.recurrence import Plan
from synapse.recurrence.zone_moves import Move, differences, first_move
from synapse.recurrence.zones import former_zone, known_zone
from tests.parts.zone_files import OLD_RULES, zone_file

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ZONE = 'America/Vancouver'
"""Is at -07:00 all year since 2026; before, winter was at -08:00."""


@pytest.fixture
def former() -> Iterator[str]:
    with former_zone(ZONE, zone_file(OLD_RULES[ZONE])) as name:
        yield name


def moved(former: str, rule: str | None, start: datetime = datetime(2026, 6, 1, 9)) -> Move | None:
    return first_move(Plan(start, ZONE, rule), former, differences(ZONE, former, NOW), NOW)


def at(day: datetime, hour: int) -> datetime:
    return day.replace(hour=hour, tzinfo=UTC)


def test_clocks_differ_in_each_winter(former: str) -> None:
    spans = differences(ZONE, former, NOW)

    assert [(span.begins.year, span.ends.year) for span in spans[:2]] == [(2026, 2027), (2027, 2028)]
    assert (spans[0].begins, spans[0].ends) == (NOW, datetime(2027, 3, 14, 10, tzinfo=UTC))
    assert differences(ZONE, ZONE, NOW) == []


@pytest.mark.parametrize(
    ('rule', 'day'),
    [
        ('FREQ=DAILY', datetime(2026, 11, 30)),
        ('FREQ=WEEKLY;BYDAY=FR', datetime(2026, 12, 4)),
        ('FREQ=MONTHLY;BYMONTH=7,2', datetime(2027, 2, 1)),
        ('FREQ=HOURLY;BYHOUR=9', datetime(2026, 11, 30)),
        ('FREQ=MINUTELY;BYHOUR=9', datetime(2026, 11, 30)),
    ],
)
def test_the_first_occurrence_that_moves_is_found(former: str, rule: str, day: datetime) -> None:
    assert moved(former, rule) == Move(at(day, 17), at(day, 16))


@pytest.mark.parametrize(
    'rule',
    [
        'FREQ=YEARLY',  # each June
        'FREQ=DAILY;BYMONTH=4,5,6,7,8,9',
        'FREQ=DAILY;UNTIL=20261101T000000Z',
        'FREQ=HOURLY;INTERVAL=6',  # real hours, whatever the clocks show
        'FREQ=MINUTELY',
    ],
)
def test_what_does_not_fall_into_a_winter_stays(former: str, rule: str) -> None:
    assert moved(former, rule) is None


def test_a_single_event_moves_if_it_is_still_to_come(former: str) -> None:
    coming, past, summer = datetime(2031, 1, 5, 9), datetime(2026, 11, 20, 9), datetime(2031, 7, 5, 9)

    assert moved(former, None, coming) == Move(at(coming, 17), at(coming, 16))
    assert moved(former, None, past) is None
    assert moved(former, None, summer) is None


def test_the_name_of_earlier_rules_is_known_only_meanwhile() -> None:
    with former_zone(ZONE, zone_file(OLD_RULES[ZONE])) as name:
        zone = known_zone(name)
        assert zone is not None
        assert datetime(2031, 1, 5, tzinfo=zone).utcoffset() == timedelta(hours=-8)

    assert known_zone(name) is None
    with pytest.raises(ValueError, match='magic'), former_zone(ZONE, b'no zone file'):
        pass
