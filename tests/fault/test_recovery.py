"""kill -9 of the control room and of all else of ours: the record of each run says what had been done by then."""

import json
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from synapse.engine.process_tree import is_gone
from tests.parts.harness import SynapseUnderTest, processes_with, wait_until

pytestmark = pytest.mark.fault

STEPS = """
import os, signal, time
from pathlib import Path
from synapse import Pipeline, Run, StepFailed, step

class Publishes(Pipeline):
    ledger: str
    end: str = 'succeeds'

    @step
    def render(self, run: Run):
        film = run.workdir / 'film.txt'
        film.write_text('a film')
        run.artifact(film)

    @step
    def publish(self, run: Run):
        with open(self.ledger, 'a') as ledger:
            ledger.write('published\\n')
        if self.end == 'fails':
            raise StepFailed('The server said no.', 'Ask it why.')
        if self.end == 'waits':
            time.sleep(600)
"""

KILLER = """
import os, signal, time
from synapse.host import channel as channels

# The control room is killed where the host is about to say it: no moment is worse.
written, moment = channels.Channel._write, {moment!r}

def write(self, messages):
    if any(moment in message for message in messages):
        os.kill({pid}, signal.SIGKILL)
        time.sleep(60)
    written(self, messages)

channels.Channel._write = write
"""


def killing(program: SynapseUnderTest, moment: str) -> None:
    """Have the next runs kill the control room when their host is about to send a message with this text."""
    assert program.process is not None
    program.write_pipeline('publishes.py', KILLER.format(moment=moment, pid=program.process.pid) + STEPS)
    program.wait_for_pipeline('Publishes')


def killed_at(program: SynapseUnderTest, moment: str, end: str = 'succeeds') -> tuple[dict[str, Any], Path]:
    """Start a run that kills the room at this moment; return the run as the next start knows it, and what it wrote."""
    killing(program, moment)
    ledger = program.data.with_name('ledger')
    run = program.create_run('Publishes', ledger=str(ledger), end=end)
    assert program.process is not None
    program.process.wait(20)
    program.write_pipeline('publishes.py', STEPS)
    program.start()
    return program.run(run['id']), ledger


def states_of(run: dict[str, Any]) -> list[str]:
    return [step['state'] for step in run['steps']]


@pytest.mark.parametrize('moment', ['"t":"end"', '"name":"publish","state":"succeeded"'])
def test_a_run_whose_steps_had_all_succeeded_has_succeeded(program: SynapseUnderTest, moment: str) -> None:
    run, ledger = killed_at(program, moment)

    assert run['state'] == 'succeeded', run
    assert states_of(run) == ['succeeded', 'succeeded']
    assert [artifact['name'] for artifact in run['artifacts']] == ['film.txt']
    assert ledger.read_text() == 'published\n'
    assert not (program.data / 'runs' / run['id'] / 'result.json').exists()


def test_a_run_that_had_failed_has_failed_for_its_own_reason(program: SynapseUnderTest) -> None:
    run, _ = killed_at(program, '"t":"end"', end='fails')

    assert run['state'] == 'failed', run
    assert run['error']['message'] == 'The server said no.'
    assert states_of(run) == ['succeeded', 'failed']


def test_a_retry_of_an_interrupted_run_keeps_each_step_that_had_succeeded(program: SynapseUnderTest) -> None:
    run, ledger = killed_at(program, '"name":"render","state":"succeeded"')

    assert run['state'] == 'interrupted', run
    assert states_of(run) == ['succeeded', 'skipped']
    assert run['error']['hint'] == 'Retry it from PUBLISH.'
    assert [artifact['name'] for artifact in run['artifacts']] == ['film.txt']
    with program.api as api:
        retry = api.post(f'/runs/{run["id"]}/retry', json={'from_step': 'publish'}).json()
    assert program.wait_for_run(retry['id'])['state'] == 'succeeded'
    assert ledger.read_text() == 'published\n'


def test_an_interrupted_run_says_in_which_step_and_when_it_gave_its_last_sign_of_life(
    program: SynapseUnderTest,
) -> None:
    program.write_pipeline('publishes.py', STEPS)
    program.wait_for_pipeline('Publishes')
    ledger = program.data.with_name('ledger')
    run = program.create_run('Publishes', ledger=str(ledger), end='waits')
    wait_until(ledger.exists, timeout=20)
    wait_until(lambda: program.run(run['id'])['steps'][1]['state'] == 'running', timeout=20)
    killed = datetime.now(UTC)
    program.kill9()
    time.sleep(4)  # how long the machine was off: must not count as time the run was alive
    program.start()

    run = program.run(run['id'])

    assert run['state'] == 'interrupted'
    assert run['error']['step'] == 'publish'
    assert run['error']['message'].startswith('The control room stopped during this run, in PUBLISH.')
    last_sign = datetime.fromisoformat(run['error']['last_sign_at'])
    assert abs((last_sign - killed).total_seconds()) < 3
    assert run['finished_at'] == run['error']['last_sign_at']


