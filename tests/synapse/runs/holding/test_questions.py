"""Steps that ask: the run waits without a worker, and continues with the answer, also after a restart."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from synapse.control_room import ControlRoom
from synapse.errors import Conflict, Invalid
from synapse.records import now_utc
from synapse.runs.messages import RunChanged
from synapse.runs.records import Question, RunRecord, RunRequest, RunState, StepState
from synapse.settings import Settings
from tests.parts.hosts import eventually

ASKERS = '''
from pydantic import BaseModel, Field, field_validator
from synapse import Pipeline, Run, StepFailed, step

class Edge(Pipeline):
    """Asks before it does anything else, after a step that is not repeated."""
    timeout: float | None = None
    default: str | None = None
    limit: str = '1h'
    _calls: int = 0

    @step
    def prepare(self, run: Run):
        self._calls += 1
        run.log.info('prepared')

    @step
    def publish(self, run: Run):
        first = run.ask('Publish this?', ['yes', 'no'], timeout=self.timeout, default=self.default)
        second = run.ask('To whom?')
        run.log.info(f'{first} to {second} after {self._calls} call')

class Middle(Pipeline):
    """Has done something when it asks, in a step that may take a second only."""
    @step(timeout=2, retries=1, backoff='0s')
    def work(self, run: Run):
        run.log.info('began')
        answer = run.ask('Go on?', ['yes', 'no'])
        run.log.info(f'answer {answer} in attempt {run.attempt}')
        if run.attempt == 1:
            raise StepFailed('once more')

class Letter(BaseModel):
    to: str = Field(min_length=2)
    copies: int = 1

    @field_validator('to')
    @classmethod
    def not_me(cls, value):
        if value == 'me':
            raise ValueError('not to yourself')
        return value

class Form(Pipeline):
    @step
    def write(self, run: Run):
        letter = run.ask('What shall I write?', model=Letter)
        run.log.info(f'{type(letter).__name__} to {letter.to}, {letter.copies + 1}')

class Changing(Pipeline):
    """Its question is another one each time."""
    @step
    def work(self, run: Run):
        import time
        run.log.info(run.ask(f'Is it {time.time_ns()}?'))

class Wrong(Pipeline):
    @step
    def work(self, run: Run):
        run.ask('Which?', ['a', 'b'], default='c')
'''


@contextlib.asynccontextmanager
async def room_in(data: Path, *, workers: int = 1) -> AsyncIterator[ControlRoom]:
    (data / 'pipelines').mkdir(parents=True, exist_ok=True)
    (data / 'pipelines' / 'askers.py').write_text(ASKERS)
    room = ControlRoom.build(Settings(data=data, workers=workers, min_free_bytes=0))
    await room.start()
    try:
        yield room
    finally:
        await room.stop(grace=0)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    async with room_in(tmp_path / 'data') as room:
        yield room


async def until(room: ControlRoom, id: str, is_so: Any) -> RunRecord:
    news = asyncio.ensure_future(
        room.bus.next(RunChanged, timeout=20, where=lambda message: message.run.id == id and is_so(message.run))
    )
    await asyncio.sleep(0)
    run = await room.runs.get(id)
    if is_so(run):
        news.cancel()
        return run
    return (await news).run


async def asked(room: ControlRoom, id: str, text: str = '') -> Question:
    """Wait for the question of a run that starts with this text."""
    run = await until(
        room, id, lambda run: (run.question is not None and run.question.text.startswith(text)) or run.state.is_final
    )
    assert run.question is not None, run.error
    return run.question


async def ended(room: ControlRoom, id: str) -> RunRecord:
    return await until(room, id, lambda run: run.state.is_final)


async def lines(room: ControlRoom, id: str) -> list[str]:
    return [entry.message for entry in await room.log.query(run=id, limit=100, oldest_first=True)]


async def without_process(room: ControlRoom, id: str) -> None:
    await eventually(lambda: room.runs._unfinished.live.get(id) is None, 10, 'its process is gone')


async def test_a_step_that_asks_first_waits_without_a_process_and_continues_with_its_answers(room: ControlRoom) -> None:
    run = await room.runs.create('Edge', {})

    question = await asked(room, run.id)
    await without_process(room, run.id)
    waiting = await room.runs.get(run.id)
    assert (waiting.state, question.choices, question.step) == (RunState.PAUSED, ('yes', 'no'), 'publish')
    assert [worker['state'] for worker in room.status.workers] == ['idle']
    assert [item.id for item in room.runs.asking()] == [run.id]

    await room.runs.answer(run.id, question.id, 'yes', by='the token', because='it looks good')
    second = await asked(room, run.id, 'To whom')
    await room.runs.answer(run.id, second.id, 'everyone', by='the page')
    done = await ended(room, run.id)

    assert done.state is RunState.SUCCEEDED
    assert [(answer.answer, answer.by) for answer in done.answers] == [('yes', 'the token'), ('everyone', 'the page')]
    said = await lines(room, run.id)
    assert 'yes to everyone after 1 call' in said
    assert said.count('prepared') == 1
    assert 'PUBLISH is answered by the token: yes (it looks good)' in said


async def test_a_worker_is_free_for_other_runs_while_a_step_in_the_middle_asks(room: ControlRoom) -> None:
    run = await room.runs.create('Middle', {})
    question = await asked(room, run.id)

    other = await room.runs.create('Edge', {})
    await asked(room, other.id)
    assert len(await room.runs.process_tree(run.id)) >= 1
    await asyncio.sleep(2.5)  # longer than its timeout: time that it waits must not count
    await room.runs.answer(run.id, question.id, 'yes', by='the token')
    done = await ended(room, run.id)

    assert done.state is RunState.SUCCEEDED, done.error
    said = await lines(room, run.id)
    assert said.count('began') == 2
    assert 'answer yes in attempt 2' in said, 'another attempt does not ask again'
    assert done.steps[0].held_seconds >= 2.4
    assert done.waited_seconds >= 2.4


async def test_an_answer_has_to_fit_and_the_first_one_counts(room: ControlRoom) -> None:
    run = await room.runs.create('Edge', {})
    question = await asked(room, run.id)

    with pytest.raises(Invalid, match='one of these: yes, no'):
        await room.runs.answer(run.id, question.id, 'maybe', by='the token')
    with pytest.raises(Conflict, match='does not wait for this answer'):
        await room.runs.answer(run.id, 'another', 'yes', by='the token')
    results = await asyncio.gather(
        *(room.runs.answer(run.id, question.id, 'yes', by=f'caller {number}') for number in range(5)),
        return_exceptions=True,
    )
    errors = [result for result in results if isinstance(result, Conflict)]
    assert [error.code for error in errors] == ['question_answered'] * 4
    assert re.search(r'by caller \d on \d+ \w{3} at \d\d:\d\d:\d\d\.$', errors[0].message)


async def test_a_form_is_checked_by_its_model(room: ControlRoom) -> None:
    run = await room.runs.create('Form', {})
    question = await asked(room, run.id)
    assert question.form is not None
    assert set(question.form['properties']) == {'to', 'copies'}

    with pytest.raises(Invalid) as refused:
        await room.runs.answer(run.id, question.id, {'to': 'me', 'copies': 'many'}, by='the page')
    assert set(refused.value.fields) == {'to', 'copies'}
    with pytest.raises(Invalid) as refused:
        await room.runs.answer(run.id, question.id, {'to': 'anna', 'evil': 1}, by='the page')
    assert refused.value.fields == {'evil': 'There is no such field.'}
    with pytest.raises(Invalid, match='an object'):
        await room.runs.answer(run.id, question.id, 'anna', by='the page')
    await room.runs.answer(run.id, question.id, {'to': 'anna'}, by='the page')
    done = await ended(room, run.id)

    assert 'Letter to anna, 2' in await lines(room, run.id)
    assert done.answers[0].answer == {'to': 'anna', 'copies': 1}


async def test_a_question_no_one_answers_takes_its_default(room: ControlRoom) -> None:
    run = await room.runs.create('Edge', {'timeout': 0.3, 'default': 'no'})

    second = await asked(room, run.id, 'To whom')
    await room.runs.answer(run.id, second.id, 'no one', by='the page')
    done = await ended(room, run.id)

    assert next((answer.answer, answer.by) for answer in done.answers) == ('no', 'the default')


async def test_a_question_no_one_answers_fails_its_step_if_it_has_no_default(room: ControlRoom) -> None:
    run = await room.runs.create('Edge', {'timeout': 0.3})

    done = await ended(room, run.id)

    assert done.state is RunState.FAILED
    assert done.error is not None
    assert done.error.message == 'No one answered “Publish this?” within 0.3 s.'
    assert done.steps[1].state is StepState.FAILED


async def test_the_example_of_the_documentation_asks_its_three_questions(tmp_path: Path) -> None:
    text = (Path(__file__).parents[4] / 'docs' / 'pipeline-files.md').read_text(encoding='utf-8')
    (tmp_path / 'data' / 'pipelines').mkdir(parents=True)
    example = text.split('## Asking a person')[1].split('```python\n')[1].split('```')[0]
    (tmp_path / 'data' / 'pipelines' / 'example.py').write_text(example)
    given = {
        'Send “Spring news”?': 'Send',
        'How shall it go out?': {'subject': 'Tulips'},
        'Which words come first?': 'Dear all',
    }
    async with room_in(tmp_path / 'data') as room:
        run = await room.runs.create('SendNewsletter', {})
        for text, answer in given.items():
            question = await asked(room, run.id, text)
            await room.runs.answer(run.id, question.id, answer, by='the token')
        done = await ended(room, run.id)

        assert done.state is RunState.SUCCEEDED, done.error
        assert 'Dear all: Tulips, 1 copies' in await lines(room, run.id)


async def test_a_retry_from_the_step_asks_again(room: ControlRoom) -> None:
    run = await room.runs.create('Edge', {})
    question = await asked(room, run.id)
    await room.runs.answer(run.id, question.id, 'yes', by='the token')
    await asked(room, run.id, 'To whom')
    await room.runs.cancel(run.id)
    assert (await ended(room, run.id)).question is None

    again = await room.runs.retry(run.id, from_step='publish')

    assert (await asked(room, again.id)).text == 'Publish this?'
    assert 'prepared' not in await lines(room, again.id)


async def test_a_waiting_run_can_be_paused_resumed_and_stopped(room: ControlRoom) -> None:
    run = await room.runs.create('Edge', {})
    question = await asked(room, run.id)
    await without_process(room, run.id)

    with pytest.raises(Conflict, match='waits for an answer'):
        await room.runs.resume(run.id)
    assert (await room.runs.pause(run.id)).is_pausing
    held = await room.runs.answer(run.id, question.id, 'yes', by='the token')
    assert (held.state, held.question) == (RunState.PAUSED, None)
    await room.runs.resume(run.id)
    await asked(room, run.id, 'To whom')
    await room.runs.cancel(run.id, because='enough')
    stopped = await ended(room, run.id)

    assert stopped.state is RunState.CANCELLED
    assert stopped.steps[1].state is StepState.CANCELLED
    with pytest.raises(Conflict, match='does not wait'):
        await room.runs.answer(run.id, 'x', 'yes', by='the token')


async def test_a_step_in_the_middle_can_be_paused_while_it_asks(room: ControlRoom) -> None:
    run = await room.runs.create('Middle', {})
    question = await asked(room, run.id)

    await room.runs.pause(run.id)
    held = await room.runs.answer(run.id, question.id, 'yes', by='the token')
    assert (held.state, held.question, held.is_pausing) == (RunState.PAUSED, None, False)
    assert not any('answer yes' in line for line in await lines(room, run.id))
    await room.runs.resume(run.id)

    assert (await ended(room, run.id)).state is RunState.SUCCEEDED


async def test_a_question_that_changes_each_time_keeps_its_process_the_second_time(room: ControlRoom) -> None:
    run = await room.runs.create('Changing', {})
    first = await asked(room, run.id)
    await room.runs.answer(run.id, first.id, 'earlier', by='the token')
    second = await until(room, run.id, lambda run: run.question is not None and run.question.id != first.id)
    assert second.question is not None
    await room.runs.answer(run.id, second.question.id, 'later', by='the token')

    assert (await ended(room, run.id)).state is RunState.SUCCEEDED
    assert 'later' in await lines(room, run.id)


async def test_a_default_that_is_no_choice_fails_the_step_in_words(room: ControlRoom) -> None:
    run = await room.runs.create('Wrong', {})

    done = await ended(room, run.id)

    assert done.error is not None
    assert done.error.message == "ValueError: run.ask(default) must be one of a, b, not 'c'"


@pytest.mark.parametrize('pipeline', ['Edge', 'Middle'])
async def test_a_question_is_still_open_after_a_restart(tmp_path: Path, pipeline: str) -> None:
    async with room_in(tmp_path / 'data') as room:
        run = await room.runs.create(pipeline, {})
        before = await asked(room, run.id)

    async with room_in(tmp_path / 'data') as room:
        waiting = await room.runs.get(run.id)
        assert (waiting.state, waiting.question) == (RunState.PAUSED, before)
        await room.runs.answer(run.id, before.id, 'yes', by='the token')
        if pipeline == 'Edge':
            second = await asked(room, run.id, 'To whom')
            await room.runs.answer(run.id, second.id, 'anna', by='the token')
        done = await ended(room, run.id)

        assert done.state is RunState.SUCCEEDED, done.error
        assert sum(line == 'prepared' for line in await lines(room, run.id)) == (1 if pipeline == 'Edge' else 0)


async def test_a_question_that_expired_while_synapse_was_closed_takes_its_default_at_the_start(tmp_path: Path) -> None:
    async with room_in(tmp_path / 'data') as room:
        run = await room.runs.create('Edge', {'timeout': 1.0, 'default': 'no'})
        await asked(room, run.id)
    await asyncio.sleep(1.1)

    async with room_in(tmp_path / 'data') as room:
        await asked(room, run.id, 'To whom')

        assert (await room.runs.get(run.id)).answers[0].by == 'the default'


async def test_a_run_that_has_its_answer_continues_while_the_queue_is_paused(room: ControlRoom) -> None:
    run = await room.runs.create('Edge', {})
    question = await asked(room, run.id)
    await without_process(room, run.id)

    await room.runs.pause_queue()
    held = await room.runs.create('Wrong', {})
    await room.runs.answer(run.id, question.id, 'yes', by='the token')

    await asked(room, run.id, 'To whom')
    assert (await room.runs.get(held.id)).state is RunState.QUEUED


async def test_time_that_a_run_waits_does_not_count_toward_the_limit_of_its_event(room: ControlRoom) -> None:
    for pipeline in ('Edge', 'Middle'):
        wanted = RunRequest(pipeline, {}, event_id='e1', timeout_seconds=3, is_alone=True)
        document = await room.runs._store.group.commit(room.runs._store.create, room.runs.scheduled(wanted).as_json())
        run = RunRecord.model_validate(document)
        room.runs.admit([run])
        question = await asked(room, run.id)
        await asyncio.sleep(3.2)
        await room.runs.answer(run.id, question.id, 'yes', by='the token')
        if pipeline == 'Edge':
            question = await asked(room, run.id, 'To whom')
            await room.runs.answer(run.id, question.id, 'anna', by='the token')

        assert (await ended(room, run.id)).state is RunState.SUCCEEDED


async def test_a_run_of_an_event_waits_for_an_earlier_one_that_waits_for_an_answer(room: ControlRoom) -> None:
    runs = []
    for _ in range(2):
        wanted = RunRequest('Edge', {}, event_id='e1', is_alone=True)
        document = await room.runs._store.group.commit(room.runs._store.create, room.runs.scheduled(wanted).as_json())
        runs.append(RunRecord.model_validate(document))
        room.runs.admit(runs[-1:])
        await asked(room, runs[0].id)
    await without_process(room, runs[0].id)

    assert {id: len(runs) for id, runs in room.runs.unfinished_of_events().items()} == {'e1': 2}
    assert (await room.runs.get(runs[1].id)).state is RunState.QUEUED
    await room.runs.cancel(runs[0].id)
    await asked(room, runs[1].id)


async def test_a_room_in_which_runs_only_wait_for_answers_is_idle(room: ControlRoom) -> None:
    run = await room.runs.create('Middle', {})
    await asked(room, run.id)
    await asyncio.sleep(0)

    assert (room.status.state, room.status.running, room.status.job) == ('idle', 0, None)
    assert room.status.busy_workers == 0


async def test_an_emergency_stop_ends_runs_that_wait_too(room: ControlRoom) -> None:
    run = await room.runs.create('Edge', {})
    await asked(room, run.id)
    await without_process(room, run.id)

    await room.runs.stop_everything()

    assert (await room.runs.get(run.id)).state is RunState.CANCELLED
    assert room.runs.asking() == []


async def test_a_pause_of_a_run_that_asks_ends_by_itself_before_or_after_the_answer(room: ControlRoom) -> None:
    run = await room.runs.create('Edge', {})
    question = await asked(room, run.id)
    await without_process(room, run.id)

    await room.runs.pause(run.id, seconds=600)
    soon = await room.runs.pause(run.id, because='a new disk', seconds=0.3)
    assert soon.pause is not None
    assert (soon.pause.because, soon.is_held_asking) == ('a new disk', True)
    over = await until(room, run.id, lambda run: not run.is_pausing)
    assert (over.question, over.pause) == (question, None)

    await room.runs.pause(run.id, seconds=0.3)
    await room.runs.answer(run.id, question.id, 'yes', by='the token')
    await asked(room, run.id, 'To whom')
    assert f'The pause of run #{run.number} is over' in await lines(room, run.id)


async def test_a_pause_of_a_run_that_asks_ends_also_after_a_restart(tmp_path: Path) -> None:
    async with room_in(tmp_path / 'data') as room:
        run = await room.runs.create('Middle', {})
        question = await asked(room, run.id)
        await room.runs.pause(run.id, until=now_utc() + timedelta(seconds=0.5))
    async with room_in(tmp_path / 'data') as room:
        assert await until(room, run.id, lambda run: not run.is_pausing)
        await room.runs.answer(run.id, question.id, 'yes', by='the token')

        assert (await ended(room, run.id)).state is RunState.SUCCEEDED


async def test_a_held_run_that_has_its_answer_counts_as_held(room: ControlRoom) -> None:
    run = await room.runs.create('Edge', {})
    question = await asked(room, run.id)
    await without_process(room, run.id)
    await room.runs.pause(run.id)
    assert room.status.held == 0

    await room.runs.answer(run.id, question.id, 'yes', by='the token')
    await eventually(lambda: room.status.held == 1, 10, 'it is counted')
