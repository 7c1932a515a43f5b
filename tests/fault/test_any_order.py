"""People, time and faults in any order, on real stores with scripted run hosts and a clock that is moved (Hypothesis).

Whatever happened: each occurrence has fired once or is visibly missed, nothing acknowledged is lost, and no run is in
a state that isn't true. The examples are the same each time, unless `SYNAPSE_EXAMPLES` says how many others to try; a
failure prints the steps that lead to it.
"""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from synapse.calendar.events import Occurrence
from synapse.control_room import ControlRoom
from synapse.protocol.messages import Kind
from synapse.recurrence import occurrences
from synapse.runs.records import RunRecord, RunState
from tests.fault.calendar_lives import POLICIES, closed, opened
from tests.parts.movable_clock import MovableClock
from tests.parts.scripted import ScriptedEngine, ScriptedHost

pytestmark = pytest.mark.fault

T = TypeVar('T')
BEGIN = datetime(2031, 5, 1, 12, tzinfo=UTC)
ANY = st.integers(0, 1000)


class AnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix='any-order-'))
        self.clock = MovableClock(BEGIN)
        self.moved = contextlib.ExitStack()
        self.moved.enter_context(self.clock.rules_apscheduler())
        self.lives = 0
        self.titles: dict[str, str] = {}
        self.answers: dict[str, str] = {}
        self.ended: dict[str, RunState] = {}
        self.runs: set[str] = set()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(asyncio.wait_for(work, 30))

    # Lives of the program

    @initialize()
    def start(self) -> None:
        self.do(self._start())

    async def _start(self) -> None:
        self.hosts: dict[str, ScriptedHost] = {}
        self.engine = ScriptedEngine()
        with mock.patch('synapse.control_room.LocalEngine', return_value=self.engine):
            self.room: ControlRoom = await opened(
                self.folder / f'life{self.lives}', now=self.clock.now, clocks=self.clock.clocks, zone='UTC'
            )
        await self.room.runs.resume_queue()

    @rule()
    def restart(self) -> None:
        self.do(closed(self.room))
        self.start()

    @rule()
    def crash(self) -> None:
        """The next life has what was on disk when this one ended."""
        before = self.folder / f'life{self.lives}'
        self.lives += 1
        shutil.copytree(before, self.folder / f'life{self.lives}')
        self.do(closed(self.room))
        self.start()

    def teardown(self) -> None:
        self.do(closed(self.room))
        self.moved.close()
        self.runner.close()
        shutil.rmtree(self.folder)

    # People

    @rule(
        seconds=st.integers(1, 300),
        rrule=st.sampled_from([None, 'FREQ=MINUTELY', 'FREQ=MINUTELY;COUNT=3', 'FREQ=HOURLY']),
        misfire=st.sampled_from(POLICIES),
        overlap=st.sampled_from(['skip', 'queue', 'allow']),
    )
    def create(self, seconds: int, rrule: str | None, misfire: Any, overlap: str) -> None:
        start = (self.clock.now() + timedelta(seconds=seconds)).replace(microsecond=0, tzinfo=None).isoformat()
        values = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'start': start, 'timezone': 'UTC'}
        event = self.do(self.room.editor.create(values | {'rrule': rrule, 'misfire': {**misfire}, 'overlap': overlap}))
        self.titles[event.id] = event.title

    @precondition(lambda self: self.titles)
    @rule(which=ANY)
    def edit(self, which: int) -> None:
        id = sorted(self.titles)[which % len(self.titles)]
        self.do(self.room.editor.update(id, {'title': f'title {which}'}))
        self.titles[id] = f'title {which}'

    @precondition(lambda self: self.titles)
    @rule(which=ANY)
    def delete(self, which: int) -> None:
        id = sorted(self.titles)[which % len(self.titles)]
        self.do(self.room.editor.delete(id))
        del self.titles[id]

    @rule()
    def run_now(self) -> None:
        run = self.do(self.room.runs.create('RunCommand', {'command': ['true']}))
        self.runs.add(run.id)

    def live(self, *states: RunState) -> list[RunRecord]:
        return [run for run in self.room.runs.live() if run.state in states and run.id in self.hosts]

    @precondition(lambda self: self.live(RunState.RUNNING))
    @rule(which=ANY)
    def pause(self, which: int) -> None:
        runs = self.live(RunState.RUNNING)
        run = runs[which % len(runs)]
        self.do(self.room.runs.pause(run.id))
        self.hosts[run.id].say(t=Kind.PAUSED)

    @precondition(lambda self: self.live(RunState.RUNNING))
    @rule(which=ANY)
    def ask(self, which: int) -> None:
        runs = self.live(RunState.RUNNING)
        run = runs[which % len(runs)]
        question = {'id': f'q{len(self.answers)}-{run.id}', 'step': 'execute', 'number': 1, 'text': 'Go on?'}
        self.hosts[run.id].say(t=Kind.QUESTION, **question, choices=None, can_end=False)

    @precondition(lambda self: [run for run in self.room.runs.asking() if run.question])
    @rule(which=ANY)
    def answer(self, which: int) -> None:
        asking = [run for run in self.room.runs.asking() if run.question]
        run = asking[which % len(asking)]
        assert run.question is not None
        self.do(self.room.runs.answer(run.id, run.question.id, 'yes', by='a test'))
        self.answers[run.id] = run.question.id

    @precondition(lambda self: self.live(RunState.RUNNING, RunState.PAUSED))
    @rule(which=ANY, now=st.booleans())
    def stop(self, which: int, now: bool) -> None:
        runs = self.live(RunState.RUNNING, RunState.PAUSED)
        run = runs[which % len(runs)]
        self.do(self.room.runs.cancel(run.id, now=now))

    @precondition(lambda self: self.live(RunState.RUNNING))
    @rule(which=ANY, state=st.sampled_from(['succeeded', 'failed']))
    def finish(self, which: int, state: str) -> None:
        runs = self.live(RunState.RUNNING)
        host = self.hosts[runs[which % len(runs)].id]
        host.say(t=Kind.STEP, name='execute', state=state, attempt=1)
        host.say(t=Kind.END, state=state)
        host.exit(0)

    # Time

    @rule(seconds=st.integers(1, 600))
    def tick(self, seconds: int) -> None:
        self.clock.pass_to(self.clock.now() + timedelta(seconds=seconds))

    @rule(minutes=st.integers(-180, 180))
    def set_clock(self, minutes: int) -> None:
        self.clock.set_to(self.clock.now() + timedelta(minutes=minutes))

    @rule(minutes=st.integers(1, 180))
    def sleep(self, minutes: int) -> None:
        self.clock.sleep(timedelta(minutes=minutes))

    # What must be true after each step

    @invariant()
    def is_true(self) -> None:
        if not hasattr(self, 'room'):
            return
        self.do(self._settled())
        self._check_events()
        self._check_runs()
        self._check_occurrences()

    async def _settled(self) -> None:
        """Do what the heartbeat does, let hosts start, and wait until nothing is under way."""
        firing = self.room.calendar._firing
        firing._alarm.check_clocks()
        firing._alarm._scheduler.wakeup()
        quiet = 0
        async with asyncio.timeout(30):
            while quiet < 3:
                await asyncio.sleep(0.002)
                while not self.engine.hosts.empty():
                    host = self.engine.hosts.get_nowait()
                    self.hosts[host.job['id']] = host
                    host.say(t=Kind.STEPS, names=['execute'])
                    host.say(t=Kind.STEP, name='execute', state='running', attempt=1)
                quiet = 0 if self._is_busy() else quiet + 1

    def _is_busy(self) -> bool:
        firing, runs = self.room.calendar._firing, self.room.runs
        working = [run for run in runs.live() if not run.is_waiting]
        is_starting = bool(runs.waiting()) and not working
        is_moving = any(map(self._is_moving, runs.live()))
        is_firing = bool(firing._alarm._due_ids or firing._alarm._calls or firing._tasks)
        return is_starting or is_moving or is_firing or self.room.history.group._is_busy

    def _is_moving(self, run: RunRecord) -> bool:
        """Whether what was said to a run, or by its host, has not come to its end yet."""
        host = self.hosts.get(run.id)
        if host is None:
            return not run.is_waiting
        has_news = not host._script.empty() or host._life.done()
        is_starting = run.state is RunState.RUNNING and run.active_step is None
        return has_news or is_starting or run.is_pausing or run.is_stopping

    def _check_events(self) -> None:
        assert {event.id: event.title for event in self.room.calendar.events()} == self.titles

    def _check_runs(self) -> None:
        found = {run.id: run for run in self.do(self.room.runs.page(limit=500))}
        assert self.runs <= set(found), 'a run is lost'
        self.runs = set(found)
        for id, run in found.items():
            assert run.state is self.ended.get(id, run.state), 'a run has changed after its end'
            if run.state.is_final:
                self.ended[id] = run.state
            if run.state in (RunState.RUNNING, RunState.PAUSED) and not run.is_waiting:
                assert id in self.hosts, f'{run.state} without a process'
            if run.state in (RunState.FAILED, RunState.INTERRUPTED):
                assert run.error, 'no reason'
                assert run.error.message
        for id, question in self.answers.items():
            assert question in [answer.id for answer in found[id].answers], 'an answer is lost'

    def _check_occurrences(self) -> None:
        ledger, now = self.room.calendar._ledger, self.clock.now()
        rows = [Occurrence.model_validate(row) for row in ledger.between(BEGIN - timedelta(days=9), now + timedelta(9))]
        keys = {(row.event_id, row.due) for row in rows}
        runs = Counter((run.event_id, run.due) for run in self.do(self.room.runs.page(limit=500)) if run.due)
        assert all(count == 1 for count in runs.values()), 'fired twice'
        assert set(runs) <= keys, 'a run without its row'
        assert all(row.run or row.reason for row in rows), 'neither a run nor a reason'
        for event in self.room.calendar.events():
            owed = {(event.id, due) for due in occurrences(event.plan, event.armed_from, now) if due > event.armed_from}
            late = {due for id, due in owed - keys if due < now - timedelta(seconds=5)}
            # Of more than a hundred that were missed at once, the oldest share a row.
            spans = [(row.since, row.due) for row in rows if row.event_id == event.id and row.since is not None]
            lost = sorted(due for due in late if not any(since <= due <= last for since, last in spans))
            assert not lost, f'neither fired nor missed: {lost}'


AnyOrder.TestCase.settings = settings(
    max_examples=int(os.environ.get('SYNAPSE_EXAMPLES') or 12),
    stateful_step_count=25,
    derandomize='SYNAPSE_EXAMPLES' not in os.environ,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestAnyOrder = AnyOrder.TestCase
