"""Real damage in the data folder of the real program: the rest is recovered, the calendar goes on, and it is said."""

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from tests.parts.damaged import drop_computed
from tests.parts.forked import forked
from tests.parts.harness import Process, SynapseUnderTest, wait_until

pytestmark = pytest.mark.fault

FAR = {'start': '2039-12-31T00:00:00Z', 'end': '2040-01-02T00:00:00Z'}


@pytest.fixture(scope='module')
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with runs that ended, one that waits in the paused queue, and three events."""
    program = forked(tmp_path_factory.mktemp('lived') / 'data').start()
    ended = [program.create_run('RunCommand', command=['echo', str(number)]) for number in range(3)]
    for run in ended:
        program.wait_for_run(run['id'])
    with program.api as api:
        for number in range(3):
            event = {
                'title': f'Event {number}',
                'pipeline': 'RunCommand',
                'parameters': {'command': ['true']},
                'start': '2040-01-01T10:00:00',
                'timezone': 'UTC',
            }
            assert api.post('/scheduler/create', json=event).status_code == 201
        assert api.post('/queue/pause').status_code == 202
    program.create_run('RunCommand', command=['echo', 'waits'])
    assert program.stop() == 0
    return program.data


@pytest.fixture
def program(lived: Path, tmp_path: Path) -> Iterator[SynapseUnderTest]:
    shutil.copytree(lived, tmp_path / 'data')
    program = forked(tmp_path / 'data')
    yield program
    if program.process is not None:
        program.stop()


def status_of(program: SynapseUnderTest) -> dict[str, Any]:
    with program.api as api:
        return dict(api.get('/status').json())


def reports(program: SynapseUnderTest) -> list[dict[str, Any]]:
    with program.api as api:
        found: list[dict[str, Any]] = api.get('/damage').json()['damage']
    assert status_of(program).get('damage', []) == found
    return found


def runs_of(program: SynapseUnderTest) -> list[tuple[int, str]]:
    with program.api as api:
        return [(run['number'], run['state']) for run in api.get('/runs').json()['runs']]


def events_of(program: SynapseUnderTest) -> list[str]:
    with program.api as api:
        found = api.get('/scheduler/list', params=FAR).json()
    assert len(found['occurrences']) == len(found['events'])
    return sorted(event['title'] for event in found['events'])


EVENTS = ['Event 0', 'Event 1', 'Event 2']
RUNS = [(4, 'queued'), (3, 'succeeded'), (2, 'succeeded'), (1, 'succeeded')]


def overwritten(path: Path, page: int) -> None:
    with path.open('r+b') as file:
        file.seek(4096 * page)
        file.write(os.urandom(4096))


@pytest.mark.parametrize(
    ('file', 'damage'),
    [
        ('events.json', lambda path: path.write_bytes(path.read_bytes()[:-40])),
        ('token', lambda path: path.write_bytes(b'')),
        ('secret.key', lambda path: path.write_bytes(b'')),
        ('queue.json', lambda path: path.write_bytes(b'{"paused": fal')),
        ('profiles.json', lambda path: path.write_bytes(b'\0' * 300)),
        ('secrets.json', lambda path: path.unlink()),
    ],
    ids=['events', 'token', 'key', 'queue', 'profiles', 'secrets lost'],
)
def test_a_damaged_file_comes_back_complete_and_is_told_once(
    program: SynapseUnderTest, file: str, damage: Callable[[Path], object]
) -> None:
    path = program.data / file
    before = path.read_bytes() if path.exists() else b''
    if file == 'secrets.json':
        path.write_text('{"version": 1, "secrets": {"default": {"KEY": "value"}}}')
        program.start().stop()
        before = path.read_bytes()
    damage(path)

    program.start()

    (report,) = reports(program)
    assert report['file'] == file
    assert report['missing'] == '' or file == 'profiles.json'
    assert events_of(program) == EVENTS
    assert runs_of(program) == RUNS
    assert status_of(program)['queue']['paused'] is True
    if file in ('token', 'secret.key', 'secrets.json', 'queue.json'):
        assert path.read_bytes() == before
    program.stop()
    program.start()
    assert [again['id'] for again in reports(program)] == [report['id']]
    with program.api as api:
        said = api.get('/logs', params={'q': f'{file} ', 'source': 'storage'}).json()['entries']
        assert len(said) <= 2
        assert api.delete(f'/damage/{report["id"]}').status_code == 204
    assert reports(program) == []
    program.stop()
    assert reports(program.start()) == []


def test_without_any_copy_the_queue_stays_paused_and_a_new_token_is_named(program: SynapseUnderTest) -> None:
    for name in ('queue.json', 'token'):
        (program.data / name).write_bytes(b'')
        (program.data / f'{name}.copy').write_bytes(b'')

    program.start()

    by_file = {report['file']: report for report in reports(program)}
    queue = status_of(program)['queue']
    assert (queue['waiting'], queue['paused'], queue['because']) == (1, True, 'its file was damaged')
    assert 'so it is paused now' in by_file['queue.json']['missing']
    assert str(program.data / 'token') in by_file['token']['missing']


def test_an_empty_history_is_rebuilt_from_the_log_and_the_folders(program: SynapseUnderTest) -> None:
    (program.data / 'runs.db').write_bytes(b'')

    program.start()

    assert runs_of(program) == [(4, 'interrupted'), *RUNS[1:]]
    (report,) = reports(program)
    assert '4 runs rebuilt' in report['recovered']
    with program.api as api:
        first = api.get('/runs').json()['runs'][-1]
    assert (first['pipeline'], first['steps'][0]['state']) == ('RunCommand', 'succeeded')
    assert 'lost in a damaged file' in first['error']['message']
    assert events_of(program) == EVENTS
    assert program.create_run('RunCommand', command=['true'])['number'] == 5


@pytest.mark.parametrize('name', ['runs.db', 'logs.db'])
def test_a_damaged_page_anywhere_keeps_neither_runs_nor_calendar(program: SynapseUnderTest, name: str) -> None:
    path = program.data / name
    pages = path.stat().st_size // 4096
    for page in range(0, pages, max(1, pages // 6)):
        overwritten(path, page)
        program.start()
        assert runs_of(program)[1:] == RUNS[1:]
        assert events_of(program) == EVENTS
        program.stop()

    program.start()
    assert {report['file'] for report in reports(program)} == {name}
    assert len([found for found in program.data.glob(f'{name}.corrupt-*') if found.suffix.startswith('.corrupt')]) <= 5


def test_damage_that_only_a_start_comes_upon_starts_it_again(program: SynapseUnderTest) -> None:
    path = program.data / 'runs.db'
    with sqlite3.connect(path) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'occurrences_claimed'").fetchone()[0]
    connection.close()
    overwritten(path, root - 1)
    found = path.stat()
    path.with_name('runs.db.closed').write_text(f'{found.st_size} {found.st_mtime_ns} False')

    alone = SynapseUnderTest(program.data).start()

    try:
        assert runs_of(alone) == RUNS
        assert [report['file'] for report in reports(alone)] == ['runs.db']
        assert any('Starting again' in line for line in alone.output)
    finally:
        alone.stop()


def test_lost_rows_of_the_ledger_let_nothing_fire_twice(program: SynapseUnderTest) -> None:
    program.start()
    with program.api as api:
        often = {
            'title': 'Often',
            'pipeline': 'RunCommand',
            'parameters': {'command': ['true']},
            'start': '2020-01-01T00:00:00',
            'timezone': 'UTC',
            'rrule': 'FREQ=MINUTELY',
            'misfire': {'policy': 'all', 'within_seconds': 3600, 'limit': 100},
        }
        id = api.post('/scheduler/create', json=often).json()['id']
    program.stop()
    events = program.data / 'events.json'
    saved = json.loads(events.read_text())
    saved['documents'][id]['armed_from'] = (datetime.now(UTC) - timedelta(minutes=20)).isoformat()
    events.write_text(json.dumps(saved))
    program.start()
    wait_until(lambda: len(dues_in(program.data)) >= 20, timeout=30)
    program.stop()
    before = dues_in(program.data)
    with sqlite3.connect(program.data / 'runs.db') as connection:
        connection.execute('DELETE FROM occurrences')
        drop_computed(connection)
        connection.execute("UPDATE runs SET document = '{'")
    connection.close()

    program.start()
    wait_until(lambda: status_of(program)['next'] is not None, timeout=30)
    program.stop()

    assert not before & dues_in(program.data)
    program.start().stop()  # nor at the start after that, which knows of no damage
    assert not before & dues_in(program.data)


def dues_in(data: Path) -> set[int]:
    connection = sqlite3.connect(data / 'runs.db')
    try:
        return {due for (due,) in connection.execute('SELECT due FROM occurrences')}
    finally:
        connection.close()


# Starts and uploads on a full disk, and used-up descriptors


def in_a_small_disk(folder: Path, size: str, script: str) -> 'subprocess.CompletedProcess[str]':
    """Run a script in a mount namespace of its own, where `folder` is a disk of this size."""
    folder.mkdir(exist_ok=True)
    mounted = f'mount -t tmpfs -o size={size} none {folder} && {script}'
    done = subprocess.run(
        ['unshare', '-rm', 'sh', '-c', mounted], capture_output=True, text=True, timeout=120, cwd=SynapseUnderTest.root
    )
    if 'unshare' in done.stderr or 'mount:' in done.stderr:
        pytest.skip(f'this machine does not allow mounting: {done.stderr}')
    return done


@pytest.mark.parametrize('free', [0, 40, 400, 1_500])
def test_a_start_on_a_full_disk_is_refused_in_one_sentence(tmp_path: Path, free: int) -> None:
    disk = tmp_path / 'disk'
    start = f'{sys.executable} main.py --data {disk}/data --port 0 --no-browser'
    fill = f'dd if=/dev/zero of={disk}/fill bs=1k count={3_000 - free} 2>/dev/null'

    done = in_a_small_disk(disk, '3000k', f'{{ {fill}; exec {start}; }}')

    assert done.returncode == 3
    assert done.stderr.count('\n') == 1
    assert 'is full' in done.stderr
    assert 'Free some space' in done.stderr
    assert done.stdout == ''


def test_an_upload_that_does_not_fit_is_answered_with_507_whatever_its_size(tmp_path: Path) -> None:
    disk = tmp_path / 'disk'

    done = in_a_small_disk(disk, '9m', f'exec {sys.executable} -m tests.parts.uploads_to_a_full_disk {disk}/data')

    assert done.stdout.split() == ['201', '507', '507', '507'], done.stderr


def test_too_few_descriptors_refuse_a_start_in_one_sentence(tmp_path: Path) -> None:
    command = [
        'prlimit',
        '--nofile=20:20',
        sys.executable,
        'main.py',
        '--data',
        str(tmp_path),
        '--port',
        '0',
        '--no-browser',
    ]

    done = subprocess.run(command, capture_output=True, text=True, cwd=SynapseUnderTest.root, timeout=60)

    assert done.returncode == 3
    assert done.stderr.count('\n') == 1
    assert 'ulimit -n' in done.stderr
    assert 'LimitNOFILE' in done.stderr


class FewDescriptors(SynapseUnderTest):
    def _launch(self, arguments: list[str]) -> tuple[Process, IO[str]]:
        command = ['prlimit', '--nofile=72:72', sys.executable, *self.command, *arguments]
        process = subprocess.Popen(command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        return process, process.stdout


def test_used_up_descriptors_are_named_and_running_steps_go_on(tmp_path: Path) -> None:
    program = FewDescriptors(tmp_path / 'data').start()
    try:
        running = program.create_run('RunCommand', command=['sh', '-c', 'while [ ! -e go ]; do sleep 0.1; done'])
        wait_until(lambda: any(step['state'] == 'running' for step in program.run(running['id'])['steps']), timeout=30)
        with contextlib.ExitStack() as open_ones, program.api as api:
            api.get('/status').raise_for_status()  # a connection that is there before
            for _ in range(72):
                open_ones.enter_context(socket.create_connection(('127.0.0.1', program.port)))

            def failed() -> dict[str, Any]:
                run = api.post('/runs', json={'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}).json()
                wait_until(lambda: api.get(f'/runs/{run["id"]}').json()['finished_at'] is not None, timeout=30)
                return dict(api.get(f'/runs/{run["id"]}').json()['error'] or {})

            wait_until(lambda: 'All 72 file descriptors' in failed().get('message', ''), timeout=60)
            assert 'ulimit -n' in failed()['hint']
            assert 'LimitNOFILE' in failed()['hint']
        wait_until(lambda: succeeds(program), timeout=60)
        (program.data / 'runs' / running['id'] / 'work' / 'go').touch()
        ended = program.wait_for_run(running['id'])
        assert ended['state'] == 'succeeded', ended['error']
    finally:
        program.stop()


def succeeds(program: SynapseUnderTest) -> bool:
    try:
        run = program.create_run('RunCommand', command=['true'])
        return bool(program.wait_for_run(run['id'])['state'] == 'succeeded')
    except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
        return False  # with no descriptor left, libuv accepts connections only to close them
