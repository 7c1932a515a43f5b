"""Zones are found by what other programs call them, in the languages of Windows, and never by a silent guess."""

from importlib.resources import files

import pytest

from synapse.ical.reading import read_calendar
from synapse.ical.zone_names import OF_WINDOWS, Named, iana_name, says_nothing, zone_named
from tests.parts.calendar_files import calendar_file


@pytest.mark.parametrize(
    ('name', 'zone'),
    [
        ('/freeassociation.sourceforge.net/Europe/Berlin', 'Europe/Berlin'),
        ('/mozilla.org/20050126_1/Europe/Berlin', 'Europe/Berlin'),
        ('America-Chicago', 'America/Chicago'),
        ('america/argentina/buenos aires', 'America/Argentina/Buenos_Aires'),
        ('"Europe/Berlin"', 'Europe/Berlin'),
        ('tzone://Microsoft/Utc', 'UTC'),
        ('tzone://Microsoft/W. Europe Standard Time', 'Europe/Berlin'),
        ('Eastern Standard Time (Mexico)', 'America/Cancun'),
        ('British Columbia Standard Time', 'America/Vancouver'),
        ('W. Europe Standard Time 1', 'Europe/Berlin'),
        ('(UTC-03:00) Brasília', 'America/Sao_Paulo'),
        ('(GMT-03:00) Brasilia', 'America/Sao_Paulo'),
        ('Eastern Time (US & Canada)', 'America/New_York'),
        ('(UTC) Dublin, Edinburgh, Lisbon, London', 'Europe/London'),
        ('(UTC+01:00) Amsterdam, Berlin, Bern, Rom, Stockholm, Wien', 'Europe/Berlin'),
        ('(UTC+01:00) Bruxelles, Copenhague, Madrid, Paris', 'Europe/Paris'),
        ('(UTC+01:00) Brussel, Kopenhagen, Madrid, Parijs', 'Europe/Paris'),
        ('(UTC-08:00) Hora del Pacífico (EE.UU. y Canadá)', 'America/Los_Angeles'),
        ('GMT-0300', 'Etc/GMT+3'),
        ('UTC+2', 'Etc/GMT-2'),
        ('GMT+01:00', 'Etc/GMT-1'),
        ('(UTC)', 'UTC'),
    ],
)
def test_a_name_that_says_which_zone_is_taken_at_its_word(name: str, zone: str) -> None:
    assert zone_named(name) == Named(zone)


@pytest.mark.parametrize(
    ('name', 'zone'),
    [
        ('Western/Central Europe', 'Europe/Budapest'),
        ('(GMT+01:00) Amsterdam, Berlin, Rome', 'Europe/Berlin'),
        ('(UTC+01:00) Sarajewo, Skopje, Warszawa, Zagrzeb', 'Europe/Warsaw'),
        ('Pacific Time', 'America/Los_Angeles'),
        ('(UTC+02:00) Istanbul', 'Europe/Istanbul'),  # it was, until 2016
        ('GMT+0530', 'Asia/Calcutta'),  # the zone may change its offset some day
    ],
)
def test_a_similar_name_is_told(name: str, zone: str) -> None:
    assert zone_named(name) == Named(zone, is_similar=True)


@pytest.mark.parametrize(
    'name',
    [
        'Mars',
        'Central',  # Standard Time, Europe, America, Asia?
        '(UTC+10:00) Nowhere',
        'GMT +0100 (Standard) / GMT +0200 (Daylight)',
        'GMT+99',
        'GMT+0107',
        'Customized Time Zone',
        'Berlin, Nowhere, Elsewhere, Anywhere',
        '',
        'x' * 10_000,
    ],
)
def test_what_could_be_any_zone_is_none(name: str) -> None:
    assert zone_named(name) is None


def test_every_name_that_windows_shows_is_known_in_each_of_its_languages() -> None:
    table = (files('synapse.ical') / 'windows_zone_names.tsv').read_text(encoding='utf-8').splitlines()
    lines = [line.split('\t') for line in table if not line.startswith('#')]

    wrong = [
        (zone, name, zone_named(f'(UTC{offset}) {name}'))
        for zone, offset, *names in lines
        for name in names
        if zone in OF_WINDOWS and getattr(zone_named(f'(UTC{offset}) {name}'), 'zone', '') != OF_WINDOWS[zone]
    ]

    assert wrong == []
    assert len(lines) > 130
    assert {zone for zone, *_ in lines} - OF_WINDOWS.keys() <= {'Mid-Atlantic Standard Time', 'Kamchatka Standard Time'}


def test_only_exact_names_are_iana_names() -> None:
    assert [iana_name(name) for name in ('Europe/Berlin', 'W. Europe Standard Time', 'berlin', 'Mars')] == [
        'Europe/Berlin',
        'Europe/Berlin',
        None,
        None,
    ]


@pytest.mark.parametrize('name', ['Customized Time Zone', 'Customized Time Zone 1', 'tzone://Microsoft/Custom'])
@pytest.mark.parametrize('quote', ['', '"'])
def test_a_name_for_any_zone_is_that_of_the_calendar_and_told(name: str, quote: str) -> None:
    assert says_nothing(name)
    event = f'UID:1\nSUMMARY:Landing\nDTSTART;TZID={quote}{name}{quote}:20311006T160000'

    contents = read_calendar(calendar_file(event, head='X-WR-TIMEZONE:Asia/Tokyo'), zone='Europe/Berlin')

    assert contents.drafts[0].values['timezone'] == 'Asia/Tokyo'
    assert contents.notes == (f"The time zone '{name}' is not described in the file; Asia/Tokyo was taken.",)


def test_a_similar_name_is_in_the_notes_of_the_import() -> None:
    event = 'UID:1\nSUMMARY:Landing\nDTSTART;TZID="Western/Central Europe":20311006T160000'

    contents = read_calendar(calendar_file(event), zone='Asia/Tokyo')

    assert contents.drafts[0].values['timezone'] == 'Europe/Budapest'
    assert contents.notes == (
        "The time zone 'Western/Central Europe' was read as Europe/Budapest, whose name is similar.",
    )
