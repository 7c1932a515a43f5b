"""Copies are independent of their source, whole or absent, and keep modes, times and links."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import copies
from storage.copies import CopyStopped, break_hard_links, copy
from storage.files import DiskFull, StorageError

MEGABYTE = 1024**2


@pytest.fixture
def umask_027() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=['shared blocks or not', 'within the system', 'through the process'])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way to copy bytes; ways that this file system lacks fall back to the next."""
    if request.param != 'shared blocks or not':
        monkeypatch.setattr(copies, '_is_cloned', lambda *_: False)
    if request.param == 'through the process':
        monkeypatch.setattr(copies.sys, 'platform', 'other')


@pytest.mark.usefixtures('way')
def test_neither_of_source_and_copy_sees_what_is_written_to_the_other(tmp_path: Path) -> None:
    source, target = tmp_path / 'a.mp4', tmp_path / 'b.mp4'
    data = os.urandom(3 * MEGABYTE + 5)
    source.write_bytes(data)

    copy(source, target, sync=True)

    with target.open('r+b') as file:
        file.write(b'changed')
    assert source.read_bytes() == data
    with source.open('ab') as file:
        file.write(b'more')
    assert target.read_bytes() == b'changed' + data[7:]
    assert names(tmp_path) == ['a.mp4', 'b.mp4']


@pytest.mark.usefixtures('way')
def test_holes_stay_holes(tmp_path: Path) -> None:
    source, target = tmp_path / 'disk.img', tmp_path / 'copy.img'
    with source.open('wb') as file:
        file.seek(64 * MEGABYTE)
        file.write(b'in the middle')
        file.truncate(128 * MEGABYTE)

    copy(source, target)

    assert target.stat().st_size == 128 * MEGABYTE
    assert target.stat().st_blocks * 512 < MEGABYTE
    with target.open('rb') as file:
        file.seek(64 * MEGABYTE)
        assert file.read(20) == b'in the middle' + bytes(7)


@pytest.mark.usefixtures('umask_027')
def test_a_copy_has_the_mode_of_its_source_or_that_of_a_new_file(tmp_path: Path) -> None:
    private, script = tmp_path / 'private', tmp_path / 'script'
    for path, bits in ((private, 0o600), (script, 0o700)):
        path.write_text('#!/bin/sh')
        path.chmod(bits)
        os.utime(path, ns=(10**18, 10**18))
        copy(path, path.with_suffix('.same'))
        copy(path, path.with_suffix('.new'), as_new=True)

    assert [mode(path.with_suffix('.same')) for path in (private, script)] == [0o600, 0o700]
    assert [mode(path.with_suffix('.new')) for path in (private, script)] == [0o640, 0o750]
    assert {path.stat().st_mtime_ns for path in tmp_path.iterdir()} == {10**18}


def test_a_copy_that_is_stopped_leaves_nothing_of_itself_and_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, '_is_cloned', lambda *_: False)
    monkeypatch.setattr(copies, 'PIECE_BYTES', MEGABYTE)
    source, target = tmp_path / 'a', tmp_path / 'b'
    source.write_bytes(bytes(4 * MEGABYTE))
    target.write_text('before')
    seen: list[tuple[int, int]] = []

    def watch(_: Path, done: int, size: int) -> bool:
        seen.append((done, size))
        return done < 2 * MEGABYTE

    with pytest.raises(CopyStopped):
        copy(source, target, watch=watch)

    assert seen == [(0, 4 * MEGABYTE), (MEGABYTE, 4 * MEGABYTE), (2 * MEGABYTE, 4 * MEGABYTE)]
    assert names(tmp_path) == ['a', 'b']
    assert target.read_text() == 'before'


@pytest.mark.parametrize('what', ['file', 'folder'])
def test_a_disk_that_becomes_full_on_the_way_is_named_and_leaves_nothing(tmp_path: Path, what: str) -> None:
    source = tmp_path / 'a'
    if what == 'folder':
        source.mkdir()
    (source / 'big' if what == 'folder' else source).write_bytes(bytes(2 * MEGABYTE))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, hard))
    try:
        with pytest.raises(DiskFull, match=r'No room is left on the disk for .*/(a|a/big);'):
            copy(source, tmp_path / 'b')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    assert names(tmp_path) == ['a']


def test_a_copy_that_cannot_fit_is_refused_before_its_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / 'film.mp4'
    source.write_bytes(bytes(MEGABYTE))
    monkeypatch.setattr(copies, '_is_cloned', lambda *_: False)
    monkeypatch.setattr(copies, 'free_bytes', lambda _: 1000)

    with pytest.raises(DiskFull, match=r'film.mp4 takes 1,048,576 bytes, but only 1,000 are free'):
        copy(source, tmp_path / 'b', watch=lambda *_: pytest.fail('it began'))

    assert names(tmp_path) == ['film.mp4']


def test_a_folder_is_copied_with_its_links_and_without_its_sockets(tmp_path: Path) -> None:
    source, target = tmp_path / 'old', tmp_path / 'new'
    (source / 'in' / 'empty').mkdir(parents=True)
    (source / 'in' / 'a.txt').write_text('abc')
    (source / 'whole').symlink_to(source / 'in' / 'a.txt')
    (source / 'relative').symlink_to('in/a.txt')
    (source / 'out').symlink_to('/etc/hostname')
    (source / 'nowhere').symlink_to('gone')
    os.mkfifo(source / 'pipe')
    (source / '.0123456789ab.part').write_text('half of a copy that a crash cut short')
    (source / 'in').chmod(0o500)

    copy(source, target)
    (target / 'in').chmod(0o700)
    (target / 'whole').write_text('changed')

    assert names(target) == ['in', 'nowhere', 'out', 'relative', 'whole']
    assert (target / 'relative').read_text() == 'changed'
    assert (source / 'in' / 'a.txt').read_text() == 'abc'
    assert (target / 'out').readlink() == Path('/etc/hostname')
    assert names(target / 'in') == ['a.txt', 'empty']
    assert mode(source / 'in') == 0o500
    (source / 'in').chmod(0o700)


@pytest.mark.parametrize('what', ['pipe', 'missing'])
def test_what_is_not_a_file_is_an_error_at_once(tmp_path: Path, what: str) -> None:
    os.mkfifo(tmp_path / 'pipe')

    with pytest.raises(StorageError, match=f'There is neither a file nor a folder at .*{what}'):
        copy(tmp_path / what, tmp_path / 'b')


def test_a_file_that_shrinks_while_it_is_copied_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, '_is_cloned', lambda *_: False)
    source = tmp_path / 'a'
    source.write_bytes(bytes(MEGABYTE))

    def watch(*_: object) -> bool:
        os.truncate(source, 10)
        return True

    with pytest.raises(StorageError, match='became shorter'):
        copy(source, tmp_path / 'b', watch=watch)

    assert names(tmp_path) == ['a']


@pytest.mark.usefixtures('umask_027')
def test_a_file_with_two_names_becomes_two_files_and_one_with_one_name_stays_in_its_place(tmp_path: Path) -> None:
    first, second = tmp_path / 'first', tmp_path / 'second'
    first.write_text('abc')
    first.chmod(0o600)
    second.hardlink_to(first)

    break_hard_links(second)
    number = second.stat().st_ino
    break_hard_links(second)

    assert number != first.stat().st_ino
    assert second.stat().st_ino == number
    assert (mode(first), mode(second)) == (0o600, 0o640)
    assert names(tmp_path) == ['first', 'second']
