from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from synapse.destinations import CHUNK, Destination, DestinationError, check_destination


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / 'source.bin'
    path.write_bytes(b'x' * (2 * CHUNK + 7))
    return path


@pytest.fixture(params=['local', 'file-url', 'memory'])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Destination]:
    address = {'local': str(tmp_path / 'out'), 'file-url': f'file://{tmp_path}/out', 'memory': 'memory://bucket/out'}
    destination = Destination(address[request.param])
    destination.prepare()
    yield destination
    fsspec.filesystem('memory').store.clear()


def test_a_file_arrives_whole(destination: Destination, file: Path) -> None:
    sent: list[int] = []

    address = destination.put(file, 'a.bin', sent=sent.append)

    assert address.endswith('/out/a.bin')
    assert destination.names() == ['a.bin']
    assert destination.open('a.bin').read() == file.read_bytes()
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
    assert len(destination.open('a.bin').read()) > 5


def test_a_file_is_replaced_on_request(destination: Destination, file: Path) -> None:
    destination.put(file, 'a.bin')
    file.write_text('newer')

    destination.put(file, 'a.bin', replace=True)

    assert destination.open('a.bin').read() == b'newer'
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


@pytest.mark.parametrize('address', ['', '  ', 'relative/folder', 'nosuch://host/x', '/tmp/\0'])
def test_an_address_that_leads_nowhere_is_refused(address: str) -> None:
    with pytest.raises(DestinationError) as refused:
        check_destination(address)

    assert refused.value.hint


def test_an_address_is_taken_without_its_spaces() -> None:
    assert check_destination(' s3://bucket/x ') == 's3://bucket/x'
