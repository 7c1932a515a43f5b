"""What the preview of an event says: its rule with what matters in it, why it never runs, and how far ahead it is."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pages.scheduler.event.preview import ahead_words, in_parts, sentence_parts
from synapse.calendar.events import Preview
from synapse.recurrence import Plan
from synapse.recurrence.words import PreviewLine, sentence_and_when
from tests.parts.plans import plans

BERLIN = ZoneInfo('Europe/Berlin')
NOW = datetime(2026, 10, 14, 12, 8, tzinfo=UTC)
LINE = PreviewLine(due=datetime(2026, 10, 16, 16, tzinfo=BERLIN))
SENTENCE = 'Runs every Monday at 16:00, Berlin time, with no end date.'


@pytest.mark.parametrize(
    ('rule', 'emphasis'),
    [
        (None, 'once, on Friday 16 October 2026 at 16:00:30'),
        ('FREQ=WEEKLY;BYDAY=MO;BYSECOND=0', 'every Monday at 16:00'),
        ('FREQ=DAILY', 'every day at 16:00:30'),
        ('FREQ=DAILY;BYHOUR=9,12;BYSECOND=0', 'every day at 09:00 and 12:00'),
        ('FREQ=HOURLY;BYMINUTE=0,15,30,45', 'every hour at 0, 15, 30 and 45 minutes past'),
        ('FREQ=MINUTELY;INTERVAL=15;BYHOUR=9', 'every 15 minutes from 09:00 to 09:59'),
    ],
)
def test_days_and_time_stand_out(rule: str | None, emphasis: str) -> None:
    plan = Plan(datetime(2026, 10, 16, 16, 0, 30), 'Europe/Berlin', rule)
    assert in_parts(*sentence_and_when(plan))[1] == emphasis


@given(st.text(), st.text())
def test_no_word_of_a_sentence_is_lost_or_said_twice(sentence: str, when: str) -> None:
    assert ''.join(in_parts(sentence, when)) == sentence


@settings(max_examples=40, deadline=None)
@given(plans())
def test_every_rule_in_words_has_something_that_stands_out(plan: Plan) -> None:
    sentence, when = sentence_and_when(plan)
    before, emphasis, after = in_parts(sentence, when)

    assert (before, before + emphasis + after) == ('Runs ', sentence)
    assert emphasis


def test_an_event_that_falls_due_shows_its_rule_whatever_else_is_wrong() -> None:
    preview = Preview(sentence=SENTENCE, moments=(LINE,), problems={'start': 'It is over.'})

    assert ''.join(sentence_parts(preview)) == SENTENCE


@pytest.mark.parametrize(
    ('problems', 'sentence', 'shown'),
    [
        ({'start': 'It is over.', 'rrule': 'No day matches.'}, SENTENCE, 'No day matches.'),
        ({'timezone': 'No such zone.', 'start': 'It is over.'}, '', 'No such zone.'),
        ({'title': 'Name it.'}, SENTENCE, SENTENCE),
        ({}, '', 'Choose when it starts.'),
        ({'rrule': ''}, '', 'Choose when it starts.'),
    ],
)
def test_an_event_that_never_falls_due_says_why(problems: dict[str, str], sentence: str, shown: str) -> None:
    assert sentence_parts(Preview(sentence=sentence, problems=problems)) == ('', '', shown)


@pytest.mark.parametrize(
    ('ahead', 'words'),
    [
        (timedelta(days=1), 'in 1 day'),
        (timedelta(days=2), 'in 2 days'),
        (timedelta(days=60), 'in 60 days'),
        (timedelta(days=61), 'in 2 months'),
        (timedelta(days=700), 'in 23 months'),
        (timedelta(days=731), 'in 2 years'),
    ],
)
def test_the_further_ahead_the_rounder(ahead: timedelta, words: str) -> None:
    assert ahead_words((NOW + ahead).astimezone(BERLIN), NOW) == words


def test_days_ahead_are_counted_where_the_event_is() -> None:
    late = datetime(2026, 10, 14, 21, 30, tzinfo=UTC)  # 23:30 in Berlin
    due = datetime(2026, 10, 16, 0, 30, tzinfo=BERLIN)

    assert ahead_words(due, late) == 'in 2 days'
    assert ahead_words(due.astimezone(UTC), late) == 'in 1 day'
