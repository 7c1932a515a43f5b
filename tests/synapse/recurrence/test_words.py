"""Rules in plain words, and notes where clocks change."""

import gettext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from hypothesis import given, settings

from synapse.language import answering_in, texts
from synapse.recurrence import Plan, next_after
from synapse.recurrence.words import clock_change_on, in_words, preview_lines
from tests.parts.plans import BERLIN, LORD_HOWE, NEW_YORK, plans

ALL_BUT_13 = ','.join(str(day) for day in range(1, 32) if day != 13)
FRIDAY = datetime(2026, 10, 16, 16)


@pytest.mark.parametrize(
    ('rule', 'words'),
    [
        ('FREQ=DAILY', 'every day at 16:00'),
        ('FREQ=DAILY;INTERVAL=3', 'every 3 days at 16:00'),
        ('FREQ=DAILY;BYHOUR=9,12,15', 'every day at 09:00, 12:00 and 15:00'),
        ('FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6', 'every day at 7 different times'),
        ('FREQ=DAILY;BYSECOND=30', 'every day at 16:00:30'),
        ('FREQ=DAILY;BYMONTH=6,7', 'every day in June and July at 16:00'),
        ('FREQ=DAILY;BYDAY=SA,SU', 'every Saturday and Sunday at 16:00'),
        ('FREQ=WEEKLY', 'every Friday at 16:00'),
        ('FREQ=WEEKLY;BYDAY=MO,WE,FR', 'every Monday, Wednesday and Friday at 16:00'),
        ('FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR', 'every day from Monday to Friday at 16:00'),
        ('FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU', 'every day at 16:00'),
        ('FREQ=WEEKLY;INTERVAL=2', 'every 2 weeks on Friday at 16:00'),
        ('FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR', 'every 2 weeks on Monday and Friday at 16:00'),
        ('FREQ=MONTHLY', 'on the 16th of each month at 16:00'),
        ('FREQ=MONTHLY;BYMONTHDAY=31', 'on the 31st of each month, if there is one, at 16:00'),
        ('FREQ=MONTHLY;BYMONTHDAY=1,22,-1', 'on the 1st, the 22nd and the last day of each month at 16:00'),
        ('FREQ=MONTHLY;BYMONTHDAY=-3', 'on the 3rd-to-last day of each month at 16:00'),
        ('FREQ=MONTHLY;BYDAY=-1FR', 'on the last Friday of each month at 16:00'),
        ('FREQ=MONTHLY;BYDAY=1MO,3MO', 'on the first Monday and the third Monday of each month at 16:00'),
        ('FREQ=MONTHLY;BYDAY=5MO', 'on the fifth Monday of each month, if there is one, at 16:00'),
        ('FREQ=MONTHLY;BYDAY=MO', 'every Monday at 16:00'),
        ('FREQ=MONTHLY;BYDAY=2TU;BYMONTH=1,7', 'on the second Tuesday of January and July at 16:00'),
        ('FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=31', 'every 2 months on the 31st, if there is one, at 16:00'),
        ('FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1', 'on the last workday of each month at 16:00'),
        ('FREQ=MONTHLY;BYDAY=SU;BYSETPOS=2', 'on the second Sunday of each month at 16:00'),
        (f'FREQ=DAILY;BYMONTHDAY={ALL_BUT_13};BYDAY=FR', 'every Friday except on the 13th at 16:00'),
        ('FREQ=YEARLY', 'every year on 16 October at 16:00'),
        ('FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29', 'every year on 29 February, if there is one, at 16:00'),
        ('FREQ=YEARLY;BYMONTH=1,7;BYMONTHDAY=15', 'every year on 15 January and 15 July at 16:00'),
        ('FREQ=YEARLY;INTERVAL=4;BYMONTH=10;BYDAY=-1SU', 'every 4 years on the last Sunday of October at 16:00'),
        ('FREQ=HOURLY', 'every hour on the hour'),
        ('FREQ=HOURLY;BYMINUTE=0,30', 'every hour at 0 and 30 minutes past'),
        ('FREQ=HOURLY;INTERVAL=6', 'every 6 hours, counted from 16:00 on 16 October 2026'),
        ('FREQ=MINUTELY;INTERVAL=15;BYHOUR=9,10,11', 'every 15 minutes from 09:00 to 11:59'),
        ('FREQ=HOURLY;BYDAY=MO,TU', 'every hour on the hour, every Monday and Tuesday'),
    ],
)
def test_a_rule_is_put_into_plain_words(rule: str, words: str) -> None:
    assert in_words(Plan(FRIDAY, BERLIN, rule)) == f'Runs {words}, Berlin time, with no end date.'


