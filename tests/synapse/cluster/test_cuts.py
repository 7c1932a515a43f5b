"""Runs over a cable that is cut again and again, or is slow: no line is lost or doubled."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synapse.cluster import relay as relay_module
from synapse.cluster import remote_host
from tests.parts.cluster import Cable, Cluster, cluster
from tests.parts.hosts import Bench, Heard, eventually, processes_of

ROUNDS = int(os.environ.get('SYNAPSE_TEST_ROUNDS', '12'))
TALKS = """
import random, time
chance = random.Random({seed})
number = 0
while number < 4000:
    for _ in range(chance.choice([1, 1, 1, 500])):
        print(number)
        number += 1
    if not chance.randrange(3):
        run.progress(min(99, number / 50))
    time.sleep(0.002)
(run.workdir / 'last.txt').write_text(str(number))
run.artifact('last.txt')
"""


@pytest.fixture
async def cable() -> AsyncIterator[Cable]:
    async with Cable() as found:
        yield found


@pytest.fixture
async def machines(tmp_path: Path, cable: Cable) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path / 'elsewhere', cable=cable) as found:
        yield found
    assert processes_of(found.local.room_tag, tmp_path / 'elsewhere' / 'machine1') == []


async def test_no_line_is_lost_or_doubled_however_often_the_cable_is_cut(
    machines: Cluster, cable: Cable, tmp_path: Path
) -> None:
    first = int(os.environ.get('SYNAPSE_TEST_SEED', time.time()))
    print(f'SYNAPSE_TEST_SEED={first}')
    bench, cuts = Bench(machines.engine, tmp_path), 0
    for seed in range(first, first + ROUNDS):
        chance = random.Random(seed)  # noqa: S311 - it is for chance, not for secrets
        heard = Heard()
        running = asyncio.create_task(bench.run(TALKS.format(seed=seed), heard))
        while not running.done():
            await asyncio.wait({running}, timeout=0.02 + chance.random() / 4)
            if not running.done() and chance.randrange(3):
                cuts += cable.cut()
        _, outcome = running.result()

        assert (heard.end, outcome.returncode, outcome.lost) == ('succeeded', 0, ''), seed
        printed = [int(text) for text in heard.printed]
        assert printed == list(range(len(printed))), seed
        assert len(printed) >= 4000, seed
        [made] = tmp_path.glob(f'run{bench.count}/artifacts/last.txt')
        assert made.read_text() == str(len(printed)), seed
    assert cuts > 0


async def test_a_slow_cable_loses_nothing_and_stops_the_flood_not_the_worker(
    machines: Cluster, cable: Cable, tmp_path: Path
) -> None:
    cable.seconds_per_piece = 0.01
    bench = Bench(machines.engine, tmp_path)

    heard, _ = await bench.run("for number in range(40_000):\n    print(number, 'x' * 100)")

    assert [int(text.split()[0]) for text in heard.printed] == list(range(40_000))


async def test_what_is_cut_off_for_good_is_lost_here_and_ended_there(
    machines: Cluster, cable: Cable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_host, 'LOST_SECONDS', 1.5)
    monkeypatch.setattr(relay_module, 'LOST_SECONDS', 1.0)
    bench, heard = Bench(machines.engine, tmp_path), Heard()
    host = await bench.start("print('up')\nrun.shell(['sh', '-c', 'setsid -f sleep 613; sleep 613'])", heard)
    await heard.until(lambda: 'up' in heard.printed)

    cable.target = 'tcp://127.0.0.1:9'
    cable.cut()
    async with asyncio.timeout(15):
        outcome = await host.wait()

    assert outcome.lost == 'machine1'
    folder = tmp_path / 'elsewhere' / 'machine1'
    await eventually(lambda: processes_of('none', folder) == [], 15, 'the programs of the run to end')
