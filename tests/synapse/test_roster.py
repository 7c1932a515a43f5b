"""The other machines: which are there, lost or drained, also after a restart."""

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import AsyncMock, patch

import pytest

from synapse import roster as module
from synapse.cluster.machines import Machines
from synapse.control_room import ControlRoom
from synapse.errors import Conflict, NotFound, SynapseError
from synapse.offers import Offer
from synapse.roster import Roster
from synapse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANNEX, BARN = Offer(2, {'gpu': 1}), Offer(1)


@asynccontextmanager
async def roster(data: Path, cluster: str = '') -> 'AsyncIterator[Roster]':
    """That of a room whose scheduler has not started yet."""
    room = ControlRoom.build(Settings(data=data, cluster=cluster, cluster_port=0))
    await room.log.start()
    try:
        with patch.object(Machines, 'start', AsyncMock()):
            await room.roster.start()
        yield room.roster
        await room.roster.close()
    finally:
        await room.stop(grace=0)


async def test_what_goes_without_a_goodbye_is_lost_until_it_is_back(tmp_path: Path) -> None:
    async with roster(tmp_path) as machines:
        machines.update({'annex': ANNEX, 'barn': BARN}, ())
        machines.update({}, ['barn'])
        since = machines.lost['annex'].since
        machines.update({'barn': BARN}, ())

        assert (machines.lost.keys(), machines.lost['annex'].since, machines.lost['annex'].offer) == (
            {'annex'}, since, ANNEX,
        )  # fmt: skip

        machines.update({'annex': ANNEX, 'barn': BARN}, ())
        assert (machines.lost, machines.here.keys()) == ({}, {'annex', 'barn'})


async def test_the_log_says_who_comes_and_who_goes(tmp_path: Path) -> None:
    room = ControlRoom.build(Settings(data=tmp_path))
    await room.log.start()

    room.roster.update({'annex': ANNEX, 'barn': BARN}, ())
    room.roster.update({}, ['barn'])
    room.roster.update({'annex': ANNEX}, ())

    assert [entry.message for entry in room.log.ring] == [
        'annex has joined',
        'barn has joined',
        'annex was lost. It is back by itself as soon as its worker reaches this machine.',
        'barn has left',
        'annex is back',
    ]
    assert [entry.level for entry in room.log.ring if entry.level != 'info'] == ['warning']
    await room.stop(grace=0)


async def test_after_a_restart_they_are_lost_until_they_are_back(tmp_path: Path) -> None:
    async with roster(tmp_path) as machines:
        machines.update({'annex': ANNEX, 'barn': BARN}, ())
        machines.update({'annex': ANNEX}, ())
        machines.drain('annex', is_drained=True)
        since = machines.lost['barn'].since

    async with roster(tmp_path) as machines:
        assert (machines.lost.keys(), machines.lost['barn'].since) == ({'annex', 'barn'}, since)
        assert machines.lost['annex'].offer == ANNEX

        machines.update({'annex': ANNEX}, ())
        assert machines.is_drained('annex')
        machines.drain('annex', is_drained=False)

    async with roster(tmp_path) as machines:
        machines.update({'annex': ANNEX}, ())
        assert not machines.is_drained('annex')


async def test_a_drained_machine_that_leaves_is_drained_when_it_comes_again(tmp_path: Path) -> None:
    async with roster(tmp_path) as machines:
        machines.update({'annex': ANNEX}, ())
        machines.drain('annex', is_drained=True)
        machines.update({}, ['annex'])

    async with roster(tmp_path) as machines:
        machines.update({'annex': ANNEX}, ())
        assert (machines.lost, machines.is_drained('annex')) == ({}, True)


async def test_none_is_lost_where_no_others_take_part(tmp_path: Path) -> None:
    async with roster(tmp_path) as machines:
        machines.update({'annex': ANNEX}, ())

    room = ControlRoom.build(Settings(data=tmp_path))
    await room.roster.start()
    assert room.roster.lost == {}
    await room.stop(grace=0)

    async with roster(tmp_path) as machines:
        assert machines.lost.keys() == {'annex'}


async def test_a_lost_machine_gets_no_runs_and_an_unknown_one_is_not_found(tmp_path: Path) -> None:
    async with roster(tmp_path) as machines:
        machines.update({'annex': ANNEX}, ())
        machines.update({}, ())

        with pytest.raises(Conflict, match='annex is not there'):
            machines.drain('annex', is_drained=True)
        with pytest.raises(NotFound, match='barn'):
            machines.drain('barn', is_drained=True)
        with pytest.raises(NotFound, match='barn'):
            await machines.remove('barn', by='api')


async def test_none_is_removed_while_the_scheduler_is_not_there(tmp_path: Path) -> None:
    async with roster(tmp_path) as machines:
        machines.update({'annex': ANNEX}, ())
        machines.update({}, ())

        with pytest.raises(SynapseError, match='The scheduler of the cluster is not there yet'):
            await machines.remove('annex', by='api')
        assert machines.lost.keys() == {'annex'}


async def test_a_lost_machine_of_a_cluster_that_is_not_ours_is_forgotten(tmp_path: Path) -> None:
    async with roster(tmp_path, 'tcp://127.0.0.1:1') as machines:
        machines.update({'annex': ANNEX, 'barn': BARN}, ())
        machines.update({'barn': BARN}, ())

        await machines.remove('annex', by='api')
        with pytest.raises(Conflict, match='decides who joins'):
            await machines.remove('barn', by='api')

        assert (machines.lost, machines.here.keys()) == ({}, {'barn'})


async def test_only_so_many_lost_ones_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'MOST_LOST', 2)
    async with roster(tmp_path) as machines:
        for name in ('one', 'two', 'three'):
            machines.update({name: BARN}, ())
        machines.update({}, ())

        assert [*machines.lost] == ['two', 'three']
