"""What a run on another machine may do to folders of this one."""

import errno
from pathlib import Path
from typing import Any

import pytest

from synapse.destinations.home import carry_out


def asked(tmp: Path, what: str, **values: Any) -> dict[str, Any]:
    job = {'profile': {'destination': str(tmp / 'given')}, 'parameters': {'other': str(tmp / 'chosen'), 'count': 5}}
    return carry_out({'what': what, 'folder': str(tmp / 'given'), **values}, tmp / 'home', job)


def test_the_folders_that_the_run_was_given_are_open_to_it(tmp_path: Path) -> None:
    for name in ('given', 'chosen'):
        made = asked(tmp_path, 'make_folder', folder=str(tmp_path / name))
        assert made == {'value': [str(tmp_path / name)]}
    (tmp_path / 'given' / 'a').write_text('12345')

    assert asked(tmp_path, 'size', name='a') == {'value': 5}
    assert asked(tmp_path, 'get', name='a', file='x') == {'value': None, 'path': str(tmp_path / 'given' / 'a')}
    assert asked(tmp_path, 'rename', part='a', name='b', replace=False) == {'value': None}
    assert asked(tmp_path, 'size', name='a') == {'value': None}
    assert asked(tmp_path, 'remove', name='a')['error'][0] == errno.ENOENT
    assert asked(tmp_path, 'remove', name='b') == {'value': None}
    assert asked(tmp_path, 'remove_folder', path=str(tmp_path / 'given')) == {'value': None}


@pytest.mark.parametrize(
    'values',
    [
        {'what': 'entries', 'folder': '/etc'},
        {'what': 'entries', 'folder': 'None'},
        {'what': 'entries', 'folder': '5'},
        {'what': 'get', 'name': '../secret', 'file': 'x'},
        {'what': 'remove', 'name': '..'},
        {'what': 'rename', 'part': '../secret', 'name': 'a', 'replace': True},
        {'what': 'remove_folder', 'path': '/somewhere/else'},
    ],
)
def test_nothing_else_is(tmp_path: Path, values: dict[str, Any]) -> None:
    (tmp_path / 'given').mkdir()
    (tmp_path / 'secret').write_text('mine')

    answer = asked(tmp_path, **values)

    assert answer['error'][0] == errno.EPERM
    assert (tmp_path / 'secret').read_text() == 'mine'


def test_a_file_on_its_way_is_taken_from_its_own_folder_only(tmp_path: Path) -> None:
    (tmp_path / 'given').mkdir()
    (tmp_path / 'home').mkdir()
    (tmp_path / 'secret').write_text('mine')
    (tmp_path / 'home' / 'x').write_text('sent')

    assert asked(tmp_path, 'put', name='a', file='x') == {'value': None}
    assert (tmp_path / 'given' / 'a').read_text() == 'sent'
    assert asked(tmp_path, 'put', name='b', file='../secret')['error'][0] == errno.ENOENT
    assert (tmp_path / 'secret').exists()
