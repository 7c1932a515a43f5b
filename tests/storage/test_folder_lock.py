"""One owner of a folder at a time, whatever ends it."""

import subprocess
import sys
from pathlib import Path

import pytest

from storage.folder_lock import FolderLock, LockHeld

ROOT = Path(__file__).parents[2]
OWN = """
import sys
from pathlib import Path
from storage.folder_lock import FolderLock
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
