"""Each operation while the N-th change of a file fails or kills Synapse: the old state or the new one, never a third.

With `SYNAPSE_SWEEP=all` N goes from 1 until the operation completes untouched, which takes an hour. Otherwise the first
and the last N of each operation are tried, and one between, chosen by `SYNAPSE_SWEEP_SEED`. It is the same each time
unless it is given, so that a change is not blamed for what another night would have found.
"""

import contextlib
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.parts.disk_faults import FAULTS, FaultyProgram, can_inject
from tests.parts.harness import wait_until

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(not can_inject(), reason='needs Linux, libseccomp and root'),
    pytest.mark.timeout(3600 if os.environ.get('SYNAPSE_SWEEP') == 'all' else 300),
]

SEED = int(os.environ.get('SYNAPSE_SWEEP_SEED') or 1)
PIPELINES = """
import time
from pathlib import Path
from synapse import Pipeline, Run, step

class Waits(Pipeline):
    go: str

    @step
    def first(self, run: Run):
        (run.workdir / 'made.txt').write_text('made')
        run.artifact(run.workdir / 'made.txt')

    @step
    def second(self, run: Run):
        while not Path(self.go).exists():
            time.sleep(0.01)

class Asks(Pipeline):
    @step
    def publish(self, run: Run):
        run.log.info(run.ask('Publish this?', ['yes', 'no']))

class Reads(Pipeline):
    file: Path

    @step
    def read(self, run: Run):
        print(self.file.read_text())
"""
Known = dict[str, Any]
"""What `prepare` has made, for `act` and `view`."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What a person does, and how it shows.

    :param prepare: makes what has to be there before, in a life of its own
    :param begin: the same in the life in which something fails
    :param act: returns the status of the response
    :param view: what a person sees of it
    :param kept: what the folder has of it after a restart
    :param refused_again: the status of a second try after the first was done
    """

    prepare: Callable[[FaultyProgram], Known] = lambda program: {}
    begin: Callable[[FaultyProgram, Known], Known] = lambda program, known: {}
    act: Callable[[FaultyProgram, Known], int]
    view: Callable[[FaultyProgram, Known], Any]
    kept: Callable[[FaultyProgram, Known], Any] = lambda program, known: None
    refused_again: int = 0


def call(method: str, path: str, **more: Any) -> Callable[[FaultyProgram, Known], int]:
    """A request; `{name}` in its path stands for what `prepare` has made."""

    def act(program: FaultyProgram, known: Known) -> int:
        with program.client(program.token) as api:
            return api.request(method, path.format(**known), **more).status_code

    return act


def get(program: FaultyProgram, path: str, **query: Any) -> Any:
    with program.api as api:
        return api.get(path, params=query).raise_for_status().json()


def post(program: FaultyProgram, path: str, **values: Any) -> Any:
    with program.api as api:
        answer = api.post(path, json=values).raise_for_status()
        return answer.json()


# Runs

ECHO = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}


def paused(program: FaultyProgram) -> Known:
    post(program, '/queue/pause')
    return {}


def three_waiting(program: FaultyProgram) -> Known:
    paused(program)
    return {'ids': [post(program, '/runs', **ECHO)['id'] for _ in range(3)]}


def ended(program: FaultyProgram) -> Known:
    go = program.data.with_name('go-at-once')
    go.touch()
    run = program.create_run('Waits', go=str(go))
    assert program.wait_for_run(run['id'])['state'] == 'succeeded'
    return {'id': run['id'], **paused(program)}


def waits_for_answer(program: FaultyProgram) -> Known:
    run = program.create_run('Asks')
    wait_until(lambda: program.run(run['id'])['question'] is not None, timeout=30)
    paused(program)
    return {'id': run['id'], 'question': program.run(run['id'])['question']['id']}


def answer(program: FaultyProgram, known: Known) -> int:
    with program.api as api:
        given = {'question': known['question'], 'answer': 'yes'}
        return api.post(f'/runs/{known["id"]}/answer', json=given).status_code


def answers(program: FaultyProgram, known: Known) -> Any:
    run = program.run(known['id'])
    return run['question'] is not None, [given['answer'] for given in run.get('answers', [])]


def runs(program: FaultyProgram, known: Known) -> Any:
    return sorted((run['pipeline'], run['state'], bool(run['retry_of'])) for run in get(program, '/runs')['runs'])


