"""What is archived comes back, by ourselves and by other programs, and nothing is written anywhere else."""

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from synapse.archives.packing import DamagedArchive, Packer, Unpacker
from synapse.archives.reading import problem_in
from synapse.archives.restoring import Restored, Restorer
from synapse.archives.walk import find
from synapse.archives.writing import Written, write_tree
from tests.parts.trees import IS_ROOT, facts_of, make_odd_tree

PATH_LIMIT = 4096


def archived(top: Path, archive: Path) -> Written:
    with archive.open('wb') as file:
        return write_tree(top, top.name, find(top), Packer(file))


def restored(archive: Path, target: Path, **options: object) -> Restored:
    target.mkdir(exist_ok=True)
    wish: dict[str, object] = {'is_wanted': lambda name: True, 'sums': {}} | options
    restorer = Restorer(target, **wish)  # type: ignore[arg-type]
    with archive.open('rb') as file:
        restorer.unpack(Unpacker(file))
    if restorer.needs_copies:
        with archive.open('rb') as file:
            restorer.unpack_copies(Unpacker(file))
    restorer.finish()
    restorer.close()
    return restorer.restored


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def packed(archive: Path, *members: tuple[str, bytes, str]) -> Path:
    """Write an archive as another program may: name, type and target or content of each member."""
    with tarfile.open(archive, 'w:gz') as tar:
        for name, kind, text in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = text if kind in (tarfile.LNKTYPE, tarfile.SYMTYPE) else ''
            data = text.encode() if kind == tarfile.REGTYPE else b''
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return archive


@pytest.fixture(scope='module')
def odd_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_odd_tree(tmp_path_factory.mktemp('odd') / 'tree')


@pytest.fixture(scope='module')
def odd_archive(odd_tree: Path) -> Path:
    archive = odd_tree.parent / 'odd.tar.gz'
    archived(odd_tree, archive)
    return archive


def test_every_kind_of_file_comes_back_as_it_was(tmp_path: Path, odd_tree: Path, odd_archive: Path) -> None:
    outcome = restored(odd_archive, tmp_path / 'out')

    assert outcome.failed == {}
    assert facts_of(tmp_path / 'out' / 'tree') == facts_of(odd_tree)


