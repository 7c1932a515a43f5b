"""Zones are found by name, and a misspelled name gets a hint."""

import pytest

from synapse.recurrence import RuleError
from synapse.recurrence.zones import city_of, zone, zone_names


@pytest.mark.parametrize(
    ('name', 'hint'),
    [
        ('Europe/Berln', 'Did you mean Europe/Berlin?'),
        ('europe/berlin ', 'Did you mean Europe/Berlin?'),
        ('new york', 'Did you mean America/New_York?'),
        ('Tokio', 'Did you mean Asia/Tokyo?'),
        ('GMT+1', 'For 1 h ahead of UTC all year, use Etc/GMT-1; where clocks change, a place like Europe/Berlin.'),
        ('utc-03:00', 'For 3 h behind UTC all year, use Etc/GMT+3; where clocks change, a place like Europe/Berlin.'),
        ('UTC+99', 'Use a name like Europe/Berlin.'),
        ('CEST', 'Use a name like Europe/Berlin.'),
        ('../../etc/passwd', 'Use a name like Europe/Berlin.'),
        ('', 'Use a name like Europe/Berlin.'),
        ('localtime', 'Use a name like Europe/Berlin.'),
        ('x' * 10_000, 'Use a name like Europe/Berlin.'),
    ],
)
def test_an_unknown_zone_suggests_the_most_similar_one(name: str, hint: str) -> None:
    with pytest.raises(RuleError) as error:
        zone(name)

    assert error.value.field == 'timezone'
    assert error.value.sentence.endswith(hint)
    assert len(error.value.sentence) < 150


def test_names_are_sorted_and_each_is_a_zone() -> None:
    names = zone_names()

    assert names == sorted(names)
    assert {'Europe/Berlin', 'UTC', 'Australia/Lord_Howe'} <= set(names)
    assert 'localtime' not in names


def test_a_zone_is_named_by_its_city() -> None:
    assert [city_of(name) for name in ('Europe/Berlin', 'America/New_York', 'America/Argentina/Salta', 'UTC')] == [
        'Berlin',
        'New York',
        'Salta',
        'UTC',
    ]