@pytest.mark.parametrize(
    'rule',
    [
        'FREQ=YEARLY;BYDAY=MO;BYWEEKNO=20',
        'FREQ=YEARLY;BYYEARDAY=100',
        'FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR',
        'FREQ=MONTHLY;INTERVAL=2;BYDAY=MO',
        'FREQ=MONTHLY;BYDAY=MO,WE;BYSETPOS=1',
        'FREQ=WEEKLY;BYDAY=MO,WE;BYSETPOS=1',
        'FREQ=YEARLY;BYMONTH=3,9;BYDAY=MO;BYSETPOS=1',
        'FREQ=MINUTELY;INTERVAL=7;BYHOUR=1,9',
        'FREQ=DAILY;INTERVAL=2;BYDAY=MO',
    ],
)
def test_a_rule_that_words_cannot_express_is_quoted(rule: str) -> None:
    said = in_words(Plan(FRIDAY, BERLIN, rule))

    assert said.startswith('Runs by the rule FREQ=')
    assert said.endswith(', starting at 16:00, Berlin time, with no end date.')
    assert {*rule.split(';')} == {*said.removeprefix('Runs by the rule ').partition(', starting')[0].split(';')}


@pytest.mark.parametrize(
    ('rule', 'end'),
    [
        ('FREQ=DAILY;COUNT=10', '10 times.'),
        ('FREQ=DAILY;COUNT=1', 'once.'),
        ('FREQ=DAILY;UNTIL=20261231', 'until 31 December 2026.'),
        ('FREQ=DAILY;UNTIL=20261231T150000Z', 'until 31 December 2026.'),
        ('FREQ=DAILY;UNTIL=20261231T145959Z', 'until 30 December 2026.'),
    ],
)
def test_the_end_is_named(rule: str, end: str) -> None:
    assert in_words(Plan(FRIDAY, BERLIN, rule)) == f'Runs every day at 16:00, Berlin time, {end}'


def test_a_single_event_has_a_date_and_zones_are_named_by_city() -> None:
    assert in_words(Plan(FRIDAY, BERLIN)) == 'Runs once, on Friday 16 October 2026 at 16:00, Berlin time.'
    assert in_words(Plan(FRIDAY, NEW_YORK, 'FREQ=DAILY')).endswith('at 16:00, New York time, with no end date.')
    assert in_words(Plan(FRIDAY, 'UTC', 'FREQ=DAILY')).endswith('at 16:00, UTC, with no end date.')


def test_excluded_dates_are_named() -> None:
    one = Plan(FRIDAY, BERLIN, 'FREQ=DAILY', frozenset({datetime(2026, 10, 19, 16)}))
    two = Plan(FRIDAY, BERLIN, 'FREQ=DAILY', frozenset({datetime(2026, 10, 19, 16), datetime(2026, 10, 20, 16)}))

    assert in_words(one).endswith('with no end date. Except on 19 October 2026.')
    assert in_words(two).endswith('with no end date. Except on 2 dates.')


def notes(plan: Plan, after: datetime, count: int = 5) -> list[tuple[str, str]]:
    return [(f'{moment.due:%a %H:%M%z}', moment.note) for moment in preview_lines(plan, after, count)]


def test_the_first_occurrence_after_a_clock_change_says_that_its_time_is_unchanged() -> None:
    plan = Plan(FRIDAY, BERLIN, 'FREQ=WEEKLY;BYDAY=MO,WE,FR')

    assert notes(plan, datetime(2026, 10, 22, tzinfo=UTC), 3) == [
        ('Fri 16:00+0200', ''),
        ('Mon 16:00+0100', 'Clocks changed, still 16:00 here.'),
        ('Wed 16:00+0100', ''),
    ]


def test_an_occurrence_in_the_night_of_a_clock_change_says_what_happens() -> None:
    plan = Plan(datetime(2026, 1, 1, 2, 30), BERLIN, 'FREQ=DAILY')

    spring = notes(plan, datetime(2026, 3, 28, 12, tzinfo=UTC), 2)
    autumn = notes(plan, datetime(2026, 10, 24, 12, tzinfo=UTC), 2)

    assert spring == [('Sun 03:30+0200', '02:30 does not exist that night: runs at 03:30.'), ('Mon 02:30+0200', '')]
    assert autumn == [
        ('Sun 02:30+0200', 'This hour happens twice: runs the first time.'),
        ('Mon 02:30+0100', 'Clocks changed, still 02:30 here.'),
    ]


def test_a_single_event_in_a_skipped_hour_says_so_too() -> None:
    assert notes(Plan(datetime(2026, 3, 29, 2, 30), BERLIN), datetime(2026, 1, 1, tzinfo=UTC)) == [
        ('Sun 03:30+0200', '02:30 does not exist that night: runs at 03:30.')
    ]
    assert notes(Plan(FRIDAY, BERLIN), datetime(2027, 1, 1, tzinfo=UTC)) == []


