"""What has changed since the last good run: of real runs, whose files, code, packages and profile are changed."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.runs import RunStore
from storage.shared_documents import KEPT, SharedDocuments
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.runs.comparison.changes import Change, ChangeKind
from synapse.runs.comparison.comparing import MOST_SEARCHED, Comparison
from synapse.runs.comparison.making import read_input
from synapse.runs.records import RunRecord, RunState
from synapse.sealed import SHOWN
from tests.parts.scripted import opened
from tests.synapse.runs.test_runs import one_chunk, room_in, until

SPEAKS = """
from pathlib import Path
from pydantic import SecretStr
from synapse import Pipeline, Run, StepFailed, step
from words import GREETING

class Speaks(Pipeline):
    source: Path
    tone: str = 'calm'
    code: SecretStr = SecretStr('')
    breaks: bool = False

    @step
    def read(self, run: Run):
        run.log.info(GREETING + self.source.read_text())

    @step
    def speak(self, run: Run):
        if self.breaks:
            raise StepFailed('No voice.')
"""


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    folder = tmp_path / 'data' / 'pipelines'
    folder.mkdir(parents=True)
    (folder / 'speaks.py').write_text(SPEAKS)
    (folder / 'words.py').write_text('GREETING = "hello "\n')
    (tmp_path / 'text.txt').write_text('world')
    async with room_in(tmp_path / 'data') as room:
        await room.profiles.update('default', {'secrets': {'KEY': 'hunter1'}, 'defaults': {'tone': 'calm'}})
        yield room


async def spoken(room: ControlRoom, source: Path, **parameters: object) -> RunRecord:
    run = await room.runs.create('Speaks', {'source': str(source), **parameters}, profile='default')
    return await until(room, run.id)


async def compared(room: ControlRoom, run: RunRecord) -> Comparison:
    return await room.runs.compared.since_good(run)


def texts(changes: Comparison) -> list[str]:
    return [change.text for change in changes.changes]


async def test_each_thing_that_changed_since_the_last_good_run_is_named(room: ControlRoom, tmp_path: Path) -> None:
    source, data = tmp_path / 'text.txt', tmp_path / 'data'
    good = await spoken(room, source)
    source.write_text('a longer world')
    (data / 'pipelines' / 'words.py').write_text('GREETING = "good evening "\n')
    await room.profiles.update('default', {'secrets': {'KEY': 'hunter2'}})

    bad = await spoken(room, source, tone='angry', breaks=True)

    found = await compared(room, bad)
    assert (good.state, bad.state) == (RunState.SUCCEEDED, RunState.FAILED)
    assert found.compared_with is not None
    assert (found.compared_with.number, found.compared_with.is_same_work) == (1, False)
    assert texts(found) == [
        'tone: calm → angry',
        'breaks: no → yes',
        'text.txt has another size: 5 B → 14 B',
        'The secret KEY of profile default was changed',
        'words.py was changed',
    ]
    assert found.unknown == ()
    kept = (data / 'runs.db').read_bytes() + (data / 'runs.db-wal').read_bytes()
    assert b'"made_of"' in kept
    assert b'hunter2' not in kept


async def test_when_nothing_has_changed_that_is_said(room: ControlRoom, tmp_path: Path) -> None:
    await spoken(room, tmp_path / 'text.txt')
    again = await spoken(room, tmp_path / 'text.txt')

    found = await compared(room, again)

    assert found.compared_with is not None
    assert found.compared_with.is_same_work
    assert (found.summary, found.changes, found.unknown) == ('Nothing has changed since #1.', (), ())


async def test_without_a_good_run_there_is_nothing_to_compare_with(room: ControlRoom, tmp_path: Path) -> None:
    found = await compared(room, await spoken(room, tmp_path / 'text.txt', breaks=True))

    assert found.compared_with is None
    assert found.summary.startswith('No run of this work has succeeded before it')


async def test_a_package_that_was_updated_is_named_with_both_versions(
    room: ControlRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / 'site'
    (site / 'voice_box-1.0.dist-info').mkdir(parents=True)
    monkeypatch.syspath_prepend(str(site))
    await spoken(room, tmp_path / 'text.txt')
    (site / 'voice_box-1.0.dist-info').rename(site / 'voice_box-2.1.dist-info')
    (site / 'lungs-0.3.dist-info').mkdir()

    found = await compared(room, await spoken(room, tmp_path / 'text.txt'))

    assert texts(found) == ['lungs 0.3 is new', 'voice-box 1.0 → 2.1']
    assert {change.kind for change in found.changes} == {ChangeKind.PACKAGE}


async def test_a_secret_parameter_is_never_shown(room: ControlRoom, tmp_path: Path) -> None:
    await spoken(room, tmp_path / 'text.txt', code='hunter2')

    found = await compared(room, await spoken(room, tmp_path / 'text.txt', code='letmein'))

    expected = Change(kind=ChangeKind.PARAMETER, name='code', before=SHOWN, after=SHOWN, text='code was changed')
    assert found.changes == (expected,)


async def test_uploaded_files_are_compared_by_what_is_in_them(room: ControlRoom) -> None:
    async def uploaded(data: bytes) -> RunRecord:
        item = await room.inbox.receive('text.txt', one_chunk(data))
        run = await room.runs.create('Speaks', {'source': f'inbox:{item.id}'}, profile='default')
        return await until(room, run.id)

    await uploaded(b'one')
    same = await compared(room, await uploaded(b'one'))
    other = await compared(room, await uploaded(b'two'))

    assert texts(same) == []
    assert texts(other) == ['text.txt has other content of the same size']


async def test_the_script_that_a_command_runs_is_compared(room: ControlRoom, tmp_path: Path) -> None:
    script = tmp_path / 'backup.sh'
    script.write_text('true\n')
    command = {'command': ['sh', str(script)]}
    await until(room, (await room.runs.create('RunCommand', command)).id)
    script.write_text('false\n')

    ended = await until(room, (await room.runs.create('RunCommand', command)).id)

    assert ended.state is RunState.FAILED
    assert texts(await compared(room, ended)) == ['backup.sh has another size: 5 B → 6 B']


async def test_a_run_of_an_earlier_build_is_compared_as_far_as_possible(room: ControlRoom, tmp_path: Path) -> None:
    good = await spoken(room, tmp_path / 'text.txt')
    old = good.changed(made_of=None)
    room.runs._store.save(old.as_json())

    found = await compared(room, await spoken(room, tmp_path / 'text.txt', tone='angry'))

    assert 'made_of' not in old.as_json()
    assert texts(found) == ['tone: calm → angry']
    assert [item.text for item in found.unknown] == [
        'What #1 was made of was not recorded: code, packages, profile, input files, free disk.'
    ]


async def test_what_runs_have_in_common_is_kept_once(room: ControlRoom, tmp_path: Path) -> None:
    runs = [await spoken(room, tmp_path / 'text.txt') for _ in range(4)]

    made_of = [run.made_of for run in runs if run.made_of is not None]
    assert len({(item.code, item.versions, item.profile) for item in made_of}) == 1
    with room.runs._store.reading() as connection:
        assert connection.execute('SELECT COUNT(*) FROM shared').fetchone() == (3,)
    assert all(len(json.dumps(item.as_json())) < 500 for item in made_of)


async def test_the_last_good_run_of_an_event_is_found_behind_many_others(tmp_path: Path) -> None:
    async with opened(tmp_path / 'data') as house:
        ended = {'pipeline': 'Work', 'state': 'succeeded', 'created_at': now_utc(), 'finished_at': now_utc()}
        weekly = {**ended, 'event_id': 'weekly', 'parameters': {'height': 720}}
        house.store.create(RunRecord(id='good', number=0, **weekly).as_json())
        with house.store.transaction():
            for number in range(MOST_SEARCHED + 1):
                other = RunRecord(id=f'other{number}', number=0, parameters={'other': number}, **ended)
                house.store.create(other.as_json())
        late = weekly | {'state': 'failed', 'parameters': {'height': 1080}}
        failed = house.store.create(RunRecord(id='late', number=0, **late).as_json())

        found = await house.runs.compared.since_good(RunRecord.model_validate(failed))

        assert found.compared_with is not None
        assert (found.compared_with.id, found.compared_with.is_same_work) == ('good', True)
        assert texts(found) == ['height: 720 → 1080']


def test_shared_documents_have_a_limit_and_those_used_last_stay(tmp_path: Path) -> None:
    store = RunStore(tmp_path / 'runs.db')
    shared = SharedDocuments(store)
    shared.keep({'first': {'number': -1}}, now_utc())
    shared.keep({str(number): {'number': number} for number in range(KEPT - 1)}, now_utc())
    shared.keep({'first': {'number': -1}}, now_utc())

    shared.keep({'one more': {}}, now_utc())

    assert set(shared.get(['first', 'one more'])) == {'first', 'one more'}
    with store.reading() as connection:
        assert connection.execute('SELECT COUNT(*) FROM shared').fetchone() == (KEPT,)
    store.close()


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='this system has no named pipes')
def test_a_pipe_among_the_parameters_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')

    assert read_input('source', tmp_path / 'pipe') is None
    assert read_input('source', tmp_path / 'nothing') is None
    assert read_input('source', tmp_path) is None
