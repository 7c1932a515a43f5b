"""`/machines`: where runs are carried out, here and elsewhere; `/cluster`: whether other machines may join."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from synapse.api.responses import ApiResponse
from synapse.control_room import ControlRoom
from synapse.errors import Conflict
from synapse.language import _
from synapse.machine_loads import MachineLoad
from synapse.offers import CORES, HERE, MEMORY, Amounts, Offer, offer_here
from synapse.roster import RosterChanged, unreached_hint
from synapse.runs.records import RunRecord

from .reading import caller_of, router

Name = Annotated[str, Path(pattern=r'^[A-Za-z0-9._-]{1,255}$')]
"""Another machine has its name as its id, which may have dots."""
LOCAL = 'local'
OPENED_SECONDS = 30.0


def machines_api(room: ControlRoom) -> APIRouter:
    api = router()

    @api.get('/machines')
    async def list_machines() -> Response:
        """List the machines that carry out runs, this one first, as `{id, name, local, state, places, cores, ...}`.

        `state` is `up`, `draining`, or `lost` for one that has gone without a goodbye; `since` is when that was, or
        null. One that has joined but cannot be reached is `lost` too, and `problem` says what to do, else it is empty.
        `runs` has the ids of its runs, also of those that wait there for an answer and have no worker meanwhile;
        `labels` what it offers beside cores and memory. `load` is null until it has
        said how it is; then it has `cpu_percent`, `memory_used_bytes`, `memory_bytes` and `disk_free_bytes`, measured
        every few seconds. `version` is that of Synapse, `python` that of Python.
        """
        return ApiResponse([*_shown(room)])

    @api.post('/machines/{id}/drain')
    async def drain_machine(id: Name) -> Response:
        """Give another machine no new runs, also after the next start; those it has go on."""
        _check(room, id)
        room.roster.drain(id, is_drained=True)
        return ApiResponse(_one(room, id), 202)

    @api.post('/machines/{id}/resume')
    async def resume_machine(id: Name) -> Response:
        """Give another machine runs again."""
        _check(room, id)
        room.roster.drain(id, is_drained=False)
        return ApiResponse(_one(room, id), 202)

    @api.delete('/machines/{id}')
    async def remove_machine(id: Name, request: Request) -> Response:
        """Take another machine out for good, also a lost one. Its runs are interrupted, and its worker ends.

        It needs the new code of the cluster to join again; the machines that stay have it already.
        """
        _check(room, id)
        await room.roster.remove(id, by=caller_of(request))
        return Response(status_code=204)

    @api.get('/cluster')
    async def show_cluster() -> Response:
        """Say whether other machines may join, as `{is_open, addresses, problem}`.

        `addresses` are those at which they join, the best one first; `problem` says why they cannot although they
        may, and what to do about it, else it is empty.
        """
        return ApiResponse(_cluster(room))

    @api.post('/cluster/open')
    async def open_cluster(request: Request) -> Response:
        """Let other machines join, also after the next start; `command` is what to type there.

        Whoever has that line can run anything on all of them. Called again, it gives the line again. Packages that
        are missing are installed first, which may take a minute.
        """
        if not room.roster.is_open:
            await room.roster.open(by=caller_of(request))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OPENED_SECONDS):
                while not (room.roster.command() or room.roster.problem):
                    await room.bus.next(RosterChanged, timeout=OPENED_SECONDS)
        return ApiResponse(_cluster(room) | {'command': room.roster.command()})

    @api.post('/cluster/shut')
    async def shut_cluster(request: Request) -> Response:
        """Let no other machine join any more. What runs elsewhere is interrupted."""
        if room.roster.is_open:
            await room.roster.shut(by=caller_of(request))
        return ApiResponse(_cluster(room))

    return api


def _cluster(room: ControlRoom) -> dict[str, Any]:
    roster = room.roster
    return {'is_open': roster.is_open, 'addresses': roster.addresses, 'problem': roster.problem}


def _check(room: ControlRoom, name: str) -> None:
    """:raises Conflict: for this machine, also by the name that it is listed with, unless another one is called so"""
    others = {*room.roster.here, *room.roster.unreached, *room.roster.lost}
    if name == LOCAL or (name == socket.gethostname() and name not in others):
        text = _('The machine of Synapse itself always takes part.')
        raise Conflict('machine_is_local', text, _('Pause the queue, or set the number of its workers.'))


def _shown(room: ControlRoom) -> Iterator[dict[str, Any]]:
    yield _here(room)
    for name in (*room.roster.here, *room.roster.unreached, *room.roster.lost):
        yield _one(room, name)


def _here(room: ControlRoom) -> dict[str, Any]:
    offer = Offer(room.status.places_here, offer_here(room.settings.offer))
    return {
        'id': LOCAL, 'name': socket.gethostname(), 'local': True, 'state': 'up', 'since': None, 'problem': '',
        **_facts(offer, room.runs.on_machine(HERE), room.status.load),
    }  # fmt: skip


def _one(room: ControlRoom, name: str) -> dict[str, Any]:
    roster = room.roster
    lost, unreached = roster.lost.get(name), roster.unreached.get(name)
    away = lost or unreached
    return {
        'id': name, 'name': name, 'local': False,
        'state': 'lost' if away else 'draining' if roster.is_drained(name) else 'up',
        'since': lost.since.isoformat() if lost else None,
        'problem': unreached_hint(unreached) if unreached else '',
        **_facts(away.offer if away else roster.here[name], room.runs.on_machine(name), roster.loads.get(name)),
    }  # fmt: skip


def _facts(offer: Offer, runs: Sequence[RunRecord], load: MachineLoad | None) -> dict[str, Any]:
    return {
        'places': offer.places,
        'cores': _whole(offer.has, CORES),
        'memory_bytes': _whole(offer.has, MEMORY),
        'labels': {name: much for name, much in offer.has.items() if name not in (CORES, MEMORY)},
        'runs': [run.id for run in runs],
        'load': load.as_json() if load else None,
        'version': load.version if load else None,
        'python': load.python if load else None,
    }


def _whole(has: Amounts, name: str) -> int | None:
    return int(has[name]) if name in has else None
