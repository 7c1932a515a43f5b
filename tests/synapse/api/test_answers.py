"""`POST /runs/{id}/answer` and `question` of a run, on a real server behind the real gate."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from synapse.auth import Scope
from synapse.control_room import ControlRoom
from tests.parts.api_room import api_room, client_of, error_of, gated, run_in
from tests.parts.serving import served

pytestmark = pytest.mark.asyncio(loop_scope='module')

ASKERS = """
from pydantic import BaseModel, Field
from synapse import Pipeline, Run, step

class Letter(BaseModel):
    to: str = Field(min_length=2)
    copies: int = 1

class Choose(Pipeline):
    @step
    def publish(self, run: Run):
        run.log.info('got ' + run.ask('Publish this?', ['yes', 'no'], timeout='1h', default='no'))

class Fill(Pipeline):
    @step
    def write(self, run: Run):
        run.log.info(f'got {run.ask("Whom?", model=Letter)!r}')
"""


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlRoom]:
    data = tmp_path_factory.mktemp('answers') / 'data'
    (data / 'pipelines').mkdir(parents=True)
    (data / 'pipelines' / 'askers.py').write_text(ASKERS)
    async with api_room(data, is_new=False) as room:
        yield room


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def authority(room: ControlRoom) -> AsyncIterator[str]:
    async with served(lambda port: gated(room, port)) as authority:
        yield authority


@pytest_asyncio.fixture(loop_scope='module')
async def api(room: ControlRoom, authority: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(room, authority) as client:
        yield client


async def asked(room: ControlRoom, api: httpx.AsyncClient, pipeline: str) -> dict[str, Any]:
    """Start a run and return it once it asks."""
    run = (await api.post('/runs', json={'pipeline': pipeline, 'parameters': {}})).json()
    assert run['question'] is None
    await run_in(room, run['id'], 'paused')
    return dict((await api.get(f'/runs/{run["id"]}')).json())


async def test_a_run_that_asks_has_its_question(room: ControlRoom, api: httpx.AsyncClient) -> None:
    run = await asked(room, api, 'Choose')

    question = run['question']
    assert run['state'] == 'paused'
    assert question['text'] == 'Publish this?'
    assert (question['step'], question['choices'], question['schema'], question['default']) == (
        'publish',
        ['yes', 'no'],
        None,
        'no',
    )
    assert question['expires_at'] > question['asked_at']
    listed = (await api.get('/runs', params={'state': 'paused'})).json()['runs']
    assert question in [item['question'] for item in listed]
    await api.post(f'/runs/{run["id"]}/cancel')


async def test_an_answer_is_202_and_the_log_says_who_gave_it(room: ControlRoom, api: httpx.AsyncClient) -> None:
    run = await asked(room, api, 'Choose')

    body = {'question': run['question']['id'], 'answer': 'yes', 'because': 'all good'}
    response = await api.post(f'/runs/{run["id"]}/answer', json=body)

    assert response.status_code == 202
    assert response.json()['question'] is None
    done = await run_in(room, run['id'])
    assert done.state == 'succeeded'
    given = done.as_json()['answers'][0]
    assert (given['answer'], given['by'], given['because']) == ('yes', 'the token', 'all good')
    entries = (await api.get(f'/runs/{run["id"]}/logs', params={'q': 'answered by the token'})).json()['entries']
    assert entries[0]['message'] == 'PUBLISH is answered by the token: yes (all good)'
    assert entries[0]['fields'] == {'question': body['question'], 'by': 'the token', 'answer': 'yes'}
    error_of(await api.post(f'/runs/{run["id"]}/answer', json=body), 409, 'question_answered')


async def test_an_answer_that_does_not_fit_is_422(room: ControlRoom, api: httpx.AsyncClient) -> None:
    run = await asked(room, api, 'Choose')
    address, question = f'/runs/{run["id"]}/answer', run['question']['id']

    error = error_of(await api.post(address, json={'question': question, 'answer': 'maybe'}), 422, 'invalid_values')
    assert error['message'] == 'The answer has to be one of these: yes, no.'
    for wrong in (None, 3, True, ['yes'], {'yes': 1}):
        error_of(await api.post(address, json={'question': question, 'answer': wrong}), 422, 'invalid_values')
    error_of(await api.post(address, json={'question': question}), 422, 'invalid_values')
    error_of(await api.post(address, json={'question': 'other', 'answer': 'yes'}), 409, 'question_not_open')
    error_of(await api.post('/runs/nothing/answer', json={'question': 'x', 'answer': 'yes'}), 404, 'run_not_found')
    await api.post(f'/runs/{run["id"]}/cancel')
    await run_in(room, run['id'])
    error_of(await api.post(address, json={'question': question, 'answer': 'yes'}), 409, 'question_not_open')


async def test_a_form_has_its_schema_and_a_sentence_for_each_field(room: ControlRoom, api: httpx.AsyncClient) -> None:
    run = await asked(room, api, 'Fill')
    address, question = f'/runs/{run["id"]}/answer', run['question']

    assert question['choices'] is None
    assert set(question['schema']['properties']) == {'to', 'copies'}
    wrong = {'question': question['id'], 'answer': {'to': 'x', 'copies': 'many'}}
    error = error_of(await api.post(address, json=wrong), 422, 'invalid_values')
    assert set(error['fields']) == {'to', 'copies'}
    right = {'question': question['id'], 'answer': {'to': 'anna'}}
    assert (await api.post(address, json=right)).status_code == 202

    assert (await run_in(room, run['id'])).answers[0].answer == {'to': 'anna', 'copies': 1}


async def test_of_many_answers_at_once_one_is_accepted(room: ControlRoom, api: httpx.AsyncClient) -> None:
    run = await asked(room, api, 'Choose')
    body = {'question': run['question']['id'], 'answer': 'yes'}

    responses = await asyncio.gather(*(api.post(f'/runs/{run["id"]}/answer', json=body) for _ in range(8)))

    assert sorted(response.status_code for response in responses) == [202] + [409] * 7
    assert len((await run_in(room, run['id'])).answers) == 1


async def test_the_token_of_a_run_answers_under_its_own_name_and_one_that_reads_cannot(
    room: ControlRoom, api: httpx.AsyncClient, authority: str
) -> None:
    run = await asked(room, api, 'Choose')
    body = {'question': run['question']['id'], 'answer': 'no'}
    address = f'http://{authority}/api/v1/runs/{run["id"]}/answer'

    async def answered_with(scope: Scope) -> httpx.Response:
        return await api.post(address, json=body, headers={'Authorization': f'Bearer {room.auth.grant(scope)}'})

    error_of(await answered_with(Scope.READ), 403, 'forbidden')
    assert (await answered_with(Scope.RUN)).status_code == 202
    assert (await run_in(room, run['id'])).answers[0].by.startswith('the run token ')
