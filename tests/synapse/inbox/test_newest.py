"""`newest:` in events: only files that have arrived, links and temporary names left out, each version once."""

import errno
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synapse.inbox.arriving import being_written, is_temporary_name
from synapse.inbox.inputs import InputGone
from synapse.inbox.newest import AlreadyTaken, matches, newest_match, resolved

TEMPORARY = [
    'a.part', 'a.mp4.crdownload', 'A.TMP', 'a.mp4.part-Frag12', 'a.filepart', 'a.aria2', 'a.!qB', '~$report.docx',
    '.hidden.mp4', '.holiday.mp4.Xy12Ab', '.syncthing.a.mp4.tmp', '~syncthing~a.mp4.tmp', '.~lock.a.odt#', '#a.txt#',
    'a.txt~', 'Thumbs.db', 'desktop.ini',
]  # fmt: skip


@pytest.mark.parametrize('name', TEMPORARY)
def test_names_of_files_that_are_not_there_yet_are_known(name: str) -> None:
    assert is_temporary_name(name)


@pytest.mark.parametrize('name', ['a.mp4', 'part.mp4', 'my.part.mp4', 'download', 'a~b.txt', 'tmp', '$1.txt'])
def test_other_names_are_left_alone(name: str) -> None:
    assert not is_temporary_name(name)


def written(path: Path, text: str = 'x', *, age: float = 60) -> Path:
    path.write_text(text)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_the_newest_is_found_in_any_case_without_links_and_temporary_files(tmp_path: Path) -> None:
    written(tmp_path / 'old.mp4', age=90)
    new = written(tmp_path / 'NEW.MP4', age=80)
    written(tmp_path / '~$newer.mp4', age=30)
    written(tmp_path / 'newer.mp4.part', age=30)
    written(tmp_path / 'empty.mp4', '', age=30)
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'link.mp4').symlink_to(written(tmp_path / 'elsewhere' / 'secret.mp4', age=1))

    assert newest_match(f'newest:{tmp_path}/*.mp4') == new
    assert newest_match(f'newest:{tmp_path}/*.Mp4') == new


@pytest.mark.skipif(sys.platform != 'linux', reason='only Linux tells')
@pytest.mark.parametrize('opened', ["open(path, 'a')", 'os.open(path, os.O_RDWR)', 'mapped(path)'])
def test_a_file_that_another_program_has_open_for_writing_is_left_out(tmp_path: Path, opened: str) -> None:
    old = written(tmp_path / 'old.txt', age=90)
    new = written(tmp_path / 'new.txt', age=60)
    program = f"""
import ctypes, os, sys
def mapped(path):  # and closed, which Python's own mmap does not do
    file = os.open(path, os.O_RDWR)
    libc = ctypes.CDLL(None)
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.mmap(None, 1, 3, 1, file, 0)
    os.close(file)
path = sys.argv[1]
held = {opened}
print('open', flush=True)
sys.stdin.readline()
"""
    with subprocess.Popen(
        [sys.executable, '-c', program, new], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        assert being_written([old, new]) == {new}
        chosen = resolved({'file': f'newest:{tmp_path}/*.txt'}, 'event 1')
        with pytest.raises(AlreadyTaken) as caught:
            resolved({'file': f'newest:{tmp_path}/*.txt'}, 'event 1', lambda found: found.path == str(old))
        writer.communicate('\n')

    assert chosen.parameters == {'file': str(old)}
    assert caught.value.message == 'It has taken the newest file, old.txt, before. new.txt is still being written.'
    assert being_written([old, new]) == set()
    assert newest_match(f'newest:{tmp_path}/*.txt') == new


@pytest.mark.skipif(sys.platform != 'linux', reason='only Linux tells')
def test_on_a_network_drive_a_refused_lease_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / 'a.txt')
    asked = fcntl.fcntl

    def refused(file: int, command: int, value: int = 0) -> int:
        if command == fcntl.F_SETLEASE:
            raise BlockingIOError(errno.EAGAIN, 'as cifs and nfs4 answer without a delegation')
        return int(asked(file, command, value))

    monkeypatch.setattr('fcntl.fcntl', refused)
    assert being_written([path]) == {path}
    monkeypatch.setattr('synapse.inbox.arriving.is_on_own_disk', lambda _: False)
    assert being_written([path]) == set()
    with path.open('a'):  # the open files of this machine are still seen
        assert being_written([path]) == {path}


def test_reading_a_file_does_not_count_as_writing_it(tmp_path: Path) -> None:
    path = written(tmp_path / 'a.txt')
    with path.open():
        assert being_written([path]) == set()


def test_a_download_with_notes_beside_it_has_not_arrived(tmp_path: Path) -> None:
    written(tmp_path / 'film.mp4', age=30)
    notes = written(tmp_path / 'film.mp4.aria2', age=30)
    assert newest_match(f'newest:{tmp_path}/*.mp4') is None
    with pytest.raises(InputGone) as caught:
        resolved({'file': f'newest:{tmp_path}/*.mp4'}, 'event 1')
    assert caught.value.message == 'film.mp4 is still being written.'

    notes.unlink()
    assert newest_match(f'newest:{tmp_path}/*.mp4') == tmp_path / 'film.mp4'


def test_a_file_that_is_opened_and_closed_for_each_piece_has_not_arrived(tmp_path: Path) -> None:
    old = written(tmp_path / 'old.txt')
    script = 'import sys, time\nwhile True:\n open(sys.argv[1], "a").write("x")\n print(flush=True)\n time.sleep(0.02)'
    with subprocess.Popen([sys.executable, '-c', script, tmp_path / 'new.txt'], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        chosen = resolved({'file': f'newest:{tmp_path}/*.txt'}, 'event 1')
        writer.kill()

    assert chosen.parameters['file'] == str(old)
    assert resolved({'file': f'newest:{tmp_path}/*.txt'}, 'event 1').parameters['file'] == str(tmp_path / 'new.txt')


def test_patterns_are_for_names_in_any_case_and_may_be_several() -> None:
    assert matches('A.MP4', '*.mp4')
    assert matches('a.mov', '*.MP4, *.MOV')
    assert not matches('a.txt', '*.mp4,*.mov')
