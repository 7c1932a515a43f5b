"""Folders between machines: what is empty, what is a link, and a sender that would reach out of the folder."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from synapse.cluster import files
from synapse.cluster.files import (
    ChangedOnTheWay,
    DamagedOnTheWay,
    Incoming,
    LeftBehind,
    Outgoing,
    left_behind,
    send_file,
)
from synapse.cluster.tree import FOLDER, LINK, NOWHERE, OUTSIDE, Entry, LinkGoesRound
from tests.parts.cluster import Cluster, cluster
from tests.parts.hosts import Bench

pytestmark = pytest.mark.skipif(os.name == 'nt', reason='links need a privilege there')


class Sent:
    """In the place of a `Link`: what is sent goes straight into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kinds: list[str] = []
        self.incoming = Incoming(folder)

    async def send(self, kind: str, *values: Any) -> None:
        self.kinds.append(kind)
        await self.incoming.take(kind, values)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with everything that there is."""
    elsewhere = tmp_path / 'elsewhere'
    (elsewhere / 'inner').mkdir(parents=True)
    (elsewhere / 'film.txt').write_text('a film')
    (elsewhere / 'inner' / 'deep.txt').write_text('deep')
    folder = tmp_path / 'here'
    (folder / 'v1' / 'empty').mkdir(parents=True)
    (folder / 'v1' / 'made.txt').write_text('made')
    (folder / 'latest').symlink_to(folder / 'v1')
    (folder / 'v1' / 'again').symlink_to('made.txt')
    (folder / 'film').symlink_to(elsewhere / 'film.txt')
    (folder / 'library').symlink_to(elsewhere)
    (folder / 'nowhere').symlink_to(elsewhere / 'gone')
    return folder


@pytest.fixture
def there(tmp_path: Path) -> Sent:
    (tmp_path / 'there').mkdir()
    return Sent(tmp_path / 'there')


async def test_links_inside_stay_links_and_what_is_elsewhere_comes_along(here: Path, there: Sent) -> None:
    left: list[Entry] = []
    await send_file(there, here, 'given/0/here', left=left.append)  # type: ignore[arg-type]

    got = there.folder / 'given' / '0' / 'here'
    assert (got / 'v1' / 'empty').is_dir()
    assert [str((got / name).readlink()) for name in ('latest', 'v1/again')] == ['v1', 'made.txt']
    assert (got / 'latest' / 'again').read_text() == 'made'
    assert not (got / 'film').is_symlink()
    assert [(got / name).read_text() for name in ('film', 'library/inner/deep.txt')] == ['a film', 'deep']
    assert not os.path.lexists(got / 'nowhere')
    assert [left_behind(entry) for entry in left] == [
        'nowhere is a link to something that is not there, so it is left out.'
    ]


async def test_of_a_run_a_folder_elsewhere_stays_and_is_named_once(here: Path, there: Sent) -> None:
    (here / 'given').mkdir()
    (here / 'given' / 'input.txt').write_text('input')
    (here / 'used').symlink_to(here / 'given' / 'input.txt')
    left: list[Entry] = []
    outgoing = Outgoing(here, there, left=left.append)  # type: ignore[arg-type]

    await outgoing.send()
    before = len(there.kinds)
    await outgoing.send()
    (here / 'latest').unlink()
    (here / 'latest').symlink_to('v1/empty')
    await outgoing.send()

    assert [(entry.name, entry.kind) for entry in left] == [('library', OUTSIDE), ('nowhere', NOWHERE)]
    assert there.kinds[before:] == [LINK]
    assert str((there.folder / 'latest').readlink()) == 'v1/empty'
    assert (there.folder / 'used').read_text() == 'input'
    assert not (there.folder / 'used').is_symlink()  # what is given is not there for long


async def test_an_empty_folder_given_alone_is_one(tmp_path: Path, there: Sent) -> None:
    (tmp_path / 'nothing').mkdir()

    await send_file(there, tmp_path / 'nothing', 'given/0/nothing')  # type: ignore[arg-type]

    assert list((there.folder / 'given' / '0' / 'nothing').iterdir()) == []


async def test_a_link_around_itself_is_refused_with_its_name(here: Path, there: Sent) -> None:
    (here.parent / 'elsewhere' / 'back').symlink_to(here.parent)

    with pytest.raises(LinkGoesRound, match='back leads to a folder that it is in itself'):
        await send_file(there, here, 'given/0/here')  # type: ignore[arg-type]


async def test_a_folder_in_the_place_of_a_link_does_not_write_through_it(tmp_path: Path, there: Sent) -> None:
    (there.folder / 'v1').mkdir()
    (there.folder / 'v1' / 'made.txt').write_text('old')
    (there.folder / 'latest').symlink_to('v1')
    new = tmp_path / 'new'
    new.mkdir()
    (new / 'made.txt').write_text('new')

    await send_file(there, new, 'latest')  # type: ignore[arg-type]

    assert [(there.folder / name / 'made.txt').read_text() for name in ('v1', 'latest')] == ['old', 'new']


@pytest.mark.parametrize(
    ('name', 'target'),
    [('a', '/etc'), ('a', '..'), ('a/b', '../../x'), ('a', 'b/../../x'), ('a', 'b/../c'), ('../a', 'b')],
)
async def test_a_link_that_leads_out_is_refused(there: Sent, name: str, target: str) -> None:
    with pytest.raises(DamagedOnTheWay):
        await there.send(LINK, name, target)

    assert not any(path.is_symlink() for path in there.folder.rglob('*'))


async def test_links_of_links_lead_nowhere_else(tmp_path: Path, there: Sent) -> None:
    await there.send(FOLDER, 'p/q')
    await there.send(LINK, 'p/q/top', '../..')
    await there.send(LINK, 'p/q/top/out', '../secret')  # which in the folder at the top would be outside of it

    assert not os.path.lexists(there.folder / 'out')
    assert Path(os.path.realpath(there.folder / 'p/q/top/out')).is_relative_to(there.folder)


@pytest.fixture
async def machines(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path / 'machines') as found:
        yield found


async def test_a_run_finds_links_and_leaves_some(machines: Cluster, here: Path, tmp_path: Path) -> None:
    machines.engine.paths_of = lambda job: [here]
    bench = Bench(machines.engine, tmp_path)

    heard, _ = await bench.run_file(LINKS, parameters={'folder': str(here)})

    assert heard.printed[:2] == [
        'nowhere is a link to something that is not there, so it is left out.',
        "['again', 'empty', 'made.txt'] made deep",
    ]
    [_nowhere, warning] = [message for level, _source, message in heard.entries if level == 'warning']
    assert warning.startswith('work/system leads to a folder outside of that of the run')
    [work] = tmp_path.glob('run*/work')
    assert str((work / 'latest').readlink()) == 'v2'
    assert (work / 'latest' / 'hollow').is_dir()
    assert (work / 'used').read_text() == 'made'
    assert not os.path.lexists(work / 'system')


async def test_a_run_whose_input_has_no_end_fails_with_a_sentence(
    machines: Cluster, here: Path, tmp_path: Path
) -> None:
    (here / 'round').symlink_to(here.parent)
    machines.engine.paths_of = lambda job: [here]
    bench = Bench(machines.engine, tmp_path)

    async with asyncio.timeout(20):
        _, outcome = await bench.run_file(LINKS, parameters={'folder': str(here)})

    assert 'round leads to a folder that it is in itself' in outcome.stuck


LINKS = """
import os
from pathlib import Path
from synapse import Pipeline, step


