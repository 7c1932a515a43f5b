"""Whatever of a run cannot travel ends it with a sentence: it neither hangs nor goes on without that."""

import asyncio
import errno
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from synapse.cluster import files
from synapse.cluster import remote_host as remote_host_module
from synapse.cluster.link import WINDOW_BYTES
from synapse.runs.ending import Ending, outcome
from synapse.runs.records import RunState
from tests.parts.cluster import Cluster, cluster
from tests.parts.disks import small_disk
from tests.parts.hosts import Bench, Heard, eventually, processes_of

pytestmark = [pytest.mark.skipif(sys.platform == 'win32', reason='POSIX names, and disks that can be mounted')]

USES = """
from synapse import Pipeline, step


class Work(Pipeline):
    film: str

    @step
    def go(self, run):
        print('went', flush=True)
        {body}
"""


@pytest.fixture
async def machines(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path / 'elsewhere') as found:
        yield found
    assert processes_of(found.local.room_tag, tmp_path / 'elsewhere' / 'machine1') == []


async def test_a_run_whose_file_finds_no_room_there_fails_before_its_first_step(tmp_path: Path) -> None:
    film = tmp_path / 'film.bin'
    film.write_bytes(os.urandom(8_000_000))
    there = tmp_path / 'elsewhere' / 'machine1'
    with small_disk(there, '3m'):
        async with cluster(tmp_path / 'elsewhere') as machines:
            machines.engine.paths_of = lambda job: [film]
            bench = Bench(machines.engine, tmp_path)

            heard, ended = await bench.run_file(USES.format(body=''), parameters={'film': str(film)})

            assert ended.stuck == 'No room is left on the disk of machine1 for what the run needs.'
            assert ended.hint == 'Free some space there, then retry it.'
            assert (heard.printed, heard.end) == ([], None)
            await eventually(lambda: list((there / 'runs').iterdir()) == [], 10)


