"""The month as it is laid out: which days, which chips stay where there is no room, how busy a day is, what counts."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pages.runs.takers import taker_of
from pages.scheduler.month.chip import Capacity, chip_of, is_movable
from pages.scheduler.month.day_popover import picture_of, row_of
from pages.scheduler.month.layout import STEEL, Setting, days_of, everything, laid_out, totals_of, waiting
from pages.scheduler.month.load import MAX_MARKS, crowd_of, marks_of
from pages.scheduler.parts.days import clock_change_words, length_words, turned
from pages.scheduler.parts.entries import occurrence_of, survivors
from pages.scheduler.parts.entry_filter import GROUPS, EntryFilter
from synapse.calendar.entries import key_of
from synapse.calendar.events import CalendarEntry
from synapse.catalog.catalog import Catalog
from synapse.catalog.info import PipelineInfo

BERLIN = ZoneInfo('Europe/Berlin')
NOW = datetime(2026, 10, 14, 12, 8, 31, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)
DAY = timedelta(days=1)
STATES = st.sampled_from(['succeeded', 'failed', 'interrupted', 'missed', 'running', 'planned', 'queued'])


def entry(day: int, hour: float = 16, state: str = 'succeeded', **values: Any) -> CalendarEntry:
    """Something on a day of October 2026, at an hour of Berlin."""
    at = datetime(2026, 10, day, tzinfo=BERLIN).astimezone(UTC) + timedelta(hours=hour)
    given = {'key': f'{state}{day}-{hour}', 'title': 'Video publish', 'pipeline': 'PublishVideo', 'at': at} | values
    return CalendarEntry(state=state, **given)


def setting(**values: Any) -> Setting:
    return Setting(**({'zone': BERLIN, 'now': NOW, 'month': OCTOBER} | values))


def month_of(entries: Sequence[CalendarEntry], **values: Any) -> Any:
    ordered = sorted(entries, key=lambda entry: entry.at)
    return laid_out(ordered, days_of(OCTOBER), setting(**values))


# Days


@given(st.dates(date(1972, 1, 1), date(2198, 12, 31)))
def test_the_grid_of_any_month_is_whole_weeks_that_hold_all_of_it(day: date) -> None:
    first = day.replace(day=1)

    days = days_of(first)

    assert len(days) in (35, 42)
    assert days[0].weekday() == 0
    assert {first, turned(first, 1) - DAY} <= set(days)
    assert [after - before for before, after in pairwise(days)] == [DAY] * (len(days) - 1)


@given(st.dates(date(1972, 1, 31), date(2190, 12, 31)), st.integers(-24, 24))
def test_turning_months_keeps_the_day_or_takes_the_last_one(day: date, months: int) -> None:
    there = turned(day, months)

    assert (there.year * 12 + there.month) - (day.year * 12 + day.month) == months
    assert there.day == day.day or (there + DAY).day == 1


# Chips


def test_exceptions_survive_where_there_is_no_room_and_stand_in_the_order_of_time() -> None:
    entries = [entry(9, 2), entry(9, 8), entry(9, 10, 'failed'), entry(9, 12, 'running'), entry(9, 14), entry(9, 16)]

    assert [kept.state for kept in survivors(entries, 3)] == ['succeeded', 'failed', 'running']
    assert survivors(entries, 6) == entries


@pytest.mark.parametrize(
    ('capacity', 'count', 'normal', 'today'),
    [
        (Capacity(rows=4, beside=4), 4, 4, 4),
        (Capacity(rows=4, beside=4), 5, 3, 4),
        (Capacity(rows=3, beside=3), 9, 3, 3),
        (Capacity(rows=2, beside=2), 3, 2, 2),
        (Capacity(rows=2, beside=1), 3, 1, 1),
        (Capacity(rows=9, beside=8), 20, 8, 8),
    ],
)
def test_the_room_of_a_cell_says_how_many_chips_stay(capacity: Capacity, count: int, normal: int, today: int) -> None:
    assert capacity.most(count, is_today=False) == normal
    assert capacity.most(count, is_today=True) == today


def test_what_is_switched_off_has_a_chip_and_is_no_load() -> None:
    off = entry(21, 16, 'off', event_id='e', seconds=3600, reason='RunCommand, command: ["true"]')

    day = month_of([off, off])[date(2026, 10, 21)]
    (chip, _) = day.picture.chips

    assert (chip.look, chip.is_movable) == ('idle', False)
    assert chip.tip == '16:00 Video publish, switched off, RunCommand, command: ["true"]'
    assert day.picture.marks == ()
    assert day.totals['planned'] == 0


def test_a_chip_says_in_words_what_its_place_and_glyph_say() -> None:
    planned = entry(21, 16, 'planned', is_repeating=True, event_id='e')

    chip = chip_of(planned, 'p1', BERLIN, NOW)

    assert (chip.time, chip.look) == ('16:00', 'scheduled')
    assert chip.label == '16:00 Video publish, planned, repeats'
    assert chip_of(entry(9, 16, 'failed', reason='no disk space'), 'p1', BERLIN, NOW).tip.endswith('no disk space')
    assert chip_of(entry(9, 16, 'missed', count=12), 'p1', BERLIN, NOW).title == 'Video publish ×12'


def test_only_what_is_still_to_come_can_be_moved() -> None:
    assert is_movable(entry(21, 16, 'planned', event_id='e'), NOW)
    assert not is_movable(entry(14, 10, 'planned', event_id='e'), NOW)
    assert not is_movable(entry(9, 16, 'failed', event_id='e'), NOW)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)))
def test_the_key_of_a_chip_names_its_occurrence(moment: datetime) -> None:
    due = moment.replace(tzinfo=UTC)

    assert occurrence_of(key_of('e-1_x', due)) == ('e-1_x', due)
    assert occurrence_of('run:abc') is None


# Load


def bounds(day: int) -> tuple[datetime, datetime]:
    start = datetime(2026, 10, day, tzinfo=BERLIN).astimezone(UTC)
    return start, datetime(2026, 10, day + 1, tzinfo=BERLIN).astimezone(UTC)


def test_a_mark_lies_at_the_time_of_its_run_and_is_as_long_as_it() -> None:
    (mark,) = marks_of([entry(9, 6, seconds=3600)], *bounds(9), everything)

    assert (mark.left, mark.width, mark.look, mark.is_dim) == (25.0, 4.17, 'succeeded', False)


def test_what_runs_past_midnight_ends_with_the_strip() -> None:
    (mark,) = marks_of([entry(9, 23, seconds=9 * 3600)], *bounds(9), everything)

    assert mark.left + mark.width == pytest.approx(100, abs=0.01)


def test_a_day_of_25_hours_is_25_hours_long() -> None:
    (mark,) = marks_of([entry(25, 12.5)], *bounds(25), everything)

    assert mark.left == 50


def test_a_crowded_strip_has_a_mark_a_quarter_of_an_hour_in_the_colour_of_what_went_wrong() -> None:
    entries = [entry(9, minute / 60) for minute in range(24 * 60)]
    entries.append(entry(9, 12, 'failed'))

    marks = marks_of(entries, *bounds(9), everything)

    assert len(marks) == MAX_MARKS
    assert [mark.left for mark in marks if mark.look == 'failed'] == [50]


def test_too_many_at_once_are_counted_and_marked_where_they_meet() -> None:
    entries = [entry(22, hour, 'planned', seconds=3600) for hour in (7, 7.25, 7.5, 12)]

    crowd = crowd_of(entries, *bounds(22), workers=2, limits={})

    assert crowd.most == 3
    assert crowd.spans == ((pytest.approx(31.25), pytest.approx(100 * 0.5 / 24, abs=0.01)),)
    assert crowd_of(entries, *bounds(22), workers=3, limits={}).most == 0


def test_what_the_browser_is_sent_of_a_day_is_bounded() -> None:
    entries = [entry(22, number / 400, 'planned', key=f'e{number}', seconds=9 + number % 5) for number in range(9_600)]
    capacity = Capacity(rows=6, beside=5)

    picture = month_of(entries, capacity=capacity, workers=1)[date(2026, 10, 22)].picture

    assert len(picture.chips) == 5
    assert len(picture.marks) <= MAX_MARKS
    assert 0 < len(picture.crowd) <= MAX_MARKS
    assert len(json.dumps(picture.as_props())) < 10_000


def test_many_crowded_spans_are_told_by_quarters_of_an_hour() -> None:
    entries = [
        entry(22, number / 20 + extra / 10_000, 'planned', key=f'{number}{extra}', seconds=5)
        for number in range(470)
        for extra in range(3)
        if number % 20 < 10
    ]

    crowd = crowd_of(entries, *bounds(22), workers=2, limits={})

    assert crowd.most == 3
    assert len(crowd.spans) == 24
    assert crowd.spans[1] == (pytest.approx(100 / 24, abs=0.01), pytest.approx(50 / 24, abs=0.01))


def test_a_pipeline_that_allows_one_run_at_a_time_is_crowded_with_two() -> None:
    entries = [entry(22, hour, 'planned', seconds=3600) for hour in (7, 7.5)]

    assert crowd_of(entries, *bounds(22), workers=4, limits={'PublishVideo': 1}).most == 2
    assert crowd_of(entries, *bounds(22), workers=4, limits={'Other': 1}).most == 0


def test_one_that_ends_as_another_begins_is_no_crowd() -> None:
    entries = [entry(22, hour, 'planned', seconds=3600) for hour in (7, 8, 9)]

    assert crowd_of(entries, *bounds(22), workers=1, limits={}).most == 0


@given(st.lists(st.tuples(st.integers(0, 23 * 60), st.integers(1, 300)), min_size=1, max_size=25), st.integers(1, 4))
def test_the_crowd_is_the_largest_number_that_goes_at_any_minute(spans: list[tuple[int, int]], workers: int) -> None:
    entries = [entry(22, begin / 60, 'planned', seconds=length * 60) for begin, length in spans]
    at_once = [sum(begin <= minute < begin + length for begin, length in spans) for minute, _ in spans]

    crowd = crowd_of(entries, *bounds(22), workers=workers, limits={})

    assert crowd.most == (max(at_once) if max(at_once) > workers else 0)


# The month


def test_a_cell_is_called_by_its_day_and_what_is_in_it() -> None:
    ran = [entry(9, hour, state) for hour, state in ((2, 'succeeded'), (8, 'failed'), (10, 'interrupted'))]

    days = month_of([*ran, entry(6, 2, 'missed', count=3)])

    assert days[date(2026, 10, 9)].picture.label == 'Friday 9 October, 1 succeeded, 2 failed, 0 planned'
    assert days[date(2026, 10, 6)].picture.label == 'Tuesday 6 October, 0 succeeded, 0 failed, 0 planned, 3 missed'


def test_days_are_past_today_or_to_come_and_of_this_month_or_not() -> None:
    days = {day: found.picture for day, found in month_of([]).items()}

    assert [days[date(2026, 10, day)].tense for day in (13, 14, 15)] == ['past', 'today', 'future']
    assert days[date(2026, 9, 30)].is_out
    assert days[date(2026, 11, 1)].number == '1 Nov'
    assert days[date(2026, 10, 14)].lasts == 24 * 3600 * 1000
    assert days[date(2026, 10, 15)].lasts == 0


def test_an_entry_belongs_to_the_day_of_the_calendars_zone() -> None:
    late = CalendarEntry(
        key='k', at=datetime(2026, 10, 8, 22, 30, tzinfo=UTC), state='succeeded', title='Late', pipeline='P'
    )

    days = month_of([late])

    assert [chip.time for chip in days[date(2026, 10, 9)].picture.chips] == ['00:30']


def test_the_filter_takes_chips_away_and_leaves_dim_marks() -> None:
    entries = [entry(9, 2), entry(9, 8, 'failed', pipeline='Newsletter')]

    picture = month_of(entries, only=EntryFilter(pipeline='Newsletter'))[date(2026, 10, 9)].picture

    assert [chip.look for chip in picture.chips] == ['failed']
    assert [mark.is_dim for mark in picture.marks] == [True, False]


def test_totals_count_the_month_alone_and_no_matter_which_states_are_shown() -> None:
    entries = [entry(9, 2), entry(9, 8, 'interrupted'), entry(21, 8, 'planned'), entry(6, 8, 'missed', count=4)]
    september = CalendarEntry(key='s', at=datetime(2026, 9, 29, 9, tzinfo=UTC), state='failed', title='', pipeline='P')

    totals = totals_of(month_of([september, *entries], only=EntryFilter(group='failed')).values())

    assert {group: totals[group] for group in ('succeeded', 'failed', 'missed', 'planned')} == {
        'succeeded': 1,
        'failed': 1,
        'missed': 4,
        'planned': 1,
    }


def test_what_is_over_booked_is_said_of_days_to_come_alone() -> None:
    entries = [entry(day, 7, 'planned', seconds=600, key=f'{day}{n}') for day in (9, 22) for n in range(3)]

    days = month_of(entries, workers=2)

    assert days[date(2026, 10, 22)].picture.load == '3 at once'
    assert days[date(2026, 10, 9)].picture.load == ''


@pytest.mark.parametrize(('minutes', 'words'), [(-60, '-1 h'), (60, '+1 h'), (30, '+30 min'), (0, '')])
def test_the_change_of_the_clocks_is_said_in_hours(minutes: int, words: str) -> None:
    assert clock_change_words(timedelta(minutes=minutes)) == words


def test_the_night_of_the_clock_change_is_marked() -> None:
    assert month_of([])[date(2026, 10, 25)].picture.clock == '-1 h'
    assert waiting(date(2026, 10, 26), setting()).clock == ''


def test_a_month_of_a_hundred_thousand_entries_sends_a_few_chips_a_day() -> None:
    entries = [
        entry(day, minute / 125, 'planned', key=f'{day}-{minute}') for day in range(1, 32) for minute in range(3000)
    ]

    days = month_of(entries)

    shown = days[date(2026, 10, 21)].picture
    assert len(shown.chips) == 3
    assert shown.more == 2997
    assert len(shown.marks) <= MAX_MARKS
    assert all(len(str(day.picture.as_props())) < 20_000 for day in days.values())


def test_the_many_occurrences_of_one_event_on_a_day_are_one_chip() -> None:
    often = [
        entry(21, quarter / 4, state, key=f'{state}-{quarter}', title=state, event_id=state)
        for quarter in range(96)
        for state in ('off', 'planned')
    ]
    day = month_of([*often, entry(21, 9, 'planned', title='Nine', event_id='nine')])[date(2026, 10, 21)]

    chips = [(chip.time, chip.title, chip.is_movable) for chip in day.picture.chips]
    assert chips == [('00:00', 'off ×96', False), ('00:00', 'planned ×96', False), ('09:00', 'Nine', True)]
    assert (day.picture.more, day.count) == (0, 193)
    assert day.picture.label.endswith('97 planned')
    assert set(day.entries) == {chip.key for chip in day.picture.chips}


def test_a_few_occurrences_of_one_event_stay_apart() -> None:
    found = [entry(21, hour, 'planned', event_id='e', key=str(hour)) for hour in (8, 12, 16, 20)]
    day = month_of([*found, entry(21, 9, 'failed')])[date(2026, 10, 21)]

    assert [chip.time for chip in day.picture.chips] == ['08:00', '09:00', '12:00']
    assert day.picture.more == 2


FEW = settings(max_examples=25, deadline=None)
"""Each of these lays out a whole month."""
LOADED = st.lists(st.tuples(st.integers(1, 31), st.integers(0, 23), STATES, st.integers(1, 3)), max_size=60)


def loaded(found: list[tuple[int, int, str, int]]) -> list[CalendarEntry]:
    return [
        entry(day, hour, state, key=str(number), count=count) for number, (day, hour, state, count) in enumerate(found)
    ]


@FEW
@given(LOADED, st.integers(1, 6))
def test_every_entry_of_a_day_is_a_chip_or_counted(found: list[tuple[int, int, str, int]], rows: int) -> None:
    days = month_of(loaded(found), capacity=Capacity(rows=rows, beside=rows))

    assert sum(len(day.picture.chips) + day.picture.more for day in days.values()) == len(found)
    assert all(len(day.picture.chips) <= rows for day in days.values())


@FEW
@given(LOADED)
def test_the_totals_of_a_month_are_those_of_its_entries(found: list[tuple[int, int, str, int]]) -> None:
    totals = totals_of(month_of(loaded(found)).values())

    for group, states in GROUPS.items():
        assert totals[group] == sum(count for _, _, state, count in found if state in states)


@FEW
@given(LOADED)
def test_marks_lie_within_the_strip(found: list[tuple[int, int, str, int]]) -> None:
    marks = [mark for day in month_of(loaded(found)).values() for mark in day.picture.marks]

    assert all(0 <= mark.left <= 100 and 0 <= mark.width <= 100.01 - mark.left for mark in marks)


@FEW
@given(LOADED, st.sampled_from([*GROUPS]))
def test_a_filter_by_state_changes_no_total_and_dims_all_other_marks(
    found: list[tuple[int, int, str, int]], group: str
) -> None:
    entries = loaded(found)
    shown = month_of(entries, only=EntryFilter(group=group))

    assert totals_of(shown.values()) == totals_of(month_of(entries).values())
    bright = sum(not mark.is_dim for day in shown.values() for mark in day.picture.marks)
    assert bright == sum(state in GROUPS[group] for _, _, state, _ in found)


def test_a_chip_of_a_pipeline_that_is_gone_has_a_color_too() -> None:
    picture = month_of([entry(9, 2)], colors={'Other': 'p1'})[date(2026, 10, 9)].picture

    assert [chip.color for chip in picture.chips] == [STEEL]


def test_a_day_that_is_still_loading_is_named_and_empty() -> None:
    cell = waiting(date(2026, 10, 14), setting())

    assert (cell.label, cell.is_waiting, cell.chips) == ('Wednesday 14 October', True, ())


def test_the_browser_gets_a_cell_as_plain_values() -> None:
    props = month_of([entry(9, 6, seconds=3600)])[date(2026, 10, 9)].picture.as_props()

    assert (props['day'], props['marks'], props['is_weekend']) == (
        '2026-10-09',
        [(25.0, 4.17, 'succeeded', False)],
        False,
    )
    assert props['chips'][0]['title'] == 'Video publish'


# The popover


def test_the_popover_says_how_a_day_went_and_offers_what_can_be_done() -> None:
    entries = [
        entry(9, 2, seconds=26 * 60, run='a'),
        entry(9, 10, 'failed', run='b', seconds=60, reason='no disk space'),
        entry(9, 12, 'missed', event_id='e', reason='Synapse was not running.'),
    ]

    picture = picture_of(date(2026, 10, 9), entries, BERLIN)
    rows = [row_of(item, BERLIN) for item in entries]

    assert picture['caption'] == '1 succeeded, 1 failed, 1 missed, 27 min of work'
    assert picture['retry'] == 'Retry failed'
    assert [row['note'] for row in rows] == ['26 min', 'no disk space', 'Synapse was not running.']
    assert [row['runs'] for row in rows] == [False, False, True]


@pytest.mark.parametrize(
    ('seconds', 'words'), [(0.2, '1 s'), (41, '41 s'), (59.7, '1 min'), (3600, '1 h'), (3660, '1 h 1 min')]
)
def test_lengths_are_rounded_as_people_say_them(seconds: float, words: str) -> None:
    assert length_words(seconds) == words


# Files


def pipeline(name: str, *accepts: str, needs_file: bool = True) -> PipelineInfo:
    field = {'format': 'path', 'type': 'string', **({'x-accepts': list(accepts)} if accepts else {})}
    schema = {'properties': {'file': field}, 'required': ['file']} if needs_file else {'properties': {}}
    steps = ({'name': 'work', 'title': 'WORK'},)
    return PipelineInfo(name=name, title=name, steps=steps, source='/home/me/m.py', accepts=accepts, schema=schema)


class Shelf(Catalog):
    """A catalog of these pipelines, wherever they are from."""

    def __init__(self, *infos: PipelineInfo) -> None:
        self._infos = {info.name: info for info in infos}


def test_a_dropped_file_goes_to_a_pipeline_that_names_its_ending_else_to_one_that_takes_any() -> None:
    infos = [
        pipeline('Nothing', needs_file=False),
        pipeline('Any'),
        pipeline('Clips', '.mp4'),
        pipeline('Video', '.mp4'),
    ]

    def name_of(name: str, wanted: str = '') -> str | None:
        found = taker_of(name, Shelf(*infos), wanted)
        return found.name if found else None

    assert name_of('.mp4') == 'Clips'
    assert name_of('.mp4', 'Video') == 'Video'
    assert name_of('.MP4') == 'Clips'
    assert name_of('.txt') == 'Any'
    assert name_of('.mp4', 'Any') == 'Clips'
    assert taker_of('.txt', Shelf(*infos[2:])) is None