SAFE = """
import time
from pathlib import Path
from typing import ClassVar
from synapse import Pipeline, Run, step

class Safe(Pipeline):
    ledger: str
    on_interrupt: ClassVar[str] = 'HOW'
    parts: int = 0

    @step
    def load(self, run: Run):
        self.note('load')

    @step
    def copy(self, run: Run):
        self.note(f'copy from {self.parts}')
        if self.parts == 0:
            self.parts = 3
            run.checkpoint()
            self.note('checkpoint')
            time.sleep(600)

    def note(self, text: str):
        with open(self.ledger, 'a') as ledger:
            ledger.write(f'{text}\\n')
"""


def interrupted_in_copy(program: SynapseUnderTest, how: str, end: str = 'kill') -> tuple[dict[str, Any], Path]:
    """Have a run of `Safe` interrupted after its checkpoint, by kill -9 or by a closing, then start again."""
    program.write_pipeline('safe.py', SAFE.replace('HOW', how))
    program.wait_for_pipeline('Safe')
    ledger = program.data.with_name('ledger')
    run = program.create_run('Safe', ledger=str(ledger))
    wait_until(lambda: ledger.exists() and 'checkpoint' in ledger.read_text(), timeout=20)
    program.kill9() if end == 'kill' else program.stop()
    program.start()
    return program.run(run['id']), ledger


def runs_of(program: SynapseUnderTest) -> list[dict[str, Any]]:
    with program.api as api:
        return list(api.get('/runs').json()['runs'])


@pytest.mark.parametrize('end', ['kill', 'close'])
def test_an_interrupted_run_goes_on_once_from_its_step_where_that_is_declared_safe(
    program: SynapseUnderTest, end: str
) -> None:
    run, ledger = interrupted_in_copy(program, 'retry', end)

    assert run['state'] == 'interrupted'
    retry = next(other for other in runs_of(program) if other['retry_of'] == run['id'])
    assert retry['because'] == f'goes on with #{run["number"]}, which was interrupted'
    assert program.wait_for_run(retry['id'])['state'] == 'succeeded'
    assert ledger.read_text().split('\n') == ['load', 'copy from 0', 'checkpoint', 'copy from 3', '']
    program.stop()
    program.start()
    assert len(runs_of(program)) == 2


def test_an_interrupted_run_is_only_marked_otherwise(program: SynapseUnderTest) -> None:
    run, _ = interrupted_in_copy(program, 'mark')

    assert run['state'] == 'interrupted'
    assert [other['id'] for other in runs_of(program)] == [run['id']]


def test_a_run_that_is_interrupted_in_the_same_step_again_and_again_is_left_alone(program: SynapseUnderTest) -> None:
    program.write_pipeline('safe.py', SAFE.replace('HOW', 'retry').replace('if self.parts == 0:', 'if True:'))
    program.wait_for_pipeline('Safe')
    ledger = program.data.with_name('ledger')
    program.create_run('Safe', ledger=str(ledger))
    for count in range(1, 5):
        wait_until(lambda n=count: ledger.exists() and ledger.read_text().count('checkpoint') == n, timeout=20)
        program.kill9()
        program.start()

    assert [run['state'] for run in runs_of(program)] == ['interrupted'] * 4
    with program.api as api:
        entries = api.get('/logs', params={'q': 'not retried again'}).json()['entries']
    assert [entry['level'] for entry in entries] == ['warning']


@pytest.mark.parametrize(
    ('how', 'retry', 'count'),
    [
        ('mark', {'attempts': 1, 'delay_seconds': 0}, 1),
        ('mark', {'attempts': 1, 'delay_seconds': 0, 'interrupted': True}, 2),
        ('retry', {'attempts': 1, 'delay_seconds': 0, 'interrupted': True}, 2),
    ],
)
def test_an_interrupted_run_of_an_event_is_retried_once_where_event_or_pipeline_say_so(
    program: SynapseUnderTest, how: str, retry: dict[str, Any], count: int
) -> None:
    program.write_pipeline('safe.py', SAFE.replace('HOW', how))
    program.wait_for_pipeline('Safe')
    ledger = program.data.with_name('ledger')
    start = (datetime.now(UTC) + timedelta(seconds=2)).replace(microsecond=0, tzinfo=None).isoformat()
    values = {'pipeline': 'Safe', 'parameters': {'ledger': str(ledger)}, 'start': start, 'timezone': 'UTC'}
    with program.api as api:
        event = api.post('/scheduler/create', json=values | {'retry': retry}).json()
    assert event['retry'] == retry
    wait_until(lambda: ledger.exists() and 'checkpoint' in ledger.read_text(), timeout=20)

    program.kill9()
    program.start()

    wait_until(lambda: len(runs_of(program)) == count, timeout=20, what=lambda: str(runs_of(program)))
    newest = runs_of(program)[0]
    with program.api as api:
        [occurrence] = api.get('/scheduler/list').json()['occurrences']
    assert occurrence['run'] == newest['id']
    if how == 'retry':
        assert program.wait_for_run(newest['id'])['state'] == 'succeeded'
        assert 'copy from 3' in ledger.read_text()


