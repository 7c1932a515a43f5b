"""Runs that need what only some machines have: where they go, and what they wait for if they can go nowhere."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from synapse.offers import Offer
from synapse.runs.messages import QueueChanged, RunChanged
from synapse.runs.records import RunRecord, RunState
from tests.parts.scripted import House, opened

GPU = {'needs': {'gpu': 1.0}}
ANNEX = Offer(1, {'gpu': 1.0})


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """One worker here, and runs that need what is not here."""
    async with opened(tmp_path / 'data', workers=1, limits=GPU) as house:
        yield house


async def waits_for(house: House, run: RunRecord, text: str) -> None:
    """Return once this is what the run waits for."""
    while (await house.runs.get(run.id)).waits_for != text:
        await house.bus.next(RunChanged, timeout=10, where=lambda news: news.run.id == run.id)


async def test_a_run_whose_machine_is_drained_waits_visibly_and_goes_there_when_it_is_used_again(house: House) -> None:
    house.runs.offer_machines({'annex': ANNEX})
    house.runs.drain('annex', is_drained=True)
    run = await house.runs.create('Work', {})

    await waits_for(house, run, 'a machine with gpu 1; annex has it and gets no new runs')
    assert house.runs.expected_starts() == {}
    house.runs.drain('annex', is_drained=False)
    await house.engine.next_host()

    assert [live.id for live in house.runs.on_machine('annex')] == [run.id]
    assert (await house.runs.get(run.id)).waits_for == ''


async def test_what_a_run_waits_for_is_said_while_all_workers_are_busy_too(house: House) -> None:
    house.catalog.info = replace(house.catalog.info, limits={})
    await house.runs.create('Work', {})
    await house.engine.next_host()
    house.catalog.info = replace(house.catalog.info, limits=GPU)
    house.runs.offer_machines({'annex': ANNEX})
    house.runs.drain('annex', is_drained=True)

    run = await house.runs.create('Work', {})

    await waits_for(house, run, 'a machine with gpu 1; annex has it and gets no new runs')


async def test_many_machines_are_not_all_named(house: House) -> None:
    names = ['annex', 'barn', 'cave', 'dock']
    house.runs.offer_machines(dict.fromkeys(names, ANNEX))
    for name in names:
        house.runs.drain(name, is_drained=True)

    run = await house.runs.create('Work', {})

    await waits_for(house, run, 'a machine with gpu 1; annex, barn, cave, … have it and get no new runs')


async def test_a_run_whose_parameter_is_only_here_waits_for_this_machine(house: House) -> None:
    house.catalog.info = replace(house.catalog.info, limits={}, here_with=('cwd',))
    house.runs.offer_machines({'annex': Offer(2)})
    await house.runs.create('Work', {})
    await house.engine.next_host()

    stays = await house.runs.create('Work', {'cwd': '/srv/photos'})
    goes = await house.runs.create('Work', {'cwd': None})
    await house.engine.next_host()

    assert [live.id for live in house.runs.on_machine('annex')] == [goes.id]
    assert (await house.runs.get(stays.id)).state is RunState.QUEUED
    assert (await house.runs.get(stays.id)).waits_for == ''


async def test_a_machine_with_too_little_free_space_gets_no_run(tmp_path: Path) -> None:
    free = {'annex': 62_900_000}
    limits = {**GPU, 'needs_free': 100_000_000}
    async with opened(tmp_path / 'data', workers=1, limits=limits, disk_free=free.get) as house:
        house.runs.offer_machines({'annex': ANNEX})
        run = await house.runs.create('Work', {})

        await waits_for(house, run, 'a machine with gpu 1; annex has it and too little free space')
        free['annex'] = 100_000_000
        house.bus.publish(QueueChanged())
        await house.engine.next_host()

        assert [live.id for live in house.runs.on_machine('annex')] == [run.id]
