"""Real hosts on this machine: their messages, the spares, and how they end."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.engine.engine import HostNotStarted, LocalEngine
from synapse.engine.warden import tagged_processes
from synapse.errors import NotReady
from synapse.protocol.environment import HOST_TAG
from synapse.protocol.line_cutter import LineCutter, readable
from tests.parts.hosts import ELSEWHERE, WAYS, Bench, Heard, engine_of, eventually, processes_of, started
from tests.parts.said import Said


@pytest.fixture(params=WAYS + ELSEWHERE)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LocalEngine]:
    async with started(request.param, tmp_path) as engine:
        yield engine


here = pytest.mark.parametrize('engine', WAYS, indirect=True)
spawned = pytest.mark.parametrize('engine', ['spawned'], indirect=True)
forked = pytest.mark.parametrize('engine', WAYS[1:], indirect=True)


@pytest.fixture
def bench(engine: LocalEngine, tmp_path: Path) -> Bench:
    return Bench(engine, tmp_path)


async def test_a_run_reports_its_steps_its_lines_and_its_end(bench: Bench) -> None:
    heard, outcome = await bench.run("print('hello')\nrun.progress(50, 'half')")

    assert [message['t'] for message in heard.messages if message['t'] not in ('logs', 'progress')] == [
        'steps', 'step', 'step', 'end',
    ]  # fmt: skip
    assert heard.printed == ['hello']
    assert (outcome.returncode, outcome.signal, outcome.ended, outcome.survivors, outcome.fault) == (0, None, (), 0, '')


@spawned
async def test_the_spare_that_was_taken_is_replaced(bench: Bench, engine: LocalEngine) -> None:
    await eventually(lambda: len(engine.spare_pids) == 1, 10, 'a first spare')
    first = engine.spare_pids[0]

    host = await bench.start('pass', Heard())

    assert host.pid == first
    await eventually(lambda: len(engine.spare_pids) == 1 and engine.spare_pids[0] != first, 10, 'a new spare')
    await host.wait()


@spawned
async def test_a_spare_that_dies_is_replaced(engine: LocalEngine) -> None:
    await eventually(lambda: len(engine.spare_pids) == 1, 10, 'a first spare')
    first = engine.spare_pids[0]

    os.kill(first, signal.SIGKILL)

    await eventually(lambda: bool(engine.spare_pids) and engine.spare_pids[0] != first, 10, 'a new spare')


@here
async def test_a_warden_that_dies_is_replaced(engine: LocalEngine) -> None:
    first = engine.warden_pid
    assert first is not None

    os.kill(first, signal.SIGKILL)

    await eventually(lambda: engine.warden_pid not in (None, first), 10, 'a new warden')


async def test_secrets_are_in_no_environment_and_no_argument(
    bench: Bench, engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('SYNAPSE_PASSWORD', 'our-own-password')
    profile = {'id': 'p', 'label': 'P', 'destination': '', 'defaults': {}, 'secrets': {'key': 'hidden-canary'}}
    heard = Heard()
    body = "print(run.profile.secrets['key'] == 'hidden-' + 'canary')\nrun.shell(['sleep', '60'])"

    host = await bench.start(body, heard, profile=profile)
    await heard.until(lambda: heard.printed[:1] == ['True'])

    for process in processes_of(engine.room_tag, bench.folder):
        seen = ' '.join([*process.cmdline(), *(f'{k}={v}' for k, v in process.environ().items())])
        assert 'hidden-canary' not in seen
        assert 'our-own-password' not in seen
    await host.stop(now=True)


async def test_a_slow_receiver_loses_nothing(bench: Bench, engine: LocalEngine) -> None:
    heard = Heard()

    async def slow(message: dict[str, object]) -> None:
        await asyncio.sleep(0.002)
        heard.message(message)

    job = bench.job("for number in range(20_000):\n    print(number, 'x' * 100)")
    heard.said = Said(Path(job['folder']))
    outcome = await (await engine.run(job, slow, heard.line)).wait()

    assert [int(line.split()[0]) for line in heard.printed] == list(range(20_000))
    assert outcome.returncode == 0


async def test_after_a_receiver_fails_later_messages_are_received(bench: Bench, engine: LocalEngine) -> None:
    heard = Heard()

    def broken(message: dict[str, object]) -> None:
        heard.message(message)
        raise LookupError('not mine')

    await (await engine.run(bench.job("print('a')"), broken, heard.line)).wait()

    assert heard.end == 'succeeded'


TALK = 'import os, time\nchannel = run._channel\n'


async def test_a_message_may_be_longer_than_any_buffer(bench: Bench) -> None:
    heard, _ = await bench.run(f"{TALK}channel.send({{'t': 'artifact', 'name': 'y' * 3_000_000}})")

    [message] = [message for message in heard.messages if message['t'] == 'artifact']
    assert len(message['name']) == 3_000_000
    assert heard.end == 'succeeded'


async def test_bytes_that_are_not_a_message_are_skipped(bench: Bench) -> None:
    heard, outcome = await bench.run(TALK + "os.write(channel._fd, b'{oops\\n[1]\\n\\xff\\n')\nprint('after')")

    assert heard.printed == ['after']
    assert (heard.end, outcome.fault) == ('succeeded', '')


async def test_a_message_without_end_ends_the_run(bench: Bench) -> None:
    flood = "left = memoryview(b'x' * 9_000_000)\nwhile left:\n    left = left[os.write(channel._fd, left):]\n"

    _, outcome = await bench.run(f'{TALK}{flood}time.sleep(60)')

    assert outcome.fault == 'It sent a message of more than 8 MB.'
    assert outcome.signal == 'SIGKILL'


async def test_what_c_code_writes_arrives_as_harmless_lines(bench: Bench) -> None:
    body = r"""
    import os
    os.write(2, b'plain\n\x1b[31mred\x1b[0m\n\x1b]0;title\x07\n\xffnul\x00\n10%\r20%\r\n' + b'z' * 40_000 + b'\nlast')
    """

    heard, _ = await bench.run(body)

    assert heard.lines[:4] == ['plain', '\x1b[31mred\x1b[0m', '␛]0;title␇', '�nul␀']
    assert heard.lines[4] == '20%'
    assert heard.lines[5] == 'z' * 16_384 + ' … (cut, 40,000 bytes)'
    assert heard.lines[6] == 'last'


@spawned
async def test_a_host_that_cannot_start_is_reported_in_a_sentence(
    bench: Bench, engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await eventually(lambda: len(engine.spare_pids) == 1, 10, 'a first spare')
    monkeypatch.setattr(sys, 'executable', '/no/such/python')
    await bench.run('pass')

    with pytest.raises(HostNotStarted, match=r'No process could be started for the run: .*/no/such/python'):
        await bench.run('pass')


async def test_a_host_that_dies_before_its_hello_is_reported_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = LocalEngine('test-no-hello', spares=0)
    await engine.start()
    false = tmp_path / 'python'
    false.write_text('#!/bin/sh\necho out of order >&2\nexit 3\n')
    false.chmod(0o700)
    monkeypatch.setattr(sys, 'executable', str(false))

    with pytest.raises(HostNotStarted, match='out of order'):
        await Bench(engine, tmp_path).run('pass')

    await engine.close()


async def test_nothing_runs_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(NotReady):
        await Bench(LocalEngine('test-closed'), tmp_path).run('pass')


async def test_the_tree_shows_every_process_of_a_run(bench: Bench) -> None:
    heard = Heard()
    host = await bench.start("run.shell(['sh', '-c', 'echo ready; sleep 61 & wait'])", heard)
    await heard.until(lambda: 'ready' in heard.printed)

    tree = await host.tree()

    assert tree[0]['pid'] == host.pid
    assert any('sleep 61' in process['command'] for process in tree)
    assert all(process['memory_bytes'] > 0 and process['state'] for process in tree)
    assert host.started_at == psutil.Process(host.pid).create_time()
    await host.stop(now=True)
    assert await host.tree() == []


async def test_a_step_that_listens_ends_by_itself_when_stopped(bench: Bench) -> None:
    heard = Heard()
    host = await bench.start("print('up')\nimport time\nwhile True:\n    run.checkpoint()\n    time.sleep(0.01)", heard)
    await heard.until(lambda: 'up' in heard.printed)

    outcome = await host.stop()

    assert (heard.end, outcome.returncode, outcome.survivors) == ('cancelled', 0, 0)


async def test_a_second_stop_hurries_the_first(bench: Bench) -> None:
    heard = Heard()
    # By hand, since nothing else gets a turn while C code holds the interpreter.
    host = await bench.start("import os\nos.write(2, b'up\\n')\n3 ** 40_000_000", heard)
    await heard.until(lambda: 'up' in heard.lines)
    gentle = asyncio.create_task(host.stop())
    await asyncio.sleep(0)

    async with asyncio.timeout(1.5):
        outcome = await host.stop(now=True)

    assert outcome.signal == 'SIGKILL'
    assert await gentle == outcome


async def test_processes_that_a_successful_run_leaves_behind_are_ended_and_reported(bench: Bench) -> None:
    body = "import subprocess\nsubprocess.Popen(['sleep', '62'], start_new_session=True)"

    heard, outcome = await bench.run(body)

    assert heard.end == 'succeeded'
    assert outcome.ended == ('sleep 62',)
    assert outcome.survivors == 0


def _escape(pid_file: Path) -> str:
    """A program that hides its environment, leaves the session, and keeps our pipe open."""
    return f"""
    import os, subprocess
    program = 'echo $$ > {pid_file}; sleep 63'
    subprocess.Popen(['setsid', '-f', 'sh', '-c', program], env={{'PATH': os.environ['PATH']}}, stderr=2).wait()
    while not os.path.exists({str(pid_file)!r}) or not open({str(pid_file)!r}).read():
        pass
    """


@spawned
async def test_a_process_that_escaped_does_not_delay_the_end(bench: Bench, tmp_path: Path) -> None:
    async with asyncio.timeout(10):
        heard, _ = await bench.run(_escape(tmp_path / 'pid'))

    assert heard.end == 'succeeded'
    os.killpg(int((tmp_path / 'pid').read_text()), signal.SIGKILL)


@forked
async def test_a_process_that_tried_to_escape_is_ended_and_reported(bench: Bench, tmp_path: Path) -> None:
    async with asyncio.timeout(10):
        heard, outcome = await bench.run(_escape(tmp_path / 'pid'))

    assert heard.end == 'succeeded'
    assert 'sleep 63' in outcome.ended
    assert not psutil.pid_exists(int((tmp_path / 'pid').read_text()))


PROGRAMS = [
    "['sh', '-c', 'setsid -f sleep 64; sleep 64']",
    "['sh', '-c', 'setsid -f sleep 64; sleep 64'], terminal=True",
]


@pytest.mark.parametrize('program', PROGRAMS)
@pytest.mark.parametrize('way', WAYS)
async def test_closing_ends_runs_and_what_they_came_from(tmp_path: Path, way: str, program: str) -> None:
    engine = engine_of(way, 'test-close')
    await engine.start()
    heard = Heard()
    host = await Bench(engine, tmp_path).start(f"print('up')\nrun.shell({program})", heard)
    await heard.until(lambda: 'up' in heard.printed)

    await engine.close()

    assert processes_of('test-close', tmp_path) == []
    assert tagged_processes(HOST_TAG, host.host_id) == []
    assert engine.warden_pid is None
    assert (await host.wait()).signal == 'SIGKILL'


@given(st.lists(st.binary(max_size=30), max_size=8), st.data())
def test_lines_are_the_same_however_they_come_in_pieces(lines: list[bytes], data: st.DataObject) -> None:
    lines = [line.replace(b'\n', b'') for line in lines]
    stream = b''.join(line + b'\n' for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    cutter = LineCutter(10)

    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    got = [item for piece in pieces for item in cutter.feed(piece)]

    assert got == [(line[:10], len(line)) for line in lines]
    assert list(cutter.rest()) == []


@given(st.data())
def test_a_redrawn_line_is_its_last_state_however_it_comes_in_pieces(data: st.DataObject) -> None:
    stream = b'one\r\n' + b''.join(b'\r%d%%' % number for number in range(101)) + b'\r\ntwo\r'
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    cutter = LineCutter(20, drops_redrawn=True)

    pieces = [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]

    found = [line for piece in pieces for line in cutter.feed(piece)] + [*cutter.rest()]
    assert [readable(line, length) for line, length in found] == [['one'], ['100%'], ['two']]


@given(st.binary(max_size=200))
def test_no_byte_is_harmful_as_text(line: bytes) -> None:
    for text in readable(line.replace(b'\n', b''), len(line)):
        assert not {char for char in text if ord(char) < 32 and char not in '\t\x1b'}
