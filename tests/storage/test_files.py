import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.files import (
    DiskFull,
    IncomingFile,
    StorageError,
    free_bytes,
    make_private_folder,
    remove_leftovers,
    write_atomically,
)


def test_a_write_replaces_the_whole_file_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / 'token'
    write_atomically(path, b'a much longer first text')

    write_atomically(path, b'second')

    assert path.read_bytes() == b'second'
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_no_leftover(tmp_path: Path) -> None:
    path = tmp_path / 'file'
    write_atomically(path, b'old')
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(DiskFull, match='nothing was saved'):
            write_atomically(path, b'x' * 2000)
        incoming = IncomingFile(tmp_path / 'other')
        with pytest.raises(DiskFull):
            incoming.write(b'x' * 2000)
        incoming.discard()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]


def test_other_refusals_of_the_disk_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match='missing') as caught:
        write_atomically(tmp_path / 'missing' / 'file', b'x')

    assert not isinstance(caught.value, DiskFull)


def test_a_private_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    folder = tmp_path / 'a' / 'b'
    make_private_folder(folder)
    make_private_folder(folder)

    assert [made.stat().st_mode & 0o777 for made in (folder, folder.parent)] == [0o700, 0o700]
    assert free_bytes(folder) > 0


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / 'data').touch()

    with pytest.raises(StorageError, match='data'):
        make_private_folder(tmp_path / 'data')


def test_only_leftovers_of_interrupted_writes_are_removed(tmp_path: Path) -> None:
    for name in ('a.part', 'b.json.12.tmp', 'keep.json'):
        (tmp_path / name).touch()
    (tmp_path / 'folder.tmp').mkdir()

    gone = remove_leftovers(tmp_path)

    assert [path.name for path in gone] == ['a.part', 'b.json.12.tmp']
    assert sorted(path.name for path in tmp_path.iterdir()) == ['folder.tmp', 'keep.json']
    assert remove_leftovers(tmp_path / 'nowhere') == []


def test_an_incoming_file_is_in_its_place_only_when_whole(tmp_path: Path) -> None:
    incoming = IncomingFile(tmp_path / 'video')
    incoming.write(b'ab')
    incoming.write(b'cd')
    assert [path.name for path in tmp_path.iterdir()] == ['video.part']

    incoming.commit()
    incoming.discard()

    assert [path.name for path in tmp_path.iterdir()] == ['video']
    assert (tmp_path / 'video').read_bytes() == b'abcd'
    assert incoming.size == 4


def test_a_file_that_several_threads_write_at_once_is_that_of_one_of_them(tmp_path: Path) -> None:
    path, texts = tmp_path / 'file', [bytes([65 + number]) * 5000 for number in range(8)]

    def write(text: bytes) -> None:
        for _ in range(20):
            write_atomically(path, text, sync=False)

    with ThreadPoolExecutor(len(texts)) as pool:
        list(pool.map(write, texts))

    assert path.read_bytes() in texts
    assert list(tmp_path.iterdir()) == [path]
