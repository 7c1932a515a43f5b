"""Runs write in our own language, and answer in that of whoever asks; here the one of texts in brackets."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from synapse.control_room import ControlRoom
from synapse.engine.engine import REMOVED
from synapse.errors import Invalid
from synapse.language import ENGLISH, PSEUDO, answering_in, speak
from synapse.records import Problem
from synapse.runs.causes import cause_words
from synapse.runs.ending import Ending, outcome
from synapse.runs.live.silence import silence_of
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunRequest, Silence
from synapse.runs.transitions import problem_from
from synapse.settings import Settings

OWN = """
from pydantic import Field
from synapse import Pipeline, step

class Own(Pipeline):
    \"\"\"Run command\"\"\"
    count: int = Field(title='Folder')

    @step(title='EXECUTE')
    def execute(self): ...
"""


@pytest.fixture
def own_language() -> Iterator[None]:
    yield
    speak(ENGLISH)


@pytest.fixture
async def room(tmp_path: Path, own_language: None) -> AsyncIterator[ControlRoom]:
    folder = tmp_path / 'data/pipelines'
    folder.mkdir(parents=True)
    (folder / 'own.py').write_text(OWN)
    room = ControlRoom.build(Settings(data=tmp_path / 'data', min_free_bytes=0))
    await room.start()
    yield room
    await room.stop(grace=0)


async def ended(room: ControlRoom, request: RunRequest) -> RunRecord:
    run = await room.runs.create(request.pipeline, request.parameters)
    news = await room.bus.next(
        RunChanged, timeout=30, where=lambda news: news.run.id == run.id and news.run.state.is_final
    )
    return news.run


async def test_a_process_of_a_run_writes_in_our_language_and_not_in_that_of_who_started_it(room: ControlRoom) -> None:
    speak(PSEUDO)
    with answering_in(ENGLISH):
        run = await ended(room, RunRequest('RunCommand', {'command': ['false']}))

    assert run.error is not None
    assert (run.error.message, run.error.hint[0]) == ('⟦false ended with exit code 1.⟧', '⟦')
    found = await room.log.query(run=run.id, limit=100)
    assert [entry.message for entry in found if not entry.message.startswith('⟦')] == []


async def test_why_a_run_failed_is_said_in_the_language_of_who_reads_it_also_once_it_is_kept(room: ControlRoom) -> None:
    run = await ended(room, RunRequest('RunCommand', {'command': ['false']}))
    kept = RunRecord.model_validate(json.loads(json.dumps(run.as_document())))

    for known in (run, kept, (await room.runs.page(state='failed'))[0]):
        assert (error := known.error) is not None
        assert error.message == 'false ended with exit code 1.'
        with answering_in('pt_BR'):
            assert error.words == 'false terminou com o código de saída 1.'
            assert known.as_json()['error']['message'] == error.words
            assert known.as_json()['steps'][0]['error']['message'] == error.words
    assert 'parts' not in run.as_json()['error']


@pytest.mark.parametrize(
    'ending', [Ending(is_closing=True), Ending(lost='annex'), Ending(lost='annex', parting=REMOVED)]
)
def test_why_synapse_ended_a_run_is_said_in_the_language_of_who_reads_it(ending: Ending) -> None:
    _, problem = outcome(ending)

    assert problem is not None
    kept = Problem.model_validate(problem.as_document())
    with answering_in(PSEUDO):
        assert kept.words.startswith('⟦')
        assert kept.as_json()['message'] == f'⟦{kept.message}⟧'.replace('annex', '{machine}').format(machine='annex')


def test_what_a_host_says_of_a_problem_may_be_anything() -> None:
    for parts in (None, 7, {'message': {'message': 'Run {x}', 'values': {'y': 1}}}, {'message': []}):
        problem = problem_from({'message': 'It broke.', 'parts': parts})

        assert problem is not None
        assert problem.words == 'It broke.'


async def test_values_are_refused_in_the_language_of_who_gave_them(room: ControlRoom) -> None:
    speak(ENGLISH)
    for chosen, sentence in ((PSEUDO, '⟦Write a whole number.⟧'), (ENGLISH, 'Write a whole number.')):
        with answering_in(chosen), pytest.raises(Invalid) as refused:
            await room.catalog.validate('Own', {'count': 'many'})

        assert refused.value.fields == {'count': sentence}


async def test_only_built_in_pipelines_are_shown_in_other_languages(room: ControlRoom) -> None:
    with answering_in(PSEUDO):
        info, own = room.catalog.get('RunCommand'), room.catalog.get('Own')

    assert (info.title, info.steps[0]['title']) == ('⟦Run command⟧', '⟦EXECUTE⟧')
    assert info.schema['properties']['cwd']['title'] == '⟦Folder⟧'
    assert (own.title, own.description, own.steps[0]['title']) == ('Own', 'Run command', 'EXECUTE')
    assert own.schema['properties']['count']['title'] == 'Folder'
    assert room.catalog.title_of('RunCommand') == 'Run command'


@pytest.mark.parametrize('cause', ['the command line', 'removed by hand'])
async def test_a_cause_of_ours_is_said_in_the_language_of_its_reader(room: ControlRoom, cause: str) -> None:
    speak(PSEUDO)
    run = await room.runs.create('RunCommand', {'command': ['true']}, because=cause)

    assert run.because == cause
    [queued, *_] = await room.log.query(run=run.id, limit=10, oldest_first=True)
    assert f'(⟦{cause}⟧)' in queued.message
    with answering_in(ENGLISH):
        assert cause_words(run.because) == cause
    assert cause_words('my script') == 'my script'


def test_silence_is_told_in_the_language_of_who_reads_of_it_also_once_it_is_kept() -> None:
    silence = silence_of({'seconds': 20, 'pid': 7}, datetime(2026, 12, 1, tzinfo=UTC))
    assert silence is not None

    for known in (silence, Silence.model_validate(json.loads(json.dumps(silence.as_document())))):
        assert known.as_json()['message'] == 'Its process (pid 7) does not answer.'
        with answering_in('pt_BR'):
            assert known.as_json()['message'] == 'O processo dela (pid 7) não responde.'