@pytest.mark.parametrize(
    'command',
    [('tar', '--xattrs', '--xattrs-include=*', '--acls', '-xpzf'), ('bsdtar', '-xpzf')],
    ids=['GNU tar', 'bsdtar'],
)
def test_it_is_an_ordinary_archive_for_other_programs(
    tmp_path: Path, odd_tree: Path, odd_archive: Path, command: tuple[str, ...]
) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f'{command[0]} is not installed')
    if command[0] == 'tar' and b'GNU' not in subprocess.run(['tar', '--version'], capture_output=True).stdout:
        pytest.skip('tar is not GNU tar here')

    done = subprocess.run([*command, str(odd_archive), '-C', str(tmp_path)], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    assert facts_of(tmp_path / 'tree') == facts_of(odd_tree)


def test_paths_longer_than_the_system_takes_come_back(tmp_path: Path) -> None:
    top = tmp_path / 'deep'
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    for _ in range(2 * PATH_LIMIT // 50):
        os.mkdir('d' * 50, dir_fd=fd)
        inner = os.open('d' * 50, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(os.open('at the end', os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)

    written = archived(top, tmp_path / 'deep.tar.gz')
    outcome = restored(tmp_path / 'deep.tar.gz', tmp_path / 'out', sums=written.sums)

    assert max(map(len, written.sums)) > 2 * PATH_LIMIT
    assert outcome.files == set(written.sums)
    shutil.rmtree(tmp_path / 'out')
    shutil.rmtree(top)


def test_names_that_lead_out_are_refused_and_named(tmp_path: Path) -> None:
    (tmp_path / 'outside').mkdir()
    archive = packed(
        tmp_path / 'evil.tar.gz',
        ('../up', tarfile.REGTYPE, 'x'),
        (f'{tmp_path}/outside/absolute', tarfile.REGTYPE, 'x'),
        ('a/../../up', tarfile.REGTYPE, 'x'),
        ('door', tarfile.SYMTYPE, str(tmp_path / 'outside')),
        ('door/through', tarfile.REGTYPE, 'x'),
        ('door/folder', tarfile.DIRTYPE, ''),
        ('steal', tarfile.LNKTYPE, '../secret'),
        ('door2', tarfile.SYMTYPE, '..'),
        ('by link', tarfile.LNKTYPE, 'door2/secret'),
        ('good', tarfile.REGTYPE, 'fine'),
    )
    (tmp_path / 'secret').write_text('mine')

    outcome = restored(archive, tmp_path / 'out')

    assert outcome.files == {'good'}
    assert set(outcome.failed) == {
        '../up', f'{tmp_path}/outside/absolute', 'a/../../up', 'door/through', 'door/folder', 'steal', 'by link',
    }  # fmt: skip
    assert names_in(tmp_path) == ['evil.tar.gz', 'out', 'outside', 'secret']
    assert list((tmp_path / 'outside').iterdir()) == []
    # The link itself is what was archived, and harmless.
    assert (tmp_path / 'out' / 'door').readlink() == tmp_path / 'outside'


def test_a_link_on_the_way_is_not_followed_even_when_files_may_be_replaced(tmp_path: Path) -> None:
    archive = packed(tmp_path / 'a.tar.gz', ('door/through', tarfile.REGTYPE, 'x'), ('file', tarfile.REGTYPE, 'new'))
    (tmp_path / 'out').mkdir()
    (tmp_path / 'outside').mkdir()
    (tmp_path / 'out' / 'door').symlink_to(tmp_path / 'outside')
    (tmp_path / 'victim').write_text('mine')
    (tmp_path / 'out' / 'file').symlink_to(tmp_path / 'victim')

    outcome = restored(archive, tmp_path / 'out', replace=True)

    assert outcome.failed == {'door/through': 'a link or a file is where its folder belongs'}
    assert list((tmp_path / 'outside').iterdir()) == []
    assert (tmp_path / 'victim').read_text() == 'mine'
    assert not (tmp_path / 'out' / 'file').is_symlink()
    assert (tmp_path / 'out' / 'file').read_text() == 'new'


def test_a_file_that_appeared_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    archive = packed(tmp_path / 'a.tar.gz', ('one', tarfile.REGTYPE, 'old'), ('two', tarfile.REGTYPE, 'old'))
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'one').write_text('mine')

    outcome = restored(archive, tmp_path / 'out')

    assert (outcome.files, outcome.failed) == ({'two'}, {'one': 'File exists'})
    assert (tmp_path / 'out' / 'one').read_text() == 'mine'
    assert names_in(tmp_path / 'out') == ['one', 'two']


def test_files_are_replaced_when_asked_links_too(tmp_path: Path, odd_tree: Path, odd_archive: Path) -> None:
    restored(odd_archive, tmp_path / 'out')
    (tmp_path / 'out' / 'tree' / 'a.txt').write_text('written since')

    outcome = restored(odd_archive, tmp_path / 'out', replace=True)

    assert outcome.failed == {}
    assert facts_of(tmp_path / 'out' / 'tree') == facts_of(odd_tree)


def test_a_link_to_a_file_that_was_not_chosen_brings_its_content(tmp_path: Path, odd_archive: Path) -> None:
    outcome = restored(odd_archive, tmp_path / 'out', is_wanted=lambda name: name == 'tree/twin')

    assert outcome.files == {'tree/twin'}
    assert (tmp_path / 'out' / 'tree' / 'twin').read_text() == 'first'
    # The folder on the way was not chosen either, and is as it was.
    assert (tmp_path / 'out' / 'tree').stat().st_mode & 0o7777 == 0o751


def test_a_damaged_file_does_not_appear(tmp_path: Path) -> None:
    archive = packed(tmp_path / 'a.tar.gz', ('good', tarfile.REGTYPE, 'x'), ('bad', tarfile.REGTYPE, 'y'))

    outcome = restored(archive, tmp_path / 'out', sums={'bad': '0' * 64})

    assert (outcome.files, outcome.failed) == ({'good'}, {'bad': 'its content is damaged'})
    assert names_in(tmp_path / 'out') == ['good']


def test_what_comes_before_a_damage_is_restored(tmp_path: Path, odd_archive: Path) -> None:
    cut = tmp_path / 'cut.tar.gz'
    cut.write_bytes(odd_archive.read_bytes()[:-200])
    (tmp_path / 'out').mkdir()
    restorer = Restorer(tmp_path / 'out', is_wanted=lambda name: True, sums={})

    with cut.open('rb') as file, pytest.raises(DamagedArchive, match='cut short'):
        restorer.unpack(Unpacker(file))

    assert 'tree/a.txt' in restorer.restored.files
    restorer.close()


@pytest.mark.skipif(IS_ROOT, reason='root restores owners')
def test_no_program_runs_as_another_than_before(tmp_path: Path) -> None:
    archive = tmp_path / 'a.tar.gz'
    with tarfile.open(archive, 'w:gz') as tar:
        info = tarfile.TarInfo('program')
        info.mode, info.uid = 0o4755, os.geteuid() + 1
        tar.addfile(info)

    restored(archive, tmp_path / 'out')

    assert (tmp_path / 'out' / 'program').stat().st_mode & 0o7777 == 0o755


def test_what_is_read_back_is_compared_file_by_file(tmp_path: Path, odd_tree: Path, odd_archive: Path) -> None:
    sums = archived(odd_tree, tmp_path / 'again.tar.gz').sums

    def problem(expected: dict[str, str]) -> str:
        with odd_archive.open('rb') as file:
            return problem_in(Unpacker(file), expected)

    assert problem(sums) == ''
    assert problem(sums | {'tree/sparse': '0' * 64}) == 'tree/sparse differs'
    assert problem(sums | {'tree/twin': '0' * 64}) == 'tree/twin differs'
    assert problem(sums | {'tree/more': '0' * 64}) == 'tree/more is missing'