def folders(program: FaultyProgram, known: Known) -> Any:
    """The files of the runs, without their ids; none belongs to a run that isn't there."""
    ids = {run['id'] for run in get(program, '/runs')['runs']}
    found = [path.relative_to(program.data / 'runs').parts for path in (program.data / 'runs').rglob('*')]
    assert {parts[0] for parts in found} <= ids, 'a folder without its run'
    return sorted('/'.join(parts[1:]) for parts in found)


def almost_done(program: FaultyProgram, known: Known) -> Known:
    go = program.data.with_name('go')
    go.unlink(missing_ok=True)
    run = program.create_run('Waits', go=str(go))
    wait_until(lambda: [step['state'] for step in program.run(run['id'])['steps'][1:]] == ['running'], timeout=20)
    return {'go': go, 'id': run['id']}


def finish(program: FaultyProgram, known: Known) -> int:
    known['go'].touch()
    return healed_until(program, lambda: program.run(known['id'])['finished_at'] is not None)


def healed_until(program: FaultyProgram, condition: Callable[[], bool]) -> int:
    """Wait until something failed and then for the condition; nothing was promised."""
    wait_until(lambda: program.disk.failed is not None or condition(), timeout=20)
    program.settle()
    program.disk.heal()
    wait_until(condition, timeout=20, what=lambda: str(get(program, '/runs')))
    return 0


def how_it_ended(program: FaultyProgram, known: Known) -> Any:
    """Runs that have ended honestly: with all that they did, or with a reason."""
    found = []
    for run in get(program, '/runs')['runs']:
        if run['state'] != 'succeeded':
            assert run['state'] in ('interrupted', 'failed'), run['state']
            assert run['error']['message']
            continue
        assert [step['state'] for step in run['steps']] == ['succeeded', 'succeeded']
        assert [artifact['name'] for artifact in run['artifacts']] == ['made.txt']
        found.append(run['state'])
    return None


def order(program: FaultyProgram, known: Known) -> Any:
    same = post(program, '/queue/move', run=known['ids'][0], to=99)['runs']
    return [known['ids'].index(run['id']) for run in same]


def move(program: FaultyProgram, known: Known) -> int:
    return call('POST', '/queue/move', json={'run': known['ids'][2], 'to': 0})(program, known)


def is_paused(program: FaultyProgram, known: Known) -> Any:
    return get(program, '/status')['queue']['paused']


# Profiles, settings, files

BEFORE = {'label': 'Before', 'destination': '/tmp/before', 'secrets': {'token': 'of-before'}}
AFTER = {'label': 'After', 'destination': '/tmp/after', 'secrets': {'token': 'of-after'}}


def a_profile(program: FaultyProgram) -> Known:
    return {'id': post(program, '/profiles', **BEFORE)['id']}


def profiles(program: FaultyProgram, known: Known) -> Any:
    return [(item['label'], item['destination'], item['secrets']) for item in get(program, '/profiles')]


def secrets(program: FaultyProgram, known: Known) -> Any:
    file = program.data / 'secrets.json'
    content = json.loads(file.read_bytes()) if file.exists() else {'version': 1, 'secrets': {}}
    assert set(content) == {'version', 'secrets'}, 'something still waits'
    return content['secrets']


