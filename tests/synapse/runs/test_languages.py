"""Runs write in our own language, and answer in that of whoever asks; here the one of texts in brackets."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from synapse.control_room import ControlRoom
from synapse.errors import Invalid
from synapse.language import ENGLISH, PSEUDO, answering_in, speak
from synapse.runs.causes import cause_words
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunRequest
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
