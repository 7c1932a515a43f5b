"""A stop asks programs to end in the way they choose, logs what they say meanwhile, and kills what is left."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synapse.engine.child import ForkedChild
from synapse.engine.engine import LocalEngine
from synapse.engine.host_process import HostProcess
from tests.parts.hosts import ELSEWHERE, WAYS, Bench, Heard, started

pytestmark = pytest.mark.skipif(sys.platform == 'win32', reason='signals of POSIX')

WAITS = 'while :; do sleep 0.05; done'
TIDIES = f'exec 2>/dev/null; trap "echo tidying; sleep 0.3; echo tidied; exit 3" {{signal}}; echo up; {WAITS}'
STUBBORN = f'trap "" TERM INT; echo up; {WAITS}'


@pytest.fixture(params=WAYS + ELSEWHERE)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LocalEngine]:
    async with started(request.param, tmp_path) as engine:
        yield engine


@pytest.fixture
def bench(engine: LocalEngine, tmp_path: Path) -> Bench:
    return Bench(engine, tmp_path)


def shell(script: str, options: str = '') -> str:
    return f'run.shell({["sh", "-c", script]!r}{options})'


async def stopped(bench: Bench, body: str, **job: object) -> Heard:
    """Start it, wait until it has printed `up`, stop it, and return what it said."""
    heard = Heard()
    host = await bench.start(body, heard, **job)
    await heard.until(lambda: 'up' in heard.printed)
    async with asyncio.timeout(30):
        outcome = await host.stop()
    if heard.said is not None:
        heard.messages += heard.said.rest()
    assert outcome.survivors == 0
    return heard


async def test_what_a_program_prints_while_it_ends_is_logged(bench: Bench) -> None:
    heard = await stopped(bench, shell(TIDIES.format(signal='TERM')))

    assert heard.printed == ['up', 'sh is asked to end (SIGTERM) and has 10 s for it', 'tidying', 'tidied']
    assert heard.end == 'cancelled'


async def test_a_program_chooses_its_signal(bench: Bench) -> None:
    heard = await stopped(bench, shell(TIDIES.format(signal='INT'), ", stop_signal='SIGINT'"))

    assert heard.printed[1:] == ['sh is asked to end (SIGINT) and has 10 s for it', 'tidying', 'tidied']


async def test_a_pipeline_chooses_for_all_its_programs_and_an_event_for_its_runs(bench: Bench) -> None:
    source = bench.folder / 'chosen.py'
    source.write_text(
        'from synapse import Pipeline, Run, step\n\n\n'
        'class Work(Pipeline):\n'
        "    stop_signal = 'SIGINT'\n"
        '    grace_seconds = 20\n\n'
        '    @step\n'
        '    def go(self, run: Run) -> None:\n'
        f'        {shell(TIDIES.format(signal="INT"))}\n'
    )
    file = {'file': str(source), 'origin': str(source)}

    of_pipeline = await stopped(bench, 'pass', **file)
    of_event = await stopped(bench, 'pass', **file, grace_seconds=30.0)

    assert of_pipeline.printed[1:] == ['sh is asked to end (SIGINT) and has 20 s for it', 'tidying', 'tidied']
    assert of_event.printed[1] == 'sh is asked to end (SIGINT) and has 30 s for it'


async def test_a_program_that_does_not_end_is_killed_after_its_grace(bench: Bench) -> None:
    heard = await stopped(bench, shell(STUBBORN, ", grace='500ms'"))

    level, source, text = heard.entries[-1]
    assert (level, source) == ('warning', 'sh')
    assert text.startswith('sh did not end within 0.5 s. It was killed')
    assert heard.end == 'cancelled'


async def test_a_child_has_its_time_even_if_the_program_has_ended(bench: Bench) -> None:
    child = f'sh -c {TIDIES.format(signal="TERM")!r} & wait'

    heard = await stopped(bench, shell(child))

    assert heard.printed[-2:] == ['tidying', 'tidied']


async def test_each_process_gets_the_signal_once(bench: Bench) -> None:
    # Restic and others take a second Ctrl-C as the wish to end without tidying up.
    program = bench.folder / 'counts.py'
    program.write_text(
        'import signal, time\n'
        'caught = []\n'
        'signal.signal(signal.SIGINT, lambda *_: caught.append(1))\n'
        "print('up', flush=True)\n"
        'while not caught: time.sleep(0.01)\n'
        'time.sleep(0.5)\n'
        "print(f'caught {len(caught)}', flush=True)\n"
    )

    heard = await stopped(bench, shell(f'{sys.executable} {program}; true', ", stop_signal='SIGINT'"))

    assert heard.printed[-1] == 'caught 1'


async def test_a_step_tidies_up_for_longer_than_it_takes_to_interrupt_it(bench: Bench) -> None:
    body = """
    import time
    try:
        print('up')
        while True:
            time.sleep(60)
    finally:
        time.sleep(3)
        print('tidied')
    """

    heard = await stopped(bench, body)

    assert heard.printed == ['up', 'tidied']
    assert heard.end == 'cancelled'


async def test_a_program_has_its_time_after_a_timeout_of_the_step_too(bench: Bench) -> None:
    source = f"""
