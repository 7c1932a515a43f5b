"""The whole program against kill -9, floods, hogs and a full disk."""

import time
from pathlib import Path

import httpx
import psutil

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, make_video, processes_with, wait_until

HOSTILE = """
import ctypes, os, signal, subprocess, sys, time
from synapse import Pipeline, Run, step

class Segfault(Pipeline):
    @step
    def crash(self, run: Run) -> None:
        print('about to crash', flush=True)
        ctypes.string_at(0)

class Hog(Pipeline):
    @step
    def hog(self, run: Run) -> None:
        print('hogging', flush=True)
        ctypes.PyDLL(None).sleep(60)  # PyDLL keeps the interpreter lock

class Stubborn(Pipeline):
    marker: str

    @step
    def stay(self, run: Run) -> None:
        code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        subprocess.Popen([sys.executable, '-c', code, self.marker], start_new_session=True)
        run.log.info('grandchild is up')
        time.sleep(600)

class Flood(Pipeline):
    lines: int = 100_000

    @step
    def flood(self, run: Run) -> None:
        for number in range(self.lines):
            print(f'line {number:06d} of a step that talks a lot')

class Waits(Pipeline):
    video: 'Path'

    @step
    def read(self, run: Run) -> None:
        run.log.info(str(len(self.video.read_bytes())))
""".replace('import ctypes', 'from pathlib import Path\nimport ctypes').replace("'Path'", 'Path')


GOOD = """from synapse import Pipeline, Run, step

class Hello(Pipeline):
    @step
    def greet(self, run: Run) -> None:
        print("hi")
"""


def with_hostile_pipelines(program: SynapseUnderTest) -> SynapseUnderTest:
    program.write_pipeline('hostile.py', HOSTILE)
    program.wait_for_pipeline('Hog')
    return program


def logs_of(program: SynapseUnderTest, run_id: str, **query: object) -> list[dict[str, object]]:
    with program.api as api:
        return list(api.get(f'/runs/{run_id}/logs', params={'limit': 1000, **query}).json()['entries'])


def test_a_segfault_fails_its_run_with_the_signal_and_nothing_else(program: SynapseUnderTest) -> None:
    with_hostile_pipelines(program)

    crashed = program.wait_for_run(program.create_run('Segfault')['id'])
    after = program.wait_for_run(program.create_run('RunCommand', command=['echo', 'still here'])['id'])

    assert crashed['state'] == 'failed'
    assert 'SIGSEGV' in crashed['error']['message']
    assert any('about to crash' in str(entry['message']) for entry in logs_of(program, crashed['id']))
    assert after['state'] == 'succeeded'


def test_a_step_that_holds_the_interpreter_lock_disturbs_no_one_and_can_be_stopped(program: SynapseUnderTest) -> None:
    with_hostile_pipelines(program)
    run = program.create_run('Hog')
    program.wait_for_run(run['id'], 'running')

    started = time.monotonic()
    with program.api as api:
        for _ in range(20):
            assert api.get('/status').json()['state'] == 'busy'
        answered_in = time.monotonic() - started
        api.post(f'/runs/{run["id"]}/cancel', json={'now': True})

    assert answered_in < 5
    assert program.wait_for_run(run['id'], timeout=10)['state'] == 'cancelled'


def test_stop_ends_a_grandchild_that_left_the_group_and_ignores_sigterm(program: SynapseUnderTest) -> None:
    with_hostile_pipelines(program)
    marker = f'grandchild-{program.port}'
    run = program.create_run('Stubborn', marker=marker)
    wait_until(lambda: any(processes_with(marker)), timeout=20)

    with program.api as api:
        api.post(f'/runs/{run["id"]}/cancel', json={'now': True})
    run = program.wait_for_run(run['id'], timeout=15)

    assert run['state'] == 'cancelled'
    assert list(processes_with(marker)) == []


MANY = """
import subprocess
from pathlib import Path
from synapse import Pipeline, step

class Many(Pipeline):
    name: str
    traces: Path
    marker: str

    @step
    def first(self):
        with (self.traces / self.name).open('a') as trace:
            trace.write('x')

    @step
    def second(self, run):
        subprocess.Popen(['setsid', 'sh', '-c', 'sleep 60; true', self.marker])
        run.checkpoint()

    @step
    def third(self):
        with (self.traces / self.name).open('a') as trace:
            trace.write('y')
"""


