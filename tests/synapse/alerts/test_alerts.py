"""Incidents are reported once, with a count, until someone has seen them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.documents import Documents
from synapse.alerts import alerts as alerts_module
from synapse.alerts.alerts import MAX_ALERTS, Alert, AlertAction, AlertKind, Alerts, AlertsChanged
from synapse.alerts.watch import AlertWatch
from synapse.bus import Bus
from synapse.calendar.events import Event, Occurrence, OccurrenceState
from synapse.calendar.messages import OccurrencesChanged, ZonesChanged
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.language import answering_in
from synapse.machine import MachineMeasured
from synapse.records import Problem
from synapse.runs.messages import EverythingStopped, QueueChanged, RunChanged
from synapse.runs.records import Question, RunRecord, RunState, StepRun, StepState, work_of
from synapse.settings import Settings
from synapse.status import Status, StatusChanged
from tests.parts.api_room import api_room, run_in
from tests.parts.scripted import OnePipeline

NOW = datetime(2026, 10, 14, 12, tzinfo=UTC)
GB = 10**9


class Watched:
    """Alerts over a simulated core: its bus, its status and its clock."""

    def __init__(self, data: Path) -> None:
        self.bus, self.status, self.now = Bus(), Status(), NOW
        self.unanswered: list[Occurrence] = []
        self.events: dict[str, Event] = {}
        self.is_queue_paused = False
        self.messages: list[AlertsChanged] = []
        self.bus.subscribe(AlertsChanged, self.messages.append)
        self.alerts = Alerts(Documents(data / 'alerts.json'), self.bus, now=lambda: self.now)
        catalog: Any = OnePipeline()
        self.watch = AlertWatch(
            self.alerts,
            self.bus,
            status=self.status,
            catalog=catalog,
            event=self._event,
            zone='Europe/Berlin',
            unanswered=self._unanswered,
            is_queue_paused=lambda: self.is_queue_paused,
            min_free_bytes=GB // 2,
        )

    async def _unanswered(self) -> list[Occurrence]:
        return self.unanswered

    def _event(self, id: str) -> Event:
        if id not in self.events:
            raise NotFound('event_not_found', 'No event has this id.')
        return self.events[id]

    def plan(self, id: str, title: str) -> None:
        moments = {'start': NOW, 'created_at': NOW, 'armed_from': NOW, 'updated_at': NOW}
        self.events[id] = Event(id=id, title=title, pipeline='Work', timezone='UTC', **moments)

    def fail(self, number: int = 1, **values: Any) -> RunRecord:
        return self.end(number, **{'state': RunState.FAILED, **values})

    def succeed(self, number: int, **values: Any) -> RunRecord:
        return self.end(number, **{'state': RunState.SUCCEEDED, 'error': None, **values})

    def end(self, number: int, **values: Any) -> RunRecord:
        ended = run(number, **values)
        self.bus.publish(RunChanged(ended))
        return ended

    def miss(self, *titles: str, **values: Any) -> None:
        rows = tuple(occurrence(title, **values) for title in titles)
        self.unanswered += rows
        self.bus.publish(OccurrencesChanged(rows))

    def measure(self, free: float, total: float = 100 * GB) -> None:
        self.bus.publish(MachineMeasured('/data', int(free), int(total)))

    def hold(self, notice: str) -> None:
        self.status.notice = notice
        self.bus.publish(StatusChanged())

    @property
    def only(self) -> Alert:
        (alert,) = self.alerts
        return alert


@contextlib.asynccontextmanager
async def watched(data: Path) -> AsyncIterator[Watched]:
    data.mkdir(exist_ok=True)
    it = Watched(data)
    try:
        yield it
    finally:
        await it.watch.stop()
        await it.alerts.stop()


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Watched]:
    async with watched(tmp_path) as it:
        yield it


def run(number: int, *, film: str = 'film', reason: str = 'It broke.', **values: Any) -> RunRecord:
    """One of the work that renders this film."""
    record = RunRecord(
        id=f'r{number}',
        number=number,
        pipeline='Work',
        parameters={'film': film},
        steps=(StepRun(name='one', state=StepState.SUCCEEDED), StepRun(name='two', state=StepState.FAILED)),
        error=Problem(message=reason, hint='Mend it.'),
        created_at=NOW,
        subject=f'{film}.mp4',
    )
    return record.changed(**values)


def occurrence(title: str, **values: Any) -> Occurrence:
    row = Occurrence(
        event_id=title,
        due=NOW,
        state=OccurrenceState.MISSED,
        reason='Synapse was not running.',
        title=title,
        is_open=True,
    )
    return row.changed(**values)


async def test_a_failed_run_says_what_happened_and_where_to_go(it: Watched) -> None:
    it.fail(7)

    alert = it.only
    assert (alert.kind, alert.look, alert.count) == (AlertKind.RUN_FAILED, 'failed', 1)
    assert alert.title == 'film.mp4 failed at TWO'
    assert alert.text == 'It broke. Mend it.'
    assert (alert.verb, alert.target, alert.action) == ('Open run #7', '/runs/7', AlertAction.OPEN)
    assert it.alerts.unseen == 1


async def test_the_same_work_again_is_counted_and_leads_to_the_newest_run(it: Watched) -> None:
    it.fail(1)
    first = it.only
    it.now += timedelta(minutes=5)
    it.fail(2)

    alert = it.only
    assert (alert.id, alert.count) == (first.id, 2)
    assert (alert.title, alert.target) == ('film.mp4 failed at TWO', '/runs/2')
    assert (alert.first_at, alert.last_at) == (NOW, NOW + timedelta(minutes=5))
    assert it.alerts.since(first.news) == [alert]
    assert it.alerts.unseen == 1


async def test_each_kind_of_work_has_an_alert_of_its_own_even_with_the_same_reason(it: Watched) -> None:
    it.fail(1)
    it.fail(2, film='other')
    it.fail(3, profile='second')
    it.fail(4, pipeline='Gone')

    assert [(alert.title, alert.target, alert.count) for alert in it.alerts] == [
        ('film.mp4 failed at TWO', '/runs/4', 1),
        ('film.mp4 failed at TWO', '/runs/3', 1),
        ('other.mp4 failed at TWO', '/runs/2', 1),
        ('film.mp4 failed at TWO', '/runs/1', 1),
    ]
    assert len({alert.key for alert in it.alerts}) == 4


async def test_the_alert_of_one_kind_of_work_has_the_newest_reason(it: Watched) -> None:
    it.fail(1)
    it.fail(2, reason='The disk is full.')
    assert (it.only.text, it.only.count) == ('The disk is full. Mend it.', 2)

    it.fail(3, state=RunState.INTERRUPTED)

    assert (it.only.title, it.only.kind) == ('film.mp4 was interrupted at TWO', AlertKind.RUN_INTERRUPTED)
    assert it.only.count == 3


async def test_events_have_their_own_lines_even_with_the_same_title_and_work(it: Watched) -> None:
    it.plan('a', 'Backup')
    it.plan('b', 'Backup')
    it.fail(1)
    it.fail(2, event_id='a')
    it.fail(3, event_id='b')
    it.fail(4, event_id='a', film='of another day')

    assert [(alert.title, alert.target, alert.count) for alert in it.alerts] == [
        ('Backup failed at TWO', '/runs/4', 2),
        ('Backup failed at TWO', '/runs/3', 1),
        ('film.mp4 failed at TWO', '/runs/1', 1),
    ]
    it.events.clear()
    it.fail(5, event_id='a')
    assert next(iter(it.alerts)).title == 'film.mp4 failed at TWO'


async def test_retries_belong_to_the_work_of_the_first_run(it: Watched) -> None:
    it.plan('a', 'Backup')
    first = it.fail(1, event_id='a')
    second = it.fail(2, film='changed', retry_of=first.id, work=work_of(first))
    it.fail(3, film='changed again', retry_of=second.id, work=work_of(second))

    assert (it.only.title, it.only.target, it.only.count) == ('Backup failed at TWO', '/runs/3', 3)


async def test_the_same_upload_again_is_the_same_work(it: Watched) -> None:
    it.fail(1, parameters={'film': '/data/runs/r1/inputs/film.mp4'})
    it.fail(2, parameters={'film': '/data/runs/r2/inputs/film.mp4'})

    assert it.only.count == 2


async def test_what_works_again_is_over_until_it_fails_once_more(it: Watched) -> None:
    first = it.fail(1)
    it.succeed(2, film='other')
    assert it.only.is_active
    it.now += timedelta(hours=1)
    it.succeed(3, retry_of=first.id, work=work_of(first))

    assert it.only.over_at == NOW + timedelta(hours=1)
    assert it.alerts.unseen == 1
    it.fail(4)
    assert (it.only.is_active, it.only.count, it.only.first_at) == (True, 2, NOW)


async def test_an_earlier_run_that_ends_well_does_not_end_the_failure_of_a_later_one(it: Watched) -> None:
    it.fail(2)
    it.succeed(1)

    assert it.only.is_active


async def test_progress_and_success_raise_no_alerts(it: Watched) -> None:
    it.bus.publish(RunChanged(run(1, state=RunState.FAILED), moved=False))
    it.fail(2, state=RunState.SUCCEEDED)
    it.fail(3, state=RunState.CANCELLED)

    assert len(it.alerts) == 0


async def test_a_seen_alert_becomes_a_new_one_when_it_happens_again(it: Watched) -> None:
    it.fail(1)
    it.fail(2)
    seen = it.only
    it.alerts.mark_seen(seen.id)

    assert it.alerts.unseen == 0
    it.fail(3)

    assert it.only.count == 1
    assert it.only.id != seen.id
    assert it.alerts.unseen == 1


async def test_all_are_seen_one_is_taken_away_and_all_are(it: Watched) -> None:
    for number in range(4):
        it.fail(number, film=f'film {number}')
    third, second = [*it.alerts][:2]

    it.alerts.mark_page_seen('/runs/2')
    assert [alert.is_seen for alert in it.alerts] == [False, True, False, False]
    it.alerts.mark_all_seen()
    assert it.alerts.unseen == 0
    it.alerts.dismiss(second.id)
    assert len(it.alerts) == 3
    assert it.alerts.get(second.id) is None
    assert it.alerts.get(third.id) is not None
    it.alerts.clear()
    assert len(it.alerts) == 0


async def test_missed_occurrences_are_one_alert_for_each_event(it: Watched) -> None:
    it.miss('Film')
    assert it.only.title == 'Film was missed'
    assert it.only.text == 'Synapse was not running. Decide on the calendar what to do.'
    # Half past midnight in Berlin.
    it.miss('Film', 'Backup', count=3, due=datetime(2026, 10, 14, 22, 30, tzinfo=UTC))

    backup, film = it.alerts
    assert [(alert.title, alert.count) for alert in (film, backup)] == [
        ('Film was missed', 4),
        ('Backup was missed', 3),
    ]
    assert (backup.kind, backup.verb) == (AlertKind.OCCURRENCES_MISSED, 'Open calendar')
    assert backup.target == '/scheduler?day=2026-10-15'


async def test_occurrences_run_late_or_skipped_raise_no_alert(it: Watched) -> None:
    it.miss('Late', state=OccurrenceState.FIRED)
    it.miss('Skipped', state=OccurrenceState.SKIPPED)
    it.miss('Answered', is_open=False)

    assert len(it.alerts) == 0


async def test_the_alert_of_an_event_is_removed_once_all_it_missed_is_answered(it: Watched) -> None:
    it.miss('Film', 'Backup')
    film, backup = it.unanswered

    it.unanswered = [backup, occurrence('Late', state=OccurrenceState.FIRED)]
    it.bus.publish(OccurrencesChanged((film.changed(state=OccurrenceState.SKIPPED, is_open=False),)))
    await passed(it)
    assert it.only.title == 'Backup was missed'
    it.unanswered = it.unanswered[1:]
    it.bus.publish(OccurrencesChanged((backup.changed(state=OccurrenceState.FIRED, is_open=False),)))
    await passed(it)

    assert len(it.alerts) == 0


async def test_one_answer_is_seen_though_another_event_misses_at_the_same_time(it: Watched) -> None:
    it.miss('Film')
    film = it.unanswered.pop()
    backup = occurrence('Backup')
    it.unanswered.append(backup)

    it.bus.publish(OccurrencesChanged((film.changed(state=OccurrenceState.SKIPPED, is_open=False), backup)))
    await passed(it)

    assert it.only.title == 'Backup was missed'


async def test_a_disk_is_nearly_full_once_until_it_really_has_space_again(it: Watched) -> None:
    for free in (11, 9.9, 9, 10.5, 9.5, 11.9, 8):
        it.measure(free * GB)

    assert it.only.count == 1
    assert it.only.text.startswith('9.9 GB of 100.0 GB are left on the disk with /data. Below 500 MB no run starts.')
    it.now += timedelta(hours=1)
    it.measure(12 * GB)
    assert it.only.over_at == NOW + timedelta(hours=1)
    assert it.alerts.unseen == 1
    it.measure(9 * GB)
    assert it.only.over_at is None
    assert it.only.count == 2


async def test_a_small_disk_is_nearly_full_when_runs_will_soon_not_start(it: Watched) -> None:
    it.measure(1.1 * GB, total=4 * GB)
    assert len(it.alerts) == 0

    it.measure(0.99 * GB, total=4 * GB)

    assert it.only.kind is AlertKind.DISK_LOW


async def test_a_warning_that_was_taken_away_does_not_come_back_while_nothing_changes(it: Watched) -> None:
    it.measure(5 * GB)
    it.hold('Only 5 MB are free: no run starts.')
    it.alerts.clear()

    it.measure(5 * GB)
    it.hold('Only 5 MB are free: no run starts.')

    assert len(it.alerts) == 0


async def test_a_queue_held_by_the_disk_replaces_the_warning(it: Watched) -> None:
    it.measure(5 * GB)
    it.hold('Only 5 MB are free: no run starts.')
    it.measure(4 * GB)

    alert = it.only
    assert (alert.kind, alert.verb) == (AlertKind.QUEUE_HELD, 'Free space')
    assert alert.text == 'Only 5 MB are free: no run starts. Free some space, then waiting runs start by themselves.'
    it.hold('')
    assert not it.only.is_active


async def test_an_alert_of_a_run_that_waits_says_what_it_waits_for_now_and_is_no_news(it: Watched) -> None:
    waiting = {'state': RunState.QUEUED, 'error': None}
    it.end(1, **waiting, waits_for='a machine with gpu 1; annex has it and gets no new runs')
    it.end(2, **waiting, waits_for='a machine with gpu 1; annex has it and gets no new runs')
    first = it.only

    for number in (2, 1):
        it.end(number, **waiting, waits_for='a machine with gpu 1; annex has it and is not connected')

    assert (it.only.news, it.only.count, it.only.run_number) == (first.news, 1, 1)
    assert it.only.text == (
        'Run #1 needs a machine with gpu 1; annex has it and is not connected. It starts by itself once that is there.'
    )
    for number in (2, 1):
        it.end(number, **waiting)
    assert not it.only.is_active


async def test_the_emergency_stop_offers_to_resume_until_the_queue_is_resumed(it: Watched) -> None:
    it.is_queue_paused = True
    it.bus.publish(QueueChanged())
    it.bus.publish(EverythingStopped(2, 3))

    alert = it.only
    assert (alert.action, alert.verb) == (AlertAction.RESUME_QUEUE, 'Resume the queue')
    assert alert.text == (
        '2 live runs ended. 3 waiting runs kept in the queue. Nothing new starts until the queue is resumed.'
    )
    it.bus.publish(QueueChanged())
    assert len(it.alerts) == 1
    it.is_queue_paused = False
    it.bus.publish(QueueChanged())
    assert len(it.alerts) == 0


async def test_the_oldest_go_when_there_are_too_many(it: Watched) -> None:
    for number in range(MAX_ALERTS + 20):
        it.fail(number, film=f'film {number}')

    assert len(it.alerts) == MAX_ALERTS
    assert next(iter(it.alerts)).target == f'/runs/{MAX_ALERTS + 19}'
    assert [*it.alerts][-1].target == '/runs/20'


async def test_a_flood_of_one_kind_pushes_out_no_other(it: Watched) -> None:
    it.plan('a', 'Backup')
    it.fail(1, event_id='a')
    it.miss('Report')
    it.measure(5 * GB)
    for number in range(MAX_ALERTS * 2):
        it.fail(number, film=f'film {number}')

    assert len(it.alerts) == MAX_ALERTS
    assert [alert.title for alert in it.alerts][-3:] == [
        'The disk is nearly full',
        'Report was missed',
        'Backup failed at TWO',
    ]


async def test_those_that_were_seen_go_first(it: Watched) -> None:
    it.plan('a', 'Backup')
    for number in range(MAX_ALERTS):
        it.fail(number, film=f'film {number}')
    it.alerts.mark_page_seen(f'/runs/{MAX_ALERTS - 1}')

    it.fail(MAX_ALERTS, event_id='a')

    assert len(it.alerts) == it.alerts.unseen == MAX_ALERTS


async def test_a_storm_of_failures_costs_little_and_publishes_little(it: Watched) -> None:
    begin, number, spent = time.monotonic(), 0, 0.0
    failed = run(1, state=RunState.FAILED)
    while number < 500 or time.monotonic() - begin < 0.5:
        before = time.process_time()
        for _ in range(20):
            number += 1
            # Half of them are all the same, the others never are.
            film = f'film {number}' if number % 2 else 'film'
            it.bus.publish(RunChanged(failed.changed(number=number, parameters={'film': film})))
        spent += time.process_time() - before
        await asyncio.sleep(0.002)
    took = time.monotonic() - begin

    assert len(it.alerts) == MAX_ALERTS
    assert 1 <= len(it.messages) <= took / alerts_module.PUBLISH_SECONDS + 2
    assert spent / number < 0.0003


async def test_the_last_change_of_a_storm_is_always_published(it: Watched) -> None:
    it.fail(1)
    await it.bus.next(AlertsChanged, timeout=20)

    it.fail(2, film='another')
    message = await it.bus.next(AlertsChanged, timeout=20)

    assert message.unseen == 2


async def test_alerts_survive_a_restart(tmp_path: Path) -> None:
    async with watched(tmp_path / 'data') as before:
        before.fail(1)
        before.alerts.mark_all_seen()
        before.fail(2, film='another')
        before.miss('Film')
        kept = [*before.alerts]

    async with watched(tmp_path / 'data') as after:
        assert [*after.alerts] == kept
        assert after.alerts.unseen == 2
        after.fail(3, film='another')
        assert [alert.count for alert in after.alerts] == [2, 1, 1]
        assert next(iter(after.alerts)).news > kept[0].news


async def test_alerts_are_saved_while_it_runs_so_that_a_crash_forgets_little(
    it: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts_module, 'SAVE_SECONDS', 0.01)
    it.fail(1)

    async with asyncio.timeout(10):
        while not Documents(tmp_path / 'alerts.json').get('alerts'):  # noqa: ASYNC110 - a file sends no message
            await asyncio.sleep(0.01)


async def test_saved_alerts_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    async with watched(tmp_path / 'data') as before:
        before.fail(1)
    documents = Documents(tmp_path / 'data' / 'alerts.json')
    document = documents.get('alerts')
    assert document is not None
    documents.put('alerts', {'items': [{'key': 'odd'}, 'odd', *document['items']]})

    async with watched(tmp_path / 'data') as after:
        assert after.only.target == '/runs/1'


async def test_alerts_of_an_earlier_version_are_shown_and_resolved(tmp_path: Path) -> None:
    async with watched(tmp_path / 'data') as before:
        before.fail(1)
        before.miss('Film')
    documents = Documents(tmp_path / 'data' / 'alerts.json')
    document = documents.get('alerts')
    assert document is not None
    failed, missed = (
        {k: v for k, v in item.items() if k not in ('run_number', 'crowd', 'parts')} for item in document['items']
    )
    failed |= {'key': 'run Work failed two It broke.', 'about': []}
    missed |= {'key': 'missed', 'about': ['Film', 'Backup'], 'title': 'Film and Backup were missed'}
    documents.put('alerts', {'items': [failed, missed]})

    async with watched(tmp_path / 'data') as after:
        assert [alert.title for alert in after.alerts] == ['Film and Backup were missed', 'film.mp4 failed at TWO']
        after.fail(2)
        assert [alert.target for alert in after.alerts] == ['/runs/2', '/scheduler?day=2026-10-14', '/runs/1']
        after.unanswered = [occurrence('Backup')]
        answered = occurrence('Film', state=OccurrenceState.SKIPPED, is_open=False)
        after.bus.publish(OccurrencesChanged((answered,)))
        await passed(after)
        assert len(after.alerts) == 3
        after.unanswered = []
        after.bus.publish(OccurrencesChanged((answered,)))
        await passed(after)
        assert [alert.kind for alert in after.alerts] == [AlertKind.RUN_FAILED] * 2


async def test_a_real_run_that_fails_is_an_alert_and_so_is_the_emergency_stop(tmp_path: Path) -> None:
    async with api_room(tmp_path / 'data') as room:
        failed = await room.runs.create('Breaks', {})
        await run_in(room, failed.id)
        await room.runs.stop_everything('a test')

        stopped, broken = room.alerts
        assert broken.title == 'Breaks failed at SECOND'
        assert broken.text == 'it broke. mend it'
        assert stopped.kind is AlertKind.EVERYTHING_STOPPED
        await room.runs.resume_queue()
        assert [*room.alerts] == [broken]

    async with api_room(tmp_path / 'data', is_new=False) as room:
        assert [*room.alerts] == [broken]


async def test_real_retries_are_counted_with_their_first_run_and_real_commands_are_not_mixed(tmp_path: Path) -> None:
    async with api_room(tmp_path / 'data') as room:
        for path in ('/nowhere/a', '/nowhere/b'):
            run = await room.runs.create('RunCommand', {'command': ['ls', path]})
            await run_in(room, run.id)
        again = await room.runs.retry(run.id, parameters={'command': ['ls', '/nowhere/c']})
        again = await run_in(room, again.id)

        b, a = room.alerts
        assert (a.title, a.count, a.target) == ('ls /nowhere/a failed at EXECUTE', 1, '/runs/1')
        assert (b.title, b.count, b.target) == ('ls /nowhere/c failed at EXECUTE', 2, '/runs/3')
        assert ("'/nowhere/a'" in a.text, "'/nowhere/c'" in b.text) == (True, True)  # what ls said of each
        await run_in(room, (await room.runs.retry(again.id, parameters={'command': ['true']})).id)
        assert [alert.is_active for alert in room.alerts] == [False, True]


async def test_a_real_queue_that_the_disk_holds_is_an_alert(tmp_path: Path) -> None:
    room = ControlRoom.build(Settings(data=tmp_path / 'data', min_free_bytes=10**18))
    await room.start()
    try:
        assert [alert.kind for alert in room.alerts] == [AlertKind.DISK_LOW]
        held = asyncio.ensure_future(room.bus.next(StatusChanged, timeout=10, where=lambda _: room.status.notice != ''))
        await room.runs.create('RunCommand', {'command': ['true']})
        await held

        (alert,) = room.alerts
        assert alert.kind is AlertKind.QUEUE_HELD
        assert 'no run starts' in alert.text
    finally:
        await room.stop(grace=0)


async def passed(it: Watched) -> None:
    """Wait until it has checked for unanswered occurrences."""
    looking = it.watch._check
    assert looking is not None
    await looking


def asking(number: int = 4, *, id: str = 'q1') -> RunRecord:
    question = Question(id=id, step='two', text='Publish this?', choices=('yes', 'no'), asked_at=NOW)
    return run(number, error=None, state=RunState.PAUSED, question=question, is_waiting=True)


async def test_a_question_is_an_alert_until_it_is_answered(it: Watched) -> None:
    it.bus.publish(RunChanged(asking()))
    it.bus.publish(RunChanged(asking().changed(is_pausing=True)))

    alert = it.only
    assert (alert.kind, alert.title, alert.text) == (
        AlertKind.QUESTION_ASKED,
        'film.mp4 asks at TWO',
        'Publish this?',
    )
    assert (alert.count, alert.target, alert.verb) == (1, '/runs/4', 'Answer')
    it.bus.publish(RunChanged(asking(id='q2')))
    assert it.only.count == 1
    it.bus.publish(RunChanged(asking().changed(question=None)))
    assert len(it.alerts) == 0


async def test_a_question_whose_alert_was_dismissed_is_not_told_again_before_a_restart(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        it.bus.publish(RunChanged(asking()))
        it.alerts.dismiss(it.only.id)
        it.bus.publish(RunChanged(asking().changed(is_pausing=True)))
        assert len(it.alerts) == 0

    async with watched(tmp_path) as it:
        it.bus.publish(RunChanged(asking()))
        assert it.only.text == 'Publish this?'


async def test_events_that_moved_with_the_rules_of_their_zone_are_one_alert_until_dismissed(it: Watched) -> None:
    sentence = '2 events moved by an hour: the rules of America/Vancouver changed.'

    it.bus.publish(ZonesChanged((sentence, 'Report', 'Backup'), is_open=True))
    it.bus.publish(ZonesChanged((), is_open=True))  # the next start

    (alert,) = it.alerts
    assert (alert.kind, alert.title) == (AlertKind.EVENTS_MOVED, '2 events moved by an hour')
    assert alert.text == f'{sentence} Each keeps its wall time: Report, Backup'
    assert (alert.target, alert.count) == ('/scheduler', 1)

    it.bus.publish(ZonesChanged((), is_open=False))

    assert [*it.alerts] == []


async def test_an_alert_speaks_our_own_language_whoever_caused_it(it: Watched) -> None:
    with answering_in('en_XA'):
        it.fail(7)

    [alert] = it.alerts
    assert (alert.verb, '⟦' in alert.title + alert.text) == ('Open run #7', False)
