"""Folders between machines: what is empty, what is a link, and a sender that would reach out of the folder."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from synapse.cluster.files import DamagedOnTheWay, Incoming, Outgoing, left_behind, send_file
from synapse.cluster.tree import FOLDER, LINK, NOWHERE, OUTSIDE, Entry, LinkGoesRound
from tests.parts.cluster import Cluster, cluster
from tests.parts.hosts import Bench

pytestmark = pytest.mark.skipif(os.name == 'nt', reason='links need a privilege there')


class Sent:
    """In the place of a `Link`: what is sent goes straight into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kinds: list[str] = []
        self._incoming = Incoming(folder)

    async def send(self, kind: str, *values: Any) -> None:
        self.kinds.append(kind)
        await self._incoming.take(kind, values)


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
