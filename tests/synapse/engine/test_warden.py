import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from synapse.engine.warden import kill_all, tagged_processes

SLEEP = 'import time; time.sleep(600)'
# A child that leaves the session and whose parent goes: no group and no tree leads to it any more.
ESCAPE = f"""
import os, subprocess, sys
subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True)
"""


@pytest.fixture
def tag() -> str:
    return secrets.token_hex(8)


def start(tag: str, code: str, **options: object) -> 'subprocess.Popen[bytes]':
    environment = os.environ | {'SYNAPSE_ROOM': tag}
    return subprocess.Popen([sys.executable, '-c', code], env=environment, **options)  # type: ignore[call-overload,no-any-return]


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, 'it did not come to pass in time'
        time.sleep(0.01)


def test_tagged_processes_are_found_whatever_became_of_their_parents(tag: str) -> None:
    start(tag, ESCAPE).wait()

    found = tagged_processes('SYNAPSE_ROOM', tag)

    assert [process.ppid() != os.getpid() for process in found] == [True]
    assert kill_all('SYNAPSE_ROOM', tag) == ([found[0].pid], [])


def test_only_the_whole_tag_counts(tag: str) -> None:
    other = start(f'{tag}x', SLEEP)
    try:
        assert kill_all('SYNAPSE_ROOM', tag) == ([], [])
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_the_warden_waits_for_the_end_of_its_input_then_ends_all_of_its_room(tag: str) -> None:
    stubborn = start(tag, f'import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}')
    start(tag, ESCAPE).wait()
    warden = subprocess.Popen([sys.executable, '-m', 'synapse.engine.warden', tag], stdin=subprocess.PIPE)
    until(lambda: len(tagged_processes('SYNAPSE_ROOM', tag)) == 2)
    assert warden.stdin is not None

    warden.stdin.close()

    assert warden.wait(10) == 0
    assert stubborn.wait(1) == -9
    assert tagged_processes('SYNAPSE_ROOM', tag) == []


def test_the_warden_survives_ctrl_c_and_sigterm(tag: str) -> None:
    room = os.environ | {'SYNAPSE_ROOM': tag}
    warden = subprocess.Popen([sys.executable, '-m', 'synapse.engine.warden', tag], stdin=subprocess.PIPE, env=room)
    ward = start(tag, SLEEP)
    assert warden.stdin is not None
    until(lambda: os.getsid(warden.pid) == warden.pid)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        warden.send_signal(number)
    assert ward.poll() is None
    warden.stdin.close()

    assert (warden.wait(10), ward.wait(1)) == (0, -9)


def test_the_warden_needs_its_tag() -> None:
    done = subprocess.run([sys.executable, '-m', 'synapse.engine.warden'], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (2, 'usage: python -m synapse.engine.warden TAG\n')
