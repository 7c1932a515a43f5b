"""kill -9 of each kind of process of ours, at each state of a run: what is left is honest, and nothing lives on."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from synapse.engine.process_tree import is_gone
from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, processes_with, wait_until

pytestmark = pytest.mark.fault

STAGED = """
import subprocess, time
from pathlib import Path
from synapse import Pipeline, Run, StepFailed, step
from synapse.host import channel as channels

FOLDER = Path({folder!r})
written = channels.Channel._write

def write(self, messages):
    for kind, state in (('steps', 'starting'), ('end', 'finishing')):
        if any(f'"t":"{{kind}}"' in message for message in messages):
            (FOLDER / f'is {{state}}').touch()
            while (FOLDER / state).exists():
                time.sleep(0.01)
    written(self, messages)

channels.Channel._write = write

class Staged(Pipeline):
    state: str
    marker: str
    _starts: int = 0

    @step
    def first(self, run: Run):
        (run.workdir / 'made.txt').write_text('made')
        run.artifact(run.workdir / 'made.txt')

    @step
    def work(self, run: Run):
        code = ['sh', '-c', 'trap "" INT TERM; while :; do sleep 1; done', self.marker]
        if self.state in ('running', 'stopping'):
            raise StepFailed(f'It ended with {{run.shell(code)}}.')
        started = subprocess.Popen(code)
        if self.state == 'asking':
            run.log.info('has done something, so that its process stays')
            run.ask('Go on?', ['yes'])
        while self.state == 'paused':
            run.checkpoint()
            time.sleep(0.01)
        started.kill()
"""
STATES = ('starting', 'running', 'paused', 'asking', 'stopping', 'finishing')
"""A run that is queued waits behind each of them."""

OUTCOMES = {
    # Who is killed: how the run has ended, at each state.
    'room': dict.fromkeys(STATES, 'interrupted') | {'asking': 'paused', 'finishing': 'succeeded'},
    'host': dict.fromkeys(STATES, 'failed') | {'stopping': 'cancelled', 'finishing': 'succeeded'},
    'parent': dict.fromkeys(STATES, 'failed') | {'stopping': 'cancelled', 'finishing': 'succeeded'},
    'warden': dict.fromkeys(STATES, 'interrupted') | {'asking': 'paused', 'finishing': 'succeeded'},
    'shell': {'running': 'failed', 'stopping': 'cancelled'},
}


@pytest.fixture
def program(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path / 'data', '--workers', '1')
    program.write_pipeline('staged.py', STAGED.format(folder=str(tmp_path)))
    program.start()
    program.wait_for_pipeline('Staged')
    yield program
    program.stop()


class Scene:
    """A run that has come to a state, and one that waits behind it."""

    def __init__(self, program: SynapseUnderTest, state: str) -> None:
        self.program, self.state = program, state
        self.folder = program.data.parent
        self.marker = f'staged-{program.port}'
        if state in ('starting', 'finishing'):
            (self.folder / state).touch()
        self.id = program.create_run('Staged', state=state, marker=self.marker)['id']
        wait_until(self._is_there, timeout=30, what=lambda: f'{state}: {program.run(self.id)}')
        with program.api as api:  # a run that asks has no worker: the next one would start
            api.post('/queue/pause').raise_for_status()
        self.ledger = self.folder / 'ledger'
        command = ['sh', '-c', f'echo ran >> {self.ledger}']
        self.waiting = program.create_run('RunCommand', command=command)['id']
        self.family = psutil.Process(self._room).children(recursive=True)

    @property
    def _room(self) -> int:
        assert self.program.process is not None
        return self.program.process.pid

    def _post(self, path: str) -> None:
        with self.program.api as api:
            api.post(f'/runs/{self.id}/{path}', json={}).raise_for_status()

    def _is_there(self) -> bool:
        run = self.program.run(self.id)
        assert run['state'] in ('queued', 'running', 'paused'), run
        works = [step['state'] for step in run['steps']] == ['succeeded', 'running']
        has_program = any(processes_with(self.marker))
        match self.state:
            case 'running':
                return works and has_program
            case 'paused':
                if works and has_program and not run.get('is_pausing') and run['state'] == 'running':
                    self._post('pause')
                return bool(run['state'] == 'paused')
            case 'asking':
                return run['question'] is not None and has_program
            case 'stopping':
                if works and has_program and not run.get('is_stopping'):
                    self._post('cancel')
                return bool(run.get('is_stopping'))
        return (self.folder / f'is {self.state}').exists()

    def _processes(self) -> list[dict[str, Any]]:
        with self.program.api as api:
            return list(api.get(f'/runs/{self.id}/processes').json())

    def kill(self, victim: str) -> None:
        if victim in ('room', 'warden'):
            if victim == 'warden':  # so that nothing is left that would end what the room leaves
                self._warden().kill()
            self.program.kill9()
        elif victim == 'shell':
            for process in processes_with(self.marker):
                process.kill()
        else:
            host = psutil.Process(self._processes()[0]['pid'])
            (host if victim == 'host' else psutil.Process(host.ppid())).kill()

    def _warden(self) -> psutil.Process:
        children = psutil.Process(self._room).children()
        return next(child for child in children if 'synapse.engine.warden' in child.cmdline())

    def release(self) -> None:
        for name in ('starting', 'finishing'):
            (self.folder / name).unlink(missing_ok=True)
        with self.program.api as api:
            api.post('/queue/resume').raise_for_status()


CASES = [(victim, state) for victim, outcomes in OUTCOMES.items() for state in outcomes]


@pytest.mark.parametrize(('victim', 'state'), CASES, ids=['-'.join(case) for case in CASES])
def test_what_a_kill_leaves_is_honest(program: SynapseUnderTest, victim: str, state: str) -> None:
    scene = Scene(program, state)

    scene.kill(victim)
    if victim in ('room', 'warden'):
        program.start()
    run = program.wait_for_run(scene.id, OUTCOMES[victim][state], timeout=30)
    scene.release()

    waited = program.wait_for_run(scene.waiting, timeout=30)
    assert waited['state'] == 'succeeded', waited
    assert scene.ledger.read_text() == 'ran\n'
    assert run['error'] is None or run['error']['message']
    if state not in ('starting', 'asking'):
        assert [artifact['name'] for artifact in run['artifacts']] == ['made.txt']
    wait_until(lambda: not any(processes_with(scene.marker)), timeout=10)
    if victim in ('room', 'warden'):
        assert [process for process in scene.family if not is_gone(process)] == []
    assert_files_parse(program.data)
    program.kill9()
    program.start()
    assert program.run(scene.id)['state'] == run['state']
    with program.api as api:
        states = {item['state'] for item in api.get('/runs').json()['runs']}
    assert not states & {'running', 'queued'}


def assert_files_parse(data: Path) -> None:
    for path in data.rglob('*.json'):
        json.loads(path.read_bytes())
    with closing(sqlite3.connect(data / 'runs.db')) as connection:
        assert connection.execute('PRAGMA integrity_check').fetchone() == ('ok',)
    assert [*data.rglob('*corrupt*')] == []
