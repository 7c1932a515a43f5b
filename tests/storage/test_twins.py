"""A small file and its copy: one of them is enough, and what both lose is told."""

from pathlib import Path

import pytest

from storage.twins import TwinFile


def twin(path: Path, **options: bool) -> TwinFile:
    return TwinFile(path, lambda content: content.startswith(b'good'), missing='It is gone.', hint='Act.', **options)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    twin(tmp_path / 'key').write(b'good 1')
    return tmp_path / 'key'


def asides(path: Path) -> list[bytes]:
    return [found.read_bytes() for found in path.parent.glob('*.corrupt-*')]


def test_both_are_private_and_what_was_written_comes_back(path: Path) -> None:
    file = twin(path)

    assert file.read() == b'good 1'
    assert file.damage is None
    assert [found.stat().st_mode & 0o777 for found in sorted(path.parent.iterdir())] == [0o600, 0o600]


@pytest.mark.parametrize('damage', [b'', b'bad', b'\0' * 50])
def test_a_damaged_file_is_set_aside_and_comes_back_from_its_copy(path: Path, damage: bytes) -> None:
    path.write_bytes(damage)
    file = twin(path)

    assert file.read() == b'good 1'
    assert path.read_bytes() == b'good 1'
    assert asides(path) == [damage]
    assert file.damage is not None
    assert file.damage.missing == ''
    assert twin(path).read() == b'good 1'


def test_a_damaged_copy_is_written_anew(path: Path) -> None:
    path.with_name('key.copy').write_bytes(b'bad')

    assert twin(path).read() == b'good 1'
    assert path.with_name('key.copy').read_bytes() == b'good 1'


def test_what_both_have_lost_is_told(path: Path) -> None:
    for name in ('key', 'key.copy'):
        path.with_name(name).write_bytes(b'bad')
    file = twin(path)

    assert file.read() is None
    assert file.damage is not None
    assert file.damage.missing == 'It is gone.'
    assert asides(path) == [b'bad']


def test_a_deleted_file_is_lost_or_meant_to_be_made_anew(path: Path) -> None:
    path.unlink()
    assert twin(path, may_be_deleted=True).read() is None
    assert twin(path).read() == b'good 1'


def test_what_must_not_be_replaced_stays_where_it_is(path: Path) -> None:
    for name in ('key', 'key.copy'):
        path.with_name(name).write_bytes(b'bad')
    file = twin(path, is_replaced=False)

    assert file.read() == b'bad'
    assert file.damage is not None
    assert asides(path) == []


def test_a_file_that_a_person_has_edited_is_taken(path: Path) -> None:
    path.write_bytes(b'good 2')

    assert twin(path).read() == b'good 2'
    assert path.with_name('key.copy').read_bytes() == b'good 2'
