"""Open questions and their answers, through kill -9 of the whole control room at each of their states."""

from pathlib import Path
from typing import Any

import pytest

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until

pytestmark = pytest.mark.fault

PIPELINE = """
from synapse import Pipeline, Run, step

class Asks(Pipeline):
    first_does: str
    _prepared: int = 0

    @step
    def prepare(self, run: Run):
        self._prepared += 1
        with open(run.workdir / 'prepared.txt', 'a') as file:
            file.write('x')

    @step
    def publish(self, run: Run):
        if self.first_does:
            run.log.info(self.first_does)
        first = run.ask('Publish this?', ['yes', 'no'])
        second = run.ask('To whom?')
        done = (run.workdir / 'prepared.txt').read_text()
        run.log.success(f'{first}, to {second}; prepared {self._prepared} {done}')
"""


@pytest.fixture
def program(tmp_path: Path) -> Any:
    program = forked(tmp_path / 'data', '--workers', '1')
    program.write_pipeline('asks.py', PIPELINE)
    yield program.start()
    program.stop()


def restart(program: SynapseUnderTest) -> None:
    program.kill9()
    program.start()


def question_of(program: SynapseUnderTest, run_id: str, text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def is_asked() -> bool:
        nonlocal found
        run = program.run(run_id)
        found = run['question'] or {}
        assert run['state'] in ('queued', 'running', 'paused'), run
        return str(found.get('text')) == text

    wait_until(is_asked, timeout=30, what=lambda: f'{text} is not asked: {found}')
    return found


def answer(program: SynapseUnderTest, run_id: str, question: dict[str, Any], given: str) -> int:
    with program.api as api:
        body = {'question': question['id'], 'answer': given}
        return api.post(f'/runs/{run_id}/answer', json=body).status_code


@pytest.mark.parametrize('first_does', ['', 'something'], ids=['asks first', 'asks in the middle'])
def test_a_question_and_its_answers_survive_kill_9(program: SynapseUnderTest, first_does: str) -> None:
    program.wait_for_pipeline('Asks')
    run_id = program.create_run('Asks', first_does=first_does)['id']

    first = question_of(program, run_id, 'Publish this?')
    restart(program)
    assert question_of(program, run_id, 'Publish this?') == first
    assert program.run(run_id)['state'] == 'paused'
    with program.api as api:
        assert api.get('/status').json()['queue']['running'] == 0
        assert api.get(f'/runs/{run_id}/processes').json() == []
    assert answer(program, run_id, first, 'yes') == 202
    second = question_of(program, run_id, 'To whom?')
    restart(program)
    assert answer(program, run_id, first, 'no') == 409
    assert answer(program, run_id, second, 'anna') == 202
    done = program.wait_for_run(run_id)

    assert done['state'] == 'succeeded', done['error']
    assert [given['answer'] for given in done['answers']] == ['yes', 'anna']
    with program.api as api:
        entries = api.get(f'/runs/{run_id}/logs').json()['entries']
    assert 'yes, to anna; prepared 1 x' in [entry['message'] for entry in entries]


@pytest.mark.parametrize('life', range(4))
def test_an_acknowledged_answer_is_never_lost_by_a_kill_right_after_it(program: SynapseUnderTest, life: int) -> None:
    """The run goes on from it or, if its step already worked, is interrupted with the answer in its record."""
    program.wait_for_pipeline('Asks')
    run_id = program.create_run('Asks', first_does='something' if life % 2 else '')['id']
    first = question_of(program, run_id, 'Publish this?')
    assert answer(program, run_id, first, 'yes') == 202

    restart(program)

    run = program.run(run_id)
    assert [given['answer'] for given in run['answers']] == ['yes']
    if run['state'] != 'interrupted':
        second = question_of(program, run_id, 'To whom?')
        assert answer(program, run_id, second, 'anna') == 202
        assert program.wait_for_run(run_id)['state'] == 'succeeded'
