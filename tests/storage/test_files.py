import resource
import subprocess
import sys
from pathlib import Path

import pytest

from storage.files import (
    DiskFull,
    FolderLock,
    IncomingFile,
    LockHeld,
    StorageError,
    free_bytes,
    make_private_folder,
    remove_leftovers,
    write_atomically,
)

ROOT = Path(__file__).parents[2]
OWN = """
import sys
from pathlib import Path
from storage.files import FolderLock
lock = FolderLock(Path(sys.argv[1]))
lock.acquire({'pid': 1, 'url': 'http://127.0.0.1:8000/'})
print('owned', flush=True)
sys.stdin.read()
"""


def owner_of(folder: Path) -> 'subprocess.Popen[str]':
    process = subprocess.Popen(
        [sys.executable, '-c', OWN, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == 'owned\n'
    return process


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


def test_a_second_owner_learns_who_the_first_is(tmp_path: Path) -> None:
    with owner_of(tmp_path) as first:
        with pytest.raises(LockHeld) as caught:
            FolderLock(tmp_path).acquire({'pid': 2})
        first.kill()

    assert caught.value.info == {'pid': 1, 'url': 'http://127.0.0.1:8000/'}


def test_the_lock_of_a_killed_owner_is_free_at_once(tmp_path: Path) -> None:
    with owner_of(tmp_path) as first:
        first.kill()
        first.wait()
        lock = FolderLock(tmp_path)
        lock.acquire({'pid': 2})

    with pytest.raises(LockHeld) as caught:
        FolderLock(tmp_path).acquire({'pid': 3})
    assert caught.value.info == {'pid': 2}
    lock.release()


def test_a_released_lock_can_be_acquired_and_shows_the_updated_info(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    lock.acquire({'pid': 1})
    lock.update({'pid': 1, 'url': 'http://x/'})
    with pytest.raises(LockHeld) as caught:
        FolderLock(tmp_path).acquire({})
    assert caught.value.info['url'] == 'http://x/'

    lock.release()
    lock.release()

    other = FolderLock(tmp_path)
    other.acquire({})
    other.release()
