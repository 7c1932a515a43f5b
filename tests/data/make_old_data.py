"""Makes `tests/data/BUILD`: a small life lived with an old build, and what that build then says of it.

    git worktree add --detach ../old 7d51a9e
    ln -s "$PWD/.venv" /tmp/old-venv
    /tmp/old-venv/bin/python tests/data/make_old_data.py ../old 7d51a9e /tmp/old-data

The last one is where the old build keeps its data meanwhile; it must not exist. Its name ends up in what is kept, as
that of the Python does: hence the link.
"""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

REPORT = '''from synapse import Pipeline, Run, step


class Report(Pipeline):
    """Writes a short report."""

    topic: str

    @step
    def count(self, run: Run) -> None:
        run.log.info('Rows were read', rows=3, table='orders')
        run.log.warning('A row had no price', row=2)

    @step
    def write(self, run: Run) -> None:
        path = run.workdir / 'report.txt'
        path.write_text(f'{self.topic}: 3 rows\\n')
        run.artifact(path)
'''

SETTINGS = """
import asyncio, os, sys
from pathlib import Path
from synapse.control_room import ControlRoom
from synapse.settings import Settings

async def change():
    # What the buttons of the Settings page keep; the API has no call for it.
    room = ControlRoom.build(Settings(data=Path(sys.argv[1])))
    room.preferences.put('workers', {'count': 3})
    await room.retention.set({'log_days': None, 'log_megabytes': 50, 'run_days': None, 'run_count': 200})
    room.preferences.close()

asyncio.run(change())
os._exit(0)
"""

GOES_AWAY = ('.writable', 'cache', 'lock', 'lock.json', 'secret.key', 'sessions.json', 'token', 'ui', 'url')
"""Made anew at each start, or nobody's business but this machine's."""


@contextlib.contextmanager
def living(build: Path, data: Path) -> Iterator[httpx.Client]:
    """The old build on this folder, until it is told to stop."""
    command = [sys.executable, 'main.py', '--data', str(data), '--port', '0', '--no-browser']
    process = subprocess.Popen(command, cwd=build, stdout=subprocess.PIPE, text=True, env=environment(build))
    assert process.stdout is not None
    url = next(line for line in process.stdout if 'ready at' in line).split()[-1]
    token = (data / 'token').read_text().strip()
    with httpx.Client(base_url=f'{url}api/v1', headers={'authorization': f'Bearer {token}'}) as api:
        yield api
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def environment(build: Path) -> dict[str, str]:
    return os.environ | {'PYTHONPATH': str(build), 'SYNAPSE_MIN_FREE_BYTES': '0', 'TZ': 'UTC'}


def post(api: httpx.Client, path: str, /, **values: Any) -> Any:
    return api.post(path, json=values).raise_for_status().json()


def wait_for(api: httpx.Client, id: str, *states: str) -> None:
    until(lambda: api.get(f'/runs/{id}').json()['state'] in states)


