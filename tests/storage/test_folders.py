"""Folders are measured and removed as a whole, a little at a time, and nothing outside is touched."""

import os
from pathlib import Path

import pytest

from storage.folders import folder_size, remove_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of 1,000 bytes, one with a second hard link, and a link that leads outside."""
    outside = tmp_path / 'outside'
    outside.mkdir()
    (outside / 'kept.txt').write_bytes(b'o' * 500)
    folder = tmp_path / 'run'
    (folder / 'work' / 'deep').mkdir(parents=True)
    (folder / 'one').write_bytes(b'1' * 1000)
    (folder / 'work' / 'two').write_bytes(b'2' * 1000)
    os.link(folder / 'work' / 'two', folder / 'work' / 'deep' / 'two again')
    (folder / 'work' / 'out').symlink_to(outside)
    return folder


def test_a_file_with_two_names_counts_once(folder: Path) -> None:
    link = (folder / 'work' / 'out').lstat().st_size

    assert folder_size(folder) == 2000 + link
    assert folder_size(folder / 'not there') == 0


def test_all_of_a_folder_goes_and_nothing_that_a_link_leads_to(folder: Path) -> None:
    os.link(folder / 'one', folder.parent / 'another name')

    freed = remove_folder(folder)

    assert not folder.exists()
    assert (folder.parent / 'outside' / 'kept.txt').exists()
    assert 1000 <= freed < 1500, 'what has another name elsewhere frees nothing'


def test_a_link_in_place_of_a_folder_goes_alone(folder: Path) -> None:
    link = folder.parent / 'link'
    link.symlink_to(folder)

    assert remove_folder(link) == 0

    assert not link.is_symlink()
    assert (folder / 'one').exists()


def test_what_a_step_made_read_only_goes_as_well(folder: Path) -> None:
    (folder / 'work' / 'two').chmod(0o400)
    (folder / 'work').chmod(0o500)

    remove_folder(folder)

    assert not folder.exists()


def test_what_was_stopped_half_way_goes_with_the_next_call(tmp_path: Path) -> None:
    folder = tmp_path / 'run'
    folder.mkdir()
    for number in range(350):
        (folder / f'{number}').touch()

    remove_folder(folder, should_continue=lambda: False)
    left = len(list(folder.iterdir()))
    remove_folder(folder)

    assert left == 250
    assert not folder.exists()


def test_removing_what_is_already_gone_does_nothing(tmp_path: Path) -> None:
    assert remove_folder(tmp_path / 'never was') == 0
