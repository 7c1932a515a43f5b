"""The calls under `/machines` where there is no other one: what they show, and what they refuse."""

import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from synapse.catalog.catalog import PipelinesChanged
from synapse.cli.machines import words_of
from synapse.control_room import ControlRoom
from synapse.credentials.scope import Scope
from synapse.offers import Offer
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord
from tests.parts.api_room import api_room, client_of, error_of, gated
from tests.parts.screens import staged
from tests.parts.serving import served


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    async with api_room(tmp_path / 'data') as room:
        yield room


@pytest.fixture
async def authority(room: ControlRoom) -> AsyncIterator[str]:
    async with served(lambda port: gated(room, port)) as authority:
        yield authority


@pytest.fixture
async def api(room: ControlRoom, authority: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(room, authority) as client:
        yield client


async def test_the_machine_itself_is_listed_and_stays(api: httpx.AsyncClient, room: ControlRoom) -> None:
    [here] = (await api.get('/machines')).json()

    assert here.items() >= {'id': 'local', 'local': True, 'state': 'up', 'runs': [], 'labels': {}}.items()
    assert here['places'] == len(room.status.workers)
    for call in (api.post('/machines/local/drain'), api.post('/machines/local/resume'), api.delete('/machines/local')):
        error_of(await call, 409, 'machine_is_local')


async def test_its_own_name_means_the_machine_itself_unless_another_is_called_so(
    api: httpx.AsyncClient, room: ControlRoom
) -> None:
    name = socket.gethostname()
    for call in (api.post(f'/machines/{name}/drain'), api.delete(f'/machines/{name}')):
        error = error_of(await call, 409, 'machine_is_local')
        assert error['message'] == 'The machine of Synapse itself always takes part.'

    room.roster.update({name: Offer(2)}, ())
    drained = await api.post(f'/machines/{name}/drain')

    assert (drained.status_code, drained.json()['local']) == (202, False)


async def test_the_command_line_lists_what_a_machine_offers(api: httpx.AsyncClient, room: ControlRoom) -> None:
    room.roster.update({'annex': Offer(2, {'cores': 8, 'gpu': 1, 'render': 1})}, ())

    [_, machine] = (await api.get('/machines')).json()

    assert words_of(machine, UTC) == 'annex: 2 places, gpu 1, render 1, 0 runs'


async def test_a_machine_that_has_not_said_how_it_is_has_no_load(api: httpx.AsyncClient, room: ControlRoom) -> None:
    room.roster.update({'annex.example': Offer(2, {'cores': 8, 'gpu': 1})}, ())

    [_, machine] = (await api.get('/machines')).json()
    drained = await api.post('/machines/annex.example/drain')
    resumed = await api.post('/machines/annex.example/resume')

    assert (machine['load'], machine['version'], machine['labels'], machine['cores']) == (None, None, {'gpu': 1}, 8)
    assert (drained.status_code, drained.json()['state'], resumed.json()['state']) == (202, 'draining', 'up')


async def test_a_lost_machine_is_listed_with_what_it_had(api: httpx.AsyncClient, room: ControlRoom) -> None:
    room.roster.update({'annex': Offer(2, {'cores': 8, 'gpu': 1})}, ())
    room.roster.update({}, ())

    [_, machine] = (await api.get('/machines')).json()
    refused = await api.post('/machines/annex/drain')

    since = datetime.fromisoformat(machine.pop('since'))
    assert timedelta() <= datetime.now(UTC) - since < timedelta(minutes=1)
    assert machine == {
        'id': 'annex', 'name': 'annex', 'local': False, 'state': 'lost', 'places': 2, 'cores': 8, 'memory_bytes': None,
        'labels': {'gpu': 1}, 'runs': [], 'load': None, 'version': None, 'python': None, 'problem': '',
    }  # fmt: skip
    error_of(refused, 409, 'machine_lost')


async def test_what_waits_there_for_an_answer_is_a_run_of_a_machine_without_a_worker() -> None:
    async with (
        staged(workers=1) as stage,
        served(lambda port: gated(stage.room, port)) as authority,
        client_of(stage.room, authority) as api,
    ):
        stage.room.roster.update({'annex': Offer(1)}, ())
        await stage.until(lambda: len(stage.room.status.workers) == 2)
        runs = [await stage.run(), await stage.run()]
        for run in runs:
            stage.hosts[run.id].say(t='question', id='q1', step='execute', number=1, text='Go on?', model='')
        await stage.until(lambda: all(worker['run'] is None for worker in stage.room.status.workers))

        here, there = (await api.get('/machines')).json()

    assert (here['runs'], here['places']) == ([runs[0].id], 1)
    assert (there['runs'], there['places']) == ([runs[1].id], 1)


async def test_a_run_that_only_a_drained_or_lost_machine_can_carry_out_says_so(
    api: httpx.AsyncClient, room: ControlRoom
) -> None:
    (room.settings.data / 'pipelines' / 'paints.py').write_text(PAINTS)
    await room.bus.next(PipelinesChanged, timeout=20, where=lambda news: 'Paints' in news.names)
    room.roster.update({'annex': Offer(1, {'gpu': 1})}, ())
    await api.post('/machines/annex/drain')
    run = (await api.post('/runs', json={'pipeline': 'Paints'})).json()

    await run_where(room, run['id'], lambda run: 'annex has it and gets no new runs' in run.waits_for)
    [alert] = room.alerts
    room.roster.update({}, ())
    await run_where(room, run['id'], lambda run: 'annex has it and is not connected' in run.waits_for)

    assert 'needs a machine with gpu 1; annex has it and gets no new runs.' in alert.text
    waiting = (await api.get(f'/runs/{run["id"]}')).json()['waits_for']
    assert waiting == 'a machine with gpu 1; annex has it and is not connected'


async def run_where(room: ControlRoom, id: str, is_so: Callable[[RunRecord], bool]) -> None:
    while not is_so(await room.runs.get(id)):
        await room.bus.next(RunChanged, timeout=20, where=lambda news: news.run.id == id)


PAINTS = """
from synapse import Pipeline, step

class Paints(Pipeline):
    needs = {'gpu': 1}

    @step
    def paint(self, run): ...
"""


async def test_what_is_not_there_is_not_found(api: httpx.AsyncClient) -> None:
    for call in (api.post('/machines/barn/drain'), api.post('/machines/barn/resume'), api.delete('/machines/barn')):
        error_of(await call, 404, 'machine_not_found')


async def test_a_token_that_only_runs_sees_machines_and_changes_none(
    authority: str, api: httpx.AsyncClient, room: ControlRoom
) -> None:
    _, secret = await room.tokens.create({'name': 'runner', 'scope': Scope.RUN})
    room.roster.update({'annex': Offer(2)}, ())
    headers = {'Authorization': f'Bearer {secret}'}

    seen = await api.get('/machines', headers=headers)
    refused = [
        await api.post('/machines/annex/drain', headers=headers),
        await api.delete('/machines/annex', headers=headers),
    ]

    assert seen.status_code == 200
    assert [answer.status_code for answer in refused] == [403, 403]
