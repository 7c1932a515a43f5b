"""Why an event did or did not run at a moment: one reason, and it never contradicts the plan or the ledger."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.calendar.claims import OVERLAPPED
from synapse.calendar.events import Event, Misfire, Occurrence, OccurrenceState
from synapse.calendar.plan_history import PastPlan, Stop
from synapse.calendar.why import Asked, Facts, Obstacle, Reason, Why, why
from synapse.calendar.why_words import length, policy
from synapse.language import answering_in, translated
from synapse.recurrence import Plan, last_before, next_after, occurrences
from synapse.runs.records import RunRecord, RunState
from tests.parts.harness import ROOT
from tests.parts.plans import plans, windows

BERLIN = 'Europe/Berlin'
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
CREATED = datetime(2026, 2, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def event(**values: Any) -> Event:
    """Mondays, Wednesdays and Fridays at 09:00 in Berlin, from Monday 2 March 2026 on."""
    usual: dict[str, Any] = {
        'id': 'e',
        'title': 'Letters',
        'pipeline': 'Hello',
        'start': datetime(2026, 3, 2, 9),
        'timezone': BERLIN,
        'rrule': 'FREQ=WEEKLY;BYDAY=MO,WE,FR',
        'created_at': CREATED,
        'updated_at': CREATED,
        'armed_from': CREATED,
    }
    return Event.model_validate(usual | values)


def at(day: int, hour: int = 9, minute: int = 0, *, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute)


def utc(day: int, hour: int = 8, minute: int = 0, second: float = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC) + timedelta(seconds=second)


def asked(moment: datetime, of: Event | None = None, **facts: Any) -> Why:
    of = of or event()
    return why(Asked.of(moment, of.timezone), Facts(event=of, **({'now': NOW} | facts)))


def row(day: int = 4, **values: Any) -> Occurrence:
    usual: Mapping[str, Any] = {'event_id': 'e', 'due': utc(day), 'state': OccurrenceState.FIRED, 'run': 'r'}
    return Occurrence.model_validate({**usual, **values})


def run(**values: Any) -> RunRecord:
    usual: dict[str, Any] = {
        'id': 'r',
        'number': 12,
        'pipeline': 'Hello',
        'parameters': {},
        'state': RunState.SUCCEEDED,
        'created_at': utc(4),
        'started_at': utc(4, second=0.2),
        'finished_at': utc(4, second=3.2),
    }
    return RunRecord.model_validate(usual | values)


ONCE = event(rrule=None)
MISSED = row(state=OccurrenceState.MISSED, run=None, reason='This machine was asleep. Only the latest one is run.')
ASLEEP = Stop('asleep', utc(3, 22, 10), utc(4, 10, 1))
DISABLED = PastPlan.of(event(enabled=False, armed_from=utc(3)), utc(5))
OFF = [PastPlan.of(event(), utc(3)), DISABLED]
OTHER_TIME = PastPlan.of(event(start=at(1, 7), rrule='FREQ=DAILY'), utc(10))
MOVED = event(id='o', start=at(5, 10), rrule=None, override_of='e', override_at=at(4))
GONE = PastPlan.of(event(), utc(3), is_deleted=True)


@pytest.mark.parametrize(
    ('moment', 'of', 'facts', 'reason', 'sentence'),
    [
        (
            at(4),
            event(),
            {'row': row(fired_at=utc(4)), 'run': run()},
            'ran',
            'It was due Wed 4 March 09:00 and started 0.2 s late, as run #12, which succeeded after 3.0 s.',
        ),
        (
            at(4),
            event(),
            {
                'row': row(fired_at=utc(4, 10, 1), reason='This machine was asleep. Run late, as its event says.'),
                'run': run(started_at=utc(4, 10, 1), finished_at=None, state=RunState.RUNNING),
                'stops': [ASLEEP],
            },
            'late',
            'It was due Wed 4 March 09:00 and started 2 h 1 min late, as run #12, which is running. '
            'This machine was asleep from Tue 3 March 23:10 to Wed 4 March 11:01. Run late, as its event says.',
        ),
        (
            at(4),
            event(),
            {
                'row': row(fired_at=utc(4)),
                'run': run(started_at=utc(4, 9, 30), finished_at=utc(4, 9, 31)),
                'stops': [Stop('paused', utc(4, 7, 50), utc(4, 9, 30))],
            },
            'paused',
            'It was due Wed 4 March 09:00, but the queue was paused from Wed 4 March 08:50 to 10:30: '
            'run #12 started 1 h 30 min late and succeeded after 1 min.',
        ),
        (
            at(4),
            event(),
            {
                'row': row(fired_at=utc(4)),
                'run': run(state=RunState.QUEUED, started_at=None, finished_at=None),
                'stops': [Stop('paused', utc(4, 7, 50), None)],
            },
            'paused',
            'It was due Wed 4 March 09:00, but run #12 waits, as the queue is paused since Wed 4 March 08:50.',
        ),
        (
            at(4),
            event(),
            {
                'row': row(fired_at=utc(4)),
                'run': run(state=RunState.QUEUED, started_at=None, finished_at=None),
            },
            'waiting',
            'It was due Wed 4 March 09:00, and run #12 waits for a free worker.',
        ),
        (
            at(4),
            event(),
            {'row': row(fired_at=utc(4), late_seconds=0.04)},
            'ran',
            'It was due Wed 4 March 09:00 and fired on time; its run has been removed since, as Settings say how long '
            'runs are kept.',
        ),
        (
            at(4),
            event(),
            {'row': MISSED, 'stops': [ASLEEP]},
            'missed',
            'It was missed Wed 4 March 09:00: this machine was asleep from Tue 3 March 23:10 to Wed 4 March 11:01. '
            'Only the latest one is run.',
        ),
        (
            at(4),
            event(),
            {'row': MISSED.changed(reason='Synapse was not running.', since=utc(2), count=2)},
            'missed',
            'It was missed, as all 2 from Mon 2 March 09:00 to Wed 4 March 09:00: Synapse was not running.',
        ),
        (
            at(4),
            event(),
            {
                'row': MISSED.changed(reason='The clock of this machine was set forward. Only the latest one is run.'),
                'stops': [Stop('clock', utc(4, 7), utc(4, 9))],
            },
            'missed',
            'It was missed Wed 4 March 09:00: the clock of this machine was set forward from Wed 4 March 08:00 to '
            '10:00. Only the latest one is run.',
        ),
        (
            at(4),
            event(),
            {'row': row(state=OccurrenceState.SKIPPED, run=None, reason='Its last run was still running.')},
            'overlap',
            'It was skipped Wed 4 March 09:00: its last run was still running.',
        ),
        (
            at(4),
            event(armed_from=utc(10)),
            {},
            'unknown',
            'It is not known: what the event was planned to do is recorded from Tue 10 March 09:00 on.',
        ),
        (
            at(4),
            event(armed_from=utc(5)),
            {'plans': OFF},
            'disabled',
            'It did not run Wed 4 March 09:00: the event was switched off from Tue 3 March 09:00 to Thu 5 March 09:00.',
        ),
        (
            at(23),
            event(enabled=False, armed_from=utc(3)),
            {'plans': OFF[:1]},
            'disabled',
            'It does not run Mon 23 March 09:00: the event is switched off, since Tue 3 March 09:00.',
        ),
        (
            at(4),
            event(exdates=[at(4)]),
            {},
            'excluded',
            'The occurrence of Wed 4 March 09:00 is excluded from the event.',
        ),
        (
            at(4),
            event(exdates=[at(4)]),
            {'overrides': [MOVED]},
            'moved',
            'The occurrence of Wed 4 March 09:00 was moved to Thu 5 March 10:00.',
        ),
        (
            at(4),
            event(exdates=[at(4)]),
            {'overrides': [MOVED.changed(start=at(4), title='Letters, long')]},
            'overridden',
            'The occurrence of Wed 4 March 09:00 was changed on its own: Letters, long takes its place.',
        ),
        (at(1), event(), {}, 'before_start', 'The event starts Mon 2 March 09:00.'),
        (
            at(9),
            event(rrule='FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=3'),
            {},
            'after_end',
            'The event ended Fri 6 March 09:00.',
        ),
        (at(9), ONCE, {}, 'after_end', 'The event runs only once, Mon 2 March 09:00.'),
        (
            at(3),
            event(),
            {},
            'not_in_rule',
            'The rule has no moment on Tuesday 3 March; the nearest are Mon 2 March 09:00 and Wed 4 March 09:00.',
        ),
        (
            at(4, 11),
            event(),
            {},
            'not_in_rule',
            'The rule has no moment at 11:00 on Wednesday 4 March; the nearest are Wed 4 March 09:00 and Fri 6 March '
            '09:00.',
        ),
        (
            at(1, 7, month=1),
            event(),
            {},
            'created_later',
            'The event did not exist yet: it was created Sun 1 February 13:00.',
        ),
        (
            at(5, 7),
            event(armed_from=utc(10)),
            {'plans': [OTHER_TIME]},
            'unknown',
            'It was due Thu 5 March 07:00, but the history has no record of what happened.',
        ),
        (
            at(4),
            event(armed_from=utc(10)),
            {'plans': [GONE]},
            'deleted',
            'The event was deleted from Tue 3 March 09:00 to Tue 10 March 09:00.',
        ),
        (at(20, 13), event(rrule='FREQ=DAILY;BYHOUR=13'), {}, 'due', 'It is due since 13:00 and about to start.'),
        (at(27), event(), {}, 'planned', 'It is planned and runs Fri 27 March 09:00.'),
        (
            at(27),
            event(rrule='FREQ=WEEKLY;BYDAY=MO,WE,FR;UNTIL=20260328T000000'),
            {'is_queue_paused': True},
            'planned',
            'It is planned and runs Fri 27 March 09:00. It is the last one. The queue is paused now: its run waits '
            'until it is resumed.',
        ),
        (
            at(27),
            event(),
            {'obstacle': Obstacle('profile_gone', 'its profile studio is gone. Choose another one.')},
            'profile_gone',
            'It is due Fri 27 March 09:00, but its profile studio is gone. Choose another one.',
        ),
        (
            at(29, 2, 30),
            event(start=at(2, 2, 30), rrule='FREQ=DAILY'),
            {},
            'planned',
            "02:30 doesn't exist on Sun 29 March, as the clocks go forward. It is planned and runs Sun 29 March 03:30.",
        ),
        (
            at(29, 2, 30),
            event(start=at(2, 2, 30), rrule='FREQ=DAILY'),
            {
                'now': NOW + timedelta(days=20),
                'row': Occurrence(
                    event_id='e', due=utc(29, 1, 30), state=OccurrenceState.FIRED, run='r', fired_at=utc(29, 1, 30)
                ),
                'run': run(started_at=utc(29, 1, 30), finished_at=utc(29, 1, 31)),
            },
            'ran',
            "02:30 doesn't exist on Sun 29 March, as the clocks go forward. It was due Sun 29 March 03:30 and started "
            'on time, as run #12, which succeeded after 1 min.',
        ),
        (
            datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
            event(start=at(2, 2, 30), rrule='FREQ=DAILY'),
            {},
            'clock_change',
            'The clocks show 02:30 twice on Sun 25 October, and it runs the first time.',
        ),
    ],
)
def test_each_reason_has_its_sentence(
    moment: datetime, of: Event, facts: dict[str, Any], reason: str, sentence: str
) -> None:
    answer = asked(moment, of, **facts)

    assert (answer.reason, answer.sentence) == (reason, sentence)


def test_what_changed_an_unchanged_plan_is_not_taken_for_a_gap() -> None:
    answer = asked(at(4), event(armed_from=utc(10)), plans=[PastPlan.of(event(), utc(10))])

    assert answer.reason == 'unknown'  # it was due, so the ledger should know
    assert answer.due == utc(4)


def test_an_answer_names_the_occurrences_next_to_it_by_the_plan_of_that_time() -> None:
    answer = asked(at(5, 8), event(armed_from=utc(10)), plans=[OTHER_TIME])

    assert (answer.nearest.before, answer.nearest.after) == (utc(5, 6), utc(6, 6))


def test_only_what_did_not_run_can_be_run_after_all() -> None:
    assert [
        asked(at(4), row=MISSED).can_run,
        asked(at(4), row=row(fired_at=utc(4)), run=run()).can_run,
        asked(at(27)).can_run,
        asked(at(3)).can_run,
    ] == [True, False, False, False]


def test_an_asked_minute_holds_the_seconds_of_an_event() -> None:
    of = event(start=datetime(2026, 3, 2, 9, 0, 30))

    assert asked(at(23), of).due == datetime(2026, 3, 23, 8, 0, 30, tzinfo=UTC)
    assert asked(datetime(2026, 3, 23, 9, 0, 29), of).due is None


@pytest.mark.parametrize('moment', [datetime(1, 1, 1), datetime(9999, 12, 31), datetime.max.replace(tzinfo=UTC)])
def test_a_moment_beyond_the_years_of_rules_is_refused(moment: datetime) -> None:
    with pytest.raises(ValueError, match='Pick a year between'):
        Asked.of(moment, BERLIN)


def test_lengths_and_policies_are_said_as_people_do() -> None:
    assert [length(seconds) for seconds in (0.2, 41, 60, 27_060, 86_400 * 3.2)] == [
        '0.2 s',
        '41 s',
        '1 min',
        '7 h 31 min',
        '3 days',
    ]
    assert policy(Misfire(), 'skip') == (
        'If nothing could fire: only the latest runs, if less than 6 h late. '
        'While an earlier run has not finished: a new one is skipped.'
    )


def test_an_answer_is_in_the_language_of_its_reader_and_knows_reasons_kept_in_any() -> None:
    reason = translated(OVERLAPPED[0], 'pt_BR')
    with answering_in('en_XA'):
        answer = asked(at(4), row=row(state=OccurrenceState.SKIPPED, run=None, reason=reason))

    assert answer.reason == 'overlap'
    assert answer.sentence.startswith('⟦It was skipped ')
    assert answer.policy.startswith('⟦If nothing could fire: ⟦only the latest runs')


def test_the_documentation_names_every_reason() -> None:
    text = (ROOT / 'docs' / 'command-line.md').read_text(encoding='utf-8')
    reasons = [name for literal in get_args(Reason) for name in get_args(literal) or [literal]]

    assert len(reasons) > 20
    assert [name for name in reasons if f'`{name}`' not in text] == []


PAST, AHEAD = ('due', 'unknown', 'disabled'), ('planned', 'disabled')
NOTHING_DUE = ('before_start', 'after_end', 'not_in_rule', 'clock_change', 'excluded', 'created_later')


@given(plan=plans(), moments=windows(), is_on=st.booleans(), aims=st.booleans(), wall=st.booleans())
def test_the_reason_agrees_with_the_plan(
    plan: Plan, moments: tuple[datetime, datetime, datetime], is_on: bool, aims: bool, wall: bool
) -> None:
    created, moment, now = (item.replace(second=0, microsecond=0) for item in moments)
    near = next_after(plan, moment)
    if aims and near:
        moment = near[0]
    values = {'start': plan.start, 'timezone': plan.zone, 'rrule': plan.rule, 'exdates': sorted(plan.exdates)}
    dates = {'created_at': created, 'updated_at': created, 'armed_from': created}
    of = event(**values, **dates, enabled=is_on)
    question = Asked.of(moment.replace(tzinfo=None) if wall else moment, plan.zone)

    answer = why(question, Facts(event=of, now=now))

    dues = occurrences(plan, question.at, question.end)
    if answer.reason in NOTHING_DUE:
        assert not dues or dues[0] <= created
    else:
        assert instant(answer.due) == dues[0]
        assert answer.reason in (AHEAD if dues[0] > now else PAST)
        assert (answer.reason == 'disabled') == (not is_on)
    if answer.reason == 'created_later':
        assert question.at <= created
    if answer.reason == 'excluded':
        bare = Plan(plan.start, plan.zone, plan.rule)
        assert occurrences(bare, question.at, question.end)
    assert instant(answer.nearest.before) == last_before(plan, question.at)
    assert [instant(answer.nearest.after)] == (next_after(plan, question.end - timedelta.resolution) or [None])
    assert answer.sentence.endswith('.')


def instant(local: datetime | None) -> datetime | None:
    """In UTC: in an hour that the clocks show twice, moments of two zones are never equal (PEP 495)."""
    return local and local.astimezone(UTC)


LEDGER = {
    OccurrenceState.MISSED: ('missed',),
    OccurrenceState.SKIPPED: ('overlap', 'skipped'),
    OccurrenceState.CANCELLED: ('cancelled',),
    OccurrenceState.FIRED: ('ran', 'late', 'paused', 'waiting', 'cancelled'),
}


@given(
    plan=plans(),
    moment=windows(),
    state=st.sampled_from(sorted(LEDGER)),
    ended=st.sampled_from([None, *RunState]),
    late=st.integers(0, 9000),
    paused=st.booleans(),
)
def test_the_reason_agrees_with_the_ledger_whatever_the_plan_is_now(
    plan: Plan,
    moment: tuple[datetime, datetime, datetime],
    state: OccurrenceState,
    ended: RunState | None,
    late: int,
    paused: bool,
) -> None:
    of = event(start=plan.start, timezone=plan.zone, rrule=plan.rule, armed_from=moment[2], created_at=moment[0])
    due = moment[1].replace(second=0, microsecond=0)
    fired, started = due + SECOND, due + timedelta(seconds=late)
    is_fired = state is OccurrenceState.FIRED
    known = row(due=due, state=state, run='r' if is_fired else None, fired_at=fired if is_fired else None)
    has_started = ended not in (None, RunState.QUEUED)
    its_run = None
    if is_fired and ended is not None:
        its_run = run(state=ended, started_at=started if has_started else None, finished_at=None)
    stops = [Stop('paused', due - SECOND, started)] if paused else []

    answer = why(Asked.of(due, plan.zone), Facts(event=of, now=moment[2], row=known, run=its_run, stops=stops))

    assert answer.reason in LEDGER[state]
    assert (instant(answer.due), answer.state, answer.run) == (due, state, known.run)
    assert answer.can_run == (known.run is None and due <= moment[2])