RULE = {'when': 'any', 'text': '', 'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'profile': None}


def rules(program: FaultyProgram, known: Known) -> Any:
    return get(program, '/scheduler/import-rules')


def upload(program: FaultyProgram, known: Known) -> int:
    with program.api as api:
        return api.post('/uploads', files={'file': ('film.mp4', b'film' * 50_000)}).status_code


def inbox(program: FaultyProgram, known: Known) -> Any:
    return sorted((item['name'], item['size']) for item in get(program, '/inbox'))


def inbox_files(program: FaultyProgram, known: Known) -> Any:
    return sorted(path.stat().st_size for path in (program.data / 'inbox').rglob('film*'))


# Events

EVENT: dict[str, Any] = {**ECHO, 'title': 'Before', 'start': '2099-01-01T10:00:00', 'timezone': 'UTC'}


def an_event(program: FaultyProgram) -> Known:
    return {'id': post(program, '/scheduler/create', **EVENT)['id']}


def a_series(program: FaultyProgram) -> Known:
    return {'id': post(program, '/scheduler/create', **EVENT, rrule='FREQ=DAILY')['id']}


def many_events(program: FaultyProgram) -> Known:
    """So many that changes go to a journal beside the file."""
    for number in range(30):
        parameters = {'command': ['echo', f'{number}' + 'x' * 3000]}
        post(program, '/scheduler/create', **EVENT | {'title': f'Event {number}', 'parameters': parameters})
    return an_event(program)


def events(program: FaultyProgram, known: Known) -> Any:
    found = get(program, '/scheduler/list', start='2099-01-01T00:00:00Z', end='2099-01-05T00:00:00Z')
    planned = sorted((item['title'], item['rrule'] or '', item['start']) for item in found['events'])
    return planned, sorted(item['due'] for item in found['occurrences'])


# Watch folders and the log


def a_folder(program: FaultyProgram) -> Known:
    folder = program.data.with_name('drop')
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return {'folder': str(folder)}


def watch(program: FaultyProgram, known: Known) -> int:
    values = {'folder': known['folder'], 'pipeline': 'Reads', 'settle_seconds': 0}
    return call('POST', '/watches', json=values)(program, known)


def watches(program: FaultyProgram, known: Known) -> Any:
    return [(item['folder'], item['enabled']) for item in get(program, '/watches')]


def a_watch(program: FaultyProgram) -> Known:
    known = a_folder(program)
    assert watch(program, known) == 201
    return known | paused(program)


def drop(program: FaultyProgram, known: Known) -> int:
    (Path(known['folder']) / f'{time.time_ns()}.txt').write_text('dropped')
    return healed_until(program, lambda: _taken(program) == _dropped(known))


def taken(program: FaultyProgram, known: Known) -> Any:
    """Each file becomes one run, sooner or later."""
    dropped = _dropped(known)
    wait_until(lambda: len(_taken(program)) >= len(dropped), timeout=20, what=lambda: f'{dropped} {_taken(program)}')
    assert _taken(program) == dropped


def _taken(program: FaultyProgram) -> list[str]:
    return sorted(run['subject'] for run in get(program, '/runs')['runs'])


def _dropped(known: Known) -> list[str]:
    return sorted(path.name for path in Path(known['folder']).iterdir())


def some_lines(program: FaultyProgram) -> Known:
    for number in range(3):
        post(program, '/logs', level='info', message=f'marked {number}')
    return {}


def lines(program: FaultyProgram, known: Known) -> Any:
    return len(get(program, '/logs', q='marked')['entries'])


OPERATIONS = {
    'create run': Operation(prepare=paused, act=call('POST', '/runs', json=ECHO), view=runs, kept=folders),
    'finish run': Operation(begin=almost_done, act=finish, view=how_it_ended),
    'retry from a step': Operation(
        prepare=ended, act=call('POST', '/runs/{id}/retry', json={'from_step': 'second'}), view=runs, kept=folders
    ),
    'answer': Operation(prepare=waits_for_answer, act=answer, view=answers, refused_again=409),
    'pause queue': Operation(act=call('POST', '/queue/pause'), view=is_paused),
    'move in queue': Operation(prepare=three_waiting, act=move, view=runs, kept=order),
    'create profile': Operation(act=call('POST', '/profiles', json=AFTER), view=profiles, kept=secrets),
    'change profile': Operation(
        prepare=a_profile, act=call('PATCH', '/profiles/{id}', json=AFTER), view=profiles, kept=secrets
    ),
    'delete profile': Operation(
        prepare=a_profile, act=call('DELETE', '/profiles/{id}'), view=profiles, kept=secrets, refused_again=404
    ),
    'save settings': Operation(act=call('PUT', '/scheduler/import-rules', json={'rules': [RULE]}), view=rules),
    'upload': Operation(act=upload, view=inbox, kept=inbox_files),
    'create event': Operation(act=call('POST', '/scheduler/create', json=EVENT), view=events),
    'change one of many events': Operation(
        prepare=many_events, act=call('PATCH', '/scheduler/{id}', json={'title': 'After'}), view=events
    ),
    'split a series': Operation(
        prepare=a_series,
        act=call('PATCH', '/scheduler/{id}?scope=following&due=2099-01-03T10:00:00Z', json={'title': 'After'}),
        view=events,
        refused_again=422,
    ),
    'delete event': Operation(prepare=an_event, act=call('DELETE', '/scheduler/{id}'), view=events, refused_again=404),
    'watch a folder': Operation(prepare=a_folder, act=watch, view=watches, refused_again=409),
    'take a file': Operation(prepare=a_watch, act=drop, view=taken),
    'clear log': Operation(prepare=some_lines, act=call('DELETE', '/logs'), view=lines),
}


class Bench:
    """One operation, each time on a copy of the same folder."""

    def __init__(self, folder: Path, operation: Operation) -> None:
        self._operation, self._template = operation, folder / 'template'
        self._program = FaultyProgram(folder / 'data', '--workers', '2')
        self._known: Known = {}
        self._program.write_pipeline('sweep.py', PIPELINES)
        with self._life():
            self._program.wait_for_pipeline('Reads')
            self._known = operation.prepare(self._program)
        self._program.data.rename(self._template)
        with self._life():
            self._old = self._seen()
            self._done = self._acted()
            assert self._done in (0, 200, 201, 202, 204)
            self.count = len(self._program.disk.changes)
            """How many changes of files it makes."""
            self._restart()
            self._new = self._seen()

    def try_out(self, fault: str, at: int) -> str:
        """Have the change with this number fail, look at what is left, and return what has failed."""
        with self._life():
            status = self._acted(fault, at)
            failed = self._program.disk.failed
            if fault == 'ENOSPC' and self._is_alive:
                assert self._view() in (self._old[0], self._new[0]), f'while it runs, after {status}, {failed}'
                self._repeat()
                seen = self._view()
                self._restart()
                assert self._view() == seen, f'after a restart, {status}, {failed}'
            else:
                self._restart()
                expected = [self._new] if 200 <= status < 300 else [self._old, self._new]
                assert self._seen() in expected, f'after {status}, {failed}'
                self._repeat()
        return str(failed)

    @contextlib.contextmanager
    def _life(self) -> Iterator[None]:
        if self._template.exists():
            shutil.rmtree(self._program.data, ignore_errors=True)
            shutil.copytree(self._template, self._program.data, symlinks=True)
        self._program.start()
        try:
            yield
        finally:
            self._program.kill9()

    def _restart(self) -> None:
        self._program.kill9()
        begun = time.time()
        self._program.start()
        left = [path for path in self._program.data.rglob('*') if path.suffix in ('.tmp', '.part')]
        assert [path for path in left if path.stat().st_mtime < begun] == []
        assert [*self._program.data.rglob('*corrupt*')] == []

    @property
    def _is_alive(self) -> bool:
        return self._program.process is not None and self._program.process.poll() is None

    def _view(self) -> Any:
        return self._operation.view(self._program, self._known)

    def _seen(self) -> tuple[Any, Any]:
        return self._view(), self._operation.kept(self._program, self._known)

    def _acted(self, fault: str = '', at: int = 0) -> int:
        known = self._known | self._operation.begin(self._program, self._known)
        self._program.settle()
        self._program.disk.fail(fault, at)
        try:
            status = self._operation.act(self._program, known)
            self._program.settle()
        except httpx.TransportError:
            assert fault == 'kill', 'the connection broke'
            status = 0
        self._program.disk.heal()
        return status

    def _repeat(self) -> None:
        """The next operation works."""
        assert self._acted() in (self._done, self._operation.refused_again)


@pytest.fixture(scope='module', params=OPERATIONS)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp('sweep'), OPERATIONS[request.param])


@pytest.mark.parametrize('fault', FAULTS)
def test_an_operation_leaves_the_old_state_or_the_new_one(bench: Bench, fault: str) -> None:
    for at in numbers(fault, bench.count):
        try:
            failed = bench.try_out(fault, at)
        except BaseException as error:
            error.add_note(f'{fault} at change {at} of {bench.count}; repeat with SYNAPSE_SWEEP_SEED={SEED}')
            raise
        print(f'{fault} at {at} of {bench.count}: {failed}')


def numbers(fault: str, count: int) -> list[int]:
    if os.environ.get('SYNAPSE_SWEEP') == 'all':
        return list(range(1, count + 1))
    between = random.Random(f'{SEED} {fault} {count}').randint(1, count)  # noqa: S311 - not for secrets
    return sorted({'kill': {1, between, count}, 'EIO': {between, count}, 'ENOSPC': {1}}[fault])
