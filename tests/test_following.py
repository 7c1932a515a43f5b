"""`python main.py run` in a real terminal and in pipes: what Ctrl-C means, and how values are written."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.forked import forked
from tests.parts.harness import ROOT, SynapseUnderTest, wait_until
from tests.parts.terminal import CTRL_C, CTRL_D, Terminal, synapse_in_terminal

QUESTION = 'Stop the run? It goes on otherwise.'
COUNTS = json.dumps(['sh', '-c', 'for i in $(seq 600); do echo line $i; sleep 0.1; done'])


@pytest.fixture(scope='module')
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    """A running Synapse for all tests here."""
    program = forked(tmp_path_factory.mktemp('house') / 'data', '--workers', '4').start()
    yield program
    program.stop()


def command(house: SynapseUnderTest, *values: str) -> list[str]:
    options = [part for value in values for part in ('--set', value)]
    return ['run', 'RunCommand', *options, '--data', str(house.data)]


def counting(house: SynapseUnderTest) -> Terminal:
    """A terminal that follows a run of a minute, and has shown its first line."""
    terminal = synapse_in_terminal(*command(house, f'command={COUNTS}'))
    terminal.shows('line 1\r\n')
    return terminal


def state_of(house: SynapseUnderTest, terminal: Terminal) -> str:
    number = terminal.text.split('Run #')[1].split(' ')[0]
    with house.api as api:
        run = next(run for run in api.get('/runs').json()['runs'] if str(run['number']) == number)
    return str(run['state'])


def stop_all(house: SynapseUnderTest) -> None:
    with house.api as api:
        for run in api.get('/runs', params={'state': 'running'}).json()['runs']:
            api.post(f'/runs/{run["id"]}/cancel', json={'now': True})
            house.wait_for_run(run['id'])


def test_ctrl_c_asks_and_yes_stops_the_run(house: SynapseUnderTest) -> None:
    terminal = counting(house)
    terminal.type(CTRL_C)
    terminal.shows(QUESTION)
    assert state_of(house, terminal) == 'running'
    terminal.type('y\n')

    assert terminal.ends() == 1
    assert 'The run was cancelled.' in terminal.text
    assert state_of(house, terminal) == 'cancelled'
    assert 'Traceback' not in terminal.text


def test_no_follows_on_without_a_gap_and_the_next_ctrl_c_leaves_the_run_alone(house: SynapseUnderTest) -> None:
    terminal = counting(house)
    terminal.type(CTRL_C)
    terminal.shows(QUESTION)
    terminal.type('n\n')
    shown = terminal.text.count(' line ')
    wait_until(lambda: terminal.text.count(' line ') > shown + 5, timeout=20)
    terminal.type(CTRL_C)

    assert terminal.ends() == 130
    assert terminal.text.count(QUESTION) == 1
    assert 'Traceback' not in terminal.text
    assert f'continues: {house.url}runs/' in terminal.text
    assert state_of(house, terminal) == 'running'
    numbers = [int(number) for number in re.findall(r' line (\d+)\r', terminal.text)]
    assert numbers == list(range(1, len(numbers) + 1))
    stop_all(house)


def test_ctrl_c_at_the_question_stops_only_following(house: SynapseUnderTest) -> None:
    terminal = counting(house)
    terminal.type(CTRL_C)
    terminal.shows(QUESTION)
    terminal.type(CTRL_C)

    assert terminal.ends() == 130
    assert 'Traceback' not in terminal.text
    assert state_of(house, terminal) == 'running'
    stop_all(house)


def test_the_end_of_the_input_is_a_no(house: SynapseUnderTest) -> None:
    terminal = counting(house)
    terminal.type(CTRL_C)
    terminal.shows(QUESTION)
    terminal.type(CTRL_D)
    shown = terminal.text.count(' line ')
    wait_until(lambda: terminal.text.count(' line ') > shown + 2, timeout=20)
    stop_all(house)

    assert terminal.ends() == 1


def test_without_a_terminal_an_interrupt_leaves_the_run_alone(house: SynapseUnderTest) -> None:
    process = subprocess.Popen(
        [sys.executable, 'main.py', *command(house, f'command={COUNTS}')],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while 'line 1\n' not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert 'continues: ' in errors
    assert 'Traceback' not in errors
    with house.api as api:
        assert len(api.get('/runs', params={'state': 'running'}).json()['runs']) == 1
    stop_all(house)


@pytest.mark.skipif(os.name == 'nt', reason='pipes of a shell')
def test_head_ends_it_quietly_and_the_run_continues(house: SynapseUnderTest) -> None:
    words = ' '.join(f"'{word}'" for word in [sys.executable, 'main.py', *command(house, f'command={COUNTS}')])
    done = subprocess.run(
        ['bash', '-c', f'{words} | head -1; echo ${{PIPESTATUS[0]}}'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    first, code = done.stdout.splitlines()
    assert first.startswith('Run #')
    assert code == '141'  # as of a program that SIGPIPE has ended
    assert done.stderr == ''
    with house.api as api:
        assert len(api.get('/runs', params={'state': 'running'}).json()['runs']) == 1
    stop_all(house)


@pytest.mark.skipif(os.name == 'nt', reason='pipes of a shell')
def test_head_ends_it_at_once_although_more_lines_are_on_their_way(house: SynapseUnderTest) -> None:
    words = shlex.join([sys.executable, 'main.py', *command(house, 'command=seq 20000')])

    done = subprocess.run(
        ['bash', '-c', f'{words} | (head -8; date +%s); echo ${{PIPESTATUS[0]}} $(date +%s)'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    *_, head_ended, last = done.stdout.splitlines()
    code, ended = last.split()
    assert code == '141'
    assert int(ended) - int(head_ended) < 9  # a closing handshake would be awaited for ten seconds


def follow(house: SynapseUnderTest, *values: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, 'main.py', *command(house, *values)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | variables,
    )


def test_a_list_is_written_as_json_or_one_item_after_the_other(house: SynapseUnderTest) -> None:
    as_json = follow(house, 'command=["echo", "a b", "c"]')
    as_items = follow(house, 'command=echo', 'command=a b', 'command=["c"]')
    single = follow(house, 'command=pwd', 'env=A=b', 'env=C=d=e', 'ok_codes=0', f'cwd={ROOT}')

    assert (as_json.returncode, as_items.returncode, single.returncode) == (0, 0, 0)
    assert ' a b c\n' in as_json.stdout
    assert ' a b ["c"]\n' in as_items.stdout
    assert f' {ROOT}\n' in single.stdout
    with house.api as api:
        run = api.get('/runs').json()['runs'][0]
    assert run['parameters'] | {'cwd': ''} == run['parameters'] | {
        'cwd': '',
        'command': ['pwd'],
        'env': {'A': 'b', 'C': 'd=e'},
        'ok_codes': [0],
    }


def test_a_list_that_cannot_be_read_is_answered_with_how_to_write_it(house: SynapseUnderTest) -> None:
    done = follow(house, 'command=["echo", "hi"', 'env=nothing')

    assert done.returncode == 1
    assert """--set 'command=["echo", "hi"]' or as --set command=echo --set command=hi""" in done.stderr
    assert """--set 'env={"NAME": "value"}' or as --set env=NAME=value""" in done.stderr


def test_what_needs_a_shell_is_answered_with_the_flag_for_it(house: SynapseUnderTest) -> None:
    done = follow(house, 'command=ls | wc')

    assert done.returncode == 1
    assert 'which is not used here. To run it with /bin/sh, add --set shell=true.\n' in done.stderr
    assert 'Write it as' not in done.stderr
    assert follow(house, 'command=ls | wc', 'shell=true').returncode == 0


def test_the_reason_of_a_failure_is_the_last_that_is_said(house: SynapseUnderTest, tmp_path: Path) -> None:
    done = follow(house, 'command=ls', f'command={tmp_path / "none"}')

    assert done.returncode == 1
    assert re.search(r' ls +ls: cannot access ', done.stdout)  # its source is the program, as on the page of the log
    assert done.stderr.startswith('The run failed. ls ended with exit code 2: ls: cannot access ')
    assert 'No such file or directory' in done.stderr


def test_the_cause_is_kept_in_english_for_readers_of_any_language(house: SynapseUnderTest) -> None:
    done = follow(house, 'command=true', SYNAPSE_LANGUAGE='pt-BR')

    assert done.stdout.startswith('Execução #'), done.stderr
    with house.api as api:
        [run, *_] = api.get('/runs').json()['runs']
    assert run['because'] == 'the command line'
