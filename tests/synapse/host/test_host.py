"""The real `python -m synapse.host`, driven by the lines that the control room would send."""

import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from synapse.engine.warden import kill_marked
from synapse.protocol.environment import DATA, HOST_TAG, mark
from tests.parts.said import Said

Message = dict[str, Any]
HEAD = """\
import asyncio, ctypes, itertools, json, logging, os, signal, subprocess, sys, threading, time, warnings
from pathlib import Path
from synapse import Pipeline, Run, StepFailed, step
"""


class Host:
    """A run host and its messages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / 'mine.py'
        self.tag = secrets.token_hex(8)
        self.messages: list[Message] = []
        self._inbox: queue.Queue[Message | None] = queue.Queue()
        self._errors: list[bytes] = []
        self._others = _own_children()  # such as the fork server of tests before
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'synapse.host'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=os.environ | {'SYNAPSE_HOST': self.tag, 'SYNAPSE_ROOM': 'room-1'},
        )
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]
        for thread in self._threads:
            thread.start()

    @property
    def programs(self) -> set[psutil.Process]:
        """The host itself and what it started, as far as they still run."""
        return _own_children() - self._others

    def _read(self) -> None:
        assert self.process.stdout is not None
        said = Said(self.folder / 'run')
        for line in self.process.stdout:
            for message in said.unfold(json.loads(line)):
                self._inbox.put(message)
        for message in said.rest():
            self._inbox.put(message)
        self._inbox.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self._errors += self.process.stderr

    def send(self, message: Message) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b'\n')
        self.process.stdin.flush()

    def start(self, body: str, **order: Any) -> 'Host':
        """Send it the job of a pipeline `Mine` with this body."""
        source = f'{HEAD}class Mine(Pipeline):\n{textwrap.indent(textwrap.dedent(body), "    ")}'
        self.file.write_text(source)
        run = {'id': 'r1', 'number': 7, 'folder': str(self.folder / 'run'), 'pipeline': 'Mine', 'file': str(self.file)}
        self.send({'do': 'run', 'run': run | {'origin': None, 'parameters': {}, 'profile': None} | order})
        return self

    def until(self, condition: Callable[[Message], bool], timeout: float = 20) -> Message:
        """Return the next message for which the condition holds."""
        deadline = time.monotonic() + timeout
        while True:
            message = self._inbox.get(timeout=max(0.01, deadline - time.monotonic()))
            assert message is not None, f'the host ended: {self.messages[-3:]} {self.errors}'
            self.messages.append(message)
            if condition(message):
                return message

    def said(self, kind: str, **values: Any) -> Message:
        return self.until(lambda m: m['t'] == kind and values.items() <= m.items())

    def logged(self, text: str) -> Message:
        return self.until(lambda m: m['t'] == 'logs' and any(text in entry[3] for entry in m['e']))

    def end(self, timeout: float = 20) -> Message:
        """Return its `end` message, once the process has exited."""
        message = self.until(lambda m: m['t'] == 'end', timeout)
        assert self.process.wait(10) == 0
        self.join()
        return message

    def join(self) -> None:
        for thread in self._threads:
            thread.join(10)

    def rest(self) -> None:
        """Take the messages it sent before it died that the test has not read yet."""
        while (message := self._inbox.get(timeout=10)) is not None:
            self.messages.append(message)

    @property
    def errors(self) -> str:
        return b''.join(self._errors).decode()

    @property
    def entries(self) -> list[list[Any]]:
        return [entry for message in self.messages if message['t'] == 'logs' for entry in message['e']]

    @property
    def lines(self) -> list[str]:
        return [entry[3] for entry in self.entries]

    @property
    def step_states(self) -> list[tuple[str, str, int]]:
        return [(m['name'], m['state'], m['attempt']) for m in self.messages if m['t'] == 'step']

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        kill_marked([mark([(HOST_TAG, self.tag)]), mark([(DATA, str(self.folder / 'run'))])])
        self.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.close()


def _own_children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_gone(pid: int, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not is_gone(pid):
        assert time.monotonic() < deadline, f'process {pid} is still there'
        time.sleep(0.01)


# Steps


def test_steps_run_in_order_sync_and_async_and_leave_a_checkpoint(host: Host) -> None:
    host.start(
        """
        name: str = 'world'
        _length: int = 0
        @step
        def first(self, run: Run): self._length = len(self.name)
        @step
        async def second(self, run: Run):
            await asyncio.sleep(0)
            run.progress(50, 'half')
        @step
        def third(self): assert self._length == 5
        """
    )

    assert host.end() == {'t': 'end', 'state': 'succeeded', 'error': None}
    assert [m['t'] for m in host.messages[:2]] == ['hello', 'steps']
    assert host.messages[1]['names'] == ['first', 'second', 'third']
    assert host.step_states == [(n, s, 1) for n in ('first', 'second', 'third') for s in ('running', 'succeeded')]
    assert {'t': 'progress', 'step': 'second', 'percent': 50.0, 'note': 'half'} in host.messages
    checkpoint = host.folder / 'run' / 'checkpoint.json'
    assert json.loads(checkpoint.read_text()) == {
        'pipeline': 'Mine',
        'state': {'name': 'world', '_length': 5},
        'done': ['first', 'second', 'third'],
    }
    assert checkpoint.stat().st_mode & 0o777 == 0o600


def test_a_run_starts_from_a_step_with_the_saved_state(host: Host) -> None:
    host.start(
        """
        path: Path = Path('/none')
        _length: int = 0
        @step
        def first(self, run: Run): raise AssertionError('not again')
        @step
        def second(self, run: Run): print(self.path / 'x', self._length)
        """,
        from_step='second',
        state={'path': '/kept', '_length': 5},
    )

    assert host.end()['state'] == 'succeeded'
    assert host.lines == ['/kept/x 5']
    assert host.step_states == [('second', 'running', 1), ('second', 'succeeded', 1)]
    assert json.loads((host.folder / 'run' / 'checkpoint.json').read_text())['done'] == ['first', 'second']


def test_a_step_is_retried_with_growing_delays(host: Host) -> None:
    begun = time.monotonic()
    host.start(
        """
        @step(retries=2, backoff='100ms')
        def flaky(self, run: Run):
            if run.attempt < 3: raise StepFailed(f'no luck at try {run.attempt}')
        """
    )

    assert host.end()['state'] == 'succeeded'
    assert host.step_states == [('flaky', 'running', n) for n in (1, 2, 3)] + [('flaky', 'succeeded', 3)]
    assert time.monotonic() - begun > 0.3
    warnings = [entry for entry in host.entries if entry[1] == 'warning']
    assert [entry[3].split(' Next attempt in ')[0] for entry in warnings] == [
        'Attempt 1 of 3 failed: no luck at try 1.',
        'Attempt 2 of 3 failed: no luck at try 2.',
    ]
    assert 'Next attempt in 0.2 s, at ' in warnings[1][3]


@pytest.mark.parametrize('kind', ['def', 'async def'])
def test_a_step_that_takes_too_long_is_interrupted_cleans_up_and_is_retried(host: Host, kind: str) -> None:
    wait = 'time.sleep(60)' if kind == 'def' else 'await asyncio.sleep(60)'
    host.start(
        f"""
        @step(timeout='200ms', retries=1, backoff=0)
        {kind} slow(self, run: Run):
            if run.attempt == 2: return
            try: {wait}
            finally: print('tidied up')
        """
    )

    assert host.end(10)['state'] == 'succeeded'
    assert host.lines[0] == 'tidied up'
    assert 'SLOW took longer than the 0.2 s it may take.' in host.lines[1]


def test_a_step_that_ignores_its_timeout_ends_with_its_process(host: Host) -> None:
    host.start(
        """
        @step(timeout='100ms')
        def stubborn(self, run: Run):
            while True:
                try: time.sleep(60)
                except BaseException: pass
        """
    )

    end = host.end(10)

    assert (end['state'], end['error']['type']) == ('failed', 'timeout')
    assert host.step_states[-1] == ('stubborn', 'failed', 1)


@pytest.mark.parametrize('kind', ['def', 'async def'])
@pytest.mark.parametrize('then', ['pass', 'return', 'raise ValueError("odd")', 'sys.exit(0)', 'sys.exit("bye")'])
def test_a_step_that_catches_everything_is_still_timed_out(host: Host, kind: str, then: str) -> None:
    wait = 'time.sleep(60)' if kind == 'def' else 'await asyncio.sleep(60)'
    host.start(
        f"""
        @step(timeout='100ms')
        {kind} greedy(self, run: Run):
            try: {wait}
            except BaseException: {then}
        @step
        def never(self, run: Run): print('never')
        """
    )

    end = host.end(10)

    assert (end['state'], end['error']['type']) == ('failed', 'timeout')
    assert end['error']['message'] == 'GREEDY took longer than the 0.1 s it may take.'
    assert host.step_states[-1] == ('greedy', 'failed', 1)


def test_an_async_step_may_exit_with_a_text(host: Host) -> None:
    host.start('@step\nasync def leave(self, run: Run): sys.exit("no disk")')

    assert host.end()['error']['message'] == 'no disk'


def test_an_expected_failure_is_reported_without_a_traceback(host: Host) -> None:
    host.start(
        """
        @step
        def check(self, run: Run): raise StepFailed('The file is empty.', hint='Record it again.')
        @step
        def never(self, run: Run): print('never')
        """
    )

    error = host.end()['error']

    assert (error['message'], error['hint'], error['traceback']) == ('The file is empty.', 'Record it again.', None)
    assert [entry[1:4] for entry in host.entries] == [['error', 'check', 'The file is empty. Record it again.']]
    assert host.step_states == [('check', 'running', 1), ('check', 'failed', 1)]


def test_an_unexpected_exception_names_the_line_in_the_file_of_the_person(host: Host) -> None:
    origin = host.folder / 'pipelines' / 'theirs.py'
    host.start(
        """
        @step
        def parse(self, run: Run):
            json.loads('{')
        """,
        origin=str(origin),
    )

    error = host.end()['error']

    assert error['type'] == 'JSONDecodeError'
    assert (error['file'], error['line']) == (str(origin), 8)
    assert "json.loads('{')" in error['traceback']
    assert 'synapse/host' not in error['traceback']
    assert 'synapse/pipelines' not in error['traceback']
    assert any('Traceback (most recent call last)' in line for line in host.lines)


@pytest.mark.parametrize(
    ('code', 'state', 'message'),
    [
        ('sys.exit(3)', 'failed', 'It ended Python with exit code 3.'),
        ('sys.exit()', 'succeeded', None),
        ('sys.exit(0)', 'succeeded', None),
        ('sys.exit("cannot go on: no disk")', 'failed', 'cannot go on: no disk'),
        ('sys.exit(" ")', 'failed', 'It ended Python with exit code 1.'),
        ('sys.exit(["a", 1])', 'failed', "['a', 1]"),
        ('raise KeyboardInterrupt', 'failed', 'KeyboardInterrupt'),
        ('self.found = 1', 'failed', 'ValueError: "Mine" object has no field "found"'),
    ],
)
def test_whatever_a_step_raises_ends_the_run(host: Host, code: str, state: str, message: str | None) -> None:
    host.start(f'@step\ndef leave(self, run: Run): {code}')

    end = host.end()

    assert end['state'] == state
    assert (end['error'] or {}).get('message') == message


def test_invalid_parameters_and_states_are_reported_in_sentences(host: Host) -> None:
    host.start('count: int\n@step\ndef work(self, run: Run): ...', parameters={'count': 'many'})

    assert host.end()['error']['message'] == 'The parameters do not fit the pipeline. count: Write a whole number.'


def test_what_json_cannot_hold_is_left_out_of_the_checkpoint_with_one_warning(host: Host) -> None:
    host.start(
        """
        _file: object = None
        @step
        def opens(self, run: Run): self._file = open(__file__)
        @step
        def reads(self, run: Run): print(self._file.readline().split()[0])
        """
    )

    assert host.end()['state'] == 'succeeded'
    assert host.lines == ['_file cannot be saved as JSON, so a retry from a later step starts without it.', 'import']
    assert json.loads((host.folder / 'run' / 'checkpoint.json').read_text())['state'] == {}


def test_a_checkpoint_that_cannot_be_saved_does_not_undo_the_step(host: Host) -> None:
    host.start("@step\ndef work(self, run: Run): (run.workdir.parent / 'checkpoint.json').mkdir()")

    assert host.end()['state'] == 'succeeded'
    assert host.entries[0][1] == 'warning'
    assert 'The checkpoint could not be saved' in host.lines[0]


# Output


def test_everything_a_step_prints_becomes_entries_in_order(host: Host) -> None:
    host.start(
        """
        @step
        def talk(self, run: Run):
            print('printed')
            print('to stderr', file=sys.stderr)
            logging.getLogger('lib.part').warning('recorded %s', 1)
            warnings.warn('careful')
            run.log.success('logged', files=3, where=Path('/x'))
            sys.stdout.buffer.write(b'bytes \\xff\\n')
            try: {}['x']
            except KeyError: logging.exception('caught')
            print('no end', end='')
        """
    )
    host.end()

    assert [entry[1:4] for entry in host.entries if not entry[3].startswith('caught')] == [
        ['info', 'stdout', 'printed'],
        ['info', 'stderr', 'to stderr'],
        ['warning', 'lib.part', 'recorded 1'],
        ['warning', 'warnings', 'UserWarning: careful'],
        ['success', 'talk', 'logged'],
        ['info', 'stdout', 'bytes \N{REPLACEMENT CHARACTER}'],
        ['info', 'stdout', 'no end'],
    ]
    caught = next(entry for entry in host.entries if entry[3].startswith('caught'))
    assert (caught[1], "KeyError: 'x'" in caught[3]) == ('error', True)
    assert host.entries[4][5] == {'files': 3, 'where': '/x'}
    assert {entry[4] for entry in host.entries} == {'talk'}


def test_a_hundred_thousand_lines_arrive_all_and_in_order(host: Host) -> None:
    host.start('@step\ndef flood(self, run: Run):\n    for n in range(100_000): print(n)')

    assert host.end(60)['state'] == 'succeeded'
    assert host.lines == [str(n) for n in range(100_000)]
    assert host.step_states[-1] == ('flood', 'succeeded', 1)
    assert host.messages[-2]['t'] == 'step'


def test_a_flood_keeps_its_order_with_all_other_output(host: Host) -> None:
    host.start(
        """
        @step
        def flood(self, run: Run):
            for n in range(3_000):
                print(8 * n)
                print(8 * n + 1)
                if n % 100: continue
                run.log.info(8 * n + 2)
                print(8 * n + 3, file=sys.stderr)
                sys.stdout.buffer.write(f'{8 * n + 4}\\n'.encode())
                warnings.warn(f'{8 * n + 5}')
                print(8 * n + 6, flush=True)
                logging.warning('%s', 8 * n + 7)
        @step
        def after(self, run: Run): print(24_000)
        """
    )
    host.end()

    numbers = [int(line.removeprefix('UserWarning: ')) for line in host.lines]
    assert numbers == [n for n in range(24_001) if n % 8 < 2 or n % 800 < 8]
    assert {entry[2] for entry in host.entries} == {'stdout', 'stderr', 'flood', 'warnings', 'root'}
    assert [entry[4] for entry in host.entries[-2:]] == ['flood', 'after']


def test_threads_and_signal_handlers_that_print_in_a_flood_lose_nothing(host: Host) -> None:
    host.start(
        """
        @step
        def flood(self, run: Run):
            signals, is_enough = itertools.count(), False
            def count(name):
                n = 0
                while n < 10_000 or not is_enough:
                    sys.stdout.write(f'{name} {n}\\n')
                    n += 1
            def handle(*_):
                nonlocal is_enough
                number = next(signals)
                sys.stdout.write(f'signal {number}\\n')
                is_enough |= number > 2
            signal.signal(signal.SIGALRM, handle)
            signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
            threads = [threading.Thread(target=count, args=(name,)) for name in 'abc']
            for thread in threads: thread.start()
            count('main')
            for thread in threads: thread.join()
            signal.setitimer(signal.ITIMER_REAL, 0)
            run.log.info(f'{next(signals)} signals')
        """
    )

    assert host.end(60)['state'] == 'succeeded'
    for name in ('a', 'b', 'c', 'main'):
        printed = [line for line in host.lines if line.startswith(f'{name} ')]
        assert len(printed) >= 10_000
        assert printed == [f'{name} {n}' for n in range(len(printed))]
    signals = int(host.lines[-1].split()[0])
    assert signals > 3
    # One signal may come while the handler of another has not printed yet.
    assert sorted(int(line.split()[1]) for line in host.lines if line.startswith('signal ')) == list(range(signals))


def test_what_was_flushed_in_a_flood_survives_a_segfault(host: Host) -> None:
    host.start(
        """
        @step
        def crash(self, run: Run):
            for n in range(5_000): print(n)
            print('flushed', flush=True)
            ctypes.string_at(0)
        """
    )

    assert host.process.wait(20) == -signal.SIGSEGV
    host.join()
    host.rest()
    assert host.lines == [*map(str, range(5_000)), 'flushed']


def test_a_disk_without_room_for_the_spool_costs_time_and_no_line(host: Host) -> None:
    host.start(
        """
        @step
        def flood(self, run: Run):
            import resource
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
            for n in range(20_000): print(n)
        """
    )

    assert host.end()['state'] == 'succeeded'
    [warning] = [entry[3] for entry in host.entries if entry[1] == 'warning' and entry[2] == 'synapse']
    assert warning.startswith('The lines of this step cannot be spooled, so it waits for the log from now on: ')
    assert [line for line in host.lines if line.isdigit()] == [str(n) for n in range(20_000)]


def test_a_redrawn_line_is_kept_once(host: Host) -> None:
    host.start(
        """
        @step
        def draw(self, run: Run):
            for n in range(1001): print(f'\\r{n / 10} %', end='')
            print()
            print('next\\r\\n', end='')
        """
    )
    host.end()

    assert host.lines == ['100.0 %', 'next']


def test_a_very_long_line_is_shown_cut_and_kept_whole(host: Host) -> None:
    host.start("@step\ndef dump(self, run: Run): print('x' * 100_000)")
    host.end()

    assert (len(host.lines[0]), host.entries[0][5]) == (16384, {'cut': 100_000})
    assert (host.folder / 'run' / 'long-lines.txt').read_text() == 'x' * 100_000 + '\n'


def test_what_bypasses_python_goes_to_the_error_pipe_and_breaks_nothing(host: Host) -> None:
    host.start(
        """
        @step
        def bypass(self, run: Run):
            os.write(1, b'raw one\\n')
            os.write(2, b'raw two\\n')
            subprocess.run(['echo', 'inherited'], check=True)
            subprocess.run(['echo', 'handed over'], check=True, stdout=sys.stdout)
            child = os.fork()
            if not child:
                print('forked')
                run.log.info('forked too')
                os._exit(0)
            os.waitpid(child, 0)
            print('mine')
        """
    )

    assert host.end()['state'] == 'succeeded'
    assert host.lines == ['mine']
    assert host.errors.splitlines() == ['raw one', 'raw two', 'inherited', 'handed over', 'forked', 'forked too']


def test_a_segfault_leaves_its_trace_on_the_error_pipe(host: Host) -> None:
    host.start("@step\ndef crash(self, run: Run):\n    print('before')\n    ctypes.string_at(0)")

    assert host.process.wait(20) == -signal.SIGSEGV
    host.join()
    assert 'Fatal Python error: Segmentation fault' in host.errors
    assert 'in crash' in host.errors


def test_a_step_finds_no_input_and_none_of_our_modules_in_its_programs(host: Host) -> None:
    host.start(
        """
        @step
        def ask(self, run: Run):
            print(sys.stdin.read() == '', os.environ.get('PYTHONPATH'), Path.cwd() == run.workdir)
            run.shell([sys.executable, '-c', 'import sys, os; print(sys.stdin.read() == "", os.getcwd())'])
        """
    )
    host.end()

    assert host.lines == ['True None True', f'True {host.folder / "run" / "work"}']


# The run object


def test_artifacts_are_kept_in_the_run_folder(host: Host) -> None:
    (host.folder / 'outside.mp4').write_bytes(b'video')
    host.start(
        f"""
        @step
        def keep(self, run: Run):
            (run.workdir / 'a.txt').write_text('inside')
            print(run.artifact('a.txt').read_text(), (run.workdir / 'a.txt').exists())
            run.artifact({str(host.folder / 'outside.mp4')!r}, 'videos/b.mp4')
            for name in ('../up', '/abs', '..'):
                try: run.artifact('a.txt', name)
                except StepFailed as error: print(error.message)
            run.artifact('missing.txt')
        """
    )

    assert host.end()['error']['message'].startswith('There is no file ')
    assert host.lines[:2] == ['inside True', "An artifact cannot be called '../up'."]
    told = [{k: v for k, v in m.items() if k != 't'} for m in host.messages if m['t'] == 'artifact']
    assert told == [
        {'name': 'a.txt', 'size': 6, 'step': 'keep', 'media_type': 'text/plain'},
        {'name': 'videos/b.mp4', 'size': 5, 'step': 'keep', 'media_type': 'video/mp4'},
    ]
    assert (host.folder / 'run' / 'artifacts' / 'videos' / 'b.mp4').read_bytes() == b'video'
    assert (host.folder / 'outside.mp4').exists()


def test_an_artifact_is_a_copy_unless_it_is_moved(host: Host) -> None:
    (host.folder / 'outside.sh').write_text('#!/bin/sh')
    (host.folder / 'outside.sh').chmod(0o750)
    host.start(
        f"""
        @step
        def keep(self, run: Run):
            film = run.workdir / 'film.mp4'
            film.write_text('whole')
            kept = run.artifact(film)
            with film.open('a') as file:
                file.write(' and more')
            print(kept.read_text())
            print(run.artifact(film, move=True).read_text(), film.exists())
            script = Path({str(host.folder / 'outside.sh')!r})
            print(oct(run.artifact(script, move=True).stat().st_mode & 0o777), script.exists())
        """
    )
    host.end()

    assert host.lines == ['whole', 'whole and more False', '0o750 True']


def test_the_profile_reaches_the_step_and_prints_without_its_secrets(host: Host) -> None:
    profile = {'id': 'me', 'label': 'Me', 'destination': '/out', 'defaults': {'a': 1}, 'secrets': {'key': 's3cret'}}
    host.start(
        """
        @step
        def show(self, run: Run):
            print(run.profile)
            print(len(run.profile.secrets['key']), run.number)
        """,
        profile=profile,
    )
    host.end()

    assert host.lines == ["RunProfile(id='me', label='Me', destination='/out', defaults={'a': 1})", '6 7']


def test_only_code_that_names_the_login_of_a_destination_gets_it(host: Host) -> None:
    secrets = {'KEY': 'k-canary', 'destination_username': 'anna', 'destination_password': 'p-canary'}
    host.start(
        """
        @step
        def show(self, run: Run):
            import dataclasses, json
            known = run.profile.secrets
            everything = [dict(known), {**known}, known | {}, known.copy(), [*known.items()]]
            print(sorted(known), len(known), 'destination_' in repr(known) + json.dumps(known) + repr(everything)
                  + repr(dataclasses.asdict(run.profile)))
            print('destination_password' in known, known.get('destination_password') == known['destination_password'])
            print(len(known['destination_password']), known.get('destination_key_file'), 'NONE' in known)
            run.shell(['env'], env=known)
        """,
        profile={'id': 'me', 'secrets': secrets},
    )
    host.end()

    assert host.lines[:3] == ["['KEY'] 1 False", 'True True', '8 None False']
    assert 'KEY=k-canary' in host.lines
    assert not any(
        word in line for word in ('destination_username', 'destination_password', 'p-canary') for line in host.lines
    )


def test_a_program_is_run_and_its_lines_are_entries(host: Host) -> None:
    host.start(
        """
        @step
        def call(self, run: Run):
            code = run.shell(['sh', '-c', 'echo out; echo err >&2; echo "$A $SYNAPSE_RUN_ID $SYNAPSE_ROOM"; exit 3'],
                             env={'A': 'b', 'SYNAPSE_RUN_ID': 'other'})
            run.log.info(code)
            seen = []
            run.shell(['printf', 'frame=1\\nplain\\nframe=2\\n'],
                      on_line=lambda line: seen.append(line) or line.startswith('frame='))
            print(seen)
        """
    )
    host.end()

    assert [entry[2:4] for entry in host.entries] == [
        ['sh', 'out'],
        ['sh', 'err'],
        ['sh', 'b r1 '],
        ['call', '3'],
        ['printf', 'plain'],
        ['stdout', "['frame=1', 'plain', 'frame=2']"],
    ]


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (
            "run.shell('ls -l')",
            "TypeError: run.shell takes a list like ['ffmpeg', '-version'], not the one string 'ls -l'",
        ),
        ('run.shell([])', 'ValueError: run.shell needs the name of a program as its first argument'),
        (
            "run.shell(['sleep', 5])",
            'TypeError: run.shell takes strings and paths; 5 is neither, write str(...) around it',
        ),
        ("run.shell(['no-such-program'])", "The program 'no-such-program' was not found."),
        ("run.shell(['ls'], cwd='/no/such')", 'ls cannot start in /no/such: there is no such folder.'),
        ("run.shell(['sleep', '60'], timeout='200ms')", 'sleep took longer than 0.2 s and was stopped.'),
    ],
)
def test_a_program_that_cannot_run_is_reported_in_a_sentence(host: Host, call: str, message: str) -> None:
    host.start(f'@step\ndef call(self, run: Run): {call}')

    assert host.end()['error']['message'] == message


@pytest.mark.parametrize('terminal', [False, True])
@pytest.mark.parametrize('child', ['sleep 30', 'nohup sleep 30', 'setsid sleep 30'])
def test_a_background_child_that_keeps_the_output_open_delays_nothing(host: Host, terminal: bool, child: str) -> None:
    argv = ['sh', '-c', f'echo early; {child} & exit 0']
    host.start(f'@step\ndef call(self, run: Run): run.shell({argv}, terminal={terminal})')

    assert host.end(10)['state'] == 'succeeded'
    assert host.lines[0] == 'early'
    assert [line for line in host.lines[1:] if not line.startswith('nohup: ')] == []


# Pause, resume, cancel, the end of the control room


def test_a_pause_holds_at_the_next_progress_and_counts_for_no_timeout(host: Host) -> None:
    host.start(
        """
        @step(timeout='3s')
        def count(self, run: Run):
            for n in range(10_000):
                run.progress(n / 100)
                time.sleep(0.005)
                if (run.workdir.parent / 'enough').exists(): return
        """
    )
    host.said('progress')

    host.send({'do': 'pause'})
    host.said('paused')
    with pytest.raises(queue.Empty):
        host.until(lambda m: m['t'] != 'progress', timeout=3.2)
    (host.folder / 'run' / 'enough').touch()
    host.send({'do': 'resume'})

    host.said('resumed')
    assert host.end()['state'] == 'succeeded'


def test_a_pause_holds_between_steps_and_a_cancel_ends_it(host: Host) -> None:
    host.start(
        """
        @step
        def first(self, run: Run):
            print('ready')
            while not run._control._pausing: time.sleep(0.01)
        @step
        def second(self, run: Run): print('never')
        """
    )
    host.logged('ready')
    host.send({'do': 'nonsense'})
    host.send({'do': 'pause'})
    host.said('paused')

    host.send({'do': 'cancel'})

    assert host.end()['state'] == 'cancelled'
    assert host.step_states == [('first', 'running', 1), ('first', 'succeeded', 1)]


@pytest.mark.parametrize(
    'body',
    [
        'while True: run.progress(1); time.sleep(0.01)',
        'while True: run.checkpoint(); time.sleep(0.01)',
        "run.shell(['sleep', '60'])",
        "run.shell(['sh', '-c', 'trap \"\" TERM; sleep 60 & wait'], grace=1)",
        "run.shell(['sleep', '60'], terminal=True)",
        "run.shell(['sh', '-c', 'trap \"\" TERM HUP; sleep 60 & wait'], terminal=True, grace=1)",
        "run.shell(['sh', '-c', 'nohup setsid sleep 60 & sleep 60'], terminal=True)",
        'while not run.cancelled: time.sleep(0.01)\n    run.progress(1)',
    ],
)
def test_a_cancel_ends_a_step_at_its_next_call_and_its_programs_at_once(host: Host, body: str) -> None:
    host.start(
        f"""
