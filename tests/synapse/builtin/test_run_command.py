import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from synapse.builtin.run_command import RunCommand
from synapse.pipelines.describe import describe, validate_parameters
from tests.parts.harness import wait_until
from tests.parts.one_run import OneRun


def execute(tmp_path: Path, *, secrets: dict[str, str] | None = None, **parameters: Any) -> OneRun:
    return OneRun(tmp_path / 'run', 'RunCommand', parameters, secrets=secrets).finish(timeout=30)


def python(code: str) -> list[str]:
    return [sys.executable, '-c', code]


def test_its_description_is_the_contract() -> None:
    description = describe(RunCommand)

    assert [step['name'] for step in description['steps']] == ['execute']
    assert {'command', 'cwd', 'env'} <= set(description['schema']['properties'])


def test_what_a_command_prints_becomes_log_lines(tmp_path: Path) -> None:
    run = execute(tmp_path, command=python('import sys; print("to out"); print("to err", file=sys.stderr)'))

    assert run.state == 'succeeded'
    assert {('info', 'to out'), ('info', 'to err')} <= set(run.lines)


def test_an_argument_is_never_read_by_a_shell(tmp_path: Path) -> None:
    run = execute(tmp_path, command=['echo', '$(touch pwned); `id` && *'])

    assert ('info', '$(touch pwned); `id` && *') in run.lines


def test_folder_variables_and_secrets_reach_the_command(tmp_path: Path) -> None:
    code = 'import os; print(os.getcwd(), os.environ["COLOUR"], os.environ["TOKEN"] == "s3cret")'

    run = execute(tmp_path, command=python(code), cwd=str(tmp_path), env={'COLOUR': 'red'}, secrets={'TOKEN': 's3cret'})

    assert ('info', f'{tmp_path} red True') in run.lines


def test_a_command_does_not_get_the_login_of_its_destination(tmp_path: Path) -> None:
    login = {'destination_username': 'anna', 'destination_password': 'canary-1', 'destination_region': 'eu-1'}
    code = 'import os; [print(name, value) for name, value in os.environ.items()]'

    run = execute(tmp_path, command=python(code), secrets=login | {'TOKEN': 's3cret'}, env={'COLOUR': 'red'})

    assert ('info', 'COLOUR red') in run.lines
    assert any(text.startswith('TOKEN ') for _, text in run.lines)
    assert not any(word in text for _, text in run.lines for word in ('destination_', 'anna', 'canary', 'eu-1'))


def test_another_exit_code_is_a_failure_that_names_it(tmp_path: Path) -> None:
    run = execute(tmp_path, command=python('raise SystemExit(7)'))

    assert (run.state, run.failed_step) == ('failed', 'execute')
    assert 'ended with exit code 7.' in run.error['message']


def test_other_codes_may_be_good_ones(tmp_path: Path) -> None:
    assert execute(tmp_path, command=python('raise SystemExit(24)'), ok_codes=[0, 24]).state == 'succeeded'


def test_a_signal_is_named(tmp_path: Path) -> None:
    run = execute(tmp_path, command=python('import os; os.kill(os.getpid(), 9)'))

    assert 'was killed by signal 9.' in run.error['message']


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    run = execute(tmp_path, command=['no-such-program-here'])

    assert "'no-such-program-here' was not found" in run.error['message']


def test_it_is_stopped_after_its_timeout(tmp_path: Path) -> None:
    run = execute(tmp_path, command=python('import time; time.sleep(60)'), timeout='300ms')

    assert run.state == 'failed'
    assert 'longer than 0.3 s' in run.error['message']


@pytest.mark.parametrize(
    ('name', 'text', 'mode'),
    [
        ('plain.sh', 'echo hello', 0o600),
        ('plain.py', 'print("hello")', 0o600),
        ('marked', '#!/bin/sh\necho hello', 0o600),
        ('ready', '#!/bin/sh\necho hello', 0o700),
    ],
)
def test_a_script_runs_by_its_own_first_line_or_its_suffix(tmp_path: Path, name: str, text: str, mode: int) -> None:
    script = tmp_path / name
    script.write_text(text)
    script.chmod(mode)

    run = execute(tmp_path, script=str(script))

    assert run.error == {}
    assert ('info', 'hello') in run.lines


def test_a_script_that_nothing_can_run_gets_a_hint(tmp_path: Path) -> None:
    script = tmp_path / 'notes.txt'
    script.write_text('hello')
    script.chmod(0o600)

    run = execute(tmp_path, script=str(script))

    assert 'chmod +x' in run.error['hint']


def test_a_script_that_is_gone_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / 'gone.sh') in execute(tmp_path, script=str(tmp_path / 'gone.sh')).error['message']


@pytest.mark.parametrize(
    ('parameters', 'field'),
    [
        ({}, 'command'),
        ({'command': []}, 'command'),
        ({'command': ['x'], 'script': os.devnull}, 'command'),
        ({'command': 'ls -l'}, 'command'),
        ({'command': [' ', 'x']}, 'command'),
        ({'command': ['x'], 'env': {'A=B': 'c'}}, 'env'),
        ({'command': ['x'], 'timeout': 'soon'}, 'timeout'),
        ({'command': ['x'], 'ok_codes': []}, 'ok_codes'),
    ],
)
def test_invalid_values_are_refused_before_a_run(parameters: dict[str, Any], field: str) -> None:
    checked = validate_parameters(RunCommand, parameters)

    assert not checked['ok']
    assert checked['fields'][field]


COUNTING = 'import itertools, time\nfor number in itertools.count(): print(number, flush=True); time.sleep(0.02)'


def _states_below(pid: int) -> list[str]:
    return [child.status() for child in psutil.Process(pid).children(recursive=True)]


class PausedOnce:
    """Pauses a run at its first line, and stops it some lines after it went on."""

    def __init__(self) -> None:
        self.states: list[list[str]] = []

    def __call__(self, run: OneRun, message: dict[str, Any]) -> None:
        counted = [line for line in run.lines if line[1].isdigit()]
        if message['t'] == 'logs' and counted and not self.states:
            self.states.append([])
            run.tell('pause')
        elif message['t'] == 'paused':
            # The signal is sent; each process is stopped when it next gets the processor.
            wait_until(lambda: set(_states_below(run.pid)) == {psutil.STATUS_STOPPED}, timeout=20)
            self.states.append(_states_below(run.pid))
            run.tell('resume')
        elif message['t'] == 'resumed':
            self.states.append([])
        elif len(self.states) == 3 and message['t'] == 'logs':
            self.states.append([])
            run.tell('cancel')


def test_a_command_is_suspended_while_its_run_is_paused_and_continues_afterwards(tmp_path: Path) -> None:
    paused = PausedOnce()

    run = OneRun(tmp_path / 'run', 'RunCommand', {'command': python(COUNTING)}, on_message=paused).finish(timeout=30)

    assert paused.states[1] == [psutil.STATUS_STOPPED]
    assert len(paused.states) == 4
    assert run.state == 'cancelled'


def test_a_suspended_command_can_be_stopped(tmp_path: Path) -> None:
    def pause_and_stop(run: OneRun, message: dict[str, Any]) -> None:
        if message['t'] == 'logs' and ('info', '0') in run.lines and not run.of('paused'):
            run.tell('pause')
        if message['t'] == 'paused':
            run.tell('cancel')

    run = OneRun(tmp_path / 'run', 'RunCommand', {'command': python(COUNTING)}, on_message=pause_and_stop)

    assert run.finish(timeout=30).state == 'cancelled'