class Work(Pipeline):
    folder: str

    @step
    def go(self, run):
        given, work = Path(self.folder), run.workdir
        print(sorted(os.listdir(given / 'latest')), (given / 'latest' / 'again').read_text(), end=' ')
        print((given / 'library' / 'inner' / 'deep.txt').read_text(), flush=True)
        (work / 'v2' / 'hollow').mkdir(parents=True)
        (work / 'latest').symlink_to(work / 'v2')
        (work / 'used').symlink_to(given / 'v1' / 'made.txt')
        (work / 'system').symlink_to('/usr')
"""


async def test_times_and_modes_of_files_and_folders_arrive(tmp_path: Path, there: Sent) -> None:
    given = tmp_path / 'given'
    (given / 'locked').mkdir(parents=True)
    for path, mode in ((given / 'locked' / 'old.txt', 0o400), (given / 'tool', 0o755)):
        path.write_text('x')
        path.chmod(mode)
        os.utime(path, ns=(OLD_NS, OLD_NS))
    for path, mode in ((given / 'locked', 0o500), (given, 0o750)):
        os.utime(path, ns=(OLD_NS + 1, OLD_NS + 1))
        path.chmod(mode)
    outgoing = Outgoing(tmp_path / 'given', Sent(there.folder / 'back'))  # type: ignore[arg-type]

    await send_file(there, given, 'given/0')  # type: ignore[arg-type]
    await outgoing.send()
    (given / 'locked' / 'old.txt').chmod(0o440)
    await outgoing.send()

    names = ('locked/old.txt', 'tool', 'locked', '')
    assert [dress(there.folder / 'given' / '0' / name) for name in names] == [
        (0o400, OLD_NS), (0o755, OLD_NS), (0o500, OLD_NS + 1), (0o750, OLD_NS + 1),
    ]  # fmt: skip
    assert [dress(there.folder / 'back' / name) for name in names[:3]] == [
        (0o440, OLD_NS), (0o755, OLD_NS), (0o500, OLD_NS + 1),
    ]  # fmt: skip


OLD_NS = 1_000_000_000_123_456_789


def dress(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mode & 0o777, found.st_mtime_ns


async def test_pipes_and_sockets_are_left_out_in_one_sentence(tmp_path: Path, there: Sent) -> None:
    given = tmp_path / 'given'
    given.mkdir()
    for number in range(5):
        os.mkfifo(given / f'pipe{number}')
    said: list[str] = []
    left = LeftBehind(said.append)

    await send_file(there, given, 'given/0', left=left)  # type: ignore[arg-type]
    left.tell()

    assert said == ['5 pipes, sockets or devices cannot travel and are left out: pipe0, pipe1, pipe2 …']


CHANGES = {
    'overwritten': lambda path: write_into(path, b'new'),
    'truncated': lambda path: os.truncate(path, 300_000),
    'grown': lambda path: write_into(path, b'more', 2_000_000),
}


def write_into(path: Path, data: bytes, place: int = 0) -> None:
    with path.open('r+b') as file:
        file.seek(place)
        file.write(data)


@pytest.mark.parametrize('how', CHANGES)
async def test_a_file_that_changes_on_its_way_is_sent_again(
    how: str, tmp_path: Path, there: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, 'AGAIN_SECONDS', (0.01, 0.01))
    film = tmp_path / 'film.bin'
    film.write_bytes(os.urandom(2_000_000))
    left = [CHANGES[how]]

    def told(path: Path, done: int) -> None:
        if done > 600_000 and left:
            left.pop()(path)

    await send_file(there, film, 'given/0/film.bin', told, machine='annex')  # type: ignore[arg-type]

    assert (there.folder / 'given' / '0' / 'film.bin').read_bytes() == film.read_bytes()


async def test_a_file_that_goes_on_changing_fails_with_its_name(
    tmp_path: Path, there: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, 'AGAIN_SECONDS', (0.01, 0.01))
    film = tmp_path / 'film.bin'
    film.write_bytes(b'x' * 1_000_000)

    def told(path: Path, done: int) -> None:
        write_into(path, b'more', path.stat().st_size)

    with pytest.raises(ChangedOnTheWay, match=r'film\.bin was changed while it was sent to annex\.'):
        await send_file(there, film, 'given/0/film.bin', told, machine='annex')  # type: ignore[arg-type]

    assert not (there.folder / 'given' / '0' / 'film.bin').exists()


async def test_a_file_that_vanishes_from_a_folder_on_its_way_fails_with_its_name(
    tmp_path: Path, there: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, 'AGAIN_SECONDS', (0.01, 0.01))
    (tmp_path / 'given').mkdir()
    for name in 'ab':
        (tmp_path / 'given' / name).write_text(name)

    def told(path: Path, done: int) -> None:
        (tmp_path / 'given' / 'b').unlink(missing_ok=True)

    with pytest.raises(ChangedOnTheWay, match=r'given/b was removed while it was sent to annex\.'):
        await send_file(there, tmp_path / 'given', 'given/0', told, machine='annex')  # type: ignore[arg-type]


async def test_a_file_that_is_replaced_on_its_way_arrives_as_it_was(tmp_path: Path, there: Sent) -> None:
    film, new = tmp_path / 'film.bin', tmp_path / 'new.bin'
    film.write_bytes(b'x' * 1_000_000)

    def told(path: Path, done: int) -> None:
        new.write_bytes(b'y' * 1_000_000)
        new.replace(film)

    await send_file(there, film, 'given/0/film.bin', told, machine='annex')  # type: ignore[arg-type]

    assert (there.folder / 'given' / '0' / 'film.bin').read_bytes() == b'x' * 1_000_000


async def test_a_name_of_the_greatest_length_travels_and_files_and_folders_change_places(
    tmp_path: Path, there: Sent
) -> None:
    work = tmp_path / 'work'
    (work / 'one').mkdir(parents=True)
    (work / 'one' / ('x' * 255)).write_text('long')
    (work / 'two').write_text('file')
    outgoing = Outgoing(work, there)  # type: ignore[arg-type]
    await outgoing.send()

    (work / 'two').unlink()
    (work / 'one').rename(work / 'two')
    (work / 'one').write_text('file')
    await outgoing.send()

    assert (there.folder / 'one').read_text() == 'file'
    assert (there.folder / 'two' / ('x' * 255)).read_text() == 'long'


async def test_what_is_not_complete_is_dropped(there: Sent) -> None:
    await there.send('file', 'work/film.bin', 0, b'half')
    there.incoming.drop()

    assert list((there.folder / 'work').iterdir()) == []
