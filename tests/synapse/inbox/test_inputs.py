"""A run has its own copies of its inputs: it changes nothing else, and nothing else changes them."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import pytest

from storage import copies
from synapse.builtin.publish_video import PublishVideo
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, NotFound
from synapse.log.entry import Entry
from synapse.runs.records import RunRecord, RunRequest, RunState
from tests.synapse.runs.test_runs import one_chunk, room_in, until

WRITER = '''
from pathlib import Path
from synapse import Pipeline, Run, StepFailed, step

class Writer(Pipeline):
    """Writes to its own input, and keeps the result."""
    source: Path
    kept_back: bool = False

    @step
    def add(self, run: Run):
        source = self.source
        if source.is_dir():
            source = next(source.rglob('notes.txt'))
        with source.open('a') as file:
            file.write('+')
        kept = run.artifact(source, 'notes.txt')
        with source.open('a') as file:
            file.write('!')
        print('kept', kept.read_text(), 'now', source.read_text())

    @step
    def check(self, run: Run):
        if self.kept_back:
            raise StepFailed('Not yet.')
        with self.source.open('a') as file:
            file.write('?')
'''
COUNTER = """
from pathlib import Path
from synapse import Pipeline, Run, step

class Counter(Pipeline):
    accepts = ('.txt', '.tar.gz')
    source: Path

    @step
    def count(self, run: Run): ...
