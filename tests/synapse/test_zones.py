"""Zones are found by their names, and a name that is nearly right is met half way."""

import os
import time
from collections.abc import Iterator

import pytest

from synapse.recurrence import RuleError
from synapse.zones import city_of, local_zone, zone, zone_names


@pytest.fixture
def machine_zone() -> Iterator[None]:
    before = os.environ.get('TZ')
    yield
    if before is None:
        os.environ.pop('TZ', None)
    else:
        os.environ['TZ'] = before
    time.tzset()


@pytest.mark.parametrize(
    ('name', 'hint'),
    [
        ('Europe/Berln', 'Did you mean Europe/Berlin?'),
        ('europe/berlin ', 'Did you mean Europe/Berlin?'),
        ('new york', 'Did you mean America/New_York?'),
        ('Tokio', 'Did you mean Asia/Tokyo?'),
        ('CEST', 'Write it like Europe/Berlin.'),
        ('../../etc/passwd', 'Write it like Europe/Berlin.'),
        ('', 'Write it like Europe/Berlin.'),
        ('localtime', 'Write it like Europe/Berlin.'),
        ('x' * 10_000, 'Write it like Europe/Berlin.'),
    ],
)
def test_an_unknown_zone_says_which_is_near(name: str, hint: str) -> None:
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


def test_a_zone_is_called_by_its_city() -> None:
    assert [city_of(name) for name in ('Europe/Berlin', 'America/New_York', 'America/Argentina/Salta', 'UTC')] == [
        'Berlin',
        'New York',
        'Salta',
        'UTC',
    ]


@pytest.mark.skipif(not hasattr(time, 'tzset'), reason='Windows keeps its zone elsewhere')
@pytest.mark.parametrize(
    ('setting', 'name'), [('Europe/Lisbon', 'Europe/Lisbon'), (':Asia/Tokyo', 'Asia/Tokyo'), ('CET-1CEST', 'UTC')]
)
def test_the_zone_of_the_machine_is_as_it_is_set_now(machine_zone: None, setting: str, name: str) -> None:
    os.environ['TZ'] = setting
    time.tzset()

    assert local_zone() == name
