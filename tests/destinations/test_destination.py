import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from synapse.destinations import CHUNK, Destination, DestinationError, leftovers
from synapse.destinations.server import Entry


class Shelf(MemoryFileSystem):
    """A file system of fsspec that Synapse has no module for."""

    protocol = ('shelf',)
    store: ClassVar[dict[str, Any]] = {}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / 'source.bin'
    path.write_bytes(b'x' * (2 * CHUNK + 7))
    return path


@pytest.fixture(params=['local', 'file-url', 'other'])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Destination]:
    fsspec.register_implementation('shelf', Shelf, clobber=True)
    address = {'local': str(tmp_path / 'out'), 'file-url': f'file://{tmp_path}/out', 'other': 'shelf://bucket/out'}
    destination = Destination(address[request.param])
    destination.prepare()
    yield destination
    Shelf.store.clear()


def content(destination: Destination, name: str) -> bytes:
    with destination.open(name) as file:
        return bytes(file.read())


def test_a_file_arrives_whole(destination: Destination, file: Path) -> None:
    sent: list[int] = []

    address = destination.put(file, 'a.bin', sent=sent.append)

    assert address.endswith('/out/a.bin')
    assert destination.names() == ['a.bin']
    assert content(destination, 'a.bin') == file.read_bytes()
    assert sent == [CHUNK, 2 * CHUNK, 2 * CHUNK + 7]


def test_nothing_is_left_of_an_aborted_delivery(destination: Destination, file: Path) -> None:
    def break_off(sent: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        destination.put(file, 'a.bin', sent=break_off)

    assert destination.names() == []


def test_a_name_taken_in_the_meantime_is_not_overwritten(destination: Destination, file: Path) -> None:
    destination.put(file, 'a.bin')
    file.write_text('newer')

    with pytest.raises(DestinationError, match='already exists'):
        destination.put(file, 'a.bin')

    assert destination.names() == ['a.bin']
    assert len(content(destination, 'a.bin')) > 5


def test_a_file_is_replaced_on_request(destination: Destination, file: Path) -> None:
    destination.put(file, 'a.bin')
    file.write_text('newer')

    destination.put(file, 'a.bin', replace=True)

    assert content(destination, 'a.bin') == b'newer'
    assert destination.names() == ['a.bin']


def test_a_free_name_is_free_for_all_suffixes(destination: Destination, file: Path) -> None:
    destination.put(file, 'a.mp4')
    destination.put(file, 'a-2.srt')

    assert destination.free_stem('a', ('.mp4', '.srt'), 'rename') == 'a-3'
    assert destination.free_stem('a', ('.mp4', '.srt'), 'replace') == 'a'
    assert destination.free_stem('b', ('.mp4', '.srt'), 'refuse') == 'b'
    with pytest.raises(DestinationError):
        destination.free_stem('a', ('.mp4', '.srt'), 'refuse')


def test_a_full_disk_is_reported_in_a_sentence_and_leaves_nothing(tmp_path: Path, file: Path) -> None:
    resource = pytest.importorskip('resource')
    destination = Destination(str(tmp_path / 'out'))
    destination.prepare()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (CHUNK, limits[1]))
    try:
        with pytest.raises(DestinationError, match='cannot be written: File too large'):
            destination.put(file, 'a.bin')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert list((tmp_path / 'out').iterdir()) == []


def test_the_input_of_the_run_is_not_replaced(tmp_path: Path, file: Path) -> None:
    (tmp_path / 'link').symlink_to(tmp_path)
    destination = Destination(str(tmp_path / 'link'), inputs=[file])

    with pytest.raises(DestinationError, match='is the input of this run'):
        destination.free_stem('source', ('.bin',), 'replace')
    with pytest.raises(DestinationError, match='is the input of this run'):
        destination.put(file, 'source.bin', replace=True)

    assert file.stat().st_size == 2 * CHUNK + 7
    assert destination.put(file, 'other.bin', replace=True)


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write into any folder')
def test_a_folder_that_may_only_be_read_is_found_by_the_check(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DestinationError, match='Permission denied'):
            Destination(str(tmp_path)).check_name('film.mp4')
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_is_a_file_is_found_by_the_check(file: Path) -> None:
    with pytest.raises(DestinationError, match=f'cannot be written: {file} is a file, not a folder'):
        Destination(str(file)).check_name('film.mp4')


def test_a_name_that_is_too_long_is_found_by_the_check(destination: Destination) -> None:
    if destination.is_local:
        with pytest.raises(DestinationError, match='File name too long'):
            destination.check_name('x' * 260)

    destination.check_name('x' * 200 + '.json')
    assert destination.names() == []


def entry(name: str, *, days_old: float = 0) -> Entry:
    return Entry(name, 1, time.time() - 86_400 * days_old)


def test_only_what_no_living_process_writes_counts_as_left_behind() -> None:
    own = leftovers.new_part()
    machine, pid, started = own.split('-')[1:4]
    other = f'.synapse-{"0" * 8}-{pid}-{started}-01234567.part'
    dead = f'.synapse-{machine}-{pid}-{int(started) + 1}-01234567.part'
    parent = f'.synapse-{machine}-{os.getppid()}-{leftovers._started(os.getppid())}-01234567.part'
    leftovers.hold(own)
    try:
        assert leftovers.left_behind(map(entry, [own, other, parent, 'film.mp4', '.hidden'])) == []
        assert leftovers.left_behind([entry(dead), entry(f'{dead[:-5]}~film.mp4')]) == [dead, f'{dead[:-5]}~film.mp4']
    finally:
        leftovers.release(own)
    assert leftovers.left_behind([entry(own)]) == [own]
    assert leftovers.left_behind([entry(other, days_old=8), entry('.a.mp4.01234567.part', days_old=8)]) != []
    assert leftovers.left_behind([entry('.a.mp4.01234567.part')]) == []


def test_a_folder_of_the_name_is_not_replaced_and_what_to_do_is_said(tmp_path: Path, file: Path) -> None:
    (tmp_path / 'film.mp4').mkdir()
    destination = Destination(str(tmp_path))

    for work in (
        lambda: destination.free_stem('film', ('.mp4', '.json'), 'replace'),
        lambda: destination.put(file, 'film.mp4', replace=True),
    ):
        with pytest.raises(DestinationError, match=r'film\.mp4 is a folder, which no file replaces') as refused:
            work()
        assert refused.value.hint == 'Move it away, or let the new file be renamed.'