@step(retries=3)
def work(self, run: Run):
    print('ready')
    try:
        {body.replace(chr(10), chr(10) + '    ')}
    except Exception: print('not for you')
    finally: print('tidied up')
"""
    )
    host.logged('ready')

    host.send({'do': 'cancel'})

    assert host.end(10) == {'t': 'end', 'state': 'cancelled', 'error': None}
    about_the_stop = ('is asked to end', 'did not end within', 'It was killed', 'nohup: ')
    assert [line for line in host.lines if not any(words in line for words in about_the_stop)] == ['ready', 'tidied up']
    assert host.step_states == [('work', 'running', 1), ('work', 'cancelled', 1)]
    assert not host.programs


def test_a_cancel_ends_an_async_step_where_it_waits_and_a_wait_for_a_retry(host: Host) -> None:
    host.start(
        """
        @step
        async def work(self, run: Run):
            print('ready')
            try: await asyncio.sleep(60)
            finally: print('tidied up')
        """
    )
    host.logged('ready')
    host.send({'do': 'cancel'})

    assert host.end(5)['state'] == 'cancelled'
    assert host.lines == ['ready', 'tidied up']


@pytest.mark.parametrize('call', ["run.shell(['sleep', '60'])", "await asyncio.to_thread(run.shell, ['sleep', '60'])"])
def test_a_cancel_ends_the_program_of_an_async_step(host: Host, call: str) -> None:
    host.start(
        f"""
        @step
        async def work(self, run: Run):
            print('ready')
            {call}
        """
    )
    host.logged('ready')
    host.send({'do': 'cancel'})

    assert host.end(5)['state'] == 'cancelled'
    assert not host.programs


def test_a_thread_stuck_behind_an_async_step_does_not_hold_up_the_end(host: Host) -> None:
    host.start(
        """
        @step
        async def work(self, run: Run): await asyncio.wait_for(asyncio.to_thread(time.sleep, 60), 0.1)
        """
    )

    assert host.end(10)['error']['type'] == 'TimeoutError'


def test_a_step_that_never_stops_printing_is_interrupted_too(host: Host) -> None:
    host.start(
        """
        @step(timeout='200ms', retries=1, backoff=0)
        def flood(self, run: Run):
            while run.attempt == 1: print('again and again')
        """
    )

    assert host.end()['state'] == 'succeeded'
    assert host.step_states[-1] == ('flood', 'succeeded', 2)


def test_a_cancel_ends_the_wait_for_the_next_try(host: Host) -> None:
    host.start('@step(retries=1, backoff=60)\ndef work(self, run: Run): raise StepFailed("no")')
    host.logged('Next attempt in 60 s')
    host.send({'do': 'cancel'})

    assert host.end(5)['state'] == 'cancelled'
    assert host.step_states[-1] == ('work', 'cancelled', 1)


NOT_WOKEN = 'signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})'
"""Then SIGTERM ends no system call of the step, just as if it had come in the instant before that began."""


@pytest.mark.parametrize('first', ['pass', NOT_WOKEN])
def test_sigterm_after_a_cancel_interrupts_a_step_that_makes_no_call(host: Host, first: str) -> None:
    host.start(
        f"""
        @step
        def work(self, run: Run):
            {first}
            while not run.cancelled: time.sleep(0.01)
            try:
                print('ready')
                time.sleep(60)
            finally: print('tidied up')
        """
    )
    host.said('step')
    host.send({'do': 'cancel'})
    host.logged('ready')

    os.killpg(host.process.pid, signal.SIGTERM)

    assert host.end(5)['state'] == 'cancelled'
    assert host.lines == ['ready', 'tidied up']


def test_sigterm_without_a_cancel_ends_a_process_that_the_signal_does_not_wake(host: Host) -> None:
    host.start(
        """
        @step
        def work(self, run: Run):
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            print('ready')
            time.sleep(60)
        """
    )
    host.logged('ready')

    host.process.terminate()

    assert host.process.wait(5) == -signal.SIGTERM


def test_sigterm_ends_a_process_that_a_step_has_forked_a_moment_before(host: Host) -> None:
    # As a pool does that is closed when its first worker has done all the work.
    host.start(
        """
        @step
        def work(self):
            children = []
            for _ in range(100):
                child = os.fork()
                if not child:
                    time.sleep(60)
                os.kill(child, signal.SIGTERM)
                children.append(child)
            until, left = time.monotonic() + 4, {*children}
            while left and time.monotonic() < until:
                left -= {child for child in left if os.waitpid(child, os.WNOHANG)[0]}
                time.sleep(0.01)
            print(len(left), 'live on')
            for child in left: os.kill(child, signal.SIGKILL)
        """
    )

    assert host.end(10)['state'] == 'succeeded'
    assert host.lines == ['0 live on']


def test_a_process_forked_by_a_step_keeps_its_signals_to_itself(host: Host) -> None:
    host.start(
        """
        @step
        def work(self):
            kicks = 0
            def count(*_):
                nonlocal kicks
                kicks += 1
            signal.signal(signal.SIGUSR2, count)
            child = os.fork()
            if not child:
                signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
                signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
                time.sleep(60)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            time.sleep(0.2)
            print(kicks)
        """
    )

    assert host.end(5)['state'] == 'succeeded'
    assert host.lines == ['7', '0']


def test_sigterm_without_a_cancel_ends_the_process(host: Host) -> None:
    host.start("@step\ndef work(self, run: Run):\n    print('ready')\n    time.sleep(60)")
    host.logged('ready')

    host.process.terminate()

    assert host.process.wait(5) == -signal.SIGTERM


def test_the_host_and_its_programs_end_with_the_control_room(host: Host) -> None:
    host.start(
        """
        @step
        def work(self, run: Run):
            import threading
            threading.Thread(target=run.shell, args=(['sleep', '601'],)).start()
            plain = subprocess.Popen(['sleep', '602'])
            own_session = subprocess.Popen(['sleep', '603'], start_new_session=True)
            while len(os.listdir('/proc/self/task')) and time.sleep(0.3) is None:
                print('ready', plain.pid, own_session.pid)
                time.sleep(60)
        """
    )
    host.logged('ready')
    children = psutil.Process(host.process.pid).children(recursive=True)
    assert len(children) == 3
    assert host.process.stdin is not None

    host.process.stdin.close()

    assert host.process.wait(5) == -signal.SIGKILL
    for child in children:
        wait_gone(child.pid)


def test_a_spare_without_a_job_ends_with_the_control_room_too(host: Host) -> None:
    host.said('hello')
    assert host.process.stdin is not None

    host.process.stdin.close()

    assert host.process.wait(5) == -signal.SIGKILL


def test_a_thread_that_a_step_left_behind_does_not_keep_the_process(host: Host) -> None:
    host.start('@step\ndef work(self, run: Run): threading.Thread(target=time.sleep, args=(60,)).start()')

    assert host.end()['state'] == 'succeeded'


def test_a_built_in_that_does_not_exist_is_an_error(host: Host) -> None:
    host.start('', file=None, pipeline='NoSuchThing')

    assert host.end()['error']['message'] == "No built-in pipeline is called 'NoSuchThing'."


# Describe and validate


def ask(*arguments: str, given: Any = None) -> Any:
    done = subprocess.run(
        [sys.executable, '-m', 'synapse.host', *arguments],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout.count('\n') == 1
    return json.loads(done.stdout)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / 'mine.py'


def test_a_file_is_described_whatever_it_prints(file: Path) -> None:
    (file.parent / 'beside.py').write_text('NUMBER = 3')
    file.write_text(
        f'{HEAD}import beside\nprint("loaded")\nos.write(1, b"raw")\n'
        'class _Hidden(Pipeline): ...\n'
        'class Base(Pipeline): ...\n'
        'class A(Base):\n    n: int = beside.NUMBER\n    @step\n    def a(self): ...\n'
        'class B(Pipeline):\n    @step\n    def b(self): ...\n'
        'threading.Thread(target=time.sleep, args=(60,)).start()\n'
    )

    described = ask('describe', str(file))

    assert [pipeline['name'] for pipeline in described['pipelines']] == ['A', 'B']
    assert described['pipelines'][0]['schema']['properties']['n']['default'] == 3
    assert sorted(path.name for path in file.parent.iterdir()) == ['beside.py', 'mine.py']


@pytest.mark.parametrize(
    ('source', 'line', 'message'),
    [
        ('x = 1\nclass Broken(:\n', 2, 'SyntaxError: invalid syntax'),
        ('x = 1\n\n1 / 0\n', 3, 'ZeroDivisionError: division by zero'),
        ('import no_such_module\n', 1, "ModuleNotFoundError: No module named 'no_such_module'"),
        ('import sys\nsys.exit(1)\n', None, 'It ended Python with exit code 1.'),
        ('x = 1\n', None, 'This file has no pipeline: no class in it is based on synapse.Pipeline.'),
        (
            'from synapse import Pipeline\n\nclass Idle(Pipeline):\n    n: int = 1\n',
            3,
            'The pipeline Idle has no step. Mark at least one method with @step.',
        ),
    ],
)
def test_a_broken_file_says_where_and_why(file: Path, source: str, line: int | None, message: str) -> None:
    file.write_text(source)

    error = ask('describe', str(file), '/home/me/pipelines/mine.py')['error']

    assert (error['file'], error['line'], error['message']) == ('/home/me/pipelines/mine.py', line, message)


def test_parameters_are_checked_by_the_class(file: Path) -> None:
    file.write_text(f'{HEAD}class Mine(Pipeline):\n    n: int\n    @step\n    def a(self): ...\n')

    assert ask('validate', str(file), 'Mine', given={'n': '3'}) == {'ok': True, 'parameters': {'n': 3}}
    assert ask('validate', str(file), 'Mine', given={'n': 'x'}) == {
        'ok': False,
        'fields': {'n': 'Write a whole number.'},
    }
