"""Questions of a step as its host puts them, for hosts that are spawned and those that are forked."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from synapse.protocol.messages import Do
from tests.parts.hosts import ELSEWHERE, WAYS, Bench, Heard, started


@pytest.fixture(params=WAYS + ELSEWHERE)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with started(request.param, tmp_path) as engine:
        yield Bench(engine, tmp_path)


def questions(heard: Heard) -> list[dict[str, Any]]:
    return [message for message in heard.messages if message['t'] == 'question']


async def test_a_step_holds_until_it_is_answered(bench: Bench) -> None:
    heard = Heard()
    host = await bench.start("print('got', run.ask('Go on?', ['yes', 'no'], timeout='1h', default='no'))", heard)
    await heard.until(lambda: [message['t'] for message in heard.messages][-2:] == ['question', 'paused'])

    question = questions(heard)[0]
    host.send({'do': Do.ANSWER, 'question': question['id'], 'answer': 'yes'})
    await host.wait()

    assert (question['text'], question['choices'], question['timeout']) == ('Go on?', ['yes', 'no'], 3600)
    assert (question['default'], question['step'], question['can_end']) == ('no', 'go', True)
    assert 'got yes' in heard.printed
    assert heard.end == 'succeeded'


@pytest.mark.parametrize(
    'before',
    ["print('x')", "run.log.info('x')", 'run.progress(1)', "run.shell(['true'])", 'run.checkpoint()'],
    ids=['print', 'log', 'progress', 'shell', 'checkpoint'],
)
async def test_a_step_that_has_done_something_keeps_its_process(bench: Bench, before: str) -> None:
    heard = Heard()
    host = await bench.start(f"{before}\nrun.ask('Go on?')", heard)
    await heard.until(lambda: bool(questions(heard)))
    await host.stop(now=True)

    assert not questions(heard)[0]['can_end']


async def test_answers_of_before_are_given_at_once_and_in_order(bench: Bench) -> None:
    body = "print(run.ask('Same?'), run.ask('Same?'))\nprint(run.ask('Other?'))"
    heard = Heard()
    host = await bench.start(body, heard)
    answers = []
    for number, given in enumerate(('one', 'two'), 1):
        await heard.until(lambda number=number: len(questions(heard)) == number)  # type: ignore[misc]
        question = questions(heard)[-1]
        answers.append({'id': question['id'], 'step': 'go', 'number': number, 'answer': given})
        host.send({'do': Do.ANSWER, 'question': question['id'], 'answer': given})
    await heard.until(lambda: len(questions(heard)) == 3)
    await host.stop(now=True)

    again = Heard()
    host = await bench.start(body, again, answers=answers)
    await again.until(lambda: bool(questions(again)))
    host.send({'do': Do.ANSWER, 'question': questions(again)[0]['id'], 'answer': 'three'})
    await host.wait()

    assert [question['text'] for question in questions(again)] == ['Other?']
    assert again.printed == ['one two', 'three']


async def test_a_stop_ends_the_wait(bench: Bench) -> None:
    heard = Heard()
    host = await bench.start("try:\n    run.ask('Go on?')\nfinally:\n    print('tidied')", heard)
    await heard.until(lambda: bool(questions(heard)))

    await host.stop()

    assert heard.end == 'cancelled'
    assert 'tidied' in heard.printed


@pytest.mark.parametrize(
    ('call', 'error'),
    [
        ("run.ask('')", 'ValueError: run.ask takes a question of 1 to 4,000 characters'),
        ('run.ask(3)', 'TypeError: run.ask takes a question like "Publish this?", not 3'),
        (
            "run.ask('x', 'yes')",
            'TypeError: run.ask(choices) takes a list of texts like ["yes", "no"], not \'yes\'',
        ),
        (
            "run.ask('x', ['a', 'a'])",
            'ValueError: run.ask(choices) takes 1 to 50 different texts of at most 200 characters',
        ),
        ("run.ask('x', default=3)", 'ValueError: run.ask(default) must be a text, not 3'),
        ("run.ask('x', model=dict)", 'TypeError: run.ask(model) takes a class that inherits from pydantic.BaseModel'),
        (
            "import pydantic\nclass M(pydantic.BaseModel):\n    a: int\nrun.ask('x', model=M)",
            'TypeError: run.ask(model) needs M to be defined at the top level of a module',
        ),
    ],
)
async def test_a_question_that_cannot_be_asked_fails_the_step_in_words(bench: Bench, call: str, error: str) -> None:
    heard, _ = await bench.run(call)

    assert heard.end == 'failed'
    assert heard.error['message'].startswith(error)
    assert questions(heard) == []


async def test_a_model_with_a_secret_is_refused(bench: Bench) -> None:
    heard, _ = await bench.run_file(
        """
        from pydantic import BaseModel, SecretStr
        from synapse import Pipeline, Run, step

        class Login(BaseModel):
            password: SecretStr

        class Work(Pipeline):
            @step
            def go(self, run: Run):
                run.ask('Who are you?', model=Login)
        """
    )

    assert 'Login has a secret' in heard.error['message']


async def test_a_forked_child_cannot_ask(bench: Bench) -> None:
    body = """
    import multiprocessing
    def ask():
        try:
            run.ask('Hello?')
        except RuntimeError as error:
            print(error)
    child = multiprocessing.get_context('fork').Process(target=ask)
    child.start()
    child.join()
    """
    heard, _ = await bench.run(body)

    assert heard.end == 'succeeded'
    assert any('in the process of the step only' in line for line in [*heard.printed, *heard.lines])