"""


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    folder = tmp_path / 'data' / 'pipelines'
    folder.mkdir(parents=True)
    (folder / 'writer.py').write_text(WRITER)
    (folder / 'counter.py').write_text(COUNTER)
    async with room_in(tmp_path / 'data') as room:
        yield room


async def uploaded(room: ControlRoom, data: bytes = b'abc') -> str:
    return f'inbox:{(await room.inbox.receive("notes.txt", one_chunk(data))).id}'


async def planned(room: ControlRoom, source: str) -> None:
    """Put an event with this file on the calendar for the duration of the block."""
    await room.editor.create(
        {'pipeline': 'Writer', 'parameters': {'source': source}, 'start': '2099-01-01T12:00', 'timezone': 'UTC'}
    )


async def done(room: ControlRoom, source: Path | str, **values: Any) -> RunRecord:
    return await until(room, (await room.runs.create('Writer', {'source': str(source)} | values)).id)


async def lines(room: ControlRoom, run: RunRecord) -> list[Entry]:
    return list(await room.log.query(run=run.id))


def output(room: ControlRoom, run: RunRecord) -> Path:
    return room.runs.folder_of(run.id) / 'artifacts' / 'notes.txt'


def input_of(run: RunRecord) -> Path:
    return Path(run.parameters['source'])


@pytest.mark.parametrize('value', ['{folder}/song.MP3', 'newest:{folder}/*.mp3', 'inbox:{song}'])
async def test_a_file_of_another_kind_is_told_what_is_accepted(room: ControlRoom, tmp_path: Path, value: str) -> None:
    (tmp_path / 'song.MP3').write_text('x')
    song = await room.inbox.receive('song.mp3', one_chunk(b'x'))
    parameters = {'source': value.format(folder=tmp_path, song=song.id)}

    async def refused(attempt: Awaitable[object], name: str) -> str:
        with pytest.raises(Invalid) as caught:
            await attempt
        return caught.value.fields[name]

    plan = {'pipeline': 'Counter', 'parameters': parameters, 'start': '2099-01-01T12:00', 'timezone': 'UTC'}
    for said in (
        await refused(room.runs.create('Counter', parameters), 'source'),
        await refused(room.editor.create(plan), 'parameters.source'),
    ):
        assert said.lower().endswith('.mp3 is not accepted here. choose files that end in .txt, .tar.gz.')


async def test_of_many_kinds_the_first_are_named(room: ControlRoom, tmp_path: Path) -> None:
    (tmp_path / 'notes.txt').write_text('x')
    with pytest.raises(Invalid) as caught:
        await room.runs.create('PublishVideo', {'video': str(tmp_path / 'notes.txt')})
    assert caught.value.fields['video'] == (
        'notes.txt is not accepted here. Choose files that end in .mp4, .mov, .mkv, .webm, .avi, .m4v '
        f'or {len(PublishVideo.accepts) - 6} other suffixes.'
    )
    await room.runs.new.check(RunRequest('PublishVideo', {'video': '/dev/null'}))


async def test_a_file_of_an_accepted_kind_is_taken_in_any_case(room: ControlRoom, tmp_path: Path) -> None:
    names = ['notes.TXT', 'all.tar.gz']
    for name in names:
        (tmp_path / name).write_text('x')

    for value in (*(f'{tmp_path / name}' for name in names), f'newest:{tmp_path}/*', f'newest:{tmp_path}/*.t*'):
        await room.runs.new.check(RunRequest('Counter', {'source': value}))
    assert [info.name for info in room.catalog.accepting('all.tar.gz')] == ['RestoreFolder', 'Counter']


async def test_two_runs_of_one_upload_do_not_see_what_the_other_writes(room: ControlRoom) -> None:
    value = {'source': await uploaded(room)}
    room.runs.set_workers(1)
    await room.runs.pause_queue()
    runs = [await room.runs.create('Writer', value) for _ in range(3)]
    await room.runs.resume_queue()

    ended = [await until(room, run.id) for run in runs]

    assert [run.state for run in ended] == [RunState.SUCCEEDED] * 3, [run.error for run in ended]
    assert [input_of(run).read_text() for run in ended] == ['abc+!?'] * 3
    assert room.inbox.all() == []


async def test_an_upload_that_an_event_needs_is_unchanged(room: ControlRoom) -> None:
    value = await uploaded(room)
    await planned(room, value)

    first, second = await done(room, value), await done(room, value)

    assert [input_of(run).read_text() for run in (first, second)] == ['abc+!?'] * 2
    assert room.inbox.resolve(value).read_bytes() == b'abc'


async def test_an_upload_of_one_run_is_not_copied(room: ControlRoom) -> None:
    value = await uploaded(room)
    number = room.inbox.resolve(value).stat().st_ino

    run = await done(room, value)

    assert (input_of(run).stat().st_ino, input_of(run).stat().st_nlink) == (number, 1)


async def test_an_artifact_is_the_file_as_it_was_when_kept(room: ControlRoom) -> None:
    run = await done(room, await uploaded(room))

    assert output(room, run).read_text() == 'abc+'
    assert 'kept abc+ now abc+!' in [entry.message for entry in await lines(room, run)]


@pytest.mark.parametrize('by', ['its path', 'a link', 'its folder'])
async def test_the_output_of_an_earlier_run_is_not_changed_by_a_run_that_is_given_it(
    room: ControlRoom, tmp_path: Path, by: str
) -> None:
    first = await done(room, await uploaded(room))
    source = output(room, first)
    if by == 'a link':
        (tmp_path / 'newest').symlink_to(source)
        source = tmp_path / 'newest'

    second = await done(room, source.parent if by == 'its folder' else source, kept_back=by == 'its folder')

    assert output(room, second).read_text() == 'abc++'
    assert output(room, first).read_text() == 'abc+'
    assert input_of(second).is_relative_to(room.runs.folder_of(second.id))
    output(room, first).write_text('changed later')
    assert output(room, second).read_text() == 'abc++'


async def test_a_retry_from_a_later_step_leaves_the_input_of_the_first_run(room: ControlRoom) -> None:
    first = await done(room, await uploaded(room), kept_back=True)
    assert first.state is RunState.FAILED

    retried = await room.runs.retry(first.id, from_step='check', parameters={'kept_back': False})
    second = await until(room, retried.id)

    assert second.state is RunState.SUCCEEDED, second.error
    assert input_of(second).read_text() == 'abc+!?'
    assert input_of(first).read_text() == 'abc+!'
    input_of(first).write_text('changed later')
    assert input_of(second).read_text() == 'abc+!?'


async def test_a_retry_whose_input_the_first_run_has_changed_says_so(room: ControlRoom) -> None:
    first = await done(room, await uploaded(room))

    second = await until(room, (await room.runs.retry(first.id)).id)

    assert input_of(second).read_text() == 'abc+!?+!?'
    assert input_of(first).read_text() == 'abc+!?'
    told = [entry.message for entry in await lines(room, second) if entry.level == 'warning']
    assert told == [
        'Changed since #1: notes.txt has another size: 3 B → 6 B',
        'notes.txt was changed by the run it came from; this run uses it as it is now',
    ]


async def test_a_stop_ends_a_long_copy_and_leaves_the_upload(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, '_is_cloned', lambda *_: False)
    monkeypatch.setattr(copies, 'PIECE_BYTES', 1000)
    monkeypatch.setattr('synapse.runs.starting.jobs.LONG_BYTES', 10_000)
    value = await uploaded(room, bytes(100_000))
    await planned(room, value)
    has_begun, goes_on = threading.Event(), threading.Event()
    real = copies._piece

    def held(*values: int) -> int:
        has_begun.set()
        assert goes_on.wait(20)
        return real(*values)

    monkeypatch.setattr(copies, '_piece', held)
    run = await room.runs.create('Writer', {'source': value})
    assert await asyncio.to_thread(has_begun.wait, 20)

    await room.runs.cancel(run.id)
    goes_on.set()
    ended = await until(room, run.id)

    assert ended.state is RunState.CANCELLED
    assert room.inbox.resolve(value).stat().st_size == 100_000
    found = [path.name for path in (room.runs.folder_of(run.id) / 'work' / 'inputs').iterdir()]
    assert found == ['notes.txt']  # the second name of the upload, of which nothing was copied
    assert 'Copying notes.txt for this run: 0.0 of 0.0 GB' in [entry.message for entry in await lines(room, ended)]


async def test_a_copy_that_does_not_fit_fails_the_run_and_leaves_the_upload(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, '_is_cloned', lambda *_: False)
    monkeypatch.setattr(copies, 'free_bytes', lambda _: 0)
    value = await uploaded(room)
    await planned(room, value)

    ended = await done(room, value)

    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert ended.error.message.startswith('notes.txt takes ')
    assert room.inbox.resolve(value).read_bytes() == b'abc'


async def test_a_retry_of_a_run_that_died_while_taking_over_its_file_has_the_upload(room: ControlRoom) -> None:
    """The upload then has two names: in the inbox, and in the folder of the run that died."""
    value = await uploaded(room)
    dead = room.runs.folder_of('dead') / 'work' / 'inputs'
    dead.mkdir(parents=True)
    os.link(room.inbox.resolve(value), dead / 'notes.txt')

    run = await done(room, value)

    assert run.state is RunState.SUCCEEDED, run.error
    assert (dead / 'notes.txt').read_text() == 'abc'
    with pytest.raises(NotFound):
        room.inbox.resolve(value)


async def test_a_path_without_text_is_a_value_that_is_missing_everywhere(room: ControlRoom, tmp_path: Path) -> None:
    profile = await room.profiles.create({'label': 'A', 'defaults': {'folder': ' ', 'source': '', 'into': ''}})
    event = {'pipeline': 'BackupFolder', 'parameters': {'folder': ''}, 'start': '2099-01-01T12:00', 'timezone': 'UTC'}

    for pipeline, name, values, chosen in (
        ('BackupFolder', 'folder', {'folder': ''}, None),
        ('BackupFolder', 'folder', {}, profile.id),
        ('RestoreFolder', 'into', {'into': '  ', 'archive': ''}, None),
        ('PublishVideo', 'video', {'video': ''}, None),
        ('Writer', 'source', {'source': ''}, None),
        ('Writer', 'source', {}, profile.id),
    ):
        with pytest.raises(Invalid) as refused:
            await room.runs.create(pipeline, values, profile=chosen)
        assert refused.value.fields == {name: 'A value is needed here.'}, pipeline
    with pytest.raises(Invalid) as refused:
        await room.editor.create(event)
    assert refused.value.fields['parameters.folder'] == 'A value is needed here.'


async def test_a_path_that_may_be_left_out_may_be_empty(room: ControlRoom) -> None:
    run = await room.runs.create('RunCommand', {'command': ['true'], 'cwd': '', 'script': ' '})

    assert (run.parameters['cwd'], run.parameters['script']) == (None, None)
    assert (await until(room, run.id)).state is RunState.SUCCEEDED


async def test_files_and_folders_are_told_apart_before_a_run_starts(room: ControlRoom, tmp_path: Path) -> None:
    file, folder, missing = tmp_path / 'Flip.txt', tmp_path / 'films', tmp_path / 'missing'
    file.write_text('x')
    folder.mkdir()

    for pipeline, values, wrong in (
        ('BackupFolder', {'folder': str(file)}, f'{file} is a file, not a folder. Choose a folder.'),
        ('BackupFolder', {'folder': str(missing)}, f'There is no folder at {missing}.'),
        ('BackupFolder', {'folder': '.'}, '. is not a full path. Start with / or ~.'),
        ('PublishVideo', {'video': str(folder)}, f'{folder} is a folder, not a file. Choose a file.'),
        ('PublishVideo', {'video': str(missing)}, f'There is no file at {missing}.'),
        ('RestoreFolder', {'into': str(file)}, f'{file} is a file, not a folder. Choose a new folder.'),
        ('RestoreFolder', {'into': 'back'}, 'back is not a full path. Start with / or ~.'),
        ('RunCommand', {'command': ['true'], 'cwd': str(file)}, f'{file} is a file, not a folder. Choose a folder.'),
    ):
        with pytest.raises(Invalid) as refused:
            await room.runs.create(pipeline, values)
        assert list(refused.value.fields.values()) == [wrong]


async def test_a_path_may_start_in_the_home_folder(
    room: ControlRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'notes.txt').write_text('abc')

    created = await room.runs.create('Writer', {'source': '~/notes.txt'})
    with pytest.raises(Invalid) as refused:
        await room.runs.create('Writer', {'source': '~/none.txt'})

    assert created.parameters['source'] == str(tmp_path / 'notes.txt')
    assert refused.value.fields == {'source': f'There is no file at {tmp_path / "none.txt"}.'}
    assert (await until(room, created.id)).state is RunState.SUCCEEDED
