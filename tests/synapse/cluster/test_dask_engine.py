"""Runs on a machine of a real Dask cluster: what they say, what they leave, and how they end."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synapse import __version__
from synapse.cluster import code_cache, files
from synapse.cluster import worker as worker_module
from synapse.machine_loads import MachineLoad
from tests.parts.cluster import Cluster, cluster
from tests.parts.hosts import Bench, Heard, eventually, processes_of


@pytest.fixture
async def machines(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path / 'elsewhere') as found:
        yield found
    assert processes_of(found.local.room_tag, tmp_path / 'elsewhere' / 'machine1') == []


@pytest.fixture
def bench(machines: Cluster, tmp_path: Path) -> Bench:
    return Bench(machines.engine, tmp_path)


async def test_a_run_reports_its_steps_its_lines_and_its_end(bench: Bench) -> None:
    heard, outcome = await bench.run("print('hello')\nrun.progress(50, 'half')")

    assert [message['t'] for message in heard.messages if message['t'] not in ('logs', 'progress')] == [
        'steps', 'step', 'step', 'end',
    ]  # fmt: skip
    assert heard.printed == ['hello']
    assert (outcome.returncode, outcome.signal, outcome.ended, outcome.survivors, outcome.fault) == (0, None, (), 0, '')


async def test_a_flood_arrives_whole_and_in_order(bench: Bench) -> None:
    heard, _ = await bench.run("for number in range(50_000):\n    print(number, 'x' * 100)")

    assert [int(line.split()[0]) for line in heard.printed] == list(range(50_000))


async def test_stop_leaves_no_process(bench: Bench) -> None:
    heard = Heard()
    host = await bench.start("print('up')\nrun.shell(['sh', '-c', 'setsid -f sleep 64; sleep 65'])", heard)
    await heard.until(lambda: 'up' in heard.printed)

    async with asyncio.timeout(20):
        outcome = await host.stop()

    assert (heard.end, outcome.survivors) == ('cancelled', 0)


async def test_a_machine_says_how_it_is_again_and_again(machines: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, 'LOAD_SECONDS', 0.1)
    heard: list[tuple[str, MachineLoad]] = []
    machines.engine.on_load = lambda name, load: heard.append((name, load))

    await eventually(lambda: len(heard) > 2, 10)

    name, load = heard[-1]
    assert (name, load.version, load.is_other_synapse, load.is_other_python) == (
        'machine1', __version__, False, False,
    )  # fmt: skip
    assert 0 <= load.cpu_percent <= 100
    assert 0 < load.memory_used <= load.memory_total
    assert load.disk_free > 0


async def test_code_stays_on_the_machine_for_the_next_run_as_long_as_there_is_room(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / 'elsewhere' / 'machine1' / 'pipelines'
    await bench.run_file(FILM.format(body='pass'), parameters={'film': ''})
    await eventually(lambda: len(list(kept.iterdir())) == 1, 10)

    monkeypatch.setattr(code_cache, 'KEPT_BYTES', 0)
    heard, _ = await bench.run_file(FILM.format(body='import time; time.sleep(0.5)'), parameters={'film': ''})

    assert heard.end == 'succeeded'
    await eventually(lambda: list(kept.iterdir()) == [], 10)


async def test_how_far_a_large_file_is_on_its_way_is_logged(
    machines: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, 'LONG_BYTES', 1_000)
    film = tmp_path / 'film.bin'
    film.write_bytes(b'x' * 1_000_000)
    machines.engine.paths_of = lambda job: [film]

    body = (
        "print(open(self.film, 'rb').read(3), self.film.endswith('/given/0/film.bin')); "
        "open('result.bin', 'wb').write(b'y' * 500_000)"
    )
    heard, _ = await Bench(machines.engine, tmp_path).run_file(FILM.format(body=body), parameters={'film': str(film)})

    assert heard.printed[0] == '0.0 GB of film.bin are on their way'
    assert "b'xxx' True" in heard.printed
    assert heard.printed[-1] == '0.0 GB of result.bin are on their way'


FILM = """
from synapse import Pipeline, step


class Work(Pipeline):
    film: str

    @step
    def go(self, run):
        {body}
"""


async def test_what_fails_here_is_an_error_of_the_step_there_and_no_wait(
    bench: Bench, machines: Cluster, tmp_path: Path
) -> None:
    def broken(*asked: object) -> dict[str, object]:
        raise ValueError('embedded null byte')

    machines.engine._carry_out = broken
    heard, _ = await bench.run(
        f'from synapse.destinations import destination_of\ndestination_of(run, {str(tmp_path / "out")!r})'
    )

    assert heard.end == 'failed'
    assert 'embedded null byte' in heard.error['message']


COUNTS = """
import time
from synapse import Pipeline, step


class Work(Pipeline):
    _count: int = 0
    _place: str = ''

    @step
    def first(self, run):
        (run.workdir / 'made.txt').write_text('made')

    @step
    def go(self, run):
        for self._count in range(1, 2_001):
            self._place = str(run.workdir)
            run.checkpoint()
        (run.workdir / 'half.txt').write_text('half')
        run.checkpoint()
        print('up', flush=True)
        {body}
"""


async def test_a_checkpoint_within_a_step_comes_back_when_it_is_made(bench: Bench, tmp_path: Path) -> None:
    heard, file = Heard(), tmp_path / 'counts.py'
    file.write_text(COUNTS.format(body='time.sleep(64)'))
    host = await bench.start('', heard, file=str(file), origin=str(file))
    [folder] = tmp_path.glob('run*/')

    def saved() -> dict[str, object]:
        try:
            found: dict[str, object] = json.loads((folder / 'checkpoint.json').read_bytes())
        except (OSError, ValueError):
            found = {}
        return found

    await heard.until(lambda: 'up' in heard.printed)
    await eventually(
        lambda: saved().get('state') == {'_count': 2_000, '_place': str(folder / 'work')}, 5, 'the last checkpoint'
    )

    assert saved()['done'] == ['first']
    assert [path.name for path in (folder / 'work').iterdir()] == ['made.txt']  # what the step makes follows at its end
    await host.stop(now=True)


async def test_a_step_that_ends_soon_after_a_checkpoint_is_done_only_with_what_it_has_made(
    bench: Bench, tmp_path: Path
) -> None:
    heard, _ = await bench.run_file(COUNTS.format(body='open("big.bin", "wb").write(b"x" * 9_000_000)'))
    [folder] = tmp_path.glob('run*/')

    assert heard.end == 'succeeded'
    assert json.loads((folder / 'checkpoint.json').read_bytes())['done'] == ['first', 'go']
    assert (folder / 'work' / 'big.bin').stat().st_size == 9_000_000
