"""Files of a run follow the umask of the user who started Synapse; files of Synapse itself are private."""

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.parts.harness import SynapseUnderTest, make_video, open_to_others, wait_until

MOVER = """
import shutil
from pathlib import Path
from synapse import Pipeline, Run, step

class Mover(Pipeline):
    source: Path
    target: str

    @step
    def work(self, run: Run):
        run.shell(['seq', '30000'])
        print('x' * 40_000)
        for number in range(30_000):
            print('line', number)
        (run.workdir / 'made').mkdir()
        (run.workdir / 'made' / 'note.txt').write_text('made by the step')
        kept = run.artifact(run.workdir / 'made' / 'note.txt')
        target = Path(self.target)
        target.mkdir()
        shutil.copy2(kept, target)

    @step
    def deliver(self, run: Run):
        run.shell(['sh', '-c', 'umask'])
        shutil.move(self.source, Path(self.target) / self.source.name)
"""

KEPT = {'alerts.json', 'cache', 'events.json', 'feed', 'inbox', 'lock', 'lock.json', 'logs.db', 'logs.db-shm'}
KEPT |= {'logs.db-wal', 'pipelines', 'profiles.json', 'queue.json', 'runs', 'runs.db', 'runs.db-shm', 'runs.db-wal'}
KEPT |= {'secrets.json', 'sessions.json', 'settings.json', 'token', 'ui', 'url'}


@contextlib.contextmanager
def started(data: Path, umask: int) -> Iterator[SynapseUnderTest]:
    (data / 'pipelines').mkdir(parents=True)
    (data / 'pipelines' / 'mover.py').write_text(MOVER)
    (data / 'pipelines' / 'mover.py').chmod(0o600)  # the user's own file, so its mode is theirs to choose
    program = SynapseUnderTest(data, '--workers', '2', umask=umask).start()
    try:
        yield program
    finally:
        assert program.stop() == 0


def upload(program: SynapseUnderTest, path: Path) -> str:
    with program.api as api, path.open('rb') as file:
        return f'inbox:{api.post("/uploads", files={"file": file}).raise_for_status().json()[0]["id"]}'


def is_warm(program: SynapseUnderTest) -> bool:
    """Whether there is what run hosts are forked from, or a spare."""
    assert program.process is not None
    for child in psutil.Process(program.process.pid).children():
        with contextlib.suppress(psutil.Error):
            if 'synapse.host' in child.cmdline():
                return True
    return False


def succeeded(program: SynapseUnderTest, run: dict[str, Any]) -> dict[str, Any]:
    ended = program.wait_for_run(run['id'])
    assert ended['state'] == 'succeeded', ended['error']
    return ended


def said(program: SynapseUnderTest, run: dict[str, Any]) -> list[str]:
    with program.api as api:
        entries = api.get('/logs', params={'run': run['id'], 'limit': 100}).json()
    return [entry['message'] for entry in entries['entries']]


def modes(folder: Path) -> tuple[set[str], set[str]]:
    """The modes of all folders below a folder, and of all files."""
    found = [path.lstat().st_mode for path in folder.rglob('*')]
    return (
        {oct(mode & 0o777) for mode in found if stat.S_ISDIR(mode)},
        {oct(mode & 0o777) for mode in found if stat.S_ISREG(mode)},
    )


@pytest.mark.parametrize('umask', [0o000, 0o002, 0o022, 0o077])
def test_a_delivery_is_as_readable_as_the_umask_allows_and_the_data_folder_is_private(
    tmp_path: Path, umask: int
) -> None:
    folder, file = oct(0o777 & ~umask), oct(0o666 & ~umask)
    data, out = tmp_path / 'data', tmp_path / 'media'
    out.mkdir()
    video, papers = make_video(tmp_path / 'talk.mp4', seconds=1), tmp_path / 'papers'
    papers.mkdir()
    (papers / 'a.txt').write_text('abc')
    with started(data, umask) as program:
        program.wait_for_pipeline('Mover')
        profile = {'label': 'Media', 'destination': str(out / 'films' / 'new'), 'secrets': {'key': 'hunter2-hunter2'}}
        with program.api as api:
            profile_id = api.post('/profiles', json=profile).raise_for_status().json()['id']
            event = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'title': 'Later'}
            event |= {'start': '2030-01-01T10:00:00', 'timezone': 'UTC'}
            api.post('/scheduler/create', json=event).raise_for_status()
            api.post('/scheduler/feed').raise_for_status()
            assert httpx.post(f'{program.url}auth', json={'code': program.link.split('#')[1]}).status_code == 303
            api.post('/queue/pause').raise_for_status()
            api.post('/queue/resume').raise_for_status()
            wait_until(lambda: is_warm(program), timeout=20)
            small = {'video': upload(program, video), 'height': 480, 'quality': 'draft'}
            wish = {'pipeline': 'PublishVideo', 'parameters': small, 'profile': profile_id}
            published = api.post('/runs', json=wish).raise_for_status().json()
        backup = program.create_run('BackupFolder', folder=str(papers), destination=str(out / 'backups'))
        moved = program.create_run('Mover', source=upload(program, papers / 'a.txt'), target=str(out / 'moved'))
        seen: set[str] = set()

        def are_over() -> bool:
            seen.update(open_to_others(data))
            return all(program.run(run['id'])['finished_at'] for run in (published, backup, moved))

        wait_until(are_over, timeout=60)
        assert seen == set()
        for run in (published, backup, moved):
            succeeded(program, run)
        with program.api as api:
            again = api.post(f'/runs/{published["id"]}/retry', json={'from_step': 'publish'}).json()
            api.get('/logs/export', params={'format': 'jsonl'}).raise_for_status()
        succeeded(program, again)

        assert f'{umask:04o}' in said(program, moved)
        assert open_to_others(data) == []
        assert {path.name for path in data.iterdir()} >= KEPT
        assert (data / 'runs' / moved['id'] / 'long-lines.txt').is_file()

    assert open_to_others(data) == []
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert {path.suffix for path in (out / 'films' / 'new').iterdir()} == {'.mp4', '.jpg', '.srt', '.vtt', '.json'}
    assert (out / 'films' / 'new' / 'talk-2.mp4').is_file()
    assert (out / 'moved' / 'a.txt').read_text() == 'abc'
    assert modes(out) == ({folder}, {file})
