"""Watch folders with real files, real writers and real runs."""

import asyncio
import itertools
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from storage.documents import Documents
from synapse.alerts.alerts import AlertKind
from synapse.control_room import ControlRoom
from synapse.errors import Conflict, Invalid
from synapse.runs.records import RunRecord, RunRequest, RunState
from synapse.watches.records import WaitingState, WatchChanged, WatchView
from synapse.watches.watches import Watches
from tests.parts.api_room import api_room, run_in

SETTLE = 0.3
WRITER = """
import sys, time
with open(sys.argv[1], 'a') as file:
    for _ in range(3):
        file.write('piece of ' + sys.argv[1] + '\\n')
        file.flush()
        print('wrote', flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[ControlRoom]:
    async with api_room(tmp_path / 'data') as room:
        yield room


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / 'drop'
    folder.mkdir()
    return folder


async def watched(room: ControlRoom, folder: Path, **values: object) -> WatchView:
    return await room.watches.create(
        {'folder': str(folder), 'pipeline': 'Reads', 'settle_seconds': SETTLE, **values}, takes_existing=True
    )


async def until(
    room: ControlRoom, view: WatchView, condition: Callable[[WatchView], object], seconds: float = 30
) -> WatchView:
    """Return what the watch folder shows as soon as this holds."""
    changed = asyncio.Event()
    stop = room.bus.subscribe(WatchChanged, lambda _: changed.set())
    try:
        async with asyncio.timeout(seconds):
            while not condition(now := room.watches.get(view.watch.id)):
                changed.clear()
                await changed.wait()
            return now
    finally:
        stop()


async def runs_of(room: ControlRoom) -> list[RunRecord]:
    """Return all runs that have ended, in the order of their numbers."""
    runs = [await run_in(room, run.id) for run in await room.runs.page(limit=500)]
    return sorted(runs, key=lambda run: run.number)


def taken_names(view: WatchView) -> list[str]:
    return [file.name for file in reversed(view.taken)]


async def test_a_file_becomes_a_run_that_has_its_own_copy(room: ControlRoom, folder: Path) -> None:
    view = await watched(room, folder)
    (folder / 'a.txt').write_text('hello')

    view = await until(room, view, lambda now: now.taken)
    [run] = await runs_of(room)

    assert (run.state, run.because, run.subject) == (RunState.SUCCEEDED, f'found in {folder}', 'a.txt')
    assert (view.taken[0].run, view.taken[0].number, view.waiting_count) == (run.id, run.number, 0)
    own = Path(run.parameters['file'])
    assert own == room.runs.folder_of(run.id) / 'work' / 'inputs' / 'a.txt'
    (folder / 'a.txt').write_text('other')
    assert own.read_text() == 'hello'


async def test_a_growing_file_waits_until_its_writer_has_closed_it(room: ControlRoom, folder: Path) -> None:
    view = await watched(room, folder)
    path = folder / 'slow.txt'
    writer = subprocess.Popen(
        [sys.executable, '-c', WRITER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdin is not None
    assert writer.stdout is not None

    def is_(state: WaitingState) -> Callable[[WatchView], bool]:
        return lambda now: [file.state for file in now.waiting] == [state]

    writer.stdout.readline()
    await until(room, view, is_(WaitingState.OPEN))  # unchanged for long enough, but open
    writer.stdin.write('\n')
    writer.stdin.flush()
    grown = await until(room, view, is_(WaitingState.GROWING))
    assert (grown.waiting[0].name, grown.taken) == ('slow.txt', ())
    await until(room, view, is_(WaitingState.OPEN))
    writer.communicate('\n\n')

    await until(room, view, lambda now: now.taken)
    [run] = await runs_of(room)
    assert Path(run.parameters['file']).read_text().count('piece') == 3


@pytest.mark.parametrize(
    'name', ['a.txt.part', 'b.TXT.crdownload', '~$c.txt', '.d.txt', '.e.txt.Xk12Qp', 'f.txt.filepart']
)
async def test_temporary_files_are_left_alone_until_they_get_their_name(
    room: ControlRoom, folder: Path, name: str
) -> None:
    view = await watched(room, folder)
    (folder / name).write_text('part')
    (folder / 'other.txt').write_text('whole')
    await until(room, view, lambda now: now.taken)

    (folder / name).rename(folder / 'done.txt')

    view = await until(room, view, lambda now: len(now.taken) == 2)
    assert taken_names(view) == ['other.txt', 'done.txt']


async def test_each_version_is_taken_once_whatever_it_is_called(room: ControlRoom, folder: Path) -> None:
    view = await watched(room, folder)
    (folder / 'a.txt').write_text('one')
    await until(room, view, lambda now: now.taken)

    (folder / 'a.txt').rename(folder / 'b.txt')  # the same version
    os.link(folder / 'b.txt', folder / 'c.txt')  # and again
    (folder / 'z.txt').write_text('to wait for')
    await until(room, view, lambda now: len(now.taken) == 2)
    (folder / 'b.txt').write_text('two')

    view = await until(room, view, lambda now: len(now.taken) == 3 and not now.waiting)
    assert taken_names(view)[:2] == ['a.txt', 'z.txt']
    assert taken_names(view)[2] in ('b.txt', 'c.txt')
    assert len(await runs_of(room)) == 3


async def test_a_file_that_is_replaced_while_it_settles_is_taken_as_it_ends_up(
    room: ControlRoom, folder: Path, tmp_path: Path
) -> None:
    view = await watched(room, folder, settle_seconds=1)
    (folder / 'a.txt').write_text('first')
    await until(room, view, lambda now: now.waiting)
    (tmp_path / 'second').write_text('second')
    (tmp_path / 'second').replace(folder / 'a.txt')
    (folder / 'gone.txt').write_text('never taken')
    await until(room, view, lambda now: now.waiting_count == 2)
    (folder / 'gone.txt').unlink()

    await until(room, view, lambda now: now.taken and not now.waiting)
    [run] = await runs_of(room)
    assert Path(run.parameters['file']).read_text() == 'second'


async def test_a_run_does_not_use_a_version_it_was_not_created_for(room: ControlRoom, folder: Path) -> None:
    await room.runs.pause_queue()
    view = await watched(room, folder)
    (folder / 'a.txt').write_text('first')
    await until(room, view, lambda now: now.taken)
    (folder / 'a.txt').write_text('second version')
    await until(room, view, lambda now: len(now.taken) == 2)
    await room.runs.resume_queue()

    first, second = await runs_of(room)
    assert first.error is not None
    assert first.error.message == f'The file {folder}/a.txt has changed since it was taken.'
    assert (second.state, Path(second.parameters['file']).read_text()) == (RunState.SUCCEEDED, 'second version')


async def test_links_and_empty_files_are_shown_and_not_taken(room: ControlRoom, folder: Path, tmp_path: Path) -> None:
    (tmp_path / 'secret.txt').write_text('secret')
    view = await watched(room, folder)
    (folder / 'link.txt').symlink_to(tmp_path / 'secret.txt')
    (folder / 'empty.txt').touch()
    (folder / 'a.txt').write_text('a')

    view = await until(room, view, lambda now: now.taken and now.waiting_count == 2)
    assert {(file.name, file.state) for file in view.waiting} == {
        ('link.txt', WaitingState.LINK),
        ('empty.txt', WaitingState.EMPTY),
    }
    assert taken_names(view) == ['a.txt']


async def test_a_folder_that_is_removed_is_said_and_watched_again_when_it_is_back(
    room: ControlRoom, folder: Path
) -> None:
    view = await watched(room, folder)
    (folder / 'a.txt').write_text('a')
    await until(room, view, lambda now: now.taken)
    await runs_of(room)

    shutil.rmtree(folder)
    gone = await until(room, view, lambda now: now.error)
    assert gone.error == f'There is no folder {folder}. It is watched again as soon as it is back.'
    [alert] = [alert for alert in room.alerts if alert.kind is AlertKind.WATCH_STUCK]
    assert (alert.text, alert.is_active) == (gone.error, True)
    folder.mkdir()
    (folder / 'b.txt').write_text('b')
    view = await until(room, view, lambda now: len(now.taken) == 2 and now.error is None)
    (folder / 'c.txt').write_text('c')

    view = await until(room, view, lambda now: len(now.taken) == 3)
    assert taken_names(view) == ['a.txt', 'b.txt', 'c.txt']
    [alert] = [alert for alert in room.alerts if alert.kind is AlertKind.WATCH_STUCK]
    assert not alert.is_active


async def test_a_thousand_files_are_queued_in_the_order_of_their_last_change(
    room: ControlRoom, folder: Path, tmp_path: Path
) -> None:
    await room.runs.pause_queue()
    (tmp_path / 'many').mkdir()
    start = time.time_ns() - 10**12
    for place in range(1000):
        path = tmp_path / 'many' / f'{(place * 7919) % 1000:04}.txt'
        path.write_text('x')
        os.utime(path, ns=(0, start + place * 1_000_001))
    view = await watched(room, folder)
    for path in (tmp_path / 'many').iterdir():
        path.rename(folder / path.name)

    await until(room, view, lambda now: len(room.runs.waiting()) == 1000, seconds=100)
    names = [Path(run.parameters['file']).name for run in room.runs.waiting()]
    # Those that came before the first look are one burst, those after it another.
    changed = [(folder / name).stat().st_mtime_ns for name in names]
    assert len({*names}) == 1000
    assert sum(later < before for before, later in itertools.pairwise(changed)) <= 3


async def test_a_folder_without_notifications_is_looked_at_again_and_again(
    room: ControlRoom, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('synapse.watches.folder.POLL_SECONDS', 0.5)
    polling = Watches(
        Documents(folder.parent / 'polled.json'),
        data=room.settings.data,
        runs=room.runs,
        catalog=room.catalog,
        profiles=room.profiles,
        log=room.log,
        bus=room.bus,
        tells=lambda _: False,
    )
    room.watches = polling
    await polling.start()
    try:
        view = await watched(room, folder)
        assert polling._listener.places() == {}
        (folder / 'a.txt').write_text('a')
        await until(room, view, lambda now: now.taken)
        with (folder / 'a.txt').open('a') as file:
            file.write('more')
        await until(room, view, lambda now: len(now.taken) == 2)
    finally:
        await polling.stop()


async def test_what_is_there_already_can_be_left_alone(room: ControlRoom, folder: Path) -> None:
    (folder / 'old.txt').write_text('old')
    values = {'folder': str(folder), 'pipeline': 'Reads', 'settle_seconds': 0}
    view = await room.watches.create(values, takes_existing=False)
    (folder / 'new.txt').write_text('new')

    view = await until(room, view, lambda now: now.taken)
    assert (taken_names(view), view.waiting) == (['new.txt'], ())


async def test_what_came_while_the_program_was_down_is_taken_and_nothing_twice(tmp_path: Path, folder: Path) -> None:
    async with api_room(tmp_path / 'data') as room:
        view = await watched(room, folder)
        (folder / 'a.txt').write_text('a')
        await until(room, view, lambda now: now.taken)
        await runs_of(room)
    (folder / 'b.txt').write_text('b')

    async with api_room(tmp_path / 'data', is_new=False) as room:
        view = await until(room, view, lambda now: len(now.taken) == 2)
        runs = await runs_of(room)

    assert taken_names(view) == ['a.txt', 'b.txt']
    assert [file.number for file in reversed(view.taken)] == [run.number for run in runs] == [1, 2]


async def test_a_copy_with_the_same_time_is_the_same_version_unless_its_whole_seconds_hide_another(
    room: ControlRoom, folder: Path, tmp_path: Path
) -> None:
    view = await watched(room, folder)

    def put(text: str, mtime_ns: int) -> None:
        """Put another file of the same size and time in its place, as a drive does that is mounted anew."""
        (tmp_path / 'new').write_text(text)
        os.utime(tmp_path / 'new', ns=(mtime_ns, mtime_ns))
        os.link(tmp_path / 'new', tmp_path / f'kept {uuid.uuid4()}')  # so that no later one gets its inode
        (tmp_path / 'new').replace(folder / 'a.txt')

    async def texts_after(marker: str) -> list[str]:
        (folder / marker).write_text(marker)
        await until(room, view, lambda now: now.taken and now.taken[0].name == marker and not now.waiting)
        runs = [run for run in await runs_of(room) if run.subject == 'a.txt']
        return [Path(run.parameters['file']).read_text() for run in runs]

    put('one', 1_700_000_000_123_456_789)
    assert await texts_after('m1.txt') == ['one']
    put('one', 1_700_000_000_123_456_789)
    assert await texts_after('m2.txt') == ['one']
    put('two', 1_700_000_000_000_000_000)
    assert await texts_after('m3.txt') == ['one', 'two']
    put('two', 1_700_000_000_000_000_000)
    assert await texts_after('m4.txt') == ['one', 'two']
    put('new', 1_700_000_000_000_000_000)
    assert await texts_after('m5.txt') == ['one', 'two', 'new']


async def test_a_broken_pipeline_and_a_profile_that_is_needed_are_said(room: ControlRoom, folder: Path) -> None:
    profile = await room.profiles.create({'label': 'Films'})
    view = await watched(room, folder, profile=profile.id)

    with pytest.raises(Conflict) as caught:
        await room.profiles.delete(profile.id)
    assert caught.value.message == f'Films is used by 1 watch folder: {folder}.'

    pipelines = room.settings.data / 'pipelines' / 'samples.py'
    source = pipelines.read_text()
    pipelines.write_text(source.replace('class Reads', 'class Looks'))
    await until_gone(room, 'Reads')
    (folder / 'a.txt').write_text('a')
    view = await until(room, view, lambda now: now.waiting)
    assert view.error == 'The pipeline Reads is gone. Choose another one, or put its file back.'

    pipelines.write_text(source)
    view = await until(room, view, lambda now: now.taken)
    assert view.error is None


async def until_gone(room: ControlRoom, pipeline: str) -> None:
    async with asyncio.timeout(20):
        while room.catalog.find(pipeline) is not None:  # noqa: ASYNC110 - a condition, whatever message it comes with
            await asyncio.sleep(0.02)


INVALID: list[tuple[dict[str, object], str, str]] = [
    ({'folder': 'drop'}, 'folder', 'Give the full path of the folder, such as /srv/media.'),
    ({'folder': '/no/such'}, 'folder', 'There is no folder at /no/such.'),
    (
        {'folder': '/dev'},
        'folder',
        '/dev holds no files, only what the system says of itself. Choose a folder on a disk.',
    ),
    ({'pattern': 'sub/*.txt'}, 'pattern', 'Give a pattern for names, such as *.mp4, without a folder.'),
    ({'pipeline': 'RunCommand'}, 'pipeline', 'Run command takes no file. Choose a pipeline with a parameter for one.'),
    ({'profile': 'nobody'}, 'profile', "No profile has the id 'nobody'."),
    ({'settle_seconds': -1}, 'settle_seconds', 'Must be 0 or more.'),
    ({'parameters': {'file': '/etc/passwd'}}, 'parameters.file', 'This is the file that is found. Leave it out.'),
    ({'colour': 'red'}, 'colour', 'A watch folder has no such field.'),
]


@pytest.mark.parametrize(('values', 'field', 'sentence'), INVALID)
async def test_each_invalid_value_gets_a_sentence(
    room: ControlRoom, folder: Path, values: dict[str, object], field: str, sentence: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await room.watches.create({'folder': str(folder), 'pipeline': 'Reads', **values})
    assert caught.value.fields == {field: sentence}
    assert room.watches.all() == []


async def test_a_pattern_of_files_that_the_pipeline_does_not_take_is_refused(room: ControlRoom, folder: Path) -> None:
    with pytest.raises(Invalid) as caught:
        await room.watches.create({'folder': str(folder), 'pipeline': 'RestoreFolder', 'pattern': '*.tgz, *.txt'})
    assert caught.value.fields['pattern'] == '*.txt is not accepted here. Choose files that end in .gz, .tgz.'


async def test_a_profile_that_delivers_into_the_folder_is_refused(room: ControlRoom, folder: Path) -> None:
    profile = await room.profiles.create({'label': 'Loop', 'destination': str(folder)})
    with pytest.raises(Invalid) as caught:
        await watched(room, folder, profile=profile.id)
    assert caught.value.fields == {
        'folder': 'The profile delivers into this folder, so each result would be taken again.'
    }


@pytest.mark.parametrize('place', ['.', 'pipelines', '..', '/'])
async def test_what_has_the_files_of_synapse_itself_is_refused(room: ControlRoom, tmp_path: Path, place: str) -> None:
    link = tmp_path / 'link'
    link.symlink_to(room.settings.data / place)
    for folder in (room.settings.data / place, link):
        with pytest.raises(Invalid) as caught:
            await watched(room, folder)
        assert 'Synapse' in caught.value.fields['folder']
    assert room.watches.all() == []


async def test_the_newest_file_of_the_data_folder_is_refused(room: ControlRoom, tmp_path: Path) -> None:
    (tmp_path / 'link').symlink_to(room.settings.data)
    for folder in (room.settings.data, tmp_path / 'link'):
        with pytest.raises(Invalid, match='its own files'):
            await room.runs.new.check(RunRequest('Reads', {'file': f'newest:{folder}/*'}))


async def test_two_watch_folders_do_not_do_the_same(room: ControlRoom, folder: Path, tmp_path: Path) -> None:
    (tmp_path / 'link').symlink_to(folder)
    await watched(room, folder, pattern='*.txt')
    other = await watched(room, folder)

    with pytest.raises(Conflict, match='is watched already'):
        await watched(room, tmp_path / 'link', pattern='*.txt')
    with pytest.raises(Conflict, match='is watched already'):
        await room.watches.update(other.watch.id, {'pattern': '*.txt'})
    assert len(room.watches.all()) == 2