from synapse import Pipeline, Run, step


class Work(Pipeline):
    @step(timeout='500ms')
    def go(self, run: Run) -> None:
        {shell(TIDIES.replace('sleep 0.3', 'sleep 3').format(signal='TERM'))}
"""

    heard, _ = await bench.run_file(source)

    assert 'tidied' in heard.printed
    assert heard.end == 'failed'
    assert 'took longer than' in heard.error['message'] or 'timeout' in heard.error['message'].lower()


async def test_stop_now_does_not_wait_for_the_grace(bench: Bench) -> None:
    heard = Heard()
    host = await bench.start(shell(STUBBORN, ', grace=60'), heard)
    await heard.until(lambda: 'up' in heard.printed)
    gentle = asyncio.create_task(host.stop())
    await heard.until(lambda: any('asked to end' in line for line in heard.printed))

    async with asyncio.timeout(8):
        outcome = await host.stop(now=True)

    assert outcome.signal == 'SIGKILL'
    assert await gentle == outcome


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (", stop_signal='SIGKILL'", 'run.shell(stop_signal) must be one of SIGTERM, SIGINT'),
        (', stop_signal=2', 'run.shell(stop_signal) must be one of'),
        (", grace='soon'", "'soon' is not a duration"),
    ],
)
async def test_what_cannot_be_is_said_before_the_program_starts(bench: Bench, options: str, message: str) -> None:
    heard, _ = await bench.run(shell('echo started', options))

    assert 'started' not in heard.printed
    assert message in heard.error['message']


async def test_three_hundred_children_in_sessions_of_their_own_are_ended(bench: Bench) -> None:
    many = 'i=0; while [ $i -lt 300 ]; do setsid sleep 1000 & i=$((i+1)); done; echo up; wait'
    heard = Heard()
    host = await bench.start(shell(many), heard)
    await heard.until(lambda: 'up' in heard.printed, 60)

    async with asyncio.timeout(20):
        outcome = await host.stop()

    assert (heard.end, outcome.survivors) == ('cancelled', 0)
    assert len(outcome.ended) >= 300


async def test_one_that_is_killed_twice_is_waited_for_as_long(caplog: pytest.LogCaptureFixture) -> None:
    program = await asyncio.create_subprocess_exec('sleep', '621', start_new_session=True)
    child = ForkedChild()  # its zygote has not noticed yet that it is gone
    await child.connect()
    child.pid = program.pid
    host = HostProcess('twice', child)
    outcome = asyncio.create_task(host.stop(now=True))
    assert await program.wait() == -9

    host.end_soon()
    await asyncio.wait({outcome}, timeout=0.2)

    assert host.is_alive
    child.end(-9)
    assert (await outcome).returncode == -9
    assert caplog.messages == []
