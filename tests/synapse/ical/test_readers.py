"""The table of rules that readers misread, and that they read alike what `is_read_alike` says."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from synapse import recurrence
from synapse.ical.readers import MISREAD, is_read_alike
from synapse.recurrence import Plan
from synapse.recurrence.rules import RuleError, read_rule
from tests.parts.calendar_readers import READERS, by_all, need_readers

SPAN = datetime(2027, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
SEED, TRIED = 20_261_130, 100


@pytest.fixture(scope='module', autouse=True)
def readers() -> None:
    need_readers()


def written(start: datetime, rule: str) -> str:
    lines = ['VCALENDAR', 'VERSION:2.0', 'PRODID:-//example//EN', 'BEGIN:VEVENT', 'UID:a', 'DTSTAMP:20261130T000000Z']
    lines += [f'DTSTART:{start:%Y%m%dT%H%M%SZ}', f'RRULE:{rule}', 'END:VEVENT', 'END:VCALENDAR', '']
    return 'BEGIN:' + '\r\n'.join(lines)


def test_the_rules_of_the_table_are_misread_by_the_readers_that_it_names() -> None:
    starts = [datetime.strptime(item.start, '%Y%m%dT%H%M%S') for item in MISREAD]
    texts = [written(start, item.rule) for start, item in zip(starts, MISREAD, strict=True)]

    for start, item, found in zip(starts, MISREAD, by_all(texts, *SPAN), strict=True):
        right = recurrence.occurrences(Plan(start, 'UTC', item.rule), *SPAN)
        assert right, item.rule
        assert {reader for reader in READERS if found[reader] != right} == set(item.readers), item.rule


def test_no_rule_of_the_table_counts_as_read_alike() -> None:
    assert [item.rule for item in MISREAD if is_read_alike(read_rule(item.rule))] == []


def test_rules_that_count_as_read_alike_are() -> None:
    plans = list(_plans(random.Random(SEED)))  # noqa: S311 - nothing secret
    texts = [written(plan.start, plan.rule or '') for plan in plans]

    for plan, found in zip(plans, by_all(texts, *SPAN), strict=True):
        right = recurrence.occurrences(plan, *SPAN)
        assert {reader for reader in READERS if found[reader] != right} == set(), (plan.rule, plan.start)


def _plans(draw: random.Random) -> Iterator[Plan]:
    """Yield series that start with their first occurrence, by rules that count as read alike."""
    left = TRIED
    while left:
        rule = ';'.join(f'{name}={value}' for name, value in _parts(draw))
        plan = Plan(datetime(2027, 1, 5, 9) + timedelta(days=draw.randint(0, 200)), 'UTC', rule)
        try:
            first = recurrence.first(plan) if is_read_alike(read_rule(rule)) else None
        except RuleError:
            continue
        moved = replace(plan, start=first.replace(tzinfo=None)) if first and first < SPAN[1] else None
        if moved and recurrence.occurrences(moved, *SPAN) == recurrence.occurrences(plan, *SPAN):
            left -= 1
            yield moved


def _parts(draw: random.Random) -> Iterator[tuple[str, object]]:
    frequency = draw.choice(['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'])
    yield 'FREQ', frequency
    if draw.random() < 0.4:
        yield 'INTERVAL', draw.choice([2, 3, 5])
    if draw.random() < 0.2:
        yield 'WKST', draw.choice(['SU', 'WE'])
    if draw.random() < 0.4:
        yield 'BYMONTH', _some(draw, range(1, 13))
    if draw.random() < 0.3:
        yield 'BYMONTHDAY', _some(draw, [1, 2, 13, 15, 28, 29, 30, 31, -1, -2])
    days = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU']
    if draw.random() < 0.4:
        yield 'BYDAY', _some(draw, days)
        if draw.random() < 0.4:
            yield 'BYSETPOS', draw.choice([1, -1, 2, -2])
    elif frequency in ('MONTHLY', 'YEARLY') and draw.random() < 0.5:
        yield 'BYDAY', _some(draw, [f'{place}{day}' for day in days for place in (1, 2, 3, 4, 5, -1, -2)])
    if draw.random() < 0.2:
        yield 'BYHOUR', _some(draw, [9, 12, 17, 22])
    if draw.random() < 0.2:
        yield 'BYMINUTE', _some(draw, [0, 15, 30, 45])


def _some(draw: random.Random, values: range | list[int] | list[str]) -> str:
    return ','.join(map(str, sorted(draw.sample(list(values), draw.randint(1, 3)))))