def test_hourly_rules_run_in_both_repeated_hours_only_if_a_step_falls_on_both() -> None:
    start, after = datetime(2026, 10, 1, 0, 30), datetime(2026, 10, 24, 23, 45, tzinfo=UTC)

    assert notes(Plan(start, BERLIN, 'FREQ=HOURLY'), after, 2) == [
        ('Sun 02:30+0200', 'This hour happens twice: runs both times.'),
        ('Sun 02:30+0100', 'Clocks changed, counted in real time.'),
    ]
    assert notes(Plan(start, BERLIN, 'FREQ=HOURLY;INTERVAL=2'), after, 2) == [
        ('Sun 02:30+0200', ''),
        ('Sun 03:30+0100', 'Clocks changed, counted in real time.'),
    ]


@given(plan=plans())
@settings(deadline=None, max_examples=100)
def test_every_plan_has_words_and_preview_lines(plan: Plan) -> None:
    after = datetime(2026, 3, 28, tzinfo=UTC)

    said = in_words(plan)
    shown = preview_lines(plan, after)

    assert said.startswith('Runs ')
    assert '  ' not in said
    assert ',,' not in said
    # In UTC: of an hour that happens twice Python holds no two zones equal.
    assert [moment.due.astimezone(UTC) for moment in shown] == next_after(plan, after, limit=5)


@pytest.mark.parametrize(
    ('zone', 'day', 'minutes'),
    [
        (BERLIN, date(2026, 3, 28), 0),
        (BERLIN, date(2026, 3, 29), 60),
        (BERLIN, date(2026, 10, 25), -60),
        (NEW_YORK, date(2026, 11, 1), -60),
        (LORD_HOWE, date(2026, 4, 5), -30),
        (LORD_HOWE, date(2026, 10, 4), 30),
        ('America/Santiago', date(2026, 4, 4), -60),
        ('America/Santiago', date(2026, 9, 6), 60),
        ('America/Havana', date(2025, 11, 2), -60),
        ('UTC', date(2026, 3, 29), 0),
    ],
)
def test_a_day_tells_how_far_its_clocks_are_moved(zone: str, day: date, minutes: int) -> None:
    assert clock_change_on(day, zone) == timedelta(minutes=minutes)


PORTUGUESE = {
    'Runs {when}, {zone}, {end}.': 'Roda {when}, {end} ({zone}).',
    '{days} of each month': '{days} de cada mês',
    '{days} of {months}': '{days} de {months}',
    '{days} at {times}': '{days} às {times}',
    '{city} time': 'horário de {city}',
    'with no end date': 'sem data de término',
    'every Monday': 'toda segunda-feira',
    'every Friday': 'toda sexta-feira',
    'every Saturday': 'todo sábado',
    'every Sunday': 'todo domingo',
    'on the last Friday': 'na última sexta-feira',
    'on the second Sunday': 'no segundo domingo',
    'on the {nth}': 'no dia {nth}',
}


@pytest.mark.parametrize(
    ('rule', 'words'),
    [
        ('FREQ=MONTHLY;BYDAY=-1FR', 'na última sexta-feira de cada mês'),
        ('FREQ=MONTHLY;BYDAY=2SU', 'no segundo domingo de cada mês'),
        ('FREQ=MONTHLY;BYDAY=2SU;BYMONTH=3,7', 'no segundo domingo de março e julho'),
        ('FREQ=MONTHLY;BYMONTHDAY=1,15', 'no dia 1 e dia 15 de cada mês'),
        ('FREQ=WEEKLY;BYDAY=MO,FR,SA,SU', 'toda segunda-feira, sexta-feira, todo sábado e domingo'),
    ],
)
def test_a_language_says_each_weekday_as_it_agrees_and_orders_sentences(
    rule: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = Catalog(locale='pt_BR')
    for english, portuguese in PORTUGUESE.items():
        catalogue.add(english, portuguese)
    file = tmp_path / 'pt_BR/LC_MESSAGES/synapse.mo'
    file.parent.mkdir(parents=True)
    with file.open('wb') as opened:
        write_mo(opened, catalogue)
    translations = gettext.translation('synapse', tmp_path, ['pt_BR'])
    monkeypatch.setattr(texts, '_catalogue', lambda _language: translations)

    with answering_in('pt_BR'):
        assert (
            in_words(Plan(FRIDAY, BERLIN, rule)) == f'Roda {words} às 16:00, sem data de término (horário de Berlim).'
        )