async def test_a_disk_that_refuses_a_file_there_is_named(
    machines: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / 'film.bin'
    film.write_bytes(b'film')
    machines.engine.paths_of = lambda job: [film]
    opened = os.open

    def refuses(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if 'given' in str(path) and flags & os.O_CREAT:
            raise OSError(errno.EROFS, 'Read-only file system')
        return opened(path, flags, *arguments, **options)

    monkeypatch.setattr(files.os, 'open', refuses)
    heard, ended = await Bench(machines.engine, tmp_path).run_file(USES.format(body=''), parameters={'film': str(film)})

    assert ended.stuck.startswith('machine1 could not take what the run needs: ')
    assert 'Read-only file system' in ended.stuck
    assert heard.printed == []


async def test_a_run_whose_file_goes_on_changing_fails_with_its_name(
    machines: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, 'AGAIN_SECONDS', (0.01, 0.01))
    film = tmp_path / 'film.bin'
    film.write_bytes(b'x' * 20_000_000)
    machines.engine.paths_of = lambda job: [film]

    async def grow() -> None:
        while True:
            with film.open('ab') as file:
                file.write(b'more')
            await asyncio.sleep(0.005)

    growing = asyncio.create_task(grow())
    heard, ended = await Bench(machines.engine, tmp_path).run('pass')
    growing.cancel()

    assert ended.stuck == f'{film} was changed while it was sent to machine1.'
    assert ended.hint == 'Retry it when what it needs is complete.'
    assert heard.messages == []


async def test_what_cannot_be_understood_ends_the_run(machines: Cluster, tmp_path: Path) -> None:
    heard = Heard()
    host: Any = await Bench(machines.engine, tmp_path).start(
        "print('up', flush=True); import time; time.sleep(64)", heard
    )
    await heard.until(lambda: 'up' in heard.printed)

    host.link.post('do', 'not JSON')
    async with asyncio.timeout(20):
        ended = await host.wait()

    assert ended.stuck.startswith('machine1 could not take what the run needs: ')


async def test_what_cannot_be_sent_ends_the_run(machines: Cluster, tmp_path: Path) -> None:
    heard = Heard()
    host: Any = await Bench(machines.engine, tmp_path).start(
        "print('up', flush=True); import time; time.sleep(64)", heard
    )
    await heard.until(lambda: 'up' in heard.printed)

    host.link.post('do', 2**70)
    async with asyncio.timeout(20):
        ended = await host.wait()

    assert ended.stuck.startswith('Something that the machines of the run say to each other cannot be sent: ')
    await eventually(lambda: not machines.workers[0]._relays, 10)


async def test_kill_ends_a_run_whose_machine_does_not_do_it(
    machines: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_host_module, 'STILL_SECONDS', 0.5)
    heard = Heard()
    host: Any = await Bench(machines.engine, tmp_path).start(
        "print('up', flush=True); import time; time.sleep(64)", heard
    )
    await heard.until(lambda: 'up' in heard.printed)
    [relay] = machines.workers[0]._relays.values()
    monkeypatch.setattr(relay, '_stop', lambda **how: None)

    async with asyncio.timeout(10):
        ended = await host.stop(now=True)

    assert ended.lost == 'machine1'
    monkeypatch.undo()
    await eventually(lambda: not machines.workers[0]._relays, 20)


async def test_a_machine_gives_up_a_run_whose_words_nobody_takes(machines: Cluster, tmp_path: Path) -> None:
    heard = Heard()
    body = "for number in range(300_000):\n    print(number, 'x' * 100)\nimport time; time.sleep(64)"
    host: Any = await Bench(machines.engine, tmp_path).start(body, heard)
    stands = asyncio.Event()

    async def stand(kind: str, values: tuple[Any, ...]) -> None:
        await stands.wait()

    host.link._on_item = stand
    [relay] = await relays(machines)
    await eventually(lambda: relay.link._held >= WINDOW_BYTES, 20)
    host.lose()

    await eventually(lambda: not machines.workers[0]._relays, 25)


async def relays(machines: Cluster) -> list[Any]:
    await eventually(lambda: bool(machines.workers[0]._relays), 10)
    return [*machines.workers[0]._relays.values()]


async def test_names_that_are_not_utf_8_travel_there_and_back(machines: Cluster, tmp_path: Path) -> None:
    given = tmp_path / 'given'
    (given / os.fsdecode(b'f\xe9lder')).mkdir(parents=True)
    (given / os.fsdecode(b'f\xe9lder') / os.fsdecode(b'b\xe9d.txt')).write_text('bad')
    (given / os.fsdecode(b'l\xe9nk')).symlink_to(os.fsdecode(b'f\xe9lder'))
    (given / os.fsdecode(b'n\xf6where')).symlink_to(tmp_path / 'gone')
    os.mkfifo(given / os.fsdecode(b'p\xefpe'))
    (given / 'back\\slash').write_text('')
    (tmp_path / os.fsdecode(b'm\xe9dule.py')).write_text('')  # beside the pipeline file
    machines.engine.paths_of = lambda job: [given]
    body = """
        import os, shutil
        print(sorted(os.listdir(os.fsencode(self.film))))
        for name in os.listdir(os.fsencode(self.film)):
            os.symlink('x', name) if name[:1] == b'l' else None
        shutil.copytree(self.film, 'made', symlinks=True)
    """.strip()

    async with asyncio.timeout(30):
        heard, ended = await Bench(machines.engine, tmp_path).run_file(
            USES.format(body=body), parameters={'film': str(given)}
        )

    assert (heard.end, ended.stuck) == ('succeeded', '')
    assert "[b'back\\\\slash', b'f\\xe9lder', b'l\\xe9nk']" in heard.printed
    assert 'n\ufffdwhere is a link to something that is not there, so it is left out.' in heard.printed
    assert '1 pipe, socket or device cannot travel and is left out: p\ufffdpe' in heard.printed
    [made] = tmp_path.glob('run*/work/made')
    assert sorted(os.fsencode(path.name) for path in made.iterdir()) == [b'back\\slash', b'f\xe9lder', b'l\xe9nk']
    assert Path(os.fsdecode(os.fsencode(made) + b'/l\xe9nk/b\xe9d.txt')).read_text() == 'bad'


async def test_a_pause_while_files_are_on_their_way_holds_before_the_first_step(
    machines: Cluster, tmp_path: Path
) -> None:
    film = tmp_path / 'film.bin'
    film.write_bytes(b'x' * 30_000_000)
    machines.engine.paths_of = lambda job: [film]
    heard, bench = Heard(), Bench(machines.engine, tmp_path)
    file = tmp_path / 'uses.py'
    file.write_text(USES.format(body=''))

    host = await bench.start('', heard, file=str(file), origin=str(file), parameters={'film': str(film)})
    host.send({'do': 'pause'})  # type: ignore[arg-type]
    await heard.until(lambda: any(message['t'] == 'paused' for message in heard.messages))
    assert 'went' not in heard.printed
    host.send({'do': 'resume'})  # type: ignore[arg-type]
    await host.wait()

    assert (heard.printed, heard.end) == (['went'], 'succeeded')


async def test_a_stop_while_files_are_on_their_way_sends_none_of_them_back(machines: Cluster, tmp_path: Path) -> None:
    given = tmp_path / 'given'
    given.mkdir()
    for number in range(400):
        (given / f'{number}.bin').write_bytes(b'x' * 100_000)
    machines.engine.paths_of = lambda job: [given]
    heard, bench = Heard(), Bench(machines.engine, tmp_path)
    there = tmp_path / 'elsewhere' / 'machine1' / 'runs'

    host = await bench.start('pass', heard)
    await eventually(lambda: len(list(there.glob('*/given/0/given/*.bin'))) > 3, 10)
    async with asyncio.timeout(10):
        await host.stop()

    assert (heard.printed, heard.end) == ([], None)
    assert not list(tmp_path.glob('run*/given'))
    await eventually(lambda: list(there.iterdir()) == [], 10)


async def test_what_finds_no_room_here_fails_the_run_and_the_step_does_not_count_as_done(
    machines: Cluster, tmp_path: Path
) -> None:
    here = tmp_path / 'here'
    with small_disk(here, '3m'):
        bench = Bench(machines.engine, here)

        heard, ended = await bench.run("open('large.bin', 'wb').write(b'x' * 9_000_000)")

        assert ended.stuck == 'No room is left on the disk for what the run has made on machine1.'
        assert heard.end is None
        assert not list(here.glob('run*/checkpoint.json'))
        await eventually(lambda: not list(here.glob('run*/work/.*')), 10)


@pytest.mark.parametrize('reported', [None, RunState.SUCCEEDED, RunState.CANCELLED])
def test_a_run_without_what_it_has_made_has_failed(reported: RunState | None) -> None:
    state, problem = outcome(Ending(reported=reported, is_all_done=True, stuck='No room.', hint='Make some.'))

    assert state is RunState.FAILED
    assert problem is not None
    assert (problem.message, problem.hint) == ('No room.', 'Make some.')
    assert outcome(Ending(is_stopping=True, stuck='No room.'))[0] is RunState.CANCELLED
