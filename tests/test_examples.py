"""The examples, each copied as a person does and run with the real programs that it is for."""

import asyncio
import json
import os
import runpy
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from synapse.catalog.catalog import PipelinesChanged
from synapse.catalog.examples import EXAMPLES, Example, copy_example
from synapse.errors import Conflict
from synapse.runs.messages import RunChanged
from tests.parts.clips import Clips
from tests.parts.program_runs import Programs, Ran, need
from tests.parts.receivers import mail_server
from tests.programs.conftest import programs, website

__all__ = ['programs', 'website']


@pytest.fixture(autouse=True)
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that are installed beside this Python are found, by the control room too: it comes after."""
    monkeypatch.setenv('PATH', f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}')


async def copied(programs: Programs, file: str, pipeline: str) -> Example:
    """Copy an example into the folder of the control room, and wait until it can be run."""
    example = next(item for item in EXAMPLES if item.file == file)
    room = programs.room
    news = asyncio.ensure_future(
        room.bus.next(PipelinesChanged, timeout=20, where=lambda message: pipeline in message.names)
    )
    await asyncio.sleep(0)
    copy_example(example, room.settings.data / 'pipelines')
    await news
    info = room.catalog.get(pipeline)
    assert info.is_runnable
    assert info.title == example.title
    assert info.description
    assert not [name for name, field in info.schema['properties'].items() if not field.get('description')]
    return example


async def answered(programs: Programs, pipeline: str, answer: str, **parameters: Any) -> Ran:
    """Run a pipeline, answering its question once it asks."""
    room = programs.room

    async def reply(id: str) -> None:
        run = await room.runs.get(id)
        if run.question is None:
            news = await room.bus.next(
                RunChanged, timeout=60, where=lambda message: message.run.id == id and message.run.question is not None
            )
            run = news.run
        assert run.question is not None
        await room.runs.answer(id, run.question.id, answer, by='the test')

    return await programs.run_pipeline(pipeline, meanwhile=reply, **parameters)


def picture(path: Path, color: str = 'red') -> Path:
    draw = ['-v', 'error', '-f', 'lavfi', '-i', f'color={color}:s=640x360', '-frames:v', '1', str(path)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *draw], check=True)
    return path


def test_every_file_of_the_folder_is_offered() -> None:
    assert sorted(path.name for path in EXAMPLES[0].path.parent.glob('*.py')) == sorted(item.file for item in EXAMPLES)


def test_a_file_of_that_name_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / EXAMPLES[0].file).write_text('# mine')

    with pytest.raises(Conflict, match='already'):
        copy_example(EXAMPLES[0], tmp_path)

    assert (tmp_path / EXAMPLES[0].file).read_text() == '# mine'


async def test_back_up_with_restic(programs: Programs, tmp_path: Path) -> None:
    need('restic')
    await copied(programs, 'restic_backup.py', 'ResticBackup')
    letters = tmp_path / 'letters'
    letters.mkdir()
    (letters / 'one.txt').write_text('Dear reader')
    (letters / 'draft.tmp').write_text('no')
    given = {'folder': str(letters), 'repository': str(tmp_path / 'kept'), 'password': 'open sesame'}

    ran = [await programs.run_pipeline('ResticBackup', **given) for _ in range(2)]

    assert [item.state for item in ran] == ['succeeded'] * 2, ran[0].error or ran[1].error
    environment = os.environ | {'RESTIC_PASSWORD': 'open sesame', 'RESTIC_REPOSITORY': given['repository']}
    asked = [['restic', 'snapshots', '--json'], ['restic', 'ls', 'latest']]
    snapshots, files = (subprocess.check_output(command, env=environment, text=True) for command in asked)
    assert len(json.loads(snapshots)) == 1  # of the same day
    assert 'one.txt' in files
    assert 'draft.tmp' not in files
    assert not [entry for item in ran for entry in item.entries if 'open sesame' in entry.message]


async def test_new_episodes(programs: Programs, website: tuple[str, Path], tmp_path: Path) -> None:
    need('yt_dlp')
    await copied(programs, 'new_episodes.py', 'NewEpisodes')
    address, folder = website
    (tmp_path / 'clips').mkdir()
    (folder / 'one.mp4').write_bytes(Clips(tmp_path / 'clips').get('plain').read_bytes())
    item = f'<item><title>The first</title><link>{address}one.mp4</link></item>'
    (folder / 'feed.xml').write_text(
        f'<?xml version="1.0"?><rss version="2.0"><channel><title>Mine</title>{item}</channel></rss>'
    )
    shelf = tmp_path / 'shelf'
    shelf.mkdir()

    ran = [await programs.run_pipeline('NewEpisodes', address=f'{address}feed.xml', folder=str(shelf)) for _ in (1, 2)]

    assert [item.state for item in ran] == ['succeeded'] * 2, ran[0].error or ran[1].error
    [episode] = shelf.glob('*.mp4')
    assert episode.read_bytes() == (folder / 'one.mp4').read_bytes()
    assert [item.run.steps[0].note for item in ran] == ['1 new', 'nothing new']


async def test_photos_by_date(programs: Programs, tmp_path: Path) -> None:
    need('exiftool')
    await copied(programs, 'photos_by_date.py', 'PhotosByDate')
    source, library = tmp_path / 'card', tmp_path / 'library'
    (source / 'deep').mkdir(parents=True)
    library.mkdir()
    taken = [picture(source / 'a.JPG'), picture(source / 'deep' / 'b.jpg', 'blue')]
    subprocess.run(
        ['exiftool', '-q', '-overwrite_original', '-DateTimeOriginal=2024:05:01 10:11:12', *map(str, taken)],
        check=True,
    )
    scan = picture(source / 'scan.png')
    os.utime(scan, (0, datetime(2022, 6, 15, 12).timestamp()))
    (source / 'notes.txt').write_text('stays')

    ran = await answered(programs, 'PhotosByDate', 'Move', source=str(source), library=str(library))

    assert ran.state == 'succeeded', ran.error
    assert sorted(path.relative_to(library).as_posix() for path in library.rglob('*.*')) == [
        '2022/2022-06/2022-06-15 12.00.00.png',
        '2024/2024-05/2024-05-01 10.11.12-2.jpg',
        '2024/2024-05/2024-05-01 10.11.12.jpg',
    ]
    assert [path.name for path in source.rglob('*.*')] == ['notes.txt']


async def test_small_copies_of_photos(programs: Programs, tmp_path: Path) -> None:
    await copied(programs, 'small_photos.py', 'SmallPhotos')
    photos, small = tmp_path / 'photos', tmp_path / 'photos' / 'small'
    (photos / 'may').mkdir(parents=True)
    small.mkdir()
    picture(photos / 'may' / 'one.png')
    (photos / 'torn.jpg').write_bytes(b'no picture')

    ran = await programs.run_pipeline('SmallPhotos', folder=str(photos), target=str(small), side=100)

    assert ran.state == 'failed'
    assert 'torn.jpg' in ran.error
    assert [path.relative_to(small).as_posix() for path in small.rglob('*.*')] == ['may/one.jpg']
    asked = [imageio_ffmpeg.get_ffmpeg_exe(), '-hide_banner', '-i', str(small / 'may' / 'one.jpg')]
    assert '100x56' in subprocess.run(asked, capture_output=True, text=True, check=False).stderr


async def test_a_report_is_mailed_once_it_is_approved(programs: Programs, tmp_path: Path) -> None:
    await copied(programs, 'sales_report.py', 'SalesReport')
    table = tmp_path / 'May.csv'
    table.write_text('\ufeffProduct;Amount\nTea;1.234,50\nCoffee;10\nTea;0,50\n', encoding='utf-8')

    with mail_server() as server:
        given = {'table': str(table), 'to': 'team@example.org', 'sender': 'ada@example.org'}
        given['server'] = f'127.0.0.1:{server.port}'
        ran = await answered(programs, 'SalesReport', 'Send', **given)
        assert ran.state == 'succeeded', ran.error
        [mail] = server.wait()

    assert mail['Subject'] == 'Report: May'
    [report] = mail.iter_attachments()
    assert '<td>Tea<td>1,235.00' in report.get_content()
    assert [item.name for item in ran.run.artifacts] == ['report.html']


async def test_a_website_that_is_down_is_named(programs: Programs, website: tuple[str, Path]) -> None:
    example = await copied(programs, 'websites.py', 'Websites')
    address, folder = website
    (folder / 'index.html').write_text('Welcome')

    up = await programs.run_pipeline('Websites', sites=[address], words='Welcome')
    assert up.state == 'succeeded', up.error

    watch = runpy.run_path(str(example.path))['Websites'](sites=[address])
    assert watch.problem_of(address) == ''
    assert watch.problem_of(f'{address}gone') == '404 File not found'
    assert watch.problem_of('http://127.0.0.1:9/') == '[Errno 111] Connection refused'