def test_the_last_lines_before_a_kill_are_in_the_log_once(program: SynapseUnderTest) -> None:
    printed = program.data.with_name('printed')
    script = (
        'import sys, time\n'
        'for number in range(100_000):\n'
        '    print(f"line {number:06d}", flush=True)\n'
        '    open(sys.argv[1], "w").write(str(number))\n'
        '    time.sleep(0.01)\n'
    )
    for life in range(1, 5):
        run = program.create_run('RunCommand', command=[sys.executable, '-c', script, str(printed)])
        wait_until(lambda: printed.exists() and int(printed.read_text() or 0) > 20, timeout=20)
        last = int(printed.read_text() or 20)
        program.kill9()
        wait_until(lambda: not any(processes_with(str(printed))), timeout=10)
        program.start()

        with program.api as api:
            text = api.get('/logs/export', params={'run': run['id'], 'format': 'jsonl'}).text
        lines = [json.loads(row)['message'] for row in text.splitlines()]
        numbers = [int(line.removeprefix('line ')) for line in lines if line.startswith('line ')]
        assert numbers == [*range(len(numbers))], life
        # What the program prints after the kill of the room, until it is killed itself, may reach no one.
        assert len(numbers) >= last - 2
        assert not (program.data / 'runs' / run['id'] / 'echo').exists()
        printed.unlink()


def test_what_lives_on_when_all_of_ours_are_killed_at_once_is_ended_at_start(program: SynapseUnderTest) -> None:
    marker = f'leftover-{program.port}'
    run = program.create_run('RunCommand', command=['sh', '-c', f'setsid sh -c "sleep 600; : {marker}" & sleep 600'])
    wait_until(lambda: any(processes_with(marker)), timeout=20)
    assert program.process is not None
    room = psutil.Process(program.process.pid)
    ours = [room, *(child for child in room.children(recursive=True) if 'python' in child.name())]
    for process in ours:  # all stopped first, so that none sees another one's end: as `killall -9 python3` does
        process.send_signal(signal.SIGSTOP)
    for process in ours:
        process.kill()
    program.kill9()
    left = list(processes_with(marker))
    assert left

    program.start()

    assert list(processes_with(marker)) == []
    assert program.run(run['id'])['state'] == 'interrupted'
    with program.api as api:
        entries = api.get(f'/runs/{run["id"]}/logs').json()['entries']
    said = [entry for entry in entries if 'had left alive' in entry['message']]
    assert [entry['level'] for entry in said] == ['warning']
    assert left[0].pid in said[0]['fields']['pids']


def test_a_start_spares_programs_of_other_folders_and_whoever_started_it(tmp_path: Path) -> None:
    here, other = tmp_path / 'here', tmp_path / 'other'
    environment = {'SYNAPSE_RUN_ID': 'r1', 'PATH': os.environ['PATH']}
    sweep = (
        'import os, sys; from pathlib import Path; from synapse.engine.leftovers import end_leftovers; '
        f'print(len(end_leftovers(Path({str(here)!r}))))'
    )
    with (
        psutil.Popen(['sleep', '600'], env=environment | {'SYNAPSE_DATA': str(other)}) as elsewhere,
        psutil.Popen(['sleep', '600'], env=environment | {'SYNAPSE_DATA': str(here)}) as left,
    ):
        marked = os.environ | environment | {'SYNAPSE_DATA': str(here)}
        started_by_a_step = psutil.Popen(
            ['sh', '-c', '"$0" -c "$1"; echo lived', sys.executable, sweep], env=marked, stdout=-1, text=True
        )
        assert started_by_a_step.communicate(timeout=20)[0].split() == ['1', 'lived']
        assert is_gone(psutil.Process(left.pid)) or left.wait(5) == -signal.SIGKILL
        assert elsewhere.poll() is None
        elsewhere.kill()


@pytest.mark.skipif(sys.platform != 'linux' or os.getuid() != 0, reason='only root can start programs of others')
def test_a_program_that_cannot_be_ended_is_named(tmp_path: Path) -> None:
    data = tmp_path / 'data'
    data.mkdir()
    environment = {'SYNAPSE_RUN_ID': 'r1', 'SYNAPSE_DATA': str(data), 'PATH': os.environ['PATH']}
    with psutil.Popen(['sleep', '600'], env=environment, user='nobody') as left:
        try:
            code = (
                'import sys; from pathlib import Path; from synapse.engine import leftovers; leftovers.SECONDS = 0.3; '
                'print(leftovers.end_leftovers(Path(sys.argv[1])))'
            )
            weak = ['setpriv', '--bounding-set=-kill', sys.executable, '-c', code, str(data)]
            found = psutil.Popen(weak, stdout=-1, text=True).communicate(timeout=20)[0]
            assert f"pid={left.pid}, command='sleep 600', run_id='r1', is_ended=False" in found
        finally:
            left.kill()
