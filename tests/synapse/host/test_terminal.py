"""Programs in a terminal of their own: what they find there, how they end, and what is left of them."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from synapse import StepFailed
from synapse.host.terminal import Terminal
from synapse.protocol.long_lines import LongLines
from synapse.runs.lines.intake import Cutter
from tests.parts.local_run import LocalRun


class Shell:
    """Runs programs in a terminal, and has the lines that they left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.local = LocalRun(folder)

    def __call__(self, *argv: str, terminal: bool = True, **options: object) -> int:
        return self.local.run.shell(argv, terminal=terminal, **options)  # type: ignore[arg-type]

    @property
    def lines(self) -> list[str]:
        assert self.local.lines == []  # flushes
        cutter = Cutter(LongLines(None))
        messages = map(json.loads, (self._folder / 'messages').read_text().splitlines())
        printed = [
            item for raw in messages if raw['t'] == 'raw' for item in cutter.lines(raw, raw['text'].encode('latin-1'))
        ]
        return [text for item in [*printed, *cutter.rest()] for _, text in item.lines]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path / 'run')
    yield shell
    shell.local.close()


def test_both_streams_are_one_terminal_which_is_that_of_its_session(shell: Shell) -> None:
    code = 'test -t 0 && test -t 1 && test -t 2 && echo all; stty size; echo to the tty >/dev/tty; echo err >&2'

    assert shell('sh', '-c', code, columns=77) == 0
    assert shell.lines == ['all', '50 77', 'to the tty', 'err']


def test_the_environment_names_the_terminal_unless_the_caller_does(shell: Shell) -> None:
    shell('sh', '-c', 'echo $TERM $COLUMNS $LINES')
    shell('sh', '-c', 'echo $TERM $COLUMNS', env={'TERM': 'dumb', 'COLUMNS': '40'})

    assert shell.lines == ['xterm-256color 120 50', 'dumb 40']


@pytest.mark.parametrize(('number', 'code'), [(signal.SIGTERM, -15), (signal.SIGINT, -2), (signal.SIGKILL, -9)])
def test_a_signal_ends_a_program_as_without_a_terminal(shell: Shell, number: int, code: int) -> None:
    assert shell('sh', '-c', f'kill -{int(number)} $$') == code
    assert shell('sh', '-c', 'exit 7') == 7


def test_it_has_the_foreground_of_its_terminal(shell: Shell) -> None:
    shell(sys.executable, '-c', 'import os; print(os.tcgetpgrp(0) == os.getpgrp() == os.getsid(0) == os.getpid())')

    assert shell.lines == ['True']


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['no-such-program'], "The program 'no-such-program' was not found."),
        (['./no-such'], "The program './no-such' was not found."),
        (['/etc/passwd'], "The program '/etc/passwd' is not executable."),
    ],
)
def test_a_program_that_cannot_start_is_reported_as_without_a_terminal(
    shell: Shell, argv: list[str], message: str
) -> None:
    for terminal in (False, True):
        with pytest.raises(StepFailed) as failed:
            shell(*argv, terminal=terminal)
        assert failed.value.message == message


def test_a_program_is_found_in_its_folder(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / 'own.sh').write_text('#!/bin/sh\necho mine "$@"\n')
    (tmp_path / 'own.sh').chmod(0o755)

    assert shell('./own.sh', '$HOME', '; echo no', cwd=tmp_path) == 0
    assert shell.lines == ['mine $HOME ; echo no']


@pytest.mark.parametrize('code', ['input()', 'import getpass; getpass.getpass()', 'open("/dev/tty").read(); input()'])
def test_a_program_that_asks_gets_no_answer(shell: Shell, code: str) -> None:
    begun = time.monotonic()

    assert shell(sys.executable, '-c', code, timeout=20) == 1
    assert shell.lines[-1].startswith('EOFError')
    assert time.monotonic() - begun < 10


def test_a_silent_program_ends_at_once_and_leaves_nothing_open(shell: Shell) -> None:
    shell('true')
    before = psutil.Process().num_fds()

    for _ in range(5):
        assert shell('true') == 0

    deadline = time.monotonic() + 10
    while psutil.Process().num_fds() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert psutil.Process().num_fds() <= before


def test_a_program_that_takes_too_long_is_stopped_with_its_children(shell: Shell) -> None:
    with pytest.raises(StepFailed, match='sh took longer than'):
        shell('sh', '-c', 'trap "" HUP; setsid sleep 613 & sleep 613', timeout=0.5)

    left = [process for process in psutil.process_iter(['cmdline']) if process.info['cmdline'] == ['sleep', '613']]
    assert [process for process in left if process.status() != psutil.STATUS_ZOMBIE] == []


def test_all_of_a_flood_arrives(shell: Shell) -> None:
    assert shell('seq', '100000') == 0
    assert shell.lines == [str(number) for number in range(1, 100_001)]


def test_a_flood_that_ends_with_its_program_is_read_to_its_end(shell: Shell) -> None:
    for _ in range(20):
        shell('sh', '-c', 'seq 3000; echo last')

    assert shell.lines.count('last') == 20


@pytest.mark.parametrize('columns', [19, 1001])
def test_a_width_out_of_range_is_refused(shell: Shell, columns: int) -> None:
    with pytest.raises(ValueError, match='must be from 20 to 1000'):
        shell('true', columns=columns)


def test_a_terminal_that_was_released_and_closed_takes_no_descriptor() -> None:
    before = psutil.Process().num_fds()
    terminal = Terminal(80)

    terminal.release()
    terminal.close()

    assert psutil.Process().num_fds() == before
