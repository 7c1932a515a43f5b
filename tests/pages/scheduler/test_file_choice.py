"""Which file an event takes: one, the newest in a folder, or one that a person chooses each time."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.scheduler.event.file import NO_MATCH, FileChoice, match_words

NAMES = st.text(st.characters(codec='utf-8', exclude_characters='/', exclude_categories=['Cc', 'Zs']), min_size=1)
FOLDERS = st.lists(NAMES, max_size=3).map(lambda names: '/' + '/'.join(names))


@given(folder=FOLDERS, pattern=NAMES)
def test_a_folder_with_its_pattern_is_read_as_it_was_written(folder: str, pattern: str) -> None:
    choice = FileChoice('newest', folder, pattern, '*.mp4')

    assert FileChoice.of(choice.newest, '*.mp4') == choice


@pytest.mark.parametrize(
    ('value', 'way'),
    [
        ('', 'file'),
        ('/srv/talk.mp4', 'file'),
        ('inbox:abc', 'file'),
        ('ask:', 'ask'),
        ('newest:/srv/*.mp4', 'newest'),
        ('newest:', 'newest'),
    ],
)
def test_a_parameter_says_in_which_way_the_file_is_chosen(value: str, way: str) -> None:
    assert FileChoice.of(value, '*').way == way


def test_another_way_is_offered_with_the_pattern_of_the_pipeline() -> None:
    assert FileChoice.of('', '*.mp4').pattern == '*.mp4'
    assert FileChoice.of('ask:', '*.mp4').pattern == '*.mp4'


def test_a_pattern_that_was_cleared_means_the_usual_one() -> None:
    assert FileChoice('newest', '/srv/media', '', '*.mp4').newest == 'newest:/srv/media/*.mp4'


@pytest.mark.parametrize('folder', ['/srv/media', '/srv/media/', '/srv/media//'])
def test_a_slash_behind_the_folder_makes_no_difference(folder: str) -> None:
    assert FileChoice('newest', folder, '*.mp4').place == '/srv/media/*.mp4'


def test_the_root_is_a_folder_too() -> None:
    assert FileChoice.of('newest:/*.mp4', '*').folder == '/'
    assert FileChoice.of('newest:/*.mp4', '*').newest == 'newest:/*.mp4'


def test_the_newest_file_that_matches_is_named_with_its_size(tmp_path: Path) -> None:
    for age, name in enumerate(('new.mp4', 'old.mp4', 'newer.txt')):
        (tmp_path / name).write_text('12345')
        os.utime(tmp_path / name, (1_000_000 - age, 1_000_000 - age))

    assert match_words(f'newest:{tmp_path}/*.mp4') == 'Right now: new.mp4, 5 B'


@pytest.mark.parametrize('pattern', ['*.mov', 'missing/*.mp4', '['])
def test_a_pattern_without_a_file_says_so(tmp_path: Path, pattern: str) -> None:
    (tmp_path / 'new.mp4').write_text('12345')

    assert match_words(f'newest:{tmp_path}/{pattern}') == NO_MATCH