def until(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def soon(seconds: float) -> str:
    return f'{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}'


def first_life(api: httpx.Client) -> str:
    """Runs of each end, events of each kind; it ends just before one of them is due.

    Gives the id of the event that is switched off, which no list of what is due has.
    """
    studio = post(
        api,
        '/profiles',
        label='Studio',
        color='#22d3ee',
        destination='sftp://studio.example/films',
        defaults={'topic': 'Films'},
        secrets={'API_KEY': 'not-a-real-key-1234'},
    )['id']
    post(api, '/profiles', label='Archive', destination='sftp://archive.example/all')
    api.post('/uploads', files={'file': ('notes.txt', b'Bring the tripod.\n')}).raise_for_status()

    until(lambda: api.get('/pipelines/Report').status_code == 200)
    hello = post(api, '/runs', pipeline='RunCommand', parameters={'command': ['echo', 'hello']}, because='A first try')
    wait_for(api, hello['id'], 'succeeded')
    fails = post(api, '/runs', pipeline='RunCommand', parameters={'command': ['false']})
    wait_for(api, fails['id'], 'failed')
    sleeps = post(api, '/runs', pipeline='RunCommand', parameters={'command': ['sleep', '600']})
    wait_for(api, sleeps['id'], 'running')
    post(api, f'/runs/{sleeps["id"]}/cancel', now=True, because='It takes too long')
    wait_for(api, sleeps['id'], 'cancelled')
    report = post(api, '/runs', pipeline='Report', parameters={'topic': 'October'}, profile=studio)
    wait_for(api, report['id'], 'succeeded')

    weekly = post(
        api,
        '/scheduler/create',
        title='Weekly report',
        pipeline='Report',
        parameters={'topic': 'The week'},
        profile=studio,
        start='2040-01-02T16:00:00',
        timezone='Europe/Berlin',
        rrule='FREQ=WEEKLY;BYDAY=MO',
        misfire={'policy': 'all', 'within_seconds': 3600, 'limit': 2},
        overlap='queue',
        retry={'attempts': 2, 'delay_seconds': 60},
        timeout_seconds=900,
    )['id']
    second, third = '2040-01-09T15:00:00Z', '2040-01-16T15:00:00Z'
    api.delete(f'/scheduler/{weekly}', params={'scope': 'one', 'due': second}).raise_for_status()
    change = {'start': '2040-01-16T17:30:00', 'title': 'Weekly report, later'}
    api.patch(f'/scheduler/{weekly}', params={'scope': 'one', 'due': third}, json=change).raise_for_status()
    off = {'pipeline': 'RunCommand', 'parameters': {'command': ['echo', 'off']}, 'enabled': False}
    off |= {'title': 'Switched off', 'start': '2040-02-01T08:00:00', 'timezone': 'UTC'}
    switched_off = str(post(api, '/scheduler/create', **off)['id'])

    once = {'pipeline': 'RunCommand', 'parameters': {'command': ['echo', 'once']}, 'timezone': 'UTC'}
    fired = post(api, '/scheduler/create', title='Fired once', start=soon(2), **once)['id']
    until(lambda: is_over(api, fired))
    skip = {'misfire': {'policy': 'skip'}}
    post(api, '/scheduler/create', title='Missed once', start=soon(4), **once, **skip)
    return switched_off


def is_over(api: httpx.Client, event: str) -> bool:
    runs = api.get('/runs').json()['runs']
    return any(run['event_id'] == event and run['finished_at'] for run in runs)


def last_life(api: httpx.Client) -> None:
    """What another program says, and a queue that is paused over a run that waits."""
    for level in ('info', 'warning', 'error'):
        post(api, '/logs', level=level, message=f'Said from outside: {level}', source='robot', fields={'left': 7})
    post(api, '/queue/pause', because='The disk is being changed')
    post(api, '/runs', pipeline='RunCommand', parameters={'command': ['echo', 'after all']})


def answers(api: httpx.Client, switched_off: str) -> dict[str, Any]:
    """What the old build says of all that."""
    today = datetime.now(UTC).date()
    span = {'start': f'{today - timedelta(days=2)}T00:00:00Z', 'end': f'{today + timedelta(days=2)}T00:00:00Z'}
    series = {'start': '2040-01-01T00:00:00Z', 'end': '2040-03-01T00:00:00Z'}
    planned = api.get('/scheduler/list', params=series).json()
    recent = api.get('/scheduler/list', params=span).json()
    ids = [event['id'] for event in [*planned['events'], *recent['events']]]
    found = {
        'status': api.get('/status').json(),
        'runs': api.get('/runs').json()['runs'],
        'events': [api.get(f'/scheduler/{id}').json() for id in dict.fromkeys([*ids, switched_off])],
        'span': span,
        'past': recent['occurrences'],
        'series': series,
        'planned': planned['occurrences'],
        'missed': api.get('/scheduler/missed').json()['occurrences'],
        'profiles': api.get('/profiles').json(),
        'inbox': api.get('/inbox').json(),
        'log': api.get('/logs', params={'limit': 1000}).json()['entries'],
    }
    end = datetime.now(UTC).isoformat()
    return found | {'until': end, 'stats': api.get('/logs/stats', params={'end': end}).json()}


def main(build: Path, name: str, data: Path) -> None:
    (data / 'pipelines').mkdir(parents=True)
    (data / 'pipelines' / 'report.py').write_text(REPORT)
    with living(build, data) as api:
        switched_off = first_life(api)
    time.sleep(5)
    subprocess.run(
        [sys.executable, '-c', SETTINGS, str(data)], cwd=build, env=environment(build), check=True, timeout=30
    )
    with living(build, data) as api:
        last_life(api)
        until(lambda: api.get('/scheduler/missed').json()['occurrences'])
        said = answers(api, switched_off)

    for gone in GOES_AWAY:
        path = data / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for database in data.glob('*.db'):
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute('PRAGMA wal_checkpoint(TRUNCATE)')
            connection.execute('VACUUM')
    kept = Path(__file__).parent / name
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(data, kept / 'data')
    (kept / 'answers.json').write_text(json.dumps(said, indent=1, ensure_ascii=False) + '\n')


if __name__ == '__main__':
    main(Path(sys.argv[1]).resolve(), sys.argv[2], Path(sys.argv[3]))
