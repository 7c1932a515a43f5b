"""What of a folder is archived, and what is left out."""

import os
import socket
from pathlib import Path

from synapse.archives.folders import ByPath
from synapse.archives.walk import Found, find

ARCHIVE = 'photos-20261129T010000Z.tar.gz'


def paths(found: Found) -> list[str]:
    """Every path, folders with a slash at their end."""
    return sorted(
        ('/'.join(filter(None, (folder.path, name))))
        for folder in found.folders
        for name in ['', *(name for name, _, _ in folder.files), *folder.links]
    )


def test_pipes_and_sockets_are_counted_and_left_out(tmp_path: Path) -> None:
    (tmp_path / 'a').touch()
    os.mkfifo(tmp_path / 'pipe')
    os.mkfifo(tmp_path / 'pipe2')
    here = Path.cwd()
    os.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind('socket')
    os.chdir(here)

    found = find(tmp_path)

    assert paths(found) == ['', 'a']
    assert found.special == {'pipe': 2, 'socket': 1}


def test_patterns_leave_out_names_and_paths(tmp_path: Path) -> None:
    for name in ('a.tmp', 'keep', 'cache/x', 'cache/y', 'deep/node_modules/z', 'deep/a.tmp'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    assert paths(find(tmp_path, ['*.tmp', 'node_modules', 'cache/x'])) == ['', 'cache', 'cache/y', 'deep', 'keep']
    assert paths(find(tmp_path, ['cache/', 'deep'])) == ['', 'a.tmp', 'keep']


def test_only_what_was_made_here_is_left_out_of_the_destination(tmp_path: Path) -> None:
    (tmp_path / 'backups').mkdir()
    for name in ('mine.txt', ARCHIVE, 'other.tar.gz'):
        (tmp_path / 'backups' / name).touch()
        (tmp_path / name).touch()

    found = find(tmp_path, destination=tmp_path / 'backups', made_here=lambda names: {ARCHIVE})

    expected = ['', 'backups', 'backups/mine.txt', 'backups/other.tar.gz', 'mine.txt', 'other.tar.gz', ARCHIVE]
    assert paths(found) == sorted(expected)


def test_the_destination_is_known_by_a_link_and_by_another_spelling(tmp_path: Path) -> None:
    (tmp_path / 'real').mkdir()
    (tmp_path / 'real' / ARCHIVE).touch()
    (tmp_path / 'real' / 'mine').touch()
    (tmp_path / 'link').symlink_to(tmp_path / 'real')

    for destination in (tmp_path / 'link', tmp_path / 'real' / '..' / 'real'):
        for top in (tmp_path / 'real', tmp_path / 'link'):
            assert paths(find(top, destination=destination, made_here=lambda names: {ARCHIVE})) == ['', 'mine']


def test_a_tree_is_found_by_paths_alone_where_folders_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / 'a' / 'b').mkdir(parents=True)
    (tmp_path / 'a' / 'b' / 'c').write_text('c')
    (tmp_path / 'door').symlink_to(tmp_path / 'a')
    folders = ByPath(tmp_path)

    folders.enter('a/b')
    assert Path(folders.prefix + 'c').read_text() == 'c'
    folders.enter('a')
    assert Path(folders.prefix) == tmp_path / 'a'
    for path in ('door', 'door/b', 'a/b/c', 'missing'):
        try:
            folders.enter(path)
        except (NotADirectoryError, FileNotFoundError):
            continue
        raise AssertionError(f'{path} was entered')
