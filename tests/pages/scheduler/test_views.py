"""Which view and which days the calendar shows, and the address that leads back to them."""

from datetime import date, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.scheduler.parts.entry_filter import GROUPS, EntryFilter
from pages.scheduler.parts.views import VIEWS, address_of, day_asked, name_of, turned_by, view_shown

TODAY = date(2026, 10, 14)
DAYS = st.dates(date(1971, 1, 1), date(2199, 12, 31))
NAMES = st.text(max_size=8)


def filters() -> st.SearchStrategy[EntryFilter]:
    return st.builds(EntryFilter, NAMES, NAMES, st.sampled_from(['', *GROUPS]))


def asked(address: str) -> dict[str, str]:
    """The parameters that the page is called with."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.mark.parametrize(
    ('day', 'month', 'expected'),
    [
        ('2026-10-14', '', date(2026, 10, 14)),
        ('', '2026-10', date(2026, 10, 1)),
        ('2026-10-14', '2027-01', date(2026, 10, 14)),
        ('2026-02-30', '2027-01', date(2027, 1, 1)),
        ('tomorrow', 'October', None),
        ('', '', None),
    ],
)
def test_an_address_names_a_day_or_else_a_month(day: str, month: str, expected: date | None) -> None:
    assert day_asked(day, month) == expected


@pytest.mark.parametrize(('day', 'month'), [('0001-01-01', ''), ('9999-12-31', ''), ('', '0001-01'), ('', '2200-01')])
def test_a_year_that_the_calendar_cannot_show_is_not_shown(day: str, month: str) -> None:
    assert day_asked(day, month) is None


def test_a_phone_shows_the_agenda_in_the_place_of_the_month_alone() -> None:
    assert {view: view_shown(view, is_narrow=True) for view in VIEWS} == {
        'month': 'agenda',
        'week': 'week',
        'agenda': 'agenda',
    }
    assert all(view_shown(view, is_narrow=False) == view for view in VIEWS)


@pytest.mark.parametrize(
    ('view', 'there'), [('month', date(2026, 11, 1)), ('week', date(2026, 10, 21)), ('agenda', date(2026, 11, 13))]
)
def test_each_view_turns_by_what_it_shows(view: str, there: date) -> None:
    assert turned_by(view, TODAY, 1) == there


@given(view=st.sampled_from(['week', 'agenda']), day=st.dates(date(1972, 1, 1), date(2199, 1, 1)))
def test_turning_forward_and_back_returns_to_the_same_day(view: str, day: date) -> None:
    assert turned_by(view, turned_by(view, day, 1), -1) == day


@given(view=st.sampled_from([*VIEWS]), day=DAYS, by=st.sampled_from([-1, 1]))
def test_turning_never_leaves_the_years_that_can_be_shown(view: str, day: date, by: int) -> None:
    there = turned_by(view, day, by)

    assert day_asked(there.isoformat(), '') == there


@pytest.mark.parametrize(
    ('view', 'day', 'name'),
    [
        ('month', date(2026, 10, 14), ('October', '2026')),
        ('agenda', date(2026, 10, 14), ('From 14 Oct', '2026')),
        ('week', date(2026, 10, 14), ('12 to 18 October', '2026')),
        ('week', date(2026, 9, 30), ('28 Sep to 4 Oct', '2026')),
        ('week', date(2026, 12, 31), ('28 Dec to 3 Jan', '2027')),
    ],
)
def test_what_is_shown_has_a_name(view: str, day: date, name: tuple[str, str]) -> None:
    assert name_of(view, day) == name


def test_the_address_of_this_month_without_a_filter_is_the_plain_one() -> None:
    assert address_of('month', 'month', TODAY, TODAY, EntryFilter()) == '/scheduler'


def test_a_phone_keeps_the_month_as_the_view_that_was_chosen() -> None:
    there = address_of('month', 'agenda', TODAY + timedelta(days=1), TODAY, EntryFilter())

    assert asked(there) == {'day': '2026-10-15'}


@given(view=st.sampled_from([*VIEWS]), day=DAYS, only=filters())
def test_an_address_leads_back_to_its_view_and_its_filter(view: str, day: date, only: EntryFilter) -> None:
    found = asked(address_of(view, view, day, TODAY, only))

    assert found.get('view', 'month') == view
    assert (found.get('pipeline', ''), found.get('profile', ''), found.get('state', '')) == (
        only.pipeline,
        only.profile,
        only.group,
    )


@given(view=st.sampled_from([*VIEWS]), day=DAYS)
def test_an_address_leads_back_to_its_day_or_in_the_month_to_its_month(view: str, day: date) -> None:
    found = asked(address_of(view, view, day, TODAY, EntryFilter()))

    there = day_asked(found.get('day', ''), found.get('month', '')) or TODAY

    assert there == day or (view == 'month' and (there.year, there.month) == (day.year, day.month))
