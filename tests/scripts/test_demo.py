"""The demo keeps away from folders that hold something."""

from pathlib import Path

import pytest

from tests.parts.scripts import script


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / 'diary.txt').write_text('Mine.')

    done = script('demo.py', tmp_path)

    assert done.returncode == 2
    assert done.stderr == f'{tmp_path} exists and is not an empty folder. Choose another.\n'
    assert [path.name for path in tmp_path.iterdir()] == ['diary.txt']


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    path = tmp_path / 'file'
    path.touch()

    assert script('demo.py', path).returncode == 2


@pytest.mark.parametrize('days', ['0', '61', 'many'])
def test_days_that_make_no_sense_are_refused(days: str, tmp_path: Path) -> None:
    done = script('demo.py', tmp_path / 'data', '--days', days)

    assert done.returncode == 2
    assert '--days' in done.stderr
    assert not (tmp_path / 'data').exists()
