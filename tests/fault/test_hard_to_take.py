"""Steps with output or a hunger that is hard to take, and two programs on one folder."""

import re
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest

pytestmark = pytest.mark.fault

MOST_BYTES = 100_000_000
"""What the control room may take more than before, while its programs print as much."""


def ran(program: SynapseUnderTest, script: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run a script of a shell to its end; return the run and the newest entries of its log."""
    run = program.wait_for_run(program.create_run('RunCommand', command=['sh', '-c', script])['id'])
    with program.api as api:
        entries = api.get(f'/runs/{run["id"]}/logs', params={'limit': 1000}).json()['entries']
    return run, list(entries)


def test_100_mb_without_a_line_end_are_cut_and_cost_little(program: SynapseUnderTest) -> None:
    assert program.process is not None
    room = psutil.Process(program.process.pid)
    before = room.memory_info().rss

    run, entries = ran(program, "head -c 100000000 /dev/zero | tr '\\0' x; echo; echo the end")

    assert run['state'] == 'succeeded', run['error']
    cut = [entry for entry in entries if entry['fields'].get('cut')]
    assert sum(entry['fields']['cut'] for entry in cut) == 100_000_000
    assert all(len(entry['message']) <= 16_384 for entry in entries)
    assert [entry for entry in entries if entry['message'] == 'the end']
    assert room.memory_info().rss - before < MOST_BYTES


def test_random_bytes_disturb_nothing_that_follows(program: SynapseUnderTest) -> None:
    run, entries = ran(program, 'head -c 1000000 /dev/urandom; echo; echo the end')

    assert run['state'] == 'succeeded', run['error']
    assert [entry for entry in entries if entry['message'] == 'the end']
    with program.api as api:
        exported = api.get('/logs/export', params={'run': run['id'], 'format': 'txt'}).text
    assert exported.count('\n') > 1_000


@pytest.mark.skipif(sys.platform != 'linux', reason='limits of memory are those of Linux')
def test_a_step_that_finds_no_memory_says_so_and_the_next_run_works(program: SynapseUnderTest) -> None:
    hungry = 'import resource; resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29)); bytearray(2**31)'

    run, _ = ran(program, f"'{sys.executable}' -c '{hungry}'")

    assert run['state'] == 'failed'
    assert 'memory' in re.sub(r'[A-Z]', lambda letter: f' {letter[0].lower()}', run['error']['message'])
    assert ran(program, 'true')[0]['state'] == 'succeeded'


def test_of_two_programs_that_start_at_once_one_gets_the_folder(tmp_path: Path) -> None:
    programs = [forked(tmp_path / 'data') for _ in range(2)]
    failed: list[str] = []

    def start(program: SynapseUnderTest) -> None:
        try:
            program.start()
        except AssertionError:
            failed.append(''.join(program.output))

    starts = [threading.Thread(target=start, args=(program,)) for program in programs]
    for thread in starts:
        thread.start()
    for thread in starts:
        thread.join()
    codes = [program.process and program.process.poll() for program in programs]
    for program in programs:
        program.stop()

    assert sorted(codes, key=str) == [4, None]
    assert len(failed) == 1
    assert 'Synapse already runs on' in failed[0]
    assert f'main.py open --data {tmp_path}/data' in failed[0]  # as typed, it finds this one
    assert 'Traceback' not in failed[0]