def test_kill_9_among_200_runs_loses_none_and_leaves_nothing(tmp_path: Path) -> None:
    """Each has a grandchild; those that ended stay so, those under way are interrupted, the rest still run, once."""
    traces, marker = tmp_path / 'traces', f'many-{tmp_path.name}'
    traces.mkdir()
    program = forked(tmp_path / 'data', '--workers', '64').start()
    program.write_pipeline('many.py', MANY)
    program.wait_for_pipeline('Many')
    ids = {}
    for number in range(200):
        name = f'run{number}'
        ids[name] = program.create_run('Many', name=name, traces=str(traces), marker=marker)['id']
    wait_until(lambda: len(list(traces.iterdir())) > 50, timeout=60)
    with program.api as api:
        ended = {run['id'] for run in api.get('/runs', params={'state': 'succeeded', 'limit': 200}).json()['runs']}

    program.kill9()
    wait_until(lambda: not any(processes_with(marker)), timeout=20)
    program.start()
    try:
        found = {name: program.wait_for_run(id, timeout=120)['state'] for name, id in ids.items()}
    finally:
        program.stop()

    assert set(found.values()) <= {'succeeded', 'interrupted'}
    assert all(found[name] == 'succeeded' for name, id in ids.items() if id in ended)
    assert sum(state == 'interrupted' for state in found.values()) <= 64
    for name, state in found.items():
        trace = (traces / name).read_text() if (traces / name).exists() else ''
        assert trace == 'xy' if state == 'succeeded' else trace in ('', 'x', 'xy')
    assert not any(processes_with(marker))


def test_a_flood_of_100_000_lines_is_kept_whole_while_the_api_keeps_responding(program: SynapseUnderTest) -> None:
    with_hostile_pipelines(program)
    run = program.create_run('Flood')
    slowest = 0.0

    with program.api as api:
        while program.run(run['id'])['state'] not in ('succeeded', 'failed'):
            started = time.monotonic()
            api.get('/health').raise_for_status()
            slowest = max(slowest, time.monotonic() - started)
        exported = api.get('/logs/export', params={'run': run['id'], 'format': 'txt'}).text

    assert program.run(run['id'])['state'] == 'succeeded'
    numbers = [int(line.split('line ')[1][:6]) for line in exported.splitlines() if ' of a step that talks' in line]
    assert numbers == list(range(100_000))
    assert slowest < 5


def test_a_file_deleted_before_its_run_is_named(program: SynapseUnderTest, tmp_path: Path) -> None:
    video = make_video(tmp_path / 'gone.mp4', seconds=1)
    with program.api as api:
        api.post('/queue/pause', json={})
        run = program.create_run('PublishVideo', video=str(video))
        video.unlink()
        api.post('/queue/resume', json={})

    run = program.wait_for_run(run['id'])

    assert run['state'] == 'failed'
    assert 'gone.mp4' in run['error']['message']


def test_a_broken_file_shows_where_while_its_last_good_version_runs(program: SynapseUnderTest) -> None:
    good = GOOD
    program.write_pipeline('hello.py', good)
    program.wait_for_pipeline('Hello')

    program.write_pipeline('hello.py', good + '\nthis is not python\n')

    def error() -> dict[str, object] | None:
        with program.api as api:
            found = api.get('/pipelines/Hello').json()['error']
        return dict(found) if found else None

    wait_until(lambda: error() is not None, timeout=10)
    shown = error()
    assert shown is not None
    assert str(shown['file']).endswith('hello.py')
    assert shown['line'] == 8
    assert program.wait_for_run(program.create_run('Hello')['id'])['state'] == 'succeeded'


def test_wrong_requests_get_a_sentence_and_leave_nothing(program: SynapseUnderTest) -> None:
    with program.api as api:
        unknown = api.post('/runs', json={'pipeline': 'Nope', 'parameters': {}})
        invalid = api.post(
            '/runs', json={'pipeline': 'PublishVideo', 'parameters': {'video': '/no/such.mp4', 'height': 3}}
        )
        malformed = api.post('/runs', content=b'{', headers={'Content-Type': 'application/json'})
        runs = api.get('/runs').json()['runs']

    assert unknown.status_code == 404
    assert unknown.json()['error']['code'] == 'pipeline_not_found'
    assert invalid.status_code == 422
    assert set(invalid.json()['error']['fields']) == {'height', 'video'}
    assert malformed.status_code == 400
    assert runs == []


def test_an_upload_that_does_not_fit_on_the_disk_is_refused_whole(tmp_path: Path) -> None:
    # A limit on file size stands in for a full disk: the same write fails in the same place.
    program = forked(tmp_path / 'data')
    program.start()
    try:
        assert program.process is not None
        psutil.Process(program.process.pid).rlimit(psutil.RLIMIT_FSIZE, (4_000_000, 4_000_000))
        with program.api as api:
            answer = api.post('/uploads', files={'file': ('big.mp4', b'x' * 8_000_000)})
            inbox = api.get('/inbox').json()

        assert answer.status_code == 507
        assert answer.json()['error']['code'] == 'disk_full'
        assert inbox == []
        assert not [path for path in (program.data / 'inbox').rglob('*') if path.is_file()]
        assert httpx.get(f'{program.url}api/v1/health').status_code == 200
    finally:
        program.stop()
